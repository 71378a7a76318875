//! Telemetry and the whole program: what an exporter sends is what the command line, a stream and Prometheus show, before and
//! after a restart.
#![allow(clippy::indexing_slicing, reason = "a test may fail")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use magia_tests::http::Http;
use magia_tests::{App, Cli, PATIENCE, Sandbox, binary, sandbox_test, text, wait_until};
use serde_json::{Value, json};

/// The port of the sandbox's app.
fn port(cli: Cli<'_>) -> Result<u16> {
    wait_until("a port for telemetry", PATIENCE, || {
        cli.json(&["call", "get_otel_port"]).ok()?["port"].as_u64()?.try_into().ok()
    })
}

/// Posts JSON as an exporter does; the answer's status.
fn post(port: u16, path: &str, body: &Value) -> Result<u16> {
    let body = body.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).context("connecting to the receiver")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")
}

fn pair(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// Tokens of a session since its start, as Gemini tells them.
fn tokens(session: &str, time: u64, tokens: u64) -> Value {
    let about = [pair("session.id", session), pair("model", "gemini-2.5-pro"), pair("type", "input")];
    let point = json!({ "attributes": about, "startTimeUnixNano": "1", "timeUnixNano": time.to_string(),
        "asInt": tokens.to_string() });
    let sum = json!({ "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [point] });
    json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [{ "name": "gemini_cli.token.usage", "sum": sum }] }] }] })
}

fn input(cli: Cli<'_>) -> Option<u64> {
    cli.json(&["metrics"]).ok()?["input_tokens"].as_u64()
}

fn wait_for_input(cli: Cli<'_>, tokens: u64) -> Result<()> {
    wait_until(&format!("{tokens} tokens"), PATIENCE, || (input(cli)? == tokens).then_some(()))
        .with_context(|| format!("metrics: {:#}", cli.json(&["metrics"]).unwrap_or_default()))
}

#[test]
fn figures_are_shown_streamed_and_kept() -> Result<()> {
    sandbox_test(|sandbox| {
        let app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let first = port(cli)?;
        assert_eq!(input(cli), Some(0));
        let mut stream = sandbox.command(binary("magia")?);
        stream.args(["events", "--follow", "--json", "--channel", "otel:metrics-update", "--limit", "1"]);
        let mut stream = sandbox.spawn("stream", stream)?;
        let mut watch = sandbox.command(binary("magia")?);
        watch.args(["metrics", "--watch", "--json"]);
        let watch = sandbox.spawn("watch", watch)?;
        wait_until("the first look", PATIENCE, || (watch.stdout().lines().count() == 1).then_some(()))?;
        // The stream says nothing before the first update, so it is begun again until it has one.
        assert_eq!(post(first, "/v1/metrics", &tokens("aaaa-1", 10, 500))?, 200);
        let mut more = 0;
        wait_until("the stream's line", PATIENCE, || {
            more += 1;
            post(first, "/v1/metrics", &tokens("bbbb-2", 10 + more, more)).ok()?;
            stream.try_wait().map(|_| ())
        })?;
        let all = 500 + more;
        let line: Value = serde_json::from_str(stream.stdout().trim()).context("the stream's line")?;
        assert_eq!(text(&line, "event"), "otel:metrics-update", "{line}");
        assert_eq!(text(&line["payload"], "provider"), "gemini", "{line}");
        wait_for_input(cli, all)?;
        wait_until("a second look", PATIENCE, || (watch.stdout().lines().count() >= 2).then_some(()))?;
        let one = cli.json(&["metrics", "aaaa"])?;
        assert_eq!((one["input_tokens"].as_u64(), text(&one, "source")), (Some(500), "metrics"));
        let shown = cli.run(&["metrics"])?.stdout;
        ensure!(shown.contains("aaaa-1") && shown.contains("gemini-2.5-pro"), "{shown}");
        let missing = cli.run(&["metrics", "nothing"])?;
        ensure!(missing.code == 1 && missing.stderr.contains("hint:"), "{missing:?}");
        drop((watch, stream));

        // An end and a start: what is told again adds nothing.
        let mut app = app;
        app.program().signal(15)?;
        app.program().wait(PATIENCE)?;
        let _app = App::start(sandbox)?;
        let again = port(cli)?;
        wait_for_input(cli, all)?;
        assert_eq!(post(again, "/v1/metrics", &tokens("aaaa-1", 10, 500))?, 200);
        assert_eq!(post(again, "/v1/metrics", &tokens("aaaa-1", 20, 700))?, 200);
        wait_for_input(cli, all + 200)
    })
}

