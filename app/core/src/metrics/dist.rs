//! How long things took: a count, a sum and buckets that grow by a factor, so that a thousand values take no more than ten.

use crate::telemetry::Histogram;
use magia_protocol::wire::metrics::SpreadInfo;
use serde::{Deserialize, Serialize};

/// Buckets: the first ends at 1 ms, each further one at 1.5 times the one before, the last holds all beyond 4 hours.
const BUCKETS: usize = 42;
/// How much wider each bucket is than the one before.
const FACTOR: f64 = 1.5;

/// A distribution of milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dist {
    /// Values.
    pub count: u64,
    /// Milliseconds, of all of them.
    pub sum: f64,
    /// The longest.
    pub max: f64,
    /// Values per bucket; buckets behind the last with a value are left out.
    buckets: Vec<u64>,
}

impl Dist {
    /// One value. What is no length of time is left out.
    pub fn add(&mut self, ms: f64) {
        if ms.is_finite() && ms >= 0.0 {
            self.count += 1;
            self.sum += ms;
            self.max = self.max.max(ms);
            self.add_to(bucket(ms), 1);
        }
    }

    /// What a histogram grew by, its values made milliseconds by `factor`. A histogram's bucket counts as its middle.
    pub fn add_histogram(&mut self, histogram: &Histogram, factor: f64) {
        self.count += histogram.count;
        self.sum += (histogram.sum * factor).max(0.0);
        let mean = if histogram.count > 0 { histogram.sum / histogram.count as f64 } else { 0.0 };
        if histogram.counts.is_empty() {
            self.add_to(bucket(mean * factor), histogram.count);
            self.max = self.max.max(histogram.max.unwrap_or(mean) * factor);
            return;
        }
        let mut lower = 0.0;
        let ends = histogram.bounds.iter().copied().map(Some).chain(std::iter::once(None));
        for (count, upper) in histogram.counts.iter().zip(ends) {
            let top = upper.or(histogram.max).unwrap_or(lower).max(lower);
            if *count > 0 {
                // One value alone is its own mean.
                let middle = if histogram.count == *count { mean } else { f64::midpoint(lower, top) };
                self.add_to(bucket(middle * factor), *count);
                self.max = self.max.max(histogram.max.map_or(middle, |max| max.min(top)) * factor);
            }
            lower = top;
        }
    }

    /// All values of another one too.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
        for (at, count) in other.buckets.iter().enumerate() {
            self.add_to(at, *count);
        }
    }

    /// The value that this part of all is not longer than, about.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let all: u64 = self.buckets.iter().sum();
        let wanted = (part * all as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && *count > 0 {
                let top = FACTOR.powi(at as i32);
                let bottom = if at == 0 { 0.0 } else { top / FACTOR };
                let into = 1.0 - (seen - wanted) as f64 / *count as f64;
                return Some((bottom + (top - bottom) * into).min(self.max));
            }
        }
        None
    }

    /// As it is shown; `None` when nothing was measured.
    pub fn info(&self) -> Option<SpreadInfo> {
        (self.count > 0).then(|| SpreadInfo {
            count: self.count,
            sum_ms: round(self.sum),
            p50_ms: round(self.quantile(0.5).unwrap_or_default()),
            p95_ms: round(self.quantile(0.95).unwrap_or_default()),
            max_ms: round(self.max),
        })
    }

    fn add_to(&mut self, at: usize, count: u64) {
        let at = at.min(BUCKETS - 1);
        if self.buckets.len() <= at {
            self.buckets.resize(at + 1, 0);
        }
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket += count;
        }
    }
}

fn bucket(ms: f64) -> usize {
    if ms <= 1.0 { 0 } else { (ms.ln() / FACTOR.ln()).ceil() as usize }
}

/// A tenth of a millisecond is more than any clock here tells.
fn round(ms: f64) -> f64 {
    (ms * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_about_right() {
        let mut dist = Dist::default();
        for ms in 1..=1_000 {
            dist.add(f64::from(ms));
        }
        let near = |part, wanted: f64| {
            let got = dist.quantile(part).unwrap();
            assert!((got - wanted).abs() / wanted < 0.1, "{part}: {got}, not {wanted}");
        };
        near(0.5, 500.0);
        near(0.95, 950.0);
        assert_eq!(dist.quantile(1.0), Some(1_000.0));
        assert_eq!((dist.count, dist.sum, dist.max), (1_000, 500_500.0, 1_000.0));
        assert_eq!(Dist::default().quantile(0.5), None);
    }

    #[test]
    fn what_is_no_time_is_left_out() {
        let mut dist = Dist::default();
        for ms in [f64::NAN, f64::INFINITY, -1.0] {
            dist.add(ms);
        }
        assert_eq!(dist, Dist::default());
        dist.add(0.0);
        dist.add(1e12);
        assert_eq!((dist.count, dist.buckets.len()), (2, BUCKETS));
        assert!(dist.quantile(0.1).is_some_and(|ms| ms <= 1.0));
    }

    #[test]
    fn histograms_of_agents_come_out_as_they_went_in() {
        let histogram = Histogram {
            count: 3,
            sum: 1.65,
            max: None,
            bounds: vec![0.1, 0.5, 1.0],
            counts: vec![1, 0, 2, 0],
        };
        let mut dist = Dist::default();
        dist.add_histogram(&histogram, 1_000.0);
        assert_eq!((dist.count, dist.sum), (3, 1_650.0));
        assert!(dist.quantile(0.9).unwrap() > 500.0 && dist.quantile(0.3).unwrap() < 100.0);
        let bare = Histogram { count: 2, sum: 40.0, ..Histogram::default() };
        let mut dist = Dist::default();
        dist.add_histogram(&bare, 1.0);
        assert_eq!((dist.count, dist.max), (2, 20.0));
        let mut both = dist.clone();
        both.merge(&dist);
        assert_eq!((both.count, both.sum, both.max), (4, 80.0, 20.0));
    }
}
