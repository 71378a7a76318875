//! The files that an agent writes beside its hooks: the transcript and the registry of live sessions.

use crate::age::now_ms;
use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The agent's version that the demo was recorded with.
const AGENT_VERSION: &str = "2.1.197";

/// The transcript of one session, a JSON line per message.
#[derive(Debug)]
pub struct Transcript {
    path: PathBuf,
    session: String,
    cwd: String,
    model: String,
    parent: Option<String>,
}

impl Transcript {
    /// The transcript of `session` in the agent's directory; its file comes with the first line.
    pub fn new(claude_dir: &Path, session: &str, cwd: &str, model: &str) -> Self {
        let slug: String = cwd.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        Self {
            path: claude_dir.join("projects").join(slug).join(format!("{session}.jsonl")),
            session: session.to_owned(),
            cwd: cwd.to_owned(),
            model: model.to_owned(),
            parent: None,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A title that the agent made.
    pub fn title(&self, title: &str) -> Result<()> {
        self.append(&json!({ "type": "ai-title", "aiTitle": title, "sessionId": self.session }))
    }

    /// What the user typed.
    pub fn prompt(&mut self, prompt_id: &str, text: &str) -> Result<()> {
        let message = json!({ "role": "user", "content": text });
        self.message("user", message, json!({ "promptId": prompt_id, "promptSource": "typed" }))
    }

    /// What the agent said.
    pub fn say(&mut self, text: &str) -> Result<()> {
        let message = self.assistant(json!({ "type": "text", "text": text }), "end_turn");
        self.message("assistant", message, json!({}))
    }

    /// A tool that the agent called.
    pub fn tool_use(&mut self, id: &str, name: &str, input: &Value) -> Result<()> {
        let block = json!({ "type": "tool_use", "id": id, "name": name, "input": input });
        let message = self.assistant(block, "tool_use");
        self.message("assistant", message, json!({}))
    }

    /// What the tool gave back.
    pub fn tool_result(&mut self, id: &str, content: &str, failed: bool, response: &Value) -> Result<()> {
        let block =
            json!({ "tool_use_id": id, "type": "tool_result", "content": content, "is_error": failed });
        let message = json!({ "role": "user", "content": [block] });
        self.message("user", message, json!({ "toolUseResult": response }))
    }

    fn assistant(&self, block: Value, stop_reason: &str) -> Value {
        json!({
            "id": format!("msg_{}", Uuid::new_v4().simple()),
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [block],
            "stop_reason": stop_reason,
            "usage": { "input_tokens": 100, "output_tokens": 20 },
        })
    }

    fn message(&mut self, kind: &str, message: Value, more: Value) -> Result<()> {
        let uuid = Uuid::new_v4().to_string();
        let mut line = Map::new();
        line.insert("parentUuid".to_owned(), self.parent.clone().into());
        line.insert("isSidechain".to_owned(), false.into());
        line.insert("type".to_owned(), kind.into());
        line.insert("message".to_owned(), message);
        if let Value::Object(more) = more {
            line.extend(more);
        }
        line.insert("uuid".to_owned(), uuid.clone().into());
        line.insert("timestamp".to_owned(), iso_time(now_ms()).into());
        line.insert("userType".to_owned(), "external".into());
        line.insert("entrypoint".to_owned(), "cli".into());
        line.insert("cwd".to_owned(), self.cwd.clone().into());
        line.insert("sessionId".to_owned(), self.session.clone().into());
        line.insert("version".to_owned(), AGENT_VERSION.into());
        line.insert("gitBranch".to_owned(), "main".into());
        self.parent = Some(uuid);
        self.append(&Value::Object(line))
    }

    fn append(&self, line: &Value) -> Result<()> {
        let write = || {
            if let Some(dir) = self.path.parent() {
                fs::create_dir_all(dir)?;
            }
            let mut file = File::options().create(true).append(true).open(&self.path)?;
            file.write_all(format!("{line}\n").as_bytes())
        };
        write().with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// A session's entry in the agent's registry.
#[derive(Debug)]
pub struct Registry {
    path: PathBuf,
    entry: Value,
}

impl Registry {
    /// The entry of process `pid`.
    pub fn new(claude_dir: &Path, pid: u32, session: &str, cwd: &str) -> Self {
        let start = magia_protocol::process::process_start_ticks(pid).unwrap_or_default();
        let now = now_ms();
        Self {
            path: claude_dir.join("sessions").join(format!("{pid}.json")),
            entry: json!({
                "pid": pid,
                "sessionId": session,
                "cwd": cwd,
                "startedAt": now,
                "procStart": start.to_string(),
                "version": AGENT_VERSION,
                "peerProtocol": 1,
                "kind": "interactive",
                "entrypoint": "cli",
                "status": "idle",
                "updatedAt": now,
                "statusUpdatedAt": now,
            }),
        }
    }

    /// Says `busy`, `idle` or `waiting`, the last with what for.
    pub fn set(&mut self, status: &str, waiting_for: Option<&str>) -> Result<()> {
        let now = now_ms();
        if let Value::Object(entry) = &mut self.entry {
            entry.insert("status".to_owned(), status.into());
            entry.insert("updatedAt".to_owned(), now.into());
            entry.insert("statusUpdatedAt".to_owned(), now.into());
            match waiting_for {
                Some(what) => entry.insert("waitingFor".to_owned(), what.into()),
                None => entry.shift_remove("waitingFor"),
            };
        }
        let write = || {
            if let Some(dir) = self.path.parent() {
                fs::create_dir_all(dir)?;
            }
            let fresh = self.path.with_extension("new");
            fs::write(&fresh, self.entry.to_string())?;
            fs::rename(&fresh, &self.path)
        };
        write().with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// A time as transcripts write it: `2026-11-21T19:38:21.174Z`.
fn iso_time(ms: u64) -> String {
    let (seconds, ms) = (ms / 1_000, ms % 1_000);
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, so that the leap day is a year's last; 400 years have 146,097 days.
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}.{ms:03}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_transcripts_do() {
        assert_eq!(iso_time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso_time(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso_time(1_795_289_901_174), "2026-11-21T19:38:21.174Z");
        assert_eq!(iso_time(4_107_542_399_999), "2100-02-28T23:59:59.999Z");
    }

    #[test]
    fn lines_hang_together() {
        let dir = tempfile::tempdir().unwrap();
        let mut transcript = Transcript::new(dir.path(), "s-1", "/home/dev/a b", "m");
        transcript.prompt("p", "hello").unwrap();
        transcript.tool_use("t", "Bash", &json!({"command": "ls"})).unwrap();
        transcript.title("Title").unwrap();
        transcript.tool_result("t", "out", false, &json!({"stdout": "out"})).unwrap();
        assert_eq!(transcript.path(), dir.path().join("projects/-home-dev-a-b/s-1.jsonl"));
        let text = fs::read_to_string(transcript.path()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0]["parentUuid"], Value::Null);
        assert_eq!(lines[1]["parentUuid"], lines[0]["uuid"]);
        assert_eq!(lines[3]["parentUuid"], lines[1]["uuid"]);
        assert_eq!(lines[2], json!({"type": "ai-title", "aiTitle": "Title", "sessionId": "s-1"}));
    }
}
