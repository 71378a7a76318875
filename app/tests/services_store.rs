//! The store: what was acknowledged is there afterwards, whatever happened in between.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use crossbeam_channel::{Receiver, bounded};
use magia_app::services::store::{FILE_NAME, Retention, Store, StoreConfig};
use magia_core::effect::StoreWrite;
use magia_core::event::{AgentEvent, Event, Seen, StoredRequest, StoredSession, StoredState};
use magia_core::metrics::{Owner, StoredMetrics};
use magia_core::policy::RealPaths;
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{
    AgentEventKind, ProcessId, Provider, ProviderSessionId, RequestId, RequestState, SessionId, SessionState,
    TitleSource,
};
use proptest::prelude::*;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// A time that no limit forgets.
const LATE_MS: u64 = 4_000_000_000_000;
const LONG: Duration = Duration::from_secs(30);
/// Tells a test function that it is the child process of the test of this directory.
const CHILD_OF: &str = "MAGIA_TEST_STORE_CHILD";

fn start(dir: &Path) -> (Store, Receiver<Event>) {
    start_with(StoreConfig::new(dir.to_owned()))
}

fn start_with(config: StoreConfig) -> (Store, Receiver<Event>) {
    let (events, hub) = bounded(64);
    (Store::start(config, events).unwrap(), hub)
}

fn loaded(hub: &Receiver<Event>) -> StoredState {
    match hub.recv_timeout(LONG).unwrap() {
        Event::StoreLoaded(state) => *state,
        other => panic!("not loaded: {other:?}"),
    }
}

fn problem(hub: &Receiver<Event>) -> Option<String> {
    match hub.recv_timeout(LONG).unwrap() {
        Event::ServiceReported { service: "store", problem } => problem,
        other => panic!("not a report: {other:?}"),
    }
}

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn session_id(number: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number))
}

fn event(seq: u64, session: SessionId, raw: &str) -> AgentEvent {
    AgentEvent {
        seq,
        received_at_ms: LATE_MS + seq,
        session,
        provider: Provider::Claude,
        provider_session_id: ProviderSessionId("theirs".into()),
        turn: Some("turn".into()),
        agent_id: None,
        kind: AgentEventKind::ToolStarted,
        name: "PreToolUse".into(),
        raw: raw.into(),
        cut: false,
    }
}

fn session(id: SessionId) -> StoredSession {
    StoredSession {
        id,
        provider: Provider::Claude,
        config_root: "/home/me/.claude".into(),
        provider_session_id: ProviderSessionId("theirs".into()),
        parent: None,
        cwd: "/home/me/p".into(),
        title: Some("A name".into()),
        title_source: TitleSource::Custom,
        transcript_path: None,
        model: Some("m".into()),
        process: Some(ProcessId { pid: 7, start: u64::MAX }),
        started_at_ms: 1,
        last_activity_ms: 2,
        ended: false,
        pinned: true,
        hidden: false,
        seen: Some(Seen { state: SessionState::Working, fact: "PreToolUse Bash".into(), at_ms: 3 }),
        between_turns: true,
    }
}

fn request(number: u128, state: RequestState) -> StoredRequest {
    StoredRequest {
        id: RequestId::from_uuid(Uuid::from_u128(number)),
        session: session_id(1),
        provider: Some(Provider::Claude),
        tool: "Bash".into(),
        input: "{\"command\":\"ls\"}".into(),
        agent_id: Some("a".into()),
        asked_at_ms: LATE_MS + u64::try_from(number).unwrap(),
        state,
        decision: state.is_settled().then_some(Decision::Allow),
        decided_by: Some("window".into()),
        decided_at_ms: state.is_settled().then_some(LATE_MS),
        reason: None,
        cwd: "/home/dev/shop".into(),
        paths: Some(RealPaths { cwd: "/home/dev/shop".into(), target: "/home/dev/shop/a".into() }),
        policy: "ask by preset default".into(),
        edited_input: Some("{\"command\":\"ls -l\"}".into()),
    }
}

fn shown(event: &AgentEvent) -> String {
    format!("{event:?}")
}

