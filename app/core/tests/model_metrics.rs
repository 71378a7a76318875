//! Telemetry in the model: whose it is, when it is told and stored, and that a restart counts nothing twice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::effect::{Effect, StoreWrite, Update};
use magia_core::event::{Event, StoredState};
use magia_core::metrics::{SESSIONS_MAX, StoredMetrics};
use magia_core::settings::Settings;
use magia_core::telemetry::{
    Attributes, Batch, Data, Export, Histogram, Items, Log, Point, Temporality, Value,
};
use magia_protocol::wire::metrics::{FleetMetricsInfo, MetricsInfo};
use magia_protocol::wire::{ErrorCode, Provider};
use script::{Script, T0, cli};
use serde_json::json;
use std::sync::Arc;

fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    Attributes(
        pairs.iter().map(|(name, text)| ((*name).to_owned(), Value::Text((*text).to_owned()))).collect(),
    )
}

fn export(items: Items) -> Event {
    let batch = Batch { resource: Arc::default(), scope: String::new(), items };
    Event::TelemetryReceived(Box::new(Export { batches: vec![batch] }))
}

fn point(metric: &str, about: &[(&str, &str)], times: (u64, u64), data: Data) -> Point {
    Point {
        metric: metric.into(),
        unit: "".into(),
        attributes: attributes(about),
        start_ns: times.0,
        time_ns: times.1,
        data,
    }
}

/// Claude's tokens of a session, counted since the last export.
fn claude(session: &str, kind: &str, number: u64, value: f64) -> Event {
    let about =
        [("session.id", session), ("type", kind), ("model", "claude-opus-4-8"), ("query_source", "main")];
    let data = Data::Sum { temporality: Temporality::Delta, monotonic: true, value };
    export(Items::Points(vec![point("claude_code.token.usage", &about, (number, number + 1), data)]))
}

/// Gemini's tokens of a session, counted since its start.
fn gemini(session: &str, time: u64, value: f64) -> Event {
    let about = [("session.id", session), ("type", "input"), ("model", "gemini-2.5-pro")];
    let data = Data::Sum { temporality: Temporality::Cumulative, monotonic: true, value };
    export(Items::Points(vec![point("gemini_cli.token.usage", &about, (1, time), data)]))
}

fn log(name: &str, time_ns: u64, about: &[(&str, &str)]) -> Event {
    export(Items::Logs(vec![Log { time_ns, name: name.to_owned(), attributes: attributes(about) }]))
}

fn asked(script: &mut Script, session: Option<&str>) -> Result<serde_json::Value, ErrorCode> {
    let params = session.map_or(json!({}), |session| json!({ "session": session }));
    script.command("get_session_metrics", params, cli()).expect("a reply").map_err(|err| err.code)
}

fn one(script: &mut Script, session: &str) -> MetricsInfo {
    serde_json::from_value(asked(script, Some(session)).unwrap()).unwrap()
}

fn fleet(script: &mut Script) -> FleetMetricsInfo {
    serde_json::from_value(asked(script, None).unwrap()).unwrap()
}

fn stored(script: &Script) -> Vec<StoredMetrics> {
    let rows = script.effects.iter().filter_map(|effect| match effect {
        Effect::Store(StoreWrite::Metrics(row)) => Some((**row).clone()),
        _ => None,
    });
    rows.collect()
}

fn told(script: &Script) -> Vec<MetricsInfo> {
    let updates = script.effects.iter().filter_map(|effect| match effect {
        Effect::Publish(Update::Metrics(info)) => Some((**info).clone()),
        _ => None,
    });
    updates.collect()
}

#[test]
fn a_session_that_hooks_know_and_one_that_they_do_not() {
    let mut script = Script::new();
    script.bash(10, "aaaa-1", "t1", "make");
    let id = script.row("aaaa-1").id;
    script.apply(claude("aaaa-1", "input", 1, 100.0));
    script.apply(claude("aaaa-1", "output", 1, 40.0));
    script.apply(claude("bbbb-2", "input", 1, 7.0));
    let info = one(&mut script, "aaaa-1");
    assert_eq!((info.session, info.input_tokens, info.output_tokens), (Some(id), 100, 40));
    assert_eq!(one(&mut script, &id.to_string()), info);
    let unknown = one(&mut script, "bbbb");
    assert_eq!((unknown.session, unknown.input_tokens), (None, 7));
    assert_eq!(asked(&mut script, Some("cccc")), Err(ErrorCode::NotFound));
    let fleet = fleet(&mut script);
    assert_eq!((fleet.input_tokens, fleet.output_tokens, fleet.sessions.len()), (107, 40, 2));
    assert_eq!(fleet.series, 3);
}

