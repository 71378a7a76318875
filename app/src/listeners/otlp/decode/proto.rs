//! Protobuf, and with it gRPC: texts are moved, not copied.

use super::{BUCKETS_MAX, Decoded, cut, exponential, is_sound, total};
use magia_core::telemetry::{
    Attributes, Batch, Data, Histogram, Items, Log, Point, Span, Temporality, Value,
};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use std::sync::Arc;

/// Metrics.
pub(in super::super) fn metrics(request: ExportMetricsServiceRequest) -> Decoded {
    let mut decoded = Decoded::default();
    for from in request.resource_metrics {
        let resource = resource(from.resource);
        for from in from.scope_metrics {
            let scope = from.scope.map(|scope| cut(scope.name)).unwrap_or_default();
            let mut points = Vec::new();
            for metric in from.metrics {
                points_of(metric, &mut points, &mut decoded);
            }
            let resource = Arc::clone(&resource);
            decoded.export.batches.push(Batch { resource, scope, items: Items::Points(points) });
        }
    }
    decoded
}

/// Log records.
pub(in super::super) fn logs(request: ExportLogsServiceRequest) -> Decoded {
    let mut decoded = Decoded::default();
    for from in request.resource_logs {
        let resource = resource(from.resource);
        for from in from.scope_logs {
            let scope = from.scope.map(|scope| cut(scope.name)).unwrap_or_default();
            let records = from.log_records.into_iter().map(|record| {
                let attributes = attributes(record.attributes);
                let body = match record.body.and_then(|body| body.value) {
                    Some(any_value::Value::StringValue(text)) => text,
                    _ => String::new(),
                };
                Log {
                    time_ns: match record.time_unix_nano {
                        0 => record.observed_time_unix_nano,
                        time_ns => time_ns,
                    },
                    name: log_name(&attributes, record.event_name, body),
                    attributes,
                }
            });
            let items = Items::Logs(records.collect());
            decoded.export.batches.push(Batch { resource: Arc::clone(&resource), scope, items });
        }
    }
    decoded
}

/// Spans.
pub(in super::super) fn traces(request: ExportTraceServiceRequest) -> Decoded {
    let mut decoded = Decoded::default();
    for from in request.resource_spans {
        let resource = resource(from.resource);
        for from in from.scope_spans {
            let scope = from.scope.map(|scope| cut(scope.name)).unwrap_or_default();
            let mut spans = Vec::new();
            for from in from.spans {
                let (Some(trace), Some(id)) = (last_eight(&from.trace_id), last_eight(&from.span_id)) else {
                    decoded.reject("a span without ids");
                    continue;
                };
                spans.push(Span {
                    trace,
                    id,
                    parent: last_eight(&from.parent_span_id),
                    name: cut(from.name),
                    start_ns: from.start_time_unix_nano,
                    end_ns: from.end_time_unix_nano,
                    failed: from.status.is_some_and(|status| status.code == StatusCode::Error as i32),
                    attributes: attributes(from.attributes),
                });
            }
            let resource = Arc::clone(&resource);
            decoded.export.batches.push(Batch { resource, scope, items: Items::Spans(spans) });
        }
    }
    decoded
}

/// The name of a log record's event: by its attribute, where all three agents put it, by its field (Codex keeps a place of
/// its source there), or by its body when that is short enough to be one.
pub(super) fn log_name(attributes: &Attributes, event_name: String, body: String) -> String {
    match attributes.text("event.name") {
        Some(name) => name.to_owned(),
        None if !event_name.is_empty() => cut(event_name),
        None if body.len() <= 128 => body,
        None => String::new(),
    }
}

/// The last eight bytes of an id; zeros are none.
fn last_eight(id: &[u8]) -> Option<u64> {
    let id = u64::from_be_bytes(*id.last_chunk::<8>()?);
    (id != 0).then_some(id)
}

fn resource(resource: Option<Resource>) -> Arc<Attributes> {
    Arc::new(resource.map(|resource| attributes(resource.attributes)).unwrap_or_default())
}

fn attributes(pairs: Vec<KeyValue>) -> Attributes {
    let values = pairs.into_iter().filter_map(|pair| Some((cut(pair.key), value(pair.value?)?)));
    Attributes(values.collect())
}

fn value(value: AnyValue) -> Option<Value> {
    match value.value? {
        any_value::Value::StringValue(text) => Some(Value::Text(cut(text))),
        any_value::Value::BoolValue(flag) => Some(Value::Bool(flag)),
        any_value::Value::IntValue(number) => Some(Value::Int(number)),
        any_value::Value::DoubleValue(number) => Some(Value::Double(number)),
        any_value::Value::ArrayValue(_)
        | any_value::Value::KvlistValue(_)
        | any_value::Value::BytesValue(_)
        | any_value::Value::StringValueStrindex(_) => None,
    }
}

