//! `events`: the stored ones, or the stream.

use crate::age::{age, now_ms};
use crate::client::{self, Client};
use crate::failure::{Exit, Failure};
use crate::output::Out;
use crate::table::{Column, Table, cut};
use anyhow::{Context as _, Result};
use clap::Args;
use magia_protocol::wire::command::{ListEvents, OneSession, Subscribe};
use magia_protocol::wire::info::{EventInfo, SessionInfo};
use magia_protocol::wire::{Command, SessionId, StreamLine, visible};
use serde::Deserialize;
use serde_json::Value;

/// The channel of agent events.
const AGENT_EVENT: &str = "agent:event";
/// The line that says that some were lost; it is shown whatever was asked for.
const LAGGED: &str = "lagged";

/// `events`.
#[derive(Debug, Args)]
pub struct Events {
    /// Print events as they come, until Ctrl-C.
    #[arg(long, short)]
    pub follow: bool,
    /// Only events after this number (the first column, `seq` in JSON): the last of a list leads to those after it.
    #[arg(long, value_name = "N")]
    pub since: Option<u64>,
    /// Only events before this number: the first of a list leads to those before it.
    #[arg(long, value_name = "N", conflicts_with = "follow")]
    pub before: Option<u64>,
    /// Only events of this session.
    #[arg(long, value_name = "ID", add = crate::complete::sessions())]
    pub session: Option<String>,
    /// At most so many: the newest, with --since alone the first after it; with --follow, end after so many.
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// With --follow, this channel; may be repeated. Without it, a person sees agent:event, --json all.
    #[arg(long = "channel", value_name = "NAME", requires = "follow")]
    pub channels: Vec<String>,
}

/// `magia events`.
pub fn run(events: &Events, out: &mut Out) -> Result<Exit> {
    if events.follow {
        return follow(events, out);
    }
    let Events { since, before, limit, .. } = *events;
    let list = ListEvents { session: events.session.clone(), since, before, limit };
    let reply = client::ask(&Command::GetAgentEvents(list))?;
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let stored: Vec<EventInfo> = client::read(&reply)?;
    let now = now_ms();
    let mut table = Table::new(&[
        Column::number("SEQ"),
        Column::number("AGO"),
        Column::fixed("SESSION"),
        Column::fixed("KIND"),
        Column::flexible("WHAT"),
    ]);
    for event in &stored {
        table.row([
            event.seq.to_string(),
            age(now, event.received_at_ms),
            event.session.short(),
            event.kind.to_string(),
            what(&event.event, &event.payload),
        ]);
    }
    out.table(&table, "no events")?;
    Ok(Exit::Done)
}

fn follow(events: &Events, out: &mut Out) -> Result<Exit> {
    let mut client = Client::connect()?;
    let only: Option<SessionId> = match &events.session {
        Some(session) => {
            let reply = client.ask(&Command::GetSession(OneSession { session: session.clone() }))?;
            Some(client::read::<SessionInfo>(&reply)?.id)
        }
        None => None,
    };
    let channels = match (events.channels.is_empty(), out.is_json()) {
        (false, _) => Some(events.channels.clone()),
        (true, true) => None,
        (true, false) => Some(vec![AGENT_EVENT.to_owned()]),
    };
    client.ask(&Command::SubscribeEvents(Subscribe { since: events.since, channels }))?;
    client.wait_without_limit()?;
    let mut left = events.limit;
    let mut last_seq = events.since;
    while left != Some(0) {
        let Some(text) = client.line()? else {
            return Err(went_away(last_seq).into());
        };
        let line: StreamLine = serde_json::from_str(&text).context("the app's event is not understood")?;
        last_seq = Some(line.seq);
        if !only.is_none_or(|id| line.event == LAGGED || is_about(&line.payload, id)) {
            continue;
        }
        if out.is_json() {
            out.json(&text)?;
        } else {
            let row = row(&line);
            out.text(&out.width().map_or_else(|| row.clone(), |width| cut(&row, width)))?;
        }
        out.flush()?;
        left = left.map(|left| left.saturating_sub(1));
    }
    Ok(Exit::Done)
}

fn went_away(last_seq: Option<u64>) -> Failure {
    let resume = last_seq.map_or_else(String::new, |seq| format!(" --since {seq}"));
    Failure::NotRunning {
        message: "the app has ended the stream".to_owned(),
        hint: format!("once it runs again, `magia events --follow{resume}` goes on"),
    }
}

fn is_about(payload: &Value, id: SessionId) -> bool {
    let id = id.to_string();
    ["session", "id"].iter().any(|key| payload.get(key).and_then(Value::as_str) == Some(&id))
}

/// What is needed of an agent event to show it; a later version's kinds are shown as well.
#[derive(Deserialize)]
struct Told {
    session: SessionId,
    kind: String,
    #[serde(default)]
    event: String,
    #[serde(default)]
    payload: Value,
}

fn row(line: &StreamLine) -> String {
    let text = match (line.event.as_str(), Told::deserialize(&line.payload)) {
        (AGENT_EVENT, Ok(told)) => format!(
            "{:>6}  {}  {:<20}  {}",
            line.seq,
            told.session.short(),
            told.kind,
            what(&told.event, &told.payload)
        ),
        (LAGGED, _) => format!("{:>6}  {}", line.seq, missing(&line.payload)),
        (channel, _) => format!("{:>6}  {channel}  {}", line.seq, line.payload),
    };
    visible(&text).into_owned()
}

/// Why events are missing, and how many.
fn missing(payload: &Value) -> String {
    let lost = payload.get("lost").and_then(Value::as_u64);
    let (some, are) = match lost {
        Some(1) => ("1 event".to_owned(), "is"),
        Some(lost) => (format!("{lost} events"), "are"),
        None => ("some events".to_owned(), "are"),
    };
    match payload.get("reason").and_then(Value::as_str) {
        Some("gone") => format!("{some} {are} missing here: the store does not keep them any more"),
        Some("unreadable") => format!("{some} {are} missing here: the store cannot be read now"),
        _ => "some events were lost: this reader is too slow".to_owned(),
    }
}

/// The part of a payload that tells a person most.
fn what(event: &str, payload: &Value) -> String {
    let text = |key: &str| payload.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(tool) = text("tool_name") {
        let input = payload.get("tool_input");
        let main = ["command", "file_path", "pattern", "url", "description", "prompt"]
            .iter()
            .find_map(|key| input?.get(key)?.as_str());
        return match main {
            Some(main) => format!("{tool} {main}"),
            None => tool.to_owned(),
        };
    }
    ["prompt", "last_assistant_message", "message", "error", "source", "reason", "agent_type", "task_subject"]
        .iter()
        .find_map(|key| text(key))
        .unwrap_or(event)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_says_what_matters() {
        let told = |payload: Value| what("Event", &payload);
        assert_eq!(told(json!({"tool_name": "Bash", "tool_input": {"command": "ls"}})), "Bash ls");
        assert_eq!(told(json!({"tool_name": "Nothing", "tool_input": null})), "Nothing");
        assert_eq!(told(json!({"prompt": "", "message": "needs you"})), "needs you");
        assert_eq!(told(json!([1])), "Event");
    }

    #[test]
    fn a_stream_row_cannot_steer_the_terminal() {
        let line =
            StreamLine { id: json!(1), event: "x\u{1b}[2J".to_owned(), seq: 7, payload: json!("a\u{202e}b") };
        assert_eq!(row(&line), "     7  x\\u{1b}[2J  \"a\\u{202e}b\"");
    }
}