#[test]
fn updates_are_told_at_once_and_then_once_a_second() {
    let mut script = Script::new();
    script.apply(claude("a", "input", 1, 1.0));
    let wake = script.model.next_wake_mono(script.now).expect("something is due");
    assert!(wake <= script.now.mono_ms, "the first is told at once");
    script.apply(Event::ClockTicked);
    assert_eq!(told(&script).len(), 1);
    for number in 2..50 {
        script.wait(10).apply(claude("a", "input", number, 1.0));
        if script.model.next_wake_mono(script.now).is_some_and(|at| at <= script.now.mono_ms) {
            script.apply(Event::ClockTicked);
        }
    }
    assert_eq!(told(&script).len(), 1, "half a second has passed");
    script.wait(600).apply(Event::ClockTicked);
    let told = told(&script);
    assert_eq!((told.len(), told[1].input_tokens, told[1].minutes.len()), (2, 49, 0));
    script.wait(60_000).apply(Event::ClockTicked);
    assert_eq!(self::told(&script).len(), 2, "nothing new");
}

#[test]
fn a_restart_counts_nothing_twice() {
    let mut script = Script::new();
    script.apply(gemini("g", 10, 500.0));
    script.apply(claude("c", "input", 1, 30.0));
    script.wait(10_000).apply(Event::ClockTicked);
    script.apply(gemini("g", 20, 700.0));
    let mut last = Vec::new();
    script.model.store_metrics(&mut last);
    let mut rows = stored(&script);
    rows.extend(last.into_iter().filter_map(|effect| match effect {
        Effect::Store(StoreWrite::Metrics(row)) => Some(*row),
        _ => None,
    }));
    // As the store does: the newest of each.
    let mut newest = std::collections::BTreeMap::new();
    rows.into_iter().for_each(|row| drop(newest.insert(row.owner.clone(), row)));
    assert_eq!(newest.len(), 2);

    let mut again = Script::default();
    let state = StoredState { metrics: newest.into_values().collect(), ..StoredState::default() };
    again.apply(Event::StoreLoaded(Box::new(state)));
    again.apply(gemini("g", 20, 700.0));
    assert_eq!(fleet(&mut again).input_tokens, 730, "what was told again adds nothing");
    again.apply(gemini("g", 30, 900.0));
    again.apply(claude("c", "input", 2, 1.0));
    assert_eq!(fleet(&mut again).input_tokens, 931);
}

#[test]
fn codex_tells_tokens_by_conversation_and_the_rest_as_a_whole() {
    let mut script = Script::new();
    let session = ("conversation.id", "01a1-c");
    script.apply(log(
        "codex.user_prompt",
        T0 * 1_000_000,
        &[session, ("event.timestamp", "now"), ("prompt", "secret")],
    ));
    for (time, input, cached) in [(1, "1000", "600"), (2, "1500", "1100")] {
        script.apply(log(
            "codex.sse_event",
            T0 * 1_000_000 + time,
            &[
                session,
                ("event.kind", "response.completed"),
                ("model", "gpt-5"),
                ("input_token_count", input),
                ("cached_token_count", cached),
                ("output_token_count", "50"),
                ("reasoning_token_count", "20"),
            ],
        ));
    }
    script.apply(log("codex.sse_event", T0 * 1_000_000 + 3, &[session, ("event.kind", "response.created")]));
    script.apply(log(
        "codex.tool_result",
        T0 * 1_000_000 + 4,
        &[session, ("tool_name", "exec_command"), ("duration_ms", "185"), ("success", "false")],
    ));
    let histogram = Histogram { count: 1, sum: 1_000.0, ..Histogram::default() };
    let whole = Data::Histogram { temporality: Temporality::Delta, histogram };
    script.apply(export(Items::Points(vec![
        point("codex.turn.token_usage", &[("token_type", "input")], (1, 2), whole.clone()),
        point("codex.hooks.run.duration_ms", &[("hook_name", "Stop")], (1, 2), whole),
        point(
            "codex.hooks.run",
            &[("hook_name", "Stop")],
            (1, 2),
            Data::Sum { temporality: Temporality::Delta, monotonic: true, value: 1.0 },
        ),
    ])));
    let info = one(&mut script, "01a1");
    assert_eq!((info.provider, info.input_tokens, info.cache_read_tokens), (Provider::Codex, 800, 1_700));
    assert_eq!((info.output_tokens, info.thought_tokens, info.requests), (60, 40, 2));
    assert_eq!((info.context_tokens, info.total_cost_usd), (Some(1_500), None));
    assert_eq!((info.tools[0].calls, info.tools[0].failed), (1, 1));
    let prompt = &info.prompts[0];
    assert_eq!((prompt.requests, prompt.tools, prompt.failed, &prompt.text), (2, 1, 1, &None));
    let fleet = fleet(&mut script);
    assert_eq!(fleet.input_tokens, 800, "the whole is in the conversations' records");
    assert_eq!(fleet.hooks[0].hook, "Stop");
    assert_eq!(fleet.hooks[0].took.as_ref().map(|took| took.sum_ms), Some(1_000.0));
}

