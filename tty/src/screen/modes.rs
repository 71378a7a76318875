//! DEC private and ANSI modes: setting, resetting and reporting.

use alacritty_terminal::term::TermMode;
use alacritty_terminal::vte::ansi::{Handler, NamedMode, NamedPrivateMode};

use super::state::State;

/// The private modes that `Term` keeps itself: number, name, bit.
pub(super) const PRIVATE: [(u16, NamedPrivateMode, TermMode); 14] = [
    (1, NamedPrivateMode::CursorKeys, TermMode::APP_CURSOR),
    (6, NamedPrivateMode::Origin, TermMode::ORIGIN),
    (7, NamedPrivateMode::LineWrap, TermMode::LINE_WRAP),
    (25, NamedPrivateMode::ShowCursor, TermMode::SHOW_CURSOR),
    (1000, NamedPrivateMode::ReportMouseClicks, TermMode::MOUSE_REPORT_CLICK),
    (1002, NamedPrivateMode::ReportCellMouseMotion, TermMode::MOUSE_DRAG),
    (1003, NamedPrivateMode::ReportAllMouseMotion, TermMode::MOUSE_MOTION),
    (1004, NamedPrivateMode::ReportFocusInOut, TermMode::FOCUS_IN_OUT),
    (1005, NamedPrivateMode::Utf8Mouse, TermMode::UTF8_MOUSE),
    (1006, NamedPrivateMode::SgrMouse, TermMode::SGR_MOUSE),
    (1007, NamedPrivateMode::AlternateScroll, TermMode::ALTERNATE_SCROLL),
    (1042, NamedPrivateMode::UrgencyHints, TermMode::URGENCY_HINTS),
    (2004, NamedPrivateMode::BracketedPaste, TermMode::BRACKETED_PASTE),
    // Only for the report: the switch is `enter_alternate`.
    (1049, NamedPrivateMode::SwapScreenAndSetRestoreCursor, TermMode::ALT_SCREEN),
];

/// The ANSI modes: number, name, bit.
pub(super) const ANSI: [(u16, NamedMode, TermMode); 2] = [
    (4, NamedMode::Insert, TermMode::INSERT),
    (20, NamedMode::LineFeedNewLine, TermMode::LINE_FEED_NEW_LINE),
];

/// `CSI ? mode h` and `l`.
pub(super) fn set_private(state: &mut State, mode: u16, on: bool) {
    match mode {
        47 | 1047 | 1049 if on => state.enter_alternate(),
        47 | 1047 | 1049 => state.leave_alternate(),
        1048 if on => state.term.save_cursor_position(),
        1048 => state.restore_cursor(),
        12 => state.change_style(|style| style.blinking = on),
        2026 => {
            state.sync = on;
            state.sync_serial += u64::from(on);
        }
        // DECCOLM: no other width, but its clearing.
        3 => {
            state.term.set_private_mode(NamedPrivateMode::ColumnMode.into());
            state.region = 0..usize::from(state.size.rows);
        }
        _ => {
            let Some((_, name, _)) = PRIVATE.iter().find(|(number, ..)| *number == mode) else { return };
            if on {
                state.term.set_private_mode((*name).into());
            } else {
                state.term.unset_private_mode((*name).into());
                if mode == 6 {
                    state.term.goto(0, 0);
                }
            }
        }
    }
}

/// `CSI mode h` and `l`.
pub(super) fn set_ansi(state: &mut State, mode: u16, on: bool) {
    let Some((_, name, _)) = ANSI.iter().find(|(number, ..)| *number == mode) else { return };
    if on {
        state.term.set_mode((*name).into());
    } else {
        state.term.unset_mode((*name).into());
    }
}

/// DECRQM's answer about a private mode: 0 not known, 1 set, 2 reset.
pub(super) fn private_state(state: &State, mode: u16) -> u8 {
    let set = match mode {
        12 => state.style.unwrap_or_default().blinking,
        47 | 1047 => state.has(TermMode::ALT_SCREEN),
        2026 => state.sync,
        _ => match PRIVATE.iter().find(|(number, ..)| *number == mode) {
            Some((_, _, bit)) => state.has(*bit),
            None => return 0,
        },
    };
    if set { 1 } else { 2 }
}

/// DECRQM's answer about an ANSI mode.
pub(super) fn ansi_state(state: &State, mode: u16) -> u8 {
    match ANSI.iter().find(|(number, ..)| *number == mode) {
        Some((_, _, bit)) => {
            if state.has(*bit) {
                1
            } else {
                2
            }
        }
        None => 0,
    }
}
