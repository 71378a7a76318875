//! What the app holds while nobody is there, and whether that grows.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use magia_tests::{PATIENCE, wait_until};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Crowd, Ground, command};
use crate::app::App;
use crate::stats::grouped;
use crate::table::Row;

/// How long it may take until all connections are closed and threads for files have ended, which wait for ten seconds for
/// more to do.
const SETTLE_LIMIT: Duration = Duration::from_secs(14);
/// How long it is quiet before memory is looked at: writes are done then.
const CALM: Duration = Duration::from_secs(1);
/// How much the app may have grown from the first look to the last.
const GROWTH_MAX_KIB: u64 = 4096;
/// How much it may grow in a minute, by the line through the looks.
const SLOPE_MAX_KIB: f64 = 512.0;
/// A line through less than this is one through noise.
const SLOPE_MIN_TIME: Duration = Duration::from_secs(300);

/// One look.
#[derive(Debug)]
pub(super) struct Look {
    minutes: f64,
    memory_kib: u64,
    files: u64,
    threads: u64,
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { minutes, memory_kib, files, threads } = self;
        write!(f, "{:.0} s: {memory_kib} KiB, {files} files, {threads} threads", minutes * 60.0)
    }
}

impl Look {
    /// Waits until nobody is connected and no more is open than at the first look, then looks.
    pub(super) async fn take(ground: &Ground, begun: Instant, first: Option<&Self>) -> Result<Self> {
        let calm = Instant::now();
        loop {
            let now = Self::now(ground.pid, begun)?;
            let is_back = first.is_none_or(|first| now.files <= first.files && now.threads <= first.threads);
            if (is_back && nobody(ground).await?) || calm.elapsed() > SETTLE_LIMIT {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        sleep(CALM).await;
        Self::now(ground.pid, begun)
    }

    fn now(pid: u32, begun: Instant) -> Result<Self> {
        let path = format!("/proc/{pid}/status");
        let status = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok()
        };
        let files = fs::read_dir(format!("/proc/{pid}/fd")).context("listing open files")?.count();
        Ok(Self {
            minutes: begun.elapsed().as_secs_f64() / 60.0,
            memory_kib: number("VmRSS:").context("no memory")?,
            files: files as u64,
            threads: number("Threads:").context("no threads")?,
        })
    }
}

/// Whether no listener has a connection, but for the one that asks.
async fn nobody(ground: &Ground) -> Result<bool> {
    let status = command::once(&ground.cli, "status", json!({})).await?;
    let listeners = status.get("listeners").and_then(Value::as_array).context("no listeners")?;
    let open = |listener: &Value| listener.get("open").and_then(Value::as_u64).unwrap_or_default();
    Ok(listeners.iter().map(open).sum::<u64>() <= 1)
}

/// Whether something has grown from the first look to the last.
pub(super) fn judged(looks: &[Look], length: Duration) -> Vec<Row> {
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else { return Vec::new() };
    let all =
        |of: fn(&Look) -> u64| looks.iter().map(|look| grouped(of(look))).collect::<Vec<_>>().join(", ");
    let slope = slope(looks);
    let is_line = length >= SLOPE_MIN_TIME;
    let growth = last.memory_kib.saturating_sub(first.memory_kib);
    vec![
        Row::new(
            "memory at rest, KiB",
            format!("{}; {slope:+.0} a minute", all(|look| look.memory_kib)),
            if is_line {
                format!("<= {GROWTH_MAX_KIB} more, <= {SLOPE_MAX_KIB} a minute")
            } else {
                format!("<= {GROWTH_MAX_KIB} more")
            },
            growth <= GROWTH_MAX_KIB && (!is_line || slope <= SLOPE_MAX_KIB),
        ),
        Row::new("open files at rest", all(|look| look.files), "no more", last.files <= first.files),
        Row::new("threads at rest", all(|look| look.threads), "no more", last.threads <= first.threads),
    ]
}

/// Least squares: KiB a minute.
fn slope(looks: &[Look]) -> f64 {
    let points: Vec<(f64, f64)> = looks.iter().map(|look| (look.minutes, look.memory_kib as f64)).collect();
    crate::stats::slope(&points)
}

/// The listeners' own counters beside what was sent.
pub(super) fn counted(app: &App, crowd: &Crowd) -> Result<Vec<Row>> {
    let expected = [
        ("hooks", "messages", crowd.hook_lines.get()),
        ("permissions", "messages", crowd.gates.get()),
        ("otlp and otel", "messages", crowd.exports.get()),
        ("http", "refused", crowd.refused.get()),
        ("hooks", "refused", 0),
        ("permissions", "refused", 0),
        ("otlp and otel", "refused", 0),
        ("cli", "refused", 0),
        ("ide", "refused", 0),
    ];
    let mut rows = Vec::new();
    for (names, counter, sent) in expected {
        // The listeners tell every two seconds.
        let count = || {
            let status = app.client().ok()?.call("status", json!({})).ok()?;
            let listeners = status.get("listeners")?.as_array()?.clone();
            let of = |listener: &Value| {
                Some((listener.get("name")?.as_str()?.to_owned(), listener.get(counter)?.as_u64()?))
            };
            let known = listeners
                .iter()
                .filter_map(of)
                .filter(|(name, _)| names.split(" and ").any(|one| one == name));
            Some(known.map(|(_, count)| count).sum::<u64>())
        };
        let told = wait_until("the counter", PATIENCE, || count().filter(|told| *told == sent));
        let told = told.ok().or_else(count).context("no counters")?;
        rows.push(Row::new(
            format!("{counter} by the counters of {names}"),
            grouped(told),
            grouped(sent),
            told == sent,
        ));
    }
    Ok(rows)
}
