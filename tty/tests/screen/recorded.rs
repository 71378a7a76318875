//! Output of real programs (vim and less in 80 columns and 24 rows), cut in many places.

use magia_tty::screen::{Screen, Size, SnapshotError};

use crate::compare::{difference, looks, probe};

const VIM: &[u8] = include_bytes!("../data/vim-80x24.bin");
const LESS: &[u8] = include_bytes!("../data/less-80x24.bin");
const HISTORY: usize = 200;
/// A prime, so that cuts fall everywhere.
const STEP: usize = 101;

fn cut_in_many_places(recording: &[u8]) -> Result<(), SnapshotError> {
    let size = Size::cells(80, 24);
    let mut whole = Screen::new(size, HISTORY);
    whole.advance(recording);
    let mut until = Screen::new(size, HISTORY);
    for (cut, piece) in recording.chunks(STEP).enumerate() {
        until.advance(piece);
        let rest = recording.get(cut * STEP + piece.len()..).unwrap_or_default();
        let mut restored = Screen::restore(&until.snapshot(), HISTORY)?;
        assert_eq!(difference(&until, &restored, true), "", "piece {cut}");
        restored.advance(rest);
        assert_eq!(difference(&whole, &restored, true), "", "piece {cut}");
        let mut other = Screen::new(size, HISTORY);
        other.advance(&until.ansi(true));
        assert_eq!(looks(&until), looks(&other), "piece {cut}");
        other.advance(rest);
        assert_eq!(looks(&whole), looks(&other), "piece {cut}");
    }
    assert_eq!(probe(&mut whole, &mut until, true), "");
    Ok(())
}

#[test]
fn vim_is_the_same_after_a_cut_anywhere() -> Result<(), SnapshotError> {
    cut_in_many_places(VIM)
}

#[test]
fn less_is_the_same_after_a_cut_anywhere() -> Result<(), SnapshotError> {
    cut_in_many_places(LESS)
}
