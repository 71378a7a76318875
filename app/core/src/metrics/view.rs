//! What is shown of metrics: fact by fact, the way of telling that told most.

use super::dist::Dist;
use super::recent::{Minute, PromptUse, SpanRow};
use super::tally::{Tally, Tokens};
use super::{Metrics, Owner, SessionMetrics, Way};
use magia_protocol::wire::metrics::{
    DecisionCountInfo, FleetMetricsInfo, HookUseInfo, MetricsInfo, MinuteInfo, PromptUseInfo, SpanInfo,
    ToolUseInfo, UsageInfo,
};
use magia_protocol::wire::{Provider, SessionId};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Minutes of the fleet's plot.
const FLEET_MINUTES: usize = 24 * 60;

impl SessionMetrics {
    /// The way whose tokens are shown.
    pub fn usage_way(&self) -> Way {
        self.most(|tally| tally.tokens().all())
    }

    /// The way that tells most of something; of equals the first.
    fn most(&self, weight: impl Fn(&Tally) -> f64) -> Way {
        let mut best = Way::Metrics;
        for way in Way::ALL {
            if weight(self.tally(way)) > weight(self.tally(best)) {
                best = way;
            }
        }
        best
    }

    fn best(&self, weight: impl Fn(&Tally) -> f64) -> &Tally {
        self.tally(self.most(weight))
    }

    /// One tally out of three, fact by fact.
    pub fn shown(&self) -> Tally {
        let by_tool = self.best(|tally| tally.tools.iter().map(|tool| tool.calls).sum());
        let active = self.best(|tally| tally.active_cli_s + tally.active_user_s);
        let lines = self.best(|tally| tally.lines_added + tally.lines_removed);
        let mut usage = self.tally(self.usage_way()).usage.clone();
        if usage.iter().all(|row| row.cost_usd == 0.0) {
            // Tokens are best told by one way, dollars by another: they are added to the same model, if it is there.
            for row in &self.best(Tally::cost_usd).usage {
                let same = |known: &&mut super::tally::Usage| known.model == row.model;
                if let Some(known) = usage.iter_mut().find(same) {
                    known.cost_usd += row.cost_usd;
                }
            }
        }
        let requests = |tally: &Tally| tally.usage.iter().map(|row| row.requests).sum::<f64>();
        if usage.iter().all(|row| row.requests == 0.0) {
            let counted = requests(self.best(requests));
            if let Some(first) = usage.first_mut() {
                first.requests = counted;
            }
        }
        Tally {
            usage,
            tools: by_tool.tools.clone(),
            hooks: self.best(|tally| tally.hooks.iter().map(|hook| hook.runs).sum()).hooks.clone(),
            decisions: self.best(|tally| tally.decisions.iter().map(|row| row.count).sum()).decisions.clone(),
            requests: self.best(|tally| tally.requests.count as f64).requests.clone(),
            ttft: self.best(|tally| tally.ttft.count as f64).ttft.clone(),
            turns: self.best(|tally| tally.turns.count as f64).turns.clone(),
            errors: self.best(|tally| tally.errors).errors,
            active_cli_s: active.active_cli_s,
            active_user_s: active.active_user_s,
            lines_added: lines.lines_added,
            lines_removed: lines.lines_removed,
            commits: self.best(|tally| tally.commits).commits,
            pull_requests: self.best(|tally| tally.pull_requests).pull_requests,
        }
    }

    /// The minutes that fit the tokens that are shown.
    fn minutes(&self) -> impl Iterator<Item = &Minute> {
        self.recent.minutes(self.usage_way()).iter()
    }

