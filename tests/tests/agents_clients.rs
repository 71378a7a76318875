//! Clients that are not ours speak with the IDE server: the `ws` package of Node, Python's `websockets`, and the VS Code
//! extension's client.
//!
//! Needs `make agents`; `make test-agents` runs it.
#![allow(clippy::indexing_slicing, reason = "a test may fail")]

use anyhow::{Context, Result, bail};
use magia_tests::{
    App, Cli, IdeAgent, PATIENCE, Program, Sandbox, ScriptedAgent, ide_door, sandbox_test, wait_until,
};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `node`, wherever the runner's PATH has it.
fn node(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.command("/usr/bin/env");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("MAGIA_TEST_MODULES", root().join(".agents/clients"));
    command.arg("node");
    command
}

/// Runs a client to its end and reads what it was answered.
fn told(sandbox: &Sandbox, name: &str, mut command: Command) -> Result<Value> {
    let cli = Cli::new(sandbox);
    let (port, token) = ide_door(cli)?;
    command.args([&port, &token]).arg(sandbox.work().join("a.txt"));
    let mut client = sandbox.spawn(name, command)?;
    let status = client.wait(PATIENCE)?;
    let out = client.stdout();
    if !status.success() {
        bail!("{name} ended with {status}: {out}{}", client.stderr());
    }
    serde_json::from_str(out.trim()).with_context(|| format!("reading {out:?}"))
}

fn check(told: &Value) {
    assert_eq!(
        (&told["protocol"], &told["server"], &told["tools"], &told["pong"]),
        (&json!("mcp"), &json!("magia"), &json!(12), &json!("between")),
        "{told}"
    );
    assert_eq!((&told["problems"], &told["long"]), (&json!("[]"), &json!("[]")));
    assert_eq!((&told["wrong"], &told["missing"], &told["origin"]), (&json!(401), &json!(401), &json!(403)));
    // Nobody knows this program as an agent, so nobody is asked on its behalf.
    assert_eq!(told["diff"], "the user answers in the terminal");
    assert_eq!(told["closed"], 1000);
}

#[test]
fn nodes_ws_is_served() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let mut command = node(sandbox);
        command.arg(root().join("tests/clients/agent.mjs"));
        check(&told(sandbox, "agent-node", command)?);
        Ok(())
    })
}

#[test]
fn pythons_websockets_is_served() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let mut command = sandbox.command(root().join(".agents/python/bin/python"));
        command.arg(root().join("tests/clients/agent.py"));
        let told = told(sandbox, "agent-python", command)?;
        check(&told);
        assert_eq!(told["binary"], 1003, "unsupported");
        Ok(())
    })
}

/// The extension's client in Node, told what to do line by line.
struct Editor {
    program: Program,
    stdin: std::process::ChildStdin,
}

impl Editor {
    /// Shows a folder.
    fn start(sandbox: &Sandbox, folder: &Path) -> Result<Self> {
        // Compiled as a user does, beside the sources' own dependencies.
        let built = sandbox.root().join("vscode");
        fs::create_dir(&built)?;
        for name in ["package.json", "tsconfig.json"] {
            fs::copy(root().join("assets/vscode").join(name), built.join(name))?;
        }
        for (from, to) in [
            (root().join("assets/vscode/src"), "src"),
            (root().join(".agents/clients/node_modules"), "node_modules"),
        ] {
            std::os::unix::fs::symlink(fs::canonicalize(from)?, built.join(to))?;
        }
        let mut command = node(sandbox);
        command
            .arg(built.join("node_modules/typescript/bin/tsc"))
            .arg("-p")
            .arg(&built)
            .arg("--preserveSymlinks");
        let mut compiler = sandbox.spawn("tsc", command)?;
        let status = compiler.wait(PATIENCE)?;
        if !status.success() {
            bail!("the extension does not compile: {}", compiler.stdout());
        }
        assert!(built.join("out/extension.js").is_file());
        let mut command = node(sandbox);
        command.arg(root().join("tests/clients/vscode.mjs"));
        command.arg(built.join("out/client.js")).arg(folder);
        let mut program = sandbox.spawn_piped("vscode", command)?;
        let stdin = program.take_stdin().context("no stdin")?;
        Ok(Self { program, stdin })
    }

    fn tell(&mut self, method: &str, args: &Value) -> Result<()> {
        writeln!(self.stdin, "{}", json!({ "method": method, "args": args })).context("telling the editor")
    }

