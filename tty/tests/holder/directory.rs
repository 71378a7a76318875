//! The directory of terminals, also when somebody else has been at it.

use crate::support::{Place, talk, wait_until};
use magia_tty::client::{ClientError, connect};
use magia_tty::directory::{self, CleanError, FindError, TerminalState};
use magia_tty::wire::Hello;
use magia_tty::{StartError, TerminalId};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn state(place: &Place, id: &TerminalId) -> TerminalState {
    directory::look(&place.root(), id).state
}

#[test]
fn a_directory_that_is_open_to_others_is_refused() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    assert_eq!(state(&place, &started.id), TerminalState::Running);
    set_mode(&started.dir, 0o755);
    let reason = format!("terminal's directory is open to others (mode 0755): {}", started.dir.display());
    assert_eq!(state(&place, &started.id), TerminalState::Broken { reason: reason.clone() });
    let refused = talk(connect(&started.dir, Hello::default())).unwrap_err();
    assert_eq!(refused.to_string(), reason);
    assert!(directory::remove(&place.root(), &started.id).is_err());
    set_mode(&started.dir, 0o700);
    assert_eq!(state(&place, &started.id), TerminalState::Running);

    set_mode(&place.root(), 0o777);
    assert!(matches!(place.try_start(&place.options(&["/bin/cat"])), Err(StartError::Directory(_))));
}

#[test]
fn a_link_in_the_place_of_a_directory_is_refused() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    let link = place.root().join("link");
    symlink(&started.dir, &link).unwrap();
    let id = Place::id("link");
    assert!(
        matches!(state(&place, &id), TerminalState::Broken { reason } if reason.contains("symbolic link"))
    );
    assert!(matches!(talk(connect(&link, Hello::default())), Err(ClientError::Connect(_))));
    assert!(matches!(directory::remove(&place.root(), &id), Err(CleanError::Directory(_))));
    let mut options = place.options(&["/bin/cat"]);
    options.id = Some(id);
    assert!(matches!(place.try_start(&options), Err(StartError::SessionExists { .. })));

    // Also in the place of the directory of all of them, when nothing is there yet.
    let other = Place::new();
    symlink(place.root(), other.root()).unwrap();
    assert!(matches!(other.try_start(&other.options(&["/bin/cat"])), Err(StartError::Directory(_))));
}

#[test]
fn broken_ones_are_listed_and_do_not_hide_the_others() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    for (id, text) in [("half", "{\"id\":\"ha"), ("other-shape", "{\"id\":\"x\",\"state\":1}"), ("empty", "")]
    {
        let dir = place.root().join(id);
        std::fs::create_dir(&dir).unwrap();
        set_mode(&dir, 0o700);
        std::fs::write(dir.join("session.json"), text).unwrap();
    }
    std::fs::create_dir(place.root().join("not an id")).unwrap();
    std::fs::write(place.root().join("a-file"), "").unwrap();
    let found = directory::list(&place.root());
    let broken: Vec<&str> = found
        .iter()
        .filter(|record| matches!(record.state, TerminalState::Broken { .. }))
        .map(|record| record.id.as_str())
        .collect();
    assert_eq!(broken, ["a-file", "empty", "half", "other-shape"]);
    assert_eq!(found.len(), 5);
    assert!(found.iter().any(|record| record.id == started.id && record.is_held()));
}

#[test]
fn a_holder_is_its_process_not_its_number() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    let path = started.dir.join("session.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["holderStartTime"] = 1.into();
    std::fs::write(&path, record.to_string()).unwrap();
    assert_eq!(state(&place, &started.id), TerminalState::Lost, "the number is another's by now");
    std::fs::write(&path, text).unwrap();
    assert_eq!(state(&place, &started.id), TerminalState::Running);
}

#[test]
fn living_terminals_are_not_removed_and_foreign_files_neither() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    assert!(
        matches!(directory::remove(&place.root(), &started.id), Err(CleanError::Held(id)) if id == started.id)
    );
    let outside = place.path().join("outside");
    std::fs::write(&outside, "keep").unwrap();
    let dead = place.root().join("dead");
    std::fs::create_dir(&dead).unwrap();
    set_mode(&dead, 0o700);
    std::fs::write(dead.join("session.json"), "{}").unwrap();
    symlink(&outside, dead.join("link")).unwrap();
    directory::remove(&place.root(), &Place::id("dead")).unwrap();
    assert!(!dead.exists() && outside.exists());
}

#[test]
fn terminals_are_found_by_the_beginning_of_their_ids() {
    let place = Place::new();
    for id in ["alpha", "alphabet", "beta"] {
        let mut options = place.options(&["/bin/cat"]);
        options.id = Some(Place::id(id));
        place.try_start(&options).unwrap();
    }
    let find = |typed: &str| directory::find(&place.root(), typed).map(|record| record.id.to_string());
    assert_eq!(find("b"), Ok("beta".to_owned()));
    assert_eq!(find("alpha"), Ok("alpha".to_owned()), "a whole id is never ambiguous");
    assert_eq!(find("alphab"), Ok("alphabet".to_owned()));
    assert!(matches!(find("al"), Err(FindError::Ambiguous { ids, .. }) if ids.len() == 2));
    for typed in ["", "gamma", "../terminals", "/"] {
        assert!(matches!(find(typed), Err(FindError::NotFound { .. })), "{typed}");
    }
}

#[test]
fn another_id_does_not_get_in_the_way_of_a_start_in_many() {
    let place = Place::new();
    let root = place.root();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| while directory::list(&root).len() < 8 {});
        }
        for _ in 0..8 {
            place.start(&["/bin/cat"]);
        }
    });
    wait_until("all of them to run", || {
        directory::list(&root).iter().all(|record| record.state == TerminalState::Running).then_some(())
    });
}
