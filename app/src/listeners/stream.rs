//! Subscriptions: updates go from the hub to every connection that asked for their channel.
//!
//! Publishing never waits and encodes nothing. An update is put into the queue of each subscriber; the thread
//! of the CLI socket makes JSON of it once, when the first of them writes it.

use crate::event_text::event_json;
use magia_core::effect::Update;
use magia_core::event::ReplyId;
use magia_protocol::wire::command::Subscribe;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::Notify;

/// Updates that wait for one subscriber. A burst of a busy minute fits; who is further behind is told so.
pub const QUEUE_MAX: usize = 1024;
/// What they may hold of agents' payloads, which can be 256 KiB each.
const QUEUE_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Taken out of the queue at once, so that a burst costs few writes.
const BATCH: usize = 64;

/// Publishes updates to the subscribers of the CLI socket. Cheap to clone; no call waits.
#[derive(Debug, Clone, Default)]
pub struct Streams(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Channels that somebody listens to, one bit each.
    wanted: AtomicU32,
    subscribers: Mutex<Vec<Arc<Subscriber>>>,
}

#[derive(Debug)]
struct Subscriber {
    reply: ReplyId,
    queue: Mutex<Queue>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// One bit for each channel; none before [`Streams::add`].
    channels: u32,
    waiting: VecDeque<Arc<Item>>,
    bytes: usize,
    lost: u64,
    lost_seq: u64,
    /// Nothing is written yet: what was missed comes first.
    held: bool,
    /// How many were missed and are not there to send, and the first that is.
    lost_before: Option<(u64, u64)>,
    closed: bool,
}

impl Streams {
    /// From now on `to` gets the channels that `params` name, or all. With `params.since` its lines are held until
    /// [`Streams::release`] has put before them what it missed. `false` when it has hung up.
    pub fn add(&self, to: ReplyId, params: &Subscribe) -> bool {
        let channels = match &params.channels {
            None => u32::MAX,
            Some(names) => names.iter().map(|name| channel_bit(name)).fold(0, |all, bit| all | bit),
        };
        let subscribers = self.subscribers();
        let Some(subscriber) = subscribers.iter().find(|one| one.reply == to) else { return false };
        let mut queue = subscriber.queue();
        queue.channels = channels;
        queue.held = params.since.is_some();
        drop(queue);
        self.0.remember_wanted(&subscribers);
        true
    }

    /// Gives a held subscriber what it missed, oldest first, and then what came meanwhile. `lost` is how many were
    /// missed before those: it is told first.
    pub fn release(&self, to: ReplyId, missed: impl IntoIterator<Item = (u64, Update)>, lost: u64) {
        let subscribers = self.subscribers();
        let Some(subscriber) = subscribers.iter().find(|one| one.reply == to) else { return };
        let mut queue = subscriber.queue();
        let mut waiting: VecDeque<Arc<Item>> = missed
            .into_iter()
            .filter(|(_, update)| queue.channels & channel_bit(update.channel()) != 0)
            .map(|(seq, update)| Arc::new(Item::new(seq, update)))
            .collect();
        queue.bytes += waiting.iter().map(|item| item.bytes).sum::<usize>();
        queue.lost_before = (lost > 0).then(|| (lost, waiting.front().map_or(0, |first| first.seq)));
        waiting.append(&mut queue.waiting);
        queue.waiting = waiting;
        queue.held = false;
        drop(queue);
        subscriber.ready.notify_one();
    }

    /// Whether anybody listens to `channel`; when not, its updates need not be made.
    pub fn wants(&self, channel: &str) -> bool {
        self.0.wanted.load(Ordering::Relaxed) & channel_bit(channel) != 0
    }

    /// Tells everybody who listens to the update's channel.
    pub fn publish(&self, seq: u64, update: Update) {
        if !self.wants(update.channel()) {
            return;
        }
        let bit = channel_bit(update.channel());
        let item = Arc::new(Item::new(seq, update));
        for subscriber in self.subscribers().iter() {
            subscriber.push(bit, &item);
        }
    }

