//! Figures for the listeners: `cargo run -p magia-app --no-default-features --release --example bench_listeners`.
//!
//! Clients, listeners and hub share one process and the machine's cores, so the rates include the clients' work.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measuring program may fail and prints"
)]

use crossbeam_channel::Receiver;
use magia_app::listeners::{HUB_CAPACITY, Inheritance, Listeners};
use magia_core::event::Event;
use magia_core::normalize::understand;
use magia_protocol::ipc::connect_blocking;
use magia_protocol::paths::{InstanceLock, Socket};
use magia_protocol::wire::{GateReply, Provider};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: usize = 64;
const EVENTS_EACH: usize = 3_000;
const RUNS: usize = 3;
const GATES: usize = 5_000;
const PROBES: usize = 2_000;
const LIMIT: Duration = Duration::from_secs(30);

fn main() {
    let temp = tempfile::tempdir().expect("a directory");
    let lock = Arc::new(InstanceLock::try_acquire(&temp.path().join("run")).expect("the lock"));
    let (sender, hub) = crossbeam_channel::bounded(HUB_CAPACITY);
    let listeners =
        Listeners::start(Arc::clone(&lock), sender, None, Inheritance::default()).expect("listeners");
    let path = |socket: Socket| socket.path_in(lock.dir()).expect("a path");
    while !listeners.health().iter().all(|info| info.up) {
        std::thread::yield_now();
    }
    for understood in [true, false] {
        for _ in 0..RUNS {
            burst(&path(Socket::Hooks), &hub, understood);
        }
    }
    gates(&listeners, &path(Socket::Permissions), &hub, "Bash", r#""command":"ls""#);
    gates(&listeners, &path(Socket::Permissions), &hub, "Edit", r#""file_path":"/etc/passwd""#);
    probes(&listeners, &path(Socket::Hooks), &path(Socket::Cli), &hub, false);
    probes(&listeners, &path(Socket::Hooks), &path(Socket::Cli), &hub, true);
    let since = Instant::now();
    listeners.stop();
    println!("stop: {:.1} ms", since.elapsed().as_secs_f64() * 1e3);
}

fn line(tool: &str, input: &str, session: usize) -> Vec<u8> {
    let filler = "x".repeat(500);
    format!(
        r#"{{"v":1,"provider":"claude","event":"PreToolUse","pid":7,"ppid":5,"pstart":171867,"tty":"pts/3","sent_unix_ns":1795289992296000000,"payload":{{"session_id":"session-{session}","transcript_path":"/home/me/.claude/projects/-home-me-shop/0199aaaa.jsonl","cwd":"/home/me/shop","permission_mode":"default","hook_event_name":"PreToolUse","tool_name":"{tool}","tool_input":{{{input},"description":"{filler}"}},"tool_use_id":"toolu_01ABCDEFGHIJKLMNOPQRSTUV"}}}}"#
    )
    .into_bytes()
    .into_iter()
    .chain([b'\n'])
    .collect()
}

fn send(path: &Path, line: &[u8]) -> UnixStream {
    let mut stream = connect_blocking(path, LIMIT).expect("connected");
    stream.write_all(line).expect("written");
    stream
}

fn next(hub: &Receiver<Event>) -> Event {
    loop {
        match hub.recv_timeout(LIMIT) {
            Ok(Event::ListenerReported(_)) => {}
            event => return event.expect("a fact in time"),
        }
    }
}

/// One connection per event from all clients at once.
fn burst(hooks: &Path, hub: &Receiver<Event>, understood: bool) {
    let cpu = thread_cpu_us("listeners");
    let since = Instant::now();
    let total = CLIENTS * EVENTS_EACH;
    let received = std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                let line = line("Bash", r#""command":"cargo test""#, client);
                for _ in 0..EVENTS_EACH {
                    send(hooks, &line).shutdown(Shutdown::Write).expect("half closed");
                }
            });
        }
        let mut received = 0;
        while received < total {
            let event = match hub.recv_timeout(Duration::from_secs(5)) {
                Ok(Event::HookReceived(message)) => message,
                Ok(_) => continue,
                Err(_) => break,
            };
            if understood {
                let payload: Value = serde_json::from_str(event.payload.get()).expect("JSON");
                std::hint::black_box(understand(Provider::Claude, &event.event, &payload));
            }
            received += 1;
        }
        received
    });
    let took = since.elapsed();
    let cpu = thread_cpu_us("listeners") - cpu;
    println!(
        "burst, {CLIENTS} clients, {} B, {}: {:.0} connections/s, {} of {total} lost, listener {:.1} us CPU per event",
        line("Bash", r#""command":"cargo test""#, 0).len(),
        if understood { "understood by the hub" } else { "parsed only" },
        received as f64 / took.as_secs_f64(),
        total - received,
        cpu / received as f64,
    );
}

