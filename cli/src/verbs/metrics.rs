//! `metrics`: what sessions used, by their agents' own telemetry.

use crate::age::{age, duration, now_ms};
use crate::client::{self, Client, Reply};
use crate::failure::{Exit, Failure, say};
use crate::output::Out;
use crate::table::{Column, Table};
use anyhow::{Context as _, Result};
use clap::Args;
use magia_protocol::wire::command::{GetSessionMetrics, Subscribe};
use magia_protocol::wire::metrics::{
    FleetMetricsInfo, HookUseInfo, MetricsInfo, SpreadInfo, ToolUseInfo, short_count,
};
use magia_protocol::wire::{Command, StreamLine};

/// The channel that tells of new figures.
const UPDATES: &str = "otel:metrics-update";
/// Tools and hooks that are listed.
const ROWS: usize = 12;

/// `metrics`.
#[derive(Debug, Args)]
pub struct Metrics {
    /// The session: its short id, or the first characters of its id; without one, all.
    #[arg(value_name = "ID", add = crate::complete::sessions())]
    pub id: Option<String>,
    /// Print again whenever something new was told, until Ctrl-C.
    #[arg(long, short)]
    pub watch: bool,
}

/// `magia metrics`.
pub fn run(metrics: &Metrics, out: &mut Out) -> Result<Exit> {
    let command = Command::GetSessionMetrics(GetSessionMetrics { session: metrics.id.clone() });
    let mut client = Client::connect()?;
    // Before the first look, so that nothing is missed between.
    let mut updates = match metrics.watch {
        true => Some(subscribe()?),
        false => None,
    };
    loop {
        // Nothing was told yet, which may change while one watches.
        match client.ask(&command) {
            Ok(reply) => print(&reply, metrics.id.is_some(), out)?,
            Err(err) if updates.is_some() && is_not_told(&err) => say("no telemetry yet"),
            Err(err) => return Err(err),
        }
        out.flush()?;
        let Some(stream) = &mut updates else { return Ok(Exit::Done) };
        let Some(text) = stream.line()? else {
            return Err(Failure::not_running().into());
        };
        let line: StreamLine = serde_json::from_str(&text).context("the app's event is not understood")?;
        if !out.is_json() && line.event == UPDATES {
            out.text("")?;
        }
    }
}

fn subscribe() -> Result<Client> {
    let mut client = Client::connect()?;
    let channels = Some(vec![UPDATES.to_owned()]);
    client.ask(&Command::SubscribeEvents(Subscribe { since: None, channels }))?;
    client.wait_without_limit()?;
    Ok(client)
}

/// Whether the app knows the session and has no figures of it.
fn is_not_told(err: &anyhow::Error) -> bool {
    err.to_string().contains("has sent no telemetry")
}

fn print(reply: &Reply, one: bool, out: &mut Out) -> Result<()> {
    if out.is_json() {
        return out.json(reply.get());
    }
    if one { session(&client::read(reply)?, out) } else { fleet(&client::read(reply)?, out) }
}

fn fleet(fleet: &FleetMetricsInfo, out: &mut Out) -> Result<()> {
    if fleet.sessions.is_empty() {
        say("no agent has sent telemetry");
        say("hint: `magia telemetry on` lets Claude Code send some to magia, and only there");
        return Ok(());
    }
    let now = now_ms();
    let mut table = Table::new(&[
        Column::fixed("ID"),
        Column::number("AGO"),
        Column::fixed("AGENT"),
        Column::number("INPUT"),
        Column::number("CACHED"),
        Column::number("OUTPUT"),
        Column::number("COST"),
        Column::number("REQUESTS"),
        Column::flexible("MODEL"),
    ]);
    for session in &fleet.sessions {
        let id = match (&session.session, &session.provider_session_id) {
            (Some(id), _) => id.short(),
            (None, Some(id)) => id.0.chars().take(8).collect(),
            (None, None) => "(all)".to_owned(),
        };
        table.row([
            id,
            age(now, session.updated_at_ms),
            session.provider.to_string(),
            short_count(session.input_tokens + session.cache_creation_tokens),
            short_count(session.cache_read_tokens),
            short_count(session.output_tokens + session.thought_tokens),
            cost(session.total_cost_usd),
            session.requests.to_string(),
            session.usage.first().map(|usage| usage.model.clone()).unwrap_or_default(),
        ]);
    }
    out.table(&table, "")?;
    out.text("")?;
    out.text(&format!(
        "all: {} tokens in, {} from caches, {} out, {}, {} requests{}",
        short_count(fleet.input_tokens + fleet.cache_creation_tokens),
        short_count(fleet.cache_read_tokens),
        short_count(fleet.output_tokens + fleet.thought_tokens),
        cost(fleet.total_cost_usd),
        fleet.requests,
        spread(", request", fleet.request_time.as_ref()),
    ))?;
    hooks(&fleet.hooks, out)
}

