//! The mouse, the focus and pasted text.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use alacritty_terminal::term::TermMode;
use magia_tty::input::{
    Mods, MouseAction, MouseButton, MouseEvent, MouseProtocol, MouseTracking, focus, paste, scroll_as_arrows,
};
use proptest::prelude::*;

const CLICKS: TermMode = TermMode::MOUSE_REPORT_CLICK;
const DRAGS: TermMode = TermMode::MOUSE_DRAG;
const MOTION: TermMode = TermMode::MOUSE_MOTION;
const SGR: TermMode = TermMode::SGR_MOUSE;

fn event(action: MouseAction, column: usize, line: usize, mods: Mods) -> MouseEvent {
    MouseEvent { action, column, line, mods }
}

fn report(modes: TermMode, event: MouseEvent) -> Option<String> {
    MouseProtocol::from(modes).report(event).map(|bytes| bytes.escape_ascii().to_string())
}

#[test]
fn every_mode() {
    use MouseAction::{Move, Press, Release};
    use MouseButton::{Back, Left, Middle, Right, WheelDown, WheelRight, WheelUp};
    let none = Mods::NONE;
    let table: &[(TermMode, MouseEvent, Option<&str>)] = &[
        (TermMode::empty(), event(Press(Left), 0, 0, none), None),
        (SGR, event(Press(Left), 0, 0, none), None),
        (CLICKS, event(Press(Left), 0, 0, none), Some("\\x1b[M !!")),
        (CLICKS, event(Release(Left), 0, 0, none), Some("\\x1b[M#!!")),
        (CLICKS, event(Press(Right), 9, 4, none), Some("\\x1b[M\\\"*%")),
        (CLICKS, event(Press(WheelUp), 0, 0, none), Some("\\x1b[M`!!")),
        (CLICKS, event(Release(WheelUp), 0, 0, none), None),
        (CLICKS, event(Move(Some(Left)), 0, 0, none), None),
        (CLICKS, event(Press(Left), 223, 0, none), None),
        (CLICKS, event(Press(Left), 222, 0, none), Some("\\x1b[M \\xff!")),
        (CLICKS | SGR, event(Press(Left), 0, 0, none), Some("\\x1b[<0;1;1M")),
        (CLICKS | SGR, event(Release(Middle), 299, 99, none), Some("\\x1b[<1;300;100m")),
        (CLICKS | SGR, event(Press(WheelDown), 1, 2, none), Some("\\x1b[<65;2;3M")),
        (CLICKS | SGR, event(Press(WheelRight), 1, 2, none), Some("\\x1b[<67;2;3M")),
        (CLICKS | SGR, event(Press(Back), 1, 2, none), Some("\\x1b[<128;2;3M")),
        (CLICKS | SGR, event(Press(Left), 0, 0, Mods::SHIFT | Mods::CTRL), Some("\\x1b[<20;1;1M")),
        (CLICKS | SGR, event(Press(Left), 0, 0, Mods::ALT), Some("\\x1b[<8;1;1M")),
        (DRAGS | SGR, event(Move(Some(Left)), 4, 5, none), Some("\\x1b[<32;5;6M")),
        (DRAGS | SGR, event(Move(None), 4, 5, none), None),
        (MOTION | SGR, event(Move(None), 4, 5, none), Some("\\x1b[<35;5;6M")),
        (MOTION, event(Move(None), 0, 0, none), Some("\\x1b[MC!!")),
        (CLICKS | TermMode::UTF8_MOUSE, event(Press(Left), 0, 0, none), Some("\\x1b[M !!")),
        (CLICKS | TermMode::UTF8_MOUSE, event(Press(Left), 299, 0, none), Some("\\x1b[M \\xc5\\x8c!")),
        (CLICKS | TermMode::UTF8_MOUSE, event(Press(Left), 2_015, 0, none), None),
    ];
    for (modes, event, expected) in table {
        assert_eq!(report(*modes, *event).as_deref(), *expected, "{event:?} in {modes:?}");
    }
}

#[test]
fn x10_tells_only_of_buttons_that_go_down() {
    let protocol = MouseProtocol { tracking: MouseTracking::X10, ..MouseProtocol::default() };
    let sent = |action, mods| protocol.report(event(action, 0, 0, mods));
    assert_eq!(sent(MouseAction::Press(MouseButton::Right), Mods::CTRL), Some(b"\x1b[M\"!!".to_vec()));
    assert_eq!(sent(MouseAction::Release(MouseButton::Right), Mods::NONE), None);
    assert_eq!(sent(MouseAction::Press(MouseButton::WheelUp), Mods::NONE), None);
    assert_eq!(sent(MouseAction::Move(Some(MouseButton::Left)), Mods::NONE), None);
}

#[test]
fn a_wheel_becomes_arrows_in_a_pager() {
    let pager = TermMode::ALT_SCREEN | TermMode::ALTERNATE_SCROLL;
    assert_eq!(scroll_as_arrows(2, pager).unwrap(), b"\x1b[A\x1b[A");
    assert_eq!(scroll_as_arrows(-1, pager | TermMode::APP_CURSOR).unwrap(), b"\x1bOB");
    assert_eq!(scroll_as_arrows(1, TermMode::ALT_SCREEN), None);
    assert_eq!(scroll_as_arrows(1, TermMode::ALTERNATE_SCROLL), None);
    assert_eq!(scroll_as_arrows(1, pager | CLICKS), None);
}

#[test]
fn focus_is_told_only_when_asked_for() {
    assert_eq!(focus(true, TermMode::FOCUS_IN_OUT), Some(b"\x1b[I".as_slice()));
    assert_eq!(focus(false, TermMode::FOCUS_IN_OUT), Some(b"\x1b[O".as_slice()));
    assert_eq!(focus(true, TermMode::default()), None);
}

#[test]
fn pasted_text_is_cleaned() {
    let plain = |text: &str| String::from_utf8(paste(text, TermMode::empty())).unwrap();
    assert_eq!(plain("one\ntwo\r\nthree\rfour\t!"), "one\rtwo\rthree\rfour\t!");
    assert_eq!(plain("rm\u{3} \u{1b}[201~x\u{9b}31m\u{7f}"), "rm [201~x31m");
    let bracketed = paste("ls\u{1b}[201~\nrm -rf /\n", TermMode::BRACKETED_PASTE);
    assert_eq!(bracketed, b"\x1b[200~ls[201~\rrm -rf /\r\x1b[201~");
}

proptest! {
    #[test]
    fn a_paste_ends_where_it_ends(text in "(\u{1b}|\\[|2|0|1|~|\u{9b}|[a\n\r\u{0}]|\\PC){0,40}") {
        let bytes = paste(&text, TermMode::BRACKETED_PASTE);
        let inner = &bytes[6..bytes.len() - 6];
        prop_assert!(!inner.contains(&0x1b));
        prop_assert!(std::str::from_utf8(inner).unwrap().chars().all(|it| !it.is_control() || it == '\r' || it == '\t'));
    }
}
