//! Watching directories that may not exist yet.
//!
//! Changes are collected, not queued: the watcher's own thread never waits for us, and a burst is one ring of the
//! bell. While a directory is missing, the nearest directory above it is watched instead. When the system has no
//! watches left, a slow clock rings instead.

use crossbeam_channel::{Receiver, Sender, bounded};
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often directories are looked at when they cannot be watched.
pub const POLL_EVERY: Duration = Duration::from_secs(2);
/// Changed paths that are remembered; with more, everything counts as changed.
const PATHS_MAX: usize = 1_024;

/// What changed since the last look.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files and directories directly in a watched directory.
    pub paths: BTreeSet<PathBuf>,
    /// Anything may have changed: look at everything.
    pub all: bool,
}

#[derive(Debug, Default)]
struct Shared {
    changes: Changes,
    wanted: BTreeSet<PathBuf>,
    /// Watched directories that went away, so that their watch is dead.
    lost: HashSet<PathBuf>,
}

/// Watches a few directories, not what is below them.
#[derive(Debug)]
pub struct DirectoryWatch {
    watcher: Option<RecommendedWatcher>,
    shared: Arc<Mutex<Shared>>,
    watched: HashSet<PathBuf>,
    ring: Sender<()>,
    bell: Receiver<()>,
    clock: Receiver<Instant>,
    problem: Option<String>,
}

impl DirectoryWatch {
    /// Watches nothing yet.
    pub fn new() -> Self {
        let mut watch = Self::without_watcher();
        let (shared, ring) = (watch.shared.clone(), watch.ring.clone());
        match notify::recommended_watcher(move |event| noted(&shared, &ring, event)) {
            Ok(watcher) => watch.watcher = Some(watcher),
            Err(err) => watch.fall_back(&err),
        }
        watch
    }

    /// Looks at the directories every two seconds, as when the system has no watches left.
    pub fn polling() -> Self {
        let mut watch = Self::without_watcher();
        watch.fall_back(&notify::Error::new(notify::ErrorKind::MaxFilesWatch));
        watch
    }

    fn without_watcher() -> Self {
        // One ring is as good as many: what changed is in `shared`.
        let (ring, bell) = bounded(1);
        Self {
            watcher: None,
            shared: Arc::default(),
            watched: HashSet::new(),
            ring,
            bell,
            clock: crossbeam_channel::never(),
            problem: None,
        }
    }

    /// Watches exactly these directories from now on. Everything counts as changed.
    pub fn watch(&mut self, directories: impl IntoIterator<Item = PathBuf>) {
        {
            let mut shared = lock(&self.shared);
            shared.wanted = directories.into_iter().collect();
            shared.changes = Changes { paths: BTreeSet::new(), all: true };
        }
        self.settle();
        self.ring();
    }

    /// Rings when [`Self::take`] has something to say.
    pub fn bell(&self) -> &Receiver<()> {
        &self.bell
    }

    /// Ticks while directories have to be looked at because they cannot be watched.
    pub fn clock(&self) -> &Receiver<Instant> {
        &self.clock
    }

    /// Why directories are looked at every two seconds instead of being watched.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// What changed since the last call. Also moves watches to directories that came or went.
    pub fn take(&mut self) -> Changes {
        let appeared = self.settle();
        let mut changes = std::mem::take(&mut lock(&self.shared).changes);
        changes.all |= appeared || self.watcher.is_none();
        changes
    }

    fn ring(&self) {
        // A bell that rings already is enough.
        let _already_ringing = self.ring.try_send(());
    }

    /// Watches each wanted directory or the nearest one above it. `true` when a watch is new, so that things may
    /// have happened before it.
    fn settle(&mut self) -> bool {
        let (wanted, lost) = {
            let mut shared = lock(&self.shared);
            (shared.wanted.clone(), std::mem::take(&mut shared.lost))
        };
        let Some(watcher) = &mut self.watcher else { return false };
        for path in lost {
            if self.watched.remove(&path) {
                // The watch is gone already when the directory was removed.
                let _gone = watcher.unwatch(&path);
            }
        }
        let mut moved = false;
        let mut needed = HashSet::new();
        let mut failure = None;
        for directory in &wanted {
            while let Some(nearest) = directory.ancestors().find(|path| path.is_dir()) {
                if !self.watched.contains(nearest) {
                    match watcher.watch(nearest, RecursiveMode::NonRecursive) {
                        Ok(()) => moved |= self.watched.insert(nearest.to_owned()),
                        // It went away again: look once more.
                        Err(err) if matches!(err.kind, notify::ErrorKind::PathNotFound) => continue,
                        Err(err) => {
                            failure = Some(err);
                            break;
                        }
                    }
                }
                needed.insert(nearest.to_owned());
                // The next directory down may have come before the watch did.
                if directory.ancestors().find(|path| path.is_dir()) == Some(nearest) {
                    break;
                }
            }
        }
        self.watched.retain(|path| {
            let keep = needed.contains(path);
            if !keep {
                let _gone = watcher.unwatch(path);
            }
            keep
        });
        if let Some(err) = failure {
            self.fall_back(&err);
            return true;
        }
        moved
    }