    /// As it is told; `long` with prompts, minutes and spans.
    pub fn info(&self, owner: &Owner, session: Option<SessionId>, long: bool) -> MetricsInfo {
        let shown = self.shown();
        let tokens = shown.tokens();
        let size = window_of(&self.context_model);
        let used = (self.context_tokens > 0.0).then_some(self.context_tokens);
        MetricsInfo {
            session,
            provider: owner.provider,
            provider_session_id: owner.session.clone(),
            since_ms: self.since_ms,
            updated_at_ms: self.updated_ms,
            source: self.usage_way().as_str().to_owned(),
            input_tokens: whole(tokens.input),
            output_tokens: whole(tokens.output),
            cache_read_tokens: whole(tokens.cache_read),
            cache_creation_tokens: whole(tokens.cache_creation),
            thought_tokens: whole(tokens.thought),
            total_cost_usd: dollars(shown.cost_usd()),
            context_tokens: used.map(whole),
            context_window_size: size.filter(|_| used.is_some()),
            context_window_used: used
                .zip(size)
                .map(|(used, size)| ((used / size as f64) * 10_000.0).round() / 10_000.0),
            requests: whole(requests(&shown)),
            errors: whole(shown.errors),
            active_cli_s: shown.active_cli_s,
            active_user_s: shown.active_user_s,
            lines_added: whole(shown.lines_added),
            lines_removed: whole(shown.lines_removed),
            commits: whole(shown.commits),
            pull_requests: whole(shown.pull_requests),
            request_time: shown.requests.info(),
            first_token_time: shown.ttft.info(),
            turn_time: shown.turns.info(),
            usage: usage(&shown),
            tools: tools(&shown),
            hooks: hooks(&shown),
            decisions: shown.decisions.iter().map(decided).collect(),
            prompts: self.recent.prompts.iter().filter(|_| long).map(prompt).collect(),
            minutes: self.minutes().filter(|_| long).map(minute).collect(),
            spans: self.recent.spans.iter().filter(|_| long).map(span).collect(),
        }
    }
}

/// All sessions together; `name` says which session of magia's an owner is.
pub fn fleet(metrics: &Metrics, name: impl Fn(&Owner) -> Option<SessionId>) -> FleetMetricsInfo {
    let mut all = Tally::default();
    let mut minutes: BTreeMap<u64, Minute> = BTreeMap::new();
    let mut sessions: Vec<MetricsInfo> = Vec::new();
    let told_by_session = told_by_session(metrics);
    for (owner, session) in metrics.owners() {
        sessions.push(session.info(owner, name(owner), false));
        let mut shown = session.shown();
        // What an agent tells as a whole is in its sessions' records too, when it sends those.
        if owner.session.is_none() && told_by_session.contains(&owner.provider) {
            shown = Tally { hooks: shown.hooks, ..Tally::default() };
        } else {
            for minute in session.minutes() {
                let sum = minutes.entry(minute.minute).or_default();
                sum.minute = minute.minute;
                sum.input += minute.input;
                sum.output += minute.output;
                sum.cached += minute.cached;
                sum.cost_usd += minute.cost_usd;
                sum.requests += minute.requests;
                sum.request_ms += minute.request_ms;
            }
        }
        all.merge(&shown);
    }
    sessions.sort_by_key(|session| std::cmp::Reverse(session.updated_at_ms));
    let Tokens { input, output, cache_read, cache_creation, thought, .. } = all.tokens();
    let skip = minutes.len().saturating_sub(FLEET_MINUTES);
    FleetMetricsInfo {
        sessions,
        input_tokens: whole(input),
        output_tokens: whole(output),
        cache_read_tokens: whole(cache_read),
        cache_creation_tokens: whole(cache_creation),
        thought_tokens: whole(thought),
        total_cost_usd: dollars(all.cost_usd()),
        requests: whole(requests(&all)),
        request_time: all.requests.info(),
        first_token_time: all.ttft.info(),
        tools: tools(&all),
        hooks: hooks(&all),
        minutes: minutes.values().skip(skip).map(minute).collect(),
        items: metrics.taken,
        foreign_items: metrics.foreign,
        series: metrics.footprint().0 as u64,
    }
}

/// Requests, however they were counted.
fn requests(tally: &Tally) -> f64 {
    let counted: f64 = tally.usage.iter().map(|row| row.requests).sum();
    counted.max(tally.requests.count as f64)
}

/// A sum of tokens; agents send floating points.
fn whole(number: f64) -> u64 {
    number.round().max(0.0) as u64
}

/// A millionth of a dollar is the least that any agent tells.
fn dollars(usd: f64) -> Option<f64> {
    (usd > 0.0).then(|| (usd * 1e6).round() / 1e6)
}

/// The size of a model's window. Telemetry does not tell it; these are the makers' own figures.
fn window_of(model: &str) -> Option<u64> {
    match model {
        model if model.ends_with("[1m]") => Some(1_000_000),
        model if model.starts_with("claude-") => Some(200_000),
        model if model.starts_with("gemini-") => Some(1_048_576),
        _ => None,
    }
}

fn usage(tally: &Tally) -> Vec<UsageInfo> {
    let mut rows: Vec<UsageInfo> = tally
        .usage
        .iter()
        .map(|row| UsageInfo {
            model: row.model.clone(),
            query_source: row.query_source.clone(),
            input_tokens: whole(row.tokens.input),
            output_tokens: whole(row.tokens.output),
            cache_read_tokens: whole(row.tokens.cache_read),
            cache_creation_tokens: whole(row.tokens.cache_creation),
            thought_tokens: whole(row.tokens.thought),
            cost_usd: dollars(row.cost_usd),
            requests: whole(row.requests),
        })
        .collect();
    rows.sort_by(|one, other| {
        let cost = |row: &UsageInfo| row.cost_usd.unwrap_or_default();
        let tokens = |row: &UsageInfo| row.input_tokens + row.output_tokens;
        cost(other).total_cmp(&cost(one)).then(tokens(other).cmp(&tokens(one)))
    });
    rows
}

