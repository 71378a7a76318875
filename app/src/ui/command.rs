//! The keyboard commands: one enum is shortcut, tooltip and the overlay of `?`.

use eframe::egui::{Event, InputState, Key, Modifiers};

/// What a key can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UiCommand {
    /// The next request that waits.
    NextNeedsYou,
    /// Say yes to the card with the keys.
    Allow,
    /// Say yes, and to its like.
    Always,
    /// Say no, with a reason.
    Deny,
    /// Go to the filter.
    Filter,
    /// One up in the list.
    Up,
    /// One down in the list.
    Down,
    /// Give the session's card the keys.
    Open,
    /// Leave what is open.
    Back,
    /// Find in the timeline.
    Find,
    /// The next place that was found.
    FindNext,
    /// The place before.
    FindBefore,
    /// To the prompt above.
    PromptAbove,
    /// To the prompt below.
    PromptBelow,
    /// A page up in the timeline.
    PageUp,
    /// A page down in the timeline.
    PageDown,
    /// To the beginning of the timeline.
    Start,
    /// To the end of the timeline.
    Follow,
    /// The timeline as Markdown, onto the clipboard.
    CopyTimeline,
    /// Rename the session.
    Rename,
    /// Show or fold the details.
    Details,
    /// Terminals in tabs.
    Terminals,
    /// Start an agent.
    NewSession,
    /// The settings.
    Settings,
    /// This list.
    Shortcuts,
}

/// One way to type a command.
#[derive(Clone, Copy, Debug)]
struct Chord {
    modifiers: Modifiers,
    key: Key,
}

const fn plain(key: Key) -> Chord {
    Chord { modifiers: Modifiers::NONE, key }
}

const fn ctrl(key: Key) -> Chord {
    Chord { modifiers: Modifiers::CTRL, key }
}

const fn with(modifiers: Modifiers, key: Key) -> Chord {
    Chord { modifiers, key }
}

impl UiCommand {
    /// Every command, in the order of the overlay.
    pub const ALL: [Self; 25] = [
        Self::NextNeedsYou,
        Self::Allow,
        Self::Always,
        Self::Deny,
        Self::Up,
        Self::Down,
        Self::Open,
        Self::Back,
        Self::Filter,
        Self::Find,
        Self::FindNext,
        Self::FindBefore,
        Self::PromptAbove,
        Self::PromptBelow,
        Self::PageUp,
        Self::PageDown,
        Self::Start,
        Self::Follow,
        Self::CopyTimeline,
        Self::Rename,
        Self::Details,
        Self::Terminals,
        Self::NewSession,
        Self::Settings,
        Self::Shortcuts,
    ];

