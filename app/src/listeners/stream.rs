//! Subscriptions: updates go from the hub to every connection that asked for their channel.
//!
//! Publishing never waits and encodes nothing. An update is put into the queue of each subscriber; the thread
//! of the CLI socket makes JSON of it once, when the first of them writes it.

use super::replay::{Gap, Missing, Next, Replay, Wish};
use crate::event_text::event_json;
use crossbeam_channel::{Receiver, Sender, bounded};
use magia_core::effect::Update;
use magia_core::event::{AgentEvent, ReplyId};
use magia_protocol::wire::command::Subscribe;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::Notify;

/// Updates that wait for one subscriber. A burst of a busy minute fits; who is further behind is told so.
pub const QUEUE_MAX: usize = 1024;
/// What they may hold of agents' payloads, which can be 256 KiB each.
const QUEUE_MAX_BYTES: usize = 8 * 1024 * 1024;
/// The channel of what a store can give again.
const AGENT_EVENT: &str = "agent:event";
/// Taken out of the queue at once, so that a burst costs few writes.
const BATCH: usize = 64;

/// Publishes updates to the subscribers of the CLI socket. Cheap to clone; no call waits.
#[derive(Debug, Clone, Default)]
pub struct Streams(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Channels that somebody listens to, one bit each.
    wanted: AtomicU32,
    subscribers: Mutex<Vec<Arc<Subscriber>>>,
    /// The turn of whoever wants the next page of what it missed.
    turns: AtomicU64,
    /// That somebody waits for a page. One is enough: who hears of it looks who.
    pages: (Sender<()>, Receiver<()>),
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            wanted: AtomicU32::default(),
            subscribers: Mutex::default(),
            turns: AtomicU64::default(),
            pages: bounded(1),
        }
    }
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
    /// What it missed comes first.
    replay: Option<Replay>,
    closed: bool,
}

impl Streams {
    /// From now on `to` gets the channels that `params` name, or all. With `params.since` it gets first what it missed
    /// up to the event `newest`, as [`Streams::give`] brings it. `false` when it has hung up.
    pub fn add(&self, to: ReplyId, params: &Subscribe, newest: u64) -> bool {
        let channels = match &params.channels {
            None => u32::MAX,
            Some(names) => names.iter().map(|name| channel_bit(name)).fold(0, |all, bit| all | bit),
        };
        let subscribers = self.subscribers();
        let Some(subscriber) = subscribers.iter().find(|one| one.reply == to) else { return false };
        let mut queue = subscriber.queue();
        queue.channels = channels;
        queue.replay = params
            .since
            .filter(|_| channels & channel_bit(AGENT_EVENT) != 0)
            .map(|since| Replay::new(since, newest));
        drop(queue);
        self.0.remember_wanted(&subscribers);
        // It may have looked already.
        subscriber.ready.notify_one();
        true
    }

    /// Hears when a subscriber waits for a page of what it missed.
    pub fn pages(&self) -> Receiver<()> {
        self.0.pages.1.clone()
    }

    /// The page that is wanted next, in turn.
    pub fn next_page(&self) -> Option<Wish> {
        let mut wanted = Vec::new();
        for subscriber in self.subscribers().iter() {
            let queue = subscriber.queue();
            if let Some(replay) = &queue.replay
                && let Some(turn) = replay.turn
            {
                wanted.push((turn, replay.wish(subscriber.reply)));
            }
        }
        if wanted.len() > 1 {
            self.0.want_page();
        }
        wanted.into_iter().min_by_key(|(turn, _)| *turn).map(|(_, wish)| wish)
    }

