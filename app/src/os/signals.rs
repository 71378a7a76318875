//! What ends the program: signals, and a wish of its user. SIGPIPE is ignored by Rust's start-up.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// Waits for SIGTERM, SIGINT, SIGHUP or [`Quit::quit`].
pub struct Stop {
    runtime: Runtime,
    signals: Vec<Signal>,
    quit: Quit,
}

/// Ends the program in the way in which a signal does.
#[derive(Clone, Debug, Default)]
pub struct Quit(Arc<Wish>);

#[derive(Debug, Default)]
struct Wish {
    wished: Notify,
    failed: AtomicBool,
}

impl Quit {
    /// Begins the end. Never waits; a second time changes nothing.
    pub fn quit(&self) {
        self.0.wished.notify_one();
    }

    /// Begins the end because the program cannot go on: it is to say so by its exit code.
    pub fn fail(&self) {
        self.0.failed.store(true, Ordering::Release);
        self.quit();
    }

    /// Whether the program cannot go on.
    pub fn has_failed(&self) -> bool {
        self.0.failed.load(Ordering::Acquire)
    }
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
        Ok(Self { runtime, signals, quit: Quit::default() })
    }

    /// What ends the program beside a signal.
    pub fn quit(&self) -> Quit {
        self.quit.clone()
    }

    /// Waits for the first of them.
    pub fn wait(mut self) {
        let signals = &mut self.signals;
        let signal = std::future::poll_fn(|context| {
            match signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        });
        self.runtime.block_on(async {
            tokio::select! {
                () = signal => {}
                () = self.quit.0.wished.notified() => {}
            }
        });
    }
}

/// Ends this program as SIGTERM does: everything stops in its order.
pub fn end_ourselves() {
    // SAFETY: sends a signal to this process; it touches no memory.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGTERM);
    }
}
