//! Sessions: how they appear, what state they are in and why, how they end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::effect::{Effect, StoreWrite};
use magia_core::event::RegistryStatus::{Busy, Idle, Waiting};
use magia_core::event::{Event, GateId, Titles};
use magia_core::model::BEGUN_MAX;
use magia_core::settings::Settings;
use magia_protocol::wire::SessionState::{
    Ended, Failed, Idle as AtRest, WaitingAnswer, WaitingPermission, Working,
};
use magia_protocol::wire::{RequestState, TitleSource};
use script::{Script, T0, bash, batch, in_agent, message, process};
use serde_json::json;

#[test]
fn a_session_appears_by_its_first_hook_and_its_process_is_watched() {
    let mut script = Script::new();
    let first = script.hook(10, "a", "SessionStart", json!({"source": "startup", "model": "opus"}));
    let row = script.row("a");
    assert_eq!((row.state, row.title.as_str(), row.title_source), (AtRest, "shop", TitleSource::Directory));
    assert_eq!(
        (row.process, row.model.as_deref(), row.tty.as_deref()),
        (Some(process(10)), Some("opus"), Some("pts/3"))
    );
    assert_eq!(script.count(first, |fx| matches!(fx, Effect::WatchProcess(it) if *it == process(10))), 1);
    assert_eq!(script.published(first, "live-sessions:update"), 1);
    script.wait(10).hook(10, "a", "UserPromptSubmit", json!({"prompt": "fix the tests\nplease"}));
    assert_eq!((script.state("a"), script.row("a").title.as_str()), (Working, "fix the tests"));
    assert_eq!(script.evidence("a"), "hook: UserPromptSubmit");
    script.wait(10).hook(10, "a", "Stop", json!({}));
    assert_eq!(script.state("a"), AtRest);
}

#[test]
fn registry_first_then_hook_is_one_row() {
    let mut script = Script::new();
    let first = script.registry(10, "a", None);
    assert_eq!(script.state("a"), AtRest);
    assert_eq!(script.evidence("a"), "process: process 10 runs and has said nothing yet");
    assert_eq!(script.row("a").started_at_ms, T0 - 5_000);
    let stored = script.since(first).iter().rev().find_map(|fx| match fx {
        Effect::Store(StoreWrite::Session(session)) => Some(session.cwd.clone()),
        _ => None,
    });
    assert_eq!(stored.as_deref(), Some("/home/dev/shop"), "what is stored knows where it works");
    script.wait(50).registry(10, "a", Some(Idle));
    script.wait(50).hook(10, "a", "SessionStart", json!({"source": "startup"}));
    script.wait(50).registry(10, "a", Some(Busy));
    assert_eq!((script.model.rows().count(), script.state("a")), (1, Working));
    assert_eq!(script.evidence("a"), "registry: busy");
}

#[test]
fn a_home_below_a_directory_called_projects_is_one_config_root() {
    let mut script = Script::new();
    script.root = "/home/dev/projects/dotfiles/.claude".into();
    script.hook(10, "a", "SessionStart", json!({"source": "startup"}));
    script.registry(11, "a", Some(Idle));
    assert_eq!(script.rows("a").len(), 1);
}

#[test]
fn one_root_written_in_two_ways_is_one_session_because_its_process_is() {
    let mut script = Script::new();
    script.registry(10, "a", Some(Idle));
    script.root = "/mnt/home/dev/.claude".into();
    script.hook(10, "a", "SessionStart", json!({"source": "startup"}));
    script.root = "/home/dev/.claude/".into();
    script.registry(10, "a", Some(Busy));
    assert_eq!(script.rows("a").len(), 1);
}

#[test]
fn two_config_roots_with_one_id_are_two_sessions() {
    let mut script = Script::new();
    script.hook(10, "a", "SessionStart", json!({"source": "startup"}));
    script.root = "/home/dev/.claude-work".into();
    script.hook(11, "a", "SessionStart", json!({"source": "startup"}));
    assert_eq!(script.rows("a").len(), 2);
    script.dies(11);
    let states: Vec<_> = script.rows("a").iter().map(|row| row.state).collect();
    assert_eq!(states, [AtRest, Ended]);
}

