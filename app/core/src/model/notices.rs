//! Notifications: what a person is told of, by which way, and why not. The ledger keeps all of it.
//!
//! What the desktop shows is a group: one entry, or those of a burst. A group's number is the notification's; a later
//! notice of the same number takes the place of the earlier.

use super::commands::{Outcome, to_json};
use super::{Effects, Model};
use crate::effect::{Channel, Effect, Notice, Update};
use crate::event::{NoticeNews, Now, Origin};
use magia_protocol::wire::command::{ListNotifications, PauseNotifications, SomeNotifications};
use magia_protocol::wire::notice::ChannelInfo;
use magia_protocol::wire::{
    NoticeKind, NoticeOutcome, NotificationInfo, RequestId, RequestState, Risk, SessionId, visible,
};
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;

/// Rows of the ledger that are kept.
pub const LEDGER_MAX: usize = 300;

/// What comes so soon after the last one joins it: a person gets one notification for a burst.
const BURST_MS: u64 = 1_500;

/// No burst is longer: one that never pauses would else hold back all that follows.
const BURST_MAX_MS: u64 = 6_000;

/// Notifications that the desktop may show at once; the oldest is no longer ours to change.
const GROUPS_MAX: usize = 64;

/// Rows in a list when no number is asked for.
const ROWS_LIMIT: usize = 100;

/// What a notification is about: a later one about the same takes its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum About {
    /// A request waits.
    Request(RequestId),
    /// What a session came to.
    Session(SessionId),
    /// What a program in a terminal said.
    Terminal(Arc<str>),
    /// The program itself.
    Program,
}

/// Something to tell.
#[derive(Debug)]
pub(super) struct Told {
    pub kind: NoticeKind,
    pub session: SessionId,
    pub about: About,
    pub title: String,
    pub body: String,
}

/// What one notification on the desktop stands for.
#[derive(Debug)]
struct Group {
    number: u64,
    /// Rows of the ledger, oldest first; never empty.
    members: Vec<u64>,
    /// Whether it ever stood for several at once.
    was_several: bool,
    /// When its burst began, and when the last one joined it.
    began_mono: u64,
    joined_mono: u64,
}

impl Group {
    const fn is_bursting(&self, now: Now) -> bool {
        now.mono_ms.saturating_sub(self.joined_mono) < BURST_MS
            && now.mono_ms.saturating_sub(self.began_mono) < BURST_MAX_MS
    }

    fn join(&mut self, id: u64, now: Now) {
        if !self.is_bursting(now) {
            self.began_mono = now.mono_ms;
        }
        self.members.push(id);
        self.was_several |= self.members.len() > 1;
        self.joined_mono = now.mono_ms;
    }
}

/// The ledger and what the desktop shows.
#[derive(Debug, Default)]
pub struct Notices {
    rows: VecDeque<(About, Arc<NotificationInfo>)>,
    last: u64,
    groups: VecDeque<Group>,
    paused_until_mono: Option<u64>,
    /// Minutes since midnight by local time, while the settings have quiet hours.
    minute_of_day: Option<u16>,
    /// The rows as the window gets them, newest first; `None` when they changed.
    listed: Option<Arc<Vec<Arc<NotificationInfo>>>>,
}

impl Notices {
    fn row_mut(&mut self, id: u64) -> Option<&mut NotificationInfo> {
        let at = self.rows.iter().position(|(_, row)| row.id == id)?;
        self.listed = None;
        self.rows.get_mut(at).map(|(_, row)| Arc::make_mut(row))
    }

    fn row(&self, id: u64) -> Option<&Arc<NotificationInfo>> {
        self.rows.iter().rev().map(|(_, row)| row).find(|row| row.id == id)
    }

    fn live(&self, about: &About) -> Vec<u64> {
        let live = self.rows.iter().filter(|(of, row)| of == about && !row.over);
        live.map(|(_, row)| row.id).collect()
    }

    /// How many rows nobody has read.
    pub fn unread(&self) -> usize {
        self.rows.iter().filter(|(_, row)| !row.read).count()
    }

    /// Whether the desktop is told nothing now.
    pub const fn is_paused(&self, now_mono: u64) -> bool {
        matches!(self.paused_until_mono, Some(until) if now_mono < until)
    }

    /// When a pause ends, for the clock.
    pub fn next_mono(&self) -> Option<u64> {
        self.paused_until_mono.filter(|until| *until != u64::MAX)
    }

    /// The rows, newest first.
    pub fn list(&mut self) -> Arc<Vec<Arc<NotificationInfo>>> {
        let rows = &self.rows;
        let made = self
            .listed
            .get_or_insert_with(|| Arc::new(rows.iter().rev().map(|(_, row)| Arc::clone(row)).collect()));
        Arc::clone(made)
    }
}

