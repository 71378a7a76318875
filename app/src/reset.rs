//! Beginning anew: magia's own files are removed, and nothing of anybody else's.
//!
//! A running magia cannot take its store away from under itself. It leaves a mark, ends, and removes what the mark is
//! for before it starts again. Terminals go on, and the user's themes stay: they are not ours.

use crate::places::Places;
use anyhow::{Context as _, Result};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

/// The mark's name in the state directory.
const MARK: &str = "reset-pending";

/// Files of the configuration directory that are ours.
const CONFIG: [&str; 3] = ["settings.json", "keybindings.json", "workspaces.json"];

/// What of the data directory stays: terminals that run.
const KEPT: &str = "terminals";

/// What is removed: directories and files that are there.
pub fn what_goes(places: &Places) -> Vec<PathBuf> {
    let config = CONFIG.iter().map(|name| places.config.join(name));
    let data = children(&places.data).into_iter().filter(|path| !path.ends_with(KEPT));
    let state = children(&places.state).into_iter().filter(|path| !path.ends_with(MARK));
    let mut all: Vec<PathBuf> = config.filter(|path| path.exists()).chain(data).chain(state).collect();
    all.sort();
    all
}

fn children(dir: &Path) -> Vec<PathBuf> {
    dir.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Leaves the mark.
pub fn mark(places: &Places) -> Result<()> {
    fs::create_dir_all(&places.state).with_context(|| format!("making {}", places.state.display()))?;
    let path = places.state.join(MARK);
    fs::write(&path, "").with_context(|| format!("writing {}", path.display()))
}

/// Whether the mark is there.
pub fn is_pending(places: &Places) -> bool {
    places.state.join(MARK).exists()
}

/// Removes everything, the mark last: when something stays, the next start tries again.
pub fn finish(places: &Places) -> Result<()> {
    for path in what_goes(places) {
        let removed = if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        match removed {
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            removed => removed.with_context(|| format!("removing {}", path.display()))?,
        }
    }
    match fs::remove_file(places.state.join(MARK)) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.context("removing the mark"),
    }
}

/// Once everything has stopped: does what the mark is for and starts this program again, with its own arguments. It
/// comes back only when there is no mark, or something failed.
///
/// # Errors
/// When a file stays, or the program cannot be started again.
pub fn restart_if_pending(places: &Places) -> Result<()> {
    if !is_pending(places) {
        return Ok(());
    }
    finish(places)?;
    let program = std::env::current_exe().context("finding this program's own path")?;
    let err = std::process::Command::new(&program).args(std::env::args_os().skip(1)).exec();
    Err(err).with_context(|| format!("starting {} again", program.display()))
}
