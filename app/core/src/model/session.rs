//! One agent session: its facts, and what was seen of it.

use super::ahead::Foreseen;
use super::cost::HookCost;
use super::evidence::{Verdict, Waiting};
use super::titles;
pub use crate::event::Seen;
use crate::event::{AgentEvent, RegistryStatus, StoredSession};
use crate::normalize::gemini::Thread;
use crate::timeline::Timeline;
use crate::transcript::TranscriptItem;
use magia_protocol::wire::info::{ClaimInfo, SessionInfo};
use magia_protocol::wire::{
    ProcessId, Provider, ProviderSessionId, RequestId, SessionId, SessionState, TitleSource,
};
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

/// Calls, and subagents, that are remembered as begun: nothing tells of the end of one that the user broke off.
pub const BEGUN_MAX: usize = 256;

/// A tool call that has begun and not ended.
#[derive(Clone, Debug)]
pub struct PendingTool {
    /// The provider's id of the call.
    pub use_id: String,
    /// The subagent that called.
    pub agent_id: Option<String>,
    /// Tool name.
    pub tool: String,
    /// Its input.
    pub input: Arc<Value>,
    /// The request that was tied to it.
    pub request: Option<RequestId>,
}

/// Titles by source.
#[derive(Clone, Debug, Default)]
pub struct TitleSet {
    /// Given in magia.
    pub user: Option<String>,
    /// Given in the agent.
    pub custom: Option<String>,
    /// Given by the agent.
    pub ai: Option<String>,
    /// Made of the first prompt.
    pub prompt: Option<String>,
    /// The settings want no title that is made of a prompt.
    pub no_suggestions: bool,
}

/// Whether the timeline holds what the store has.
#[derive(Clone, Debug)]
pub enum History {
    /// Nothing was read; the store has more.
    Unread,
    /// It is being read; what came meanwhile waits here.
    Reading(Meanwhile),
    /// The timeline is complete from here on.
    Read,
    /// The store could not be read: there is what came since.
    Partial,
}

/// What came while a timeline was read.
#[derive(Clone, Debug)]
pub struct Meanwhile {
    /// Told by hooks.
    pub events: Vec<Arc<AgentEvent>>,
    /// The transcript was begun anew.
    pub begun: bool,
    /// Told by the transcript since, oldest first.
    pub transcript: VecDeque<TranscriptItem>,
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Ours.
    pub id: SessionId,
    /// The agent's kind.
    pub provider: Provider,
    /// The agent's configuration directory.
    pub config_root: String,
    /// The agent's own id.
    pub provider_session_id: ProviderSessionId,
    /// Where it came from.
    pub parent: Option<SessionId>,
    /// The process that it was first heard of from.
    pub born_of: Option<ProcessId>,
    /// Working directory.
    pub cwd: String,
    /// Titles.
    pub titles: TitleSet,
    /// The agent's transcript.
    pub transcript_path: Option<String>,
    /// Model name.
    pub model: Option<String>,
    /// The agent's permission mode.
    pub permission_mode: Option<String>,
    /// Terminal.
    pub tty: Option<String>,
    /// Live processes, the newest last.
    pub processes: Vec<ProcessId>,
    /// Milliseconds since 1970.
    pub started_at_ms: u64,
    /// Milliseconds since 1970.
    pub last_activity_ms: u64,
    /// How it ended, if it did.
    pub ended: Option<Seen>,
    /// Kept at the top.
    pub pinned: bool,
    /// Left out of lists.
    pub hidden: bool,
    /// What the last hook said, or an answer of ours.
    pub hook: Option<Seen>,
    /// Whether a hook of it has come since magia runs.
    pub hooked: bool,
    /// What a restart would go by: the hook's word, or the request that waits, as of the last change of state.
    pub kept: Option<Seen>,
    /// Its row in the store is to be written again.
    pub unsaved: bool,
    /// What the agent's own daemon says of it, or said last.
    pub daemon: Option<Seen>,
    /// Whether the daemon holds it now.
    pub held: bool,
    /// What the registry says, with its own word.
    pub registry: Option<(RegistryStatus, Seen)>,
    /// What its process worked on before a hook named this one, and when that was, milliseconds since 1970, until the
    /// registry has named this one too.
    pub left_behind: Option<(ProviderSessionId, u64)>,
    /// When magia last answered a request of it, milliseconds since 1970.
    pub answered_ms: Option<u64>,
    /// Calls that have begun and not ended, oldest first.
    pub pending: Vec<PendingTool>,
    /// Subagents at work.
    pub subagents: BTreeSet<String>,
    /// The main conversation's turn is over; subagents may still work.
    pub between_turns: bool,
    /// Gemini's turn and calls, which have no names of their own.
    pub thread: Thread,
    /// It has heard of all events of the turn, live or from the store.
    pub knows_thread: bool,
    /// Its timeline.
    pub timeline: Timeline,
    /// Whether that is complete.
    pub history: History,
    /// When the timeline was last wanted: the later, the larger.
    pub wanted: u64,
    /// State as last published, and since when.
    pub shown: (SessionState, u64),
    /// Since when its newest turn is over and nobody has looked.
    pub unread_since_ms: Option<u64>,
    /// Since when several live processes work on it.
    pub hijacked_since_ms: Option<u64>,
    /// From when to when magia last did not run while it lived.
    pub off: Option<(u64, u64)>,
    /// What hooks cost it.
    pub hook_cost: HookCost,
    /// What the rules say to the call that began last.
    pub foreseen: Option<Box<Foreseen>>,
}