#[test]
fn prometheus_reads_them_with_the_token() -> Result<()> {
    sandbox_test(|sandbox| {
        let mut command = sandbox.command(binary("magia-app")?);
        command.args(["--headless", "--http", "0"]);
        let _app = sandbox.spawn("magia-app", command)?;
        let http = Http::of(sandbox)?;
        let cli = Cli::new(sandbox);
        let port = port(cli)?;
        assert_eq!(post(port, "/v1/metrics", &tokens("aaaa-1", 10, 500))?, 200);
        wait_for_input(cli, 500)?;
        let page = http.call("GET", "/metrics", None)?;
        ensure!(page.status == 200, "{page:?}");
        ensure!(
            page.head.to_lowercase().contains("content-type: text/plain; version=0.0.4"),
            "{}",
            page.head
        );
        let line = "magia_tokens_total{provider=\"gemini\",session=\"aaaa-1\",model=\"gemini-2.5-pro\",\
                    query_source=\"\",type=\"input\"} 500";
        ensure!(page.body.lines().any(|known| known == line), "{}", page.body);
        let stranger = http.raw("GET", "/metrics", &[], None)?;
        ensure!(stranger.status == 401, "{stranger:?}");
        Ok(())
    })
}

/// Writes a settings file of Claude's.
fn claude_settings(sandbox: &Sandbox, text: &str) -> Result<std::path::PathBuf> {
    let file = sandbox.home().join(".claude/settings.json");
    fs::create_dir_all(sandbox.home().join(".claude"))?;
    fs::write(&file, text)?;
    Ok(file)
}

#[test]
fn a_collector_of_ones_own_is_left_alone() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        port(cli)?;
        let before = "{\"env\": {\"OTEL_EXPORTER_OTLP_ENDPOINT\": \"https://k@otel.example\"}}\n";
        let file = claude_settings(sandbox, before)?;
        let refused = cli.run(&["telemetry", "on"])?;
        ensure!(refused.code == 1 && refused.stderr.contains("https://otel.example"), "{refused:?}");
        ensure!(refused.stderr.contains("telemetryForward") && !refused.stderr.contains("k@"), "{refused:?}");
        assert_eq!(fs::read_to_string(&file)?, before);
        let status = cli.rows(&["telemetry", "status", "--provider", "claude"])?;
        assert_eq!(text(&status[0], "state"), "elsewhere", "{status:?}");

        fs::write(&file, "{}\n")?;
        let shell = sandbox
            .command(binary("magia")?)
            .args(["telemetry", "on"])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere:4318")
            .output()?;
        assert_eq!(shell.status.code(), Some(2), "{shell:?}");
        assert_eq!(fs::read_to_string(&file)?, "{}\n");

        // While it is on, the port that the settings name is noted.
        cli.json(&["telemetry", "on"])?;
        let pinned = port(cli)?;
        let note = fs::read_to_string(sandbox.root().join("state/magia/otel-port"))?;
        assert_eq!(note.trim(), pinned.to_string());
        cli.json(&["telemetry", "off"])?;
        assert!(!sandbox.root().join("state/magia/otel-port").exists());
        assert_eq!(fs::read_to_string(&file)?, "{}\n");
        Ok(())
    })
}
