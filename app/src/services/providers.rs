//! Finds the agents' command line programs and their versions, in the background.
//!
//! The order: the last result while its file is unchanged, the path the user set, `PATH`, the usual places, nvm's
//! directories, and only then a login shell.

mod run;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use magia_protocol::wire::Provider;

/// How long a program may take to tell its version, and a login shell to answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How a program was found. All but the first are for the caller to write back to the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The path that the user set.
    Settings,
    /// A directory of `PATH`.
    SearchPath,
    /// One of the usual places.
    KnownPlace,
    /// A Node version of nvm's.
    Nvm,
    /// A login shell knows it.
    LoginShell,
}

/// A program that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// Whose it is.
    pub provider: Provider,
    /// Where it is, as found (links not followed).
    pub path: PathBuf,
    /// What it says its version is, when it says one in time.
    pub version: Option<String>,
    /// How it was found.
    pub source: Source,
}

/// Where to look. Nothing else is read from the environment.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The paths that the user set.
    pub configured: BTreeMap<Provider, PathBuf>,
    /// The value of `PATH`.
    pub path: Option<OsString>,
    /// The user's home.
    pub home: Option<PathBuf>,
    /// Directories to look into after `PATH`.
    pub places: Vec<PathBuf>,
    /// Shells to ask at last, by path, in this order.
    pub shells: Vec<PathBuf>,
}

impl Search {
    /// The usual search of this user on this system.
    #[must_use]
    pub fn usual(
        configured: BTreeMap<Provider, PathBuf>,
        home: Option<PathBuf>,
        path: Option<OsString>,
    ) -> Self {
        let mut places: Vec<PathBuf> = home.iter().map(|home| home.join(".local/bin")).collect();
        places.extend(["/opt/homebrew/bin", "/usr/local/bin"].map(PathBuf::from));
        let shells = ["zsh", "bash"].iter().filter_map(|shell| {
            ["/bin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
                .iter()
                .map(|dir| Path::new(dir).join(shell))
                .find(|path| is_program(path))
        });
        Self { configured, path, home, places, shells: shells.collect() }
    }

    fn find_without_shell(&self, provider: Provider) -> Option<(PathBuf, Source)> {
        let name = provider.as_str();
        let configured = self.configured.get(&provider).filter(|path| is_program(path));
        if let Some(path) = configured {
            return Some((path.clone(), Source::Settings));
        }
        let in_dir = |dir: PathBuf| Some(dir.join(name)).filter(|path| is_program(path));
        // A relative directory in PATH means something else in every place it is read from.
        let path_dirs = self.path.iter().flat_map(std::env::split_paths).filter(|dir| dir.is_absolute());
        path_dirs
            .map(|dir| (dir, Source::SearchPath))
            .chain(self.places.iter().cloned().map(|dir| (dir, Source::KnownPlace)))
            .chain(self.nvm_dirs().into_iter().map(|dir| (dir, Source::Nvm)))
            .find_map(|(dir, source)| in_dir(dir).map(|path| (path, source)))
    }

    /// The bin directories of nvm's Node versions, newest first.
    fn nvm_dirs(&self) -> Vec<PathBuf> {
        let Some(home) = &self.home else { return Vec::new() };
        let versions = fs::read_dir(home.join(".nvm/versions/node")).into_iter().flatten().flatten();
        let mut dirs: Vec<(Vec<u64>, PathBuf)> = versions
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let numbers = name.trim_start_matches('v').split('.').map(|part| part.parse().unwrap_or(0));
                (numbers.collect(), entry.path().join("bin"))
            })
            .collect();
        dirs.sort();
        dirs.into_iter().rev().map(|(_, dir)| dir).collect()
    }
}

/// What identifies a program's file until it is changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Stamp {
    target: PathBuf,
    modified: Option<SystemTime>,
    size: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let target = path.canonicalize().ok()?;
        let meta = fs::metadata(&target).ok()?;
        Some(Self { target, modified: meta.modified().ok(), size: meta.len() })
    }
}

/// Looks for the programs and remembers what it found.
#[derive(Debug)]
pub struct Detector {
    versions: HashMap<Stamp, Option<String>>,
    shell_finds: HashMap<Provider, PathBuf>,
    timeout: Duration,
}

impl Default for Detector {
    fn default() -> Self {
        Self::new(ANSWER_TIMEOUT)
    }
}

impl Detector {
    /// A detector that waits this long for an answer.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self { versions: HashMap::new(), shell_finds: HashMap::new(), timeout }
    }

    /// Looks for all providers. Takes as long as the programs take to answer, so not for the hub's thread.
    pub fn detect(&mut self, search: &Search) -> Vec<Detected> {
        Provider::ALL.iter().copied().filter_map(|provider| self.detect_one(provider, search)).collect()
    }

    fn detect_one(&mut self, provider: Provider, search: &Search) -> Option<Detected> {
        let (path, source) = match search.find_without_shell(provider) {
            Some(found) => found,
            None => (self.ask_shells(provider, search)?, Source::LoginShell),
        };
        let version = match Stamp::of(&path) {
            None => None,
            Some(stamp) => match self.versions.get(&stamp) {
                Some(version) => version.clone(),
                None => {
                    let version = run::version(&path, search.home.as_deref(), self.timeout);
                    tracing::debug!(provider = provider.as_str(), ?version, "asked for the version");
                    // A program that did not answer is asked again: the machine may have been busy.
                    if version.is_some() {
                        self.versions.retain(|known, _| known.target != stamp.target);
                        self.versions.insert(stamp, version.clone());
                    }
                    version
                }
            },
        };
        Some(Detected { provider, path, version, source })
    }

    fn ask_shells(&mut self, provider: Provider, search: &Search) -> Option<PathBuf> {
        if let Some(path) = self.shell_finds.get(&provider).filter(|path| is_program(path)) {
            return Some(path.clone());
        }
        let home = search.home.as_deref();
        let found =
            search.shells.iter().find_map(|shell| run::which(shell, provider.as_str(), home, self.timeout));
        let found = found.filter(|path| is_program(path))?;
        self.shell_finds.insert(provider, found.clone());
        Some(found)
    }
}

fn is_program(path: &Path) -> bool {
    path.is_absolute()
        && fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Detection on a thread of its own. Dropping it waits for the look that is under way, which is bounded.
#[derive(Debug)]
pub struct ProviderService {
    requests: Option<Sender<Search>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl ProviderService {
    /// Starts the thread. `report` is called on it after every look: with what was found, and whether that
    /// differs from the look before (the first one differs from nothing found).
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        detector: Detector,
        report: impl FnMut(Vec<Detected>, bool) + Send + 'static,
    ) -> Result<Self> {
        // One look under way and one waiting: a third request would find the same.
        let (requests, waiting) = bounded(1);
        let thread = std::thread::Builder::new()
            .name("providers".into())
            .spawn(move || serve(detector, &waiting, report))
            .context("cannot start the thread that looks for agents")?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Asks for a look; false when one is waiting already (that one will do) or the thread is gone.
    pub fn refresh(&self, search: Search) -> bool {
        let Some(requests) = &self.requests else { return false };
        match requests.try_send(search) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

impl Drop for ProviderService {
    fn drop(&mut self) {
        self.requests = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that looks for agents panicked");
        }
    }
}

fn serve(mut detector: Detector, requests: &Receiver<Search>, mut report: impl FnMut(Vec<Detected>, bool)) {
    let mut last = Vec::new();
    for search in requests {
        let found = detector.detect(&search);
        let changed = found != last;
        last.clone_from(&found);
        report(found, changed);
    }
}