impl Session {
    /// A session that was just heard of.
    pub fn new(
        id: SessionId,
        provider: Provider,
        config_root: String,
        psid: ProviderSessionId,
        now_ms: u64,
    ) -> Self {
        Self {
            id,
            provider,
            config_root,
            provider_session_id: psid,
            parent: None,
            born_of: None,
            cwd: String::new(),
            titles: TitleSet::default(),
            transcript_path: None,
            model: None,
            permission_mode: None,
            tty: None,
            processes: Vec::new(),
            started_at_ms: now_ms,
            last_activity_ms: now_ms,
            ended: None,
            pinned: false,
            hidden: false,
            hook: None,
            hooked: false,
            kept: None,
            unsaved: false,
            daemon: None,
            held: false,
            registry: None,
            left_behind: None,
            answered_ms: None,
            pending: Vec::new(),
            subagents: BTreeSet::new(),
            between_turns: false,
            thread: Thread::default(),
            knows_thread: true,
            timeline: Timeline::default(),
            history: History::Read,
            wanted: 0,
            shown: (SessionState::Idle, now_ms),
            unread_since_ms: None,
            hijacked_since_ms: None,
            off: None,
            hook_cost: HookCost::default(),
            foreseen: None,
        }
    }

    /// A session from the store. Whether it still lives is found out by its process.
    pub fn restore(stored: StoredSession) -> Self {
        let mut session = Self::new(
            stored.id,
            stored.provider,
            stored.config_root,
            stored.provider_session_id,
            stored.last_activity_ms,
        );
        match stored.title_source {
            TitleSource::User => session.titles.user = stored.title,
            TitleSource::Custom => session.titles.custom = stored.title,
            TitleSource::Ai => session.titles.ai = stored.title,
            TitleSource::Prompt => session.titles.prompt = stored.title,
            TitleSource::Directory => {}
        }
        session.parent = stored.parent;
        session.cwd = stored.cwd;
        session.transcript_path = stored.transcript_path;
        session.model = stored.model;
        session.started_at_ms = stored.started_at_ms;
        session.pinned = stored.pinned;
        session.hidden = stored.hidden;
        session.history = History::Unread;
        session.knows_thread = false;
        match stored.process {
            Some(process) if !stored.ended => {
                session.processes.push(process);
                session.between_turns = stored.between_turns;
                if let Some(seen) = stored.seen {
                    session.shown = (seen.state, seen.at_ms);
                    session.saw(seen.state, format!("{}, before magia started", seen.fact), seen.at_ms);
                    session.kept = Some(seen);
                }
            }
            _ => {
                session.end("ended before magia started", stored.last_activity_ms);
                session.shown = (SessionState::Ended, stored.last_activity_ms);
            }
        }
        session
    }

