//! The six presets, each against requests as Claude Code sent them and their likes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use magia_core::event::StoredRequest;
use magia_core::policy::risk::judge;
use magia_core::policy::trial::{Trial, replay};
use magia_core::policy::{Call, RealPaths, Says, verdict};
use magia_core::settings::{Preset, Settings};
use magia_core::subject::Subject;
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{Provider, RequestId, RequestState, Risk, SessionId};
use serde_json::{Map, Value, json};
use uuid::Uuid;

const CWD: &str = "/home/dev/project";

/// A request as it was recorded: tool, input, and where it would act.
struct Recorded {
    tool: String,
    input: Value,
    paths: Option<RealPaths>,
}

fn recorded(file: &str) -> Recorded {
    let payload: Value = serde_json::from_str(file).expect("a payload");
    let tool = payload["tool_name"].as_str().expect("a tool").to_owned();
    let paths = payload["tool_input"]["file_path"]
        .as_str()
        .map(|target| RealPaths { cwd: payload["cwd"].as_str().unwrap().into(), target: target.into() });
    Recorded { tool, input: payload["tool_input"].clone(), paths }
}

fn made(tool: &str, input: Value) -> Recorded {
    let named = input.get("file_path").and_then(Value::as_str);
    let paths = named.map(|target| RealPaths { cwd: CWD.into(), target: target.into() });
    Recorded { tool: tool.into(), input, paths }
}

fn says(settings: &Settings, request: &Recorded) -> (Says, String) {
    let Recorded { tool, input, paths } = request;
    let verdict = verdict(settings, Call { tool, input, cwd: CWD, paths: paths.as_ref() });
    (verdict.says, verdict.rule)
}

#[test]
fn each_preset_says_what_it_is_called() {
    use Says::{Allow, Ask, Deny, Pass};
    let command = |command: &str| made("Bash", json!({ "command": command }));
    // default, acceptEdits, plan, auto, dontAsk, bypassPermissions: the order of `Preset::ALL`.
    let table: Vec<(&str, Recorded, [Says; 6])> = vec![
        (
            "recorded Bash",
            recorded(include_str!("data/claude/hooks/PermissionRequest-Bash.json")),
            [Ask, Ask, Deny, Ask, Deny, Pass],
        ),
        (
            "recorded Write",
            recorded(include_str!("data/claude/hooks/PermissionRequest-Write.json")),
            [Ask, Allow, Deny, Allow, Deny, Pass],
        ),
        (
            "a read",
            made("Read", json!({"file_path": "/home/dev/project/a.rs"})),
            [Ask, Ask, Allow, Allow, Deny, Pass],
        ),
        (
            "a read of a key",
            made("Read", json!({"file_path": "/home/dev/.ssh/id_rsa"})),
            [Ask, Ask, Deny, Ask, Deny, Pass],
        ),
        ("a command that reads", command("git diff | head"), [Ask, Ask, Allow, Allow, Deny, Pass]),
        ("a program", command("cargo test"), [Ask, Ask, Deny, Ask, Deny, Pass]),
        ("harm", command("rm -rf ~"), [Ask, Ask, Deny, Ask, Deny, Pass]),
        ("harm behind reading", command("git status; rm -rf /"), [Ask, Ask, Deny, Ask, Deny, Pass]),
        (
            "an edit outside",
            made("Edit", json!({"file_path": "/home/dev/.bashrc"})),
            [Ask, Ask, Deny, Ask, Deny, Pass],
        ),
        (
            "an edit of git's own",
            made("Write", json!({"file_path": "/home/dev/project/.git/hooks/pre-push"})),
            [Ask, Ask, Deny, Ask, Deny, Pass],
        ),
        (
            "an edit of who knows what",
            Recorded { paths: None, ..made("Edit", json!({"file_path": "/home/dev/project/a"})) },
            [Ask, Ask, Deny, Ask, Deny, Pass],
        ),
        ("the network", made("WebFetch", json!({"url": "http://x"})), [Ask, Ask, Deny, Ask, Deny, Pass]),
        ("an unknown tool", made("mcp__mail__send", json!({})), [Ask, Ask, Deny, Ask, Deny, Pass]),
        ("a question", made("AskUserQuestion", json!({})), [Ask, Ask, Ask, Ask, Ask, Pass]),
        ("a plan", made("ExitPlanMode", json!({"plan": "x"})), [Ask, Ask, Ask, Ask, Ask, Pass]),
    ];
    for (name, request, expected) in &table {
        for (preset, expected) in Preset::ALL.iter().zip(expected) {
            let settings = Settings { preset: *preset, ..Settings::default() };
            let (says, rule) = says(&settings, request);
            assert_eq!(says, *expected, "{name} under {}", preset.as_str());
            let question = matches!(request.tool.as_str(), "AskUserQuestion" | "ExitPlanMode") && says == Ask;
            let named = if question { "questions and plans are always yours" } else { preset.as_str() };
            assert!(rule.contains(named), "{name}: {rule}");
        }
    }
}