    /// How many subscribers there are.
    pub fn subscriber_count(&self) -> usize {
        self.subscribers().iter().filter(|one| one.queue().channels != 0).count()
    }

    /// A place for a requester that may become a subscriber.
    pub(super) fn open(&self, reply: ReplyId) -> Subscription {
        let subscriber = Arc::new(Subscriber { reply, queue: Mutex::default(), ready: Notify::new() });
        self.subscribers().push(Arc::clone(&subscriber));
        Subscription { streams: self.clone(), subscriber }
    }

    /// Lets all subscribers go once they have what waits for them.
    pub(super) fn close(&self) {
        for subscriber in self.subscribers().iter() {
            subscriber.queue().closed = true;
            subscriber.ready.notify_one();
        }
    }

    fn subscribers(&self) -> MutexGuard<'_, Vec<Arc<Subscriber>>> {
        self.0.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn remember_wanted(&self, subscribers: &[Arc<Subscriber>]) {
        let wanted = subscribers.iter().fold(0, |all, one| all | one.queue().channels);
        self.wanted.store(wanted, Ordering::Relaxed);
    }
}

impl Subscriber {
    fn push(&self, channel: u32, item: &Arc<Item>) {
        let mut queue = self.queue();
        if queue.channels & channel == 0 {
            return;
        }
        let full = queue.waiting.len() >= QUEUE_MAX || queue.bytes + item.bytes > QUEUE_MAX_BYTES;
        // Once something was lost, the rest is too until the subscriber has caught up and was told.
        if queue.lost > 0 || (full && !queue.waiting.is_empty()) {
            queue.lost += 1;
            queue.lost_seq = item.seq;
        } else {
            queue.bytes += item.bytes;
            queue.waiting.push_back(Arc::clone(item));
        }
        drop(queue);
        self.ready.notify_one();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A requester's end of its queue; dropping it ends the subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    streams: Streams,
    subscriber: Arc<Subscriber>,
}

impl Subscription {
    /// Appends the next lines, for the request whose id is `id` as JSON. `false` when no more will come. Cancel
    /// safe: nothing is taken before it returns.
    pub(super) async fn next(&self, id: &str, lines: &mut String) -> bool {
        loop {
            if let Some(more) = self.take(id, lines) {
                return more;
            }
            self.subscriber.ready.notified().await;
        }
    }

    /// Whether it was let go after it had all that there was.
    pub(super) fn is_told_all(&self) -> bool {
        let queue = self.subscriber.queue();
        queue.closed && !queue.held && queue.waiting.is_empty() && queue.lost == 0
    }

    /// Whether it was let go before it had anything: what it missed had not been read yet.
    pub(super) fn is_told_nothing(&self) -> bool {
        let queue = self.subscriber.queue();
        queue.closed && queue.held
    }

