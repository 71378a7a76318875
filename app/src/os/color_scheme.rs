//! Whether the desktop is dark or light, as its settings portal says, and when that changes.
//!
//! A portal that does not run is not started for this: then nothing is known, and `system` means dark.

use crate::service::{Outbox, ServiceThread};
use crossbeam_channel::Sender;
use magia_core::event::Event;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use zbus::blocking::{Connection, MessageIterator, Proxy};
use zbus::proxy::MethodFlags;
use zbus::zvariant::{OwnedValue, Value};

const PORTAL: &str = "org.freedesktop.portal.Desktop";
const PATH: &str = "/org/freedesktop/portal/desktop";
const SETTINGS: &str = "org.freedesktop.portal.Settings";
const NAMESPACE: &str = "org.freedesktop.appearance";
const KEY: &str = "color-scheme";

/// Signals that may wait; only the newest matters.
const QUEUE: usize = 16;
/// How long the bus may keep the program from ending.
const STOP_WAIT: Duration = Duration::from_secs(1);

/// Follows the desktop on a thread of its own. Dropping it stops that.
#[derive(Debug)]
pub struct ColorScheme {
    /// Closing it ends the thread's waiting.
    connection: Arc<OnceLock<Connection>>,
    thread: ServiceThread,
}

impl ColorScheme {
    /// Reports [`Event::DesktopSchemeChanged`] when the desktop says something, and whenever that changes.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub fn start(events: Sender<Event>) -> io::Result<Self> {
        let connection = Arc::new(OnceLock::new());
        let shared = Arc::clone(&connection);
        let thread = ServiceThread::start("magia-scheme", events, move |outbox| {
            if let Err(err) = follow(&outbox, &shared) {
                tracing::debug!("the desktop does not say whether it is dark: {err}");
            }
        })?;
        Ok(Self { connection, thread })
    }
}

impl Drop for ColorScheme {
    fn drop(&mut self) {
        self.thread.begin_stop();
        if let Some(connection) = self.connection.get() {
            // It ends the wait for signals; a bus that is gone has ended it already.
            let _gone = connection.clone().close();
        }
        if !self.thread.stop_within(STOP_WAIT) {
            tracing::debug!("the session bus does not answer; its thread is left behind");
        }
    }
}

fn follow(outbox: &Outbox, shared: &OnceLock<Connection>) -> zbus::Result<()> {
    let connection = Connection::session()?;
    if shared.set(connection.clone()).is_err() || outbox.stopped() {
        return Ok(());
    }
    let rule = zbus::MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .sender(PORTAL)?
        .path(PATH)?
        .interface(SETTINGS)?
        .member("SettingChanged")?
        .build();
    // Before the question, so that no change is missed between the two.
    let changes = MessageIterator::for_match_rule(rule, &connection, Some(QUEUE))?;
    let portal = Proxy::new(&connection, PORTAL, PATH, SETTINGS)?;
    let flags = MethodFlags::NoAutoStart.into();
    let asked: zbus::Result<Option<OwnedValue>> = portal.call_with_flags("Read", flags, &(NAMESPACE, KEY));
    let now = asked.ok().flatten().and_then(|value| scheme(&value));
    let mut told = None;
    if now.is_some() {
        told = now;
        if !outbox.send(Event::DesktopSchemeChanged(now)) {
            return Ok(());
        }
    }
    for message in changes {
        let message = message?;
        let body = message.body();
        let Ok((namespace, key, value)) = body.deserialize::<(String, String, OwnedValue)>() else {
            continue;
        };
        let now = scheme(&value);
        if namespace == NAMESPACE && key == KEY && now != told {
            told = now;
            if !outbox.send(Event::DesktopSchemeChanged(now)) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether it is dark: 1 is dark, 2 is light, all else is no preference. Older portals wrap the number twice.
fn scheme(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Value(inner) => scheme(inner),
        Value::U32(1) => Some(true),
        Value::U32(2) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portals_numbers_are_understood() {
        let twice = |number: u32| Value::Value(Box::new(Value::U32(number)));
        assert_eq!(scheme(&Value::U32(1)), Some(true));
        assert_eq!(scheme(&twice(2)), Some(false));
        assert_eq!(scheme(&Value::U32(0)), None);
        assert_eq!(scheme(&Value::Str("dark".into())), None);
    }
}
