//! Facts about other processes: who is at the other end of a socket, and what `/proc` says about a pid.
//!
//! A process is (pid, start time), since pids are used again. Where the system has no `/proc` the facts are
//! `None`, never a guess.

use std::io;

#[cfg(target_os = "linux")]
#[path = "process/linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "process/other.rs"]
mod system;

/// Who is at the other end of a local socket, as the kernel saw it when the connection was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerCred {
    /// Process id; 0 when the system does not say or the process is outside of our pid namespace.
    pub pid: u32,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
}

/// What one read of `/proc/<pid>/stat` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessStat {
    /// The kernel's short name of the process: up to 15 bytes, any characters, not unique.
    pub comm: Vec<u8>,
    /// Parent's pid; 0 when it has none in our pid namespace.
    pub parent_pid: u32,
    /// The session: the pid of the process that called setsid; 0 when that is outside of our pid namespace.
    pub session_id: u32,
    /// Whether it has ended and waits for its parent to ask how.
    pub is_zombie: bool,
    /// Controlling terminal as the kernel's device number; 0 for none.
    pub tty_device: u32,
    /// Start time in clock ticks since boot.
    pub start_ticks: u64,
}

impl ProcessStat {
    /// Reads the facts of `pid`; `None` when there is no such process.
    pub fn read(pid: u32) -> Option<Self> {
        system::stat(pid)
    }

    /// Takes the text of a `/proc/<pid>/stat` file apart. The name in it may hold blanks, brackets and
    /// newlines, so the fields are counted from the last closing bracket.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let open = text.iter().position(|byte| *byte == b'(')?;
        let close = text.iter().rposition(|byte| *byte == b')')?;
        let comm = text.get(open + 1..close)?.to_vec();
        let mut fields =
            text.get(close + 1..)?.split(|byte| byte.is_ascii_whitespace()).filter(|field| !field.is_empty());
        // After the name: state, ppid, pgrp, session, tty_nr, ..., starttime as the 20th.
        let is_zombie = matches!(fields.next()?, b"Z" | b"X");
        let parent_pid = number(fields.next()?)?;
        // The kernel writes -1 for a process that has left its session as it ends.
        let session_id = number::<i64>(fields.nth(1)?).and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
        let tty_device = number::<i32>(fields.next()?)?.cast_unsigned();
        let start_ticks = number(fields.nth(14)?)?;
        Some(Self { comm, parent_pid, session_id, is_zombie, tty_device, start_ticks })
    }

    /// The controlling terminal's name below `/dev`, e.g. `pts/3`; `None` without one.
    pub fn tty_name(&self) -> Option<String> {
        tty_name_of(self.tty_device)
    }
}

/// When `pid` started, in clock ticks since boot.
pub fn process_start_ticks(pid: u32) -> Option<u64> {
    ProcessStat::read(pid).map(|stat| stat.start_ticks)
}

/// The parent of `pid`; `None` also when it has none in our pid namespace.
pub fn parent_pid(pid: u32) -> Option<u32> {
    ProcessStat::read(pid).map(|stat| stat.parent_pid).filter(|parent| *parent != 0)
}

/// The controlling terminal of `pid` below `/dev`, e.g. `pts/3`.
pub fn tty_name(pid: u32) -> Option<String> {
    ProcessStat::read(pid)?.tty_name()
}

/// The file name of the program that `pid` runs, e.g. `claude`: from its executable, else the kernel's short
/// name of it (when the executable is not ours to read).
pub fn process_exe_name(pid: u32) -> Option<String> {
    system::exe_name(pid)
        .or_else(|| ProcessStat::read(pid).map(|stat| String::from_utf8_lossy(&stat.comm).into_owned()))
}

/// Decodes a terminal's device number as `stat` gives it: `pts/3`, `tty1`, `ttyS0`, `console`, and
/// `major:minor` for kinds that we do not know.
fn tty_name_of(device: u32) -> Option<String> {
    if device == 0 {
        return None;
    }
    let major = (device >> 8) & 0xfff;
    let minor = (device & 0xff) | ((device >> 12) & 0xf_ff00);
    Some(match (major, minor) {
        (136..=143, _) => format!("pts/{}", (major - 136) * 256 + minor),
        (4, 0..=63) => format!("tty{minor}"),
        (4, _) => format!("ttyS{}", minor - 64),
        (5, 1) => "console".to_owned(),
        _ => format!("{major}:{minor}"),
    })
}

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// Who is at the other end of the connected local socket `fd`.
///
/// # Errors
/// `NotConnected` when there is no other end; else what the system says.
#[cfg(unix)]
pub fn peer_cred(fd: &impl std::os::fd::AsFd) -> io::Result<PeerCred> {
    system::peer_cred(fd.as_fd())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_survives_hostile_names() {
        for name in ["claude", "a b", ") R 1 2 3", "((", "x\n)"] {
            let text = format!(
                "42 ({name}) S 7 42 42 34819 42 4194304 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 2 18446744073709551615"
            );
            let stat = ProcessStat::parse(text.as_bytes()).expect(name);
            assert_eq!(stat.comm, name.as_bytes());
            assert_eq!((stat.parent_pid, stat.session_id, stat.start_ticks), (7, 42, 987_654));
            assert!(!stat.is_zombie);
            assert_eq!(stat.tty_name().as_deref(), Some("pts/3"));
        }
    }

    #[test]
    fn stat_without_all_fields_is_nothing() {
        let whole = b"42 (sh) S 7 42 42 0 42 4194304 1 0 0 0 0 0 0 0 20 0 1 0 987654";
        assert!(ProcessStat::parse(whole).is_some());
        for end in 0..whole.len() - 6 {
            assert_eq!(ProcessStat::parse(&whole[..end]), None, "{end}");
        }
    }

    #[test]
    fn terminals_have_the_names_of_dev() {
        let device = |major: u32, minor: u32| (minor & 0xff) | (major << 8) | ((minor & 0xf_ff00) << 12);
        assert_eq!(tty_name_of(0), None);
        for (major, minor, name) in [
            (136, 3, "pts/3"),
            (136, 300, "pts/300"),
            (137, 0, "pts/256"),
            (4, 1, "tty1"),
            (4, 64, "ttyS0"),
            (5, 1, "console"),
            (204, 64, "204:64"),
        ] {
            assert_eq!(tty_name_of(device(major, minor)).as_deref(), Some(name));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn own_process_is_known() {
        let pid = std::process::id();
        assert_eq!(parent_pid(pid), Some(std::os::unix::process::parent_id()));
        assert!(process_start_ticks(pid).is_some_and(|ticks| ticks > 0));
        assert!(process_exe_name(pid).is_some_and(|name| name.starts_with("magia_protocol")));
        assert_eq!(process_start_ticks(u32::MAX), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn both_ends_of_a_pair_are_this_process() {
        let (one, other) = std::os::unix::net::UnixStream::pair().expect("a socket pair");
        for end in [&one, &other] {
            let cred = peer_cred(end).expect("a peer");
            assert_eq!((cred.pid, cred.uid), (std::process::id(), crate::paths::own_uid()));
        }
    }
}
