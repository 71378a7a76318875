//! Dialogs that only the terminal can answer: a card says so, and leaves by what the agent does next.

use super::request::Asked;
use super::{Effects, Model};
use crate::event::Now;
use magia_protocol::wire::SessionId;
use serde_json::Value;

impl Model {
    /// The agent's own dialog asks.
    pub(super) fn asks_in_terminal(&mut self, now: Now, asked: Asked, fx: &mut Effects) {
        let mut asked = Asked { gate: None, ..asked };
        let id = match self.join_diff(&mut asked) {
            Some(id) => id,
            None => self.add_request(now, asked),
        };
        self.unpark_diff(id, fx);
        self.changed_request(id, fx);
        self.notify_if_waits(now, id, fx);
    }

    /// The call that a dialog is about, of which it says only a part: the newest begun one that has no request and
    /// fits. What the dialog says itself when none does.
    pub(super) fn call_asked_about(
        &self,
        session: SessionId,
        tool: Option<String>,
        says: Value,
    ) -> (String, Value) {
        let begun = self.sessions.get(&session).into_iter().flat_map(|session| session.pending.iter().rev());
        let mut open = begun.filter(|call| call.request.is_none());
        let call = match &tool {
            Some(_) => open.find(|call| fits(&says, &call.input)),
            None => open.next(),
        };
        match call {
            Some(call) => (call.tool.clone(), Value::clone(&call.input)),
            None => (tool.unwrap_or_else(|| "A tool".to_owned()), says),
        }
    }
}

/// Whether a call's input is what a dialog shows: the same command, or the same file, of which the call may give a
/// relative path.
fn fits(says: &Value, input: &Value) -> bool {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Some(command) = text(says, "command") {
        return text(input, "command") == Some(command);
    }
    match (text(says, "file_path"), text(input, "file_path")) {
        (Some(shown), Some(given)) => {
            let given = given.strip_prefix("./").unwrap_or(&given);
            shown == given || shown.strip_suffix(given).is_some_and(|directory| directory.ends_with('/'))
        }
        _ => false,
    }
}
