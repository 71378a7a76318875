//! Verbs that decide or change something.

use crate::samples::*;
use crate::support::{Answer, Server};
use serde_json::{Value, json};

/// A server with one open request of this kind, which takes any answer.
fn inbox(request: Value) -> Server {
    Server::new(move |method, _| match method {
        "get_permission_requests" => Answer::Result(json!([request])),
        _ => Answer::Result(request.clone()),
    })
}

#[test]
fn allow_deny_always_and_pass_are_one_request_each() {
    for (args, params, said) in [
        (vec!["allow", "3fa9"], json!({"id": "3fa9", "decision": "allow"}), "allowed"),
        (
            vec!["allow", "3fa9", "--always"],
            json!({"id": "3fa9", "decision": "always"}),
            "allowed from now on",
        ),
        (
            vec!["deny", "3fa9", "--reason", "not today"],
            json!({"id": "3fa9", "decision": "deny", "reason": "not today"}),
            "denied",
        ),
        (vec!["pass", "3fa9"], json!({"id": "3fa9", "decision": "none"}), "left to the agent's own dialog"),
    ] {
        let server = inbox(request());
        server.run(&args).prints(&format!("{said}: Bash rm -rf dist && ./deploy.sh (Fix the cart)\n"));
        server.was_asked("resolve_permission", params);
    }
}

#[test]
fn an_answer_is_tied_to_its_question() {
    let server = inbox(question());
    let answers = json!({"Which database?": "SQLite"});
    for answer in ["SQLite", "Which database?=SQLite"] {
        assert_eq!(server.run(&["allow", "3fa9c1d2", "--answer", answer]).exit, Some(0));
        let (method, params) = server.asked().pop().unwrap();
        assert_eq!(method, "resolve_permission");
        assert_eq!(params, json!({"id": "3fa9c1d2", "decision": "allow", "answers": answers}));
    }
    server.run(&["allow", "3fa9c1d2", "--answer", "Wich database?=SQLite"]).fails(
        2,
        "error: --answer \"Wich database?=SQLite\" names no question of this request\n\
         hint: the questions are [\"Which database?\"]\n",
    );
    let two = ["--answer", "SQLite", "--answer", "It's complicated"];
    server.run(&[&["allow", "3fa9c1d2"], &two[..]].concat()).fails(
        2,
        "error: \"Which database?\" takes one answer, and \"SQLite\" and \"It's complicated\" were given\n\
         hint: give one\n",
    );
    let mut several = question();
    several["input"]["questions"][0]["multiSelect"] = json!(true);
    let server = inbox(several);
    assert_eq!(server.run(&[&["allow", "3fa9c1d2"], &two[..]].concat()).exit, Some(0));
    let (_, params) = server.asked().pop().unwrap();
    assert_eq!(params["answers"], json!({"Which database?": "SQLite, It's complicated"}));
}

#[test]
fn renaming_and_marking_say_what_is_now_so() {
    let server = Server::always(session());
    server.run(&["rename", "ff001122", "Fix the cart"]).prints("ff001122 is now called Fix the cart\n");
    server.was_asked("set_session_title", json!({"session": "ff001122", "title": "Fix the cart"}));
    for (verb, change, said) in [
        ("pin", json!({"pinned": true}), "is pinned"),
        ("unpin", json!({"pinned": false}), "is no longer pinned"),
        ("hide", json!({"hidden": true}), "is hidden (`magia ls --all` shows it)"),
        ("unhide", json!({"hidden": false}), "is no longer hidden"),
    ] {
        server.run(&[verb, "ff001122"]).prints(&format!("ff001122 Fix the cart {said}\n"));
        let (method, mut params) = server.asked().pop().unwrap();
        assert_eq!((method.as_str(), params["session"].take()), ("update_session", json!("ff001122")));
        params.as_object_mut().unwrap().shift_remove("session");
        assert_eq!(params, change);
    }
}

fn settings() -> Server {
    let stored = json!({"themeMode": "dark", "retentionDays": 30, "providerBinaryPaths": {"claude": "/c"}});
    Server::new(move |method, params| {
        let mut settings = stored.clone();
        if method == "save_settings" {
            for (key, value) in params["settings"].as_object().unwrap() {
                settings[key] = value.clone();
            }
        }
        Answer::Result(settings)
    })
}

#[test]
fn settings_are_read_by_key() {
    let server = settings();
    server.run(&["settings", "get", "themeMode"]).prints("dark\n");
    server.run(&["settings", "get", "themeMode", "--json"]).prints("\"dark\"\n");
    server.run(&["settings", "get", "providerBinaryPaths.claude"]).prints("/c\n");
    server.run(&["settings", "get", "retentionDays"]).prints("30\n");
    server.run(&["settings", "get", "--json"]).prints(
        "{\"themeMode\":\"dark\",\"retentionDays\":30,\"providerBinaryPaths\":{\"claude\":\"/c\"}}\n",
    );
    server
        .run(&["settings", "get", "themeMod"])
        .fails(2, "error: there is no setting \"themeMod\"\nhint: did you mean themeMode?\n");
}

#[test]
fn settings_are_set_as_json_or_text() {
    for (key, value, saved) in [
        ("themeMode", "light", json!({"themeMode": "light"})),
        ("retentionDays", "7", json!({"retentionDays": 7})),
        ("retentionDays", "null", json!({"retentionDays": null})),
        ("providerBinaryPaths.claude", "/d", json!({"providerBinaryPaths": {"claude": "/d"}})),
        ("retentionDays", "-1", json!({"retentionDays": -1})),
    ] {
        let server = settings();
        assert_eq!(server.run(&["settings", "set", key, value]).exit, Some(0), "{key} {value}");
        assert_eq!(server.asked().pop().unwrap(), ("save_settings".to_owned(), json!({ "settings": saved })));
    }
    let server = settings();
    server.run(&["settings", "set", "themeMode", "light"]).prints("themeMode is now \"light\"\n");
}

