//! What each agent's metrics, log records and spans mean. What is not known here counts nowhere.

mod claude;
mod codex;
mod gemini;

use super::recent::SpanRow;
use super::series::Growth;
use super::tally::{Tally, Token, Tokens};
use super::{SessionMetrics, Way};
use crate::telemetry::{Histogram, Log, Point, Span};
use magia_protocol::wire::Provider;

/// How and when something was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// How.
    pub way: Way,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// Whether the texts of prompts are kept.
    pub keep_prompts: bool,
}

/// A point that added something to its series.
pub(super) fn point(
    provider: Provider,
    metrics: &mut SessionMetrics,
    told: Told,
    point: &Point,
    growth: &Growth,
) {
    let mut into = Into { metrics, told };
    match provider {
        Provider::Claude => claude::point(&mut into, point, growth),
        Provider::Codex => codex::point(&mut into, point, growth),
        Provider::Gemini => gemini::point(&mut into, point, growth),
    }
}

/// A log record.
pub(super) fn log(provider: Provider, metrics: &mut SessionMetrics, told: Told, log: &Log) {
    let mut into = Into { metrics, told };
    match provider {
        Provider::Claude => claude::log(&mut into, log),
        Provider::Codex => codex::log(&mut into, log),
        Provider::Gemini => gemini::log(&mut into, log),
    }
}

/// A span.
pub(super) fn span(provider: Provider, metrics: &mut SessionMetrics, told: Told, span: &Span) {
    let mut into = Into { metrics, told };
    match provider {
        Provider::Claude => claude::span(&mut into, span),
        Provider::Codex => codex::span(&mut into, span),
        Provider::Gemini => gemini::span(&mut into, span),
    }
}

/// A request to the model, as a log record or a span tells it.
#[derive(Clone, Debug, Default)]
struct Request<'a> {
    model: &'a str,
    query_source: &'a str,
    prompt: Option<&'a str>,
    tokens: Tokens,
    /// What of the tokens fills the model's window.
    context: f64,
    cost_usd: f64,
    ms: Option<f64>,
}

/// A tool call that ended.
#[derive(Clone, Debug, Default)]
struct Call<'a> {
    tool: &'a str,
    prompt: Option<&'a str>,
    ms: Option<f64>,
    failed: bool,
}

/// Where facts go.
struct Into<'a> {
    metrics: &'a mut SessionMetrics,
    told: Told,
}

impl Into<'_> {
    fn tally(&mut self) -> &mut Tally {
        self.metrics.tally_mut(self.told.way)
    }

    /// A sum of tokens grew.
    fn tokens(&mut self, model: &str, query_source: &str, kind: Token, count: f64) {
        self.tally().usage(model, query_source).tokens.add(kind, count);
        if let Some(minute) = self.metrics.recent.minute(self.told.way, self.told.at_ms) {
            let sum = match kind {
                Token::Input | Token::CacheCreation => &mut minute.input,
                Token::Output | Token::Thought => &mut minute.output,
                Token::CacheRead => &mut minute.cached,
                Token::Tool => return,
            };
            *sum += count as f32;
        }
    }

    /// A sum of dollars grew.
    fn cost(&mut self, model: &str, query_source: &str, usd: f64) {
        self.tally().usage(model, query_source).cost_usd += usd;
        if let Some(minute) = self.metrics.recent.minute(self.told.way, self.told.at_ms) {
            minute.cost_usd += usd as f32;
        }
    }

    /// Requests ended, as a metric counts them.
    fn request_times(&mut self, histogram: &Histogram) {
        self.tally().requests.add_histogram(histogram, 1.0);
        if let Some(minute) = self.metrics.recent.minute(self.told.way, self.told.at_ms) {
            minute.requests += histogram.count as f32;
            minute.request_ms += histogram.sum as f32;
        }
    }

    /// A request ended.
    fn request(&mut self, request: &Request<'_>) {
        let tally = self.tally();
        let usage = tally.usage(request.model, request.query_source);
        usage.tokens.merge(&request.tokens);
        usage.cost_usd += request.cost_usd;
        usage.requests += 1.0;
        request.ms.into_iter().for_each(|ms| tally.requests.add(ms));
        let metrics = &mut *self.metrics;
        if request.context > 0.0 {
            metrics.context_tokens = request.context;
            metrics.context_model = request.model.chars().take(120).collect();
        }
        if let Some(minute) = metrics.recent.minute(self.told.way, self.told.at_ms) {
            minute.input += (request.tokens.input + request.tokens.cache_creation) as f32;
            minute.output += (request.tokens.output + request.tokens.thought) as f32;
            minute.cached += request.tokens.cache_read as f32;
            minute.cost_usd += request.cost_usd as f32;
            minute.requests += 1.0;
            minute.request_ms += request.ms.unwrap_or_default() as f32;
        }
        if self.told.way == Way::Logs
            && let Some(prompt) = request.prompt
            && let Some(prompt) = metrics.recent.prompt(prompt, self.told.at_ms)
        {
            prompt.tokens.merge(&request.tokens);
            prompt.cost_usd += request.cost_usd;
            prompt.requests += 1;
            prompt.request_ms += request.ms.unwrap_or_default();
            prompt.slowest_ms = prompt.slowest_ms.max(request.ms.unwrap_or_default());
        }
    }

    /// A tool call ended.
    fn call(&mut self, call: &Call<'_>) {
        let row = self.tally().tool(call.tool);
        row.calls += 1.0;
        row.failed += f64::from(u8::from(call.failed));
        call.ms.into_iter().for_each(|ms| row.took.add(ms));
        if self.told.way == Way::Logs
            && let Some(prompt) = call.prompt
            && let Some(prompt) = self.metrics.recent.prompt(prompt, self.told.at_ms)
        {
            prompt.tools += 1;
            prompt.tool_ms += call.ms.unwrap_or_default();
            prompt.failed += u32::from(call.failed);
        }
    }

    /// A hook ran.
    fn hook(&mut self, hook: &str, runs: f64, ms: Option<f64>) {
        let row = self.tally().hook(hook);
        row.runs += runs;
        ms.into_iter().for_each(|ms| row.took.add(ms));
    }

    /// A request failed.
    fn error(&mut self, prompt: Option<&str>) {
        self.tally().errors += 1.0;
        if let Some(prompt) = prompt
            && let Some(prompt) = self.metrics.recent.prompt(prompt, self.told.at_ms)
        {
            prompt.errors += 1;
        }
    }

    /// The user sent a prompt.
    fn prompt(&mut self, id: &str, words: Option<&str>) {
        let keep = self.told.keep_prompts;
        if let Some(prompt) = self.metrics.recent.prompt(id, self.told.at_ms)
            && keep
            && let Some(words) = words.filter(|words| *words != "<REDACTED>" && *words != "[REDACTED]")
        {
            prompt.say(words);
        }
    }

    /// A span of the waterfall.
    fn row(&mut self, span: &Span, kind: &str, name: &str) {
        self.metrics.recent.span(SpanRow {
            trace: span.trace,
            id: span.id,
            parent: span.parent,
            kind: kind.to_owned(),
            name: name.chars().take(120).collect(),
            start_ms: span.start_ns / 1_000_000,
            took_ms: span.took_ms().unwrap_or_default(),
            failed: span.failed,
        });
    }
}

/// How much a sum grew; nothing of a gauge or a histogram.
fn sum(growth: &Growth) -> f64 {
    match growth {
        Growth::Sum(added) => *added,
        Growth::Gauge(_) | Growth::Histogram(_) => 0.0,
    }
}
