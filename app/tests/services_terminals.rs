//! The terminals that the window shows, with real holders.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use crossbeam_channel::{Receiver, bounded};
use magia_app::agent_env::AgentEnv;
use magia_app::link::Waker;
use magia_app::services::terminals::{TerminalPlaces, Terminals};
use magia_app::terminal_link::{Connection, SharedScreen, TerminalPort, WISHES};
use magia_core::event::Event;
use magia_tty::directory::look;
use magia_tty::screen::Size as ScreenSize;
use magia_tty::{Size, StartOptions, Started, TerminalId, TerminalState, Tuning, start_tuned};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// Long enough for a machine under load; nothing waits for it to pass.
const LIMIT: Duration = Duration::from_secs(60);
const SIZE: ScreenSize = ScreenSize { cols: 80, rows: 24, cell_width: 8, cell_height: 16 };

struct Place {
    dir: TempDir,
    started: Vec<Started>,
}

impl Place {
    fn new() -> Self {
        // A short path, for the sockets in it.
        let dir = tempfile::Builder::new().prefix("mg-").tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        Self { dir, started: Vec::new() }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("terminals")
    }

    fn places(&self) -> TerminalPlaces {
        TerminalPlaces {
            root: self.root(),
            holder: env!("CARGO_BIN_EXE_magia-app").into(),
            home: self.dir.path().to_owned(),
            env: AgentEnv::none(),
        }
    }

    /// Makes an ended terminal of what another one left.
    fn copy(&self, ended: &str, id: &str, ended_at: Option<&str>) {
        let (from, to) = (self.root().join(ended), self.root().join(id));
        std::fs::create_dir(&to).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::copy(from.join("stdout"), to.join("stdout")).unwrap();
        let text = std::fs::read(from.join("session.json")).unwrap();
        let mut record: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let fields = record.as_object_mut().unwrap();
        fields.insert("id".to_owned(), id.into());
        match ended_at {
            Some(ended_at) => fields.insert("endedAt".to_owned(), ended_at.into()),
            // Its holder was killed.
            None => fields.insert("status".to_owned(), "running".into()),
        };
        std::fs::write(to.join("session.json"), record.to_string()).unwrap();
    }

    fn sh(&mut self, script: &str) -> String {
        self.sh_tuned(script, Tuning::default())
    }

    fn sh_tuned(&mut self, script: &str, tuning: Tuning) -> String {
        let options = StartOptions {
            id: None,
            name: None,
            argv: ["/bin/sh", "-c", script].map(OsString::from).to_vec(),
            cwd: self.dir.path().to_owned(),
            env: vec![("HOME".into(), self.dir.path().into())],
            size: Size::new(80, 24),
            exe: env!("CARGO_BIN_EXE_magia-app").into(),
            root: self.root(),
        };
        let started = start_tuned(&options, tuning).unwrap();
        let id = started.id.to_string();
        self.started.push(started);
        id
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for started in &self.started {
            for pid in [started.pid, started.holder_pid] {
                // SAFETY: takes two integers; both were started here a moment ago.
                unsafe { libc::kill(pid.cast_signed(), libc::SIGKILL) };
            }
        }
    }
}

/// Waits for a fact; the bell rings whenever a screen changes.
fn wait_for(bell: &Receiver<()>, what: &str, fact: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !fact() {
        assert!(bell.recv_deadline(deadline).is_ok(), "{what}");
    }
}

fn shown(screen: &SharedScreen) -> String {
    screen.looked();
    screen.with(|screen| screen.text(false))
}