    /// Looks from time to time instead, for good: a system at its limit seldom gets watches back.
    fn fall_back(&mut self, err: &notify::Error) {
        self.problem = Some(format!("cannot watch directories, so they are looked at every 2 s: {err}"));
        self.watcher = None;
        self.watched.clear();
        self.clock = crossbeam_channel::tick(POLL_EVERY);
        self.ring();
    }
}

impl Default for DirectoryWatch {
    fn default() -> Self {
        Self::new()
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs on the watcher's thread.
fn noted(shared: &Mutex<Shared>, ring: &Sender<()>, event: notify::Result<notify::Event>) {
    let mut shared = lock(shared);
    let news = match event {
        Err(_) => {
            shared.changes.all = true;
            true
        }
        Ok(event) if event.need_rescan() => {
            shared.changes.all = true;
            true
        }
        Ok(event) if !is_change(&event.kind) => false,
        Ok(event) => {
            let gone = matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
            let mut news = false;
            for path in event.paths {
                news |= shared.note(path, gone);
            }
            news
        }
    };
    if news {
        // A bell that rings already is enough.
        let _already_ringing = ring.try_send(());
    }
}

/// Opening and reading, which we do ourselves, change nothing.
fn is_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

impl Shared {
    fn note(&mut self, path: PathBuf, gone: bool) -> bool {
        let in_wanted = path.parent().is_some_and(|parent| self.wanted.contains(parent));
        let leads_to_wanted = self.wanted.iter().any(|wanted| wanted.starts_with(&path));
        if leads_to_wanted {
            self.changes.all = true;
            if gone {
                self.lost.insert(path.clone());
            }
        }
        if in_wanted {
            if self.changes.paths.len() < PATHS_MAX {
                self.changes.paths.insert(path);
            } else {
                self.changes.all = true;
            }
        }
        in_wanted || leads_to_wanted
    }
}

/// The directory that a watch for `file` needs.
pub fn directory_of(file: &Path) -> PathBuf {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const LONG: Duration = Duration::from_secs(10);

    /// Waits until `seen` says yes to a change.
    fn wait(watch: &mut DirectoryWatch, what: &str, mut seen: impl FnMut(&Changes) -> bool) {
        loop {
            watch.bell().recv_timeout(LONG).expect(what);
            if seen(&watch.take()) {
                return;
            }
        }
    }

    #[test]
    fn a_directory_that_comes_goes_and_comes_again() {
        let home = tempfile::tempdir().unwrap();
        let wanted = home.path().join("a/b");
        let mut watch = DirectoryWatch::new();
        watch.watch([wanted.clone()]);
        wait(&mut watch, "the first look", |changes| changes.all);
        for round in ["one", "two"] {
            fs::create_dir_all(&wanted).unwrap();
            wait(&mut watch, "the directory", |changes| changes.all && wanted.is_dir());
            // The bell may still ring for the directory itself.
            let file = wanted.join(round);
            fs::write(&file, round).unwrap();
            wait(&mut watch, "the file", |changes| changes.paths.contains(&file) || changes.all);
            fs::remove_dir_all(home.path().join("a")).unwrap();
            wait(&mut watch, "the removal", |changes| changes.all);
        }
        assert_eq!(watch.problem(), None);
    }

    #[test]
    fn reading_a_file_rings_no_bell() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "x").unwrap();
        let mut watch = DirectoryWatch::new();
        watch.watch([home.path().to_owned()]);
        wait(&mut watch, "the first look", |changes| changes.all);
        fs::read(&file).unwrap();
        fs::write(home.path().join("last"), "x").unwrap();
        let mut seen = BTreeSet::new();
        wait(&mut watch, "the write", |changes| {
            seen.extend(changes.paths.iter().cloned());
            seen.contains(&home.path().join("last"))
        });
        assert!(!seen.contains(&file));
    }
}
