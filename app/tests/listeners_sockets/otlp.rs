//! Telemetry over the real socket and a real port, in every protocol, and everything odd that can be sent there.

use super::support::{LIMIT, Place, place, place_with_capacity, wait_until};
use flate2::Compression;
use flate2::write::GzEncoder;
use magia_app::listeners::OtlpPlaces;
use magia_core::event::Event;
use magia_core::metrics::{Metrics, Way};
use magia_core::settings::{Forwarding, Settings};
use magia_core::telemetry::Export;
use magia_protocol::paths::Socket;
use magia_protocol::wire::metrics::{MetricsInfo, OtelPortInfo};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1 as pb;
use prost::Message as _;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use tonic::Code;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::transport::{Channel, Endpoint};

/// What a real Claude Code 2.1.197 sent of one session, in the order in which it came.
const CLAUDE: &str = include_str!("../data/otlp-claude.jsonl");

/// Wants this port; waits until one is open.
fn open_port(place: &Place, port: u16) -> OtelPortInfo {
    open_port_with(place, Settings { otel_port: port, ..Settings::default() })
}

fn open_port_with(place: &Place, settings: Settings) -> OtelPortInfo {
    let switch = place
        .listeners()
        .otlp(OtlpPlaces { pin: place.temp.path().join("otel-port"), socket: place.path(Socket::Otel) });
    switch.settings(&settings);
    next_port(place)
}

/// The next that is told of the port.
fn next_port(place: &Place) -> OtelPortInfo {
    loop {
        if let Event::TelemetryPort(info) = place.hub.recv_timeout(LIMIT).expect("a fact in time") {
            return *info;
        }
    }
}

/// A port that nobody has now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address").port()
}

fn next_export(place: &Place) -> Export {
    loop {
        match place.hub.recv_timeout(LIMIT).expect("a fact in time") {
            Event::TelemetryReceived(export) => return *export,
            Event::ListenerReported(_) | Event::TelemetryPort(_) => {}
            Event::ServiceReported { service: "telemetry forwarding", .. } => {}
            other => panic!("not telemetry: {other:?}"),
        }
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

/// Sends a request as it is and reads the answer to its end.
fn raw(mut stream: impl Read + Write, request: &[u8]) -> Answer {
    // A server that refuses early may hang up while we write.
    let _written = stream.write_all(request);
    let mut bytes = Vec::new();
    let _read = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of a head");
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}

/// A request with these header lines, of known length.
fn request(path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("POST {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for line in headers {
        head.push_str(line);
        head.push_str("\r\n");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    stream
}

fn post(port: u16, path: &str, kind: &str, more: &[&str], body: &[u8]) -> Answer {
    let (host, kind) = (format!("Host: 127.0.0.1:{port}"), format!("Content-Type: {kind}"));
    let headers: Vec<&str> = [host.as_str(), kind.as_str()].into_iter().chain(more.iter().copied()).collect();
    raw(connect(port), &request(path, &headers, body))
}

fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut zip = GzEncoder::new(Vec::new(), Compression::best());
    zip.write_all(bytes).expect("packed");
    zip.finish().expect("packed")
}

/// An export of one sum of a session.
fn sum(session: &str, value: f64) -> ExportMetricsServiceRequest {
    let pair = |key: &str, text: &str| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }),
        ..KeyValue::default()
    };
    let point = pb::NumberDataPoint {
        attributes: vec![pair("session.id", session), pair("type", "input"), pair("model", "m")],
        value: Some(pb::number_data_point::Value::AsDouble(value)),
        ..pb::NumberDataPoint::default()
    };
    let sum = pb::Sum { data_points: vec![point], aggregation_temporality: 1, is_monotonic: true };
    let metric = pb::Metric {
        name: "claude_code.token.usage".to_owned(),
        data: Some(pb::metric::Data::Sum(sum)),
        ..pb::Metric::default()
    };
    let scope = pb::ScopeMetrics { metrics: vec![metric], ..pb::ScopeMetrics::default() };
    ExportMetricsServiceRequest {
        resource_metrics: vec![pb::ResourceMetrics {
            scope_metrics: vec![scope],
            ..pb::ResourceMetrics::default()
        }],
    }
}

