//! Figures for pictures and tests: an afternoon of one session, and of all.

use super::{busy, session_id};
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::metrics::{
    FleetMetricsInfo, HookUseInfo, MetricsInfo, MinuteInfo, OtelPortInfo, PromptUseInfo, SpanInfo,
    SpreadInfo, ToolUseInfo, UsageInfo,
};
use magia_protocol::wire::{Provider, ProviderSessionId};
use std::sync::Arc;

const MINUTE: u64 = 60_000;

fn spread(count: u64, p50_ms: f64, max_ms: f64) -> SpreadInfo {
    SpreadInfo { count, sum_ms: count as f64 * p50_ms * 1.2, p50_ms, p95_ms: max_ms * 0.8, max_ms }
}

fn tool(tool: &str, calls: u64, failed: u64, p50_ms: f64) -> ToolUseInfo {
    ToolUseInfo { tool: tool.into(), calls, failed, took: Some(spread(calls, p50_ms, p50_ms * 9.0)) }
}

fn hook(hook: &str, runs: u64, p50_ms: f64) -> HookUseInfo {
    HookUseInfo { hook: hook.into(), runs, took: Some(spread(runs, p50_ms, p50_ms * 3.0)) }
}

/// Work in waves, with a pause in the middle.
fn minutes(now_ms: u64, scale: f32) -> Vec<MinuteInfo> {
    let wave = |ago: u64| {
        let x = ago as f32;
        ((x * 0.31).sin().abs() + (x * 0.077).cos().abs()) * scale
    };
    let minute = |ago: u64| MinuteInfo {
        at_ms: (now_ms / MINUTE - ago) * MINUTE,
        input_tokens: 900.0 * wave(ago),
        output_tokens: 420.0 * wave(ago + 3),
        cached_tokens: 2_600.0 * wave(ago + 7),
        cost_usd: 0.011 * wave(ago),
        requests: 2.0,
        request_ms: 2.0 * (1_800.0 + 2_400.0 * wave(ago + 11) / scale),
    };
    (0..110).rev().filter(|ago| !(48..63).contains(ago)).map(minute).collect()
}

fn usage(model: &str, purpose: &str, part: f64, cost_usd: Option<f64>) -> UsageInfo {
    UsageInfo {
        model: model.into(),
        query_source: purpose.into(),
        input_tokens: (84_200.0 * part) as u64,
        output_tokens: (31_900.0 * part) as u64,
        cache_read_tokens: (1_240_000.0 * part) as u64,
        cache_creation_tokens: (58_000.0 * part) as u64,
        thought_tokens: 0,
        cost_usd,
        requests: (212.0 * part) as u64,
    }
}

