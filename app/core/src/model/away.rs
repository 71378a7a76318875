//! What happened while the user was away: counted from when the window lost the focus, told when it has it again.

use super::Model;
use crate::event::Now;
use crate::metrics::Owner;
use crate::normalize::{Detail, Understood};
use crate::policy::{EDIT_TOOLS, command_of, is_shell};
use magia_protocol::wire::SessionId;
use magia_protocol::wire::notice::DigestInfo;
use std::collections::{BTreeSet, HashMap};

/// Who was away for less needs no digest.
const AWAY_MS: u64 = 300_000;
/// Files that are told apart; more are only counted.
const FILES_MAX: usize = 1_000;

/// What happened since then.
#[derive(Debug, Default)]
pub struct Away {
    since_ms: u64,
    since_mono: u64,
    files: BTreeSet<String>,
    sessions: BTreeSet<SessionId>,
    commands: u32,
    commits: u32,
    allowed: u32,
    denied: u32,
    by_rule: u32,
    done: u32,
    failed: u32,
    /// Tokens that were told of before, by who told.
    tokens_before: HashMap<Owner, u64>,
}

impl Away {
    fn new(now: Now, tokens_before: HashMap<Owner, u64>) -> Self {
        Self { since_ms: now.unix_ms, since_mono: now.mono_ms, tokens_before, ..Self::default() }
    }

    fn happened(&self) -> bool {
        self.commands + self.allowed + self.denied + self.by_rule + self.done + self.failed > 0
            || !self.files.is_empty()
    }

    fn info(&self, now: Now, tokens: u64) -> DigestInfo {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        DigestInfo {
            since_ms: self.since_ms,
            away_ms: now.mono_ms.saturating_sub(self.since_mono),
            sessions: count(self.sessions.len()),
            files: count(self.files.len()),
            commands: self.commands,
            commits: self.commits,
            allowed: self.allowed,
            denied: self.denied,
            by_rule: self.by_rule,
            done: self.done,
            failed: self.failed,
            tokens,
        }
    }
}

impl Model {
    /// An event of a session counts, its subagents' too.
    pub(super) fn count_while_away(&mut self, id: SessionId, said: &Understood) {
        let away = &mut self.away;
        match &said.detail {
            Detail::ToolEnded { call, error: None, .. } => {
                if is_shell(&call.tool) {
                    away.commands += 1;
                    let command = command_of(&call.input).unwrap_or_default();
                    away.commits += u32::from(command.contains("git commit"));
                } else if EDIT_TOOLS.contains(&call.tool.as_str()) && away.files.len() < FILES_MAX {
                    let path = call.input.get("file_path").or_else(|| call.input.get("notebook_path"));
                    away.files.extend(path.and_then(|path| path.as_str()).map(str::to_owned));
                }
            }
            Detail::TurnEnded { .. } if said.agent_id.is_none() => away.done += 1,
            Detail::TurnFailed { .. } if said.agent_id.is_none() => away.failed += 1,
            _ => return,
        }
        away.sessions.insert(id);
    }

    /// A request was answered.
    pub(super) fn count_answer(&mut self, allowed: bool, by_rule: bool) {
        let counter = match (by_rule, allowed) {
            (true, _) => &mut self.away.by_rule,
            (false, true) => &mut self.away.allowed,
            (false, false) => &mut self.away.denied,
        };
        *counter += 1;
    }

    /// The window lost the focus, or has it again.
    pub(super) fn focus_changed(&mut self, now: Now, focused: bool) {
        if focused == self.window.focused {
            return;
        }
        if focused {
            let away_ms = now.mono_ms.saturating_sub(self.away.since_mono);
            if away_ms >= AWAY_MS && self.away.happened() && self.away.since_mono > 0 {
                let text = self.digest(now).in_words();
                self.toast(false, text, None);
            }
        } else {
            self.begin_away(now);
        }
    }

    /// What happened since the window was left; without a window, since the program started.
    pub(super) fn digest(&self, now: Now) -> DigestInfo {
        self.away.info(now, self.tokens_since(&self.away.tokens_before))
    }

    /// The count begins.
    pub(super) fn begin_away(&mut self, now: Now) {
        self.away = Away::new(now, self.tokens_told());
    }
}

/// Whether a rule of the settings answered.
pub(super) fn is_rule(by: &str) -> bool {
    by.starts_with("policy ")
}
