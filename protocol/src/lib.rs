//! What magia's programs say to each other: where their sockets and files are (`paths`), the types on the
//! wire (`wire`) and the socket layer itself (`ipc`).
//!
//! The hook handler takes `paths` alone, which needs only std and libc.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

#[cfg(all(feature = "paths", unix))]
pub mod dial;
#[cfg(feature = "ipc")]
pub mod ipc;
#[cfg(feature = "paths")]
pub mod paths;
#[cfg(feature = "paths")]
pub mod process;
#[cfg(feature = "wire")]
pub mod wire;