fn input_tokens(export: &Export) -> u64 {
    info(std::slice::from_ref(export)).input_tokens
}

/// What the one session in these exports comes to.
fn info(exports: &[Export]) -> MetricsInfo {
    let mut metrics = Metrics::default();
    exports.iter().for_each(|export| metrics.take(export, 1_795_289_600_000));
    let (owner, session) = metrics.owners().next().expect("an owner");
    session.info(owner, None, true)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn grpc(port: u16) -> MetricsServiceClient<Channel> {
    let channel = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).expect("an address");
    MetricsServiceClient::new(channel.connect().await.expect("connected"))
}

#[test]
fn every_protocol_on_the_port_and_the_socket() {
    let place = place();
    let port = open_port(&place, free_port()).port.expect("a port");
    let proto = sum("s", 3.0).encode_to_vec();
    let json = serde_json::to_vec(&sum("s", 3.0)).expect("JSON");
    for (kind, body) in [("application/x-protobuf", &proto), ("application/json; charset=utf-8", &json)] {
        let answer = post(port, "/v1/metrics", kind, &[], body);
        assert_eq!(answer.status, 200, "{}", answer.head);
        assert!(
            answer.head.contains(&format!("content-type: {}", kind.split(';').next().unwrap_or_default()))
        );
        assert!(answer.body.is_empty() || answer.body == b"{}");
        assert_eq!(input_tokens(&next_export(&place)), 3);
        let answer = post(port, "/v1/metrics", kind, &["Content-Encoding: gzip"], &zip(body));
        assert_eq!(answer.status, 200, "{}", answer.head);
        assert_eq!(input_tokens(&next_export(&place)), 3);
        let headers = ["Host: whoever", &format!("Content-Type: {kind}")];
        let answer = raw(place.client(Socket::Otel), &request("/v1/metrics", &headers, body));
        assert_eq!(answer.status, 200, "{}", answer.head);
        assert_eq!(input_tokens(&next_export(&place)), 3);
    }
    runtime().block_on(async {
        let mut client = grpc(port).await;
        let answer = client.export(sum("s", 5.0)).await.expect("taken").into_inner();
        assert_eq!(answer.partial_success, None);
        assert_eq!(input_tokens(&next_export(&place)), 5);
        let mut client = client.send_compressed(Gzip);
        client.export(sum("s", 6.0)).await.expect("taken");
        assert_eq!(input_tokens(&next_export(&place)), 6);
    });
    assert_eq!(place.counter("otlp", |info| info.messages), 6);
    assert_eq!(place.counter("otel", |info| info.messages), 2);
}

