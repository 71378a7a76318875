//! Asks the session bus whether there is a tray: a StatusNotifier watcher, and a host that shows what is registered
//! there. tray-icon does not say; without asking, a window that is closed into a tray that is not there is lost.

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::thread::JoinHandle;
use std::time::Duration;
use zbus::blocking::{Connection, MessageIterator, connection, fdo};
use zbus::message::Type;
use zbus::zvariant::OwnedValue;
use zbus::{MatchRule, Message};

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const PATH: &str = "/StatusNotifierWatcher";
/// Facts on the way to the tray's thread.
const FACTS: usize = 64;
/// How long a watcher may think.
const CALL_WAIT: Duration = Duration::from_secs(5);

/// What was seen.
#[derive(Debug)]
pub(super) enum Seen {
    /// A watcher began.
    Watcher,
    /// Whether there is a host now.
    Host(bool),
}

/// A connection that hears of watchers and hosts.
pub(super) struct Watch {
    connection: Connection,
    /// Whether there was a watcher at the start.
    pub(super) has_watcher: bool,
    /// Whether there was a host at the start.
    pub(super) has_host: bool,
    /// What is seen from then on; disconnected when the bus is gone.
    pub(super) seen: Receiver<Seen>,
    eyes: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start() -> zbus::Result<Self> {
        let connection = connection::Builder::session()?.method_timeout(CALL_WAIT).build()?;
        let bus = fdo::DBusProxy::new(&connection)?;
        let messages = MessageIterator::from(&connection);
        let signals = || MatchRule::builder().msg_type(Type::Signal);
        let owners =
            signals().sender("org.freedesktop.DBus")?.member("NameOwnerChanged")?.add_arg(WATCHER)?;
        bus.add_match_rule(owners.build())?;
        bus.add_match_rule(signals().sender(WATCHER)?.interface(WATCHER)?.build())?;
        let has_watcher = bus.name_has_owner(WATCHER.try_into()?)?;
        let has_host = has_watcher && asks_for_host(&connection);
        let (sender, seen) = bounded(FACTS);
        let asks = connection.clone();
        let eyes = std::thread::Builder::new()
            .name("magia-tray-host".to_owned())
            .spawn(move || look(&asks, messages, &sender))
            .map_err(|err| zbus::Error::InputOutput(err.into()))?;
        Ok(Self { connection, has_watcher, has_host, seen, eyes: Some(eyes) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Err(err) = self.connection.clone().close() {
            tracing::debug!("closing the connection to the session bus: {err}");
        }
        if let Some(eyes) = self.eyes.take()
            && eyes.join().is_err()
        {
            tracing::error!("the thread that looks for a tray panicked");
        }
    }
}

fn asks_for_host(connection: &Connection) -> bool {
    let property = (WATCHER, "IsStatusNotifierHostRegistered");
    let reply = connection.call_method(
        Some(WATCHER),
        PATH,
        Some("org.freedesktop.DBus.Properties"),
        "Get",
        &property,
    );
    match reply.and_then(|reply| reply.body().deserialize::<OwnedValue>()) {
        Ok(value) => bool::try_from(value).unwrap_or(false),
        Err(err) => {
            tracing::debug!("the tray's watcher does not say whether it has a host: {err}");
            false
        }
    }
}

fn look(connection: &Connection, messages: MessageIterator, sender: &Sender<Seen>) {
    for message in messages {
        let Ok(message) = message else { return };
        for seen in understand(connection, &message) {
            match sender.try_send(seen) {
                Ok(()) | Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
    }
}

fn understand(connection: &Connection, message: &Message) -> Vec<Seen> {
    if message.message_type() != Type::Signal {
        return Vec::new();
    }
    let header = message.header();
    let (Some(interface), Some(member)) = (header.interface(), header.member()) else { return Vec::new() };
    match (interface.as_str(), member.as_str()) {
        ("org.freedesktop.DBus", "NameOwnerChanged") => {
            let Ok((name, _, new)) = message.body().deserialize::<(String, String, String)>() else {
                return Vec::new();
            };
            match (name == WATCHER, new.is_empty()) {
                (false, _) => Vec::new(),
                (true, true) => vec![Seen::Host(false)],
                (true, false) => vec![Seen::Watcher, Seen::Host(asks_for_host(connection))],
            }
        }
        // Whoever says so: it is asked again.
        (WATCHER, "StatusNotifierHostRegistered" | "StatusNotifierHostUnregistered") => {
            vec![Seen::Host(asks_for_host(connection))]
        }
        _ => Vec::new(),
    }
}
