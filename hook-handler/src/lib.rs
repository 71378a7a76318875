//! What a hook calls: it takes the agent's event on stdin to the app and, as a gate, brings the answer back.
//!
//! Its rule is that an agent must never be harmed. No app, a wrong call, a slow or strange app: it ends with
//! status 0 and no output, as if there were no hook, within its deadline. Only `--fail-closed` turns that into
//! status 2 and a reason on stderr, which agents take as "no".
//!
//! It runs on every event of every agent, so its start-up time is its feature: std and libc only, built
//! static, not position independent and small, with musl where it can be: `scripts/static.sh magia-hook-handler`.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]
#![cfg(unix)]

pub mod args;
pub mod deliver;
pub mod io;
pub mod message;
pub mod reply;
