//! Looks for agents that have no registry of their own, so that they are known before their first hook.
//!
//! A look lists the process ids and examines only those that are new; each is examined twice, because a process that
//! was just forked is not yet the program that it will be. The newest number that the system has given away tells which may
//! be new, so that all are listed only once a minute; the end of a known agent is told by [`processes`](super::processes).
//! An agent with another `HOME` than ours has other settings and other sessions, which are not this account's: it is left
//! alone.

use crate::os::agents::{newest_pid, role_of};
use crate::service::{Outbox, ServiceThread};
use crossbeam_channel::{RecvTimeoutError, Sender};
use magia_core::event::{Event, FoundAgent};
use magia_core::normalize::process::Role;
use magia_protocol::process::{ProcessStat, process_start_ticks};
use magia_protocol::wire::ProcessId;
use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often it is looked whether there are new processes.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The same when no process has come for [`CALM_AFTER`]: nobody types, and a machine that rests is not woken so often.
const LOOK_CALMLY: Duration = Duration::from_secs(5);
const CALM_AFTER: Duration = Duration::from_secs(30);

/// How often processes are listed though the system says that none is new: it may be a number that stands still, as in
/// some containers.
const LIST_ANYWAY: Duration = Duration::from_secs(60);

/// So many new process ids are looked at one by one; for more, all processes are listed.
const BETWEEN_MAX: u32 = 512;

/// How often a process is examined.
const LOOKS: u8 = 2;

/// Looks for agents. Dropping it stops it.
#[derive(Debug)]
pub struct Agents {
    _thread: ServiceThread,
}

impl Agents {
    /// Looks at once, and again and again, for agents with this `HOME`; reports [`Event::AgentsFound`] when the list has
    /// changed.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub fn start(home: PathBuf, events: Sender<Event>) -> io::Result<Self> {
        let thread = ServiceThread::start("magia-agents", events, move |outbox| watch(home, &outbox))?;
        Ok(Self { _thread: thread })
    }
}

fn watch(home: PathBuf, outbox: &Outbox) {
    let mut looker = Looker::new(home);
    let mut told = Vec::new();
    let mut news = News::default();
    let (mut last_newest, mut last_new) = (None, Instant::now());
    loop {
        let newest = newest_pid();
        if newest.is_none() || newest != last_newest {
            (last_newest, last_new) = (newest, Instant::now());
        }
        let found = match news.take(newest, Instant::now()) {
            Some(New::All) => looker.look_at_all(),
            Some(New::Between(pids)) => looker.look_at(pids),
            None if looker.once.is_empty() => told.clone(),
            None => looker.look_at([]),
        };
        if found != told {
            told.clone_from(&found);
            if !outbox.send(Event::AgentsFound(found)) {
                return;
            }
        }
        let pause = if last_new.elapsed() > CALM_AFTER { LOOK_CALMLY } else { LOOK_EVERY };
        if let Err(RecvTimeoutError::Disconnected) = outbox.stop().recv_timeout(pause) {
            return;
        }
    }
}

/// What may hold new processes.
#[derive(Debug, PartialEq)]
enum New {
    /// Any process id.
    All,
    /// These, some of which are threads or have ended.
    Between(RangeInclusive<u32>),
}

/// The newest process id of the last look, and when all were listed last.
#[derive(Debug, Default)]
struct News {
    last: Option<(u32, Instant)>,
}

impl News {
    /// What is to be looked at, if anything. A list of all costs a microsecond or two for each process on the machine,
    /// so it is for the start, for many new ones, for numbers that began anew, and for once in a while.
    fn take(&mut self, newest: Option<u32>, now: Instant) -> Option<New> {
        let Some(newest) = newest else { return Some(New::All) };
        match self.last {
            Some((known, listed)) if now.saturating_duration_since(listed) < LIST_ANYWAY => {
                let new = known.saturating_add(1)..=newest;
                if newest >= known && newest - known <= BETWEEN_MAX {
                    self.last = Some((newest, listed));
                    return (newest > known).then_some(New::Between(new));
                }
            }
            _ => {}
        }
        self.last = Some((newest, now));
        Some(New::All)
    }
}

/// A larger environment is read so far.
const ENVIRON_MAX: u64 = 1 << 20;

/// A process that was seen before.
#[derive(Debug)]
struct Seen {
    looks: u8,
    parent: u32,
    agent: Option<FoundAgent>,
}

