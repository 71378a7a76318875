//! Telemetry: how many exports the app takes, by each protocol, beside a receiver that only adds up.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use magia_tests::{PATIENCE, Program, Sandbox, wait_until};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1 as pb;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use serde_json::{Value, json};
use tonic::transport::Endpoint;

use crate::app::{App, Programs};
use crate::proc::pss_mib;
use crate::stats::{Samples, grouped, micros};
use crate::table::Row;

/// Exports of a round.
const EXPORTS: usize = 10_000;
/// Exports with many in flight.
const CROWDED: usize = 20_000;
/// In flight then.
const IN_FLIGHT: usize = 16;
/// Not counted: the first ones warm caches and allocators.
const WARM_UP: usize = 500;
/// Points of an export: what an agent sends at its interval.
const POINTS: usize = 10;
/// Series that the memory is measured with.
const SERIES: usize = 1_000;
/// Names the program of rotel, a collector, when the machine has it (`rotel-agent` of the PyPI package `rotel`).
const ROTEL: &str = "MAGIA_BENCH_ROTEL";
/// The role of the receiver that only adds up.
pub const BARE: &str = "bare-otlp";

/// What an agent sends at its interval: tokens, cost, time and lines of one session.
pub fn export(session: usize, number: u64) -> ExportMetricsServiceRequest {
    let names = ["token.usage", "cost.usage", "active_time.total", "lines_of_code.count"];
    let types = ["input", "output", "cacheRead", "cacheCreation"];
    let now = 1_800_000_000_000_000_000 + number * 1_000_000;
    let session = format!("3f0c2a5e-9d11-4a56-8c0e-{session:012x}");
    let point = |point: usize| pb::NumberDataPoint {
        attributes: vec![
            pair("session.id", &session),
            pair("model", "claude-opus-4-5-20251101"),
            pair("type", types.get(point / names.len() % types.len()).copied().unwrap_or_default()),
            pair("query_source", "main"),
            pair("user.id", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
            pair("terminal.type", "xterm-256color"),
        ],
        start_time_unix_nano: now,
        time_unix_nano: now + 5,
        value: Some(pb::number_data_point::Value::AsDouble(1.0 + point as f64)),
        ..pb::NumberDataPoint::default()
    };
    let metrics = names.iter().enumerate().map(|(at, name)| pb::Metric {
        name: format!("claude_code.{name}"),
        unit: "1".to_owned(),
        data: Some(pb::metric::Data::Sum(pb::Sum {
            aggregation_temporality: 1,
            is_monotonic: true,
            data_points: (0..POINTS).filter(|point| point % names.len() == at).map(point).collect(),
        })),
        ..pb::Metric::default()
    });
    ExportMetricsServiceRequest {
        resource_metrics: vec![pb::ResourceMetrics {
            resource: Some(Resource {
                attributes: vec![pair("service.name", "claude-code"), pair("service.version", "2.1.197")],
                ..Resource::default()
            }),
            scope_metrics: vec![pb::ScopeMetrics {
                scope: Some(InstrumentationScope {
                    name: "com.anthropic.claude_code".to_owned(),
                    ..InstrumentationScope::default()
                }),
                metrics: metrics.collect(),
                ..pb::ScopeMetrics::default()
            }],
            ..pb::ResourceMetrics::default()
        }],
    }
}

fn pair(key: &str, text: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }),
        ..KeyValue::default()
    }
}

/// Exports a second, and how long each took.
struct Pace {
    per_second: f64,
    took: Samples,
}

impl Pace {
    fn shown(&self) -> String {
        format!(
            "{} exports/s, p50 {:.0} µs, p99 {:.0} µs",
            grouped(self.per_second as u64),
            self.took.p50(),
            self.took.at(0.99)
        )
    }
}

