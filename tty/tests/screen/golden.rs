//! Bytes of version 1 as they were first written. A holder outlives upgrades, so they are read for good.

use magia_tty::screen::Screen;

use crate::compare::{HISTORY, probe};
use crate::hostile::rich;

const VERSION_1: &[u8] = include_bytes!("../data/snapshot-v1.bin");

#[test]
fn version_1_is_still_read() {
    let mut old = Screen::restore(VERSION_1, HISTORY).expect("version 1 is read");
    assert_eq!(probe(&mut rich(), &mut old, true), "");
}

#[test]
fn version_1_is_still_written_the_same() {
    let now = rich().snapshot();
    if let Some(to) = std::env::var_os("MAGIA_WRITE_GOLDEN") {
        std::fs::write(to, &now).expect("writing the golden bytes");
    }
    assert_eq!(now, VERSION_1, "the format changed: that is a new version");
}

#[test]
fn less_history_can_be_asked_for() {
    let full = Screen::restore(VERSION_1, HISTORY).expect("version 1 is read");
    let mut short = Screen::restore(VERSION_1, 1).expect("version 1 is read");
    let mut none = Screen::restore(VERSION_1, 0).expect("version 1 is read");
    assert_eq!(full.text(false), short.text(false));
    for screen in [&mut short, &mut none] {
        screen.advance(b"\x07\x1b[?1049l");
    }
    assert_eq!(short.text(true).lines().count(), none.text(true).lines().count() + 1);
}
