//! What the metrics page says: plain values, in words, sorted.

use crate::ui::clock::duration;
use crate::ui::provider;
use crate::ui::state::Lookup as _;
use crate::ui::text::shown_line;
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::SessionId;
use magia_protocol::wire::metrics::{
    FleetMetricsInfo, HookUseInfo, MetricsInfo, MinuteInfo, PromptUseInfo, SpanInfo, SpreadInfo, ToolUseInfo,
    UsageInfo, short_count,
};

/// Rows of a table.
const ROWS: usize = 12;
/// Minutes that a plot shows; older ones are in its sums only.
const MINUTES: u64 = 180;
/// Spans of the waterfall: those of the newest turn.
const SPANS: usize = 40;

/// A figure and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// As `Cost`.
    pub name: &'static str,
    /// As it is shown.
    pub value: String,
    /// What more is to be said of it.
    pub tip: String,
}

/// Values per minute; x is minutes since 1970.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlotData {
    /// Sent, cached, written: bars on each other.
    pub tokens: [Vec<[f64; 2]>; 3],
    /// Dollars so far.
    pub cost: Vec<[f64; 2]>,
    /// Milliseconds of a request, on average.
    pub latency: Vec<[f64; 2]>,
    /// The first and the last minute.
    pub range: (f64, f64),
}

/// A tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolRow {
    /// Its name.
    pub name: String,
    /// As `12`.
    pub calls: String,
    /// As `3 failed`; empty when none did.
    pub failed: String,
    /// All its time.
    pub time: String,
    /// How long half of the calls took at most, and the longest.
    pub each: String,
    /// Its part of the time of all tools, 0 to 1; of the calls when no times are known.
    pub part: f32,
}

/// A hook.
#[derive(Clone, Debug, PartialEq)]
pub struct HookRow {
    /// Its name.
    pub name: String,
    /// How often it ran.
    pub runs: String,
    /// All its time.
    pub time: String,
    /// Its part of the time of all hooks, 0 to 1.
    pub part: f32,
}

/// What was used of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageRow {
    /// The model.
    pub model: String,
    /// What for.
    pub purpose: String,
    /// Tokens: sent, cached, written.
    pub tokens: [String; 3],
    /// Dollars.
    pub cost: String,
}

/// A prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptRow {
    /// The agent's id of it.
    pub id: String,
    /// When it came.
    pub at_ms: u64,
    /// What it caused, in words.
    pub what: String,
    /// Dollars.
    pub cost: String,
    /// Its words, when they are kept.
    pub text: Option<String>,
    /// Whether something in it failed.
    pub failed: bool,
}

/// A span of the waterfall.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanBar {
    /// `request`, `tool`, `waiting`, `hook`, `turn`.
    pub kind: String,
    /// The tool, the model or the hook.
    pub name: String,
    /// How long it took.
    pub took: String,
    /// Where it begins and ends, 0 to 1 of the turn.
    pub range: (f32, f32),
    /// Whether it failed.
    pub failed: bool,
}

/// A session, in the list of all.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// magia's session, to be shown.
    pub session: Option<SessionId>,
    /// Its title, or its agent's id.
    pub title: String,
    /// The agent and the model.
    pub agent: String,
    /// When something was last told.
    pub updated_ms: u64,
    /// Tokens: sent and cached, written.
    pub tokens: [String; 2],
    /// Dollars.
    pub cost: String,
}

/// What the page says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsData {
    /// Whether anything is known.
    pub known: bool,
    /// Where telemetry is received, or why not; said where nothing is known.
    pub receiver: String,
    /// The figures at the top.
    pub figures: Vec<Figure>,
    /// The plots.
    pub plots: PlotData,
    /// By model, when there are several.
    pub usage: Vec<UsageRow>,
    /// Tools, the longest first.
    pub tools: Vec<ToolRow>,
    /// What hooks cost, in a sentence.
    pub hooks_cost: Option<String>,
    /// Hooks, the costliest first.
    pub hooks: Vec<HookRow>,
    /// Prompts, the newest first.
    pub prompts: Vec<PromptRow>,
    /// The newest turn.
    pub spans: Vec<SpanBar>,
    /// All sessions, the last heard of first; of the page of all.
    pub sessions: Vec<SessionRow>,
}

