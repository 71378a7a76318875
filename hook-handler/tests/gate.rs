//! Gates: every kind of answer, and every kind of none.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]
#![allow(dead_code, reason = "each test program uses another part of support")]

mod support;

use magia_protocol::paths::Socket;
use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Instant;
use support::{Place, Run, accept, check, check_nothing, check_refused, place, read_line, start};

const GATE: &str = "--provider claude --event PermissionRequest --gate --deadline-ms 20000";
const HASTY: &str = "--provider claude --event PermissionRequest --gate --deadline-ms 400";

fn ask(place: &Place, listener: &UnixListener, args: &str) -> (Run, UnixStream) {
    let run = start(&mut place.handler(args), "{\"tool_name\":\"Bash\"}\n");
    let mut stream = accept(listener);
    let line = read_line(&mut stream);
    assert!(
        line.ends_with(b"\"payload\":{\"tool_name\":\"Bash\"} }\n"),
        "{}",
        String::from_utf8_lossy(&line)
    );
    (run, stream)
}

fn reply(exit: u8, stdout: &[u8], stderr: &[u8]) -> Vec<u8> {
    let header = format!("{exit} {} {}\n", stdout.len(), stderr.len());
    [header.as_bytes(), stdout, stderr].concat()
}

#[test]
fn answer_is_printed_and_decides_the_status() {
    let place = place();
    let listener = place.listen(Socket::Permissions);
    let big = vec![b'x'; 1 << 20];
    for (exit, stdout, stderr) in [
        (0, b"{\"hookSpecificOutput\":{}}".as_slice(), b"".as_slice()),
        (0, b"", b""),
        (1, b"out\n", b"err\n"),
        (2, b"", b"not allowed"),
        (77, b"\x00\xff\n12 3 4\n", b"\r\n"),
        (255, &big, b"e"),
    ] {
        let (run, mut stream) = ask(&place, &listener, GATE);
        stream.write_all(&reply(exit, stdout, stderr)).expect("answered");
        check(&run.end(), exit.into(), stdout, stderr);
    }
}

#[test]
fn answer_in_pieces_is_one_answer() {
    let place = place();
    let listener = place.listen(Socket::Permissions);
    let (run, mut stream) = ask(&place, &listener, GATE);
    for byte in reply(3, b"piece", b"meal") {
        stream.write_all(&[byte]).expect("answered");
    }
    check(&run.end(), 3, b"piece", b"meal");
}

#[test]
fn silence_ends_at_the_deadline() {
    let place = place();
    let listener = place.listen(Socket::Permissions);
    let began = Instant::now();
    check_nothing(&start(&mut place.handler(HASTY), "{}").end());
    let run = start(&mut place.handler(&format!("{HASTY} --fail-closed")), "{}");
    check_refused(&run.end(), "time is up while waiting for the decision");
    assert!(began.elapsed().as_secs() < 20);
    // Both had asked.
    for _ in 0..2 {
        assert!(read_line(&mut accept(&listener)).ends_with(b"}\n"));
    }
}

#[test]
fn app_that_ends_while_asked_decides_nothing() {
    let place = place();
    let listener = place.listen(Socket::Permissions);
    let whole = reply(2, b"stdout", b"stderr");
    for begun in [b"".as_slice(), b"2", b"2 6 6", &whole[..8], &whole[..whole.len() - 1]] {
        let (run, mut stream) = ask(&place, &listener, GATE);
        stream.write_all(begun).expect("begun");
        drop(stream);
        check_nothing(&run.end());

        let (run, mut stream) = ask(&place, &listener, &format!("{GATE} --fail-closed"));
        stream.write_all(begun).expect("begun");
        drop(stream);
        check_refused(&run.end(), "magia ended before it answered");
    }
}

#[test]
fn garbage_decides_nothing() {
    let place = place();
    let listener = place.listen(Socket::Permissions);
    let long = "1".repeat(200);
    for garbage in [
        "\n",
        "hello\n",
        "{\"allow\":true}",
        "0 0\n",
        "0 0 0 0\n",
        "0  0 0\n",
        "-1 0 0\n",
        "!\n",
        "!0 0 0\n",
        "256 0 0\n",
        "0 16777217 0\n",
        "0 16777216 1\n",
        "0 99999999999999999999999999 0\n",
        &long,
    ] {
        let (run, mut stream) = ask(&place, &listener, GATE);
        stream.write_all(garbage.as_bytes()).expect("answered");
        check_nothing(&run.end());
        let (run, mut stream) = ask(&place, &listener, &format!("{GATE} --fail-closed"));
        stream.write_all(garbage.as_bytes()).expect("answered");
        check_refused(&run.end(), "magia's answer is not understood");
    }
}

#[test]
fn what_nobody_could_judge_is_refused_by_who_fails_closed() {
    let place = place();
    let listener = place.listen(Socket::Permissions);
    let (run, mut stream) = ask(&place, &listener, GATE);
    stream.write_all(b"! not read\n").expect("answered");
    check_nothing(&run.end());
    let (run, mut stream) = ask(&place, &listener, &format!("{GATE} --fail-closed"));
    for piece in [&b"!"[..], b" not", b" read", b"\n"] {
        stream.write_all(piece).expect("answered");
    }
    check_refused(&run.end(), "magia-hook-handler: not read");
}

#[test]
fn killed_gate_is_seen_by_the_app() {
    let place = place();
    let listener = place.listen(Socket::Permissions);
    let (mut run, mut stream) = ask(&place, &listener, GATE);
    stream.set_nonblocking(true).expect("non-blocking");
    let waiting = std::io::Read::read(&mut stream, &mut [0]).expect_err("still open");
    assert_eq!(waiting.kind(), std::io::ErrorKind::WouldBlock);
    stream.set_nonblocking(false).expect("blocking");
    run.kill();
    assert_eq!(read_line(&mut stream), b"");
    run.end();
}

#[test]
fn agent_that_reads_no_answer_still_gets_the_status() {
    let place = place();
    let listener = place.listen(Socket::Permissions);
    let (mut run, mut stream) = ask(&place, &listener, GATE);
    run.close_stdout();
    stream.write_all(&reply(9, &[b'x'; 100_000], b"said")).expect("answered");
    check(&run.end(), 9, b"", b"said");
}
