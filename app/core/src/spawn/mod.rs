//! Opening terminals, without doing it: how a request is read, which commands a person has to allow first.
//!
//! A request's `command` is a text in one of the seed's forms, or a plain command. It is taken apart here and never
//! given to a shell; what only a shell could run is marked, and waits for a yes.

mod grammar;
mod plan;
mod programs;
mod scan;
mod words;

pub use grammar::{Line, read_line};
pub use plan::{Ask, Plan, Run, Wish, plan};
pub use scan::{Scan, Scanned};
