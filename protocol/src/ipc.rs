//! The socket layer: binding, connecting, knowing who is at the other end, and reading lines.
//!
//! [`socket_name`] is the one place that tells files from pipes. A listener is bound through interprocess; on
//! Unix the streams are tokio's own, because interprocess' `poll_shutdown` does nothing (so a half close would
//! not be seen), and it takes a full queue at the server for a connection under way.
//!
//! The Windows side is written, not run.

mod connect;
mod incoming;
pub mod line;
mod listener;
mod name;
#[cfg(unix)]
pub mod pass;
mod stream;

pub use connect::{BlockingStream, ConnectError, connect, connect_blocking};
pub use incoming::Incoming;
#[cfg(unix)]
pub use listener::adopt;
pub use listener::{AcceptError, BindError, Listener, bind};
pub use name::socket_name;
pub use stream::{DirectWriter, ReadHalf, Stream, WriteHalf};
