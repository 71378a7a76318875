//! The notification daemon of a freedesktop session: one connection that shows and hears.
//!
//! The match for clicks is added before anything is shown, on the connection that shows it: a click that comes before
//! the daemon's own answer waits in the queue. A click counts only when its sender is who the bus says owns the daemon's
//! name now: any program can send a signal that looks like one.

use super::Said;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, never};
use magia_core::effect::Notice;
use magia_core::event::NoticeNews;
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{NoticeKind, RequestId};
use std::collections::HashMap;
use std::thread::JoinHandle;
use std::time::Duration;
use zbus::blocking::{Connection, MessageIterator, connection, fdo};
use zbus::message::Type;
use zbus::names::UniqueName;
use zbus::zvariant::Value;
use zbus::{MatchRule, Message};

const DAEMON: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// The name that the daemon gives with our notifications.
const APP_NAME: &str = "magia";
/// How long a daemon may think; one that is started by the bus needs its time.
const CALL_WAIT: Duration = Duration::from_secs(10);
/// Clicks on the way to the worker; a person makes none so fast.
const CLICKS: usize = 256;
/// What a click on the notification itself is called.
const CLICK: &str = "default";
const ALLOW: &str = "allow:";
const DENY: &str = "deny:";
/// `NotificationClosed` says that its time was over: many desktops keep such a one in a list, where it can be clicked.
const EXPIRED: u32 = 1;

/// What a button means; `None` when there is no such button.
pub(super) fn meaning(key: &str) -> Option<NoticeNews> {
    let answered = |id: &str, decision| {
        let request: RequestId = id.parse().ok()?;
        Some(NoticeNews::Answered { request, decision })
    };
    match key {
        CLICK => Some(NoticeNews::Clicked),
        key => match (key.strip_prefix(ALLOW), key.strip_prefix(DENY)) {
            (Some(id), _) => answered(id, Decision::Allow),
            (_, Some(id)) => answered(id, Decision::Deny),
            _ => None,
        },
    }
}

/// The way to the daemon; connected when it is first needed.
#[derive(Default)]
pub(super) struct Desktop {
    bus: Option<Bus>,
    can: Option<Can>,
}

/// What the daemon can do.
#[derive(Clone, Copy)]
struct Can {
    /// It reads markup in bodies.
    markup: bool,
    /// It has buttons.
    actions: bool,
}

struct Bus {
    connection: Connection,
    said: Receiver<Said>,
    ears: Option<JoinHandle<()>>,
}

impl Desktop {
    /// What the daemon says, while there is a connection.
    pub(super) fn said(&self) -> Receiver<Said> {
        self.bus.as_ref().map_or_else(never, |bus| bus.said.clone())
    }

    /// The next daemon may be another one.
    pub(super) fn forget(&mut self) {
        self.can = None;
    }

    /// Shows a notification, in the place of an earlier one unless that is 0. Gives the daemon's number for it, and the
    /// daemon.
    pub(super) fn show(&mut self, notice: &Notice, replaces: u32) -> Result<(u32, String), String> {
        let outcome = self.try_show(notice, replaces).map_err(|err| err.to_string());
        if outcome.is_err() {
            self.can = None;
        }
        outcome
    }

    fn try_show(&mut self, notice: &Notice, replaces: u32) -> zbus::Result<(u32, String)> {
        let bus = match &mut self.bus {
            Some(bus) => bus,
            none => none.insert(Bus::connect()?),
        };
        let can = match self.can {
            Some(can) => can,
            None => *self.can.insert(bus.capabilities()?),
        };
        let body = if can.markup { escaped(&notice.body) } else { notice.body.clone() };
        let mut actions = Vec::new();
        if can.actions {
            actions.extend([CLICK.to_owned(), "Show".to_owned()]);
            if let Some(request) = notice.decide {
                let buttons = [(ALLOW, "Allow"), (DENY, "Deny")];
                actions.extend(
                    buttons.iter().flat_map(|(key, label)| [format!("{key}{request}"), (*label).to_owned()]),
                );
            }
        }
        let urgency: u8 = if notice.kind == NoticeKind::Info { 0 } else { 1 };
        let mut hints: HashMap<&str, Value<'_>> =
            HashMap::from([("urgency", Value::from(urgency)), ("desktop-entry", Value::from(APP_NAME))]);
        if notice.sound {
            hints.insert("sound-name", Value::from("message-new-instant"));
        } else {
            hints.insert("suppress-sound", Value::from(true));
        }
        let usual_time = -1_i32;
        let content =
            (APP_NAME, replaces, "", notice.title.as_str(), body.as_str(), &actions, hints, usual_time);
        let reply = bus.call("Notify", &content)?;
        let daemon = reply.header().sender().map(|sender| sender.to_string()).unwrap_or_default();
        Ok((reply.body().deserialize()?, daemon))
    }

    /// Takes a notification from the screen; nothing happens when it is gone already.
    pub(super) fn close(&mut self, id: u32) {
        let Some(bus) = &self.bus else { return };
        if let Err(err) = bus.call("CloseNotification", &(id,)) {
            tracing::debug!("cannot close a notification: {err}");
        }
    }
}

