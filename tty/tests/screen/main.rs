//! The terminal emulator, its snapshots and its escape sequence stream.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod answers;
mod compare;
mod counting;
mod cuts;
mod golden;
mod hostile;
mod recorded;
mod sequences;
mod table;
mod texts;
