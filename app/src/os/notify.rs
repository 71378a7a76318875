//! Desktop notifications.

use magia_core::effect::Notice;
use magia_protocol::wire::RequestId;

/// Shows notifications.
#[derive(Debug)]
pub struct Notifier;

use crossbeam_channel::Sender;
use magia_core::event::Event;

impl Notifier {
    /// Starts.
    pub fn start(_events: Sender<Event>) -> Option<Self> {
        Some(Self)
    }

    /// Shows.
    pub fn show(&self, _notice: Notice) {}
    /// Withdraws.
    pub fn withdraw(&self, _request: RequestId) {}
}
