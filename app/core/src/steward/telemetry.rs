//! Switching an agent's telemetry on and off in its own settings: what is written, what is taken back, and whose
//! collector stands there already. Another's is never written over.

use magia_protocol::wire::Provider;
use serde_json::{Map, Value, json};

use super::error::StewardError;
use super::json::{Document, Kind, Span, decode, is_blank, is_comments};
use super::merge::{merge_patch_of, settings_value};
use super::plan::{Footprint, Origin, Plan, comments_end};
use super::{otel_toml, recipe};

/// Where an agent shall send telemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    /// As `http://127.0.0.1:4318`.
    pub endpoint: String,
    /// Spans too, where the agent has some that are of use.
    pub traces: bool,
}

/// What an agent's settings say of telemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TelemetryState {
    /// Nothing, or that there is none.
    Off,
    /// It goes to this endpoint, which is ours.
    On(String),
    /// It goes elsewhere: the endpoint, or what stands in its place.
    Theirs(String),
}

/// What was written, and what stood there before: enough to take it back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The keys that were written, with their values.
    pub wrote: Value,
    /// The values that these keys had; `null` is none.
    pub before: Value,
    /// What was found empty or absent.
    pub footprint: Footprint,
}

/// Claude's variables that name a collector.
const CLAUDE_ENDPOINTS: &[&str] = &[
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];
/// Claude's variables that choose an exporter.
const CLAUDE_EXPORTERS: &[&str] = &["OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER", "OTEL_TRACES_EXPORTER"];
/// Milliseconds between two of Claude's exports of metrics: its own minute is long for somebody who watches.
const CLAUDE_INTERVAL_MS: &str = "10000";

/// What the settings say; `ours` tells an endpoint of ours.
///
/// # Errors
/// What the agent itself would not read.
pub fn telemetry_state(
    bytes: Option<&[u8]>,
    provider: Provider,
    ours: &dyn Fn(&str) -> bool,
) -> Result<TelemetryState, StewardError> {
    let found = match provider {
        Provider::Codex => otel_toml::endpoints(bytes)?,
        Provider::Claude => claude_endpoints(&settings_value(bytes, provider)?),
        Provider::Gemini => gemini_endpoints(&settings_value(bytes, provider)?),
    };
    let theirs = found.iter().find(|endpoint| !ours(endpoint));
    Ok(match (theirs, found.first()) {
        (Some(theirs), _) => TelemetryState::Theirs(shown(theirs)),
        (None, Some(first)) => TelemetryState::On(base(first)),
        (None, None) => TelemetryState::Off,
    })
}

/// Works out how telemetry goes to a collector of ours. `ours` tells an endpoint of ours; `known` is what was written
/// before, if anything was: what it wrote and is not wanted any more is taken back, and what stood there before it is told
/// again.
///
/// # Errors
/// What the agent itself would not read is refused, and so is to write over another's collector.
pub fn plan_telemetry_on(
    bytes: Option<&[u8]>,
    provider: Provider,
    collector: &Collector,
    known: &Written,
    ours: &dyn Fn(&str) -> bool,
) -> Result<(Plan, Written), StewardError> {
    let found = match telemetry_state(bytes, provider, ours)? {
        TelemetryState::Theirs(endpoint) => return Err(StewardError::ForeignCollector { endpoint }),
        TelemetryState::On(_) => known.footprint.clone(),
        // Nothing of ours stands there any more, so what was found then is no more either.
        TelemetryState::Off => Footprint::default(),
    };
    if provider == Provider::Codex {
        return otel_toml::plan_on(bytes, &collector.endpoint, known, found);
    }
    let wanted = wanted(provider, collector);
    let current = settings_value(bytes, provider)?;
    let patch = merged(Value::Object(surplus(&current, known, &wanted)), &wanted);
    let plan = merge_patch_of(bytes, &patch, provider, &found)?;
    let written = Written {
        before: before(Some(&current), &wanted, Some(&known.wrote), &known.before),
        wrote: wanted,
        footprint: plan.footprint.clone(),
    };
    Ok((plan, written))
}

