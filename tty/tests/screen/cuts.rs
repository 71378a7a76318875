//! Random output cut anywhere: with a snapshot at the cut, or without, the screen is the same.

use alacritty_terminal::term::TermMode;
use magia_tty::screen::{Screen, Size};
use proptest::prelude::*;

use crate::compare::{HISTORY, SIZE, difference, looks, probe, readable};

/// A piece of output as programs write it, or as none should.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![4 => 0u16..12, 1 => 0u16..120, 1 => any::<u16>()];
    let numbers = prop::collection::vec(number.clone(), 0..4)
        .prop_map(|numbers| numbers.iter().map(u16::to_string).collect::<Vec<_>>().join(";"));
    let csi = (
        numbers.clone(),
        prop::sample::select("@ABCDEFGHIJKLMPSTXZabcdefghlmnrstu".chars().collect::<Vec<_>>()),
    )
        .prop_map(|(numbers, last)| format!("\x1b[{numbers}{last}"));
    let sgr = prop::sample::select(vec![
        "\x1b[m",
        "\x1b[1m",
        "\x1b[31m",
        "\x1b[44m",
        "\x1b[38;5;77m",
        "\x1b[48;2;1;2;3m",
        "\x1b[4:3m",
        "\x1b[58:2::9:8:7m",
        "\x1b[7m",
        "\x1b[9m",
        "\x1b[59m",
        "\x1b[49m",
        "\x1b[22;24;27m",
    ]);
    let mode = prop::sample::select(vec![
        "1", "3", "6", "7", "12", "25", "47", "1000", "1002", "1003", "1004", "1005", "1006", "1007", "1042",
        "1047", "1048", "1049", "1049", "1049", "2004", "2026", "6;7",
    ]);
    let private =
        (mode, prop::sample::select(vec!['h', 'l'])).prop_map(|(mode, last)| format!("\x1b[?{mode}{last}"));
    let fixed = prop::sample::select(vec![
        "\x1b[4h",
        "\x1b[4l",
        "\x1b[20h",
        "\x1b[20l",
        "\x1b7",
        "\x1b8",
        "\x1bD",
        "\x1bE",
        "\x1bM",
        "\x1bH",
        "\x1b[3g",
        "\x1b[?5W",
        "\x1bc",
        "\x1b(0",
        "\x1b(B",
        "\x1b)0",
        "\x1b*0",
        "\x0e",
        "\x0f",
        "\x1bn",
        "\x1bo",
        "\x1b=",
        "\x1b>",
        "\x1b#8",
        "\x1b[!p",
        "\x1b[5 q",
        "\x1b[0 q",
        "\x1b[>1u",
        "\x1b[>7u",
        "\x1b[<u",
        "\x1b[=2;2u",
        "\x1b[=1;3u",
        "\x1b[?u",
        "\x1b[>4;2m",
        "\x1b[?4m",
        "\x1b[c",
        "\x1b[6n",
        "\x1b[22t",
        "\x1b[23t",
        "\x1b[18t",
        "\x1b[>q",
        "\x1b[2b",
        "\x1b[2;4r",
        "\x1b[r",
        "\x1b[?25$p",
        "\x1bP$qm\x1b\\",
        "\x1bP+q524742\x1b\\",
    ]);
    let osc = prop::sample::select(vec![
        "0;a title",
        "2;\u{e9}\u{4e16}",
        "4;3;#102030",
        "4;3;?",
        "10;?",
        "11;rgb:1/2/3",
        "104",
        "104;3",
        "110",
        "8;;https://a.example/x;y",
        "8;id=k;https://b.example",
        "8;;",
        "9;note",
        "777;notify;t;b",
        "99;i=1:d=0;part",
        "99;i=1;end",
        "52;c;aGk=",
        "52;c;?",
        "50;CursorShape=1",
        "9;4;1;30",
        "1337;nothing",
    ]);
    let osc = (osc, prop::sample::select(vec!["\x07", "\x1b\\", "\x18", "\x1b[1m"]))
        .prop_map(|(body, end)| format!("\x1b]{body}{end}"));
    let text = prop_oneof![
        "[a-z ]{1,30}",
        "[\u{4e00}-\u{4e0f}\u{1f600}-\u{1f60f}a-c]{1,12}",
        "(e\u{301}|a\u{308}\u{323}|\u{2500}|\u{fe0f}|\u{ad}|\u{200d}){1,6}",
    ];
    let control =
        prop::sample::select(vec!["\r\n", "\n", "\t", "\x08", "\r", "\x07", "\x0b", "\u{85}", "\u{9b}"]);
    let garbage = prop::collection::vec(any::<u8>(), 1..8);
    let rude = prop::collection::vec(
        prop::sample::select(b"\x1b[]P_^X\\?>;:0123mhl\x18\x1a\x9c\xe2\x94\xf0\x9f\xc3 $q+".to_vec()),
        1..10,
    );
    prop_oneof![
        5 => text.prop_map(String::into_bytes),
        4 => control.prop_map(|text| text.as_bytes().to_vec()),
        4 => csi.prop_map(String::into_bytes),
        2 => sgr.prop_map(|text| text.as_bytes().to_vec()),
        3 => private.prop_map(String::into_bytes),
        4 => fixed.prop_map(|text| text.as_bytes().to_vec()),
        2 => osc.prop_map(String::into_bytes),
        1 => garbage,
        1 => rude,
    ]
}

