//! One thread that waits for the end of many processes.
//!
//! On Linux each is a pidfd in one epoll set. A process that gets no descriptor (none left, or an old kernel) is
//! looked at every second instead, and so are all of them on other systems.

use crate::os::ancestry;
use crate::service::{Outbox, ServiceThread};
use crossbeam_channel::Sender;
use magia_core::event::Event;
use magia_protocol::wire::ProcessId;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod system;

/// Says in the environment of a program in which of our terminals it runs.
const TERMINAL_VARIABLE: &str = "MAGIA_TERMINAL_ID";
/// How often processes without a descriptor are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What became of a wish to wait for a process.
enum Waiting {
    /// It is gone, or its pid belongs to another one by now.
    Gone,
    /// The system will tell.
    Armed(system::Guard),
    /// It runs, but only looking tells when it ends.
    Unarmed,
}

/// What the owner asked for since the thread last looked: the newest wish per process.
type Wishes = HashMap<ProcessId, bool>;

/// Watches processes. Dropping it stops it.
#[derive(Debug)]
pub struct Processes {
    wishes: Arc<Mutex<Wishes>>,
    bell: Arc<system::Bell>,
    thread: ServiceThread,
}

impl Processes {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// When the system has no thread or descriptor for us.
    pub fn start(events: Sender<Event>) -> io::Result<Self> {
        let (poller, bell) = system::Poller::new()?;
        let (wishes, bell) = (Arc::new(Mutex::new(Wishes::new())), Arc::new(bell));
        let asked = wishes.clone();
        let thread = ServiceThread::start("magia-processes", events, move |outbox| {
            Watcher::new(poller, outbox, asked).run();
        })?;
        Ok(Self { wishes, bell, thread })
    }

    /// Reports [`Event::ProcessExited`] once when the process has ended; at once when it is gone already or another
    /// process has its pid. Never waits.
    pub fn watch(&self, process: ProcessId) {
        self.wish(process, true);
    }

    /// Forgets the process. An event that is on its way still comes.
    pub fn unwatch(&self, process: ProcessId) {
        self.wish(process, false);
    }

    fn wish(&self, process: ProcessId, watch: bool) {
        lock(&self.wishes).insert(process, watch);
        self.bell.ring();
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.thread.begin_stop();
        self.bell.ring();
    }
}

fn lock(wishes: &Mutex<Wishes>) -> MutexGuard<'_, Wishes> {
    wishes.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Watched {
    token: u64,
    /// `None` while it has to be looked at.
    guard: Option<system::Guard>,
}

struct Watcher {
    poller: system::Poller,
    outbox: Outbox,
    asked: Arc<Mutex<Wishes>>,
    watched: HashMap<ProcessId, Watched>,
    next_token: u64,
    looked_at: Instant,
}

impl Watcher {
    fn new(poller: system::Poller, outbox: Outbox, asked: Arc<Mutex<Wishes>>) -> Self {
        let looked_at = Instant::now();
        Self { poller, outbox, asked, watched: HashMap::new(), next_token: 1, looked_at }
    }

    fn run(mut self) {
        while !self.outbox.stopped() {
            if self.turn().is_none() {
                return;
            }
        }
    }

    /// Waits for something to happen and deals with it. `None` when the thread is to end.
    fn turn(&mut self) -> Option<()> {
        let wishes = std::mem::take(&mut *lock(&self.asked));
        for (process, watch) in wishes {
            if !watch {
                self.watched.remove(&process);
            } else if !self.watched.contains_key(&process) {
                self.arm(process)?;
            }
        }
        let unarmed: Vec<ProcessId> = self
            .watched
            .iter()
            .filter(|(_, watched)| watched.guard.is_none())
            .map(|(process, _)| *process)
            .collect();
        let timeout = (!unarmed.is_empty()).then(|| LOOK_EVERY.saturating_sub(self.looked_at.elapsed()));
        let tokens = match self.poller.wait(timeout) {
            Ok(tokens) => tokens,
            Err(err) => {
                tracing::error!("cannot wait for processes: {err}");
                return None;
            }
        };
        let ended: Vec<ProcessId> = self
            .watched
            .iter()
            .filter(|(_, watched)| tokens.contains(&watched.token))
            .map(|(process, _)| *process)
            .collect();
        for process in ended {
            self.gone(process)?;
        }
        if self.looked_at.elapsed() >= LOOK_EVERY {
            self.looked_at = Instant::now();
            for process in unarmed {
                self.arm(process)?;
            }
        }
        Some(())
    }

