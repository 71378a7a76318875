//! Many clients of every kind for a long time: `make soak`, or
//! `magia-bench soak-clients [--clients 200] [--seconds 600] [--only KIND]`, where a kind is one of `KINDS`.
//!
//! Agents and editors over WebSockets, exporters of telemetry, HTTP clients, hooks, gates and clients of the command socket
//! come, ask, wait for each answer and go, each at its own pace. From time to time all stay away and the app is looked at:
//! memory, open files, threads. In the end everything that was sent is there, every request was answered, and nothing has
//! grown.

mod api;
mod command;
mod exporters;
mod hooks;
mod looks;
mod sockets;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use magia_protocol::paths::Socket;
use magia_tests::http::Http;
use magia_tests::{PATIENCE, Sandbox, wait_until};
use serde_json::{Value, json};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::app::{App, Programs};
use crate::events::{Agent, deliver};
use crate::figures::{ide, otlp};
use crate::soak::Chance;
use crate::stats::{Samples, grouped};
use crate::table::{Row, aligned};
use looks::{Look, judged};

/// How often the app is looked at.
const SAMPLES: u32 = 6;
/// How long everybody may take to leave.
const LEAVE_LIMIT: Duration = Duration::from_secs(30);
/// A request that has no answer after this has none.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// The longest pause between two things that a client does.
const PAUSE_MAX_MS: u64 = 200;
/// Requests by a rule and events at the start: what the app remembers of the newest of them is full then.
const FILLING: usize = 600;
const USAGE: &str = "usage: magia-bench soak-clients [--clients 200] [--seconds 600] [--only KIND]";

/// A kind of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Agent,
    Editor,
    Grpc,
    OtlpHttp,
    Api,
    Hooks,
    Gates,
    Asker,
    Subscriber,
}

/// How many of forty are of a kind, its word, and what it is.
const KINDS: [(Kind, usize, &str, &str); 9] = [
    (Kind::Agent, 7, "agents", "agents over WebSockets"),
    (Kind::Editor, 3, "editors", "editors over WebSockets"),
    (Kind::Grpc, 6, "grpc", "exporters by gRPC, port and socket"),
    (Kind::OtlpHttp, 6, "otlp-http", "exporters by HTTP, protobuf and JSON"),
    (Kind::Api, 6, "api", "clients of the HTTP API"),
    (Kind::Hooks, 5, "hooks", "agents with hooks"),
    (Kind::Gates, 2, "gates", "agents with permission requests"),
    (Kind::Asker, 3, "askers", "clients of the command socket"),
    (Kind::Subscriber, 2, "subscribers", "subscribers of events"),
];

/// Where everything is.
struct Ground {
    hooks: PathBuf,
    gates: PathBuf,
    cli: PathBuf,
    otel: PathBuf,
    otel_port: u16,
    ide_port: u16,
    ide_token: String,
    editor_token: String,
    http: Http,
    pid: u32,
}

/// What the clients are told, and tell.
#[derive(Default)]
struct Crowd {
    is_over: Cell<bool>,
    /// They are to stay away.
    is_calm: Cell<bool>,
    here: Cell<usize>,
    visits: Cell<u64>,
    /// How long each answer took, in milliseconds.
    took: RefCell<BTreeMap<Kind, Vec<f32>>>,
    /// Lines of hooks that were sent, gates among them not.
    hook_lines: Cell<u64>,
    /// Tool calls among them by the session that made them.
    calls: RefCell<BTreeMap<String, usize>>,
    gates: Cell<u64>,
    exports: Cell<u64>,
    /// How often an exporter was told to come again.
    busy: Cell<u64>,
    /// Requests that were refused on purpose.
    refused: Cell<u64>,
    /// Events that subscribers have seen, and those that they have not.
    seen: Cell<u64>,
    unseen: Cell<u64>,
    failed: RefCell<Option<anyhow::Error>>,
}

impl Crowd {
    /// Whether a visit is to go on.
    fn goes_on(&self) -> bool {
        !self.is_calm.get() && !self.is_over.get()
    }

