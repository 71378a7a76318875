//! Installing into and uninstalling from settings texts of every kind; the bytes are compared.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use magia_core::steward::{
    CLAUDE_EVENTS, ChangeKind, Footprint, HookState, Origin, Plan, Recipe, StewardError, inspect,
    plan_install, plan_uninstall,
};
use magia_protocol::wire::Provider;

const HANDLER: &str = "/home/u/.local/share/magia/bin/magia-hook-handler";

fn install(text: &[u8]) -> Plan {
    plan_install(Some(text), &Recipe::claude(Path::new(HANDLER)), None).unwrap()
}

fn after(plan: &Plan) -> String {
    String::from_utf8(plan.after.clone().unwrap()).unwrap()
}

/// Installs, checks that the result is right and stable, uninstalls and wants every byte back.
#[track_caller]
fn check_there_and_back(text: &[u8]) -> String {
    let plan = install(text);
    let installed = after(&plan);
    assert!(plan.changes.iter().all(|change| change.kind == ChangeKind::Added), "{:?}", plan.changes);
    let report = inspect(Some(installed.as_bytes()), &Recipe::claude(Path::new(HANDLER)));
    assert_eq!(report.state, HookState::Installed, "{installed}");

    let again =
        plan_install(Some(installed.as_bytes()), &Recipe::claude(Path::new(HANDLER)), Some(&plan.footprint))
            .unwrap();
    assert!(again.is_unchanged());
    assert_eq!(again.footprint, plan.footprint);
    assert!(again.changes.iter().all(|change| change.kind == ChangeKind::Kept), "{:?}", again.changes);

    let back = plan_uninstall(Some(installed.as_bytes()), Provider::Claude, Some(&again.footprint)).unwrap();
    assert_eq!(back.changes.len(), CLAUDE_EVENTS.len());
    assert_eq!(
        back.after.as_deref().map(String::from_utf8_lossy),
        Some(String::from_utf8_lossy(text)),
        "installed was: {installed}"
    );
    installed
}

#[test]
fn every_way_to_write_an_object_comes_back() {
    for text in [
        "{}",
        "{ }",
        "{\n}",
        "{\n}\n",
        "\t{ \r\n\t } \r\n",
        "{\"a\":1}",
        "{\"a\": 1}",
        "{ \"a\": 1 }",
        "{\"a\":1,\"b\":[]}\n",
        "{\n  \"a\": 1\n}",
        "{\n    \"a\": 1,\n    \"b\": { \"c\": [1,\n 2] }\n}\n",
        "{\n\t\"a\": 1\n}\n",
        "{\r\n  \"a\": 1\r\n}\r\n",
        "{\n\"a\":1\n}\n",
        "{\n  \"a\": 1 , \"b\": 2\n}",
        "{\n  \"a\": 1\n  , \"b\": 2\n  }",
        "{\n\n\n  \"a\": 1\n\n\n}\n\n\n",
        "\u{feff}{\n  \"a\": 1\n}\n",
        "\u{feff}{}",
        "   \n {\"a\":1}",
        "{\"hooks\":{}}",
        "{\"hooks\": { }}",
        "{\n  \"hooks\": {},\n  \"z\": 1\n}\n",
        "{\n  \"hooks\": {\n  }\n}\n",
        "{\n  \"hooks\": {\n    \"Stop\": []\n  }\n}\n",
        "{\n  \"hooks\": {\n    \"Stop\": [ ],\n    \"Setup\": [\n    ]\n  }\n}\n",
        "{\"hooks\":{\"Stop\":[{\"hooks\":[]}]}}",
        "{\"hooks\":{\"Stop\":[{\"matcher\":\"x\",\"hooks\":[{\"type\":\"command\",\"command\":\"say\"}]}]}}",
        "{\"hooks\":{\"NotOfClaude\":5,\"Other\":[7]}}",
        "{\"env\":{\"K\":\"\\ud800\"},\"\\ud800\":1,\"h\\u006foks2\":{}}",
        "{\"a\":\"\\\"}{][,:\",\"b\":-1.5e+3}",
    ] {
        check_there_and_back(text.as_bytes());
    }
}

