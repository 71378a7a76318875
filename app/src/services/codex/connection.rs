//! One daemon: found, greeted, listened to, lost, found again.

use super::desk::Desk;
use crate::service::Outbox;
use futures_util::{SinkExt as _, StreamExt as _};
use magia_core::codex::{Client, Counts, Out};
use magia_core::daemon::{DaemonFact, DaemonNews};
use magia_core::event::{Event, GateId};
use magia_protocol::paths::codex_daemon_socket;
use magia_protocol::wire::Provider;
use magia_protocol::wire::info::DaemonInfo;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Bytes of a frame. The daemon itself cuts at 16 MiB (`x-codex-websocket-max-unfragmented-message-bytes`).
const FRAME_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a message of several frames.
const MESSAGE_MAX: usize = 64 * 1024 * 1024;
/// How long the daemon may take to greet, and to take a frame of ours.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pauses after a failure with a socket that is there, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// When the pauses are this long, a socket that nobody listens at is only watched.
const GIVES_UP: Duration = Duration::from_secs(8);
/// A connection that lasted so long has worked: the next failure is a new one.
const WORKED: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<UnixStream>;

/// A configuration directory and who speaks for it.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) index: u16,
    pub(super) root: PathBuf,
    pub(super) desk: Arc<Desk>,
}

impl Home {
    pub(super) fn socket(&self) -> PathBuf {
        codex_daemon_socket(&self.root)
    }
}

/// Why there is no connection.
#[derive(Debug)]
enum Failure {
    /// No daemon runs; whether a socket lies there, which one that starts may be about to listen at.
    Absent {
        /// Refused, not missing.
        socket: bool,
    },
    /// One runs, or seems to, and this went wrong.
    Failed(String),
    /// The program ends.
    Stop,
}

