//! Events without a gate: what arrives, and that nothing bad happens when nobody is there.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]
#![allow(dead_code, reason = "each test program uses another part of support")]

mod support;

use magia_protocol::paths::{Socket, own_uid, runtime_pointer_path_with};
use magia_protocol::process::process_start_ticks;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use support::{Place, accept, check_nothing, check_refused, listen_in, place, private, read_line, start};

const EVENT: &str = "--provider claude --event PreToolUse";
/// The events' own deadline of 500 ms is too short for a busy test machine.
const PATIENT: &str = "--provider claude --event PreToolUse --deadline-ms 20000";
/// For what must run into its deadline; long enough to connect and read first.
const HASTY: &str = "--provider claude --event PreToolUse --deadline-ms 400";

fn send(place: &Place, listener: &UnixListener, stdin: impl Into<Vec<u8>>) -> Vec<u8> {
    let run = start(&mut place.handler(PATIENT), stdin);
    let mut stream = accept(listener);
    let line = read_line(&mut stream);
    assert_eq!(read_line(&mut stream), b"", "half closed after the line");
    check_nothing(&run.end());
    line
}

fn nobody_came(listener: &UnixListener) {
    listener.set_nonblocking(true).expect("non-blocking");
    assert_eq!(listener.accept().expect_err("nobody").kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn without_app_nothing_happens() {
    let place = place();
    check_nothing(&start(&mut place.handler(EVENT), "{}").end());
    check_nothing(&start(&mut place.handler(&format!("{EVENT} --gate")), "{}").end());
    for gate in ["", "--gate"] {
        let refused = start(&mut place.handler(&format!("{EVENT} --fail-closed {gate}")), "{}").end();
        check_refused(&refused, "no runtime directory");
    }
}

#[test]
fn stale_socket_is_no_app() {
    let place = place();
    drop(place.listen(Socket::Hooks));
    check_nothing(&start(&mut place.handler(EVENT), "{}").end());
    let refused = start(&mut place.handler(&format!("{EVENT} --fail-closed")), "{}").end();
    check_refused(&refused, "magia is not running");
}

#[test]
fn doubtful_directory_is_no_app() {
    let mut place = place();
    let listener = place.listen(Socket::Hooks);
    let real = place.runtime.clone();
    place.runtime = place.temp.path().join("link");
    symlink(&real, &place.runtime).expect("a link");
    check_nothing(&start(&mut place.handler(EVENT), "{}").end());
    let refused = start(&mut place.handler(&format!("{EVENT} --fail-closed")), "{}").end();
    check_refused(&refused, "symbolic link");

    place.runtime = real;
    fs::set_permissions(&place.runtime, fs::Permissions::from_mode(0o750)).expect("a mode");
    check_nothing(&start(&mut place.handler(EVENT), "{}").end());
    let refused = start(&mut place.handler(&format!("{EVENT} --fail-closed")), "{}").end();
    check_refused(&refused, "open to others (mode 0750)");
    nobody_came(&listener);
}

#[test]
fn event_arrives_as_one_line() {
    let place = place();
    let listener = place.listen(Socket::Hooks);
    let line = send(&place, &listener, "{\r\n  \"tool\": \"Bash\",\n  \"text\": \"a\\nb\"\n}\n");
    assert_eq!(line.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count(), 1);
    let event: Value = serde_json::from_slice(&line).expect("JSON");

    let own_pid = std::process::id();
    assert_eq!(event["v"], 1);
    assert_eq!(event["provider"], "claude");
    assert_eq!(event["event"], "PreToolUse");
    assert!(event["pid"].as_u64().is_some_and(|pid| pid != u64::from(own_pid)));
    assert_eq!(event["ppid"], own_pid);
    assert_eq!(event["pstart"].as_u64(), process_start_ticks(own_pid).or(Some(0)));
    assert!(event["tty"].is_string());
    assert!(event["sent_unix_ns"].as_u64().is_some_and(|ns| ns > 1_700_000_000_000_000_000));
    assert_eq!(event["payload"], serde_json::json!({"tool": "Bash", "text": "a\nb"}));
    assert_eq!(event.get("gpid"), None);
    let keys: Vec<_> = String::from_utf8(line).expect("UTF-8").split("\"payload\"").map(str::len).collect();
    assert_eq!(keys.len(), 2, "the payload is the last key");
}

#[cfg(target_os = "linux")]
#[test]
fn shell_in_between_is_looked_through() {
    let place = place();
    let listener = place.listen(Socket::Hooks);
    let mut shell = Command::new("/bin/sh");
    let handler = env!("CARGO_BIN_EXE_magia-hook-handler");
    shell.args(["-c", &format!("{handler} {PATIENT}; exit $?")]);
    private(&mut shell, place.temp.path());
    let run = start(shell.env("MAGIA_RUNTIME_DIR", &place.runtime), "{}");
    let event: Value = serde_json::from_slice(&read_line(&mut accept(&listener))).expect("JSON");
    check_nothing(&run.end());

    let own_pid = std::process::id();
    assert_ne!(event["ppid"], own_pid);
    assert_eq!(event["gpid"], own_pid);
    assert_eq!(event["gpstart"].as_u64(), process_start_ticks(own_pid));
}

#[test]
fn nothing_on_stdin_is_null() {
    let place = place();
    let listener = place.listen(Socket::Hooks);
    for stdin in ["", "\n", " \r\n\t"] {
        let event: Value = serde_json::from_slice(&send(&place, &listener, stdin)).expect("JSON");
        assert_eq!(event["payload"], Value::Null);
    }
}

#[test]
fn payload_of_any_size_arrives_whole() {
    let place = place();
    let listener = place.listen(Socket::Hooks);
    let payload = |len: usize| format!("\"{}\"", "x".repeat(len - 2));
    let around = send(&place, &listener, payload(100)).len() - 100;
    // Where head, payload and tail just fill the buffer of 64 KiB, or twice that, or do not.
    let full = (64 << 10) - around;
    let sizes = (full - 3..full + 5).chain([full + (64 << 10) - 1, full + (64 << 10), 1 << 20]);
    for len in sizes {
        let line = send(&place, &listener, payload(len));
        assert_eq!(line.len(), around + len);
        let event: Value = serde_json::from_slice(&line).expect("JSON");
        assert_eq!(event["payload"].as_str().map(str::len), Some(len - 2));
    }
}

#[test]
fn app_that_does_not_read_costs_no_more_than_the_deadline() {
    let place = place();
    // Connections wait in its queue, and take what fits in a socket's buffer.
    let _listener = place.listen(Socket::Hooks);
    let began = Instant::now();
    check_nothing(&start(&mut place.handler(HASTY), vec![b'x'; 8 << 20]).end());
    let run = start(&mut place.handler(&format!("{HASTY} --fail-closed")), vec![b'x'; 8 << 20]);
    check_refused(&run.end(), "time is up while sending the event");
    assert!(began.elapsed().as_secs() < 20);
}

#[test]
fn stdin_without_end_costs_no_more_than_the_deadline() {
    let place = place();
    let listener = place.listen(Socket::Hooks);
    let mut child = place.handler(&format!("{HASTY} --fail-closed")).spawn().expect("spawned");
    let stdin = child.stdin.take();
    check_refused(&child.wait_with_output().expect("ended"), "time is up while reading the event");
    assert_eq!(read_line(&mut accept(&listener)), b"", "no half line");
    drop(stdin);
}

#[test]
fn closed_descriptors_do_no_harm() {
    let place = place();
    let listener = place.listen(Socket::Hooks);
    let mut shell = Command::new("/bin/sh");
    let handler = env!("CARGO_BIN_EXE_magia-hook-handler");
    shell.args(["-c", &format!("exec {handler} {PATIENT} 1>&- 2>&-")]);
    private(&mut shell, place.temp.path());
    let run = start(shell.env("MAGIA_RUNTIME_DIR", &place.runtime), "{}");
    assert!(read_line(&mut accept(&listener)).ends_with(b"\"payload\":{}}\n"));
    check_nothing(&run.end());

    shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("exec {handler} {PATIENT} 0<&-")]);
    private(&mut shell, place.temp.path());
    let run = start(shell.env("MAGIA_RUNTIME_DIR", &place.runtime), "");
    read_line(&mut accept(&listener));
    check_nothing(&run.end());
}

