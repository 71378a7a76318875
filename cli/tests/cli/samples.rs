//! Replies of the app, as the wire has them. Ages are hours, so that a slow machine does not change them.

use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

pub const SESSION: &str = "0199aaaa-bbbb-7ccc-8ddd-eeeeff001122";
pub const REQUEST: &str = "0199aaaa-bbbb-7ccc-8ddd-eeee3fa9c1d2";

/// So many hours and a half ago, in milliseconds since 1970.
pub fn hours_ago(hours: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    now - hours * 3_600_000 - 1_800_000
}

pub fn session() -> Value {
    json!({
        "id": SESSION,
        "provider": "claude",
        "provider_session_id": "b8dc9b0c-64a1-4e51-854e-0c0605aa28f7",
        "parent": null,
        "title": "Fix the cart",
        "title_source": "ai",
        "cwd": "/home/dev/webshop",
        "project": "webshop",
        "state": "waiting for permission",
        "state_since_ms": hours_ago(2),
        "evidence": [
            {"source": "gate", "fact": "PermissionRequest Bash", "state": "waiting for permission",
             "at_ms": hours_ago(2), "decisive": true},
            {"source": "registry", "fact": "status busy", "state": "working", "at_ms": hours_ago(3),
             "decisive": false},
        ],
        "disagreement": "the registry says working, the gate says waiting for permission",
        "process": {"pid": 4711, "start": 171_867},
        "tty": "pts/3",
        "model": "claude-opus-4-8",
        "permission_mode": "default",
        "started_at_ms": hours_ago(5),
        "last_activity_ms": hours_ago(2),
        "requests": [REQUEST],
        "pinned": true,
        "hidden": false,
        "transcript_path": "/home/dev/.claude/projects/-home-dev-webshop/b8dc.jsonl",
        "subagents": 1,
    })
}

/// A session whose agent tries to steer the terminal.
pub fn hostile_session() -> Value {
    let mut session = session();
    session["id"] = json!("0199aaaa-bbbb-7ccc-8ddd-eeeeff003344");
    session["title"] = json!("\u{1b}]0;owned\u{7}\u{202e}live\nline");
    session["state"] = json!("idle");
    session["project"] = json!("billing");
    session["pinned"] = json!(false);
    session["state_since_ms"] = json!(hours_ago(72));
    session
}

pub fn request() -> Value {
    json!({
        "id": REQUEST,
        "session": SESSION,
        "session_title": "Fix the cart",
        "provider": "claude",
        "kind": "tool",
        "tool": "Bash",
        "input": {"command": "rm -rf dist \\\n  && ./deploy.sh\r\u{1b}[2K echo ok", "description": "Deploy"},
        "summary": "rm -rf dist && ./deploy.sh",
        "cwd": "/home/dev/webshop",
        "agent_id": null,
        "risk": "high",
        "risk_reasons": ["deletes files recursively", "runs a script that was not read"],
        "always": "Bash(./deploy.sh *)",
        "state": "open",
        "may_be_answered": false,
        "asked_at_ms": hours_ago(1),
        "outcome": null,
    })
}

pub fn question() -> Value {
    let mut question = request();
    question["kind"] = json!("question");
    question["tool"] = json!("AskUserQuestion");
    question["risk"] = json!("low");
    question["risk_reasons"] = json!([]);
    question["always"] = json!(null);
    question["input"] = json!({"questions": [{
        "question": "Which database?",
        "header": "Database",
        "multiSelect": false,
        "options": [
            {"label": "SQLite", "description": "one file"},
            {"label": "It's complicated", "description": ""},
        ],
    }]});
    question
}

pub fn answered() -> Value {
    let mut answered = request();
    answered["state"] = json!("took effect");
    answered["outcome"] =
        json!({"decision": "deny", "by": "cli 4711 (/usr/bin/magia)", "at_ms": hours_ago(1), "reason": "no"});
    answered
}

pub fn event(seq: u64) -> Value {
    json!({
        "id": seq,
        "seq": seq,
        "received_at_ms": hours_ago(1),
        "session": SESSION,
        "provider": "claude",
        "provider_session_id": "b8dc9b0c-64a1-4e51-854e-0c0605aa28f7",
        "turn": "748aad3c-7ee4-48a9-844c-cc7c165aa18f",
        "agent_id": null,
        "kind": "tool.started",
        "event": "PreToolUse",
        "payload": {"tool_name": "Bash", "tool_input": {"command": "cargo test"}},
        "cut": false,
    })
}

pub fn timeline() -> Value {
    json!([
        {"at_ms": hours_ago(2), "kind": "prompt", "agent_id": null, "text": "Fix it\nplease", "status": null,
         "duration_ms": null},
        {"at_ms": hours_ago(1), "kind": "tool", "agent_id": "a7f3", "text": "Bash cargo test",
         "status": "done", "duration_ms": 2590},
    ])
}

pub fn status() -> Value {
    json!({
        "version": "0.1.0",
        "wire": 1,
        "pid": 4242,
        "headless": false,
        "uptime_s": 7_300,
        "runtime_dir": "/run/user/1000/magia",
        "sessions": [{"state": "waiting for permission", "count": 1}, {"state": "idle", "count": 2}],
        "requests": 1,
        "listeners": [
            {"name": "hooks", "up": true, "error": null, "accepted": 120, "messages": 119, "refused": 1,
             "open": 0},
            {"name": "permissions", "up": false, "error": "address in use", "accepted": 0, "messages": 0,
             "refused": 0, "open": 0},
        ],
        "problems": ["the permission listener is down"],
    })
}

pub fn hooks() -> Value {
    json!({
        "provider": "claude",
        "file": "/home/dev/.claude/settings.json",
        "state": "installed",
        "missing": [],
        "outdated": [],
        "lost": false,
        "warnings": ["hooks of another tool run as well"],
    })
}
