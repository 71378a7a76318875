//! What an agent's own shared daemon tells: provider-neutral, so that the model need not know a protocol.

use crate::event::GateId;
use magia_protocol::wire::hook::HookMessage;
use magia_protocol::wire::info::DaemonInfo;
use magia_protocol::wire::{Provider, ProviderSessionId, SessionState};

/// A fact from the daemon of one configuration directory.
#[derive(Debug)]
pub struct DaemonNews {
    /// The agent's kind.
    pub provider: Provider,
    /// The configuration directory whose daemon it is, as `/home/me/.codex`.
    pub root: String,
    /// What it tells.
    pub fact: DaemonFact,
}

/// What a daemon tells, or what is told of it.
#[derive(Debug)]
pub enum DaemonFact {
    /// How the connection is.
    Connection(DaemonInfo),
    /// A connection is new, and these are all sessions that the daemon holds.
    Holds(Vec<ProviderSessionId>),
    /// What a session is.
    Session(Box<HeldSession>),
    /// What a session does.
    Status {
        /// Which.
        session: ProviderSessionId,
        /// Its state.
        state: SessionState,
        /// The daemon's words for it.
        fact: String,
        /// When the daemon said so, milliseconds since 1970.
        at_ms: u64,
    },
    /// Something happened in a session. The message has no process: a daemon works for many sessions.
    Said(Box<HookMessage>),
    /// A session asks, here and in its terminals, and whoever answers first wins.
    Asked {
        /// Where our answer goes.
        gate: GateId,
        /// The request.
        message: Box<HookMessage>,
        /// The call that it is about.
        use_id: String,
    },
    /// What was asked at a gate was answered, here or elsewhere, or is not asked any more.
    Resolved(GateId),
    /// The daemon holds a session no longer.
    Dropped(ProviderSessionId),
    /// The connection broke, and with it what waited for our answer.
    Lost {
        /// Why, for a person.
        why: String,
    },
}

/// A session that a daemon holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldSession {
    /// The agent's own id.
    pub session: ProviderSessionId,
    /// Where it was forked from.
    pub parent: Option<ProviderSessionId>,
    /// Working directory.
    pub cwd: String,
    /// The name that it was given.
    pub name: Option<String>,
    /// Its first prompt.
    pub preview: Option<String>,
    /// Model name.
    pub model: Option<String>,
    /// The program that began it, as `codex-tui`.
    pub originator: Option<String>,
    /// Milliseconds since 1970.
    pub started_at_ms: u64,
}

impl GateId {
    /// Ids from here on belong to daemons; those of sockets are counted from 1.
    pub const DAEMONS: u64 = 1 << 62;
    /// How many gates one daemon's connection may count.
    const PER_DAEMON: u32 = 40;

    /// The first gate of the daemon number `index`.
    pub const fn of_daemon(index: u16) -> Self {
        Self(Self::DAEMONS | (index as u64) << Self::PER_DAEMON)
    }

    /// Ids with this bit belong to requests for terminals, which no connection of a handler waits for.
    const TERMINALS: u64 = 1 << 61;

    /// The gate of the request for a terminal number `count`.
    pub const fn of_terminal(count: u64) -> Self {
        Self(Self::TERMINALS | count)
    }

    /// Whether a request for a terminal waits here.
    pub const fn is_terminal(self) -> bool {
        self.0 & (Self::DAEMONS | Self::TERMINALS) == Self::TERMINALS
    }

    /// The number of the daemon that asks here; `None` for a hook's gate.
    pub const fn daemon(self) -> Option<u16> {
        if self.0 & Self::DAEMONS == 0 { None } else { Some((self.0 >> Self::PER_DAEMON) as u16) }
    }
}
