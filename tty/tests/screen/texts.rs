//! A screen as text.

use crate::compare::screen;

#[test]
fn blanks_and_blank_lines_at_the_end_are_left_out_and_wrapped_lines_joined() {
    let text = screen(b"a line that is longer than the screen is wide   \r\n\r\n  x\tend\r\n").text(false);
    assert_eq!(text, "a line that is longer than the screen is wide\n\n  x     end\n");
}

#[test]
fn the_history_comes_first_when_it_is_asked_for() {
    let screen = screen(b"1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8");
    assert_eq!(screen.text(false), "3\n4\n5\n6\n7\n8\n");
    assert_eq!(screen.text(true), "1\n2\n3\n4\n5\n6\n7\n8\n");
}

#[test]
fn wide_and_combining_characters_are_there_once() {
    assert_eq!(screen("\u{4e16}e\u{301}\u{754c}".as_bytes()).text(false), "\u{4e16}e\u{301}\u{754c}\n");
}

#[test]
fn a_wide_character_that_did_not_fit_is_not_torn_off() {
    let text = screen("1234567890123456789\u{4e16}!".as_bytes()).text(false);
    assert_eq!(text, "1234567890123456789\u{4e16}!\n");
}