impl Seen {
    /// Whether it needs no further look. An agent's pid may be another process's by now.
    fn is_settled(&self, pid: u32) -> bool {
        let same = |agent: &FoundAgent| process_start_ticks(pid) == Some(agent.process.start);
        self.looks >= LOOKS && self.agent.as_ref().is_none_or(same)
    }
}

#[derive(Debug)]
struct Looker {
    home: PathBuf,
    seen: HashMap<u32, Seen>,
    /// Processes that want another look.
    once: Vec<u32>,
}

impl Looker {
    fn new(home: PathBuf) -> Self {
        Self { home, seen: HashMap::new(), once: Vec::new() }
    }

    /// All agents that run, by process id.
    fn look_at_all(&mut self) -> Vec<FoundAgent> {
        let pids = all_pids();
        self.seen.retain(|pid, _| pids.contains(pid));
        self.once.clear();
        for pid in pids {
            if !self.seen.get(&pid).is_some_and(|seen| seen.is_settled(pid)) {
                self.examine(pid);
            }
        }
        self.found()
    }

    /// The same, when only these may be new. The end of one is not noticed here.
    fn look_at(&mut self, pids: impl IntoIterator<Item = u32>) -> Vec<FoundAgent> {
        for pid in std::mem::take(&mut self.once) {
            self.examine(pid);
        }
        for pid in pids {
            // Whatever had this number before has gone.
            self.seen.remove(&pid);
            if !self.examine(pid) {
                // A number is given away a moment before its process is there.
                self.once.push(pid);
            }
        }
        self.found()
    }

    /// Whether there was something to examine.
    fn examine(&mut self, pid: u32) -> bool {
        let Some(own) = is_own(pid) else {
            self.seen.remove(&pid);
            return false;
        };
        let looks = self.seen.get(&pid).map_or(0, |seen| seen.looks) + 1;
        let stat = if own { ProcessStat::read(pid) } else { None };
        let parent = stat.as_ref().map_or(0, |stat| stat.parent_pid);
        let agent = stat.and_then(|stat| agent(pid, &stat, &self.home));
        if own && looks < LOOKS {
            self.once.push(pid);
        }
        self.seen.insert(pid, Seen { looks: if own { looks.min(LOOKS) } else { LOOKS }, parent, agent });
        true
    }

    fn found(&self) -> Vec<FoundAgent> {
        // Gemini starts itself a second time, and the second one works.
        let agents =
            || self.seen.iter().filter(|(_, seen)| seen.agent.is_some() && !self.is_about_to_start(seen));
        let launchers: HashSet<u32> = agents().map(|(_, seen)| seen.parent).collect();
        let mut found: Vec<FoundAgent> = agents()
            .filter(|(pid, _)| !launchers.contains(*pid))
            .filter_map(|(_, seen)| seen.agent.clone())
            .collect();
        found.sort_by_key(|agent| agent.process.pid);
        found
    }

    /// Until an agent's child has become the command that it is to run, it looks like the agent; so a second look tells.
    fn is_about_to_start(&self, seen: &Seen) -> bool {
        seen.looks < LOOKS && self.seen.get(&seen.parent).is_some_and(|parent| parent.agent.is_some())
    }
}

fn agent(pid: u32, stat: &ProcessStat, home: &Path) -> Option<FoundAgent> {
    let (provider, Role::Session) = role_of(pid)? else { return None };
    if !is_process(pid) {
        return None;
    }
    if home_of(pid)? != home {
        return None;
    }
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).ok();
    Some(FoundAgent {
        provider,
        process: ProcessId { pid, start: stat.start_ticks },
        cwd: cwd.map(|cwd| cwd.to_string_lossy().into_owned()).unwrap_or_default(),
        tty: stat.tty_name(),
    })
}

/// The `HOME` that a process was started with.
#[cfg(unix)]
fn home_of(pid: u32) -> Option<PathBuf> {
    use std::io::Read as _;
    use std::os::unix::ffi::OsStringExt as _;
    let file = std::fs::File::open(format!("/proc/{pid}/environ")).ok()?;
    let mut environ = Vec::new();
    file.take(ENVIRON_MAX).read_to_end(&mut environ).ok()?;
    let home = environ.split(|byte| *byte == 0).find_map(|one| one.strip_prefix(b"HOME="))?;
    Some(PathBuf::from(std::ffi::OsString::from_vec(home.to_vec())))
}
#[cfg(not(unix))]
fn home_of(_pid: u32) -> Option<PathBuf> {
    None
}

