//! The one dispatch: every command, whoever sent it.

use super::session::History;
use super::{Effects, Model};
use crate::effect::{Effect, Job, StoreWrite, Update};
use crate::event::{AgentEvent, Ancestor, Now, Origin, ReplyId};
use crate::normalize;
use crate::settings::Settings;
use crate::timeline::{Body, TimelineItem};
use magia_protocol::wire::command::{
    GetTimeline, ListRequests, ListSessions, OpenWindow, ResolvePermission, SetTitle, Subscribe, UpdateSession,
};
use magia_protocol::wire::info::{CheckInfo, RequestInfo, StateCount, StatusInfo, TimelineInfo};
use magia_protocol::wire::method::Access;
use magia_protocol::wire::nearest::nearest;
use magia_protocol::wire::{Command, ErrorCode, RequestId, RpcError, SessionId, SessionState, WIRE_VERSION};
use serde_json::{Value, json};

/// Programs that are agents whatever they say.
const AGENT_EXES: &[&str] = &["claude", "codex", "gemini"];

/// Programs that stand above an agent and above the user's other work alike: that one of them was once taken for an
/// agent, because someone ran the hook handler by hand, must not lock the user out.
const NEVER_AGENTS: &[&str] = &[
    "sh",
    "bash",
    "dash",
    "zsh",
    "fish",
    "tmux",
    "tmux: server",
    "screen",
    "login",
    "sshd",
    "systemd",
    "init",
    "gnome-terminal-",
    "konsole",
    "kitty",
    "alacritty",
    "xterm",
    "wezterm-gui",
    "foot",
];

/// Entries of a timeline when none are asked for.
const TIMELINE_LIMIT: usize = 200;

/// Requests in a list when no number is asked for.
const REQUESTS_LIMIT: usize = 100;

/// Longest title, in characters.
const TITLE_MAX: usize = 200;

type Outcome = Result<Value, RpcError>;

impl Model {
    pub(super) fn command(
        &mut self,
        now: Now,
        reply: ReplyId,
        command: Command,
        origin: &Origin,
        fx: &mut Effects,
    ) {
        if *origin == Origin::Window {
            self.window_replies.insert(reply);
        }
        let refused = command
            .spec()
            .filter(|spec| spec.access == Access::Guarded)
            .and(self.refuse_agents(origin).err());
        if let Some(err) = refused {
            return self.reply(reply, Err(err), fx);
        }
        let outcome: Outcome = match command {
            Command::Status(_) => to_json(self.status(now)),
            Command::GetActiveSessions(params) => self.list_sessions(&params),
            Command::GetSession(params) | Command::ExplainSession(params) => {
                self.session_named(&params.session).and_then(|id| self.row_json(id))
            }
            Command::GetTimeline(params) => return self.timeline_asked(reply, &params, fx),
            Command::GetAgentEvents(params) => {
                let session = params.session.as_deref().map(|typed| self.session_named(typed)).transpose();
                match session {
                    Ok(session) => return run(reply, Job::ListEvents { params, session }, fx),
                    Err(err) => Err(err),
                }
            }
            Command::SubscribeEvents(params) => return self.subscribe(reply, params, fx),
            Command::GetPermissionRequests(params) => self.list_requests(&params),
            Command::ResolvePermission(params) => self.resolve(now, params, origin, fx),
            Command::SetSessionTitle(SetTitle { session, title }) => self.update_session(
                UpdateSession { session, title: Some(title), ..UpdateSession::default() },
                fx,
            ),
            Command::UpdateSession(params) => self.update_session(params, fx),
            Command::LoadSettings(_) => Ok(Value::Object(self.settings.to_json())),
            Command::SaveSettings(params) => match Settings::check(&params.settings) {
                Ok(()) => return run(reply, Job::SaveSettings(params), fx),
                Err(wanted) => Err(RpcError::new(ErrorCode::BadParams, wanted)),
            },
            Command::HooksStatus(params) => return run(reply, Job::HooksStatus(params), fx),
            Command::InstallHooks(params) => return run(reply, Job::InstallHooks(params), fx),
            Command::UninstallHooks(params) => return run(reply, Job::UninstallHooks(params), fx),
            Command::ReadClaudeSettings(_) => return run(reply, Job::ReadClaudeSettings, fx),
            Command::UpdateClaudeSettings(params) => {
                return run(reply, Job::UpdateClaudeSettings(params), fx);
            }
            Command::DetectInstalledProviders(params) => match (&self.providers, params.refresh) {
                (Some(known), false) => to_json(known),
                _ => return run(reply, Job::Detect(params), fx),
            },
            Command::RetryListener(params) => {
                let known = self.listeners.iter().map(|listener| listener.name.as_str());
                match self.listeners.iter().any(|listener| listener.name == params.name) {
                    true => return run(reply, Job::RetryListener(params.name), fx),
                    false => Err(with_nearest(
                        RpcError::new(ErrorCode::NotFound, format!("there is no listener {:?}", params.name)),
                        nearest(&params.name, known),
                    )),
                }
            }
            Command::OpenWindow(params) => self.open_window(&params, fx),
            Command::Doctor(_) => return run(reply, Job::Doctor(self.checks()), fx),
            Command::PurgeData(params) => {
                let live = self.sessions.values().filter(|session| session.ended.is_none());
                let keep = live.map(|session| session.id).collect();
                return run(reply, Job::Purge { params, keep }, fx);
            }
        };
        self.reply(reply, outcome, fx);
    }