#[test]
fn wrong_call_is_said_and_does_no_harm() {
    let place = place();
    for args in
        ["", "--provider claude", "--what", "--provider a/b --event e", "--provider p --event e --gate x"]
    {
        let output = start(&mut place.handler(args), "{}").end();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{args}");
        assert!(text.contains("usage: magia-hook-handler"), "{text}");
        check_refused(&start(&mut place.handler(&format!("{args} --fail-closed")), "{}").end(), "usage: ");
    }
}

#[test]
fn app_is_found_below_tmpdir() {
    let place = place();
    let listener = listen_in(&place.temp.path().join(format!("magia-{}", own_uid())), Socket::Hooks);
    let run = start(&mut place.handler_without_runtime_dir(PATIENT), "{}");
    assert!(read_line(&mut accept(&listener)).ends_with(b"\"payload\":{}}\n"));
    check_nothing(&run.end());

    // Set, so nothing else is tried.
    check_nothing(&start(&mut place.handler(PATIENT), "{}").end());
    nobody_came(&listener);
}

#[test]
fn app_with_another_tmpdir_is_found_by_its_pointer() {
    let system = Path::new("/tmp").join(format!("magia-{}", own_uid()));
    if Socket::Hooks.path_in(&system).is_ok_and(|socket| socket.exists()) {
        // The user's own magia would get our event, and rightly so.
        return;
    }
    let place = place();
    let listener = place.listen(Socket::Hooks);
    let home = place.temp.path().to_path_buf();
    let pointer = runtime_pointer_path_with(&|name| (name == "HOME").then(|| home.clone().into_os_string()));
    let pointer = pointer.expect("a home");
    fs::create_dir_all(pointer.parent().expect("a directory")).expect("made");
    fs::write(&pointer, format!("{}\n", place.runtime.display())).expect("written");

    let mut command = place.handler_without_runtime_dir(PATIENT);
    let run = start(command.env("TMPDIR", place.temp.path().join("elsewhere")), "{}");
    assert!(read_line(&mut accept(&listener)).ends_with(b"\"payload\":{}}\n"));
    check_nothing(&run.end());
}

#[test]
fn stdin_from_a_file_and_from_nowhere() {
    let place = place();
    let listener = place.listen(Socket::Hooks);
    let file = place.temp.path().join("event.json");
    fs::write(&file, "[1]").expect("written");
    for (stdin, payload) in
        [(fs::File::open(&file).expect("the file").into(), "[1]"), (Stdio::null(), "null")]
    {
        let child = place.handler(PATIENT).stdin(stdin).spawn().expect("spawned");
        let line = read_line(&mut accept(&listener));
        assert!(line.ends_with(format!("\"payload\":{payload}}}\n").as_bytes()));
        check_nothing(&child.wait_with_output().expect("ended"));
    }
}
