//! What agents say of themselves by telemetry: sums per session, model, tool and hook, bounded, and told once.
//!
//! An agent tells the same requests up to three times: as metrics, as log records and as spans. Each way has a [`Tally`]
//! of its own; what is shown is, fact by fact, the tally that tells most, so that nothing is counted twice and a way that
//! is switched off, or whose exports were lost, is made good by another.

pub mod dist;
pub mod prometheus;
mod read;
mod recent;
pub mod series;
mod stored;
pub mod tally;
mod view;

pub use recent::{MINUTES_MAX, Minute, PROMPTS_MAX, PromptUse, SPANS_MAX, SpanRow};
pub use stored::StoredMetrics;
pub use view::{fleet, tokens, tokens_since};

use crate::telemetry::{Attributes, Batch, Export, Items, Log, Point, Span};
use magia_protocol::wire::{Provider, ProviderSessionId};
use read::Told;
use recent::Recent;
use series::{AllSeries, SeriesKey};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tally::Tally;

/// Sessions that are remembered in memory; the store keeps more.
pub const SESSIONS_MAX: usize = 1_024;
/// Records and spans of one session that are recognised when they come again: more than one export of theirs.
const SEEN_MAX: usize = 1_024;
/// A time that lies further off than this is the clock's fault, and now is taken instead.
const SKEW_PAST_MS: u64 = 7 * 24 * 3_600_000;
const SKEW_FUTURE_MS: u64 = 60_000;

/// How something was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As metrics.
    Metrics,
    /// As log records.
    Logs,
    /// As spans.
    Spans,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Metrics, Self::Logs, Self::Spans];

    /// The word on screen.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Logs => "logs",
            Self::Spans => "spans",
        }
    }
}

/// Whose metrics: an agent's session by its own id. Without one, what the agent tells of no session: Codex's metrics.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The agent's kind.
    pub provider: Provider,
    /// Its own id of the session; `None` is the program as a whole.
    pub session: Option<ProviderSessionId>,
}

/// What is known of one owner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionMetrics {
    /// By [`Way`].
    pub tallies: [Tally; 3],
    /// When something was last told, milliseconds since 1970.
    pub updated_ms: u64,
    /// When something was first told.
    pub since_ms: u64,
    /// Tokens of the last request: what the model's window holds.
    pub context_tokens: f64,
    /// The model of the last request.
    pub context_model: String,
    /// Prompts, minutes and spans, the newest of each.
    pub recent: Recent,
    /// The series that count from a start, for the store.
    cumulative: BTreeSet<SeriesKey>,
    /// The newest records and spans, by their hashes: an export whose answer was lost is sent again.
    seen: VecDeque<u64>,
}

impl SessionMetrics {
    /// The tally of a way.
    pub fn tally(&self, way: Way) -> &Tally {
        let [metrics, logs, spans] = &self.tallies;
        match way {
            Way::Metrics => metrics,
            Way::Logs => logs,
            Way::Spans => spans,
        }
    }

    /// Whether a record is new.
    fn is_new(&mut self, mark: u64) -> bool {
        if self.seen.contains(&mark) {
            return false;
        }
        self.seen.push_back(mark);
        if self.seen.len() > SEEN_MAX {
            self.seen.pop_front();
        }
        true
    }

    fn tally_mut(&mut self, way: Way) -> &mut Tally {
        let [metrics, logs, spans] = &mut self.tallies;
        match way {
            Way::Metrics => metrics,
            Way::Logs => logs,
            Way::Spans => spans,
        }
    }
}

/// All metrics.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    series: AllSeries,
    sessions: BTreeMap<Owner, SessionMetrics>,
    /// What changed since the store was last told.
    unstored: BTreeSet<Owner>,
    /// What changed since it was last shown.
    unshown: BTreeSet<Owner>,
    /// Items of programs that are no agents.
    pub foreign: u64,
    /// Items that were counted.
    pub taken: u64,
    /// Whether the texts of prompts are kept.
    pub keep_prompts: bool,
}

impl Metrics {
    /// Takes an export that came at `now_ms`.
    pub fn take(&mut self, export: &Export, now_ms: u64) {
        for batch in &export.batches {
            match &batch.items {
                Items::Points(points) => points.iter().for_each(|point| self.point(batch, point, now_ms)),
                Items::Logs(logs) => logs.iter().for_each(|log| self.log(batch, log, now_ms)),
                Items::Spans(spans) => spans.iter().for_each(|span| self.span(batch, span, now_ms)),
            }
        }
    }

    /// Whose metrics are known, in order.
    pub fn owners(&self) -> impl Iterator<Item = (&Owner, &SessionMetrics)> {
        self.sessions.iter()
    }

    /// An owner's metrics.
    pub fn get(&self, owner: &Owner) -> Option<&SessionMetrics> {
        self.sessions.get(owner)
    }

    /// Who changed since this was last asked.
    pub fn take_unshown(&mut self) -> BTreeSet<Owner> {
        std::mem::take(&mut self.unshown)
    }

    /// Whether something changed since [`Self::take_unshown`].
    pub fn has_unshown(&self) -> bool {
        !self.unshown.is_empty()
    }

    /// Whether something changed since [`Self::take_unstored`].
    pub fn has_unstored(&self) -> bool {
        !self.unstored.is_empty()
    }

    /// Whether nothing was told yet.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// How many series and sessions are known.
    pub fn footprint(&self) -> (usize, usize) {
        (self.series.len(), self.sessions.len())
    }

