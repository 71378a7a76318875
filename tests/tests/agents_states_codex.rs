//! The state table for Codex: what the real one does on its shared daemon, away from it with magia's hooks, and in
//! `exec`, and the states that magia must show for it.
//!
//! Needs `make agents`; `make test-agents` runs it and prints how late the states were shown.

use anyhow::Result;
use magia_tests::states::{
    ASKS, Act, ENDED, FAILED, FOREVER_MS, IDLE, QUESTION, Scenario, Step, WORKING, check, row, step,
};
use magia_tests::{CODEX_VERSION, Codex, CodexPlayer, Ground, Key, Sandbox, Vendor};
use serde_json::json;

/// Words of Codex's approval dialog.
const DIALOG: &str = "Would you like to";
/// Words that are there while a turn runs.
const BUSY: &str = "esc to interrupt";

/// On the shared daemon.
const START: Act = Act::Start(&[]);
/// With a server of its own, where only hooks are heard.
const ALONE: Act = Act::Start(&["--no-daemon"]);

fn says(words: &str) -> Act {
    Act::Prompt(json!([format!("say:{words}")]))
}

/// A turn with a command that Codex asks about.
fn asks() -> Act {
    Act::Prompt(json!([asked("mark"), "say:all done"]))
}

fn asked(name: &str) -> String {
    format!(
        r#"tool:exec_command {{"cmd":"touch {name}","sandbox_permissions":"require_escalated","justification":"leaves a mark"}}"#
    )
}

