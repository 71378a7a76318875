//! The terminal as the tasks of a holder share it: what is known, the program's ends, and how it is told to end.

use super::core::Core;
use super::input::Input;
use super::plan::Tuning;
use super::session;
use crate::pty::{Master, Spawned};
use crate::size::Size;
use crate::wire::SignalName;
use magia_protocol::paths::terminal_ssh_link;
use std::cell::{Cell, RefCell, RefMut};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, sleep_until};

/// Between two sizes of the terminal: a window that is being dragged would else make the program draw without end.
const RESIZE_EVERY: Duration = Duration::from_millis(50);
/// Between two looks at processes that are to end.
const END_LOOK: Duration = Duration::from_millis(20);
/// How often processes that are being killed are killed again, for they may have started others meanwhile. What sleeps in
/// the kernel is not waited for any longer.
const KILL_ROUNDS: usize = 100;

/// A held terminal.
pub struct Terminal {
    core: RefCell<Core>,
    /// The program's input.
    pub input: Rc<Input>,
    /// The holder's end of the pseudo-terminal.
    pub master: Master,
    /// The program, which leads the terminal's session.
    pub child: u32,
    /// What can be set for tests.
    pub tuning: Tuning,
    /// Rings once nothing more is to be done.
    pub is_over: Notify,
    /// Whether all ends of the terminal that programs had are closed; `hung_up` rings when they have become so.
    pub is_hung_up: Cell<bool>,
    /// See above.
    pub hung_up: Notify,
    /// Has a terminal that nobody had open looked at now.
    pub look: Notify,
    /// Rings when a client has gone.
    pub left: Notify,
    /// Somebody wants the holder gone: it does not stay after the program's end.
    pub is_unwanted: Cell<bool>,
    /// Rings when it has become so.
    pub unwanted: Notify,
    dir: PathBuf,
    last_resize: Cell<Option<Instant>>,
    is_resize_due: Cell<bool>,
    is_ending: Cell<bool>,
}

impl Terminal {
    /// Puts the parts together.
    pub fn new(core: Core, input: Rc<Input>, spawned: Spawned, dir: PathBuf, tuning: Tuning) -> Rc<Self> {
        let Spawned { master, pid: child } = spawned;
        Rc::new(Self {
            core: RefCell::new(core),
            input,
            master,
            child,
            tuning,
            is_over: Notify::new(),
            is_hung_up: Cell::new(false),
            hung_up: Notify::new(),
            look: Notify::new(),
            left: Notify::new(),
            is_unwanted: Cell::new(false),
            unwanted: Notify::new(),
            dir,
            last_resize: Cell::new(None),
            is_resize_due: Cell::new(false),
            is_ending: Cell::new(false),
        })
    }

    /// What is known. Not to be kept while waiting.
    pub fn core(&self) -> RefMut<'_, Core> {
        self.core.borrow_mut()
    }

    /// Gives the terminal the size that its owner wants: at once, or when the last change is old enough.
    pub fn fit(self: &Rc<Self>) {
        let Some(size) = self.core().wanted_size() else { return };
        let due = self.last_resize.get().map(|last| last + RESIZE_EVERY).filter(|due| *due > Instant::now());
        let Some(due) = due else {
            return self.resize(size);
        };
        if !self.is_resize_due.replace(true) {
            let terminal = Rc::clone(self);
            spawn_local(async move {
                sleep_until(due).await;
                terminal.is_resize_due.set(false);
                terminal.fit();
            });
        }
    }

    fn resize(&self, size: Size) {
        self.last_resize.set(Some(Instant::now()));
        // The screen follows the terminal, never the other way round.
        if self.master.resize(size).is_ok() {
            self.core().resized(size);
        }
    }

    /// Lets the programs in the terminal use the SSH agent of whoever attached last.
    pub fn relink_ssh(&self, socket: &str) {
        let socket = Path::new(socket);
        if socket.is_absolute() && socket != terminal_ssh_link(&self.dir) {
            // The agent that was is then still there, or none; nothing else depends on it.
            drop(link_ssh(&self.dir, socket));
        }
    }

    /// Does what a client's kill asks for.
    pub fn kill(self: &Rc<Self>, signal: Option<&SignalName>) -> Result<(), String> {
        let signal = signal.map(number).transpose()?;
        match signal {
            None | Some(libc::SIGTERM | libc::SIGHUP | libc::SIGKILL) if self.core().has_exited() => {
                self.leave_soon();
            }
            None | Some(libc::SIGTERM | libc::SIGHUP) => self.end(false),
            Some(libc::SIGKILL) => self.end(true),
            Some(signal) => {
                let group = self.master.foreground().ok_or("nothing is in the foreground")?;
                session::signal_group(group, signal).map_err(|err| err.to_string())?;
            }
        }
        Ok(())
    }

    /// Nobody wants to see the last screen any more: the holder of a program that has ended does not stay.
    pub fn leave_soon(&self) {
        self.is_unwanted.set(true);
        self.unwanted.notify_one();
    }

    /// Ends everything in the terminal's session: politely first, unless it is `now`.
    pub fn end(self: &Rc<Self>, now: bool) {
        let is_first = !self.is_ending.replace(true);
        if now || is_first {
            spawn_local(end_session(self.child, if now { Duration::ZERO } else { self.tuning.grace }));
        }
    }
}

/// Tells all processes of a session to end, and kills what is left after `grace`.
pub async fn end_session(leader: u32, grace: Duration) {
    if !grace.is_zero() {
        // CONT last: a stopped process takes the others as it wakes.
        session::signal_all(leader, &[libc::SIGHUP, libc::SIGTERM, libc::SIGCONT]);
        let give_up = Instant::now() + grace;
        while session::is_alive(leader) && Instant::now() < give_up {
            sleep(END_LOOK).await;
        }
    }
    for _ in 0..KILL_ROUNDS {
        if session::signal_all(leader, &[libc::SIGKILL]) == 0 {
            break;
        }
        sleep(END_LOOK).await;
    }
}

/// The number of a signal.
fn number(name: &SignalName) -> Result<i32, String> {
    let unknown = || match name {
        SignalName::Number(number) => format!("there is no signal {number}"),
        SignalName::Name(name) => format!("there is no signal {name}"),
    };
    match name {
        SignalName::Number(number) => Some(*number).filter(|number| (1..=64).contains(number)),
        SignalName::Name(name) => match name.strip_prefix("SIG").unwrap_or(name) {
            "HUP" => Some(libc::SIGHUP),
            "INT" => Some(libc::SIGINT),
            "QUIT" => Some(libc::SIGQUIT),
            "KILL" => Some(libc::SIGKILL),
            "USR1" => Some(libc::SIGUSR1),
            "USR2" => Some(libc::SIGUSR2),
            "TERM" => Some(libc::SIGTERM),
            "CONT" => Some(libc::SIGCONT),
            "STOP" => Some(libc::SIGSTOP),
            "TSTP" => Some(libc::SIGTSTP),
            "WINCH" => Some(libc::SIGWINCH),
            other => other.parse().ok().filter(|number| (1..=64).contains(number)),
        },
    }
    .ok_or_else(unknown)
}

/// Puts the link to an SSH agent in place, in one step.
pub fn link_ssh(dir: &Path, socket: &Path) -> std::io::Result<()> {
    let link = terminal_ssh_link(dir);
    let fresh = link.with_extension("tmp");
    drop(std::fs::remove_file(&fresh));
    std::os::unix::fs::symlink(socket, &fresh)?;
    std::fs::rename(&fresh, &link)
}