impl MetricsData {
    /// One session's.
    pub fn of_session(snapshot: &Snapshot, session: SessionId) -> Self {
        let info = snapshot.metrics.selected.as_ref().filter(|info| info.session == Some(session));
        match info {
            Some(info) => Self { receiver: receiver(snapshot), ..Self::session(info) },
            None => Self { receiver: receiver(snapshot), ..Self::default() },
        }
    }

    /// All sessions'.
    pub fn of_fleet(snapshot: &Snapshot) -> Self {
        match &snapshot.metrics.fleet {
            Some(fleet) => Self { receiver: receiver(snapshot), ..Self::fleet(fleet, snapshot) },
            None => Self { receiver: receiver(snapshot), ..Self::default() },
        }
    }

    fn session(info: &MetricsInfo) -> Self {
        let mut figures = vec![
            cost_figure(info.total_cost_usd),
            tokens_figure("Tokens in", info.input_tokens + info.cache_creation_tokens, "sent to the model"),
            tokens_figure("Cached", info.cache_read_tokens, "read from the model's cache"),
            tokens_figure("Tokens out", info.output_tokens + info.thought_tokens, "written and thought"),
        ];
        if let Some(tokens) = info.context_tokens {
            let value = match info.context_window_used {
                Some(used) => format!("{:.0} %", used * 100.0),
                None => short_count(tokens),
            };
            let size = info
                .context_window_size
                .map(|size| format!(" of {} (by the model's name)", short_count(size)));
            let tip =
                format!("{} tokens in the last request{}", short_count(tokens), size.unwrap_or_default());
            figures.push(Figure { name: "Context", value, tip });
        }
        figures.push(Figure {
            name: "Requests",
            value: info.requests.to_string(),
            tip: format!("{} failed; told by {}", info.errors, info.source),
        });
        figures.extend(time_figure("First token", info.first_token_time.as_ref()));
        figures.extend(time_figure("Request", info.request_time.as_ref()));
        if info.lines_added + info.lines_removed > 0 {
            let value = format!("+{} -{}", info.lines_added, info.lines_removed);
            let tip = format!("{} commits, {} pull requests", info.commits, info.pull_requests);
            figures.push(Figure { name: "Lines", value, tip });
        }
        if info.active_cli_s > 0.0 {
            let value = duration((info.active_cli_s * 1_000.0) as u64);
            let tip = format!("you were active for {}", duration((info.active_user_s * 1_000.0) as u64));
            figures.push(Figure { name: "Active", value, tip });
        }
        Self {
            known: true,
            figures,
            plots: plots(&info.minutes, info.total_cost_usd),
            usage: if info.usage.len() > 1 {
                info.usage.iter().take(ROWS).map(usage).collect()
            } else {
                Vec::new()
            },
            tools: tools(&info.tools),
            hooks_cost: hooks_cost(&info.hooks),
            hooks: hooks(&info.hooks),
            prompts: info.prompts.iter().rev().take(ROWS).map(prompt).collect(),
            spans: spans(&info.spans),
            ..Self::default()
        }
    }

    fn fleet(fleet: &FleetMetricsInfo, snapshot: &Snapshot) -> Self {
        let mut figures = vec![
            cost_figure(fleet.total_cost_usd),
            tokens_figure("Tokens in", fleet.input_tokens + fleet.cache_creation_tokens, "sent to models"),
            tokens_figure("Cached", fleet.cache_read_tokens, "read from models' caches"),
            tokens_figure("Tokens out", fleet.output_tokens + fleet.thought_tokens, "written and thought"),
            Figure {
                name: "Requests",
                value: fleet.requests.to_string(),
                tip: format!("of {} sessions that sent telemetry", fleet.sessions.len()),
            },
        ];
        figures.extend(time_figure("First token", fleet.first_token_time.as_ref()));
        figures.extend(time_figure("Request", fleet.request_time.as_ref()));
        let row = |info: &MetricsInfo| {
            let known = info.session.and_then(|id| snapshot.session(id));
            let theirs = || info.provider_session_id.as_ref().map_or("all of it", |id| id.0.as_str());
            let model = info.usage.first().map(|usage| format!(" · {}", shown_line(&usage.model, 28)));
            SessionRow {
                session: known.map(|known| known.id),
                title: known.map_or_else(|| shown_line(theirs(), 40), |known| shown_line(&known.title, 80)),
                agent: format!("{}{}", provider::name(info.provider), model.unwrap_or_default()),
                updated_ms: info.updated_at_ms,
                tokens: [
                    short_count(info.input_tokens + info.cache_creation_tokens + info.cache_read_tokens),
                    short_count(info.output_tokens + info.thought_tokens),
                ],
                cost: cost(info.total_cost_usd),
            }
        };
        Self {
            known: true,
            figures,
            plots: plots(&fleet.minutes, fleet.total_cost_usd),
            tools: tools(&fleet.tools),
            hooks_cost: hooks_cost(&fleet.hooks),
            hooks: hooks(&fleet.hooks),
            sessions: fleet.sessions.iter().take(50).map(row).collect(),
            ..Self::default()
        }
    }
}

