//! When two requests ask the same, so that one answer may be given to both.
//!
//! The same means: the same provider, tool and directory, the same offer of what "always" would mean, and the same
//! input. Two inputs are the same when their JSON values are equal once a shell tool's `description`, which only
//! tells, is left out and the blanks around its command are taken away. Nothing else is ignored: not the case, not the
//! order of a list, not the directory, since a relative path means another file elsewhere.

use super::is_shell;
use magia_protocol::wire::Provider;
use serde_json::Value;
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The agent's kind; `None` when it is no agent.
    pub provider: Option<Provider>,
    /// The tool.
    pub tool: &'a str,
    /// Its input.
    pub input: &'a Value,
    /// The agent's directory.
    pub cwd: &'a str,
    /// What "always" could mean.
    pub suggestions: &'a [Value],
}

impl Question<'_> {
    /// Whether both ask the same. A request whose directory is not known is like no other.
    pub fn is_same(&self, other: &Question<'_>) -> bool {
        self.provider == other.provider
            && self.tool == other.tool
            && !self.cwd.is_empty()
            && directory(self.cwd) == directory(other.cwd)
            && self.suggestions == other.suggestions
            && normalised(self.tool, self.input) == normalised(other.tool, other.input)
    }

    /// A word that is equal for the same questions, for grouping on a screen. Different ones may share it, if rarely,
    /// so nothing is decided by it.
    pub fn key(&self) -> String {
        let mut hasher = DefaultHasher::new();
        (self.provider, self.tool, directory(self.cwd)).hash(&mut hasher);
        normalised(self.tool, self.input).to_string().hash(&mut hasher);
        Value::from(self.suggestions).to_string().hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

fn directory(cwd: &str) -> &str {
    let plain = cwd.trim_end_matches('/');
    if plain.is_empty() { cwd } else { plain }
}

fn normalised<'a>(tool: &str, input: &'a Value) -> Cow<'a, Value> {
    let Some(fields) = input.as_object().filter(|_| is_shell(tool)) else { return Cow::Borrowed(input) };
    let mut fields = fields.clone();
    fields.remove("description");
    if let Some(Value::String(command)) = fields.get_mut("command") {
        *command = command.trim().to_owned();
    }
    Cow::Owned(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_does_the_same_is_the_same() {
        let base = json!({"command": "npm test", "description": "Run the tests"});
        let ask = |tool: &'static str, input: &Value, cwd: &str, suggestions: &[Value]| {
            let first = Question {
                provider: Some(Provider::Claude),
                tool: "Bash",
                input: &base,
                cwd: "/p",
                suggestions: &[],
            };
            let other = Question { provider: Some(Provider::Claude), tool, input, cwd, suggestions };
            let same = first.is_same(&other);
            assert_eq!(same, other.is_same(&first));
            assert!(!same || first.key() == other.key());
            same
        };
        assert!(ask("Bash", &base, "/p", &[]));
        assert!(ask("Bash", &json!({"description": "Again", "command": " npm test\n"}), "/p/", &[]));
        assert!(!ask("Bash", &base, "/p/q", &[]));
        assert!(!ask("Bash", &base, "", &[]));
        assert!(!ask("shell", &base, "/p", &[]));
        assert!(!ask("Bash", &json!({"command": "npm  test"}), "/p", &[]));
        assert!(!ask("Bash", &json!({"command": "npm test", "run_in_background": true}), "/p", &[]));
        assert!(!ask("Bash", &base, "/p", &[json!({"type": "setMode"})]));
        let codex = Question {
            provider: Some(Provider::Codex),
            tool: "Bash",
            input: &base,
            cwd: "/p",
            suggestions: &[],
        };
        assert!(!codex.is_same(&Question { provider: Some(Provider::Claude), ..codex }));
        let nowhere = Question { cwd: "", ..codex };
        assert!(!nowhere.is_same(&nowhere));
    }
}
