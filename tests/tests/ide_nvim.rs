//! The Neovim plugin in a real Neovim, against a real magia.
#![allow(clippy::indexing_slicing, reason = "a test may fail")]

use anyhow::{Context, Result};
use magia_tests::{App, Cli, PATIENCE, Program, Sandbox, ScriptedAgent, sandbox_test, wait_until};
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
"#;

fn editor(sandbox: &Sandbox) -> Result<Program> {
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/nvim/magia.lua");
    let driver = sandbox.root().join("driver.lua");
    fs::write(&driver, DRIVER)?;
    let file = sandbox.work().join("a.txt");
    fs::write(&file, "one\ntwo\n")?;
    let mut command = sandbox.command("nvim");
    command.args(["--headless", "--clean", "-c"]).arg(format!("luafile {}", driver.display()));
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
        let mut nvim = editor(sandbox)?;
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