#[test]
fn a_restart_gives_the_same_state() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data/magia");
    let (store, hub) = start(&dir);
    assert_eq!(loaded(&hub).last_seq, 0);
    let mut with_parent = session(session_id(2));
    with_parent.parent = Some(session_id(1));
    with_parent.process = None;
    for session in [session(session_id(1)), with_parent.clone()] {
        store.write(StoreWrite::Session(Box::new(session)));
    }
    for (number, state) in [(1, RequestState::TookEffect), (2, RequestState::Open)] {
        store.write(StoreWrite::Request(Box::new(request(number, RequestState::Open))));
        store.write(StoreWrite::Request(Box::new(request(number, state))));
    }
    for seq in 1..=20 {
        let whose = session_id(u128::from(seq % 2 + 1));
        store.write(StoreWrite::Event(Arc::new(event(seq, whose, "{}"))));
    }
    store.write(StoreWrite::Alive(77));
    store.flush().unwrap();
    let numbers = |session, since, limit| -> Vec<u64> {
        store.events(session, since, limit).unwrap().iter().map(|event| event.seq).collect()
    };
    assert_eq!(numbers(None, 17, 10), [18, 19, 20]);
    assert_eq!(numbers(None, 0, 2), [19, 20], "the newest, oldest first");
    assert_eq!(numbers(Some(session_id(1)), 0, 3), [16, 18, 20]);
    let earlier = store.events_between(Some(session_id(1)), 10, Some(16), 10).unwrap();
    assert_eq!(earlier.iter().map(|event| event.seq).collect::<Vec<_>>(), [12, 14], "page by page");
    let after = |session, between, most| -> Vec<u64> {
        store.events_after(session, between, most).unwrap().iter().map(|event| event.seq).collect()
    };
    assert_eq!(after(None, (8, u64::MAX), (3, 100)), [9, 10, 11], "the oldest");
    assert_eq!(after(None, (18, 19), (3, 100)), [19]);
    assert_eq!(after(Some(session_id(1)), (8, u64::MAX), (2, 100)), [10, 12]);
    assert_eq!(after(None, (0, 20), (9, 5)), [1, 2], "of two bytes each");
    assert_eq!(after(None, (0, 20), (9, 1)), [1], "one in any case");
    let of_a_session = store.requests_of(request(2, RequestState::Open).session, 10).unwrap();
    assert!(!of_a_session.is_empty() && of_a_session.len() <= 2);
    assert_eq!(store.requests(false, 10).unwrap(), [request(2, RequestState::Open)]);
    assert_eq!(
        store.requests(true, 10).unwrap(),
        [request(2, RequestState::Open), request(1, RequestState::TookEffect)]
    );
    let before = store.load().unwrap();
    drop(store);

    let (store, hub) = start(&dir);
    let state = loaded(&hub);
    assert_eq!((state.last_seq, state.last_alive_ms), (20, Some(77)));
    let mut sessions = state.sessions.clone();
    sessions.sort_by_key(|session| session.id);
    assert_eq!(sessions, [session(session_id(1)), with_parent]);
    assert_eq!(state.requests, [request(1, RequestState::TookEffect), request(2, RequestState::Open)]);
    assert_eq!(format!("{state:?}"), format!("{before:?}"));
    assert_eq!(shown(&store.events(None, 0, 1).unwrap()[0]), shown(&event(20, session_id(1), "{}")));

    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for entry in dir.read_dir().unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn an_event_is_never_changed_afterwards() {
    let home = tempfile::tempdir().unwrap();
    let (store, hub) = start(home.path());
    loaded(&hub);
    store.write(StoreWrite::Event(Arc::new(event(1, session_id(1), "first"))));
    store.write(StoreWrite::Event(Arc::new(event(1, session_id(1), "second"))));
    store.flush().unwrap();
    assert_eq!(&*store.events(None, 0, 9).unwrap()[0].raw, "first");
}