    fn take(&self, id: &str, lines: &mut String) -> Option<bool> {
        let mut queue = self.subscriber.queue();
        if queue.held {
            return queue.closed.then_some(false);
        }
        if let Some((lost, seq)) = queue.lost_before.take() {
            lines.push_str(&lagged(id, lost, seq));
            return Some(true);
        }
        let len = queue.waiting.len().min(BATCH);
        if len > 0 {
            let batch: Vec<Arc<Item>> = queue.waiting.drain(..len).collect();
            queue.bytes -= batch.iter().map(|item| item.bytes).sum::<usize>();
            drop(queue);
            for item in &batch {
                lines.push_str("{\"id\":");
                lines.push_str(id);
                lines.push_str(item.text());
            }
            return Some(true);
        }
        if queue.lost > 0 {
            let (lost, seq) = (std::mem::take(&mut queue.lost), queue.lost_seq);
            drop(queue);
            lines.push_str(&lagged(id, lost, seq));
            return Some(true);
        }
        queue.closed.then_some(false)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut subscribers = self.streams.subscribers();
        subscribers.retain(|one| !Arc::ptr_eq(one, &self.subscriber));
        self.streams.0.remember_wanted(&subscribers);
    }
}

fn lagged(id: &str, lost: u64, seq: u64) -> String {
    let payload = json!({ "lost": lost });
    format!("{{\"id\":{id},\"event\":\"lagged\",\"seq\":{seq},\"payload\":{payload}}}\n")
}

fn channel_bit(name: &str) -> u32 {
    Update::CHANNELS.iter().position(|channel| *channel == name).map_or(0, |at| 1 << at)
}

/// An update on its way to some subscribers.
#[derive(Debug)]
struct Item {
    seq: u64,
    bytes: usize,
    update: Update,
    /// The line from behind the id on.
    text: OnceLock<String>,
}

impl Item {
    fn new(seq: u64, update: Update) -> Self {
        let bytes = match &update {
            Update::AgentEvent(event) => event.raw.len(),
            _ => 0,
        };
        Self { seq, bytes, update, text: OnceLock::new() }
    }

