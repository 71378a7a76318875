//! The same export in both forms comes to the same; odd ones are refused or left out in part.

use super::*;
use magia_core::telemetry::{Items, Log, Point, Span, Temporality, Value};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value,
};
use opentelemetry_proto::tonic::metrics::v1 as pb;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use serde_json::json;

fn pair(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(key: &str, text: &str) -> KeyValue {
    pair(key, any_value::Value::StringValue(text.to_owned()))
}

fn number(value: f64) -> pb::NumberDataPoint {
    pb::NumberDataPoint {
        attributes: vec![
            text("session.id", "s1"),
            pair("count", any_value::Value::IntValue(-7)),
            pair("part", any_value::Value::DoubleValue(0.5)),
            pair("ok", any_value::Value::BoolValue(true)),
            pair("list", any_value::Value::ArrayValue(ArrayValue { values: Vec::new() })),
        ],
        start_time_unix_nano: 1_760_000_000_000_000_001,
        time_unix_nano: 1_760_000_000_000_000_009,
        value: Some(pb::number_data_point::Value::AsDouble(value)),
        ..pb::NumberDataPoint::default()
    }
}

fn metric(name: &str, data: pb::metric::Data) -> pb::Metric {
    pb::Metric { name: name.to_owned(), unit: "tokens".to_owned(), data: Some(data), ..pb::Metric::default() }
}

fn export(metrics: Vec<pb::Metric>) -> ExportMetricsServiceRequest {
    ExportMetricsServiceRequest {
        resource_metrics: vec![pb::ResourceMetrics {
            resource: Some(Resource {
                attributes: vec![text("service.name", "claude-code")],
                ..Resource::default()
            }),
            scope_metrics: vec![pb::ScopeMetrics {
                scope: Some(InstrumentationScope {
                    name: "com.anthropic.claude_code".to_owned(),
                    ..InstrumentationScope::default()
                }),
                metrics,
                ..pb::ScopeMetrics::default()
            }],
            ..pb::ResourceMetrics::default()
        }],
    }
}

/// All kinds of metrics.
fn all_kinds() -> ExportMetricsServiceRequest {
    let sum = pb::Sum { data_points: vec![number(3.25)], aggregation_temporality: 1, is_monotonic: true };
    let gauge = pb::Gauge { data_points: vec![number(-1.0)] };
    let histogram = pb::Histogram {
        data_points: vec![pb::HistogramDataPoint {
            attributes: vec![text("session.id", "s1")],
            time_unix_nano: 9,
            count: 3,
            sum: Some(12.5),
            bucket_counts: vec![1, 2],
            explicit_bounds: vec![5.0],
            max: Some(6.5),
            ..pb::HistogramDataPoint::default()
        }],
        aggregation_temporality: 2,
    };
    let exponential = pb::ExponentialHistogram {
        data_points: vec![pb::ExponentialHistogramDataPoint {
            count: 4,
            sum: Some(11.0),
            scale: 0,
            zero_count: 1,
            positive: Some(pb::exponential_histogram_data_point::Buckets {
                offset: 0,
                bucket_counts: vec![1, 2],
            }),
            ..pb::ExponentialHistogramDataPoint::default()
        }],
        aggregation_temporality: 2,
    };
    let summary = pb::Summary {
        data_points: vec![pb::SummaryDataPoint { count: 2, sum: 9.0, ..pb::SummaryDataPoint::default() }],
    };
    export(vec![
        metric("sum", pb::metric::Data::Sum(sum)),
        metric("gauge", pb::metric::Data::Gauge(gauge)),
        metric("histogram", pb::metric::Data::Histogram(histogram)),
        metric("exponential", pb::metric::Data::ExponentialHistogram(exponential)),
        metric("summary", pb::metric::Data::Summary(summary)),
    ])
}

fn points(decoded: &Decoded) -> &[Point] {
    match &decoded.export.batches[0].items {
        Items::Points(points) => points,
        other => panic!("{other:?}"),
    }
}

fn from_json(signal: Signal, body: &serde_json::Value) -> Result<Decoded, String> {
    decode(signal, Form::Json, body.to_string().as_bytes())
}

#[test]
fn both_forms_come_to_the_same() {
    let request = all_kinds();
    let proto = decode(Signal::Metrics, Form::Proto, &request.encode_to_vec()).unwrap();
    let json = decode(Signal::Metrics, Form::Json, &serde_json::to_vec(&request).unwrap()).unwrap();
    assert_eq!(proto, json);
    assert_eq!((proto.rejected, points(&proto).len()), (0, 5));
    let batch = &proto.export.batches[0];
    assert_eq!(batch.scope, "com.anthropic.claude_code");
    assert_eq!(batch.resource.text("service.name"), Some("claude-code"));
    let [sum, gauge, histogram, exponential, summary] = points(&proto) else { panic!("{proto:?}") };
    assert_eq!(sum.start_ns, 1_760_000_000_000_000_001, "no digit of a time is lost");
    assert_eq!(sum.data, Data::Sum { temporality: Temporality::Delta, monotonic: true, value: 3.25 });
    assert_eq!(sum.attributes.0.len(), 4, "a list is not kept: {:?}", sum.attributes);
    assert_eq!(sum.attributes.get("count"), Some(&Value::Int(-7)));
    assert_eq!(gauge.data, Data::Gauge(-1.0));
    let of = |point: &Point| match &point.data {
        Data::Histogram { histogram, .. } => histogram.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((of(histogram).count, of(histogram).counts), (3, vec![1, 2]));
    // One zero, one value up to 1, two up to 2.
    assert_eq!((of(exponential).bounds, of(exponential).counts), (vec![1.0, 2.0], vec![1, 1, 2]));
    assert_eq!((of(summary).count, of(summary).sum), (2, 9.0));
}

#[test]
fn json_is_read_as_people_write_it() {
    let odd = json!({ "resourceMetrics": [{
        "resource": null,
        "scopeMetrics": [{ "scope": null, "later": {"a": [1, {"b": 2}]}, "metrics": [
            { "name": "codex.tool.call", "description": "d", "sum": {
                "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA",
                "isMonotonic": true,
                "dataPoints": [
                    { "asInt": "4", "timeUnixNano": 9, "attributes": [
                        {"key": "n", "value": {"intValue": 5}},
                        {"key": "later", "value": {"laterValue": {"x": [1]}, "stringValue": "t"}},
                        {"key": "nothing", "value": null},
                        {"key": "map", "value": {"kvlistValue": {"values": []}}},
                    ]},
                    { "asDouble": "2.5", "timeUnixNano": "11", "attributes": null },
                ],
            }},
        ]}],
    }]});
    let decoded = from_json(Signal::Metrics, &odd).unwrap();
    let [first, second] = points(&decoded) else { panic!("{decoded:?}") };
    assert_eq!(first.attributes.get("n"), Some(&Value::Int(5)));
    assert_eq!(first.attributes.text("later"), Some("t"));
    assert_eq!(first.attributes.0.len(), 2);
    assert_eq!((first.time_ns, second.time_ns), (9, 11));
    assert_eq!(second.data, Data::Sum { temporality: Temporality::Delta, monotonic: true, value: 2.5 });
}

#[test]
fn what_cannot_be_counted_is_left_out_and_said() {
    let sum = |temporality, points| {
        pb::metric::Data::Sum(pb::Sum {
            data_points: points,
            aggregation_temporality: temporality,
            is_monotonic: true,
        })
    };
    let bare = pb::NumberDataPoint { value: None, ..number(0.0) };
    let request = export(vec![
        metric("a", sum(1, vec![number(f64::NAN), number(1.0), number(f64::INFINITY), bare])),
        metric("b", sum(0, vec![number(1.0)])),
        metric("", sum(1, vec![number(1.0)])),
        pb::Metric { name: "c".to_owned(), ..pb::Metric::default() },
    ]);
    let proto = decode(Signal::Metrics, Form::Proto, &request.encode_to_vec()).unwrap();
    assert_eq!((proto.rejected, points(&proto).len()), (6, 1));
    assert_eq!(proto.why, "a metric without data");
    let odd = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [
        { "name": "a", "gauge": { "dataPoints": [{ "asDouble": "NaN" }, { "asDouble": 1 }, {}] } },
    ]}]}]});
    let decoded = from_json(Signal::Metrics, &odd).unwrap();
    assert_eq!((decoded.rejected, points(&decoded).len()), (2, 1));
    // Buckets that do not fit their bounds.
    let odd = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [
        { "name": "a", "histogram": { "aggregationTemporality": 1, "dataPoints": [
            { "count": 1, "sum": 1, "bucketCounts": [1, 0, 0], "explicitBounds": [1] },
            { "count": 1, "sum": 1, "bucketCounts": [1, 0], "explicitBounds": [1] },
        ] } },
    ]}]}]});
    assert_eq!(from_json(Signal::Metrics, &odd).unwrap().rejected, 1);
}

