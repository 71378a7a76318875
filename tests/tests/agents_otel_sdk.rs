//! OpenTelemetry's own SDKs export to the real app in every protocol that they have, packed or not, as deltas and as sums
//! since a start, over the port and over the socket; what it counts is what they were given.
//!
//! Needs `make agents`; `make test-agents` runs it.
#![allow(clippy::indexing_slicing, reason = "a test may fail")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use magia_tests::exporter::{check_exported, exported};
use magia_tests::{App, Cli, Sandbox, sandbox_test, wait_until};

/// An SDK starts, exports five times and ends.
const RUN: Duration = Duration::from_secs(60);
const TOLD: Duration = Duration::from_secs(30);

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Runs `command` for every protocol and temporality, packed and not, over the port and over the socket, and compares what
/// the app counted.
fn every_way(
    sandbox: &Sandbox,
    protocols: &[&str],
    over_socket: &[&str],
    command: impl Fn() -> Command,
) -> Result<()> {
    let _app = App::start(sandbox)?;
    let cli = Cli::new(sandbox);
    let (port, socket) = wait_until("a port for telemetry", TOLD, || {
        let info = cli.json(&["call", "get_otel_port"]).ok()?;
        Some((info["endpoint"].as_str()?.to_owned(), format!("unix:{}", info["socket"].as_str()?)))
    })?;
    let over_port = protocols.iter().map(|protocol| (protocol, &port));
    let ways: Vec<_> = over_port.chain(over_socket.iter().map(|protocol| (protocol, &socket))).collect();
    let mut count = 0;
    for (protocol, endpoint) in ways {
        for (temporality, packing) in
            [("cumulative", ""), ("cumulative", "gzip"), ("delta", ""), ("delta", "gzip")]
        {
            count += 1;
            let session = format!("00000000-0000-4000-8000-{count:012}");
            let mut export = command();
            export.args([protocol, endpoint.as_str(), session.as_str(), temporality]);
            if !packing.is_empty() {
                export.env("OTEL_EXPORTER_OTLP_COMPRESSION", packing);
            }
            let what = format!("{protocol} to {endpoint}, {temporality} {packing}");
            let mut export = sandbox.spawn(&format!("export-{count}"), export)?;
            let status = export.wait(RUN)?;
            ensure!(status.success(), "{what}: {status}: {}{}", export.stdout(), export.stderr());
            ensure!(!export.stderr().contains("rror"), "{what}: {}", export.stderr());
            let info = exported(cli, &session).with_context(|| what.clone())?;
            check_exported(&info, &session).context(what)?;
        }
    }
    Ok(())
}

#[test]
fn the_sdk_for_node() -> Result<()> {
    sandbox_test(|sandbox| {
        every_way(sandbox, &["grpc", "http/protobuf", "http/json"], &["http/protobuf", "http/json"], || {
            let mut node = sandbox.command("node");
            // The runner's own PATH: node may be installed anywhere.
            node.env("PATH", std::env::var_os("PATH").unwrap_or_default());
            node.arg(root("tests/agents/otel/export.cjs"));
            node.env("NODE_PATH", root(".agents/otel/node_modules"));
            node
        })
    })
}

#[test]
fn the_sdk_for_python() -> Result<()> {
    sandbox_test(|sandbox| {
        every_way(sandbox, &["grpc", "http/protobuf"], &["grpc"], || {
            let mut python = sandbox.command(root(".agents/otel-python/bin/python"));
            python.arg(root("tests/agents/otel/export.py"));
            python
        })
    })
}