#[test]
fn ten_thousand_events_are_a_few_transactions() {
    let home = tempfile::tempdir().unwrap();
    let (store, hub) = start(home.path());
    loaded(&hub);
    let raw = "x".repeat(1_000);
    let begun = std::time::Instant::now();
    for seq in 1..=10_000 {
        store.write(StoreWrite::Event(Arc::new(event(seq, session_id(1), &raw))));
        store.write(StoreWrite::Session(Box::new(session(session_id(1)))));
    }
    store.flush().unwrap();
    println!("10,000 events of 1 KB: {:?}", begun.elapsed());
    assert_eq!(store.events(None, 0, 20_000).unwrap().len(), 10_000);
}

#[test]
fn a_damaged_file_is_moved_aside() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join(FILE_NAME), "garbage".repeat(2_000)).unwrap();
    let (store, hub) = start(home.path());
    let said = problem(&hub).unwrap();
    assert!(said.contains("damaged") && said.contains("magia.db.broken-"), "{said}");
    assert_eq!(loaded(&hub).last_seq, 0);
    let aside: Vec<PathBuf> = home
        .path()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".broken-"))
        .collect();
    assert_eq!(aside.len(), 1);
    assert_eq!(fs::read(&aside[0]).unwrap(), "garbage".repeat(2_000).as_bytes());
    store.write(StoreWrite::Alive(1));
    store.flush().unwrap();
    drop(store);
    let (_store, hub) = start(home.path());
    assert_eq!(loaded(&hub).last_alive_ms, Some(1), "the new file is sound and nothing is reported");
}

#[test]
fn damage_that_shows_while_writing_is_moved_aside_too() {
    let home = tempfile::tempdir().unwrap();
    let (store, hub) = start(home.path());
    loaded(&hub);
    for seq in 1..=2_000 {
        store.write(StoreWrite::Event(Arc::new(event(seq, session_id(1), &"x".repeat(500)))));
    }
    drop(store);
    // The header and the small tables stay, the events' pages go.
    let file = home.path().join(FILE_NAME);
    let mut bytes = fs::read(&file).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    let (store, hub) = start(home.path());
    let first = hub.recv_timeout(LONG).unwrap();
    store.write(StoreWrite::Event(Arc::new(event(9_000, session_id(1), "after"))));
    store.flush().unwrap();
    let said = match first {
        // It showed while the file was opened.
        Event::ServiceReported { problem, .. } => problem,
        _ => problem(&hub),
    };
    assert!(said.unwrap().contains("a new one was begun"));
    assert_eq!(store.events(None, 0, 10).unwrap().len(), 1);
}

#[test]
fn whoever_remembers_is_told_that_a_new_file_was_begun() {
    let home = tempfile::tempdir().unwrap();
    let (store, hub) = start(home.path());
    loaded(&hub);
    for seq in 1..=2_000 {
        store.write(StoreWrite::Event(Arc::new(event(seq, session_id(1), &"x".repeat(500)))));
    }
    store.flush().unwrap();
    let file = home.path().join(FILE_NAME);
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute("INSERT INTO meta (name, value) VALUES ('other', 1)", []).unwrap();
    other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let len = usize::try_from(file.metadata().unwrap().len()).unwrap();
    let damaged = fs::OpenOptions::new().write(true).open(&file).unwrap();
    // From the second page on; what the store remembers of them is of no use once another connection has written.
    damaged.write_all_at(&vec![0xa5; len - 4_096], 4_096).unwrap();
    other.execute("UPDATE meta SET value = 2 WHERE name = 'other'", []).unwrap();
    store.write(StoreWrite::Event(Arc::new(event(9_000, session_id(1), "after"))));
    store.flush().unwrap();
    assert!(problem(&hub).unwrap().contains("a new one was begun"));
    let told = hub.recv_timeout(LONG).unwrap();
    assert!(matches!(told, Event::StoreBegunAnew), "{told:?}");
    assert_eq!(store.events(None, 0, 10).unwrap().len(), 1);
}