    /// Forgets the timeline until it is wanted: the store has it.
    pub fn put_timeline_away(&mut self) {
        self.timeline = Timeline::default();
        self.history = History::Unread;
    }

    /// The row for the store.
    pub fn stored(&self) -> StoredSession {
        let (title, title_source) = self.title();
        StoredSession {
            id: self.id,
            provider: self.provider,
            config_root: self.config_root.clone(),
            provider_session_id: self.provider_session_id.clone(),
            parent: self.parent,
            cwd: self.cwd.clone(),
            title: (title_source != TitleSource::Directory).then_some(title),
            title_source,
            transcript_path: self.transcript_path.clone(),
            model: self.model.clone(),
            process: self.processes.last().copied(),
            started_at_ms: self.started_at_ms,
            last_activity_ms: self.last_activity_ms,
            ended: self.ended.is_some(),
            pinned: self.pinned,
            hidden: self.hidden,
            seen: self.kept.clone(),
            between_turns: self.between_turns,
        }
    }

    /// Keeps what a restart would go by, when that is another state than before, which makes the row worth writing
    /// again. What a registry or a daemon says is not kept: a restart asks them anew.
    pub fn keep_state(&mut self, waiting: Option<&Waiting>) -> bool {
        if self.ended.is_some() || self.processes.is_empty() || self.is_unnamed() {
            return false;
        }
        let state = waiting.map(|one| one.state).or(self.hook.as_ref().map(|seen| seen.state));
        if state == self.kept.as_ref().map(|seen| seen.state) {
            return false;
        }
        self.kept = match waiting {
            Some(one) => Some(Seen { state: one.state, fact: one.fact.clone(), at_ms: one.at_ms }),
            None => self.hook.clone(),
        };
        true
    }