    fn text(&self) -> &str {
        self.text.get_or_init(|| {
            let payload = match &self.update {
                Update::AgentEvent(event) => event_json(event),
                Update::PermissionRequest(info) => serde_json::to_string(info).unwrap_or_default(),
                Update::LiveSessions(info) => serde_json::to_string(&**info).unwrap_or_default(),
                Update::SessionsChanged(value)
                | Update::SettingsChanged(value)
                | Update::ProvidersChanged(value)
                | Update::ThemesChanged(value)
                | Update::TerminalsChanged(value)
                | Update::NotificationClicked(value)
                | Update::TrayOpenProject(value)
                | Update::TrayThemeChanged(value) => value.to_string(),
                Update::Metrics(info) => serde_json::to_string(info).unwrap_or_default(),
                Update::NotificationsChanged(row) => serde_json::to_string(row).unwrap_or_default(),
                Update::TrayNewSession | Update::TrayMinimizedFirstTime => "null".to_owned(),
            };
            let (event, seq) = (self.update.channel(), self.seq);
            format!(",\"event\":\"{event}\",\"seq\":{seq},\"payload\":{payload}}}\n")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use magia_core::event::AgentEvent;
    use magia_protocol::wire::StreamLine;
    use magia_protocol::wire::info::EventInfo;
    use magia_protocol::wire::{AgentEventKind, Provider, ProviderSessionId};

    fn event(raw: &str, cut: bool) -> Update {
        Update::AgentEvent(Arc::new(AgentEvent {
            seq: 7,
            received_at_ms: 8,
            session: "0199aaaa-bbbb-7ccc-8ddd-eeeeff001122".parse().expect("an id"),
            provider: Provider::Claude,
            provider_session_id: ProviderSessionId("theirs".to_owned()),
            turn: None,
            agent_id: Some("sub".to_owned()),
            kind: AgentEventKind::ToolStarted,
            name: "PreToolUse".to_owned(),
            raw: raw.into(),
            cut,
        }))
    }

    fn lines(streams: &Streams, send: impl FnOnce(&Streams)) -> Vec<StreamLine> {
        let subscription = streams.open(ReplyId(1));
        assert!(streams.add(ReplyId(1), &Subscribe::default()));
        send(streams);
        let mut text = String::new();
        while subscription.take("\"me\"", &mut text).is_some() {}
        text.lines().map(|line| serde_json::from_str(line).expect("a stream line")).collect()
    }

    #[test]
    fn agent_events_have_the_shape_that_requests_return() {
        for (raw, payload) in [
            (r#"{"a": [1, 2]}"#, json!({"a": [1, 2]})),
            ("{\n\"a\":1\n}", json!({"a": 1})),
            (r#"{"a":"cu"#, json!("{\"a\":\"cu")),
        ] {
            let lines = lines(&Streams::default(), |streams| streams.publish(9, event(raw, true)));
            assert_eq!(lines.len(), 1, "{raw}");
            assert_eq!(
                (&lines[0].id, lines[0].event.as_str(), lines[0].seq),
                (&json!("me"), "agent:event", 9)
            );
            let info: EventInfo = serde_json::from_value(lines[0].payload.clone()).expect("an EventInfo");
            assert_eq!((info.payload, info.event.as_str(), info.cut), (payload, "PreToolUse", true));
            assert_eq!((info.seq, info.kind), (7, AgentEventKind::ToolStarted));
        }
    }

    #[test]
    fn who_is_behind_is_told_how_much_was_lost() {
        let lines = lines(&Streams::default(), |streams| {
            for seq in 0..QUEUE_MAX as u64 + 5 {
                streams.publish(seq, Update::SessionsChanged(json!(seq)));
            }
        });
        assert_eq!(lines.len(), QUEUE_MAX + 1);
        let last = lines.last().expect("a line");
        assert_eq!((last.event.as_str(), last.seq), ("lagged", QUEUE_MAX as u64 + 4));
        assert_eq!(last.payload, json!({"lost": 5}));
    }

    #[test]
    fn payloads_that_wait_are_bounded_in_bytes() {
        let raw = format!("\"{}\"", "x".repeat(QUEUE_MAX_BYTES / 4));
        let lines = lines(&Streams::default(), |streams| {
            for seq in 0..6 {
                streams.publish(seq, event(&raw, false));
            }
        });
        assert_eq!(lines.iter().filter(|line| line.event == "agent:event").count(), 3);
        assert_eq!(lines.last().expect("a line").payload, json!({"lost": 3}));
    }

    #[test]
    fn only_wanted_channels_are_made() {
        let streams = Streams::default();
        assert!(!streams.wants("agent:event"));
        let subscription = streams.open(ReplyId(1));
        assert!(!streams.wants("agent:event"), "not subscribed yet");
        let params = Subscribe { since: None, channels: Some(vec!["sessions:changed".to_owned()]) };
        assert!(streams.add(ReplyId(1), &params) && !streams.add(ReplyId(2), &params));
        assert!(streams.wants("sessions:changed") && !streams.wants("agent:event"));
        assert_eq!(streams.subscriber_count(), 1);
        streams.publish(1, event("{}", false));
        streams.publish(2, Update::SessionsChanged(json!(1)));
        let mut text = String::new();
        assert_eq!(subscription.take("1", &mut text), Some(true));
        assert_eq!(text, "{\"id\":1,\"event\":\"sessions:changed\",\"seq\":2,\"payload\":1}\n");
        drop(subscription);
        assert!(!streams.wants("sessions:changed"));
    }

    #[test]
    fn what_was_missed_comes_before_what_came_meanwhile() {
        let streams = Streams::default();
        let subscription = streams.open(ReplyId(1));
        assert!(streams.add(ReplyId(1), &Subscribe { since: Some(1), channels: None }));
        streams.publish(9, Update::SessionsChanged(json!("live")));
        let mut text = String::new();
        assert_eq!(subscription.take("1", &mut text), None, "held");
        let missed = [(7, Update::SessionsChanged(json!("a"))), (8, Update::SessionsChanged(json!("b")))];
        streams.release(ReplyId(1), missed, 5);
        while subscription.take("1", &mut text).is_some() {}
        let lines: Vec<StreamLine> =
            text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
        let shown: Vec<_> =
            lines.iter().map(|line| (line.event.as_str(), line.seq, line.payload.clone())).collect();
        assert_eq!(
            shown,
            [
                ("lagged", 7, json!({"lost": 5})),
                ("sessions:changed", 7, json!("a")),
                ("sessions:changed", 8, json!("b")),
                ("sessions:changed", 9, json!("live")),
            ]
        );
    }
}