#[test]
fn a_file_that_another_program_holds_is_waited_for_once() {
    let home = tempfile::tempdir().unwrap();
    let (store, hub) = start(home.path());
    loaded(&hub);
    let other = rusqlite::Connection::open(home.path().join(FILE_NAME)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let begun = std::time::Instant::now();
    let (told, outcomes) = bounded(6);
    for number in 1..=6 {
        store.write(StoreWrite::Session(Box::new(session(session_id(number)))));
        let told = told.clone();
        store.when_stored(move |outcome| told.send(outcome.is_err()).unwrap());
    }
    for _ in 0..6 {
        assert!(outcomes.recv_timeout(LONG).unwrap(), "it cannot be written");
    }
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    other.execute_batch("ROLLBACK").unwrap();
    while stored(&store).is_err() {}
    assert_eq!(store.load().unwrap().sessions.len(), 6, "nothing is lost");
}

#[test]
fn too_many_outcomes_do_not_cost_all_events() {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    let now_ms = now_ms();
    let home = tempfile::tempdir().unwrap();
    let (store, hub) = start(home.path());
    loaded(&hub);
    let input = format!("{{\"command\":\"{}\"}}", "x".repeat(100_000));
    for number in 1..=100 {
        let at_ms = now_ms - (101 - number) * DAY_MS / 2;
        let mut old = request(number.into(), RequestState::TookEffect);
        (old.input, old.decided_at_ms) = (input.clone(), Some(at_ms));
        store.write(StoreWrite::Request(Box::new(old)));
        let mut event = event(number, session_id(1), "{}");
        event.received_at_ms = at_ms;
        store.write(StoreWrite::Event(Arc::new(event)));
    }
    store.flush().unwrap();
    store.retain(Retention { days: 90, mib: 4 });
    while store.requests(true, 1_000).unwrap().len() == 100 {
        store.flush().unwrap();
    }
    // What is newer than what had to go is still there.
    drop(store);
    let (store, hub) = start(home.path());
    loaded(&hub);
    let (events, requests) = (store.events(None, 0, 1_000).unwrap(), store.requests(true, 1_000).unwrap());
    assert!(!events.is_empty(), "all events went");
    assert!(requests.len() < 100);
}

#[test]
fn a_damaged_file_that_cannot_be_moved_aside_is_tried_again() {
    let home = tempfile::tempdir().unwrap();
    let (data, away) = (home.path().join("data"), home.path().join("away"));
    let (store, hub) = start(&data);
    loaded(&hub);
    for seq in 1..=2_000 {
        store.write(StoreWrite::Event(Arc::new(event(seq, session_id(1), &"x".repeat(500)))));
    }
    drop(store);
    let mut config = StoreConfig::new(data.clone());
    config.retry_every = Duration::from_millis(20);
    let (store, hub) = start_with(config);
    loaded(&hub);
    let file = fs::OpenOptions::new().write(true).open(data.join(FILE_NAME)).unwrap();
    let half = file.metadata().unwrap().len() / 2;
    file.write_all_at(&vec![0xa5; half as usize], half).unwrap();
    fs::rename(&data, &away).unwrap();
    store.write(StoreWrite::Event(Arc::new(event(9_000, session_id(1), "after"))));
    assert!(store.flush().is_err());
    assert!(store.load().is_err(), "the damaged file was let go of");
    fs::rename(&away, &data).unwrap();
    let deadline = std::time::Instant::now() + LONG;
    while store.flush().is_err() {
        assert!(std::time::Instant::now() < deadline, "no new store is begun");
    }
    assert_eq!(store.events(None, 0, 10).unwrap().len(), 1);
}

#[test]
fn a_newer_file_and_a_second_magia_are_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let (store, hub) = start(home.path());
    loaded(&hub);
    let (second, second_hub) = start(home.path());
    assert!(problem(&second_hub).unwrap().contains("another magia uses the store"));
    loaded(&second_hub);
    second.write(StoreWrite::Alive(1));
    assert!(second.flush().is_err());
    assert!(second.load().unwrap_err().to_string().contains("another magia"));
    drop(second);
    drop(store);

    let file = home.path().join(FILE_NAME);
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    drop(connection);
    let bytes = fs::read(&file).unwrap();
    let (newer, hub) = start(home.path());
    assert!(problem(&hub).unwrap().contains("newer magia"));
    loaded(&hub);
    newer.write(StoreWrite::Alive(1));
    assert!(newer.flush().is_err());
    drop(newer);
    assert!(fs::read(&file).unwrap() == bytes, "the file was changed");
}

