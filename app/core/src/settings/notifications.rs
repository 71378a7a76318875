//! The settings of notifications and tray, which settings.json holds among the others.

use super::word;
use magia_protocol::wire::{NoticeKind, Risk};
use serde_json::{Map, Value, json};
use std::path::Path;

/// What the window's close button does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CloseBehavior {
    /// The window goes, magia stays in the tray.
    #[default]
    MinimizeToTray,
    /// magia ends.
    Quit,
}

impl CloseBehavior {
    /// Every behaviour.
    pub const ALL: &'static [Self] = &[Self::MinimizeToTray, Self::Quit];

    /// The word in settings.json.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MinimizeToTray => "minimize_to_tray",
            Self::Quit => "quit",
        }
    }
}

/// A part of the day, by local time, in minutes since midnight; it may go over midnight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuietHours {
    from: u16,
    until: u16,
}

impl QuietHours {
    /// `22:00-07:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let minute = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            let whole = |text: &str, below: u16| text.parse::<u16>().ok().filter(|number| *number < below);
            Some(whole(hour, 24)? * 60 + whole(minute, 60)?)
        };
        let (from, until) = text.split_once('-')?;
        let hours = Self { from: minute(from)?, until: minute(until)? };
        (hours.from != hours.until).then_some(hours)
    }

    /// Whether a minute of the day is in them.
    pub const fn holds(self, minute: u16) -> bool {
        if self.from < self.until {
            self.from <= minute && minute < self.until
        } else {
            self.from <= minute || minute < self.until
        }
    }
}

impl std::fmt::Display for QuietHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [from, until] = [self.from, self.until].map(|at| (at / 60, at % 60));
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.0, from.1, until.0, until.1)
    }
}

/// How notifications and tray are to be.
#[derive(Clone, PartialEq, Debug)]
pub struct NotificationSettings {
    /// `notificationTypes`: the kinds that are told of.
    pub kinds: Vec<NoticeKind>,
    /// `notificationSound`.
    pub sound: bool,
    /// `notificationQuietHours`: nothing is told of then.
    pub quiet: Option<QuietHours>,
    /// `notificationMuted`: directories of which nothing is told.
    pub muted: Vec<String>,
    /// `notificationRisk`: requests up to this risk can be answered by a notification's buttons.
    pub decide_up_to: Option<Risk>,
    /// `notificationCommand`: a program and its arguments, run for each notification.
    pub command: Vec<String>,
    /// `notificationWebhook`: an address that gets each notification as JSON.
    pub webhook: String,
    /// `notificationNtfy`: a topic's address on an ntfy server.
    pub ntfy: String,
    /// `trayRisk`: requests up to this risk can be answered in the tray's menu.
    pub tray_up_to: Option<Risk>,
    /// `trayHintShown`: a person was told once that a closed window stays in the tray.
    pub tray_hint_shown: bool,
    /// `closeBehavior`.
    pub close: CloseBehavior,
}

impl Default for NotificationSettings {
    fn default() -> Self {
        Self {
            kinds: NoticeKind::ALL.to_vec(),
            sound: true,
            quiet: None,
            muted: Vec::new(),
            decide_up_to: None,
            command: Vec::new(),
            webhook: String::new(),
            ntfy: String::new(),
            tray_up_to: Some(Risk::Low),
            tray_hint_shown: false,
            close: CloseBehavior::MinimizeToTray,
        }
    }
}

impl NotificationSettings {
    /// Whether nothing is told of what works in `cwd`. Directories are compared part by part.
    pub fn is_muted(&self, cwd: &str) -> bool {
        let cwd = Path::new(cwd);
        self.muted.iter().any(|path| cwd.starts_with(path))
    }

    /// When the value of such a key cannot be read, nothing is answered there. Whether it is such a one.
    pub(super) fn distrust(&mut self, key: &str) -> bool {
        match key {
            "notificationRisk" => self.decide_up_to = None,
            "trayRisk" => self.tray_up_to = None,
            _ => return false,
        }
        true
    }

    pub(super) fn write(&self, all: &mut Map<String, Value>) {
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        all.insert("notificationTypes".into(), json!(kinds));
        all.insert("notificationSound".into(), json!(self.sound));
        let quiet = self.quiet.map(|quiet| quiet.to_string()).unwrap_or_default();
        all.insert("notificationQuietHours".into(), json!(quiet));
        all.insert("notificationMuted".into(), json!(self.muted));
        all.insert("notificationRisk".into(), json!(risk_word(self.decide_up_to)));
        all.insert("notificationCommand".into(), json!(self.command));
        all.insert("notificationWebhook".into(), json!(self.webhook));
        all.insert("notificationNtfy".into(), json!(self.ntfy));
        all.insert("trayRisk".into(), json!(risk_word(self.tray_up_to)));
        all.insert("trayHintShown".into(), json!(self.tray_hint_shown));
        all.insert("closeBehavior".into(), json!(self.close.as_str()));
    }

