//! What is told of sessions' metrics: the replies of `get_session_metrics` and the payload of `otel:metrics-update`.

use super::{Provider, ProviderSessionId, SessionId};
use serde::{Deserialize, Serialize};

/// How long things took, in milliseconds. The middle ones are about right, within a fifth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpreadInfo {
    /// How many.
    pub count: u64,
    /// Of all of them.
    pub sum_ms: f64,
    /// Half of them took no longer.
    pub p50_ms: f64,
    /// 19 of 20 took no longer.
    pub p95_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// What was used of one model for one purpose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UsageInfo {
    /// The model.
    pub model: String,
    /// What it was used for, as `main`; empty when the agent does not say.
    pub query_source: String,
    /// Tokens sent; for Gemini those of the cache are among them.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from the cache.
    pub cache_read_tokens: u64,
    /// Tokens written into the cache.
    pub cache_creation_tokens: u64,
    /// Tokens thought.
    pub thought_tokens: u64,
    /// US dollars, as the agent reckons; `null` when it does not.
    pub cost_usd: Option<f64>,
    /// Requests, where they are counted.
    pub requests: u64,
}

/// What was used of one tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolUseInfo {
    /// The tool.
    pub tool: String,
    /// Calls.
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    /// How long they took.
    pub took: Option<SpreadInfo>,
}

/// What hooks of one name cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HookUseInfo {
    /// The event, and the hook's own name where the agent tells it.
    pub hook: String,
    /// Runs.
    pub runs: u64,
    /// How long they took.
    pub took: Option<SpreadInfo>,
}

/// Answers to permission questions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DecisionCountInfo {
    /// The tool.
    pub tool: String,
    /// As `accept`.
    pub decision: String,
    /// Who decided, as `config`; empty when the agent does not say.
    pub source: String,
    /// How often.
    pub count: u64,
}

/// What one prompt of the user caused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PromptUseInfo {
    /// The agent's id of it: the turn of agent events.
    pub id: String,
    /// When it came.
    pub at_ms: u64,
    /// When something of it was last told.
    pub last_ms: u64,
    /// Its words, only when the setting `telemetryKeepPrompts` is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Tokens sent, cached ones too.
    pub input_tokens: u64,
    /// Tokens written and thought.
    pub output_tokens: u64,
    /// US dollars.
    pub cost_usd: Option<f64>,
    /// Requests to the model.
    pub requests: u32,
    /// Milliseconds, of all of them.
    pub request_ms: f64,
    /// The longest one.
    pub slowest_ms: f64,
    /// Tool calls.
    pub tools: u32,
    /// Milliseconds, of all of them.
    pub tool_ms: f64,
    /// Tool calls that failed.
    pub failed: u32,
    /// Requests that failed.
    pub errors: u32,
}

/// What happened in one minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MinuteInfo {
    /// Its beginning, milliseconds since 1970.
    pub at_ms: u64,
    /// Tokens sent.
    pub input_tokens: f32,
    /// Tokens written and thought.
    pub output_tokens: f32,
    /// Tokens read from the cache.
    pub cached_tokens: f32,
    /// US dollars.
    pub cost_usd: f32,
    /// Requests.
    pub requests: f32,
    /// Milliseconds, of all of them.
    pub request_ms: f32,
}

/// A span, for the waterfall.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpanInfo {
    /// Its trace, in hexadecimal.
    pub trace: String,
    /// Its id, in hexadecimal.
    pub id: String,
    /// Whose child it is.
    pub parent: Option<String>,
    /// `turn`, `request`, `tool`, `waiting`, `hook`.
    pub kind: String,
    /// The tool, the model or the hook.
    pub name: String,
    /// Milliseconds since 1970.
    pub start_ms: u64,
    /// How long it took.
    pub took_ms: f64,
    /// Whether it failed.
    pub failed: bool,
}

