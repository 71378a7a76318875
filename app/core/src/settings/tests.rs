//! What the reader of settings.json takes and refuses.

use super::*;
use magia_protocol::wire::Risk;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("not an object: {other}"),
    }
}

#[test]
fn unknown_keys_stay_and_bad_values_are_named() {
    let file = object(json!({"zoom": 2, "permissionPreset": "sometimes", "themeMode": "light"}));
    let (settings, problems) = Settings::read(file);
    assert_eq!(settings.preset, Preset::Default);
    assert_eq!(settings.theme, ThemeMode::Light);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("permissionPreset must be default, acceptEdits, plan"));
    assert_eq!(settings.to_json().get("zoom"), Some(&json!(2)));
}

#[test]
fn a_policy_that_cannot_be_read_whole_allows_nothing() {
    let allowed = json!({"toolName": "Bash", "autoApprove": true, "commandPrefix": "cargo test"});
    let denied = json!({"toolName": "WebFetch", "autoApprove": false});
    let broken = json!({"toolName": "Write", "autoAprove": false});
    let whole = json!({
        "permissionPreset": "bypassPermissions",
        "toolPermissions": [denied, allowed],
        "workspacePresets": {"/srv": "auto", "/home/me": "dontAsk"},
    });
    let (settings, problems) = Settings::read(object(whole.clone()));
    assert_eq!((problems, settings.preset, settings.unread), (vec![], Preset::BypassPermissions, false));
    assert_eq!(settings.notices.tray_up_to, Some(Risk::Low));
    let (settings, _) = Settings::read(object(json!({"trayRisk": "nothing", "notificationRisk": "lo"})));
    assert_eq!((settings.notices.tray_up_to, settings.notices.decide_up_to), (None, None));
    let rules = json!([allowed, broken, denied]);
    for (key, value) in [
        ("toolPermissions", rules.clone()),
        ("toolPermissions", json!("none")),
        ("permissionPreset", json!("bypass")),
        ("workspacePresets", json!({"/srv": "auto", "shop": "dontAsk"})),
    ] {
        let mut file = object(whole.clone());
        file.insert(key.to_owned(), value.clone());
        let (settings, problems) = Settings::read(file);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].ends_with("until then nothing is allowed unasked"), "{problems:?}");
        assert_eq!(settings.preset_for("/srv/a").0, Preset::Default, "{key} {value}");
        let private = if key == "workspacePresets" { Preset::Default } else { Preset::DontAsk };
        assert_eq!(settings.preset_for("/home/me").0, private, "{key} {value}");
        assert!(settings.tool_permissions.iter().all(|rule| rule.tool == "WebFetch"), "{key} {value}");
        assert_eq!(settings.tool_permissions.len(), usize::from(value != "none"), "{key} {value}");
        assert!(settings.unread && settings.notices.tray_up_to.is_none(), "{key} {value}");
    }
    // Given back with one more, the list is refused and so none is lost.
    let (settings, _) = Settings::read(object(json!({ "toolPermissions": rules })));
    let mut given = settings.to_json();
    assert_eq!(given["toolPermissions"], rules);
    given["toolPermissions"].as_array_mut().unwrap().push(allowed);
    assert!(Settings::check(&given).unwrap_err().starts_with("toolPermissions must be"));
}

#[test]
fn what_is_printed_is_read_back() {
    let file = object(json!({
        "permissionPreset": "acceptEdits",
        "toolPermissions": [{"toolName": "Bash", "autoApprove": true, "commandPrefix": "cargo test"}],
        "workspacePresets": {"/home/me/shop": "plan"},
        "providerBinaryPaths": {"claude": "/opt/claude"},
        "terminalFontSize": 14.5,
        "terminalCursorStyle": "underline",
        "terminalLineHeight": 1.2,
        "terminalShell": "/bin/zsh",
    }));
    let (settings, problems) = Settings::read(file);
    assert!(problems.is_empty());
    let (again, _) = Settings::read(settings.to_json());
    assert_eq!(again.to_json().get("terminalLineHeight"), Some(&json!(1.2)));
    assert_eq!(again.terminal_cursor, TerminalCursor::Underline);
    assert_eq!(again.terminal_shell.as_deref(), Some("/bin/zsh"));
    assert_eq!(again.tool_permissions, settings.tool_permissions);
    assert_eq!(again.workspace_presets, [("/home/me/shop".to_owned(), Preset::Plan)]);
    assert_eq!(again.binaries, settings.binaries);
    assert_eq!(again.to_json(), settings.to_json());
}

