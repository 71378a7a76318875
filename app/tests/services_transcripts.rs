//! Following transcripts as an agent writes them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use crossbeam_channel::{Receiver, bounded};
use magia_app::services::transcripts::{BATCH_ITEMS, START_BYTES_MAX, Transcripts};
use magia_core::event::Event;
use magia_core::transcript::{Content, TranscriptItem};
use magia_protocol::wire::SessionId;
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(20);

fn prompt(text: &str) -> String {
    format!("{}\n", json!({"type": "user", "message": {"content": text}}))
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn next(hub: &Receiver<Event>) -> (SessionId, Vec<TranscriptItem>) {
    loop {
        match hub.recv_timeout(LONG).expect("lines of a transcript") {
            Event::TranscriptRead { session, items } => return (session, items),
            Event::TranscriptBegun(_) => {}
            other => panic!("not a reading: {other:?}"),
        }
    }
}

/// The next thing is that it is read from the start.
fn begun(hub: &Receiver<Event>, of: SessionId) {
    match hub.recv_timeout(LONG).expect("the start of a transcript") {
        Event::TranscriptBegun(session) => assert_eq!(session, of),
        other => panic!("not the start: {other:?}"),
    }
}

fn text(item: &TranscriptItem) -> String {
    match &item.content {
        Content::Prompt(text) | Content::Message(text) => text.to_string(),
        other => format!("{other:?}"),
    }
}

/// Reads until so many items have come.
fn read(hub: &Receiver<Event>, session: SessionId, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        let (whose, items) = next(hub);
        assert_eq!(whose, session);
        assert!(items.len() <= BATCH_ITEMS);
        texts.extend(items.iter().map(text));
    }
    texts
}

fn session() -> SessionId {
    SessionId::from_uuid(Uuid::now_v7())
}

#[test]
fn a_file_that_comes_grows_shrinks_and_is_replaced() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("projects/-tmp-x/s.jsonl");
    let (events, hub) = bounded(64);
    let transcripts = Transcripts::start(events).unwrap();
    let session = session();
    transcripts.follow(session, path.clone());
    begun(&hub, session);
    // Neither the file nor its directory is there yet.
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    append(&path, &prompt("one"));
    assert_eq!(read(&hub, session, 1), ["one"]);

    let line = prompt("two");
    let (head, tail) = line.split_at(20);
    append(&path, head);
    append(&path, tail);
    append(&path, &format!("garbage\n{}", prompt("three")));
    assert_eq!(read(&hub, session, 2), ["two", "three"]);

    fs::write(&path, prompt("shorter")).unwrap();
    begun(&hub, session);
    assert_eq!(read(&hub, session, 1), ["shorter"]);
    let other = home.path().join("projects/-tmp-x/new");
    fs::write(&other, prompt("replaced, and longer than what was there before")).unwrap();
    fs::rename(&other, &path).unwrap();
    begun(&hub, session);
    assert_eq!(read(&hub, session, 1), ["replaced, and longer than what was there before"]);

    transcripts.unfollow();
    let next_path = home.path().join("projects/-tmp-x/t.jsonl");
    fs::write(&next_path, prompt("of the next session")).unwrap();
    let next_session = self::session();
    transcripts.follow(next_session, next_path);
    begun(&hub, next_session);
    assert_eq!(read(&hub, next_session, 1), ["of the next session"]);
    // Back again: all of it is told again, and what is told before is announced as such.
    transcripts.follow(session, path);
    begun(&hub, session);
    assert_eq!(read(&hub, session, 1), ["replaced, and longer than what was there before"]);
}

#[test]
fn subagents_are_followed_too() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("s.jsonl");
    fs::write(&path, include_str!("../core/tests/data/transcript-p-mode.jsonl")).unwrap();
    let (events, hub) = bounded(64);
    let transcripts = Transcripts::start(events).unwrap();
    let session = session();
    transcripts.follow(session, path.clone());
    let (_, items) = next(&hub);
    assert!(items.iter().all(|item| item.agent_id.is_none()));
    let models = items.iter().filter(|item| matches!(item.content, Content::Model(_))).count();
    assert_eq!(models, 1, "a model is named once, not on every line");

    let agents = home.path().join("s/subagents");
    fs::create_dir_all(&agents).unwrap();
    let agent = agents.join("agent-a3f239335ba11fa17.jsonl");
    fs::write(&agent, include_str!("../core/tests/data/transcript-subagent.jsonl")).unwrap();
    fs::write(agents.join("agent-a3f239335ba11fa17.meta.json"), "{}").unwrap();
    let mut of_agent = Vec::new();
    while of_agent.len() < 5 {
        of_agent.extend(next(&hub).1);
    }
    assert!(of_agent.iter().all(|item| item.agent_id.as_deref() == Some("a3f239335ba11fa17")));
    append(&agent, &prompt("a line without its agent"));
    let (_, items) = next(&hub);
    assert_eq!(items[0].agent_id.as_deref(), Some("a3f239335ba11fa17"));
}

#[test]
fn of_a_long_file_the_end_is_read() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("s.jsonl");
    let lines = 12_000;
    let mut whole = format!("{}\n", json!({"type": "custom-title", "customTitle": "A name"}));
    for number in 0..lines {
        whole += &prompt(&format!("{number} {}", "x".repeat(1_000)));
    }
    assert!(whole.len() as u64 > START_BYTES_MAX);
    fs::write(&path, whole).unwrap();
    // Less room than there are batches: the follower waits for the hub.
    let (events, hub) = bounded(2);
    let transcripts = Transcripts::start(events).unwrap();
    let session = session();
    transcripts.follow(session, path.clone());
    let (_, items) = next(&hub);
    assert_eq!(items[0].content, Content::CustomTitle("A name".into()));
    let number = |text: String| text.split(' ').next().unwrap().parse::<usize>().unwrap();
    let first = number(text(&items[1]));
    assert!(first > 0);
    let rest = lines - first + 1 - items.len();
    let texts = read(&hub, session, rest);
    assert_eq!(texts.len(), rest);
    assert_eq!(number(texts.last().unwrap().clone()), lines - 1);
    // Dropped in the middle of a reading that nobody takes.
    transcripts.follow(session, path);
    next(&hub);
    drop(transcripts);
}