    /// Waits for an answer and notes how long it took.
    async fn answered<T>(&self, kind: Kind, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let begun = Instant::now();
        let answer = timeout(ANSWER_LIMIT, answer).await.context("no answer")??;
        self.took.borrow_mut().entry(kind).or_default().push(begun.elapsed().as_secs_f32() * 1e3);
        Ok(answer)
    }

    async fn pause(&self, chance: &mut Chance) {
        sleep(Duration::from_millis(chance.below(PAUSE_MAX_MS))).await;
    }
}

fn add(count: &Cell<u64>, more: u64) {
    count.set(count.get() + more);
}

/// Runs it; what it found is printed. A failure when anything was lost or has grown.
pub fn run(words: &[String]) -> Result<ExitCode> {
    let (mut clients, mut seconds, mut only) = (200_usize, 600_u64, None);
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let value = rest.next().context(USAGE)?;
        match word.as_str() {
            "--clients" => clients = value.parse().context(USAGE)?,
            "--seconds" => seconds = value.parse().context(USAGE)?,
            "--only" => {
                let known = KINDS.iter().find(|(_, _, name, _)| name == value);
                only = Some(known.with_context(|| format!("there is no kind {value:?}\n{USAGE}"))?.0);
            }
            _ => bail!("unknown argument {word:?}\n{USAGE}"),
        }
    }
    let sandbox = Sandbox::new()?;
    let app = start(&sandbox)?;
    let ground = find(&sandbox, &app)?;
    let kinds = only.map_or_else(|| kinds(clients), |kind| vec![kind; clients]);
    let of = |wanted: Kind| kinds.iter().filter(|kind| **kind == wanted).count();
    let agents = Agent::several(&sandbox, (of(Kind::Hooks) + of(Kind::Gates)).max(1))?;
    let crowd = Rc::new(Crowd::default());
    fill(&ground, &crowd, &agents)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let length = Duration::from_secs(seconds);
    let soaked = LocalSet::new().block_on(&runtime, soak(Rc::new(ground), &crowd, &kinds, agents, length));
    let (ground, agents, looks) = soaked?;
    let mut rows = told(&crowd, &kinds, length);
    rows.extend(kept(&app, &crowd, &agents)?);
    rows.extend(judged(&looks, length));
    rows.extend(looks::counted(&app, &crowd)?);
    drop(ground);
    app.stop()?;
    write!(io::stdout(), "{}", aligned(&rows))?;
    let met = rows.iter().all(|row| row.met != Some(false));
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The kinds of the clients, mixed as they start.
fn kinds(clients: usize) -> Vec<Kind> {
    let pattern: Vec<Kind> =
        KINDS.iter().flat_map(|(kind, share, ..)| std::iter::repeat_n(*kind, *share)).collect();
    // Seven and forty have no common divisor: every kind comes early.
    (0..clients).filter_map(|number| pattern.get(number * 7 % pattern.len()).copied()).collect()
}

fn start(sandbox: &Sandbox) -> Result<App> {
    let config = sandbox.root().join("config/magia");
    std::fs::create_dir_all(&config).context("making the config directory")?;
    let settings = json!({
        "ideServer": "always",
        "httpApi": "127.0.0.1:0",
        "toolPermissions": [{ "toolName": "Read", "autoApprove": true }],
    });
    std::fs::write(config.join("settings.json"), settings.to_string()).context("writing the settings")?;
    App::headless(&Programs::find()?, sandbox)
}

fn find(sandbox: &Sandbox, app: &App) -> Result<Ground> {
    let (ide_port, ide_token) = ide::door(app)?;
    let editors = sandbox.runtime_dir().join("ide.json");
    let editors: Value =
        serde_json::from_str(&std::fs::read_to_string(editors).context("reading ide.json")?)?;
    Ok(Ground {
        hooks: app.socket(Socket::Hooks)?,
        gates: app.socket(Socket::Permissions)?,
        cli: app.socket(Socket::Cli)?,
        otel: app.socket(Socket::Otel)?,
        otel_port: otlp::port_of(app)?,
        ide_port,
        ide_token,
        editor_token: editors.get("token").and_then(Value::as_str).context("no editor's token")?.to_owned(),
        http: Http::of(sandbox)?,
        pid: app.pid(),
    })
}

