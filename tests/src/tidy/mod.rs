//! The rules of the source tree, as functions from text to complaints, so that each can be shown to fail.
//!
//! `tests/tidy.rs` applies them to every file; [`rules`] holds what is forbidden where, [`matrix`] reads what the docs
//! promise, [`source`] makes
//! Rust text safe to search (no comments, no strings, `use` trees spelled out).

pub mod matrix;
pub mod rules;
pub mod source;
