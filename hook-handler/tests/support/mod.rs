//! The real handler on one side, a bare socket in a private directory as the app on the other.

use magia_protocol::paths::{Socket, ensure_runtime_dir};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A private HOME, TMPDIR and runtime directory.
pub struct Place {
    pub temp: tempfile::TempDir,
    pub runtime: PathBuf,
}

pub fn place() -> Place {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let runtime = temp.path().join("run");
    Place { temp, runtime }
}

impl Place {
    /// Begins to listen as the app would.
    pub fn listen(&self, socket: Socket) -> UnixListener {
        listen_in(&self.runtime, socket)
    }

    /// The handler with `args`, told of the runtime directory.
    pub fn handler(&self, args: &str) -> Command {
        let mut command = self.handler_without_runtime_dir(args);
        command.env("MAGIA_RUNTIME_DIR", &self.runtime);
        command
    }

    /// The handler with `args`, left to find the runtime directory.
    pub fn handler_without_runtime_dir(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_magia-hook-handler"));
        command.args(args.split_whitespace());
        private(&mut command, self.temp.path());
        command
    }
}

pub fn private(command: &mut Command, home: &Path) {
    command.env_clear().env("HOME", home).env("TMPDIR", home);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

pub fn listen_in(dir: &Path, socket: Socket) -> UnixListener {
    ensure_runtime_dir(dir).expect("a runtime directory");
    UnixListener::bind(socket.path_in(dir).expect("a short path")).expect("bound")
}

/// A handler under way, with a thread that feeds it.
pub struct Run {
    child: Child,
    feeder: std::thread::JoinHandle<()>,
}

pub fn start(command: &mut Command, stdin: impl Into<Vec<u8>>) -> Run {
    let mut child = command.spawn().expect("the handler");
    let mut pipe = child.stdin.take().expect("a pipe");
    let stdin = stdin.into();
    // A handler that gave up reads no more; that is its right.
    let feeder = std::thread::spawn(move || drop(pipe.write_all(&stdin)));
    Run { child, feeder }
}

impl Run {
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
    }

    /// Hangs up on what it prints.
    pub fn close_stdout(&mut self) {
        drop(self.child.stdout.take());
    }

    pub fn end(self) -> Output {
        let output = self.child.wait_with_output().expect("ended");
        self.feeder.join().expect("fed");
        output
    }
}

/// Exit status, stdout and stderr.
#[track_caller]
pub fn check(output: &Output, status: i32, stdout: &[u8], stderr: &[u8]) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(
        (output.status.code(), text(&output.stdout), text(&output.stderr)),
        (Some(status), text(stdout), text(stderr))
    );
}

/// Status 0 and no output: as if there were no hook.
#[track_caller]
pub fn check_nothing(output: &Output) {
    check(output, 0, b"", b"");
}

/// Status 2, no output and a reason that holds `part`.
#[track_caller]
pub fn check_refused(output: &Output, part: &str) {
    let reason = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), b"".as_slice()), "{reason}");
    assert!(reason.starts_with("magia-hook-handler: ") && reason.contains(part), "{reason}");
}

pub fn accept(listener: &UnixListener) -> UnixStream {
    listener.accept().expect("a connection").0
}

/// One line with its newline, or what came before the end.
pub fn read_line(stream: &mut UnixStream) -> Vec<u8> {
    let mut line = Vec::new();
    let mut chunk = [0; 65536];
    while !line.ends_with(b"\n") {
        match stream.read(&mut chunk).expect("readable") {
            0 => break,
            got => line.extend_from_slice(&chunk[..got]),
        }
    }
    line
}
