//! A real Claude Code takes magia for its editor: it connects by itself, shows its edits, and each answer gives the right
//! file.
//!
//! Needs `make agents`; `make test-agents` runs it.
#![allow(clippy::indexing_slicing, reason = "a test may fail")]

use anyhow::{Context, Result};
use magia_tests::{
    App, Claude, Cli, Display, FakeModel, Gemini, InteractiveClaude, Key, PATIENCE, Sandbox, Scene, Vendor,
    Window, sandbox_test, script, steps, text, wait_until,
};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One at a time: a Claude that starts while others do may give up on its editor before it has its answer, or loses what is
/// typed meanwhile.
static ALONE: Mutex<()> = Mutex::new(());

fn alone(test: impl FnOnce(&Sandbox) -> Result<()>) -> Result<()> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    sandbox_test(test)
}

/// How often Claude is asked while it is connecting, and how long each time is waited.
const ASKS: usize = 3;
const ASK_PATIENCE: Duration = Duration::from_secs(8);

fn file(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.work().join(name)
}

fn write(sandbox: &Sandbox, name: &str, content: &str, end: &str) -> String {
    script(&json!([["Write", { "file_path": file(sandbox, name), "content": content }], end]))
}

/// A prompt that changes `two` in a file that is there.
fn edit(sandbox: &Sandbox, name: &str, end: &str) -> Result<String> {
    let path = file(sandbox, name);
    fs::write(&path, "one\ntwo\nthree\n").context("writing the file to edit")?;
    Ok(script(&json!([
        ["Read", { "file_path": path }],
        ["Edit", { "file_path": path, "old_string": "two", "new_string": "TWO" }],
        end,
    ])))
}

fn wait_for_content(sandbox: &Sandbox, name: &str, wanted: &str) -> Result<()> {
    let read = || fs::read_to_string(file(sandbox, name)).ok();
    wait_until(&format!("{name} to hold {wanted:?}"), PATIENCE, || {
        (read().as_deref() == Some(wanted)).then_some(())
    })
    .with_context(|| format!("it holds {:?}", read()))
}

/// Waits until Claude's process is connected, and gives the row.
fn connected(cli: Cli<'_>, claude: &InteractiveClaude) -> Result<Value> {
    wait_until("Claude to be connected", PATIENCE, || {
        let info = cli.json(&["call", "get_ide_server_port"]).ok()?;
        let rows = info.get("connected")?.as_array()?.clone();
        rows.into_iter().find(|row| row["pid"] == claude.pid() && !row["session"].is_null())
    })
    .with_context(|| {
        let info = cli.json(&["call", "get_ide_server_port"]);
        let status = cli.json(&["status"]).map(|status| status["listeners"].clone());
        let rows = cli.json(&["ls", "--all"]);
        format!("{info:#?} {status:#?} {rows:#?}, the screen:\n{}", claude.terminal.screen())
    })
}

