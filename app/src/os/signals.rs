//! Signals that end the program. SIGPIPE is ignored by Rust's start-up.

use std::io;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for SIGTERM, SIGINT or SIGHUP.
pub struct Stop {
    runtime: Runtime,
    signals: Vec<Signal>,
}

impl Stop {
    /// Takes the signals from now on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn install() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let entered = runtime.enter();
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let signals = kinds.into_iter().map(signal).collect::<io::Result<Vec<_>>>()?;
        drop(entered);
        Ok(Self { runtime, signals })
    }

    /// Waits for the first of them.
    pub fn wait(mut self) {
        let signals = &mut self.signals;
        self.runtime.block_on(std::future::poll_fn(|context| {
            match signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        }));
    }
}

/// Ends this program as SIGTERM does: everything stops in its order.
pub fn end_ourselves() {
    // SAFETY: sends a signal to this process; it touches no memory.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGTERM);
    }
}