#[test]
fn a_killed_process_ends_its_session_and_answers_its_gates_with_no_decision() {
    let mut script = Script::new();
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x"}));
    let (gate, id) = script.bash(10, "a", "t1", "make");
    script.registry(10, "a", Some(Waiting));
    script.wait(500).dies(10);
    assert_eq!((script.state("a"), script.evidence("a")), (Ended, "process: process 10 is gone".into()));
    assert_eq!(
        (script.answer(gate), script.request_state(id)),
        (Some(String::new()), RequestState::AgentGone)
    );
    assert_eq!(script.model.footprint().gates, 0);
    // A handler outlives its agent; its line and its gate may come after the end.
    let (late, card) = {
        script.wait(5).hook(10, "a", "PostToolUse", bash("t1", "make"));
        script.asks(10, "a", bash("t2", "make more"))
    };
    assert_eq!((card, script.answer(late)), (None, Some(String::new())));
    assert_eq!(script.state("a"), Ended, "a hook of a dead process does not revive");
    script.registry(10, "a", Some(Busy));
    assert_eq!(script.state("a"), Ended, "nor does a file it left behind");
}

#[test]
fn a_session_first_heard_of_after_its_end_is_not_shown_as_alive() {
    let mut script = Script::new();
    script.dies(10);
    script.hook(10, "late", "Stop", json!({}));
    assert_eq!(script.state("late"), Ended);
}

#[test]
fn clear_makes_a_new_session_with_a_parent_even_when_the_registry_is_first() {
    let mut script = Script::new();
    script.hook(10, "old", "SessionStart", json!({"source": "startup"}));
    script.wait(100).hook(10, "old", "SessionEnd", json!({"reason": "clear"}));
    assert_eq!(script.evidence("old"), "process: SessionEnd clear");
    script.wait(40).registry(10, "new", Some(Idle));
    script.wait(35).hook(10, "new", "SessionStart", json!({"source": "clear"}));
    let (old, new) = (script.row("old"), script.row("new"));
    assert_eq!((old.state, new.state, new.parent), (Ended, AtRest, Some(old.id)));
    assert!(new.started_at_ms > old.started_at_ms, "it began when it was cleared, not with the process");
    assert_eq!(new.process, Some(process(10)));
    script.dies(10);
    assert_eq!(script.state("new"), Ended);
}

#[test]
fn the_registry_may_name_the_cleared_session_for_a_moment_after_the_hook_named_the_new_one() {
    let mut script = Script::new();
    script.hook(10, "old", "SessionStart", json!({"source": "startup"}));
    script.registry(10, "old", Some(Idle));
    let busy_since = script.now.unix_ms + 50;
    script.wait(100).hook(10, "old", "SessionEnd", json!({"reason": "clear"}));
    script.wait(80).hook(10, "new", "SessionStart", json!({"source": "clear"}));
    script.wait(1).registry_since(10, "old", Some(Busy), busy_since);
    assert_eq!((script.state("old"), script.state("new")), (Ended, AtRest));
    assert_eq!(script.row("new").process, Some(process(10)));
    script.wait(10).registry_since(10, "new", Some(Busy), busy_since);
    assert_eq!((script.state("old"), script.state("new")), (Ended, AtRest));
    // Gone back to without a hook's word, as when they were taken out meanwhile.
    script.wait(60_000).registry(10, "old", Some(Busy));
    assert_eq!((script.state("old"), script.state("new")), (Working, Ended));
}

#[test]
fn a_word_of_the_registry_that_is_newer_than_the_hooks_counts_even_when_it_goes_back() {
    let mut script = Script::new();
    script.hook(10, "old", "SessionStart", json!({"source": "startup"}));
    script.wait(100).hook(10, "new", "SessionStart", json!({"source": "clear"}));
    script.wait(60_000).registry(10, "old", Some(Busy));
    assert_eq!((script.state("old"), script.state("new")), (Working, Ended));
}