impl Model {
    /// Whether the settings depend on the time of day.
    pub fn wants_time_of_day(&self) -> bool {
        self.settings.notices.quiet.is_some()
    }

    /// Says what time it is where the user is, in minutes since midnight.
    pub fn set_time_of_day(&mut self, minute: u16) {
        self.notices.minute_of_day = Some(minute);
    }

    /// Tells a person of something, unless there is a reason not to; the ledger has it either way.
    pub(super) fn tell(&mut self, now: Now, told: Told, fx: &mut Effects) {
        let silence = self.silence(now, &told);
        let replaced = match told.about {
            About::Program => None,
            ref about => self.supersede(about),
        };
        self.notices.last += 1;
        let id = self.notices.last;
        let row = Arc::new(self.row_of(now, id, &told, silence));
        let shows = row.outcome == NoticeOutcome::Sending;
        // A program may chatter: that is in the list, but no new message each time.
        let chatters = matches!(told.about, About::Terminal(_));
        self.notices.rows.push_back((told.about, row));
        self.bound_ledger(fx);
        self.notices.listed = None;
        self.publish_notice(id, fx);
        if !shows {
            if let Some(number) = replaced {
                self.show_group(number, true, fx);
            }
            return;
        }
        let place = replaced.or_else(|| self.running_burst(now, told.kind));
        let number = place.unwrap_or(id);
        let known = self.notices.groups.iter_mut().find(|group| group.number == number);
        let goes_on = known.as_ref().is_some_and(|group| group.is_bursting(now));
        match known {
            Some(group) => group.join(id, now),
            None => {
                let (began_mono, joined_mono) = (now.mono_ms, now.mono_ms);
                let (members, was_several) = (vec![id], false);
                let group = Group { number, members, was_several, began_mono, joined_mono };
                self.notices.groups.push_back(group);
                if self.notices.groups.len() > GROUPS_MAX {
                    self.notices.groups.pop_front();
                }
            }
        }
        let joined = place.is_some() && replaced.is_none();
        self.show_group(number, joined, fx);
        let repeats = chatters && goes_on;
        if !joined && !repeats {
            self.send_elsewhere(id, fx);
        }
    }

    /// The oldest rows go, first those that are settled: what waits is to be taken back when it is over.
    fn bound_ledger(&mut self, fx: &mut Effects) {
        while self.notices.rows.len() > LEDGER_MAX {
            let over = self.notices.rows.iter().position(|(_, row)| row.over).unwrap_or(0);
            if let Some((_, row)) = self.notices.rows.remove(over) {
                self.leave_group(row.id, fx);
            }
        }
    }

    fn row_of(&self, now: Now, id: u64, told: &Told, silence: Option<String>) -> NotificationInfo {
        let session = self.sessions.get(&told.session);
        let request = match told.about {
            About::Request(request) => Some(request),
            About::Session(_) | About::Terminal(_) | About::Program => None,
        };
        let asker = request
            .and_then(|id| self.requests.get(id))
            .map(|request| self.request_info(request).session_title);
        NotificationInfo {
            id,
            at_ms: now.unix_ms,
            kind: told.kind,
            session: told.session,
            session_title: session.map(|session| session.title().0).or(asker).unwrap_or_default(),
            project: session.map(|session| visible(&session.project()).into_owned()).unwrap_or_default(),
            provider: session.map(|session| session.provider),
            request,
            title: told.title.clone(),
            body: told.body.clone(),
            outcome: if silence.is_some() { NoticeOutcome::Suppressed } else { NoticeOutcome::Sending },
            why: silence,
            channels: Vec::new(),
            read: self.is_in_front(told.session),
            over: false,
        }
    }

    /// Why a person is not told; `None` when there is no reason.
    fn silence(&self, now: Now, told: &Told) -> Option<String> {
        let settings = &self.settings.notices;
        let request = match told.about {
            About::Request(request) => self.requests.get(request),
            About::Session(_) | About::Terminal(_) | About::Program => None,
        };
        let cwd = self.sessions.get(&told.session).map(|session| &session.cwd);
        let cwd = cwd.or(request.map(|request| &request.cwd)).map(String::as_str).unwrap_or_default();
        let why = if !self.settings.notifications {
            "notifications are off"
        } else if !settings.kinds.contains(&told.kind) {
            "this kind is off"
        } else if self.notices.is_paused(now.mono_ms) {
            "paused"
        } else if self.is_in_front(told.session) && told.about != About::Program {
            "the session is in front"
        } else if settings.is_muted(cwd) {
            "the project is muted"
        } else if settings.quiet.zip(self.notices.minute_of_day).is_some_and(|(quiet, now)| quiet.holds(now))
        {
            "quiet hours"
        } else {
            return None;
        };
        Some(why.to_owned())
    }

