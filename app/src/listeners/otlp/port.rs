//! The port: which one, who may connect, and when another is taken.
//!
//! Without a reason to stay, a port that is taken gives way to the next. Once an agent's settings name a port (a small
//! file, the pin, says which), it is that one or none: an agent would go on sending to whoever has it.

use super::guard::Guard;
use super::intake::Intake;
use super::{OtlpPlaces, Shared, routes};
use crate::listeners::connection::{self, ended};
use crate::listeners::health::{Checks, OpenConnection};
use crate::listeners::loopback::stranger;
use crate::listeners::stock::{OTLP, Stock};
use axum::Router;
use magia_core::event::Event;
use magia_protocol::wire::info::ListenerInfo;
use magia_protocol::wire::metrics::OtelPortInfo;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;

/// Ports that are tried, from the wanted one on.
pub const PORTS_TRIED: u16 = 32;
/// Connections at once. Each agent has at most three, one per signal.
pub(super) const OPEN_MAX: usize = 256;
/// How often a port that is taken is tried again.
const TRY_EVERY: Duration = Duration::from_secs(2);
/// Out of descriptors, the next try fails as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// The port that is wanted.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    /// 0 is none.
    pub(super) port: u16,
    pub(super) places: Arc<OtlpPlaces>,
}

/// The port's accepting end.
pub(super) struct Port {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
}

/// Why accepting ended.
enum Left {
    Stopped,
    Changed,
}

impl Port {
    pub(super) fn new(shared: Arc<Shared>, places: Arc<Semaphore>) -> Self {
        Self { shared, places }
    }