#[test]
fn a_late_end_of_the_cleared_session_does_not_end_the_new_one() {
    let mut script = Script::new();
    script.hook(10, "old", "SessionStart", json!({"source": "startup"}));
    script.registry(10, "new", Some(Idle));
    let (gate, card) = script.asks(10, "new", bash("t", "make"));
    script.hook(10, "old", "SessionEnd", json!({"reason": "clear"}));
    assert_eq!((script.state("old"), script.state("new")), (Ended, WaitingPermission));
    assert_eq!(script.answer(gate), None, "{card:?} still waits");
}

#[test]
fn a_late_hook_after_the_end_does_not_revive_but_a_new_start_does() {
    let mut script = Script::new();
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x"}));
    script.hook(10, "a", "SessionEnd", json!({"reason": "other"}));
    script.hook(10, "a", "Stop", json!({}));
    assert_eq!(script.state("a"), Ended);
    let mut orphan = message(0, "Stop", &json!({"session_id": "a", "hook_event_name": "Stop"}));
    orphan.ppid = 1;
    script.apply(Event::HookReceived(orphan));
    assert_eq!(script.state("a"), Ended, "nor does a handler that was adopted by init");
    script.hook(10, "a", "SessionStart", json!({"source": "resume"}));
    assert_eq!(script.state("a"), AtRest);
}

#[test]
fn the_fork_trap() {
    let mut script = Script::new();
    script.hook(10, "old", "SessionStart", json!({"source": "startup"}));
    script.hook(10, "old", "UserPromptSubmit", json!({"prompt": "x"}));
    let old = script.row("old").id;
    script.dies(10);
    // `--resume old --fork-session`: the start reports the old id, everything later the new one.
    script.wait(1_000).hook(11, "old", "SessionStart", json!({"source": "resume"}));
    script.wait(100).hook(11, "fork", "UserPromptSubmit", json!({"prompt": "y"}));
    assert_eq!((script.row("fork").parent, script.state("fork")), (Some(old), Working));
    assert_eq!((script.row("old").id, script.state("old")), (old, Ended));
}

#[test]
fn a_fork_that_the_registry_names_first_is_a_fork_too() {
    let mut script = Script::new();
    script.hook(10, "old", "UserPromptSubmit", json!({"prompt": "x"}));
    let old = script.row("old").id;
    script.wait(1_000).registry(11, "fork", None);
    script.wait(10).hook(11, "old", "SessionStart", json!({"source": "resume"}));
    assert_eq!((script.row("fork").parent, script.state("fork")), (Some(old), AtRest));
    assert_eq!(script.row("old").process, Some(process(10)), "the living one keeps its process");
    script.wait(100).hook(11, "fork", "UserPromptSubmit", json!({"prompt": "y"}));
    assert_eq!(script.state("fork"), Working);
    script.dies(11);
    assert_eq!((script.state("old"), script.state("fork")), (AtRest, Ended));
}

#[test]
fn resume_keeps_our_id_and_forgets_what_was_seen_of_the_earlier_life() {
    let mut script = Script::new();
    script.hook(10, "a", "PreToolUse", bash("t1", "make"));
    let id = script.row("a").id;
    script.dies(10);
    script.wait(60_000).registry(11, "a", None);
    let row = script.row("a");
    assert_eq!((row.id, row.state, row.parent), (id, AtRest, None));
    assert_eq!(script.evidence("a"), "process: process 11 runs and has said nothing yet");
}

