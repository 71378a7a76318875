//! What a file carries beside its content and mode: access control lists and the user's own attributes.

use std::fs::File;
use std::io;

/// Gives `to` the access control list and the user's attributes of `from`, and none that `from` does not have. Other
/// attributes are the system's own affair.
///
/// # Errors
/// When one cannot be read or given. A file system that knows of none has none.
#[cfg(target_os = "linux")]
pub fn copy(from: &File, to: &File) -> io::Result<()> {
    let wanted = names(from)?;
    // A directory may give new files a list of its own.
    for name in names(to)?.into_iter().filter(|name| !wanted.contains(name)) {
        // SAFETY: an open file, and a string that lives over the call.
        checked(unsafe { libc::fremovexattr(fd(to), name.as_ptr()) } as isize)?;
    }
    for name in wanted {
        // SAFETY: an open file, a string that lives over the call, and a buffer of the length that is said.
        let value = read(|buffer, length| unsafe {
            libc::fgetxattr(fd(from), name.as_ptr(), buffer.cast(), length)
        })?;
        // SAFETY: as above.
        let set = unsafe { libc::fsetxattr(fd(to), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
        checked(set as isize)?;
    }
    Ok(())
}

/// As above; here a file has none.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn copy(_from: &File, _to: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn names(file: &File) -> io::Result<Vec<std::ffi::CString>> {
    // SAFETY: an open file, and a buffer of the length that is said.
    let list = match read(|buffer, length| unsafe { libc::flistxattr(fd(file), buffer.cast(), length) }) {
        Err(err) if err.raw_os_error() == Some(libc::ENOTSUP) => Vec::new(),
        list => list?,
    };
    let names = list
        .split(|byte| *byte == 0)
        .filter(|name| *name == b"system.posix_acl_access".as_slice() || name.starts_with(b"user."));
    names.map(|name| std::ffi::CString::new(name).map_err(io::Error::from)).collect()
}

/// Reads what a call writes into a buffer, of whose length the call has the last word.
#[cfg(target_os = "linux")]
fn read(call: impl Fn(*mut u8, usize) -> isize) -> io::Result<Vec<u8>> {
    loop {
        let length = checked(call(std::ptr::null_mut(), 0))?;
        let mut buffer = vec![0; length];
        if length == 0 {
            return Ok(buffer);
        }
        match checked(call(buffer.as_mut_ptr(), length)) {
            // Somebody has made it longer meanwhile.
            Err(err) if err.raw_os_error() == Some(libc::ERANGE) => {}
            written => {
                buffer.truncate(written?);
                return Ok(buffer);
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn checked(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

#[cfg(target_os = "linux")]
fn fd(file: &File) -> std::os::fd::RawFd {
    std::os::fd::AsRawFd::as_raw_fd(file)
}
