//! Switching an agent's telemetry on and off. What is written, and what stood there before, is remembered, so that it can be
//! taken back; and the port that agents' settings name is noted for the receiver, which then stays on it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use magia_core::steward::{
    Collector, Footprint, Origin, TelemetryState, Written, endpoint_is_of, plan_telemetry_off,
    plan_telemetry_on, telemetry_state,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::file::{check_link, make_dir, read, resolve, write_own};
use super::state::{FootprintRecord, key, lock, not_understood};
use super::{Disk, FilePlan, Memory, Operation, Outcome, RealDisk, StewardPaths, change, refused};

const VERSION: u32 = 1;
/// The note for the receiver, in the state directory.
pub const PIN_FILE: &str = "otel-port";

/// What is remembered, in `<state dir>/telemetry.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Remembered {
    version: u32,
    /// By settings file.
    #[serde(default)]
    files: BTreeMap<String, Entry>,
}

/// One settings file that names our collector.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Entry {
    endpoint: String,
    wrote: Value,
    #[serde(default)]
    before: Value,
    /// What an older magia knew of the file, and reads.
    #[serde(default)]
    made_file: bool,
    #[serde(default)]
    footprint: FootprintRecord,
}

impl Entry {
    fn new(collector: &Collector, written: Written) -> Self {
        let Written { wrote, before, footprint } = written;
        Self {
            endpoint: collector.endpoint.clone(),
            wrote,
            before,
            made_file: footprint.origin == Origin::Absent,
            footprint: FootprintRecord::new(&footprint),
        }
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = self.footprint.footprint();
        if self.made_file {
            footprint.origin = Origin::Absent;
        }
        footprint
    }

    fn written(&self) -> Written {
        Written { wrote: self.wrote.clone(), before: self.before.clone(), footprint: self.footprint() }
    }
}

/// What the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TelemetryWish {
    /// To this collector of ours.
    On(Collector),
    /// None, as far as it was ours.
    Off,
}

/// How an agent's telemetry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryStatus {
    /// The settings file, links followed.
    pub settings: PathBuf,
    /// What it says; the reason when it cannot be read.
    pub state: Result<TelemetryState, String>,
}

/// Where an agent's telemetry is set.
fn settings_of(paths: &StewardPaths) -> &Path {
    paths.trust.as_deref().unwrap_or(&paths.settings)
}

/// Reports how an agent's telemetry stands; `endpoint` is our collector's now.
///
/// # Errors
/// When the file's place cannot be found out.
pub fn telemetry_status(paths: &StewardPaths, endpoint: Option<&str>) -> Result<TelemetryStatus> {
    let settings = resolve(settings_of(paths))?;
    // What cannot be read counts as nothing: then only the collector of now is known as ours.
    let remembered = load(&paths.state_dir).unwrap_or_default();
    let state = read(&settings).and_then(|bytes| {
        let ours = |found: &str| is_ours(&remembered, endpoint, found);
        Ok(telemetry_state(bytes.as_deref(), paths.provider, &ours)?)
    });
    Ok(TelemetryStatus { settings, state: state.map_err(|err| format!("{err:#}")) })
}

/// Works out a change without touching anything.
///
/// # Errors
/// When the file or what is remembered of it cannot be read, or what stands in it is refused; another's collector is.
pub fn preview_telemetry(paths: &StewardPaths, wish: &TelemetryWish) -> Result<Vec<FilePlan>> {
    let path = settings_of(paths);
    let settings = resolve(path)?;
    let bytes = read(&settings)?;
    let remembered = load(&paths.state_dir).with_context(|| refused(&settings))?;
    let (plan, _) = plan(paths, wish, &remembered, bytes.as_deref()).with_context(|| refused(&settings))?;
    if plan.after.is_some() {
        check_link(path, &settings).with_context(|| refused(path))?;
    }
    Ok(vec![FilePlan { file: path.to_owned(), plan }])
}

/// Makes the change.
///
/// # Errors
/// As [`preview_telemetry`], and when the file cannot be written; it is then as it was.
pub fn set_telemetry(paths: &StewardPaths, wish: &TelemetryWish) -> Result<Outcome> {
    set_telemetry_on(paths, wish, &RealDisk)
}