/// Without hooks the diff is all that there is: every answer goes over it.
#[test]
fn its_edits_open_in_the_window_and_each_answer_gives_the_right_file() -> Result<()> {
    alone(|sandbox| {
        let display = Display::start(sandbox)?;
        let window = Window::start(sandbox, &display)?;
        let cli = Cli::new(sandbox);
        let model = FakeModel::start(sandbox)?;
        let locks = sandbox.home().join(".claude/ide");
        assert!(!locks.exists(), "nothing is written before there is a terminal");
        let claude = Claude::new(sandbox, &model)?.in_magia("ide")?;
        let row = connected(cli, &claude)?;
        assert_eq!(text(&row, "kind"), "claude");
        // The session says so, on the command line and in the window.
        let name = text(&row, "name");
        let shown = cli.run(&["show", text(&row, "session")])?.stdout;
        assert!(
            name.starts_with("claude-code ")
                && shown.contains(&format!("magia, to which {name} is connected")),
            "{shown}"
        );
        let place = json!({ "session": text(&row, "session") });
        cli.json(&["call", "open_window", &place.to_string()])?;
        window.wait_for("Label", &format!("Editor: magia, for {name}"))?;
        assert_eq!(fs::read_dir(&locks)?.count(), 1);

        // Accepted as it is. A Claude that is connected may still ask in its terminal alone: it has not read our tools yet.
        let prompt = write(sandbox, "accept.txt", "hello\nworld\n", "first done");
        for _ in 0..ASKS {
            claude.prompt(&prompt)?;
            if window.wait_within("Button", "Accept: accept.txt", ASK_PATIENCE).is_ok() {
                break;
            }
            claude.terminal.press(Key::Esc)?;
            claude.wait_for_status("idle")?;
        }
        let accept = window.wait_for("Button", "Accept: accept.txt")?;
        let picture = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("real-review.png");
        window.screenshot(&picture)?;
        window.click(&accept)?;
        claude.wait_for_answer("first done")?;
        wait_for_content(sandbox, "accept.txt", "hello\nworld\n")?;
        window.wait_until_gone("Button", "Accept: accept.txt")?;

        // Edited, then accepted.
        claude.prompt(&edit(sandbox, "edited.txt", "second done")?)?;
        window.wait_for("Button", "Accept: edited.txt")?;
        window.click(&window.wait_for("Button", "Edit the change")?)?;
        window.click(&window.wait_for("MultilineTextInput", "New text of the file")?)?;
        window.key("ctrl+Home")?;
        window.type_text("zero ")?;
        window.click(&window.wait_for("Button", "Use this text")?)?;
        window.click(&window.wait_for("Button", "Accept edited")?)?;
        claude.wait_for_answer("second done")?;
        wait_for_content(sandbox, "edited.txt", "zero one\nTWO\nthree\n")?;

        // Rejected, and closed: both leave the file alone.
        for (name, button) in [("reject.txt", "Reject reject.txt"), ("close.txt", "Close and reject")] {
            claude.prompt(&edit(sandbox, name, "never said")?)?;
            window.wait_for("Button", &format!("Accept: {name}"))?;
            window.click(&window.wait_for("Button", button)?)?;
            window.wait_until_gone("Button", &format!("Accept: {name}"))?;
            claude.wait_for_status("idle")?;
            assert_eq!(fs::read_to_string(file(sandbox, name))?, "one\ntwo\nthree\n", "{name}");
        }

        // Answered in the terminal first: the view leaves.
        claude.prompt(&edit(sandbox, "terminal.txt", "last done")?)?;
        window.wait_for("Button", "Accept: terminal.txt")?;
        claude.terminal.wait_for_text("terminal.txt", PATIENCE)?;
        claude.wait_for_status("waiting")?;
        claude.terminal.press(Key::Enter)?;
        claude.wait_for_answer("last done")?;
        wait_for_content(sandbox, "terminal.txt", "one\nTWO\nthree\n")?;
        window.wait_until_gone("Button", "Accept: terminal.txt")?;

        let rows = cli.rows(&["permissions", "--all"])?;
        let states: Vec<&str> = rows.iter().rev().map(|row| text(row, "state")).collect();
        assert_eq!(
            states,
            ["took effect", "took effect", "took effect", "took effect", "answered in terminal"],
            "{rows:#?}"
        );
        Ok(())
    })
}

