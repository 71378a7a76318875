//! Child processes that end with the test, and whose output is kept.

use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::wait::wait_until;

/// A started program: leader of its own process group, ended with that group on drop, its output in files.
pub struct Program {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Program {
    /// Starts `command` with its output going to `{name}.out` and `{name}.err` in `logs`; stdin as the
    /// command has it, else empty.
    pub(crate) fn spawn(name: &str, mut command: Command, stdin: Stdio, logs: &Path) -> Result<Self> {
        let stdout = logs.join(format!("{name}.out"));
        let stderr = logs.join(format!("{name}.err"));
        let create = |path: &Path| File::create(path).with_context(|| format!("creating {}", path.display()));
        command.stdin(stdin).stdout(create(&stdout)?).stderr(create(&stderr)?).process_group(0);
        // SAFETY: prctl is async-signal-safe and touches no memory of ours.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let child = command.spawn().with_context(|| format!("starting {name}: {command:?}"))?;
        Ok(Self { name: name.to_owned(), child, status: None, stdout, stderr })
    }

    /// The process id, which is also the id of the process group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The writing end of stdin, once, when it was asked for at the start.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// What the program has written to stdout so far.
    pub fn stdout(&self) -> String {
        read_lossy(&self.stdout)
    }

    /// What the program has written to stderr so far.
    pub fn stderr(&self) -> String {
        read_lossy(&self.stderr)
    }

    /// Sends a signal to the program alone, not to its group.
    pub fn signal(&self, signal: i32) -> Result<()> {
        send_signal(self.child.id() as i32, signal).with_context(|| format!("signalling {}", self.name))
    }

    /// Kills the program (not its group) as `kill -9` does and waits for its end.
    pub fn kill9(&mut self) -> Result<ExitStatus> {
        if self.status.is_none() {
            self.signal(libc::SIGKILL)?;
        }
        self.wait(Duration::from_secs(5))
    }

    /// The exit status, if the program has ended.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Waits for the program to end by itself.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let what = format!("{} to end", self.name);
        wait_until(&what, timeout, || self.try_wait())
    }

    /// The exit code a shell would show: 128 + n for an end by signal n.
    pub fn exit_code(status: ExitStatus) -> i32 {
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Until it is reaped the id is the program's own; afterwards it could be anybody's.
        if self.try_wait().is_none() {
            let _already_gone = send_signal(-(self.child.id() as i32), libc::SIGKILL);
            let _reaped = self.child.wait();
        }
    }
}

pub(crate) fn read_lossy(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// `kill(2)`: a negative id means the process group.
pub(crate) fn send_signal(pid: i32, signal: i32) -> std::io::Result<()> {
    // SAFETY: kill takes two integers.
    match unsafe { libc::kill(pid, signal) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}
