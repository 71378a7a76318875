//! What sessions used: figures, plots, tools, hooks, prompts; of one session, and of all.

mod data;
mod plots;
mod ui;

pub use data::{
    Figure, HookRow, MetricsData, PlotData, PromptRow, SessionRow, SpanBar, ToolRow, UsageRow, prompt_words,
};
pub use ui::{fleet_ui, session_ui};

use magia_core::snapshot::Snapshot;
use magia_protocol::wire::SessionId;

/// The figures and what they were made of.
#[derive(Debug, Default)]
pub struct MetricsPanel {
    data: MetricsData,
    made_of: Option<(u64, Option<SessionId>)>,
}

impl MetricsPanel {
    /// Makes the figures of a session, or of all, anew when the facts changed.
    pub fn refresh(&mut self, snapshot: &Snapshot, session: Option<SessionId>) -> &MetricsData {
        let made_of = Some((snapshot.revision, session));
        if self.made_of != made_of {
            self.made_of = made_of;
            self.data = match session {
                Some(session) => MetricsData::of_session(snapshot, session),
                None => MetricsData::of_fleet(snapshot),
            };
        }
        &self.data
    }
}
