//! What a person and a script see of each reply.

use crate::samples::*;
use crate::support::{Answer, Server};
use serde_json::{Value, json};

#[test]
fn ls_is_a_table() {
    let server = Server::always(json!([session(), hostile_session()]));
    server.run(&["ls"]).prints(
        "ID        STATE                   SINCE  AGENT   PROJECT  TITLE\n\
         ff001122  waiting for permission    2 h  claude  webshop  Fix the cart (pinned)\n\
         ff003344  idle                      3 d  claude  billing  \
         \\u{1b}]0;owned\\u{7}\\u{202e}live\\nline\n",
    );
    server.was_asked("get_active_sessions", json!({"all": false}));
}

#[test]
fn json_is_the_reply_with_unseen_characters_escaped() {
    let reply = json!([session(), hostile_session()]);
    let server = Server::always(reply.clone());
    let ran = server.run(&["ls", "--all", "--json"]);
    assert_eq!(ran.json(), reply);
    assert!(ran.stdout.contains(r"\u001b]0;owned\u0007\u202elive\nline"), "{}", ran.stdout);
    assert_eq!(ran.stdout.lines().count(), 1);
    server.was_asked("get_active_sessions", json!({"all": true}));
}

#[test]
fn json_keeps_order_and_numbers_to_the_digit() {
    let result = r#"[{"z":1,"id":"b","a":1.0e3,"n":123456789012345678901234567890}]"#;
    let server = Server::new(move |_, _| {
        Answer::Bytes(format!(
            "{{\"id\":ID,\"result\":{result}}}
"
        ))
    });
    server.run(&["--json", "ls"]).prints(&format!("{result}\n"));
}

