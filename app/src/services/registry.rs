//! Claude's live registry: which of its processes run, and what each says it does.
//!
//! Reads `<config dir>/sessions/<pid>.json` at start and whenever one changes. A file whose process is gone, or
//! whose pid now belongs to another process, is not reported. A process that ends without removing its file is
//! noticed by [`processes`](super::processes), not here.

use super::directory::{Changes, DirectoryWatch};
use super::regular_file;
use crate::service::{Outbox, ServiceThread};
use crossbeam_channel::{Sender, select};
use magia_core::event::{Event, RegistryEntry};
use magia_core::normalize::registry::parse;
use magia_protocol::process::process_start_ticks;
use magia_protocol::wire::ProcessId;
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Claude rewrites a file in place: waiting this long sees most rewrites as one.
const DEBOUNCE: Duration = Duration::from_millis(10);
/// Files of one directory that are read; a full directory is one that nobody tidies.
const FILES_MAX: usize = 4_096;
/// Bytes of a file; real ones have about 400.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Watches the registries. Dropping it stops it.
#[derive(Debug)]
pub struct Registry {
    _thread: ServiceThread,
}

impl Registry {
    /// Watches the registries of these configuration directories, which need not exist.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub fn start(config_dirs: Vec<PathBuf>, events: Sender<Event>) -> std::io::Result<Self> {
        Self::start_with(config_dirs, events, DirectoryWatch::new)
    }

    fn start_with(
        config_dirs: Vec<PathBuf>,
        events: Sender<Event>,
        watch: impl FnOnce() -> DirectoryWatch + Send + 'static,
    ) -> std::io::Result<Self> {
        let thread = ServiceThread::start("magia-registry", events, move |outbox| {
            let watcher = Follower { outbox, known: HashMap::new(), reported: None };
            watcher.run(config_dirs, watch());
        })?;
        Ok(Self { _thread: thread })
    }
}

struct Follower {
    outbox: Outbox,
    known: HashMap<PathBuf, RegistryEntry>,
    reported: Option<String>,
}

impl Follower {
    fn run(mut self, config_dirs: Vec<PathBuf>, mut watch: DirectoryWatch) {
        let directories: Vec<(String, PathBuf)> = config_dirs
            .iter()
            .map(|root| (root.to_string_lossy().into_owned(), root.join("sessions")))
            .collect();
        watch.watch(directories.iter().map(|(_, directory)| directory.clone()));
        loop {
            select! {
                recv(watch.bell()) -> _ => {}
                recv(watch.clock()) -> _ => {}
                recv(self.outbox.stop()) -> _ => return,
            }
            if self.outbox.stop().recv_timeout(DEBOUNCE).is_err_and(|err| err.is_disconnected()) {
                return;
            }
            let changes = watch.take();
            let problem = watch.problem().map(str::to_owned);
            if self.look(&directories, &changes).is_none() || self.report(problem).is_none() {
                return;
            }
        }
    }

    /// Reads what changed. `None` when the thread is to end.
    fn look(&mut self, directories: &[(String, PathBuf)], changes: &Changes) -> Option<()> {
        for (root, directory) in directories {
            let files: Vec<PathBuf> = if changes.all {
                entries(directory)
            } else {
                changes.paths.iter().filter(|path| path.parent() == Some(directory)).cloned().collect()
            };
            let gone: Vec<PathBuf> = self
                .known
                .keys()
                .filter(|path| changes.all && path.parent() == Some(directory) && !files.contains(path))
                .cloned()
                .collect();
            for path in gone {
                self.forget(&path)?;
            }
            for path in files {
                self.read(root, &path)?;
            }
        }
        Some(())
    }

    fn read(&mut self, root: &str, path: &Path) -> Option<()> {
        let Some(named_pid) = pid_of(path) else { return Some(()) };
        let Ok(text) = read_bounded(path) else { return self.forget(path) };
        let entry = match parse(root, &text) {
            Ok(entry) if entry.process.pid == named_pid => entry,
            Ok(_) => return self.forget(path),
            Err(err) => {
                // Half written: the rest comes with the next change.
                tracing::debug!("{err}: {}", path.display());
                return Some(());
            }
        };
        if !runs(entry.process) {
            return self.forget(path);
        }
        match self.known.get(path) {
            Some(known) if *known == entry => return Some(()),
            Some(known) if known.process != entry.process => self.forget(path)?,
            _ => {}
        }
        self.known.insert(path.to_owned(), entry.clone());
        self.outbox.send(Event::RegistryRead(Box::new(entry))).then_some(())
    }

    fn forget(&mut self, path: &Path) -> Option<()> {
        match self.known.remove(path) {
            Some(entry) => self.outbox.send(Event::RegistryRemoved { process: entry.process }).then_some(()),
            None => Some(()),
        }
    }

    fn report(&mut self, problem: Option<String>) -> Option<()> {
        if problem == self.reported {
            return Some(());
        }
        self.reported.clone_from(&problem);
        self.outbox.send(Event::ServiceReported { service: "registry", problem }).then_some(())
    }
}

