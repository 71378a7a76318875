//! What ends the program: signals, and a wish of its user. SIGPIPE is ignored by Rust's start-up.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// Waits for SIGTERM, SIGINT, SIGHUP, [`Quit::quit`] or [`Call::call`].
pub struct Stop {
    runtime: Runtime,
    signals: Vec<Signal>,
    quit: Quit,
    called: Arc<Notify>,
}

/// What a wait ended with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// The program is to end.
    End,
    /// Somebody called.
    Called,
}

/// Wakes who waits for the end of the program, without ending it.
#[derive(Clone, Debug)]
pub struct Call(Arc<Notify>);

impl Call {
    /// Wakes it. Never waits.
    pub fn call(&self) {
        self.0.notify_one();
    }
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
        Ok(Self { runtime, signals, quit: Quit::default(), called: Arc::default() })
    }

    /// What ends the program beside a signal.
    pub fn quit(&self) -> Quit {
        self.quit.clone()
    }

    /// What wakes it beside those.
    pub fn call(&self) -> Call {
        Call(Arc::clone(&self.called))
    }

    /// Waits for the first of them.
    pub fn wait(&mut self) -> Woken {
        let (called, quit) = (Arc::clone(&self.called), self.quit.clone());
        self.wait_for(async move {
            tokio::select! {
                biased;
                () = quit.0.wished.notified() => Woken::End,
                () = called.notified() => Woken::Called,
            }
        })
    }

    /// Waits for a signal, or for something to read from `link`, its end included: that is a call.
    pub fn wait_beside(&mut self, link: &UnixStream) -> Woken {
        let link = link.try_clone();
        self.wait_for(async move {
            // SAFETY: the stream owns its descriptor, gives no other, and lives as long as what watches it.
            let watched = link.and_then(|link| {
                unsafe { AsyncFd::register_with_interest(link, Interest::READABLE) }.map_err(io::Error::from)
            });
            match watched {
                Ok(link) => drop(link.readable().await),
                Err(err) => tracing::error!("the window cannot be watched: {err}"),
            }
            Woken::Called
        })
    }

    fn wait_for(&mut self, other: impl Future<Output = Woken>) -> Woken {
        let signals = &mut self.signals;
        let signal = std::future::poll_fn(|context| {
            match signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        });
        self.runtime.block_on(async {
            tokio::select! {
                () = signal => Woken::End,
                woken = other => woken,
            }
        })
    }
}

/// Ends the process at once. Destructors of libraries do not run: the window's thread may be drawing with them.
pub fn exit_at_once(code: i32) -> ! {
    // SAFETY: takes a number and does not return.
    unsafe { libc::_exit(code) }
}

/// Ends this program as SIGTERM does: everything stops in its order.
pub fn end_ourselves() {
    // SAFETY: sends a signal to this process; it touches no memory.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGTERM);
    }
}