#[test]
fn a_program_that_does_not_read_holds_up_no_other_terminal() {
    let mut place = Place::new();
    // Without a line discipline nothing that is typed is thrown away.
    let deaf = place.sh("stty raw -echo; n=0; while :; do n=$((n+1)); printf '\\r%s.' $n; sleep 0.05; done");
    let other = place.sh("stty -echo; echo ready; while read line; do echo got $line; done");

    let (rung, bell) = bounded(1);
    let waker = Waker::new(move || {
        // A bell that rings already is enough.
        let _ringing = rung.try_send(());
    });
    let (asks, asked) = mpsc::channel(WISHES);
    let (events, _hub) = bounded::<Event>(1024);
    let _terminals = Terminals::start(place.places(), asked, events).unwrap();
    let port = TerminalPort::new(asks, waker);
    let open = |id: &str| -> Arc<SharedScreen> { port.open(id, SIZE) };
    let (deafs, others) = (open(&deaf), open(&other));
    wait_for(&bell, "both are shown", || shown(&deafs).contains('.') && shown(&others).contains("ready"));

    // More than its holder takes, and what the socket holds; then many single keys.
    assert!(port.input(&deaf, vec![b'x'; 3 * 1024 * 1024]));
    for _ in 0..400 {
        assert!(port.input(&deaf, b"x".to_vec()));
    }
    wait_for(&bell, "it is said that keys are lost", || {
        deafs.looked();
        deafs.facts().refuses_input
    });
    port.resize(&deaf, ScreenSize { cols: 90, ..SIZE });
    assert!(port.input(&other, b"hello\r".to_vec()));
    wait_for(&bell, "the other one takes what is typed", || shown(&others).contains("got hello"));

    let count = || shown(&deafs).trim().trim_end_matches('.').parse::<u64>().unwrap_or_default();
    let before = count();
    wait_for(&bell, "what it writes is still shown", || count() > before + 5);
    assert_eq!(deafs.facts().connection, Connection::Attached);
    port.close(&deaf);
    assert!(port.input(&other, b"again\r".to_vec()));
    wait_for(&bell, "closing does not wait either", || shown(&others).contains("got again"));
}

#[test]
fn ended_terminals_are_forgotten_by_age_and_number_and_none_that_is_held() {
    let mut place = Place::new();
    let ended = place.sh_tuned("exit 3", Tuning { linger: Duration::ZERO, ..Tuning::default() });
    let (held, running) = (place.sh("exit 4"), place.sh("exec cat"));
    let state = |id: &str| look(&place.root(), &TerminalId::new(id).unwrap()).state;
    let deadline = Instant::now() + LIMIT;
    while !(matches!(state(&ended), TerminalState::Exited { held: false, .. })
        && matches!(state(&held), TerminalState::Exited { held: true, .. }))
    {
        assert!(Instant::now() < deadline, "they end");
        std::thread::yield_now();
    }
    place.copy(&ended, "old", Some("2020-01-01T00:00:00.000Z"));
    place.copy(&ended, "lost", None);
    for number in 0..250 {
        let ended_at = format!("2026-01-01T00:{:02}:{:02}.000Z", number / 60, number % 60);
        place.copy(&ended, &format!("ended-{number:03}"), Some(&ended_at));
    }
    // The long ago of the others: 2026 is within ten years.
    let days = 3_650;
    let (_asks, asked) = mpsc::channel(WISHES);
    let (events, hub) = bounded::<Event>(1024);
    let terminals = Terminals::start(place.places(), asked, events).unwrap();
    let read = |what: &str, fact: &dyn Fn(&[String]) -> bool| {
        loop {
            let Event::TerminalsRead(list) = hub.recv_deadline(deadline).expect(what) else { continue };
            let ids: Vec<String> = list.into_iter().map(|terminal| terminal.id).collect();
            if fact(&ids) {
                return ids;
            }
        }
    };
    let all = read("the list", &|ids| ids.len() > 250);
    assert_eq!(all.len(), 255, "nothing is forgotten before it is known for how long it is kept");
    terminals.retain(days);
    let left = read("the list of what is left", &|ids| ids.len() == 202);
    let has = |id: &str| left.iter().any(|known| known == id);
    assert!(has(&held) && has(&running) && has(&ended) && has("lost"), "{left:?}");
    assert!(has("ended-249") && has("ended-052") && !has("ended-051") && !has("old"), "{left:?}");
    let there = std::fs::read_dir(place.root()).unwrap().count();
    assert_eq!((there, state(&running)), (202, TerminalState::Running));
    terminals.retain(1);
    let left = read("the list of what is new", &|ids| ids.len() == 4);
    assert!([&held, &running, &ended, "lost"].iter().all(|id| left.iter().any(|known| known == id)));
}
