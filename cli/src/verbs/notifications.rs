//! `notifications`: the ledger, and how it is kept quiet; and `quit`.

use crate::age::{age, now_ms};
use crate::client;
use crate::failure::{Exit, say};
use crate::output::Out;
use crate::table::{Column, Table};
use anyhow::Result;
use clap::{Args, Subcommand};
use magia_protocol::wire::command::{ListNotifications, NoParams, PauseNotifications, SomeNotifications};
use magia_protocol::wire::notice::DigestInfo;
use magia_protocol::wire::{Command, NoticeOutcome, NotificationInfo};
use serde::Deserialize;
use serde_json::Value;

/// `notifications`.
#[derive(Debug, Args)]
pub struct Notifications {
    /// At most so many.
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// What to do instead.
    #[command(subcommand)]
    pub verb: Option<NotificationsVerb>,
}

/// What to do with notifications.
#[derive(Debug, Subcommand)]
pub enum NotificationsVerb {
    /// Mark one as read, or all.
    #[command(after_long_help = "Example:\n  magia notifications read 12")]
    Read(One),
    /// Take one out of the list, or all.
    #[command(after_long_help = "Example:\n  magia notifications dismiss 12")]
    Dismiss(One),
    /// Tell the desktop nothing for a while.
    #[command(after_long_help = "Example:\n  magia notifications pause --minutes 60")]
    Pause {
        /// For so long; without it, until `resume`.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        minutes: Option<u32>,
    },
    /// Undo `pause`.
    #[command(after_long_help = "Example:\n  magia notifications resume")]
    Resume,
}

/// A notification, or all.
#[derive(Debug, Args)]
pub struct One {
    /// Its number; without it, all.
    #[arg(value_name = "ID")]
    pub id: Option<u64>,
}

#[derive(Deserialize)]
struct Unread {
    unread: u64,
}

#[derive(Deserialize)]
struct Left {
    left: u64,
}

/// `magia notifications`.
pub fn run(args: &Notifications, out: &mut Out) -> Result<Exit> {
    match &args.verb {
        None => list(args.limit, out),
        Some(NotificationsVerb::Read(one)) => {
            let reply = client::ask(&Command::ReadNotifications(SomeNotifications { id: one.id }))?;
            let Unread { unread } = client::read(&reply)?;
            told(&reply, &format!("{unread} unread"), out)
        }
        Some(NotificationsVerb::Dismiss(one)) => {
            let reply = client::ask(&Command::DismissNotifications(SomeNotifications { id: one.id }))?;
            let Left { left } = client::read(&reply)?;
            told(&reply, &format!("{left} left"), out)
        }
        Some(NotificationsVerb::Pause { minutes }) => pause(*minutes, out),
        Some(NotificationsVerb::Resume) => pause(Some(0), out),
    }
}

fn pause(minutes: Option<u32>, out: &mut Out) -> Result<Exit> {
    let reply = client::ask(&Command::PauseNotifications(PauseNotifications { minutes }))?;
    let text = match minutes {
        Some(0) => "notifications are sent again".to_owned(),
        Some(minutes) => format!("no notifications for {minutes} minutes"),
        None => "no notifications until `magia notifications resume`".to_owned(),
    };
    told(&reply, &text, out)
}

fn told(reply: &serde_json::value::RawValue, text: &str, out: &mut Out) -> Result<Exit> {
    if out.is_json() {
        out.json(reply.get())?;
    } else {
        out.text(text)?;
    }
    Ok(Exit::Done)
}

fn list(limit: Option<u32>, out: &mut Out) -> Result<Exit> {
    let reply = client::ask(&Command::GetNotifications(ListNotifications { limit }))?;
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let rows: Vec<NotificationInfo> = client::read(&reply)?;
    if rows.is_empty() {
        say("no notifications");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        Column::number("ID"),
        Column::number("AGE"),
        Column::fixed("KIND"),
        Column::fixed("READ"),
        Column::flexible("TITLE"),
        Column::flexible("WHAT CAME OF IT"),
    ]);
    let now = now_ms();
    for row in rows {
        table.row([
            row.id.to_string(),
            age(now, row.at_ms),
            row.kind.to_string(),
            if row.read { "yes" } else { "no" }.to_owned(),
            row.title.clone(),
            fate(&row),
        ]);
    }
    out.table(&table, "no notifications")?;
    Ok(Exit::Done)
}

/// `suppressed: quiet hours, ntfy shown`.
fn fate(row: &NotificationInfo) -> String {
    let word = |outcome: NoticeOutcome, why: &Option<String>| match why {
        Some(why) => format!("{outcome}: {why}"),
        None => outcome.to_string(),
    };
    let mut text = word(row.outcome, &row.why);
    for channel in &row.channels {
        text.push_str(&format!(", {} {}", channel.channel, word(channel.outcome, &channel.why)));
    }
    text
}

/// `magia digest`.
pub fn digest(out: &mut Out) -> Result<Exit> {
    let reply = client::ask(&Command::GetDigest(NoParams {}))?;
    let digest: DigestInfo = client::read(&reply)?;
    told(&reply, &digest.in_words(), out)
}

/// `magia quit`.
pub fn quit(out: &mut Out) -> Result<Exit> {
    let reply = client::ask(&Command::Quit(NoParams {}))?;
    let quits: Value = client::read(&reply)?;
    match quits.get("standby") {
        Some(pid) => {
            let text =
                format!("the window ends; process {pid} serves on without one, until `magia quit` again");
            told(&reply, &text, out)
        }
        None => told(&reply, "magia ends; agents and terminals go on", out),
    }
}
