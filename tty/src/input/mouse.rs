//! The mouse as programs ask for it: which events (tracking) and how they are written (encoding).

use super::key::{Key, KeyCode, Mods};
use alacritty_terminal::term::TermMode;

/// Which events a program wants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MouseTracking {
    /// None.
    #[default]
    Off,
    /// `CSI ? 9 h`: buttons that go down, without modifiers.
    X10,
    /// `CSI ? 1000 h`: buttons and wheel.
    Clicks,
    /// `CSI ? 1002 h`: and motion while a button is held.
    Drags,
    /// `CSI ? 1003 h`: and all motion.
    Motion,
}

/// How events are written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MouseEncoding {
    /// `CSI M` and three bytes: up to column and line 223.
    #[default]
    Bytes,
    /// `CSI ? 1005 h`: the same as characters, up to 2015.
    Utf8,
    /// `CSI ? 1006 h`: `CSI < button ; column ; line M` or `m`.
    Sgr,
}

/// What a program asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct MouseProtocol {
    /// Which events.
    pub tracking: MouseTracking,
    /// How they are written.
    pub encoding: MouseEncoding,
}

impl From<TermMode> for MouseProtocol {
    fn from(modes: TermMode) -> Self {
        let tracking = if modes.contains(TermMode::MOUSE_MOTION) {
            MouseTracking::Motion
        } else if modes.contains(TermMode::MOUSE_DRAG) {
            MouseTracking::Drags
        } else if modes.contains(TermMode::MOUSE_REPORT_CLICK) {
            MouseTracking::Clicks
        } else {
            MouseTracking::Off
        };
        let encoding = if modes.contains(TermMode::SGR_MOUSE) {
            MouseEncoding::Sgr
        } else if modes.contains(TermMode::UTF8_MOUSE) {
            MouseEncoding::Utf8
        } else {
            MouseEncoding::Bytes
        };
        Self { tracking, encoding }
    }
}

/// A button; each notch of a wheel is one too.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "they are what they are called")]
pub enum MouseButton {
    Left,
    Middle,
    Right,
    WheelUp,
    WheelDown,
    WheelLeft,
    WheelRight,
    Back,
    Forward,
}

impl MouseButton {
    fn code(self) -> u8 {
        match self {
            Self::Left => 0,
            Self::Middle => 1,
            Self::Right => 2,
            Self::WheelUp => 64,
            Self::WheelDown => 65,
            Self::WheelLeft => 66,
            Self::WheelRight => 67,
            Self::Back => 128,
            Self::Forward => 129,
        }
    }

    fn is_wheel(self) -> bool {
        matches!(self, Self::WheelUp | Self::WheelDown | Self::WheelLeft | Self::WheelRight)
    }
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MouseAction {
    /// A button went down, or a wheel turned by a notch.
    Press(MouseButton),
    /// A button went up.
    Release(MouseButton),
    /// The pointer came to another cell, with this button held.
    Move(Option<MouseButton>),
}

/// What happened where.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MouseEvent {
    /// What.
    pub action: MouseAction,
    /// The column from the left, the first is 0.
    pub column: usize,
    /// The line from the top of the screen, the first is 0.
    pub line: usize,
    /// What is held.
    pub mods: Mods,
}

impl MouseProtocol {
    /// Whether the program wants the mouse at all.
    pub fn is_on(self) -> bool {
        self.tracking != MouseTracking::Off
    }

    /// The bytes for an event; none when the program does not want it, or cannot be told of so far a place.
    pub fn report(self, event: MouseEvent) -> Option<Vec<u8>> {
        let held = match event.action {
            MouseAction::Move(held) => held,
            MouseAction::Press(button) | MouseAction::Release(button) => Some(button),
        };
        let moved = matches!(event.action, MouseAction::Move(_));
        let wanted = match (self.tracking, event.action) {
            (MouseTracking::Off, _) => false,
            (_, MouseAction::Release(button)) if button.is_wheel() => false,
            (MouseTracking::X10, MouseAction::Press(button)) => button.code() <= 2,
            (MouseTracking::X10, _) => false,
            (_, MouseAction::Press(_) | MouseAction::Release(_)) => true,
            (MouseTracking::Clicks, MouseAction::Move(_)) => false,
            (MouseTracking::Drags, MouseAction::Move(held)) => held.is_some(),
            (MouseTracking::Motion, MouseAction::Move(_)) => true,
        };
        if !wanted {
            return None;
        }
        let released = matches!(event.action, MouseAction::Release(_));
        let mut code = held.map_or(3, MouseButton::code);
        if released && self.encoding != MouseEncoding::Sgr {
            code = 3;
        }
        if moved {
            code += 32;
        }
        if self.tracking != MouseTracking::X10 {
            for (bit, key) in [(4, Mods::SHIFT), (8, Mods::ALT), (16, Mods::CTRL)] {
                code += if event.mods.has(key) { bit } else { 0 };
            }
        }
        let (column, line) = (event.column + 1, event.line + 1);
        match self.encoding {
            MouseEncoding::Sgr => {
                let last = if released { 'm' } else { 'M' };
                Some(format!("\x1b[<{code};{column};{line}{last}").into_bytes())
            }
            MouseEncoding::Bytes => {
                let byte = |at: usize| u8::try_from(at + 32).ok();
                Some(vec![0x1b, b'[', b'M', code.checked_add(32)?, byte(column)?, byte(line)?])
            }
            MouseEncoding::Utf8 => {
                let letter =
                    |at: usize| char::from_u32(u32::try_from(at + 32).ok().filter(|at| *at < 0x800)?);
                let mut out = String::from("\x1b[M");
                out.push(letter(usize::from(code))?);
                out.push(letter(column)?);
                out.push(letter(line)?);
                Some(out.into_bytes())
            }
        }
    }
}

/// A wheel over a program that has the whole screen and no interest in the mouse: as many arrows as lines, up when
/// positive. None when the modes say otherwise.
pub fn scroll_as_arrows(lines: i32, modes: TermMode) -> Option<Vec<u8>> {
    let wanted = modes.contains(TermMode::ALT_SCREEN | TermMode::ALTERNATE_SCROLL)
        && !modes.intersects(TermMode::MOUSE_MODE);
    let code = if lines > 0 { KeyCode::Up } else { KeyCode::Down };
    let times = usize::try_from(lines.unsigned_abs()).unwrap_or(0);
    wanted.then(|| Key::plain(code).encode(modes).repeat(times))
}
