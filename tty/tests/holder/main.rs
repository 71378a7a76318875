//! Real holders with real programs in real pseudo-terminals, spoken to over their sockets.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say where"
)]

mod clients;
mod directory;
mod flow;
mod foreign;
mod hangup;
mod kill;
mod life;
mod recording;
mod sizes;
mod support;
mod typing;
mod upgrade;
