//! Those who do not speak as our clients do, and those who may not speak at all.

use crate::support::{PATIENCE, Place, Viewer, talk};
use magia_tty::Started;
use magia_tty::wire::{Decoder, Frame, PAYLOAD_MAX_BYTES, encode, kind};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;

/// A client that knows nothing but frames.
struct Bare {
    stream: UnixStream,
    decoder: Decoder,
}

impl Bare {
    fn new(started: &Started) -> Self {
        let stream = UnixStream::connect(started.dir.join("ipc.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, decoder: Decoder::default() }
    }

    fn send(&mut self, kind: u8, payload: &[u8]) {
        self.stream.write_all(&encode(kind, payload)).unwrap();
    }

    /// The next frame; `None` once hung up.
    fn next(&mut self) -> Option<Frame> {
        let mut piece = [0; 4096];
        loop {
            if let Some(frame) = self.decoder.take().unwrap() {
                return Some(frame);
            }
            match self.stream.read(&mut piece) {
                Ok(count @ 1..) => self.decoder.feed(&piece[..count]),
                Ok(0) => return None,
                Err(err) if err.kind() == std::io::ErrorKind::ConnectionReset => return None,
                other => panic!("{other:?}"),
            }
        }
    }

    fn fault(&mut self) -> String {
        let frame = self.next().expect("an error frame");
        assert_eq!(frame.kind, kind::ERROR);
        let fault: Value = serde_json::from_slice(&frame.payload).unwrap();
        assert!(fault["message"].is_string());
        fault["code"].as_str().unwrap().to_owned()
    }

    fn echoes(&mut self) {
        self.send(kind::HEARTBEAT, b"are you there");
        assert_eq!(self.next(), Some(Frame { kind: kind::HEARTBEAT, payload: b"are you there".to_vec() }));
    }
}

fn still_serves(place: &Place, started: &Started) {
    talk(async {
        let mut viewer = Viewer::window(started, place.size).await;
        viewer.type_in("well\r").await;
        viewer.until_text("well").await;
    });
}

#[test]
fn a_client_of_vibetunnel_types_resizes_and_kills() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    talk(async {
        let mut viewer = Viewer::window(&started, place.size).await;
        viewer.until("the screen", |it| it.snapshots == 1).await;
        let mut old = Bare::new(&started);
        old.send(kind::STDIN, b"typed by an old one\r");
        viewer.until_text("typed by an old one\r\ntyped by an old one").await;
        old.send(kind::CONTROL, br#"{"cmd":"resize","cols":91,"rows":31}"#);
        viewer.until("the size", |it| it.size.is_some_and(|size| (size.cols, size.rows) == (91, 31))).await;
        old.send(kind::CONTROL, br#"{"cmd":"update-title","title":"a name"}"#);
        old.send(0x21, b"what is this");
        old.echoes();
        let mut second = Bare::new(&started);
        second.send(kind::STATUS, br#"{"app":"claude","status":"busy"}"#);
        let status = old.next().unwrap();
        assert_eq!(status.kind, kind::STATUS);
        assert_eq!(
            serde_json::from_slice::<Value>(&status.payload).unwrap(),
            json!({"app":"claude","status":"busy"})
        );
        old.send(kind::CONTROL, br#"{"cmd":"kill","signal":"SIGKILL"}"#);
        assert_eq!(viewer.until_exit().await.signal, Some(libc::SIGKILL));
        old.send(kind::STDIN, b"x");
        assert_eq!(old.fault(), "SESSION_NOT_RUNNING", "and no frame that it does not know");
    });
}

#[test]
fn what_is_broken_is_named_and_ends_at_most_its_own_connection() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    let mut client = Bare::new(&started);
    for (kind, payload) in [
        (kind::CONTROL, &b"{"[..]),
        (kind::CONTROL, br#"{"cmd":"self-destruct"}"#),
        (kind::CONTROL, br#"{"cmd":"resize","cols":"wide","rows":1}"#),
        (kind::HELLO, b"\xff\xff"),
        (kind::ACK, b"1"),
        (kind::ROLE, b"null"),
        (kind::STATUS, b"}"),
    ] {
        client.send(kind, payload);
        assert_eq!(client.fault(), "MALFORMED_FRAME");
    }
    client.echoes();
    client.stream.write_all(&[kind::STDIN, 0xff, 0xff, 0xff, 0xff, b'x']).unwrap();
    assert_eq!(client.fault(), "PAYLOAD_TOO_LARGE");
    assert_eq!(client.next(), None, "there is no way to find the next frame");

    let mut large = Bare::new(&started);
    large.send(kind::HEARTBEAT, &vec![7; PAYLOAD_MAX_BYTES]);
    assert_eq!(large.next().unwrap().payload.len(), PAYLOAD_MAX_BYTES);
    still_serves(&place, &started);
}

#[test]
fn noise_does_not_matter() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..300 {
        let mut noise = Vec::new();
        for _ in 0..random % 200 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // Not the frames that type, kill or resize: what they do is wanted.
            let byte = random.to_le_bytes()[0];
            noise.push(if noise.is_empty() && matches!(byte, 1 | 2) { 0x99 } else { byte });
        }
        random = random.wrapping_add(1);
        let mut stream = UnixStream::connect(started.dir.join("ipc.sock")).unwrap();
        // It may hang up in the middle of it.
        let _ = stream.write_all(&noise);
    }
    still_serves(&place, &started);
}

#[test]
fn the_silent_make_room() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    let silent: Vec<UnixStream> =
        (0..200).map(|_| UnixStream::connect(started.dir.join("ipc.sock")).unwrap()).collect();
    still_serves(&place, &started);
    drop(silent);
    let mut busy: Vec<Bare> = Vec::new();
    for _ in 0..64 {
        let mut client = Bare::new(&started);
        client.echoes();
        busy.push(client);
    }
    let mut last = Bare::new(&started);
    assert_eq!(last.fault(), "CONNECTION_LIMIT");
    assert_eq!(last.next(), None);
    busy.truncate(60);
    still_serves(&place, &started);
}

/// Runs python as nobody, if the tests may become somebody else.
fn as_nobody(script: &str, argument: &str) -> Option<String> {
    // SAFETY: takes nothing.
    if unsafe { libc::geteuid() } != 0 {
        return None;
    }
    let mut command = Command::new("setpriv");
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "python3", "-c", script, argument]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

const CONNECT: &str = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ntry:\n s.connect(sys.argv[1])\n \
    s.sendall(bytes([4,0,0,0,0]))\n s.settimeout(20)\n print(len(s.recv(9)))\nexcept OSError as e:\n print(type(e).__name__)";

#[test]
fn another_user_is_refused_by_the_directory_and_by_the_holder() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    let socket = started.dir.join("ipc.sock");
    let Some(refused) = as_nobody(CONNECT, socket.to_str().unwrap()) else { return };
    assert_eq!(refused, "PermissionError");
    // With every door open the holder still looks who comes in.
    for path in [place.path(), &place.root(), &started.dir] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    }
    std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let answer = as_nobody(CONNECT, socket.to_str().unwrap()).unwrap();
    assert!(["0", "ConnectionResetError", "BrokenPipeError"].contains(&answer.as_str()), "{answer}");
    let mut own = Bare::new(&started);
    own.echoes();
}
