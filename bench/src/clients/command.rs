//! Clients of the command socket: some ask, some listen, and one answers permission requests.

use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::{Crowd, Ground, Kind, add};
use crate::soak::Chance;

/// How long a subscriber stays.
const LISTEN: Duration = Duration::from_secs(5);
/// How often a subscriber looks whether it is to leave.
const LOOK: Duration = Duration::from_millis(50);
/// How often a person looks at the open requests.
const PERSON_LOOK: Duration = Duration::from_millis(20);

/// A connection.
struct Line(BufReader<UnixStream>);

impl Line {
    async fn connect(socket: &Path) -> Result<Self> {
        Ok(Self(BufReader::new(
            UnixStream::connect(socket).await.context("connecting to the command socket")?,
        )))
    }

    async fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        let request = json!({ "id": 1, "method": method, "params": params, "v": 1 });
        self.0.get_mut().write_all(format!("{request}\n").as_bytes()).await?;
        let mut answer: Value = serde_json::from_str(&self.line().await?).context("reading a reply")?;
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(anyhow!("{method} was refused: {answer}")),
        }
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line).await? == 0 {
            bail!("the app hung up");
        }
        Ok(line)
    }
}

/// One question on a connection of its own.
pub(super) async fn once(socket: &Path, method: &str, params: Value) -> Result<Value> {
    Line::connect(socket).await?.ask(method, params).await
}

/// Asks this and that.
pub(super) async fn asker(ground: &Ground, crowd: &Crowd, chance: &mut Chance, things: u64) -> Result<()> {
    let mut line = Line::connect(&ground.cli).await?;
    for _ in 0..things {
        if !crowd.goes_on() {
            break;
        }
        let (method, params) = match chance.below(7) {
            0 => ("status", json!({})),
            1 => ("get_active_sessions", json!({})),
            2 => ("get_permission_requests", json!({ "all": true })),
            3 => ("get_agent_events", json!({ "limit": 20 })),
            4 => ("get_session_metrics", json!({})),
            5 => ("get_ide_server_port", json!({})),
            _ => ("get_terminals", json!({})),
        };
        crowd.answered(Kind::Asker, line.ask(method, params)).await?;
        crowd.pause(chance).await;
    }
    Ok(())
}

/// Listens for a while; no event may be missing between the first and the last.
pub(super) async fn subscriber(ground: &Ground, crowd: &Crowd) -> Result<()> {
    let mut line = Line::connect(&ground.cli).await?;
    crowd.answered(Kind::Subscriber, line.ask("subscribe_events", json!({}))).await?;
    let begun = Instant::now();
    let (mut last, mut text) = (None, Vec::new());
    while crowd.goes_on() && begun.elapsed() < LISTEN {
        // What was read of a line stays where it is when the time is over.
        let Ok(read) = timeout(LOOK, line.0.read_until(b'\n', &mut text)).await else { continue };
        ensure!(read? > 0, "the app hung up");
        let told: Value = serde_json::from_slice(&text).context("reading an event")?;
        text.clear();
        match told.get("event").and_then(Value::as_str) {
            Some("lagged") => {
                let lost = told.pointer("/payload/lost").and_then(Value::as_u64).unwrap_or(1);
                add(&crowd.unseen, lost);
                last = None;
            }
            Some("agent:event") => {
                let seq = told.get("seq").and_then(Value::as_u64).context("an event without its number")?;
                add(&crowd.seen, 1);
                add(&crowd.unseen, last.map_or(0, |last: u64| seq.saturating_sub(last + 1)));
                last = Some(seq);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Allows every request, as a person would who never sleeps.
pub(super) async fn person(ground: Rc<Ground>, crowd: Rc<Crowd>) {
    let mut known = HashSet::new();
    while !crowd.is_over.get() {
        if crowd.here.get() > 0
            && let Err(err) = look(&ground, &crowd, &mut known).await
        {
            crowd.failed.borrow_mut().get_or_insert(err.context("answering requests"));
            return;
        }
        sleep(PERSON_LOOK).await;
    }
}

async fn look(ground: &Ground, crowd: &Crowd, known: &mut HashSet<String>) -> Result<()> {
    let mut line = Line::connect(&ground.cli).await?;
    let open = line.ask("get_permission_requests", json!({})).await?;
    for request in open.as_array().into_iter().flatten() {
        let waits = request.get("state").and_then(Value::as_str) == Some("open");
        let id = request.get("id").and_then(Value::as_str).context("a request without an id")?;
        if waits && known.insert(id.to_owned()) {
            let decision = line.ask("resolve_permission", json!({ "id": id, "decision": "allow" }));
            crowd.answered(Kind::Asker, decision).await?;
        }
    }
    Ok(())
}
