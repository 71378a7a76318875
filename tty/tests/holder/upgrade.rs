//! Holders live on while everything else is replaced: what the first ones said is still understood, and what their clients
//! said is still answered.
//!
//! `tests/data/wire-v1.jsonl` is a conversation as it was when version 1 of the wire was new. It is never written anew;
//! another version gets another file (`MAGIA_BLESS=1` writes one that is missing).

use crate::support::{PATIENCE, Place, Viewer, talk};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use magia_tty::screen::Screen;
use magia_tty::wire::{Decoder, Exit, Format, FromHolder, Hello, SnapshotAssembly, ToHolder, WIRE_MIN, kind};
use magia_tty::{Size, Started, TerminalId};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

const SCRIPT: &str =
    "printf '\\033[1;32mgreen\\033[m and plain\\r\\n'; read line; echo \"got $line\"; read line; exit 7";
const SIZE: Size = Size::new(70, 20);

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/wire-v1.jsonl")
}

/// What each side said, in order; true for the holder.
fn recorded() -> Vec<(bool, Vec<u8>)> {
    let text = std::fs::read_to_string(file()).expect("tests/data/wire-v1.jsonl");
    let line = |line: &str| {
        let (from_holder, bytes): (bool, String) = serde_json::from_str(line).unwrap();
        (from_holder, BASE64.decode(bytes).unwrap())
    };
    text.lines().map(line).collect()
}

/// Has the conversation with a holder of today.
fn converse(started: &Started, said: &[Vec<u8>]) -> Vec<(bool, Vec<u8>)> {
    let mut stream = UnixStream::connect(started.dir.join("ipc.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut decoder, mut assembly, mut heard) =
        (Decoder::default(), SnapshotAssembly::default(), Vec::new());
    let mut piece = [0; 4096];
    // What is waited for before each thing is said: nothing, the screen, the answer; and the end.
    let waits = [None, Some("green"), Some("got it\r\n"), None];
    let mut all = String::new();
    for at in 0..=said.len() {
        while let Some(Some(text)) = waits.get(at)
            && !all.contains(text)
        {
            let count = stream.read(&mut piece).unwrap();
            heard.push((true, piece[..count].to_vec()));
            decoder.feed(&piece[..count]);
            while let Some(frame) = decoder.take().unwrap() {
                match FromHolder::read(frame, &mut assembly).unwrap() {
                    Some(FromHolder::Snapshot { data, format: Format::State, .. }) => {
                        all.push_str(&Screen::restore(&data, 0).unwrap().text(false));
                    }
                    Some(FromHolder::Output { bytes, .. }) => all.push_str(&String::from_utf8_lossy(&bytes)),
                    _ => {}
                }
            }
        }
        if let Some(bytes) = said.get(at) {
            stream.write_all(bytes).unwrap();
            heard.push((false, bytes.clone()));
        }
    }
    let mut is_over = false;
    while !is_over {
        let count = stream.read(&mut piece).unwrap();
        heard.push((true, piece[..count].to_vec()));
        decoder.feed(&piece[..count]);
        while let Some(frame) = decoder.take().unwrap() {
            is_over |= frame.kind == kind::EXIT;
        }
    }
    heard
}

fn first_said() -> Vec<Vec<u8>> {
    vec![
        ToHolder::Hello(Hello { focus: true, ..Hello::window(SIZE) }).to_bytes(),
        ToHolder::Stdin(b"it\r".to_vec()).to_bytes(),
        ToHolder::Stdin(b"\r".to_vec()).to_bytes(),
    ]
}

#[test]
fn a_client_of_today_understands_the_first_holder() {
    if std::env::var_os("MAGIA_BLESS").is_some() && !file().exists() {
        let place = Place::new();
        let mut options = place.options(&["/bin/sh", "-c", SCRIPT]);
        options.id = Some(Place::id("first"));
        let heard = converse(&place.try_start(&options).unwrap(), &first_said());
        let lines: Vec<String> = heard
            .iter()
            .map(|(holder, bytes)| format!("[{holder},\"{}\"]\n", BASE64.encode(bytes)))
            .collect();
        std::fs::write(file(), lines.concat()).unwrap();
    }
    let place = Place::new();
    let dir = place.path().join("first");
    std::fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
    let listener = UnixListener::bind(dir.join("ipc.sock")).unwrap();
    // It says what the first holder said, whatever the client's frames look like by now.
    let holder = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut decoder = Decoder::default();
        let mut piece = [0; 4096];
        for (from_holder, bytes) in recorded() {
            if from_holder {
                stream.write_all(&bytes).unwrap();
                continue;
            }
            while decoder.take().unwrap().is_none() {
                let count = stream.read(&mut piece).unwrap();
                assert!(count > 0, "the client hung up");
                decoder.feed(&piece[..count]);
            }
        }
    });
    talk(async {
        let started = Started { id: TerminalId::new("first").unwrap(), dir, holder_pid: 0, pid: 0 };
        let (mut reader, mut writer) =
            magia_tty::client::connect(&started.dir, Hello { focus: true, ..Hello::window(SIZE) })
                .await
                .unwrap();
        assert_eq!((reader.hello().wire, reader.hello().id.as_str()), (1, "first"));
        let (mut screen, mut exit) = (None::<Screen>, None);
        let mut typed = 0;
        while let Some(said) = reader.next().await.unwrap() {
            match said {
                FromHolder::Snapshot { data, .. } => screen = Some(Screen::restore(&data, 100).unwrap()),
                FromHolder::Output { bytes, .. } => screen.as_mut().unwrap().advance(&bytes),
                FromHolder::Exit(it) => exit = Some(it),
                _ => {}
            }
            let text = screen.as_ref().map(|screen| screen.text(false)).unwrap_or_default();
            if text.contains("green") && typed == 0 {
                writer.input(b"it\r").await.unwrap();
                typed = 1;
            }
            if text.contains("got it") && typed == 1 {
                writer.input(b"\r").await.unwrap();
                typed = 2;
            }
        }
        assert_eq!(exit, Some(Exit { code: Some(7), signal: None }));
        let screen = screen.unwrap();
        assert_eq!(screen.text(false), "green and plain\nit\ngot it\n");
        assert_eq!((screen.size().cols, screen.size().rows), (SIZE.cols, SIZE.rows));
    });
    holder.join().unwrap();
}