    fn arm(&mut self, process: ProcessId) -> Option<()> {
        let token = self.next_token;
        self.next_token += 1;
        let guard = match self.poller.arm(process, token) {
            Waiting::Gone => return self.gone(process),
            Waiting::Armed(guard) => Some(guard),
            Waiting::Unarmed => None,
        };
        if !self.watched.contains_key(&process)
            && let Some(terminal) = ancestry::variable(process.pid, TERMINAL_VARIABLE)
        {
            self.outbox.send(Event::ProcessPlaced { process, terminal }).then_some(())?;
        }
        self.watched.insert(process, Watched { token, guard });
        Some(())
    }

    fn gone(&mut self, process: ProcessId) -> Option<()> {
        self.watched.remove(&process);
        self.outbox.send(Event::ProcessExited(process)).then_some(())
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crossbeam_channel::{Receiver, bounded};
    use magia_protocol::process::process_start_ticks;
    use std::collections::HashSet;
    use std::process::{Child, Command, Stdio};

    fn child() -> (Child, ProcessId) {
        // Waits for its standard input, which ends with this test at the latest.
        let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let pid = child.id();
        (child, ProcessId { pid, start: process_start_ticks(pid).unwrap() })
    }

    fn exited(hub: &Receiver<Event>) -> ProcessId {
        match hub.recv_timeout(Duration::from_secs(10)).unwrap() {
            Event::ProcessExited(process) => process,
            other => panic!("not an exit: {other:?}"),
        }
    }

    #[test]
    fn a_killed_child_is_noticed_once() {
        let (events, hub) = bounded(8);
        let processes = Processes::start(events).unwrap();
        let (mut child, process) = child();
        processes.watch(process);
        processes.watch(process);
        child.kill().unwrap();
        assert_eq!(exited(&hub), process, "noticed while it is still a zombie");
        child.wait().unwrap();
        // Gone already, and a pid that another process has: both at once.
        processes.watch(process);
        assert_eq!(exited(&hub), process);
        let me = ProcessId { pid: std::process::id(), start: 1 };
        processes.watch(me);
        assert_eq!(exited(&hub), me);
        drop(processes);
        assert!(hub.try_recv().is_err());
    }

    #[test]
    fn two_hundred_children() {
        let (events, hub) = bounded(8);
        let processes = Processes::start(events).unwrap();
        let mut children: Vec<(Child, ProcessId)> = (0..200).map(|_| child()).collect();
        for (_, process) in &children {
            processes.watch(*process);
        }
        let (forgotten, watched) = children.split_at_mut(20);
        for (_, process) in forgotten.iter() {
            processes.unwatch(*process);
        }
        for (child, _) in watched.iter_mut() {
            child.kill().unwrap();
        }
        let seen: HashSet<ProcessId> = watched.iter().map(|_| exited(&hub)).collect();
        assert_eq!(seen, watched.iter().map(|(_, process)| *process).collect());
        drop(processes);
        assert!(hub.try_recv().is_err());
        for (child, _) in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn without_descriptors_processes_are_looked_at() {
        let (events, hub) = bounded(8);
        let (mut poller, bell) = system::Poller::new().unwrap();
        poller.descriptors_max = 0;
        let (mut child, process) = child();
        let asked = Arc::new(Mutex::new(Wishes::from([(process, true)])));
        let wishes = asked.clone();
        let thread = ServiceThread::start("test", events, move |outbox| {
            Watcher::new(poller, outbox, asked).run();
        })
        .unwrap();
        let processes = Processes { wishes, bell: Arc::new(bell), thread };
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(exited(&hub), process);
        drop(processes);
    }
}
