//! What waits to be written to one client. Bounded: when a client does not keep up, the output that waits for it is
//! thrown away and it gets a new snapshot once it reads again.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

/// How much output may wait for a client: a second or two of a busy program, and for a while the rest of a screen.
const STREAM_MAX_BYTES: usize = 1024 * 1024;
/// How many other frames may wait, and how long they may be together: heartbeats have any length.
const KEPT_MAX: usize = 256;
const KEPT_MAX_BYTES: usize = 4 * 1024 * 1024;

/// A whole frame; the same one goes to every client.
pub type FrameBytes = Arc<[u8]>;

/// What a client's writer does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Write this. `output_end` is the place after it in the output.
    Write {
        /// The frame.
        frame: FrameBytes,
        /// Up to which place of the output the client has then been told.
        output_end: Option<u64>,
    },
    /// Make a snapshot and put it in: some output was thrown away.
    Snapshot,
    /// Hang up.
    Close,
}

/// The frames that wait.
#[derive(Debug, Default)]
pub struct Outbox {
    state: RefCell<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    stream_bytes: usize,
    kept: usize,
    kept_bytes: usize,
    /// The client must get a snapshot before more output.
    is_behind: bool,
    is_paused: bool,
    /// What waits is the program's last: no word of the client's is waited for any more.
    is_over: bool,
    is_closed: bool,
    /// The client may have acknowledged more than was read of it.
    is_unheard: bool,
    flow: Option<Flow>,
}

#[derive(Debug)]
struct Waiting {
    frame: FrameBytes,
    part: Part,
    output_end: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Output and sizes, which a snapshot replaces.
    Stream,
    /// Written to its end once begun: a slow client would else never get a whole one.
    Snapshot,
    /// All else.
    Kept,
}

/// How far a client is that says how far it is.
#[derive(Debug, Default)]
struct Flow {
    acked: u64,
    sent: u64,
}

/// How much output a client that acknowledges may have before it has dealt with it.
const FLOW_WINDOW_BYTES: u64 = 512 * 1024;

