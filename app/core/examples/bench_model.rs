//! How long the model takes: 20,000 hook events over 1,000 sessions, a request in every twentieth.
//!
//! `cargo run --release -p magia-core --example bench_model`
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measurement prints and may fail")]

use magia_core::effect::Effect;
use magia_core::event::{Event, GateId, Now, StoredSession, StoredState};
use magia_core::model::{Model, Program};
use magia_protocol::wire::hook::HookMessage;
use magia_protocol::wire::{Provider, ProviderSessionId, SessionId, TitleSource};
use serde_json::json;
use serde_json::value::RawValue;
use std::time::{Duration, Instant};

const SESSIONS: u32 = 1_000;
const EVENTS: u32 = 20_000;
const ENDED: u128 = 5_000;

fn message(session: u32, event: &str, n: u32) -> Box<HookMessage> {
    let payload = json!({
        "session_id": format!("session-{session}"),
        "transcript_path": format!("/home/dev/.claude/projects/-home-dev-shop/session-{session}.jsonl"),
        "cwd": "/home/dev/shop",
        "hook_event_name": event,
        "tool_name": "Bash",
        "tool_use_id": format!("toolu_{session}_{n}"),
        "tool_input": {"command": format!("cargo test --package part{n}"), "description": "x".repeat(600)},
        "tool_response": {"stdout": "ok\n".repeat(40), "stderr": ""},
    });
    Box::new(HookMessage {
        v: 1,
        provider: "claude".into(),
        event: event.into(),
        pid: 1,
        ppid: 1_000 + session,
        pstart: 7,
        gpid: None,
        gpstart: None,
        tty: "pts/1".into(),
        sent_unix_ns: 0,
        payload: RawValue::from_string(payload.to_string()).expect("JSON"),
        cut: false,
        shared: false,
        received_unix_ns: 0,
        room: None,
    })
}

fn ended(n: u128) -> StoredSession {
    StoredSession {
        id: SessionId::from_uuid(uuid::Uuid::from_u128(n)),
        provider: Provider::Claude,
        config_root: "/home/dev/.claude".into(),
        provider_session_id: ProviderSessionId(format!("ended-{n}")),
        parent: None,
        cwd: "/home/dev/shop".into(),
        title: None,
        title_source: TitleSource::Directory,
        transcript_path: None,
        model: None,
        process: None,
        started_at_ms: 1,
        last_activity_ms: 1,
        ended: true,
        pinned: false,
        hidden: false,
        seen: None,
        between_turns: false,
    }
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let total: Duration = times.iter().sum();
    let at = |part: usize| times.get(times.len() * part / 1_000).copied().unwrap_or_default();
    println!(
        "{what:<44} {:>6} in {total:>9.2?}  p50 {:>8.2?}  p99 {:>8.2?}  max {:>8.2?}",
        times.len(),
        at(500),
        at(990),
        times.last().copied().unwrap_or_default(),
    );
}

fn main() {
    let mut model = Model::new(Program::default(), 1);
    let mut now = Now { unix_ms: 1_800_000_000_000, mono_ms: 1 };
    let stored = StoredState { sessions: (1..=ENDED).map(ended).collect(), ..StoredState::default() };
    let begun = Instant::now();
    model.apply(Event::StoreLoaded(Box::new(stored)), now);
    println!("{ENDED} ended sessions from the store: {:.2?}", begun.elapsed());

    let (mut applied, mut shown, mut wakes, mut effects) = (Vec::new(), Vec::new(), Vec::new(), 0_usize);
    let mut gates = 0_u64;
    for n in 0..EVENTS {
        let (session, round) = (n % SESSIONS, n / SESSIONS);
        let name = ["UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolUse"];
        let name = name.get(round as usize % 4).copied().unwrap_or("Stop");
        let message = message(session, name, round / 4);
        let event = if name == "PermissionRequest" {
            gates += 1;
            Event::GateOpened { gate: GateId(gates), message, paths: None }
        } else {
            Event::HookReceived(message)
        };
        now = Now { unix_ms: now.unix_ms + 1, mono_ms: now.mono_ms + 1 };
        let begun = Instant::now();
        let fx = model.apply(event, now);
        applied.push(begun.elapsed());
        effects += fx.len();
        for effect in fx {
            if let Effect::AnswerGate { gate, .. } = effect {
                model.apply(Event::GateAnswered { gate, delivered: true }, now);
            }
        }
        let begun = Instant::now();
        std::hint::black_box(model.next_wake_mono(now));
        wakes.push(begun.elapsed());
        // The hub makes a snapshot at most every 8 ms.
        if n % 40 == 0 {
            let begun = Instant::now();
            std::hint::black_box(model.snapshot(now));
            shown.push(begun.elapsed());
        }
    }
    report("apply", &mut applied);
    report("next_wake_mono", &mut wakes);
    report("snapshot", &mut shown);
    println!("{effects} effects; {:?}", model.footprint());
}