/// What is said of the receiver.
fn receiver(snapshot: &Snapshot) -> String {
    let port = &snapshot.metrics.port;
    match (&port.endpoint, &port.problem) {
        (Some(endpoint), _) => format!("magia receives telemetry at {endpoint}."),
        (None, Some(problem)) => format!("magia receives no telemetry by a port: {problem}."),
        (None, None) => "magia receives no telemetry by a port: the settings say so.".to_owned(),
    }
}

fn cost_figure(usd: Option<f64>) -> Figure {
    let tip = match usd {
        Some(_) => "as the agents reckon it",
        None => "no agent has told it; Codex and Gemini CLI do not",
    };
    Figure { name: "Cost", value: cost(usd), tip: tip.to_owned() }
}

fn tokens_figure(name: &'static str, tokens: u64, what: &str) -> Figure {
    Figure { name, value: short_count(tokens), tip: format!("{tokens} tokens {what}") }
}

fn time_figure(name: &'static str, time: Option<&SpreadInfo>) -> Option<Figure> {
    let time = time?;
    let tip = format!(
        "half of {} within {}, 19 of 20 within {}, the longest {}",
        time.count,
        millis(time.p50_ms),
        millis(time.p95_ms),
        millis(time.max_ms)
    );
    Some(Figure { name, value: millis(time.p50_ms), tip })
}

fn plots(minutes: &[MinuteInfo], total_usd: Option<f64>) -> PlotData {
    let minute = |at_ms: u64| at_ms / 60_000;
    let Some(last) = minutes.last().map(|last| minute(last.at_ms)) else { return PlotData::default() };
    let from = last.saturating_sub(MINUTES - 1);
    let shown = || minutes.iter().filter(|info| minute(info.at_ms) >= from);
    let first = shown().next().map_or(last, |info| minute(info.at_ms));
    let of = |value: fn(&MinuteInfo) -> f32| {
        shown().map(|info| [minute(info.at_ms) as f64, f64::from(value(info))]).collect::<Vec<_>>()
    };
    // The plot begins with what was spent before it, and ends with all of it.
    let before =
        (total_usd.unwrap_or_default() - shown().map(|info| f64::from(info.cost_usd)).sum::<f64>()).max(0.0);
    let cost = shown().scan(before, |sum, info| {
        *sum += f64::from(info.cost_usd);
        Some([minute(info.at_ms) as f64, *sum])
    });
    let cost: Vec<[f64; 2]> = std::iter::once([first as f64 - 1.0, before]).chain(cost).collect();
    let latency = shown().filter(|info| info.requests > 0.0 && info.request_ms > 0.0);
    PlotData {
        tokens: [of(|info| info.input_tokens), of(|info| info.cached_tokens), of(|info| info.output_tokens)],
        cost: if cost.iter().any(|[_, usd]| *usd > 0.0) { cost } else { Vec::new() },
        latency: latency
            .map(|info| [minute(info.at_ms) as f64, f64::from(info.request_ms / info.requests)])
            .collect(),
        // Ten minutes at least, up to the newest: nothing is shown of the time to come.
        range: ((first as f64 - 1.0).min(last as f64 - 9.0), last as f64 + 1.0),
    }
}

