//! What is being written in place of an agent's input. A draft stays until its request is answered: closing the
//! dialog loses nothing.

use crate::ui::state::is_open;
use magia_core::policy::{edit, is_shell, risk::Judgement};
use magia_core::snapshot::{RequestView, Snapshot, Toast};
use magia_core::subject::Subject;
use magia_protocol::wire::info::RequestInfo;
use magia_protocol::wire::visible::is_unseen;
use magia_protocol::wire::{Provider, RequestId, Risk};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write;

/// Whether another input can be allowed: Claude alone takes one, and for tools only.
pub fn is_editable(view: &RequestView) -> bool {
    let asks_person = matches!(view.subject, Subject::Questions(_) | Subject::Plan(_));
    view.info.provider == Some(Provider::Claude) && !asks_person
}

/// An input that a person writes.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What stands in the field.
    pub text: String,
    /// The person has said that high risk is meant.
    pub high_risk: bool,
    /// It was sent, and neither taken nor refused yet.
    pub sent: bool,
    /// Why it was not taken.
    pub refused: Option<String>,
    /// Whether the field has had the keyboard.
    pub entered: bool,
    first: String,
    field: Option<Field>,
    looked: Option<(String, Looked)>,
}

/// The one field of an input that is written as it is, not as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A shell's command.
    Command,
    /// What a file is to hold.
    Content,
    /// What is put in the place of something in a file.
    NewString,
}

impl Field {
    /// The field that a person would want to change, when the whole of it can be seen.
    fn of(info: &RequestInfo) -> Option<(Self, &str)> {
        let text = |field: Self| info.input.get(field.name()).and_then(Value::as_str);
        if is_shell(&info.tool) {
            return Some((Self::Command, text(Self::Command)?));
        }
        let field = match info.tool.as_str() {
            "Write" => Self::Content,
            "Edit" => Self::NewString,
            _ => return None,
        };
        let text = text(field)?;
        text.chars().all(|c| matches!(c, '\n' | '\t') || !is_unseen(c)).then_some((field, text))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Content => "content",
            Self::NewString => "new_string",
        }
    }
}

/// What can be said of a text before it is sent.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The input it stands for, or why it stands for none.
    pub input: Result<Value, String>,
    /// How harmful it would be; of another file only its name is known.
    pub judged: Option<Judgement>,
}

impl Draft {
    /// The agent's input, as text to edit.
    pub fn new(info: &RequestInfo) -> Self {
        let field = Field::of(info);
        let first = field.map_or_else(|| json_text(&info.input), |(_, text)| text.to_owned());
        Self {
            text: first.clone(),
            high_risk: false,
            sent: false,
            refused: None,
            entered: false,
            first,
            field: field.map(|(field, _)| field),
            looked: None,
        }
    }

    /// What the text is; else it is JSON.
    pub const fn field(&self) -> Option<Field> {
        self.field
    }

    /// Whether it still says what the agent said.
    pub fn is_unchanged(&self) -> bool {
        self.text == self.first
    }

    /// Back to what the agent said.
    pub fn restart(&mut self) {
        self.text.clone_from(&self.first);
        self.changed();
    }

    /// The text is another one: what was said of the last one no longer holds.
    pub fn changed(&mut self) {
        self.refused = None;
        self.high_risk = false;
    }

    /// Looks at the text, once for each.
    pub fn look(&mut self, info: &RequestInfo) -> &Looked {
        if self.looked.as_ref().is_none_or(|(text, _)| *text != self.text) {
            self.looked = None;
        }
        let (text, field) = (&self.text, self.field);
        &self.looked.get_or_insert_with(|| (text.clone(), Looked::at(text, field, info))).1
    }