fn settings(file: Value) -> Settings {
    let (settings, problems) = Settings::read(serde_json::from_value::<Map<String, Value>>(file).unwrap());
    assert_eq!(problems, Vec::<String>::new());
    settings
}

#[test]
fn overrides_come_before_the_preset_of_the_directory_and_that_before_the_usual_one() {
    let settings = settings(json!({
        "permissionPreset": "default",
        "workspacePresets": {"/home/dev": "dontAsk", "/home/other": "auto"},
        "toolPermissions": [
            {"toolName": "Bash", "commandPrefix": "git push --force", "autoApprove": false},
            {"toolName": "Bash", "commandPrefix": "git push", "autoApprove": true},
            {"toolName": "WebFetch", "autoApprove": true},
        ],
    }));
    let check = |request: &Recorded, expected: Says, rule: &str| {
        assert_eq!(says(&settings, request), (expected, rule.to_owned()), "{}", request.input);
    };
    let bash = |command: &str| made("Bash", json!({ "command": command }));
    check(&bash("git push origin"), Says::Allow, "rule Bash(git push)");
    check(&bash("git push --force"), Says::Deny, "rule Bash(git push --force)");
    check(&bash("git push; true"), Says::Deny, "preset dontAsk of /home/dev");
    check(&made("WebFetch", json!({"url": "http://x"})), Says::Allow, "rule WebFetch");
    check(&made("Read", json!({"file_path": "a"})), Says::Deny, "preset dontAsk of /home/dev");
}

#[test]
fn a_wide_allow_behind_a_deny_is_not_reached_by_options() {
    let settings = settings(json!({
        "toolPermissions": [
            {"toolName": "Bash", "commandPrefix": "git push", "autoApprove": false},
            {"toolName": "Bash", "commandPrefix": "git", "autoApprove": true},
            {"toolName": "Bash", "commandPrefix": "rm", "autoApprove": false},
            {"toolName": "Bash", "commandPrefix": "flock", "autoApprove": true},
        ],
    }));
    for (command, expected) in [
        ("git -C . push --force", "rule Bash(git push)"),
        ("git --no-pager push", "rule Bash(git push)"),
        ("git {push,--force}", "rule Bash(git push)"),
        ("flock f rm x", "rule Bash(rm)"),
    ] {
        let request = made("Bash", json!({ "command": command }));
        assert_eq!(says(&settings, &request), (Says::Deny, expected.to_owned()), "{command}");
    }
    let status = made("Bash", json!({"command": "git -C . status"}));
    assert_eq!(says(&settings, &status).0, Says::Allow);
}

#[test]
fn a_bare_repository_is_not_written_unasked() {
    let auto = Settings { preset: Preset::Auto, ..Settings::default() };
    let write = |name: &str| says(&auto, &made("Write", json!({"file_path": format!("{CWD}/{name}")}))).0;
    assert_eq!(write("config"), Says::Allow);
    assert_eq!(write("objects/x"), Says::Allow);
    assert_eq!(write("refs/x"), Says::Allow);
    assert_eq!(write("HEAD"), Says::Ask, "without it git takes no directory for a repository");
    assert_eq!(write("sub/Head"), Says::Ask);
}

#[test]
fn a_request_for_more_than_a_call_is_denied_with_it_and_never_allowed() {
    let settings = settings(json!({
        "permissionPreset": "default",
        "toolPermissions": [
            {"toolName": "Bash", "commandPrefix": "git push", "autoApprove": false},
            {"toolName": "Bash", "commandPrefix": "ls", "autoApprove": true},
            {"toolName": "BashWithMore", "autoApprove": true},
            {"toolName": "apply_patchWithMore", "autoApprove": true},
            {"toolName": "apply_patch", "autoApprove": false},
        ],
    }));
    let more = |command: &str| {
        let permissions = json!({"fileSystem": {"write": ["/srv"]}});
        made("BashWithMore", json!({"command": command, "additionalPermissions": permissions}))
    };
    let denied = |rule: &str| (Says::Deny, rule.to_owned());
    assert_eq!(says(&settings, &more("git -C x push")), denied("rule Bash(git push)"));
    assert_eq!(says(&settings, &more("ls")), (Says::Ask, "preset default".to_owned()));
    let patch = made("apply_patchWithMore", json!({"command": "", "grantRoot": "/srv"}));
    assert_eq!(says(&settings, &patch), denied("rule apply_patch"));
    let none = Settings { tool_permissions: settings.tool_permissions[..4].to_vec(), ..settings.clone() };
    assert_eq!(says(&none, &patch).0, Says::Ask);
    let auto = Settings { preset: Preset::Auto, ..Settings::default() };
    assert_eq!(says(&auto, &more("ls")).0, Says::Ask);
    let plan = Settings { preset: Preset::Plan, ..Settings::default() };
    assert_eq!(says(&plan, &more("ls")).0, Says::Deny);
}

