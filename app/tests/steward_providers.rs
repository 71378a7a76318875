//! Detection of the agents' programs. Small scripts stand for the programs, which are not ours.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use magia_app::services::providers::{Detected, Detector, ProviderService, Search, Source};
use magia_protocol::wire::Provider;

fn script(path: &Path, body: &str) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    // Written beside and renamed, as an update does.
    let temp = path.with_extension("new");
    fs::write(&temp, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&temp, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&temp, path).unwrap();
    path.to_owned()
}

/// A process that is being started holds, for a moment, what another thread has open for writing, and a script
/// that is open for writing cannot be run: so one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Place {
    _turn: MutexGuard<'static, ()>,
    dir: tempfile::TempDir,
    search: Search,
}

impl Place {
    fn new() -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        fs::create_dir(&home).unwrap();
        let search = Search {
            configured: BTreeMap::new(),
            path: Some(std::env::join_paths([dir.path().join("path"), PathBuf::from("relative")]).unwrap()),
            places: vec![home.join(".local/bin")],
            home: Some(home),
            shells: Vec::new(),
        };
        Self { _turn: turn, dir, search }
    }

    fn script(&self, name: &str, body: &str) -> PathBuf {
        script(&self.dir.path().join(name), body)
    }

    fn claude(&self) -> Option<Detected> {
        Detector::default().detect(&self.search).into_iter().find(|found| found.provider == Provider::Claude)
    }
}

#[test]
fn places_are_searched_in_order() {
    let mut place = Place::new();
    assert_eq!(place.claude(), None);

    let shell = place.script(
        "shells/zsh",
        "echo welcome; echo 'claude: aliased to x'; echo \"$HOME/opt/claude\"; echo bye",
    );
    place.search.shells = vec![place.dir.path().join("shells/none"), shell];
    assert_eq!(place.claude(), None, "the shell names a file that is not there");
    let steps = [
        ("home/opt/claude", Source::LoginShell),
        ("home/.nvm/versions/node/v9.11.0/bin/claude", Source::Nvm),
        ("home/.nvm/versions/node/v22.3.0/bin/claude", Source::Nvm),
        ("home/.local/bin/claude", Source::KnownPlace),
        ("path/claude", Source::SearchPath),
        ("set/my-claude", Source::Settings),
    ];
    for (index, (name, source)) in steps.into_iter().enumerate() {
        let path = place.script(name, &format!("echo '{index}.1.197 (Claude Code)'"));
        if source == Source::Settings {
            place.search.configured.insert(Provider::Claude, path.clone());
        }
        let version = Some(format!("{index}.1.197"));
        assert_eq!(place.claude(), Some(Detected { provider: Provider::Claude, path, version, source }));
    }

    // Neither a missing path, nor a directory, nor a file that cannot be run hides the next place.
    fs::remove_file(place.dir.path().join("set/my-claude")).unwrap();
    assert_eq!(place.claude().unwrap().source, Source::SearchPath);
    fs::set_permissions(place.dir.path().join("path/claude"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(place.claude().unwrap().source, Source::KnownPlace);
    fs::remove_file(place.dir.path().join("home/.local/bin/claude")).unwrap();
    fs::create_dir(place.dir.path().join("home/.local/bin/claude")).unwrap();
    assert_eq!(place.claude().unwrap().source, Source::Nvm);
}

#[test]
fn a_version_is_asked_once_per_file() {
    let place = Place::new();
    let asked = place.dir.path().join("asked");
    let body = |version: &str| format!("echo x >> '{}'; echo {version}", asked.display());
    place.script("path/codex", &body("codex-cli 0.170.0"));
    let mut detector = Detector::default();
    for _ in 0..3 {
        assert_eq!(detector.detect(&place.search)[0].version.as_deref(), Some("0.170.0"));
    }
    assert_eq!(fs::read_to_string(&asked).unwrap().lines().count(), 1);
    place.script("path/codex", &body("codex-cli 0.170.10"));
    assert_eq!(detector.detect(&place.search)[0].version.as_deref(), Some("0.170.10"));
    assert_eq!(fs::read_to_string(&asked).unwrap().lines().count(), 2);
}

#[test]
fn the_program_sees_a_cleaned_environment() {
    let place = Place::new();
    let seen = place.dir.path().join("seen");
    let path = place.script("path/gemini", &format!("env > '{}'; echo 0.9.1", seen.display()));
    assert_eq!(Detector::default().detect(&place.search)[0].version.as_deref(), Some("0.9.1"));
    let env = fs::read_to_string(seen).unwrap();
    let mut names: Vec<&str> = env.lines().map(|line| line.split('=').next().unwrap()).collect();
    names.retain(|name| !["_", "PWD", "OLDPWD", "SHLVL"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LANG", "NO_COLOR", "PATH", "TERM"]);
    assert!(env.contains(&format!("PATH={}:", path.parent().unwrap().display())));
}

#[test]
fn a_program_that_hangs_fails_or_talks_too_much_has_no_version() {
    let children = "sleep 600 & sleep 600";
    for body in
        [children, "exit 3", "while :; do echo 1.2.3 and more and more; done", "kill -9 $$", "echo hm"]
    {
        let place = Place::new();
        let path = place.script("path/claude", body);
        let started = Instant::now();
        let found = Detector::new(Duration::from_millis(300)).detect(&place.search);
        assert_eq!(
            found,
            [Detected { provider: Provider::Claude, path, version: None, source: Source::SearchPath }]
        );
        assert!(started.elapsed() < Duration::from_secs(5), "{body}");
    }
}

#[test]
fn what_a_program_leaves_running_is_ended_and_holds_nobody() {
    let place = Place::new();
    let pid_file = place.dir.path().join("pid");
    place.script("path/claude", &format!("sleep 600 & echo $! > '{}'; echo 1.2.3", pid_file.display()));
    assert_eq!(place.claude().unwrap().version.as_deref(), Some("1.2.3"));
    let pid: i32 = fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
    let stat = Path::new("/proc").join(pid.to_string()).join("stat");
    let ended = || fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    let started = Instant::now();
    while !ended() {
        assert!(started.elapsed() < Duration::from_secs(5), "waited for the child to end");
        std::thread::yield_now();
    }
}

#[test]
fn the_service_reports_every_look_and_says_what_changed() {
    let place = Place::new();
    let (reports, received) = crossbeam_channel::bounded(8);
    let service = ProviderService::start(Detector::default(), move |found, changed| {
        reports.send((found.len(), changed)).unwrap();
    })
    .unwrap();
    let look = || {
        assert!(service.refresh(place.search.clone()));
        received.recv_timeout(Duration::from_secs(20)).unwrap()
    };
    assert_eq!(look(), (0, false));
    let claude = place.script("path/claude", "echo 2.1.197");
    place.script("path/gemini", "echo 0.9.1");
    assert_eq!(look(), (2, true));
    assert_eq!(look(), (2, false));
    fs::remove_file(claude).unwrap();
    assert_eq!(look(), (1, true));
    drop(service);
}