#[test]
fn a_missing_file_is_made_and_removed() {
    let plan = plan_install(None, &Recipe::claude(Path::new(HANDLER)), None).unwrap();
    assert_eq!(plan.before, None);
    assert_eq!(plan.footprint.origin, Origin::Absent);
    let text = after(&plan);
    assert!(text.starts_with("{\n  \"hooks\": {\n    \"SessionStart\": [\n") && text.ends_with("}\n"));

    let back = plan_uninstall(Some(text.as_bytes()), Provider::Claude, Some(&plan.footprint)).unwrap();
    assert_eq!(back.after, None);
    assert!(!back.is_unchanged());

    // Something of the user's came in between: the file stays.
    let used = text.replacen('{', "{\n  \"model\": \"opus\",", 1);
    let back = plan_uninstall(Some(used.as_bytes()), Provider::Claude, Some(&plan.footprint)).unwrap();
    assert_eq!(after(&back), "{\n  \"model\": \"opus\"\n}\n");

    // Without the footprint the file is not known to be ours.
    let back = plan_uninstall(Some(text.as_bytes()), Provider::Claude, None).unwrap();
    assert_eq!(after(&back), "{}\n");
}

#[test]
fn a_blank_file_goes_back_to_blank() {
    for blank in ["", " ", "\n", "\r\n\t\r\n", "\u{feff}", "\u{feff}\n"] {
        let installed = check_there_and_back(blank.as_bytes());
        assert_eq!(installed.starts_with('\u{feff}'), blank.starts_with('\u{feff}'));
    }
}

#[test]
fn nothing_to_uninstall_changes_nothing() {
    for text in ["", " ", "{}", "{\"hooks\":{}}", "{\"hooks\":null}", "{\"hooks\":{\"Stop\":5}}", "{\"a\":1}"]
    {
        let plan = plan_uninstall(Some(text.as_bytes()), Provider::Claude, None).unwrap();
        assert!(plan.is_unchanged() && plan.changes.is_empty(), "{text}");
    }
    assert!(plan_uninstall(None, Provider::Claude, None).unwrap().is_unchanged());
}

#[test]
fn what_claude_cannot_read_is_refused_with_its_place() {
    let cases = [
        ("{\n  \"a\": 1,\n}", 3, 1, "a comma before the closing bracket"),
        ("{\n  // mine\n}", 2, 3, "a comment"),
        ("{\"a\":1 /* x */}", 1, 8, "a comment"),
        ("{\"a\":1} // x", 1, 9, "a comment"),
        ("{\"a\":}", 1, 6, "expected a value"),
        ("{\"a\" 1}", 1, 6, "expected a colon"),
        ("{\"a\":1 \"b\":2}", 1, 8, "expected a comma or }"),
        ("{'a':1}", 1, 2, "expected a key in double quotes"),
        ("{a:1}", 1, 2, "expected a key in double quotes"),
        ("{\"a\":01}", 1, 7, "expected a comma or }"),
        ("{\"a\":.5}", 1, 6, "expected a value"),
        ("{\"a\":1.}", 1, 8, "a bad number"),
        ("{\"a\":+1}", 1, 6, "expected a value"),
        ("{\"a\":NaN}", 1, 6, "expected a value"),
        ("{\"a\":\"x\ty\"}", 1, 8, "a control character"),
        ("{\"a\":\"\\x\"}", 1, 7, "a bad escape"),
        ("{\"a\":\"\\u12g4\"}", 1, 7, "a bad \\u escape"),
        ("{\"ä\":\"ö\",,}", 1, 10, "expected a key"),
        ("\u{feff}{,}", 1, 2, "expected a key"),
        ("{\"a\":[1,2", 1, 10, "ends too early"),
        ("{\"a\":\"x", 1, 8, "ends inside a string"),
        ("{}{}", 1, 3, "more text after"),
        ("\u{feff}\u{feff}{}", 1, 1, "expected a value"),
        ("hello", 1, 1, "expected a value"),
    ];
    for (text, line, column, message) in cases {
        let errors = [
            plan_install(Some(text.as_bytes()), &Recipe::claude(Path::new(HANDLER)), None).unwrap_err(),
            plan_uninstall(Some(text.as_bytes()), Provider::Claude, None).unwrap_err(),
        ];
        for err in errors {
            let at = err.position().unwrap();
            assert_eq!((at.line, at.column), (line, column), "{text}: {err}");
            assert!(err.to_string().contains(message), "{text}: {err}");
        }
        let report = inspect(Some(text.as_bytes()), &Recipe::claude(Path::new(HANDLER)));
        assert!(
            matches!(report.state, HookState::Unreadable { line: Some(l), column: Some(c), .. }
                if (l, c) == (line, column)),
            "{text}: {report:?}"
        );
    }
}

