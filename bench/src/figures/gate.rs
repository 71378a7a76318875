//! Permission requests: how long the app takes to answer a waiting handler.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use magia_protocol::paths::Socket;
use magia_tests::{PATIENCE, Program, Sandbox, wait_until};
use serde_json::{Value, json};

use crate::app::{App, Client, Programs};
use crate::bare;
use crate::events::{Agent, deliver};
use crate::stats::{Samples, micros};
use crate::table::Row;

const BY_RULE: usize = 2_000;
const BY_CLIENT: usize = 500;
/// Before a round of the relay: as long as a request waits after the event before it.
const PAUSE: Duration = Duration::from_millis(1);
/// Not counted: the first requests warm caches and allocators.
const WARM_UP: usize = 100;

/// Answers by a rule of the settings, and by a client of the command socket.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let sandbox = Sandbox::new()?;
    let config = sandbox.root().join("config/magia");
    std::fs::create_dir_all(&config).context("making the config directory")?;
    // What most requests are: a command, for which no disk is asked.
    let rule = json!({ "toolName": "Bash", "commandPrefix": "cargo test", "autoApprove": true });
    let settings = json!({ "toolPermissions": [rule] });
    std::fs::write(config.join("settings.json"), settings.to_string()).context("writing the settings")?;
    let app = App::headless(programs, &sandbox)?;
    let mut bench = Bench {
        hooks: app.socket(Socket::Hooks)?,
        gates: app.socket(Socket::Permissions)?,
        client: app.client()?,
        agent: Agent::start(&sandbox, 0)?,
        last: 0,
    };
    bench.event("SessionStart", &json!({ "source": "startup" }))?;
    let relay = Relay::start(&sandbox)?;
    let (mut asleep, mut awake) = (Times::default(), Times::default());
    for round in 0..BY_RULE + WARM_UP {
        let (times, waits) =
            if round % 2 == 0 { (&mut asleep, Waits::Asleep) } else { (&mut awake, Waits::Awake) };
        let (answer, with_connect) = bench.by_rule(waits)?;
        let bare = relay.round(waits)?;
        if round >= WARM_UP {
            times.answers.push(micros(answer));
            times.connected.push(micros(with_connect));
            times.relayed.push(micros(bare));
        }
    }
    let mut by_client = Vec::new();
    for round in 0..BY_CLIENT + WARM_UP {
        let answer = bench.by_client()?;
        if round >= WARM_UP {
            by_client.push(micros(answer));
        }
    }
    drop(bench);
    app.stop()?;
    let goal = "p50 <= 50 µs, p99 <= 1 ms";
    let [awake, asleep] = [awake, asleep].map(|times| {
        let Times { answers, connected, relayed } = times;
        [answers, connected, relayed].map(Samples::new)
    });
    let beside = |[answers, _, relayed]: &[Samples; 3]| {
        format!(
            "{}; {:.2}x a bare relay's {:.0}",
            shown(answers),
            answers.p50() / relayed.p50(),
            relayed.p50()
        )
    };
    let met = asleep[0].p50() <= 50.0 && asleep[0].at(0.99) <= 1000.0;
    Ok(vec![
        Row::new("permission request answered by a rule", beside(&asleep), goal, met),
        Row::told("the same, until it is in the socket of a handler that never sleeps", beside(&awake)),
        Row::told("the same, connecting included", shown(&asleep[1])),
        Row::told(
            "answer given on the command socket, until the handler has it",
            shown(&Samples::new(by_client)),
        ),
    ])
}

/// How a client waits for an answer. What the app takes is seen by one that never sleeps: to be woken is the kernel's part,
/// and on a virtual machine the larger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    Asleep,
    Awake,
}

/// Microseconds: line to answer, connect to answer, and the relay's line to answer.
#[derive(Debug, Default)]
struct Times {
    answers: Vec<f64>,
    connected: Vec<f64>,
    relayed: Vec<f64>,
}

/// The first bytes that come, and when they had.
fn first_bytes(gate: &mut UnixStream, waits: Waits) -> Result<(Vec<u8>, Instant)> {
    let mut bytes = vec![0; 4096];
    gate.set_nonblocking(waits == Waits::Awake)?;
    let read = loop {
        match gate.read(&mut bytes) {
            Err(err) if err.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            read => break read?,
        }
    };
    let at = Instant::now();
    gate.set_nonblocking(false)?;
    bytes.truncate(read);
    Ok((bytes, at))
}

/// What the machine takes for the way alone: a process that takes a connection, reads its line and writes it back, asked
/// in turns with the app, so that both find the cores asleep and the caches used by others.
struct Relay {
    socket: PathBuf,
    _program: Program,
}

