//! Terminals that outlive the window: the holder of a PTY, its screen, and its clients.

pub mod input;
