//! The listeners over real sockets, with the receiving end of their channel as the hub.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod ahead;
mod cli;
mod gates;
mod health;
mod hooks;
mod hostile;
mod ide;
mod leave;
mod otlp;
mod streams;
mod support;
mod terminal;
