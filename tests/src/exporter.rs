//! Telemetry as an agent might export it, by OpenTelemetry's own SDK for Rust, and what the app makes of it. The scripts in
//! `tests/agents/otel` export the same by the SDKs for Node and Python.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry::{KeyValue, Value as Attribute};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, PeriodicReader, SdkMeterProvider, Stream, Temporality,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::Value;

use crate::cli::Cli;
use crate::wait::{PATIENCE, wait_until};

/// The reader exports when it is told to.
const NEVER: Duration = Duration::from_secs(3600);

/// Where telemetry goes.
#[derive(Debug, Clone)]
pub enum Place {
    /// A port of loopback.
    Port(u16),
    /// The socket.
    Socket(PathBuf),
}

/// One way to export.
#[derive(Debug, Clone)]
pub struct Way {
    /// gRPC, or HTTP with protobuf or JSON.
    pub protocol: Protocol,
    /// To whom.
    pub place: Place,
    /// What was added since the last export, or all since the start.
    pub temporality: Temporality,
    /// Packed.
    pub gzip: bool,
}

impl Way {
    /// Exports metrics three times, a log record and a span of `session`; an error when any of it was not taken. gRPC needs
    /// a runtime of tokio to be entered.
    pub fn export(&self, session: &str) -> Result<()> {
        let session_id = KeyValue::new("session.id", session.to_owned());
        let resource =
            Resource::builder_empty().with_service_name("gemini-cli").with_attribute(session_id).build();
        self.export_metrics(&resource).context("exporting metrics")?;
        self.export_log(&resource, session).context("exporting a log record")?;
        self.export_span(&resource).context("exporting a span")
    }

    fn export_metrics(&self, resource: &Resource) -> Result<()> {
        let builder = MetricExporter::builder().with_temporality(self.temporality);
        let exporter = if self.protocol == Protocol::Grpc {
            self.by_grpc(builder.with_tonic()).build()
        } else {
            self.by_http(builder.with_http(), "metrics").build()
        }?;
        let metrics = SdkMeterProvider::builder()
            .with_reader(PeriodicReader::builder(exporter).with_interval(NEVER).build())
            .with_resource(resource.clone())
            .with_view(tools_in_exponential_buckets)
            .build();
        let meter = metrics.meter("gemini-cli");
        let tokens = meter.u64_counter("gemini_cli.token.usage").build();
        let requests = meter.f64_histogram("gemini_cli.api.request.latency").with_unit("ms").build();
        let calls = meter.u64_counter("gemini_cli.tool.call.count").build();
        let tools = meter.f64_histogram("gemini_cli.tool.call.latency").with_unit("ms").build();
        meter.i64_up_down_counter("some.depth").build().add(-3, &[]);
        meter.f64_gauge("some.level").build().record(0.5, &[]);
        let model = || KeyValue::new("model", "gemini-2.5-pro");
        let tool = || KeyValue::new("function_name", "Shell");
        for amount in [10_u32, 20, 30] {
            tokens.add(amount.into(), &[model(), KeyValue::new("type", "input")]);
            requests.record(f64::from(amount) * 10.0, &[model()]);
            calls.add(1, &[tool(), KeyValue::new("success", true), KeyValue::new("decision", "accept")]);
            tools.record(amount.into(), &[tool()]);
            metrics.force_flush()?;
        }
        Ok(metrics.shutdown()?)
    }