    /// A job is done.
    pub(super) fn job_finished(&mut self, reply: ReplyId, outcome: Outcome, fx: &mut Effects) {
        if self.window_replies.contains(&reply)
            && let Ok(value) = &outcome
            && let Some(file) = value.get("file").and_then(Value::as_str)
            && let Some(changed) = value.get("changed").and_then(Value::as_bool)
        {
            let text =
                if changed { format!("Wrote {file}") } else { format!("{file} was already as wanted") };
            self.toast(false, text);
        }
        self.reply(reply, outcome, fx);
    }

    /// Answers a requester; what the window asked for is answered by a toast when it failed.
    fn reply(&mut self, to: ReplyId, outcome: Outcome, fx: &mut Effects) {
        if !self.window_replies.remove(&to) {
            return fx.push(Effect::Reply { to, outcome });
        }
        if let Err(err) = outcome {
            let hint = err.hint.map(|hint| format!(": {hint}")).unwrap_or_default();
            self.toast(true, format!("{}{hint}", err.message));
        }
    }

    /// An agent must not approve itself, by accident or because a text told it to.
    fn refuse_agents(&self, origin: &Origin) -> Result<(), RpcError> {
        let Origin::Cli { ancestors, .. } = origin else { return Ok(()) };
        no_agent_above(ancestors)?;
        let known = ancestors.iter().find(|ancestor| {
            self.by_process.contains_key(&ancestor.process) && !NEVER_AGENTS.contains(&ancestor.exe.as_str())
        });
        known.map_or(Ok(()), |agent| Err(refused_inside(agent)))
    }

    /// The session that a person means: its id, a unique prefix or end of it, or of the agent's own id.
    fn session_named(&self, typed: &str) -> Result<SessionId, RpcError> {
        let typed = typed.trim();
        if let Ok(id) = typed.parse::<SessionId>()
            && self.sessions.contains_key(&id)
        {
            return Ok(id);
        }
        let named = |session: &&super::Session| {
            session.id.is_named_by(typed)
                || (typed.len() >= 4 && session.provider_session_id.0.starts_with(typed))
        };
        let found: Vec<SessionId> =
            self.sessions.values().filter(named).map(|session| session.id).take(2).collect();
        match found.as_slice() {
            [id] => Ok(*id),
            [] => Err(RpcError::new(ErrorCode::NotFound, format!("there is no session {typed:?}"))
                .with_hint("`magia ls --all` lists the sessions")),
            _ => Err(RpcError::new(
                ErrorCode::Ambiguous,
                format!("several sessions begin or end with {typed:?}"),
            )
            .with_hint("type more of the id")),
        }
    }