fn session(info: &MetricsInfo, out: &mut Out) -> Result<()> {
    let now = now_ms();
    let whose = match &info.session {
        Some(id) => id.short(),
        None => info.provider_session_id.as_ref().map_or(String::new(), |id| id.0.clone()),
    };
    out.text(&format!(
        "{whose} {}, told {} ago by {}",
        info.provider,
        age(now, info.updated_at_ms),
        info.source
    ))?;
    out.text(&format!(
        "  tokens    {} in, {} into the cache, {} from it, {} out, {} thought",
        short_count(info.input_tokens),
        short_count(info.cache_creation_tokens),
        short_count(info.cache_read_tokens),
        short_count(info.output_tokens),
        short_count(info.thought_tokens),
    ))?;
    out.text(&format!("  cost      {}", cost(info.total_cost_usd)))?;
    if let Some(tokens) = info.context_tokens {
        let part = info.context_window_used.map(|used| format!(", {:.0} % of the window", used * 100.0));
        out.text(&format!("  context   {}{}", short_count(tokens), part.unwrap_or_default()))?;
    }
    out.text(&format!("  requests  {}, {} failed", info.requests, info.errors))?;
    for (name, time) in
        [("request", &info.request_time), ("first", &info.first_token_time), ("turn", &info.turn_time)]
    {
        if let Some(time) = time {
            out.text(&format!("  {name:<9} {}", spread("", Some(time))))?;
        }
    }
    if info.lines_added + info.lines_removed + info.commits + info.pull_requests > 0 {
        out.text(&format!(
            "  changes   +{} -{} lines, {} commits, {} pull requests",
            info.lines_added, info.lines_removed, info.commits, info.pull_requests
        ))?;
    }
    if info.active_cli_s + info.active_user_s > 0.0 {
        out.text(&format!(
            "  active    agent {}, you {}",
            seconds(info.active_cli_s),
            seconds(info.active_user_s)
        ))?;
    }
    if info.usage.len() > 1 {
        let mut table = Table::new(&[
            Column::flexible("MODEL"),
            Column::fixed("FOR"),
            Column::number("INPUT"),
            Column::number("CACHED"),
            Column::number("OUTPUT"),
            Column::number("COST"),
        ]);
        for usage in &info.usage {
            table.row([
                usage.model.clone(),
                usage.query_source.clone(),
                short_count(usage.input_tokens + usage.cache_creation_tokens),
                short_count(usage.cache_read_tokens),
                short_count(usage.output_tokens + usage.thought_tokens),
                cost(usage.cost_usd),
            ]);
        }
        out.text("")?;
        out.table(&table, "")?;
    }
    tools(&info.tools, out)?;
    hooks(&info.hooks, out)
}

fn tools(tools: &[ToolUseInfo], out: &mut Out) -> Result<()> {
    if tools.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&[
        Column::flexible("TOOL"),
        Column::number("CALLS"),
        Column::number("FAILED"),
        Column::number("TIME"),
        Column::number("HALF"),
        Column::number("LONGEST"),
    ]);
    for tool in tools.iter().take(ROWS) {
        let time = tool.took.clone().unwrap_or_default();
        table.row([
            tool.tool.clone(),
            tool.calls.to_string(),
            tool.failed.to_string(),
            millis(time.sum_ms),
            millis(time.p50_ms),
            millis(time.max_ms),
        ]);
    }
    out.text("")?;
    out.table(&table, "")
}

fn hooks(hooks: &[HookUseInfo], out: &mut Out) -> Result<()> {
    if hooks.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&[Column::flexible("HOOK"), Column::number("RUNS"), Column::number("TIME")]);
    for hook in hooks.iter().take(ROWS) {
        let time = hook.took.clone().unwrap_or_default();
        table.row([hook.hook.clone(), hook.runs.to_string(), millis(time.sum_ms)]);
    }
    out.text("")?;
    out.table(&table, "")
}

fn spread(before: &str, spread: Option<&SpreadInfo>) -> String {
    spread.map_or_else(String::new, |spread| {
        let before = if before.is_empty() { String::new() } else { format!("{before} ") };
        format!(
            "{before}half within {}, 19 of 20 within {}, longest {}",
            millis(spread.p50_ms),
            millis(spread.p95_ms),
            millis(spread.max_ms)
        )
    })
}

fn cost(usd: Option<f64>) -> String {
    match usd {
        None => "-".to_owned(),
        Some(usd) if usd < 0.1 => format!("${usd:.4}"),
        Some(usd) => format!("${usd:.2}"),
    }
}

fn millis(ms: f64) -> String {
    duration(ms.round().max(0.0) as u64)
}

fn seconds(s: f64) -> String {
    duration((s * 1_000.0).round().max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([short_count(950), short_count(12_345), short_count(4_500_000)], ["950", "12.3k", "4.5M"]);
        assert_eq!([cost(None), cost(Some(0.004_1)), cost(Some(1.239))], ["-", "$0.0041", "$1.24"]);
        let time = SpreadInfo { count: 3, sum_ms: 30.0, p50_ms: 7.2, p95_ms: 2_500.0, max_ms: 61_000.0 };
        assert_eq!(spread("x", Some(&time)), "x half within 7 ms, 19 of 20 within 2.5 s, longest 1 m");
        assert_eq!(spread("x", None), "");
    }
}
