//! Series: one sum each, whatever way its points count. A series is a metric with one set of attributes of one sender.

use crate::telemetry::{Attributes, Data, Histogram, Point, Temporality, Value};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Series that are remembered. Beyond it those that were silent longest are forgotten: a series that counts from one
/// start would be counted anew if it spoke again.
pub const SERIES_MAX: usize = 8_192;

/// A series' name: a hash, since its attributes may take a thousand bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey(u128);

impl SeriesKey {
    /// The series of a point of this sender. Attributes are a set: their order says nothing.
    pub fn of(sender: &str, point: &Point) -> Self {
        let mut hash = Fnv::new();
        hash.text(sender);
        hash.text(&point.metric);
        hash.attributes(&point.attributes);
        Self(hash.0)
    }

    /// As text, for the store.
    pub fn text(self) -> String {
        format!("{:032x}", self.0)
    }

    /// Of [`Self::text`].
    pub fn read(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16).ok().map(Self)
    }
}

/// What tells a log record from all others.
pub(super) fn mark(time_ns: u64, name: &str, attributes: &Attributes) -> u64 {
    let mut hash = Fnv::new();
    hash.bytes(&time_ns.to_le_bytes());
    hash.text(name);
    hash.attributes(attributes);
    hash.0 as u64
}

/// FNV-1a with 128 bits: the same in every build, for its values are stored.
struct Fnv(u128);

impl Fnv {
    const fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    /// A text and its end.
    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0xff]);
    }

    fn attributes(&mut self, attributes: &Attributes) {
        let mut sorted: Vec<&(String, Value)> = attributes.0.iter().collect();
        sorted.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for (name, value) in sorted {
            self.text(name);
            match value {
                Value::Text(text) => self.text(text),
                Value::Int(number) => self.bytes(&number.to_le_bytes()),
                Value::Double(number) => self.bytes(&number.to_bits().to_le_bytes()),
                Value::Bool(flag) => self.bytes(&[u8::from(*flag)]),
            }
        }
    }
}

/// What is known of a series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// Since when its last point counted.
    pub start_ns: u64,
    /// When its last point was taken.
    pub time_ns: u64,
    /// Whether its last point counted from a start.
    pub cumulative: bool,
    /// All that it told of.
    pub total: f64,
    /// Values of a histogram, of all that it told of.
    pub count: u64,
    /// What the last point said, when it counted from a start.
    pub last: f64,
    /// Values of the last histogram.
    pub last_count: u64,
    /// Buckets of the last histogram.
    pub last_buckets: Vec<u64>,
}

/// What a point adds to its series.
#[derive(Clone, Debug, PartialEq)]
pub enum Growth {
    /// A sum grew by so much.
    Sum(f64),
    /// A histogram grew by this.
    Histogram(Histogram),
    /// A value is this now.
    Gauge(f64),
}

impl Series {
    /// Takes a point: what it adds. `None` when it adds nothing: it was sent again, or is older than the last.
    fn take(&mut self, point: &Point) -> Option<Growth> {
        match &point.data {
            Data::Gauge(value) => {
                let late = point.time_ns > 0 && point.time_ns < self.time_ns;
                self.time_ns = self.time_ns.max(point.time_ns);
                (!late).then_some(Growth::Gauge(*value))
            }
            Data::Sum { temporality, monotonic, value } => {
                let added = match self.step(point, *temporality)? {
                    Step::Added => *value,
                    Step::Anew => *value - self.total,
                    // A counter that fell began anew, whatever its start says.
                    Step::Since if *monotonic && *value < self.last => *value,
                    Step::Since => *value - self.last,
                };
                let added = if *monotonic { added.max(0.0) } else { added };
                self.note(point, *temporality);
                self.last = *value;
                self.total += added;
                (added != 0.0).then_some(Growth::Sum(added))
            }
            Data::Histogram { temporality, histogram } => {
                let added = match self.step(point, *temporality)? {
                    Step::Added | Step::Anew => histogram.clone(),
                    Step::Since if histogram.count < self.last_count => histogram.clone(),
                    Step::Since => self.grown(histogram),
                };
                self.note(point, *temporality);
                self.last = histogram.sum;
                self.last_count = histogram.count;
                self.last_buckets.clone_from(&histogram.counts);
                self.total += added.sum;
                self.count += added.count;
                (added.count > 0).then_some(Growth::Histogram(added))
            }
        }
    }