    fn point(&mut self, batch: &Batch, point: &Point, now_ms: u64) {
        let Some(owner) = owner_of(batch, &point.attributes, &point.metric) else {
            self.foreign += 1;
            return;
        };
        let sender = owner.session.as_ref().map_or(owner.provider.as_str(), |session| session.0.as_str());
        let sender = match (&owner.session, batch.resource.number("process.pid")) {
            // Two programs of one kind count apart.
            (None, Some(pid)) => format!("{sender} {pid}"),
            _ => sender.to_owned(),
        };
        let key = SeriesKey::of(&sender, point);
        self.taken += 1;
        let Some(growth) = self.series.take(key, point, now_ms) else { return };
        let stored = self.series.to_store(key).is_some();
        let at_ms = now_ms;
        let told = Told { way: Way::Metrics, at_ms, keep_prompts: false };
        let provider = owner.provider;
        let metrics = self.session(owner, now_ms);
        if stored {
            metrics.cumulative.insert(key);
        }
        read::point(provider, metrics, told, point, &growth);
    }

    fn log(&mut self, batch: &Batch, log: &Log, now_ms: u64) {
        let Some(owner) = owner_of(batch, &log.attributes, &log.name) else {
            self.foreign += 1;
            return;
        };
        self.taken += 1;
        let at_ms = plausible(log.time_ns / 1_000_000, now_ms);
        let told = Told { way: Way::Logs, at_ms, keep_prompts: self.keep_prompts };
        let provider = owner.provider;
        let metrics = self.session(owner, now_ms);
        if log.time_ns == 0 || metrics.is_new(series::mark(log.time_ns, &log.name, &log.attributes)) {
            read::log(provider, metrics, told, log);
        }
    }

    fn span(&mut self, batch: &Batch, span: &Span, now_ms: u64) {
        let Some(owner) = owner_of(batch, &span.attributes, &span.name) else {
            self.foreign += 1;
            return;
        };
        self.taken += 1;
        let at_ms = plausible(span.end_ns / 1_000_000, now_ms);
        let told = Told { way: Way::Spans, at_ms, keep_prompts: false };
        let provider = owner.provider;
        let metrics = self.session(owner, now_ms);
        if metrics.is_new(span.trace.rotate_left(17) ^ span.id) {
            read::span(provider, metrics, told, span);
        }
    }

    /// Forgets who was silent longest, while there are too many. Who is not stored yet goes last, and loses what it told
    /// since: a burst of sessions must not take all memory.
    fn make_room(&mut self) {
        let over = (self.sessions.len() + 1).saturating_sub(SESSIONS_MAX);
        if over == 0 {
            return;
        }
        let all = self.sessions.iter();
        let mut places: Vec<(bool, u64, &Owner)> =
            all.map(|(owner, known)| (self.unstored.contains(owner), known.updated_ms, owner)).collect();
        places.sort_unstable();
        let silent: Vec<Owner> = places.into_iter().take(over).map(|(_, _, owner)| owner.clone()).collect();
        silent.iter().for_each(|owner| self.forget(owner));
    }

    /// Forgets an owner.
    pub fn forget(&mut self, owner: &Owner) {
        self.sessions.remove(owner);
        self.unstored.remove(owner);
        self.unshown.remove(owner);
    }

    /// An owner's metrics, which change now.
    fn session(&mut self, owner: Owner, now_ms: u64) -> &mut SessionMetrics {
        if !self.sessions.contains_key(&owner) {
            self.make_room();
        }
        if !self.unstored.contains(&owner) {
            self.unstored.insert(owner.clone());
        }
        if !self.unshown.contains(&owner) {
            self.unshown.insert(owner.clone());
        }
        let metrics = self.sessions.entry(owner).or_default();
        if metrics.since_ms == 0 {
            metrics.since_ms = now_ms;
        }
        metrics.updated_ms = now_ms;
        metrics
    }
}

/// A time that an agent told, or now when its clock is wrong.
fn plausible(told_ms: u64, now_ms: u64) -> u64 {
    let past = now_ms.saturating_sub(SKEW_PAST_MS);
    if (past..=now_ms + SKEW_FUTURE_MS).contains(&told_ms) { told_ms.min(now_ms) } else { now_ms }
}

/// Who sent an item; `None` when it is no agent.
fn owner_of(batch: &Batch, attributes: &Attributes, name: &str) -> Option<Owner> {
    let provider = provider_of(&batch.scope, &batch.resource, name)?;
    // Claude and Gemini name their session in each item, Codex its conversation; a resource only when a user says so.
    let names = ["session.id", "conversation.id", "thread.id", "gen_ai.conversation.id"];
    let told = names.iter().find_map(|name| attributes.text(name));
    let told = told.or_else(|| batch.resource.text("session.id"));
    let session = told.filter(|id| id.len() <= 128).map(|id| ProviderSessionId(id.to_owned()));
    Some(Owner { provider, session })
}

fn provider_of(scope: &str, resource: &Attributes, name: &str) -> Option<Provider> {
    let by = |text: &str| {
        let begins = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
        if begins(&["claude_code", "claude-code", "com.anthropic.claude_code"]) {
            Some(Provider::Claude)
        } else if begins(&["codex"]) {
            Some(Provider::Codex)
        } else if begins(&["gemini_cli", "gemini-cli"]) {
            Some(Provider::Gemini)
        } else {
            None
        }
    };
    by(name).or_else(|| by(scope)).or_else(|| by(resource.text("service.name")?))
}
