//! What magia shows of a real Claude Code, state by state: a table of scenarios.
//!
//! Needs `make agents`; `make test-agents` runs it and prints how late the states were shown.

use anyhow::Result;
use magia_tests::states::{
    ASKS, Act, ENDED, FAILED, FOREVER_MS, IDLE, QUESTION, Scenario, Step, WORKING, check, row, step,
};
use magia_tests::{App, CLAUDE_VERSION, ClaudePlayer, Cli, FakeModel, Key, Sandbox, bash};
use serde_json::{Value, json};

/// Words of Claude's permission dialog.
const DIALOG: &str = "Do you want to proceed?";
/// Bash runs without a question.
const BASH_ALLOWED: Act = Act::Start(&["--allowedTools", "Bash"]);
const START: Act = Act::Start(&[]);

/// A turn without a tool.
fn says(words: &str) -> Act {
    Act::Prompt(json!([words]))
}

/// A turn with a command that Claude asks about.
fn asks() -> Act {
    Act::Prompt(json!([bash("touch mark"), "all done"]))
}

fn runs(command: &str) -> Act {
    Act::Prompt(json!([bash(command), "all done"]))
}

fn fails(status: u16) -> Act {
    Act::Prompt(json!([{ "status": status }]))
}

fn hangs() -> Act {
    Act::Prompt(json!([{ "text": "late", "delay_ms": FOREVER_MS }]))
}

fn question() -> Value {
    let option = |label: &str| json!({ "label": label, "description": format!("use {label}") });
    json!(["AskUserQuestion", { "questions": [{
        "question": "Which database?", "header": "Database", "multiSelect": false,
        "options": [option("Postgres"), option("SQLite")],
    }] }])
}

fn subagent(steps: &Value) -> Value {
    let prompt = magia_tests::script(steps);
    json!(["Agent", { "description": "a part", "prompt": prompt, "subagent_type": "general-purpose" }])
}

