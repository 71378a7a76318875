//! What magia says of itself and of its sources: two processes on one session, gaps, what hooks cost, each with its
//! evidence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::event::{Event, RegistryStatus::Idle};
use magia_core::model::{Program, SETTLED_MAX};
use magia_core::settings::{Preset, Settings};
use magia_core::transcript::parse_line;
use magia_protocol::wire::AgentEventKind;
use magia_protocol::wire::SessionState::Ended;
use magia_protocol::wire::info::ClaimInfo;
use script::{Script, T0, message};
use serde_json::{Value, json};

use magia_core::effect::{Effect, StoreWrite};

fn claim(script: &Script, session: &str, claim: &str) -> Option<ClaimInfo> {
    script.row(session).claims.iter().find(|one| one.claim == claim).cloned()
}

/// Stored events of magia's own, since a place.
fn own(script: &Script, first: usize) -> Vec<(AgentEventKind, Value)> {
    let of = |effect: &Effect| match effect {
        Effect::Store(StoreWrite::Event(event)) if event.name.starts_with("magia.") => {
            Some((event.kind, serde_json::from_str(&event.raw).unwrap()))
        }
        _ => None,
    };
    script.since(first).iter().filter_map(of).collect()
}

#[test]
fn two_live_processes_on_one_session_are_told_until_one_leaves() {
    let mut script = Script::new();
    script.hook(10, "a", "SessionStart", json!({"source": "startup"}));
    assert_eq!(script.row("a").hijacked_since_ms, None);
    script.wait(5_000);
    let since = script.now.unix_ms;
    let first = script.registry(11, "a", Some(Idle));
    assert_eq!(own(&script, first).len(), 1);
    assert_eq!(own(&script, first)[0].0, AgentEventKind::SessionHijacked);
    assert_eq!(script.published(first, "agent:event"), 1);
    assert_eq!(script.row("a").hijacked_since_ms, Some(since));
    let said = claim(&script, "a", "hijacked").expect("its evidence");
    assert_eq!((said.source.as_str(), said.at_ms), ("process", since));
    assert!(said.fact.contains("10 and 11"), "{}", said.fact);

    let again = script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x"}));
    assert_eq!(own(&script, again), [], "told once");
    let over = script.dies(10);
    assert_eq!(own(&script, over)[0].1["over"], json!(true));
    assert_eq!((script.row("a").hijacked_since_ms, claim(&script, "a", "hijacked")), (None, None));

    // One that goes to another session leaves it as well; the end of all is the end of it.
    script.registry(12, "a", Some(Idle));
    assert!(script.row("a").hijacked_since_ms.is_some());
    script.hook(12, "b", "SessionStart", json!({"source": "clear"}));
    assert_eq!(script.row("a").hijacked_since_ms, None);
    assert_eq!(script.row("b").hijacked_since_ms, None);
    script.registry(13, "b", Some(Idle));
    script.dies(12);
    script.dies(13);
    assert_eq!((script.state("b"), script.row("b").hijacked_since_ms), (Ended, None));
}

#[test]
fn the_same_id_in_another_configuration_is_another_session() {
    let mut script = Script::new();
    script.registry(10, "a", Some(Idle));
    script.root = "/home/dev/other".into();
    script.registry(11, "a", Some(Idle));
    let rows = script.rows("a");
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.hijacked_since_ms.is_none()));
}

#[test]
fn a_session_that_lived_on_has_a_gap_that_stays_in_its_story() {
    let mut script = Script::new();
    script.hook(10, "lived", "UserPromptSubmit", json!({"prompt": "x"}));
    script.hook(11, "died", "UserPromptSubmit", json!({"prompt": "x"}));
    script.wait(12 * 60_000);
    let first = script.effects.len();
    script.restart(Settings::default(), Some(T0));
    assert_eq!(own(&script, first), [], "whether they live is not known yet");
    script.dies(11);
    script.wait(1_000);
    script.hook(10, "lived", "UserPromptSubmit", json!({"prompt": "y"}));
    script.hook(10, "lived", "Stop", json!({}));
    let told = own(&script, first);
    assert_eq!(told, [(AgentEventKind::MagiaOff, json!({"from_ms": T0, "to_ms": T0 + 12 * 60_000}))]);
    let said = claim(&script, "lived", "magia was off").expect("its evidence");
    assert_eq!((said.fact.as_str(), said.source.as_str()), ("magia was off, 12 min", "store"));
    assert_eq!(claim(&script, "died", "magia was off"), None);

    // After a short restart it is still told, from the store, and no second gap is.
    let stored = script.stored_events();
    let first = script.effects.len();
    let now = script.now.unix_ms;
    script.restart(Settings::default(), Some(now));
    script.hook(10, "lived", "Stop", json!({}));
    assert_eq!(own(&script, first), []);
    let session = script.row("lived").id;
    assert_eq!(script.command("get_timeline", json!({"session": session.to_string()}), script::cli()), None);
    let events: Vec<_> = stored.into_iter().filter(|event| event.session == session).collect();
    script.apply(script::history_of(session, &events));
    let rows = script.replies.values().next_back().cloned().unwrap().unwrap();
    let notes: Vec<&str> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["kind"] == "note")
        .map(|row| row["text"].as_str().unwrap())
        .collect();
    assert_eq!(notes, ["magia was off, 12 min"]);
}

