//! One export: taken out of its wrapping, understood, handed to the hub. Every size is bounded before it is made.

use super::decode::{Decoded, Form, Signal, decode};
use super::forward::Forward;
use super::status::{Refused, taken};
use crate::listeners::health::{Health, Refusal};
use crate::listeners::outbox::Outbox;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use flate2::read::MultiGzDecoder;
use magia_core::event::Event;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsService;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::MetricsService;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceService;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use std::io::{self, Read as _};
use std::sync::Arc;
use tonic::{Request as Call, Response as Reply, Status};

/// The longest body, packed or not, in bytes. Codex' spans of one turn are half a megabyte.
pub(super) const BODY_MAX_BYTES: usize = 8 * 1024 * 1024;
/// The longest message once it is unpacked, in bytes.
pub(super) const UNPACKED_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Takes exports of either socket.
#[derive(Clone, Debug)]
pub(super) struct Intake {
    pub(super) health: Arc<Health>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) forward: Forward,
}

impl Intake {
    /// Hands what was understood to the hub, or says why not.
    fn deliver(&self, decoded: Decoded) -> Result<(u64, &'static str), Refused> {
        let Decoded { export, rejected, why } = decoded;
        if !export.is_empty() && !self.outbox.offer_minor(Event::TelemetryReceived(Box::new(export))) {
            return Err(if self.outbox.is_open() { Refused::Busy } else { Refused::Gone });
        }
        self.health.count_message();
        Ok((rejected, why))
    }

    /// An export by gRPC: counted, sent on, answered.
    fn answer<M: Message, T>(
        &self,
        signal: Signal,
        call: Call<M>,
        read: impl FnOnce(M) -> Decoded,
        reply: impl FnOnce(u64, &'static str) -> T,
    ) -> Result<Reply<T>, Status> {
        let message = call.into_inner();
        let copy = self.forward.is_on().then(|| message.encode_to_vec());
        match self.deliver(read(message)) {
            Ok((rejected, why)) => {
                copy.into_iter().for_each(|copy| self.forward.offer(signal, Form::Proto, copy.into()));
                Ok(Reply::new(reply(rejected, why)))
            }
            Err(refused) => Err(refused.grpc()),
        }
    }
}

#[tonic::async_trait]
impl MetricsService for Intake {
    async fn export(
        &self,
        request: Call<ExportMetricsServiceRequest>,
    ) -> Result<Reply<ExportMetricsServiceResponse>, Status> {
        self.answer(Signal::Metrics, request, super::decode::metrics, |rejected, why| {
            ExportMetricsServiceResponse {
                partial_success: (rejected > 0).then(|| ExportMetricsPartialSuccess {
                    rejected_data_points: rejected.cast_signed(),
                    error_message: why.to_owned(),
                }),
            }
        })
    }
}

#[tonic::async_trait]
impl LogsService for Intake {
    async fn export(
        &self,
        request: Call<ExportLogsServiceRequest>,
    ) -> Result<Reply<ExportLogsServiceResponse>, Status> {
        self.answer(Signal::Logs, request, super::decode::logs, |rejected, why| ExportLogsServiceResponse {
            partial_success: (rejected > 0).then(|| ExportLogsPartialSuccess {
                rejected_log_records: rejected.cast_signed(),
                error_message: why.to_owned(),
            }),
        })
    }
}

#[tonic::async_trait]
impl TraceService for Intake {
    async fn export(
        &self,
        request: Call<ExportTraceServiceRequest>,
    ) -> Result<Reply<ExportTraceServiceResponse>, Status> {
        self.answer(Signal::Traces, request, super::decode::traces, |rejected, why| {
            ExportTraceServiceResponse {
                partial_success: (rejected > 0).then(|| ExportTracePartialSuccess {
                    rejected_spans: rejected.cast_signed(),
                    error_message: why.to_owned(),
                }),
            }
        })
    }
}

/// An export over HTTP.
pub(super) async fn http(signal: Signal, State(intake): State<Intake>, request: Request) -> Response {
    let Some(form) = form_of(request.headers()) else {
        intake.health.refuse(&Refusal::Garbage);
        let why = "Content-Type application/x-protobuf or application/json is wanted";
        return Refused::Unsupported(why).http(Form::Json);
    };
    let taken_in = async {
        let packed = packing_of(request.headers())?;
        let body = read(request.into_body()).await?;
        let body = if packed { unpack(&body)? } else { body };
        let decoded = decode(signal, form, &body).map_err(Refused::Garbage)?;
        let taken = intake.deliver(decoded)?;
        intake.forward.offer(signal, form, body);
        Ok(taken)
    };
    match taken_in.await {
        Ok((rejected, why)) => taken(signal, form, rejected, why),
        Err(refused) => {
            match &refused {
                Refused::TooLarge => intake.health.refuse(&Refusal::TooLong),
                Refused::Busy | Refused::Gone => {}
                _ => intake.health.refuse(&Refusal::Garbage),
            }
            refused.http(form)
        }
    }
}

fn form_of(headers: &HeaderMap) -> Option<Form> {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let kind = kinds.next()?.to_str().ok()?;
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kinds.next().is_some() {
        return None;
    }
    [Form::Proto, Form::Json].into_iter().find(|form| kind.eq_ignore_ascii_case(form.content_type()))
}

/// Whether the body is packed with gzip.
fn packing_of(headers: &HeaderMap) -> Result<bool, Refused> {
    let mut ways = headers.get_all(header::CONTENT_ENCODING).iter();
    let way = ways.next().map_or(Ok("identity"), |way| way.to_str());
    match (way, ways.next()) {
        (Ok(way), None) if way.eq_ignore_ascii_case("gzip") => Ok(true),
        (Ok(way), None) if way.is_empty() || way.eq_ignore_ascii_case("identity") => Ok(false),
        _ => Err(Refused::Unsupported("Content-Encoding gzip or none is wanted")),
    }
}

async fn read(body: Body) -> Result<Bytes, Refused> {
    to_bytes(body, BODY_MAX_BYTES).await.map_err(|err| {
        let limit =
            std::error::Error::source(&err).is_some_and(|why| why.to_string().contains("length limit"));
        if limit { Refused::TooLarge } else { Refused::Garbage("the body did not arrive whole".to_owned()) }
    })
}

/// Unpacks as far as is taken: what grows beyond it is not made.
fn unpack(packed: &[u8]) -> Result<Bytes, Refused> {
    let mut body = Vec::with_capacity((packed.len() * 4).min(UNPACKED_MAX_BYTES));
    let unpacked: io::Result<usize> =
        MultiGzDecoder::new(packed).take(UNPACKED_MAX_BYTES as u64 + 1).read_to_end(&mut body);
    match unpacked {
        Ok(len) if len > UNPACKED_MAX_BYTES => Err(Refused::TooLarge),
        Ok(_) => Ok(body.into()),
        Err(_) => Err(Refused::Garbage("the body is not gzip".to_owned())),
    }
}
