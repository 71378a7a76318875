//! Runs a program for its few words of output, within a time limit and with a cleaned environment.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::os::process_group;

const MAX_OUTPUT: usize = 16 * 1024;
const MAX_VERSION: usize = 64;
const BASE_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The version that a program prints.
pub fn version(program: &Path, home: Option<&Path>, timeout: Duration) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version");
    // A script that node runs needs the node beside it.
    let mut path = OsString::from(program.parent().unwrap_or(Path::new("/")));
    path.push(":");
    path.push(BASE_PATH);
    clean(&mut command, &path, home);
    match output(command, timeout) {
        Ok(text) => parse_version(&text),
        Err(err) => {
            tracing::debug!("no version from {}: {err:#}", program.display());
            None
        }
    }
}

/// Where a login shell finds a program.
pub fn which(shell: &Path, name: &str, home: Option<&Path>, timeout: Duration) -> Option<PathBuf> {
    let mut command = Command::new(shell);
    command.arg("-lc").arg(format!("which {name}"));
    clean(&mut command, &OsString::from(BASE_PATH), home);
    match output(command, timeout) {
        // The user's start-up files may print, and `which` may answer with an alias: only a path counts.
        Ok(text) => text
            .lines()
            .rev()
            .map(|line| Path::new(line.trim()))
            .find(|path| path.is_absolute() && path.file_name().is_some_and(|file| file == name))
            .map(Path::to_owned),
        Err(err) => {
            tracing::debug!("{} did not answer: {err:#}", shell.display());
            None
        }
    }
}

/// No keys, no proxies, nothing of a running agent's: the program only has to say its name.
fn clean(command: &mut Command, path: &OsString, home: Option<&Path>) {
    command.env_clear().env("PATH", path).env("LANG", "C.UTF-8").env("TERM", "dumb").env("NO_COLOR", "1");
    if let Some(home) = home {
        command.env("HOME", home);
    }
}

/// What the program writes to stdout. Its output is read after it has ended, so nothing that it leaves running
/// can hold us; one that writes more than a pipe holds runs into the time limit.
fn output(mut command: Command, timeout: Duration) -> Result<String> {
    let (mut reader, writer) = io::pipe().context("cannot make a pipe")?;
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null()).current_dir("/");
    process_group::apart(&mut command);
    let mut child = command.spawn().context("cannot start it")?;
    drop(command);
    let pid = child.id();

    let (ended, end) = crossbeam_channel::bounded(1);
    let waiter = std::thread::Builder::new().name("providers-wait".into()).spawn(move || {
        let status = child.wait();
        // The other side listens until this arrives or the time is up.
        let _late = ended.send(status);
    });
    let waiter = match waiter {
        Ok(waiter) => waiter,
        Err(err) => {
            process_group::end(pid);
            return Err(err).context("cannot start a thread");
        }
    };
    let in_time = end.recv_timeout(timeout);
    // The group is of our making; whatever of it is left ends here.
    process_group::end(pid);
    let _joined = waiter.join();
    match in_time {
        Ok(Ok(status)) if status.success() => {}
        Ok(Ok(status)) => bail!("it ended with {status}"),
        Ok(Err(err)) => return Err(err).context("cannot wait for it"),
        Err(_) => bail!("no answer within {} ms", timeout.as_millis()),
    }

    set_nonblocking(reader.as_raw_fd()).context("cannot read its output")?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 1024];
    while bytes.len() < MAX_OUTPUT {
        match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => break,
            Err(err) => return Err(err).context("cannot read its output"),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn set_nonblocking(fd: std::os::fd::RawFd) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as its owner, the caller, holds it.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    // SAFETY: as above.
    if flags < 0 || unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The first word that looks like a version: `2.1.197 (Claude Code)`, `codex-cli 0.170.0`, `v0.9.1`.
fn parse_version(text: &str) -> Option<String> {
    text.split_whitespace().find_map(|word| {
        let word = word.trim_start_matches('v').trim_end_matches([',', ';', ')']);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
        let version = word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.');
        (version && word.len() <= MAX_VERSION && word.chars().all(plain)).then(|| word.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn versions_are_found_among_words() {
        for (text, expected) in [
            ("2.1.197 (Claude Code)\n", Some("2.1.197")),
            ("codex-cli 0.170.0-alpha.1\n", Some("0.170.0-alpha.1")),
            ("gemini v0.9.1, ready", Some("0.9.1")),
            ("warning: 3 things\n1.2.3\n", Some("1.2.3")),
            ("", None),
            ("no version", None),
            ("1.\u{1b}[31m2", None),
        ] {
            assert_eq!(parse_version(text).as_deref(), expected, "{text:?}");
        }
    }
}
