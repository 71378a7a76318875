//! The WebSocket that agents take for their editor, with JSON-RPC in the path, against node's `ws` and Python's
//! `websockets` that answer the same.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use magia_tests::{PATIENCE, Program, Sandbox, wait_until};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::app::{App, Programs};
use crate::proc;
use crate::stats::{Samples, micros};
use crate::table::Row;

/// Rounds in turn, so that other load falls on all alike.
const ROUNDS: usize = 5;
/// Messages of a round, one at a time.
const ALONE: usize = 2_000;
/// Messages of a round with so many under way.
const STREAM: usize = 20_000;
const WINDOW: usize = 64;
/// Connections that only stand there, for the memory.
const IDLE: usize = 64;

/// A WebSocket to the app.
pub type Socket = WebSocketStream<TcpStream>;

/// A server that is measured.
struct Server {
    name: &'static str,
    socket: Socket,
    alone: Vec<f64>,
    per_second: Vec<f64>,
    _program: Option<Program>,
}

/// Round trips, throughput and memory.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let sandbox = Sandbox::new()?;
    let config = sandbox.root().join("config/magia");
    std::fs::create_dir_all(&config).context("making the config directory")?;
    let settings = json!({ "ideServer": "always" });
    std::fs::write(config.join("settings.json"), settings.to_string()).context("writing the settings")?;
    let app = App::headless(programs, &sandbox)?;
    let (port, token) = door(&app)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rows = runtime.block_on(race(&sandbox, &app, port, &token))?;
    app.stop()?;
    Ok(rows)
}

async fn race(sandbox: &Sandbox, app: &App, port: u16, token: &str) -> Result<Vec<Row>> {
    let mut servers = vec![Server::new("magia", connect(port, Some(token)).await?, None)];
    let root = root();
    let node = (root.join(".agents/clients"), "node", root.join("bench/peers/ide/server.mjs"));
    let python = (root.join(".agents/python"), "python", root.join("bench/peers/ide/server.py"));
    for (installed, name, script) in [node, python] {
        if !installed.exists() {
            bail!("{} is missing: `make agents` installs the peers", installed.display());
        }
        let mut command = sandbox.command("/usr/bin/env");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        if name == "python" {
            command.arg(installed.join("bin/python")).arg(script);
        } else {
            command.arg("node").arg(script).arg(&installed);
        }
        let mut program = sandbox.spawn(name, command)?;
        let port = wait_until("the peer's port", PATIENCE, || match program.try_wait() {
            Some(status) => Some(Err(anyhow::anyhow!("{name} ended ({status}): {}", program.stderr()))),
            None => program.stdout().trim().parse::<u16>().ok().map(Ok),
        })??;
        servers.push(Server::new(name, connect(port, None).await?, Some(program)));
    }
    for _ in 0..ROUNDS {
        for server in &mut servers {
            server.round().await?;
        }
    }
    let before = proc::pss_mib(&[app.pid()])?;
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(connect(port, Some(token)).await?);
    }
    let grown = (proc::pss_mib(&[app.pid()])? - before) * 16.0 / IDLE as f64;
    drop(idle);

    let of = |name: &str| servers.iter().find(|server| server.name == name).context("a server is missing");
    let (magia, node, python) = (of("magia")?, of("node")?, of("python")?);
    let (own, other, third) = (magia.speed(), node.speed(), python.speed());
    let trip = |server: &Server| Samples::new(server.alone.clone());
    let (here, there) = (trip(magia), trip(node));
    let fast = own >= 1.3 * other && own >= 2.5 * third;
    Ok(vec![
        Row::new(
            "IDE server: requests a second, 64 under way",
            format!("{own:.0} = {:.2}x node ws, {:.2}x python websockets", own / other, own / third),
            ">= 1.3x, >= 2.5x",
            fast,
        ),
        Row::new(
            "IDE server: one request and its answer",
            format!(
                "p50 {:.1} µs, p99 {:.0} µs; node ws p50 {:.1} µs",
                here.p50(),
                here.at(0.99),
                there.p50()
            ),
            "p50 <= node's",
            here.p50() <= there.p50(),
        ),
        Row::new("IDE server: memory of 16 connections", format!("{grown:.2} MiB"), "<= 1 MiB", grown <= 1.0),
    ])
}