#[test]
fn an_empty_list_says_what_to_do() {
    let server = Server::always(json!([]));
    let ran = server.run(&["ls"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (Some(0), ""));
    assert!(ran.stderr.starts_with("no sessions run\nhint: start an agent"), "{}", ran.stderr);
    server.run(&["ls", "--json"]).prints("[]\n");
    let ran = server.run(&["permissions"]);
    assert_eq!((ran.exit, ran.stderr.as_str()), (Some(0), "nothing waits for your answer\n"));
    assert_eq!(server.run(&["events"]).stderr, "no events\n");
}

#[test]
fn show_has_the_session_and_its_timeline() {
    let server =
        Server::new(|method, _| Answer::Result(if method == "get_session" { session() } else { timeline() }));
    server.run(&["show", "ff001122", "--limit", "20"]).prints(&format!(
        "Fix the cart (ff001122)\n\
         \x20 waiting for permission for 2 h\n\
         \x20 id           {SESSION}\n\
         \x20 agent        claude, claude-opus-4-8\n\
         \x20 its own id   b8dc9b0c-64a1-4e51-854e-0c0605aa28f7\n\
         \x20 directory    /home/dev/webshop\n\
         \x20 mode         default\n\
         \x20 process      4711\n\
         \x20 terminal     pts/3\n\
         \x20 started      5 h ago\n\
         \x20 last heard   2 h ago\n\
         \x20 subagents    1\n\
         \x20 transcript   /home/dev/.claude/projects/-home-dev-webshop/b8dc.jsonl\n\
         \x20 asks         3fa9c1d2 (`magia permissions`)\n\
         \n\
         \x20 2 h  prompt     Fix it\n\
         \x20                 please\n\
         \x20 1 h  tool       | Bash cargo test [done] 2.5 s\n"
    ));
    let asked = server.asked();
    assert_eq!(asked[0], ("get_session".to_owned(), json!({"session": "ff001122"})));
    assert_eq!(asked[1], ("get_timeline".to_owned(), json!({"session": SESSION, "limit": 20})));
    let json = server.run(&["show", "ff001122", "--json"]).json();
    assert_eq!(json, json!({"session": session_like(&json), "timeline": json["timeline"]}));
    assert_eq!(json["timeline"].as_array().map(Vec::len), Some(2));
}

/// The sample with the times of the reply, which was made a moment earlier.
fn session_like(reply: &Value) -> Value {
    let mut session = session();
    for key in ["state_since_ms", "started_at_ms", "last_activity_ms", "evidence"] {
        session[key] = reply["session"][key].clone();
    }
    session
}

#[test]
fn why_marks_what_decides_and_says_what_disagrees() {
    let server = Server::always(session());
    server.run(&["why", "ff001122"]).prints(
        "Fix the cart (ff001122)\n\
         \x20 waiting for permission for 2 h\n\
         \n\
         \x20  SOURCE    SEEN                    SPEAKS FOR              AGO\n\
         *  gate      PermissionRequest Bash  waiting for permission  2 h\n\
         \x20  registry  status busy             working                 3 h\n\
         \n\
         * decides the state\n\
         disagreement: the registry says working, the gate says waiting for permission\n",
    );
    server.was_asked("explain_session", json!({"session": "ff001122"}));
}

#[test]
fn permissions_show_the_whole_command_and_what_to_type() {
    let server = Server::always(json!([request(), question()]));
    server.run(&["permissions"]).prints(
        "3fa9c1d2  claude Bash, high risk, waits for 1 h\n\
         \x20 session  Fix the cart (ff001122)\n\
         \x20 in       /home/dev/webshop\n\
         \x20   rm -rf dist \\\n\
         \x20     && ./deploy.sh\\r\\u{1b}[2K echo ok\n\
         \x20 risk     deletes files recursively\n\
         \x20 risk     runs a script that was not read\n\
         \x20 always   Bash(./deploy.sh *)\n\
         \x20 allow    magia allow 3fa9c1d2\n\
         \x20          magia allow 3fa9c1d2 --always\n\
         \x20 deny     magia deny 3fa9c1d2 --reason \"...\"\n\
         \x20 leave    magia pass 3fa9c1d2\n\
         \n\
         3fa9c1d2  claude AskUserQuestion, low risk, waits for 1 h\n\
         \x20 session  Fix the cart (ff001122)\n\
         \x20 in       /home/dev/webshop\n\
         \x20   Which database?\n\
         \x20   - SQLite: one file\n\
         \x20   - It's complicated\n\
         \x20 answer   magia allow 3fa9c1d2 --answer 'SQLite'\n\
         \x20 deny     magia deny 3fa9c1d2 --reason \"...\"\n\
         \x20 leave    magia pass 3fa9c1d2\n",
    );
    server.was_asked("get_permission_requests", json!({"all": false, "limit": null}));
}

#[test]
fn answered_requests_say_how() {
    let server = Server::always(json!([answered()]));
    let ran = server.run(&["perms", "--all"]);
    let first = ran.stdout.lines().next().unwrap();
    assert_eq!(
        first,
        "3fa9c1d2  claude Bash, high risk, took effect: deny by cli 4711 (/usr/bin/magia), 1 h ago, \"no\""
    );
    assert!(!ran.stdout.contains("magia allow"), "{}", ran.stdout);
}

#[test]
fn events_are_a_table_or_an_array() {
    let server = Server::always(json!([event(7), event(1234)]));
    server.run(&["events", "--session", "ff001122", "--since", "6", "--limit", "2"]).prints(
        " SEQ  AGO  SESSION   KIND          WHAT\n\
         \x20  7  1 h  ff001122  tool.started  Bash cargo test\n\
         1234  1 h  ff001122  tool.started  Bash cargo test\n",
    );
    server.was_asked("get_agent_events", json!({"session": "ff001122", "since": 6, "limit": 2}));
    let earlier = Server::always(json!([]));
    earlier.run(&["events", "--before", "9"]);
    earlier
        .was_asked("get_agent_events", json!({"session": null, "since": null, "before": 9, "limit": null}));
    let ids: Vec<Value> = server
        .run(&["events", "--json"])
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["id"].clone())
        .collect();
    assert_eq!(ids, [7, 1234]);
}

#[test]
fn status_says_what_runs() {
    let server = Server::always(status());
    server.run(&["status"]).prints(
        "magia 0.1.0 runs with a window for 2 h, process 4242\n\
         sessions: 1 waiting for permission, 2 idle\n\
         open requests: 1 (`magia permissions` shows them)\n\
         sockets: /run/user/1000/magia\n\
         \n\
         LISTENER     STATE  OPEN  ACCEPTED  MESSAGES  REFUSED  ERROR\n\
         hooks        up        0       120       119        1\n\
         permissions  down      0         0         0        0  address in use\n\
         problem: the permission listener is down\n",
    );
    assert_eq!(server.run(&["status", "--json"]).json(), status());
}

