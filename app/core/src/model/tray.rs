//! The tray: what is chosen there, whether there is one, and the window that was closed into it.

use super::notices::{About, Told};
use super::{Effects, Model};
use crate::effect::{Effect, Job, Update};
use crate::event::{Now, Origin, ReplyId};
use crate::snapshot::RaisePage;
use crate::tray::{TrayChoice, TrayHost};
use magia_protocol::wire::command::{PauseNotifications, SaveSettings};
use magia_protocol::wire::{NoticeKind, SessionId};
use serde_json::json;

/// Minutes of a pause that is chosen in the tray.
const PAUSE_MIN: u32 = 60;

/// Who asks that a hint was shown is kept: nobody waits for it.
const NOBODY_WAITS: ReplyId = ReplyId(u64::MAX);

impl Model {
    /// A person, as far as the session bus can tell, chose something in the tray.
    pub(super) fn tray_chosen(&mut self, now: Now, choice: TrayChoice, fx: &mut Effects) {
        match choice {
            TrayChoice::Show => self.raise_at(None, None, fx),
            TrayChoice::Open(session) => self.raise_at(Some(session), None, fx),
            TrayChoice::OpenRequest(id) => {
                let session = self.requests.get(id).map(|request| request.session);
                self.raise_at(session, Some(id), fx);
            }
            TrayChoice::Answer { request, decision } => {
                if let Err(err) = self.decide_weakly(now, request, decision, &Origin::Tray, fx) {
                    self.toast(true, err.message, Some(request.to_string()));
                    let session = self.requests.get(request).map(|request| request.session);
                    self.raise_at(session, Some(request), fx);
                }
            }
            TrayChoice::OpenProject(path) => {
                fx.push(Effect::Publish(Update::TrayOpenProject(json!({ "path": path }))));
                let latest = self.rows().filter(|row| row.cwd == path).max_by_key(|row| row.last_activity_ms);
                let session = latest.map(|row| row.id);
                self.raise_at(session, None, fx);
                self.raise_page = Some(RaisePage::Project(path));
            }
            TrayChoice::NewSession => {
                fx.push(Effect::Publish(Update::TrayNewSession));
                self.raise_at(None, None, fx);
                self.raise_page = Some(RaisePage::NewSession);
            }
            TrayChoice::Pause | TrayChoice::Resume => {
                let minutes = Some(if choice == TrayChoice::Pause { PAUSE_MIN } else { 0 });
                // It cannot fail.
                let _paused = self.pause_notifications(now, &PauseNotifications { minutes });
            }
            TrayChoice::Quit => fx.push(Effect::Quit),
        }
    }

    /// There is a tray, or there is none any more.
    pub(super) fn tray_reported(&mut self, host: TrayHost) {
        self.tray_host = host;
        self.views.touch();
    }

    /// The window was closed into the tray. The first time, a person is told where it went.
    pub(super) fn window_hidden(&mut self, now: Now, fx: &mut Effects) {
        if self.settings.notices.tray_hint_shown || self.hinted {
            return;
        }
        self.hinted = true;
        fx.push(Effect::Publish(Update::TrayMinimizedFirstTime));
        let told = Told {
            kind: NoticeKind::Info,
            session: SessionId::NOBODY,
            about: About::Program,
            title: "magia goes on in the tray".to_owned(),
            body: "A click on its icon brings the window back; Quit is in the icon's menu".to_owned(),
        };
        self.tell(now, told, fx);
        let settings = serde_json::Map::from_iter([("trayHintShown".to_owned(), json!(true))]);
        fx.push(Effect::Run { reply: NOBODY_WAITS, job: Job::SaveSettings(SaveSettings { settings }) });
    }
}