/// Fills what the app remembers of the newest, so that the first look does not find it half full.
fn fill(ground: &Ground, crowd: &Crowd, agents: &[Agent]) -> Result<()> {
    for agent in agents {
        deliver(&ground.hooks, &agent.line("SessionStart", &json!({ "source": "startup" })))?;
        add(&crowd.hook_lines, 1);
    }
    let agent = agents.first().context("no agent")?;
    for number in 0..FILLING {
        let use_id = format!("toolu_fill_{number:06}");
        hooks::by_rule_now(&ground.gates, agent, &use_id)?;
        add(&crowd.gates, 1);
        for line in agent.call(&use_id) {
            deliver(&ground.hooks, &line)?;
            add(&crowd.hook_lines, 1);
        }
        *crowd.calls.borrow_mut().entry(agent.session.clone()).or_default() += 1;
    }
    Ok(())
}

async fn soak(
    ground: Rc<Ground>,
    crowd: &Rc<Crowd>,
    kinds: &[Kind],
    agents: Vec<Agent>,
    length: Duration,
) -> Result<(Rc<Ground>, Rc<[Agent]>, Vec<Look>)> {
    let agents: Rc<[Agent]> = agents.into();
    let mut next_agent = 0;
    for (number, kind) in kinds.iter().copied().enumerate() {
        let agent = next_agent;
        next_agent += usize::from(matches!(kind, Kind::Hooks | Kind::Gates));
        let client = Client { number, kind, agent, agents: Rc::clone(&agents), made: 0 };
        spawn_local(client.live(Rc::clone(&ground), Rc::clone(crowd)));
    }
    spawn_local(command::person(Rc::clone(&ground), Rc::clone(crowd)));
    let begun = Instant::now();
    let mut looks: Vec<Look> = Vec::new();
    for look in 0..SAMPLES {
        // The first after a fifth of the time.
        let due = length.mul_f64(0.2 + 0.8 * f64::from(look) / f64::from(SAMPLES - 1));
        while begun.elapsed() < due {
            sleep(Duration::from_millis(100).min(due.saturating_sub(begun.elapsed()))).await;
            if let Some(err) = crowd.failed.take() {
                return Err(err);
            }
        }
        crowd.is_calm.set(true);
        let left = Instant::now();
        while crowd.here.get() > 0 {
            if left.elapsed() > LEAVE_LIMIT {
                bail!("{} clients still wait for an answer", crowd.here.get());
            }
            sleep(Duration::from_millis(10)).await;
        }
        if let Some(err) = crowd.failed.take() {
            return Err(err);
        }
        let seen = Look::take(&ground, begun, looks.first()).await?;
        writeln!(io::stderr(), "{seen}, {} visits", grouped(crowd.visits.get()))?;
        looks.push(seen);
        crowd.is_calm.set(false);
    }
    crowd.is_over.set(true);
    Ok((ground, agents, looks))
}

/// One client.
struct Client {
    number: usize,
    kind: Kind,
    /// Which of the agents it is, if it is one with hooks.
    agent: usize,
    agents: Rc<[Agent]>,
    /// What it has made so far: calls, exports.
    made: u64,
}

impl Client {
    /// Comes and goes until it is over.
    async fn live(mut self, ground: Rc<Ground>, crowd: Rc<Crowd>) {
        let mut chance = Chance::of(self.number as u64);
        // Not all at once.
        crowd.pause(&mut chance).await;
        while !crowd.is_over.get() {
            if crowd.is_calm.get() {
                sleep(Duration::from_millis(10)).await;
                continue;
            }
            crowd.here.set(crowd.here.get() + 1);
            let visited = self.visit(&ground, &crowd, &mut chance).await;
            crowd.here.set(crowd.here.get() - 1);
            add(&crowd.visits, 1);
            if let Err(err) = visited {
                let kind = self.kind;
                crowd.failed.borrow_mut().get_or_insert(err.context(format!("{kind:?} {}", self.number)));
                return;
            }
            crowd.pause(&mut chance).await;
        }
    }