/// [`set_telemetry`], through a disk of the caller's.
///
/// # Errors
/// As [`set_telemetry`].
pub fn set_telemetry_on(paths: &StewardPaths, wish: &TelemetryWish, disk: &dyn Disk) -> Result<Outcome> {
    let _lock = lock(&paths.state_dir)?;
    let path = settings_of(paths);
    let mut remembered = load(&paths.state_dir).with_context(|| refused(path))?;
    let written = RefCell::new(None);
    let work = |bytes: Option<&[u8]>| {
        let (plan, wrote) = plan(paths, wish, &remembered, bytes)?;
        *written.borrow_mut() = wrote;
        Ok(plan)
    };
    let (mut outcome, _) = change(paths, path, &Operation::Telemetry(&work), &Memory::default(), disk)?;
    let name = key(path);
    match (wish, written.into_inner()) {
        (TelemetryWish::On(collector), Some(mut written)) => {
            // Hooks that stand in the file already may have made it.
            if let Some(hooks) = Memory::load(&paths.state_dir).unwrap_or_default().get(path) {
                written.footprint.adopt(&hooks.footprint());
            }
            remembered.files.insert(name, Entry::new(collector, written));
        }
        _ => {
            remembered.files.remove(&name);
        }
    }
    // The settings are written by now, so this is no failure of the change itself.
    if let Err(err) = save(remembered, &paths.state_dir, disk) {
        outcome.warnings.push(format!("a later `telemetry off` may leave something behind: {err:#}"));
    }
    Ok(outcome)
}

/// Notes the port that agents' settings name; none removes the note.
fn pin_port(state_dir: &Path, port: Option<u16>) -> Result<()> {
    let path = state_dir.join(PIN_FILE);
    match port {
        Some(port) => {
            make_dir(state_dir)?;
            write_own(&path, format!("{port}\n").as_bytes(), 0o600, &RealDisk)
        }
        None => match std::fs::remove_file(&path) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                Err(err).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        },
    }
}

fn plan(
    paths: &StewardPaths,
    wish: &TelemetryWish,
    remembered: &Remembered,
    bytes: Option<&[u8]>,
) -> Result<(magia_core::steward::Plan, Option<Written>), magia_core::steward::StewardError> {
    let entry = remembered.files.get(&key(settings_of(paths)));
    let known = entry.map(Entry::written).unwrap_or_default();
    match wish {
        TelemetryWish::On(collector) => {
            let ours = |found: &str| is_ours(remembered, Some(&collector.endpoint), found);
            let (plan, written) = plan_telemetry_on(bytes, paths.provider, collector, &known, &ours)?;
            Ok((plan, Some(written)))
        }
        TelemetryWish::Off => Ok((plan_telemetry_off(bytes, paths.provider, &known)?, None)),
    }
}

fn is_ours(remembered: &Remembered, endpoint: Option<&str>, found: &str) -> bool {
    let known = remembered.files.values().map(|entry| entry.endpoint.as_str());
    known.chain(endpoint).any(|ours| endpoint_is_of(found, ours))
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("telemetry.json")
}

/// Without a file there is nothing to remember. One that cannot be read or understood holds what stood in agents' settings
/// before us, so it is never written over.
fn load(state_dir: &Path) -> Result<Remembered> {
    let path = path(state_dir);
    let Some(bytes) = read(&path)? else { return Ok(Remembered::default()) };
    let remembered: Remembered =
        serde_json::from_slice(&bytes).with_context(|| not_understood("not what magia wrote", &path))?;
    ensure!(remembered.version <= VERSION, not_understood("written by a newer magia", &path));
    Ok(remembered)
}

/// What telemetry found in a settings file where it is switched on; what cannot be read tells nothing.
pub(super) fn footprint(state_dir: &Path, settings: &Path) -> Option<Footprint> {
    load(state_dir).ok()?.files.get(&key(settings)).map(Entry::footprint)
}

/// The settings files that name our collector.
pub(super) fn files(state_dir: &Path) -> Result<impl Iterator<Item = String>> {
    Ok(load(state_dir)?.files.into_keys())
}

fn save(mut remembered: Remembered, state_dir: &Path, disk: &dyn Disk) -> Result<()> {
    remembered.version = VERSION;
    make_dir(state_dir)?;
    let port = remembered.files.values().find_map(|entry| entry.endpoint.rsplit(':').next()?.parse().ok());
    let mut text = serde_json::to_string_pretty(&remembered).context("cannot write down what was set")?;
    text.push('\n');
    write_own(&path(state_dir), text.as_bytes(), 0o600, disk)?;
    pin_port(state_dir, port)
}