    fn request_named(&self, typed: &str) -> Result<RequestId, RpcError> {
        let typed = typed.trim();
        if let Ok(id) = typed.parse::<RequestId>()
            && self.requests.contains_key(&id)
        {
            return Ok(id);
        }
        let named: Vec<&super::PermissionRequest> =
            self.requests.values().filter(|request| request.id.is_named_by(typed)).collect();
        let open: Vec<RequestId> =
            named.iter().filter(|request| request.state.waits()).map(|request| request.id).collect();
        match (open.as_slice(), named.as_slice()) {
            ([id], _) => Ok(*id),
            ([], [one]) => Ok(one.id),
            ([], []) if self.session_named(typed).is_ok() => {
                Err(RpcError::new(ErrorCode::BadParams, format!("{typed:?} names a session, not a request"))
                    .with_hint("`magia permissions` lists the requests with their ids"))
            }
            ([], []) => Err(RpcError::new(ErrorCode::NotFound, format!("there is no request {typed:?}"))
                .with_hint("`magia permissions` lists what is open")),
            _ => Err(RpcError::new(
                ErrorCode::Ambiguous,
                format!("several requests begin or end with {typed:?}"),
            )
            .with_hint("type more of the id")),
        }
    }

    fn resolve(&mut self, now: Now, params: ResolvePermission, origin: &Origin, fx: &mut Effects) -> Outcome {
        let id = self.request_named(&params.id)?;
        let by = match origin {
            Origin::Window => "window".to_owned(),
            Origin::Cli { pid, exe: Some(exe), .. } => format!("cli {pid} ({})", exe.display()),
            Origin::Cli { pid, exe: None, .. } => format!("cli {pid}"),
        };
        let reason = params.reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        self.decide(now, id, params.decision, by, reason, params.answers.as_ref(), fx)?;
        match self.requests.get(&id) {
            Some(request) => to_json(self.request_info(request)),
            None => Ok(Value::Null),
        }
    }

    fn list_requests(&self, params: &ListRequests) -> Outcome {
        let limit = params.limit.map_or(REQUESTS_LIMIT, |limit| limit as usize);
        let rows: Vec<RequestInfo> = if params.all {
            self.requests.values().rev().take(limit).map(|request| self.request_info(request)).collect()
        } else {
            let open = self.requests.values().filter(|request| request.state.waits());
            open.take(limit).map(|request| self.request_info(request)).collect()
        };
        to_json(rows)
    }

    fn list_sessions(&self, params: &ListSessions) -> Outcome {
        let shown = self.rows().filter(|row| params.all || (row.state != SessionState::Ended && !row.hidden));
        let mut rows: Vec<_> = shown.collect();
        rows.sort_by_key(|row| (!row.state.needs_you(), row.started_at_ms, row.id));
        to_json(rows.into_iter().map(|row| &**row).collect::<Vec<_>>())
    }

    fn row_json(&self, id: SessionId) -> Outcome {
        match self.row(id) {
            Some(row) => to_json(&**row),
            None => Err(RpcError::new(ErrorCode::NotFound, "there is no such session")),
        }
    }

    fn update_session(&mut self, params: UpdateSession, fx: &mut Effects) -> Outcome {
        let id = self.session_named(&params.session)?;
        if let Some(title) = &params.title
            && title.chars().count() > TITLE_MAX
        {
            return Err(RpcError::new(
                ErrorCode::BadParams,
                format!("a title has at most {TITLE_MAX} characters"),
            ));
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            if let Some(title) = params.title {
                let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
                session.titles.user = (!title.is_empty()).then_some(title);
            }
            session.pinned = params.pinned.unwrap_or(session.pinned);
            session.hidden = params.hidden.unwrap_or(session.hidden);
            fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
        }
        self.publish_session(id, fx);
        let now = Now { unix_ms: self.sessions.get(&id).map_or(0, |session| session.shown.1), mono_ms: 0 };
        self.publish_touched(now, fx);
        self.row_json(id)
    }

    fn subscribe(&mut self, reply: ReplyId, params: Subscribe, fx: &mut Effects) {
        let unknown =
            params.channels.iter().flatten().find(|name| !Update::CHANNELS.contains(&name.as_str()));
        if let Some(name) = unknown {
            let err = RpcError::new(ErrorCode::BadParams, format!("there is no channel {name:?}"));
            let err = with_nearest(err, nearest(name, Update::CHANNELS.iter().copied()));
            return self.reply(reply, Err(err), fx);
        }
        self.reply(reply, Ok(json!({ "seq": self.next_seq - 1 })), fx);
        fx.push(Effect::Subscribe { to: reply, params });
    }

