//! A copy of every export for a collector of the user's own. It waits in a queue that is bounded in number and in bytes;
//! what finds no room is lost, counted and said. Whoever exports never waits for it.

use super::decode::{Form, Signal};
use crate::listeners::outbox::Outbox;
use anyhow::{Context as _, Result, anyhow, bail};
use axum::body::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use magia_core::event::Event;
use magia_core::settings::{Forwarding, Settings};
use magia_protocol::wire::metrics::ForwardInfo;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use serde::de::DeserializeOwned;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::transport::{Channel, Endpoint};

/// Exports that wait. An agent sends three every few seconds.
const QUEUE_MAX: usize = 128;
/// Their bytes.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long a collector may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Pauses before an export is sent again.
const PAUSES: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// An export as it is sent on.
#[derive(Debug)]
struct Parcel {
    signal: Signal,
    form: Form,
    body: Bytes,
}

/// The way to the user's collector. Cheap to clone; no call waits.
#[derive(Clone, Debug)]
pub(super) struct Forward(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    on: AtomicBool,
    to: RwLock<Option<Arc<Forwarding>>>,
    queue: Sender<Parcel>,
    taken: Receiver<Parcel>,
    bytes: AtomicUsize,
    sent: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    problem: Mutex<Option<String>>,
    /// The receiver's own port: what went there would come back for ever.
    own_port: AtomicU16,
    outbox: Arc<Outbox>,
    thread: Mutex<Option<(Sender<std::convert::Infallible>, JoinHandle<()>)>>,
}

/// Why an export was not sent on.
enum Unsent {
    /// The collector may take it later.
    Later(anyhow::Error),
    /// It never will.
    Never(anyhow::Error),
}

impl Forward {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        let (queue, taken) = bounded(QUEUE_MAX);
        Self(Arc::new(Inner {
            on: AtomicBool::new(false),
            to: RwLock::default(),
            queue,
            taken,
            bytes: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            problem: Mutex::default(),
            own_port: AtomicU16::new(0),
            outbox,
            thread: Mutex::default(),
        }))
    }

    /// Takes new settings.
    pub(super) fn settings(&self, settings: &Settings) {
        let inner = &self.0;
        let to = settings.telemetry_forward.clone().filter(|to| !to.url.is_empty()).map(Arc::new);
        inner.on.store(to.is_some(), Ordering::Relaxed);
        let mut known = inner.to.write().unwrap_or_else(PoisonError::into_inner);
        if *known == to {
            return;
        }
        *known = to;
        drop(known);
        inner.say(None);
        // A thread of its own, once there is a use for it: most users have none.
        let mut thread = inner.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() && inner.on.load(Ordering::Relaxed) {
            let (stop, stopped) = bounded(0);
            let this = self.clone();
            match Builder::new().name("otlp-forward".to_owned()).spawn(move || this.0.run(&stopped)) {
                Ok(started) => *thread = Some((stop, started)),
                Err(err) => tracing::error!("telemetry is not sent on: {err}"),
            }
        }
    }

    /// Whether exports are sent on.
    pub(super) fn is_on(&self) -> bool {
        self.0.on.load(Ordering::Relaxed)
    }

    /// The receiver's own port.
    pub(super) fn own_port(&self, port: Option<u16>) {
        self.0.own_port.store(port.unwrap_or(0), Ordering::Relaxed);
    }

    /// Sends a copy, unless too many wait.
    pub(super) fn offer(&self, signal: Signal, form: Form, body: Bytes) {
        let inner = &self.0;
        if !self.is_on() {
            return;
        }
        let size = body.len();
        let fits = inner.bytes.fetch_add(size, Ordering::Relaxed) + size <= BYTES_MAX;
        if !fits || inner.queue.try_send(Parcel { signal, form, body }).is_err() {
            inner.bytes.fetch_sub(size, Ordering::Relaxed);
            let dropped = inner.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            inner.say(Some(format!(
                "Telemetry is received faster than your collector takes it: {dropped} exports were not sent on"
            )));
        }
    }

    /// How it goes; `None` when nothing is sent on.
    pub(super) fn info(&self) -> Option<ForwardInfo> {
        let inner = &self.0;
        let to = inner.to.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(ForwardInfo {
            to: to.shown(),
            sent: inner.sent.load(Ordering::Relaxed),
            dropped: inner.dropped.load(Ordering::Relaxed),
            failed: inner.failed.load(Ordering::Relaxed),
            problem: inner.problem.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        })
    }

    /// Ends the thread; what waits is lost.
    pub(super) fn stop(&self) {
        let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.0.on.store(false, Ordering::Relaxed);
        if let Some((stop, thread)) = thread {
            drop(stop);
            // An answer that is waited for may take its time; nobody waits for that.
            if thread.is_finished() && thread.join().is_err() {
                tracing::error!("the thread that sends telemetry on panicked");
            }
        }
    }
}

