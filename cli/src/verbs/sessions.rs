//! Sessions: `ls`, `show`, `why`, `rename`, `pin`, `hide` and their opposites.

use crate::age::{age, duration, now_ms};
use crate::client::{self, Client, Reply};
use crate::failure::{Exit, say};
use crate::output::Out;
use crate::table::{Column, Table};
use anyhow::Result;
use clap::Args;
use magia_protocol::wire::Command;
use magia_protocol::wire::command::{GetTimeline, ListSessions, OneSession, SetTitle, UpdateSession};
use magia_protocol::wire::info::{HookCostInfo, SessionInfo, TimelineInfo};
use serde::Serialize;
use serde_json::value::RawValue;

/// `ls`.
#[derive(Debug, Args)]
pub struct Ls {
    /// Also ended and hidden ones.
    #[arg(long)]
    pub all: bool,
}

/// A verb on one session.
#[derive(Debug, Args)]
pub struct One {
    /// The session: its short id, or the first characters of its id.
    #[arg(value_name = "ID", add = crate::complete::sessions())]
    pub id: String,
}

/// `show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The session: its short id, or the first characters of its id.
    #[arg(value_name = "ID", add = crate::complete::sessions())]
    pub id: String,
    /// At most so many lines of the timeline, the newest.
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
}

/// `rename`.
#[derive(Debug, Args)]
pub struct Rename {
    /// The session: its short id, or the first characters of its id.
    #[arg(value_name = "ID", add = crate::complete::sessions())]
    pub id: String,
    /// The new title; "" goes back to the agent's own.
    pub title: String,
}

/// What `pin`, `hide` and their opposites set.
#[derive(Clone, Copy, Debug)]
pub enum Mark {
    /// Kept at the top of its project.
    Pinned(bool),
    /// Left out of lists.
    Hidden(bool),
}

/// `magia ls`.
pub fn ls(ls: &Ls, out: &mut Out) -> Result<Exit> {
    let reply = client::ask(&Command::GetActiveSessions(ListSessions { all: ls.all }))?;
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let sessions: Vec<SessionInfo> = client::read(&reply)?;
    if sessions.is_empty() {
        say(if ls.all { "no sessions" } else { "no sessions run" });
        say("hint: start an agent in a terminal; `magia hooks status` says whether magia hears of it, \
             `magia demo` shows recorded sessions");
        return Ok(Exit::Done);
    }
    let now = now_ms();
    let mut table = Table::new(&[
        Column::fixed("ID"),
        Column::fixed("STATE"),
        Column::number("SINCE"),
        Column::fixed("AGENT"),
        Column::flexible("PROJECT"),
        Column::flexible("TITLE"),
    ]);
    for session in &sessions {
        let mut title = session.title.clone();
        if session.pinned {
            title.push_str(" (pinned)");
        }
        if session.hidden {
            title.push_str(" (hidden)");
        }
        table.row([
            session.id.short(),
            session.state.to_string(),
            age(now, session.state_since_ms),
            session.provider.to_string(),
            session.project.clone(),
            title,
        ]);
    }
    out.table(&table, "")?;
    Ok(Exit::Done)
}

/// What `show --json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    session: &'a RawValue,
    timeline: &'a RawValue,
}

/// `magia show`.
pub fn show(show: &Show, out: &mut Out) -> Result<Exit> {
    let mut client = Client::connect()?;
    let session = client.ask(&Command::GetSession(OneSession { session: show.id.clone() }))?;
    let info: SessionInfo = client::read(&session)?;
    let timeline =
        client.ask(&Command::GetTimeline(GetTimeline { session: info.id.to_string(), limit: show.limit }))?;
    if out.is_json() {
        out.json_of(&Shown { session: &session, timeline: &timeline })?;
        return Ok(Exit::Done);
    }
    let timeline: Vec<TimelineInfo> = client::read(&timeline)?;
    let now = now_ms();
    heading(&info, now, out)?;
    facts(&info, now, out)?;
    out.text("")?;
    if timeline.is_empty() {
        out.text("nothing has happened yet")?;
    }
    for line in &timeline {
        timeline_line(line, now, out)?;
    }
    Ok(Exit::Done)
}

fn heading(info: &SessionInfo, now: u64, out: &mut Out) -> Result<()> {
    out.text(&one_line(&format!("{} ({})", info.title, info.id.short())))?;
    let state = out.paint(info.state.as_str());
    out.painted(&format!("  {state} for {}", age(now, info.state_since_ms)))
}

/// A session on one line: `ff001122 waiting for permission for 2 h: webshop, Fix the cart`.
pub(super) fn state_line(info: &SessionInfo, now: u64, out: &mut Out) -> Result<()> {
    let state = out.paint(info.state.as_str());
    let what = one_line(&format!("{}, {}", info.project, info.title));
    out.painted(&format!("{} {state} for {}: {what}", info.id.short(), age(now, info.state_since_ms)))
}