    fn open_window(&mut self, params: &OpenWindow, fx: &mut Effects) -> Outcome {
        let session = params.session.as_deref().map(|typed| self.session_named(typed)).transpose()?;
        if self.program.headless {
            return Err(RpcError::new(ErrorCode::Unsupported, "magia runs without a window").with_hint(
                format!("end it (kill {}) and start magia where there is a display", self.program.pid),
            ));
        }
        self.raise = (self.raise.0 + 1, session);
        self.views.touch();
        fx.push(Effect::RaiseWindow(session));
        Ok(json!({ "raised": true }))
    }

    fn timeline_asked(&mut self, reply: ReplyId, params: &GetTimeline, fx: &mut Effects) {
        let limit = params.limit.map_or(TIMELINE_LIMIT, |limit| limit as usize);
        match self.session_named(&params.session) {
            Ok(id) if self.want_history(id, fx) => {
                let outcome = to_json(self.timeline_rows(id, limit));
                self.reply(reply, outcome, fx);
            }
            Ok(id) => self.history_replies.push((reply, id, limit)),
            Err(err) => self.reply(reply, Err(err), fx),
        }
    }

    /// Whether a session's timeline is complete; if not, its events are asked for.
    pub(super) fn want_history(&mut self, id: SessionId, fx: &mut Effects) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return true };
        if matches!(session.history, History::Unread) {
            session.history = History::Reading(Vec::new());
            fx.push(Effect::LoadHistory(id));
        }
        matches!(session.history, History::Read)
    }

    /// A session's stored events were read.
    pub(super) fn history_loaded(&mut self, id: SessionId, events: Vec<AgentEvent>, fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let History::Reading(waiting) = std::mem::replace(&mut session.history, History::Read) else {
            return;
        };
        let last = events.last().map_or(0, |event| event.seq);
        let later = waiting.iter().filter(|event| event.seq > last).map(|event| &**event);
        for event in events.iter().chain(later) {
            if let Ok(payload) = serde_json::from_str(&event.raw) {
                let understood = normalize::understand(event.provider, &event.name, &payload);
                session.timeline.apply(event, &understood);
            }
        }
        for (_, from_ms, to_ms) in self.off.iter().filter(|(session, ..)| *session == id) {
            let minutes = to_ms.saturating_sub(*from_ms) / 60_000;
            if minutes > 0 {
                session.timeline.note(*to_ms, false, format!("magia was off, {minutes} min"));
            }
        }
        let requests: Vec<RequestId> = self
            .requests
            .values()
            .filter(|request| request.session == id)
            .map(|request| request.id)
            .collect();
        for request in requests {
            self.show_in_timeline(request);
        }
        let (ready, rest) =
            std::mem::take(&mut self.history_replies).into_iter().partition(|(_, of, _)| *of == id);
        self.history_replies = rest;
        let ready: Vec<(ReplyId, SessionId, usize)> = ready;
        for (reply, _, limit) in ready {
            let outcome = to_json(self.timeline_rows(id, limit));
            self.reply(reply, outcome, fx);
        }
        self.views.touch();
    }

    fn timeline_rows(&self, id: SessionId, limit: usize) -> Vec<TimelineInfo> {
        let Some(session) = self.sessions.get(&id) else { return Vec::new() };
        let items = session.timeline.items();
        let first = items.len().saturating_sub(limit);
        items.iter().skip(first).map(|item| timeline_row(item)).collect()
    }

    fn status(&self, now: Now) -> StatusInfo {
        let sessions =
            SessionState::ALL.iter().map(|state| StateCount { state: *state, count: self.count(*state) });
        let waits = self.requests.values().filter(|request| request.state.waits()).count();
        StatusInfo {
            version: self.program.version.clone(),
            wire: WIRE_VERSION,
            pid: self.program.pid,
            headless: self.program.headless,
            uptime_s: now.mono_ms.saturating_sub(self.program.started_mono) / 1000,
            runtime_dir: self.program.runtime_dir.clone(),
            sessions: sessions.filter(|count| count.count > 0).collect(),
            requests: u32::try_from(waits).unwrap_or(u32::MAX),
            listeners: self.listeners.clone(),
            problems: self.problems.values().map(|problem| problem.text.clone()).collect(),
        }
    }

    /// What the model itself can say to `doctor`.
    fn checks(&self) -> Vec<CheckInfo> {
        let mut checks: Vec<CheckInfo> = self
            .listeners
            .iter()
            .map(|listener| CheckInfo {
                id: format!("listener.{}", listener.name),
                status: if listener.up { "ok" } else { "fail" }.to_owned(),
                detail: match &listener.error {
                    Some(error) => error.clone(),
                    None => format!("{} connections, {} refused", listener.accepted, listener.refused),
                },
                fix: (!listener.up).then(|| format!("magia retry {}", listener.name)),
            })
            .collect();
        for problem in self.problems.values().filter(|problem| !problem.id.starts_with("listener.")) {
            checks.push(CheckInfo {
                id: problem.id.clone(),
                status: "fail".to_owned(),
                detail: problem.text.clone(),
                fix: None,
            });
        }
        if self.unplaced > 0 {
            checks.push(CheckInfo {
                id: "hooks.unplaced".to_owned(),
                status: "warn".to_owned(),
                detail: format!("{} hook messages named no session or an unknown agent", self.unplaced),
                fix: Some("magia hooks status".to_owned()),
            });
        }
        checks
    }
}