#[test]
fn a_holder_lives_on_when_its_program_is_replaced() {
    let place = Place::new();
    let (old, new) = (place.path().join("old"), place.path().join("new"));
    for copy in [&old, &new] {
        std::fs::copy(env!("CARGO_BIN_EXE_magia-tty-holder"), copy).unwrap();
    }
    let mut options = place.options(&["/bin/sh", "-c", SCRIPT]);
    options.exe.clone_from(&old);
    let started = place.try_start(&options).unwrap();
    talk(async {
        let mut before = Viewer::window(&started, SIZE).await;
        before.until_text("green").await;
    });
    std::fs::rename(&new, &old).unwrap();
    talk(async {
        let mut after = Viewer::window(&started, SIZE).await;
        after.until_text("green and plain").await;
        after.type_in("it\r").await;
        after.until_text("got it").await;
        after.type_in("\r").await;
        assert_eq!(after.until_exit().await.code, Some(7));
    });
}

#[test]
fn a_holder_of_today_answers_the_first_client() {
    assert_eq!(WIRE_MIN, 1, "the first clients are still served");
    let place = Place::new();
    let started = place.sh(SCRIPT);
    let said: Vec<Vec<u8>> =
        recorded().into_iter().filter(|(from_holder, _)| !from_holder).map(|(_, bytes)| bytes).collect();
    assert_eq!(said.len(), 3);
    let heard = converse(&started, &said);
    let kinds = |heard: &[(bool, Vec<u8>)]| -> Vec<u8> {
        let mut decoder = Decoder::default();
        heard.iter().filter(|(holder, _)| *holder).for_each(|(_, bytes)| decoder.feed(bytes));
        let mut kinds: Vec<u8> =
            std::iter::from_fn(|| decoder.take().unwrap()).map(|frame| frame.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    };
    for kind in kinds(&recorded()) {
        assert!(kinds(&heard).contains(&kind), "a frame of kind {kind:#04x}");
    }
    talk(async { assert_eq!(Viewer::window(&started, SIZE).await.until_exit().await.code, Some(7)) });
}
