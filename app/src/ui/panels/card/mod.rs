//! The card of a request: what is asked, what speaks against it, and the answers.

mod answers;
mod data;
mod ui;

pub use answers::{Answers, answers_ui};
pub use data::{CardData, Kind};
pub use ui::card_ui;

use crate::ui::action::{Action, Actions};
use crate::ui::seen::Seen;
use crate::ui::state::is_open;
use magia_core::snapshot::RequestView;
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{RequestId, Risk, SessionId};
use std::collections::HashMap;
use std::sync::Arc;

/// Seconds between a card's getting the keys and their working: what was typed for the card before must not
/// answer this one.
pub const ARM_S: f64 = 0.6;

/// Which card has the keys, and what is typed into the cards.
#[derive(Debug, Default)]
pub struct Cards {
    focus: Option<(RequestId, f64)>,
    denying: Option<Denying>,
    answers: HashMap<RequestId, Answers>,
    /// Open requests that others ask too, and how many ask it.
    same: HashMap<RequestId, usize>,
    drawn: bool,
}

/// A reason that is being typed.
#[derive(Clone, Debug, PartialEq)]
pub struct Denying {
    /// For which request.
    pub request: RequestId,
    /// What stands in the field.
    pub reason: String,
    /// Whether the field has had the keyboard.
    pub entered: bool,
    /// Whether the field is on screen.
    pub seen: Seen,
}

impl Cards {
    /// The card with the keys.
    pub fn focused(&self) -> Option<RequestId> {
        self.focus.map(|(request, _)| request)
    }

    /// Seconds until the keys of the focused card work; zero when they do.
    pub fn arms_in(&self, now_s: f64) -> Option<f64> {
        self.focus.map(|(_, since)| (since + ARM_S - now_s).max(0.0))
    }

    /// Gives a card the keys.
    pub fn focus(&mut self, request: RequestId, now_s: f64) {
        if self.focused() != Some(request) {
            self.focus = Some((request, now_s));
            self.drawn = false;
            self.denying = None;
        }
    }

    /// Counts the time until the keys work from now: the window was away.
    pub fn rearm(&mut self, now_s: f64) {
        if let Some((_, since)) = &mut self.focus {
            *since = now_s;
        }
    }

    /// No card has the keys.
    pub fn leave(&mut self) {
        self.focus = None;
        self.denying = None;
        self.drawn = false;
    }

    /// Whether the field for a reason is open, be it on screen or not.
    pub const fn is_denying(&self) -> bool {
        self.denying.is_some()
    }

    /// Whether it is there to be typed into.
    pub fn is_reason_typed(&self) -> bool {
        self.denying.as_ref().is_some_and(|denying| denying.seen.is_there())
    }

    /// Whether it was opened and is still to be drawn.
    pub fn awaits_reason(&self) -> bool {
        self.denying.as_ref().is_some_and(|denying| denying.seen.is_awaited())
    }

    /// Opens the field for a reason.
    pub fn start_deny(&mut self, request: RequestId) {
        let (reason, seen) = (String::new(), Seen::opened());
        self.denying = Some(Denying { request, reason, entered: false, seen });
    }

    /// Closes it.
    pub fn stop_deny(&mut self) {
        self.denying = None;
    }

    /// An answer was given: a reason that was typed is done with. What was chosen stays to be seen until the card goes.
    pub fn answered(&mut self, id: &str) {
        if self.denying.as_ref().is_some_and(|denying| denying.request.to_string() == id) {
            self.denying = None;
        }
    }