    /// Waits until something has happened that is as wanted.
    fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        wait_until(&format!("the editor to say {what:?}"), PATIENCE, || {
            let out = self.program.stdout();
            let lines = out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.into_iter().find(|line| line["what"] == what && wanted(&line["value"]))
        })
        .with_context(|| format!("it said {}{}", self.program.stdout(), self.program.stderr()))
    }
}

#[test]
fn the_vs_code_client_follows_sessions_and_comes_back() -> Result<()> {
    sandbox_test(|sandbox| {
        let mut app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let mut editor = Editor::start(sandbox, &sandbox.work())?;
        editor.wait_for("connected", |_| true)?;
        let listed = cli.json(&["call", "get_ide_server_port"])?;
        assert_eq!(listed["connected"][0]["name"], "VS Code test");

        let mut agent = ScriptedAgent::start(sandbox, "session-1")?;
        agent.begin("hello")?;
        let first = editor.wait_for("event", |it| it["kind"] == "prompt.submitted")?;
        editor.tell("sessions", &json!([]))?;
        let rows = editor.wait_for("sessions", |rows| rows[0]["provider"] == "claude")?;
        assert_eq!(rows["value"].as_array().map(Vec::len), Some(1));
        let uri = format!("file://{}/a.rs", sandbox.work().display());
        let problem = json!({ "message": "unused", "severity": "Warning",
            "range": { "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 1 } } });
        editor.tell("diagnostics", &json!([uri, [problem]]))?;
        editor.wait_for("diagnostics", |_| true)?;

        // What happens while it is away is told when it is back. Reading the events writes them to disk before.
        assert_eq!(cli.rows(&["events"])?.len(), 2);
        app.program().kill9()?;
        drop(app);
        editor.wait_for("lost", |_| true)?;
        let _app = App::start(sandbox)?;
        agent.hook("Stop", &json!({}))?;
        let back = editor.wait_for("event", |it| it["kind"] == "turn.ended")?;
        assert!(back["value"]["seq"].as_u64() > first["value"]["seq"].as_u64(), "{back}");
        let events = editor.program.stdout();
        let twice = events.lines().filter(|line| line.contains("\"prompt.submitted\"")).count();
        assert_eq!(twice, 1, "nothing is told twice: {events}");
        editor.tell("dispose", &json!([]))?;
        assert!(editor.program.wait(PATIENCE)?.success());
        Ok(())
    })
}

#[test]
fn an_agent_hears_what_the_vs_code_client_has_done() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        // Where the agent works, which is this test, lies in it.
        let mut editor = Editor::start(sandbox, Path::new("/"))?;
        editor.wait_for("connected", |_| true)?;
        let paths = ["a.rs", "b.rs", "c.rs"].map(|name| sandbox.work().join(name));
        let files = paths
            .each_ref()
            .map(|path| json!({ "filePath": path, "active": false, "dirty": true, "language": "rust" }));
        editor.tell("files", &json!([files]))?;
        let mut agent = IdeAgent::connect(Cli::new(sandbox))?;
        wait_until("the agent to hear of the files", PATIENCE, || {
            let (_, told) = agent.call("checkDocumentDirty", &json!({ "filePath": paths[2] })).ok()?;
            told.contains("\"isDirty\":true").then_some(())
        })?;
        let mut save = |path: &Path, done: Option<Value>| -> Result<(bool, String)> {
            let asked = agent.ask("saveDocument", &json!({ "filePath": path }))?;
            editor.wait_for("wish", |it| {
                it["wish"] == "saveDocument" && it["arguments"]["filePath"] == json!(path)
            })?;
            // Until the editor has said so, nothing is told.
            let ping = agent.ping()?;
            agent.answer(ping)?;
            if let Some(done) = done {
                editor.tell("done", &done)?;
            }
            agent.answer(asked)
        };
        let (well, told) = save(&paths[0], Some(json!([])))?;
        assert!(well && told.contains("\"saved\":true"), "{told}");
        let (well, told) = save(&paths[1], Some(json!(["it is read-only"])))?;
        assert!(!well && told.ends_with("b.rs was not saved: it is read-only"), "{told}");
        let (well, told) = save(&paths[2], None)?;
        assert!(!well && told.ends_with("c.rs was not saved: the editor does not answer"), "{told}");
        Ok(())
    })
}