    /// Whether a person looks at a session.
    pub(super) fn is_in_front(&self, session: SessionId) -> bool {
        self.window.focused && self.window.selected == Some(session)
    }

    /// What was told about the same is over. The number of the notification that stood for it alone is free for the next.
    fn supersede(&mut self, about: &About) -> Option<u64> {
        let mut free = None;
        for id in self.notices.live(about) {
            if let Some(row) = self.notices.row_mut(id) {
                row.over = true;
            }
            for group in &mut self.notices.groups {
                if group.members.contains(&id) {
                    group.members.retain(|member| *member != id);
                    free = group.members.is_empty().then_some(group.number).or(free);
                }
            }
        }
        free
    }

    /// The burst that something of this kind joins: one that is at least as urgent, so that a request is never a line of
    /// what makes no sound; and what is merely worth knowing is no line of what matters.
    fn running_burst(&self, now: Now, kind: NoticeKind) -> Option<u64> {
        let fits = |group: &&Group| {
            let kinds = group.members.iter().filter_map(|id| self.notices.row(*id)).map(|row| row.kind);
            kinds
                .min()
                .is_some_and(|most| most <= kind && (most == NoticeKind::Info) == (kind == NoticeKind::Info))
        };
        let mut bursting = self.notices.groups.iter().rev().filter(|group| group.is_bursting(now));
        bursting.find(fits).map(|group| group.number)
    }

    /// A row stands on the desktop no longer.
    fn leave_group(&mut self, id: u64, fx: &mut Effects) {
        let Some(group) = self.notices.groups.iter_mut().find(|group| group.members.contains(&id)) else {
            return;
        };
        group.members.retain(|member| *member != id);
        let number = group.number;
        self.show_group(number, true, fx);
    }

    /// What was told is settled: the desktop shows it no longer.
    pub(super) fn notice_over(&mut self, about: &About, fx: &mut Effects) {
        for id in self.notices.live(about) {
            if let Some(row) = self.notices.row_mut(id) {
                row.over = true;
            }
            self.publish_notice(id, fx);
            self.leave_group(id, fx);
        }
    }

    /// A person looks at a session: what was told of it is read, and the desktop shows it no longer.
    pub(super) fn session_in_front(&mut self, fx: &mut Effects) {
        let Some(session) = self.window.selected.filter(|_| self.window.focused) else { return };
        let unread: Vec<u64> = self
            .notices
            .rows
            .iter()
            .filter(|(_, row)| row.session == session && !row.read)
            .map(|(_, row)| row.id)
            .collect();
        for id in unread {
            if let Some(row) = self.notices.row_mut(id) {
                row.read = true;
            }
            self.leave_group(id, fx);
            self.publish_notice(id, fx);
        }
        self.notice_over(&About::Session(session), fx);
        let row = self.sessions.get_mut(&session);
        if row.is_some_and(|session| session.unread_since_ms.take().is_some()) {
            self.touch(session);
        }
    }

    /// Shows a group as it is now; an empty one is taken back. `quiet` for one that the desktop has shown before.
    fn show_group(&mut self, number: u64, quiet: bool, fx: &mut Effects) {
        let Some(at) = self.notices.groups.iter().position(|group| group.number == number) else { return };
        let Some(group) = self.notices.groups.get(at) else { return };
        if group.members.is_empty() {
            self.notices.groups.remove(at);
            return fx.push(Effect::Withdraw(number));
        }
        let rows: Vec<&Arc<NotificationInfo>> =
            group.members.iter().filter_map(|id| self.notices.row(*id)).collect();
        let Some(first) = rows.first() else { return };
        let sound = self.settings.notices.sound && !quiet;
        let notice = match rows.as_slice() {
            [row] => Notice {
                number,
                kind: row.kind,
                session: Some(row.session),
                // A notification that stood for several first has no buttons: a click may be on its way.
                decide: row.request.filter(|id| !group.was_several && self.has_buttons(*id)),
                sound: sound && matches!(row.kind, NoticeKind::Attention | NoticeKind::Error),
                title: row.title.clone(),
                body: row.body.clone(),
            },
            rows => {
                let one_session =
                    rows.iter().all(|row| row.session == first.session).then_some(first.session);
                Notice {
                    number,
                    kind: rows.iter().map(|row| row.kind).min().unwrap_or(first.kind),
                    session: one_session,
                    decide: None,
                    sound: false,
                    title: summary_title(rows),
                    body: summary_body(rows),
                }
            }
        };
        fx.push(Effect::Notify(notice));
    }

