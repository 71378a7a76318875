//! Notifications: what was told of, by which way, and what came of it.

use super::agent::words;
use super::metrics::short_count;
use super::{Provider, RequestId, SessionId};
use serde::{Deserialize, Serialize};
use std::fmt;

words! {
    /// What a notification is about, the most urgent first.
    NoticeKind {
        /// A permission, a question or a plan waits.
        Attention = "attention",
        /// A turn failed, or a session ended while it worked.
        Error = "error",
        /// A turn is over.
        Completed = "completed",
        /// Something worth knowing.
        Info = "info",
    }
}

words! {
    /// What came of a notification.
    NoticeOutcome {
        /// It is on its way.
        Sending = "sending",
        /// The desktop took it.
        Shown = "shown",
        /// It was not sent.
        Suppressed = "suppressed",
        /// It could not be shown.
        Failed = "failed",
    }
}

/// A row of the ledger, as `get_notifications` lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotificationInfo {
    /// Grows by one.
    pub id: u64,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// What about.
    pub kind: NoticeKind,
    /// Whose; [`SessionId::NOBODY`] when it is about no session.
    pub session: SessionId,
    /// The session's title; of a program, who it is.
    pub session_title: String,
    /// The last part of its directory.
    pub project: String,
    /// The agent's kind.
    pub provider: Option<Provider>,
    /// The request that it is about.
    pub request: Option<RequestId>,
    /// First line.
    pub title: String,
    /// The rest, control characters made visible.
    pub body: String,
    /// What came of it on the desktop.
    pub outcome: NoticeOutcome,
    /// Why it was suppressed, or failed.
    pub why: Option<String>,
    /// What came of it elsewhere.
    pub channels: Vec<ChannelInfo>,
    /// A person has seen it.
    pub read: bool,
    /// What it told of is settled.
    pub over: bool,
}

/// What happened since the user left the window, as `get_digest` gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DigestInfo {
    /// When the window lost the focus, or the program started, milliseconds since 1970.
    pub since_ms: u64,
    /// How long ago, milliseconds.
    pub away_ms: u64,
    /// Sessions that did something.
    pub sessions: u32,
    /// Different files that were written.
    pub files: u32,
    /// Commands that ran.
    pub commands: u32,
    /// Of those, commits.
    pub commits: u32,
    /// Requests that a person allowed, from wherever.
    pub allowed: u32,
    /// Requests that a person denied.
    pub denied: u32,
    /// Requests that a rule answered.
    pub by_rule: u32,
    /// Turns that ended.
    pub done: u32,
    /// Turns that failed.
    pub failed: u32,
    /// Tokens that telemetry told of, without those that were read from caches.
    #[serde(default)]
    pub tokens: u64,
}

impl DigestInfo {
    /// `Since you left, 42 min ago: 3 files written, 12 commands, 1 commit`.
    pub fn in_words(&self) -> String {
        let counts = [
            (self.files, "file written", "files written"),
            (self.commands, "command", "commands"),
            (self.commits, "commit", "commits"),
            (self.allowed, "request allowed", "requests allowed"),
            (self.denied, "request denied", "requests denied"),
            (self.by_rule, "answered by a rule", "answered by rules"),
            (self.done, "turn done", "turns done"),
            (self.failed, "turn failed", "turns failed"),
        ];
        let tokens = (self.tokens > 0).then(|| format!("{} tokens", short_count(self.tokens)));
        let parts: Vec<String> = counts
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
            .chain(tokens)
            .collect();
        let happened = if parts.is_empty() { "nothing happened".to_owned() } else { parts.join(", ") };
        let ago = match self.away_ms / 60_000 {
            0 => "just now".to_owned(),
            minutes @ 1..120 => format!("{minutes} min ago"),
            minutes => format!("{} h ago", minutes / 60),
        };
        format!("Since you left, {ago}: {happened}")
    }
}

/// What came of a notification on another way than the desktop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelInfo {
    /// `command`, `webhook`, `ntfy`.
    pub channel: String,
    /// What came of it.
    pub outcome: NoticeOutcome,
    /// Why it failed.
    pub why: Option<String>,
}
