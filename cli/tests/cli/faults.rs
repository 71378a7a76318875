//! What goes wrong: exit codes and texts.

use crate::support::{Answer, Place, Server};
use serde_json::json;
use std::io::Read as _;
use std::process::Stdio;

#[test]
fn a_refusal_is_exit_1_with_its_hint() {
    let server = Server::new(|_, _| {
        Answer::Error("not_found", "no session fits \"zz\u{1b}[31m\"", Some("`magia ls` lists them"))
    });
    server
        .run(&["why", "zzzz"])
        .fails(1, "error: no session fits \"zz\\u{1b}[31m\"\nhint: `magia ls` lists them\n");
    let server = Server::new(|_, _| Answer::Error("of a later version", "no", None));
    server.run(&["why", "zzzz", "--json"]).fails(1, "error: no\n");
}

#[test]
fn a_mistake_is_exit_2_and_names_the_nearest() {
    let place = Place::new();
    place
        .run(&["call", "get_sesion"])
        .fails(2, "error: there is no method \"get_sesion\"\nhint: did you mean get_session?\n");
    place
        .run(&["call", "set_session_title", "{\"session\":\"a\",\"titel\":\"b\"}"])
        .fails(2, "error: set_session_title: unknown parameter \"titel\"\nhint: did you mean title?\n");
    let ran = place.run(&["call", "status", "{"]);
    assert_eq!(ran.exit, Some(2));
    assert!(ran.stderr.starts_with("error: the parameters are not JSON: "), "{}", ran.stderr);
    let ran = place.run(&["statsu"]);
    assert_eq!(ran.exit, Some(2));
    assert!(ran.stderr.contains("status"), "{}", ran.stderr);
    for wrong in [
        vec!["allow"],
        vec!["hooks", "status", "--provider", "clod"],
        vec!["events", "--channel", "x"],
        vec!["demo", "--speed", "0"],
        vec!["call"],
        vec!["allow", "a", "--always", "--answer", "b"],
    ] {
        let ran = place.run(&wrong);
        assert_eq!((ran.exit, ran.stdout.as_str()), (Some(2), ""), "{wrong:?}");
    }
}

#[test]
fn what_the_app_calls_a_mistake_is_exit_2_too() {
    let server = Server::new(|_, _| Answer::Error("bad_params", "limit: too large", None));
    server.run(&["events", "--limit", "99999999"]).fails(2, "error: limit: too large\n");
}

#[test]
fn a_reply_that_is_cut_or_missing_is_said() {
    let server = Server::new(|_, _| Answer::Bytes("{\"id\":ID,\"result\":[{\"id\"".to_owned()));
    server.run(&["ls"]).fails(1, "error: the app closed the connection in the middle of its reply\n");
    let server = Server::new(|_, _| Answer::Bytes(String::new()));
    server.run(&["ls"]).fails(1, "error: the app closed the connection without a reply\n");
    let server = Server::new(|_, _| Answer::Bytes("what?\n".to_owned()));
    let ran = server.run(&["ls"]);
    assert_eq!(ran.exit, Some(1));
    assert!(ran.stderr.starts_with("error: the app's reply is not a line of JSON: "), "{}", ran.stderr);
}

#[test]
fn a_reply_of_another_request_is_passed_over() {
    let server = Server::new(|_, _| {
        Answer::Bytes("{\"id\":99,\"result\":[1]}\n{\"id\":ID,\"result\":[]}\n".to_owned())
    });
    server.run(&["ls", "--json"]).prints("[]\n");
}

#[test]
fn a_line_that_was_no_request_is_answered_without_an_id() {
    let server = Server::new(|_, _| {
        Answer::Bytes(
            "{\"id\":null,\"error\":{\"code\":\"refused\",\"message\":\"another user\"}}\n".to_owned(),
        )
    });
    server.run(&["ls"]).fails(1, "error: another user\n");
}

#[test]
fn a_reply_that_does_not_fit_can_still_be_had_as_json() {
    let server = Server::always(json!([{"id": "x", "of": "a later version"}]));
    let ran = server.run(&["ls"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.starts_with("error: the app's reply is not understood: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("\nhint: "), "{}", ran.stderr);
    server.run(&["ls", "--json"]).prints("[{\"id\":\"x\",\"of\":\"a later version\"}]\n");
}

#[test]
fn a_very_long_reply_arrives_whole() {
    let text = "x".repeat(24 * 1024 * 1024);
    let server = Server::always(json!([text]));
    let ran = server.run(&["ls", "--json"]);
    assert_eq!((ran.exit, ran.stdout.len()), (Some(0), text.len() + 5));
}

#[test]
fn a_reader_that_goes_is_no_error() {
    let server = Server::always(json!(["x".repeat(4 * 1024 * 1024)]));
    let mut child =
        server.place.magia(&["ls", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_full_disk_is_an_error() {
    let server = Server::always(json!([1]));
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = server.place.magia(&["ls", "--json"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: cannot write the output: "), "{stderr}");
}

/// One table for what scripts rely on: each class of ending and its code.
#[test]
fn each_class_of_ending_has_its_exit_code() {
    let refusing = |code: &'static str| Server::new(move |_, _| Answer::Error(code, "no", None));
    let fine = Server::always(json!([]));
    for (what, ran, code) in [
        ("done", fine.run(&["ls"]), 0),
        ("help", Place::new().run(&["--help"]), 0),
        ("none, as grep says it", fine.run(&["next"]), 1),
        ("not found", refusing("not_found").run(&["why", "abcd"]), 1),
        ("ambiguous", refusing("ambiguous").run(&["why", "abcd"]), 1),
        ("refused", refusing("refused").run(&["allow", "abcd"]), 1),
        ("conflict of a later version", refusing("too_late").run(&["allow", "abcd"]), 1),
        ("bad parameters", refusing("bad_params").run(&["why", "abcd"]), 2),
        ("no such verb", Place::new().run(&["lss"]), 2),
        ("no such option", Place::new().run(&["ls", "--al"]), 2),
        ("missing id", Place::new().run(&["wait"]), 2),
        ("no such shell", Place::new().run(&["completions", "tcsh"]), 2),
        ("no app", Place::new().run(&["next"]), 3),
        ("no app to wait for", Place::new().run(&["wait", "abcd"]), 3),
    ] {
        assert_eq!(ran.exit, Some(code), "{what}: {ran:?}");
        assert_eq!(code == 0, ran.stderr.is_empty() || what == "done", "{what} is explained: {ran:?}");
    }
}