#[test]
fn version_knows_both_programs() {
    let server = Server::always(status());
    server.run(&["version"]).prints("magia 0.1.0, wire 1\napp   0.1.0, wire 1, process 4242\n");
    server.run(&["version", "--json"]).prints(
        "{\"version\":\"0.1.0\",\"wire\":1,\"app\":{\"version\":\"0.1.0\",\"wire\":1,\"pid\":4242}}\n",
    );
}

#[test]
fn doctor_fails_when_a_check_does() {
    let checks = json!([
        {"id": "listener.hooks", "status": "ok", "detail": "accepts", "fix": null},
        {"id": "hooks.claude", "status": "fail", "detail": "not installed", "fix": "magia hooks install"},
    ]);
    let server = Server::always(checks.clone());
    let ran = server.run(&["doctor"]);
    assert_eq!(ran.exit, Some(1));
    assert_eq!(
        ran.stdout,
        "CHECK           STATUS  FOUND\n\
         listener.hooks  ok      accepts\n\
         hooks.claude    fail    not installed\n\
         hooks.claude: magia hooks install\n"
    );
    let ran = server.run(&["doctor", "--json"]);
    assert_eq!((ran.exit, serde_json::from_str::<Value>(&ran.stdout).unwrap()), (Some(1), checks));
}

#[test]
fn call_prints_any_reply_and_lists_the_methods() {
    let server = Server::always(json!({"b": 1, "a": [true]}));
    server.run(&["call", "status"]).prints("{\n  \"b\": 1,\n  \"a\": [\n    true\n  ]\n}\n");
    server.run(&["call", "status", "{}", "--json"]).prints("{\"b\":1,\"a\":[true]}\n");
    let list = server.run(&["call", "--list", "--json"]).json();
    let resolve = list.as_array().unwrap().iter().find(|row| row["id"] == "resolve_permission").unwrap();
    assert_eq!(resolve["aliases"], json!(["respond_to_permission"]));
    assert_eq!(resolve["access"], "guarded");
    assert_eq!(resolve["params"][0], json!({"name": "id", "kind": "string", "required": true}));
    let table = server.run(&["call", "--list"]).stdout;
    assert!(table.lines().any(|line| line.starts_with("get_timeline ")), "{table}");
}

#[test]
fn the_window_of_a_running_app_is_raised() {
    let server = Server::always(json!({"raised": true}));
    server.run(&[]).prints("");
    server.was_asked("open_window", json!({"session": null}));
    server.run(&["--json"]).prints("{\"raised\":true}\n");
}

#[test]
fn colours_only_where_they_are_wanted_and_never_by_the_agent() {
    let server = Server::always(json!([session(), hostile_session()]));
    let ls = |vars: &[(&str, &str)]| {
        let mut command = server.place.magia(&["ls"]);
        command.envs(vars.iter().copied());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let plain = ls(&[]);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    let coloured = ls(&[("CLICOLOR_FORCE", "1")]);
    assert!(coloured.contains("\u{1b}[1;33mwaiting for permission\u{1b}[0m"), "{coloured:?}");
    assert!(coloured.contains(r"\u{1b}]0;owned"), "what the agent wrote is still escaped: {coloured:?}");
    assert_eq!(ls(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), plain);
    let mut bare = coloured;
    for code in ["\u{1b}[1;33m", "\u{1b}[2m", "\u{1b}[0m"] {
        bare = bare.replace(code, "");
    }
    assert_eq!(bare, plain, "colours move nothing");
}

#[test]
fn next_is_one_line_and_what_it_asks() {
    let server = Server::always(json!([hostile_session(), session()]));
    server.run(&["next"]).prints(
        "ff001122 waiting for permission for 2 h: webshop, Fix the cart\n\
         \x20 asks 3fa9c1d2 (`magia permissions` shows it)\n",
    );
    assert_eq!(server.run(&["next", "--json"]).json()["id"], json!(SESSION));
    let server = Server::always(json!([hostile_session()]));
    assert_eq!(server.run(&["next", "--json"]).stdout, "null\n", "it is at rest, and somebody has looked");
    let mut done = hostile_session();
    done["unread_since_ms"] = done["state_since_ms"].clone();
    let server = Server::always(json!([done]));
    let mut shown = server.run(&["next"]).stdout;
    shown.truncate(shown.find('\n').unwrap());
    assert_eq!(shown, r"ff003344 idle for 3 d: billing, \u{1b}]0;owned\u{7}\u{202e}live\nline");
}