/// The processes of everybody; none where the system does not list them as files.
#[cfg(unix)]
fn all_pids() -> HashSet<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}
#[cfg(not(unix))]
fn all_pids() -> HashSet<u32> {
    HashSet::new()
}

/// Whether a process is this user's; `None` when there is none.
#[cfg(unix)]
fn is_own(pid: u32) -> Option<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let facts = std::fs::metadata(format!("/proc/{pid}")).ok()?;
    Some(facts.uid() == magia_protocol::paths::own_uid())
}
#[cfg(not(unix))]
fn is_own(_pid: u32) -> Option<bool> {
    None
}

/// Whether a number is that of a process and not of a thread, which has a directory too, though none that is listed.
fn is_process(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let group = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    group.and_then(|group| group.trim().parse().ok()) == Some(pid)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use magia_protocol::wire::Provider;
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    #[test]
    fn a_child_that_is_about_to_start_a_command_is_no_agent() {
        let agent = |pid| FoundAgent {
            provider: Provider::Gemini,
            process: ProcessId { pid, start: 1 },
            cwd: String::new(),
            tty: None,
        };
        let seen = |pid, looks, parent| (pid, Seen { looks, parent, agent: Some(agent(pid)) });
        let found = |looks| {
            let seen = HashMap::from([seen(10, LOOKS, 1), seen(11, looks, 10)]);
            let looker = Looker { seen, ..Looker::new(PathBuf::new()) };
            looker.found().iter().map(|agent| agent.process.pid).collect::<Vec<_>>()
        };
        assert_eq!(found(1), [10], "a moment later it is a command");
        assert_eq!(found(LOOKS), [11], "it stays: it is the one that works");
    }

    #[test]
    fn processes_are_listed_rarely_and_new_ones_looked_at_by_their_numbers() {
        let mut news = News::default();
        let begun = Instant::now();
        let mut at = |newest, seconds| news.take(newest, begun + Duration::from_secs(seconds));
        assert_eq!(at(Some(7), 0), Some(New::All), "at the start");
        assert_eq!([at(Some(7), 2), at(Some(7), 4)], [None, None]);
        assert_eq!(at(Some(9), 6), Some(New::Between(8..=9)));
        assert_eq!(at(Some(9), 8), None);
        assert_eq!(at(Some(10 + BETWEEN_MAX), 10), Some(New::All), "too many");
        assert_eq!(at(Some(3), 12), Some(New::All), "the numbers began anew");
        assert_eq!([at(Some(3), 71), at(Some(3), 72)], [None, Some(New::All)], "a minute later");
        assert_eq!([at(None, 74), at(None, 76)], [Some(New::All), Some(New::All)], "it is not told");
    }

    #[test]
    fn the_newest_process_id_tells_of_a_new_process() {
        let before = newest_pid().unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        assert_ne!(newest_pid(), Some(before));
        child.wait().unwrap();
    }

    #[test]
    fn an_agent_is_found_while_it_runs() {
        let temp = tempfile::tempdir().unwrap();
        // A program called `gemini` that waits for its input.
        let program = temp.path().join("gemini");
        std::fs::copy("/bin/cat", &program).unwrap();
        let mut child = Command::new(program)
            .arg0("gemini")
            .current_dir(temp.path())
            .env("HOME", temp.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // `cat` echoes once it runs.
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"x").unwrap();
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let looker = |home: &Path| Looker::new(home.to_owned());
        let mut looker = (looker(temp.path()), looker(Path::new("/somebody/else")));
        let of = |found: Vec<FoundAgent>, pid: u32| found.into_iter().find(|agent| agent.process.pid == pid);
        assert_eq!(of(looker.1.look_at_all(), child.id()), None, "not of this home");
        let found = of(looker.0.look_at_all(), child.id()).expect("found at once");
        assert_eq!(found.provider, Provider::Gemini);
        assert_eq!(found.cwd, std::fs::canonicalize(temp.path()).unwrap().to_string_lossy());
        assert_eq!(Some(found.process.start), magia_protocol::process::process_start_ticks(child.id()));
        assert_eq!(of(looker.0.look_at_all(), child.id()), Some(found.clone()));
        let mut by_number = Looker::new(temp.path().to_owned());
        let others = child.id().saturating_sub(20);
        assert_eq!(of(by_number.look_at(others..=child.id() + 20), child.id()), Some(found.clone()));
        assert_eq!(of(by_number.look_at([]), child.id()), Some(found), "examined again");
        assert!(by_number.once.is_empty(), "and then no more");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(of(looker.0.look_at_all(), child.id()), None);
    }
}