    /// Whether a notification may answer a request.
    fn has_buttons(&self, id: RequestId) -> bool {
        self.requests.get(id).is_some_and(|request| {
            request.subject.kind() == "tool"
                && request.state == RequestState::Open
                && request.gate.is_some()
                && self.settings.notices.decide_up_to.is_some_and(|most| request.judgement.risk <= most)
        })
    }

    /// The most harm that may be decided from somewhere; `None` when nothing may. The window and the command line are
    /// not held to any.
    pub(super) fn decides_up_to(&self, origin: &Origin) -> Option<Risk> {
        match origin {
            Origin::Tray => self.settings.notices.tray_up_to,
            Origin::Notification => self.settings.notices.decide_up_to,
            Origin::Window | Origin::Cli { .. } | Origin::Http { .. } => Some(Risk::High),
        }
    }

    fn send_elsewhere(&self, id: u64, fx: &mut Effects) {
        let settings = &self.settings.notices;
        let Some(row) = self.notices.row(id) else { return };
        let mut send = |channel| {
            fx.push(Effect::Send { channel, notification: Box::new(NotificationInfo::clone(row)) });
        };
        if !settings.command.is_empty() {
            send(Channel::Command(settings.command.clone()));
        }
        if !settings.webhook.is_empty() {
            send(Channel::Webhook(settings.webhook.clone()));
        }
        if !settings.ntfy.is_empty() {
            send(Channel::Ntfy(settings.ntfy.clone()));
        }
    }

    /// What became of a notification on the desktop.
    pub(super) fn notice_reported(&mut self, now: Now, number: u64, news: NoticeNews, fx: &mut Effects) {
        let Some(at) = self.notices.groups.iter().position(|group| group.number == number) else { return };
        let members = self.notices.groups.get(at).map(|group| group.members.clone()).unwrap_or_default();
        match news {
            NoticeNews::Shown => self.mark_rows(&members, NoticeOutcome::Shown, None, fx),
            NoticeNews::Failed(why) => {
                self.notices.groups.remove(at);
                self.mark_rows(&members, NoticeOutcome::Failed, Some(why), fx);
            }
            NoticeNews::Closed => {
                self.notices.groups.remove(at);
            }
            NoticeNews::Clicked => {
                let rows: Vec<_> = members.iter().filter_map(|id| self.notices.row(*id)).cloned().collect();
                let one = rows.first().filter(|first| rows.iter().all(|row| row.session == first.session));
                let (session, request) = match (one, rows.as_slice()) {
                    (Some(row), [_]) => (Some(row.session), row.request),
                    (Some(row), _) => (Some(row.session), None),
                    (None, _) => (None, None),
                };
                for id in &members {
                    if let Some(row) = self.notices.row_mut(*id) {
                        row.read = true;
                    }
                }
                let named = json!({ "session": session, "notification": members.first() });
                fx.push(Effect::Publish(Update::NotificationClicked(named)));
                self.raise_at(session, request, fx);
            }
            NoticeNews::Answered { request, decision } => {
                if let Err(err) = self.decide_weakly(now, request, decision, &Origin::Notification, fx) {
                    self.toast(true, err.message, Some(request.to_string()));
                    let session = self.requests.get(request).map(|request| request.session);
                    self.raise_at(session, Some(request), fx);
                }
            }
        }
        self.views.touch();
    }

    fn mark_rows(&mut self, ids: &[u64], outcome: NoticeOutcome, why: Option<String>, fx: &mut Effects) {
        for id in ids {
            let Some(row) = self.notices.row_mut(*id) else { continue };
            if row.outcome != outcome {
                row.outcome = outcome;
                row.why.clone_from(&why);
                self.publish_notice(*id, fx);
            }
        }
    }

    /// A notification went another way, or could not.
    pub(super) fn channel_reported(
        &mut self,
        id: u64,
        channel: &'static str,
        outcome: Result<(), String>,
        fx: &mut Effects,
    ) {
        let Some(row) = self.notices.row_mut(id) else { return };
        let (outcome, why) = match outcome {
            Ok(()) => (NoticeOutcome::Shown, None),
            Err(why) => (NoticeOutcome::Failed, Some(why)),
        };
        row.channels.push(ChannelInfo { channel: channel.to_owned(), outcome, why });
        self.publish_notice(id, fx);
    }

