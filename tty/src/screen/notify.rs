//! Notifications that come in parts: kitty's OSC 99.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The most notifications that are begun and not finished.
pub(super) const MOST_OPEN: usize = 8;
/// The longest title or text in characters.
pub(super) const MOST_CHARS: usize = 4096;

/// A notification whose end has not come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) body: String,
}

/// The notifications that are begun and not finished, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    pub(super) open: Vec<Note>,
}

/// What one OSC 99 amounts to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A part was kept, or there was nothing in it.
    Kept,
    /// A notification is complete.
    Done(Note),
    /// The program asks what we can do; the id to answer with.
    Asked(String),
}

/// Text without control characters (a newline stays), cut to the bound.
pub(super) fn clean(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).take(MOST_CHARS).collect()
}

impl Notes {
    /// Takes one `OSC 99 ; metadata ; payload`.
    pub(super) fn take(&mut self, metadata: &str, payload: &[u8]) -> Part {
        let (mut id, mut kind, mut done, mut encoded) = ("", "title", true, false);
        for (key, value) in metadata.split(':').filter_map(|pair| pair.split_once('=')) {
            match key {
                "i" => id = value,
                "p" => kind = value,
                "d" => done = value != "0",
                "e" => encoded = value == "1",
                _ => {}
            }
        }
        let id: String =
            id.chars().filter(|c| c.is_ascii_alphanumeric() || "-_+.".contains(*c)).take(64).collect();
        if kind == "?" {
            return Part::Asked(id);
        }
        let bytes = if encoded { STANDARD.decode(payload).unwrap_or_default() } else { payload.to_vec() };
        let text = clean(&String::from_utf8_lossy(&bytes));
        let place = self.open.iter().position(|note| note.id == id);
        let mut note = place.map(|at| self.open.remove(at)).unwrap_or_else(|| Note { id, ..Note::default() });
        match kind {
            "title" => append(&mut note.title, &text),
            "body" => append(&mut note.body, &text),
            // Icons, buttons, the request to close one: nothing that is shown.
            _ => {}
        }
        if !done {
            if self.open.len() >= MOST_OPEN {
                self.open.remove(0);
            }
            self.open.push(note);
            return Part::Kept;
        }
        if note.title.is_empty() && note.body.is_empty() { Part::Kept } else { Part::Done(note) }
    }
}

fn append(text: &mut String, more: &str) {
    let room = MOST_CHARS.saturating_sub(text.chars().count());
    text.extend(more.chars().take(room));
}