#[test]
fn two_processes_on_one_session_end_it_with_the_last() {
    let mut script = Script::new();
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x"}));
    let (gate, id) = script.bash(10, "a", "t1", "make");
    script.hook(11, "a", "UserPromptSubmit", json!({"prompt": "y"}));
    let (other_gate, other) = script.asks(11, "a", in_agent(bash("t2", "make"), "sub"));
    script.dies(10);
    assert_eq!(script.request_state(id), RequestState::AnsweredInTerminal, "the prompt had settled it");
    assert!(script.answer(gate).is_some());
    assert_eq!((script.answer(other_gate), script.state("a")), (None, WaitingPermission));
    script.hook(12, "a", "SessionEnd", json!({"reason": "other"}));
    assert_eq!(script.state("a"), WaitingPermission, "one end of two is not the end");
    script.dies(11);
    script.dies(12);
    assert_eq!((script.state("a"), script.request_state(other.unwrap())), (Ended, RequestState::AgentGone));
}

#[test]
fn a_request_leaves_with_its_process_when_another_works_on_the_session() {
    let mut script = Script::new();
    script.hook(10, "a", "SessionStart", json!({"source": "startup"}));
    script.hook(11, "a", "SessionStart", json!({"source": "resume"}));
    let (gate, id) = script.bash(10, "a", "t1", "make");
    script.dies(10);
    assert_eq!(
        (script.request_state(id), script.answer(gate)),
        (RequestState::AgentGone, Some(String::new()))
    );
    assert_eq!((script.row("a").process, script.state("a") == Ended), (Some(process(11)), false));
}

#[test]
fn a_failed_turn_is_not_called_idle_by_the_registry() {
    let mut script = Script::new();
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x"}));
    script.registry(10, "a", Some(Busy));
    script.wait(100).hook(10, "a", "StopFailure", json!({"error": "rate_limit"}));
    script.wait(50).registry(10, "a", Some(Idle));
    script.wait(5_000).tick();
    assert_eq!((script.state("a"), script.evidence("a")), (Failed, "hook: StopFailure rate_limit".into()));
    assert_eq!(script.row("a").disagreement, None);
    script.wait(100).hook(10, "a", "UserPromptSubmit", json!({"prompt": "again"}));
    assert_eq!(script.state("a"), Working);
}

#[test]
fn esc_has_no_hooks_the_registry_says_idle_and_nobody_calls_it_a_disagreement() {
    let mut script = Script::new();
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x"}));
    let (gate, id) = script.bash(10, "a", "t1", "make");
    script.wait(24).registry(10, "a", Some(Waiting));
    assert_eq!((script.state("a"), script.evidence("a")), (WaitingPermission, "gate: asks for Bash".into()));
    script.wait(900).close(gate);
    assert_eq!(script.request_state(id), RequestState::AnsweredInTerminal);
    script.wait(60).registry(10, "a", Some(Idle));
    assert_eq!((script.state("a"), script.evidence("a")), (AtRest, "registry: idle".into()));
    script.wait(10_000).tick();
    assert_eq!((script.state("a"), script.row("a").disagreement.clone()), (AtRest, None));
    assert_eq!(script.answer(gate), None, "who has gone is not answered");
}

#[test]
fn a_question_is_a_question_whatever_the_registry_calls_it() {
    let mut script = Script::new();
    let question = json!({"tool_name": "AskUserQuestion", "tool_use_id": "t1",
        "tool_input": {"questions": [{"question": "Which?", "options": []}]}});
    script.hook(10, "a", "PreToolUse", question.clone());
    script.registry(10, "a", Some(Waiting));
    assert_eq!(script.state("a"), WaitingAnswer, "the call that began tells it, without a card");
    script.asks(10, "a", question);
    script.wait(10_000).tick();
    assert_eq!((script.state("a"), script.row("a").disagreement.clone()), (WaitingAnswer, None));
}

