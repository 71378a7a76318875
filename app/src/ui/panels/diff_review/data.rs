//! What the review of a change holds: the hunks, which of them are taken, what was edited.

use super::rows::Rows;
use crate::ui::state::is_open;
use crate::ui::text::{short_path, shown_line};
use crate::ui::widgets::code::{ChangeView, Look};
use magia_core::ide::{ProposedDiff, Review};
use magia_core::snapshot::{RequestView, Snapshot};
use magia_protocol::wire::{RequestId, SessionId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A change, ready to be drawn.
#[derive(Debug)]
pub struct ReviewData {
    /// The file's directory, `~` for home, with a slash at its end.
    pub directory: String,
    /// The file.
    pub file: String,
    /// Its hunks.
    pub review: Review,
    /// Its lines.
    pub view: ChangeView,
    /// Lines that come.
    pub added: u32,
    /// Lines that go.
    pub removed: u32,
    /// Something that a person has to know of it.
    pub note: Option<&'static str>,
}

impl ReviewData {
    /// Makes a change ready; `new` is what the agent proposes or what a person made of it.
    pub fn new(diff: &ProposedDiff, new: &str) -> Self {
        let review = Review::new(diff.old.as_deref().unwrap_or_default(), new);
        let view = ChangeView::new(&review.lines, Look::of_path(&diff.path, "").language);
        let (added, removed) = review.counts();
        let path = short_path(&shown_line(&diff.path, 400));
        let (directory, file) =
            path.rsplit_once('/').map_or(("", path.as_str()), |(directory, file)| (directory, file));
        let directory = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let note = match (&diff.old, diff.is_new, review.hunks.is_empty()) {
            (None, ..) => {
                Some("What the file holds now is no text, or could not be read: only the new text is shown.")
            }
            (_, _, true) => Some("Nothing changes."),
            (_, true, _) => Some("A new file"),
            _ => None,
        };
        Self { directory, file: file.to_owned(), review, view, added, removed, note }
    }
}

/// What a person says to a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As the agent proposes it.
    Whole,
    /// With these contents.
    With(String),
    /// No hunk is left: that is a refusal, which is to be said as one.
    Nothing,
}

/// A review that is open.
#[derive(Debug)]
pub struct Open {
    /// The request.
    pub request: RequestId,
    /// Whose.
    pub session: SessionId,
    /// The change.
    pub diff: Arc<ProposedDiff>,
    /// Ready to be drawn.
    pub data: ReviewData,
    /// The hunks that are taken.
    pub keep: Vec<bool>,
    /// Sections of unchanged lines that are shown.
    pub unfolded: BTreeSet<usize>,
    /// The new text, while a person edits it.
    pub editing: Option<String>,
    /// The new text as a person left it.
    pub edited: Option<String>,
    /// The rows and where they are.
    pub rows: Rows,
    /// The hunk to scroll to.
    pub reveal: Option<usize>,
    /// The hunk that is looked at.
    pub at: usize,
    /// Since when it is on screen, by egui's clock.
    pub since_s: Option<f64>,
}

impl Open {
    fn new(view: &RequestView, diff: &Arc<ProposedDiff>) -> Self {
        let data = ReviewData::new(diff, &diff.new);
        Self {
            request: view.info.id,
            session: view.info.session,
            diff: Arc::clone(diff),
            keep: vec![true; data.review.hunks.len()],
            data,
            unfolded: BTreeSet::new(),
            editing: None,
            edited: None,
            rows: Rows::default(),
            reveal: None,
            at: 0,
            since_s: None,
        }
    }

    /// The text that is reviewed.
    pub fn new_text(&self) -> &str {
        self.edited.as_deref().unwrap_or(&self.diff.new)
    }

    /// Takes over what was edited.
    pub fn finish_editing(&mut self) {
        let Some(text) = self.editing.take() else { return };
        self.edited = (text != *self.diff.new).then_some(text);
        let new = self.edited.as_deref().unwrap_or(&self.diff.new).to_owned();
        self.data = ReviewData::new(&self.diff, &new);
        self.keep = vec![true; self.data.review.hunks.len()];
        self.unfolded.clear();
        self.rows = Rows::default();
        self.at = 0;
    }

    /// Whether hunks can be left out: what the file holds now is known.
    pub fn has_choice(&self) -> bool {
        self.diff.old.is_some() && self.keep.len() > 1
    }

    /// How many hunks are taken.
    pub fn kept(&self) -> usize {
        self.keep.iter().filter(|keep| **keep).count()
    }

