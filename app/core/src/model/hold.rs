//! Codex's hold rule: its terminal shows the dialog only after the permission hook has ended, so the hook is held only
//! while someone is likely to answer in the window, and not for long.

use super::requests::Choice;
use super::{Effects, Model};
use crate::event::Now;
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{Provider, RequestId, RequestState};

/// Whoever did something in the window within this time is taken to be there still.
const IN_USE_MS: u64 = 60_000;

/// Requests whose hook is held, with the time by the monotonic clock when it is let go.
#[derive(Debug, Default)]
pub struct Held(Vec<(u64, RequestId)>);

impl Held {
    /// When the next one is let go.
    pub fn next_mono(&self) -> Option<u64> {
        self.0.iter().map(|(until, _)| *until).min()
    }
}

impl Model {
    /// No rule answers a request. It waits for a person, or it is left to the terminal at once.
    pub(super) fn wait_for_person(&mut self, now: Now, id: RequestId, fx: &mut Effects) {
        // A hook holds the terminal's dialog back; a daemon asks at both at once.
        let holds = self.requests.get(id).is_some_and(|request| {
            request.provider == Some(Provider::Codex)
                && request.gate.is_some_and(|gate| gate.daemon().is_none())
        });
        if !holds {
            return self.changed_request(id, fx);
        }
        let hold_ms = u64::from(self.settings.codex_hold_s) * 1_000;
        if hold_ms == 0 || !self.window_is_in_use(now) {
            return self.hand_over(now, id, "nobody at the window", fx);
        }
        self.held.0.push((now.mono_ms + hold_ms, id));
        self.changed_request(id, fx);
    }

    /// Lets go of hooks that were held long enough.
    pub(super) fn end_holds(&mut self, now: Now, fx: &mut Effects) {
        let (over, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.held.0).into_iter().partition(|(until, _)| *until <= now.mono_ms);
        self.held.0 = rest;
        for (_, id) in over {
            if self.requests.get(id).is_some_and(|request| request.state == RequestState::Open) {
                self.hand_over(now, id, "not answered in time", fx);
            }
        }
    }

    /// Whether a person is likely to be at the window. A program without one, and the CLI, are not.
    fn window_is_in_use(&self, now: Now) -> bool {
        let used = self.window.used_mono.filter(|_| !self.program.headless);
        used.is_some_and(|used| now.mono_ms.saturating_sub(used) < IN_USE_MS)
    }

    /// Lets the agent's own dialog ask.
    fn hand_over(&mut self, now: Now, id: RequestId, why: &str, fx: &mut Effects) {
        let by = format!("magia: {why}");
        let choice = Choice { decision: Decision::None, by, reason: None, answers: None };
        if self.decide(now, id, choice, fx).is_err() {
            self.changed_request(id, fx);
        }
    }
}
