//! The routes: three services of gRPC and three paths of HTTP, behind one gate.

use super::decode::{Form, Signal};
use super::guard::Guard;
use super::intake::{Intake, UNPACKED_MAX_BYTES, http};
use super::status::Refused;
use crate::listeners::health::Refusal;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsServiceServer;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::MetricsServiceServer;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceServiceServer;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::codec::CompressionEncoding::Gzip;

/// Exports at work at once, of all connections of a socket. They are read and understood by one thread; more would only
/// take memory.
const AT_ONCE_MAX: usize = 32;
/// How long an export may take to arrive.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// What the gate needs.
#[derive(Clone)]
struct Gate {
    guard: Arc<Guard>,
    at_once: Arc<Semaphore>,
    intake: Intake,
}

/// The routes of the socket or of a port.
pub(super) fn router(guard: Guard, intake: Intake) -> Router {
    let metrics = MetricsServiceServer::new(intake.clone())
        .accept_compressed(Gzip)
        .max_decoding_message_size(UNPACKED_MAX_BYTES);
    let logs = LogsServiceServer::new(intake.clone())
        .accept_compressed(Gzip)
        .max_decoding_message_size(UNPACKED_MAX_BYTES);
    let traces = TraceServiceServer::new(intake.clone())
        .accept_compressed(Gzip)
        .max_decoding_message_size(UNPACKED_MAX_BYTES);
    let gate = Gate {
        guard: Arc::new(guard),
        at_once: Arc::new(Semaphore::new(AT_ONCE_MAX)),
        intake: intake.clone(),
    };
    let mut router = Router::new();
    for signal in Signal::ALL {
        router = router.route(signal.path(), post(move |state, request| http(signal, state, request)));
    }
    router
        .with_state(intake)
        .route_service("/opentelemetry.proto.collector.metrics.v1.MetricsService/{method}", metrics)
        .route_service("/opentelemetry.proto.collector.logs.v1.LogsService/{method}", logs)
        .route_service("/opentelemetry.proto.collector.trace.v1.TraceService/{method}", traces)
        .fallback(unknown)
        // The body's own limit is told in OTLP's words.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(gate, watch))
}

async fn unknown(request: Request) -> Response {
    if is_grpc(request.headers()) {
        tonic::Status::unimplemented("this is no service of OTLP").into_http::<Body>().into_response()
    } else {
        (StatusCode::NOT_FOUND, "OTLP is taken at /v1/metrics, /v1/logs and /v1/traces\n").into_response()
    }
}

/// Lets an export pass, or answers it.
async fn watch(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let grpc = is_grpc(request.headers());
    let refuse = |refused: &Refused| {
        if grpc { refused.grpc().into_http::<Body>().into_response() } else { refused.http(Form::Json) }
    };
    if let Err(refused) = gate.guard.check(request.uri(), request.headers()) {
        gate.intake.health.refuse(&Refusal::Garbage);
        return refuse(&refused);
    }
    let Ok(_place) = gate.at_once.try_acquire() else { return refuse(&Refused::Busy) };
    match timeout(REQUEST_LIMIT, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => {
            gate.intake.health.refuse(&Refusal::Slow);
            refuse(&Refused::Slow)
        }
    }
}

/// gRPC; not gRPC-Web, which is for pages.
fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind == "application/grpc"
        || kind.starts_with("application/grpc+")
        || kind.starts_with("application/grpc;")
}
