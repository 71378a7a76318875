//! What one source tells of one session: sums, counts and lengths of time.

use super::dist::Dist;
use serde::{Deserialize, Serialize};

/// Rows of one kind: models, tools, hooks. An agent that invents more names is counted under [`OTHER`].
pub const ROWS_MAX: usize = 64;
/// The name of what has no room of its own.
pub const OTHER: &str = "(other)";
/// Bytes of a name that are kept.
const NAME_MAX: usize = 120;

/// A kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// Sent to the model, cached ones apart where the agent tells them apart.
    Input,
    /// Written by the model.
    Output,
    /// Read from the cache.
    CacheRead,
    /// Written into the cache.
    CacheCreation,
    /// Thought by the model.
    Thought,
    /// Used by the model's own tools.
    Tool,
}

/// Tokens by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    /// [`Token::Input`].
    pub input: f64,
    /// [`Token::Output`].
    pub output: f64,
    /// [`Token::CacheRead`].
    pub cache_read: f64,
    /// [`Token::CacheCreation`].
    pub cache_creation: f64,
    /// [`Token::Thought`].
    pub thought: f64,
    /// [`Token::Tool`].
    pub tool: f64,
}

impl Tokens {
    /// Adds some.
    pub fn add(&mut self, kind: Token, count: f64) {
        let sum = match kind {
            Token::Input => &mut self.input,
            Token::Output => &mut self.output,
            Token::CacheRead => &mut self.cache_read,
            Token::CacheCreation => &mut self.cache_creation,
            Token::Thought => &mut self.thought,
            Token::Tool => &mut self.tool,
        };
        *sum += count;
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_creation += other.cache_creation;
        self.thought += other.thought;
        self.tool += other.tool;
    }

    /// All together: by it two tellings of the same requests are compared.
    pub fn all(&self) -> f64 {
        self.input + self.output + self.cache_read + self.cache_creation + self.thought + self.tool
    }
}

/// What was used of one model for one purpose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// The model.
    pub model: String,
    /// What it was used for, as `main`; empty when the agent does not say.
    pub query_source: String,
    /// Tokens.
    pub tokens: Tokens,
    /// US dollars, as the agent reckons.
    pub cost_usd: f64,
    /// Requests to the model.
    pub requests: f64,
}

/// What was used of one tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolUse {
    /// The tool.
    pub tool: String,
    /// Calls.
    pub calls: f64,
    /// Calls that failed.
    pub failed: f64,
    /// How long they took.
    pub took: Dist,
    /// How long they waited for a person.
    pub waited: Dist,
}

/// What hooks of one name did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookUse {
    /// The event, and the hook's own name where the agent tells it.
    pub hook: String,
    /// Runs.
    pub runs: f64,
    /// How long they took.
    pub took: Dist,
}

/// Answers to permission questions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Decided {
    /// The tool.
    pub tool: String,
    /// As `accept`.
    pub decision: String,
    /// As `config`, `hook`, `user_temporary`.
    pub source: String,
    /// How often.
    pub count: f64,
}

/// What one source tells of one session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// By model and purpose.
    pub usage: Vec<Usage>,
    /// By tool.
    pub tools: Vec<ToolUse>,
    /// By hook.
    pub hooks: Vec<HookUse>,
    /// By tool, decision and source.
    pub decisions: Vec<Decided>,
    /// From a request to the end of its answer.
    pub requests: Dist,
    /// From a request to its first token.
    pub ttft: Dist,
    /// Whole turns.
    pub turns: Dist,
    /// Requests that failed.
    pub errors: f64,
    /// Seconds in which the agent worked.
    pub active_cli_s: f64,
    /// Seconds in which the user typed.
    pub active_user_s: f64,
    /// Lines added by edits.
    pub lines_added: f64,
    /// Lines removed by edits.
    pub lines_removed: f64,
    /// Commits.
    pub commits: f64,
    /// Pull requests.
    pub pull_requests: f64,
}

impl Tally {
    /// The row of a model and purpose.
    pub fn usage(&mut self, model: &str, query_source: &str) -> &mut Usage {
        let (model, query_source) = (name(model), name(query_source));
        row(
            &mut self.usage,
            |row| row.model == model && row.query_source == query_source,
            || Usage { model: model.to_owned(), query_source: query_source.to_owned(), ..Usage::default() },
            |row| row.model == OTHER,
            || Usage { model: OTHER.to_owned(), ..Usage::default() },
        )
    }

    /// The row of a tool.
    pub fn tool(&mut self, tool: &str) -> &mut ToolUse {
        let tool = name(tool);
        let new = |tool: &str| ToolUse { tool: tool.to_owned(), ..ToolUse::default() };
        row(&mut self.tools, |row| row.tool == tool, || new(tool), |row| row.tool == OTHER, || new(OTHER))
    }

