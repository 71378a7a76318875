//! Snapshots from hostile hands: an error or a screen, never a panic, and no more memory than they are worth.

use magia_tty::screen::{Screen, Size, SnapshotError};
use proptest::prelude::*;

use crate::compare::{HISTORY, PROBES, screen};
use crate::counting::peak;

/// A screen with something of everything.
pub fn rich() -> Screen {
    screen(
        "\u{4e16}e\u{301}\x1b[1;4:3;58:5:9;38;2;1;2;3mstyled\x1b]8;;https://example.org\x07link\x1b]8;;\x07\r\n\
         a line that is longer than the screen is wide\r\n1\r\n2\r\n3\r\n4\r\n5\r\n\x1b]2;title\x07\x1b[22t\x1b[>5u\
         \x1b]4;5;#123456\x07\x1b[3g\x1b[5G\x1bH\x1b)0\x1b[2;4r\x1b[?2004h\x1b[?1049halt\x1b7\x1b[>1u\
         \x1b]99;i=3:d=0;note\x07\x1b]2;unfin"
            .as_bytes(),
    )
}

/// What the largest screen may take: two grids and the rows that alacritty allocates ahead, 24 bytes a cell.
const LARGEST: usize = 160 << 20;

/// Reads bytes and, when they are a snapshot, uses the screen.
fn read_and_use(bytes: &[u8]) {
    let Ok(mut screen) = Screen::restore(bytes, HISTORY) else { return };
    screen.text(true);
    screen.ansi(true);
    let again = Screen::restore(&screen.snapshot(), HISTORY);
    assert!(again.is_ok(), "what was read can be written: {again:?}");
    let size = screen.size();
    for probe in PROBES {
        screen.advance(probe);
    }
    for cols in [2, 7, size.cols] {
        screen.resize(Size { cols, rows: 3, ..size });
    }
    screen.text(true);
}

#[test]
fn what_is_no_snapshot_is_said_to_be_none() {
    let is = |bytes: &[u8]| Screen::restore(bytes, HISTORY).map(|_| ());
    let good = rich().snapshot();
    assert_eq!(is(b""), Err(SnapshotError::NotASnapshot));
    assert_eq!(is(b"GET / HTTP/1.1"), Err(SnapshotError::NotASnapshot));
    assert_eq!(is(b"magiascr"), Err(SnapshotError::Truncated));
    assert_eq!(is(b"magiascr\x63rest"), Err(SnapshotError::Version(0x63)));
    assert_eq!(is(&[good.as_slice(), b"x"].concat()), Err(SnapshotError::Invalid("end")));
    assert_eq!(is(&good), Ok(()));
}

#[test]
fn a_snapshot_cut_anywhere_is_an_error() {
    let good = rich().snapshot();
    for cut in 0..good.len() {
        assert!(Screen::restore(&good[..cut], HISTORY).is_err(), "cut at {cut} of {}", good.len());
    }
}

#[test]
fn numbers_that_promise_much_cost_nothing() {
    let good = rich().snapshot();
    for at in 9..good.len() {
        let huge = [&good[..at], &[0xff, 0xff, 0xff, 0xff, 0x07], &good[at + 1..]].concat();
        assert!(peak(|| drop(Screen::restore(&huge, HISTORY))) < LARGEST, "a number at {at}");
        read_and_use(&huge);
    }
}

#[test]
fn only_the_history_that_is_asked_for_is_kept() {
    let mut long = Screen::new(Size::cells(80, 24), 50_000);
    long.advance("\r\n".repeat(60_000).as_bytes());
    let snapshot = long.snapshot();
    drop(long);
    assert!(snapshot.len() < 512 << 10, "blank rows are short: {}", snapshot.len());
    let used = peak(|| assert!(Screen::restore(&snapshot, 500).is_ok()));
    assert!(used < 8 << 20, "{used} bytes for 500 of 50,000 rows");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = rich().snapshot();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_and_use(&bytes);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_and_use(&[b"magiascr\x01".as_slice(), &bytes].concat());
    }
}