    /// Whether a person must say that high risk is meant: it is, and the agent's own input was not; or what is no
    /// command was refused, whose risk the hub alone knows.
    pub fn wants_word(&self, judged: Option<&Judgement>, info: &RequestInfo) -> bool {
        let high = judged.is_some_and(|judged| judged.risk == Risk::High);
        info.risk != Risk::High
            && (high || self.high_risk || (self.refused.is_some() && self.field != Some(Field::Command)))
    }
}

impl Looked {
    fn at(text: &str, field: Option<Field>, info: &RequestInfo) -> Self {
        let read = if let Some(field) = field {
            let mut input = info.input.clone();
            if let Some(place) = input.get_mut(field.name()) {
                *place = Value::from(text);
            }
            Ok(input)
        } else {
            serde_json::from_str(text).map_err(|err| format!("this is not JSON: {err}"))
        };
        let input = read.and_then(|input| edit::check(&info.tool, &info.input, &input).map(|()| input));
        let judge = |input: &Value| edit::judge(&info.tool, &info.input, input, None);
        // Where its file really is the hub knows: an edit that leaves the risk as it was has the one that it said.
        let own = || Judgement { risk: info.risk, reasons: info.risk_reasons.clone() };
        let judged = input.as_ref().ok().map(judge);
        let judged = judged.map(|judged| if judged == judge(&info.input) { own() } else { judged });
        Self { input, judged }
    }
}

/// Indented JSON in which everything that is not seen is an escape, which reads back to the same value.
fn json_text(value: &Value) -> String {
    let plain = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut text = String::with_capacity(plain.len());
    for c in plain.chars() {
        if c != '\n' && is_unseen(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// The drafts by request.
#[derive(Debug, Default)]
pub struct Edits {
    drafts: HashMap<RequestId, Draft>,
    last_seen: u64,
}

impl Edits {
    /// Begins a draft, or goes on with the one that is there.
    pub fn start(&mut self, info: &RequestInfo) {
        self.drafts.entry(info.id).or_insert_with(|| Draft::new(info)).entered = false;
    }

    /// The draft of a request.
    pub fn get_mut(&mut self, id: RequestId) -> Option<&mut Draft> {
        self.drafts.get_mut(&id)
    }

    /// An answer with an edited input went out.
    pub fn sent(&mut self, request: &str) {
        for (_, draft) in self.drafts.iter_mut().filter(|(id, _)| id.to_string() == request) {
            draft.sent = true;
            draft.refused = None;
        }
    }

    /// Takes notice of the requests and of what was refused. `shown` has its dialog open; says whether that one is
    /// done with.
    pub fn follow(&mut self, snapshot: &Snapshot, shown: Option<RequestId>) -> bool {
        let seen = self.last_seen;
        for toast in snapshot.toasts.iter().filter(|toast| toast.number > seen) {
            self.last_seen = toast.number;
            for (id, draft) in self.drafts.iter_mut().filter(|(_, draft)| draft.sent) {
                if is_about(toast, *id) {
                    draft.sent = false;
                    draft.refused = Some(toast.text.clone());
                }
            }
        }
        let open = |id: RequestId| snapshot.requests.iter().any(|view| view.info.id == id && is_open(view));
        let taken = |id: &RequestId, draft: &Draft| draft.sent && !open(*id);
        let done = shown.is_some_and(|id| self.drafts.get(&id).is_none_or(|draft| taken(&id, draft)));
        // What is still being written stays to be copied, although another was quicker to answer.
        self.drafts.retain(|id, draft| open(*id) || (shown == Some(*id) && !taken(id, draft)));
        done
    }
}

/// Whether a refusal concerns a request.
pub fn is_about(toast: &Toast, request: RequestId) -> bool {
    toast.failed && toast.about.as_deref().is_some_and(|about| about == request.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_hides_nothing_and_reads_back() {
        let input = json!({"path": "a\u{202e}b\u{e0041}", "n": [1, "zwei\n"]});
        let text = json_text(&input);
        assert!(text.chars().all(|c| c == '\n' || !is_unseen(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), input);
    }
}