    /// What it does, for tooltips and the overlay.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NextNeedsYou => "Next that needs you",
            Self::Allow => "Allow (Ctrl+1 for high risk)",
            Self::Always => "Always allow (Ctrl+2 for high risk)",
            Self::Deny => "Deny...",
            Self::Filter => "Filter sessions",
            Self::Up => "Session above",
            Self::Down => "Session below",
            Self::Open => "Give the request the keys",
            Self::Back => "Back",
            Self::Find => "Find in the timeline",
            Self::FindNext => "Next place found",
            Self::FindBefore => "Place found before",
            Self::PromptAbove => "Prompt above",
            Self::PromptBelow => "Prompt below",
            Self::PageUp => "Page up",
            Self::PageDown => "Page down",
            Self::Start => "Timeline's beginning",
            Self::Follow => "Timeline's end, and follow it",
            Self::CopyTimeline => "Copy the timeline as Markdown",
            Self::Rename => "Rename session",
            Self::Details => "Show or fold the details",
            Self::Terminals => "Terminals, or back to the sessions",
            Self::NewSession => "New session...",
            Self::Settings => "Settings",
            Self::Shortcuts => "Keyboard shortcuts",
        }
    }

    /// Its keys in words.
    pub const fn keys(self) -> &'static str {
        match self {
            Self::NextNeedsYou => "N, F8, Ctrl+J",
            Self::Allow => "1",
            Self::Always => "2",
            Self::Deny => "3",
            Self::Filter => "/, Ctrl+K",
            Self::Up => "Up, K",
            Self::Down => "Down, J",
            Self::Open => "Enter",
            Self::Back => "Esc",
            Self::Find => "Ctrl+F",
            Self::FindNext => "F3, Ctrl+G",
            Self::FindBefore => "Shift+F3",
            Self::PromptAbove => "Alt+Up",
            Self::PromptBelow => "Alt+Down",
            Self::PageUp => "PgUp",
            Self::PageDown => "PgDn",
            Self::Start => "Home",
            Self::Follow => "End",
            Self::CopyTimeline => "Ctrl+Shift+C",
            Self::Rename => "F2",
            Self::Details => "Ctrl+I",
            Self::Terminals => "Ctrl+`",
            Self::NewSession => "Ctrl+N",
            Self::Settings => "Ctrl+,",
            Self::Shortcuts => "?",
        }
    }

    fn chords(self) -> &'static [Chord] {
        const NEXT: &[Chord] = &[plain(Key::N), plain(Key::F8), ctrl(Key::J)];
        const FILTER: &[Chord] = &[plain(Key::Slash), ctrl(Key::K)];
        const FIND: &[Chord] = &[ctrl(Key::F)];
        const FIND_NEXT: &[Chord] = &[plain(Key::F3), ctrl(Key::G)];
        const FIND_BEFORE: &[Chord] = &[with(Modifiers::SHIFT, Key::F3)];
        const PROMPT_ABOVE: &[Chord] = &[with(Modifiers::ALT, Key::ArrowUp)];
        const PROMPT_BELOW: &[Chord] = &[with(Modifiers::ALT, Key::ArrowDown)];
        const PAGE_UP: &[Chord] = &[plain(Key::PageUp)];
        const PAGE_DOWN: &[Chord] = &[plain(Key::PageDown)];
        const START: &[Chord] = &[plain(Key::Home)];
        const COPY: &[Chord] = &[with(Modifiers::CTRL.plus(Modifiers::SHIFT), Key::C)];
        const UP: &[Chord] = &[plain(Key::ArrowUp), plain(Key::K)];
        const DOWN: &[Chord] = &[plain(Key::ArrowDown), plain(Key::J)];
        const OPEN: &[Chord] = &[plain(Key::Enter)];
        const BACK: &[Chord] = &[plain(Key::Escape)];
        const FOLLOW: &[Chord] = &[plain(Key::End)];
        const RENAME: &[Chord] = &[plain(Key::F2)];
        const DETAILS: &[Chord] = &[ctrl(Key::I)];
        const TERMINALS: &[Chord] = &[ctrl(Key::Backtick)];
        const NEW_SESSION: &[Chord] = &[ctrl(Key::N)];
        const SETTINGS: &[Chord] = &[ctrl(Key::Comma)];
        const SHORTCUTS: &[Chord] = &[plain(Key::Questionmark)];
        match self {
            Self::NextNeedsYou => NEXT,
            // Digits are read by `digit`: they know about modifiers and keyboard layouts.
            Self::Allow | Self::Always | Self::Deny => &[],
            Self::Filter => FILTER,
            Self::Up => UP,
            Self::Down => DOWN,
            Self::Open => OPEN,
            Self::Back => BACK,
            Self::Find => FIND,
            Self::FindNext => FIND_NEXT,
            Self::FindBefore => FIND_BEFORE,
            Self::PromptAbove => PROMPT_ABOVE,
            Self::PromptBelow => PROMPT_BELOW,
            Self::PageUp => PAGE_UP,
            Self::PageDown => PAGE_DOWN,
            Self::Start => START,
            Self::Follow => FOLLOW,
            Self::CopyTimeline => COPY,
            Self::Rename => RENAME,
            Self::Details => DETAILS,
            Self::Terminals => TERMINALS,
            Self::NewSession => NEW_SESSION,
            Self::Settings => SETTINGS,
            Self::Shortcuts => SHORTCUTS,
        }
    }

    /// Whether it works while a text field has the keyboard.
    const fn works_in_text(self) -> bool {
        matches!(
            self,
            Self::Back
                | Self::Terminals
                | Self::Filter
                | Self::Settings
                | Self::NextNeedsYou
                | Self::Find
                | Self::FindNext
                | Self::FindBefore
        )
    }

    /// The commands typed in this frame while a terminal has the keyboard: two, which no program is known to need.
    pub fn take_in_terminal(input: &mut InputState) -> Vec<Self> {
        let ours = [(Self::Terminals, ctrl(Key::Backtick)), (Self::NextNeedsYou, plain(Key::F8))];
        ours.into_iter().filter(|(_, chord)| take_chord(input, *chord)).map(|(command, _)| command).collect()
    }

    /// The commands typed in this frame, taken out of the input. `typing` says that a text field has the
    /// keyboard: then only chords with Ctrl and function keys are ours.
    pub fn take(input: &mut InputState, typing: bool) -> Vec<Self> {
        let mut typed = Vec::new();
        for command in Self::ALL {
            for chord in command.chords() {
                let types =
                    chord.modifiers.is_none() && !matches!(chord.key, Key::Escape | Key::F3 | Key::F8);
                if typing && (types || !command.works_in_text()) {
                    continue;
                }
                if take_chord(input, *chord) {
                    typed.push(command);
                }
            }
        }
        typed
    }
}

fn take_chord(input: &mut InputState, chord: Chord) -> bool {
    let mut found = false;
    input.events.retain(|event| match event {
        Event::Key { key, pressed: true, modifiers, .. } if *key == chord.key => {
            let ours = if chord.modifiers.is_none() {
                // `?` and `/` need Shift on many layouts; letters must not have it.
                let shift = modifiers.shift && !matches!(key, Key::Questionmark | Key::Slash);
                !modifiers.ctrl && !modifiers.alt && !modifiers.command && !shift
            } else {
                let wanted = chord.modifiers;
                (modifiers.ctrl, modifiers.alt, modifiers.shift) == (wanted.ctrl, wanted.alt, wanted.shift)
            };
            found |= ours;
            !ours
        }
        _ => true,
    });
    found
}

/// A digit from 1 to 9 that was typed, and whether Ctrl or Shift was held. Repeats are not counted: holding a
/// key must not answer the next card.
pub fn digit(input: &mut InputState) -> Option<(usize, bool)> {
    const DIGITS: [Key; 9] =
        [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];
    let mut typed = None;
    input.events.retain(|event| match event {
        Event::Key { key, physical_key, pressed: true, repeat, modifiers } if !modifiers.alt => {
            let at = |wanted: Option<Key>| DIGITS.iter().position(|digit| Some(*digit) == wanted);
            match at(Some(*key)).or_else(|| at(*physical_key)) {
                Some(position) => {
                    if !repeat {
                        typed = Some((position + 1, modifiers.ctrl || modifiers.shift));
                    }
                    false
                }
                None => true,
            }
        }
        _ => true,
    });
    typed
}
