//! Says when a process ends, without asking `/proc` again and again; and who is above a process.

mod watch;

pub use watch::Processes;

use magia_core::event::Ancestor;
use magia_protocol::process::{ProcessStat, process_exe_name};
use magia_protocol::wire::ProcessId;

/// Generations that are looked at; a real tree has fewer than ten.
const ANCESTORS_MAX: usize = 64;

/// The process `pid` itself and those above it, nearest first. The list ends early where a process is gone, or where
/// a parent is younger than its child: then its pid was used again.
pub fn ancestors(pid: u32) -> Vec<Ancestor> {
    let mut above: Vec<Ancestor> = Vec::new();
    let mut next = pid;
    while above.len() < ANCESTORS_MAX && next != 0 {
        let Some(stat) = ProcessStat::read(next) else { break };
        if above.last().is_some_and(|child| child.process.start < stat.start_ticks) {
            break;
        }
        above.push(Ancestor {
            process: ProcessId { pid: next, start: stat.start_ticks },
            exe: process_exe_name(next).unwrap_or_default(),
        });
        next = stat.parent_pid;
    }
    above
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn own_ancestors_begin_with_this_process() {
        let above = ancestors(std::process::id());
        assert_eq!(above[0].process.pid, std::process::id());
        assert_eq!(above[1].process.pid, std::os::unix::process::parent_id());
        assert!(above[0].exe.starts_with("magia_app"), "{above:?}");
        assert!(above.len() <= ANCESTORS_MAX);
    }

    #[test]
    fn nobody_is_above_nobody() {
        assert!(ancestors(0).is_empty());
        assert!(ancestors(u32::MAX).is_empty());
    }
}