/// Some output.
pub fn output() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 1..40).prop_map(|pieces| pieces.concat())
}

fn sizes() -> impl Strategy<Value = Size> {
    (2u16..40, 1u16..12).prop_map(|(cols, rows)| Size { cols, rows, ..SIZE })
}

/// Found by the property below: where origin mode keeps the cursor out, the cell that it had printed last was printed
/// again into the margins.
#[test]
fn a_cursor_outside_of_the_margins_prints_nothing_into_them() {
    let size = Size { cols: 2, rows: 7, ..SIZE };
    let (mut screen, mut other) = (Screen::new(size, HISTORY), Screen::new(size, HISTORY));
    screen.advance(b"aaaaaaaa a    a \x1b[s\x1b[?6;7h\x1b[2;4r\x1b[?1048l");
    other.advance(&screen.ansi(true));
    for each in [&mut screen, &mut other] {
        each.advance(b"\x1b[H");
    }
    assert_eq!(looks(&screen), looks(&other));
}

/// Found by the property below: the last cell of a row, where a wide character did not fit, got the attributes that the
/// character has by now.
#[test]
fn a_cell_that_is_left_free_at_the_edge_keeps_its_attributes() {
    let size = Size { cols: 8, rows: 3, ..SIZE };
    for (before, after) in [("\x1b[31m", "\x1b[1m"), ("\x1b[44m", "\x1b[m"), ("", "\x1b[4;45m")] {
        let (mut screen, mut other) = (Screen::new(size, HISTORY), Screen::new(size, HISTORY));
        screen.advance(format!("{before}aaaaaaa\u{4e00}bc\r\x1b[J{after}\u{4e01}").as_bytes());
        other.advance(&screen.ansi(true));
        assert_eq!(looks(&screen), looks(&other), "{before:?}, {after:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_at_any_cut_changes_nothing(
        bytes in output(),
        cut in any::<prop::sample::Index>(),
        size in sizes(),
        resized in prop::option::of(sizes()),
    ) {
        let cut = cut.index(bytes.len() + 1);
        let (first, rest) = bytes.split_at(cut);
        let mut whole = Screen::new(size, HISTORY);
        whole.advance(first);
        whole.take_events();
        let mut restored = Screen::restore(&whole.snapshot(), HISTORY).expect("a snapshot is read again");
        prop_assert_eq!(difference(&whole, &restored, true), "");
        if let Some(size) = resized {
            whole.resize(size);
            restored.resize(size);
            prop_assert_eq!(difference(&whole, &restored, true), "");
        }
        whole.advance(rest);
        restored.advance(rest);
        let (answers, others) = (whole.take_events(), restored.take_events());
        prop_assert_eq!(readable(&answers), readable(&others));
        prop_assert_eq!(probe(&mut whole, &mut restored, true), "");
        prop_assert_eq!(whole.snapshot(), restored.snapshot());
    }

    #[test]
    fn where_reads_are_cut_changes_nothing(bytes in output(), length in 1usize..9) {
        let mut whole = Screen::new(SIZE, HISTORY);
        whole.advance(&bytes);
        let mut pieces = Screen::new(SIZE, HISTORY);
        bytes.chunks(length).for_each(|piece| pieces.advance(piece));
        prop_assert_eq!(readable(&whole.take_events()), readable(&pieces.take_events()));
        prop_assert_eq!(probe(&mut whole, &mut pieces, true), "");
    }

    #[test]
    fn a_snapshot_says_the_same_when_it_is_read_and_written(bytes in output(), size in sizes()) {
        let mut screen = Screen::new(size, HISTORY);
        screen.advance(&bytes);
        let snapshot = screen.snapshot();
        let again = Screen::restore(&snapshot, HISTORY).expect("a snapshot is read again");
        prop_assert_eq!(again.snapshot(), snapshot);
    }

    #[test]
    fn the_stream_looks_the_same_in_another_terminal(bytes in output(), size in sizes()) {
        let mut screen = Screen::new(size, HISTORY);
        screen.advance(&bytes);
        let mut other = Screen::new(size, HISTORY);
        other.advance(&screen.ansi(true));
        if screen.term().mode().contains(TermMode::ORIGIN) {
            // A cursor outside the margins cannot be put there; what is drawn still can be compared.
            screen.advance(b"\x18\x1b[H");
            other.advance(b"\x18\x1b[H");
        }
        prop_assert_eq!(screen.term().mode(), other.term().mode());
        prop_assert_eq!(looks(&screen), looks(&other));
    }
}