    /// Keeps the wanted port open until `stop` changes.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut wanted = self.shared.wanted.subscribe();
        loop {
            let wish = wanted.borrow_and_update().clone();
            match wish {
                Some(wish) if wish.port > 0 => match bind(&wish, &self.shared.stock).await {
                    Ok(listener) => {
                        self.shared.stock.keep(OTLP, &listener);
                        if let Left::Stopped = self.listen(listener, &wish, &mut wanted, &mut stop).await {
                            return;
                        }
                        self.shared.stock.forget(OTLP);
                        continue;
                    }
                    Err(problem) => {
                        tracing::warn!("telemetry has no port: {problem}");
                        self.report(Some(problem.clone())).await;
                        self.tell(&wish, None, Some(problem)).await;
                    }
                },
                Some(wish) => {
                    self.shared.stock.forget(OTLP);
                    self.tell(&wish, None, None).await;
                    self.say_off().await;
                }
                None => {}
            }
            let tries_again = wanted.borrow().as_ref().is_some_and(|wish| wish.port > 0);
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() { return },
                () = self.shared.retry.notified() => {}
                () = sleep(TRY_EVERY), if tries_again => {}
                () = ended(&mut stop) => return,
            }
        }
    }

    async fn listen(
        &self,
        listener: TcpListener,
        wish: &Wish,
        wanted: &mut watch::Receiver<Option<Wish>>,
        stop: &mut watch::Receiver<bool>,
    ) -> Left {
        let Ok(address) = listener.local_addr() else { return Left::Changed };
        let port = address.port();
        tracing::debug!(port, "telemetry is received");
        let moved = (port != wish.port).then(|| match pinned(&wish.places.pin) {
            Some(pin) if pin == port => format!("agents' settings name port {port}, so it stays"),
            _ => format!("port {} is taken, so port {port} is used", wish.port),
        });
        self.report(None).await;
        self.tell(wish, Some(port), moved.clone()).await;
        let mut forwarded = self.shared.forward.info();
        let intake = Intake {
            health: Arc::clone(&self.shared.health),
            outbox: Arc::clone(&self.shared.outbox),
            forward: self.shared.forward.clone(),
        };
        let router = routes::router(Guard::of_port(port), intake);
        let mut checks = Checks::new(&self.shared.health);
        let mut last = self.shared.health.info();
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return Left::Stopped };
            let accepted = loop {
                tokio::select! {
                    accepted = listener.accept() => break accepted,
                    changed = wanted.changed() => {
                        return if changed.is_ok() { Left::Changed } else { Left::Stopped };
                    }
                    () = ended(stop) => return Left::Stopped,
                    () = self.shared.retry.notified() => self.report(None).await,
                    () = checks.tick() => {
                        if pinned(&wish.places.pin).is_some_and(|pin| pin != port) {
                            return Left::Changed;
                        }
                        let forwards = self.shared.forward.info();
                        if forwards != forwarded {
                            forwarded = forwards;
                            self.tell(wish, Some(port), moved.clone()).await;
                        }
                        let info = self.shared.health.info();
                        let report = Event::ListenerReported(info.clone());
                        if info != last && self.shared.outbox.offer(report) {
                            last = info;
                        }
                    }
                }
            };
            match accepted {
                Ok((stream, peer)) => self.receive(stream, peer, address, &router, place, stop),
                Err(err) => {
                    tracing::warn!("telemetry cannot accept: {err}");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn receive(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        own: SocketAddr,
        router: &Router,
        place: OwnedSemaphorePermit,
        stop: &watch::Receiver<bool>,
    ) {
        let health = Arc::clone(&self.shared.health);
        if let Some(refusal) = stranger(peer, own) {
            return health.refuse(&refusal);
        }
        health.count_accepted();
        if let Err(err) = stream.set_nodelay(true) {
            tracing::debug!("answers may wait: {err}");
        }
        let open = OpenConnection::new(&health);
        let served = connection::serve(stream, router.clone(), health, stop.clone());
        tokio::spawn(async move {
            served.await;
            drop((open, place));
        });
    }

    /// Tells where telemetry is received.
    async fn tell(&self, wish: &Wish, port: Option<u16>, problem: Option<String>) {
        self.shared.forward.own_port(port);
        let info = OtelPortInfo {
            port,
            endpoint: port.map(|port| format!("http://127.0.0.1:{port}")),
            socket: wish.places.socket.display().to_string(),
            wanted: wish.port,
            problem,
            forward: self.shared.forward.info(),
        };
        self.send(Event::TelemetryPort(Box::new(info))).await;
    }

    async fn report(&self, error: Option<String>) {
        self.shared.health.set_state(error);
        self.send(Event::ListenerReported(self.shared.health.info())).await;
    }

    /// Neither up nor in error: it is not listed any more.
    async fn say_off(&self) {
        let name = self.shared.health.name().to_owned();
        self.send(Event::ListenerReported(ListenerInfo { name, ..ListenerInfo::default() })).await;
    }

    async fn send(&self, event: Event) {
        if self.shared.outbox.send(event).await.is_err() {
            tracing::debug!("the hub has stopped");
        }
    }
}

/// The port that agents' settings name.
fn pinned(pin: &Path) -> Option<u16> {
    let port = std::fs::read_to_string(pin).ok()?;
    port.trim().parse().ok().filter(|port| *port > 0)
}

async fn bind(wish: &Wish, stock: &Stock) -> Result<TcpListener, String> {
    let at = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let pin = pinned(&wish.places.pin);
    let ports = wish.port..=wish.port.saturating_add(PORTS_TRIED - 1);
    let wanted = |port| pin.map_or_else(|| ports.contains(&port), |pin| pin == port);
    if let Some(listener) = stock.take_port(OTLP, wanted) {
        return Ok(listener);
    }
    if let Some(port) = pinned(&wish.places.pin) {
        return at(port).await.map_err(|err| match err.kind() {
            io::ErrorKind::AddrInUse => {
                format!("port {port} is taken by another program, and agents' settings name it")
            }
            _ => format!("port {port}: {err}"),
        });
    }
    let mut last = None;
    for port in wish.port..=wish.port.saturating_add(PORTS_TRIED - 1) {
        match at(port).await {
            Ok(listener) => return Ok(listener),
            Err(err) => last = Some(err),
        }
    }
    let why = last.map_or_else(|| "no port".to_owned(), |err| err.to_string());
    Err(format!("ports {} to {}: {why}", wish.port, wish.port.saturating_add(PORTS_TRIED - 1)))
}
