//! magia as an agent's editor: Claude Code connects to a WebSocket, Gemini CLI to a companion over HTTP, both speak MCP
//! and both open their edits as a diff; real editors connect as well and say what is shown in them.
//!
//! Here is the protocol without its sockets: texts in, texts and wishes out. Observed with Claude Code 2.1.197 and Gemini
//! CLI 0.61.0.

mod agent;
mod choice;
mod companion;
mod editors;
mod lock;
mod review;
mod role;
mod rpc;
mod tools;
mod wish;

pub use agent::{Agent, Answers, DIFFS_MAX, Told};
pub use choice::IdeServer;
pub use companion::Companion;
pub use editors::{Editor, EditorId, Editors, OpenFile, Position, Selection};
pub use lock::{IDE_NAME, LockFile};
pub use review::{Hunk, Review, Section};
pub use role::{EDITOR_PROTOCOL, EditorRole, EditorWish};
pub use rpc::{Incoming, RpcId, error, notification, request, result};
pub use tools::{OpenDiff, TOOLS};
pub use wish::{EditorCall, EditorTool};

use crate::event::GateId;
use crate::policy::RealPaths;
use magia_protocol::wire::ProcessId;
use std::sync::Arc;

/// A connection of an agent or an editor, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct ConnId(pub u32);

/// A change that an agent shows before it makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedDiff {
    /// The file, as the agent names it.
    pub path: String,
    /// What the file holds now, lines ended as in `new`; `None` when it is no text or could not be read.
    pub old: Option<Arc<str>>,
    /// What it would hold.
    pub new: Arc<str>,
    /// Whether there is no such file yet.
    pub is_new: bool,
}

/// What becomes of a change that an agent has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffAnswer {
    /// Accepted; the file is to hold this.
    Saved(Arc<str>),
    /// Refused.
    Rejected,
    /// Not decided here: the agent's own dialog decides.
    Undecided,
}

/// Who is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What kind of peer: `claude`, `gemini`, `editor`.
    pub kind: &'static str,
    /// What it calls itself, as `claude-code 2.1.197`.
    pub name: String,
    /// Its process, as the kernel knows it.
    pub process: Option<ProcessId>,
}

/// What the server tells.
#[derive(Debug)]
pub enum IdeFact {
    /// It listens, or no longer.
    Server {
        /// Its port; `None` when it does not listen.
        port: Option<u16>,
        /// The lock file that agents find it by, while there is one.
        lock: Option<String>,
    },
    /// Somebody has connected and said who it is.
    Connected {
        /// Which connection.
        conn: ConnId,
        /// Who.
        peer: Peer,
    },
    /// A connection ended, and with it what waited for its answers.
    Gone(ConnId),
    /// An agent shows a change and waits for its answer.
    DiffOpened {
        /// Where the answer goes.
        gate: GateId,
        /// The change.
        diff: Box<ProposedDiff>,
        /// Where it would act, when the disk could be asked.
        paths: Option<RealPaths>,
    },
    /// The agent does not wait for it any more: it was answered elsewhere.
    DiffClosed(GateId),
}

impl GateId {
    /// Ids with this bit belong to changes that agents show.
    const IDE: u64 = 1 << 60;
    /// Bits that count the changes of one connection.
    const PER_CONN: u32 = 24;

    /// The gate of the change number `count` of a connection.
    pub const fn of_diff(conn: ConnId, count: u32) -> Self {
        Self(Self::IDE | (conn.0 as u64) << Self::PER_CONN | (count as u64 & ((1 << Self::PER_CONN) - 1)))
    }

    /// The connection that shows a change here; `None` for other gates.
    pub const fn diff_conn(self) -> Option<ConnId> {
        if self.0 >> 60 == 1 { Some(ConnId((self.0 >> Self::PER_CONN) as u32)) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_knows_its_connection() {
        for conn in [1, 77, u32::MAX] {
            for count in [0, 1, 0xff_ffff] {
                assert_eq!(GateId::of_diff(ConnId(conn), count).diff_conn(), Some(ConnId(conn)));
            }
        }
        for other in [GateId(1), GateId::of_daemon(3), GateId::of_terminal(9)] {
            assert_eq!(other.diff_conn(), None);
        }
        assert!(!GateId::of_diff(ConnId(1), 1).is_terminal());
        assert_eq!(GateId::of_diff(ConnId(1), 1).daemon(), None);
    }
}
