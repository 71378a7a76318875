//! The examples of docs/terminal-spawn.md and docs/http-api.md, run as they stand there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use magia_tests::http::Http;
use magia_tests::{Program, Sandbox, sandbox_test};

/// All `sh` blocks of a page, in order, as one script that ends at the first failure.
fn script(page: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {page}"))?;
    let mut script = String::from("set -eu\n");
    let mut blocks = 0;
    for block in text.split("```sh\n").skip(1) {
        script.push_str(block.split("```").next().unwrap_or_default());
        blocks += 1;
    }
    ensure!(blocks > 3, "{page} has {blocks} examples");
    Ok(script)
}

fn run(sandbox: &Sandbox, page: &str) -> Result<String> {
    let magia = magia_tests::binary("magia")?;
    let dir = magia.parent().context("no directory")?.to_string_lossy().into_owned();
    let mut command = sandbox.command("bash");
    command.args(["-c", &script(page)?]).env("PATH", format!("{dir}:/usr/local/bin:/usr/bin:/bin"));
    let output = command.output().context("running the examples")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = Program::exit_code(output.status);
    ensure!(code == 0, "{page} ended with {code}:\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(said)
}

#[test]
fn the_examples_of_the_docs_work() -> Result<()> {
    sandbox_test(|sandbox| {
        let mut command = sandbox.command(magia_tests::binary("magia-app")?);
        command.args(["--headless", "--http", "0"]);
        let _app = sandbox.spawn("magia-app", command)?;
        Http::of(sandbox)?;
        let said = run(sandbox, "terminal-spawn.md")?;
        let reply = r#"{"success":true,"error":null,"sessionId":"demo","code":null,"terminal":"none","request":null}"#;
        ensure!(said.contains(reply), "{said}");
        ensure!(said.contains("\"sessionId\":\"seed\"") && said.contains("build\n"), "{said}");
        let said = run(sandbox, "http-api.md")?;
        ensure!(said.contains("renamed by curl") && said.contains("hello"), "{said}");
        ensure!(said.contains("data: ") && said.contains("Session killed"), "{said}");
        Ok(())
    })
}