fn usage(info: &UsageInfo) -> UsageRow {
    UsageRow {
        model: shown_line(&info.model, 40),
        purpose: shown_line(&info.query_source, 30),
        tokens: [
            short_count(info.input_tokens + info.cache_creation_tokens),
            short_count(info.cache_read_tokens),
            short_count(info.output_tokens + info.thought_tokens),
        ],
        cost: cost(info.cost_usd),
    }
}

fn tools(tools: &[ToolUseInfo]) -> Vec<ToolRow> {
    let time = |tool: &ToolUseInfo| tool.took.as_ref().map_or(0.0, |took| took.sum_ms);
    let all: f64 = tools.iter().map(time).sum();
    let calls: u64 = tools.iter().map(|tool| tool.calls).sum();
    let part = |tool: &ToolUseInfo| match all > 0.0 {
        true => time(tool) / all,
        false => tool.calls as f64 / calls.max(1) as f64,
    };
    let mut sorted: Vec<&ToolUseInfo> = tools.iter().collect();
    sorted.sort_by(|one, other| part(other).total_cmp(&part(one)));
    let row = |tool: &&ToolUseInfo| ToolRow {
        name: shown_line(&tool.tool, 40),
        calls: tool.calls.to_string(),
        failed: match tool.failed {
            0 => String::new(),
            failed => format!("{failed} failed"),
        },
        time: tool.took.as_ref().map_or_else(|| "-".to_owned(), |took| millis(took.sum_ms)),
        each: tool.took.as_ref().map_or_else(String::new, |took| {
            format!("half within {}, the longest {}", millis(took.p50_ms), millis(took.max_ms))
        }),
        part: part(tool) as f32,
    };
    sorted.iter().take(ROWS).map(row).collect()
}

fn hooks(hooks: &[HookUseInfo]) -> Vec<HookRow> {
    let time = |hook: &HookUseInfo| hook.took.as_ref().map_or(0.0, |took| took.sum_ms);
    let all: f64 = hooks.iter().map(time).sum();
    let row = |hook: &HookUseInfo| HookRow {
        name: shown_line(&hook.hook, 60),
        runs: hook.runs.to_string(),
        time: hook.took.as_ref().map_or_else(|| "-".to_owned(), |took| millis(took.sum_ms)),
        part: if all > 0.0 { (time(hook) / all) as f32 } else { 0.0 },
    };
    hooks.iter().take(ROWS).map(row).collect()
}

/// "Hooks took 3 min, 2.4 of it PreToolUse:Bash".
fn hooks_cost(hooks: &[HookUseInfo]) -> Option<String> {
    let time = |hook: &HookUseInfo| hook.took.as_ref().map_or(0.0, |took| took.sum_ms);
    let all: f64 = hooks.iter().map(time).sum();
    let worst = hooks.iter().max_by(|one, other| time(one).total_cmp(&time(other)))?;
    let runs: u64 = hooks.iter().map(|hook| hook.runs).sum();
    (all > 0.0).then(|| match hooks.len() {
        1 => format!("Hooks took {} in {runs} runs, all of it {}", millis(all), shown_line(&worst.hook, 40)),
        _ => format!(
            "Hooks took {} in {runs} runs, {} of it {}",
            millis(all),
            millis(time(worst)),
            shown_line(&worst.hook, 40)
        ),
    })
}

/// What a prompt caused, in words, and what it cost.
pub fn prompt_words(info: &PromptUseInfo) -> String {
    let row = prompt(info);
    if info.cost_usd.is_some() { format!("{} · {}", row.what, row.cost) } else { row.what }
}

fn prompt(info: &PromptUseInfo) -> PromptRow {
    let plural = |count: u32, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let mut what = vec![
        plural(info.requests, "request"),
        format!("{} in", short_count(info.input_tokens)),
        format!("{} out", short_count(info.output_tokens)),
    ];
    if info.tools > 0 {
        what.push(format!("{} in {}", plural(info.tools, "tool call"), millis(info.tool_ms)));
    }
    if info.request_ms > 0.0 {
        what.push(format!("model {}", millis(info.request_ms)));
    }
    let failed = info.failed + info.errors;
    if failed > 0 {
        what.push(format!("{failed} failed"));
    }
    PromptRow {
        id: info.id.clone(),
        at_ms: info.at_ms,
        what: what.join(" · "),
        cost: cost(info.cost_usd),
        text: info.text.as_ref().map(|text| shown_line(text, 120)),
        failed: failed > 0,
    }
}

