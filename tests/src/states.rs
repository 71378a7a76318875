//! Tables of scenarios: what is done to an agent, and the states that magia must show for it, none missing and none too
//! many.
//!
//! A table is plain data; how an act is carried out is a [`Player`]'s business, one per provider. The states are those
//! of magia's own stream, which tells of every change, so a short one is not overlooked.

use std::collections::VecDeque;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use magia_protocol::ipc::{BlockingStream, connect_blocking};
use magia_protocol::paths::Socket;
use serde_json::{Value, json};

use crate::cli::{Cli, text};
use crate::sandbox::{Sandbox, sandbox_test};
use crate::terminal::Key;
use crate::wait::{PATIENCE, wait_until};

/// The states in magia's words.
pub const WORKING: &str = "working";
/// See [`WORKING`].
pub const IDLE: &str = "idle";
/// See [`WORKING`].
pub const ASKS: &str = "waiting for permission";
/// See [`WORKING`].
pub const QUESTION: &str = "waiting for an answer";
/// See [`WORKING`].
pub const FAILED: &str = "failed";
/// See [`WORKING`].
pub const ENDED: &str = "ended";
/// Longer than any scenario: what a model that hangs, or a command that runs on, takes.
pub const FOREVER_MS: u32 = 600_000;

/// Plays only the rows whose name holds this.
const ONLY: &str = "MAGIA_TEST_ROW";
/// What a table must have.
const ROWS_MIN: usize = 25;

/// What is done.
#[derive(Debug, Clone)]
pub enum Act {
    /// Start the TUI with these arguments; `{id}` stands for the agent's own id of the session before.
    Start(&'static [&'static str]),
    /// Start it with JSON lines both ways.
    StartStream,
    /// Run one prompt without a terminal.
    Print(Value),
    /// Enter a prompt that scripts the model.
    Prompt(Value),
    /// Enter a slash command.
    Command(&'static str),
    /// Type a character at a dialog that shows these words.
    Choose(&'static str, &'static str),
    /// Enter a line while a turn runs, which the agent keeps for after it.
    Queue(&'static str),
    /// Press a key.
    Press(Key),
    /// Press a key when these words are on the screen.
    PressAt(&'static str, Key),
    /// Press a key until the program ends, which asks back with these words.
    PressToEnd(&'static str, Key),
    /// Answer the open request by `magia` and these words before and after its id.
    Magia(&'static str, &'static [&'static str]),
    /// Any other verb of `magia`.
    Verb(&'static [&'static str]),
    /// The host answers with yes, over JSON lines.
    HostAllows,
    /// The host closes the agent's input.
    CloseInput,
    /// Send a signal.
    Signal(i32),
    /// Add to the agent's own configuration.
    Configure(&'static str),
    /// End the server that the agent's terminal works on as `kill -9` does.
    KillServer,
    /// End magia as `kill -9` does and start it again. Its step shows the one state that magia then gives.
    RestartMagia,
}

/// One act and the states that follow from it, in order.
#[derive(Debug, Clone)]
pub struct Step {
    /// Which of the scenario's agents, from 0.
    pub agent: usize,
    /// The act.
    pub act: Act,
    /// The states, as magia calls them. One in brackets may be missing: the agent says it in some runs only.
    pub shows: &'static [&'static str],
}

/// A step of the only agent.
pub fn step(act: Act, shows: &'static [&'static str]) -> Step {
    Step { agent: 0, act, shows }
}

/// A row of the table.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What happens, in a few words.
    pub name: &'static str,
    /// The steps.
    pub steps: Vec<Step>,
}

/// A row.
pub fn row(name: &'static str, steps: Vec<Step>) -> Scenario {
    Scenario { name, steps }
}

/// Carries out acts on one agent.
pub trait Player {
    /// Carries out an act. `before` is the agent's own id of its last session.
    fn act(&mut self, act: &Act, before: Option<&str>) -> Result<()>;
    /// The agent's process, once it runs.
    fn pid(&self) -> Option<u32>;
    /// What the agent says of itself, in the session of this id of its own, where it says it: at least the newest.
    fn own_words(&self, session: Option<&str>) -> Vec<OwnWord>;
    /// What a person at the agent would see, for a failure's message.
    fn screen(&self) -> String;
}

/// An agent's own word on its state, times in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnWord {
    /// In magia's words.
    pub state: &'static str,
    /// Since when, by the agent's own account.
    pub since_ms: u64,
    /// When it said so, which others could see: the time of the file that says it.
    pub told_ms: u64,
}

/// How late magia showed a state; 0 when it knew before the agent said so, by a hook.
#[derive(Debug, Clone)]
pub struct Delay {
    /// The scenario and the state.
    pub what: String,
    /// From the agent's word, or from a signal that ended it, to the time since when magia shows the state.
    pub ms: u64,
    /// From the time that the agent gives in its word.
    pub of_account_ms: u64,
}

/// What a run of a table came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Scenarios that went as scripted.
    pub passed: usize,
    /// States that were shown as scripted.
    pub states: usize,
    /// The others, whose why was printed.
    pub failed: Vec<&'static str>,
    /// One for each shown state whose time the agent told.
    pub delays: Vec<Delay>,
}