#[test]
fn a_body_in_pieces_and_one_connection_for_many() {
    let place = place();
    let port = open_port(&place, free_port()).port.expect("a port");
    let mut stream = connect(port);
    for number in 1..=3_u64 {
        let body = sum("s", number as f64).encode_to_vec();
        let head = format!(
            "POST /v1/metrics HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/x-protobuf\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("written");
        for piece in body.chunks(7) {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).expect("written");
            stream.write_all(piece).expect("written");
            stream.write_all(b"\r\n").expect("written");
        }
        stream.write_all(b"0\r\n\r\n").expect("written");
        assert_eq!(input_tokens(&next_export(&place)), number);
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(place.counter("otlp", |info| info.accepted), 1);
}

#[test]
fn what_a_real_claude_sent() {
    let place = place();
    let port = open_port(&place, free_port()).port.expect("a port");
    let mut exports = Vec::new();
    for line in CLAUDE.lines() {
        let sent: Value = serde_json::from_str(line).expect("JSON");
        let path = sent["path"].as_str().expect("a path");
        let answer = post(port, path, "application/json", &[], sent["body"].to_string().as_bytes());
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"{}"[..]), "{path}");
        exports.push(next_export(&place));
    }
    let info = info(&exports);
    let session = info.provider_session_id.as_ref().map(|id| id.0.as_str());
    assert_eq!(session, Some("59a2901d-a9ea-4057-a023-808be8f64643"));
    // The metrics, the log records and the spans tell the same seven requests; none is counted twice.
    assert_eq!((info.input_tokens, info.output_tokens), (700, 140));
    assert_eq!((info.cache_read_tokens, info.cache_creation_tokens), (350, 0));
    assert_eq!((info.total_cost_usd, info.requests), (Some(0.007_175), 7));
    assert_eq!(info.source, "metrics");
    assert_eq!(info.usage.len(), 1);
    assert_eq!(info.usage[0].query_source, "main");
    assert_eq!(info.active_cli_s, 0.845);
    assert_eq!(info.context_tokens, Some(150));
    assert!(info.first_token_time.as_ref().is_some_and(|time| time.count == 7 && time.max_ms > 0.0));
    assert!(info.request_time.as_ref().is_some_and(|time| time.count == 7));
    assert_eq!(info.turn_time.as_ref().map(|time| time.count), Some(1));
    let prompt = info.prompts.first().expect("a prompt");
    assert_eq!((prompt.requests, prompt.input_tokens, prompt.output_tokens), (7, 1_050, 140));
    assert_eq!(prompt.text, None, "prompts are kept only when the user says so");
    assert_eq!(info.spans.iter().filter(|span| span.kind == "request").count(), 7);
    assert!(info.tools.iter().any(|tool| tool.tool == "Bash" && tool.failed > 0), "{:?}", info.tools);
    // All of it again, as after lost answers.
    let twice: Vec<Export> = exports.iter().chain(&exports).cloned().collect();
    assert_eq!(self::info(&twice), info);
    // Metrics that were lost are made good by the log records.
    let without = self::info(&exports[..3]);
    assert_eq!((without.input_tokens, without.source.as_str()), (700, Way::Logs.as_str()));
}

/// Path, content type, more header lines, body, and the status of its answer.
type Odd<'a> = (&'a str, &'a str, &'a [&'a str], &'a [u8], u16);

/// A text that JavaScript cut within an emoji.
const HALF: &[u8] =
    br#"{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"\ud83d"}}]}}]}"#;

