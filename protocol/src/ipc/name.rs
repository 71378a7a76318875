//! Files or pipes.

use interprocess::local_socket::{GenericFilePath, Name, ToFsName};
use std::io;
use std::path::Path;

/// The name under which the socket `path` is bound and found: the file itself on Unix, the pipe
/// `\\.\pipe\magia-{name}` on Windows, where `{name}` is the file name without `.sock`.
///
/// # Errors
/// `InvalidInput` for a path without a file name or with a NUL in it.
pub fn socket_name(path: &Path) -> io::Result<Name<'static>> {
    #[cfg(unix)]
    {
        path.to_path_buf().to_fs_name::<GenericFilePath>()
    }
    #[cfg(windows)]
    {
        let stem = path.file_stem().ok_or(io::ErrorKind::InvalidInput)?;
        let mut pipe = std::ffi::OsString::from(r"\\.\pipe\magia-");
        pipe.push(stem);
        pipe.to_fs_name::<GenericFilePath>()
    }
}