/// The spans of the newest trace, by their beginnings.
fn spans(all: &[SpanInfo]) -> Vec<SpanBar> {
    let Some(trace) = all.last().map(|last| &last.trace) else { return Vec::new() };
    let mut spans: Vec<&SpanInfo> = all.iter().filter(|span| span.trace == *trace).collect();
    spans.sort_by(|one, other| one.start_ms.cmp(&other.start_ms).then(other.took_ms.total_cmp(&one.took_ms)));
    let begin = spans.iter().map(|span| span.start_ms).min().unwrap_or_default();
    let end = |span: &SpanInfo| (span.start_ms - begin) as f64 + span.took_ms;
    let length = spans.iter().map(|span| end(span)).fold(1.0, f64::max);
    let bar = |span: &&SpanInfo| SpanBar {
        kind: shown_line(&span.kind, 12),
        name: shown_line(&span.name, 40),
        took: millis(span.took_ms),
        range: (((span.start_ms - begin) as f64 / length) as f32, (end(span) / length) as f32),
        failed: span.failed,
    };
    spans.iter().take(SPANS).map(bar).collect()
}

pub(super) fn cost(usd: Option<f64>) -> String {
    match usd {
        None => "-".to_owned(),
        Some(0.0) => "$0".to_owned(),
        Some(usd) if usd < 0.1 => format!("${usd:.4}"),
        Some(usd) => format!("${usd:.2}"),
    }
}

pub(super) fn millis(ms: f64) -> String {
    duration(ms.round().max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(at: u64, input: f32, cost_usd: f32, requests: f32) -> MinuteInfo {
        MinuteInfo {
            at_ms: at * 60_000,
            input_tokens: input,
            cost_usd,
            requests,
            request_ms: requests * 500.0,
            ..MinuteInfo::default()
        }
    }

    #[test]
    fn a_plot_shows_three_hours_and_what_was_spent_before() {
        let data = plots(
            &[minute(10, 5.0, 2.0, 1.0), minute(500, 7.0, 1.0, 0.0), minute(600, 9.0, 0.5, 2.0)],
            Some(3.5),
        );
        assert_eq!(data.tokens[0], [[500.0, 7.0], [600.0, 9.0]]);
        assert_eq!(data.cost, [[499.0, 2.0], [500.0, 3.0], [600.0, 3.5]]);
        assert_eq!(data.latency, [[600.0, 500.0]]);
        assert_eq!(plots(&[], None), PlotData::default());
        assert!(plots(&[minute(1, 1.0, 0.0, 0.0)], None).cost.is_empty(), "nobody told a cost");
    }

    #[test]
    fn hooks_cost_is_said_with_its_worst() {
        let hook = |name: &str, runs, sum_ms| HookUseInfo {
            hook: name.to_owned(),
            runs,
            took: Some(SpreadInfo { count: runs, sum_ms, ..SpreadInfo::default() }),
        };
        let said = hooks_cost(&[hook("PreToolUse:Bash", 9, 144_000.0), hook("Stop", 3, 36_000.0)]);
        assert_eq!(
            said.as_deref(),
            Some("Hooks took 3 min 0 s in 12 runs, 2 min 24 s of it PreToolUse:Bash")
        );
        assert_eq!(hooks_cost(&[]), None);
        assert_eq!(hooks_cost(&[hook("Stop", 3, 0.0)]), None);
    }

    #[test]
    fn the_waterfall_is_the_newest_turn() {
        let span = |trace: &str, start_ms, took_ms| SpanInfo {
            trace: trace.to_owned(),
            start_ms,
            took_ms,
            ..SpanInfo::default()
        };
        let bars = spans(&[span("old", 1, 900.0), span("new", 2_500, 500.0), span("new", 2_000, 1_000.0)]);
        let ranges: Vec<(f32, f32)> = bars.iter().map(|bar| bar.range).collect();
        assert_eq!(ranges, [(0.0, 1.0), (0.5, 1.0)]);
    }
}
