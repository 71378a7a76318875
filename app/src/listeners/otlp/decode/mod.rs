//! OTLP to the core's own values. What cannot be counted is left out and said; a message that is none is an error.

mod json;
mod proto;

pub(super) use proto::{logs, metrics, traces};

use magia_core::telemetry::{Data, Export, Histogram};

/// Values that are longer than this are cut: no agent counts by a longer one, and prompts may be of any length.
pub(super) const TEXT_MAX: usize = 4 * 1024;
/// Buckets of a histogram that are read.
pub(super) const BUCKETS_MAX: usize = 512;

/// A kind of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Metrics.
    Metrics,
    /// Log records.
    Logs,
    /// Spans.
    Traces,
}

impl Signal {
    /// Every signal.
    pub(super) const ALL: [Self; 3] = [Self::Metrics, Self::Logs, Self::Traces];

    /// Where it is posted.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Metrics => "/v1/metrics",
            Self::Logs => "/v1/logs",
            Self::Traces => "/v1/traces",
        }
    }

    /// The field of a partial success that counts what was rejected, in JSON.
    pub(super) const fn rejected_field(self) -> &'static str {
        match self {
            Self::Metrics => "rejectedDataPoints",
            Self::Logs => "rejectedLogRecords",
            Self::Traces => "rejectedSpans",
        }
    }
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Protobuf.
    Proto,
    /// JSON.
    Json,
}

impl Form {
    /// Its content type.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Proto => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// A message, understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Decoded {
    /// What can be counted.
    pub(super) export: Export,
    /// Items that cannot.
    pub(super) rejected: u64,
    /// Why not, of the last one.
    pub(super) why: &'static str,
}

impl Decoded {
    pub(super) fn reject(&mut self, why: &'static str) {
        self.rejected += 1;
        self.why = why;
    }
}

/// Reads a body.
///
/// # Errors
/// It is not written as it says; the sentence names no content.
pub(super) fn decode(signal: Signal, form: Form, body: &[u8]) -> Result<Decoded, String> {
    match (form, signal) {
        (Form::Proto, Signal::Metrics) => read(body).map(metrics),
        (Form::Proto, Signal::Logs) => read(body).map(logs),
        (Form::Proto, Signal::Traces) => read(body).map(traces),
        (Form::Json, _) => json::decode(signal, body),
    }
}

fn read<M: prost::Message + Default>(body: &[u8]) -> Result<M, String> {
    M::decode(body).map_err(|_| "the body is not the protobuf message of this path".to_owned())
}

/// At most [`TEXT_MAX`] bytes of a text.
pub(super) fn cut(mut text: String) -> String {
    if text.len() > TEXT_MAX {
        let mut end = TEXT_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.shrink_to_fit();
    }
    text
}

/// Whether a point's numbers are numbers.
fn is_sound(data: &Data) -> bool {
    match data {
        Data::Gauge(value) | Data::Sum { value, .. } => value.is_finite(),
        Data::Histogram { histogram: Histogram { sum, max, bounds, counts, .. }, .. } => {
            sum.is_finite()
                && max.is_none_or(f64::is_finite)
                && bounds.is_sorted()
                && bounds.iter().all(|bound| !bound.is_nan())
                && (counts.is_empty() || counts.len() == bounds.len() + 1)
        }
    }
}

/// A sum of counts that an exporter made up: it ends at the greatest number.
fn total<'a>(first: u64, counts: impl IntoIterator<Item = &'a u64>) -> u64 {
    counts.into_iter().fold(first, |sum, count| sum.saturating_add(*count))
}

/// The buckets of an exponential histogram with bounds of their own: `scale` says how fast they grow. Negative values
/// and zeros are in the first.
fn exponential(below: u64, scale: i32, offset: i32, counts: &[u64]) -> (Vec<f64>, Vec<u64>) {
    let base = 2_f64.powf(2_f64.powi(-scale.clamp(-10, 20)));
    let mut bounds = Vec::new();
    let mut buckets = vec![below];
    for (at, count) in counts.iter().take(BUCKETS_MAX).enumerate() {
        let at = i32::try_from(at).unwrap_or(i32::MAX);
        bounds.push(base.powi(offset.saturating_add(at)));
        buckets.push(*count);
    }
    if bounds.iter().all(|bound| bound.is_finite()) { (bounds, buckets) } else { (Vec::new(), Vec::new()) }
}

#[cfg(test)]
mod tests;
