//! How the program is: for `status`, `doctor` and the window's banners.

use super::Model;
use crate::drift::Known;
use crate::event::Now;
use crate::keys::Conflict;
use crate::snapshot::Problem;
use magia_protocol::wire::info::{CheckInfo, HttpApiInfo, ListenerInfo, StateCount, StatusInfo};
use magia_protocol::wire::{SessionState, WIRE_VERSION};

/// The listeners that the user switches on and off: neither up nor in error they are off, and not listed.
const SWITCHED: [&str; 2] = ["http", "otlp"];

impl Model {
    /// The `status` reply.
    pub(super) fn status(&self, now: Now) -> StatusInfo {
        let sessions =
            SessionState::ALL.iter().map(|state| StateCount { state: *state, count: self.count(*state) });
        let waits = self.requests.iter().filter(|request| request.state.waits()).count();
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
            http_api: self.http_api(),
            daemons: self.daemons.clone(),
            problems: self.problems.values().map(|problem| problem.text.clone()).collect(),
        }
    }

    /// What `get_http_api` returns.
    pub(super) fn http_api(&self) -> HttpApiInfo {
        let switch = match &self.http_api {
            api if api.at_start => "it was started with --http; start magia without it to have it off",
            api if api.on => "magia settings unset httpApi",
            _ => "magia settings set httpApi 4020",
        };
        HttpApiInfo { switch: switch.to_owned(), ..self.http_api.clone() }
    }

    /// What the model itself can say to `doctor`.
    pub(super) fn checks(&self) -> Vec<CheckInfo> {
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
                fix: Some(fix_of(&problem.id).to_owned()),
            });
        }
        checks.push(self.keys_check());
        checks.extend(self.daemons.iter().map(super::daemon::check));
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

    fn keys_check(&self) -> CheckInfo {
        let conflicts: Vec<String> = self.keymap.conflicts().iter().map(Conflict::text).collect();
        let ok = conflicts.is_empty();
        CheckInfo {
            id: "keys.conflicts".to_owned(),
            status: if ok { "ok" } else { "warn" }.to_owned(),
            detail: if ok { "no two commands have one key".to_owned() } else { conflicts.join("; ") },
            fix: (!ok).then(|| "magia keys set, or magia keys reset".to_owned()),
        }
    }

    /// The sessions as they can be compared with the agents' own lists.
    pub(super) fn known_sessions(&self) -> Vec<Known> {
        let known = |session: &super::Session| Known {
            id: session.id,
            provider: session.provider,
            config_root: session.config_root.clone(),
            provider_session_id: session.provider_session_id.clone(),
            processes: session.processes.clone(),
            ended: session.ended.is_some(),
        };
        self.sessions.values().map(known).collect()
    }

    /// A listener started, failed or counted.
    pub(super) fn listener_reported(&mut self, info: ListenerInfo) {
        let switched_off = SWITCHED.contains(&info.name.as_str()) && !info.up && info.error.is_none();
        if switched_off {
            self.listeners.retain(|known| known.name != info.name);
            self.problem(&format!("listener.{}", info.name), None, None);
            return self.views.touch();
        }
        let problem = (!info.up).then(|| {
            let why = info.error.clone().unwrap_or_else(|| "it did not start".to_owned());
            format!("The {} socket does not listen: {why}", info.name)
        });
        self.problem(&format!("listener.{}", info.name), problem, Some(info.name.clone()));
        match self.listeners.iter_mut().find(|known| known.name == info.name) {
            Some(known) if *known == info => return,
            Some(known) => *known = info,
            None => {
                // By name, whichever was the first to start.
                let at = self.listeners.partition_point(|known| known.name < info.name);
                self.listeners.insert(at, info);
            }
        }
        self.views.touch();
    }

    /// Sets or clears a banner.
    pub(super) fn problem(&mut self, id: &str, text: Option<String>, retry: Option<String>) {
        let changed = match text {
            Some(text) => {
                let problem = Problem { id: id.to_owned(), text, retry };
                self.problems.insert(id.to_owned(), problem.clone()) != Some(problem)
            }
            None => self.problems.remove(id).is_some(),
        };
        if changed {
            self.views.touch();
        }
    }

    /// Counts by state, for the status reply and the window's bar.
    fn count(&self, state: SessionState) -> u32 {
        let count =
            self.sessions.values().filter(|session| session.shown.0 == state && !session.hidden).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// What to do about a problem that a service reported.
fn fix_of(problem: &str) -> &'static str {
    match problem {
        "settings" => "mend settings.json, or remove it: magia settings get shows what holds",
        "keybindings" => "mend keybindings.json, or magia keys reset",
        "themes" => "mend the theme's file in ~/.magia/themes, or remove it",
        _ => "start magia anew; the log says more",
    }
}
