//! Telemetry as it arrives: OTLP without its wire. A listener makes these values, [`crate::metrics`] reads them.

use std::sync::Arc;

/// What one export brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Export {
    /// One per resource and scope, in the order of the export.
    pub batches: Vec<Batch>,
}

impl Export {
    /// Points, log records and spans in it.
    pub fn len(&self) -> usize {
        self.batches.iter().map(|batch| batch.items.len()).sum()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What one scope of one resource brought.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Who sends.
    pub resource: Arc<Attributes>,
    /// The instrumentation's name.
    pub scope: String,
    /// What it says.
    pub items: Items,
}

/// One signal's items.
#[derive(Clone, Debug, PartialEq)]
pub enum Items {
    /// Data points of metrics.
    Points(Vec<Point>),
    /// Log records.
    Logs(Vec<Log>),
    /// Ended spans.
    Spans(Vec<Span>),
}

impl Items {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Points(points) => points.len(),
            Self::Logs(logs) => logs.len(),
            Self::Spans(spans) => spans.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An attribute's value. Lists, maps and bytes are not kept: no agent counts by them.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Yes or no.
    Bool(bool),
}

/// Attributes: a set, whatever order they come in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(pub Vec<(String, Value)>);

impl Attributes {
    /// A value.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A text that is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// A finite number. Codex, and Claude in part, send numbers as texts.
    pub fn number(&self, name: &str) -> Option<f64> {
        let number = match self.get(name)? {
            Value::Int(number) => *number as f64,
            Value::Double(number) => *number,
            Value::Text(text) => text.trim().parse().ok()?,
            Value::Bool(_) => return None,
        };
        number.is_finite().then_some(number)
    }

    /// Yes or no, also as a text.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }
}

/// Whether points tell what was added, or all since a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// Since the last point.
    Delta,
    /// Since the start.
    Cumulative,
}

/// One data point of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The metric's name.
    pub metric: Arc<str>,
    /// The metric's unit.
    pub unit: Arc<str>,
    /// What the point is about.
    pub attributes: Attributes,
    /// Since when it counts, nanoseconds since 1970; 0 is not said.
    pub start_ns: u64,
    /// When it was taken.
    pub time_ns: u64,
    /// What it says.
    pub data: Data,
}

/// What a point says.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// A value of now.
    Gauge(f64),
    /// A sum.
    Sum {
        /// How it counts.
        temporality: Temporality,
        /// Whether it only grows.
        monotonic: bool,
        /// The sum.
        value: f64,
    },
    /// A distribution.
    Histogram {
        /// How it counts.
        temporality: Temporality,
        /// The distribution.
        histogram: Histogram,
    },
}

/// A distribution by buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Values.
    pub count: u64,
    /// Of all of them.
    pub sum: f64,
    /// The greatest, when it was said.
    pub max: Option<f64>,
    /// Upper bounds of all buckets but the last, growing.
    pub bounds: Vec<f64>,
    /// Values per bucket: one more than bounds, or none.
    pub counts: Vec<u64>,
}

/// A log record.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// When it happened, nanoseconds since 1970; 0 is not said.
    pub time_ns: u64,
    /// The event's name as the agent gives it, with or without its prefix.
    pub name: String,
    /// What it says.
    pub attributes: Attributes,
}

/// An ended span.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The last eight bytes of its trace's id.
    pub trace: u64,
    /// Its id.
    pub id: u64,
    /// Whose child it is.
    pub parent: Option<u64>,
    /// Its name.
    pub name: String,
    /// Nanoseconds since 1970.
    pub start_ns: u64,
    /// Nanoseconds since 1970.
    pub end_ns: u64,
    /// Whether it failed.
    pub failed: bool,
    /// What it says.
    pub attributes: Attributes,
}

impl Span {
    /// How long it took, in milliseconds; nothing when its clock went back.
    pub fn took_ms(&self) -> Option<f64> {
        Some(self.end_ns.checked_sub(self.start_ns)? as f64 / 1e6)
    }
}
