//! One owner's metrics as a row of the store: sums, and the state of the series that count from a start, so that a restart
//! counts nothing twice.

use super::recent::Recent;
use super::series::{Series, SeriesKey};
use super::tally::Tally;
use super::{Metrics, Owner, SessionMetrics};
use serde::{Deserialize, Serialize};

/// Series whose state one row holds.
const SERIES_MAX: usize = 512;

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMetrics {
    /// Whose.
    pub owner: Owner,
    /// When something was last told, milliseconds since 1970.
    pub updated_ms: u64,
    /// The rest, as JSON.
    pub document: String,
}

/// What [`StoredMetrics::document`] holds. What is missing is empty; what a newer magia added is lost.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Document {
    since_ms: u64,
    context_tokens: f64,
    context_model: String,
    metrics: Tally,
    logs: Tally,
    spans: Tally,
    recent: Recent,
    series: Vec<(String, Series)>,
}

impl Metrics {
    /// The rows that changed since this was last asked.
    pub fn take_unstored(&mut self) -> Vec<StoredMetrics> {
        let owners = std::mem::take(&mut self.unstored);
        owners.into_iter().filter_map(|owner| self.row(owner)).collect()
    }

    fn row(&mut self, owner: Owner) -> Option<StoredMetrics> {
        let session = self.sessions.get_mut(&owner)?;
        session.cumulative.retain(|key| self.series.to_store(*key).is_some());
        let [metrics, logs, spans] = session.tallies.clone();
        let series = session.cumulative.iter().filter_map(|key| {
            let series = self.series.to_store(*key)?;
            Some((key.text(), series.clone()))
        });
        let document = Document {
            since_ms: session.since_ms,
            context_tokens: session.context_tokens,
            context_model: session.context_model.clone(),
            metrics,
            logs,
            spans,
            recent: session.recent.clone(),
            series: series.take(SERIES_MAX).collect(),
        };
        let document = serde_json::to_string(&document).ok()?;
        Some(StoredMetrics { owner, updated_ms: session.updated_ms, document })
    }

    /// Puts back what was stored. What was heard meanwhile is added to it.
    pub fn restore(&mut self, stored: StoredMetrics) {
        let Ok(document) = serde_json::from_str::<Document>(&stored.document) else { return };
        let mut cumulative = std::collections::BTreeSet::new();
        for (key, series) in document.series {
            if let Some(key) = SeriesKey::read(&key) {
                cumulative.insert(key);
                self.series.restore(key, series, stored.updated_ms);
            }
        }
        let before = SessionMetrics {
            tallies: [document.metrics, document.logs, document.spans],
            updated_ms: stored.updated_ms,
            since_ms: document.since_ms,
            context_tokens: document.context_tokens,
            context_model: document.context_model,
            recent: document.recent,
            cumulative,
            ..SessionMetrics::default()
        };
        self.unshown.insert(stored.owner.clone());
        self.sessions.entry(stored.owner).or_insert(before);
    }
}

#[cfg(test)]
mod tests {
    use super::super::series;
    use super::*;
    use crate::telemetry::{Attributes, Batch, Data, Export, Items, Point, Temporality, Value};
    use magia_protocol::wire::{Provider, ProviderSessionId};
    use std::sync::Arc;

    /// One series of a session, counted since its start.
    fn point(session: &str, series: usize) -> Export {
        let text = |text: &str| Value::Text(text.to_owned());
        let named = [("session.id", text(session)), ("type", text(&series.to_string()))];
        let point = Point {
            metric: "gemini_cli.token.usage".into(),
            unit: "".into(),
            attributes: Attributes(named.map(|(name, value)| (name.to_owned(), value)).to_vec()),
            start_ns: 1,
            time_ns: 2,
            data: Data::Sum { temporality: Temporality::Cumulative, monotonic: true, value: 1.0 },
        };
        let items = Items::Points(vec![point]);
        Export { batches: vec![Batch { resource: Arc::default(), scope: String::new(), items }] }
    }

    #[test]
    fn a_series_that_was_forgotten_is_forgotten_by_its_session_too() {
        let mut metrics = Metrics::default();
        metrics.take(&point("silent", 0), 1);
        for number in 0..=series::SERIES_MAX {
            metrics.take(&point("loud", number), 2);
        }
        metrics.take_unstored();
        let keys = |session: &str| {
            let session = Some(ProviderSessionId(session.to_owned()));
            metrics.get(&Owner { provider: Provider::Gemini, session }).map(|known| known.cumulative.len())
        };
        assert_eq!(keys("silent"), Some(0));
        assert_eq!(keys("loud"), Some(metrics.footprint().0));
    }
}