impl Server {
    const fn new(name: &'static str, socket: Socket, program: Option<Program>) -> Self {
        Self { name, socket, alone: Vec::new(), per_second: Vec::new(), _program: program }
    }

    /// The middle of its rounds.
    fn speed(&self) -> f64 {
        Samples::new(self.per_second.clone()).p50()
    }

    async fn round(&mut self) -> Result<()> {
        for at in 0..ALONE {
            let begun = Instant::now();
            self.socket.send(call(at)).await?;
            self.hear(at).await?;
            self.alone.push(micros(begun.elapsed()));
        }
        let begun = Instant::now();
        let mut under_way = VecDeque::with_capacity(WINDOW);
        let mut sent = 0;
        while sent < STREAM || !under_way.is_empty() {
            while sent < STREAM && under_way.len() < WINDOW {
                self.socket.feed(call(sent)).await?;
                under_way.push_back(sent);
                sent += 1;
            }
            self.socket.flush().await?;
            // Half of them make room for as many more.
            for _ in 0..under_way.len().div_ceil(2) {
                if let Some(at) = under_way.pop_front() {
                    self.hear(at).await?;
                }
            }
        }
        self.per_second.push(STREAM as f64 / begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// Reads the answer to a call. Whether it is the right one is looked at without reading it as JSON: that would measure
    /// this program.
    async fn hear(&mut self, at: usize) -> Result<()> {
        let answer = self.socket.next().await.context("the connection ended")??.into_text()?;
        let id = format!("\"id\":{at},");
        if !answer.replace(": ", ":").contains(&id) {
            bail!("{} answered call {at} with {answer}", self.name);
        }
        Ok(())
    }
}

/// A call of 256 bytes.
fn call(at: usize) -> Message {
    let uri = "x".repeat(150);
    Message::text(format!(
        "{{\"method\":\"tools/call\",\"params\":{{\"name\":\"getDiagnostics\",\"arguments\":{{\"uri\":\"{uri}\"}}}},\"jsonrpc\":\"2.0\",\"id\":{at}}}"
    ))
}

/// Connects; with the token also greets, as an agent does.
pub async fn connect(port: u16, token: Option<&str>) -> Result<Socket> {
    let mut request = format!("ws://127.0.0.1:{port}/").into_client_request()?;
    if let Some(token) = token {
        request.headers_mut().insert("x-claude-code-ide-authorization", token.parse()?);
    }
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = client_async(request, stream).await?;
    if token.is_some() {
        let params =
            json!({ "protocolVersion": "2025-11-25", "clientInfo": { "name": "bench", "version": "1" } });
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        socket.send(Message::text(hello.to_string())).await?;
        socket.next().await.context("no greeting")??;
    }
    Ok(socket)
}

/// Port and token, as an agent finds them.
pub fn door(app: &App) -> Result<(u16, String)> {
    let mut client = app.client()?;
    let info = wait_until("the lock file", PATIENCE, || {
        let info = client.call("get_ide_server_port", Value::Null).ok()?;
        info.get("lock_file")?.is_string().then_some(info)
    })?;
    let lock = info.get("lock_file").and_then(Value::as_str).unwrap_or_default();
    let lock: Value = serde_json::from_str(&std::fs::read_to_string(lock).context("reading the lock file")?)?;
    let token = lock.get("authToken").and_then(Value::as_str).context("no token")?.to_owned();
    let port = info.get("port").and_then(Value::as_u64).context("no port")?;
    Ok((u16::try_from(port)?, token))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
