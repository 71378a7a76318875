//! Changes that agents show in their editor, which magia is: one card with the permission request of the same edit,
//! whichever came first.

use super::request::{Asked, PermissionRequest};
use super::{Effects, Model};
use crate::effect::Effect;
use crate::event::{GateId, Now};
use crate::ide::{ConnId, DiffAnswer, IdeFact, Peer, ProposedDiff};
use crate::policy::RealPaths;
use crate::policy::risk;
use crate::subject::{Subject, diff_lines};
use magia_protocol::wire::info::{Decision, IdeInfo, IdePeerInfo};
use magia_protocol::wire::{ErrorCode, GateReply, Provider, RequestId, RequestState, RpcError, SessionId};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// So long a change waits for the hook of the same edit, where there are hooks: a rule may answer that at once.
const PARKED_MS: u64 = 1_000;

/// What is known of agents and editors that are connected.
#[derive(Debug, Default)]
pub struct Ide {
    port: Option<u16>,
    lock: Option<String>,
    peers: BTreeMap<ConnId, Peer>,
    parked: Vec<Parked>,
}

/// A change whose hook is on its way.
#[derive(Debug)]
struct Parked {
    until_mono: u64,
    session: SessionId,
    gate: GateId,
    diff: Box<ProposedDiff>,
    paths: Option<RealPaths>,
}

/// The change that an agent shows beside its request.
#[derive(Clone, Debug)]
pub struct ShownDiff {
    /// Where its answer goes.
    pub gate: GateId,
    /// The change.
    pub proposed: Arc<ProposedDiff>,
}

impl Ide {
    /// When a parked change becomes a card of its own, by the monotonic clock.
    pub fn next_mono(&self) -> Option<u64> {
        self.parked.iter().map(|parked| parked.until_mono).min()
    }
}

impl Model {
    /// The server tells something.
    pub(super) fn ide_news(&mut self, now: Now, fact: IdeFact, fx: &mut Effects) {
        match fact {
            IdeFact::Server { port, lock } => (self.ide.port, self.ide.lock) = (port, lock),
            IdeFact::Connected { conn, peer } => {
                let session = peer.process.and_then(|process| self.by_process.get(&process).copied());
                self.ide.peers.insert(conn, peer);
                session.into_iter().for_each(|session| self.touch(session));
            }
            IdeFact::Gone(conn) => self.ide_peer_gone(now, conn, fx),
            IdeFact::DiffOpened { gate, diff, paths } => self.diff_opened(now, gate, diff, paths, fx),
            IdeFact::DiffClosed(gate) => self.diff_closed(now, gate, fx),
        }
    }

    /// What `get_ide_server_port` returns.
    pub(super) fn ide_info(&self) -> IdeInfo {
        let row = |peer: &Peer| IdePeerInfo {
            kind: peer.kind.to_owned(),
            name: peer.name.clone(),
            pid: peer.process.map(|process| process.pid),
            session: peer.process.and_then(|process| self.by_process.get(&process).copied()),
        };
        IdeInfo {
            port: self.ide.port,
            lock_file: self.ide.lock.clone(),
            connected: self.ide.peers.values().map(row).collect(),
        }
    }

    /// What a session's agent calls itself while it is connected to magia as its editor.
    pub(super) fn editor_of(&self, id: SessionId) -> Option<String> {
        let processes = &self.sessions.get(&id)?.processes;
        let is_its = |peer: &&Peer| peer.process.is_some_and(|process| processes.contains(&process));
        self.ide.peers.values().find(is_its).map(|peer| peer.name.clone())
    }

    /// Whether an agent's process is connected to magia as its editor.
    pub(super) fn ide_session(&self, conn: ConnId) -> Option<(SessionId, Provider)> {
        let peer = self.ide.peers.get(&conn)?;
        let id = self.by_process.get(&peer.process?).copied()?;
        let session = self.sessions.get(&id).filter(|session| session.ended.is_none())?;
        Some((id, session.provider))
    }

    fn diff_opened(
        &mut self,
        now: Now,
        gate: GateId,
        diff: Box<ProposedDiff>,
        paths: Option<RealPaths>,
        fx: &mut Effects,
    ) {
        let Some((session, _)) = gate.diff_conn().and_then(|conn| self.ide_session(conn)) else {
            // Nobody could say whose it is; the agent's own dialog asks as well.
            return fx.push(undecided(gate));
        };
        if let Some(id) = self.request_about(session, &diff.path) {
            return self.show_diff(id, gate, diff, fx);
        }
        let hooked = self.sessions.get(&session).is_some_and(|session| session.hooked);
        if hooked {
            let until_mono = now.mono_ms + PARKED_MS;
            self.ide.parked.push(Parked { until_mono, session, gate, diff, paths });
        } else {
            self.ask_by_diff(now, session, gate, diff, paths, fx);
        }
    }