fn tools(tally: &Tally) -> Vec<ToolUseInfo> {
    let mut rows: Vec<ToolUseInfo> = tally
        .tools
        .iter()
        .filter(|row| row.calls > 0.0)
        .map(|row| ToolUseInfo {
            tool: row.tool.clone(),
            calls: whole(row.calls),
            failed: whole(row.failed),
            took: row.took.info(),
        })
        .collect();
    rows.sort_by(|one, other| other.calls.cmp(&one.calls).then_with(|| one.tool.cmp(&other.tool)));
    rows
}

fn hooks(tally: &Tally) -> Vec<HookUseInfo> {
    let mut rows: Vec<&super::tally::HookUse> = tally.hooks.iter().filter(|row| row.runs > 0.0).collect();
    rows.sort_by(|one, other| {
        other.took.sum.total_cmp(&one.took.sum).then_with(|| one.hook.cmp(&other.hook))
    });
    let info = |row: &super::tally::HookUse| HookUseInfo {
        hook: row.hook.clone(),
        runs: whole(row.runs),
        took: Dist::info(&row.took),
    };
    rows.into_iter().map(info).collect()
}

fn decided(row: &super::tally::Decided) -> DecisionCountInfo {
    DecisionCountInfo {
        tool: row.tool.clone(),
        decision: row.decision.clone(),
        source: row.source.clone(),
        count: whole(row.count),
    }
}

fn prompt(row: &PromptUse) -> PromptUseInfo {
    PromptUseInfo {
        id: row.id.clone(),
        at_ms: row.at_ms,
        last_ms: row.last_ms,
        text: row.text.clone(),
        input_tokens: whole(row.tokens.input + row.tokens.cache_read + row.tokens.cache_creation),
        output_tokens: whole(row.tokens.output + row.tokens.thought),
        cost_usd: dollars(row.cost_usd),
        requests: row.requests,
        request_ms: row.request_ms,
        slowest_ms: row.slowest_ms,
        tools: row.tools,
        tool_ms: row.tool_ms,
        failed: row.failed,
        errors: row.errors,
    }
}

fn minute(row: &Minute) -> MinuteInfo {
    MinuteInfo {
        at_ms: row.minute * 60_000,
        input_tokens: row.input,
        output_tokens: row.output,
        cached_tokens: row.cached,
        cost_usd: row.cost_usd,
        requests: row.requests,
        request_ms: row.request_ms,
    }
}

fn span(row: &SpanRow) -> SpanInfo {
    SpanInfo {
        trace: format!("{:016x}", row.trace),
        id: format!("{:016x}", row.id),
        parent: row.parent.map(|parent| format!("{parent:016x}")),
        kind: row.kind.clone(),
        name: row.name.clone(),
        start_ms: row.start_ms,
        took_ms: row.took_ms,
        failed: row.failed,
    }
}

/// Agents that tell by session: what they tell as a whole is in it too.
fn told_by_session(metrics: &Metrics) -> HashSet<Provider> {
    let sessions = metrics.owners().filter(|(owner, _)| owner.session.is_some());
    sessions.map(|(owner, _)| owner.provider).collect()
}

/// Tokens that each owner has told of, without those that were read from caches.
pub fn tokens(metrics: &Metrics) -> HashMap<Owner, u64> {
    metrics.owners().map(|(owner, session)| (owner.clone(), tokens_of(session))).collect()
}

/// Tokens that were told of since `before`. What an agent tells as a whole counts when it tells nothing by session.
pub fn tokens_since(metrics: &Metrics, before: &HashMap<Owner, u64>) -> u64 {
    let told_by_session = told_by_session(metrics);
    metrics
        .owners()
        .filter(|(owner, _)| owner.session.is_some() || !told_by_session.contains(&owner.provider))
        .map(|(owner, session)| tokens_of(session).saturating_sub(before.get(owner).copied().unwrap_or(0)))
        .sum()
}

fn tokens_of(session: &SessionMetrics) -> u64 {
    let Tokens { input, output, cache_creation, thought, tool, .. } =
        session.tally(session.usage_way()).tokens();
    whole(input + output + cache_creation + thought + tool)
}