    async fn visit(&mut self, ground: &Ground, crowd: &Crowd, chance: &mut Chance) -> Result<()> {
        let things = 2 + chance.below(30);
        match self.kind {
            Kind::Agent => sockets::agent(ground, crowd, chance, things).await,
            Kind::Editor => sockets::editor(ground, crowd, chance, things).await,
            Kind::Grpc | Kind::OtlpHttp => {
                let on_socket = self.kind == Kind::Grpc && self.number.is_multiple_of(3);
                let exporter = exporters::Exporter { session: self.number, made: &mut self.made };
                match self.kind {
                    Kind::Grpc => exporter.by_grpc(ground, crowd, chance, things, on_socket).await,
                    _ => exporter.by_http(ground, crowd, chance, things).await,
                }
            }
            Kind::Api => api::client(ground, crowd, chance, things).await,
            Kind::Hooks | Kind::Gates => {
                let agent = self.agents.get(self.agent).context("no agent")?;
                self.made += 1;
                let turn = hooks::Turn { agent, number: self.made };
                match self.kind {
                    Kind::Hooks => turn.work(ground, crowd, chance).await,
                    _ => turn.ask(ground, crowd, chance).await,
                }
            }
            Kind::Asker => command::asker(ground, crowd, chance, things).await,
            Kind::Subscriber => command::subscriber(ground, crowd).await,
        }
    }
}

/// How many of each kind asked what, and how long that took.
fn told(crowd: &Crowd, kinds: &[Kind], length: Duration) -> Vec<Row> {
    let mut took = crowd.took.borrow_mut();
    let mut rows = vec![Row::told(
        "clients, time, visits",
        format!("{}, {} s, {}", kinds.len(), length.as_secs(), grouped(crowd.visits.get())),
    )];
    for (kind, _, _, name) in KINDS.into_iter().filter(|(kind, ..)| kinds.contains(kind)) {
        let answers: Samples = took.remove(&kind).unwrap_or_default().into_iter().map(f64::from).collect();
        let figures = format!(
            "{} answers, p50 {:.1} ms, p99 {:.0} ms, most {:.0} ms",
            grouped(answers.len() as u64),
            answers.p50(),
            answers.at(0.99),
            answers.max()
        );
        // Who sends hooks waits for no answer.
        let is_silent = matches!(kind, Kind::Hooks | Kind::Subscriber);
        if !is_silent {
            rows.push(Row::new(name, figures, "every request answered", answers.len() > 0));
        }
    }
    rows
}

/// Whether all that was sent is there.
fn kept(app: &App, crowd: &Crowd, agents: &[Agent]) -> Result<Vec<Row>> {
    let mut client = app.client()?;
    let calls = crowd.calls.borrow();
    let sent: usize = calls.values().sum::<usize>() * 2;
    let mut count = || {
        let mut found = 0;
        for agent in agents {
            found += crate::figures::burst::stored_calls(&mut client, agent).ok()?;
        }
        (found >= sent).then_some(found)
    };
    let stored = wait_until("the calls to be stored", PATIENCE, &mut count).unwrap_or_default();
    let exports = crowd.exports.get();
    // Each export tells of one token of input.
    let counted = wait_until("the telemetry to be counted", PATIENCE, || {
        let fleet = app.client().ok()?.call("get_session_metrics", Value::Null).ok()?;
        fleet.get("input_tokens")?.as_u64().filter(|tokens| *tokens >= exports)
    })
    .unwrap_or_default();
    Ok(vec![
        Row::new(
            "events of tool calls that are in the store, of those sent",
            format!("{} of {}", grouped(stored as u64), grouped(sent as u64)),
            "all",
            stored == sent && sent > 0,
        ),
        Row::new(
            "exports that were counted, of those taken",
            format!(
                "{} of {}, told to come again {} times",
                grouped(counted),
                grouped(exports),
                crowd.busy.get()
            ),
            "all",
            counted == exports,
        ),
        Row::new(
            "events that subscribers saw, and missed",
            format!("{}, {}", grouped(crowd.seen.get()), crowd.unseen.get()),
            "0 missed",
            crowd.unseen.get() == 0,
        ),
    ])
}