fn runs(command: &str) -> Act {
    Act::Prompt(json!([format!(r#"tool:exec_command {{"cmd":"{command}"}}"#), "say:all done"]))
}

fn fails(status: u16) -> Act {
    Act::Prompt(json!([format!("error:{status} it says")]))
}

fn hangs() -> Act {
    Act::Prompt(json!([format!("hang:{FOREVER_MS} ;; say:late")]))
}

fn hangs_for(ms: u32) -> Act {
    Act::Prompt(json!([format!("hang:{ms} ;; say:late")]))
}

fn question() -> Act {
    Act::Prompt(json!([
        r#"tool:request_user_input {"questions":[{"id":"db","header":"Database","question":"Which database?","options":[{"label":"Postgres","description":"big"},{"label":"SQLite","description":"small"}]}]}"#,
        "say:all done",
    ]))
}

fn subagent() -> Act {
    Act::Prompt(json!([
        r#"tool:multi_agent_v1/spawn_agent {"message":"STEP hang:1500 ;; say:part done"}"#,
        "hang:3000 ;; say:all done",
    ]))
}

/// What magia's hooks need, for a Codex away from the daemon.
fn hooks() -> Step {
    step(Act::Verb(&["hooks", "install", "codex", "--trust"]), &[])
}

fn with(mut steps: Vec<Step>, more: Vec<Step>) -> Vec<Step> {
    steps.extend(more);
    steps
}

/// On the daemon.
fn shared() -> Vec<Scenario> {
    let start = || step(START, &[IDLE]);
    let asked_and = |more: Vec<Step>| with(vec![start(), step(asks(), &[WORKING, ASKS])], more);
    vec![
        row(
            "prompt",
            vec![start(), step(says("hello"), &[WORKING, IDLE]), step(says("again"), &[WORKING, IDLE])],
        ),
        row("tool", vec![start(), step(runs("echo one"), &[WORKING, IDLE])]),
        row("failing tool", vec![start(), step(runs("exit 3"), &[WORKING, IDLE])]),
        row("allowed by magia", asked_and(vec![step(Act::Magia("allow", &[]), &[WORKING, IDLE])])),
        row("denied by magia", asked_and(vec![step(Act::Magia("deny", &[]), &[WORKING, IDLE])])),
        row("allowed in the terminal", asked_and(vec![step(Act::Choose(DIALOG, "y"), &[WORKING, IDLE])])),
        // The refused call is over before the turn is.
        row("Esc at a dialog", asked_and(vec![step(Act::PressAt(DIALOG, Key::Esc), &["(working)", IDLE])])),
        row(
            "question",
            vec![
                step(Act::Configure("[features]\ndefault_mode_request_user_input = true\n"), &[]),
                start(),
                step(question(), &[WORKING, QUESTION]),
                step(Act::PressAt("enter to submit answer", Key::Enter), &[WORKING, IDLE]),
            ],
        ),
        row("subagent", vec![start(), step(subagent(), &[WORKING, IDLE])]),
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
                step(Act::PressAt(BUSY, Key::Esc), &[IDLE]),
                step(says("again"), &[WORKING, IDLE]),
            ],
        ),
        row(
            "Ctrl+C in a turn",
            vec![
                start(),
                step(hangs(), &[WORKING]),
                step(Act::PressAt(BUSY, Key::Ctrl('c')), &[]),
                step(Act::PressAt("Cancel task", Key::Enter), &[IDLE]),
            ],
        ),
        row("slow stream", vec![start(), step(hangs_for(2_500), &[WORKING, IDLE])]),
        row(
            "second prompt while busy",
            vec![start(), step(hangs_for(4_000), &[WORKING]), step(Act::Queue("more"), &[IDLE])],
        ),
        // The daemon goes on with the turn.
        row(
            "terminal killed in a turn",
            vec![start(), step(hangs_for(4_000), &[WORKING]), step(Act::Signal(libc::SIGKILL), &[IDLE])],
        ),
        row(
            "terminal closed at a dialog",
            asked_and(vec![
                step(Act::Signal(libc::SIGHUP), &[]),
                step(Act::Magia("allow", &[]), &[WORKING, IDLE]),
            ]),
        ),
        row(
            "daemon killed in a turn",
            vec![start(), step(hangs(), &[WORKING]), step(Act::KillServer, &[FAILED])],
        ),
        row("daemon killed at a dialog", asked_and(vec![step(Act::KillServer, &[FAILED])])),
        row(
            "daemon killed while idle",
            vec![start(), step(says("hello"), &[WORKING, IDLE]), step(Act::KillServer, &[ENDED])],
        ),
        row(
            "resume",
            vec![
                start(),
                step(says("hello"), &[WORKING, IDLE]),
                // The daemon lets go of a thread that nobody has open, and may do so before the second terminal is there.
                step(Act::Start(&["resume", "{id}"]), &["(ended)", "(idle)"]),
                step(says("again"), &[WORKING, IDLE]),
            ],
        ),
        row(
            "fork",
            vec![
                start(),
                step(says("hello"), &[WORKING, IDLE]),
                step(Act::Start(&["fork", "{id}"]), &[IDLE]),
                step(says("again"), &[WORKING, IDLE]),
            ],
        ),
        row(
            "new",
            vec![
                start(),
                step(says("hello"), &[WORKING, IDLE]),
                step(Act::Command("/new"), &[IDLE]),
                step(says("again"), &[WORKING, IDLE]),
            ],
        ),
        row(
            "magia starts anew",
            asked_and(vec![
                step(Act::RestartMagia, &[ASKS]),
                step(Act::Magia("allow", &[]), &[WORKING, IDLE]),
            ]),
        ),
        row(
            "two in one directory",
            vec![
                start(),
                Step { agent: 1, act: START, shows: &[IDLE] },
                step(asks(), &[WORKING, ASKS]),
                Step { agent: 1, act: says("hello"), shows: &[WORKING, IDLE] },
                step(Act::Magia("allow", &[]), &[WORKING, IDLE]),
            ],
        ),
    ]
}

/// Away from the daemon.
fn alone() -> Vec<Scenario> {
    let begin = || vec![hooks(), step(ALONE, &[IDLE])];
    let begin_and = |more: Vec<Step>| with(begin(), more);
    let asked_and = |more: Vec<Step>| with(begin_and(vec![step(asks(), &[WORKING, ASKS])]), more);
    vec![
        row(
            "alone: prompt and tool",
            begin_and(vec![
                step(says("hello"), &[WORKING, IDLE]),
                step(runs("echo one"), &[WORKING, IDLE]),
                step(runs("exit 3"), &[WORKING, IDLE]),
            ]),
        ),
        row(
            "alone: allowed in the terminal",
            asked_and(vec![step(Act::Choose(DIALOG, "y"), &[WORKING, IDLE])]),
        ),
        row("alone: Esc at a dialog", asked_and(vec![step(Act::PressAt(DIALOG, Key::Esc), &[IDLE])])),
        row("alone: kill -9 at a dialog", asked_and(vec![step(Act::Signal(libc::SIGKILL), &[ENDED])])),
        row(
            "alone: error 400",
            begin_and(vec![step(fails(400), &[WORKING, FAILED]), step(says("again"), &[WORKING, IDLE])]),
        ),
        row("alone: error 429", begin_and(vec![step(fails(429), &[WORKING, FAILED])])),
        row(
            "alone: Esc",
            begin_and(vec![step(hangs(), &[WORKING]), step(Act::PressAt(BUSY, Key::Esc), &[IDLE])]),
        ),
        row(
            "alone: kill -9",
            begin_and(vec![step(hangs(), &[WORKING]), step(Act::Signal(libc::SIGKILL), &[ENDED])]),
        ),
        row(
            "alone: terminal closed",
            begin_and(vec![step(hangs(), &[WORKING]), step(Act::Signal(libc::SIGHUP), &[ENDED])]),
        ),
        row("alone: subagent", begin_and(vec![step(subagent(), &[WORKING, IDLE])])),
        row(
            "alone: compaction",
            begin_and(vec![
                step(says("hello"), &[WORKING, IDLE]),
                step(Act::Command("/compact"), &[WORKING, IDLE]),
            ]),
        ),
        row(
            "alone: quit and resume",
            begin_and(vec![
                step(says("hello"), &[WORKING, IDLE]),
                step(Act::Command("/quit"), &[ENDED]),
                step(Act::Start(&["resume", "--no-daemon", "{id}"]), &[IDLE]),
                // Only its first turn tells which session it is; until then it is a row of its own.
                step(says("again"), &[ENDED, IDLE, WORKING, IDLE]),
            ]),
        ),
        row(
            "alone: new",
            begin_and(vec![
                step(says("hello"), &[WORKING, IDLE]),
                step(Act::Command("/new"), &[]),
                step(says("again"), &[ENDED, IDLE, WORKING, IDLE]),
            ]),
        ),
        row(
            "alone: magia starts anew in a turn",
            begin_and(vec![
                step(hangs(), &[WORKING]),
                step(Act::RestartMagia, &[WORKING]),
                step(Act::PressAt(BUSY, Key::Esc), &[IDLE]),
                step(says("again"), &[WORKING, IDLE]),
            ]),
        ),
        row(
            "alone: magia starts anew at a dialog",
            asked_and(vec![
                step(Act::RestartMagia, &[ASKS]),
                step(Act::Choose(DIALOG, "y"), &[WORKING, IDLE]),
            ]),
        ),
        row("exec", vec![hooks(), step(Act::Print(json!(["say:hello"])), &[IDLE, WORKING, IDLE, ENDED])]),
        row(
            "exec fails",
            vec![hooks(), step(Act::Print(json!(["error:400 no"])), &[IDLE, WORKING, FAILED, ENDED])],
        ),
        row(
            "exec killed",
            vec![
                hooks(),
                step(Act::Print(json!([format!("hang:{FOREVER_MS} ;; say:late")])), &[IDLE, WORKING]),
                step(Act::Signal(libc::SIGKILL), &[ENDED]),
            ],
        ),
    ]
}

#[test]
fn magia_shows_the_state_of_every_step() -> Result<()> {
    let prepare = |sandbox: &Sandbox| -> Result<Ground> {
        let ground = Ground::start(sandbox, Vendor::OpenAi)?;
        Codex::new(sandbox, &ground.model)?;
        Ok(ground)
    };
    let table = shared().into_iter().chain(alone()).collect();
    check(&format!("Codex {CODEX_VERSION}"), table, prepare, |sandbox, ground| {
        Ok(Box::new(CodexPlayer::new(sandbox, ground)?))
    })
}