#[test]
fn wrong_shapes_are_refused_by_name() {
    let cases = [
        ("[]", "the settings file must be an object (line 1, column 1)"),
        ("5", "the settings file must be an object (line 1, column 1)"),
        ("{\n \"hooks\": null}", "hooks must be an object (line 2, column 11)"),
        ("{\"hooks\": []}", "hooks must be an object (line 1, column 11)"),
        ("{\"hooks\": {\"Stop\": {}}}", "hooks.Stop must be an array (line 1, column 20)"),
        ("{\"hooks\": {\"FileChanged\": 1}}", "hooks.FileChanged must be an array (line 1, column 27)"),
        ("{\"hooks\": {\"Stop\": [[]]}}", "hooks.Stop[0] must be an object (line 1, column 21)"),
        ("{\"hooks\": {\"Stop\": [{}]}}", "hooks.Stop[0].hooks must be an array (line 1, column 21)"),
        (
            "{\"hooks\":{\"Stop\":[{\"hooks\":{}}]}}",
            "hooks.Stop[0].hooks must be an array (line 1, column 28)",
        ),
    ];
    for (text, message) in cases {
        let err = plan_install(Some(text.as_bytes()), &Recipe::claude(Path::new(HANDLER)), None).unwrap_err();
        assert_eq!(err.to_string(), message);
    }
}

