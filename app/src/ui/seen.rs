//! Whether what waits for keys is on screen. What is wanted but not drawn must not keep keys from the window.

/// Frames until a field that was just opened must have been drawn: its row may have to be scrolled to first.
const GRACE: u8 = 3;

/// What waits for keys: drawn in the last frame, or just opened and not drawn yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    drawn: bool,
    grace: u8,
}

impl Seen {
    /// It was opened: what is typed until its first frame is meant for it.
    pub const fn opened() -> Self {
        Self { drawn: false, grace: GRACE }
    }

    /// It is drawn, in this frame.
    pub const fn drawn() -> Self {
        Self { drawn: true, grace: 0 }
    }

    /// A new frame begins.
    pub const fn begin_frame(&mut self) {
        self.drawn = false;
        self.grace = self.grace.saturating_sub(1);
    }

    /// Whether it is there to take keys.
    pub const fn is_there(self) -> bool {
        self.drawn || self.grace > 0
    }

    /// Whether it was opened and is still to be drawn: another frame shows whether it is.
    pub const fn is_awaited(self) -> bool {
        !self.drawn && self.grace > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_drawn_soon_is_not_there() {
        let mut seen = Seen::opened();
        for _ in 1..GRACE {
            seen.begin_frame();
            assert!(seen.is_there() && seen.is_awaited());
        }
        seen.begin_frame();
        assert!(!seen.is_there() && !seen.is_awaited());
        seen = Seen::drawn();
        assert!(seen.is_there());
        seen.begin_frame();
        assert!(!seen.is_there(), "it has gone from the screen");
    }
}
