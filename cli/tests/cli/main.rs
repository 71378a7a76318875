//! The real `magia` binary against a server in the test that speaks the line protocol on a real socket. It
//! stands in for the app for what is printed and how the program ends; whole-program tests are elsewhere.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say where"
)]

mod changes;
mod faults;
mod samples;
mod streams;
mod support;
mod terminals;
mod views;
mod without_app;
