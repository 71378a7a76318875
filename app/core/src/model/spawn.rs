//! Terminals that are asked for: opened at once, or once a person has said yes.
//!
//! A request that waits is a card like any other, of nobody's session. Its requester hears after 25 seconds that a yes
//! is wanted and under which id; a later yes still opens the terminal.

use super::answers::answered_by;
use super::requests::Choice;
use super::{Effects, Model, PermissionRequest};
use crate::effect::Effect;
use crate::event::{GateId, Now, Origin, ReplyId};
use crate::policy::risk;
use crate::spawn::{Plan, Run, Wish, plan};
use crate::subject::{Subject, TERMINAL_TOOL};
use magia_protocol::wire::info::{Decision, OutcomeInfo};
use magia_protocol::wire::spawn::{OpenTerminal, OpenedTerminal, SpawnCode, SpawnError};
use magia_protocol::wire::{ErrorCode, RequestId, RequestState, RpcError, SessionId};
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A requester hears within this time, milliseconds; the seed's client waits thirty seconds.
pub const REPLY_WITHIN_MS: u64 = 25_000;

/// A card that nobody answers leaves, milliseconds.
const EXPIRES_MS: u64 = 600_000;

/// Cards that may wait at once: more than a person reads.
const WAITING_MAX: usize = 16;

const MINUTE_MS: u64 = 60_000;

/// Requests that wait for a yes, and when the last ones came.
#[derive(Debug, Default)]
pub struct Spawns {
    waiting: BTreeMap<RequestId, Waiting>,
    lately: VecDeque<u64>,
    gates: u64,
}

#[derive(Debug)]
struct Waiting {
    plan: Plan,
    by: String,
    reply: Option<ReplyId>,
    asked_mono: u64,
}

impl Waiting {
    fn next_mono(&self) -> u64 {
        self.asked_mono + if self.reply.is_some() { REPLY_WITHIN_MS } else { EXPIRES_MS }
    }
}

impl Spawns {
    /// When something is to be said or forgotten, by the monotonic clock.
    pub fn next_mono(&self) -> Option<u64> {
        self.waiting.values().map(Waiting::next_mono).min()
    }

    /// A requester hung up; its request waits on.
    pub fn requester_gone(&mut self, reply: ReplyId) {
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.reply == Some(reply)) {
            waiting.reply = None;
        }
    }

    /// Counts a request, unless there were too many in the last minute.
    fn count(&mut self, mono_ms: u64, per_minute: u32) -> bool {
        while self.lately.front().is_some_and(|at| at + MINUTE_MS <= mono_ms) {
            self.lately.pop_front();
        }
        let fits = self.lately.len() < per_minute as usize;
        if fits {
            self.lately.push_back(mono_ms);
        }
        fits
    }
}

impl Model {
    /// A terminal is asked for.
    pub(super) fn open_terminal(
        &mut self,
        now: Now,
        reply: ReplyId,
        params: &OpenTerminal,
        origin: &Origin,
        fx: &mut Effects,
    ) {
        let per_minute = self.settings.terminals_per_minute;
        let plan = match plan(params) {
            Ok(_) if !self.spawns.count(now.mono_ms, per_minute) => Err(SpawnError::new(
                SpawnCode::LimitReached,
                format!("more than {per_minute} terminals were asked for within a minute"),
            )
            .remedy("try again in a minute, or raise the setting terminalsPerMinute")),
            other => other,
        };
        let plan = match plan {
            Ok(plan) => plan,
            Err(err) => return self.reply(reply, Err(err.into()), fx),
        };
        let by = answered_by(origin);
        match self.why_ask(&plan, origin) {
            None => {
                fx.push(Effect::OpenTerminal { reply: Some(reply), request: None, plan: Box::new(plan), by })
            }
            Some(_) if self.spawns.waiting.len() >= WAITING_MAX => {
                let err = SpawnError::new(SpawnCode::LimitReached, "too many terminals wait for a yes")
                    .remedy("answer them: `magia permissions`");
                self.reply(reply, Err(err.into()), fx);
            }
            Some(why) => self.ask_for_terminal(now, reply, plan, &why, by, fx),
        }
    }

    /// Why a person is asked first. What a person does in the window is not asked about again.
    fn why_ask(&self, plan: &Plan, origin: &Origin) -> Option<String> {
        if *origin == Origin::Window {
            return None;
        }
        let agent = self.refuse_agents(origin).err().map(|err| {
            let message = err.message;
            message.strip_prefix("refused: ").unwrap_or(&message).to_owned()
        });
        agent.or_else(|| plan.ask.map(|ask| format!("the command {}", ask.why)))
    }

