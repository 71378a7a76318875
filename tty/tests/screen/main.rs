//! The terminal emulator, its snapshots and its escape sequence stream.

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
