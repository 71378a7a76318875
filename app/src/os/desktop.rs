//! What the desktop offers, asked of the session bus: whether anything shows notifications or a tray.

use std::time::Duration;
use zbus::blocking::connection::Builder;
use zbus::blocking::fdo::DBusProxy;

/// How long the bus may take: it is on this machine.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who shows notifications.
const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
/// Who shows tray icons.
const TRAY: &str = "org.kde.StatusNotifierWatcher";

/// What the session bus said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Desktop {
    /// A notification daemon runs, or is started when it is needed.
    pub notifications: bool,
    /// A host shows tray icons.
    pub tray: bool,
}

/// Asks the session bus. The error says why it could not be asked.
///
/// # Errors
/// When there is no bus, or it does not answer.
pub fn look() -> Result<Desktop, String> {
    let asked = || -> zbus::Result<Desktop> {
        let connection = Builder::session()?.method_timeout(PATIENCE).build()?;
        let bus = DBusProxy::new(&connection)?;
        let has = |name: &str| bus.list_names().map(|names| names.iter().any(|known| known.as_str() == name));
        let starts = bus.list_activatable_names()?.iter().any(|name| name.as_str() == NOTIFICATIONS);
        Ok(Desktop { notifications: has(NOTIFICATIONS)? || starts, tray: has(TRAY)? })
    };
    asked().map_err(|err| err.to_string())
}
