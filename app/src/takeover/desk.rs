//! Where a window asks: the socket of a magia without one, and the window's side of it.

use super::frame::{self, Asking, Frame, Said, VERSION};
use super::standby::Standby;
use super::{Estate, process, receive};
use crate::os::ancestry::ancestors;
use crate::os::signals::Call;
use crate::places::Places;
use anyhow::{Context as _, Result, bail};
use magia_core::model::no_agent_above;
use magia_protocol::dial::dial;
use magia_protocol::paths::{InstanceLock, own_uid, takeover_socket};
use magia_protocol::process::peer_cred;
use magia_protocol::wire::ProcessId;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the other side may take for a word.
const WORD_LIMIT: Duration = Duration::from_secs(5);
/// How long a window may take to open.
const WINDOW_LIMIT: Duration = Duration::from_secs(120);
/// Out of descriptors, the next try fails as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Waits for a window that wants to take over. Its thread ends with the first that does, or with the program.
#[derive(Debug)]
pub struct Desk {
    path: PathBuf,
    slot: Slot,
}

/// The window that takes over, and the way to it.
type Slot = Arc<Mutex<Option<(UnixStream, ProcessId)>>>;

/// On which terms.
struct Terms {
    asking: Asking,
    http: Option<SocketAddr>,
}

fn asking(places: &Places) -> Asking {
    let name = |path: &Path| path.display().to_string();
    Asking {
        v: VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        places: [name(&places.config), name(&places.data), name(&places.state)],
    }
}

