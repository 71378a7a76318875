//! The one thing this program does: find the app, stream the event to it, and wait when it is a gate.

use crate::args::Args;
use crate::io::{Deadline, STDERR, STDIN, STDOUT, read, send_all, write_all};
use crate::message;
use crate::reply::{self, HEADER_MAX_BYTES, OUTPUT_MAX_BYTES, Reply};
use magia_protocol::dial::{DialError, dial};
use magia_protocol::paths::{Socket, runtime_candidates_with};
use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// All that is ever held of an event. Never touched beyond what arrives, so a small event costs few pages.
const BUFFER_BYTES: usize = 64 * 1024;

/// Why the app did not get the event, or the agent not its answer.
#[derive(Debug)]
pub enum Failure {
    /// No connection.
    Dial(DialError),
    /// The time is up.
    TimedOut(&'static str),
    /// The system or the other end broke it off.
    Io(&'static str, io::Error),
    /// The app went away before it answered.
    Gone,
    /// The app's reply is none.
    Garbage,
    /// The app could not judge what was asked.
    Unjudged(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial(err) => err.fmt(f),
            Self::TimedOut(doing) => write!(f, "time is up while {doing}"),
            Self::Io(doing, err) => write!(f, "failed while {doing}: {err}"),
            Self::Gone => f.write_str("magia ended before it answered"),
            Self::Garbage => f.write_str("magia's answer is not understood"),
            Self::Unjudged(reason) => f.write_str(reason),
        }
    }
}

impl Failure {
    fn at(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |err| match err.kind() {
            io::ErrorKind::TimedOut => Self::TimedOut(doing),
            _ => Self::Io(doing, err),
        }
    }
}

/// Delivers the event on stdin; gives the exit status for the agent, 0 without a gate.
///
/// As a gate the writing side stays open, so that the app sees the end of this process (an agent that was
/// answered elsewhere kills it) as the end of the stream.
///
/// # Errors
/// See [`Failure`]; then nothing was printed, except when the agent itself stopped reading.
pub fn deliver(args: &Args) -> Result<u8, Failure> {
    let deadline = Deadline::after(args.deadline);
    let socket = if args.gate { Socket::Permissions } else { Socket::Hooks };
    let mut stream = find_app(socket, deadline)?;
    if stream.as_raw_fd() <= STDERR {
        // The agent closed one of the three, and the socket got its number; a copy gets another.
        stream = stream.try_clone().map_err(Failure::at("connecting"))?;
    }
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    send_event(args, &stream, &mut buffer, deadline)?;
    if args.gate {
        return answer(&stream, &mut buffer, deadline);
    }
    // The line is whole already; the app may have hung up.
    let _ = stream.shutdown(Shutdown::Write);
    Ok(0)
}

/// Connects to the first app that answers. The reason kept for the user is the first that says more than
/// "not running".
fn find_app(socket: Socket, deadline: Deadline) -> Result<UnixStream, Failure> {
    let env = |name: &str| std::env::var_os(name);
    let mut failure = None;
    for dir in runtime_candidates_with(&env) {
        let left = deadline.left().map_err(Failure::at("connecting"))?;
        let dialled = socket.path_in(&dir).map_err(DialError::Path).and_then(|path| dial(&path, left));
        match dialled {
            Ok(stream) => return Ok(stream),
            Err(err) => {
                if failure.as_ref().is_none_or(DialError::is_not_running) {
                    failure = Some(err);
                }
            }
        }
    }
    Err(failure.map_or(Failure::Gone, Failure::Dial))
}

fn send_event(
    args: &Args,
    stream: &UnixStream,
    buffer: &mut Vec<u8>,
    deadline: Deadline,
) -> Result<(), Failure> {
    let send = |bytes: &[u8]| {
        send_all(stream.as_raw_fd(), bytes, deadline).map_err(Failure::at("sending the event"))
    };
    buffer.extend_from_slice(message::head(args).as_bytes());
    let mut blank = true;
    loop {
        let filled = buffer.len();
        let got = read(STDIN, buffer, BUFFER_BYTES - filled, deadline)
            .map_err(Failure::at("reading the event from stdin"))?;
        if got == 0 {
            break;
        }
        let part = buffer.get_mut(filled..).unwrap_or_default();
        message::flatten(part);
        blank = blank && part.iter().all(u8::is_ascii_whitespace);
        if buffer.len() == BUFFER_BYTES {
            send(buffer)?;
            buffer.clear();
        }
    }
    let tail = [if blank { b"null".as_slice() } else { b"" }, message::TAIL];
    if buffer.len() + tail.iter().map(|part| part.len()).sum::<usize>() > BUFFER_BYTES {
        send(buffer)?;
        buffer.clear();
    }
    for part in tail {
        buffer.extend_from_slice(part);
    }
    send(buffer)
}

/// Waits for the reply, prints it, gives its exit status.
fn answer(stream: &UnixStream, buffer: &mut Vec<u8>, deadline: Deadline) -> Result<u8, Failure> {
    const WAITING: &str = "waiting for the decision";
    const PRINTING: &str = "printing the decision";
    buffer.clear();
    loop {
        match reply::parse(buffer) {
            Reply::Unfinished => {}
            Reply::Garbage => return Err(Failure::Garbage),
            Reply::Unjudged { reason } => {
                let reason = String::from_utf8_lossy(buffer.get(reason).unwrap_or_default());
                return Err(Failure::Unjudged(reason.into_owned()));
            }
            Reply::Whole { exit, stdout, stderr } => {
                for (fd, range) in [(STDOUT, stdout), (STDERR, stderr)] {
                    let bytes = buffer.get(range).unwrap_or_default();
                    match write_all(fd, bytes, deadline) {
                        Err(err) if err.kind() == io::ErrorKind::TimedOut => {
                            return Err(Failure::TimedOut(PRINTING));
                        }
                        // Nobody reads what we print; the exit status still counts.
                        Ok(()) | Err(_) => {}
                    }
                }
                return Ok(exit);
            }
        }
        // Bounded by the parser: a header over 64 bytes or lengths over 16 MiB are garbage.
        buffer.reserve(HEADER_MAX_BYTES);
        let got = read(stream.as_raw_fd(), buffer, OUTPUT_MAX_BYTES, deadline);
        match got {
            Ok(0) => return Err(Failure::Gone),
            Ok(_) => {}
            Err(err) if err.kind() == io::ErrorKind::ConnectionReset => return Err(Failure::Gone),
            Err(err) => return Err(Failure::at(WAITING)(err)),
        }
    }
}
