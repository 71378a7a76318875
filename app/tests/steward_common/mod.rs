//! A private place with everything that the steward needs.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use magia_app::services::steward::StewardPaths;

pub struct Place {
    pub dir: tempfile::TempDir,
    pub paths: StewardPaths,
}

impl Place {
    /// Without a settings file.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let source = at("build/magia-hook-handler");
        fs::create_dir(at("build")).unwrap();
        fs::write(&source, b"stands for the handler").unwrap();
        let paths = StewardPaths::for_claude(&at("claude"), &at("state"), &at("data"), &source);
        Self { dir, paths }
    }

    /// With this settings file.
    pub fn with(settings: &[u8]) -> Self {
        let place = Self::new();
        fs::create_dir(place.paths.settings.parent().unwrap()).unwrap();
        fs::write(&place.paths.settings, settings).unwrap();
        place
    }

    pub fn read(&self) -> Vec<u8> {
        fs::read(&self.paths.settings).unwrap()
    }

    /// What stands beside the settings file and should not.
    pub fn leftovers(&self) -> Vec<String> {
        let mut names = names_in(self.paths.settings.parent().unwrap());
        names.retain(|name| name != "settings.json");
        names
    }

    pub fn backups(&self) -> Vec<String> {
        names_in(&self.paths.state_dir.join("backups"))
    }
}

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}