    fn ask_for_terminal(
        &mut self,
        now: Now,
        reply: ReplyId,
        plan: Plan,
        why: &str,
        by: String,
        fx: &mut Effects,
    ) {
        self.spawns.gates += 1;
        let gate = GateId::of_terminal(self.spawns.gates);
        let mut input = json!({
            "command": plan.run.text(),
            "description": format!("{by} asks for a terminal; {why}"),
            "from": by,
            "terminal": match &plan.shown {
                Wish::Usual => "usual",
                Wish::Builtin => "builtin",
                Wish::Nowhere => "none",
                Wish::Named(name) => name.as_str(),
            },
            "shell": matches!(plan.run, Run::Shell(_)),
        });
        if let Some(fields) = input.as_object_mut()
            && !plan.env.is_empty()
        {
            let env = plan.env.iter().map(|(name, value)| (name.clone(), value.clone().into()));
            fields.insert("env".to_owned(), serde_json::Value::Object(env.collect()));
        }
        let request = PermissionRequest {
            id: self.ids.request(now.unix_ms),
            session: SessionId::NOBODY,
            provider: None,
            gate: Some(gate),
            subject: Subject::of(TERMINAL_TOOL, &input),
            judgement: risk::judge(TERMINAL_TOOL, &input, None),
            suggestions: Vec::new(),
            policy: format!("ask because {why}"),
            edited: None,
            diff: None,
            contents: None,
            by_diff: false,
            agent_id: None,
            process: None,
            cwd: plan.cwd.clone(),
            asked_at_ms: now.unix_ms,
            asked_mono: now.mono_ms,
            state: RequestState::Open,
            outcome: None,
            names_call: false,
            use_id: None,
            may_be_answered: false,
            seen_waiting: false,
            notified: false,
            left_over: false,
            tool: TERMINAL_TOOL.to_owned(),
            input: Arc::new(input),
            paths: None,
        };
        let id = request.id;
        self.requests.insert(request);
        let waiting = Waiting { plan, by, reply: Some(reply), asked_mono: now.mono_ms };
        self.spawns.waiting.insert(id, waiting);
        self.changed_request(id, fx);
        self.notify_if_waits(now, id, fx);
    }

    /// A person answers a request for a terminal.
    pub(super) fn decide_terminal(
        &mut self,
        now: Now,
        id: RequestId,
        choice: Choice<'_>,
        fx: &mut Effects,
    ) -> Result<(), RpcError> {
        let Choice { decision, by, reason, .. } = choice;
        if matches!(decision, Decision::Always | Decision::None) {
            let what = decision.as_str();
            return Err(RpcError::new(
                ErrorCode::Unsupported,
                format!("a request for a terminal is allowed or denied, {what} means nothing here"),
            ));
        }
        let (Some(request), Some(waiting)) = (self.requests.get_mut(id), self.spawns.waiting.remove(&id))
        else {
            return Err(RpcError::new(ErrorCode::NotFound, "there is no such request"));
        };
        request.gate = None;
        request.state = RequestState::Decided;
        let denied = reason.clone();
        request.outcome = Some(OutcomeInfo {
            decision: Some(decision),
            by,
            at_ms: now.unix_ms,
            reason,
            edited_input: None,
        });
        if decision == Decision::Allow {
            self.changed_request(id, fx);
            fx.push(Effect::OpenTerminal {
                reply: waiting.reply,
                request: Some(id),
                plan: Box::new(waiting.plan),
                by: waiting.by,
            });
            return Ok(());
        }
        self.settle(id, RequestState::TookEffect, now, fx);
        if let Some(reply) = waiting.reply {
            let because = denied.map(|reason| format!(": {reason}")).unwrap_or_default();
            let err = match waiting.plan.run {
                Run::Shell(_) => SpawnError::new(
                    SpawnCode::ShellSyntax,
                    format!("the command takes a shell, and that was denied{because}"),
                )
                .remedy("send the program and its arguments as argv"),
                Run::Argv(_) => {
                    SpawnError::new(SpawnCode::PermissionDenied, format!("denied by the user{because}"))
                }
            };
            self.reply(reply, Err(err.into()), fx);
        }
        Ok(())
    }

    /// Says to requesters that a yes is wanted, and forgets what nobody answers.
    pub(super) fn tick_terminals(&mut self, now: Now, fx: &mut Effects) {
        let due = |waiting: &Waiting| waiting.next_mono() <= now.mono_ms;
        let ids: Vec<RequestId> =
            self.spawns.waiting.iter().filter(|(_, waiting)| due(waiting)).map(|(id, _)| *id).collect();
        for id in ids {
            let Some(waiting) = self.spawns.waiting.get_mut(&id) else { continue };
            if let Some(reply) = waiting.reply.take() {
                let err = SpawnError::new(SpawnCode::ApprovalRequired, "a person has to allow this first")
                    .remedy(format!("answer in magia's window or with `magia allow {}`", id.short()))
                    .request(id);
                self.reply(reply, Err(err.into()), fx);
                continue;
            }
            self.spawns.waiting.remove(&id);
            if let Some(request) = self.requests.get_mut(id) {
                request.gate = None;
            }
            self.settle(id, RequestState::Expired, now, fx);
        }
    }

    /// A terminal was opened, or could not be.
    pub(super) fn terminal_opened(
        &mut self,
        now: Now,
        reply: Option<ReplyId>,
        request: Option<RequestId>,
        outcome: Result<OpenedTerminal, SpawnError>,
        fx: &mut Effects,
    ) {
        if let Some(id) = request {
            let state = if outcome.is_ok() { RequestState::TookEffect } else { RequestState::NotTaken };
            self.settle(id, state, now, fx);
            if let (Err(err), None) = (&outcome, reply) {
                self.toast(true, format!("No terminal was opened: {}", err.message), Some(id.to_string()));
            }
        }
        if let Ok(opened) = &outcome
            && opened.terminal == "builtin"
        {
            self.show_terminal(opened.session_id.clone(), fx);
        }
        if let Some(reply) = reply {
            let outcome = match outcome {
                Ok(opened) => super::commands::to_json(opened),
                Err(err) => Err(err.into()),
            };
            self.reply(reply, outcome, fx);
        }
    }

    /// Brings the window to the front with a terminal's tab.
    fn show_terminal(&mut self, terminal: String, fx: &mut Effects) {
        self.raise = (self.raise.0 + 1, None);
        self.raise_request = None;
        self.raise_page = None;
        self.raise_terminal = Some(terminal);
        self.views.touch();
        fx.push(Effect::RaiseWindow(None));
    }
}
