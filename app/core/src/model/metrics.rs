//! Metrics of the sessions: taken from telemetry, shown at most once a second, stored every few seconds.

use super::commands::{Outcome, to_json};
use super::{Effects, Model};
use crate::effect::{Effect, StoreWrite, Update};
use crate::event::Now;
use crate::metrics::{Metrics, Owner, StoredMetrics, fleet, tokens, tokens_since};
use crate::snapshot::MetricsView;
use crate::telemetry::Export;
use magia_protocol::wire::command::GetSessionMetrics;
use magia_protocol::wire::metrics::{MetricsInfo, OtelPortInfo};
use magia_protocol::wire::{ErrorCode, RpcError, SessionId};
use std::collections::HashMap;
use std::sync::Arc;

/// The least time between two updates of one session: an agent in haste exports every second.
const SHOW_EVERY_MS: u64 = 1_000;
/// How long changes wait for the store. A crash loses so much.
const STORE_EVERY_MS: u64 = 5_000;

/// The metrics and when they are due.
#[derive(Debug, Default)]
pub(super) struct MetricsState {
    all: Metrics,
    port: OtelPortInfo,
    show_at: Option<u64>,
    shown_at: Option<u64>,
    store_at: Option<u64>,
    view: MetricsView,
    /// The session that the view's long part is about.
    viewed: Option<SessionId>,
}

impl MetricsState {
    /// Forgets an owner, and shows the others without it.
    pub(super) fn forget(&mut self, now: Now, owner: &Owner) {
        if self.all.get(owner).is_some() {
            self.all.forget(owner);
            self.show_at = Some(now.mono_ms);
        }
    }

    /// When something is due, by the monotonic clock.
    pub(super) fn next_mono(&self) -> Option<u64> {
        [self.show_at, self.store_at].into_iter().flatten().min()
    }
}

impl Model {
    /// Tokens that telemetry has told of until now, by who told.
    pub(super) fn tokens_told(&self) -> HashMap<Owner, u64> {
        tokens(&self.metrics.all)
    }

    /// Tokens that telemetry has told of since then.
    pub(super) fn tokens_since(&self, before: &HashMap<Owner, u64>) -> u64 {
        tokens_since(&self.metrics.all, before)
    }

    /// An export arrived.
    pub(super) fn telemetry_received(&mut self, now: Now, export: &Export) {
        let state = &mut self.metrics;
        state.all.keep_prompts = self.settings.telemetry_keep_prompts;
        state.all.take(export, now.unix_ms);
        if state.all.has_unshown() && state.show_at.is_none() {
            let earliest = state.shown_at.map_or(0, |at| at + SHOW_EVERY_MS);
            state.show_at = Some(now.mono_ms.max(earliest));
        }
        if state.all.has_unstored() && state.store_at.is_none() {
            state.store_at = Some(now.mono_ms + STORE_EVERY_MS);
        }
    }

    /// The store was read.
    pub(super) fn restore_metrics(&mut self, stored: Vec<StoredMetrics>) {
        stored.into_iter().for_each(|row| self.metrics.all.restore(row));
        if self.metrics.all.has_unshown() {
            self.metrics.show_at = Some(0);
        }
    }

    /// Where telemetry is received.
    pub(super) fn otel_port(&mut self, info: OtelPortInfo) {
        self.metrics.port = info;
        self.views.touch();
    }

    /// Shows and stores what is due.
    pub(super) fn tick_metrics(&mut self, now: Now, fx: &mut Effects) {
        if self.metrics.show_at.is_some_and(|at| at <= now.mono_ms) {
            self.metrics.show_at = None;
            self.metrics.shown_at = Some(now.mono_ms);
            for owner in self.metrics.all.take_unshown() {
                let session = self.session_of(&owner);
                let Some(known) = self.metrics.all.get(&owner) else { continue };
                let info = known.info(&owner, session, false);
                fx.push(Effect::Publish(Update::Metrics(Box::new(info))));
            }
            self.make_metrics_view();
        }
        if self.metrics.store_at.is_some_and(|at| at <= now.mono_ms) {
            self.store_metrics(fx);
        }
    }

    /// Writes what has changed, as at the end of the program.
    pub fn store_metrics(&mut self, fx: &mut Effects) {
        self.metrics.store_at = None;
        let rows = self.metrics.all.take_unstored();
        fx.extend(rows.into_iter().map(|row| Effect::Store(StoreWrite::Metrics(Box::new(row)))));
    }

    /// What the window draws of metrics.
    pub(super) fn metrics_view(&mut self) -> MetricsView {
        if self.metrics.viewed != self.window.selected {
            self.make_metrics_view();
        }
        MetricsView { port: self.metrics.port.clone(), ..self.metrics.view.clone() }
    }

    fn make_metrics_view(&mut self) {
        self.metrics.viewed = self.window.selected;
        if self.program.headless || self.metrics.all.is_empty() {
            return;
        }
        let selected = self.window.selected.and_then(|id| self.session_metrics(id)).map(Arc::new);
        let fleet = Some(Arc::new(fleet(&self.metrics.all, |owner| self.session_of(owner))));
        self.metrics.view = MetricsView { selected, fleet, port: OtelPortInfo::default() };
        self.views.touch();
    }

    pub(super) fn get_session_metrics(&self, params: &GetSessionMetrics) -> Outcome {
        let Some(typed) = &params.session else {
            return to_json(fleet(&self.metrics.all, |owner| self.session_of(owner)));
        };
        let id = match self.session_named(typed) {
            Ok(id) => id,
            // Telemetry may know a session that no hook has told of.
            Err(err) => {
                let mut named = self.metrics.all.owners().filter(|(owner, _)| is_named_by(owner, typed));
                return match (named.next(), named.next()) {
                    (Some((owner, known)), None) => to_json(known.info(owner, self.session_of(owner), true)),
                    _ => Err(err),
                };
            }
        };
        match self.session_metrics(id) {
            Some(info) => to_json(info),
            None => Err(RpcError::new(ErrorCode::NotFound, "this session has sent no telemetry")
                .with_hint("`magia telemetry status` says which agents send some")),
        }
    }

    pub(super) fn get_otel_port(&self) -> Outcome {
        to_json(&self.metrics.port)
    }

    /// Where telemetry is received now.
    pub(super) fn otel_endpoint(&self) -> Option<String> {
        self.metrics.port.endpoint.clone()
    }

    fn session_metrics(&self, id: SessionId) -> Option<MetricsInfo> {
        let session = self.sessions.get(&id)?;
        let provider_session_id = session.provider_session_id.clone();
        let owner = Owner { provider: session.provider, session: Some(provider_session_id) };
        Some(self.metrics.all.get(&owner)?.info(&owner, Some(id), true))
    }

    /// magia's session of an owner; the newest, when several directories have one of that name.
    fn session_of(&self, owner: &Owner) -> Option<SessionId> {
        let key = (owner.provider, owner.session.clone()?);
        self.by_provider_id.get(&key)?.last().copied()
    }
}

fn is_named_by(owner: &Owner, typed: &str) -> bool {
    let typed = typed.trim();
    typed.len() >= 4 && owner.session.as_ref().is_some_and(|session| session.0.starts_with(typed))
}