    /// What is said with what is chosen now.
    pub fn verdict(&self) -> Verdict {
        if !self.keep.is_empty() && self.kept() == 0 {
            return Verdict::Nothing;
        }
        let old = self.diff.old.as_deref().unwrap_or_default();
        let text = self.data.review.apply(old, self.new_text(), &self.keep);
        if text == *self.diff.new { Verdict::Whole } else { Verdict::With(text) }
    }
}

/// The review, when one is open.
#[derive(Debug, Default)]
pub struct ReviewPanel {
    open: Option<Box<Open>>,
    /// Requests whose review was opened or left once: it does not open by itself again.
    met: BTreeSet<RequestId>,
}

impl ReviewPanel {
    /// The open review.
    pub fn open(&self) -> Option<&Open> {
        self.open.as_deref()
    }

    /// The same, to be changed.
    pub fn open_mut(&mut self) -> Option<&mut Open> {
        self.open.as_deref_mut()
    }

    /// Whether a person is writing in it.
    pub fn is_editing(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.editing.is_some())
    }

    /// Opens the review of a request. `false` when it shows no change, or is answered.
    pub fn start(&mut self, view: &RequestView) -> bool {
        let Some(diff) = view.diff.as_ref().filter(|_| is_open(view)) else { return false };
        self.met.insert(view.info.id);
        if self.open.as_ref().is_none_or(|open| open.request != view.info.id) {
            self.open = Some(Box::new(Open::new(view, diff)));
        }
        true
    }

    /// Leaves the review; the request goes on waiting.
    pub fn leave(&mut self) -> bool {
        self.open.take().is_some()
    }

    /// Takes notice of the requests. What was answered elsewhere leaves. A change of the session that is looked at opens by
    /// itself, once, unless the person is `busy` with something else.
    pub fn follow(
        &mut self,
        selected: Option<SessionId>,
        snapshot: &Snapshot,
        busy: bool,
    ) -> Option<&'static str> {
        let requests = &snapshot.requests;
        self.met.retain(|id| requests.iter().any(|view| view.info.id == *id));
        let mut said = None;
        if let Some(open) = &self.open {
            let still = requests
                .iter()
                .any(|view| view.info.id == open.request && view.diff.is_some() && is_open(view));
            if !still {
                if open.editing.is_some() || open.edited.is_some() {
                    said = Some("The change was answered elsewhere: what you wrote was not used");
                }
                self.open = None;
            } else if Some(open.session) != selected {
                self.open = None;
            }
        }
        if self.open.is_none() && !busy {
            let fresh = requests.iter().find(|view| {
                Some(view.info.session) == selected
                    && view.diff.is_some()
                    && is_open(view)
                    && !self.met.contains(&view.info.id)
            });
            if let Some(view) = fresh {
                self.start(view);
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(old: &str, new: &str) -> Open {
        let diff = Arc::new(ProposedDiff {
            path: "/home/me/shop/src/a.rs".into(),
            old: Some(old.into()),
            new: new.into(),
            is_new: false,
        });
        let data = ReviewData::new(&diff, &diff.new);
        Open {
            request: RequestId::from_uuid(uuid::Uuid::nil()),
            session: SessionId::NOBODY,
            keep: vec![true; data.review.hunks.len()],
            data,
            diff,
            unfolded: BTreeSet::new(),
            editing: None,
            edited: None,
            rows: Rows::default(),
            reveal: None,
            at: 0,
            since_s: None,
        }
    }

    fn lines(changed: &[usize]) -> String {
        (1..=20)
            .map(|at| if changed.contains(&at) { format!("B{at}\n") } else { format!("a{at}\n") })
            .collect()
    }

    #[test]
    fn what_is_said_is_what_is_chosen() {
        let mut open = open(&lines(&[]), &lines(&[2, 18]));
        assert!(open.has_choice());
        assert_eq!(open.verdict(), Verdict::Whole);
        open.keep = vec![false, true];
        assert_eq!(open.verdict(), Verdict::With(lines(&[18])));
        open.keep = vec![false, false];
        assert_eq!(open.verdict(), Verdict::Nothing);
        open.editing = Some(format!("{}end\n", lines(&[2])));
        open.finish_editing();
        assert_eq!(open.verdict(), Verdict::With(format!("{}end\n", lines(&[2]))));
        open.editing = Some(lines(&[2, 18]));
        open.finish_editing();
        assert_eq!((open.verdict(), open.keep.len()), (Verdict::Whole, 2));
        assert_eq!((open.data.directory.as_str(), open.data.file.as_str()), ("/home/me/shop/src/", "a.rs"));
    }
}