impl Report {
    /// What this share of the delays is not above, in milliseconds.
    pub fn quantile(&self, percent: usize, delay: impl Fn(&Delay) -> u64) -> Option<u64> {
        let mut sorted: Vec<u64> = self.delays.iter().map(delay).collect();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        sorted.get((last * percent).div_ceil(100)).copied()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timed = self.delays.len();
        writeln!(f, "{} scenarios, {} states as scripted, {timed} of them timed", self.passed, self.states)?;
        let mut figures = |what: &str, delay: fn(&Delay) -> u64| {
            let [p50, p95, most] =
                [50, 95, 100].map(|percent| self.quantile(percent, delay).unwrap_or_default());
            writeln!(f, "  shown after {what}: p50 {p50} ms, p95 {p95} ms, most {most} ms")
        };
        figures("the agent's word was there to read", |delay| delay.ms)?;
        figures("the time that the agent gives in it", |delay| delay.of_account_ms)?;
        let mut slowest: Vec<&Delay> = self.delays.iter().collect();
        slowest.sort_by_key(|delay| std::cmp::Reverse(delay.ms));
        for delay in slowest.iter().take(5) {
            writeln!(f, "  {:>5} ms ({} ms)  {}", delay.ms, delay.of_account_ms, delay.what)?;
        }
        self.failed.iter().try_for_each(|name| writeln!(f, "  not as scripted: {name}"))
    }
}

/// Plays a table, a row at a time for each processor, prints what came of it, and fails unless all of it was
/// as scripted. `agent` is the agent's name and version; for the others see [`play`].
pub fn check<S>(
    agent: &str,
    mut table: Vec<Scenario>,
    prepare: impl Fn(&Sandbox) -> Result<S> + Sync,
    player: impl for<'s> Fn(&'s Sandbox, &'s S) -> Result<Box<dyn Player + 's>> + Sync,
) -> Result<()> {
    ensure!(table.len() >= ROWS_MIN, "{} scenarios only", table.len());
    if let Some(only) = std::env::var_os(ONLY) {
        table.retain(|row| row.name.contains(&*only.to_string_lossy()));
    }
    let at_a_time = std::thread::available_parallelism().map_or(2, usize::from);
    let report = play(&table, at_a_time, prepare, player);
    print(&format!("{agent}: {report}"));
    ensure!(!report.delays.is_empty(), "the agent's own word was never read");
    ensure!(report.failed.is_empty(), "{} of {} scenarios went otherwise", report.failed.len(), table.len());
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the figures are what a table is played for, beside its outcome")]
fn print(text: &str) {
    println!("{text}");
}

/// Plays every row in a sandbox of its own, so many at a time. `player` makes the player of one agent; `prepare` starts
/// what its scenario needs, the app among it, and is kept until the scenario's end.
pub fn play<'t, S>(
    table: &'t [Scenario],
    at_a_time: usize,
    prepare: impl Fn(&Sandbox) -> Result<S> + Sync,
    player: impl for<'s> Fn(&'s Sandbox, &'s S) -> Result<Box<dyn Player + 's>> + Sync,
) -> Report {
    let rows: Mutex<VecDeque<&'t Scenario>> = Mutex::new(table.iter().collect());
    let report = Mutex::new(Report::default());
    std::thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                loop {
                    let Some(row) = rows.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else {
                        return;
                    };
                    let mut delays = Vec::new();
                    let outcome = sandbox_test(|sandbox| {
                        let prepared = prepare(sandbox)?;
                        let mut run = Run::new(sandbox, row.name)?;
                        let outcome = run.play(row, &|| player(sandbox, &prepared));
                        delays = run.delays;
                        outcome
                    });
                    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                    match outcome {
                        Ok(()) => {
                            report.passed += 1;
                            report.states += row.steps.iter().map(|step| step.shows.len()).sum::<usize>();
                            report.delays.append(&mut delays);
                        }
                        Err(err) => {
                            // At once: a run that is broken off has told it.
                            print(&format!("\n{}: {err:?}\n", row.name));
                            report.failed.push(row.name);
                        }
                    }
                }
            });
        }
    });
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// One agent of a running scenario.
struct Agent<'s> {
    player: Box<dyn Player + 's>,
    /// Its sessions by magia's id, the newest last, with the agent's own id.
    sessions: Vec<(String, String)>,
    /// The states shown for it so far, with since when.
    shown: Vec<(String, u64)>,
    /// How many of them were scripted.
    scripted: usize,
    /// What it said of itself.
    words: Vec<OwnWord>,
}

