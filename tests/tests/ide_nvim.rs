//! The Neovim plugin in a real Neovim, against a real magia.
#![allow(clippy::indexing_slicing, reason = "a test may fail")]

use anyhow::{Context, Result};
use magia_tests::{App, Cli, IdeAgent, PATIENCE, Program, Sandbox, ScriptedAgent, sandbox_test, wait_until};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What the editor is to do: connects, says what it shows, and writes down what it hears.
const DRIVER: &str = r#"
local magia = dofile(vim.env.PLUGIN)
local heard = io.open(vim.env.HEARD, "a")
local function note(what, value)
  heard:write(vim.json.encode({ what = what, value = value }), "\n")
  heard:flush()
end
magia.on("connected", function()
  note("connected", magia.status().connected)
  magia.sessions(function(rows) note("sessions", #rows) end)
end)
magia.on("event", function(event) note("event", { kind = (event.payload or {}).kind, seq = event.seq }) end)
magia.on("agents", function(agents) note("agents", #agents) end)
magia.setup()
vim.cmd("edit " .. vim.env.FILE)
vim.cmd(vim.env.THEN)
"#;

/// Neovim in a directory, with a file that is open, and with what it is to do then.
fn editor(sandbox: &Sandbox, dir: &Path, then: &str) -> Result<Program> {
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/nvim/magia.lua");
    let driver = sandbox.root().join("driver.lua");
    fs::write(&driver, DRIVER)?;
    let file = sandbox.work().join("a.txt");
    fs::write(&file, "one\ntwo\n")?;
    let mut command = sandbox.command("nvim");
    command.args(["--headless", "--clean", "-c"]).arg(format!("luafile {}", driver.display()));
    command.current_dir(dir).env("THEN", then);
    command.env("PLUGIN", plugin).env("FILE", &file).env("HEARD", heard_file(sandbox));
    sandbox.spawn_piped("nvim", command)
}

fn heard_file(sandbox: &Sandbox) -> std::path::PathBuf {
    sandbox.root().join("heard.jsonl")
}

fn wait_for(sandbox: &Sandbox, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let heard = || fs::read_to_string(heard_file(sandbox)).unwrap_or_default();
    wait_until(&format!("Neovim to hear {what:?}"), PATIENCE, || {
        let text = heard();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.into_iter().find(|line| line["what"] == what && wanted(&line["value"]))
    })
    .with_context(|| format!("it heard {}", heard()))
}

#[test]
fn neovim_follows_sessions_and_is_listed() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let mut nvim = editor(sandbox, &sandbox.work(), "")?;
        wait_for(sandbox, "connected", |it| *it == json!(true))?;
        wait_for(sandbox, "sessions", |it| *it == json!(0))?;
        wait_for(sandbox, "agents", |it| *it == json!(0))?;
        let listed = cli.json(&["call", "get_ide_server_port"])?;
        let name = listed["connected"][0]["name"].as_str().unwrap_or_default();
        assert!(name.starts_with("Neovim 0."), "{listed}");
        assert_eq!(listed["connected"][0]["pid"], nvim.pid());

        let mut agent = ScriptedAgent::start(sandbox, "session-1")?;
        agent.begin("hello")?;
        wait_for(sandbox, "event", |it| it["kind"] == "prompt.submitted")?;
        nvim.kill9()?;
        wait_until("Neovim to be forgotten", PATIENCE, || {
            let listed = cli.json(&["call", "get_ide_server_port"]).ok()?;
            (listed["connected"] == json!([])).then_some(())
        })?;
        Ok(())
    })
}

#[test]
fn an_agent_hears_that_neovim_has_saved_a_file_or_why_not() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let (file, locked) = (sandbox.work().join("a.txt"), sandbox.work().join("locked.txt"));
        fs::write(&locked, "as it is\n")?;
        let then = format!(
            "call setline(1, 'ONE') | set hidden | view {} | call setline(1, 'no')",
            locked.display()
        );
        // Where the agent works, which is this test, lies in it.
        let _nvim = editor(sandbox, Path::new("/"), &then)?;
        wait_for(sandbox, "connected", |it| *it == json!(true))?;
        let mut agent = IdeAgent::connect(Cli::new(sandbox))?;
        wait_until("the agent to hear of the file", PATIENCE, || {
            let (_, told) = agent.call("checkDocumentDirty", &json!({ "filePath": file })).ok()?;
            told.contains("\"isDirty\":true").then_some(())
        })?;
        assert_eq!(fs::read_to_string(&file)?, "one\ntwo\n");
        // It is on disk as soon as the agent is told.
        let (well, told) = agent.call("saveDocument", &json!({ "filePath": file }))?;
        assert!(well && told.contains("\"saved\":true"), "{told}");
        assert_eq!(fs::read_to_string(&file)?, "ONE\ntwo\n");
        let (well, told) = agent.call("saveDocument", &json!({ "filePath": locked }))?;
        assert!(!well && told.contains("locked.txt was not saved: ") && told.contains("readonly"), "{told}");
        assert_eq!(fs::read_to_string(&locked)?, "as it is\n");
        let (well, told) = agent.call("openFile", &json!({ "filePath": file }))?;
        assert!(well && told == format!("Opened file: {}", file.display()), "{told}");
        Ok(())
    })
}
