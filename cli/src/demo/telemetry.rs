//! What a recorded session's agent would tell by telemetry: a request to the model for each of its messages, and its tool
//! calls, in the words of Claude Code (docs/telemetry.md) over the private instance's own socket.

use super::place::Place;
use anyhow::{Context as _, Result, bail};
use magia_protocol::ipc::connect_blocking;
use magia_protocol::paths::Socket;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long the app may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(2);
/// What the window of the model holds before the first message: system prompt and tools.
const CONTEXT_BEGINS: usize = 14_000;
/// Dollars for a token: input, output, read from the cache, written to it.
const PRICES: [f64; 4] = [5e-6, 25e-6, 0.5e-6, 6.25e-6];

/// One session's telemetry.
pub struct Telemetry {
    socket: PathBuf,
    session: String,
    model: String,
    context: usize,
}

impl Telemetry {
    /// Of a session that uses this model.
    pub fn new(place: &Place, session: &str, model: &str) -> Self {
        Self {
            socket: place.runtime_dir().join(Socket::Otel.file_name()),
            session: session.to_owned(),
            model: model.to_owned(),
            context: CONTEXT_BEGINS,
        }
    }

    /// A request to the model that came back with these words. How long it took follows from their length.
    pub fn said(&mut self, prompt: &str, words: &str) -> Result<()> {
        let output = 40 + words.len() / 3;
        let added = 300 + 2 * words.len();
        let tokens = [12, output, self.context, added];
        self.context += added + output;
        let cost: f64 = tokens.iter().zip(PRICES).map(|(tokens, price)| *tokens as f64 * price).sum();
        let [input, output, cache_read, cache_creation] = tokens;
        let ms = 900 + 18 * output;
        self.log(
            prompt,
            "api_request",
            &json!({
                "model": self.model, "query_source": "main", "input_tokens": input, "output_tokens": output,
                "cache_read_tokens": cache_read, "cache_creation_tokens": cache_creation,
                "cost_usd": cost, "duration_ms": ms, "ttft_ms": 350 + output,
            }),
        )?;
        let kinds = ["input", "output", "cacheRead", "cacheCreation"];
        let usage = kinds.iter().zip(tokens).map(|(kind, tokens)| {
            self.point(&json!({ "model": self.model, "query_source": "main", "type": kind }), tokens as f64)
        });
        let sum = |name: &str, points: Vec<Value>| json!({ "name": name, "sum": { "aggregationTemporality": 1, "isMonotonic": true, "dataPoints": points } });
        let metrics = [
            sum("claude_code.token.usage", usage.collect()),
            sum(
                "claude_code.cost.usage",
                vec![self.point(&json!({ "model": self.model, "query_source": "main" }), cost)],
            ),
            sum(
                "claude_code.active_time.total",
                vec![self.point(&json!({ "type": "cli" }), ms as f64 / 1e3)],
            ),
        ];
        let scope = json!([{ "scope": { "name": "com.anthropic.claude_code" }, "metrics": metrics }]);
        let body = json!({ "resourceMetrics": [{ "resource": resource(), "scopeMetrics": scope }] });
        self.post("/v1/metrics", &body)
    }

    /// A tool call that ended.
    pub fn called(&self, prompt: &str, tool: &Value, ms: u64, failed: bool) -> Result<()> {
        let about = json!({ "tool_name": tool, "duration_ms": ms, "success": (!failed).to_string() });
        self.log(prompt, "tool_result", &about)
    }

    fn log(&self, prompt: &str, name: &str, about: &Value) -> Result<()> {
        let record = json!({
            "timeUnixNano": now(),
            "body": { "stringValue": format!("claude_code.{name}") },
            "attributes": self.attributes(about, &[("event.name", name), ("prompt.id", prompt)]),
        });
        let scope =
            json!([{ "scope": { "name": "com.anthropic.claude_code.events" }, "logRecords": [record] }]);
        self.post("/v1/logs", &json!({ "resourceLogs": [{ "resource": resource(), "scopeLogs": scope }] }))
    }

    fn point(&self, about: &Value, value: f64) -> Value {
        let now = now();
        json!({ "attributes": self.attributes(about, &[]), "startTimeUnixNano": now, "timeUnixNano": now, "asDouble": value })
    }

    /// Of something in this session.
    fn attributes(&self, about: &Value, more: &[(&str, &str)]) -> Vec<Value> {
        let mut all = attributes(about);
        let session = ("session.id", self.session.as_str());
        all.extend(more.iter().chain([&session]).map(|(key, text)| attribute(key, &json!(text))));
        all
    }

    /// One request in HTTP with JSON, which the socket takes as the port does.
    fn post(&self, path: &str, body: &Value) -> Result<()> {
        let body = body.to_string();
        let mut stream = connect_blocking(&self.socket, PATIENCE)?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )
        .context("sending telemetry")?;
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status).context("reading the answer")?;
        if !status.contains(" 200 ") {
            bail!("telemetry was refused: {}", status.trim());
        }
        Ok(())
    }
}

fn resource() -> Value {
    json!({ "attributes": attributes(&json!({ "service.name": "claude-code" })) })
}

/// Attributes as OTLP's JSON has them.
fn attributes(about: &Value) -> Vec<Value> {
    about.as_object().into_iter().flatten().map(|(key, value)| attribute(key, value)).collect()
}

fn attribute(key: &str, value: &Value) -> Value {
    let typed = match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Number(number) if number.is_u64() => json!({ "intValue": number }),
        other => json!({ "doubleValue": other }),
    };
    json!({ "key": key, "value": typed })
}

/// Now, as OTLP writes it: nanoseconds since 1970, in a text.
fn now() -> String {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}
