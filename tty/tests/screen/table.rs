//! The features that a snapshot has to keep, one row each: the setup is fed to a screen, the screen is taken through a
//! snapshot (or the escape sequence stream), and both are probed with the same bytes.

use magia_tty::screen::{Screen, SnapshotError};

use crate::compare::{HISTORY, SIZE, difference, probe, screen};

/// A feature.
struct Feature {
    name: &'static str,
    /// The output that makes use of it.
    setup: &'static [u8],
    /// Why no escape sequence stream can bring it to another terminal; empty when one can.
    only_ours: &'static str,
}

const fn row(name: &'static str, setup: &'static [u8]) -> Feature {
    Feature { name, setup, only_ours: "" }
}

/// The 30 features, then details of them.
const FEATURES: [Feature; 44] = [
    row("text and cursor", b"one\r\ntwo\x1b[3;5Hthree"),
    row("16 colours", b"\x1b[31;42mred\x1b[97;104m bright"),
    row("256 and true colours", b"\x1b[38;5;208;48;5;17mx\x1b[38;2;1;2;3;48:2::4:5:6my"),
    row("bold, dim, italic", b"\x1b[1mb\x1b[2md\x1b[3mi\x1b[22mn"),
    row("inverse and hidden", b"\x1b[7mr\x1b[8mh\x1b[27mn"),
    row("strikethrough", b"\x1b[9mgone\x1b[29m not"),
    row("underline styles", b"\x1b[4ma\x1b[4:2mb\x1b[4:3mc\x1b[4:4md\x1b[4:5me"),
    row("underline colour", b"\x1b[4;58:2::255:0:9ma\x1b[58;5;33mb"),
    row("hyperlinks", b"\x1b]8;id=a;https://one.example/?a;b\x1b\\one\x1b]8;;\x1b\\ \x1b]8;id=b;x:y\x07two"),
    row("wide characters", "\u{4e16}\u{754c}\r\n1234567890123456789\u{4e16}!".as_bytes()),
    row("combining characters", "e\u{301}a\u{308}\u{323} \u{4e16}\u{301}".as_bytes()),
    row("erasing with a background", b"\x1b[44m\x1b[2Jx\x1b[2;3H\x1b[41m\x1b[K"),
    row("wrapped lines", b"a line that is longer than the screen is wide\r\nshort"),
    row("pending wrap", b"12345678901234567890"),
    row("autowrap off", b"\x1b[?7l1234567890123456789012"),
    row("insert mode", b"abc\r\x1b[4h"),
    row("new line mode", b"abc\x1b[20h\x1b[2;4H"),
    row("tab stops", b"\x1b[3g\x1b[4G\x1bH\x1b[13G\x1bH\r"),
    row("scroll region", b"1\r\n2\r\n3\r\n4\r\n5\r\n6\x1b[2;4r"),
    row("origin mode", b"1\r\n2\r\n3\r\n4\x1b[2;5r\x1b[?6h\x1b[2;3H"),
    row("character sets", b"\x1b(0\x1b)B\x1b*0lqk"),
    row("shifted character set", b"\x1b)0\x0elqk"),
    row("saved cursor", b"\x1b[3;7H\x1b[1;35m\x1b(0\x1b7\x1b(B\x1b[m\x1b[Hhome"),
    row("cursor style", b"\x1b[5 q"),
    row("hidden cursor", b"\x1b[?25l"),
    row("application cursor keys and keypad", b"\x1b[?1h\x1b="),
    row("bracketed paste", b"\x1b[?2004h"),
    row("mouse reporting", b"\x1b[?1002h\x1b[?1006h"),
    row("focus reports", b"\x1b[?1004h"),
    row("alternate scroll off", b"\x1b[?1007l"),
    row("kitty keyboard flags", b"\x1b[>1u\x1b[>5u\x1b[=3;2u"),
    row("alternate screen", b"main\x1b[?1049h\x1b[2;2Halt \x1b[45m"),
    row("main screen behind the alternate one", b"\x1b[32mmain\x1b[44m\r\n12345\x1b[?1049h\x1b[m\x1b[Halt\x1b7"),
    row("history", b"1\r\n2\r\n\x1b[31m3\r\n4\r\n5\r\n6\r\n7\x1b[m\r\n8 a line that is wrapped into the next one\r\n9\r\n10"),
    row("palette", b"\x1b]4;1;rgb:12/34/56;200;#abcdef\x07\x1b]10;#010203\x07\x1b]11;#040506\x07\x1b]12;#070809\x07"),
    row("title and its stack", b"\x1b]2;first\x07\x1b[22t\x1b]2;second\x07"),
    row("synchronized update", b"\x1b[?2026hhalf a fra"),
    row("modifyOtherKeys", b"\x1b[>4;2m"),
    row("keyboard stacks of both screens", b"\x1b[>1u\x1b[?1049h\x1b[>3u\x1b[>7u\x1b7"),
    row("saved cursor of the alternate screen", b"\x1b[?1049h\x1b[4;4H\x1b[36m\x1b7\x1b[m\x1b[?1049lmain"),
    row("a sequence cut in two", b"abc\x1b[38;5;2"),
    Feature {
        name: "the character that REP repeats",
        setup: b"abcd\x1b[1;1H",
        only_ours: "the stream has printed other characters since",
    },
    Feature {
        name: "a notification that was begun",
        setup: b"\x1b]99;i=7:d=0;title\x1b\\",
        only_ours: "the terminal would show it a second time",
    },
    Feature {
        name: "a tab in the text",
        setup: b"a\tb",
        only_ours: "only our cells remember the tab, for copying; the blanks are there",
    },
];