#[test]
fn an_unknown_setting_needs_force() {
    let server = settings();
    server
        .run(&["settings", "set", "thememode", "light"])
        .fails(2, "error: there is no setting \"thememode\"\nhint: did you mean themeMode?\n");
    server.run(&["settings", "set", "xyzzyxyzzy", "1"]).fails(
        2,
        "error: there is no setting \"xyzzyxyzzy\"\n\
         hint: `magia settings get` prints all; --force sets it anyway\n",
    );
    assert!(server.asked().iter().all(|(method, _)| method == "load_settings"), "nothing was saved");
    server.run(&["settings", "set", "xyzzyxyzzy", "1", "--force"]).prints("xyzzyxyzzy is now 1\n");
}

#[test]
fn hooks_say_what_changed() {
    let change = |changed: bool, dry_run: bool| {
        json!({
            "file": "/home/dev/.claude/settings.json", "changed": changed, "dry_run": dry_run,
            "diff": "--- a\n+++ b\n@@ -1 +1,2 @@\n {}\n+x\n", "backup": "/home/dev/.local/state/b.json",
            "hooks": null,
        })
    };
    let server = Server::always(change(true, false));
    server.run(&["hooks", "install"]).prints(
        "hooks installed in /home/dev/.claude/settings.json\n\
         the file as it was: /home/dev/.local/state/b.json\n",
    );
    server.was_asked("install_hooks", json!({"provider": "claude", "dry_run": false}));
    let server = Server::always(change(true, true));
    let ran = server.run(&["hooks", "uninstall", "--dry-run"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (Some(0), "--- a\n+++ b\n@@ -1 +1,2 @@\n {}\n+x\n"));
    assert_eq!(ran.stderr, "nothing was written: this was a trial\n");
    let server = Server::always(change(false, false));
    server.run(&["hooks", "install"]).prints("nothing to change in /home/dev/.claude/settings.json\n");
    let server = Server::always(hooks());
    server.run(&["hooks", "status"]).prints(
        "claude: installed\n\
         \x20 file      /home/dev/.claude/settings.json\n\
         \x20 warning   hooks of another tool run as well\n",
    );
    assert_eq!(server.run(&["hooks", "status", "--json"]).json(), hooks());
}

#[test]
fn purging_and_retrying() {
    let server = Server::always(json!({"events": 12, "requests": 3, "sessions": 1}));
    server
        .run(&["data", "purge", "--older-than", "30"])
        .prints("forgotten: 12 events, 3 requests, 1 sessions\n");
    server.was_asked("purge_data", json!({"older_than_days": 30}));
    let server = Server::always(json!({}));
    for (command, word) in [(&["data", "purge", "--older-than", "0"][..], "purge"), (&["reset"], "reset")] {
        let mistake = format!(
            "error: {word} asks first, and there is no terminal\nhint: `magia {} --yes` does not ask\n",
            command.join(" ")
        );
        server.run(command).fails(2, &mistake);
    }
    assert!(server.asked().is_empty(), "nothing was to be changed");
    let server = Server::always(json!({"retried": "permissions"}));
    server
        .run(&["retry", "permissions"])
        .prints("permissions is started again; `magia status` says how it is\n");
    server.was_asked("retry_listener", json!({"name": "permissions"}));
    // The app knows which there are: `doctor` names others too.
    let server = Server::always(json!({"retried": "terminal"}));
    server.run(&["retry", "terminal"]).prints("terminal is started again; `magia status` says how it is\n");
    let server = Server::new(|_, _| {
        Answer::Error("not_found", "there is no listener \"otpl\"", Some("did you mean otlp?"))
    });
    let mistake = "error: there is no listener \"otpl\"\nhint: did you mean otlp?\n";
    server.run(&["retry", "otpl"]).fails(1, mistake);
}

#[test]
fn a_preset_is_given_to_the_directory_that_an_agent_is_told_of() {
    let server = Server::always(json!({}));
    let shop = server.place.home().canonicalize().unwrap().join("shop");
    std::fs::create_dir(&shop).unwrap();
    std::os::unix::fs::symlink(&shop, server.place.home().join("link")).unwrap();
    let shop = shop.to_str().unwrap();
    let sent = |preset: &str, typed: &str| {
        let ran = server.run(&["policy", "preset", preset, "--workspace", typed]);
        assert_eq!(ran.exit, Some(0), "{}", ran.stderr);
        server.asked().pop().unwrap().1["settings"]["workspacePresets"].clone()
    };
    for typed in ["shop/", "link", "shop/../link", shop] {
        assert_eq!(sent("plan", typed), json!({ shop: "plan" }), "{typed}");
    }
    assert_eq!(sent("plan", "/"), json!({"/": "plan"}));
    // One that is gone can still be taken away, and one that was written as a link.
    let link = format!("{}/link", server.place.home().display());
    assert_eq!(sent("none", &link), json!({ shop: null, link.as_str(): null }));
    std::fs::remove_dir(shop).unwrap();
    assert_eq!(sent("none", shop), json!({ shop: null }));
    let missing = server.run(&["policy", "preset", "plan", "--workspace", shop]);
    assert_eq!(missing.exit, Some(2));
    assert!(missing.stderr.contains("is no directory"), "{}", missing.stderr);
}
