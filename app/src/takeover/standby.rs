//! The process that waits while a window serves, from both sides.

use super::frame::{Frame, Said};
use super::{Estate, Received, give, outlives, receive_all};
use crate::os::signals::{Stop, Woken};
use anyhow::Result;
use crossbeam_channel::Sender;
use magia_core::event::Event;
use magia_protocol::wire::ProcessId;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long a standby that is dismissed may take to end.
const DISMISS_LIMIT: Duration = Duration::from_secs(5);
/// A window whose connection is gone ends soon; it is waited for so many times.
const WAITS_FOR_END: usize = 15;

/// The standby, as the window sees it.
#[derive(Debug)]
pub struct Standby {
    link: UnixStream,
    process: ProcessId,
}

impl Standby {
    pub(super) const fn new(link: UnixStream, process: ProcessId) -> Self {
        Self { link, process }
    }

    /// Its process.
    pub const fn pid(&self) -> u32 {
        self.process.pid
    }

    /// Tells when it is gone: nothing then follows this program. The thread ends with it, or with the program.
    pub fn watch(&self, events: Sender<Event>) {
        let watched = self.link.try_clone().and_then(|link| {
            std::thread::Builder::new().name("standby".to_owned()).spawn(move || {
                if has_hung_up(&link, -1) && events.send(Event::StandbyReported(None)).is_err() {
                    tracing::debug!("the hub has stopped");
                }
            })
        });
        if let Err(err) = watched {
            tracing::warn!("it will not be seen when the standby ends: {err}");
        }
    }

    /// Whether it waits still.
    pub fn is_there(&self) -> bool {
        !has_hung_up(&self.link, 0)
    }

    /// Gives everything back.
    ///
    /// # Errors
    /// It did not take it.
    pub fn hand_back(self, estate: &Estate) -> Result<()> {
        give(&self.link, estate)
    }

    /// Ends it: this program goes on alone.
    pub fn dismiss(mut self) {
        let told = Frame::new(Said::Dismiss).send(&self.link);
        let waited = self.link.set_read_timeout(Some(DISMISS_LIMIT)).and_then(|()| self.link.read(&mut [0]));
        if told.is_err() || waited.is_err() {
            tracing::debug!("the standby did not say goodbye");
        }
    }
}

/// Waits for the other end's hang-up, `patience_ms` at most, or for ever.
fn has_hung_up(link: &UnixStream, patience_ms: libc::c_int) -> bool {
    loop {
        let mut asked = libc::pollfd { fd: link.as_raw_fd(), events: 0, revents: 0 };
        // SAFETY: one entry, ours, whose descriptor the stream keeps open.
        match unsafe { libc::poll(&raw mut asked, 1, patience_ms) } {
            0 => return false,
            1.. => return true,
            _ if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            _ => return false,
        }
    }
}

/// What a standby does next.
#[derive(Debug)]
pub enum Next {
    /// It ends.
    End,
    /// It serves again, with this.
    Serve(Box<Estate>),
}

/// Hands everything to `window` and waits for its end. Without a window that takes it, this process serves on.
pub fn stand_by(stop: &mut Stop, link: &UnixStream, window: ProcessId, mut estate: Estate) -> Next {
    if let Err(err) = give(link, &estate) {
        tracing::warn!("the window (pid {}) did not take over: {err:#}", window.pid);
        // It does not begin without a word of ours.
        return Next::Serve(Box::new(estate));
    }
    estate.keep_lasting();
    crate::os::memory::give_back();
    crate::instance::say(&format!(
        "a window (pid {}) has taken over; this process serves again when it ends",
        window.pid
    ));
    if stop.wait_beside(link) == Woken::End {
        return Next::End;
    }
    let mut received = Received::default();
    let came = receive_all(link, &mut received);
    if received.dismissed {
        return Next::End;
    }
    if let Err(err) = came {
        tracing::warn!("the window (pid {}) ended without handing back all: {err:#}", window.pid);
        // Two that serve are worse than none for a while.
        let _ended = (0..WAITS_FOR_END).any(|_| !outlives(window));
    }
    estate.replace_with(received);
    crate::instance::say("the window has ended; this process serves again");
    Next::Serve(Box::new(estate))
}
