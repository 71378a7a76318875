//! `data purge` and `retry`.

use crate::client;
use crate::confirm;
use crate::failure::{Exit, say};
use crate::output::Out;
use anyhow::Result;
use clap::{Args, Subcommand};
use magia_protocol::wire::command::{PurgeData, RetryListener};
use magia_protocol::wire::{Command, visible};
use serde::Deserialize;

/// `data`.
#[derive(Debug, Args)]
pub struct Data {
    /// What to do.
    #[command(subcommand)]
    pub verb: DataVerb,
}

/// What to do with what is stored.
#[derive(Debug, Subcommand)]
pub enum DataVerb {
    /// Forget old events and outcomes; it cannot be undone.
    #[command(after_long_help = "Example:\n  magia data purge --older-than 30")]
    Purge {
        /// Age in days; 0 forgets everything of ended sessions.
        #[arg(long, value_name = "DAYS")]
        older_than: u32,
        /// Do not ask; only 0 days asks.
        #[arg(long)]
        yes: bool,
    },
}

/// `retry`.
#[derive(Debug, Args)]
pub struct Retry {
    /// The listener, as `magia status` names it.
    #[arg(value_name = "LISTENER")]
    pub name: String,
}

#[derive(Deserialize)]
struct Purged {
    #[serde(default)]
    events: u64,
    #[serde(default)]
    requests: u64,
    #[serde(default)]
    sessions: u64,
}

#[derive(Deserialize)]
struct Retried {
    retried: String,
}

/// `magia data`.
pub fn run(data: &Data, out: &mut Out) -> Result<Exit> {
    let DataVerb::Purge { older_than, yes } = data.verb;
    let lost = "magia forgets all events, outcomes and names of ended sessions, but those that are pinned.\n\
                It cannot be undone.";
    if older_than == 0 && !yes && !confirm::by_typing("purge", "magia data purge --older-than 0", lost)? {
        say("nothing was changed");
        return Ok(Exit::Failed);
    }
    let reply = client::ask(&Command::PurgeData(PurgeData { older_than_days: older_than }))?;
    if out.is_json() {
        out.json(reply.get())?;
    } else {
        let Purged { events, requests, sessions } = client::read(&reply)?;
        out.text(&format!("forgotten: {events} events, {requests} requests, {sessions} sessions"))?;
    }
    Ok(Exit::Done)
}

/// `magia retry`.
pub fn retry(retry: Retry, out: &mut Out) -> Result<Exit> {
    let reply = client::ask(&Command::RetryListener(RetryListener { name: retry.name }))?;
    if out.is_json() {
        out.json(reply.get())?;
    } else {
        let Retried { retried } = client::read(&reply)?;
        out.text(&visible(&format!("{retried} is started again; `magia status` says how it is")))?;
    }
    Ok(Exit::Done)
}
