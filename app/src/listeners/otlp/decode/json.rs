//! JSON by the rules of OTLP, and more forgiving: numbers may be texts and texts numbers, enumerations may be words, `null`
//! is nothing, unknown fields are passed over. Only what is counted is read.

use super::proto::{log_name, temporality};
use super::{BUCKETS_MAX, Decoded, Signal, cut, exponential, is_sound, total};
use magia_core::telemetry::{
    Attributes, Batch, Data, Histogram, Items, Log, Point, Span, Temporality, Value,
};
use magia_protocol::wire::paired;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// Bytes that the elements of one body's lists may become. Of what agents write it is less than six times the body; of `{},`
/// it would be a hundred times.
const ELEMENTS_MAX_BYTES: usize = 128 * 1024 * 1024;

thread_local! {
    /// What is left of that for the body which this thread reads.
    static MAY_BECOME: Cell<usize> = const { Cell::new(0) };
}

/// Reads a body.
pub(super) fn decode(signal: Signal, body: &[u8]) -> Result<Decoded, String> {
    MAY_BECOME.set(ELEMENTS_MAX_BYTES);
    let request: Request = serde_json::from_slice(&paired(body)).map_err(|err| {
        // Its own text would name content.
        format!("the body is not OTLP in JSON (line {}, column {})", err.line(), err.column())
    })?;
    let mut decoded = Decoded::default();
    let all = match signal {
        Signal::Metrics => request.resource_metrics,
        Signal::Logs => request.resource_logs,
        Signal::Traces => request.resource_spans,
    };
    for from in all.0 {
        let resource =
            Arc::new(from.resource.map(|resource| attributes(resource.attributes)).unwrap_or_default());
        let scopes = match signal {
            Signal::Metrics => from.scope_metrics,
            Signal::Logs => from.scope_logs,
            Signal::Traces => from.scope_spans,
        };
        for from in scopes.0 {
            let items = match signal {
                Signal::Metrics => Items::Points(points(from.metrics, &mut decoded)),
                Signal::Logs => Items::Logs(from.log_records.0.into_iter().map(log).collect()),
                Signal::Traces => Items::Spans(spans(from.spans, &mut decoded)),
            };
            let scope = from.scope.map(|scope| cut(scope.name.0)).unwrap_or_default();
            decoded.export.batches.push(Batch { resource: Arc::clone(&resource), scope, items });
        }
    }
    Ok(decoded)
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Request {
    resource_metrics: List<ByResource>,
    resource_logs: List<ByResource>,
    resource_spans: List<ByResource>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ByResource {
    resource: Option<Resource>,
    scope_metrics: List<ByScope>,
    scope_logs: List<ByScope>,
    scope_spans: List<ByScope>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Resource {
    attributes: List<Pair>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ByScope {
    scope: Option<Scope>,
    metrics: List<MetricJson>,
    log_records: List<LogJson>,
    spans: List<SpanJson>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Scope {
    name: Text,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct MetricJson {
    name: Text,
    unit: Text,
    gauge: Option<DataJson>,
    sum: Option<DataJson>,
    histogram: Option<DataJson>,
    exponential_histogram: Option<DataJson>,
    summary: Option<DataJson>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DataJson {
    data_points: List<PointJson>,
    aggregation_temporality: Number,
    is_monotonic: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PointJson {
    attributes: List<Pair>,
    start_time_unix_nano: Number,
    time_unix_nano: Number,
    as_double: Number,
    as_int: Number,
    count: Number,
    sum: Number,
    max: Number,
    bucket_counts: List<Number>,
    explicit_bounds: List<Number>,
    scale: Number,
    zero_count: Number,
    positive: Option<Buckets>,
    negative: Option<Buckets>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Buckets {
    offset: Number,
    bucket_counts: List<Number>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct LogJson {
    time_unix_nano: Number,
    observed_time_unix_nano: Number,
    event_name: Text,
    body: Any,
    attributes: List<Pair>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SpanJson {
    trace_id: Text,
    span_id: Text,
    parent_span_id: Text,
    name: Text,
    start_time_unix_nano: Number,
    end_time_unix_nano: Number,
    attributes: List<Pair>,
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: Number,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pair {
    key: Text,
    value: Any,
}

fn log(record: LogJson) -> Log {
    let attributes = attributes(record.attributes);
    let body = match record.body.0 {
        Some(Value::Text(text)) => text,
        _ => String::new(),
    };
    let time_ns = record.time_unix_nano.whole();
    Log {
        time_ns: if time_ns == 0 { record.observed_time_unix_nano.whole() } else { time_ns },
        name: log_name(&attributes, record.event_name.0, body),
        attributes,
    }
}

fn spans(from: List<SpanJson>, decoded: &mut Decoded) -> Vec<Span> {
    let mut spans = Vec::new();
    for from in from.0 {
        let (Some(trace), Some(id)) = (last_eight(&from.trace_id.0), last_eight(&from.span_id.0)) else {
            decoded.reject("a span without ids");
            continue;
        };
        spans.push(Span {
            trace,
            id,
            parent: last_eight(&from.parent_span_id.0),
            name: cut(from.name.0),
            start_ns: from.start_time_unix_nano.whole(),
            end_ns: from.end_time_unix_nano.whole(),
            failed: from.status.is_some_and(|status| status.code.whole() == 2),
            attributes: attributes(from.attributes),
        });
    }
    spans
}

/// The last eight bytes of an id in hexadecimal; zeros are none.
fn last_eight(id: &str) -> Option<u64> {
    let tail = id.get(id.len().checked_sub(16)?..)?;
    u64::from_str_radix(tail, 16).ok().filter(|id| *id != 0)
}

fn points(metrics: List<MetricJson>, decoded: &mut Decoded) -> Vec<Point> {
    let mut points = Vec::new();
    for metric in metrics.0 {
        if metric.name.0.is_empty() {
            decoded.reject("a metric without a name");
            continue;
        }
        let (name, unit): (Arc<str>, Arc<str>) = (cut(metric.name.0).into(), cut(metric.unit.0).into());
        let data = [
            (Kind::Gauge, metric.gauge),
            (Kind::Sum, metric.sum),
            (Kind::Histogram, metric.histogram),
            (Kind::Exponential, metric.exponential_histogram),
            (Kind::Summary, metric.summary),
        ];
        let Some((kind, data)) = data.into_iter().find_map(|(kind, data)| Some((kind, data?))) else {
            decoded.reject("a metric without data");
            continue;
        };
        let temporality = temporality(i32::try_from(data.aggregation_temporality.whole()).unwrap_or(0));
        let monotonic = data.is_monotonic == Some(true);
        for point in data.data_points.0 {
            let (start_ns, time_ns) = (point.start_time_unix_nano.whole(), point.time_unix_nano.whole());
            match value(kind, temporality, monotonic, &point) {
                Some(data) if is_sound(&data) => points.push(Point {
                    metric: Arc::clone(&name),
                    unit: Arc::clone(&unit),
                    attributes: attributes(point.attributes),
                    start_ns,
                    time_ns,
                    data,
                }),
                Some(_) => decoded.reject("a point whose numbers are none"),
                None => decoded.reject("a point without a value"),
            }
        }
    }
    points
}

/// A kind of metric.
#[derive(Clone, Copy)]
enum Kind {
    Gauge,
    Sum,
    Histogram,
    Exponential,
    Summary,
}

fn value(kind: Kind, temporality: Option<Temporality>, monotonic: bool, point: &PointJson) -> Option<Data> {
    let number = || point.as_double.0.or(point.as_int.0).map(Num::double);
    let histogram = |bounds: Vec<f64>, counts: Vec<u64>| Histogram {
        count: point.count.whole(),
        sum: point.sum.0.map(Num::double).unwrap_or_default(),
        max: point.max.0.map(Num::double),
        bounds,
        counts,
    };
    let wholes = |list: &List<Number>| list.0.iter().map(|number| number.whole()).collect::<Vec<u64>>();
    match kind {
        Kind::Gauge => number().map(Data::Gauge),
        Kind::Sum => Some(Data::Sum { temporality: temporality?, monotonic, value: number()? }),
        Kind::Histogram => {
            let (bounds, counts) = if point.bucket_counts.0.len() <= BUCKETS_MAX {
                let bounds = point.explicit_bounds.0.iter().filter_map(|bound| bound.0.map(Num::double));
                (bounds.collect(), wholes(&point.bucket_counts))
            } else {
                (Vec::new(), Vec::new())
            };
            Some(Data::Histogram { temporality: temporality?, histogram: histogram(bounds, counts) })
        }
        Kind::Exponential => {
            let negative = point.negative.as_ref().map(|buckets| wholes(&buckets.bucket_counts));
            let below = total(point.zero_count.whole(), negative.iter().flatten());
            let (bounds, counts) = match &point.positive {
                Some(buckets) => {
                    let counts = wholes(&buckets.bucket_counts);
                    exponential(below, point.scale.small(), buckets.offset.small(), &counts)
                }
                None => (Vec::new(), Vec::new()),
            };
            Some(Data::Histogram { temporality: temporality?, histogram: histogram(bounds, counts) })
        }
        Kind::Summary => Some(Data::Histogram {
            temporality: Temporality::Cumulative,
            histogram: histogram(Vec::new(), Vec::new()),
        }),
    }
}

fn attributes(pairs: List<Pair>) -> Attributes {
    let values = pairs.0.into_iter().filter_map(|pair| Some((cut(pair.key.0), pair.value.0?)));
    Attributes(values.collect())
}

/// A list; `null` is an empty one.
struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_option(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_none<E: Error>(self) -> Result<List<T>, E> {
        Ok(List::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<List<T>, D::Error> {
        from.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = from.next_element()? {
            let left = MAY_BECOME.get().checked_sub(size_of::<T>());
            MAY_BECOME.set(left.ok_or_else(|| A::Error::custom("more than any agent sends"))?);
            list.push(element);
        }
        Ok(List(list))
    }
}

/// A text; `null` is an empty one.
#[derive(Default)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<String>::deserialize(from)?.unwrap_or_default()))
    }
}

/// A number as it was written: nanoseconds do not fit into a floating point.
#[derive(Clone, Copy)]
enum Num {
    Whole(i64),
    Large(u64),
    Double(f64),
}

impl Num {
    fn double(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Large(number) => number as f64,
            Self::Double(number) => number,
        }
    }
}

/// A number, also as a text or as an enumeration's word; `null` is none.
#[derive(Clone, Copy, Default)]
struct Number(Option<Num>);

impl Number {
    /// As a count or a time; what is none is 0.
    fn whole(self) -> u64 {
        match self.0 {
            Some(Num::Whole(number)) => u64::try_from(number).unwrap_or(0),
            Some(Num::Large(number)) => number,
            Some(Num::Double(number)) => number as u64,
            None => 0,
        }
    }

    fn small(self) -> i32 {
        match self.0 {
            Some(Num::Whole(number)) => i32::try_from(number).unwrap_or(0),
            _ => 0,
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl<'de> Visitor<'de> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
        Ok(Number(Some(Num::Whole(number))))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
        Ok(Number(Some(i64::try_from(number).map_or(Num::Large(number), Num::Whole))))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
        Ok(Number(Some(Num::Double(number))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
        let number = match text {
            "AGGREGATION_TEMPORALITY_DELTA" => Num::Whole(1),
            "AGGREGATION_TEMPORALITY_CUMULATIVE" | "STATUS_CODE_ERROR" => Num::Whole(2),
            "AGGREGATION_TEMPORALITY_UNSPECIFIED" | "STATUS_CODE_UNSET" | "STATUS_CODE_OK" => Num::Whole(0),
            text => match (text.parse::<i64>(), text.parse::<u64>(), text.parse::<f64>()) {
                (Ok(number), ..) => Num::Whole(number),
                (_, Ok(number), _) => Num::Large(number),
                // `NaN` and `Infinity` too, which are refused as values.
                (.., Ok(number)) => Num::Double(number),
                _ => return Err(E::invalid_value(de::Unexpected::Other("a text"), &self)),
            },
        };
        Ok(Number(Some(number)))
    }

    fn visit_unit<E: Error>(self) -> Result<Number, E> {
        Ok(Number(None))
    }
}

/// An attribute's value: the field that is known; nothing of lists and maps.
#[derive(Default)]
struct Any(Option<Value>);

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyVisitor)
    }
}

/// The fields of a value that are read.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    StringValue,
    BoolValue,
    IntValue,
    DoubleValue,
    #[serde(other)]
    Other,
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Any;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with stringValue, intValue, doubleValue or boolValue")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Any, A::Error> {
        let mut value = None;
        while let Some(field) = map.next_key::<Field>()? {
            match field {
                Field::StringValue => value = Some(Value::Text(cut(map.next_value::<Text>()?.0))),
                Field::BoolValue => value = map.next_value::<Option<bool>>()?.map(Value::Bool),
                Field::IntValue => {
                    value = match map.next_value::<Number>()?.0 {
                        Some(Num::Whole(number)) => Some(Value::Int(number)),
                        Some(number) => Some(Value::Double(number.double())),
                        None => None,
                    };
                }
                Field::DoubleValue => {
                    value = map.next_value::<Number>()?.0.map(|number| Value::Double(number.double()));
                }
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Any(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Any, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Any(None))
    }

    fn visit_unit<E: Error>(self) -> Result<Any, E> {
        Ok(Any(None))
    }
}
