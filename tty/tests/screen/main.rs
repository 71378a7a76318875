//! The terminal emulator, its snapshots and its escape sequence stream.

mod answers;
mod compare;
mod cuts;
mod golden;
mod hostile;
mod sequences;
mod table;
mod texts;