/// Works out how what was written is taken back. What was changed since stays.
///
/// # Errors
/// What the agent itself would not read is refused.
pub fn plan_telemetry_off(
    bytes: Option<&[u8]>,
    provider: Provider,
    written: &Written,
) -> Result<Plan, StewardError> {
    if provider == Provider::Codex {
        return otel_toml::plan_off(bytes, written);
    }
    let current = settings_value(bytes, provider)?;
    let patch = undo(&current, &written.wrote, &written.before);
    let mut plan = merge_patch_of(bytes, &Value::Object(patch), provider, &written.footprint)?;
    let after = plan.after.as_deref().unwrap_or_default();
    if let Some(given_back) = emptied(after, provider, &written.footprint.origin)? {
        plan.after = given_back;
    }
    Ok(plan)
}

/// What becomes of a text in which an empty object is left; none: it stays.
fn emptied(
    after: &[u8],
    provider: Provider,
    origin: &Origin,
) -> Result<Option<Option<Vec<u8>>>, StewardError> {
    let text = decode(after)?;
    let dialect = recipe::dialect(provider);
    if is_blank(text) || is_comments(text, dialect) {
        return Ok(None);
    }
    let doc = Document::parse(text, dialect)?;
    let behind = Span { start: doc.root.start, end: text.len() };
    if doc.kind(doc.root) != Kind::Object || !doc.members(doc.root)?.is_empty() || doc.has_comment(behind) {
        return Ok(None);
    }
    let head = text.get(..comments_end(doc.between(0, doc.root.start), dialect)).unwrap_or_default();
    Ok(origin.emptied(head))
}

/// A plan that only says what stands there.
pub(crate) fn plan_of(bytes: Option<&[u8]>, after: Option<Vec<u8>>) -> Plan {
    Plan {
        before: bytes.map(<[u8]>::to_vec),
        after,
        changes: Vec::new(),
        warnings: Vec::new(),
        footprint: Footprint::default(),
    }
}

/// An endpoint without the path of a signal, which Codex has in it.
pub(crate) fn base(endpoint: &str) -> String {
    let end = endpoint.find("/v1/").unwrap_or(endpoint.len());
    endpoint.get(..end).unwrap_or(endpoint).trim_end_matches('/').to_owned()
}

/// An endpoint without what may be a secret in it: a name and a word before the host, a query behind the path.
fn shown(endpoint: &str) -> String {
    let Some((scheme, rest)) = endpoint.split_once("://") else { return endpoint.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// The keys that are written.
fn wanted(provider: Provider, collector: &Collector) -> Value {
    let Collector { endpoint, traces } = collector;
    match provider {
        Provider::Gemini => json!({ "telemetry": {
            "enabled": true,
            "target": "local",
            "otlpEndpoint": endpoint,
            // Its default is gRPC on a port of its own.
            "otlpProtocol": "http",
            "logPrompts": false,
        }}),
        Provider::Claude | Provider::Codex => {
            let mut env = Map::new();
            let mut set = |name: &str, value: &str| env.insert(name.to_owned(), json!(value));
            set("CLAUDE_CODE_ENABLE_TELEMETRY", "1");
            set("OTEL_METRICS_EXPORTER", "otlp");
            set("OTEL_LOGS_EXPORTER", "otlp");
            // Without it Claude sends nothing.
            set("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
            set("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
            set("OTEL_METRIC_EXPORT_INTERVAL", CLAUDE_INTERVAL_MS);
            if *traces {
                set("OTEL_TRACES_EXPORTER", "otlp");
                set("CLAUDE_CODE_ENHANCED_TELEMETRY_BETA", "1");
            }
            json!({ "env": env })
        }
    }
}

/// What stood at the keys that will be written before anything of ours did; `null` where nothing did. What `wrote` names and
/// still stands there is ours, and `known` has what stood in its place.
fn before(current: Option<&Value>, wanted: &Value, wrote: Option<&Value>, known: &Value) -> Value {
    let Value::Object(wanted) = wanted else {
        let is_ours = current.is_some() && current == wrote;
        return if is_ours { known.clone() } else { current.cloned().unwrap_or_default() };
    };
    let made = known.is_null() && wrote.is_some_and(Value::is_object);
    if !made && !current.is_some_and(Value::is_object) {
        return current.cloned().unwrap_or_default();
    }
    let inner = |value: Option<&'_ Value>, key: &str| value.and_then(|value| value.get(key)).cloned();
    let pairs = wanted.iter().map(|(key, wanted)| {
        let (now, wrote) = (inner(current, key), inner(wrote, key));
        let known = known.get(key).unwrap_or(&Value::Null);
        (key.clone(), before(now.as_ref(), wanted, wrote.as_ref(), known))
    });
    let all: Map<String, Value> = pairs.collect();
    // An object that we made, and into which nobody has written at these keys, is ours as a whole.
    if made && all.values().all(Value::is_null) { Value::Null } else { Value::Object(all) }
}

/// The patch that takes back what was written and is not wanted any more.
fn surplus(current: &Value, known: &Written, wanted: &Value) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, wrote) in known.wrote.as_object().into_iter().flatten() {
        let Some(now) = current.get(key) else { continue };
        let before = known.before.get(key).cloned().unwrap_or_default();
        let taken_back = match wanted.get(key) {
            None => undo(current, &one(key, wrote), &one(key, &before)),
            Some(wanted @ Value::Object(_)) => {
                let inner = Written { wrote: wrote.clone(), before, footprint: Footprint::default() };
                let inner = surplus(now, &inner, wanted);
                if inner.is_empty() { Map::new() } else { Map::from_iter([(key.clone(), inner.into())]) }
            }
            Some(_) => Map::new(),
        };
        patch.extend(taken_back);
    }
    patch
}

fn one(key: &str, value: &Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value.clone())]))
}

