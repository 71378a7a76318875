//! The reply's parser against whole, cut and arbitrary bytes.
#![cfg(unix)]

use magia_hook_handler::reply::{HEADER_MAX_BYTES, OUTPUT_MAX_BYTES, Reply, parse};
use proptest::prelude::*;

fn bytes_of(reply: Reply, all: &[u8]) -> Option<(u8, Vec<u8>, Vec<u8>)> {
    match reply {
        Reply::Whole { exit, stdout, stderr } => {
            Some((exit, all.get(stdout)?.to_vec(), all.get(stderr)?.to_vec()))
        }
        _ => None,
    }
}

#[test]
fn limits_are_exact() {
    let most = OUTPUT_MAX_BYTES;
    for good in [format!("0 {most} 0\n"), format!("255 0 {most}\n"), format!("0 1 {}\n", most - 1)] {
        assert_eq!(parse(good.as_bytes()), Reply::Unfinished, "{good}");
    }
    for bad in [format!("0 {} 0\n", most + 1), format!("256 0 {most}\n"), format!("0 1 {most}\n")] {
        assert_eq!(parse(bad.as_bytes()), Reply::Garbage, "{bad}");
    }
    assert_eq!(parse(&[b'0'; HEADER_MAX_BYTES - 1]), Reply::Unfinished);
    assert_eq!(parse(&[b'0'; HEADER_MAX_BYTES]), Reply::Garbage);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whole_reply_is_read_and_each_beginning_waits(
        exit in any::<u8>(),
        stdout in prop::collection::vec(any::<u8>(), 0..80),
        stderr in prop::collection::vec(any::<u8>(), 0..80),
        behind in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let header = format!("{exit} {} {}\n", stdout.len(), stderr.len());
        let mut all = [header.as_bytes(), &stdout, &stderr].concat();
        for end in 0..all.len() {
            prop_assert_eq!(parse(all.get(..end).unwrap_or_default()), Reply::Unfinished);
        }
        all.extend(behind);
        prop_assert_eq!(bytes_of(parse(&all), &all), Some((exit, stdout, stderr)));
    }

    #[test]
    fn any_bytes_are_taken_without_panic(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[0-9 \n-]{0,80}".prop_map(String::into_bytes),
        ],
    ) {
        match parse(&bytes) {
            Reply::Whole { stdout, stderr, .. } => {
                prop_assert!(stdout.end == stderr.start && stderr.end <= bytes.len());
            }
            // What no more bytes can mend stays so.
            Reply::Garbage => {
                let more = [bytes.as_slice(), b"0 0 0\n"].concat();
                prop_assert_eq!(parse(&more), Reply::Garbage);
            }
            Reply::Unjudged { reason } => prop_assert!(reason.end < bytes.len()),
            Reply::Unfinished => {}
        }
    }
}
