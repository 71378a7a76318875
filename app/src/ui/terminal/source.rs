//! Where a view finds its terminal.

use alacritty_terminal::Term;
use alacritty_terminal::event::{EventListener, VoidListener};
use alacritty_terminal::sync::FairMutex;
use alacritty_terminal::vte::ansi::CursorStyle;
use magia_tty::screen::Screen;
use std::sync::Arc;

/// A terminal that is shared with whoever feeds it.
pub trait TerminalSource {
    /// Gets what the emulator has to say.
    type Listener: EventListener;

    /// Runs `work` with the terminal, which is locked for that long: a copy of what is visible, a selection, a piece of
    /// a search. Never I/O.
    fn with<R>(&self, work: impl FnOnce(Locked<'_, Self::Listener>) -> R) -> R;

    /// Ends a synchronized update that takes too long.
    fn end_update(&self) {}
}

/// A terminal in the moment that it is locked.
pub struct Locked<'a, L> {
    /// The emulator.
    pub term: &'a mut Term<L>,
    /// The cursor that the program set; none for the settings' own.
    pub cursor: Option<CursorStyle>,
    /// The number of the synchronized update that goes on: what was drawn last stays until it is over.
    pub update: Option<u64>,
}

/// A bare emulator, whose own configuration has the cursor and whose parser holds updates back.
impl<L: EventListener> TerminalSource for FairMutex<Term<L>> {
    type Listener = L;

    fn with<R>(&self, work: impl FnOnce(Locked<'_, L>) -> R) -> R {
        let mut term = self.lock_unfair();
        let cursor = Some(term.cursor_style());
        work(Locked { term: &mut term, cursor, update: None })
    }
}

impl TerminalSource for FairMutex<Screen> {
    type Listener = VoidListener;

    fn with<R>(&self, work: impl FnOnce(Locked<'_, VoidListener>) -> R) -> R {
        let mut screen = self.lock_unfair();
        let cursor = screen.cursor_style();
        let update = screen.sync_pending().then(|| screen.sync_serial());
        work(Locked { term: screen.term_mut(), cursor, update })
    }

    fn end_update(&self) {
        self.lock_unfair().flush_sync();
    }
}

impl<S: TerminalSource> TerminalSource for Arc<S> {
    type Listener = S::Listener;

    fn with<R>(&self, work: impl FnOnce(Locked<'_, Self::Listener>) -> R) -> R {
        S::with(self, work)
    }

    fn end_update(&self) {
        S::end_update(self);
    }
}
