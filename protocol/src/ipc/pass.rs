//! Passing descriptors to another process (`SCM_RIGHTS`): the same open file is then in both.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// Room for one descriptor, aligned as the kernel wants it.
#[repr(C)]
union Control {
    _aligned: libc::cmsghdr,
    bytes: [u8; 64],
}

/// What one descriptor takes.
const ONE: u32 = size_of::<RawFd>() as u32;

/// Sends all of `bytes`; `descriptor` goes with the first of them. Waits as the stream's timeout says.
///
/// # Errors
/// What the system says; [`io::ErrorKind::WouldBlock`] when the time is up.
pub fn send(stream: &UnixStream, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut rest = bytes;
    let mut descriptor = descriptor;
    while !rest.is_empty() {
        match send_some(stream, rest, descriptor) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(sent) => {
                descriptor = None;
                rest = rest.get(sent..).unwrap_or_default();
            }
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(())
}

/// Fills `bytes`. The descriptor that came with the first of them is given back, when there was one.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] when the other end closes before; [`io::ErrorKind::WouldBlock`] when the time is up.
pub fn receive(stream: &UnixStream, bytes: &mut [u8]) -> io::Result<Option<OwnedFd>> {
    let mut filled = 0;
    let mut came = None;
    while filled < bytes.len() {
        let Some(room) = bytes.get_mut(filled..) else { break };
        match receive_some(stream, room) {
            Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok((read, with)) => {
                filled += read;
                came = came.or(with);
            }
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(came)
}

fn send_some(stream: &UnixStream, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<usize> {
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control = Control { bytes: [0; 64] };
    // SAFETY: zeroes are a value of this struct of numbers and pointers.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    if let Some(descriptor) = descriptor {
        message.msg_control = (&raw mut control.bytes).cast();
        // SAFETY: computes a length.
        message.msg_controllen = unsafe { libc::CMSG_SPACE(ONE) } as _;
        // SAFETY: the control buffer is long enough for one header and one descriptor, and aligned.
        unsafe {
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(ONE) as _;
            libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(descriptor.as_raw_fd());
        }
    }
    // SAFETY: every pointer in `message` is to something that outlives the call; the kernel only reads.
    let sent = unsafe { libc::sendmsg(stream.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

fn receive_some(stream: &UnixStream, room: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    let mut control = Control { bytes: [0; 64] };
    // SAFETY: zeroes are a value of this struct of numbers and pointers.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control.bytes).cast();
    // SAFETY: computes a length. Not the space, whose padding has room for a second one: further ones are dropped.
    message.msg_controllen = unsafe { libc::CMSG_LEN(ONE) } as _;
    #[cfg(target_os = "linux")]
    let flags = libc::MSG_CMSG_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = 0;
    // SAFETY: every pointer in `message` is to something of ours that outlives the call, with its true length.
    let read = unsafe { libc::recvmsg(stream.as_raw_fd(), &raw mut message, flags) };
    let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has filled in the headers; the first is within the buffer or null.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    // SAFETY: not null, so it is a header within our buffer.
    let is_ours = !header.is_null()
        && unsafe {
            (*header).cmsg_level == libc::SOL_SOCKET
                && (*header).cmsg_type == libc::SCM_RIGHTS
                && (*header).cmsg_len as usize >= libc::CMSG_LEN(ONE) as usize
        };
    if !is_ours {
        return Ok((read, None));
    }
    // SAFETY: the header says that a descriptor follows, and the kernel has just opened it for us alone.
    let descriptor = unsafe {
        let raw = libc::CMSG_DATA(header).cast::<RawFd>().read_unaligned();
        OwnedFd::from_raw_fd(raw)
    };
    #[cfg(not(target_os = "linux"))]
    // SAFETY: no pointers; the descriptor is open.
    unsafe {
        libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC);
    }
    Ok((read, Some(descriptor)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;

    #[test]
    fn a_descriptor_comes_with_its_own_bytes() {
        let (one, other) = UnixStream::pair().unwrap();
        let (mut kept, passed) = UnixStream::pair().unwrap();
        send(&one, b"plain", None).unwrap();
        send(&one, b"with", Some(passed.as_fd())).unwrap();
        send(&one, b"body", None).unwrap();
        drop((one, passed));
        let mut bytes = [0; 5];
        assert!(receive(&other, &mut bytes).unwrap().is_none());
        assert_eq!(&bytes, b"plain");
        let mut bytes = [0; 4];
        let came = receive(&other, &mut bytes).unwrap().expect("a descriptor");
        assert_eq!(&bytes, b"with");
        assert!(receive(&other, &mut bytes).unwrap().is_none());
        assert_eq!(&bytes, b"body");
        let end = receive(&other, &mut bytes).unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
        let mut came = UnixStream::from(came);
        came.write_all(b"hello").unwrap();
        drop(came);
        let mut heard = String::new();
        kept.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hello");
    }

    #[test]
    fn a_read_never_goes_into_the_bytes_of_the_next_descriptor() {
        let (one, other) = UnixStream::pair().unwrap();
        for _ in 0..3 {
            send(&one, b"ab", Some(one.as_fd())).unwrap();
            send(&one, b"cd", None).unwrap();
        }
        for _ in 0..3 {
            let mut head = [0; 2];
            assert!(receive(&other, &mut head).unwrap().is_some());
            let mut body = [0; 2];
            assert!(receive(&other, &mut body).unwrap().is_none());
            assert_eq!((&head, &body), (b"ab", b"cd"));
        }
    }
}
