//! A client of a holder.

pub mod errand;

pub use errand::ErrandError;

use crate::size::Size;
use crate::wire::{
    Control, FrameReader, FromHolder, Hello, HolderHello, Role, SignalName, SnapshotAssembly, ToHolder,
    WIRE_MAX, WIRE_MIN, WireError,
};
use magia_protocol::ipc::{ConnectError, ReadHalf, WriteHalf, connect as connect_socket};
use magia_protocol::paths::{PathError, terminal_socket};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

/// How long a holder may take to answer; it does nothing that waits.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// What one frame of input carries at most; more goes into several.
const STDIN_MAX_BYTES: usize = 64 * 1024;

/// Why there is no conversation.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The holder is not there, or its directory cannot be trusted.
    #[error("{}", place(.0))]
    Connect(ConnectError),
    /// The path of the socket is too long.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The conversation broke off.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// It did not answer in time.
    #[error("the terminal's holder does not answer")]
    Silent,
    /// It hung up before it answered.
    #[error("the terminal's holder has hung up")]
    HungUp,
    /// It speaks no version of the wire that we do.
    #[error(
        "the terminal's holder speaks version {min} to {max} of the wire, this program {WIRE_MIN} to {WIRE_MAX}"
    )]
    Version {
        /// Its oldest.
        min: u16,
        /// Its newest.
        max: u16,
    },
}

fn place(err: &ConnectError) -> String {
    if err.is_not_running() {
        return "the terminal's holder is gone".to_owned();
    }
    err.to_string().replacen("runtime directory", "terminal's directory", 1)
}

impl ClientError {
    /// Whether the holder is simply not there any more.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Connect(err) => err.is_not_running(),
            Self::HungUp | Self::Wire(WireError::Cut) => true,
            // It was killed while something was said to it.
            Self::Wire(WireError::Io(err)) => {
                matches!(err.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
            }
            _ => false,
        }
    }
}

impl From<io::Error> for ClientError {
    fn from(err: io::Error) -> Self {
        Self::Wire(err.into())
    }
}

/// What the holder says.
#[derive(Debug)]
pub struct Reader {
    frames: FrameReader<ReadHalf>,
    assembly: SnapshotAssembly,
    hello: HolderHello,
}

/// What is said to the holder.
#[derive(Debug)]
pub struct Writer {
    inner: WriteHalf,
}

/// Connects to the holder of the terminal in `dir`: the directory and the holder's user are checked. The screen comes
/// first if the hello asks for one, then the output from there on.
///
/// # Errors
/// See [`ClientError`].
pub async fn connect(dir: &Path, hello: Hello) -> Result<(Reader, Writer), ClientError> {
    timeout(ANSWER_LIMIT, greet(dir, hello)).await.map_err(|_| ClientError::Silent)?
}

async fn greet(dir: &Path, hello: Hello) -> Result<(Reader, Writer), ClientError> {
    let socket = terminal_socket(dir)?;
    let (read, write) = connect_socket(&socket).await.map_err(ClientError::Connect)?.into_split();
    let mut writer = Writer { inner: write };
    let (min, max) = (hello.min, hello.max);
    writer.say(&ToHolder::Hello(hello)).await?;
    let mut frames = FrameReader::new(read);
    let mut assembly = SnapshotAssembly::default();
    loop {
        let frame = frames.next().await?.ok_or(ClientError::HungUp)?;
        match FromHolder::read(frame, &mut assembly)? {
            Some(FromHolder::Hello(hello)) if (min..=max).contains(&hello.wire) => {
                return Ok((Reader { frames, assembly, hello }, writer));
            }
            Some(FromHolder::Hello(hello)) => {
                return Err(ClientError::Version { min: hello.min, max: hello.max });
            }
            // Too many clients, for one.
            Some(FromHolder::Error(fault)) => return Err(io::Error::other(fault.message).into()),
            _ => {}
        }
    }
}

impl Reader {
    /// What the holder said first.
    pub fn hello(&self) -> &HolderHello {
        &self.hello
    }

    /// What the holder says next; `None` when it has hung up. Cancel safe.
    ///
    /// # Errors
    /// [`ClientError::Wire`].
    pub async fn next(&mut self) -> Result<Option<FromHolder>, ClientError> {
        while let Some(frame) = self.frames.next().await? {
            if let Some(said) = FromHolder::read(frame, &mut self.assembly)? {
                return Ok(Some(said));
            }
        }
        Ok(None)
    }

    /// As [`Reader::next`], when it has arrived already: for taking several pieces of output at once.
    ///
    /// # Errors
    /// [`ClientError::Wire`].
    pub fn next_read(&mut self) -> Result<Option<FromHolder>, ClientError> {
        while let Some(frame) = self.frames.next_read()? {
            if let Some(said) = FromHolder::read(frame, &mut self.assembly)? {
                return Ok(Some(said));
            }
        }
        Ok(None)
    }
}

impl Writer {
    /// Types.
    ///
    /// # Errors
    /// What the system says, e.g. that the holder has gone. The same of all that follow.
    pub async fn input(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        for part in bytes.chunks(STDIN_MAX_BYTES) {
            self.say(&ToHolder::Stdin(part.to_vec())).await?;
        }
        Ok(())
    }

    /// This client has room for another size.
    pub async fn resize(&mut self, size: Size) -> Result<(), ClientError> {
        let Size { cols, rows, cell_width, cell_height } = size;
        self.control(Control::Resize { cols, rows, cell_width, cell_height }).await
    }

    /// This client took the keyboard's focus, so it decides on the size.
    pub async fn focus(&mut self) -> Result<(), ClientError> {
        self.say(&ToHolder::Role(Role { owner: true })).await
    }

    /// This client no longer wants to decide on the size.
    pub async fn reset_size(&mut self) -> Result<(), ClientError> {
        self.control(Control::ResetSize).await
    }

    /// Ends the program and all that it started; another signal than HUP, TERM and KILL goes to the foreground alone.
    pub async fn kill(&mut self, signal: Option<SignalName>) -> Result<(), ClientError> {
        self.control(Control::Kill { signal }).await
    }

    /// Gives the terminal another name.
    pub async fn rename(&mut self, name: &str) -> Result<(), ClientError> {
        self.control(Control::UpdateTitle { title: name.to_owned() }).await
    }

    /// Holds the output back, e.g. while nobody looks; with `false` it goes on with a snapshot, also if it was not held back.
    pub async fn pause(&mut self, is_paused: bool) -> Result<(), ClientError> {
        self.say(&ToHolder::Pause(is_paused)).await
    }

    /// Says up to which place the output was dealt with. A client that has said so once gets no more than 512 KiB beyond
    /// it.
    pub async fn acknowledge(&mut self, place: u64) -> Result<(), ClientError> {
        self.say(&ToHolder::Ack(place)).await
    }

    /// Says anything.
    pub async fn say(&mut self, said: &ToHolder) -> Result<(), ClientError> {
        Ok(self.inner.write_all(&said.to_bytes()).await?)
    }

    async fn control(&mut self, control: Control) -> Result<(), ClientError> {
        self.say(&ToHolder::Control(control)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_that_was_killed_meanwhile_is_gone() {
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset] {
            assert!(ClientError::from(io::Error::from(kind)).is_gone(), "{kind}");
        }
        assert!(ClientError::Wire(WireError::Cut).is_gone());
        assert!(!ClientError::Silent.is_gone());
        assert!(!ClientError::from(io::Error::other("too many clients")).is_gone());
    }
}
