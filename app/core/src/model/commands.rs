//! The one dispatch: every command, whoever sent it.

use super::titles::{self, TITLE_MAX};
use super::{Effects, Model};
use crate::effect::{Effect, Job, StoreWrite, Update};
use crate::event::{Now, Origin, ReplyId};
use crate::keys::Keymap;
use crate::policy::table;
use crate::policy::trial::Trial;
use crate::settings::{self, Settings};
use magia_protocol::wire::command::{
    InstallHooks, ListRequests, ListSessions, OpenWindow, SetTitle, Subscribe, UpdateSession,
};
use magia_protocol::wire::info::{RequestInfo, RiskInfo};
use magia_protocol::wire::method::Access;
use magia_protocol::wire::nearest::nearest;
use magia_protocol::wire::{Command, ErrorCode, Provider, RequestId, RpcError, SessionId, SessionState};
use serde_json::{Value, json};

/// What confirms a reset.
const RESET_WORD: &str = "reset";

/// Requests in a list when no number is asked for.
const REQUESTS_LIMIT: usize = 100;

/// What a command returns.
pub(super) type Outcome = Result<Value, RpcError>;

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
            let about = match &command {
                Command::ResolvePermission(answer) => Some(answer.id.clone()),
                _ => None,
            };
            if matches!(command, Command::TryPolicy(_)) {
                self.trial.0 = Some(reply);
            }
            self.window_replies.insert(reply, about);
        }
        let guarded = command.spec().is_none_or(|spec| spec.access == Access::Guarded);
        if guarded && let Err(err) = self.refuse_agents(origin) {
            return self.reply(reply, Err(err), fx);
        }
        if let Command::OpenTerminal(params) = command {
            return self.open_terminal(now, reply, &params, origin, fx);
        }
        let keeps = changes_facts(&command);
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
            Command::ResolveSame(params) => self.resolve_same(now, params, origin, fx),
            Command::TryPolicy(params) => match Trial::parse(&params.rule) {
                Ok(trial) => {
                    let ago = params.since_hours.map(|hours| u64::from(hours) * 3_600_000);
                    let since_ms = ago.map_or(0, |ago| now.unix_ms.saturating_sub(ago));
                    return run(reply, Job::TryPolicy { trial, since_ms }, fx);
                }
                Err(wrong) => Err(RpcError::new(ErrorCode::BadParams, wrong)
                    .with_hint("try a preset, Bash(cargo test) to allow or \"deny Bash(git push)\"")),
            },
            Command::GetRiskTable(_) => to_json(risk_table()),
            Command::SetSessionTitle(SetTitle { session, title }) => self.update_session(
                now,
                UpdateSession { session, title: Some(title), ..UpdateSession::default() },
                fx,
            ),
            Command::UpdateSession(params) => self.update_session(now, params, fx),
            Command::LoadSettings(_) => Ok(Value::Object(self.settings.to_json())),
            Command::SaveSettings(params) => match Settings::check(&params.settings) {
                Ok(()) => return run(reply, Job::SaveSettings(params), fx),
                Err(wanted) => Err(RpcError::new(ErrorCode::BadParams, wanted)),
            },
            Command::SettingsSchema(_) => Ok(settings::spec::schema()),
            Command::LoadKeybindings(_) => Ok(self.keymap.to_json()),
            Command::SaveKeybindings(params) => match Keymap::check(&params.keybindings) {
                Ok(()) => return run(reply, Job::SaveKeybindings(params), fx),
                Err(wanted) => Err(RpcError::new(ErrorCode::BadParams, wanted)),
            },
            Command::HooksStatus(params) => return run(reply, Job::HooksStatus(params), fx),
            Command::InstallHooks(params) => return run(reply, Job::InstallHooks(params), fx),
            Command::UninstallHooks(params) => return run(reply, Job::UninstallHooks(params), fx),
            Command::InjectGeminiHooks(params) => {
                let params = InstallHooks { dry_run: params.dry_run, ..InstallHooks::of(Provider::Gemini) };
                return run(reply, Job::InstallHooks(params), fx);
            }
            Command::ReadGeminiSettings(_) => return run(reply, Job::ReadGeminiSettings, fx),
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
            Command::GetSessionMetrics(params) => self.get_session_metrics(&params),
            Command::GetHttpApi(_) => to_json(self.http_api()),
            Command::GetOtelPort(_) => self.get_otel_port(),
            Command::TelemetryStatus(params) => {
                let endpoint = self.otel_endpoint();
                return run(reply, Job::TelemetryStatus { params, endpoint }, fx);
            }
            Command::SetTelemetry(params) => {
                let endpoint = self.otel_endpoint();
                return run(reply, Job::SetTelemetry { params, endpoint }, fx);
            }
            Command::GetTerminals(params) => self.list_terminals(&params),
            Command::CreatePty(params) => return self.create_pty(reply, params, fx),
            Command::WritePty(params) => match self.write_pty(params) {
                Ok(wish) => return fx.push(Effect::Terminal { reply, wish }),
                Err(err) => Err(err),
            },
            Command::ResizePty(params) => match self.resize_pty(&params) {
                Ok(wish) => return fx.push(Effect::Terminal { reply, wish }),
                Err(err) => Err(err),
            },
            Command::KillPty(params) => match self.kill_pty(&params.terminal) {
                Ok(wish) => return fx.push(Effect::Terminal { reply, wish }),
                Err(err) => Err(err),
            },
            Command::GetIdeServerPort(_) => to_json(self.ide_info()),
            Command::GetNotifications(params) => self.list_notifications(&params),
            Command::ReadNotifications(params) => self.read_notifications(&params, fx),
            Command::DismissNotifications(params) => self.dismiss_notifications(&params, fx),
            Command::PauseNotifications(params) => self.pause_notifications(now, &params),
            Command::GetDigest(_) => to_json(self.digest(now)),
            Command::Quit(_) => {
                self.reply(reply, Ok(json!({ "quits": true })), fx);
                return fx.push(Effect::Quit);
            }
            Command::OpenWindow(params) => self.open_window(&params, fx),
            Command::Doctor(_) => {
                let (checks, known) = (self.checks(), self.known_sessions());
                return run(reply, Job::Doctor { checks, known }, fx);
            }
            // Taken above, for it may be asked about.
            Command::OpenTerminal(_) => Ok(Value::Null),
            Command::IsFirstLaunch(_) => Ok(Value::Bool(self.program.first_launch)),
            Command::FactoryReset(params) if params.confirm == RESET_WORD => {
                return run(reply, Job::FactoryReset, fx);
            }
            Command::FactoryReset(_) => Err(RpcError::new(ErrorCode::BadParams, "a reset was not confirmed")
                .with_hint(format!("confirm must be {RESET_WORD:?}"))),
            Command::PurgeData(params) => {
                let live = self.sessions.values().filter(|session| session.ended.is_none());
                let keep = live.map(|session| session.id).collect();
                return run(reply, Job::Purge { params, keep }, fx);
            }
        };
        match outcome {
            Ok(result) if keeps => {
                // A session's row may have to be written for what was done; that comes before the acknowledgement too.
                self.publish_touched(now, fx);
                // The window has the facts in its next snapshot.
                if self.window_replies.remove(&reply).is_none() {
                    fx.push(Effect::Acknowledge { to: reply, result });
                }
            }
            outcome => self.reply(reply, outcome, fx),
        }
    }

    /// A job is done.
    pub(super) fn job_finished(&mut self, reply: ReplyId, outcome: Outcome, fx: &mut Effects) {
        // Of several the last one counts.
        if self.trial.0 == Some(reply)
            && let Ok(value) = &outcome
        {
            self.trial = (None, serde_json::from_value(value.clone()).ok().map(std::sync::Arc::new));
            self.views.touch();
        }
        if self.window_replies.contains_key(&reply)
            && let Ok(value) = &outcome
            && let Some(file) = value.get("file").and_then(Value::as_str)
            && let Some(changed) = value.get("changed").and_then(Value::as_bool)
            && value.get("dry_run").and_then(Value::as_bool) != Some(true)
        {
            let text =
                if changed { format!("Wrote {file}") } else { format!("{file} was already as wanted") };
            self.toast(false, text, None);
        }
        let restarts = outcome.as_ref().ok().and_then(|value| value.get("restarting")?.as_bool());
        self.reply(reply, outcome, fx);
        if restarts == Some(true) {
            fx.push(Effect::Restart);
        }
    }

    /// Answers a requester; what the window asked for is answered by a toast when it failed.
    pub(super) fn reply(&mut self, to: ReplyId, outcome: Outcome, fx: &mut Effects) {
        let Some(about) = self.window_replies.remove(&to) else {
            return fx.push(Effect::Reply { to, outcome });
        };
        if let Err(err) = outcome {
            let hint = err.hint.map(|hint| format!(": {hint}")).unwrap_or_default();
            self.toast(true, format!("{}{hint}", err.message), about);
        }
    }

    fn list_requests(&self, params: &ListRequests) -> Outcome {
        let limit = params.limit.map_or(REQUESTS_LIMIT, |limit| limit as usize);
        let rows: Vec<RequestInfo> = if params.all {
            let newest_first = self.requests.iter().rev();
            newest_first.take(limit).map(|request| self.request_info(request)).collect()
        } else {
            let open = self.requests.iter().filter(|request| request.state.waits());
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

    fn update_session(&mut self, now: Now, params: UpdateSession, fx: &mut Effects) -> Outcome {
        let id = self.session_named(&params.session)?;
        if let Some(title) = &params.title
            && title.trim().chars().count() > TITLE_MAX
        {
            return Err(RpcError::new(
                ErrorCode::BadParams,
                format!("a title has at most {TITLE_MAX} characters"),
            ));
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            if let Some(title) = params.title {
                session.titles.user = titles::clean(&title);
            }
            session.pinned = params.pinned.unwrap_or(session.pinned);
            session.hidden = params.hidden.unwrap_or(session.hidden);
            if !session.is_unnamed() {
                fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
            }
        }
        self.renamed(id);
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
        let newest = self.next_seq - 1;
        self.reply(reply, Ok(json!({ "seq": newest })), fx);
        fx.push(Effect::Subscribe { to: reply, params, newest });
    }

    fn open_window(&mut self, params: &OpenWindow, fx: &mut Effects) -> Outcome {
        let session = params.session.as_deref().map(|typed| self.session_named(typed)).transpose()?;
        if self.program.headless {
            return Err(RpcError::new(ErrorCode::Unsupported, "magia runs without a window").with_hint(
                format!("end it (kill {}) and start magia where there is a display", self.program.pid),
            ));
        }
        self.raise_at(session, None, fx);
        Ok(json!({ "raised": true }))
    }

    /// Brings the window to the front, at a session or a request of it.
    pub(super) fn raise_at(
        &mut self,
        session: Option<SessionId>,
        request: Option<RequestId>,
        fx: &mut Effects,
    ) {
        self.raise = (self.raise.0 + 1, session);
        self.raise_request = request;
        self.raise_page = None;
        self.raise_terminal = None;
        self.views.touch();
        fx.push(Effect::RaiseWindow(session));
    }
}

/// Whether a command changes facts that the store keeps: who asked for it is told once they are kept. What a job changes
/// is on the disk when the job is done.
const fn changes_facts(command: &Command) -> bool {
    matches!(
        command,
        Command::ResolvePermission(_)
            | Command::ResolveSame(_)
            | Command::SetSessionTitle(_)
            | Command::UpdateSession(_)
    )
}

fn run(reply: ReplyId, job: Job, fx: &mut Effects) {
    fx.push(Effect::Run { reply, job });
}

pub(super) fn to_json(value: impl serde::Serialize) -> Outcome {
    serde_json::to_value(value).map_err(|err| RpcError::new(ErrorCode::Internal, err.to_string()))
}

fn risk_table() -> Vec<RiskInfo> {
    let row = |row: &&table::RiskRow| RiskInfo {
        id: row.reason.to_owned(),
        risk: row.risk,
        reason: row.reason.to_owned(),
        why: row.why.to_owned(),
        tool: row.tool.to_owned(),
        example: row.input.and_then(|input| serde_json::from_str(input).ok()).unwrap_or_default(),
    };
    table::TABLE.iter().map(row).collect()
}

fn with_nearest(err: RpcError, near: Option<&str>) -> RpcError {
    match near {
        Some(name) => err.with_hint(format!("did you mean {name}?")),
        None => err,
    }
}