/// Two patches as one; where both speak of a key, the second counts.
fn merged(first: Value, second: &Value) -> Value {
    match (first, second) {
        (Value::Object(mut all), Value::Object(second)) => {
            for (key, value) in second {
                let first = all.remove(key).unwrap_or_default();
                all.insert(key.clone(), merged(first, value));
            }
            Value::Object(all)
        }
        (_, second) => second.clone(),
    }
}

/// The patch that takes back what was written, as far as it still stands there.
fn undo(current: &Value, wrote: &Value, before: &Value) -> Map<String, Value> {
    let mut patch = Map::new();
    let (Value::Object(wrote), Value::Object(current)) = (wrote, current) else { return patch };
    for (key, wrote) in wrote {
        let Some(now) = current.get(key) else { continue };
        let before = before.get(key).unwrap_or(&Value::Null);
        match (wrote, now) {
            (Value::Object(_), Value::Object(now_in_it)) => {
                let ours = wrote
                    .as_object()
                    .is_some_and(|wrote| now_in_it.iter().all(|(key, now)| wrote.get(key) == Some(now)));
                if before.is_null() && ours {
                    patch.insert(key.clone(), Value::Null);
                } else {
                    let inner = undo(now, wrote, before);
                    if !inner.is_empty() {
                        patch.insert(key.clone(), Value::Object(inner));
                    }
                }
            }
            _ if now == wrote => {
                patch.insert(key.clone(), before.clone());
            }
            _ => {}
        }
    }
    patch
}

fn claude_endpoints(settings: &Value) -> Vec<String> {
    let get = |name: &&str| {
        let value = settings.get("env")?.get(*name)?.as_str()?;
        (!value.is_empty()).then(|| value.to_owned())
    };
    let enabled = get(&"CLAUDE_CODE_ENABLE_TELEMETRY").is_some_and(|value| value != "0" && value != "false");
    let other = CLAUDE_EXPORTERS
        .iter()
        .filter_map(get)
        .find(|value| value.split(',').any(|exporter| !matches!(exporter.trim(), "otlp" | "none" | "")));
    let mut found: Vec<String> = CLAUDE_ENDPOINTS.iter().filter_map(get).collect();
    found.extend(other.map(|exporter| format!("the exporter {exporter}")));
    // An endpoint alone sends nothing, yet somebody wrote it there: it stays.
    if !enabled && found.iter().all(|endpoint| endpoint.is_empty()) {
        found.clear();
    }
    found
}

fn gemini_endpoints(settings: &Value) -> Vec<String> {
    let get = |name: &str| settings.get("telemetry")?.get(name).cloned();
    if get("enabled") != Some(Value::Bool(true)) {
        return Vec::new();
    }
    let text = |name: &str| get(name).and_then(|value| value.as_str().map(str::to_owned));
    let mut found = Vec::new();
    found.extend(text("outfile").filter(|file| !file.is_empty()).map(|file| format!("the file {file}")));
    found.extend(text("target").filter(|target| target == "gcp").map(|_| "Google Cloud".to_owned()));
    found.push(text("otlpEndpoint").unwrap_or_else(|| "http://localhost:4317".to_owned()));
    found
}