fn facts(info: &SessionInfo, now: u64, out: &mut Out) -> Result<()> {
    let mut fact = |name: &str, value: Option<String>| match value {
        Some(value) => out.text(&one_line(&format!("  {name:<12} {value}"))),
        None => Ok(()),
    };
    fact("id", Some(info.id.to_string()))?;
    fact(
        "agent",
        Some(match &info.model {
            Some(model) => format!("{}, {model}", info.provider),
            None => info.provider.to_string(),
        }),
    )?;
    fact("its own id", info.provider_session_id.as_ref().map(ToString::to_string))?;
    fact("forked from", info.parent.map(|parent| parent.to_string()))?;
    fact("directory", Some(info.cwd.clone()))?;
    fact("mode", info.permission_mode.clone())?;
    fact("process", info.process.map(|process| process.pid.to_string()))?;
    fact("terminal", info.tty.clone())?;
    fact("editor", info.editor.as_ref().map(|name| format!("magia, to which {name} is connected")))?;
    fact("started", Some(format!("{} ago", age(now, info.started_at_ms))))?;
    fact("last heard", Some(format!("{} ago", age(now, info.last_activity_ms))))?;
    fact("hooks cost", info.hook_cost.as_ref().map(hook_cost))?;
    fact("hijacked", info.hijacked_since_ms.map(|since| format!("for {} (`magia why`)", age(now, since))))?;
    fact("subagents", (info.subagents > 0).then(|| info.subagents.to_string()))?;
    fact("transcript", info.transcript_path.clone())?;
    for request in &info.requests {
        fact("asks", Some(format!("{} (`magia permissions`)", request.short())))?;
    }
    Ok(())
}

/// What was measured, and by whose clock.
fn hook_cost(cost: &HookCostInfo) -> String {
    let ms = |us: u64| format!("{}.{} ms", us / 1_000, us % 1_000 / 100);
    let mut text = format!(
        "{} in {} messages of magia's handler (the slowest {}), its start left out",
        ms(cost.ours_us),
        cost.ours,
        ms(cost.ours_max_us)
    );
    if cost.agent_ours + cost.agent_others > 0 {
        text.push_str(&format!(
            "; at the ends of turns, by the agent's clock: magia's {} ms in {}, others' {} ms in {}",
            cost.agent_ours_ms, cost.agent_ours, cost.agent_others_ms, cost.agent_others
        ));
    }
    text
}

fn timeline_line(line: &TimelineInfo, now: u64, out: &mut Out) -> Result<()> {
    let mut head = format!("{:>5}  {:<10}", age(now, line.at_ms), line.kind);
    if line.agent_id.is_some() {
        head.push_str(" |");
    }
    let mut tail = String::new();
    if let Some(status) = &line.status {
        tail.push_str(&format!(" [{status}]"));
    }
    if let Some(ms) = line.duration_ms {
        tail.push_str(&format!(" {}", duration(ms)));
    }
    // Further lines of a text stand under its first.
    let indent = format!("\n{}", " ".repeat(head.chars().count() + 1));
    let text = line.text.trim_end().replace('\n', &indent);
    out.text(&format!("{head} {text}{tail}"))
}

/// `magia why`.
pub fn why(one: &One, out: &mut Out) -> Result<Exit> {
    let reply = client::ask(&Command::ExplainSession(OneSession { session: one.id.clone() }))?;
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let info: SessionInfo = client::read(&reply)?;
    let now = now_ms();
    heading(&info, now, out)?;
    out.text("")?;
    let mut table = Table::new(&[
        Column::fixed(""),
        Column::fixed("SOURCE"),
        Column::flexible("SEEN"),
        Column::fixed("SPEAKS FOR"),
        Column::number("AGO"),
    ]);
    for evidence in &info.evidence {
        table.row([
            if evidence.decisive { "*" } else { "" }.to_owned(),
            evidence.source.clone(),
            evidence.fact.clone(),
            evidence.state.to_string(),
            age(now, evidence.at_ms),
        ]);
    }
    out.table(&table, "no evidence")?;
    if info.evidence.iter().any(|evidence| evidence.decisive) {
        out.text("\n* decides the state")?;
    }
    if !info.claims.is_empty() {
        out.text("")?;
        let mut table = Table::new(&[
            Column::fixed("CLAIM"),
            Column::flexible("SEEN"),
            Column::fixed("SOURCE"),
            Column::number("AGO"),
        ]);
        for claim in &info.claims {
            let ago = age(now, claim.at_ms);
            table.row([claim.claim.clone(), claim.fact.clone(), claim.source.clone(), ago]);
        }
        out.table(&table, "")?;
    }
    if let Some(disagreement) = &info.disagreement {
        out.text(&one_line(&format!("disagreement: {disagreement}")))?;
    }
    Ok(Exit::Done)
}

/// `magia rename`.
pub fn rename(rename: Rename, out: &mut Out) -> Result<Exit> {
    let Rename { id, title } = rename;
    let reply = client::ask(&Command::SetSessionTitle(SetTitle { session: id, title }))?;
    changed(&reply, |info| format!("{} is now called {}", info.id.short(), info.title), out)
}

/// `magia pin`, `unpin`, `hide`, `unhide`.
pub fn mark(one: One, mark: Mark, out: &mut Out) -> Result<Exit> {
    let mut update = UpdateSession { session: one.id, ..UpdateSession::default() };
    let said = match mark {
        Mark::Pinned(pinned) => {
            update.pinned = Some(pinned);
            if pinned { "is pinned" } else { "is no longer pinned" }
        }
        Mark::Hidden(hidden) => {
            update.hidden = Some(hidden);
            if hidden { "is hidden (`magia ls --all` shows it)" } else { "is no longer hidden" }
        }
    };
    let reply = client::ask(&Command::UpdateSession(update))?;
    changed(&reply, |info| format!("{} {} {said}", info.id.short(), info.title), out)
}

fn changed(reply: &Reply, say: impl Fn(&SessionInfo) -> String, out: &mut Out) -> Result<Exit> {
    client::warn(reply);
    if out.is_json() {
        out.json(reply.get())?;
    } else {
        out.text(&one_line(&say(&client::read(reply)?)))?;
    }
    Ok(Exit::Done)
}

pub(super) fn one_line(text: &str) -> String {
    magia_protocol::wire::visible(text).into_owned()
}