    /// A number that differs when [`Self::stored`] does in more than its last activity, which alone makes no row worth
    /// writing again. Made for every event, so nothing is copied for it.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let titles = &self.titles;
        (&titles.user, &titles.custom, &titles.ai, &titles.prompt).hash(&mut hasher);
        (&self.config_root, &self.cwd, &self.transcript_path, &self.model).hash(&mut hasher);
        (self.parent, self.processes.last(), self.started_at_ms, self.ended.is_some()).hash(&mut hasher);
        (self.pinned, self.hidden).hash(&mut hasher);
        hasher.finish()
    }

    /// Whether only its process is known: no hook has named the session yet. Such a one is not stored.
    pub fn is_unnamed(&self) -> bool {
        self.provider_session_id.0.is_empty()
    }

    /// The transcript, when it is one that magia can read.
    pub fn readable_transcript(&self) -> Option<&String> {
        self.transcript_path.as_ref().filter(|_| self.provider == Provider::Claude)
    }

    /// What to call it: user, agent's custom, agent's own, first prompt, directory.
    pub fn title(&self) -> (String, TitleSource) {
        let titles = &self.titles;
        let found = [
            (&titles.user, TitleSource::User),
            (&titles.custom, TitleSource::Custom),
            (&titles.ai, TitleSource::Ai),
            (&titles.prompt, TitleSource::Prompt),
        ];
        found
            .into_iter()
            .filter(|(_, source)| *source != TitleSource::Prompt || !titles.no_suggestions)
            .find_map(|(title, source)| title.clone().map(|title| (title, source)))
            .unwrap_or_else(|| {
                if self.is_unnamed() {
                    return ("Session not known yet".to_owned(), TitleSource::Directory);
                }
                let directory = titles::clean(&self.project());
                (directory.unwrap_or_else(|| self.provider.as_str().to_owned()), TitleSource::Directory)
            })
    }

    /// The last part of its directory; the provider's name when there is none.
    pub fn project(&self) -> String {
        let name = self.cwd.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        if name.is_empty() { self.provider.as_str().to_owned() } else { name.to_owned() }
    }

    /// Marks it as ended.
    pub fn end(&mut self, fact: &str, at_ms: u64) {
        self.ended = Some(Seen { state: SessionState::Ended, fact: fact.to_owned(), at_ms });
        self.kept = None;
        self.daemon = None;
        self.held = false;
        self.registry = None;
        self.pending.clear();
        self.subagents.clear();
        self.foreseen = None;
    }

    /// It lives after all, or again: what was seen of its earlier life says nothing any more.
    pub fn revive(&mut self) {
        if self.ended.take().is_some() {
            self.hook = None;
            self.registry = None;
            self.between_turns = false;
        }
    }

    /// Whether it lives by a daemon alone, or did until the daemon was lost.
    pub const fn is_held_or_lost(&self) -> bool {
        self.ended.is_none() && self.daemon.is_some()
    }

    /// A turn of the main conversation began; what an earlier one left behind was broken off.
    pub fn turn_began(&mut self) {
        self.between_turns = false;
        self.pending.retain(|call| call.agent_id.is_some());
    }

    /// The main conversation's turn is over.
    pub fn turn_over(&mut self) {
        self.between_turns = true;
        self.pending.retain(|call| call.agent_id.is_some());
    }

    /// A call began; when it is told twice it counts once.
    pub fn call_began(&mut self, call: PendingTool) {
        let known = |other: &PendingTool| !call.use_id.is_empty() && other.use_id == call.use_id;
        if self.ended.is_some() || self.pending.iter().any(known) {
            return;
        }
        if self.pending.len() >= BEGUN_MAX {
            self.pending.remove(0);
        }
        self.pending.push(call);
    }

    /// A subagent began.
    pub fn subagent_began(&mut self, agent_id: Option<&str>) {
        let Some(agent_id) = agent_id.filter(|_| self.ended.is_none()) else { return };
        if self.subagents.len() >= BEGUN_MAX {
            self.subagents.pop_first();
        }
        self.subagents.insert(agent_id.to_owned());
    }

    /// A subagent ended. The last one that outlived the turn leaves nothing at work.
    pub fn subagent_ended(&mut self, agent_id: &str, fact: String, at_ms: u64) {
        self.subagents.remove(agent_id);
        self.pending.retain(|call| call.agent_id.as_deref() != Some(agent_id));
        let works = self.hook.as_ref().is_some_and(|hook| hook.state == SessionState::Working);
        if self.between_turns && self.subagents.is_empty() && works {
            self.saw(SessionState::Idle, fact, at_ms);
        }
    }

    /// A hook, or an answer of ours, spoke for a state.
    pub fn saw(&mut self, state: SessionState, fact: impl Into<String>, at_ms: u64) {
        self.hook = Some(Seen { state, fact: fact.into(), at_ms });
    }

    /// The row for lists.
    pub fn info(&self, verdict: Verdict, requests: Vec<RequestId>, claims: Vec<ClaimInfo>) -> SessionInfo {
        let (title, title_source) = self.title();
        SessionInfo {
            id: self.id,
            provider: self.provider,
            provider_session_id: Some(self.provider_session_id.clone()).filter(|_| !self.is_unnamed()),
            parent: self.parent,
            title,
            title_source,
            cwd: self.cwd.clone(),
            project: self.project(),
            state: verdict.state,
            state_since_ms: self.shown.1,
            evidence: verdict.evidence,
            disagreement: verdict.disagreement,
            process: self.processes.last().copied(),
            tty: self.tty.clone(),
            terminal: None,
            editor: None,
            model: self.model.clone(),
            permission_mode: self.permission_mode.clone(),
            started_at_ms: self.started_at_ms,
            last_activity_ms: self.last_activity_ms,
            requests,
            pinned: self.pinned,
            hidden: self.hidden,
            transcript_path: self.transcript_path.clone(),
            subagents: u32::try_from(self.subagents.len()).unwrap_or(u32::MAX),
            hijacked_since_ms: self.hijacked_since_ms,
            unread_since_ms: self.unread_since_ms,
            claims,
            hook_cost: self.hook_cost.info(),
        }
    }
}
