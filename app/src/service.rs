//! How a service's thread reports to the hub: it waits while the hub is busy, but not when it is to stop.

use crossbeam_channel::{Receiver, Sender, bounded, select};
use magia_core::event::Event;
use std::thread::JoinHandle;
use std::time::Duration;

/// What is never sent: its channel says only that the other end is gone.
#[derive(Debug)]
pub enum Never {}

/// A service thread's way to the hub.
#[derive(Debug)]
pub struct Outbox {
    events: Sender<Event>,
    stop: Receiver<Never>,
}

impl Outbox {
    /// Reports a fact; waits while the hub's channel is full. `false` when the thread is to end.
    #[must_use]
    pub fn send(&self, event: Event) -> bool {
        select! {
            send(self.events, event) -> sent => sent.is_ok(),
            recv(self.stop) -> _ => false,
        }
    }

    /// Says when the service was dropped: then it is disconnected.
    pub fn stop(&self) -> &Receiver<Never> {
        &self.stop
    }

    /// Whether the service was dropped.
    pub fn stopped(&self) -> bool {
        matches!(self.stop.try_recv(), Err(crossbeam_channel::TryRecvError::Disconnected))
    }
}

/// Owns a named thread: dropping it tells the thread to stop and waits for its end.
#[derive(Debug)]
pub struct ServiceThread {
    stop: Option<Sender<Never>>,
    ended: Receiver<Never>,
    thread: Option<JoinHandle<()>>,
}

impl ServiceThread {
    /// Starts a thread that reports to `events`.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub fn start(
        name: &str,
        events: Sender<Event>,
        run: impl FnOnce(Outbox) + Send + 'static,
    ) -> std::io::Result<Self> {
        // Nothing is ever sent here, so the capacity does not matter.
        let (stop, stopped) = bounded(0);
        let (running, ended) = bounded(0);
        let outbox = Outbox { events, stop: stopped };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // Dropped at the end, also by a panic.
            let _running = running;
            run(outbox);
        })?;
        Ok(Self { stop: Some(stop), ended, thread: Some(thread) })
    }

    /// Tells the thread to stop, without waiting for it.
    pub fn begin_stop(&mut self) {
        self.stop = None;
    }

    /// Tells the thread to stop and waits for it, but not for ever: a thread that hangs in a call to another program is
    /// left behind. Whether it ended.
    pub fn stop_within(&mut self, patience: Duration) -> bool {
        self.begin_stop();
        let ended = self.ended.recv_timeout(patience).is_err_and(|err| err.is_disconnected());
        if !ended {
            self.thread = None;
        }
        ended
    }
}

impl Drop for ServiceThread {
    fn drop(&mut self) {
        self.begin_stop();
        if let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
        {
            let what = panic.downcast_ref::<&str>().copied().unwrap_or("no message");
            tracing::error!("a service's thread ended by a panic: {what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_channel_does_not_keep_a_service_from_stopping() {
        let (events, _hub) = bounded(1);
        let (sent, told) = bounded(4);
        let service = ServiceThread::start("test", events, move |outbox| {
            while outbox.send(Event::ClockTicked) {
                sent.send(()).unwrap();
            }
            sent.send(()).unwrap();
        })
        .unwrap();
        told.recv_timeout(Duration::from_secs(10)).unwrap();
        drop(service);
        told.recv_timeout(Duration::from_secs(10)).expect("the loop's end");
    }

    #[test]
    fn a_thread_that_hangs_is_left_behind() {
        let (events, _hub) = bounded(1);
        let (hang, hung) = bounded::<()>(0);
        let mut service =
            ServiceThread::start("test", events.clone(), move |_| assert!(hung.recv().is_err())).unwrap();
        assert!(!service.stop_within(Duration::from_millis(10)));
        drop(service);
        drop(hang);
        let mut service = ServiceThread::start("test", events, |_| {}).unwrap();
        assert!(service.stop_within(Duration::from_secs(10)));
    }
}
