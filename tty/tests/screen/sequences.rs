//! What single sequences do, where ours differ from alacritty's own handling or bound it.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Flags;
use magia_tty::screen::{Screen, Size};

use crate::compare::{SIZE, difference, screen};

fn cursor(bytes: &[u8]) -> (i32, usize) {
    let Point { line, column } = screen(bytes).term().grid().cursor.point;
    (line.0, column.0)
}

#[test]
fn relative_moves_keep_to_the_margins_in_origin_mode() {
    assert_eq!(cursor(b"\x1b[2;5r\x1b[?6h\x1b[3;1H\x1b[A"), (2, 0));
    assert_eq!(cursor(b"\x1b[2;5r\x1b[?6h\x1b[3;1H\x1b[99A"), (1, 0));
    assert_eq!(cursor(b"\x1b[2;5r\x1b[?6h\x1b[99B"), (4, 0));
    assert_eq!(cursor(b"\x1b[2;5r\x1b[?6h\x1b[3;1H\x1b[7G"), (3, 6));
    assert_eq!(cursor(b"\x1b[2;5r\x1b[6;1H\x1b[99B"), (5, 0));
}

#[test]
fn a_tab_back_from_the_edge_forgets_the_wrap() {
    assert_eq!(screen(b"12345678901234567890\x1b[Z!").text(false), "1234567890123456!890\n");
}

#[test]
fn erasing_above_the_second_row_takes_the_first_too() {
    assert_eq!(screen(b"one\r\ntwo\r\nthree\x1b[2;3H\x1b[1J").text(false), "\n\nthree\n");
}

#[test]
fn half_a_wide_character_is_never_left() {
    for edit in
        ["\x1b[P", "\x1b[X", "\x1b[2G\x1b[@", "\x1b[2G\x1b[K", "\x1b[1K", "\x1b[2G\x1b[P", "\x1b[4h\x1b[20Gx"]
    {
        let screen = screen(format!("\u{4e16}\u{754c}5678901234567\u{4e16}\u{754c}\r{edit}").as_bytes());
        let row = &screen.term().grid()[Line(0)];
        for column in 0..20 {
            let flags = row[Column(column)].flags;
            let after = if column + 1 < 20 { row[Column(column + 1)].flags } else { Flags::empty() };
            assert_eq!(
                flags.contains(Flags::WIDE_CHAR),
                after.contains(Flags::WIDE_CHAR_SPACER),
                "{edit:?} {column}"
            );
        }
        assert!(!row[Column(0)].flags.contains(Flags::WIDE_CHAR_SPACER), "{edit:?}");
    }
}

#[test]
fn a_cell_keeps_a_bounded_number_of_combining_characters() {
    let screen = screen(format!("a{}", "\u{301}".repeat(10_000)).as_bytes());
    assert_eq!(screen.term().grid()[Line(0)][Column(0)].zerowidth().map(<[char]>::len), Some(16));
    let soft = self::screen(format!("a{}", "\u{ad}".repeat(10_000)).as_bytes());
    assert!(soft.term().grid()[Line(0)][Column(0)].zerowidth().is_none_or(|soft| soft.len() <= 16));
}

#[test]
fn the_keyboard_stack_forgets_its_oldest_entry() {
    let mut bytes = Vec::new();
    (0..10_000).for_each(|_| bytes.extend_from_slice(b"\x1b[>1u"));
    bytes.extend_from_slice(b"\x1b[>2u\x1b[<u\x1b[?u");
    let mut screen = screen(&bytes);
    assert_eq!(crate::compare::readable(&screen.take_events()), r"\x1b[?1u ");
    assert!(screen.term().mode().contains(TermMode::DISAMBIGUATE_ESC_CODES));
}

#[test]
fn new_line_mode_returns_the_carriage() {
    assert_eq!(cursor(b"\x1b[20habc\n"), (1, 0));
    assert_eq!(cursor(b"abc\n"), (1, 3));
}

#[test]
fn an_endless_string_is_thrown_away_and_its_end_found() {
    let mut screen = screen(b"a");
    for _ in 0..64 {
        screen.advance(&[b"\x1b]2;".as_slice(), &[b'x'; 100_000]].concat()[..100_000]);
    }
    screen.advance(b"\x07b\x1b_");
    for _ in 0..64 {
        screen.advance(&[b'y'; 100_000]);
    }
    assert!(screen.snapshot().len() < 4096, "what is ignored is not kept");
    screen.advance(b"\x1b\\c\x1b[");
    screen.advance(&[b'1'; 100_000]);
    screen.advance(b"md");
    assert_eq!(screen.text(false), "abcd\n");
    // Each ESC of the first strings ended the one before, so the last but one is the title.
    assert_eq!(screen.title().map(str::len), Some(1024));
}

#[test]
fn a_size_is_kept_within_bounds() {
    for size in [Size::cells(0, 0), Size::cells(1, 1), Size::cells(u16::MAX, 1), Size::cells(3, u16::MAX)] {
        let mut screen = Screen::new(size, 10);
        screen.advance("wide \u{4e16} text\r\n".repeat(3).as_bytes());
        screen.resize(size);
        let size = screen.size();
        assert!((2..=1000).contains(&size.cols) && (1..=1000).contains(&size.rows), "{size:?}");
        assert_eq!(screen.term().columns(), usize::from(size.cols));
    }
}

#[test]
fn a_full_reset_leaves_a_new_screen() {
    let mut used = screen(
        b"\x1b[31;44mx\x1b[3g\x1b[2;3r\x1b[?6h\x1b[>7u\x1b]4;3;#111111\x07\x1b]2;t\x07\x1b(0\x0e\x1b[5 q\x1b[?1049h\x1b[>1u\
          \x1b[4;4H\x1b7\x1b[>4;1m\x1b[?2004h\n\n\n\n\n\n",
    );
    used.advance(b"\x1bc");
    let mut new = screen(b"");
    assert_eq!(crate::compare::probe(&mut new, &mut used, true), "");
}

#[test]
fn the_main_screen_is_wrapped_anew_behind_the_alternate_one() {
    let bytes = b"a line that is longer than the screen is wide\r\nprompt$ \x1b[?1049halt";
    let (mut one, mut other) = (screen(bytes), screen(bytes));
    other.advance(b"\x1b[?1049l");
    for screen in [&mut one, &mut other] {
        screen.resize(Size { cols: 30, rows: 4, ..SIZE });
    }
    one.advance(b"\x1b[?1049l");
    assert_eq!(difference(&one, &other, true), "");
    assert_eq!(one.text(true), "a line that is longer than the screen is wide\nprompt$\n");
}

#[test]
fn a_screen_can_go_to_another_thread() {
    fn goes<T: Send + Sync + 'static>(_: &T) {}
    goes(&screen(b""));
}