#[test]
fn odd_exports_are_refused_in_words() {
    let place = place();
    let port = open_port(&place, free_port()).port.expect("a port");
    let (proto, json) = ("application/x-protobuf", "application/json");
    let bomb = zip(&vec![0; 64 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    let huge = vec![b' '; 9 * 1024 * 1024];
    let table: &[Odd<'_>] = &[
        ("/v1/metrics", json, &[], b"{", 400),
        ("/v1/metrics", json, &[], b"{\"resourceMetrics\":7}", 400),
        ("/v1/metrics", json, &[], b"", 400),
        ("/v1/logs", proto, &[], b"\xff\xff\xff", 400),
        ("/v1/logs", proto, &["Content-Encoding: gzip"], b"not gzip", 400),
        ("/v1/logs", proto, &["Content-Encoding: zstd"], b"", 415),
        ("/v1/logs", proto, &["Content-Encoding: gzip", "Content-Encoding: gzip"], b"", 415),
        ("/v1/logs", "text/plain", &[], b"{}", 415),
        ("/v1/logs", "application/x-www-form-urlencoded", &[], b"{}", 415),
        ("/v1/logs", "application/grpc-web", &[], b"{}", 415),
        ("/v1/logs", json, &["Content-Type: text/plain"], b"{}", 415),
        ("/v1/traces", proto, &["Content-Encoding: gzip"], &bomb, 413),
        ("/v1/traces", json, &[], &huge, 413),
        ("/v1/profiles", json, &[], b"{}", 404),
        ("/", json, &[], b"{}", 404),
        ("/v1/logs", json, &["Origin: http://evil.example"], b"{}", 403),
        ("/v1/logs", json, &["Origin: null"], b"{}", 403),
        ("/v1/logs", json, &["Sec-Fetch-Site: cross-site"], b"{}", 403),
        ("/v1/logs", json, &["Host: evil.example"], b"{}", 403),
        // Nothing in it is no fault.
        ("/v1/metrics", proto, &[], b"", 200),
        ("/v1/logs", json, &[], b"{}", 200),
        ("/v1/logs", json, &[], HALF, 200),
        ("/v1/traces", json, &[], b"{\"later\":[{\"x\":1}],\"resourceSpans\":null}", 200),
    ];
    for (path, kind, more, body, status) in table {
        let answer = post(port, path, kind, more, body);
        assert_eq!(answer.status, *status, "{path} {kind} {more:?}: {}", answer.head);
    }
    let foreign = request("/v1/logs", &["Host: evil.example", "Content-Type: application/json"], b"{}");
    assert_eq!(raw(connect(port), &foreign).status, 403);
    let get = raw(
        connect(port),
        format!("GET /v1/logs HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").as_bytes(),
    );
    assert_eq!(get.status, 405);
    assert!(place.counter("otlp", |info| info.refused) >= 16);
    // It lives, and nothing of all that was told.
    let body = serde_json::to_vec(&sum("s", 4.0)).expect("JSON");
    assert_eq!(post(port, "/v1/metrics", json, &[], &body).status, 200);
    assert_eq!(input_tokens(&next_export(&place)), 4);
}

#[test]
fn what_is_taken_in_part_is_said() {
    let place = place();
    let port = open_port(&place, free_port()).port.expect("a port");
    let body = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [
        { "name": "claude_code.token.usage", "sum": { "aggregationTemporality": 1, "isMonotonic": true, "dataPoints": [
            { "asDouble": "NaN", "attributes": [] },
            { "asInt": "7", "attributes": [{"key": "session.id", "value": {"stringValue": "s"}},
                {"key": "type", "value": {"stringValue": "input"}}] },
        ]}},
    ]}]}]});
    let answer = post(port, "/v1/metrics", "application/json", &[], body.to_string().as_bytes());
    let told: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(answer.status, 200);
    assert_eq!(told["partialSuccess"]["rejectedDataPoints"], "1", "{told}");
    assert_eq!(told["partialSuccess"]["errorMessage"], "a point whose numbers are none");
    assert_eq!(input_tokens(&next_export(&place)), 7);
    runtime().block_on(async {
        let answer = grpc(port).await.export(sum("s", f64::NAN)).await.expect("taken").into_inner();
        let partial = answer.partial_success.expect("partial");
        assert_eq!((partial.rejected_data_points, partial.error_message.is_empty()), (1, false));
    });
}

