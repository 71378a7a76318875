//! Who started a process: itself and what stands above it.

use magia_core::event::Ancestor;
use magia_protocol::process::{ProcessStat, process_exe_name};
use magia_protocol::wire::ProcessId;

/// More hops than any real chain of shells, multiplexers and agents has.
const HOPS_MAX: usize = 64;
/// How often a walk that was broken off by the end of a process is begun again.
const WALKS_MAX: usize = 3;
/// Variables that agents set for what they start. Source: observed with Claude Code 2.1.197; the others are documented
/// by their CLIs.
const MARKS: &[&str] = &["CLAUDECODE", "GEMINI_CLI", "CODEX_SANDBOX", "CODEX_THREAD_ID"];
/// A larger environment is read so far.
const ENVIRON_MAX: u64 = 1 << 20;

/// The process `pid` itself and those above it, nearest first, up to the first. Empty when that cannot be told: another
/// pid namespace, a process that has gone, too long a chain.
pub fn ancestors(pid: u32) -> Vec<Ancestor> {
    // A parent that ends meanwhile hands its child on, so the next walk takes the new way.
    (0..WALKS_MAX).find_map(|_| walk(pid)).unwrap_or_default()
}

/// `None` when a process vanished, when a parent is younger than its child (its pid was used again), or when there are
/// too many.
fn walk(pid: u32) -> Option<Vec<Ancestor>> {
    let mut found: Vec<Ancestor> = Vec::new();
    let mut next = pid;
    while next != 0 {
        if found.len() == HOPS_MAX {
            return None;
        }
        let stat = ProcessStat::read(next)?;
        if found.last().is_some_and(|child| child.process.start < stat.start_ticks) {
            return None;
        }
        let exe = process_exe_name(next).unwrap_or_else(|| String::from_utf8_lossy(&stat.comm).into_owned());
        found.push(Ancestor {
            process: ProcessId { pid: next, start: stat.start_ticks },
            exe,
            mark: mark(next),
        });
        next = stat.parent_pid;
    }
    Some(found)
}

/// The value of a variable in the environment of `pid`, or of the nearest process above it that has it: also where the
/// process itself was started without an environment.
pub fn variable(pid: u32, name: &str) -> Option<String> {
    let mut next = pid;
    for _ in 0..HOPS_MAX {
        let stat = ProcessStat::read(next)?;
        if let Some(value) = environ(next).as_deref().and_then(|environ| value_in(environ, name)) {
            return Some(String::from_utf8_lossy(value).into_owned());
        }
        next = stat.parent_pid;
    }
    None
}

/// The variable by which an agent marked this process or one above it. Another user's environment cannot be read, and
/// says nothing.
fn mark(pid: u32) -> Option<&'static str> {
    let environ = environ(pid)?;
    MARKS.iter().copied().find(|name| value_in(&environ, name).is_some())
}

fn value_in<'a>(environ: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut all = environ.split(|byte| *byte == 0);
    all.find_map(|one| one.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// The environment that a process was started with.
#[cfg(target_os = "linux")]
fn environ(pid: u32) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let file = std::fs::File::open(format!("/proc/{pid}/environ")).ok()?;
    let mut environ = Vec::new();
    file.take(ENVIRON_MAX).read_to_end(&mut environ).ok()?;
    Some(environ)
}
#[cfg(not(target_os = "linux"))]
fn environ(_pid: u32) -> Option<Vec<u8>> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_chain_begins_with_the_process_and_ends_with_the_first() {
        let above = ancestors(std::process::id());
        assert_eq!(above[0].process.pid, std::process::id());
        assert_eq!(above[1].process.pid, std::os::unix::process::parent_id());
        assert!(above.iter().all(|one| !one.exe.is_empty()), "{above:?}");
        assert_eq!(above.last().map(|first| first.process.pid), Some(1));
    }

    #[test]
    fn nobody_is_above_nobody() {
        assert!(ancestors(0).is_empty());
        assert!(ancestors(u32::MAX).is_empty());
    }

    #[test]
    fn what_an_agent_started_carries_its_mark_though_it_detached() {
        let mut child = Command::new("setsid")
            .arg("cat")
            .env("CLAUDECODE", "1")
            .env("NOTCLAUDECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // `cat` echoes once it runs, so the program was replaced by then.
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"x").unwrap();
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        assert_eq!(ancestors(child.id())[0].mark, Some("CLAUDECODE"));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
