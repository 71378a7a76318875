//! Looks for agents that have no registry of their own, so that they are known before their first hook.
//!
//! A look lists the process ids and examines only those that are new; each is examined twice, because a process that
//! was just forked is not yet the program that it will be. While the system has made no new process nothing is listed at
//! all: one number tells, and the end of a known agent is told by [`processes`](super::processes). An agent with another `HOME` than ours has other settings
//! and other sessions, which are not this account's: it is left alone.

use crate::os::agents::{newest_pid, role_of};
use crate::service::{Outbox, ServiceThread};
use crossbeam_channel::{RecvTimeoutError, Sender};
use magia_core::event::{Event, FoundAgent};
use magia_core::normalize::process::Role;
use magia_protocol::process::{ProcessStat, process_start_ticks};
use magia_protocol::wire::ProcessId;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often it is looked whether there are new processes.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often processes are listed though the system says that none is new: it may be a number that stands still, as in
/// some containers.
const LIST_ANYWAY: Duration = Duration::from_secs(60);

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
    let mut looker = Looker { home, seen: HashMap::new() };
    let mut told = Vec::new();
    let mut news = News::default();
    loop {
        let found = if news.has_come(newest_pid(), Instant::now()) { looker.look() } else { told.clone() };
        if found != told {
            told.clone_from(&found);
            if !outbox.send(Event::AgentsFound(found)) {
                return;
            }
        }
        if let Err(RecvTimeoutError::Disconnected) = outbox.stop().recv_timeout(LOOK_EVERY) {
            return;
        }
    }
}

/// Whether processes are to be listed.
#[derive(Debug, Default)]
struct News {
    /// The newest process id when they were listed last, and when that was.
    listed: Option<(Option<u32>, Instant)>,
    /// Lists since that id changed.
    lists: u8,
}

impl News {
    /// As often as a new process is examined, after one has come; and from time to time anyway.
    fn has_come(&mut self, newest: Option<u32>, now: Instant) -> bool {
        let (known, since) = self.listed.unwrap_or((None, now));
        if newest.is_none() || newest != known {
            self.lists = 0;
        }
        let is_due = self.lists < LOOKS || now.saturating_duration_since(since) >= LIST_ANYWAY;
        if is_due {
            self.lists = (self.lists + 1).min(LOOKS);
            self.listed = Some((newest, now));
        }
        is_due
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
}

impl Looker {
    /// All agents that run, by process id.
    fn look(&mut self) -> Vec<FoundAgent> {
        let pids = all_pids();
        self.seen.retain(|pid, _| pids.contains(pid));
        for pid in pids {
            if self.seen.get(&pid).is_some_and(|seen| seen.is_settled(pid)) {
                continue;
            }
            let looks = self.seen.get(&pid).map_or(0, |seen| seen.looks) + 1;
            if !is_own(pid) {
                self.seen.insert(pid, Seen { looks: looks.min(LOOKS), parent: 0, agent: None });
                continue;
            }
            let stat = ProcessStat::read(pid);
            let parent = stat.as_ref().map_or(0, |stat| stat.parent_pid);
            let agent = stat.and_then(|stat| agent(pid, &stat, &self.home));
            self.seen.insert(pid, Seen { looks: looks.min(LOOKS), parent, agent });
        }
        self.found()
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

/// Whether a process is this user's.
#[cfg(unix)]
fn is_own(pid: u32) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let facts = std::fs::metadata(format!("/proc/{pid}"));
    facts.is_ok_and(|facts| facts.uid() == magia_protocol::paths::own_uid())
}
#[cfg(not(unix))]
fn is_own(_pid: u32) -> bool {
    false
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
            let looker = Looker { home: PathBuf::new(), seen };
            looker.found().iter().map(|agent| agent.process.pid).collect::<Vec<_>>()
        };
        assert_eq!(found(1), [10], "a moment later it is a command");
        assert_eq!(found(LOOKS), [11], "it stays: it is the one that works");
    }

    #[test]
    fn processes_are_listed_when_one_is_new_and_from_time_to_time() {
        let mut news = News::default();
        let begun = Instant::now();
        let mut at = |newest, seconds| news.has_come(newest, begun + Duration::from_secs(seconds));
        assert_eq!([0, 2, 4, 6].map(|time| at(Some(7), time)), [true, true, false, false]);
        assert_eq!([8, 10, 12].map(|time| at(Some(9), time)), [true, true, false], "one has come");
        assert_eq!(
            [14, 16, 18].map(|time| at(Some(11 + time as u32), time)),
            [true; 3],
            "one after the other"
        );
        assert_eq!([20, 79, 80].map(|time| at(Some(29), time)), [true, false, true], "a minute later");
        assert_eq!([139, 140, 141].map(|time| at(Some(29), time)), [false, true, false], "and again");
        assert_eq!([142, 144, 146].map(|time| at(None, time)), [true; 3], "it is not told");
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
        let looker = |home: &Path| Looker { home: home.to_owned(), seen: HashMap::new() };
        let mut looker = (looker(temp.path()), looker(Path::new("/somebody/else")));
        let of = |found: Vec<FoundAgent>, pid: u32| found.into_iter().find(|agent| agent.process.pid == pid);
        assert_eq!(of(looker.1.look(), child.id()), None, "not of this home");
        let found = of(looker.0.look(), child.id()).expect("found at once");
        assert_eq!(found.provider, Provider::Gemini);
        assert_eq!(found.cwd, std::fs::canonicalize(temp.path()).unwrap().to_string_lossy());
        assert_eq!(Some(found.process.start), magia_protocol::process::process_start_ticks(child.id()));
        assert_eq!(of(looker.0.look(), child.id()), Some(found));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(of(looker.0.look(), child.id()), None);
    }
}
