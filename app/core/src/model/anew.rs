//! A store that had to be begun anew: what a person would miss is written again.

use super::{Effects, Model};
use crate::effect::{Effect, StoreWrite};
use magia_protocol::wire::TitleSource;

impl Model {
    /// Writes again what the new file lacks: sessions that live, or that a person named or pinned, and requests of which
    /// something may come still.
    pub(super) fn store_begun_anew(&self, fx: &mut Effects) {
        for session in self.sessions.values() {
            let stored = session.stored();
            if !stored.ended || stored.pinned || stored.title_source == TitleSource::User {
                fx.push(Effect::Store(StoreWrite::Session(Box::new(stored))));
            }
        }
        for request in self.requests.all_unsettled() {
            fx.push(Effect::Store(StoreWrite::Request(Box::new(request.stored()))));
        }
    }
}