/// The entries of a configuration directory whose processes live, read now.
pub fn live_entries(config_dir: &Path) -> Vec<RegistryEntry> {
    let root = config_dir.to_string_lossy().into_owned();
    let read = |path: PathBuf| {
        let entry = parse(&root, &read_bounded(&path).ok()?).ok()?;
        (Some(entry.process.pid) == pid_of(&path) && runs(entry.process)).then_some(entry)
    };
    entries(&config_dir.join("sessions")).into_iter().filter_map(read).collect()
}

/// The directory's registry files; none when it is not there.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = directory.read_dir() else { return Vec::new() };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| pid_of(path).is_some())
        .take(FILES_MAX)
        .collect()
}

/// The pid that the file is named after.
fn pid_of(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok()
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let (file, _) = regular_file::open(path)?;
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Whether it is this process that runs now. Where the system does not say, the file is believed.
fn runs(process: ProcessId) -> bool {
    match process_start_ticks(process.pid) {
        Some(start) => start == process.start,
        None => !cfg!(target_os = "linux"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Receiver, bounded};
    use magia_core::event::RegistryStatus;
    use std::fs;

    const LONG: Duration = Duration::from_secs(10);

    fn me() -> ProcessId {
        let pid = std::process::id();
        ProcessId { pid, start: process_start_ticks(pid).unwrap() }
    }

    fn text(process: ProcessId, status: &str) -> String {
        format!(
            r#"{{"pid":{},"sessionId":"s-1","cwd":"/p","startedAt":5,"procStart":"{}","status":"{status}"}}"#,
            process.pid, process.start
        )
    }

    fn status(events: &Receiver<Event>) -> (String, Option<RegistryStatus>) {
        match events.recv_timeout(LONG).unwrap() {
            Event::RegistryRead(entry) => (entry.config_root.clone(), entry.status),
            other => panic!("not a reading: {other:?}"),
        }
    }

    fn removed(events: &Receiver<Event>) -> ProcessId {
        match events.recv_timeout(LONG).unwrap() {
            Event::RegistryRemoved { process } => process,
            other => panic!("not a removal: {other:?}"),
        }
    }

    #[test]
    fn files_that_come_change_and_go() {
        let home = tempfile::tempdir().unwrap();
        let (one, two) = (home.path().join("one"), home.path().join("two"));
        fs::create_dir_all(one.join("sessions")).unwrap();
        let file = one.join("sessions").join(format!("{}.json", me().pid));
        fs::write(&file, text(me(), "busy")).unwrap();
        // Stale, foreign, garbage: none of them is reported.
        fs::write(
            one.join("sessions/1000000000.json"),
            text(ProcessId { pid: 1_000_000_000, start: 1 }, "x"),
        )
        .unwrap();
        fs::write(one.join("sessions/7.json"), text(me(), "busy")).unwrap();
        fs::write(one.join("sessions/notes.txt"), "x").unwrap();
        let (events, hub) = bounded(16);
        let registry = Registry::start(vec![one.clone(), two.clone()], events).unwrap();
        assert_eq!(status(&hub), (one.to_string_lossy().into_owned(), Some(RegistryStatus::Busy)));

        fs::write(&file, text(me(), "waiting")).unwrap();
        assert_eq!(status(&hub).1, Some(RegistryStatus::Waiting));
        // Half written: nothing is known to have changed until it is whole.
        fs::write(&file, r#"{"pid":"#).unwrap();
        fs::write(&file, text(me(), "idle")).unwrap();
        assert_eq!(status(&hub).1, Some(RegistryStatus::Idle));
        fs::remove_file(&file).unwrap();
        assert_eq!(removed(&hub), me());

        // The second directory comes only now.
        fs::create_dir_all(two.join("sessions")).unwrap();
        let file = two.join("sessions").join(format!("{}.json", me().pid));
        fs::write(&file, text(me(), "busy")).unwrap();
        assert_eq!(status(&hub), (two.to_string_lossy().into_owned(), Some(RegistryStatus::Busy)));
        fs::write(&file, text(ProcessId { pid: me().pid, start: me().start + 1 }, "busy")).unwrap();
        assert_eq!(removed(&hub), me(), "another process had this pid");
        drop(registry);
        assert!(hub.try_recv().is_err());
    }

    #[test]
    fn without_watches_the_directory_is_looked_at() {
        let home = tempfile::tempdir().unwrap();
        let (events, hub) = bounded(16);
        let _registry =
            Registry::start_with(vec![home.path().to_owned()], events, DirectoryWatch::polling).unwrap();
        match hub.recv_timeout(LONG).unwrap() {
            Event::ServiceReported { service, problem } => {
                assert_eq!(service, "registry");
                assert!(problem.unwrap().contains("every 2 s"));
            }
            other => panic!("not a report: {other:?}"),
        }
        fs::create_dir_all(home.path().join("sessions")).unwrap();
        let file = home.path().join(format!("sessions/{}.json", me().pid));
        fs::write(file, text(me(), "idle")).unwrap();
        assert_eq!(status(&hub).1, Some(RegistryStatus::Idle));
    }
}
