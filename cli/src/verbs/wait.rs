//! `wait` and `next`: for scripts and status bars.

use super::sessions::{one_line, state_line};
use crate::age::now_ms;
use crate::client::{self, Client, Heard, Reply};
use crate::failure::{Exit, Failure, say};
use crate::output::Out;
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use magia_protocol::wire::command::{ListSessions, OneSession, Subscribe};
use magia_protocol::wire::info::SessionInfo;
use magia_protocol::wire::{Command, SessionId, SessionState, StreamLine};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::{Duration, Instant};

/// The channel that tells of a session's state.
const LIVE_SESSIONS: &str = "live-sessions:update";

/// `wait`.
#[derive(Debug, Args)]
pub struct Wait {
    /// The session: its short id, or the first characters of its id.
    #[arg(value_name = "ID", add = crate::complete::sessions())]
    pub id: String,
    /// What to wait for; without it, that the agent no longer works: it asks, is idle, has failed or ended.
    #[arg(long, value_enum)]
    pub until: Option<Until>,
    /// Give up after so long, as 30s, 5m, 1h or 500ms; a bare number is seconds.
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    pub timeout: Option<Duration>,
}

/// What `wait` waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Until {
    /// It asks: a permission, a question or a plan.
    Permission,
    /// Its turn is over, also by a failure.
    Idle,
    /// The session has ended.
    Ended,
}

/// Whether a state is what is waited for.
fn is_reached(until: Option<Until>, state: SessionState) -> bool {
    match until {
        None => state != SessionState::Working,
        Some(Until::Permission) => state.needs_you(),
        Some(Until::Idle) => matches!(state, SessionState::Idle | SessionState::Failed),
        Some(Until::Ended) => state == SessionState::Ended,
    }
}

pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("write it as 30s, 5m, 1h or 500ms".to_owned()),
    };
    let count: u64 = count.parse().map_err(|_| "write it as 30s, 5m, 1h or 500ms".to_owned())?;
    count.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(|| "it is too long".to_owned())
}

/// A session's state, and the session as the app wrote it.
struct Seen {
    info: SessionInfo,
    json: Reply,
}

impl Seen {
    fn new(json: Reply) -> Result<Self> {
        Ok(Self { info: client::read(&json)?, json })
    }
}

/// What is needed of a stream's line.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// `magia wait`: follows the app's stream, and asks for the state only after it has subscribed, so that no change in
/// between is missed.
pub fn wait(wait: &Wait, out: &mut Out) -> Result<Exit> {
    let deadline = wait.timeout.and_then(|limit| Instant::now().checked_add(limit));
    let mut stream = Client::connect()?;
    let channels = Some(vec![LIVE_SESSIONS.to_owned()]);
    stream.ask(&Command::SubscribeEvents(Subscribe { since: None, channels }))?;
    let mut asking = Client::connect()?;
    let ask = |client: &mut Client, session: String| {
        Seen::new(client.ask(&Command::GetSession(OneSession { session }))?)
    };
    let mut seen = ask(&mut asking, wait.id.clone())?;
    let id = seen.info.id;
    loop {
        if is_reached(wait.until, seen.info.state) {
            print(&seen, out)?;
            return Ok(Exit::Done);
        }
        if seen.info.state == SessionState::Ended {
            print(&seen, out)?;
            return Err(ended(&seen.info).into());
        }
        let line = match stream.line_by(deadline)? {
            Heard::Line(line) => line,
            Heard::Closed => return Err(went_away(&wait.id).into()),
            Heard::TimedOut => {
                print(&seen, out)?;
                return Err(timed_out(&seen.info, wait).into());
            }
        };
        match news(&line, id)? {
            News::Session(now) => seen = *now,
            // Something was lost: ask again, over a connection that can.
            News::Lost => seen = ask(&mut asking, id.to_string())?,
            News::OfOthers => {}
        }
    }
}

enum News {
    Session(Box<Seen>),
    Lost,
    OfOthers,
}