/// A session's metrics. The fields only ever grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricsInfo {
    /// magia's session; `null` when it knows the session from telemetry alone, or for an agent as a whole.
    pub session: Option<SessionId>,
    /// The agent's kind.
    pub provider: Provider,
    /// The agent's own session id; `null` for what it tells of no session.
    pub provider_session_id: Option<ProviderSessionId>,
    /// When something was first told, milliseconds since 1970.
    pub since_ms: u64,
    /// When something was last told.
    pub updated_at_ms: u64,
    /// What tokens and cost rest on: `metrics`, `logs` or `spans`, whichever told most.
    pub source: String,
    /// Tokens sent; for Gemini those of the cache are among them.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from the cache.
    pub cache_read_tokens: u64,
    /// Tokens written into the cache.
    pub cache_creation_tokens: u64,
    /// Tokens thought.
    pub thought_tokens: u64,
    /// US dollars, as the agent reckons; `null` when it does not.
    pub total_cost_usd: Option<f64>,
    /// Tokens that the last request put into the model's window.
    pub context_tokens: Option<u64>,
    /// The window's size, by the model's name.
    pub context_window_size: Option<u64>,
    /// The part of it that is used, 0 to 1.
    pub context_window_used: Option<f64>,
    /// Requests to the model.
    pub requests: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Seconds in which the agent worked.
    pub active_cli_s: f64,
    /// Seconds in which the user typed.
    pub active_user_s: f64,
    /// Lines added by edits.
    pub lines_added: u64,
    /// Lines removed by edits.
    pub lines_removed: u64,
    /// Commits.
    pub commits: u64,
    /// Pull requests.
    pub pull_requests: u64,
    /// From a request to the end of its answer.
    pub request_time: Option<SpreadInfo>,
    /// From a request to its first token.
    pub first_token_time: Option<SpreadInfo>,
    /// Whole turns.
    pub turn_time: Option<SpreadInfo>,
    /// By model and purpose, the dearest first.
    pub usage: Vec<UsageInfo>,
    /// By tool, the most used first.
    pub tools: Vec<ToolUseInfo>,
    /// By hook, the costliest first.
    pub hooks: Vec<HookUseInfo>,
    /// By tool, decision and source.
    pub decisions: Vec<DecisionCountInfo>,
    /// The newest prompts, oldest first.
    pub prompts: Vec<PromptUseInfo>,
    /// The newest minutes in which something happened, oldest first.
    pub minutes: Vec<MinuteInfo>,
    /// The newest spans.
    pub spans: Vec<SpanInfo>,
}

/// All sessions' metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetMetricsInfo {
    /// Each session, the last heard of first, without prompts, minutes and spans; and agents as a whole.
    pub sessions: Vec<MetricsInfo>,
    /// Tokens of all of them.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from caches.
    pub cache_read_tokens: u64,
    /// Tokens written into caches.
    pub cache_creation_tokens: u64,
    /// Tokens thought.
    pub thought_tokens: u64,
    /// US dollars, of the agents that reckon them.
    pub total_cost_usd: Option<f64>,
    /// Requests to models.
    pub requests: u64,
    /// From a request to the end of its answer.
    pub request_time: Option<SpreadInfo>,
    /// From a request to its first token.
    pub first_token_time: Option<SpreadInfo>,
    /// By tool, the most used first.
    pub tools: Vec<ToolUseInfo>,
    /// By hook, the costliest first.
    pub hooks: Vec<HookUseInfo>,
    /// The newest minutes in which something happened, oldest first.
    pub minutes: Vec<MinuteInfo>,
    /// Items that were counted since magia started.
    pub items: u64,
    /// Items of programs that are no agents, which count nowhere.
    pub foreign_items: u64,
    /// Series that are known.
    pub series: u64,
}

/// The reply of `get_otel_port`: where agents may send telemetry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OtelPortInfo {
    /// The port on the loopback interface; `null` while none is open.
    pub port: Option<u16>,
    /// `http://127.0.0.1:PORT`: gRPC, HTTP with protobuf and HTTP with JSON alike.
    pub endpoint: Option<String>,
    /// The socket in the runtime directory, for exporters that can.
    pub socket: String,
    /// The port that the settings want.
    pub wanted: u16,
    /// Why the wanted port is not used, or nothing is open.
    pub problem: Option<String>,
    /// Where a copy of every export goes; `null` when nowhere.
    #[serde(default)]
    pub forward: Option<ForwardInfo>,
}

/// How the copies for a collector of the user's own fare.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ForwardInfo {
    /// Where they go, without what may be a secret.
    pub to: String,
    /// Exports that it took.
    pub sent: u64,
    /// Exports that found no room in the queue.
    pub dropped: u64,
    /// Exports that it refused, or did not take in time.
    pub failed: u64,
    /// What is wrong now.
    pub problem: Option<String>,
}

/// How an agent's telemetry is set in its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TelemetryInfo {
    /// Whose.
    pub provider: Provider,
    /// The settings file.
    pub file: String,
    /// `off`, `on`, `elsewhere` (a collector of the user's own), `outdated` (a port that is not magia's now), `unreadable`.
    pub state: String,
    /// Where it goes, without what may be a secret.
    pub endpoint: Option<String>,
    /// What is wrong.
    pub problem: Option<String>,
}

/// A number of tokens for people: `950`, `12.3k`, `1.2M`.
pub fn short_count(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{:.1}k", number as f64 / 1e3),
        _ => format!("{:.1}M", number as f64 / 1e6),
    }
}
