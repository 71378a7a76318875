//! What hooks cost a session, from the clocks of those who ran them. See [`HookCostInfo`] for what is in the figures.

use crate::transcript::{Content, TranscriptItem};
use magia_protocol::wire::hook::HookMessage;
use magia_protocol::wire::info::HookCostInfo;

/// A message that took longer is one whose clock was set meanwhile, and says nothing.
const LONGEST_NS: u64 = 60_000_000_000;

/// The name of our handler's program, by which its runs are known.
const HANDLER: &str = "magia-hook-handler";

/// The sums of one session.
#[derive(Clone, Debug, Default)]
pub struct HookCost {
    info: HookCostInfo,
    /// The last run that the agent timed and that was counted: a transcript is read again when it is looked at again.
    counted_ms: u64,
}

impl HookCost {
    /// A message of our handler came.
    pub fn message(&mut self, message: &HookMessage, now_ms: u64) {
        let (sent, received) = (message.sent_unix_ns, message.received_unix_ns);
        let Some(took) = received.checked_sub(sent).filter(|took| sent > 0 && *took <= LONGEST_NS) else {
            return;
        };
        let us = took / 1_000;
        self.info.ours += 1;
        self.info.ours_us += us;
        self.info.ours_max_us = self.info.ours_max_us.max(us);
        self.info.at_ms = now_ms;
    }

    /// The transcript was read. All runs of one line have its time, so a line is counted as a whole.
    pub fn transcript(&mut self, items: &[TranscriptItem]) {
        let before = self.counted_ms;
        for item in items {
            let (Content::HookRan { command, duration_ms }, Some(at_ms)) = (&item.content, item.at_ms) else {
                continue;
            };
            if at_ms <= before {
                continue;
            }
            self.counted_ms = self.counted_ms.max(at_ms);
            let (runs, sum) = if command.contains(HANDLER) {
                (&mut self.info.agent_ours, &mut self.info.agent_ours_ms)
            } else {
                (&mut self.info.agent_others, &mut self.info.agent_others_ms)
            };
            *runs += 1;
            *sum += duration_ms;
            self.info.at_ms = self.info.at_ms.max(at_ms);
        }
    }

    /// The figures; `None` before the first.
    pub fn info(&self) -> Option<HookCostInfo> {
        (self.info != HookCostInfo::default()).then(|| self.info.clone())
    }
}