#[test]
fn a_request_for_more_than_a_call_is_as_harmful_as_its_call_at_least() {
    let risk = |tool: &str, input: Value| judge(tool, &input, None).risk;
    let more = |command: &str| risk("BashWithMore", json!({"command": command, "kind": "stdin"}));
    assert_eq!(more("ls"), Risk::Medium);
    assert_eq!(more("sudo rm -rf ~"), Risk::High);
    assert_eq!(more("cat ~/.ssh/id_rsa"), Risk::High);
    let permissions = json!({"fileSystem": {"read": ["/home/dev/.ssh"]}});
    assert_eq!(
        risk("BashWithMore", json!({"command": "ls", "additionalPermissions": permissions})),
        Risk::High
    );
    let grant = |root: &str| risk("apply_patchWithMore", json!({"command": "", "grantRoot": root}));
    assert_eq!((grant("/srv"), grant("/home/dev/.ssh")), (Risk::Medium, Risk::High));
    let input = json!({"command": "ls; rm -rf x", "description": "Look", "reason": "Look", "kind": "stdin"});
    let Subject::Command { command, description, marks } = Subject::of("BashWithMore", &input) else {
        panic!("no command");
    };
    assert_eq!((command.as_str(), marks.len()), ("ls; rm -rf x", 1));
    assert_eq!(description.as_deref(), Some("Look\nIt also asks for kind: \"stdin\""), "nothing goes unseen");
}

fn stored(n: u128, tool: &str, input: &Value, said: Option<(Decision, &str)>) -> StoredRequest {
    StoredRequest {
        id: RequestId::from_uuid(Uuid::from_u128(n)),
        session: SessionId::from_uuid(Uuid::from_u128(1)),
        provider: Some(Provider::Claude),
        tool: tool.into(),
        input: input.to_string(),
        agent_id: None,
        asked_at_ms: 1_000,
        state: RequestState::TookEffect,
        decision: said.map(|(decision, _)| decision),
        decided_by: said.map(|(_, by)| by.to_owned()),
        decided_at_ms: None,
        reason: None,
        cwd: CWD.into(),
        paths: None,
        policy: String::new(),
        edited_input: None,
    }
}

#[test]
fn a_dry_run_counts_and_names_what_is_worth_a_look() {
    let bash = |command: &str| json!({ "command": command });
    let requests = [
        stored(1, "Bash", &bash("git status"), Some((Decision::Allow, "window"))),
        stored(2, "Bash", &bash("cat ~/.ssh/config"), Some((Decision::Allow, "cli 7"))),
        stored(3, "Bash", &bash("cat notes"), Some((Decision::Deny, "window"))),
        stored(4, "Bash", &bash("cat notes"), Some((Decision::Deny, "policy preset plan"))),
        stored(5, "Bash", &bash("git status; rm -rf /"), None),
        stored(6, "AskUserQuestion", &json!({"questions": []}), None),
        stored(7, "Write", &json!("300000 bytes, not kept"), None),
        stored(8, "Bash", &bash("cat > x"), Some((Decision::Allow, "window"))),
    ];
    let ids = |rows: &[magia_protocol::wire::info::TrialRow]| -> Vec<u128> {
        rows.iter().map(|row| row.id.as_uuid().as_u128()).collect()
    };
    let try_rule = |rule: &str| replay(&Settings::default(), &Trial::parse(rule).unwrap(), &requests);

    let cat = try_rule("Bash(cat)");
    assert_eq!((cat.rule.as_str(), cat.requests, cat.allowed, cat.left), ("rule Bash(cat)", 8, 3, 5));
    assert_eq!((ids(&cat.sensitive), cat.sensitive_count), (vec![2], 1));
    assert_eq!(cat.sensitive[0].places, ["~/.ssh"]);
    assert_eq!(ids(&cat.high_risk), [2]);
    assert_eq!(ids(&cat.denied_by_person), [3], "a policy's deny is nobody's");

    let auto = try_rule("auto");
    assert_eq!((auto.allowed, auto.denied, auto.left, auto.not_kept), (3, 0, 5, 1));
    assert_eq!((ids(&auto.sensitive), ids(&auto.denied_by_person)), (vec![], vec![3]));

    let plan = try_rule("preset plan");
    assert_eq!((plan.allowed, plan.denied, plan.left), (3, 3, 2));
    assert_eq!(ids(&plan.allowed_by_person), [2, 8]);

    let deny = try_rule("deny Bash(rm)");
    assert_eq!((deny.rule.as_str(), deny.allowed, deny.denied), ("rule deny Bash(rm)", 0, 1));
    assert!(matches!(Trial::parse("dontask"), Err(why) if why.contains("did you mean dontAsk?")));
    assert!(matches!(Trial::parse("deny plans"), Ok(Trial::Rule(_))), "a tool may be called so");
    for wrong in
        ["acceptEdit", "", "Bash", "allow Bash", "Bash(", "Bash()", "a b", "deny ", "(x)", "deny Write(/etc)"]
    {
        assert!(Trial::parse(wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(Trial::parse("plan"), Ok(Trial::Preset(Preset::Plan)));
    assert!(matches!(Trial::parse("deny Bash"), Ok(Trial::Rule(rule)) if !rule.auto_approve));
}
