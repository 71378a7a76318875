//! What a client knows of one thread of the daemon.

use crate::daemon::HeldSession;
use crate::event::GateId;
use crate::normalize::codex_daemon::with_fields;
use magia_protocol::wire::{ProviderSessionId, SessionState};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Items of a turn that are remembered.
const ITEMS_MAX: usize = 4_096;

/// Whether the daemon sends us a thread's items and requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subscription {
    /// It does not.
    #[default]
    No,
    /// We asked for it.
    Asked,
    /// It does.
    Yes,
    /// It would not, before the thread's first turn.
    Refused,
}

/// A thread's status, as `{"type":"active","activeFlags":["waitingOnApproval"]}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not in the daemon's memory.
    NotLoaded,
    /// No turn runs.
    Idle,
    /// The thread is broken.
    SystemError,
    /// A turn runs.
    Active,
    /// A turn waits for an approval.
    Approval,
    /// A turn waits for an answer to a question.
    Input,
}

impl Status {
    /// Reads it; `None` when it is not known.
    pub fn read(value: &Value) -> Option<Self> {
        let has = |flag: &str| {
            let flags = value.get("activeFlags").and_then(Value::as_array);
            flags.into_iter().flatten().any(|known| known.as_str() == Some(flag))
        };
        match value.get("type").and_then(Value::as_str)? {
            "notLoaded" => Some(Self::NotLoaded),
            "idle" => Some(Self::Idle),
            "systemError" => Some(Self::SystemError),
            "active" if has("waitingOnApproval") => Some(Self::Approval),
            "active" if has("waitingOnUserInput") => Some(Self::Input),
            "active" => Some(Self::Active),
            _ => None,
        }
    }

    /// Whether a turn runs.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Active | Self::Approval | Self::Input)
    }

    /// What it means here; `None` for a thread that is not loaded.
    pub const fn state(self) -> Option<SessionState> {
        match self {
            Self::NotLoaded => None,
            Self::Idle => Some(SessionState::Idle),
            Self::SystemError => Some(SessionState::Failed),
            Self::Active => Some(SessionState::Working),
            Self::Approval => Some(SessionState::WaitingPermission),
            Self::Input => Some(SessionState::WaitingAnswer),
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::NotLoaded => "notLoaded",
            Self::Idle => "idle",
            Self::SystemError => "systemError",
            Self::Active => "active",
            Self::Approval => "active, waitingOnApproval",
            Self::Input => "active, waitingOnUserInput",
        }
    }
}

/// A thread.
#[derive(Debug, Default)]
pub struct Thread {
    /// Whether the daemon has described it.
    known: bool,
    /// Nobody's: it makes titles, or serves the program itself.
    hidden: bool,
    originator: Option<String>,
    /// The thread whose subagent it is.
    pub parent: Option<String>,
    /// Its status as last told.
    pub status: Option<Status>,
    /// Whether its items come to us.
    pub subscription: Subscription,
    /// A turn began and we did not see its end.
    pub turn_open: bool,
    /// What file changes of the running turn would change, by item.
    pub changes: BTreeMap<String, Value>,
    /// Requests that wait for the answer to our resume.
    pub waiting: Vec<(GateId, Value)>,
    /// Items of the running turn that were told, as far back as is remembered.
    told: BTreeSet<(String, bool)>,
    /// The same, in the order in which they were told.
    told_in_order: VecDeque<(String, bool)>,
}

impl Thread {
    /// Takes the daemon's description.
    pub fn learn(&mut self, described: &Value) {
        let text = |key: &str| described.get(key).and_then(Value::as_str);
        let internal = described.pointer("/source/internal").is_some();
        self.known = true;
        self.hidden = described.get("ephemeral") == Some(&Value::Bool(true))
            || text("threadSource") == Some("thread_title")
            || internal;
        self.parent = text("parentThreadId").map(str::to_owned);
        self.originator = text("originator").map(|name| name.chars().take(64).collect());
        if self.status.is_none() {
            self.status = described.get("status").and_then(Status::read);
        }
    }

    /// Whether it is a person's, as far as is known.
    pub const fn is_shown(&self) -> bool {
        self.known && !self.hidden
    }

    /// Whether a turn runs, or ended without our having seen it.
    pub fn is_busy(&self) -> bool {
        self.turn_open || self.status.is_some_and(Status::is_active)
    }

    /// What the hub is told of it; `None` for a subagent.
    pub fn held(&self, id: &str, described: &Value) -> Option<HeldSession> {
        let text = |key: &str| {
            let text = described.get(key).and_then(Value::as_str);
            text.filter(|text| !text.trim().is_empty()).map(str::to_owned)
        };
        if self.parent.is_some() {
            return None;
        }
        Some(HeldSession {
            session: ProviderSessionId(id.to_owned()),
            parent: text("forkedFromId").map(ProviderSessionId),
            cwd: text("cwd").unwrap_or_default(),
            name: text("name"),
            preview: text("preview"),
            model: text("model"),
            originator: self.originator.clone(),
            started_at_ms: described.get("createdAt").and_then(Value::as_u64).unwrap_or_default() * 1_000,
        })
    }

    /// A status in words, as evidence.
    pub fn words(&self, status: Status) -> String {
        match &self.originator {
            Some(originator) => format!("thread {}, by {originator}", status.word()),
            None => format!("thread {}", status.word()),
        }
    }

    /// Params with the parent's id, when this is a subagent's thread.
    pub fn addressed(&self, params: &Value) -> Value {
        match &self.parent {
            Some(parent) => with_fields(params, &[("parentThreadId", parent.as_str().into())]),
            None => params.clone(),
        }
    }

    /// Whether this was not told before: what a running turn had comes with our subscription, and perhaps again.
    pub fn is_new(&mut self, method: &str, params: &Value) -> bool {
        let (Some(item), true) = (params.get("item"), method.starts_with("item/")) else { return true };
        let Some(id) = item.get("id").and_then(Value::as_str) else { return false };
        if let Some(changes) = item.get("changes") {
            self.changes.insert(id.to_owned(), changes.clone());
        }
        // Words are told when they are whole.
        let whole = method == "item/completed";
        let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
        if !whole && matches!(kind, "userMessage" | "agentMessage" | "reasoning" | "plan") {
            return false;
        }
        let key = (id.to_owned(), whole);
        let new = self.told.insert(key.clone());
        if new {
            self.told_in_order.push_back(key);
        }
        // An item that is forgotten would be told twice if it came again, which is better than that none is told.
        if self.told_in_order.len() > ITEMS_MAX
            && let Some(oldest) = self.told_in_order.pop_front()
        {
            self.told.remove(&oldest);
        }
        new
    }

    /// The running turn is over.
    pub fn forget_turn(&mut self) {
        self.turn_open = false;
        self.changes.clear();
        self.told.clear();
        self.told_in_order.clear();
    }
}