impl Agent<'_> {
    /// The states shown since the last step.
    fn newly_shown(&self) -> Vec<&str> {
        self.shown.iter().skip(self.scripted).map(|(state, _)| state.as_str()).collect()
    }
}

/// Whether exactly the scripted states were shown, in order; those in brackets may be missing.
fn is_as_scripted(shown: &[&str], scripted: &[&str]) -> bool {
    match (shown.split_first(), scripted.split_first()) {
        (None, None) => true,
        (Some((state, shown_then)), Some((wanted, then))) if state == wanted => {
            is_as_scripted(shown_then, then)
        }
        (_, Some((wanted, then))) => {
            let optional = wanted.strip_prefix('(').and_then(|wanted| wanted.strip_suffix(')'));
            optional.is_some_and(|wanted| {
                is_as_scripted(shown, then)
                    || shown.split_first().is_some_and(|(state, shown_then)| {
                        *state == wanted && is_as_scripted(shown_then, then)
                    })
            })
        }
        (Some(_), None) => false,
    }
}

struct Run<'s> {
    name: &'static str,
    cli: Cli<'s>,
    sandbox: &'s Sandbox,
    updates: Updates,
    agents: Vec<Agent<'s>>,
    /// Whose step it is.
    acting: usize,
    delays: Vec<Delay>,
}

impl<'s> Run<'s> {
    fn new(sandbox: &'s Sandbox, name: &'static str) -> Result<Self> {
        let updates = Updates::subscribe(sandbox)?;
        Ok(Self {
            name,
            cli: Cli::new(sandbox),
            sandbox,
            updates,
            agents: Vec::new(),
            acting: 0,
            delays: Vec::new(),
        })
    }

    fn play(&mut self, row: &Scenario, player: &dyn Fn() -> Result<Box<dyn Player + 's>>) -> Result<()> {
        for (at, step) in row.steps.iter().enumerate() {
            while self.agents.len() <= step.agent {
                let player = player()?;
                self.agents.push(Agent {
                    player,
                    sessions: Vec::new(),
                    shown: Vec::new(),
                    scripted: 0,
                    words: Vec::new(),
                });
            }
            let what = format!("step {} ({:?})", at + 1, step.act);
            self.step(step).with_context(|| {
                let seen: Vec<_> = self.agents.iter().map(|agent| (&agent.sessions, &agent.shown)).collect();
                let screen =
                    self.agents.get(step.agent).map(|agent| agent.player.screen()).unwrap_or_default();
                format!("{what}\nshown: {seen:?}\nthe screen:\n{screen}")
            })?;
        }
        self.listen()?;
        match self.agents.iter().find(|agent| !agent.newly_shown().is_empty()) {
            Some(agent) => bail!("after the last step magia showed {:?}", agent.newly_shown()),
            None => Ok(()),
        }
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        self.acting = step.agent;
        let acted_ms = self.carry_out(step)?;
        if matches!(step.act, Act::RestartMagia) {
            self.look_again(step)?;
            return self.explain(step);
        }
        let what = format!("the states {:?}", step.shows);
        wait_until(&what, PATIENCE, || {
            if let Err(err) = self.listen() {
                return Some(Err(err));
            }
            let agent = self.agents.get(step.agent)?;
            is_as_scripted(&agent.newly_shown(), step.shows).then_some(Ok(()))
        })??;
        self.explain(step)?;
        self.time(step, acted_ms)
    }

    /// Gives the time at which the act began, in Unix milliseconds.
    fn carry_out(&mut self, step: &Step) -> Result<u64> {
        if let Act::Magia(verb, more) = step.act {
            let request = self.cli.wait_for_request()?;
            let args: Vec<&str> =
                [verb, text(&request, "id")].into_iter().chain(more.iter().copied()).collect();
            let acted_ms = unix_ms();
            self.cli.json(&args)?;
            return Ok(acted_ms);
        }
        let acted_ms = unix_ms();
        if let Act::Verb(args) = step.act {
            self.cli.json(args)?;
            return Ok(acted_ms);
        }
        if matches!(step.act, Act::RestartMagia) {
            self.wait_until_stored()?;
        }
        let agent = self.agent(step.agent)?;
        let before = agent.sessions.last().map(|(_, own)| own.clone());
        agent.player.act(&step.act, before.as_deref())?;
        Ok(acted_ms)
    }