    /// How a point stands to the last one.
    fn step(&self, point: &Point, temporality: Temporality) -> Option<Step> {
        let again = self.time_ns > 0 && point.time_ns <= self.time_ns;
        match temporality {
            // An export whose answer was lost is sent again, with the same times. A delta that is merely older than
            // the last was late, and counts.
            Temporality::Delta => {
                let same = point.time_ns == self.time_ns && point.start_ns == self.start_ns;
                (!(same && self.time_ns > 0 && !self.cumulative)).then_some(Step::Added)
            }
            Temporality::Cumulative if again && self.cumulative && point.start_ns <= self.start_ns => None,
            Temporality::Cumulative if self.time_ns == 0 => Some(Step::Added),
            Temporality::Cumulative if !self.cumulative => {
                // Deltas until now: if it counts since before them, they are in it.
                let since = if point.start_ns >= self.time_ns { Step::Added } else { Step::Anew };
                Some(since)
            }
            Temporality::Cumulative if point.start_ns > self.start_ns => Some(Step::Added),
            Temporality::Cumulative => Some(Step::Since),
        }
    }

    fn note(&mut self, point: &Point, temporality: Temporality) {
        self.start_ns = point.start_ns;
        self.time_ns = match temporality {
            Temporality::Delta => self.time_ns.max(point.time_ns),
            Temporality::Cumulative => point.time_ns,
        };
        self.cumulative = temporality == Temporality::Cumulative;
    }

    /// What a histogram has more than the last.
    fn grown(&self, histogram: &Histogram) -> Histogram {
        let same_buckets = histogram.counts.len() == self.last_buckets.len();
        let counts = histogram.counts.iter().zip(&self.last_buckets);
        Histogram {
            count: histogram.count.saturating_sub(self.last_count),
            sum: (histogram.sum - self.last).max(0.0),
            // Of the new values alone it is not known.
            max: None,
            bounds: if same_buckets { histogram.bounds.clone() } else { Vec::new() },
            counts: match same_buckets {
                true => counts.map(|(now, before)| now.saturating_sub(*before)).collect(),
                false => Vec::new(),
            },
        }
    }
}

/// How a point counts.
enum Step {
    /// All that it says is new.
    Added,
    /// It counts from a start, and what was told before is in it.
    Anew,
    /// What it says more than the last.
    Since,
}

/// All series.
#[derive(Clone, Debug, Default)]
pub struct AllSeries {
    series: HashMap<SeriesKey, (Series, u64)>,
    /// Series that were forgotten for want of room.
    pub forgotten: u64,
}

impl AllSeries {
    /// Takes a point of a series; `at_ms` is now.
    pub fn take(&mut self, key: SeriesKey, point: &Point, at_ms: u64) -> Option<Growth> {
        if self.series.len() >= SERIES_MAX && !self.series.contains_key(&key) {
            self.forget();
        }
        let (series, heard_ms) = self.series.entry(key).or_default();
        *heard_ms = at_ms;
        series.take(point)
    }

    /// A series, when it counts from a start: only that one's past matters after a restart.
    pub fn to_store(&self, key: SeriesKey) -> Option<&Series> {
        self.series.get(&key).map(|(series, _)| series).filter(|series| series.cumulative)
    }

    /// Puts back what was stored.
    pub fn restore(&mut self, key: SeriesKey, series: Series, at_ms: u64) {
        self.series.entry(key).or_insert((series, at_ms));
    }

