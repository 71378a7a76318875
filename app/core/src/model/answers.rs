//! Answers that a person gives: to one request, with the agent's input or another, or to all that ask the same.

use super::commands::{Outcome, to_json};
use super::requests::Choice;
use super::{Effects, Model, PermissionRequest};
use crate::event::{Now, Origin};
use crate::policy::{self, Says, edit};
use magia_protocol::wire::command::{ResolvePermission, ResolveSame};
use magia_protocol::wire::info::{Decision, SameFailure, SameInfo};
use magia_protocol::wire::{ErrorCode, Provider, RequestId, RequestState, Risk, RpcError};
use serde_json::{Value, json};
use std::sync::Arc;

impl Model {
    /// Answers one request.
    pub(super) fn resolve(
        &mut self,
        now: Now,
        params: ResolvePermission,
        origin: &Origin,
        fx: &mut Effects,
    ) -> Outcome {
        let id = self.request_named(&params.id)?;
        self.check_weak(id, params.decision, origin)?;
        let edits = params.input.as_ref().is_some_and(|input| self.differs(id, input));
        if let Some(input) = &params.input {
            self.check_edited(id, input, &params)?;
        }
        if params.contents.is_some() && (params.decision != Decision::Allow || params.input.is_some()) {
            return Err(RpcError::new(
                ErrorCode::BadParams,
                "other contents go with allow, and with nothing else",
            ));
        }
        if edits && let Some(request) = self.requests.get_mut(id) {
            request.edited = params.input.map(Arc::new);
        }
        let edits = self.take_contents(id, params.contents) || edits;
        let choice = Choice {
            decision: params.decision,
            by: answered_by(origin),
            reason: said(params.reason),
            answers: params.answers.as_ref(),
        };
        let done = self.decide(now, id, choice, fx);
        if let (Err(_), Some(request)) = (&done, self.requests.get_mut(id).filter(|_| edits)) {
            request.edited = None;
            request.contents = None;
        }
        done?;
        match self.requests.get(id) {
            Some(request) => to_json(self.request_info(request)),
            None => Ok(Value::Null),
        }
    }

    /// Other contents of the file than the agent's, while it is asked. `false` when they are the agent's own.
    fn take_contents(&mut self, id: RequestId, contents: Option<Box<str>>) -> bool {
        let Some(contents) = contents else { return false };
        let Some(request) = self.requests.get_mut(id).filter(|request| request.state == RequestState::Open)
        else {
            return false;
        };
        if request.diff.as_ref().is_some_and(|diff| *diff.proposed.new == *contents) {
            return false;
        }
        let path = request.diff.as_ref().map(|diff| diff.proposed.path.clone());
        request.edited = Some(Arc::new(json!({ "file_path": path, "content": contents })));
        request.contents = Some(contents.into());
        true
    }

    /// Answers one request from a place on the session bus, which any program of the user can pretend to be.
    pub(super) fn decide_weakly(
        &mut self,
        now: Now,
        id: RequestId,
        decision: Decision,
        origin: &Origin,
        fx: &mut Effects,
    ) -> Result<(), RpcError> {
        self.check_weak(id, decision, origin)?;
        let choice = Choice { decision, by: answered_by(origin), reason: None, answers: None };
        self.decide(now, id, choice, fx)
    }

    /// From tray and notifications only plain requests are answered, up to the risk that the settings name.
    fn check_weak(&self, id: RequestId, decision: Decision, origin: &Origin) -> Result<(), RpcError> {
        let (place, key) = match origin {
            Origin::Tray => ("the tray", "trayRisk"),
            Origin::Notification => ("a notification", "notificationRisk"),
            Origin::Window | Origin::Cli { .. } | Origin::Http { .. } => return Ok(()),
        };
        let Some(request) = self.requests.get(id) else { return Ok(()) };
        let plain = matches!(decision, Decision::Allow | Decision::Deny) && request.subject.kind() == "tool";
        if plain && self.decides_up_to(origin).is_some_and(|most| request.judgement.risk <= most) {
            return Ok(());
        }
        let risk = request.judgement.risk;
        Err(RpcError::new(
            ErrorCode::Refused,
            format!("a request of {risk} risk is not answered from {place}; answer it here"),
        )
        .with_hint(format!("the setting {key} says up to which risk it may be")))
    }

    /// Whether an open request would run with another input.
    fn differs(&self, id: RequestId, input: &Value) -> bool {
        let open =
            |request: &&PermissionRequest| request.state == RequestState::Open && request.gate.is_some();
        self.requests.get(id).filter(open).is_some_and(|request| *request.input != *input)
    }