    fn publish_notice(&mut self, id: u64, fx: &mut Effects) {
        self.views.touch();
        if let Some(row) = self.notices.row(id) {
            fx.push(Effect::Publish(Update::NotificationsChanged(Box::new(NotificationInfo::clone(row)))));
        }
    }

    /// The rows, newest first.
    pub(super) fn list_notifications(&mut self, params: &ListNotifications) -> Outcome {
        let limit = params.limit.map_or(ROWS_LIMIT, |limit| limit as usize);
        let rows = self.notices.list();
        to_json(rows.iter().take(limit).map(|row| &**row).collect::<Vec<_>>())
    }

    /// Marks rows as read.
    pub(super) fn read_notifications(&mut self, params: &SomeNotifications, fx: &mut Effects) -> Outcome {
        for id in self.named_notifications(params)? {
            if let Some(row) = self.notices.row_mut(id).filter(|row| !row.read) {
                row.read = true;
                self.publish_notice(id, fx);
            }
        }
        Ok(json!({ "unread": self.notices.unread() }))
    }

    /// Takes rows out for good.
    pub(super) fn dismiss_notifications(&mut self, params: &SomeNotifications, fx: &mut Effects) -> Outcome {
        for id in self.named_notifications(params)? {
            self.leave_group(id, fx);
            self.notices.rows.retain(|(_, row)| row.id != id);
            self.notices.listed = None;
        }
        self.views.touch();
        Ok(json!({ "left": self.notices.rows.len() }))
    }

    /// Forgets what was told of a session.
    pub(super) fn forget_notices(&mut self, session: SessionId, fx: &mut Effects) {
        let of = self.notices.rows.iter().filter(|(_, row)| row.session == session);
        let ids: Vec<u64> = of.map(|(_, row)| row.id).collect();
        ids.into_iter().for_each(|id| self.leave_group(id, fx));
        self.notices.rows.retain(|(_, row)| row.session != session);
        self.notices.listed = None;
    }

    fn named_notifications(
        &self,
        params: &SomeNotifications,
    ) -> Result<Vec<u64>, magia_protocol::wire::RpcError> {
        match params.id {
            None => Ok(self.notices.rows.iter().map(|(_, row)| row.id).collect()),
            Some(id) if self.notices.row(id).is_some() => Ok(vec![id]),
            Some(id) => Err(magia_protocol::wire::RpcError::new(
                magia_protocol::wire::ErrorCode::NotFound,
                format!("there is no notification {id}"),
            )
            .with_hint("`magia notifications` lists them")),
        }
    }

    /// Tells the desktop nothing for a while.
    pub(super) fn pause_notifications(&mut self, now: Now, params: &PauseNotifications) -> Outcome {
        let until = match params.minutes {
            Some(0) => None,
            Some(minutes) => Some(now.mono_ms.saturating_add(u64::from(minutes) * 60_000)),
            None => Some(u64::MAX),
        };
        self.notices.paused_until_mono = until;
        self.views.touch();
        Ok(json!({ "paused": until.is_some() }))
    }

    /// A pause may be over.
    pub(super) fn end_pause(&mut self, now: Now) {
        if self.notices.paused_until_mono.is_some_and(|until| until <= now.mono_ms) {
            self.notices.paused_until_mono = None;
            self.views.touch();
        }
    }
}

/// `3 need you`, `2 errors and 1 finished`.
fn summary_title(rows: &[&Arc<NotificationInfo>]) -> String {
    let words = NoticeKind::ALL.iter().filter_map(|kind| {
        let count = rows.iter().filter(|row| row.kind == *kind).count();
        let one = count == 1;
        let words = match kind {
            NoticeKind::Attention if one => "request needs you",
            NoticeKind::Attention => "requests need you",
            NoticeKind::Error if one => "session failed",
            NoticeKind::Error => "sessions failed",
            NoticeKind::Completed if one => "agent finished",
            NoticeKind::Completed => "agents finished",
            NoticeKind::Info => "to know",
        };
        (count > 0).then(|| format!("{count} {words}"))
    });
    words.collect::<Vec<_>>().join(", ")
}

/// One line each, the newest last, at most four.
fn summary_body(rows: &[&Arc<NotificationInfo>]) -> String {
    const LINES: usize = 4;
    let skipped = rows.len().saturating_sub(LINES);
    let lines = rows.iter().skip(skipped).map(|row| {
        let body: String = row.body.lines().next().unwrap_or_default().chars().take(80).collect();
        format!("{}: {body}", row.session_title)
    });
    let mut lines: Vec<String> = lines.collect();
    if skipped > 0 {
        lines.insert(0, format!("and {skipped} more"));
    }
    lines.join("\n")
}
