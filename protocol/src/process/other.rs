//! Systems without `/proc`: the user at the other end is known, the rest is not.

use super::ProcessStat;

pub(super) fn stat(_pid: u32) -> Option<ProcessStat> {
    None
}

pub(super) fn exe_name(_pid: u32) -> Option<String> {
    None
}

#[cfg(unix)]
pub(super) fn peer_cred(fd: std::os::fd::BorrowedFd<'_>) -> std::io::Result<super::PeerCred> {
    use std::os::fd::AsRawFd;
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: both results are ours; the fd is borrowed, so it is open.
    if unsafe { libc::getpeereid(fd.as_raw_fd(), &raw mut uid, &raw mut gid) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(super::PeerCred { pid: 0, uid, gid })
}