#[test]
fn the_policy_of_a_session_is_a_claim_with_an_age() {
    // Settings that are as they come have stood since magia started.
    let mut untouched = Script::of_program(Program { started_at_ms: T0 - 5_000, ..Program::default() });
    untouched.hook(10, "a", "SessionStart", json!({"source": "startup"}));
    let said = claim(&untouched, "a", "policy").expect("a claim");
    assert_eq!((said.fact.as_str(), said.at_ms), ("preset default", T0 - 5_000));

    let mut script = Script::new();
    script.hook(10, "a", "SessionStart", json!({"source": "startup"}));
    script.wait(3_000);
    let workspace_presets = vec![("/home/dev".to_owned(), Preset::Plan)];
    script.settings(Settings { workspace_presets, ..Settings::default() });
    let said = claim(&script, "a", "policy").expect("a claim");
    assert_eq!((said.fact.as_str(), said.at_ms), ("preset plan of /home/dev", script.now.unix_ms));
    let (gate, _) = script.bash(10, "a", "t1", "make");
    script.written(gate, false);
    let said = claim(&script, "a", "last verdict").expect("a claim");
    assert_eq!(said.fact, "deny by preset plan of /home/dev for Bash");
    // Each session has its own, and it goes when the request is forgotten.
    script.hook(11, "b", "SessionStart", json!({"source": "startup"}));
    assert!(claim(&script, "b", "last verdict").is_none());
    for number in 0..SETTLED_MAX {
        let (gate, _) = script.bash(11, "b", &format!("u{number}"), "make");
        script.written(gate, false);
    }
    let newest = claim(&script, "b", "last verdict").expect("a claim");
    assert_eq!(newest.at_ms, script.now.unix_ms);
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "go on"}));
    assert!(claim(&script, "a", "last verdict").is_none());
}

#[test]
fn what_hooks_cost_is_what_the_clocks_say() {
    let mut script = Script::new();
    let payload = json!({"session_id": "a", "cwd": "/p", "source": "startup"});
    let send = |script: &mut Script, sent: u64, received: u64| {
        let mut message = message(10, "SessionStart", &payload);
        (message.sent_unix_ns, message.received_unix_ns) = (sent, received);
        script.apply(Event::HookReceived(message));
    };
    send(&mut script, 0, 5);
    assert_eq!(script.row("a").hook_cost, None, "a message without a time costs nothing that is known");
    send(&mut script, 1_000_000, 1_400_000);
    send(&mut script, 2_000_000, 3_500_000);
    send(&mut script, 9_000_000, 8_000_000);
    send(&mut script, 1, 3_600_000_000_000);
    let cost = script.row("a").hook_cost.clone().expect("figures");
    assert_eq!(
        (cost.ours, cost.ours_us, cost.ours_max_us),
        (2, 1_900, 1_500),
        "clocks that were set say nothing"
    );

    let session = script.row("a").id;
    let line = |at: &str| {
        let runs = json!([{"command": "/d/magia-hook-handler --provider claude", "durationMs": 4},
            {"command": "python3 slow.py", "durationMs": 160}, {"command": "x"}]);
        let line =
            json!({"type": "system", "subtype": "stop_hook_summary", "timestamp": at, "hookInfos": runs});
        parse_line(&line.to_string())
    };
    let (one, two) = (line("2026-11-21T19:38:21.679Z"), line("2026-11-21T19:39:21.679Z"));
    for items in [one.clone(), [one, two.clone()].concat(), two] {
        script.apply(Event::TranscriptRead { session, items });
    }
    let cost = script.row("a").hook_cost.clone().expect("figures");
    let agents = (cost.agent_ours, cost.agent_ours_ms, cost.agent_others, cost.agent_others_ms);
    assert_eq!(agents, (2, 8, 2, 320), "a line that is read again counts once");
}
