//! A window takes over from a magia without one, and hands back when it quits.
//!
//! The magia without a window listens at a socket of its own ([`desk`]). A window that is about to serve asks there; the
//! other ends its hub, closes its store and passes on, descriptor by descriptor, all that clients are connected to
//! ([`give`], [`receive`]): what it passes is an [`Estate`]. It then waits as a standby, which keeps its own hold on the
//! sockets, so that no client is ever refused, and on the gates. When the window quits, the same goes the other way; when
//! the window dies, the standby goes on with what it holds.
//!
//! Exactly one serves: whoever gives stops before, and begins again only when the other has not said that it has all, or
//! is gone. Whoever receives begins only when the giver has said so, or is gone.

mod desk;
mod frame;
mod standby;

pub use desk::{Answer, Desk, Offer};
pub use standby::{Next, Standby, stand_by};

use crate::listeners::{Held, Inheritance, is_socket_name};
use anyhow::{Context as _, Result, bail};
use frame::{Frame, Said};
use magia_protocol::paths::Socket;
use magia_protocol::process::ProcessStat;
use magia_protocol::wire::{ProcessId, RequestId};
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long either side may take for the next of what it says.
const NEXT_LIMIT: Duration = Duration::from_secs(10);
/// How long the side that gives may take to stop serving.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// How long a process whose connection broke may take to be gone.
const DEATH_LIMIT: Duration = Duration::from_secs(2);
/// How often it is looked whether it is.
const DEATH_LOOK: Duration = Duration::from_millis(5);

/// All that another process needs to serve in one's place.
#[derive(Debug)]
pub struct Estate {
    /// The lock of the runtime directory.
    pub lock: File,
    /// Sockets and connections.
    pub inheritance: Inheritance,
}

impl Estate {
    /// The requests whose gates it has.
    pub fn requests(&self) -> Vec<RequestId> {
        self.inheritance.held.iter().filter_map(|held| held.request).collect()
    }

    /// What its first owner can still go on with once another has had it: the sockets and the gates. The rest may have
    /// said more meanwhile.
    fn keep_lasting(&mut self) {
        self.inheritance.held.retain(|held| held.request.is_some());
    }

    /// Takes what a later owner gave before it was gone, which may be not all.
    fn replace_with(&mut self, later: Received) {
        if let Some(lock) = later.lock {
            self.lock = lock;
        }
        let newer = later.inheritance;
        self.inheritance.sockets.retain(|(name, _)| newer.sockets.iter().all(|(other, _)| other != name));
        self.inheritance.sockets.extend(newer.sockets);
        if later.whole {
            self.inheritance.held.clear();
        }
        let has = |held: &Held| newer.held.iter().any(|other| other.request == held.request);
        self.inheritance.held.retain(|held| !has(held));
        self.inheritance.held.extend(newer.held);
    }
}

/// What was received, perhaps not all.
#[derive(Debug, Default)]
struct Received {
    lock: Option<File>,
    inheritance: Inheritance,
    /// Nothing is missing, and the giver knows.
    whole: bool,
    /// The giver goes on alone.
    dismissed: bool,
}

/// Passes everything on. When this returns well, the other side serves.
fn give(link: &UnixStream, estate: &Estate) -> Result<()> {
    link.set_read_timeout(Some(NEXT_LIMIT))?;
    link.set_write_timeout(Some(NEXT_LIMIT))?;
    let given = (|| {
        Frame::new(Said::Lock).with(estate.lock.as_fd()).send(link)?;
        for (name, socket) in &estate.inheritance.sockets {
            Frame::new(Said::Socket { name: name.clone() }).with(socket.as_fd()).send(link)?;
        }
        for held in &estate.inheritance.held {
            let said = Said::Held {
                socket: held.socket.file_name().to_owned(),
                request: held.request,
                streams: held.streams,
            };
            Frame::new(said).with(held.connection.as_fd()).body(&held.said).send(link)?;
        }
        Frame::new(Said::Done).send(link)?;
        match frame::receive(link)?.said {
            Said::Took => {}
            other => bail!("the other side says {other:?} instead of having taken all"),
        }
        Frame::new(Said::Go).send(link)
    })();
    if given.is_err() {
        // Whatever it has, it is told that it is not to begin.
        let _gone = link.shutdown(std::net::Shutdown::Both);
    }
    given
}

/// Receives everything from `giver`. When it dies meanwhile, what it gave is all that there is.
fn receive(link: &UnixStream, giver: ProcessId) -> Result<Received> {
    link.set_write_timeout(Some(NEXT_LIMIT))?;
    let mut received = Received::default();
    match receive_all(link, &mut received) {
        Ok(()) => Ok(received),
        Err(_) if !outlives(giver) => Ok(received),
        Err(err) => Err(err),
    }
}

fn receive_all(link: &UnixStream, received: &mut Received) -> Result<()> {
    // The other one stops serving first.
    link.set_read_timeout(Some(STOP_LIMIT))?;
    loop {
        let Frame { said, descriptor, body } = frame::receive(link)?;
        link.set_read_timeout(Some(NEXT_LIMIT))?;
        match (said, descriptor) {
            (Said::Lock, Some(lock)) => received.lock = Some(File::from(lock)),
            (Said::Socket { name }, Some(socket)) if is_socket_name(&name) => {
                received.inheritance.sockets.push((name, socket));
            }
            (Said::Held { socket, request, streams }, Some(connection)) => {
                let held = held(&socket, request, streams, connection, body)?;
                received.inheritance.held.push(held);
            }
            (Said::Done, _) => break,
            (Said::Dismiss, _) => {
                received.dismissed = true;
                return Ok(());
            }
            // A later magia's.
            (Said::Socket { .. } | Said::Unknown, _) => {}
            (other, _) => bail!("{other:?} is not expected, or has no descriptor"),
        }
    }
    Frame::new(Said::Took).send(link)?;
    match frame::receive(link)?.said {
        Said::Go => {}
        other => bail!("the other side says {other:?} instead of letting go"),
    }
    received.whole = true;
    Ok(())
}

fn held(
    socket: &str,
    request: Option<RequestId>,
    streams: bool,
    connection: OwnedFd,
    said: Vec<u8>,
) -> Result<Held> {
    let known = Socket::ALL.into_iter().find(|known| known.file_name() == socket);
    let socket = known.with_context(|| format!("there is no socket {socket:?}"))?;
    Ok(Held { socket, request, streams, connection, said })
}

/// Whether a process is still there some time after its connection broke.
fn outlives(process: ProcessId) -> bool {
    let until = Instant::now() + DEATH_LIMIT;
    while is_alive(process) {
        if Instant::now() >= until {
            return true;
        }
        std::thread::sleep(DEATH_LOOK);
    }
    false
}

fn is_alive(process: ProcessId) -> bool {
    ProcessStat::read(process.pid).is_some_and(|stat| stat.start_ticks == process.start && !stat.is_zombie)
}

/// The process of this number, now.
fn process(pid: u32) -> ProcessId {
    ProcessId { pid, start: ProcessStat::read(pid).map_or(0, |stat| stat.start_ticks) }
}