/// One session's.
pub fn info(number: u64, now_ms: u64) -> MetricsInfo {
    let prompt = |ago: u64, requests: u32, cost_usd: f64, failed: u32| PromptUseInfo {
        id: format!("p{ago}"),
        at_ms: now_ms - ago * MINUTE,
        last_ms: now_ms - ago * MINUTE + 40_000,
        text: None,
        input_tokens: u64::from(requests) * 9_400,
        output_tokens: u64::from(requests) * 310,
        cost_usd: Some(cost_usd),
        requests,
        request_ms: f64::from(requests) * 2_100.0,
        slowest_ms: 6_400.0,
        tools: requests - 1,
        tool_ms: f64::from(requests) * 900.0,
        failed,
        errors: 0,
    };
    let span = |id: u64, kind: &str, name: &str, start: u64, took_ms: f64, failed: bool| SpanInfo {
        trace: "d269b633813fc60c".into(),
        id: format!("{id:016x}"),
        parent: (id > 1).then(|| format!("{:016x}", 1)),
        kind: kind.into(),
        name: name.into(),
        start_ms: now_ms - 30_000 + start,
        took_ms,
        failed,
    };
    MetricsInfo {
        session: Some(session_id(number)),
        provider: Provider::Claude,
        provider_session_id: Some(ProviderSessionId("5d1c1c9a".into())),
        since_ms: now_ms - 110 * MINUTE,
        updated_at_ms: now_ms - 4_000,
        source: "metrics".into(),
        input_tokens: 84_200,
        output_tokens: 31_900,
        cache_read_tokens: 1_240_000,
        cache_creation_tokens: 58_000,
        thought_tokens: 0,
        total_cost_usd: Some(4.1237),
        context_tokens: Some(82_400),
        context_window_size: Some(200_000),
        context_window_used: Some(0.412),
        requests: 212,
        errors: 1,
        active_cli_s: 2_840.0,
        active_user_s: 310.0,
        lines_added: 412,
        lines_removed: 96,
        commits: 3,
        pull_requests: 1,
        request_time: Some(spread(212, 2_100.0, 14_800.0)),
        first_token_time: Some(spread(212, 640.0, 4_100.0)),
        turn_time: Some(spread(14, 48_000.0, 260_000.0)),
        usage: vec![
            usage("claude-opus-4-5", "main", 0.8, Some(3.62)),
            usage("claude-opus-4-5", "agent:reviewer", 0.16, Some(0.47)),
            usage("claude-haiku-4-5", "generate_session_title", 0.04, Some(0.0337)),
        ],
        tools: vec![
            tool("Bash", 61, 7, 4_200.0),
            tool("Edit", 44, 1, 40.0),
            tool("Read", 98, 0, 12.0),
            tool("Grep", 37, 0, 90.0),
            tool("WebFetch", 3, 0, 2_300.0),
        ],
        hooks: vec![
            hook("PreToolUse:Bash", 61, 1_900.0),
            hook("Stop", 14, 2_300.0),
            hook("PostToolUse:Edit", 44, 80.0),
        ],
        decisions: Vec::new(),
        prompts: vec![
            prompt(104, 31, 0.92, 0),
            prompt(70, 18, 0.55, 2),
            prompt(22, 44, 1.31, 0),
            prompt(1, 6, 0.08, 0),
        ],
        minutes: minutes(now_ms, 1.0),
        spans: vec![
            span(1, "turn", "turn", 0, 24_000.0, false),
            span(2, "request", "claude-opus-4-5", 40, 3_100.0, false),
            span(3, "tool", "Grep", 3_200, 120.0, false),
            span(4, "request", "claude-opus-4-5", 3_400, 2_600.0, false),
            span(5, "tool", "Bash", 6_100, 9_400.0, true),
            span(6, "waiting", "accept", 6_120, 2_200.0, false),
            span(7, "hook", "PreToolUse:Bash", 6_110, 1_700.0, false),
            span(8, "request", "claude-opus-4-5", 15_700, 8_100.0, false),
        ],
    }
}

fn fleet(now_ms: u64) -> FleetMetricsInfo {
    let short = |number: u64, provider: Provider, part: f64, cost: Option<f64>| {
        let part_of = |tokens: u64| (tokens as f64 * part) as u64;
        let whole = info(number, now_ms);
        MetricsInfo {
            provider,
            updated_at_ms: now_ms - number * 71_000,
            input_tokens: part_of(whole.input_tokens),
            output_tokens: part_of(whole.output_tokens),
            cache_read_tokens: part_of(whole.cache_read_tokens),
            total_cost_usd: cost,
            usage: vec![usage(
                match provider {
                    Provider::Claude => "claude-opus-4-5",
                    Provider::Codex => "gpt-5.5",
                    Provider::Gemini => "gemini-3-pro",
                },
                "",
                part,
                cost,
            )],
            prompts: Vec::new(),
            minutes: Vec::new(),
            spans: Vec::new(),
            ..whole
        }
    };
    let one = info(1, now_ms);
    FleetMetricsInfo {
        sessions: vec![
            short(1, Provider::Claude, 1.0, Some(4.1237)),
            short(2, Provider::Claude, 0.4, Some(1.402)),
            short(4, Provider::Codex, 0.7, None),
            short(5, Provider::Gemini, 0.2, None),
        ],
        input_tokens: 193_660,
        output_tokens: 73_370,
        cache_read_tokens: 2_852_000,
        cache_creation_tokens: 133_400,
        thought_tokens: 8_100,
        total_cost_usd: Some(5.5257),
        requests: 487,
        request_time: one.request_time,
        first_token_time: one.first_token_time,
        tools: one.tools,
        hooks: one.hooks,
        minutes: minutes(now_ms, 2.3),
        items: 9_112,
        foreign_items: 0,
        series: 214,
    }
}

/// The busy window with figures.
pub fn metrics(now_ms: u64) -> Snapshot {
    let mut snapshot = busy(now_ms);
    snapshot.metrics.selected = Some(Arc::new(info(1, now_ms)));
    snapshot.metrics.fleet = Some(Arc::new(fleet(now_ms)));
    snapshot.metrics.port = OtelPortInfo {
        port: Some(4318),
        endpoint: Some("http://127.0.0.1:4318".into()),
        socket: "/run/user/1000/magia/otel.sock".into(),
        wanted: 4318,
        problem: None,
        forward: None,
    };
    snapshot
}
