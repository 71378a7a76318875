//! The release programs, and a client of the app's command socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use magia_protocol::ipc::connect_blocking;
use magia_protocol::paths::Socket;
use magia_protocol::wire::{Request, Response};
use magia_tests::{PATIENCE, Program, Sandbox, wait_until};
use serde_json::Value;

use crate::frames::{self, Frame};

/// Where the programs under test are: beside this one.
#[derive(Debug, Clone)]
pub struct Programs {
    dir: PathBuf,
}

impl Programs {
    /// Finds the directory.
    pub fn find() -> Result<Self> {
        let own = std::env::current_exe().context("finding this program's own path")?;
        Ok(Self { dir: own.parent().context("this program is in no directory")?.to_owned() })
    }

    /// One of them.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        if !path.is_file() {
            bail!("{} is missing; `make bench` builds it", path.display());
        }
        Ok(path)
    }
}

/// A running `magia-app`.
pub struct App {
    program: Program,
    runtime: PathBuf,
}

impl App {
    /// Starts it without a window and waits until it answers.
    pub fn headless(programs: &Programs, sandbox: &Sandbox) -> Result<Self> {
        let mut command = sandbox.command(programs.path("magia-app")?);
        command.arg("--headless");
        let mut app = Self::spawned(sandbox, sandbox.spawn("magia-app", command)?);
        app.wait_until_ready()?;
        Ok(app)
    }

    /// Takes over a process that was just started in the sandbox.
    pub fn spawned(sandbox: &Sandbox, program: Program) -> Self {
        Self { program, runtime: sandbox.runtime_dir() }
    }

    /// Waits until it answers `status`.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        wait_until("magia-app to answer", PATIENCE, || {
            if let Some(status) = self.program.try_wait() {
                return Some(Err(anyhow!("magia-app ended at start ({status}): {}", self.program.stderr())));
            }
            let mut client = self.client().ok()?;
            client.call("status", Value::Null).ok().map(|_| Ok(()))
        })?
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// The frames that its window has noted so far.
    pub fn frames(&self) -> Vec<Frame> {
        frames::read(&self.program.stderr())
    }

    /// One of its sockets.
    pub fn socket(&self, socket: Socket) -> Result<PathBuf> {
        Ok(socket.path_in(&self.runtime)?)
    }

    /// A connection to its command socket.
    pub fn client(&self) -> Result<Client> {
        Client::connect(&self.socket(Socket::Cli)?)
    }

    /// Asks it to end, as a logout does, and waits for that.
    pub fn stop(mut self) -> Result<()> {
        self.program.signal(libc::SIGTERM)?;
        self.program.wait(Duration::from_secs(10)).map(drop)
    }
}

/// A connection to the command socket.
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    fn connect(path: &Path) -> Result<Self> {
        let stream = connect_blocking(path, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request without waiting for its reply.
    pub fn send(&mut self, method: &str, params: Value) -> Result<()> {
        let request = Request { id: Value::from(1), method: method.to_owned(), params, v: 1 };
        let mut line = serde_json::to_vec(&request)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).with_context(|| format!("sending {method}"))
    }

    /// Reads the next reply.
    pub fn reply(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.stream.read_line(&mut line).context("reading a reply")?;
        let response: Response =
            serde_json::from_str(&line).with_context(|| format!("understanding the reply {line:?}"))?;
        response.into_outcome().map_err(|err| anyhow!("magia-app refused: {err:?}"))
    }

    /// A request and its reply.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.send(method, params)?;
        self.reply()
    }
}
