//! The directory of themes as people write into it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use crossbeam_channel::{Receiver, bounded};
use magia_app::services::themes::Themes;
use magia_core::event::Event;
use magia_core::themes::Theme;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

type Loaded = (Arc<Vec<Theme>>, Option<String>);

fn loaded(hub: &Receiver<Event>) -> Loaded {
    match hub.recv_timeout(Duration::from_secs(10)).unwrap() {
        Event::ThemesLoaded { themes, problem } => (themes, problem),
        other => panic!("not themes: {other:?}"),
    }
}

/// Waits for what is wanted: an editor's steps may be seen one by one.
fn until(hub: &Receiver<Event>, wanted: impl Fn(&Loaded) -> bool) -> Loaded {
    loop {
        let now = loaded(hub);
        if wanted(&now) {
            return now;
        }
    }
}

#[test]
fn themes_come_change_and_go() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join(".magia/themes");
    let (events, hub) = bounded(16);
    let _themes = Themes::start(dir.clone(), events).unwrap();
    // The directory comes later than magia.
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("notes.txt"), "no theme").unwrap();
    fs::write(dir.join("dusk.json"), r#"{"name": "Dusk", "modes": {"dark": {"primary": "20 80% 70%"}}}"#)
        .unwrap();
    let (themes, problem) = until(&hub, |(themes, problem)| themes.len() == 1 && problem.is_none());
    let dusk = themes.first().unwrap();
    assert_eq!((dusk.id.as_str(), dusk.name.as_str(), problem), ("dusk", "Dusk", None));

    fs::write(dir.join("dusk.json"), r#"{"name": "Dusk", "modes": {"dark": {"primary": "red"}}}"#).unwrap();
    let (themes, problem) =
        until(&hub, |(_, problem)| problem.as_ref().is_some_and(|it| it.contains("primary")));
    assert_eq!(problem.as_deref(), Some("theme dusk: dark: primary must be as \"222 25% 14%\""));
    assert_eq!(themes.len(), 1, "the rest of it is used");

    fs::write(dir.join("broken.json"), "{").unwrap();
    let (themes, problem) =
        until(&hub, |(_, problem)| problem.as_ref().is_some_and(|it| it.contains("broken")));
    assert_eq!(themes.len(), 1);
    assert!(problem.unwrap().contains("theme broken does not parse"));

    fs::remove_dir_all(&dir).unwrap();
    let (themes, problem) = until(&hub, |(themes, problem)| themes.is_empty() && problem.is_none());
    assert_eq!((themes.len(), problem), (0, None));
}
