//! settings.json as people, editors and magia itself write it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use crossbeam_channel::{Receiver, bounded};
use magia_app::services::settings_file::{Kind, SettingsFile};
use magia_core::event::Event;
use magia_core::keys::{Keymap, UiCommand};
use magia_core::settings::{Preset, Settings, ThemeMode};
use magia_protocol::wire::ErrorCode;
use serde_json::{Map, Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

struct Setup {
    home: TempDir,
    file: SettingsFile,
    hub: Receiver<Event>,
}

impl Setup {
    fn new(text: Option<&str>) -> Self {
        let home = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            fs::create_dir_all(home.path().join("config")).unwrap();
            fs::write(home.path().join("config").join("settings.json"), text).unwrap();
        }
        Self::of(home)
    }

    fn of(home: TempDir) -> Self {
        let (events, hub) = bounded(16);
        let file = SettingsFile::start(
            Kind::Settings,
            &home.path().join("config"),
            home.path().join("state/backups"),
            events,
        )
        .unwrap();
        Self { home, file, hub }
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("config").join("settings.json")
    }

    fn loaded(&self) -> (Arc<Settings>, Option<String>) {
        match self.hub.recv_timeout(Duration::from_secs(10)).unwrap() {
            Event::SettingsLoaded { settings, problem, .. } => (settings, problem),
            other => panic!("not settings: {other:?}"),
        }
    }

    fn says_retention(&self) -> bool {
        match self.hub.recv_timeout(Duration::from_secs(10)).unwrap() {
            Event::SettingsLoaded { says_retention, .. } => says_retention,
            other => panic!("not settings: {other:?}"),
        }
    }

    fn backups(&self) -> Vec<PathBuf> {
        let entries = self.home.path().join("state/backups").read_dir().into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn change(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(change) => change,
        other => panic!("not an object: {other}"),
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_missing_file_means_defaults_and_is_not_made() {
    let setup = Setup::new(None);
    assert_eq!(setup.loaded(), (Arc::new(Settings::default()), None));
    assert!(!setup.home.path().join("config").exists());
    let saved = setup.file.save(&change(json!({"themeMode": "light"}))).unwrap();
    assert_eq!((&saved["themeMode"], &saved["retentionDays"]), (&json!("light"), &json!(90)));
    assert_eq!(setup.loaded().0.theme, ThemeMode::Light);
    assert_eq!(fs::read_to_string(setup.path()).unwrap(), "{\n  \"themeMode\": \"light\"\n}\n");
    assert_eq!((mode(&setup.path()), mode(&setup.home.path().join("config"))), (0o600, 0o700));
}

#[test]
fn unknown_keys_and_their_order_stay() {
    let setup = Setup::new(Some(r#"{"zoom":2,"themeMode":"light","nested":{"b":1,"a":2},"last":null}"#));
    assert_eq!(setup.loaded().0.theme, ThemeMode::Light);
    setup
        .file
        .save(&change(
            json!({"permissionPreset": "acceptEdits", "themeMode": null, "nested": {"a": null, "c": 3}}),
        ))
        .unwrap();
    let (settings, problem) = setup.loaded();
    assert_eq!((settings.preset, settings.theme, problem), (Preset::AcceptEdits, ThemeMode::Dark, None));
    let text = fs::read_to_string(setup.path()).unwrap();
    let compact: String = text.split_whitespace().collect();
    assert_eq!(compact, r#"{"zoom":2,"nested":{"b":1,"c":3},"last":null,"permissionPreset":"acceptEdits"}"#);
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_written() {
    let text = r#"{"providerBinaryPaths": {"claude": "/opt/claude", "codex": "/opt/codex"}}"#;
    let setup = Setup::new(Some(text));
    setup.loaded();
    for wrong in [
        json!({"themeMode": "pink"}),
        json!({"toolPermissions": [{"toolName": "Bash", "autoApprove": true}]}),
        json!({"providerBinaryPaths": {"claude": "relative"}}),
    ] {
        let err = setup.file.save(&change(wrong)).unwrap_err();
        assert_eq!(err.code, ErrorCode::BadParams);
    }
    assert_eq!(fs::read_to_string(setup.path()).unwrap(), text);
    setup.file.save(&change(json!({"providerBinaryPaths": {"claude": null}}))).unwrap();
    assert_eq!(setup.loaded().0.binaries.len(), 1, "one path can be taken out");
}

#[test]
fn a_broken_file_is_copied_and_left_in_place() {
    let text = "{\n  \"themeMode\": \"light\",\n}";
    let setup = Setup::new(Some(text));
    let (settings, problem) = setup.loaded();
    let mut nothing = Settings::default();
    nothing.allow_nothing();
    assert_eq!(*settings, nothing, "it may have had rules");
    let problem = problem.unwrap();
    assert!(problem.contains("line 3 column 1"), "{problem}");
    assert_eq!(setup.backups().len(), 1);
    assert_eq!(
        (fs::read_to_string(&setup.backups()[0]).unwrap().as_str(), mode(&setup.backups()[0])),
        (text, 0o600)
    );

    let err = setup.file.save(&change(json!({"themeMode": "dark"}))).unwrap_err();
    assert_eq!(err.code, ErrorCode::Conflict);
    assert!(err.message.contains("line 3 column 1"), "{}", err.message);
    assert!(err.hint.unwrap().contains(&setup.backups()[0].display().to_string()));
    assert_eq!(fs::read_to_string(setup.path()).unwrap(), text);
    assert_eq!(setup.backups().len(), 1, "the same bytes are not copied twice");

    fs::write(setup.path(), r#"{"themeMode": "light"}"#).unwrap();
    let (settings, problem) = setup.loaded();
    assert_eq!((settings.theme, problem), (ThemeMode::Light, None));
    fs::write(setup.path(), "[1]").unwrap();
    assert!(setup.loaded().1.unwrap().contains("does not hold an object"));
    fs::remove_file(setup.path()).unwrap();
    assert_eq!(setup.loaded(), (Arc::new(Settings::default()), None));
}

#[test]
fn who_wrote_last_is_told_last() {
    let text = r#"{"permissionPreset": "plan"}"#;
    let setup = Setup::new(Some(text));
    assert_eq!(setup.loaded().0.preset, Preset::Plan);
    setup.file.save(&change(json!({"permissionPreset": "auto"}))).unwrap();
    assert!(setup.file.tell());
    // Before whoever watches the file looks: it has said what stands there again.
    let new = setup.home.path().join("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, setup.path()).unwrap();
    assert_eq!(setup.loaded().0.preset, Preset::Auto);
    assert_eq!(setup.loaded().0.preset, Preset::Plan);
    assert!(setup.file.tell());
    assert!(setup.hub.is_empty(), "there is nothing new");
}

#[test]
fn no_file_is_written_that_would_not_be_read() {
    let setup = Setup::new(None);
    setup.loaded();
    let half = |key: &str| change(json!({ key: "x".repeat(600_000) }));
    setup.file.save(&half("one")).unwrap();
    let err = setup.file.save(&half("two")).unwrap_err();
    assert_eq!(err.code, ErrorCode::BadParams);
    assert!(err.message.contains("1048576 are the most"), "{}", err.message);
    setup.file.save(&change(json!({"one": null}))).unwrap();
}

#[test]
fn an_emptied_file_may_have_had_rules() {
    let setup = Setup::new(Some(r#"{"permissionPreset": "dontAsk"}"#));
    assert!(!setup.loaded().0.unread);
    fs::write(setup.path(), "").unwrap();
    assert!(setup.loaded().0.unread);
    fs::write(setup.path(), "{}").unwrap();
    assert!(!setup.loaded().0.unread);
}

#[test]
fn only_a_file_that_can_be_used_says_what_is_forgotten() {
    let setup = Setup::new(None);
    assert!(setup.says_retention(), "a file that was never made: the defaults");
    let write = |text: &str| {
        // In its place at once, as editors do; what is written in place is tried below.
        let new = setup.home.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, setup.path()).unwrap();
        setup.says_retention()
    };
    fs::create_dir_all(setup.path().parent().unwrap()).unwrap();
    assert!(write(r#"{"retentionDays": 365}"#));
    assert!(!write(r#"{"retentionDays": 365,"#), "does not parse");
    assert!(write(r#"{"retentionDays": 365, "themeMode": "pink"}"#), "something else is wrong");
    assert!(!write(r#"{"retentionDays": "a year"}"#), "the default is not what was meant");
    assert!(!write(r#"{"retentionMib": 1}"#));
    assert!(write("{}"), "the defaults are meant");
    assert!(!write(" \n"), "somebody writes it just now");
    assert!(write(r#"{"retentionDays": 365}"#));
    fs::remove_file(setup.path()).unwrap();
    assert!(!setup.says_retention(), "it may be on its way back");
}

#[test]
fn an_empty_or_unreadable_file_at_the_start_says_not_what_is_forgotten() {
    assert!(!Setup::new(Some("")).says_retention());
    assert!(!Setup::new(Some("{")).says_retention());
    assert!(!Setup::new(Some(&format!("{{\"a\": \"{}\"}}", "x".repeat(2 << 20)))).says_retention());
}

#[test]
fn a_bad_value_is_named_and_stays_in_the_file() {
    let setup = Setup::new(Some("\u{feff}{\"themeMode\": 3}"));
    assert!(setup.loaded().1.unwrap().contains("themeMode must be"));
    setup.file.save(&change(json!({"zoom": 1}))).unwrap();
    assert!(fs::read_to_string(setup.path()).unwrap().contains("\"themeMode\": 3"));
}

#[test]
fn a_link_stays_a_link() {
    let home = tempfile::tempdir().unwrap();
    let dotfiles = home.path().join("dotfiles");
    fs::create_dir_all(&dotfiles).unwrap();
    fs::create_dir_all(home.path().join("config")).unwrap();
    fs::write(dotfiles.join("magia.json"), "{}").unwrap();
    symlink(dotfiles.join("magia.json"), home.path().join("config").join("settings.json")).unwrap();
    let setup = Setup::of(home);
    setup.loaded();
    setup.file.save(&change(json!({"themeMode": "light"}))).unwrap();
    assert_eq!(setup.loaded().0.theme, ThemeMode::Light);
    assert!(setup.path().is_symlink());
    // Somebody edits the file where it really is.
    fs::write(dotfiles.join("magia.json"), r#"{"themeMode": "system"}"#).unwrap();
    assert_eq!(setup.loaded().0.theme, ThemeMode::System);
    fs::remove_file(dotfiles.join("magia.json")).unwrap();
    assert!(setup.loaded().1.unwrap().contains("link to a file that is not there"));
    assert!(setup.file.save(&change(json!({"themeMode": "dark"}))).is_err());
}

#[test]
fn the_keys_are_a_file_of_their_own() {
    let home = tempfile::tempdir().unwrap();
    let (events, hub) = bounded(16);
    let config = home.path().join("config");
    let file =
        SettingsFile::start(Kind::Keybindings, &config, home.path().join("state/backups"), events).unwrap();
    let loaded = || match hub.recv_timeout(Duration::from_secs(10)).unwrap() {
        Event::KeybindingsLoaded { keymap, problem } => (keymap, problem),
        other => panic!("not keys: {other:?}"),
    };
    assert_eq!(loaded(), (Arc::new(Keymap::default()), None));
    file.save(&change(json!({"app.settings": ["F10"], "nav.up": "W"}))).unwrap();
    let (keymap, problem) = loaded();
    assert_eq!((keymap.keys(UiCommand::Settings).as_str(), problem), ("F10", None));
    file.save(&change(json!({"nav.up": null}))).unwrap();
    assert_eq!(loaded().0.keys(UiCommand::Up), "Up, K");
    assert_eq!(file.save(&change(json!({"nav.up": "Hyper+K"}))).unwrap_err().code, ErrorCode::BadParams);
    let reply = file.save_over(&Map::new(), true).unwrap();
    assert!(reply.as_array().unwrap().iter().all(|row| row["changed"] == json!(false)), "{reply}");
    assert_eq!(loaded().0, Arc::new(Keymap::default()));

    // Someone else writes it.
    fs::write(config.join("keybindings.json"), "{\"app.settings\": \"F9\", \"app.setings\": \"F9\"}")
        .unwrap();
    let (keymap, problem) = loaded();
    assert_eq!(keymap.keys(UiCommand::Settings), "F9");
    assert!(problem.unwrap().contains("did you mean app.settings?"));
    fs::write(config.join("keybindings.json"), "{\"app.settings\": ").unwrap();
    let (keymap, problem) = loaded();
    assert_eq!(*keymap, Keymap::default());
    let problem = problem.unwrap();
    assert!(problem.starts_with("keybindings.json does not parse"), "{problem}");
    let backups: Vec<_> = home.path().join("state/backups").read_dir().unwrap().collect();
    assert!(backups[0].as_ref().unwrap().file_name().to_string_lossy().starts_with("keybindings-broken-"));
    assert_eq!(file.save(&change(json!({"nav.up": "W"}))).unwrap_err().code, ErrorCode::Conflict);
}