impl Outbox {
    /// Adds a frame that a snapshot would replace. Nothing happens while the client is behind or has paused.
    pub fn stream(&self, frame: &FrameBytes, output_end: Option<u64>) {
        let mut state = self.state.borrow_mut();
        if state.is_behind || state.is_closed {
            return;
        }
        if state.is_paused || state.stream_bytes + frame.len() > STREAM_MAX_BYTES {
            state.fall_behind();
        } else {
            state.stream_bytes += frame.len();
            state.waiting.push_back(Waiting { frame: Arc::clone(frame), part: Part::Stream, output_end });
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Adds a frame that must arrive. A client that lets too many of them wait is hung up on.
    pub fn keep(&self, frame: FrameBytes) {
        let mut state = self.state.borrow_mut();
        if state.kept == KEPT_MAX || state.kept_bytes + frame.len() > KEPT_MAX_BYTES {
            state.is_closed = true;
        } else {
            state.kept += 1;
            state.kept_bytes += frame.len();
            state.waiting.push_back(Waiting { frame, part: Part::Kept, output_end: None });
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Adds a frame of another client, unless many wait already: nobody is hung up on for what others send.
    pub fn relay(&self, frame: FrameBytes) {
        let has_room = {
            let state = self.state.borrow();
            state.kept < KEPT_MAX / 2 && state.kept_bytes + frame.len() <= KEPT_MAX_BYTES / 2
        };
        if has_room {
            self.keep(frame);
        }
    }

    /// Adds the frames of a snapshot at the place `seq`, however long they are: the client is then up to date.
    pub fn snapshot(&self, frames: Vec<FrameBytes>, seq: u64) {
        let mut state = self.state.borrow_mut();
        state.is_behind = false;
        if let Some(flow) = &mut state.flow {
            // It is not told that the client has dealt with it.
            flow.sent = seq;
        }
        for frame in frames {
            state.waiting.push_back(Waiting { frame, part: Part::Snapshot, output_end: None });
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Holds the output back, or lets it go on with a snapshot, which is made also for a client that had not paused: it
    /// wants to see the screen anew.
    pub fn pause(&self, is_paused: bool) {
        let mut state = self.state.borrow_mut();
        state.is_paused = is_paused;
        if !is_paused {
            state.fall_behind();
        }
        drop(state);
        self.changed.notify_one();
    }

    /// The client has dealt with the output up to `place`.
    pub fn acknowledge(&self, place: u64) {
        let mut state = self.state.borrow_mut();
        let flow = state.flow.get_or_insert(Flow { acked: place, sent: place });
        flow.acked = flow.acked.max(place);
        drop(state);
        self.changed.notify_one();
    }

    /// Whether nothing more is read of the client for now, so that none of its acknowledgements is waited for.
    pub fn unheard(&self, is_unheard: bool) {
        self.state.borrow_mut().is_unheard = is_unheard;
        self.changed.notify_one();
    }

    /// The program has ended: what waits is written without another word of the client's.
    pub fn end(&self) {
        self.state.borrow_mut().is_over = true;
        self.changed.notify_one();
    }

    /// Whether some output was thrown away, so that what comes next makes no sense without a snapshot.
    pub fn is_behind(&self) -> bool {
        self.state.borrow().is_behind
    }

    /// Hangs up after what waits has been written.
    pub fn close(&self) {
        self.state.borrow_mut().is_closed = true;
        self.changed.notify_one();
    }

    /// Waits for something to do.
    pub async fn next(&self) -> Next {
        loop {
            let changed = self.changed.notified();
            if let Some(next) = self.state.borrow_mut().next() {
                return next;
            }
            changed.await;
        }
    }
}

impl State {
    fn fall_behind(&mut self) {
        self.waiting.retain(|waiting| waiting.part != Part::Stream);
        self.stream_bytes = 0;
        self.is_behind = true;
    }

    fn next(&mut self) -> Option<Next> {
        let held = self.is_window_full();
        let is_ready = |waiting: &Waiting| !(held && waiting.output_end.is_some());
        if let Some(waiting) = self.waiting.pop_front_if(|waiting| is_ready(waiting)) {
            match waiting.part {
                Part::Stream => self.stream_bytes -= waiting.frame.len(),
                Part::Snapshot => {}
                Part::Kept => {
                    self.kept -= 1;
                    self.kept_bytes -= waiting.frame.len();
                }
            }
            if let (Some(flow), Some(end)) = (&mut self.flow, waiting.output_end) {
                flow.sent = flow.sent.max(end);
            }
            return Some(Next::Write { frame: waiting.frame, output_end: waiting.output_end });
        }
        if self.is_closed {
            return Some(Next::Close);
        }
        (self.is_behind && !self.is_paused && !held).then_some(Next::Snapshot)
    }

    fn is_window_full(&self) -> bool {
        !self.is_over
            && !self.is_closed
            && !self.is_unheard
            && self
                .flow
                .as_ref()
                .is_some_and(|flow| flow.sent.saturating_sub(flow.acked) >= FLOW_WINDOW_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize) -> FrameBytes {
        vec![0; len].into()
    }

    fn now(outbox: &Outbox) -> Option<Next> {
        outbox.state.borrow_mut().next()
    }

    fn written(outbox: &Outbox) -> usize {
        match now(outbox) {
            Some(Next::Write { frame, .. }) => frame.len(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_falls_behind_gets_a_snapshot_and_loses_nothing_else() {
        let outbox = Outbox::default();
        outbox.stream(&frame(STREAM_MAX_BYTES), Some(1));
        outbox.keep(frame(7));
        outbox.stream(&frame(1), Some(2));
        outbox.stream(&frame(1), Some(3));
        assert_eq!(written(&outbox), 7);
        assert_eq!(now(&outbox), Some(Next::Snapshot));
        outbox.snapshot(vec![frame(2 * STREAM_MAX_BYTES), frame(5)], 3);
        outbox.stream(&frame(9), Some(4));
        outbox.stream(&frame(STREAM_MAX_BYTES), Some(5));
        assert_eq!(
            (written(&outbox), written(&outbox)),
            (2 * STREAM_MAX_BYTES, 5),
            "a snapshot is never cut"
        );
        assert_eq!(now(&outbox), Some(Next::Snapshot));
        outbox.snapshot(vec![frame(5)], 5);
        outbox.stream(&frame(9), Some(6));
        assert_eq!((written(&outbox), written(&outbox), now(&outbox)), (5, 9, None));
    }

    #[test]
    fn a_pause_ends_with_a_snapshot() {
        let outbox = Outbox::default();
        outbox.pause(false);
        assert_eq!(now(&outbox), Some(Next::Snapshot));
        outbox.snapshot(Vec::new(), 0);
        assert_eq!(now(&outbox), None);
        outbox.pause(true);
        outbox.stream(&frame(1), Some(1));
        assert_eq!(now(&outbox), None);
        outbox.pause(false);
        assert_eq!(now(&outbox), Some(Next::Snapshot));
    }

    #[test]
    fn who_acknowledges_gets_no_more_than_the_window() {
        let outbox = Outbox::default();
        outbox.acknowledge(0);
        outbox.stream(&frame(9), Some(FLOW_WINDOW_BYTES));
        outbox.stream(&frame(8), Some(FLOW_WINDOW_BYTES + 1));
        assert_eq!((written(&outbox), now(&outbox)), (9, None));
        outbox.acknowledge(1);
        assert_eq!((written(&outbox), now(&outbox)), (8, None));
        outbox.stream(&frame(2 * STREAM_MAX_BYTES), Some(3 * FLOW_WINDOW_BYTES));
        assert_eq!(now(&outbox), None, "not even a snapshot, as long as the window is full");
        outbox.acknowledge(2);
        assert_eq!(now(&outbox), Some(Next::Snapshot));
        outbox.snapshot(vec![frame(5)], 3 * FLOW_WINDOW_BYTES);
        outbox.stream(&frame(7), Some(3 * FLOW_WINDOW_BYTES + 1));
        assert_eq!((written(&outbox), now(&outbox)), (5, None), "a snapshot is to be dealt with too");
    }

    #[test]
    fn who_is_not_heard_need_not_acknowledge() {
        let outbox = Outbox::default();
        outbox.acknowledge(0);
        outbox.stream(&frame(9), Some(FLOW_WINDOW_BYTES));
        outbox.stream(&frame(8), Some(2 * FLOW_WINDOW_BYTES));
        outbox.stream(&frame(7), Some(3 * FLOW_WINDOW_BYTES));
        assert_eq!((written(&outbox), now(&outbox)), (9, None));
        outbox.unheard(true);
        assert_eq!(written(&outbox), 8);
        outbox.unheard(false);
        outbox.acknowledge(FLOW_WINDOW_BYTES);
        assert_eq!(now(&outbox), None, "what was sent meanwhile counts");
        outbox.acknowledge(2 * FLOW_WINDOW_BYTES);
        assert_eq!((written(&outbox), now(&outbox)), (7, None));
    }

    #[test]
    fn the_end_does_not_wait_for_the_window() {
        let full = || {
            let outbox = Outbox::default();
            outbox.acknowledge(0);
            outbox.stream(&frame(9), Some(FLOW_WINDOW_BYTES));
            outbox.stream(&frame(8), Some(FLOW_WINDOW_BYTES + 1));
            outbox.keep(frame(7));
            assert_eq!((written(&outbox), now(&outbox)), (9, None));
            outbox
        };
        let outbox = full();
        outbox.close();
        assert_eq!((written(&outbox), written(&outbox), now(&outbox)), (8, 7, Some(Next::Close)));
        let outbox = full();
        outbox.end();
        outbox.acknowledge(1);
        outbox.stream(&frame(6), Some(3 * FLOW_WINDOW_BYTES));
        assert_eq!((written(&outbox), written(&outbox), written(&outbox)), (8, 7, 6));
        outbox.stream(&frame(STREAM_MAX_BYTES + 1), Some(4 * FLOW_WINDOW_BYTES));
        assert!(outbox.is_behind());
        assert_eq!(now(&outbox), Some(Next::Snapshot));
    }

    #[test]
    fn what_other_clients_send_hangs_up_on_nobody() {
        let outbox = Outbox::default();
        for _ in 0..3 * KEPT_MAX {
            outbox.relay(frame(1));
        }
        outbox.keep(frame(2));
        for _ in 0..KEPT_MAX / 2 {
            assert_eq!(written(&outbox), 1);
        }
        assert_eq!((written(&outbox), now(&outbox)), (2, None), "the rest is not told, what is ours is");
        outbox.relay(frame(KEPT_MAX_BYTES));
        assert_eq!(now(&outbox), None);
    }

    #[test]
    fn who_never_reads_is_hung_up_on_in_the_end() {
        let outbox = Outbox::default();
        for _ in 0..=KEPT_MAX {
            outbox.keep(frame(1));
        }
        for _ in 0..KEPT_MAX {
            assert_eq!(written(&outbox), 1);
        }
        assert_eq!(now(&outbox), Some(Next::Close));
    }
}