impl Inner {
    /// Says what is wrong, or that nothing is, once for each change.
    fn say(&self, problem: Option<String>) {
        let mut known = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = known.is_some() != problem.is_some();
        known.clone_from(&problem);
        drop(known);
        if changed {
            let service = "telemetry forwarding";
            if !self.outbox.offer_minor(Event::ServiceReported { service, problem }) {
                tracing::debug!("the hub has no room to hear of the forwarding");
            }
        }
    }

    fn run(&self, stop: &Receiver<std::convert::Infallible>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(err) => return tracing::error!("telemetry is not sent on: {err}"),
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_LIMIT))
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .new_agent();
        let mut sender = Courier { agent, runtime, channel: None };
        loop {
            crossbeam_channel::select! {
                recv(self.taken) -> parcel => match parcel {
                    Ok(parcel) => {
                        self.bytes.fetch_sub(parcel.body.len(), Ordering::Relaxed);
                        if !self.deliver(&mut sender, &parcel, stop) {
                            return;
                        }
                    }
                    Err(_) => return,
                },
                recv(stop) -> _ended => return,
            }
        }
    }

    /// Sends an export, again when the collector may take it later. `false` when all is to end.
    fn deliver(
        &self,
        sender: &mut Courier,
        parcel: &Parcel,
        stop: &Receiver<std::convert::Infallible>,
    ) -> bool {
        let mut pauses = PAUSES.iter();
        loop {
            let Some(to) = self.to.read().unwrap_or_else(PoisonError::into_inner).clone() else {
                return true;
            };
            let own = self.own_port.load(Ordering::Relaxed);
            let sent = match to.loopback_port() {
                Some(port) if port == own => Err(Unsent::Never(anyhow!("it names magia's own port"))),
                _ => sender.send(&to, parcel),
            };
            match sent {
                Ok(()) => {
                    self.sent.fetch_add(1, Ordering::Relaxed);
                    self.say(None);
                    return true;
                }
                Err(Unsent::Later(err)) => match pauses.next() {
                    Some(pause) => {
                        self.say(Some(unsent(&to, &err)));
                        if stop.recv_timeout(*pause).is_err_and(|err| err.is_disconnected()) {
                            return false;
                        }
                    }
                    None => {
                        self.failed.fetch_add(1, Ordering::Relaxed);
                        return true;
                    }
                },
                Err(Unsent::Never(err)) => {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    self.say(Some(unsent(&to, &err)));
                    return true;
                }
            }
        }
    }
}

fn unsent(to: &Forwarding, err: &anyhow::Error) -> String {
    format!("Telemetry is not sent on to {}: {err:#}; magia itself counts it", to.shown())
}

/// What sends.
struct Courier {
    agent: ureq::Agent,
    runtime: tokio::runtime::Runtime,
    channel: Option<(String, Channel)>,
}

impl Courier {
    fn send(&mut self, to: &Forwarding, parcel: &Parcel) -> Result<(), Unsent> {
        if to.is_grpc() { self.by_grpc(to, parcel) } else { self.by_http(to, parcel) }
    }