fn news(line: &str, id: SessionId) -> Result<News> {
    let head: StreamLine = serde_json::from_str(line).context("the app's event is not understood")?;
    if head.event != LIVE_SESSIONS {
        return Ok(News::Lost);
    }
    if head.payload.get("id").and_then(serde_json::Value::as_str) != Some(&id.to_string()) {
        return Ok(News::OfOthers);
    }
    let told: Told<'_> = serde_json::from_str(line).context("the app's event is not understood")?;
    Ok(News::Session(Box::new(Seen::new(told.payload.to_owned())?)))
}

fn print(seen: &Seen, out: &mut Out) -> Result<()> {
    if out.is_json() {
        return out.json(seen.json.get());
    }
    out.text(&one_line(&format!("{} {}", seen.info.id.short(), seen.info.state)))
}

fn ended(info: &SessionInfo) -> Failure {
    Failure::Advised {
        message: format!("{} has ended", info.id.short()),
        hint: format!("`magia show {}` says what happened last", info.id.short()),
    }
}

fn timed_out(info: &SessionInfo, wait: &Wait) -> Failure {
    let limit_ms = wait.timeout.map_or(0, |limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
    Failure::Advised {
        message: format!(
            "{} is still {} after {}",
            info.id.short(),
            info.state,
            crate::age::duration(limit_ms)
        ),
        hint: format!("`magia why {}` says what magia sees", info.id.short()),
    }
}

fn went_away(typed: &str) -> Failure {
    Failure::NotRunning {
        message: "the app has ended the stream".to_owned(),
        hint: format!("once it runs again, `magia wait {typed}` goes on"),
    }
}

/// The place of a session in what needs the user, as the window orders it, and since when it does; none when it does not.
/// What failed or is done needs the user until somebody has looked.
fn urgency(info: &SessionInfo) -> Option<(usize, u64)> {
    match (info.state, info.unread_since_ms) {
        (SessionState::WaitingPermission, _) => Some((0, info.state_since_ms)),
        (SessionState::WaitingAnswer, _) => Some((1, info.state_since_ms)),
        (SessionState::Failed, Some(since_ms)) => Some((2, since_ms)),
        (SessionState::Idle, Some(since_ms)) => Some((3, since_ms)),
        _ => None,
    }
}

/// `magia next`: the most urgent session.
pub fn next(out: &mut Out) -> Result<Exit> {
    let reply = client::ask(&Command::GetActiveSessions(ListSessions { all: false }))?;
    let rows: Vec<Reply> = client::read(&reply)?;
    let sessions = rows.into_iter().map(Seen::new).collect::<Result<Vec<_>>>()?;
    // Of equals the one that has waited longest.
    let urgent = sessions.iter().filter_map(|seen| Some((urgency(&seen.info)?, seen)));
    let Some((_, next)) = urgent.min_by_key(|(urgency, _)| *urgency) else {
        if out.is_json() {
            out.json("null")?;
        }
        say("no session needs you");
        return Ok(Exit::Failed);
    };
    if out.is_json() {
        out.json(next.json.get())?;
        return Ok(Exit::Done);
    }
    state_line(&next.info, now_ms(), out)?;
    for request in &next.info.requests {
        out.text(&format!("  asks {} (`magia permissions` shows it)", request.short()))?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let ms = |text: &str| timeout(text).map(|limit| limit.as_millis());
        assert_eq!([ms("500ms"), ms("30"), ms("30s")], [Ok(500), Ok(30_000), Ok(30_000)]);
        assert_eq!([ms("5m"), ms("1h"), ms("0")], [Ok(300_000), Ok(3_600_000), Ok(0)]);
        for wrong in ["", "s", "1d", "-1s", "1.5s", "99999999999999999h", "5 m"] {
            assert!(timeout(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_waited_for() {
        let reached = |until: Option<Until>| -> Vec<SessionState> {
            SessionState::ALL.iter().copied().filter(|state| is_reached(until, *state)).collect()
        };
        use SessionState::{Ended, Failed, Idle, WaitingAnswer, WaitingPermission};
        assert_eq!(reached(None), [WaitingPermission, WaitingAnswer, Failed, Idle, Ended]);
        assert_eq!(reached(Some(Until::Permission)), [WaitingPermission, WaitingAnswer]);
        assert_eq!(reached(Some(Until::Idle)), [Failed, Idle]);
        assert_eq!(reached(Some(Until::Ended)), [Ended]);
    }
}
