//! Systems without pidfds: every process is looked at once a second.

use super::Waiting;
use crossbeam_channel::{Receiver, Sender, bounded};
use magia_protocol::wire::ProcessId;
use std::io;
use std::time::Duration;

/// Wakes the waiting thread.
#[derive(Debug)]
pub(super) struct Bell(Sender<()>);

impl Bell {
    pub(super) fn ring(&self) {
        // A bell that rings already is enough.
        let _already_ringing = self.0.try_send(());
    }
}

/// Never made here.
#[derive(Debug)]
pub(super) enum Guard {}

/// Waits for the bell and the clock only.
#[derive(Debug)]
pub(super) struct Poller {
    bell: Receiver<()>,
}

impl Poller {
    pub(super) fn new() -> io::Result<(Self, Bell)> {
        // One ring is as good as many.
        let (ring, bell) = bounded(1);
        Ok((Self { bell }, Bell(ring)))
    }

    pub(super) fn arm(&self, process: ProcessId, _token: u64) -> Waiting {
        if runs(process) { Waiting::Unarmed } else { Waiting::Gone }
    }

    pub(super) fn wait(&self, timeout: Option<Duration>) -> io::Result<Vec<u64>> {
        // Rung, timed out or disconnected: in each case it is time to look around.
        let _rung = match timeout {
            Some(timeout) => self.bell.recv_timeout(timeout).is_ok(),
            None => self.bell.recv().is_ok(),
        };
        Ok(Vec::new())
    }
}

/// Whether a process has this pid. Its start time is not known here.
#[cfg(unix)]
fn runs(process: ProcessId) -> bool {
    let Ok(pid) = libc::pid_t::try_from(process.pid) else { return false };
    // SAFETY: signal 0 is only a question.
    let answer = unsafe { libc::kill(pid, 0) };
    answer == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// Not known on this system.
#[cfg(not(unix))]
fn runs(_process: ProcessId) -> bool {
    true
}