impl Relay {
    fn start(sandbox: &Sandbox) -> Result<Self> {
        let socket = sandbox.work().join("relay");
        let mut command = sandbox.command(std::env::current_exe()?);
        command.arg(bare::RELAY).arg(&socket);
        let program = sandbox.spawn("relay", command)?;
        wait_until("the relay", PATIENCE, || socket.exists().then_some(()))?;
        Ok(Self { socket, _program: program })
    }

    fn round(&self, waits: Waits) -> Result<Duration> {
        let line = [b'x'; 600];
        std::thread::sleep(PAUSE);
        let mut gate = UnixStream::connect(&self.socket)?;
        let begun = Instant::now();
        gate.write_all(&line)?;
        let (_line, at) = first_bytes(&mut gate, waits)?;
        Ok(at - begun)
    }
}

fn shown(samples: &Samples) -> String {
    format!("p50 {:.0} µs, p99 {:.0} µs; n={}", samples.p50(), samples.at(0.99), samples.len())
}

struct Bench {
    hooks: PathBuf,
    gates: PathBuf,
    client: Client,
    agent: Agent,
    last: usize,
}

impl Bench {
    /// A request that a rule answers: line to answer, and connect to answer.
    fn by_rule(&mut self, waits: Waits) -> Result<(Duration, Duration)> {
        let call = self.begin("Bash", &json!({ "command": "cargo test --workspace" }))?;
        let line = self.agent.line("PermissionRequest", &call);
        let begun = Instant::now();
        let mut gate = UnixStream::connect(&self.gates).context("connecting to the gate")?;
        let connected = Instant::now();
        gate.write_all(&line)?;
        let (first, ended) = first_bytes(&mut gate, waits)?;
        let answer = read_answer(first.as_slice().chain(gate))?;
        if !answer.contains("allow") {
            bail!("the rule did not allow: {answer:?}");
        }
        self.event("PostToolUse", &call)?;
        Ok((ended - connected, ended - begun))
    }

    /// A request that a client answers: its line to the gate's answer.
    fn by_client(&mut self) -> Result<Duration> {
        let call = self.begin("Bash", &json!({ "command": "cargo publish" }))?;
        let mut gate = UnixStream::connect(&self.gates).context("connecting to the gate")?;
        gate.write_all(&self.agent.line("PermissionRequest", &call))?;
        let request = wait_until("the request to be listed", PATIENCE, || {
            let open = self.client.call("get_permission_requests", json!({})).ok()?;
            Some(open.get(0)?.get("id")?.as_str()?.to_owned())
        })?;
        let begun = Instant::now();
        self.client.send("resolve_permission", json!({ "id": request, "decision": "allow" }))?;
        let answer = read_answer(gate)?;
        let took = begun.elapsed();
        self.client.reply()?;
        if !answer.contains("allow") {
            bail!("the client's answer did not allow: {answer:?}");
        }
        self.event("PostToolUse", &call)?;
        Ok(took)
    }

    /// The event before a request, taken in.
    fn begin(&mut self, tool: &str, input: &Value) -> Result<Value> {
        self.last += 1;
        let use_id = format!("toolu_{:06}", self.last);
        let call = json!({ "tool_name": tool, "tool_input": input, "tool_use_id": use_id });
        self.event("PreToolUse", &call)?;
        Ok(call)
    }

    /// Sends an event and waits until the app has taken it in and stands still again: a command may be answered before
    /// the event is even accepted, for they come over different sockets.
    fn event(&mut self, event: &str, more: &Value) -> Result<()> {
        deliver(&self.hooks, &self.agent.line(event, more))?;
        wait_until("the event to be taken in", PATIENCE, || {
            let sessions = self.client.call("get_active_sessions", json!({})).ok()?;
            let evidence = sessions.get(0)?.get("evidence")?.as_array()?;
            let facts = evidence.iter().filter_map(|source| source.get("fact")?.as_str());
            facts.into_iter().any(|fact| fact.starts_with(event)).then_some(())
        })
    }
}

/// Reads `EXIT OUT ERR\n` and the bytes that it announces; gives those.
fn read_answer(gate: impl Read) -> Result<String> {
    let mut gate = BufReader::with_capacity(4096, gate);
    let mut head = String::new();
    gate.read_line(&mut head)?;
    let lengths: Vec<usize> = head.trim_end().split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [_exit, out, err] = lengths[..] else { bail!("the gate said {head:?}") };
    let mut bytes = vec![0; out + err];
    gate.read_exact(&mut bytes)?;
    Ok(String::from_utf8(bytes)?)
}
