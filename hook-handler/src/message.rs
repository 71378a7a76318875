//! The line that the app gets: a head that we write, the agent's own JSON, and a tail.
//!
//! `{"v":1,"provider":"claude","event":"PreToolUse","pid":N,"ppid":N,"pstart":N,"tty":"pts/3",`
//! `"sent_unix_ns":N,"payload":...}` and a newline.
//!
//! - `pid` is the handler, `ppid` its parent and `pstart` the parent's start in clock ticks since boot (0 when
//!   unknown).
//! - When the parent is a shell, which agents put between themselves and a hook, `gpid` and `gpstart` follow
//!   `pstart`: the shell's parent and its start.
//! - `tty` is the parent's terminal below `/dev`, that of the shell's parent when the shell has none, else
//!   empty.
//! - `payload` is what came on stdin with raw newlines as blanks (in JSON they are blanks or errors), `null`
//!   when nothing came but blanks. It is not checked.

use crate::args::Args;
use magia_protocol::process::ProcessStat;
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// Closes the line.
pub const TAIL: &[u8] = b"}\n";

const SHELLS: [&[u8]; 10] =
    [b"sh", b"bash", b"dash", b"zsh", b"fish", b"ash", b"ksh", b"mksh", b"busybox", b"tcsh"];

/// The line up to the payload.
pub fn head(args: &Args) -> String {
    let parent_pid = std::os::unix::process::parent_id();
    let parent = ProcessStat::read(parent_pid);
    let shell = parent.as_ref().filter(|parent| SHELLS.contains(&parent.comm.as_slice()));
    let above = shell.and_then(|shell| Some((shell.parent_pid, ProcessStat::read(shell.parent_pid)?)));
    let tty = parent.as_ref().and_then(ProcessStat::tty_name);
    let tty = tty.or_else(|| above.as_ref().and_then(|(_, stat)| stat.tty_name()));

    let mut line = String::with_capacity(512);
    // Writing to a String cannot fail.
    let _ = write!(
        line,
        r#"{{"v":1,"provider":"{}","event":"{}","pid":{},"ppid":{parent_pid},"pstart":{},"#,
        args.provider,
        args.event,
        std::process::id(),
        parent.map_or(0, |parent| parent.start_ticks),
    );
    if let Some((pid, stat)) = above {
        let _ = write!(line, r#""gpid":{pid},"gpstart":{},"#, stat.start_ticks);
    }
    let _ = write!(
        line,
        r#""tty":"{}","sent_unix_ns":{},"payload":"#,
        tty.unwrap_or_default(),
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos()),
    );
    line
}

/// Turns the raw newlines in `bytes` into blanks.
pub fn flatten(bytes: &mut [u8]) {
    for newline in [b'\n', b'\r'] {
        let mut rest = &mut *bytes;
        while let Some(at) = find(rest, newline) {
            let Some((_, behind)) = rest.split_at_mut_checked(at) else { return };
            let Some((found, behind)) = behind.split_first_mut() else { return };
            *found = b' ';
            rest = behind;
        }
    }
}

/// The C library's search: the loop that this small build would make of it costs more than the whole program.
fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    // SAFETY: reads `bytes.len()` bytes at most, all of them ours.
    let found = unsafe { libc::memchr(bytes.as_ptr().cast(), byte.into(), bytes.len()) };
    (!found.is_null()).then(|| found.addr() - bytes.as_ptr().addr())
}

#[cfg(test)]
mod tests {
    use super::flatten;

    #[test]
    fn all_newlines_become_blanks() {
        for (text, expect) in
            [("", ""), ("\n", " "), ("\r\n\r\n", "    "), ("a\nb\rc\n", "a b c "), ("äß", "äß")]
        {
            let mut bytes = text.as_bytes().to_vec();
            flatten(&mut bytes);
            assert_eq!(bytes, expect.as_bytes());
        }
    }
}