/// All protocols.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let sandbox = Sandbox::new()?;
    let app = App::headless(programs, &sandbox)?;
    let port = port_of(&app)?;
    let bare = Bare::start(programs, &sandbox)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    // Before the first export: what a thousand series of a hundred sessions cost.
    let before = pss_mib(&[app.pid()])?;
    runtime.block_on(fill(port))?;
    let told = wait_until("the series", PATIENCE, || {
        let fleet = app.client().ok()?.call("get_session_metrics", Value::Null).ok()?;
        fleet.get("series")?.as_u64().filter(|series| *series >= SERIES as u64)
    })?;
    let grown = (pss_mib(&[app.pid()])? - before).max(0.0);

    let grpc = runtime.block_on(by_grpc(port, EXPORTS, 1))?;
    let bare_grpc = runtime.block_on(by_grpc(bare.port, EXPORTS, 1))?;
    let rotel = match std::env::var_os(ROTEL) {
        Some(program) => {
            let rotel = Rotel::start(&program, &sandbox)?;
            Some(runtime.block_on(by_grpc(rotel.port, EXPORTS, 1))?)
        }
        None => None,
    };
    let crowded = runtime.block_on(by_grpc(port, CROWDED, IN_FLIGHT))?;
    let proto = by_http(port, "application/x-protobuf", &|export| Ok(export.encode_to_vec()))?;
    let json = by_http(port, "application/json", &|export| Ok(serde_json::to_vec(export)?))?;
    drop(bare);
    app.stop()?;
    let part = grpc.per_second / bare_grpc.per_second;
    let mut rows = vec![
        Row::new(
            format!("telemetry by gRPC, {POINTS} points an export, one in flight"),
            format!("{}; {part:.2}x a bare tonic receiver", grpc.shown()),
            ">= 10,000 exports/s, p99 <= 300 µs",
            grpc.per_second >= 10_000.0 && grpc.took.at(0.99) <= 300.0,
        ),
        Row::told("a bare tonic receiver, which only adds up", bare_grpc.shown()),
        Row::told(format!("telemetry by gRPC, {IN_FLIGHT} in flight"), crowded.shown()),
        Row::new(
            "telemetry by HTTP with protobuf",
            proto.shown(),
            ">= 8,000 exports/s, p99 <= 300 µs",
            proto.per_second >= 8_000.0 && proto.took.at(0.99) <= 300.0,
        ),
        Row::new(
            "telemetry by HTTP with JSON",
            json.shown(),
            ">= 5,000 exports/s, p99 <= 300 µs",
            json.per_second >= 5_000.0 && json.took.at(0.99) <= 300.0,
        ),
        Row::new(
            format!("memory for {} series of 100 sessions", grouped(told)),
            format!("{grown:.1} MiB"),
            "<= 4 MiB",
            grown <= 4.0,
        ),
    ];
    if let Some(rotel) = rotel {
        let times = grpc.per_second / rotel.per_second;
        rows.push(Row::new(
            "telemetry by gRPC beside rotel, which throws it away",
            format!("{times:.2}x; rotel: {}", rotel.shown()),
            ">= 3x rotel",
            times >= 3.0,
        ));
    }
    Ok(rows)
}

/// The app's port for telemetry.
pub fn port_of(app: &App) -> Result<u16> {
    wait_until("a port for telemetry", PATIENCE, || {
        let info = app.client().ok()?.call("get_otel_port", json!({})).ok()?;
        info.get("port")?.as_u64()?.try_into().ok()
    })
}

/// A hundred sessions with ten series each.
async fn fill(port: u16) -> Result<()> {
    let mut client = client(port).await?;
    for session in 0..SERIES / POINTS {
        client.export(export(session, 1)).await.context("filling")?;
    }
    Ok(())
}

async fn client(port: u16) -> Result<MetricsServiceClient<tonic::transport::Channel>> {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?.tcp_nodelay(true);
    Ok(MetricsServiceClient::new(endpoint.connect().await.context("connecting")?))
}