    /// What `kill -9` takes of the moment that events wait for their transaction is not what a restart is to show.
    fn wait_until_stored(&self) -> Result<()> {
        let newest = self.updates.newest;
        let stored = |event: &Value| event.get("seq").and_then(Value::as_u64) >= Some(newest);
        self.cli.wait_for_row("the newest event in the store", &["events"], stored).map(drop)
    }

    /// A new magia tells its stream of changes only, so what it makes of the sessions is asked for.
    fn look_again(&mut self, step: &Step) -> Result<()> {
        self.updates = Updates::subscribe(self.sandbox)?;
        let agent = self.agent(step.agent)?;
        let id = agent.sessions.last().map(|(id, _)| id.clone()).context("no session")?;
        let cli = self.cli;
        let state = step.shows.first().copied().context("a restart shows a state")?;
        cli.wait_for_row(&format!("{state:?} after the restart"), &["ls", "--all"], |row| {
            text(row, "id") == id && text(row, "state") == state
        })?;
        self.updates.read().map(drop)
    }

    fn agent(&mut self, at: usize) -> Result<&mut Agent<'s>> {
        self.agents.get_mut(at).context("no such agent")
    }

    /// Takes in what magia has told since, and what the agents say of themselves.
    fn listen(&mut self) -> Result<()> {
        for session in self.updates.read()? {
            let (id, own) = (text(&session, "id"), text(&session, "provider_session_id"));
            let pid = session.pointer("/process/pid").and_then(Value::as_u64);
            let state = text(&session, "state").to_owned();
            let since = session.get("state_since_ms").and_then(Value::as_u64).unwrap_or_default();
            let owner = self.agents.iter().position(|agent| {
                agent.sessions.iter().any(|(known, _)| known == id)
                    || (pid.is_some() && pid == agent.player.pid().map(u64::from))
            });
            // What a shared server holds has no process of its own: a new one is of the agent that acts.
            let acting = pid.is_none().then_some(self.acting);
            let Some(agent) = owner.or(acting).and_then(|at| self.agents.get_mut(at)) else { continue };
            agent.sessions.retain(|(known, _)| known != id);
            agent.sessions.push((id.to_owned(), own.to_owned()));
            agent.shown.push((state, since));
        }
        for agent in &mut self.agents {
            let session = agent.sessions.last().map(|(_, own)| own.as_str()).filter(|own| !own.is_empty());
            let mut words = agent.player.own_words(session);
            words.retain(|word| !agent.words.contains(word));
            agent.words.append(&mut words);
        }
        Ok(())
    }

    /// The newest state must have a piece of evidence that decides it, and `magia why` must name it.
    fn explain(&mut self, step: &Step) -> Result<()> {
        let Some(state) = step.shows.last() else { return Ok(()) };
        let agent = self.agent(step.agent)?;
        let id = agent.sessions.last().map(|(id, _)| id.clone()).context("no session")?;
        let why = self.cli.json(&["why", &id])?;
        let evidence = why.get("evidence").and_then(Value::as_array).cloned().unwrap_or_default();
        let names =
            |one: &Value| one["decisive"] == true && one["state"] == **state && !text(one, "fact").is_empty();
        // It may already be in another state, which the next step tells.
        if text(&why, "state") == *state && !evidence.iter().any(names) {
            bail!("`magia why` names no evidence for {state:?}: {why:#}");
        }
        Ok(())
    }

    /// Notes how late the states were shown, for those whose time the agent itself told.
    fn time(&mut self, step: &Step, acted_ms: u64) -> Result<()> {
        let name = self.name;
        let agent = self.agent(step.agent)?;
        let mut delays = Vec::new();
        for (state, since) in agent.shown.iter().skip(agent.scripted) {
            let ends = matches!(step.act, Act::Signal(_)) && state == "ended";
            let word = agent.words.iter().rev().find(|word| word.state == state && word.told_ms >= acted_ms);
            let times =
                word.map(|word| (word.told_ms, word.since_ms)).or(ends.then_some((acted_ms, acted_ms)));
            if let Some((told_ms, since_ms)) = times {
                let what = format!("{name}: {state}");
                let (ms, of_account_ms) = (since.saturating_sub(told_ms), since.saturating_sub(since_ms));
                delays.push(Delay { what, ms, of_account_ms });
            }
        }
        agent.scripted = agent.shown.len();
        self.delays.append(&mut delays);
        Ok(())
    }
}

