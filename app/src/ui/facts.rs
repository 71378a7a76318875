//! What the smaller panels say, made when the facts change: no frame counts or formats what it drew before.

use super::panels::banners::{Banner, banners};
use super::panels::details::DetailsData;
use super::panels::top_bar::TopBarData;
use super::state::Lookup;
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::SessionId;
use std::sync::Arc;

/// The data of the bar, the banners and the details.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    made_of: Option<(u64, Option<SessionId>)>,
    data: Arc<FactsData>,
}

/// What they say.
#[derive(Debug, Default)]
pub struct FactsData {
    /// The bar at the top.
    pub top_bar: TopBarData,
    /// The banners below it.
    pub banners: Vec<Banner>,
    /// The selected session.
    pub details: Option<DetailsData>,
}

impl Facts {
    /// What is said of a snapshot and the selected session.
    pub fn of(&mut self, snapshot: &Snapshot, selected: Option<SessionId>) -> Arc<FactsData> {
        let now = Some((snapshot.revision, selected));
        if self.made_of != now {
            self.made_of = now;
            self.data = Arc::new(FactsData {
                top_bar: TopBarData::new(snapshot),
                banners: banners(snapshot),
                details: selected
                    .and_then(|id| snapshot.session(id))
                    .map(|session| DetailsData::new(session)),
            });
        }
        Arc::clone(&self.data)
    }
}
