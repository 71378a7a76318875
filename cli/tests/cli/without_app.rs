//! No app: exit 3, or a process of its own for what needs none.

use crate::support::{Place, Server};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

const NOT_RUNNING: &str = "error: magia is not running\n\
                           hint: start it with `magia`, or without a window with `magia-app --headless`\n";

#[test]
fn every_verb_that_needs_the_app_is_exit_3() {
    let place = Place::new();
    for args in [
        vec!["status"],
        vec!["ls", "--json"],
        vec!["show", "abcd"],
        vec!["why", "abcd"],
        vec!["events"],
        vec!["events", "--follow"],
        vec!["permissions"],
        vec!["allow", "abcd"],
        vec!["allow", "abcd", "--answer", "x"],
        vec!["deny", "abcd"],
        vec!["pass", "abcd"],
        vec!["rename", "abcd", "x"],
        vec!["pin", "abcd"],
        vec!["data", "purge", "--older-than", "1"],
        vec!["retry", "hooks"],
        vec!["call", "status"],
        vec!["call", "subscribe_events"],
        // No magia-app beside this program either.
        vec!["hooks", "status"],
        vec!["settings", "get"],
    ] {
        place.run(&args).fails(3, NOT_RUNNING);
    }
}

#[test]
fn a_socket_that_nobody_listens_on_is_no_app() {
    let place = Place::new();
    drop(UnixListener::bind(place.runtime_dir().join("cli.sock")).unwrap());
    place.run(&["ls"]).fails(3, NOT_RUNNING);
}

#[test]
fn a_place_that_is_open_to_others_is_refused() {
    let server = Server::always(json!([]));
    let dir = server.place.runtime_dir();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    let dir = dir.display();
    server.run(&["ls"]).fails(
        1,
        &format!("error: runtime directory is open to others (mode 0755): {dir}\nhint: chmod 700 {dir}\n"),
    );
    assert!(server.asked().is_empty(), "nothing was sent there");
}

#[test]
fn version_and_doctor_work_without_the_app() {
    let place = Place::new();
    place.run(&["version"]).prints("magia 0.1.0, wire 1\napp   not running\n");
    place.run(&["version", "--json"]).prints("{\"version\":\"0.1.0\",\"wire\":1,\"app\":null}\n");
    let ran = place.run(&["doctor", "--json"]);
    assert_eq!(ran.exit, Some(3));
    let checks: Value = serde_json::from_str(&ran.stdout).unwrap();
    let found: Vec<(&str, &str)> = checks
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (check["id"].as_str().unwrap(), check["status"].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("app.running", "fail"),
            ("program.magia-app", "fail"),
            ("program.magia-hook-handler", "fail"),
            ("runtime.dir", "ok"),
        ]
    );
}

#[test]
fn hooks_and_settings_need_no_running_app() {
    let place = Place::with_fake_app();
    let ran = place.run(&["hooks", "status"]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    assert_eq!(
        ran.stdout,
        "claude: partial\n\
         \x20 file      /h/.claude/settings.json\n\
         \x20 missing   Stop\n\
         \x20 lost      they were installed and something took them away\n"
    );
    assert_eq!(ran.stderr, "starting up\nhint: `magia hooks install claude` installs them\n");
    place
        .run(&["hooks", "install"])
        .fails(1, "error: settings.json does not parse: line 3, column 7\nhint: mend it by hand\n");
    place.run(&["settings", "get", "themeMode"]).prints("dark\n");
    place
        .run(&["settings", "set", "themeMode", "light", "--json"])
        .prints("{\"asked\":{\"settings\":{\"themeMode\":\"light\"}}}\n");
    place.run(&["call", "load_settings", "--json"]).prints("{\"themeMode\":\"dark\",\"retentionDays\":30}\n");
}

#[test]
fn a_one_shot_that_says_nonsense_is_an_error() {
    let place = Place::with_fake_app();
    let ran = place.run(&["call", "detect_installed_providers"]);
    assert_eq!(ran.exit, Some(1));
    assert!(ran.stderr.starts_with("error: no reply (exit status: 1) from "), "{}", ran.stderr);
}

#[test]
fn what_needs_listeners_does_not_start_a_process() {
    let place = Place::with_fake_app();
    place.run(&["ls"]).fails(3, NOT_RUNNING);
}

#[test]
fn an_app_that_does_not_start_is_said_with_its_last_words() {
    let place = Place::with_fake_app();
    place.run(&[]).fails(
        1,
        "error: cannot open a window: no display: magia-app ended at once (exit status: 1)\n\
         hint: run `magia-app` in a terminal to see why\n",
    );
    let ran = Place::new().run(&[]);
    assert_eq!(ran.exit, Some(1));
    assert!(
        ran.stderr.starts_with("error: magia-app is neither beside this program nor in PATH\nhint: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_demo_needs_its_programs() {
    let ran = Place::with_fake_app().run(&["demo"]);
    assert_eq!(ran.exit, Some(1));
    assert!(ran.stderr.starts_with("error: magia-hook-handler is neither beside"), "{}", ran.stderr);
}