#[test]
fn two_sources_that_differ_for_long_are_shown_to_disagree() {
    let mut script = Script::new();
    script.registry(10, "a", Some(Idle));
    script.wait(10).hook(10, "a", "UserPromptSubmit", json!({"prompt": "x"}));
    assert_eq!(script.row("a").disagreement, None, "one hears of it before the other");
    let at = script.model.next_wake_mono(script.now).unwrap();
    let wait = at - script.now.mono_ms;
    script.wait(wait).tick();
    let row = script.row("a");
    assert_eq!(
        (row.state, row.disagreement.as_deref()),
        (Working, Some("hook says working (UserPromptSubmit), but registry says idle (idle)"))
    );
    let at = script.model.next_wake_mono(script.now).unwrap();
    assert!(at > script.now.mono_ms + 10_000, "and it is not looked at over and over");
}

#[test]
fn the_store_hears_every_minute_that_magia_runs_even_when_events_never_stop() {
    let mut script = Script::new();
    assert_eq!(script.model.next_wake_mono(script.now), None, "nothing lives, nothing is due");
    let mut alive = 0;
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x"}));
    for _ in 0..300 {
        script.wait(1_000).hook(10, "a", "PostToolUse", bash("t", "ls"));
        if script.model.next_wake_mono(script.now).is_some_and(|at| at <= script.now.mono_ms) {
            let first = script.tick();
            alive += script.count(first, |fx| matches!(fx, Effect::Store(StoreWrite::Alive(_))));
        }
    }
    assert_eq!(alive, 5);
}

#[test]
fn titles_by_precedence_and_never_empty() {
    let mut script = Script::new();
    script.hook(10, "a", "SessionStart", json!({"source": "startup"}));
    let id = script.row("a").id;
    let title = |script: &Script| (script.row("a").title.clone(), script.row("a").title_source);
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": " \n\t "}));
    assert_eq!(title(&script), ("shop".into(), TitleSource::Directory), "a blank prompt is no title");
    let first = script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "add a cart"}));
    assert_eq!(title(&script), ("add a cart".into(), TitleSource::Prompt));
    assert_eq!(script.published(first, "sessions:changed"), 1);
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "and a till"}));
    assert_eq!(title(&script).0, "add a cart", "the first prompt names it");
    let titles = Titles { ai: Some("Shop\u{202e} cart\u{1b}[31m".into()), ..Titles::default() };
    script.apply(Event::TitlesRead { session: id, titles });
    assert_eq!(title(&script), ("Shop cart[31m".into(), TitleSource::Ai), "nothing invisible in it");
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x", "session_title": "My name"}));
    assert_eq!(title(&script), ("My name".into(), TitleSource::Custom));
    let first = script.effects.len();
    let reply =
        script.cli("set_session_title", json!({"session": id.to_string(), "title": "  Till \n 2 "})).unwrap();
    assert_eq!((title(&script), &reply["title"]), (("Till 2".into(), TitleSource::User), &json!("Till 2")));
    assert_eq!(script.published(first, "sessions:changed"), 1);
    script.cli("set_session_title", json!({"session": id.to_string(), "title": "   "})).unwrap();
    assert_eq!(title(&script).1, TitleSource::Custom, "an empty title goes back to the agent's own");
    let mut entry = script.entry(10, "a", None, 0);
    (entry.name, entry.name_derived) = (Some("  ".into()), false);
    let first = script.apply(Event::RegistryRead(Box::new(entry.clone())));
    assert_eq!((title(&script).0.as_str(), script.published(first, "sessions:changed")), ("My name", 0));
    entry.name = Some("Renamed".into());
    let first = script.apply(Event::RegistryRead(Box::new(entry)));
    assert_eq!((title(&script).0.as_str(), script.published(first, "sessions:changed")), ("Renamed", 1));
    let long = script.cli("set_session_title", json!({"session": id.to_string(), "title": "x".repeat(201)}));
    assert!(long.is_err());
}