    /// A change that no hook speaks of is a request of its own.
    fn ask_by_diff(
        &mut self,
        now: Now,
        session: SessionId,
        gate: GateId,
        diff: Box<ProposedDiff>,
        paths: Option<RealPaths>,
        fx: &mut Effects,
    ) {
        let Some((provider, process)) =
            self.sessions.get(&session).map(|known| (known.provider, known.processes.last().copied()))
        else {
            return fx.push(undecided(gate));
        };
        let asked = Asked {
            gate: Some(gate),
            session,
            provider,
            agent_id: None,
            process,
            cwd: None,
            tool: if provider == Provider::Gemini { "write_file" } else { "Write" }.to_owned(),
            input: json!({ "file_path": diff.path, "content": &*diff.new }),
            suggestions: Vec::new(),
            paths,
            use_id: None,
        };
        let id = self.add_request(now, asked);
        if let Some(request) = self.requests.get_mut(id) {
            request.policy = "ask because the edit is shown by the agent, without its hook".to_owned();
        }
        self.show_diff(id, gate, diff, fx);
        self.notify_if_waits(now, id, fx);
    }

    /// Puts a change beside the request of the same edit.
    fn show_diff(&mut self, id: RequestId, gate: GateId, diff: Box<ProposedDiff>, fx: &mut Effects) {
        let Some(request) = self.requests.get_mut(id) else { return };
        let left = request.state == RequestState::InTerminal && request.outcome.is_some();
        if left {
            return fx.push(undecided(gate));
        }
        if request.state == RequestState::Decided {
            // It was answered already, and the agent will close it.
            return;
        }
        if let Some(old) = &diff.old {
            let (lines, added, removed) = diff_lines(old, &diff.new);
            let (path, whole) = (diff.path.clone(), diff.is_new);
            request.subject = Subject::Edit { path, whole, diff: lines, added, removed };
        }
        request.diff = Some(ShownDiff { gate, proposed: Arc::from(diff) });
        if request.gate.is_none() {
            request.gate = Some(gate);
            request.state = RequestState::Open;
        }
        self.gates.insert(gate, id);
        self.changed_request(id, fx);
    }

    /// The unsettled request of a session that is about changing a file.
    fn request_about(&self, session: SessionId, path: &str) -> Option<RequestId> {
        let about = |request: &&PermissionRequest| {
            let Subject::Edit { path: named, .. } = &request.subject else { return false };
            request.diff.is_none() && is_same_file(&request.cwd, named, path)
        };
        self.requests.unsettled(session).find(about).map(|request| request.id)
    }

    /// The request that a change has made and that a hook now speaks of, too: it gets the hook's words. `None` when
    /// there is none.
    pub(super) fn join_diff(&mut self, asked: &mut Asked) -> Option<RequestId> {
        let Subject::Edit { path, .. } = Subject::unmarked(&asked.tool, &asked.input) else { return None };
        let id = self
            .requests
            .unsettled(asked.session)
            .find(|request| {
                let by_diff = request.gate.is_some_and(|gate| gate.diff_conn().is_some());
                let named = request.diff.as_ref().map(|diff| diff.proposed.path.as_str());
                by_diff
                    && !request.names_call
                    && request.state == RequestState::Open
                    && named.is_some_and(|named| is_same_file(&request.cwd, named, &path))
            })
            .map(|request| request.id)?;
        let request = self.requests.get_mut(id)?;
        request.tool = std::mem::take(&mut asked.tool);
        request.input = Arc::new(std::mem::take(&mut asked.input));
        request.suggestions = std::mem::take(&mut asked.suggestions);
        request.agent_id = asked.agent_id.take();
        request.process = asked.process.or(request.process);
        if let Some(cwd) = asked.cwd.take() {
            request.cwd = cwd;
        }
        request.paths = asked.paths.take().or(request.paths.take());
        request.judgement = risk::judge(&request.tool, &request.input, request.paths.as_ref());
        if let Some(gate) = asked.gate {
            request.gate = Some(gate);
            self.gates.insert(gate, id);
        }
        self.tie(id);
        Some(id)
    }

    /// A hook's request is there: the change that waited for it is shown beside it.
    pub(super) fn unpark_diff(&mut self, id: RequestId, fx: &mut Effects) {
        let Some(request) = self.requests.get(id).filter(|request| request.diff.is_none()) else { return };
        let Subject::Edit { path, .. } = &request.subject else { return };
        let found = self.ide.parked.iter().position(|parked| {
            parked.session == request.session && is_same_file(&request.cwd, path, &parked.diff.path)
        });
        if let Some(at) = found {
            let parked = self.ide.parked.remove(at);
            self.show_diff(id, parked.gate, parked.diff, fx);
        }
    }

    /// Changes whose hook does not come.
    pub(super) fn tick_ide(&mut self, now: Now, fx: &mut Effects) {
        let (over, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.ide.parked)
            .into_iter()
            .partition(|parked| parked.until_mono <= now.mono_ms);
        self.ide.parked = rest;
        for Parked { session, gate, diff, paths, .. } in over {
            match self.request_about(session, &diff.path) {
                Some(id) => self.show_diff(id, gate, diff, fx),
                None => self.ask_by_diff(now, session, gate, diff, paths, fx),
            }
        }
    }

