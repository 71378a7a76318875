//! The command line's most used verb.

use anyhow::{Context, Result, bail};
use magia_protocol::paths::Socket;
use magia_tests::{PATIENCE, Sandbox, wait_until};
use serde_json::json;

use crate::app::{App, Programs};
use crate::events::{Agent, deliver};
use crate::race::{argv, race};
use crate::table::Row;

const SESSIONS: usize = 100;
const ROUNDS: usize = 100;

/// `magia ls --json` as a whole process.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let sandbox = Sandbox::new()?;
    let app = App::headless(programs, &sandbox)?;
    let hooks = app.socket(Socket::Hooks)?;
    let agents = Agent::several(&sandbox, SESSIONS)?;
    for agent in &agents {
        deliver(
            &hooks,
            &agent.line("UserPromptSubmit", &json!({ "prompt": "Fix the rounding in the cart" })),
        )?;
    }
    let mut client = app.client()?;
    wait_until("the sessions", PATIENCE, || {
        let sessions = client.call("get_active_sessions", json!({})).ok()?;
        (sessions.as_array()?.len() == SESSIONS).then_some(())
    })?;
    let magia = programs.path("magia")?;
    let output = sandbox.command(&magia).args(["ls", "--json"]).output().context("running magia ls")?;
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).context("reading magia ls")?;
    if listed.as_array().map(Vec::len) != Some(SESSIONS) {
        bail!("magia ls --json lists not all {SESSIONS} sessions");
    }
    let magia = magia.to_string_lossy().into_owned();
    let launcher = programs.path("magia-bench-launcher")?;
    let commands = [argv(["/bin/true"]), argv([magia.as_str(), "ls", "--json"])];
    let [empty, list] = race(&sandbox, &launcher, ROUNDS, "/dev/null".as_ref(), commands)?;
    app.stop()?;
    let (empty, wall) = (empty.wall_ms.p50(), &list.wall_ms);
    Ok(vec![Row::told(
        format!("magia ls --json, {SESSIONS} sessions, start to end"),
        format!("p50 {:.2} ms, p99 {:.2} ms; /bin/true {empty:.2}; n={ROUNDS}", wall.p50(), wall.at(0.99)),
    )])
}