/// Looks after all of them until the bell's other end is gone.
pub(super) async fn run(homes: Vec<Home>, outbox: &Outbox, bell: &watch::Receiver<()>) {
    let keepers = homes.into_iter().map(|home| {
        let keeper = Keeper {
            name: home.root.to_string_lossy().trim_end_matches('/').to_owned(),
            next_gate: GateId::of_daemon(home.index),
            home,
            outbox,
            bell: bell.clone(),
            version: None,
            error: None,
            told: None,
        };
        Box::pin(keeper.run())
    });
    let mut keepers: Vec<_> = keepers.collect();
    // All end by the same bell.
    std::future::poll_fn(|context| {
        keepers.retain_mut(|keeper| keeper.as_mut().poll(context).is_pending());
        if keepers.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// Keeps one connection.
struct Keeper<'a> {
    home: Home,
    name: String,
    outbox: &'a Outbox,
    bell: watch::Receiver<()>,
    next_gate: GateId,
    version: Option<String>,
    error: Option<String>,
    told: Option<DaemonInfo>,
}

impl Keeper<'_> {
    async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            self.bell.mark_unchanged();
            let begun = tokio::time::Instant::now();
            let failure = match self.connect().await {
                Ok(socket) => self.serve(socket).await,
                Err(failure) => failure,
            };
            if begun.elapsed() >= WORKED {
                pause = FIRST_PAUSE;
            }
            let wait = match failure {
                Failure::Stop => return,
                Failure::Absent { socket } => {
                    self.report("absent", Counts::default());
                    // Bound is not yet listening; but a dead one's socket is not asked for ever.
                    Some(pause).filter(|pause| socket && *pause < GIVES_UP)
                }
                Failure::Failed(why) => {
                    tracing::debug!("the Codex daemon of {}: {why}", self.name);
                    self.error = Some(why);
                    self.report("unreachable", Counts::default());
                    Some(pause)
                }
            };
            let again = async {
                match wait {
                    Some(wait) => sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = again => pause = (pause * 2).min(LONGEST_PAUSE),
                changed = self.bell.changed() => match changed {
                    Ok(()) => pause = FIRST_PAUSE,
                    Err(_) => return,
                },
            }
        }
    }

    async fn connect(&self) -> Result<Socket, Failure> {
        let failed = |what: &str, err: &dyn std::fmt::Display| Failure::Failed(format!("{what}: {err}"));
        let stream = match UnixStream::connect(self.home.socket()).await {
            Ok(stream) => stream,
            // A socket without a listener is what a killed daemon leaves behind.
            Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                return Err(Failure::Absent { socket: err.kind() == ErrorKind::ConnectionRefused });
            }
            Err(err) => return Err(failed("connecting to its socket", &err)),
        };
        let peer = stream.peer_cred().map_err(|err| failed("asking who listens at its socket", &err))?;
        // SAFETY: geteuid cannot fail and touches no memory.
        if peer.uid() != unsafe { libc::geteuid() } {
            return Err(Failure::Failed(format!("user {} listens at its socket", peer.uid())));
        }
        let config =
            WebSocketConfig::default().max_frame_size(Some(FRAME_MAX)).max_message_size(Some(MESSAGE_MAX));
        let greeting = client_async_with_config("ws://localhost/", stream, Some(config));
        match timeout(PATIENCE, greeting).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(err)) => Err(failed("greeting it", &err)),
            Err(_) => Err(Failure::Failed("it does not greet".to_owned())),
        }
    }

    /// Listens and answers until the connection ends.
    async fn serve(&mut self, mut socket: Socket) -> Failure {
        let mut client = Client::new(self.next_gate, None);
        self.home.desk.connected(&self.name, true);
        let failure = match self.converse(&mut socket, &mut client).await {
            Ok(()) => Failure::Stop,
            Err(failure) => failure,
        };
        self.home.desk.connected(&self.name, false);
        self.next_gate = client.next_gate();
        self.version = None;
        if let Failure::Failed(why) = &failure
            && !self.tell(DaemonFact::Lost { why: why.clone() })
        {
            return Failure::Stop;
        }
        failure
    }

    async fn converse(&mut self, socket: &mut Socket, client: &mut Client) -> Result<(), Failure> {
        let begin = client.begin(env!("CARGO_PKG_VERSION"));
        self.perform(socket, begin).await?;
        let desk = Arc::clone(&self.home.desk);
        loop {
            let out = tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => client.received(&text),
                    Some(Ok(Message::Close(_))) | None => {
                        return Err(Failure::Failed("Codex's daemon has ended".to_owned()));
                    }
                    Some(Ok(_)) => continue,
                    Some(Err(err)) => {
                        return Err(Failure::Failed(format!("the connection to Codex's daemon broke: {err}")));
                    }
                },
                () = desk.rung() => {
                    let (answers, viewed) = desk.take();
                    for (gate, reply) in answers {
                        let (asked, out) = client.answer(gate, &reply);
                        let sent = self.perform(socket, out).await;
                        if asked && !self.send(Event::GateAnswered { gate, delivered: sent.is_ok() }) {
                            return Ok(());
                        }
                        sent?;
                    }
                    client.view(viewed.as_ref().map(|session| session.0.as_str()))
                }
                changed = self.bell.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return Ok(()),
                },
            };
            self.perform(socket, out).await?;
            if self.version.is_some() {
                self.report("connected", client.counts());
            }
        }
    }

    async fn perform(&mut self, socket: &mut Socket, out: Vec<Out>) -> Result<(), Failure> {
        for one in out {
            match one {
                Out::Send(text) => {
                    let sent = timeout(PATIENCE, socket.send(Message::text(text))).await;
                    match sent {
                        Ok(Ok(())) => {}
                        Ok(Err(err)) => {
                            return Err(Failure::Failed(format!("writing to Codex's daemon: {err}")));
                        }
                        Err(_) => {
                            return Err(Failure::Failed("Codex's daemon takes nothing any more".to_owned()));
                        }
                    }
                }
                Out::Fact(fact) => {
                    if !self.tell(fact) {
                        return Err(Failure::Stop);
                    }
                }
                Out::Ready(version) => self.version = Some(version.unwrap_or_default()),
                Out::Refused(why) => {
                    return Err(Failure::Failed(format!("Codex's daemon refuses us: {why}")));
                }
            }
        }
        Ok(())
    }

    /// Says how the connection is, when that is news.
    fn report(&mut self, state: &str, counts: Counts) {
        let info = DaemonInfo {
            provider: Provider::Codex,
            root: self.name.clone(),
            state: state.to_owned(),
            version: self.version.clone().filter(|version| !version.is_empty()),
            sessions: u32::try_from(counts.threads).unwrap_or(u32::MAX),
            subscribed: u32::try_from(counts.subscribed).unwrap_or(u32::MAX),
            unknown: counts.unknown,
            error: self.error.clone(),
        };
        // A message that is not for us is no news by itself.
        let news = DaemonInfo { unknown: 0, ..info.clone() };
        if self.told.as_ref() != Some(&news) {
            self.told = Some(news);
            // When the program ends nobody wants to know.
            let _ending = self.tell(DaemonFact::Connection(info));
        }
    }

    /// Tells the hub, waiting while it is busy. `false` when the program ends.
    fn tell(&self, fact: DaemonFact) -> bool {
        let news = DaemonNews { provider: Provider::Codex, root: self.name.clone(), fact };
        self.send(Event::Daemon(Box::new(news)))
    }

    fn send(&self, event: Event) -> bool {
        self.outbox.send(event)
    }
}