    /// Forgets a quarter, those that were silent longest.
    fn forget(&mut self) {
        let mut times: Vec<u64> = self.series.values().map(|(_, heard_ms)| *heard_ms).collect();
        times.sort_unstable();
        let before = times.get(times.len() / 4).copied().unwrap_or_default();
        let had = self.series.len();
        let mut room = had / 4 + 1;
        self.series.retain(|_, (_, heard_ms)| {
            let goes = *heard_ms <= before && room > 0;
            room -= usize::from(goes);
            !goes
        });
        self.forgotten += (had - self.series.len()) as u64;
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Temporality::{Cumulative, Delta};

    fn point(temporality: Temporality, start_ns: u64, time_ns: u64, value: f64) -> Point {
        Point {
            metric: "m".into(),
            unit: "".into(),
            attributes: Attributes::default(),
            start_ns,
            time_ns,
            data: Data::Sum { temporality, monotonic: true, value },
        }
    }

    /// Takes points of one series: what each adds, then all of it.
    #[track_caller]
    fn check(points: &[Point], adds: &[f64]) {
        let mut series = Series::default();
        let got: Vec<f64> = points
            .iter()
            .map(|point| match series.take(point) {
                Some(Growth::Sum(added)) => added,
                None => 0.0,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(got, adds);
        assert!((series.total - adds.iter().sum::<f64>()).abs() < 1e-9);
    }

    #[test]
    fn deltas_add_up_and_one_sent_again_counts_once() {
        check(&[point(Delta, 0, 10, 5.0), point(Delta, 10, 20, 7.0)], &[5.0, 7.0]);
        check(&[point(Delta, 5, 10, 5.0), point(Delta, 5, 10, 5.0)], &[5.0, 0.0]);
        // Late, yet another stretch of time.
        check(&[point(Delta, 10, 20, 5.0), point(Delta, 0, 10, 2.0)], &[5.0, 2.0]);
        check(&[point(Delta, 0, 10, -5.0)], &[0.0]);
        // No times at all: every point counts.
        check(&[point(Delta, 0, 0, 1.0), point(Delta, 0, 0, 1.0)], &[1.0, 1.0]);
    }

    #[test]
    fn cumulative_sums_count_what_is_new_and_begin_anew_after_a_reset() {
        check(&[point(Cumulative, 1, 10, 5.0), point(Cumulative, 1, 20, 12.0)], &[5.0, 7.0]);
        // Again, and one that was overtaken.
        check(
            &[point(Cumulative, 1, 20, 12.0), point(Cumulative, 1, 20, 12.0), point(Cumulative, 1, 10, 5.0)],
            &[12.0, 0.0, 0.0],
        );
        // A new start, told and not told.
        check(&[point(Cumulative, 1, 10, 5.0), point(Cumulative, 11, 20, 6.0)], &[5.0, 6.0]);
        check(&[point(Cumulative, 1, 10, 5.0), point(Cumulative, 1, 20, 2.0)], &[5.0, 2.0]);
        // The clock went back with the restart.
        check(&[point(Cumulative, 100, 200, 5.0), point(Cumulative, 100, 300, 9.0)], &[5.0, 4.0]);
    }

    #[test]
    fn a_series_may_change_how_it_counts() {
        check(&[point(Cumulative, 1, 10, 5.0), point(Delta, 10, 20, 3.0)], &[5.0, 3.0]);
        check(&[point(Delta, 1, 10, 5.0), point(Cumulative, 1, 20, 9.0)], &[5.0, 4.0]);
        check(&[point(Delta, 1, 10, 5.0), point(Cumulative, 10, 20, 4.0)], &[5.0, 4.0]);
    }

    #[test]
    fn a_sum_that_may_fall_falls() {
        let fall = |value, time_ns| Point {
            data: Data::Sum { temporality: Cumulative, monotonic: false, value },
            ..point(Cumulative, 1, time_ns, 0.0)
        };
        let mut series = Series::default();
        assert_eq!(series.take(&fall(5.0, 10)), Some(Growth::Sum(5.0)));
        assert_eq!(series.take(&fall(2.0, 20)), Some(Growth::Sum(-3.0)));
    }

    #[test]
    fn histograms_count_likewise() {
        let told = |time_ns, count: u64, sum, counts: &[u64]| Point {
            data: Data::Histogram {
                temporality: Cumulative,
                histogram: Histogram {
                    count,
                    sum,
                    max: Some(9.0),
                    bounds: vec![1.0],
                    counts: counts.to_vec(),
                },
            },
            ..point(Cumulative, 1, time_ns, 0.0)
        };
        let mut series = Series::default();
        let Some(Growth::Histogram(first)) = series.take(&told(10, 2, 4.0, &[1, 1])) else { panic!("none") };
        assert_eq!((first.count, first.max), (2, Some(9.0)));
        let Some(Growth::Histogram(second)) = series.take(&told(20, 5, 9.0, &[1, 4])) else { panic!("none") };
        assert_eq!((second.count, second.sum, second.counts), (3, 5.0, vec![0, 3]));
        assert_eq!(series.take(&told(20, 5, 9.0, &[1, 4])), None);
        let Some(Growth::Histogram(anew)) = series.take(&told(30, 1, 2.0, &[1, 0])) else { panic!("none") };
        assert_eq!((anew.count, series.count), (1, 6));
    }

    #[test]
    fn attributes_are_a_set_and_senders_are_apart() {
        let with = |names: &[(&str, i64)]| Point {
            attributes: Attributes(
                names.iter().map(|(name, value)| ((*name).to_owned(), Value::Int(*value))).collect(),
            ),
            ..point(Delta, 0, 0, 0.0)
        };
        let key = |sender, names: &[(&str, i64)]| SeriesKey::of(sender, &with(names));
        assert_eq!(key("a", &[("x", 1), ("y", 2)]), key("a", &[("y", 2), ("x", 1)]));
        assert_ne!(key("a", &[("x", 1)]), key("a", &[("x", 2)]));
        assert_ne!(key("a", &[("x", 1)]), key("b", &[("x", 1)]));
        let one = key("a", &[]);
        assert_eq!(SeriesKey::read(&one.text()), Some(one));
    }

    #[test]
    fn the_silent_ones_make_room() {
        let mut all = AllSeries::default();
        for number in 0..SERIES_MAX as u64 + 1_000 {
            all.take(SeriesKey(u128::from(number)), &point(Delta, 0, 0, 1.0), number);
        }
        assert!(all.len() <= SERIES_MAX);
        assert!(all.forgotten >= 1_000 && !all.series.contains_key(&SeriesKey(0)));
        assert!(all.series.contains_key(&SeriesKey(SERIES_MAX as u128 + 999)));
    }
}
