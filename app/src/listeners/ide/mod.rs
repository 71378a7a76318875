//! magia as the editor of agents: a WebSocket on a loopback address, at a port of its own.
//!
//! Claude Code finds it by a lock file in its configuration directory, which holds the token that each connection shows.
//! Who shows none, or comes for a web page, is turned away with an HTTP status: not one frame of it is read. Editors come
//! to the same port by another path and with another token. What is said is understood in `magia_core::ide`.

mod agent;
mod companion;
mod connection;
mod editor;
mod files;
mod handshake;
mod server;
mod socket;
mod table;

pub use files::IdePlaces;
pub use server::IdeSwitch;

pub(super) use server::Shared;