#[test]
fn terminals_and_the_http_api() {
    for (key, value) in [
        ("terminal", json!("kitty")),
        ("terminal", json!("")),
        ("terminal", json!(["st", "-e", "{attach}"])),
        ("terminal", json!(["st", "-e", "{exe}", "attach", "{id}", "--spawn-nonce", "{nonce}"])),
        ("terminalSocketLink", json!(true)),
        ("httpApi", json!("4020")),
        ("httpApi", json!("[::1]:0")),
        ("httpRoots", json!(["~/src", "/srv"])),
    ] {
        let (settings, problems) = Settings::read(object(json!({ key: value })));
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(settings.to_json().get(key), Some(&value));
    }
    for (key, value) in [
        ("terminal", json!([])),
        ("terminal", json!(["st", "-e", "sh"])),
        ("terminal", json!(7)),
        ("httpApi", json!("0.0.0.0:4020")),
        ("httpApi", json!("192.168.1.2:4020")),
        ("httpApi", json!("x")),
        ("httpRoots", json!(["src"])),
        ("terminalsPerMinute", json!(0)),
    ] {
        assert!(Settings::check(&object(json!({ key: value.clone() }))).is_err(), "{key} {value}");
    }
    assert_eq!(http_address("localhost:80"), http_address("80"));
}

#[test]
fn the_longest_directory_wins_and_parts_are_whole() {
    let presets = json!({"/home/me": "auto", "/home/me/shop/": "plan", "/home/me/shop/play": "dontAsk"});
    let (settings, problems) = Settings::read(object(json!({ "workspacePresets": presets })));
    assert_eq!(problems, Vec::<String>::new());
    let check = |cwd: &str, preset: Preset| assert_eq!(settings.preset_for(cwd).0, preset, "{cwd}");
    check("/home/me/shop", Preset::Plan);
    check("/home/me/shop/src", Preset::Plan);
    check("/home/me/shopping", Preset::Auto);
    check("/home/me/shop/play/a", Preset::DontAsk);
    check("/srv", Preset::Default);
    check("", Preset::Default);
    assert_eq!(settings.preset_for("/home/me/x").1, Some("/home/me"));
    for bad in [json!({"shop": "plan"}), json!({"/a/../b": "plan"}), json!({"/a": "yes"}), json!(["/a"])] {
        assert!(Settings::check(&object(json!({ "workspacePresets": bad }))).is_err(), "{bad}");
    }
    assert!(Settings::check(&object(json!({ "workspacePresets": {"/a": null} }))).is_ok());
}

#[test]
fn a_shell_is_never_allowed_as_a_whole() {
    let change = object(json!({"toolPermissions": [{"toolName": "Bash", "autoApprove": true}]}));
    assert!(Settings::check(&change).unwrap_err().contains("commandPrefix"));
    let change = object(json!({"toolPermissions": [{"toolName": "run_shell_command", "autoApprove": true}]}));
    assert!(Settings::check(&change).is_err());
    let of_file = json!([{"toolName": "Write", "autoApprove": false, "commandPrefix": "/etc"}]);
    assert!(Settings::check(&object(json!({ "toolPermissions": of_file }))).is_err(), "it would fit nothing");
    let change = object(json!({"retentionDays": 0}));
    assert!(Settings::check(&change).is_err());
}

#[test]
fn a_theme_is_named_not_found() {
    for (name, is_right) in [
        ("magia", true),
        ("not made yet", true),
        ("", false),
        ("..", false),
        ("../../etc", false),
        ("/etc/passwd", false),
        (&"x".repeat(101), false),
    ] {
        assert_eq!(Settings::check(&object(json!({ "themeId": name }))).is_ok(), is_right, "{name}");
    }
}