#[test]
fn duplicate_keys_are_refused_where_they_matter() {
    let text = "{\n  \"hooks\": {},\n  \"model\": \"x\",\n  \"h\\u006foks\": {}\n}";
    let err = plan_install(Some(text.as_bytes()), &Recipe::claude(Path::new(HANDLER)), None).unwrap_err();
    assert_eq!(err.to_string(), "duplicate key \"hooks\" at line 4, column 3 (first at line 2)");
    assert_eq!(plan_uninstall(Some(text.as_bytes()), Provider::Claude, None).unwrap_err(), err);

    let text = "{\"hooks\":{\"Stop\":[],\n\"Stop\":[]}}";
    let err = plan_install(Some(text.as_bytes()), &Recipe::claude(Path::new(HANDLER)), None).unwrap_err();
    assert_eq!(err.to_string(), "duplicate key \"Stop\" at line 2, column 1 (first at line 1)");

    // Deep inside what we never open it is not ours to judge.
    check_there_and_back(b"{\"env\":{\"A\":\"1\",\"A\":\"2\"}}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let err =
        plan_install(Some(b"{\n \"a\": \"\xff\"}"), &Recipe::claude(Path::new(HANDLER)), None).unwrap_err();
    assert_eq!(err.to_string(), "not UTF-8 at line 2, column 8");
}

#[test]
fn depth_and_size_are_bounded() {
    for depth in [121, 5_000, 2_000_000] {
        let text = format!("{{\"a\":{}", "[".repeat(depth));
        let err = plan_install(Some(text.as_bytes()), &Recipe::claude(Path::new(HANDLER)), None).unwrap_err();
        assert!(matches!(err, StewardError::TooDeep { .. }), "{err}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(119), "]".repeat(119));
    check_there_and_back(deep.as_bytes());

    let filler = "\"0123456789\",\n".repeat(1_100_000);
    let huge = format!("{{\n  \"big\": [\n{filler}1],\n  \"model\": \"x\"\n}}\n");
    assert!(huge.len() > 15_000_000);
    check_there_and_back(huge.as_bytes());
    let err =
        plan_install(Some(&vec![b' '; 16 * 1024 * 1024 + 1]), &Recipe::claude(Path::new(HANDLER)), None)
            .unwrap_err();
    assert!(matches!(err, StewardError::TooLarge { .. }), "{err}");
}

#[test]
fn a_relative_handler_is_refused() {
    let err = plan_install(None, &Recipe::claude(Path::new("bin/magia-hook-handler")), None).unwrap_err();
    assert!(matches!(err, StewardError::HandlerPath { .. }), "{err}");
}

#[test]
fn a_path_that_needs_escapes_is_written_and_found() {
    let handler = Path::new("/home/a \"b\"\\c/ü/magia-hook-handler");
    let plan = plan_install(Some(b"{}"), &Recipe::claude(handler), None).unwrap();
    let text = after(&plan);
    assert!(text.contains(r#""/home/a \"b\"\\c/ü/magia-hook-handler""#));
    assert_eq!(inspect(Some(text.as_bytes()), &Recipe::claude(handler)).state, HookState::Installed);
}

#[test]
fn a_lost_footprint_still_gives_a_clean_file() {
    for (text, expected) in
        [("{ }", "{}"), ("{\"a\":1, \"hooks\":{ }}", "{\"a\":1}"), ("{\"a\": 1}", "{\"a\": 1}")]
    {
        let installed = after(&install(text.as_bytes()));
        let back = plan_uninstall(Some(installed.as_bytes()), Provider::Claude, Some(&Footprint::default()))
            .unwrap();
        assert_eq!(after(&back), expected);
    }
}

#[test]
fn a_file_that_claude_rewrote_in_between_loses_only_our_part() {
    let installed = after(&install(
        b"{\"model\":\"x\",\"hooks\":{\"Stop\":[{\"hooks\":[{\"type\":\"command\",\"command\":\"say\"}]}]}}",
    ));
    let value: serde_json::Value = serde_json::from_str(&installed).unwrap();
    let rewritten = serde_json::to_string_pretty(&value).unwrap();
    assert_eq!(
        inspect(Some(rewritten.as_bytes()), &Recipe::claude(Path::new(HANDLER))).state,
        HookState::Installed
    );
    let back = plan_uninstall(Some(rewritten.as_bytes()), Provider::Claude, None).unwrap();
    let expected = serde_json::json!({"model": "x", "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say"}]}]}});
    assert_eq!(after(&back), serde_json::to_string_pretty(&expected).unwrap());
}

#[test]
fn a_file_written_as_claude_writes_stays_so() {
    let value =
        serde_json::json!({"model": "x", "env": {"A": "1"}, "permissions": {"allow": ["Bash(ls:*)"]}});
    let installed = after(&install(serde_json::to_string_pretty(&value).unwrap().as_bytes()));
    let value: serde_json::Value = serde_json::from_str(&installed).unwrap();
    assert_eq!(installed, serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn the_plan_shows_a_diff_and_hides_the_content_from_logs() {
    let plan = install(b"{\n  \"env\": {\n    \"KEY\": \"sk-secret\"\n  }\n}\n");
    let diff = plan.unified_diff("settings.json");
    assert!(diff.starts_with("--- settings.json\n+++ settings.json\n@@ "), "{diff}");
    assert!(diff.contains("\n+  \"hooks\": {\n"));
    assert!(!format!("{plan:?}").contains("sk-secret"));
    let made = plan_install(None, &Recipe::claude(Path::new(HANDLER)), None).unwrap();
    assert!(made.unified_diff("settings.json").starts_with("--- /dev/null\n+++ settings.json\n"));
    let again = plan_install(plan.after.as_deref(), &Recipe::claude(Path::new(HANDLER)), None).unwrap();
    assert_eq!(again.unified_diff("settings.json"), "");
}

#[test]
fn hooks_switched_off_is_said() {
    let plan = install(b"{\"disableAllHooks\": true}");
    assert_eq!(plan.warnings, ["disableAllHooks is true: Claude Code runs no hooks at all"]);
}
