//! magia's own programs: the app without its window, and the command line.

use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::Program;
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

/// The path of one of magia's programs, which lies beside the tests' own directory.
pub fn binary(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("finding the test program")?;
    // target/debug/deps/test-hash
    let dir = own
        .parent()
        .and_then(|deps| deps.parent())
        .context("the test program lies in no target directory")?;
    let path = dir.join(name);
    if !path.is_file() {
        bail!("{} is missing; run `cargo build --workspace --bins`", path.display());
    }
    Ok(path)
}

/// What a run of `magia` came to.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The exit code: 0 done, 1 failed or refused, 2 usage, 3 app not running.
    pub code: i32,
    /// Data.
    pub stdout: String,
    /// Messages.
    pub stderr: String,
}

impl Reply {
    /// The data of a `--json` verb, after a success.
    pub fn json(&self) -> Result<Value> {
        if self.code != 0 {
            bail!("magia ended with {}: {}", self.code, self.stderr);
        }
        serde_json::from_str(&self.stdout).with_context(|| format!("reading {:?}", self.stdout))
    }
}

/// Runs the command line to its end.
pub fn magia<S: AsRef<OsStr>>(sandbox: &Sandbox, args: &[S]) -> Result<Reply> {
    let output = sandbox.command(binary("magia")?).args(args).output().context("running magia")?;
    Ok(Reply {
        code: Program::exit_code(output.status),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A running `magia-app --headless`.
pub struct App {
    program: Program,
}

impl App {
    /// Starts the app and waits until the command line reaches it.
    pub fn start(sandbox: &Sandbox) -> Result<Self> {
        Self::start_with(sandbox, &[])
    }

    /// The same with more in its environment.
    pub fn start_with(sandbox: &Sandbox, env: &[(&str, &str)]) -> Result<Self> {
        let mut command = sandbox.command(binary("magia-app")?);
        command.arg("--headless").envs(env.iter().copied());
        let mut program = sandbox.spawn("magia-app", command)?;
        let ready = wait_until("magia-app to answer `magia status`", PATIENCE, || {
            if let Some(status) = program.try_wait() {
                return Some(Err(anyhow::anyhow!(
                    "magia-app ended at start ({status}): {}",
                    program.stderr()
                )));
            }
            match magia(sandbox, &["status", "--json"]) {
                Ok(reply) => (reply.code == 0).then_some(Ok(())),
                Err(err) => Some(Err(err)),
            }
        })?;
        ready?;
        Ok(Self { program })
    }

    /// The app's process id.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// The process, for signals, its end and its output.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }
}