impl Model {
    /// Puts a request's entry into its session's timeline.
    pub(super) fn show_in_timeline(&mut self, id: RequestId) {
        let Some(request) = self.requests.get(&id) else { return };
        let (at_ms, agent_id, body) = (request.asked_at_ms, request.agent_id.clone(), request.body());
        if let Some(session) = self.sessions.get_mut(&request.session) {
            session.timeline.request(at_ms, agent_id.as_deref(), body);
        }
    }
}

/// Refuses a caller that runs inside a program which is an agent by its name.
///
/// # Errors
/// `refused`, naming the agent.
pub fn no_agent_above(ancestors: &[Ancestor]) -> Result<(), RpcError> {
    let agent = ancestors.iter().find(|ancestor| AGENT_EXES.contains(&ancestor.exe.as_str()));
    agent.map_or(Ok(()), |agent| Err(refused_inside(agent)))
}

fn refused_inside(agent: &Ancestor) -> RpcError {
    let message = format!("refused: the caller runs inside an agent ({}, pid {})", agent.exe, agent.process.pid);
    RpcError::new(ErrorCode::Refused, message)
        .with_hint("answer in the window, or from a terminal that no agent started")
}

fn run(reply: ReplyId, job: Job, fx: &mut Effects) {
    fx.push(Effect::Run { reply, job });
}

fn to_json(value: impl serde::Serialize) -> Outcome {
    serde_json::to_value(value).map_err(|err| RpcError::new(ErrorCode::Internal, err.to_string()))
}

fn with_nearest(err: RpcError, near: Option<&str>) -> RpcError {
    match near {
        Some(name) => err.with_hint(format!("did you mean {name}?")),
        None => err,
    }
}

fn timeline_row(item: &TimelineItem) -> TimelineInfo {
    let (kind, text, status, duration_ms) = match &item.body {
        Body::Prompt(text) => ("prompt", text.to_string(), None, None),
        Body::Message(text) => ("message", text.to_string(), None, None),
        Body::Thinking(text) => ("thinking", text.to_string(), None, None),
        Body::Tool(tool) => (
            "tool",
            format!("{} {}", tool.name, tool.subject.summary()),
            Some(tool.status.as_str()),
            tool.duration_ms,
        ),
        Body::Request { tool, summary, state, outcome, .. } => {
            let outcome = outcome.as_ref().map(|outcome| format!(" ({outcome})")).unwrap_or_default();
            ("permission", format!("{tool} {summary}{outcome}"), Some(state.as_str()), None)
        }
        Body::Subagent { agent_type, ended } => match ended {
            Some(words) => ("subagent", format!("{agent_type} ended: {words}"), None, None),
            None => ("subagent", format!("{agent_type} began"), None, None),
        },
        Body::Note { text, .. } => ("note", text.clone(), None, None),
    };
    TimelineInfo {
        at_ms: item.at_ms,
        kind: kind.to_owned(),
        agent_id: item.agent_id.as_deref().map(str::to_owned),
        text,
        status: status.map(str::to_owned),
        duration_ms,
    }
}
