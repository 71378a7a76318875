//! What magia adds to a session's story by itself: two processes on one session, and the time in which it did not run.

use super::{Effects, Model};
use crate::effect::{Effect, StoreWrite, Update};
use crate::event::{AgentEvent, Now};
use crate::normalize::{self, own};
use magia_protocol::wire::SessionId;
use magia_protocol::wire::info::ClaimInfo;
use serde_json::{Value, json};
use std::sync::Arc;

/// A shorter time in which magia did not run is not told: a restart is no gap.
const OFF_MIN_MS: u64 = 60_000;

impl Model {
    /// The processes of a session changed: two live ones on one session is told, and so is its end.
    pub(super) fn processes_changed(&mut self, now: Now, id: SessionId, fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let several = session.ended.is_none() && session.processes.len() > 1;
        if several == session.hijacked_since_ms.is_some() {
            return;
        }
        session.hijacked_since_ms = several.then_some(now.unix_ms);
        let process =
            |process: &magia_protocol::wire::ProcessId| json!({ "pid": process.pid, "start": process.start });
        let processes: Vec<Value> = session.processes.iter().map(process).collect();
        let payload = json!({ "processes": processes, "over": !several });
        self.own_event(now.unix_ms, id, own::HIJACKED, &payload, fx);
        if several {
            self.tell_of_hijack(now, id, fx);
        }
        self.touch(id);
    }

    /// A session of before this start shows that it lives: what happened while magia was off is missing here.
    pub(super) fn lived_on(&mut self, id: SessionId, fx: &mut Effects) {
        let Some((from_ms, to_ms)) = self.off.remove(&id) else { return };
        if to_ms.saturating_sub(from_ms) < OFF_MIN_MS {
            return;
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.off = Some((from_ms, to_ms));
        }
        self.own_event(to_ms, id, own::OFF, &json!({ "from_ms": from_ms, "to_ms": to_ms }), fx);
        self.touch(id);
    }

    /// Numbers, stores, publishes and shows an event that no agent sent.
    fn own_event(&mut self, at_ms: u64, id: SessionId, name: &str, payload: &Value, fx: &mut Effects) {
        let Some(session) = self.sessions.get(&id) else { return };
        let understood = normalize::understand(session.provider, name, payload);
        let event = Arc::new(AgentEvent {
            seq: self.next_seq,
            received_at_ms: at_ms,
            session: id,
            provider: session.provider,
            provider_session_id: session.provider_session_id.clone(),
            turn: None,
            agent_id: None,
            kind: understood.kind,
            name: name.to_owned(),
            raw: payload.to_string().into(),
            cut: false,
        });
        self.next_seq += 1;
        fx.push(Effect::Store(StoreWrite::Event(Arc::clone(&event))));
        fx.push(Effect::Publish(Update::AgentEvent(Arc::clone(&event))));
        self.show_event(event, &understood);
    }

    /// What is said of a session beside its state, with what it rests on.
    pub(super) fn claims(&self, id: SessionId) -> Vec<ClaimInfo> {
        let Some(session) = self.sessions.get(&id) else { return Vec::new() };
        let claim = |claim: &str, fact: String, source: &str, at_ms| ClaimInfo {
            claim: claim.to_owned(),
            fact,
            source: source.to_owned(),
            at_ms,
        };
        let mut claims = Vec::new();
        if let Some(since_ms) = session.hijacked_since_ms {
            let pids: Vec<String> = session.processes.iter().map(|one| one.pid.to_string()).collect();
            let fact =
                format!("processes {} live and work on {}", pids.join(" and "), session.provider_session_id);
            claims.push(claim("hijacked", fact, "process", since_ms));
        }
        if let Some((from_ms, to_ms)) = session.off {
            claims.push(claim("magia was off", own::off_for(to_ms.saturating_sub(from_ms)), "store", to_ms));
        }
        if session.ended.is_none() {
            let (preset, workspace) = self.settings.preset_for(&session.cwd);
            let fact = match workspace {
                Some(path) => format!("preset {} of {path}", preset.as_str()),
                None => format!("preset {}", preset.as_str()),
            };
            claims.push(claim("policy", fact, "settings", self.settings_at_ms));
        }
        if let Some(request) = self.requests.newest(id) {
            let fact = format!("{} for {}", request.policy, request.tool);
            claims.push(claim("last verdict", fact, "policy", request.asked_at_ms));
        }
        claims
    }
}
