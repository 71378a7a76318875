//! What the notification daemon shows.

use super::Urgency;
use notify_rust::{Notification, Timeout};

/// The name that the daemon gives with our notifications.
const APP_NAME: &str = "magia";

/// A notification that can be replaced or withdrawn.
pub(super) struct Shown(notify_rust::NotificationHandle);

/// The way to the daemon.
pub(super) struct Desktop {
    /// Whether the daemon reads markup in bodies; `None` before it was asked.
    markup: Option<bool>,
}

impl Desktop {
    pub(super) const fn new() -> Self {
        Self { markup: None }
    }

    /// Shows a text, in the place of `before` when that is still ours.
    pub(super) fn show(
        &mut self,
        before: Option<Shown>,
        title: &str,
        body: &str,
        urgency: Urgency,
    ) -> Result<Shown, String> {
        let outcome = self.try_show(before, title, body, urgency);
        if outcome.is_err() {
            // The next daemon may be another one.
            self.markup = None;
        }
        outcome
    }

    fn try_show(
        &mut self,
        before: Option<Shown>,
        title: &str,
        body: &str,
        urgency: Urgency,
    ) -> Result<Shown, String> {
        // notify-rust takes the program's name for granted where it begins a notification.
        let named = std::env::current_exe()
            .is_ok_and(|exe| exe.file_name().is_some_and(|name| name.to_str().is_some()));
        if !named {
            return Err("the program's own name cannot be read".into());
        }
        let body = if self.reads_markup()? { escaped(body) } else { body.to_owned() };
        let fill = |notification: &mut Notification| {
            notification.appname(APP_NAME).summary(title).body(&body);
            press(notification, urgency);
        };
        if let Some(Shown(mut handle)) = before {
            fill(&mut handle);
            match handle.update() {
                Ok(()) => return Ok(Shown(handle)),
                // The daemon was replaced, so that there is nothing to replace: show it anew.
                Err(err) => tracing::debug!("cannot replace a notification: {err}"),
            }
        }
        let mut notification = Notification::new();
        fill(&mut notification);
        notification.show().map(Shown).map_err(|err| err.to_string())
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    fn reads_markup(&mut self) -> Result<bool, String> {
        if let Some(markup) = self.markup {
            return Ok(markup);
        }
        let capabilities = notify_rust::get_capabilities().map_err(|err| err.to_string())?;
        let markup = capabilities.iter().any(|capability| capability == "body-markup");
        self.markup = Some(markup);
        Ok(markup)
    }

    #[cfg(not(all(unix, not(target_os = "macos"))))]
    fn reads_markup(&mut self) -> Result<bool, String> {
        Ok(false)
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
impl Shown {
    /// Takes it from the screen; nothing happens when it is gone already.
    pub(super) fn withdraw(self) {
        self.0.close();
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
impl Shown {
    /// These systems take no notification back.
    pub(super) fn withdraw(self) {}
}

#[cfg(all(unix, not(target_os = "macos")))]
fn press(notification: &mut Notification, urgency: Urgency) {
    match urgency {
        Urgency::Normal => notification.urgency(notify_rust::Urgency::Normal).timeout(Timeout::Default),
        Urgency::Critical => notification.urgency(notify_rust::Urgency::Critical).timeout(Timeout::Never),
    };
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn press(notification: &mut Notification, urgency: Urgency) {
    if urgency == Urgency::Critical {
        notification.timeout(Timeout::Never);
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
    #[test]
    fn markup_is_text() {
        assert_eq!(
            super::escaped("<b>a</b> && <a href='x'>"),
            "&lt;b&gt;a&lt;/b&gt; &amp;&amp; &lt;a href='x'&gt;"
        );
    }
}
