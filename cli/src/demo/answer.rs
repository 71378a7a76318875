//! What the gate's handler printed, as the agent reads it.

use serde_json::Value;

/// What the gate said.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// Run it.
    Allow {
        /// With this input in place of the asked one.
        input: Option<Value>,
    },
    /// Do not run it.
    Deny {
        /// Said to the agent.
        reason: String,
    },
    /// No decision: the terminal's dialog stays.
    Nothing,
}

impl Answer {
    /// Reads what the handler printed.
    pub fn read(stdout: &str) -> Self {
        let output: Value = serde_json::from_str(stdout).unwrap_or_default();
        let Some(decision) = output.pointer("/hookSpecificOutput/decision") else {
            return Self::Nothing;
        };
        let word = |key: &str| decision.get(key).and_then(Value::as_str);
        match word("behavior") {
            Some("allow") => Self::Allow { input: decision.get("updatedInput").cloned() },
            Some("deny") => Self::Deny { reason: word("message").unwrap_or_default().to_owned() },
            _ => Self::Nothing,
        }
    }

    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Allow { .. } => "allow",
            Self::Deny { .. } => "deny",
            Self::Nothing => "none",
        }
    }
}

/// The answers to an AskUserQuestion; its first choice when the pretended terminal answered.
pub fn chosen(input: &Value) -> String {
    if let Some(answers) = input.get("answers").and_then(Value::as_object) {
        let labels: Vec<&str> = answers.values().filter_map(Value::as_str).collect();
        return labels.join(", ");
    }
    input.pointer("/questions/0/options/0/label").and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gates_answers_are_read() {
        let allow = r#"{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow","updatedInput":{"answers":{"Q":"SQLite"}}}}}"#;
        let Answer::Allow { input: Some(input) } = Answer::read(allow) else { panic!("no allow") };
        assert_eq!(chosen(&input), "SQLite");
        let deny = r#"{"hookSpecificOutput":{"decision":{"behavior":"deny","message":"no"}}}"#;
        assert_eq!(Answer::read(deny), Answer::Deny { reason: "no".to_owned() });
        for nothing in ["", "{}", "garbage", r#"{"hookSpecificOutput":{"decision":{"behavior":"maybe"}}}"#] {
            assert_eq!(Answer::read(nothing), Answer::Nothing);
        }
    }
}
