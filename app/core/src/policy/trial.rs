//! The dry run: what a preset or a rule would have said to the requests that are recorded.

use super::{Call, Says, Verdict, of_rule, risk, rule_name, sensitive, verdict};
use crate::event::StoredRequest;
use crate::settings::{Preset, Settings, ToolPermission};
use crate::subject::Subject;
use magia_protocol::wire::info::{Decision, TrialInfo, TrialRow};
use magia_protocol::wire::nearest::nearest;
use magia_protocol::wire::{Risk, visible};
use serde_json::Value;

/// Rows of one list at most; the counts are whole.
pub const ROWS_MAX: usize = 100;

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// A preset for every directory, after the settings' overrides.
    Preset(Preset),
    /// An override, alone.
    Rule(ToolPermission),
}

impl Trial {
    /// Reads what a person typed: a preset's word, `Bash(cargo test)` to allow, `deny Bash(git push)` to deny. The
    /// error is what is wrong, for a person.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let typed = typed.trim();
        let word = typed.strip_prefix("preset ").unwrap_or(typed).trim();
        if let Some(preset) = Preset::from_word(word) {
            return Ok(Self::Preset(preset));
        }
        let (auto_approve, rule) = match (typed.strip_prefix("deny "), typed.strip_prefix("allow ")) {
            (Some(rest), _) => (false, rest.trim()),
            (_, Some(rest)) => (true, rest.trim()),
            _ => (true, typed),
        };
        let (tool, command_prefix) = match rule.split_once('(') {
            Some((tool, rest)) => match rest.strip_suffix(')').map(str::trim) {
                Some(prefix) if !prefix.is_empty() => (tool.trim(), Some(prefix.to_owned())),
                _ => return Err(format!("{rule:?} must end in a prefix and \")\"")),
            },
            None => (rule, None),
        };
        if matches!(tool, "" | "allow" | "deny") || tool.contains(char::is_whitespace) {
            return Err(format!("{typed:?} is neither a preset nor a rule as Bash(cargo test)"));
        }
        if auto_approve && command_prefix.is_none() && super::is_shell(tool) {
            return Err(format!("allowing {tool} needs a command prefix, as in {tool}(cargo test)"));
        }
        if command_prefix.is_some() && super::works_on_files(tool) {
            return Err(format!("{tool} runs no commands, so no rule for them fits it"));
        }
        let presets = Preset::ALL.iter().map(|preset| preset.as_str());
        if let Some(preset) = nearest(tool, presets).filter(|_| command_prefix.is_none() && tool == typed) {
            return Err(format!("there is no preset {tool}, did you mean {preset}?"));
        }
        Ok(Self::Rule(ToolPermission { tool: tool.to_owned(), command_prefix, auto_approve }))
    }

    /// Its name, as a person typed it.
    pub fn name(&self) -> String {
        match self {
            Self::Preset(preset) => format!("preset {}", preset.as_str()),
            Self::Rule(rule) if rule.auto_approve => rule_name(rule),
            Self::Rule(rule) => rule_name(rule).replacen("rule ", "rule deny ", 1),
        }
    }

    /// What it would say to a call; `None` when it has nothing to say.
    fn says(&self, settings: &Settings, call: Call<'_>) -> Option<Verdict> {
        match self {
            Self::Preset(_) => Some(verdict(settings, call)),
            Self::Rule(_) if matches!(call.tool, "AskUserQuestion" | "ExitPlanMode") => None,
            Self::Rule(rule) => of_rule(rule, call),
        }
    }
}

/// Replays the recorded requests. What was too long to be kept is counted, and counts as left to a person.
pub fn replay(settings: &Settings, trial: &Trial, recorded: &[StoredRequest]) -> TrialInfo {
    let mut tried = settings.clone();
    if let Trial::Preset(preset) = trial {
        tried.preset = *preset;
        tried.workspace_presets.clear();
    }
    let mut info = TrialInfo { rule: trial.name(), ..TrialInfo::default() };
    // No rule speaks of terminals.
    for request in recorded.iter().filter(|request| request.provider.is_some()) {
        info.requests += 1;
        let input: Value = serde_json::from_str(&request.input).unwrap_or_default();
        if !input.is_object() {
            (info.not_kept, info.left) = (info.not_kept + 1, info.left + 1);
            continue;
        }
        let call =
            Call { tool: &request.tool, input: &input, cwd: &request.cwd, paths: request.paths.as_ref() };
        let by_person = request.decided_by.as_deref().is_some_and(|by| !by.starts_with("policy "));
        let said = request.decision.filter(|_| by_person);
        match trial.says(&tried, call).map(|verdict| verdict.says) {
            Some(Says::Allow) => {
                info.allowed += 1;
                let row = row(request, call);
                if said == Some(Decision::Deny) {
                    put(&mut info.denied_by_person, &row);
                }
                if !row.places.is_empty() {
                    info.sensitive_count += 1;
                    put(&mut info.sensitive, &row);
                }
                if row.risk == Risk::High {
                    info.high_risk_count += 1;
                    put(&mut info.high_risk, &row);
                }
            }
            Some(Says::Deny) => {
                info.denied += 1;
                if matches!(said, Some(Decision::Allow | Decision::Always)) {
                    put(&mut info.allowed_by_person, &row(request, call));
                }
            }
            Some(Says::Ask | Says::Pass) | None => info.left += 1,
        }
    }
    info
}

fn put(rows: &mut Vec<TrialRow>, row: &TrialRow) {
    if rows.len() < ROWS_MAX {
        rows.push(row.clone());
    }
}

fn row(request: &StoredRequest, call: Call<'_>) -> TrialRow {
    let judged = risk::judge(call.tool, call.input, call.paths);
    let touched = sensitive::touched(call.tool, call.input, call.paths);
    TrialRow {
        id: request.id,
        session: request.session,
        tool: request.tool.clone(),
        summary: visible(&Subject::unmarked(call.tool, call.input).summary()).into_owned(),
        asked_at_ms: request.asked_at_ms,
        risk: judged.risk,
        risk_reasons: judged.reasons,
        places: touched.iter().map(|touched| touched.place.to_owned()).collect(),
        was: match request.decision {
            Some(decision) => {
                format!("{} by {}", decision.as_str(), request.decided_by.as_deref().unwrap_or("nobody"))
            }
            None => request.state.to_string(),
        },
    }
}