    fn by_http(&self, to: &Forwarding, parcel: &Parcel) -> Result<(), Unsent> {
        let url = format!("{}{}", to.url.trim_end_matches('/'), parcel.signal.path());
        let mut request = self.agent.post(&url).header("Content-Type", parcel.form.content_type());
        for (name, value) in &to.headers {
            request = request.header(name, value);
        }
        // Its own text may name headers.
        let answer = request.send(&parcel.body[..]).map_err(|err| Unsent::Later(anyhow!(plain(&err))))?;
        match answer.status().as_u16() {
            200..300 => Ok(()),
            status @ (408 | 429 | 502 | 503 | 504) => {
                Err(Unsent::Later(anyhow!("the collector answered {status}")))
            }
            status => Err(Unsent::Never(anyhow!("the collector answered {status}"))),
        }
    }

    fn by_grpc(&mut self, to: &Forwarding, parcel: &Parcel) -> Result<(), Unsent> {
        let channel = match &self.channel {
            Some((url, channel)) if *url == to.url => channel.clone(),
            _ => {
                let url = to.url.replacen("grpc://", "http://", 1);
                let endpoint = Endpoint::from_shared(url).context("its address").map_err(Unsent::Never)?;
                let endpoint = endpoint.timeout(ANSWER_LIMIT).connect_timeout(ANSWER_LIMIT);
                // Connects when it is first used, and again when it was lost. It needs the runtime to be made.
                let channel = self.runtime.block_on(async { endpoint.connect_lazy() });
                self.channel = Some((to.url.clone(), channel.clone()));
                channel
            }
        };
        self.runtime.block_on(async {
            let sent = match parcel.signal {
                Signal::Metrics => {
                    let request = with_headers(message::<ExportMetricsServiceRequest>(parcel)?, to)?;
                    MetricsServiceClient::new(channel).export(request).await.map(drop)
                }
                Signal::Logs => {
                    let request = with_headers(message::<ExportLogsServiceRequest>(parcel)?, to)?;
                    LogsServiceClient::new(channel).export(request).await.map(drop)
                }
                Signal::Traces => {
                    let request = with_headers(message::<ExportTraceServiceRequest>(parcel)?, to)?;
                    TraceServiceClient::new(channel).export(request).await.map(drop)
                }
            };
            sent.map_err(|status| {
                let err = anyhow!("the collector answered {:?}", status.code());
                match status.code() {
                    tonic::Code::Unavailable
                    | tonic::Code::ResourceExhausted
                    | tonic::Code::Cancelled
                    | tonic::Code::DeadlineExceeded
                    | tonic::Code::Aborted
                    | tonic::Code::Unknown => Unsent::Later(err),
                    _ => Unsent::Never(err),
                }
            })
        })
    }
}

/// The message of a parcel, whatever it is written in.
fn message<M: Message + Default + DeserializeOwned>(parcel: &Parcel) -> Result<M, Unsent> {
    let read = match parcel.form {
        Form::Proto => M::decode(parcel.body.clone()).ok(),
        Form::Json => serde_json::from_slice(&parcel.body).ok(),
    };
    read.ok_or_else(|| Unsent::Never(anyhow!("an export cannot be written as gRPC")))
}

fn with_headers<M>(message: M, to: &Forwarding) -> Result<tonic::Request<M>, Unsent> {
    let mut request = tonic::Request::new(message);
    let set = |request: &mut tonic::Request<M>| -> Result<()> {
        for (name, value) in &to.headers {
            let Ok(key) = name.to_ascii_lowercase().parse::<AsciiMetadataKey>() else {
                bail!("a header's name cannot be sent");
            };
            let Ok(value) = value.parse::<AsciiMetadataValue>() else { bail!("a header cannot be sent") };
            request.metadata_mut().insert(key, value);
        }
        Ok(())
    };
    set(&mut request).map_err(Unsent::Never)?;
    Ok(request)
}

/// What went wrong, without what was sent.
fn plain(err: &ureq::Error) -> String {
    match err {
        ureq::Error::Timeout(_) => "it does not answer".to_owned(),
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        ureq::Error::Io(err) => err.kind().to_string(),
        ureq::Error::ConnectionFailed => "it cannot be reached".to_owned(),
        _ => "the request failed".to_owned(),
    }
}
