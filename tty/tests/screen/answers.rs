//! What a program's queries are answered with, and what else its output asks for.

use magia_tty::screen::{ClipboardTarget, Palette, Progress, Screen, ScreenEvent, Size};

use crate::compare::{SIZE, screen};

/// The events of some output.
fn events(bytes: &[u8]) -> Vec<ScreenEvent> {
    screen(bytes).take_events()
}

/// The reply to some output.
fn reply(bytes: &[u8]) -> String {
    match events(bytes).as_slice() {
        [ScreenEvent::Reply(bytes)] => bytes.escape_ascii().to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn queries_are_answered() {
    let table: [(&[u8], &str); 31] = [
        (b"\x1b[c", r"\x1b[?62;22c"),
        (b"\x1b[>c", r"\x1b[>0;2600;1c"),
        (b"\x1bZ", r"\x1b[?62;22c"),
        (b"\x1b[5n", r"\x1b[0n"),
        (b"\x1b[3;4H\x1b[6n", r"\x1b[3;4R"),
        (b"\x1b[2;5r\x1b[?6h\x1b[2;4H\x1b[6n", r"\x1b[2;4R"),
        (b"\x1b[?6n", r"\x1b[?1;1;1R"),
        (b"\x1b[14t", r"\x1b[4;108;180t"),
        (b"\x1b[16t", r"\x1b[6;18;9t"),
        (b"\x1b[18t", r"\x1b[8;6;20t"),
        (b"\x1b[?25$p", r"\x1b[?25;1$y"),
        (b"\x1b[?2004$p", r"\x1b[?2004;2$y"),
        (b"\x1b[?2026h\x1b[?2026$p", r"\x1b[?2026;1$y"),
        (b"\x1b[?2031$p", r"\x1b[?2031;0$y"),
        (b"\x1b[4h\x1b[4$p", r"\x1b[4;1$y"),
        (b"\x1b[2$p", r"\x1b[2;0$y"),
        (b"\x1b[?u", r"\x1b[?0u"),
        (b"\x1b[>5u\x1b[?u", r"\x1b[?5u"),
        (b"\x1b[>5u\x1b[<u\x1b[?u", r"\x1b[?0u"),
        (b"\x1b[>4;2m\x1b[?4m", r"\x1b[>4;2m"),
        (b"\x1b[>q", concat!(r"\x1bP>|magia(", env!("CARGO_PKG_VERSION"), r")\x1b\\")),
        (b"\x1b]10;?\x07", r"\x1b]10;rgb:d8d8/d8d8/d8d8\x07"),
        (b"\x1b]11;?\x1b\\", r"\x1b]11;rgb:1818/1818/1818\x1b\\"),
        (b"\x1b]4;1;#102030\x07\x1b]4;1;?\x07", r"\x1b]4;1;rgb:1010/2020/3030\x07"),
        (b"\x1b]4;232;?\x07", r"\x1b]4;232;rgb:0808/0808/0808\x07"),
        (b"\x1b]4;21;?\x07", r"\x1b]4;21;rgb:0000/0000/ffff\x07"),
        (b"\x1bP$qm\x1b\\", r"\x1bP1$r0m\x1b\\"),
        (b"\x1b[1;4:3;38;5;9m\x1bP$qm\x1b\\", r"\x1bP1$r0;1;4:3;38;5;9m\x1b\\"),
        (b"\x1bP$qx\x1b\\", r"\x1bP0$r\x1b\\"),
        (b"\x1bP+q524742;6162\x1b\\", r"\x1bP1+r524742=38\x1b\\\x1bP0+r6162\x1b\\"),
        (b"\x1b]99;i=a:p=?;\x1b\\", r"\x1b]99;i=a:p=?;p=title,body\x1b\\"),
    ];
    for (query, answer) in table {
        assert_eq!(reply(query), answer, "to {}", query.escape_ascii());
    }
}

#[test]
fn a_size_in_pixels_that_is_not_known_is_not_told() {
    let mut screen = Screen::new(Size::cells(80, 24), 0);
    screen.advance(b"\x1b[14t\x1b[16t\x1b[18t");
    assert_eq!(screen.take_events(), [ScreenEvent::Reply(b"\x1b[8;24;80t".to_vec())]);
}

#[test]
fn the_owners_palette_answers_colour_queries() {
    let mut screen = screen(b"");
    let mut palette = Palette::default();
    palette.background.r = 0xff;
    screen.set_palette(palette);
    screen.advance(b"\x1b]11;?\x07");
    assert_eq!(screen.take_events(), [ScreenEvent::Reply(b"\x1b]11;rgb:ffff/1818/1818\x07".to_vec())]);
}

#[test]
fn notifications_come_in_all_three_spellings() {
    let note = |title: &str, body: &str| ScreenEvent::Notification { title: title.into(), body: body.into() };
    assert_eq!(events(b"\x1b]9;done; all of it\x07"), [note("", "done; all of it")]);
    assert_eq!(events(b"\x1b]777;notify;Build;ok; 3 warnings\x1b\\"), [note("Build", "ok; 3 warnings")]);
    assert_eq!(events(b"\x1b]99;;Hello\x1b\\"), [note("Hello", "")]);
    let parts =
        b"\x1b]99;i=1:d=0;Ti\x1b\\\x1b]99;i=1:d=0:p=title;tle\x1b\\\x1b]99;i=1:p=body:e=1;dGV4dA==\x1b\\";
    assert_eq!(events(parts), [note("Title", "text")]);
    assert_eq!(events(b"\x1b]777;precmd\x07\x1b]99;i=x:p=close;\x07"), []);
}

#[test]
fn progress_is_no_notification() {
    assert_eq!(events(b"\x1b]9;4;1;40\x07"), [ScreenEvent::Progress(Progress::Percent(40))]);
    assert_eq!(events(b"\x1b]9;4;3\x07"), [ScreenEvent::Progress(Progress::Busy)]);
    assert_eq!(events(b"\x1b]9;4;0;\x07"), [ScreenEvent::Progress(Progress::None)]);
}

#[test]
fn the_clipboard_is_written_by_events_and_never_read() {
    let store = ScreenEvent::ClipboardStore { target: ClipboardTarget::Clipboard, text: "hello".into() };
    assert_eq!(events(b"\x1b]52;c;aGVsbG8=\x07"), [store]);
    let store = ScreenEvent::ClipboardStore { target: ClipboardTarget::Primary, text: "hello".into() };
    assert_eq!(events(b"\x1b]52;p;aGVsbG8=\x07"), [store]);
    assert_eq!(events(b"\x1b]52;c;?\x07"), [ScreenEvent::ClipboardLoad]);
    assert_eq!(events(b"\x1b]52;c;not base64\x07"), []);
}

#[test]
fn titles_have_no_control_characters_and_only_the_last_one_waits() {
    let titles = events("\x1b]0;one\x07\x1b]2;two\u{9b}31m; three \x07".as_bytes());
    assert_eq!(titles, [ScreenEvent::Title("two31m; three".into())]);
    assert_eq!(events(b"\x1b]2;x\x07\x1bc"), [ScreenEvent::Title(String::new())]);
}

#[test]
fn what_waits_for_the_owner_is_bounded() {
    let mut screen = screen(b"");
    for _ in 0..100_000 {
        screen.advance(b"\x1b[c\x07\x1b]9;note\x07");
    }
    let waiting = screen.take_events();
    assert!(waiting.len() <= 256, "{}", waiting.len());
    for _ in 0..100_000 {
        screen.advance(b"\x1b[c");
    }
    let bytes: usize = screen.take_events().iter().map(|event| format!("{event:?}").len()).sum();
    assert!(bytes < 64 * 1024 * 6, "{bytes}");
    screen.advance(b"\x1b[5n");
    assert_eq!(screen.take_events(), [ScreenEvent::Reply(b"\x1b[0n".to_vec())]);
}

#[test]
fn a_synchronized_update_is_told_and_ends_by_the_program_or_the_owner() {
    let mut screen = screen(b"\x1b[?2026hhalf");
    assert!(screen.sync_pending());
    let first = screen.sync_serial();
    screen.advance(b"\x1b[?2026l");
    assert!(!screen.sync_pending());
    screen.advance(b"\x1b[?2026h");
    assert!(screen.sync_pending() && screen.sync_serial() > first);
    screen.flush_sync();
    assert!(!screen.sync_pending());
    assert_eq!(screen.text(false), "half\n");
    assert_eq!(screen.size(), SIZE);
}
