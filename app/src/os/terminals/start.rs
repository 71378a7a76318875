//! Starting a terminal program, and what is known of its end.

use super::{LAUNCH_FILE, Launch};
use crossbeam_channel::{Receiver, bounded};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::Builder;
use std::time::Duration;

/// Bytes of its error output that are kept, the last ones.
const TAIL_MAX: usize = 4 * 1024;
/// How long after its end the last of its error output is waited for: a child of it may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// A waiting thread needs little.
const STACK: usize = 128 * 1024;

/// Variables of the terminal that magia itself may run in, or of an agent: not those of the new one.
const NOT_INHERITED: &[&str] = &[
    "TTY_SESSION_ID",
    "VIBETUNNEL_SESSION_ID",
    "MAGIA_TERMINAL_ID",
    "MAGIA_SESSION_ID",
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
];

/// How a terminal program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; `None` after a signal.
    pub code: Option<i32>,
    /// The last line that it said on its error output, without control characters.
    pub last_line: String,
}

/// A terminal program that was started.
#[derive(Debug)]
pub struct Started {
    /// Its process.
    pub pid: u32,
    /// Says once how it ended.
    pub ended: Receiver<Ended>,
}

/// Starts a terminal program in a process group of its own, so that it does not end with magia. It is waited for until
/// it ends.
///
/// # Errors
/// When the program or the file that it wants cannot be made to run.
pub fn start(launch: &Launch, cwd: &Path, runtime: &Path) -> io::Result<Started> {
    let file = launch.file.as_ref().map(|(name, text)| write_file(runtime, name, text)).transpose()?;
    let filled = |argument: &OsString| match &file {
        Some(path) if argument == LAUNCH_FILE => path.clone().into_os_string(),
        _ => argument.clone(),
    };
    let mut command = Command::new(&launch.program);
    command.args(launch.arguments.iter().map(filled)).current_dir(cwd);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    let pid = child.id();
    // One message each, at the end.
    let (tell, ended) = bounded(1);
    let (last_words, heard) = bounded(1);
    if let Some(stderr) = child.stderr.take() {
        Builder::new().name("terminal-stderr".to_owned()).stack_size(STACK).spawn(move || {
            let tail = read_tail(stderr);
            last_words.send(tail).ok()
        })?;
    }
    Builder::new().name("terminal-wait".to_owned()).stack_size(STACK).spawn(move || {
        let code = child.wait().ok().and_then(|status| status.code());
        let tail = heard.recv_timeout(LAST_WORDS).unwrap_or_default();
        tell.send(Ended { code, last_line: last_line(&tail) }).ok()
    })?;
    Ok(Started { pid, ended })
}

fn read_tail(mut source: impl io::Read) -> Vec<u8> {
    let mut tail = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = source.read(&mut buffer) {
        tail.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let over = tail.len().saturating_sub(TAIL_MAX);
        tail.drain(..over);
    }
    tail
}

/// The last line that says something.
fn last_line(tail: &[u8]) -> String {
    let text = String::from_utf8_lossy(tail);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(300).collect::<String>().trim().to_owned()
}

/// A new file for the owner alone to read and run.
fn write_file(runtime: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    let path = runtime.join(name);
    if let Err(err) = fs::remove_file(&path)
        && err.kind() != io::ErrorKind::NotFound
    {
        return Err(err);
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o700);
    options.open(&path)?.write_all(text.as_bytes())?;
    Ok(path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const SOON: Duration = Duration::from_secs(20);

    fn launch(script: &str) -> Launch {
        Launch::new(Path::new("/bin/sh"), ["-c".into(), script.into()])
    }

    #[test]
    fn an_end_is_told_with_the_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let check = |script: &str, code: Option<i32>, line: &str| {
            let started = start(&launch(script), dir.path(), dir.path()).unwrap();
            let ended = started.ended.recv_timeout(SOON).unwrap();
            assert_eq!(ended, Ended { code, last_line: line.to_owned() }, "{script}");
        };
        check("echo one >&2; printf 'two\\033[0m\\n\\n' >&2; exit 7", Some(7), "two[0m");
        check("kill -9 $$", None, "");
        check("for i in $(seq 2000); do echo line $i >&2; done; exit 1", Some(1), "line 2000");
        // A child that holds the pipe is not waited for.
        check("sleep 30 & echo $! > pid; exit 3", Some(3), "");
        let pid = fs::read_to_string(dir.path().join("pid")).unwrap();
        Command::new("kill").arg(pid.trim()).status().unwrap();
    }

    #[test]
    fn a_file_to_open_is_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let text = "#!/bin/sh\nrm -f \"$0\"\nexit 5\n".to_owned();
        let mut launch = Launch::new(Path::new("/bin/sh"), [LAUNCH_FILE.into()]);
        launch.file = Some(("open-a.command".to_owned(), text.clone()));
        let path = write_file(dir.path(), "open-b.command", &text).unwrap();
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
        let started = start(&launch, dir.path(), dir.path()).unwrap();
        assert_eq!(started.ended.recv_timeout(SOON).unwrap().code, Some(5));
        assert!(!dir.path().join("open-a.command").exists());
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let launch = Launch::new(Path::new("/nonexistent/terminal"), []);
        assert_eq!(start(&launch, dir.path(), dir.path()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
