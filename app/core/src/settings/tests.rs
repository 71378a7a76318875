//! What the reader of settings.json takes and refuses.

use super::*;

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