    /// Whether an edited input can be allowed: only while it waits, only for Claude, only an input of that tool, only
    /// what no rule of the settings denies, and high risk only when it is meant.
    fn check_edited(&self, id: RequestId, input: &Value, params: &ResolvePermission) -> Result<(), RpcError> {
        let Some(request) = self.requests.get(id) else { return Ok(()) };
        let bad = |message: String| RpcError::new(ErrorCode::BadParams, message);
        if request.state != RequestState::Open || request.gate.is_none() {
            // `decide` says how it was answered.
            return Ok(());
        }
        if params.decision != Decision::Allow || params.answers.is_some() {
            return Err(bad("an edited input goes with allow, and with nothing else".to_owned()));
        }
        if request.provider != Some(Provider::Claude) {
            let asker = request.provider.map_or("a request for a terminal", Provider::as_str);
            return Err(RpcError::new(
                ErrorCode::Unsupported,
                format!("{asker} takes no edited input, only its own or none"),
            )
            .with_hint("deny it with --reason and say what to run instead"));
        }
        edit::check(&request.tool, &request.input, input)
            .map_err(|wrong| bad(wrong).with_hint("`magia permissions --json` shows the agent's input"))?;
        let call = policy::Call { tool: &request.tool, input, cwd: &request.cwd, paths: None };
        let denied = self.settings.tool_permissions.iter().find_map(|rule| policy::of_rule(rule, call));
        if let Some(verdict) = denied.filter(|verdict| verdict.says == Says::Deny) {
            return Err(RpcError::new(ErrorCode::Conflict, format!("your own {} denies it", verdict.rule))
                .with_hint("`magia policy show` prints the rules"));
        }
        let judged = edit::judge(&request.tool, &request.input, input, request.paths.as_ref());
        if judged.risk == Risk::High && request.judgement.risk != Risk::High && !params.high_risk {
            let why = judged.reasons.join(", ");
            return Err(RpcError::new(
                ErrorCode::Conflict,
                format!("the edited input is of high risk: {why}"),
            )
            .with_hint("--high-risk allows it all the same"));
        }
        Ok(())
    }

    /// Answers a request and all open ones that ask the same, each by itself.
    pub(super) fn resolve_same(
        &mut self,
        now: Now,
        params: ResolveSame,
        origin: &Origin,
        fx: &mut Effects,
    ) -> Outcome {
        let id = self.request_named(&params.id)?;
        let choice = Choice {
            decision: params.decision,
            by: answered_by(origin),
            reason: said(params.reason),
            answers: None,
        };
        let Some(request) = self.requests.get(id) else { return to_json(SameInfo::default()) };
        if request.subject.kind() == "question" && params.decision == Decision::Allow {
            return Err(RpcError::new(ErrorCode::Unsupported, "questions are answered one by one")
                .with_hint("`magia permissions` shows what to type for each"));
        }
        let others: Vec<RequestId> = self
            .requests
            .iter()
            .filter(|other| other.id != id && other.state == RequestState::Open && other.gate.is_some())
            .filter(|other| other.question().is_same(&request.question()))
            .map(|other| other.id)
            .collect();
        // When the one that was named cannot be answered, nothing is.
        self.decide(now, id, choice.clone(), fx)?;
        let mut info = SameInfo::default();
        let mut answered = vec![id];
        for other in others {
            match self.decide(now, other, choice.clone(), fx) {
                Ok(()) => answered.push(other),
                Err(error) => info.failed.push(SameFailure { id: other, error }),
            }
        }
        answered.sort_unstable();
        let requests = answered.into_iter().filter_map(|id| self.requests.get(id));
        info.answered = requests.map(|request| self.request_info(request)).collect();
        to_json(info)
    }
}

pub(super) fn answered_by(origin: &Origin) -> String {
    match origin {
        Origin::Window => "window".to_owned(),
        Origin::Tray => "tray".to_owned(),
        Origin::Notification => "notification".to_owned(),
        Origin::Cli { pid, exe: Some(exe), .. } => format!("cli {pid} ({})", exe.display()),
        Origin::Cli { pid, exe: None, .. } => format!("cli {pid}"),
        Origin::Http { pid: 0, .. } => "http".to_owned(),
        Origin::Http { pid, exe: Some(exe), .. } => format!("http {pid} ({})", exe.display()),
        Origin::Http { pid, exe: None, .. } => format!("http {pid}"),
    }
}

fn said(reason: Option<String>) -> Option<String> {
    reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty())
}