    /// Gives a subscriber the page that it wished for, oldest first: the first that the store has of those events.
    /// Without any it has no more of them, or it was not `readable`.
    pub fn give(&self, wish: &Wish, events: Vec<AgentEvent>, readable: bool) {
        let Some(subscriber) = self.subscriber(wish.to) else { return };
        if let Some(replay) = &mut subscriber.queue().replay {
            replay.take_page(wish, events, readable);
        }
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

    fn subscriber(&self, reply: ReplyId) -> Option<Arc<Subscriber>> {
        self.subscribers().iter().find(|one| one.reply == reply).cloned()
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

    fn want_page(&self) {
        // When it is full, somebody will look anyway.
        let _ = self.pages.0.try_send(());
    }
}

impl Subscriber {
    fn push(&self, channel: u32, item: &Arc<Item>) {
        let mut queue = self.queue();
        if queue.channels & channel == 0 {
            return;
        }
        if let (Some(replay), Update::AgentEvent(_)) = (&mut queue.replay, &item.update) {
            replay.note(item.seq);
            drop(queue);
            self.ready.notify_one();
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
        queue.closed && queue.replay.is_none() && queue.waiting.is_empty() && queue.lost == 0
    }

    /// The event up to which it was told, when it was let go before it had all that it missed.
    pub(super) fn told_of_missed(&self) -> Option<u64> {
        let queue = self.subscriber.queue();
        queue.replay.as_ref().filter(|_| queue.closed).map(Replay::told)
    }

    fn take(&self, id: &str, lines: &mut String) -> Option<bool> {
        let mut queue = self.subscriber.queue();
        let Queue { replay, waiting, bytes, closed, .. } = &mut *queue;
        if let Some(missed) = replay {
            if *closed {
                return Some(false);
            }
            match missed.next(waiting, BATCH) {
                Next::Gap(gap) => {
                    gap.say(id, lines);
                    return Some(true);
                }
                Next::Lines(batch) => {
                    drop(queue);
                    say(&batch, id, lines);
                    return Some(true);
                }
                Next::Page => {
                    if missed.turn.is_none() {
                        missed.turn = Some(self.streams.0.turns.fetch_add(1, Ordering::Relaxed));
                        drop(queue);
                        self.streams.0.want_page();
                    }
                    return None;
                }
                Next::Over => *replay = None,
            }
        }
        let len = waiting.len().min(BATCH);
        if len > 0 {
            let batch: Vec<Arc<Item>> = waiting.drain(..len).collect();
            *bytes -= batch.iter().map(|item| item.bytes).sum::<usize>();
            drop(queue);
            say(&batch, id, lines);
            return Some(true);
        }
        if queue.lost > 0 {
            let gap = Gap { lost: std::mem::take(&mut queue.lost), seq: queue.lost_seq, why: Missing::Slow };
            drop(queue);
            gap.say(id, lines);
            return Some(true);
        }
        queue.closed.then_some(false)
    }
}

fn say(batch: &[Arc<Item>], id: &str, lines: &mut String) {
    for item in batch {
        lines.push_str("{\"id\":");
        lines.push_str(id);
        lines.push_str(item.text());
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut subscribers = self.streams.subscribers();
        subscribers.retain(|one| !Arc::ptr_eq(one, &self.subscriber));
        self.streams.0.remember_wanted(&subscribers);
    }
}

fn channel_bit(name: &str) -> u32 {
    Update::CHANNELS.iter().position(|channel| *channel == name).map_or(0, |at| 1 << at)
}

/// An update on its way to some subscribers.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) seq: u64,
    bytes: usize,
    update: Update,
    /// The line from behind the id on.
    text: OnceLock<String>,
}

impl Item {
    pub(super) fn new(seq: u64, update: Update) -> Self {
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
    use magia_protocol::wire::StreamLine;
    use magia_protocol::wire::info::EventInfo;
    use magia_protocol::wire::{AgentEventKind, Provider, ProviderSessionId};
    use serde_json::json;

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
        assert!(streams.add(ReplyId(1), &Subscribe::default(), 0));
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
        assert_eq!(last.payload, json!({"lost": 5, "reason": "slow"}));
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
        assert_eq!(lines.last().expect("a line").payload, json!({"lost": 3, "reason": "slow"}));
    }

    #[test]
    fn only_wanted_channels_are_made() {
        let streams = Streams::default();
        assert!(!streams.wants("agent:event"));
        let subscription = streams.open(ReplyId(1));
        assert!(!streams.wants("agent:event"), "not subscribed yet");
        let params = Subscribe { since: None, channels: Some(vec!["sessions:changed".to_owned()]) };
        assert!(streams.add(ReplyId(1), &params, 0) && !streams.add(ReplyId(2), &params, 0));
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

    /// One who has all up to `since` of ten events.
    fn behind(streams: &Streams, since: u64) -> Subscription {
        let subscription = streams.open(ReplyId(1));
        assert!(streams.add(ReplyId(1), &Subscribe { since: Some(since), channels: None }, 10));
        subscription
    }

    fn stored(seqs: impl IntoIterator<Item = u64>) -> Vec<AgentEvent> {
        let numbered = |seq| {
            let Update::AgentEvent(event) = event("{}", false) else { unreachable!() };
            AgentEvent { seq, ..(*event).clone() }
        };
        seqs.into_iter().map(numbered).collect()
    }

    /// What it is given until it has to wait: a number, or how many are missing and why.
    fn told(subscription: &Subscription) -> Vec<String> {
        let mut text = String::new();
        while subscription.take("1", &mut text) == Some(true) {}
        let told = |line: StreamLine| match line.event.as_str() {
            "agent:event" => line.seq.to_string(),
            "lagged" => {
                format!(
                    "{} {} {}",
                    line.seq,
                    line.payload["lost"],
                    line.payload["reason"].as_str().expect("")
                )
            }
            _ => format!("{} {}", line.seq, line.payload.as_str().expect("a word")),
        };
        text.lines().map(|line| told(serde_json::from_str(line).expect("a line"))).collect()
    }

    #[test]
    fn what_was_missed_comes_in_pages_and_in_order() {
        let streams = Streams::default();
        let subscription = behind(&streams, 5);
        streams.publish(10, Update::SessionsChanged(json!("meanwhile")));
        assert!(streams.next_page().is_none(), "it has not asked");
        assert!(told(&subscription).is_empty());
        assert_eq!(streams.pages().try_recv(), Ok(()));
        let wish = streams.next_page().expect("a wish");
        assert_eq!((wish.after, wish.until), (5, 10));
        // This comes live to others; it will have it with a later page.
        let Update::AgentEvent(eleventh) = event("{}", false) else { unreachable!() };
        streams.publish(11, Update::AgentEvent(Arc::new(AgentEvent { seq: 11, ..(*eleventh).clone() })));
        streams.publish(11, Update::SessionsChanged(json!("later")));
        streams.give(&wish, stored(6..=8), true);
        assert!(streams.next_page().is_none(), "it has a page");
        assert_eq!(told(&subscription), ["6", "7", "8"]);
        let wish = streams.next_page().expect("a wish");
        assert_eq!((wish.after, wish.until), (8, 11));
        streams.give(&wish, stored(9..=11), true);
        assert_eq!(told(&subscription), ["9", "10", "10 meanwhile", "11", "11 later"]);
        streams.publish(12, Update::SessionsChanged(json!("live")));
        assert_eq!(told(&subscription), ["12 live"]);
        assert!(streams.next_page().is_none());
    }

    #[test]
    fn what_is_not_there_any_more_is_said_with_its_reason() {
        let check = |events: Vec<AgentEvent>, readable: bool, expect: &[&str], after: Option<u64>| {
            let streams = Streams::default();
            let subscription = behind(&streams, 2);
            assert!(told(&subscription).is_empty());
            let wish = streams.next_page().expect("a wish");
            streams.give(&wish, events, readable);
            assert_eq!(told(&subscription), expect);
            assert_eq!(streams.next_page().map(|wish| wish.after), after);
        };
        check(stored(8..=10), true, &["7 5 gone", "8", "9", "10"], None);
        check(stored([3, 7]), true, &["2 3 gone", "3", "7"], Some(7));
        check(Vec::new(), true, &["10 8 gone"], None);
        check(Vec::new(), false, &["10 8 unreadable"], None);
        check(stored([3]), false, &["3"], Some(3));
    }

    #[test]
    fn who_waits_for_a_page_has_its_turn() {
        let streams = Streams::default();
        let subscriptions: Vec<_> = (1..=3).map(|number| streams.open(ReplyId(number))).collect();
        let since = Subscribe { since: Some(0), channels: Some(vec![AGENT_EVENT.to_owned()]) };
        for number in 1..=3 {
            assert!(streams.add(ReplyId(number), &since, 10));
        }
        for number in [2, 0, 1] {
            assert!(told(&subscriptions[number]).is_empty());
        }
        let mut served = Vec::new();
        while streams.pages().try_recv().is_ok() {
            let wish = streams.next_page().expect("a wish");
            streams.give(&wish, stored([1]), true);
            served.push(wish.to.0);
        }
        assert_eq!(served, [3, 1, 2]);
    }

    #[test]
    fn a_number_that_no_event_has_yet_means_from_now_on() {
        let streams = Streams::default();
        let subscription = behind(&streams, 99);
        let Update::AgentEvent(next) = event("{}", false) else { unreachable!() };
        streams.publish(11, Update::AgentEvent(Arc::new(AgentEvent { seq: 11, ..(*next).clone() })));
        assert!(told(&subscription).is_empty());
        let wish = streams.next_page().expect("a wish");
        assert_eq!((wish.after, wish.until), (10, 11));
    }

    #[test]
    fn who_is_let_go_before_it_has_all_says_where_to_go_on() {
        let streams = Streams::default();
        let subscription = behind(&streams, 2);
        assert!(told(&subscription).is_empty());
        let wish = streams.next_page().expect("a wish");
        streams.give(&wish, stored(3..=5), true);
        assert_eq!(told(&subscription), ["3", "4", "5"]);
        streams.close();
        assert_eq!(subscription.take("1", &mut String::new()), Some(false));
        assert_eq!((subscription.is_told_all(), subscription.told_of_missed()), (false, Some(5)));
    }
}
