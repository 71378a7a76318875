//! A directory, an environment and a set of processes that belong to one test.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::process::{Program, read_lossy, send_signal};

/// Marks every process of a sandbox, those that left their group included; the value is its directory.
const MARK: &str = "MAGIA_TEST_SANDBOX";
/// Keeps the directories of failed tests when set.
const KEEP: &str = "MAGIA_TEST_KEEP";
/// How much of each log a failed test shows.
const SHOWN_LINES: usize = 60;

/// Private directories and a clean environment; everything started in it ends with it.
pub struct Sandbox {
    dir: Option<TempDir>,
    root: PathBuf,
}

/// Runs a test in a new sandbox and shows the captured output when it fails.
pub fn sandbox_test(test: impl FnOnce(&Sandbox) -> Result<()>) -> Result<()> {
    let mut sandbox = Sandbox::new()?;
    let outcome = test(&sandbox);
    if outcome.is_err() {
        sandbox.show();
    }
    outcome
}

impl Sandbox {
    /// Makes the directories. They lie right under `/tmp` because socket paths must stay under 104 bytes.
    pub fn new() -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("mg-")
            .tempdir_in("/tmp")
            .context("making the test's directory")?;
        let root = dir.path().to_owned();
        for name in ["home", "config", "data", "state", "cache", "tmp", "run", "logs", "work"] {
            let path = root.join(name);
            fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).context("closing it to others")?;
        }
        Ok(Self { dir: Some(dir), root })
    }

    /// The directory that holds everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `$HOME` of everything started here.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// An empty project for an agent to work in.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// `$MAGIA_RUNTIME_DIR`; magia makes it.
    pub fn runtime_dir(&self) -> PathBuf {
        self.root.join("r")
    }

    /// Where the captured output is.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The environment of everything started here: nothing of the test runner's own leaks in.
    pub fn env(&self) -> Vec<(String, String)> {
        let under = |name: &str| self.root.join(name).to_string_lossy().into_owned();
        let fixed = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("LANG", "C.UTF-8"),
            ("TERM", "xterm-256color"),
            ("SHELL", "/bin/sh"),
            ("USER", "tester"),
            ("RUST_BACKTRACE", "1"),
        ];
        let private = [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_RUNTIME_DIR", "run"),
            ("TMPDIR", "tmp"),
            ("MAGIA_RUNTIME_DIR", "r"),
        ];
        fixed
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .chain(private.into_iter().map(|(name, dir)| (name.to_owned(), under(dir))))
            .chain([(MARK.to_owned(), self.root.to_string_lossy().into_owned())])
            .collect()
    }

    /// A command with the sandbox's environment, in its work directory.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.env()).current_dir(self.work());
        command
    }

    /// Starts a program with empty stdin; its output is kept under `name`.
    pub fn spawn(&self, name: &str, command: Command) -> Result<Program> {
        Program::spawn(name, command, Stdio::null(), &self.logs())
    }

    /// Starts a program whose stdin the test writes.
    pub fn spawn_piped(&self, name: &str, command: Command) -> Result<Program> {
        Program::spawn(name, command, Stdio::piped(), &self.logs())
    }

    /// Prints what the programs wrote, and keeps the directory if `MAGIA_TEST_KEEP` is set.
    pub fn show(&mut self) {
        let mut logs: Vec<PathBuf> =
            fs::read_dir(self.logs()).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        logs.sort();
        for path in logs {
            let text = read_lossy(&path);
            let lines: Vec<&str> = text.lines().collect();
            let skipped = lines.len().saturating_sub(SHOWN_LINES);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            print(&format!("---- {name} ({} lines) ----", lines.len()));
            for line in lines.iter().skip(skipped) {
                print(&line.chars().take(500).collect::<String>());
            }
        }
        if let Some(dir) = self.dir.take_if(|_| std::env::var_os(KEEP).is_some()) {
            print(&format!("kept: {}", dir.keep().display()));
        }
    }

    /// Kills, by id, every process that carries this sandbox's mark: agents start hooks in sessions of
    /// their own, which outlive the agent.
    fn end_strays(&self) {
        let mark = format!("{MARK}={}", self.root.display());
        let own = std::process::id();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let marked = || {
                let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
                environ.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes())
            };
            if pid != own && marked() {
                let _already_gone = send_signal(pid as i32, libc::SIGKILL);
            }
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.end_strays();
        if std::thread::panicking() {
            self.show();
        }
    }
}

#[allow(clippy::print_stdout, reason = "the output of a failed test")]
fn print(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::{PATIENCE, wait_until};

    #[test]
    fn the_environment_is_the_sandboxs_own() {
        sandbox_test(|sandbox| {
            let mut program = sandbox.spawn("env", sandbox.command("env"))?;
            program.wait(PATIENCE)?;
            let out = program.stdout();
            assert!(out.contains(&format!("HOME={}/home\n", sandbox.root().display())), "{out}");
            assert!(!out.contains("CARGO"), "{out}");
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_process_that_left_its_group_ends_with_the_sandbox() {
        let sandbox = Sandbox::new().unwrap();
        let mut command = sandbox.command("sh");
        command.args(["-c", "setsid sh -c 'echo $$; exec cat /dev/zero >/dev/null' & wait"]);
        let program = sandbox.spawn("stray", command).unwrap();
        let pid =
            wait_until("the stray's id", PATIENCE, || program.stdout().trim().parse::<u32>().ok()).unwrap();
        drop(program);
        assert!(alive(pid), "the stray should have outlived its parent's group");
        drop(sandbox);
        wait_until("the stray to end", PATIENCE, || (!alive(pid)).then_some(())).unwrap();
    }

    fn alive(pid: u32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
    }
}
