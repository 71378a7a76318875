//! What the parsed sequences do.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::Line;
use alacritty_terminal::vte::ansi::{
    CharsetIndex, ClearMode, CursorShape, CursorStyle, Handler, LineClearMode, StandardCharset,
    TabulationClearMode,
};
use alacritty_terminal::vte::{Params, Perform};

use super::event::ScreenEvent;
use super::reply::Query;
use super::state::State;
use super::{modes, osc, reply, sgr};

/// The most repetitions of one REP that are done: a screenful of the largest screen would be a million.
const MOST_REPEATS: usize = 10_000;

impl Perform for State {
    #[inline]
    fn print(&mut self, c: char) {
        State::print(self, c);
    }

    #[inline]
    fn execute(&mut self, byte: u8) {
        match byte {
            0x07 => self.events.push(ScreenEvent::Bell),
            0x08 => self.term.backspace(),
            b'\t' => self.term.put_tab(1),
            b'\n' | 0x0b | 0x0c => self.term.newline(),
            b'\r' => self.term.carriage_return(),
            0x0e => self.set_charset(CharsetIndex::G1),
            0x0f => self.set_charset(CharsetIndex::G0),
            _ => {}
        }
    }

    fn hook(&mut self, _: &Params, intermediates: &[u8], ignore: bool, action: char) {
        self.query = match (intermediates, action, ignore) {
            (b"+", 'q', false) => Some((Query::Terminfo, Vec::new())),
            (b"$", 'q', false) => Some((Query::Setting, Vec::new())),
            _ => None,
        };
    }

    #[inline]
    fn put(&mut self, byte: u8) {
        reply::query_byte(self, byte);
    }

    fn unhook(&mut self) {
        reply::answer_query(self);
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], bell_terminated: bool) {
        osc::dispatch(self, params, bell_terminated);
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore {
            return;
        }
        match (intermediates, action) {
            ([], 'm') => sgr::apply(self, params),
            ([], action) => self.csi(params, action),
            ([b'?'], action) => self.csi_private(params, action),
            _ => self.csi_rare(params, intermediates, action),
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _ignore: bool, byte: u8) {
        match (intermediates, byte) {
            ([], b'7') => self.term.save_cursor_position(),
            ([], b'8') => self.restore_cursor(),
            ([], b'D') => self.term.linefeed(),
            ([], b'E') => {
                self.term.linefeed();
                self.term.carriage_return();
            }
            ([], b'H') => self.set_tab(),
            ([], b'M') => self.term.reverse_index(),
            ([], b'Z') => reply::device_attributes(self, None),
            ([], b'c') => self.reset(),
            ([], b'n') => self.set_charset(CharsetIndex::G2),
            ([], b'o') => self.set_charset(CharsetIndex::G3),
            ([], b'=') => self.term.set_keypad_application_mode(),
            ([], b'>') => self.term.unset_keypad_application_mode(),
            ([b'#'], b'8') => self.term.decaln(),
            ([set @ (b'(' | b')' | b'*' | b'+')], charset) => {
                let index = match set {
                    b'(' => CharsetIndex::G0,
                    b')' => CharsetIndex::G1,
                    b'*' => CharsetIndex::G2,
                    _ => CharsetIndex::G3,
                };
                // All but line drawing are ASCII, give or take a national letter.
                self.configure_charset(
                    index,
                    match charset {
                        b'0' => StandardCharset::SpecialCharacterAndLineDrawing,
                        _ => StandardCharset::Ascii,
                    },
                );
            }
            _ => {}
        }
    }
}

/// A parameter's first value; 0 when it is missing.
fn value(params: &Params, index: usize) -> u16 {
    params.iter().nth(index).and_then(|param| param.first().copied()).unwrap_or(0)
}

/// A parameter that counts something: missing or 0 is 1.
fn count(params: &Params, index: usize) -> usize {
    usize::from(value(params, index).max(1))
}

impl State {
    pub(super) fn restore_cursor(&mut self) {
        self.term.restore_cursor_position();
    }