impl Desk {
    /// Opens it in the runtime directory whose lock this process has, and calls when a window takes over.
    ///
    /// # Errors
    /// The socket cannot be bound, or there is no thread.
    pub fn open(places: &Places, call: Call) -> Result<Self> {
        let path = takeover_socket(&places.runtime)?;
        // Ours from before, or a dead one's: the lock says so.
        drop(fs::remove_file(&path));
        let listener = UnixListener::bind(&path).with_context(|| format!("binding {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let slot = Slot::default();
        let desk = Self { path: path.clone(), slot: Arc::clone(&slot) };
        let terms = Terms { asking: asking(places), http: places.http };
        std::thread::Builder::new().name("takeover".to_owned()).spawn(move || {
            for link in listener.incoming() {
                let met = link.context("accepting").and_then(|link| {
                    let window = terms.meet(&link)?;
                    Ok(window.map(|window| (link, window)))
                });
                match met {
                    Ok(Some(window)) => {
                        // Whoever waits behind it finds the window.
                        drop(fs::remove_file(&path));
                        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(window);
                        return call.call();
                    }
                    Ok(None) => {}
                    Err(err) => {
                        tracing::warn!("somebody came to take over, and did not: {err:#}");
                        std::thread::sleep(ACCEPT_PAUSE);
                    }
                }
            }
        })?;
        Ok(desk)
    }

    /// The window that takes over, once it called.
    pub fn take(&self) -> Option<(UnixStream, ProcessId)> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

impl Terms {
    /// Talks to one that came. `None` when it was refused.
    fn meet(&self, link: &UnixStream) -> Result<Option<ProcessId>> {
        link.set_read_timeout(Some(WORD_LIMIT))?;
        link.set_write_timeout(Some(WORD_LIMIT))?;
        let cred = peer_cred(link)?;
        if cred.uid != own_uid() {
            bail!("it is of user {}", cred.uid);
        }
        let asked = match frame::receive(link)?.said {
            Said::Ask(asked) => asked,
            other => bail!("it says {other:?} instead of asking"),
        };
        if let Some((message, hint)) = self.refusal(&asked, cred.pid) {
            tracing::warn!("process {} may not take over: {message}", cred.pid);
            Frame::new(Said::Refuse { message, hint }).send(link)?;
            return Ok(None);
        }
        Frame::new(Said::Offer { process: process(std::process::id()), http: self.http }).send(link)?;
        link.set_read_timeout(Some(WINDOW_LIMIT))?;
        match frame::receive(link).context("its window did not open")?.said {
            Said::Now => Ok(Some(process(cred.pid))),
            other => bail!("it says {other:?} instead of taking over"),
        }
    }

    fn refusal(&self, asked: &Asking, pid: u32) -> Option<(String, String)> {
        let refused = |message: String, hint: &str| Some((message, hint.to_owned()));
        let ours = &self.asking;
        if asked.v != ours.v || asked.version != ours.version {
            return refused(
                format!("magia {} runs without a window, and this is magia {}", ours.version, asked.version),
                "end it with `magia quit`, then start the window",
            );
        }
        if asked.places != ours.places {
            let places = ours.places.join(", ");
            return refused(
                format!("the magia that runs without a window keeps its files elsewhere: {places}"),
                "start the window with the same HOME and XDG directories",
            );
        }
        // Whoever takes over can answer every request.
        let above = ancestors(pid);
        if above.is_empty() {
            return refused(
                "what the window runs inside could not be found out".to_owned(),
                "start it from a terminal or from the desktop",
            );
        }
        no_agent_above(&above).err().and_then(|err| {
            refused(
                err.message,
                "start the window from a terminal that no agent started, or from the desktop",
            )
        })
    }
}

/// What whoever has the lock says to a window.
#[derive(Debug)]
pub enum Answer {
    /// It hands over.
    Offer(Offer),
    /// It does not.
    Refusal {
        /// Why not.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Another window has just taken over.
    Taken,
    /// It has a window, or is an older magia.
    Nothing,
}

/// A magia without a window that can be taken over.
#[derive(Debug)]
pub struct Offer {
    link: UnixStream,
    giver: ProcessId,
    /// Where it serves the HTTP API whatever the settings say.
    pub http: Option<SocketAddr>,
}

impl Offer {
    /// Asks for it.
    ///
    /// # Errors
    /// It does not answer, or not in words that this program understands.
    pub fn ask(places: &Places) -> Result<Answer> {
        let link = match dial(&takeover_socket(&places.runtime)?, WORD_LIMIT) {
            Ok(link) => link,
            Err(err) if err.is_not_running() => return Ok(Answer::Nothing),
            Err(err) => return Err(err.into()),
        };
        // A window that came before has as long to open.
        link.set_read_timeout(Some(WINDOW_LIMIT))?;
        let heard = Frame::new(Said::Ask(asking(places))).send(&link).and_then(|()| frame::receive(&link));
        match heard.map(|heard| heard.said) {
            Ok(Said::Offer { process, http }) => Ok(Answer::Offer(Self { link, giver: process, http })),
            Ok(Said::Refuse { message, hint }) => Ok(Answer::Refusal { message, hint }),
            Ok(other) => bail!("it says {other:?} instead of an offer"),
            Err(err) if is_end(&err) => Ok(Answer::Taken),
            Err(err) => Err(err),
        }
    }

    /// Takes over: everything, and the standby that remains, unless it is gone.
    ///
    /// # Errors
    /// The other one serves on.
    pub(crate) fn claim(self, runtime: &Path) -> Result<(Estate, Option<Standby>)> {
        let received = Frame::new(Said::Now).send(&self.link).and_then(|()| receive(&self.link, self.giver));
        let received = received.with_context(|| {
            format!("the magia without a window (pid {}) did not hand over, and serves on", self.giver.pid)
        })?;
        let standby = received.whole.then(|| Standby::new(self.link, self.giver));
        let lock = match received.lock {
            Some(lock) => lock,
            // It died before it gave anything, and its lock died with it.
            None => InstanceLock::acquire(runtime)?.duplicate()?,
        };
        Ok((Estate { lock, inheritance: received.inheritance }, standby))
    }
}

fn is_end(err: &anyhow::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    let kind = err.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    kind.is_some_and(|kind| [BrokenPipe, ConnectionReset, UnexpectedEof].contains(&kind))
}