    /// The agent does not ask any more: it has our answer, or was answered by hook or in the terminal.
    fn diff_closed(&mut self, now: Now, gate: GateId, fx: &mut Effects) {
        self.ide.parked.retain(|parked| parked.gate != gate);
        let Some(id) = self.gates.remove(&gate) else { return };
        let Some(request) = self.requests.get_mut(id) else { return };
        let hooked = self.sessions.get(&request.session).is_some_and(|session| session.hooked);
        if request.gate == Some(gate) {
            request.gate = None;
        }
        // With hooks the call's end tells more; until then another change of the file is another request's.
        if request.state == RequestState::Decided && hooked {
            return;
        }
        request.diff = None;
        match request.state {
            RequestState::Open => self.settle(id, RequestState::AnsweredInTerminal, now, fx),
            RequestState::Decided => self.settle(id, RequestState::TookEffect, now, fx),
            _ => {}
        }
    }

    fn ide_peer_gone(&mut self, now: Now, conn: ConnId, fx: &mut Effects) {
        if let Some(peer) = self.ide.peers.remove(&conn)
            && let Some(session) = peer.process.and_then(|process| self.by_process.get(&process).copied())
        {
            self.touch(session);
        }
        self.ide.parked.retain(|parked| parked.gate.diff_conn() != Some(conn));
        let gone: Vec<(GateId, RequestId)> = self
            .gates
            .iter()
            .filter(|(gate, _)| gate.diff_conn() == Some(conn))
            .map(|(gate, id)| (*gate, *id))
            .collect();
        for (gate, id) in gone {
            self.gates.remove(&gate);
            let Some(request) = self.requests.get_mut(id) else { continue };
            request.diff = None;
            match request.state {
                RequestState::Open if request.gate == Some(gate) => {
                    // The terminal's dialog is still there for all that is known.
                    request.gate = None;
                    request.state = RequestState::InTerminal;
                    self.changed_request(id, fx);
                }
                RequestState::Open => self.changed_request(id, fx),
                RequestState::Decided if request.by_diff => {
                    self.settle(id, RequestState::NotTaken, now, fx);
                }
                _ => {}
            }
        }
    }

    /// The hook that asked is over, but the change is still shown: it alone is answered from now on.
    pub(super) fn left_with_diff(&mut self, id: RequestId) -> bool {
        let Some(request) = self.requests.get_mut(id) else { return false };
        let diff = request.diff.as_ref().map(|diff| diff.gate);
        request.gate = request.gate.or(diff);
        request.gate.is_some()
    }
}

/// What is said to an agent that shows a change, and to its hook.
pub(super) fn answer_diff(request: &PermissionRequest, decision: Decision) -> Result<Effects, RpcError> {
    let (Some(diff), Some(gate)) = (&request.diff, request.gate) else {
        return Err(RpcError::new(ErrorCode::Unsupported, "the agent shows no change of a file")
            .with_hint("only an edit that the agent shows can be allowed with other contents"));
    };
    let answer = match decision {
        Decision::Allow => {
            let contents = request.contents.as_ref().unwrap_or(&diff.proposed.new);
            let loses_end = request.provider == Some(Provider::Claude)
                && (diff.proposed.is_new || (gate != diff.gate && request.tool == "Write"));
            DiffAnswer::Saved(if loses_end { with_end(contents) } else { Arc::clone(contents) })
        }
        Decision::Deny => DiffAnswer::Rejected,
        Decision::None => DiffAnswer::Undecided,
        Decision::Always => {
            return Err(RpcError::new(ErrorCode::Unsupported, "the agent offers no rule to allow always")
                .with_hint("allow it once"));
        }
    };
    let mut fx = vec![Effect::AnswerDiff { gate: diff.gate, answer }];
    if gate != diff.gate {
        fx.push(Effect::AnswerGate { gate, reply: GateReply::no_decision() });
    }
    Ok(fx)
}

/// Contents that still end a line when Claude Code has written them: when a whole file is written it takes the last end of
/// a line away. Observed with 2.1.197.
fn with_end(contents: &Arc<str>) -> Arc<str> {
    if contents.ends_with('\n') { format!("{contents}\n").into() } else { Arc::clone(contents) }
}

/// Whoever waits there gets no decision.
pub(super) fn let_go(gate: GateId) -> Effect {
    match gate.diff_conn() {
        Some(_) => undecided(gate),
        None => Effect::AnswerGate { gate, reply: GateReply::no_decision() },
    }
}

fn undecided(gate: GateId) -> Effect {
    Effect::AnswerDiff { gate, answer: DiffAnswer::Undecided }
}

/// Whether two names are of one file, by their words.
fn is_same_file(cwd: &str, one: &str, other: &str) -> bool {
    let whole = |name: &str| -> PathBuf {
        let joined = Path::new(cwd).join(name);
        joined.components().filter(|part| *part != Component::CurDir).collect()
    };
    one == other || whole(one) == whole(other)
}