/// With hooks there are two ways to ask and one card.
#[test]
fn hook_and_diff_are_one_card_that_the_command_line_answers() -> Result<()> {
    alone(|sandbox| {
        let mut scene = Scene::without_app(sandbox)?;
        scene.start_app()?;
        let claude = scene.agent()?.in_magia("ide")?;
        connected(scene.cli, &claude)?;

        claude.prompt(&edit(sandbox, "allow.txt", "first done")?)?;
        let request = scene.cli.wait_for_request()?;
        assert_eq!(text(&request, "tool"), "Edit");
        scene.cli.json(&["allow", text(&request, "id")])?;
        claude.wait_for_answer("first done")?;
        wait_for_content(sandbox, "allow.txt", "one\nTWO\nthree\n")?;
        scene.cli.wait_for_request_state(text(&request, "id"), "took effect")?;

        claude.prompt(&edit(sandbox, "contents.txt", "second done")?)?;
        let request = scene.cli.wait_for_row("the diff beside the hook", &["permissions"], |row| {
            text(row, "tool") == "Edit" && row["shows_diff"] == true
        })?;
        let mine = sandbox.root().join("mine.txt");
        fs::write(&mine, "one\n2\nthree\n")?;
        let contents = format!("@{}", mine.display());
        scene.cli.json(&["allow", text(&request, "id"), "--contents", &contents])?;
        claude.wait_for_answer("second done")?;
        wait_for_content(sandbox, "contents.txt", "one\n2\nthree\n")?;
        scene.cli.wait_for_request_state(text(&request, "id"), "took effect")?;

        claude.prompt(&edit(sandbox, "deny.txt", "third done")?)?;
        let request = scene.cli.wait_for_request()?;
        scene.cli.json(&["deny", text(&request, "id"), "--reason", "leave it"])?;
        claude.wait_for_answer("third done")?;
        assert_eq!(fs::read_to_string(file(sandbox, "deny.txt"))?, "one\ntwo\nthree\n");
        let results = scene.model.tool_results()?;
        assert!(
            results.last().is_some_and(|last| last["content"].to_string().contains("leave it")),
            "{results:#?}"
        );

        claude.prompt(&edit(sandbox, "terminal.txt", "last done")?)?;
        let request = scene.cli.wait_for_request()?;
        claude.wait_for_status("waiting")?;
        claude.terminal.wait_for_text("terminal.txt", PATIENCE)?;
        claude.terminal.press(Key::Enter)?;
        claude.wait_for_answer("last done")?;
        scene.cli.wait_for_request_state(text(&request, "id"), "answered in terminal")?;
        assert_eq!(scene.cli.rows(&["permissions", "--all"])?.len(), 4, "one card for each edit");
        Ok(())
    })
}

/// A wrong token, or no server, must not hinder the agent.
#[test]
fn a_claude_that_is_turned_away_goes_on() -> Result<()> {
    alone(|sandbox| {
        let app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        cli.json(&["settings", "set", "ideServer", "always"])?;
        let info = wait_until("the lock file", PATIENCE, || {
            let info = cli.json(&["call", "get_ide_server_port"]).ok()?;
            info["lock_file"].is_string().then_some(info)
        })?;
        let lock = text(&info, "lock_file");
        let mut wrong: Value = serde_json::from_str(&fs::read_to_string(lock)?)?;
        wrong["authToken"] = json!("0".repeat(64));
        fs::write(lock, wrong.to_string())?;
        let model = FakeModel::start(sandbox)?;
        let port = info["port"].to_string();
        let claude = Claude::new(sandbox, &model)?
            .env("CLAUDE_CODE_SSE_PORT", port)
            .env("ENABLE_IDE_INTEGRATION", "true");
        let claude = claude.interactive("claude")?;
        // The turn is too short for the registry to tell of it.
        claude.terminal.paste(&script(&json!(["still here"])))?;
        claude.terminal.wait_for_text("still here", PATIENCE)?;
        claude.terminal.press(Key::Enter)?;
        if claude.terminal.wait_for_text("● still here", ASK_PATIENCE).is_err() {
            claude.terminal.press(Key::Enter)?;
            claude.wait_for_answer("still here")?;
        }
        wait_until("it to be turned away", PATIENCE, || {
            let status = cli.json(&["status"]).ok()?;
            let row = status["listeners"].as_array()?.iter().find(|row| row["name"] == "ide")?.clone();
            row["refused"].as_u64().filter(|count| *count > 0)
        })?;
        drop(app);
        Ok(())
    })
}