fn through_snapshot(screen: &Screen) -> Result<Screen, SnapshotError> {
    Screen::restore(&screen.snapshot(), HISTORY)
}

fn through_ansi(screen: &Screen) -> Screen {
    let mut other = Screen::new(SIZE, HISTORY);
    other.advance(&screen.ansi(true));
    other.take_events();
    other
}

#[test]
fn every_feature_survives_the_snapshot() {
    let mut failures = String::new();
    for feature in &FEATURES {
        let mut one = screen(feature.setup);
        let mut other = through_snapshot(&one).expect("a snapshot is read again");
        let text = probe(&mut one, &mut other, true);
        if !text.is_empty() {
            failures += &format!("{}: {text}\n", feature.name);
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn every_feature_that_sequences_can_express_survives_the_stream() {
    let mut failures = String::new();
    for feature in FEATURES.iter().filter(|feature| feature.only_ours.is_empty()) {
        let mut one = screen(feature.setup);
        let mut other = through_ansi(&one);
        // REP's character is the one thing that the stream never brings; a printed one makes it equal.
        let text = probe_after_text(&mut one, &mut other);
        if !text.is_empty() {
            failures += &format!("{}: {text}\n", feature.name);
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

fn probe_after_text(one: &mut Screen, other: &mut Screen) -> String {
    let text = difference(one, other, false);
    if !text.is_empty() {
        return text;
    }
    one.advance(b".");
    other.advance(b".");
    probe(one, other, false)
}

#[test]
fn a_second_stream_makes_the_same_screen_of_any_other() {
    let mut failures = String::new();
    // A title is the one thing that stays when a program set none: it is the terminal's own then.
    let title = |feature: &&Feature| !feature.name.starts_with("title");
    for before in FEATURES.iter().filter(|feature| feature.only_ours.is_empty()).filter(title) {
        for feature in FEATURES.iter().filter(|feature| feature.only_ours.is_empty()) {
            let one = screen(feature.setup);
            let mut other = screen(before.setup);
            if before.name.starts_with("a sequence cut") {
                other.advance(b"m");
            }
            other.advance(&one.ansi(false));
            // The other terminal's own history stays.
            other.advance(b"\x1b[3J");
            let mut bare = through_ansi(&one);
            bare.advance(b"\x1b[3J");
            if feature.name.starts_with("a sequence cut") {
                continue;
            }
            let text = difference(&bare, &other, false);
            if !text.is_empty() {
                failures += &format!("{} over {}: {text}\n", feature.name, before.name);
            }
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn every_setup_leaves_something_that_the_probes_find() {
    for feature in &FEATURES {
        let text = probe(&mut screen(b""), &mut screen(feature.setup), true);
        assert!(!text.is_empty(), "{}: nothing to keep", feature.name);
    }
    assert!(FEATURES.iter().filter(|feature| feature.only_ours.is_empty()).count() >= 30);
}