    fn export_log(&self, resource: &Resource, session: &str) -> Result<()> {
        let exporter = if self.protocol == Protocol::Grpc {
            self.by_grpc(LogExporter::builder().with_tonic()).build()
        } else {
            self.by_http(LogExporter::builder().with_http(), "logs").build()
        }?;
        let logs = SdkLoggerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.clone())
            .build();
        let logger = logs.logger("gemini-cli");
        let mut record = logger.create_log_record();
        record.set_severity_number(Severity::Info);
        record.set_body("User prompt. Length: 5.".into());
        record.add_attribute("event.name", "gemini_cli.user_prompt");
        record.add_attribute("prompt_id", format!("{session}-prompt"));
        record.add_attribute("prompt_length", AnyValue::Int(5));
        logger.emit(record);
        logs.force_flush()?;
        Ok(logs.shutdown()?)
    }

    fn export_span(&self, resource: &Resource) -> Result<()> {
        let exporter = if self.protocol == Protocol::Grpc {
            self.by_grpc(SpanExporter::builder().with_tonic()).build()
        } else {
            self.by_http(SpanExporter::builder().with_http(), "traces").build()
        }?;
        let traces = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.clone())
            .build();
        let mut span = traces.tracer("gemini-cli").start("llm_call");
        span.set_attribute(KeyValue::new("gen_ai.request.model", Attribute::from("gemini-2.5-pro")));
        span.end();
        traces.force_flush()?;
        Ok(traces.shutdown()?)
    }

    fn by_grpc<B: WithExportConfig + WithTonicConfig>(&self, builder: B) -> B {
        let endpoint = match &self.place {
            Place::Port(port) => format!("http://127.0.0.1:{port}"),
            Place::Socket(path) => format!("unix://{}", path.display()),
        };
        let builder = builder.with_endpoint(endpoint).with_timeout(PATIENCE);
        if self.gzip { builder.with_compression(Compression::Gzip) } else { builder }
    }

    fn by_http<B: WithExportConfig + WithHttpConfig>(&self, builder: B, signal: &str) -> B {
        let host = match &self.place {
            Place::Port(port) => format!("127.0.0.1:{port}"),
            Place::Socket(_) => "localhost".to_owned(),
        };
        let builder = builder
            .with_protocol(self.protocol)
            .with_endpoint(format!("http://{host}/v1/{signal}"))
            .with_http_client(PlainClient(self.place.clone()));
        if self.gzip { builder.with_compression(Compression::Gzip) } else { builder }
    }
}

/// The latency of tools comes in exponential buckets.
fn tools_in_exponential_buckets(instrument: &Instrument) -> Option<Stream> {
    let buckets =
        Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };
    let is_ours = instrument.name() == "gemini_cli.tool.call.latency";
    is_ours.then(|| Stream::builder().with_aggregation(buckets).build().ok()).flatten()
}

/// One request a connection, over either place, on the SDK's own thread: the SDK has no client for sockets.
#[derive(Debug)]
struct PlainClient(Place);

#[async_trait]
impl HttpClient for PlainClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let host = head.uri.authority().map_or("localhost", |authority| authority.as_str());
        let mut message = format!(
            "{} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n",
            head.method,
            body.len()
        )
        .into_bytes();
        for (name, value) in &head.headers {
            message.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        message.extend(b"\r\n");
        message.extend(&body);
        let answer = match &self.0 {
            Place::Port(port) => exchange(TcpStream::connect(("127.0.0.1", *port))?, &message)?,
            Place::Socket(path) => exchange(UnixStream::connect(path)?, &message)?,
        };
        let end =
            answer.windows(4).position(|part| part == b"\r\n\r\n").ok_or("an answer without a head's end")?;
        let (head, body) = answer.split_at(end);
        let status =
            String::from_utf8_lossy(head).split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        let body = body.get(4..).unwrap_or_default().to_vec();
        Ok(Response::builder().status(status.ok_or("an answer without a status")?).body(body.into())?)
    }
}

fn exchange(mut stream: impl Read + Write, message: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(message)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// All that an SDK exported of a session, once its last signal is in.
pub fn exported(cli: Cli<'_>, session: &str) -> Result<Value> {
    let all = || {
        let info = cli.json(&["metrics", session]).ok()?;
        let has = |list: &str| info.get(list)?.as_array().map(|list| !list.is_empty());
        (has("spans")? && has("prompts")? && has("tools")?).then_some(info)
    };
    wait_until("metrics, a log and a span", PATIENCE, all)
        .with_context(|| format!("metrics: {:#}", cli.json(&["metrics", session]).unwrap_or_default()))
}

/// That each figure is what the SDK was given.
pub fn check_exported(info: &Value, session: &str) -> Result<()> {
    let expected = [
        ("/input_tokens", Value::from(60)),
        ("/requests", 3.into()),
        // 100, 200 and 300 ms.
        ("/request_time/count", 3.into()),
        ("/request_time/sum_ms", 600.0.into()),
        ("/tools/0/tool", "Shell".into()),
        ("/tools/0/calls", 3.into()),
        ("/tools/0/took/count", 3.into()),
        ("/tools/0/took/sum_ms", 60.0.into()),
        ("/prompts/0/id", format!("{session}-prompt").into()),
        ("/spans/0/name", "gemini-2.5-pro".into()),
    ];
    for (pointer, value) in expected {
        ensure!(info.pointer(pointer) == Some(&value), "{pointer} is not {value}: {info:#}");
    }
    Ok(())
}
