//! Linux: `/proc` and `SO_PEERCRED`.

use super::{PeerCred, ProcessStat};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd};

pub(super) fn stat(pid: u32) -> Option<ProcessStat> {
    // 52 numbers of at most 20 digits and a name of at most 64 bytes; the kernel gives it in one read.
    let mut text = [0_u8; 1280];
    let len = File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut text).ok()?;
    ProcessStat::parse(text.get(..len)?)
}

pub(super) fn exe_name(pid: u32) -> Option<String> {
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let name = path.file_name()?.to_string_lossy();
    // The kernel marks a program whose file was replaced while it runs.
    Some(name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned())
}

pub(super) fn peer_cred(fd: BorrowedFd<'_>) -> io::Result<PeerCred> {
    let mut cred = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: `cred` and `len` are ours and as large as the option says; the fd is borrowed, so it is open.
    let failed = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut cred).cast(),
            &raw mut len,
        )
    };
    if failed != 0 {
        return Err(io::Error::last_os_error());
    }
    // A socket without a peer has the uid -1; pid 0 alone is a peer in another pid namespace.
    if cred.uid == u32::MAX {
        return Err(io::ErrorKind::NotConnected.into());
    }
    Ok(PeerCred { pid: u32::try_from(cred.pid).unwrap_or(0), uid: cred.uid, gid: cred.gid })
}
