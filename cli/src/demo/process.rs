//! The demo's children: the app, and one agent process per session. Each is ended by its own id.

use super::place::Place;
use super::player::Agent;
use crate::client::Client;
use crate::failure::Failure;
use crate::programs;
use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a child may take to end by itself.
const END_LIMIT: Duration = Duration::from_secs(5);
const END_LOOK: Duration = Duration::from_millis(10);

static SIGNALLED: AtomicBool = AtomicBool::new(false);

/// Whether Ctrl-C was pressed, or the demo was asked to end.
pub fn is_signalled() -> bool {
    SIGNALLED.load(Ordering::Relaxed)
}

/// From now on Ctrl-C and its like are noted instead of ending this process, which has things to remove.
#[cfg(unix)]
pub fn watch_signals() {
    extern "C" fn note(_signal: libc::c_int) {
        SIGNALLED.store(true, Ordering::Relaxed);
    }
    let handler = note as extern "C" fn(libc::c_int);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler only stores to an atomic, which is async-signal-safe.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}
/// Elsewhere Ctrl-C ends the demo without cleaning up.
#[cfg(not(unix))]
pub fn watch_signals() {}

/// The demo's app; stopped when dropped.
pub struct App {
    child: Child,
    log: PathBuf,
}

impl App {
    /// Starts it in its private place.
    pub fn start(program: &Path, place: &Place, headless: bool) -> Result<Self> {
        let log = place.path().join("app.log");
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(program);
        if headless {
            command.arg("--headless");
        }
        place.enter(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).current_dir(place.home());
        own_group(&mut command);
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child, log })
    }

    /// Waits until its socket answers.
    pub fn wait_until_up(&mut self, place: &Place) -> Result<()> {
        let dir = place.runtime_dir();
        let up = programs::wait_until_up(&mut self.child, || {
            if is_signalled() {
                anyhow::bail!("interrupted");
            }
            Client::connect_in(&dir)
        });
        up.map_err(|err| match err.downcast_ref() {
            Some(Failure::Advised { message, .. }) => {
                Failure::Advised { message: message.clone(), hint: self.last_words() }.into()
            }
            _ => err,
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot ask for the app's state")
    }

    /// The last it wrote, since its place goes with the demo.
    pub fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let words = text.lines().rev().find(|line| !line.trim().is_empty());
        words.map_or_else(|| "it said nothing".to_owned(), |words| format!("its last words: {words}"))
    }

    /// Ends it.
    pub fn stop(&mut self) {
        end(&mut self.child);
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The process of one session; ended when dropped.
pub struct SessionAgent(Child);

impl SessionAgent {
    /// Starts this program again as an agent.
    pub fn start(handler: &Path, place: &Place) -> Result<(Self, Agent)> {
        let exe = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(&exe);
        command.arg("demo-agent").arg("--handler").arg(handler);
        place.enter(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).current_dir(place.home());
        own_group(&mut command);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", exe.display()))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let mut session = Self(child);
        let Some((stdin, stdout)) = pipes else {
            end(&mut session.0);
            anyhow::bail!("a demo session has no pipes");
        };
        let agent = Agent { pid: session.0.id(), stdin, stdout: BufReader::new(stdout) };
        Ok((session, agent))
    }

    /// Lets the system forget it when it was killed, so that nobody takes it for alive.
    pub fn reap(&mut self) -> Result<()> {
        self.0.try_wait().map(drop).context("cannot ask for a session's state")
    }
}

impl Drop for SessionAgent {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// A process group of its own, so that Ctrl-C reaches only us and a child is ended with all it started.
#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
    die_with_us(command);
}
#[cfg(not(unix))]
fn own_group(_command: &mut Command) {}

/// When the demo itself is killed, nobody else ends its children.
#[cfg(target_os = "linux")]
fn die_with_us(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    // SAFETY: prctl with these arguments is async-signal-safe and touches no memory of ours.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
            Ok(())
        });
    }
}
#[cfg(all(unix, not(target_os = "linux")))]
fn die_with_us(_command: &mut Command) {}

/// Ends a child and its group: asks, and after [`END_LIMIT`] insists.
fn end(child: &mut Child) {
    // Nothing more can be done about a child that cannot be waited for.
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    ask_to_end(child);
    let asked = Instant::now();
    while asked.elapsed() < END_LIMIT {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(END_LOOK);
    }
    drop(child.kill());
    drop(child.wait());
}

#[cfg(unix)]
fn ask_to_end(child: &Child) {
    if let Ok(group) = libc::pid_t::try_from(child.id()) {
        // SAFETY: the child is not waited for yet, so its id, which is its group's, is still its own.
        unsafe { libc::kill(-group, libc::SIGTERM) };
    }
}
#[cfg(not(unix))]
fn ask_to_end(_child: &Child) {}