#[test]
fn metrics_are_kept_by_owner_and_forgotten_by_age() {
    let dir = tempfile::tempdir().unwrap();
    let (store, hub) = start(dir.path());
    loaded(&hub);
    let row = |name: Option<&str>, updated_ms, document: &str| StoredMetrics {
        owner: Owner {
            provider: Provider::Codex,
            session: name.map(|name| ProviderSessionId(name.to_owned())),
        },
        updated_ms,
        document: document.to_owned(),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    for row in [
        row(Some("a"), now, "{\"first\":1}"),
        row(Some("a"), now, "{\"second\":1}"),
        row(None, now, "{}"),
        row(Some("old"), 1, "{}"),
    ] {
        store.write(StoreWrite::Metrics(Box::new(row)));
    }
    store.flush().unwrap();
    store.purge(30, Vec::new()).unwrap();
    drop(store);
    let (_store, hub) = start(dir.path());
    let mut metrics = loaded(&hub).metrics;
    metrics.sort_by(|one, other| one.owner.cmp(&other.owner));
    assert_eq!(metrics, [row(None, now, "{}"), row(Some("a"), now, "{\"second\":1}")]);
}

/// A store with one event from 1970 that ran last at this time; limits are looked after between two writes.
fn with_an_old_event(home: &Path, alive_ms: u64) {
    let (store, hub) = start(home);
    loaded(&hub);
    let mut event = event(1, session_id(1), "{}");
    event.received_at_ms = 1;
    store.write(StoreWrite::Event(Arc::new(event)));
    for _ in 0..3 {
        store.write(StoreWrite::Alive(alive_ms));
        store.flush().unwrap();
    }
    assert_eq!(store.events(None, 0, 9).unwrap().len(), 1);
}

#[test]
fn nothing_is_forgotten_before_the_limits_are_known() {
    let home = tempfile::tempdir().unwrap();
    with_an_old_event(home.path(), now_ms());
    let (store, hub) = start(home.path());
    loaded(&hub);
    store.retain(Retention { days: 3_650, mib: 512 });
    while !store.events(None, 0, 9).unwrap().is_empty() {
        store.flush().unwrap();
    }
}

#[test]
fn nothing_is_forgotten_at_once_by_a_clock_that_may_be_wrong() {
    let home = tempfile::tempdir().unwrap();
    with_an_old_event(home.path(), now_ms() - 365 * 24 * 60 * 60 * 1_000);
    let (store, hub) = start(home.path());
    loaded(&hub);
    store.retain(Retention { days: 3_650, mib: 512 });
    for _ in 0..3 {
        store.write(StoreWrite::Alive(now_ms()));
        store.flush().unwrap();
    }
    assert_eq!(store.events(None, 0, 9).unwrap().len(), 1);
}

#[test]
fn limits_and_purging() {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    let now_ms = now_ms();
    let home = tempfile::tempdir().unwrap();
    let (store, hub) = start(home.path());
    loaded(&hub);
    let mut ended = session(session_id(2));
    (ended.ended, ended.pinned) = (true, false);
    ended.last_activity_ms = now_ms - 40 * DAY_MS;
    store.write(StoreWrite::Session(Box::new(session(session_id(1)))));
    store.write(StoreWrite::Session(Box::new(ended)));
    for seq in 1..=100 {
        let mut event = event(seq, session_id(u128::from(seq % 2 + 1)), &"x".repeat(200_000));
        event.received_at_ms = now_ms - (100 - seq) * DAY_MS + DAY_MS / 2;
        store.write(StoreWrite::Event(Arc::new(event)));
    }
    store.write(StoreWrite::Request(Box::new(request(1, RequestState::Open))));
    let mut old = request(2, RequestState::TookEffect);
    old.decided_at_ms = Some(now_ms - 60 * DAY_MS);
    store.write(StoreWrite::Request(Box::new(old)));
    let report = store.purge(50, Vec::new()).unwrap();
    assert_eq!((report.events, report.requests, report.sessions), (49, 1, Vec::new()));
    let size = || home.path().join(FILE_NAME).metadata().unwrap().len();
    // About 10 MB are left; the oldest go until the rest fits.
    store.retain(Retention { days: 90, mib: 4 });
    let fits = |store: &Store| store.events(None, 0, 1_000).unwrap().len() <= 20;
    while !fits(&store) {
        store.flush().unwrap();
    }
    let report = store.purge(0, Vec::new()).unwrap();
    assert_eq!(report.sessions, [session_id(2)]);
    let left = store.events(None, 0, 1_000).unwrap();
    assert!(left.iter().all(|event| event.session == session_id(1)));
    let state = store.load().unwrap();
    assert_eq!(state.sessions.len(), 1);
    assert_eq!(state.requests, [request(1, RequestState::Open)], "an open request stays");
    drop(store);
    assert!(size() < 4_000_000, "the file shrank: {}", size());
    let (store, hub) = start(home.path());
    assert_eq!(loaded(&hub).last_seq, 100, "numbers are never used again");
    drop(store);
}

/// What the store says once it has written, or could not.
fn stored(store: &Store) -> Result<(), String> {
    let (told, outcome) = bounded(1);
    store.when_stored(move |outcome| told.send(outcome.map_err(|err| format!("{err:#}"))).unwrap());
    outcome.recv_timeout(LONG).unwrap()
}

#[test]
fn who_waits_for_a_write_is_told_when_it_is_committed_or_cannot_be() {
    let home = tempfile::tempdir().unwrap();
    let (store, hub) = start(home.path());
    loaded(&hub);
    for round in 1..=50_u128 {
        store.write(StoreWrite::Session(Box::new(session(session_id(round)))));
        let file = home.path().join(FILE_NAME);
        let (told, seen) = bounded(1);
        store.when_stored(move |outcome| {
            outcome.unwrap();
            // As another program would find it, were this one killed now.
            let sqlite = rusqlite::Connection::open(file).unwrap();
            let rows: u32 = sqlite.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0)).unwrap();
            told.send(u128::from(rows)).unwrap();
        });
        assert_eq!(seen.recv_timeout(LONG).unwrap(), round);
    }
    // A second magia has no store: whoever waits is told so.
    let (second, hub) = start(home.path());
    assert!(problem(&hub).unwrap().contains("another magia"));
    loaded(&hub);
    assert!(stored(&second).unwrap_err().contains("no store"));
}