    fn csi(&mut self, params: &Params, action: char) {
        let n = count(params, 0);
        match action {
            '@' => {
                self.term.insert_blank(n);
                self.heal_cursor_row();
            }
            'A' => self.move_rows(-(n as i32), false),
            'B' | 'e' => self.move_rows(n as i32, false),
            'C' | 'a' => self.term.move_forward(n),
            'D' => self.term.move_backward(n),
            'E' => self.move_rows(n as i32, true),
            'F' => self.move_rows(-(n as i32), true),
            'G' | '`' => self.move_to_column(n - 1),
            'H' | 'f' => self.term.goto(n as i32 - 1, count(params, 1) - 1),
            'I' => self.term.move_forward_tabs(n as u16),
            'J' => self.clear_screen(value(params, 0)),
            'K' => {
                let mode = match value(params, 0) {
                    0 => LineClearMode::Right,
                    1 => LineClearMode::Left,
                    2 => LineClearMode::All,
                    _ => return,
                };
                self.term.clear_line(mode);
                let column = self.term.grid().cursor.point.column.0;
                self.heal_edges(column, column + 1);
            }
            'L' => self.term.insert_blank_lines(n),
            'M' => self.term.delete_lines(n),
            'P' => {
                self.term.delete_chars(n);
                self.heal_cursor_row();
            }
            'S' => self.term.scroll_up(n),
            'T' if params.len() == 1 => self.term.scroll_down(n),
            'X' => {
                self.term.erase_chars(n);
                let column = self.term.grid().cursor.point.column.0;
                self.heal_edges(column, column + n);
            }
            'Z' => {
                self.term.move_backward_tabs(n as u16);
                // `Term` would wrap the next character although the cursor has left the edge.
                self.term.grid_mut().cursor.input_needs_wrap = false;
            }
            'b' => {
                if let Some(c) = self.last_char {
                    (0..n.min(MOST_REPEATS)).for_each(|_| self.print(c));
                }
            }
            'c' if value(params, 0) == 0 => reply::device_attributes(self, None),
            'd' => {
                let column = self.term.grid().cursor.point.column.0;
                self.term.goto(n as i32 - 1, column);
            }
            'g' => match value(params, 0) {
                0 => self.clear_tab(),
                3 => {
                    self.tabs.fill(false);
                    self.term.clear_tabs(TabulationClearMode::All);
                }
                _ => {}
            },
            'h' | 'l' => {
                for mode in params.iter().filter_map(<[u16]>::first) {
                    modes::set_ansi(self, *mode, action == 'h');
                }
            }
            'n' => reply::status(self, value(params, 0), false),
            'r' => {
                let bottom = usize::from(value(params, 1));
                self.set_region(n, Some(bottom).filter(|bottom| *bottom != 0));
            }
            's' => self.term.save_cursor_position(),
            't' => match (value(params, 0), value(params, 1)) {
                (22, 0 | 2) => self.push_title(),
                (23, 0 | 2) => self.pop_title(),
                (what, _) => reply::window(self, what),
            },
            'u' => self.restore_cursor(),
            _ => {}
        }
    }

    fn csi_private(&mut self, params: &Params, action: char) {
        match action {
            'h' | 'l' => {
                for mode in params.iter().filter_map(<[u16]>::first) {
                    modes::set_private(self, *mode, action == 'h');
                }
            }
            'm' if value(params, 0) == 4 => {
                let answer = format!("\x1b[>4;{}m", self.modify_other_keys);
                self.events.reply(answer.as_bytes());
            }
            'n' => reply::status(self, value(params, 0), true),
            'u' => {
                let answer = format!("\x1b[?{}u", self.keyboard.flags());
                self.events.reply(answer.as_bytes());
            }
            'W' if value(params, 0) == 5 => self.default_tabs(),
            _ => {}
        }
    }

    fn csi_rare(&mut self, params: &Params, intermediates: &[u8], action: char) {
        let first = value(params, 0);
        match (intermediates, action) {
            ([b'$'], 'p') => {
                let answer = format!("\x1b[{first};{}$y", modes::ansi_state(self, first));
                self.events.reply(answer.as_bytes());
            }
            ([b'?', b'$'], 'p') => {
                let answer = format!("\x1b[?{first};{}$y", modes::private_state(self, first));
                self.events.reply(answer.as_bytes());
            }
            ([b'!'], 'p') => self.soft_reset(),
            ([b' '], 'q') => {
                let style = match first {
                    0 => None,
                    1 | 2 => Some(CursorShape::Block),
                    3 | 4 => Some(CursorShape::Underline),
                    5 | 6 => Some(CursorShape::Beam),
                    _ => return,
                };
                self.set_style(style.map(|shape| CursorStyle { shape, blinking: first % 2 == 1 }));
            }
            ([b'>'], 'q') if first == 0 => reply::version(self),
            ([prefix @ (b'>' | b'=')], 'c') if first == 0 => reply::device_attributes(self, Some(*prefix)),
            // XTMODKEYS; without a value, or without any parameter, the default.
            ([b'>'], 'm') if first == 4 || first == 0 => {
                self.modify_other_keys = value(params, 1).min(2) as u8
            }
            ([b'>'], 'n') if first == 4 => self.modify_other_keys = 0,
            ([b'>'], 'u') => {
                self.keyboard.push(first as u8);
                self.apply_keyboard();
            }
            ([b'<'], 'u') => {
                self.keyboard.pop(count(params, 0));
                self.apply_keyboard();
            }
            ([b'='], 'u') => {
                self.keyboard.set(first as u8, value(params, 1));
                self.apply_keyboard();
            }
            _ => {}
        }
    }

    fn clear_screen(&mut self, what: u16) {
        let line = self.term.grid().cursor.point.line;
        let mode = match what {
            0 => ClearMode::Below,
            1 => ClearMode::Above,
            2 => ClearMode::All,
            3 => ClearMode::Saved,
            _ => return,
        };
        let rows = 0..self.term.screen_lines() as i32;
        if what == 2 && rows.into_iter().all(|row| self.term.grid()[Line(row)].is_clear()) {
            // `Term` would move a blank row into an empty history. The background may still change.
            self.term.grid_mut().reset_region(..);
            return self.damage_all();
        }
        self.term.clear_screen(mode);
        // `Term` spares the first row when the cursor is in the second.
        if what == 1 && line == Line(1) {
            self.term.grid_mut().reset_region(..Line(1));
        }
        let column = self.term.grid().cursor.point.column.0;
        self.heal_edges(column, column + 1);
    }

    /// The colour that is in force at a place of the table: the program's, else the default.
    pub(super) fn color(&self, index: usize) -> Option<alacritty_terminal::vte::ansi::Rgb> {
        if index >= super::state::COLORS {
            return None;
        }
        self.term.colors()[index].or_else(|| self.palette.color(index))
    }
}