#[test]
fn garbage_is_an_error_that_names_no_content() {
    for body in [
        &b"secret"[..],
        b"{\"resourceMetrics\":[{\"secret\":",
        b"[1]",
        b"\"secret\"",
        b"{\"resourceMetrics\":5}",
    ] {
        let err = decode(Signal::Metrics, Form::Json, body).unwrap_err();
        assert!(!err.contains("secret"), "{err}");
    }
    assert!(decode(Signal::Logs, Form::Proto, b"\xff\xff\xff\xff").is_err());
    assert!(decode(Signal::Metrics, Form::Json, b"{}").unwrap().export.is_empty());
    assert!(decode(Signal::Metrics, Form::Proto, b"").unwrap().export.is_empty());
    // Nested deeper than any reader's stack.
    let deep = format!("{{\"resourceLogs\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(decode(Signal::Logs, Form::Json, deep.as_bytes()).is_err());
    let ignored = format!("{{\"later\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(
        decode(Signal::Logs, Form::Json, ignored.as_bytes()).is_ok_and(|decoded| decoded.export.is_empty())
    );
}

#[test]
fn a_body_that_would_become_many_times_itself_is_refused() {
    let of = |points: &str| {
        let body = format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"a","gauge":{{"dataPoints":[{points}]}}}}]}}]}}]}}"#
        );
        decode(Signal::Metrics, Form::Json, body.as_bytes())
    };
    let listed = |point: &str, count| vec![point; count].join(",");
    let dense = r#"{"asInt":"1","timeUnixNano":"1760000000000000000","attributes":[{"key":"a","value":{"intValue":1}}]}"#;
    // As many as there is room for in the longest body that is taken.
    let decoded = of(&listed(dense, 16 * 1024 * 1024 / (dense.len() + 1))).unwrap();
    assert_eq!(points(&decoded).len(), 16 * 1024 * 1024 / (dense.len() + 1));
    assert!(of(&listed("{}", 2_000_000)).is_err());
    assert!(of(&listed("{}", 1_000)).is_ok_and(|decoded| decoded.rejected == 1_000));
}