/// Gemini's edits come over its companion protocol, and each answer gives the right file.
#[test]
fn geminis_edits_are_answered_over_its_companion() -> Result<()> {
    alone(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let model = FakeModel::of(sandbox, Vendor::Gemini)?;
        let gemini = Gemini::with_hooks(sandbox, &model, false)?.with_editor()?.in_magia("gemini")?;
        wait_until("Gemini to be connected", PATIENCE, || {
            let info = cli.json(&["call", "get_ide_server_port"]).ok()?;
            let rows = info.get("connected")?.as_array()?.clone();
            rows.into_iter().find(|row| row["kind"] == "gemini")
        })
        .with_context(|| format!("the screen:\n{}", gemini.terminal.screen()))?;
        let prompt = |name: &str, end: &str| {
            let input = json!({ "file_path": file(sandbox, name), "content": "new text\n" });
            steps(&[format!("tool:write_file {input}"), format!("say:{end}")])
        };
        let shown = || {
            cli.wait_for_row("the change", &["permissions"], |row| row["shows_diff"] == true)
                .with_context(|| format!("the screen:\n{}", gemini.terminal.screen()))
        };

        gemini.prompt(&prompt("accept.txt", "first done"))?;
        let request = shown()?;
        assert_eq!(text(&request, "tool"), "write_file");
        cli.json(&["allow", text(&request, "id")])?;
        gemini.wait_for_answer("first done")?;
        wait_for_content(sandbox, "accept.txt", "new text\n")?;
        gemini.wait_for_quiet()?;

        gemini.prompt(&prompt("edited.txt", "second done"))?;
        let request = shown()?;
        cli.json(&["allow", text(&request, "id"), "--contents", "mine\n"])?;
        gemini.wait_for_answer("second done")?;
        wait_for_content(sandbox, "edited.txt", "mine\n")?;
        gemini.wait_for_quiet()?;

        gemini.prompt(&prompt("reject.txt", "never said"))?;
        let request = shown()?;
        cli.json(&["deny", text(&request, "id")])?;
        gemini.wait_for_quiet()?;
        wait_until("the dialog to leave", PATIENCE, || (!gemini.asks()).then_some(()))?;
        assert!(!file(sandbox, "reject.txt").exists());

        gemini.prompt(&prompt("terminal.txt", "last done"))?;
        let request = shown()?;
        gemini.wait_for_dialog()?;
        gemini.terminal.answer("Allow once", &Key::Enter.bytes())?;
        gemini.wait_for_answer("last done")?;
        wait_for_content(sandbox, "terminal.txt", "new text\n")?;
        cli.wait_for_request_state(text(&request, "id"), "answered in terminal")?;
        Ok(())
    })
}

/// A real Neovim tells a real Claude Code what is selected.
#[test]
fn what_is_selected_in_neovim_is_seen_by_claude() -> Result<()> {
    alone(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let model = FakeModel::start(sandbox)?;
        let claude = Claude::new(sandbox, &model)?.in_magia("ide")?;
        connected(cli, &claude)?;
        fs::write(file(sandbox, "b.txt"), "one\ntwo\nthree\n")?;
        let plugin = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/nvim/magia.lua");
        let driver = sandbox.root().join("driver.lua");
        // Again and again: what is said while Claude is still connecting is lost on it.
        fs::write(
            &driver,
            "local timer, wide\n\
             local magia = dofile(vim.env.PLUGIN)\n\
             vim.cmd(\"edit \" .. vim.env.FILE)\n\
             magia.on(\"agents\", function(agents)\n\
               if #agents ~= 1 or timer then return end\n\
               timer = vim.fn.timer_start(1000, function()\n\
                 wide = not wide\n\
                 vim.cmd(wide and \"normal! \\27ggVj\" or \"normal! \\27ggV\")\n\
               end, { [\"repeat\"] = 60 })\n\
             end)\n\
             magia.setup()\n",
        )?;
        let mut command = sandbox.command("nvim");
        command.args(["--headless", "--clean", "-c"]).arg(format!("luafile {}", driver.display()));
        command.env("PLUGIN", plugin).env("FILE", file(sandbox, "b.txt"));
        let _nvim = sandbox.spawn_piped("nvim", command)?;
        claude.terminal.wait_for_text("2 lines selected", PATIENCE)?;
        // The turn is too short for the registry to tell of it.
        claude.terminal.paste(&script(&json!(["seen"])))?;
        claude.terminal.wait_for_text("seen", PATIENCE)?;
        claude.terminal.press(Key::Enter)?;
        if claude.terminal.wait_for_text("● seen", Duration::from_secs(5)).is_err() {
            claude.terminal.press(Key::Enter)?;
            claude.wait_for_answer("seen")?;
        }
        let requests = model.requests()?;
        assert!(requests.iter().any(|it| it["body"].to_string().contains("b.txt")), "the model was told");
        Ok(())
    })
}