    /// Takes notice of the requests: a card that left loses the keys, and the selected session's oldest open
    /// card gets them. Returns that one when the other was on screen: whoever answered it goes on here.
    pub fn follow(
        &mut self,
        selected: Option<SessionId>,
        requests: &[Arc<RequestView>],
        now_s: f64,
    ) -> Option<RequestId> {
        let open = |id: RequestId| requests.iter().any(|view| view.info.id == id && is_open(view));
        let left = self.focused().is_some_and(|id| !open(id));
        let goes_on = left && self.drawn;
        if left {
            self.leave();
        }
        self.answers.retain(|id, _| requests.iter().any(|view| view.info.id == *id));
        self.count_same(requests);
        if self.focus.is_some() {
            return None;
        }
        let first = requests.iter().find(|view| Some(view.info.session) == selected && is_open(view))?;
        self.focus(first.info.id, now_s);
        goes_on.then_some(first.info.id)
    }

    /// How many open requests ask the same as this one, itself among them; `None` when no other does.
    pub fn asked_by(&self, request: RequestId) -> Option<usize> {
        self.same.get(&request).copied()
    }

    fn count_same(&mut self, requests: &[Arc<RequestView>]) {
        let tools = |view: &&Arc<RequestView>| {
            is_open(view) && view.info.kind == "tool" && !view.info.question.is_empty()
        };
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for view in requests.iter().filter(tools) {
            *counts.entry(&view.info.question).or_default() += 1;
        }
        let count = |view: &Arc<RequestView>| counts.get(view.info.question.as_str()).copied();
        self.same = requests
            .iter()
            .filter(tools)
            .filter_map(|view| Some((view.info.id, count(view).filter(|count| *count > 1)?)))
            .collect();
    }

    /// Forgets which card was seen: a new frame begins.
    pub fn begin_frame(&mut self) {
        self.drawn = false;
        if let Some(denying) = &mut self.denying {
            denying.seen.begin_frame();
        }
    }

    /// Whether a card that is on screen has the keys.
    pub fn has_keys(&self, requests: &[Arc<RequestView>]) -> bool {
        let open = |id| requests.iter().any(|view| view.info.id == id && is_open(view));
        self.drawn && self.focused().is_some_and(open)
    }

    /// Enter on the card with the keys, when it is a question: sends what was chosen, or shows what is still to be chosen.
    /// Returns whether it was one.
    pub fn enter(&mut self, requests: &[Arc<RequestView>], now_s: f64, actions: &mut Actions) -> bool {
        let Some(view) = self.focused().and_then(|id| requests.iter().find(|view| view.info.id == id)) else {
            return false;
        };
        let magia_core::subject::Subject::Questions(questions) = &view.subject else { return false };
        if !self.has_keys(requests) {
            return false;
        }
        let is_armed = self.arms_in(now_s).is_some_and(|left| left <= 0.0);
        let answers = self.answers.entry(view.info.id).or_default();
        match answers.complete(questions) {
            Some(complete) if is_armed => actions.push(Action::answer(view.info.id, complete)),
            _ => answers.show_current(questions),
        }
        true
    }

    /// What a typed digit asks of the card with the keys. Nothing before [`ARM_S`], nothing while the card is
    /// not on screen; a yes to high risk needs Ctrl or Shift.
    pub fn digit(
        &mut self,
        digit: usize,
        modifier: bool,
        requests: &[Arc<RequestView>],
        now_s: f64,
        actions: &mut Actions,
    ) {
        let Some(view) = self.focused().and_then(|id| requests.iter().find(|view| view.info.id == id)) else {
            return;
        };
        if !self.has_keys(requests) || self.arms_in(now_s).is_none_or(|left| left > 0.0) {
            return;
        }
        let data = CardData::new(view);
        let id = view.info.id;
        let careful = data.risk == Risk::High && !modifier;
        match (data.kind, digit) {
            (Kind::Question, _) => {
                if let magia_core::subject::Subject::Questions(questions) = &view.subject {
                    self.answers.entry(id).or_default().pick(questions, digit);
                }
            }
            (_, 1) if !careful => actions.push(Action::decide(id, Decision::Allow)),
            (_, 2) if !careful && data.always.is_some() => actions.push(Action::decide(id, Decision::Always)),
            (_, 3) => actions.push(Action::StartDeny(id)),
            _ => {}
        }
    }
}
