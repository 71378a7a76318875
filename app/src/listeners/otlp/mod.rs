//! Telemetry of agents: OTLP by gRPC, by HTTP with protobuf and by HTTP with JSON, all on one socket (`otel.sock`) and on one
//! port of loopback, for the agents cannot resolve `unix:`.
//!
//! An export is understood here and becomes one fact for the hub. When the hub has no room it is refused in words that
//! make the exporter come again; telemetry waits for nothing, and nothing waits for it.

mod decode;
mod forward;
mod guard;
mod intake;
mod port;
mod routes;
mod status;

pub use port::PORTS_TRIED;

use super::accept::{Door, OPEN_MAX};
use super::connection;
use super::health::Health;
use super::outbox::Outbox;
use forward::Forward;
use guard::Guard;
use intake::Intake;
use magia_core::settings::Settings;
use port::{Port, Wish};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::unconstrained;

/// Where the receiver finds what it needs.
#[derive(Clone, Debug)]
pub struct OtlpPlaces {
    /// The file with the port that agents' settings name; see [`crate::listeners`].
    pub pin: PathBuf,
    /// The socket, to be told.
    pub socket: PathBuf,
}

/// Chooses the port. Cheap to clone; no call waits.
#[derive(Clone, Debug)]
pub struct OtlpSwitch {
    places: Arc<OtlpPlaces>,
    shared: Arc<Shared>,
}

impl OtlpSwitch {
    pub(super) fn new(places: OtlpPlaces, shared: Arc<Shared>) -> Self {
        Self { places: Arc::new(places), shared }
    }

    /// Takes new settings.
    pub fn settings(&self, settings: &Settings) {
        self.shared.forward.settings(settings);
        self.shared.shown.store(settings.otel_port > 0, Ordering::Relaxed);
        let wish = Some(Wish { port: settings.otel_port, places: Arc::clone(&self.places) });
        self.shared.wanted.send_if_modified(|wanted| {
            let changed = wanted.as_ref().map(|wish| wish.port) != Some(settings.otel_port);
            *wanted = wish;
            changed
        });
    }
}

/// What the port shares with the rest of the listeners.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) health: Arc<Health>,
    pub(super) outbox: Arc<Outbox>,
    /// The port that is wanted; none before the settings were read.
    wanted: watch::Sender<Option<Wish>>,
    /// Whether a port is wanted, so that it is listed.
    pub(super) shown: AtomicBool,
    pub(super) retry: Notify,
    /// The way to a collector of the user's own.
    forward: Forward,
}

impl Shared {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        Self {
            health: Arc::new(Health::new("otlp")),
            forward: Forward::new(Arc::clone(&outbox)),
            outbox,
            wanted: watch::channel(None).0,
            shown: AtomicBool::new(false),
            retry: Notify::new(),
        }
    }

    /// Ends what is not the thread's own work.
    pub(super) fn stop(&self) {
        self.forward.stop();
    }
}

/// The thread's work, until `stop` changes.
pub(super) fn run(runtime: &Runtime, socket: Door, shared: Arc<Shared>, stop: watch::Receiver<bool>) {
    let intake = Intake {
        health: Arc::clone(&socket.health),
        outbox: Arc::clone(&socket.outbox),
        forward: shared.forward.clone(),
    };
    let router = routes::router(Guard::of_socket(), intake);
    let places = [Arc::clone(&socket.places)];
    let (health, stop_them) = (Arc::clone(&socket.health), stop.clone());
    let accepting = runtime.spawn(unconstrained(socket.run(stop.clone(), move |incoming, unheard| {
        let stream = incoming.into_stream()?;
        let served = connection::serve(stream, router.clone(), Arc::clone(&health), stop_them.clone());
        Ok(super::stays(served, unheard))
    })));
    let port_places = Arc::new(Semaphore::new(port::OPEN_MAX));
    let port = Port::new(shared, Arc::clone(&port_places));
    let port = runtime.spawn(port.run(stop.clone()));
    runtime.block_on(async {
        super::stopped(stop).await;
        for task in [accepting, port] {
            super::log_panic(task.await);
        }
        super::all_done(&places, OPEN_MAX).await;
        super::all_done(&[port_places], u32::try_from(port::OPEN_MAX).unwrap_or(u32::MAX)).await;
    });
}