#[test]
fn a_full_hub_makes_exporters_come_again_and_leaves_room_for_hooks() {
    // Room for eight facts, so telemetry has four.
    let place = place_with_capacity(8);
    let port = open_port(&place, free_port()).port.expect("a port");
    wait_until("nothing waits", || {
        while place.hub.try_recv().is_ok() {}
        place.hub.is_empty()
    });
    let body = sum("s", 1.0).encode_to_vec();
    let mut refused = None;
    for _ in 0..10 {
        let answer = post(port, "/v1/metrics", "application/x-protobuf", &[], &body);
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("it was never full");
    assert_eq!(refused.status, 503);
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert!(place.hub.len() < 8, "there is room for a hook");
    runtime().block_on(async {
        let status = grpc(port).await.export(sum("s", 1.0)).await.expect_err("full");
        assert_eq!(status.code(), Code::ResourceExhausted);
        let details = String::from_utf8_lossy(status.details()).into_owned();
        assert!(details.contains("google.rpc.RetryInfo"), "{details}");
    });
    while place.hub.try_recv().is_ok() {}
    assert_eq!(post(port, "/v1/metrics", "application/x-protobuf", &[], &body).status, 200);
}

#[test]
fn grpc_is_bounded_as_well() {
    let place = place();
    let port = open_port(&place, free_port()).port.expect("a port");
    runtime().block_on(async {
        // Packed it is small.
        let long = sum(&"s".repeat(17 * 1024 * 1024), 1.0);
        let mut client = grpc(port).await.send_compressed(Gzip);
        let status = client.export(long).await.expect_err("too large");
        assert!(matches!(status.code(), Code::ResourceExhausted | Code::OutOfRange), "{status:?}");
        client.export(sum("s", 1.0)).await.expect("it goes on");
    });
    assert_eq!(input_tokens(&next_export(&place)), 1);
}

#[test]
fn a_taken_port_gives_way_unless_settings_name_it() {
    let place = place();
    let taken = TcpListener::bind("127.0.0.1:0").expect("bound");
    let wanted = taken.local_addr().expect("an address").port();
    let info = open_port(&place, wanted);
    let port = info.port.expect("another port");
    assert_ne!(port, wanted);
    assert!(info.problem.as_deref().is_some_and(|why| why.contains("is taken")), "{info:?}");
    assert_eq!(info.endpoint, Some(format!("http://127.0.0.1:{port}")));

    // From now on agents' settings name the taken one.
    std::fs::write(place.temp.path().join("otel-port"), format!("{wanted}\n")).expect("written");
    let info = next_port(&place);
    assert_eq!(info.port, None);
    assert!(info.problem.as_deref().is_some_and(|why| why.contains("settings name it")), "{info:?}");
    let health = place.listeners().health();
    let row = health.iter().find(|row| row.name == "otlp").expect("listed");
    assert!(!row.up && row.error.is_some());

    drop(taken);
    assert!(place.listeners().retry("otlp"));
    assert_eq!(next_port(&place).port, Some(wanted));
    let body = sum("s", 2.0).encode_to_vec();
    assert_eq!(post(wanted, "/v1/metrics", "application/x-protobuf", &[], &body).status, 200);
}

#[test]
fn without_a_port_the_socket_still_listens() {
    let place = place();
    assert_eq!(open_port(&place, 0).port, None);
    assert!(!place.listeners().health().iter().any(|row| row.name == "otlp"));
    let headers = ["Host: localhost", "Content-Type: application/x-protobuf"];
    let body = sum("s", 2.0).encode_to_vec();
    let answer = raw(place.client(Socket::Otel), &request("/v1/metrics", &headers, &body));
    assert_eq!((answer.status, input_tokens(&next_export(&place))), (200, 2));
}

#[test]
fn a_stop_ends_idle_connections() {
    let mut place = place();
    let port = open_port(&place, free_port()).port.expect("a port");
    let mut idle = connect(port);
    idle.write_all(b"POST /v1/metrics HTTP/1.1\r\n").expect("written");
    wait_until("it is open", || place.counter("otlp", |info| info.open) == 1);
    drop(place.listeners.take());
    let mut rest = Vec::new();
    let _end = idle.read_to_end(&mut rest);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens any more");
}

/// Settings by which a copy goes there.
fn forwarding(to: &str) -> Settings {
    let headers = vec![("x-key".to_owned(), "k".to_owned())];
    Settings {
        otel_port: free_port(),
        telemetry_forward: Some(Forwarding { url: to.to_owned(), headers }),
        ..Settings::default()
    }
}

/// The next that is told of the forwarding.
fn next_problem(place: &Place) -> Option<String> {
    loop {
        let fact = place.hub.recv_timeout(LIMIT).expect("a fact in time");
        if let Event::ServiceReported { service: "telemetry forwarding", problem } = fact {
            return problem;
        }
    }
}

#[test]
fn a_collector_of_the_users_own_gets_a_copy_of_everything() {
    let theirs = place();
    let to = open_port(&theirs, free_port()).port.expect("a port");
    for scheme in ["http", "grpc"] {
        let ours = place();
        let port =
            open_port_with(&ours, forwarding(&format!("{scheme}://127.0.0.1:{to}"))).port.expect("a port");
        let proto = sum("s", 3.0).encode_to_vec();
        let json = serde_json::to_vec(&sum("s", 4.0)).expect("JSON");
        assert_eq!(post(port, "/v1/metrics", "application/x-protobuf", &[], &proto).status, 200);
        let packed = ["Content-Encoding: gzip"];
        assert_eq!(post(port, "/v1/metrics", "application/json", &packed, &zip(&json)).status, 200);
        runtime().block_on(async { grpc(port).await.export(sum("s", 5.0)).await.expect("taken") });
        for value in [3, 4, 5] {
            assert_eq!(input_tokens(&next_export(&ours)), value);
            assert_eq!(input_tokens(&next_export(&theirs)), value, "{scheme}");
        }
        // What is refused here is not sent on.
        assert_eq!(post(port, "/v1/metrics", "application/json", &[], b"{").status, 400);
        let fares = loop {
            if let Some(forward) = next_port(&ours).forward.filter(|forward| forward.sent == 3) {
                break forward;
            }
        };
        assert_eq!((fares.dropped, fares.failed, fares.problem), (0, 0, None));
        assert_eq!(fares.to, format!("{scheme}://127.0.0.1:{to}"));
    }
}

#[test]
fn a_collector_that_does_not_answer_costs_nobody_anything_but_its_copies() {
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("bound");
    let to = silent.local_addr().expect("an address").port();
    let place = place();
    let port = open_port_with(&place, forwarding(&format!("http://127.0.0.1:{to}"))).port.expect("a port");
    let body = sum("s", 1.0).encode_to_vec();
    for _ in 0..200 {
        assert_eq!(post(port, "/v1/metrics", "application/x-protobuf", &[], &body).status, 200);
        next_export(&place);
    }
    let fares = loop {
        if let Some(forward) = next_port(&place).forward.filter(|forward| forward.dropped > 0) {
            break forward;
        }
    };
    assert!(fares.problem.is_some_and(|problem| problem.contains("were not sent on")));
    assert_eq!(fares.sent, 0);
}

#[test]
fn what_cannot_work_is_said() {
    let place = place();
    let nobody = free_port();
    let port =
        open_port_with(&place, forwarding(&format!("http://127.0.0.1:{nobody}"))).port.expect("a port");
    let body = sum("s", 1.0).encode_to_vec();
    assert_eq!(post(port, "/v1/metrics", "application/x-protobuf", &[], &body).status, 200);
    let problem = next_problem(&place).expect("a problem");
    assert!(
        problem.contains(&format!("http://127.0.0.1:{nobody}")) && problem.contains("magia itself counts it"),
        "{problem}"
    );

    // Its own port: it would go round for ever.
    let place = self::place();
    let own = free_port();
    let settings = Settings { otel_port: own, ..forwarding(&format!("http://localhost:{own}")) };
    assert_eq!(open_port_with(&place, settings).port, Some(own));
    assert_eq!(post(own, "/v1/metrics", "application/x-protobuf", &[], &body).status, 200);
    let problem = next_problem(&place).expect("a problem");
    assert!(problem.contains("own port"), "{problem}");
    assert_eq!(input_tokens(&next_export_or(&place)), 1);
}

/// The export that came before the problem was told, or after.
fn next_export_or(place: &Place) -> Export {
    let body = sum("s", 1.0).encode_to_vec();
    let port = loop {
        if let Some(port) = next_port(place).port {
            break port;
        }
    };
    assert_eq!(post(port, "/v1/metrics", "application/x-protobuf", &[], &body).status, 200);
    loop {
        if let Event::TelemetryReceived(export) = place.hub.recv_timeout(LIMIT).expect("a fact in time") {
            return *export;
        }
    }
}