    /// The row of a hook.
    pub fn hook(&mut self, hook: &str) -> &mut HookUse {
        let hook = name(hook);
        let new = |hook: &str| HookUse { hook: hook.to_owned(), ..HookUse::default() };
        row(&mut self.hooks, |row| row.hook == hook, || new(hook), |row| row.hook == OTHER, || new(OTHER))
    }

    /// Counts answers.
    pub fn decided(&mut self, tool: &str, decision: &str, source: &str, count: f64) {
        let (tool, decision, source) = (name(tool), name(decision), name(source));
        let new = |tool: &str, decision: &str, source: &str| Decided {
            tool: tool.to_owned(),
            decision: decision.to_owned(),
            source: source.to_owned(),
            count: 0.0,
        };
        row(
            &mut self.decisions,
            |row| row.tool == tool && row.decision == decision && row.source == source,
            || new(tool, decision, source),
            |row| row.tool == OTHER,
            || new(OTHER, "", ""),
        )
        .count += count;
    }

    /// All tokens.
    pub fn tokens(&self) -> Tokens {
        let mut all = Tokens::default();
        self.usage.iter().for_each(|usage| all.merge(&usage.tokens));
        all
    }

    /// All dollars.
    pub fn cost_usd(&self) -> f64 {
        self.usage.iter().map(|usage| usage.cost_usd).sum()
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        for from in &other.usage {
            let to = self.usage(&from.model, &from.query_source);
            to.tokens.merge(&from.tokens);
            to.cost_usd += from.cost_usd;
            to.requests += from.requests;
        }
        for from in &other.tools {
            let to = self.tool(&from.tool);
            to.calls += from.calls;
            to.failed += from.failed;
            to.took.merge(&from.took);
            to.waited.merge(&from.waited);
        }
        for from in &other.hooks {
            let to = self.hook(&from.hook);
            to.runs += from.runs;
            to.took.merge(&from.took);
        }
        for from in &other.decisions {
            self.decided(&from.tool, &from.decision, &from.source, from.count);
        }
        self.requests.merge(&other.requests);
        self.ttft.merge(&other.ttft);
        self.turns.merge(&other.turns);
        self.errors += other.errors;
        self.active_cli_s += other.active_cli_s;
        self.active_user_s += other.active_user_s;
        self.lines_added += other.lines_added;
        self.lines_removed += other.lines_removed;
        self.commits += other.commits;
        self.pull_requests += other.pull_requests;
    }
}

/// The row that is meant, made when there is room, else the one for all others.
#[expect(clippy::indexing_slicing, reason = "the row was found or pushed a line before")]
fn row<T>(
    rows: &mut Vec<T>,
    is_it: impl Fn(&T) -> bool,
    new: impl FnOnce() -> T,
    is_other: impl Fn(&T) -> bool,
    new_other: impl FnOnce() -> T,
) -> &mut T {
    let at = rows.iter().position(is_it);
    let at = at.or_else(|| if rows.len() < ROWS_MAX { None } else { rows.iter().position(is_other) });
    let at = at.unwrap_or_else(|| {
        rows.push(if rows.len() < ROWS_MAX { new() } else { new_other() });
        rows.len() - 1
    });
    // There is one: it was found or pushed.
    let last = rows.len().saturating_sub(1);
    &mut rows[at.min(last)]
}

/// The beginning of a name that is too long.
fn name(text: &str) -> &str {
    let mut end = text.len().min(NAME_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_bounded_and_nothing_is_lost() {
        let mut tally = Tally::default();
        for number in 0..1_000 {
            tally.tool(&format!("tool {number}")).calls += 1.0;
            tally.usage("m", &format!("q{number}")).requests += 1.0;
            tally.decided("t", &format!("d{number}"), "s", 1.0);
        }
        assert_eq!(tally.tools.len(), ROWS_MAX + 1);
        assert_eq!(tally.tools.iter().map(|row| row.calls).sum::<f64>(), 1_000.0);
        assert_eq!(tally.usage.iter().map(|row| row.requests).sum::<f64>(), 1_000.0);
        assert_eq!(tally.decisions.iter().map(|row| row.count).sum::<f64>(), 1_000.0);
        tally.hook(&"ü".repeat(1_000));
        assert_eq!(tally.hooks[0].hook.len(), NAME_MAX);
    }

    #[test]
    fn what_is_stored_is_read_back_and_an_older_form_too() {
        let mut tally = Tally::default();
        tally.usage("m", "main").tokens.add(Token::CacheRead, 7.0);
        tally.tool("Bash").took.add(12.0);
        tally.decided("Bash", "accept", "config", 2.0);
        let text = serde_json::to_string(&tally).unwrap();
        assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), tally);
        assert_eq!(serde_json::from_str::<Tally>(r#"{"later":1}"#).unwrap(), Tally::default());
        let mut twice = tally.clone();
        twice.merge(&tally);
        assert_eq!(twice.tokens().all(), 14.0);
        assert_eq!(twice.tools[0].took.count, 2);
    }
}