/// Runs one test function of this program as a process of its own.
fn child(test: &str, dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD_OF, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The directory, in a child process.
fn child_of() -> Option<PathBuf> {
    std::env::var_os(CHILD_OF).map(PathBuf::from)
}

#[test]
fn what_was_flushed_survives_a_kill() {
    if let Some(dir) = child_of() {
        // The child: writes and says what is safe, until it is killed.
        let (store, hub) = start(&dir);
        let first = loaded(&hub).last_seq + 1;
        for seq in first.. {
            store.write(StoreWrite::Event(Arc::new(event(seq, session_id(1), &"x".repeat(3_000)))));
            store.write(StoreWrite::Request(Box::new(request(u128::from(seq), RequestState::TookEffect))));
            store.flush().unwrap();
            // More that nobody was promised, so that the kill comes in the middle of a transaction.
            for number in 0..20 {
                store.write(StoreWrite::Session(Box::new(session(session_id(number)))));
            }
            println!("\nsafe {seq}");
        }
    }
    let home = tempfile::tempdir().unwrap();
    let mut safe = 0;
    for round in 0..4_u64 {
        let mut victim = child("what_was_flushed_survives_a_kill", home.path());
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        for line in lines {
            let line = line.unwrap();
            let Some(seq) = line.strip_prefix("safe ") else { continue };
            safe = seq.parse().unwrap();
            if safe % 100 == 37 * (round + 1) % 100 {
                // Later lines may still come, so everything up to here at least is promised.
                victim.kill().unwrap();
                break;
            }
        }
        victim.wait().unwrap();
        let (store, hub) = start(home.path());
        let state = loaded(&hub);
        assert!(state.last_seq >= safe, "{} of {safe}", state.last_seq);
        let events = store.events(None, 0, u32::MAX).unwrap();
        assert!(events.iter().map(|event| event.seq).eq(1..=state.last_seq), "none is missing");
        let requests = store.requests(true, u32::MAX).unwrap();
        assert!(requests.len() as u64 >= safe);
        assert!(requests.iter().all(|request| request.decision == Some(Decision::Allow)));
    }
}

#[test]
fn a_full_disk_is_survived() {
    let Some(dir) = child_of() else {
        // The limit is the whole process's, so it gets one of its own.
        let home = tempfile::tempdir().unwrap();
        let child = child("a_full_disk_is_survived", home.path());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    };
    let limit = |bytes: u64| {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: the limit is ours and only read; the signal is ignored, so that the write fails instead.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
        }
    };
    let mut config = StoreConfig::new(dir);
    config.retry_every = Duration::from_millis(20);
    let (store, hub) = start_with(config);
    loaded(&hub);
    limit(512 * 1024);
    for seq in 1..=100 {
        store.write(StoreWrite::Event(Arc::new(event(seq, session_id(1), &"x".repeat(20_000)))));
    }
    store.write(StoreWrite::Request(Box::new(request(1, RequestState::TookEffect))));
    assert!(store.flush().is_err());
    let said = problem(&hub).unwrap();
    assert!(said.contains("cannot be written") && said.contains("nothing is lost yet"), "{said}");
    // More than may wait: the oldest go, the outcome stays.
    for seq in 101..=5_000 {
        store.write(StoreWrite::Event(Arc::new(event(seq, session_id(1), &"x".repeat(20_000)))));
    }
    assert!(stored(&store).is_err());
    let said = problem(&hub).unwrap();
    assert!(said.contains("rows are lost"), "{said}");
    limit(libc::RLIM_INFINITY);
    while problem(&hub).is_some() {}
    assert!(stored(&store).is_ok());
    let events = store.events(None, 0, 3_000).unwrap();
    assert_eq!(events.last().unwrap().seq, 5_000);
    assert_eq!(store.requests(true, 10).unwrap().len(), 1);
}