fn table() -> Vec<Scenario> {
    let start = || step(START, &[IDLE]);
    let asked = || vec![start(), step(asks(), &[WORKING, ASKS])];
    let after = |mut steps: Vec<Step>, more: Vec<Step>| {
        steps.extend(more);
        steps
    };
    let asked_and = |more: Vec<Step>| after(asked(), more);
    vec![
        row(
            "prompt",
            vec![start(), step(says("hello"), &[WORKING, IDLE]), step(says("again"), &[WORKING, IDLE])],
        ),
        row("tool", vec![step(BASH_ALLOWED, &[IDLE]), step(runs("echo one"), &[WORKING, IDLE])]),
        row("failing tool", vec![step(BASH_ALLOWED, &[IDLE]), step(runs("exit 3"), &[WORKING, IDLE])]),
        row("allowed by magia", asked_and(vec![step(Act::Magia("allow", &[]), &[WORKING, IDLE])])),
        row(
            "denied by magia",
            asked_and(vec![step(Act::Magia("deny", &["--reason", "no"]), &[WORKING, IDLE])]),
        ),
        row(
            "allowed by a rule",
            vec![
                step(Act::Verb(&["settings", "set", "permissionPreset", "acceptEdits"]), &[]),
                start(),
                step(
                    Act::Prompt(
                        json!([["Write", { "file_path": "inside.txt", "content": "words" }], "all done"]),
                    ),
                    &[WORKING, IDLE],
                ),
            ],
        ),
        row(
            "left to the terminal",
            asked_and(vec![
                step(Act::Magia("pass", &[]), &[]),
                step(Act::Choose(DIALOG, "1"), &[WORKING, IDLE]),
            ]),
        ),
        row("allowed in the terminal", asked_and(vec![step(Act::Choose(DIALOG, "1"), &[WORKING, IDLE])])),
        row("rejected in the terminal", asked_and(vec![step(Act::Choose(DIALOG, "3"), &[IDLE])])),
        row("Esc at a dialog", asked_and(vec![step(Act::PressAt(DIALOG, Key::Esc), &[IDLE])])),
        row("kill -9 at a dialog", asked_and(vec![step(Act::Signal(libc::SIGKILL), &[ENDED])])),
        row(
            "question",
            vec![
                start(),
                step(Act::Prompt(json!([question(), "all done"])), &[WORKING, QUESTION]),
                step(Act::Magia("allow", &["--answer", "SQLite"]), &[WORKING, IDLE]),
            ],
        ),
        row(
            "question answered in the terminal",
            vec![
                start(),
                step(Act::Prompt(json!([question(), "all done"])), &[WORKING, QUESTION]),
                step(Act::PressAt("Which database?", Key::Enter), &[WORKING, IDLE]),
            ],
        ),
        row(
            "Esc at a question",
            vec![
                start(),
                step(Act::Prompt(json!([question(), "all done"])), &[WORKING, QUESTION]),
                step(Act::PressAt("Which database?", Key::Esc), &[IDLE]),
            ],
        ),
        row(
            "plan",
            vec![
                step(Act::Start(&["--permission-mode", "plan"]), &[IDLE]),
                step(
                    Act::Prompt(json!([["ExitPlanMode", { "plan": "# Plan\n\nOne step." }], "back"])),
                    &[WORKING, QUESTION],
                ),
                step(Act::Magia("deny", &["--reason", "two steps"]), &[WORKING, IDLE]),
                step(
                    Act::Prompt(json!([["ExitPlanMode", { "plan": "# Plan\n\nTwo steps." }], "done"])),
                    &[WORKING, QUESTION],
                ),
                step(Act::Magia("allow", &[]), &[WORKING, IDLE]),
            ],
        ),
        row(
            "subagent",
            vec![
                step(BASH_ALLOWED, &[IDLE]),
                step(
                    Act::Prompt(json!([subagent(&json!([bash("echo part"), "part done"])), "all done"])),
                    &[WORKING, IDLE],
                ),
            ],
        ),
        row(
            "subagent asks",
            vec![
                start(),
                step(
                    Act::Prompt(json!([subagent(&json!([bash("touch mark"), "part done"])), "all done"])),
                    &[WORKING, ASKS],
                ),
                step(Act::Magia("allow", &[]), &[WORKING, IDLE]),
            ],
        ),
        row(
            "two commands, asked one after the other",
            vec![
                start(),
                step(
                    Act::Prompt(json!([{ "tools": [bash("touch one"), bash("touch two")] }, "all done"])),
                    &[WORKING, ASKS],
                ),
                step(Act::Magia("allow", &[]), &[WORKING, ASKS]),
                step(Act::Magia("allow", &[]), &[WORKING, IDLE]),
            ],
        ),
        row(
            "compaction",
            vec![
                start(),
                step(says("hello"), &[WORKING, IDLE]),
                step(Act::Command("/compact"), &[WORKING, IDLE]),
                step(says("again"), &[WORKING, IDLE]),
            ],
        ),
        row(
            "error 400",
            vec![start(), step(fails(400), &[WORKING, FAILED]), step(says("again"), &[WORKING, IDLE])],
        ),
        row(
            "error 429",
            vec![start(), step(fails(429), &[WORKING, FAILED]), step(says("again"), &[WORKING, IDLE])],
        ),
        row(
            "error 500",
            vec![start(), step(fails(500), &[WORKING, FAILED]), step(says("again"), &[WORKING, IDLE])],
        ),
        row(
            "model hangs, Esc",
            vec![
                start(),
                step(hangs(), &[WORKING]),
                step(Act::PressAt("esc to interrupt", Key::Esc), &[IDLE]),
                step(says("again"), &[WORKING, IDLE]),
            ],
        ),
        row(
            "slow stream",
            vec![
                start(),
                step(
                    Act::Prompt(
                        json!([{ "text": "one two three four five six seven eight", "chunk_ms": 300 }]),
                    ),
                    &[WORKING, IDLE],
                ),
            ],
        ),
        row(
            "Esc while a command runs",
            vec![
                step(BASH_ALLOWED, &[IDLE]),
                step(runs("sleep 600"), &[WORKING]),
                step(Act::PressAt("sleep 600", Key::Esc), &[IDLE]),
            ],
        ),
        row(
            "Ctrl+C in a turn",
            vec![
                start(),
                step(hangs(), &[WORKING]),
                step(Act::PressAt("esc to interrupt", Key::Ctrl('c')), &[IDLE]),
            ],
        ),
        row(
            "Ctrl+C twice",
            vec![start(), step(Act::PressToEnd("Press Ctrl-C again to exit", Key::Ctrl('c')), &[ENDED])],
        ),
        row(
            "exit",
            vec![start(), step(says("hello"), &[WORKING, IDLE]), step(Act::Command("/exit"), &[ENDED])],
        ),
        row(
            "kill -9 in a turn",
            vec![start(), step(hangs(), &[WORKING]), step(Act::Signal(libc::SIGKILL), &[ENDED])],
        ),
        row("SIGTERM", vec![start(), step(Act::Signal(libc::SIGTERM), &[ENDED])]),
        row(
            "terminal closed",
            vec![start(), step(hangs(), &[WORKING]), step(Act::Signal(libc::SIGHUP), &[ENDED])],
        ),
        row(
            "resume",
            vec![
                start(),
                step(says("hello"), &[WORKING, IDLE]),
                step(Act::Command("/exit"), &[ENDED]),
                step(Act::Start(&["--resume", "{id}"]), &[IDLE]),
                step(says("again"), &[WORKING, IDLE]),
            ],
        ),
        row(
            "fork",
            vec![
                start(),
                step(says("hello"), &[WORKING, IDLE]),
                step(Act::Command("/exit"), &[ENDED]),
                // It may be heard under the id that it begins with, which it gives up for that of the fork.
                step(Act::Start(&["--resume", "{id}", "--fork-session"]), &["(idle)", "(ended)", IDLE]),
                step(says("again"), &[WORKING, IDLE]),
            ],
        ),
        row(
            "clear",
            vec![
                start(),
                step(says("hello"), &[WORKING, IDLE]),
                // Its registry may give the new id before it is done with the command.
                step(Act::Command("/clear"), &[ENDED, "(working)", IDLE]),
                step(says("again"), &[WORKING, IDLE]),
            ],
        ),
        row(
            "background command",
            vec![
                step(BASH_ALLOWED, &[IDLE]),
                step(
                    Act::Prompt(json!([
                        ["Bash", { "command": "sleep 600", "description": "waits", "run_in_background": true }],
                        "all done",
                    ])),
                    &[WORKING, IDLE],
                ),
            ],
        ),
        row("-p", vec![step(Act::Print(json!(["hello"])), &[IDLE, WORKING, IDLE, ENDED])]),
        row(
            "JSON lines",
            vec![
                step(Act::StartStream, &[IDLE]),
                step(Act::Prompt(json!([bash("touch mark"), "all done"])), &[WORKING, ASKS]),
                step(Act::HostAllows, &[WORKING, IDLE]),
                step(Act::CloseInput, &[ENDED]),
            ],
        ),
        row(
            "two in one directory",
            vec![
                start(),
                Step { agent: 1, act: START, shows: &[IDLE] },
                step(asks(), &[WORKING, ASKS]),
                Step { agent: 1, act: says("hello"), shows: &[WORKING, IDLE] },
                Step { agent: 1, act: Act::Signal(libc::SIGKILL), shows: &[ENDED] },
                step(Act::Magia("allow", &[]), &[WORKING, IDLE]),
            ],
        ),
    ]
}

#[test]
fn magia_shows_the_state_of_every_step() -> Result<()> {
    let prepare = |sandbox: &Sandbox| -> Result<(FakeModel, App)> {
        Cli::new(sandbox).json(&["hooks", "install"])?;
        Ok((FakeModel::start(sandbox)?, App::start(sandbox)?))
    };
    check(&format!("Claude Code {CLAUDE_VERSION}"), table(), prepare, |sandbox, (model, _app)| {
        Ok(Box::new(ClaudePlayer::new(sandbox, model)))
    })
}