fn points_of(metric: Metric, points: &mut Vec<Point>, decoded: &mut Decoded) {
    let Metric { name, unit, data, .. } = metric;
    if name.is_empty() {
        return decoded.reject("a metric without a name");
    }
    let (name, unit): (Arc<str>, Arc<str>) = (cut(name).into(), cut(unit).into());
    let mut add = |attributes: Vec<KeyValue>, start_ns, time_ns, data: Option<Data>| match data {
        Some(data) if is_sound(&data) => points.push(Point {
            metric: Arc::clone(&name),
            unit: Arc::clone(&unit),
            attributes: self::attributes(attributes),
            start_ns,
            time_ns,
            data,
        }),
        Some(_) => decoded.reject("a point whose numbers are none"),
        None => decoded.reject("a point without a value"),
    };
    match data {
        None => decoded.reject("a metric without data"),
        Some(metric::Data::Gauge(gauge)) => {
            for point in gauge.data_points {
                let data = number(&point).map(Data::Gauge);
                add(point.attributes, point.start_time_unix_nano, point.time_unix_nano, data);
            }
        }
        Some(metric::Data::Sum(sum)) => {
            let temporality = temporality(sum.aggregation_temporality);
            for point in sum.data_points {
                let data = number(&point).zip(temporality).map(|(value, temporality)| Data::Sum {
                    temporality,
                    monotonic: sum.is_monotonic,
                    value,
                });
                add(point.attributes, point.start_time_unix_nano, point.time_unix_nano, data);
            }
        }
        Some(metric::Data::Histogram(from)) => {
            let temporality = temporality(from.aggregation_temporality);
            for mut point in from.data_points {
                let attributes = std::mem::take(&mut point.attributes);
                let (start_ns, time_ns) = (point.start_time_unix_nano, point.time_unix_nano);
                let histogram = histogram(point);
                let data = temporality.map(|temporality| Data::Histogram { temporality, histogram });
                add(attributes, start_ns, time_ns, data);
            }
        }
        Some(metric::Data::ExponentialHistogram(from)) => {
            let temporality = temporality(from.aggregation_temporality);
            for mut point in from.data_points {
                let attributes = std::mem::take(&mut point.attributes);
                let histogram = exponential_histogram(&point);
                let data = temporality.map(|temporality| Data::Histogram { temporality, histogram });
                add(attributes, point.start_time_unix_nano, point.time_unix_nano, data);
            }
        }
        Some(metric::Data::Summary(from)) => {
            for mut point in from.data_points {
                let attributes = std::mem::take(&mut point.attributes);
                let data = Some(summary(&point));
                add(attributes, point.start_time_unix_nano, point.time_unix_nano, data);
            }
        }
    }
}

/// 1 is delta, 2 cumulative; unspecified is no value that could be added.
pub(super) const fn temporality(word: i32) -> Option<Temporality> {
    match word {
        1 => Some(Temporality::Delta),
        2 => Some(Temporality::Cumulative),
        _ => None,
    }
}

fn number(point: &NumberDataPoint) -> Option<f64> {
    match point.value? {
        number_data_point::Value::AsDouble(number) => Some(number),
        number_data_point::Value::AsInt(number) => Some(number as f64),
    }
}

fn histogram(point: HistogramDataPoint) -> Histogram {
    let fits = point.bucket_counts.len() <= BUCKETS_MAX;
    Histogram {
        count: point.count,
        sum: point.sum.unwrap_or_default(),
        max: point.max,
        bounds: if fits { point.explicit_bounds } else { Vec::new() },
        counts: if fits { point.bucket_counts } else { Vec::new() },
    }
}

fn exponential_histogram(point: &ExponentialHistogramDataPoint) -> Histogram {
    let negative = point.negative.iter().flat_map(|buckets| &buckets.bucket_counts);
    let (bounds, counts) = match &point.positive {
        Some(buckets) => {
            let below = total(point.zero_count, negative);
            exponential(below, point.scale, buckets.offset, &buckets.bucket_counts)
        }
        None => (Vec::new(), Vec::new()),
    };
    Histogram { count: point.count, sum: point.sum.unwrap_or_default(), max: point.max, bounds, counts }
}

/// A summary counts from its start; its quantiles cannot be added.
fn summary(point: &SummaryDataPoint) -> Data {
    Data::Histogram {
        temporality: Temporality::Cumulative,
        histogram: Histogram { count: point.count, sum: point.sum, ..Histogram::default() },
    }
}
