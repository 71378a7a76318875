//! The steward while somebody else writes the same file: nobody's content is lost.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod steward_common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use magia_app::services::steward::{
    Disk, Wishes, install, install_on, read_settings, status, uninstall, uninstall_on, update_settings,
};
use magia_core::steward::HookState;
use serde_json::{Value, json};
use steward_common::Place;

/// Somebody who writes in the last moment, once per thing to do.
struct Intruder {
    path: PathBuf,
    acts: Mutex<Vec<fn(&Path)>>,
}

impl Intruder {
    fn new(path: &Path, acts: Vec<fn(&Path)>) -> Self {
        Self { path: path.to_owned(), acts: Mutex::new(acts) }
    }
}

impl Disk for Intruder {
    fn before_swap(&self) {
        if let Some(act) = self.acts.lock().unwrap().pop() {
            act(&self.path);
        }
    }
}

fn rename_over(path: &Path) {
    fs::write(path.with_extension("new"), "{\"theirs\": \"renamed\"}").unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
}

fn write_in_place(path: &Path) {
    fs::write(path, "{\"theirs\": \"written\"}").unwrap();
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

#[test]
fn a_write_in_the_last_moment_is_kept_and_the_change_made_again() {
    for (acts, theirs, attempts) in [
        (vec![rename_over as fn(&Path)], Some("renamed"), 2),
        (vec![write_in_place], Some("written"), 2),
        (vec![remove], None, 2),
        (vec![write_in_place, rename_over, write_in_place], Some("written"), 4),
    ] {
        let place = Place::with(b"{\"mine\": 1}");
        let outcome =
            install_on(&place.paths, &Wishes::default(), &Intruder::new(&place.paths.settings, acts))
                .unwrap();
        assert_eq!(outcome.attempts, attempts);
        let value = read_settings(&place.paths).unwrap();
        assert_eq!(value.get("theirs").and_then(Value::as_str), theirs);
        assert_eq!(value.get("mine"), None);
        assert_eq!(status(&place.paths).unwrap().report.state, HookState::Installed);
        assert_eq!(place.leftovers(), Vec::<String>::new());
        // Only the copy of what was really replaced is kept.
        assert_eq!(place.backups().len(), usize::from(theirs.is_some()));
    }
}

#[test]
fn a_file_made_in_the_last_moment_is_kept() {
    let place = Place::new();
    let outcome = install_on(
        &place.paths,
        &Wishes::default(),
        &Intruder::new(&place.paths.settings, vec![write_in_place]),
    )
    .unwrap();
    assert_eq!(outcome.attempts, 2);
    assert_eq!(read_settings(&place.paths).unwrap()["theirs"], "written");
    uninstall(&place.paths).unwrap();
    assert_eq!(place.read(), b"{\"theirs\": \"written\"}");
}

#[test]
fn a_file_about_to_be_removed_is_kept_when_somebody_writes_it() {
    let place = Place::new();
    install(&place.paths, &Wishes::default()).unwrap();
    let outcome =
        uninstall_on(&place.paths, &Intruder::new(&place.paths.settings, vec![rename_over])).unwrap();
    assert!(!outcome.removed_file);
    assert_eq!(place.read(), b"{\"theirs\": \"renamed\"}");
    assert_eq!(place.leftovers(), Vec::<String>::new());
}

#[test]
fn somebody_who_never_stops_is_given_way() {
    struct Endless(PathBuf, Mutex<u64>);
    impl Disk for Endless {
        fn before_swap(&self) {
            let mut count = self.1.lock().unwrap();
            *count += 1;
            fs::write(&self.0, json!({ "count": *count }).to_string()).unwrap();
        }
    }
    let place = Place::with(b"{}");
    let disk = Endless(place.paths.settings.clone(), Mutex::new(0));
    let err = install_on(&place.paths, &Wishes::default(), &disk).unwrap_err();
    assert!(err.to_string().contains("something else keeps writing it"), "{err:#}");
    let count = *disk.1.lock().unwrap();
    assert_eq!(place.read(), json!({ "count": count }).to_string().into_bytes());
    assert_eq!(place.leftovers(), Vec::<String>::new());
}

#[test]
fn two_of_us_lose_nothing_of_each_other() {
    const KEYS: usize = 40;
    let place = Place::with(b"{\n  \"mine\": 1\n}\n");
    std::thread::scope(|scope| {
        for half in 0..2 {
            let paths = &place.paths;
            scope.spawn(move || {
                for n in (half..KEYS).step_by(2) {
                    update_settings(paths, &json!({ format!("k{n}"): n })).unwrap();
                }
            });
        }
        for _ in 0..8 {
            install(&place.paths, &Wishes::default()).unwrap();
            uninstall(&place.paths).unwrap();
        }
        install(&place.paths, &Wishes::default()).unwrap();
    });
    let value = read_settings(&place.paths).unwrap();
    assert!((0..KEYS).all(|n| value[format!("k{n}")] == n), "{value}");
    assert_eq!(value["mine"], 1);
    assert_eq!(status(&place.paths).unwrap().report.state, HookState::Installed);
}

/// Another program that keeps its own count in the file, the way Claude writes: reads, changes, renames over.
/// What it read may be without our hooks by the time it writes; that is its own race, and what `lost` is for.
#[test]
fn another_programs_last_word_stands() {
    const WRITES: u64 = 150;
    for _ in 0..4 {
        let place = Place::with(b"{\"count\": 0}");
        let path = place.paths.settings.clone();
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                for count in 1..=WRITES {
                    // Between our removal of a file and its return there may be none.
                    let text = fs::read(&path).unwrap_or_else(|_| b"{}".to_vec());
                    let mut value: Value = serde_json::from_slice(&text).unwrap();
                    value["count"] = json!(count);
                    fs::write(path.with_extension("tmp"), value.to_string()).unwrap();
                    fs::rename(path.with_extension("tmp"), &path).unwrap();
                }
            });
            while !writer.is_finished() {
                // Giving way is a proper answer while the other never pauses.
                let _ = install(&place.paths, &Wishes::default());
                let _ = uninstall(&place.paths);
            }
        });
        assert_eq!(read_settings(&place.paths).unwrap()["count"], WRITES);
        install(&place.paths, &Wishes::default()).unwrap();
        assert_eq!(read_settings(&place.paths).unwrap()["count"], WRITES);
        assert_eq!(status(&place.paths).unwrap().report.state, HookState::Installed);
        assert_eq!(place.leftovers(), Vec::<String>::new());
    }
}