/// From before connecting to the whole answer, one after the other, with a hub that answers at once.
fn gates(listeners: &Listeners, permissions: &Path, hub: &Receiver<Event>, tool: &str, input: &str) {
    let answers = listeners.gates();
    let line = line(tool, input, 0);
    let mut from_connect = Vec::with_capacity(GATES);
    let mut from_sent = Vec::with_capacity(GATES);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut answered = 0;
            while answered < GATES {
                match next(hub) {
                    Event::GateOpened { gate, .. } => {
                        assert!(answers.answer(gate, &GateReply::answer(r#"{"behavior":"allow"}"#)));
                    }
                    Event::GateAnswered { delivered, .. } => {
                        assert!(delivered);
                        answered += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
        });
        let mut reply = Vec::new();
        for _ in 0..GATES {
            let since = Instant::now();
            let mut stream = send(permissions, &line);
            let sent = Instant::now();
            reply.clear();
            stream.read_to_end(&mut reply).expect("an answer");
            from_sent.push(sent.elapsed());
            from_connect.push(since.elapsed());
            assert!(reply.ends_with(b"}"));
        }
    });
    println!(
        "gate, {tool}: {} us from connecting, {} us from sent",
        quantiles(from_connect),
        quantiles(from_sent)
    );
}

/// How long a hook event takes to the hub, while the CLI socket is idle or hands out megabytes.
fn probes(listeners: &Listeners, hooks: &Path, cli: &Path, hub: &Receiver<Event>, busy: bool) {
    let replies = listeners.replies();
    let done = AtomicBool::new(false);
    let line = line("Bash", r#""command":"ls""#, 0);
    let mut took = Vec::with_capacity(PROBES);
    let big: Value = (0..4_000).map(|at| json!({"seq": at, "payload": "y".repeat(2_000)})).collect();
    let mut served = 0;
    std::thread::scope(|scope| {
        if busy {
            scope.spawn(|| {
                let mut stream = connect_blocking(cli, LIMIT).expect("connected");
                let mut byte = vec![0; 1 << 20];
                while !done.load(Ordering::Relaxed) {
                    stream.write_all(b"{\"id\":1,\"method\":\"get_agent_events\"}\n").expect("written");
                    loop {
                        let got = stream.read(&mut byte).expect("a reply");
                        if byte[..got].ends_with(b"\n") {
                            break;
                        }
                    }
                }
            });
        }
        while took.len() < PROBES {
            let since = Instant::now();
            drop(send(hooks, &line));
            loop {
                match next(hub) {
                    Event::HookReceived(_) => break took.push(since.elapsed()),
                    Event::CommandReceived { reply, .. } => {
                        served += 1;
                        replies.answer(reply, Ok(big.clone()));
                    }
                    _ => {}
                }
            }
        }
        done.store(true, Ordering::Relaxed);
        let mut closed = false;
        while busy && !closed {
            match hub.recv_timeout(LIMIT) {
                Ok(Event::CommandReceived { reply, .. }) => drop(replies.answer(reply, Ok(json!(1)))),
                Ok(Event::ListenerReported(info)) if info.name == "cli" && info.open == 0 => closed = true,
                Ok(_) => {}
                Err(err) => panic!("{err}"),
            }
        }
    });
    println!("hook to hub, {served} replies of 8 MB meanwhile: {} us", quantiles(took));
}

fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    format!("p50 {:.1}, p99 {:.1}", at(0.5), at(0.99))
}

/// What a thread of this process has used, in microseconds.
fn thread_cpu_us(name: &str) -> f64 {
    for task in std::fs::read_dir("/proc/self/task").expect("tasks").flatten() {
        let comm = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if comm.trim_end() == name {
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            return text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e3;
        }
    }
    f64::NAN
}