fn any_event() -> impl Strategy<Value = AgentEvent> {
    let text = || prop_oneof!["(?s).{0,60}", Just("\0 \u{202e}\u{10ffff}'\";--".to_owned())];
    (
        (any::<u64>(), any::<u128>(), prop::sample::select(Provider::ALL), text()),
        (prop::option::of(text()), prop::option::of(text())),
        (prop::sample::select(AgentEventKind::ALL), text(), text(), any::<bool>()),
    )
        .prop_map(|((at, session, provider, theirs), (turn, agent_id), (kind, name, raw, cut))| {
            AgentEvent {
                seq: 0,
                received_at_ms: at,
                session: session_id(session),
                provider,
                provider_session_id: ProviderSessionId(theirs),
                turn,
                agent_id,
                kind,
                name,
                raw: raw.into(),
                cut,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_events_come_back_to_the_byte(events in prop::collection::vec(any_event(), 1..20)) {
        let home = tempfile::tempdir().unwrap();
        let (store, hub) = start(home.path());
        loaded(&hub);
        let mut wanted = Vec::new();
        for (seq, mut event) in (1..).zip(events) {
            event.seq = seq;
            event.received_at_ms |= 1 << 62;
            event.received_at_ms &= u64::MAX >> 1;
            wanted.push(shown(&event));
            store.write(StoreWrite::Event(Arc::new(event)));
        }
        store.flush().unwrap();
        let found: Vec<String> = store.events(None, 0, 1_000).unwrap().iter().map(shown).collect();
        prop_assert_eq!(found, wanted);
    }
}
