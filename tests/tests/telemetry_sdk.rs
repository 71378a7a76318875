//! OpenTelemetry's own SDK for Rust exports to the real app in every protocol that it has, packed or not, as deltas and as
//! sums since a start, over the port and over the socket; what the app counts is what the SDK was given.
#![allow(clippy::indexing_slicing, reason = "a test may fail")]

use anyhow::{Context, Result, ensure};
use magia_tests::exporter::{Place, Way, check_exported, exported};
use magia_tests::{App, Cli, PATIENCE, sandbox_test, wait_until};
use opentelemetry_otlp::Protocol;
use opentelemetry_sdk::metrics::Temporality;
use serde_json::Value;

/// What the listeners for the port and for the socket have taken and refused.
fn counted(cli: Cli<'_>, name: &str) -> Result<(u64, u64)> {
    let status = cli.json(&["status"])?;
    let listeners = status["listeners"].as_array().context("no listeners")?;
    let found = listeners.iter().find(|listener| listener["name"] == name);
    let count = |key: &str| found.and_then(|listener| listener[key].as_u64());
    count("messages").zip(count("refused")).with_context(|| format!("no listener {name}: {status:#}"))
}

#[test]
fn the_sdk_for_rust_exports_every_way() -> Result<()> {
    sandbox_test(|sandbox| {
        let mut app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let (port, socket) = wait_until("a port for telemetry", PATIENCE, || {
            let info = cli.json(&["call", "get_otel_port"]).ok()?;
            Some((info["port"].as_u64()?.try_into().ok()?, info["socket"].as_str()?.to_owned()))
        })?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let _entered = runtime.enter();
        let mut sessions = Vec::new();
        for place in [Place::Port(port), Place::Socket(socket.into())] {
            for protocol in [Protocol::Grpc, Protocol::HttpBinary, Protocol::HttpJson] {
                for temporality in [Temporality::Cumulative, Temporality::Delta] {
                    for gzip in [false, true] {
                        let session = format!("00000000-0000-4000-8000-{:012}", sessions.len());
                        let way = Way { protocol, place: place.clone(), temporality, gzip };
                        let what = || format!("{way:?}");
                        way.export(&session).with_context(what)?;
                        let info = exported(cli, &session).with_context(what)?;
                        check_exported(&info, &session).with_context(what)?;
                        sessions.push(session);
                    }
                }
            }
        }
        let all_tokens = Value::from(60 * sessions.len());
        let fleet = cli.json(&["metrics"])?;
        assert_eq!(fleet["input_tokens"], all_tokens, "{fleet:#}");
        // Three times metrics (and mostly once more as it ends), a record and a span, twelve ways each. The listeners tell
        // what they have counted every two seconds.
        for name in ["otlp", "otel"] {
            let all = || counted(cli, name).ok().filter(|(taken, _)| *taken >= 12 * 5);
            let (_, refused) = wait_until("the listener's counters", PATIENCE, all)
                .with_context(|| format!("{name}: {:?}", counted(cli, name)))?;
            ensure!(refused == 0, "{name}: {refused} refused");
        }
        // And it is stored.
        app.program().signal(15)?;
        app.program().wait(PATIENCE)?;
        let _app = App::start(sandbox)?;
        wait_until("the stored metrics", PATIENCE, || {
            (cli.json(&["metrics"]).ok()?["input_tokens"] == all_tokens).then_some(())
        })?;
        sessions.iter().try_for_each(|session| check_exported(&exported(cli, session)?, session))
    })
}
