//! What a program's output asks of the terminal's owner.

/// The most events that wait to be taken; further ones are dropped (a Reply and a Title merge into one that waits).
const MOST_EVENTS: usize = 256;
/// The most bytes of replies that wait to be taken. A program that asks without reading gets no more.
const MOST_REPLY_BYTES: usize = 64 * 1024;

/// Something that a program's output asked for, in the order it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScreenEvent {
    /// Bytes for the PTY: the answer to a query. Only the holder writes them, a view drops them.
    Reply(Vec<u8>),
    /// The bell rang.
    Bell,
    /// The window's title, without control characters; empty when it was reset.
    Title(String),
    /// OSC 52: the program wants this text in the clipboard.
    ClipboardStore {
        /// Which clipboard.
        target: ClipboardTarget,
        /// What to put there.
        text: String,
    },
    /// OSC 52: the program wanted to read the clipboard. It got no answer.
    ClipboardLoad,
    /// OSC 9, 777 or 99: a desktop notification.
    Notification {
        /// Its title; empty when the program gave none.
        title: String,
        /// Its text.
        body: String,
    },
    /// OSC 9;4: how far the program is.
    Progress(Progress),
}

/// Which clipboard OSC 52 means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClipboardTarget {
    /// The clipboard (`c`).
    Clipboard,
    /// X11's primary selection (`p` or `s`).
    Primary,
}

/// The progress that OSC 9;4 tells of; percent is 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// No progress any more.
    None,
    /// So many percent.
    Percent(u8),
    /// Failed, at so many percent.
    Error(u8),
    /// Busy, without a percentage.
    Busy,
    /// Paused, at so many percent.
    Paused(u8),
}

/// The events that wait for the owner.
#[derive(Debug, Default)]
pub(super) struct Events {
    waiting: Vec<ScreenEvent>,
    reply_bytes: usize,
}

impl Events {
    pub(super) fn push(&mut self, event: ScreenEvent) {
        let full = self.waiting.len() >= MOST_EVENTS;
        match (&event, self.waiting.last_mut()) {
            (ScreenEvent::Title(_), Some(last @ ScreenEvent::Title(_))) => *last = event,
            (ScreenEvent::Bell, Some(ScreenEvent::Bell)) => {}
            _ if full => {}
            _ => self.waiting.push(event),
        }
    }

    pub(super) fn reply(&mut self, bytes: &[u8]) {
        if self.reply_bytes + bytes.len() > MOST_REPLY_BYTES {
            return;
        }
        if let Some(ScreenEvent::Reply(last)) = self.waiting.last_mut() {
            last.extend_from_slice(bytes);
        } else if self.waiting.len() < MOST_EVENTS {
            self.waiting.push(ScreenEvent::Reply(bytes.to_vec()));
        } else {
            return;
        }
        self.reply_bytes += bytes.len();
    }

    pub(super) fn take(&mut self) -> Vec<ScreenEvent> {
        self.reply_bytes = 0;
        std::mem::take(&mut self.waiting)
    }
}
