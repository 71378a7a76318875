//! How a terminal comes to its end.

use super::memory::Memory;
use super::session;
use super::terminal::Terminal;
use crate::wire::Exit;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

/// How long the last output is waited for while other programs keep the terminal open: so long without any, and so long
/// in all.
const QUIET: Duration = Duration::from_millis(40);
const LAST_OUTPUT_LIMIT: Duration = Duration::from_millis(500);
/// How long the disk may take to have the end written down before clients hear of it.
const DISK_LIMIT: Duration = Duration::from_secs(1);
/// How long clients have to read what waits for them once the holder leaves.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often `session.json` is written at most, but for the end.
const SESSION_EVERY: Duration = Duration::from_secs(1);

/// The signals that tell of children, and of somebody who wants the holder gone.
pub struct Children {
    ended: Signal,
    terminate: Signal,
}

impl Children {
    /// Begins to listen; before there is a child.
    ///
    /// # Errors
    /// What the system says.
    pub fn watch() -> io::Result<Self> {
        Ok(Self { ended: signal(SignalKind::child())?, terminate: signal(SignalKind::terminate())? })
    }
}

/// Asks after every child that ends, the adopted ones too, and finishes the terminal when the program has ended.
pub async fn watch(terminal: Rc<Terminal>, mut children: Children) {
    loop {
        while let Some((pid, status)) = session::reap_one() {
            if pid == terminal.child {
                spawn_local(finish(Rc::clone(&terminal), exit_of(status)));
            }
        }
        tokio::select! {
            _ = children.ended.recv() => {}
            _ = children.terminate.recv() => terminate(&terminal),
        }
    }
}

/// Somebody ends the holder, as the system does when it is shut down.
fn terminate(terminal: &Rc<Terminal>) {
    terminal.leave_soon();
    if !terminal.core().has_exited() {
        terminal.end(false);
    }
}

async fn finish(terminal: Rc<Terminal>, exit: Exit) {
    // What the program wrote last may still be on its way through the kernel.
    drop(timeout(LAST_OUTPUT_LIMIT, last_output(&terminal)).await);
    let written = terminal.core().exited(exit);
    if !matches!(timeout(DISK_LIMIT, written).await, Ok(Ok(()))) {
        // `keep_session` tries again for as long as the holder stays.
        terminal.core().session_kept(false);
    }
    terminal.core().tell_exit();
    if !terminal.is_unwanted.get() {
        drop(timeout(terminal.tuning.linger, terminal.unwanted.notified()).await);
    }
    terminal.core().hang_up();
    // Who reads nothing is not waited for.
    drop(timeout(FAREWELL, all_left(&terminal)).await);
    terminal.is_over.notify_one();
}

async fn all_left(terminal: &Terminal) {
    while terminal.core().has_clients() {
        terminal.left.notified().await;
    }
}

async fn last_output(terminal: &Terminal) {
    let ended = Instant::now();
    // What was known of the terminal is of before the end: the program may have opened it again since.
    terminal.is_hung_up.set(false);
    terminal.look.notify_one();
    let quiet = async {
        loop {
            let since = ended.max(terminal.core().last_output());
            let left = QUIET.saturating_sub(since.elapsed());
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    };
    let hung_up = async {
        // It may have rung before the end.
        while !terminal.is_hung_up.get() {
            terminal.hung_up.notified().await;
        }
    };
    tokio::select! {
        () = hung_up => {}
        () = quiet => {}
    }
}

fn exit_of(status: i32) -> Exit {
    if libc::WIFSIGNALED(status) {
        Exit { code: None, signal: Some(libc::WTERMSIG(status)) }
    } else {
        Exit { code: Some(libc::WEXITSTATUS(status)), signal: None }
    }
}

/// Writes `session.json` when something in it has changed, says so, and gives back memory.
pub async fn keep_session(terminal: Rc<Terminal>) {
    let mut memory = Memory::default();
    loop {
        sleep(SESSION_EVERY).await;
        let written = terminal.core().keep_session();
        if let Some(written) = written {
            let is_on_disk = written.await.is_ok();
            terminal.core().session_kept(is_on_disk);
        }
        memory.give_back(terminal.core().done());
    }
}