/// Reads a time as the agents write it, `2026-11-21T19:34:32.123Z`, in Unix milliseconds.
pub fn unix_ms_of(time: &str) -> Option<u64> {
    let number = |from: usize, to: usize| time.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    // Days since 1970 by counting years from March, so that a leap day is a year's last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    let seconds = days.checked_sub(719_468)? * 86_400
        + number(11, 13)? * 3_600
        + number(14, 16)? * 60
        + number(17, 19)?;
    Some(seconds * 1_000 + number(20, 23).unwrap_or_default())
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// magia's stream of sessions whose state has changed.
struct Updates {
    stream: BlockingStream,
    bytes: Vec<u8>,
    /// The number of the newest event that it was told of.
    newest: u64,
}

impl Updates {
    /// Returns once the app has taken the subscription, so that nothing after it is missed.
    fn subscribe(sandbox: &Sandbox) -> Result<Self> {
        let path = Socket::Cli.path_in(&sandbox.runtime_dir()).context("the socket's path")?;
        let mut stream = connect_blocking(&path, PATIENCE).context("connecting to the app")?;
        let params = json!({ "channels": ["live-sessions:update"] });
        let request = json!({ "id": 1, "method": "subscribe_events", "params": params, "v": 1 });
        writeln!(stream, "{request}").context("subscribing")?;
        stream.set_nonblocking(true).context("reading without waiting")?;
        let mut updates = Self { stream, bytes: Vec::new(), newest: 0 };
        wait_until("the subscription", PATIENCE, || {
            updates.lines().map(|lines| lines.into_iter().next()).transpose()
        })??;
        Ok(updates)
    }

    /// The sessions told of since the last call.
    fn read(&mut self) -> Result<Vec<Value>> {
        let lines = self.lines()?;
        if let Some(lost) = lines.iter().find(|line| line["event"] == "lagged") {
            bail!("magia's stream has lost something: {lost}");
        }
        let numbers = lines.iter().filter_map(|line| line.get("seq")?.as_u64());
        self.newest = numbers.max().unwrap_or_default().max(self.newest);
        Ok(lines.into_iter().filter_map(|mut line| line.get_mut("payload").map(Value::take)).collect())
    }

    fn lines(&mut self) -> Result<Vec<Value>> {
        let mut buffer = [0_u8; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("the app has ended its stream"),
                Ok(count) => self.bytes.extend(buffer.get(..count).unwrap_or_default()),
                Err(err) if err.kind() == ErrorKind::WouldBlock => break,
                Err(err) if err.kind() == ErrorKind::Interrupted => {}
                Err(err) => return Err(err).context("reading magia's stream"),
            }
        }
        let whole = self.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.bytes.drain(..whole).collect();
        lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).context("reading a line of magia's stream"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_delays() {
        let mut report = Report::default();
        let of = |report: &Report, percent: usize| report.quantile(percent, |delay| delay.ms);
        assert_eq!(of(&report, 50), None);
        report.delays =
            (1..=20).rev().map(|ms| Delay { what: String::new(), ms, of_account_ms: 0 }).collect();
        let quantiles = [0, 50, 95, 100].map(|percent| of(&report, percent));
        assert_eq!(quantiles, [Some(1), Some(11), Some(20), Some(20)]);
    }

    #[test]
    fn the_agents_times_are_read() {
        assert_eq!(unix_ms_of("1970-01-01T00:00:00.007Z"), Some(7));
        assert_eq!(unix_ms_of("2026-11-21T19:34:32.123Z"), Some(1_795_289_672_123));
        assert_eq!(unix_ms_of("2024-02-29T00:00:00Z"), Some(1_709_164_800_000));
        assert_eq!(unix_ms_of("today"), None);
    }

    #[test]
    fn a_state_in_brackets_may_be_missing() {
        assert!(is_as_scripted(&["ended", "idle"], &["ended", "(working)", "idle"]));
        assert!(is_as_scripted(&["ended", "working", "idle"], &["ended", "(working)", "idle"]));
        assert!(is_as_scripted(&[], &[]));
        assert!(!is_as_scripted(&["ended", "working"], &["ended", "(working)", "idle"]));
        assert!(!is_as_scripted(&["idle", "idle"], &["idle"]), "one too many");
        assert!(!is_as_scripted(&["idle"], &["working", "idle"]));
    }
}