#[test]
fn counts_that_are_no_sum_end_at_the_greatest_number() {
    let buckets = |counts: &[u64]| pb::exponential_histogram_data_point::Buckets {
        offset: 0,
        bucket_counts: counts.into(),
    };
    let exponential = pb::ExponentialHistogram {
        data_points: vec![pb::ExponentialHistogramDataPoint {
            zero_count: 1,
            positive: Some(buckets(&[1])),
            negative: Some(buckets(&[u64::MAX, u64::MAX])),
            ..pb::ExponentialHistogramDataPoint::default()
        }],
        aggregation_temporality: 2,
    };
    let request = export(vec![metric("odd", pb::metric::Data::ExponentialHistogram(exponential))]);
    let proto = decode(Signal::Metrics, Form::Proto, &request.encode_to_vec()).unwrap();
    let json = decode(Signal::Metrics, Form::Json, &serde_json::to_vec(&request).unwrap()).unwrap();
    assert_eq!(proto, json);
    let Data::Histogram { histogram, .. } = &points(&proto)[0].data else { panic!("{proto:?}") };
    assert_eq!(histogram.counts, [u64::MAX, 1]);
}

#[test]
fn logs_have_their_names_where_agents_put_them() {
    let record = |fields: serde_json::Value| {
        let body = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [fields] }] }] });
        match from_json(Signal::Logs, &body).unwrap().export.batches.remove(0).items {
            Items::Logs(mut logs) => logs.remove(0),
            other => panic!("{other:?}"),
        }
    };
    let named = json!({ "attributes": [{"key": "event.name", "value": {"stringValue": "api_request"}}],
        "body": {"stringValue": "claude_code.api_request"}, "eventName": "event otel/src/x.rs:1", "timeUnixNano": "7" });
    let Log { name, time_ns, .. } = record(named);
    assert_eq!((name.as_str(), time_ns), ("api_request", 7));
    assert_eq!(record(json!({ "eventName": "x", "observedTimeUnixNano": 8 })).time_ns, 8);
    assert_eq!(record(json!({ "body": {"stringValue": "short"} })).name, "short");
    assert_eq!(record(json!({ "body": {"stringValue": "w".repeat(200)} })).name, "");
    let long =
        record(json!({ "attributes": [{"key": "prompt", "value": {"stringValue": "ü".repeat(90_000)}}] }));
    assert_eq!(long.attributes.text("prompt").map(str::len), Some(TEXT_MAX));
}

#[test]
fn spans_need_ids() {
    let body = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [
        { "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "parentSpanId": "",
          "name": "claude_code.tool", "startTimeUnixNano": "1000000", "endTimeUnixNano": "3500000",
          "status": {"code": "STATUS_CODE_ERROR"} },
        { "traceId": "00000000000000000000000000000000", "spanId": "eee19b7ec3c1b174", "name": "x" },
        { "name": "y" },
    ]}]}]});
    let decoded = from_json(Signal::Traces, &body).unwrap();
    assert_eq!(decoded.rejected, 2);
    let Items::Spans(spans) = &decoded.export.batches[0].items else { panic!("{decoded:?}") };
    let Span { trace, id, parent, failed, .. } = &spans[0];
    assert_eq!((*trace, *id), (0xd269_b633_813f_c60c, 0xeee1_9b7e_c3c1_b174));
    assert_eq!((*parent, *failed, spans[0].took_ms()), (None, true, Some(2.5)));
}
