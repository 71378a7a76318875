//! What the steward remembers between runs, in `<state dir>/hooks.json`: where it installed, and what it found.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use magia_core::steward::{Footprint, Origin};
use serde::{Deserialize, Serialize};

use super::file::{Disk, make_dir, read, write_own};

const VERSION: u32 = 1;

/// The file's content.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    version: u32,
    /// The settings files in which our hooks are expected, by path.
    #[serde(default)]
    pub files: BTreeMap<String, Installed>,
}

/// One settings file in which our hooks are expected.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Installed {
    /// The events that were installed.
    #[serde(default)]
    pub events: Vec<String>,
    #[serde(default)]
    footprint: FootprintRecord,
}

/// A footprint as it is written down.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FootprintRecord {
    #[serde(default)]
    origin: OriginRecord,
    #[serde(default)]
    empty: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OriginRecord {
    #[default]
    Content,
    Blank(String),
    Absent,
}

impl FootprintRecord {
    pub fn new(footprint: &Footprint) -> Self {
        let origin = match &footprint.origin {
            Origin::Content => OriginRecord::Content,
            Origin::Blank(text) => OriginRecord::Blank(text.clone()),
            Origin::Absent => OriginRecord::Absent,
        };
        Self { origin, empty: footprint.empty.clone() }
    }

    pub fn footprint(&self) -> Footprint {
        let origin = match &self.origin {
            OriginRecord::Content => Origin::Content,
            OriginRecord::Blank(text) => Origin::Blank(text.clone()),
            OriginRecord::Absent => Origin::Absent,
        };
        Footprint { origin, empty: self.empty.clone() }
    }
}

impl Installed {
    pub fn new(events: Vec<String>, footprint: &Footprint) -> Self {
        Self { events, footprint: FootprintRecord::new(footprint) }
    }

    pub fn footprint(&self) -> Footprint {
        self.footprint.footprint()
    }
}

impl Memory {
    /// Reads it; without a file there is nothing to remember.
    ///
    /// # Errors
    /// When the file cannot be read or understood. It may hold where else hooks were installed, so whoever would write
    /// it anew is to leave it alone.
    pub fn load(state_dir: &Path) -> Result<Self> {
        let path = path(state_dir);
        let Some(bytes) = read(&path)? else { return Ok(Self::default()) };
        let memory: Self =
            serde_json::from_slice(&bytes).with_context(|| not_understood("not what magia wrote", &path))?;
        ensure!(memory.version <= VERSION, not_understood("written by a newer magia", &path));
        Ok(memory)
    }

    pub fn save(mut self, state_dir: &Path, disk: &dyn Disk) -> Result<()> {
        self.version = VERSION;
        make_dir(state_dir)?;
        let mut text = serde_json::to_string_pretty(&self).context("cannot write down the hooks' state")?;
        text.push('\n');
        write_own(&path(state_dir), text.as_bytes(), 0o600, disk)
    }

    pub fn get(&self, settings: &Path) -> Option<&Installed> {
        self.files.get(&key(settings))
    }
}

/// Waits until no other magia is changing settings. Others who write them know no lock: for those the file is
/// compared before and after it is replaced.
pub fn lock(state_dir: &Path) -> Result<File> {
    make_dir(state_dir)?;
    let path = state_dir.join("hooks.lock");
    let open = || -> std::io::Result<File> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
        file.lock()?;
        Ok(file)
    };
    open().with_context(|| format!("cannot lock {}", path.display()))
}

/// What is said of a file of ours that is left alone.
pub fn not_understood(why: &str, path: &Path) -> String {
    format!("{why}, move it away to go on without it: {}", path.display())
}

/// How a settings file is named in the memory.
pub fn key(settings: &Path) -> String {
    settings.to_string_lossy().into_owned()
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("hooks.json")
}
