//! Linux: `/proc` says who is in a session, and a descriptor of a process keeps a signal from reaching another one.

use magia_protocol::process::ProcessStat;
use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

pub(super) fn signal_all(leader: u32, signals: &[i32]) -> usize {
    members(leader).filter(|pid| signal_member(leader, *pid, signals)).count()
}

pub(super) fn is_alive(leader: u32) -> bool {
    members(leader).next().is_some()
}

pub(super) fn adopt_orphans() {
    // SAFETY: takes integers.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
}

/// The processes of a session that have not ended. Its id stays taken while it has any, so it is nobody else's.
fn members(leader: u32) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(move |pid| is_member(leader, *pid))
}

fn is_member(leader: u32, pid: u32) -> bool {
    ProcessStat::read(pid).is_some_and(|stat| stat.session_id == leader && !stat.is_zombie)
}

fn signal_member(leader: u32, pid: u32, signals: &[i32]) -> bool {
    let Ok(number) = i32::try_from(pid) else { return false };
    // SAFETY: takes two integers; a descriptor that is not negative is new and ours alone.
    let process = unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, number, 0);
        i32::try_from(fd).ok().filter(|fd| *fd >= 0).map(|fd| OwnedFd::from_raw_fd(fd))
    };
    // The id may have become another process's since the list was read; from here on it cannot.
    if !is_member(leader, pid) {
        return false;
    }
    for signal in signals {
        // SAFETY: takes integers and no info; the descriptor is open.
        unsafe {
            match &process {
                Some(process) => {
                    libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), *signal, 0_usize, 0)
                }
                // A kernel before 5.3.
                None => i64::from(libc::kill(number, *signal)),
            };
        }
    }
    true
}
