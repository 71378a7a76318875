//! Notifications where there is no session bus: they are shown, and neither clicked nor taken back.

use super::Said;
use crossbeam_channel::{Receiver, never};
use magia_core::effect::Notice;
use magia_core::event::NoticeNews;
use notify_rust::Notification;

/// What a button means: there are none.
pub(super) fn meaning(_key: &str) -> Option<NoticeNews> {
    None
}

/// The way to the desktop.
#[derive(Default)]
pub(super) struct Desktop;

impl Desktop {
    /// What the desktop says.
    pub(super) fn said(&self) -> Receiver<Said> {
        never()
    }

    /// There is nothing to forget.
    pub(super) fn forget(&mut self) {}

    /// Shows a notification.
    pub(super) fn show(&mut self, notice: &Notice, _replaces: u32) -> Result<(u32, String), String> {
        let shown = Notification::new().appname("magia").summary(&notice.title).body(&notice.body).show();
        shown.map(|_| (0, String::new())).map_err(|err| err.to_string())
    }

    /// These systems take no notification back.
    pub(super) fn close(&mut self, _id: u32) {}
}