#[test]
fn a_prompt_is_a_title_only_when_the_settings_want_it() {
    let mut script = Script::new();
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "fix the tests"}));
    assert_eq!(script.row("a").title, "fix the tests");
    script.settings(Settings { title_suggestions: false, ..Settings::default() });
    assert_eq!(
        (script.row("a").title.as_str(), script.row("a").title_source),
        ("shop", TitleSource::Directory)
    );
    script.hook(20, "b", "UserPromptSubmit", json!({"prompt": "search the shop"}));
    assert_eq!(script.row("b").title, "shop", "nor does a new one have it");
    script.settings(Settings::default());
    assert_eq!(script.row("b").title, "search the shop");
}

#[test]
fn a_directory_with_an_odd_name_is_a_clean_title() {
    for (cwd, title) in
        [("/x/\u{202e}gpj.exe", "gpj.exe"), ("/x/\u{200b}", "claude"), ("/", "claude"), ("", "claude")]
    {
        let mut script = Script::new();
        script.hook(10, "a", "SessionStart", json!({ "cwd": cwd }));
        assert_eq!(script.row("a").title, title, "{cwd:?}");
    }
}

#[test]
fn a_rename_while_a_request_waits_says_that_it_waits() {
    let mut script = Script::new();
    let (_, id) = script.bash(10, "a", "t1", "make");
    let session = script.row("a").id;
    let first = script.effects.len();
    script.cli("set_session_title", json!({"session": session.to_string(), "title": "Shop"})).unwrap();
    let changed = script.since(first).iter().find_map(|fx| match fx {
        Effect::Publish(magia_core::effect::Update::SessionsChanged(row)) => Some(row.clone()),
        _ => None,
    });
    assert_eq!(changed.unwrap()["state"], json!("waiting for permission"));
    let snapshot = script.model.snapshot(script.now).unwrap();
    assert_eq!(snapshot.requests[0].info.session_title, "Shop", "its card has the new title");
    assert_eq!(snapshot.requests[0].info.id, id);
}

#[test]
fn compaction_is_work_and_its_helper_is_no_subagent() {
    let mut script = Script::new();
    script.hook(10, "a", "Stop", json!({}));
    script.hook(10, "a", "PreCompact", json!({"trigger": "manual"}));
    assert_eq!(script.state("a"), Working);
    script.hook(10, "a", "SubagentStop", json!({"agent_id": "c1", "agent_type": ""}));
    script.hook(10, "a", "SessionStart", json!({"source": "compact"}));
    script.hook(10, "a", "PostCompact", json!({"trigger": "manual"}));
    assert_eq!((script.state("a"), script.row("a").subagents), (AtRest, 0));
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x"}));
    script.hook(10, "a", "PreCompact", json!({"trigger": "auto"}));
    script.hook(10, "a", "PostCompact", json!({"trigger": "auto"}));
    assert_eq!(script.state("a"), Working, "in the middle of a turn the turn goes on");
}

#[test]
fn a_subagent_that_outlives_the_turn_leaves_nothing_at_work() {
    let mut script = Script::new();
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x"}));
    script.hook(10, "a", "SubagentStart", in_agent(json!({}), "s1"));
    script.hook(10, "a", "Stop", json!({}));
    script.wait(10).registry(10, "a", Some(Idle));
    script.wait(10).hook(10, "a", "PreToolUse", in_agent(bash("t1", "make"), "s1"));
    assert_eq!((script.state("a"), script.row("a").subagents), (Working, 1));
    script.hook(10, "a", "PostToolUse", in_agent(bash("t1", "make"), "s1"));
    script.hook(10, "a", "SubagentStop", in_agent(json!({}), "s1"));
    assert_eq!((script.state("a"), script.row("a").subagents), (AtRest, 0));
}

#[test]
fn an_elicitation_that_was_answered_is_work_again() {
    let mut script = Script::new();
    script.hook(10, "a", "Elicitation", json!({"mcp_server_name": "m", "message": "Name?"}));
    assert_eq!(script.state("a"), WaitingAnswer);
    script.hook(10, "a", "ElicitationResult", json!({"action": "accept"}));
    assert_eq!(script.state("a"), Working);
}

