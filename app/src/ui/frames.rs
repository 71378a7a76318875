//! Notes when frames were drawn, for whoever asks why the window is slow: `MAGIA_LOG=magia_app::ui::frames=trace`.
//!
//! A line for each frame, as `frame since_us=21034 built_us=3120 facts_ms=9`: from the begin of the last frame, how
//! long this one took to build (painting not included), and how old its facts were when it began.

use std::time::Instant;

/// The frames' times.
#[derive(Debug, Default)]
pub struct Frames {
    last: Option<Instant>,
}

impl Frames {
    /// A frame begins; `None` unless the log wants to know.
    pub fn begin(&mut self) -> Option<Frame> {
        if !tracing::enabled!(tracing::Level::TRACE) {
            return None;
        }
        let begun = Instant::now();
        let since = self.last.replace(begun).map(|last| begun - last);
        Some(Frame { begun, since_us: since.map_or(0, |since| since.as_micros()) })
    }
}

/// A frame that is noted.
#[derive(Debug)]
pub struct Frame {
    begun: Instant,
    since_us: u128,
}

impl Frame {
    /// It is built, of facts that were so old when it began, in milliseconds.
    pub fn end(self, facts_ms: u64) {
        let built_us = self.begun.elapsed().as_micros();
        tracing::trace!(since_us = self.since_us, built_us, facts_ms, "frame");
    }
}
