//! What players tell the demo, and how the demo stops them.

use serde::Serialize;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// What a player tells.
#[derive(Clone, Debug, Serialize)]
pub struct Note {
    /// What happened.
    #[serde(flatten)]
    pub what: What,
    /// Which recording.
    pub recording: &'static str,
    /// The session's project.
    pub project: String,
}

/// What happened to a session.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// It began.
    Began {
        /// The agent's own id for it.
        provider_session_id: String,
        /// The agent's process.
        pid: u32,
    },
    /// It asks.
    Asked {
        /// For which tool.
        tool: String,
    },
    /// It has its answer.
    Answered {
        /// `allow`, `deny`, or `none` when it was left to the terminal.
        decision: &'static str,
    },
    /// Its recording is at the end; it stays until the demo ends.
    Played,
    /// Its process was killed.
    Gone,
    /// It cannot go on.
    Broken {
        /// Why.
        error: String,
    },
}

/// Lets every player stop at once.
#[derive(Debug, Default)]
pub struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Ends all waiting.
    pub fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits; `false` when stopped.
    pub fn pause(&self, time: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(stopped, time, |stopped| !*stopped);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_ends_every_pause() {
        let stop = Stop::default();
        assert!(stop.pause(Duration::ZERO));
        stop.stop();
        assert!(!stop.pause(Duration::from_secs(3_600)));
    }
}