    /// Sets a key of this part. The error says what the value must be.
    pub(super) fn set(&mut self, key: &str, value: &Value) -> Result<(), &'static str> {
        let bool = || value.as_bool().ok_or("true or false");
        match key {
            "notificationTypes" => {
                let wanted = r#"a list of attention, error, completed and info, as ["attention","error"]"#;
                let kinds = value.as_array().ok_or(wanted)?.iter();
                let kinds = kinds.map(|kind| kind.as_str().and_then(NoticeKind::from_word));
                self.kinds = kinds.collect::<Option<_>>().ok_or(wanted)?;
            }
            "notificationSound" => self.sound = bool()?,
            "notificationQuietHours" => {
                let wanted = "two times of day as 22:00-07:00; empty is none";
                let typed = value.as_str().ok_or(wanted)?;
                self.quiet = match typed.trim() {
                    "" => None,
                    typed => Some(QuietHours::parse(typed).ok_or(wanted)?),
                };
            }
            "notificationMuted" => {
                self.muted = strings(value)
                    .filter(|paths| paths.iter().all(|path| path.starts_with('/')))
                    .ok_or("a list of absolute directories")?;
            }
            "notificationRisk" => self.decide_up_to = risk(value)?,
            "notificationCommand" => {
                let wanted = "a list of a program and its arguments; [] is none";
                let starts = |words: &Vec<String>| words.first().is_none_or(|program| !program.is_empty());
                self.command = strings(value).filter(starts).ok_or(wanted)?;
            }
            "notificationWebhook" => self.webhook = address(value)?,
            "notificationNtfy" => self.ntfy = address(value)?,
            "trayRisk" => self.tray_up_to = risk(value)?,
            "trayHintShown" => self.tray_hint_shown = bool()?,
            "closeBehavior" => {
                self.close = word(value, CloseBehavior::ALL, CloseBehavior::as_str)
                    .ok_or("minimize_to_tray or quit")?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect()
}

/// A level's word; `none` when nothing may be decided.
pub fn risk_word(up_to: Option<Risk>) -> &'static str {
    up_to.map_or("none", Risk::as_str)
}

fn risk(value: &Value) -> Result<Option<Risk>, &'static str> {
    let wanted = "none, low, medium or high";
    match value.as_str().ok_or(wanted)? {
        "none" => Ok(None),
        typed => Risk::from_word(typed).map(Some).ok_or(wanted),
    }
}

fn address(value: &Value) -> Result<String, &'static str> {
    let typed = value.as_str().map(str::trim);
    let is_web = |typed: &&str| {
        let host = typed.strip_prefix("https://").or_else(|| typed.strip_prefix("http://"));
        typed.is_empty() || host.is_some_and(|host| !host.is_empty())
    };
    typed.filter(is_web).map(str::to_owned).ok_or("an http or https address; empty is none")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn quiet_hours_may_go_over_midnight() {
        let night = QuietHours::parse("22:00-07:30").unwrap();
        let at = |hour: u16, minute: u16| night.holds(hour * 60 + minute);
        assert_eq!([at(21, 59), at(22, 0), at(3, 0), at(7, 29), at(7, 30)], [false, true, true, true, false]);
        let noon = QuietHours::parse("12:00 - 13:00").unwrap();
        assert_eq!([noon.holds(719), noon.holds(720), noon.holds(780)], [false, true, false]);
        assert_eq!(night.to_string(), "22:00-07:30");
        for wrong in ["", "22", "22:00", "24:00-1:00", "1:60-2:00", "1:00-1:00", "a:b-c:d"] {
            assert_eq!(QuietHours::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_key_is_written_and_read_back_and_refused_when_wrong() {
        let good = json!({
            "notificationTypes": ["attention"], "notificationSound": false,
            "notificationQuietHours": "22:00-07:00", "notificationMuted": ["/srv/noise"],
            "notificationRisk": "medium", "notificationCommand": ["say", "{title}"],
            "notificationWebhook": "https://example.com/x", "notificationNtfy": "http://localhost/t",
            "trayRisk": "none", "trayHintShown": true, "closeBehavior": "quit",
        });
        let Value::Object(file) = good else { panic!("an object") };
        let (settings, problems) = Settings::read(file.clone());
        assert_eq!(problems, Vec::<String>::new());
        for (key, value) in &file {
            assert_eq!(settings.to_json().get(key), Some(value), "{key}");
            assert_ne!(Settings::default().to_json().get(key), Some(value), "{key} is no default");
            let wrong = Map::from_iter([(key.clone(), json!(["/", 7]))]);
            assert!(Settings::check(&wrong).is_err(), "{key}");
        }
        assert!(settings.notices.is_muted("/srv/noise/a") && !settings.notices.is_muted("/srv/noises"));
        for wrong in ["ftp://x", "https://", "x"] {
            let change = Map::from_iter([("notificationWebhook".to_owned(), json!(wrong))]);
            assert!(Settings::check(&change).is_err(), "{wrong}");
        }
    }
}