#[test]
fn who_comes_back_is_told_how_many_tokens_were_used() {
    let mut script = Script::new();
    let digest = |script: &mut Script| script.cli("get_digest", json!({})).unwrap()["tokens"].clone();
    script.apply(Event::WindowChanged { focused: true, selected: None });
    script.apply(claude("a", "input", 1, 900.0));
    script.apply(Event::WindowChanged { focused: false, selected: None });
    assert_eq!(digest(&mut script), 0, "of the time before");
    for (number, (kind, value)) in
        [("input", 11_000.0), ("output", 1_000.0), ("cacheCreation", 345.0), ("cacheRead", 70_000.0)]
            .into_iter()
            .enumerate()
    {
        script.apply(claude("b", kind, 10 + number as u64, value));
    }
    assert_eq!(digest(&mut script), 12_345, "what comes from caches is not counted");
    script.hook(10, "b", "UserPromptSubmit", json!({"prompt": "go"}));
    script.hook(10, "b", "Stop", json!({}));
    script.wait(600_000).apply(Event::WindowChanged { focused: true, selected: None });
    let toast = script.model.snapshot(script.now).unwrap().toasts.last().unwrap().text.clone();
    assert_eq!(toast, "Since you left, 10 min ago: 1 turn done, 12.3k tokens");
    // What was told before the program started is not of this absence.
    script.wait(60_000).apply(Event::ClockTicked);
    let stored = stored(&script);
    assert!(!stored.is_empty());
    let mut again = Script::default();
    again.apply(Event::StoreLoaded(Box::new(StoredState { metrics: stored, ..StoredState::default() })));
    assert_eq!(digest(&mut again), 0);
}

#[test]
fn words_of_prompts_are_kept_only_when_the_settings_say_so() {
    for keep in [false, true] {
        let mut script = Script::new();
        script.settings(Settings { telemetry_keep_prompts: keep, ..Settings::default() });
        let words = [("session.id", "ssss"), ("prompt.id", "p"), ("prompt", "the secret plan")];
        script.apply(log("claude_code.user_prompt", T0 * 1_000_000, &words));
        let redacted = [("session.id", "ssss"), ("prompt.id", "q"), ("prompt", "<REDACTED>")];
        script.apply(log("claude_code.user_prompt", T0 * 1_000_000 + 1, &redacted));
        script.wait(10_000).apply(Event::ClockTicked);
        let info = one(&mut script, "ssss");
        let texts: Vec<Option<&str>> = info.prompts.iter().map(|prompt| prompt.text.as_deref()).collect();
        assert_eq!(texts, [keep.then_some("the secret plan"), None]);
        let rows = stored(&script);
        assert!(!rows.is_empty() && rows.iter().any(|row| row.document.contains("secret")) == keep);
    }
}

#[test]
fn programs_that_are_no_agents_count_nowhere() {
    let mut script = Script::new();
    let data = Data::Gauge(1.0);
    script.apply(export(Items::Points(vec![point(
        "http.server.duration",
        &[("session.id", "x")],
        (1, 2),
        data,
    )])));
    let fleet = fleet(&mut script);
    assert_eq!((fleet.sessions.len(), fleet.items, fleet.foreign_items), (0, 0, 1));
    assert!(stored(&script).is_empty());
}

#[test]
fn a_clock_that_is_wrong_moves_nothing() {
    let mut script = Script::new();
    let request = |time_ns| {
        log(
            "claude_code.api_request",
            time_ns,
            &[("session.id", "s"), ("model", "m"), ("input_tokens", "10"), ("duration_ms", "5")],
        )
    };
    // 1970, a year ahead, and a moment ahead.
    for time_ns in [1, (T0 + 31_536_000_000) * 1_000_000, (T0 + 500) * 1_000_000] {
        script.apply(request(time_ns));
    }
    let fleet = fleet(&mut script);
    assert_eq!(fleet.minutes.len(), 1, "{:?}", fleet.minutes);
    assert_eq!((fleet.minutes[0].at_ms, fleet.minutes[0].input_tokens), (T0 / 60_000 * 60_000, 30.0));
}

#[test]
fn sessions_are_bounded() {
    let mut script = Script::new();
    for number in 0..SESSIONS_MAX + 50 {
        script.wait(1).apply(claude(&format!("session-{number}"), "input", 1, 1.0));
        if number % 100 == 0 {
            script.wait(6_000).apply(Event::ClockTicked);
        }
    }
    script.wait(6_000).apply(Event::ClockTicked);
    let fleet = fleet(&mut script);
    assert!(fleet.sessions.len() <= SESSIONS_MAX, "{}", fleet.sessions.len());
    assert_eq!(
        fleet.sessions[0].provider_session_id.as_ref().unwrap().0,
        format!("session-{}", SESSIONS_MAX + 49)
    );
}

#[test]
fn sessions_are_bounded_in_a_burst_that_nobody_stores_meanwhile() {
    let mut script = Script::new();
    for number in 0..SESSIONS_MAX + 200 {
        script.apply(claude(&format!("session-{number}"), "input", 1, 1.0));
    }
    assert_eq!(fleet(&mut script).sessions.len(), SESSIONS_MAX);
}