impl Bus {
    fn connect() -> zbus::Result<Self> {
        let connection = connection::Builder::session()?.method_timeout(CALL_WAIT).build()?;
        let bus = fdo::DBusProxy::new(&connection)?;
        // All that comes in from here on; what is no signal of these two rules is passed over.
        let messages = MessageIterator::from(&connection);
        let signals = || MatchRule::builder().msg_type(Type::Signal);
        bus.add_match_rule(signals().sender(DAEMON)?.interface(DAEMON)?.build())?;
        let owners = signals().sender("org.freedesktop.DBus")?.member("NameOwnerChanged")?.add_arg(DAEMON)?;
        bus.add_match_rule(owners.build())?;
        let owner = bus.get_name_owner(DAEMON.try_into()?).ok().map(|owner| owner.to_string());
        let (sender, said) = bounded(CLICKS);
        let ears = std::thread::Builder::new()
            .name("magia-clicks".to_owned())
            .spawn(move || Ears { owner, sender }.listen(messages))
            .map_err(|err| zbus::Error::InputOutput(err.into()))?;
        Ok(Self { connection, said, ears: Some(ears) })
    }

    fn call<B>(&self, method: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::ser::Serialize + zbus::zvariant::DynamicType,
    {
        self.connection.call_method(Some(DAEMON), PATH, Some(DAEMON), method, body)
    }

    fn capabilities(&self) -> zbus::Result<Can> {
        let reply = self.call("GetCapabilities", &())?;
        let words: Vec<String> = reply.body().deserialize()?;
        let has = |wanted: &str| words.iter().any(|word| word == wanted);
        Ok(Can { markup: has("body-markup"), actions: has("actions") })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        if let Err(err) = self.connection.clone().close() {
            tracing::debug!("closing the connection to the session bus: {err}");
        }
        if let Some(ears) = self.ears.take()
            && ears.join().is_err()
        {
            tracing::error!("the thread that hears of clicks panicked");
        }
    }
}

/// Hears what the daemon says, and nobody else.
struct Ears {
    /// The unique name of the daemon's connection.
    owner: Option<String>,
    sender: Sender<Said>,
}

impl Ears {
    fn listen(mut self, messages: MessageIterator) {
        for message in messages {
            let Ok(message) = message else { break };
            let Some(said) = self.understand(&message) else { continue };
            match self.sender.try_send(said) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => tracing::warn!("a click on a notification was lost: too many"),
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
        // When the worker is gone it was he who closed the connection.
        let _nobody_listens = self.sender.try_send(Said::Lost);
    }

    fn understand(&mut self, message: &Message) -> Option<Said> {
        if message.message_type() != Type::Signal {
            return None;
        }
        let header = message.header();
        let sender = header.sender().map(UniqueName::as_str)?;
        let (interface, member) = (header.interface()?.as_str(), header.member()?.as_str());
        match (interface, member) {
            // The bus lets nobody take its own name.
            ("org.freedesktop.DBus", "NameOwnerChanged") if sender == "org.freedesktop.DBus" => {
                let (name, _, new): (String, String, String) = message.body().deserialize().ok()?;
                if name != DAEMON {
                    return None;
                }
                self.owner = Some(new).filter(|new| !new.is_empty());
                Some(self.owner.clone().map_or(Said::Ended, |daemon| Said::Began { daemon }))
            }
            (DAEMON, _) if self.owner.as_deref() != Some(sender) => {
                tracing::warn!("{sender} sent {member} in the name of the notification daemon: ignored");
                None
            }
            (DAEMON, "ActionInvoked") => {
                let (id, key): (u32, String) = message.body().deserialize().ok()?;
                Some(Said::Action { id, key })
            }
            (DAEMON, "NotificationClosed") => {
                let (id, reason): (u32, u32) = message.body().deserialize().ok()?;
                (reason != EXPIRED).then_some(Said::Closed { id })
            }
            _ => None,
        }
    }
}

/// An agent's text as text, for a daemon that reads markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text() {
        assert_eq!(escaped("<b>a</b> && <a href='x'>"), "&lt;b&gt;a&lt;/b&gt; &amp;&amp; &lt;a href='x'&gt;");
    }

    #[test]
    fn a_button_names_its_request() {
        let id = "0199aaaa-bbbb-7ccc-8ddd-eeeeff001122";
        let request: RequestId = id.parse().unwrap();
        assert_eq!(meaning("default"), Some(NoticeNews::Clicked));
        let allowed = NoticeNews::Answered { request, decision: Decision::Allow };
        assert_eq!(meaning(&format!("allow:{id}")), Some(allowed));
        let denied = NoticeNews::Answered { request, decision: Decision::Deny };
        assert_eq!(meaning(&format!("deny:{id}")), Some(denied));
        for other in ["allow:", "allow:1", "", "inline-reply"] {
            assert_eq!(meaning(other), None, "{other}");
        }
    }
}