/// Exports by gRPC on one connection.
async fn by_grpc(port: u16, exports: usize, in_flight: usize) -> Result<Pace> {
    let client = client(port).await?;
    let mut warm = client.clone();
    for number in 0..WARM_UP {
        taken(&mut warm, export(0, number as u64)).await?;
    }
    let begun = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..in_flight {
        let mut client = client.clone();
        senders.spawn(async move {
            let mut took = Vec::with_capacity(exports / in_flight);
            for number in 0..exports / in_flight {
                // Making it is the exporter's work, not the receiver's.
                let export = export(sender, (WARM_UP + number) as u64);
                let sent = Instant::now();
                taken(&mut client, export).await?;
                took.push(micros(sent.elapsed()));
            }
            anyhow::Ok(took)
        });
    }
    let mut took = Vec::with_capacity(exports);
    while let Some(sender) = senders.join_next().await {
        took.append(&mut sender??);
    }
    let per_second = took.len() as f64 / begun.elapsed().as_secs_f64();
    Ok(Pace { per_second, took: Samples::new(took) })
}

/// Sends an export, again when the receiver says that it is busy.
async fn taken(
    client: &mut MetricsServiceClient<tonic::transport::Channel>,
    export: ExportMetricsServiceRequest,
) -> Result<()> {
    loop {
        match client.export(export.clone()).await {
            Ok(_) => return Ok(()),
            Err(status) if status.code() == tonic::Code::ResourceExhausted => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(status) => bail!("refused: {status}"),
        }
    }
}

/// Exports by HTTP/1 on one connection, one at a time.
fn by_http(
    port: u16,
    kind: &str,
    write: &dyn Fn(&ExportMetricsServiceRequest) -> Result<Vec<u8>>,
) -> Result<Pace> {
    let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).context("connecting")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut stream = BufReader::new(stream);
    let mut took = Vec::with_capacity(EXPORTS);
    let mut begun = Instant::now();
    for number in 0..EXPORTS + WARM_UP {
        if number == WARM_UP {
            begun = Instant::now();
        }
        let body = write(&export(0, (50_000 + number) as u64))?;
        let head = format!(
            "POST /v1/metrics HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let sent = Instant::now();
        stream.get_mut().write_all(&[head.as_bytes(), &body].concat())?;
        answer(&mut stream)?;
        if number >= WARM_UP {
            took.push(micros(sent.elapsed()));
        }
    }
    let per_second = took.len() as f64 / begun.elapsed().as_secs_f64();
    Ok(Pace { per_second, took: Samples::new(took) })
}

fn answer(stream: &mut BufReader<TcpStream>) -> Result<()> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 200"), "refused: {line}");
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(())
}

/// The receiver that only adds up, in a process of its own.
struct Bare {
    port: u16,
    _program: Program,
}

impl Bare {
    fn start(programs: &Programs, sandbox: &Sandbox) -> Result<Self> {
        let mut command: Command = sandbox.command(programs.path("magia-bench")?);
        command.arg(BARE);
        let mut program = sandbox.spawn(BARE, command)?;
        let port = wait_until("the bare receiver's port", PATIENCE, || match program.try_wait() {
            Some(status) => Some(Err(anyhow::anyhow!("it ended ({status}): {}", program.stderr()))),
            None => program.stdout().trim().parse().ok().map(Ok),
        })??;
        Ok(Self { port, _program: program })
    }
}

/// A collector that takes the same exports and throws them away.
struct Rotel {
    port: u16,
    _program: Program,
}

impl Rotel {
    fn start(program: &OsStr, sandbox: &Sandbox) -> Result<Self> {
        let free = || anyhow::Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port());
        let (grpc, http) = (free()?, free()?);
        let mut command: Command = sandbox.command(program);
        command.args(["start", "--exporter", "blackhole"]);
        command.args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")]);
        command.args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")]);
        let program = sandbox.spawn("rotel", command)?;
        wait_until("rotel", PATIENCE, || TcpStream::connect(("127.0.0.1", grpc)).ok().map(|_| ()))?;
        Ok(Self { port: grpc, _program: program })
    }
}