#[test]
fn calls_and_subagents_whose_end_is_never_told_are_bounded() {
    let mut script = Script::new();
    for n in 0..3 * BEGUN_MAX {
        script.hook(10, "a", "PreToolUse", in_agent(bash(&format!("t{n}"), "make"), &format!("s{n}")));
        script.hook(10, "a", "SubagentStart", in_agent(json!({}), &format!("s{n}")));
        script.hook(10, "a", "PreToolUse", in_agent(bash(&format!("t{n}"), "make"), &format!("s{n}")));
    }
    assert_eq!(script.model.footprint().calls, BEGUN_MAX);
    assert!(script.row("a").subagents as usize <= BEGUN_MAX);
    // A call that the user refused is never told to have ended; the next prompt says so.
    script.hook(10, "b", "PreToolUse", bash("t1", "make"));
    let before = script.model.footprint().calls;
    script.hook(10, "b", "UserPromptSubmit", json!({"prompt": "rather not"}));
    assert!(script.model.footprint().calls < before);
}

#[test]
fn what_names_no_session_is_counted_and_let_go() {
    let mut script = Script::new();
    for payload in [
        json!({}),
        json!({"session_id": ""}),
        json!({"session_id": 7}),
        json!(null),
        json!([1]),
        json!({"session_id": "x".repeat(100_000)}),
    ] {
        script.apply(Event::HookReceived(message(10, "Stop", &payload)));
    }
    let mut other = message(10, "Stop", &json!({"session_id": "a"}));
    other.provider = "robot".into();
    script.apply(Event::GateOpened { gate: GateId(99), message: other, paths: None });
    assert_eq!(script.answer(GateId(99)), Some(String::new()));
    assert_eq!(script.model.footprint().sessions, 0);
    let first = script.effects.len();
    script.command("doctor", json!({}), script::cli());
    let said = format!("{:?}", script.since(first));
    assert!(said.contains("7 hook messages named no session"), "{said}");
}

#[test]
fn a_gate_that_is_no_permission_request_is_let_go() {
    let mut script = Script::new();
    let gate = |script: &mut Script, n: u32, event: &str, provider: &str| {
        let payload = json!({"session_id": provider, "tool_name": "Bash", "tool_input": {}});
        let mut message = message(10 + n, event, &payload);
        message.provider = provider.into();
        script.apply(Event::GateOpened { gate: GateId(u64::from(n)), message, paths: None });
        script.answer(GateId(u64::from(n)))
    };
    assert_eq!(gate(&mut script, 1, "PreToolUse", "claude"), Some(String::new()));
    assert_eq!(
        gate(&mut script, 2, "PermissionRequest", "codex"),
        Some(String::new()),
        "nobody at the window"
    );
    script.written(GateId(2), true);
    assert_eq!(gate(&mut script, 3, "BeforeTool", "gemini"), Some(String::new()));
    assert_eq!(script.model.footprint().gates, 0);
}

#[test]
fn a_resume_within_the_program_is_no_fork() {
    let mut script = Script::new();
    script.hook(9, "older", "Stop", json!({}));
    script.dies(9);
    script.registry(10, "young", Some(Idle));
    script.hook(10, "young", "SessionEnd", json!({"reason": "resume"}));
    script.hook(10, "older", "SessionStart", json!({"source": "resume"}));
    let (young, older) = (script.row("young"), script.row("older"));
    assert_eq!((young.state, young.parent, older.state, older.parent), (Ended, None, AtRest, None));
    assert_eq!(older.process, Some(process(10)));
}

#[test]
fn batches_of_nobody_and_odd_shapes_do_no_harm() {
    let mut script = Script::new();
    script.hook(10, "a", "PostToolBatch", batch(&["x"]));
    script.hook(10, "a", "PostToolUse", json!({"tool_name": "Bash"}));
    script.hook(10, "a", "PreToolUse", json!({"tool_name": 7}));
    script.hook(10, "a", "Later", json!({"x": 1}));
    assert_eq!(script.state("a"), Working);
}
