//! Binding, rebinding, connecting and half closing, over real sockets.
#![cfg(all(feature = "ipc", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use magia_protocol::ipc::{self, BindError, Listener};
use magia_protocol::paths::{InstanceLock, SOCKET_PATH_MAX_BYTES, Socket, own_uid};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const TIMEOUT: Duration = Duration::from_secs(20);

struct Place {
    _temp: tempfile::TempDir,
    lock: InstanceLock,
    socket: PathBuf,
}

fn place() -> Place {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let lock = InstanceLock::try_acquire(&temp.path().join("run")).expect("the lock");
    let socket = Socket::Hooks.path_in(lock.dir()).expect("a short path");
    Place { _temp: temp, lock, socket }
}

async fn accept(listener: &Listener) -> ipc::Stream {
    let incoming = listener.accept().await.expect("a connection");
    assert_eq!((incoming.cred().pid, incoming.cred().uid), (std::process::id(), own_uid()));
    incoming.into_stream().expect("watched")
}

#[tokio::test]
async fn half_closed_client_still_gets_its_answer() {
    let place = place();
    let listener = ipc::bind(&place.socket, &place.lock).expect("bound");
    assert_eq!(fs::metadata(&place.socket).expect("a socket").permissions().mode() & 0o777, 0o600);

    let mut client = ipc::connect(&place.socket).await.expect("connected");
    let server = accept(&listener).await;
    client.write_all(b"question").await.expect("written");
    client.shutdown().await.expect("half closed");

    let (mut reader, mut writer) = server.into_split();
    let mut got = Vec::new();
    reader.read_to_end(&mut got).await.expect("to the end");
    assert_eq!(got, b"question");
    writer.write_all(b"answer").await.expect("written");
    drop((reader, writer));
    got.clear();
    client.read_to_end(&mut got).await.expect("to the end");
    assert_eq!(got, b"answer");
    assert_eq!(listener.foreign_peers(), 0);
}

#[tokio::test]
async fn blocking_client_talks_to_async_server() {
    let place = place();
    let listener = ipc::bind(&place.socket, &place.lock).expect("bound");
    let path = place.socket.clone();
    let client = tokio::task::spawn_blocking(move || {
        let mut stream = ipc::connect_blocking(&path, TIMEOUT).expect("connected");
        stream.write_all(b"ping").expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        answer
    });
    let mut server = accept(&listener).await;
    let mut got = [0; 4];
    server.read_exact(&mut got).await.expect("read");
    server.write_all(b"pong").await.expect("written");
    drop(server);
    assert_eq!(client.await.expect("no panic"), "pong");
}

#[tokio::test]
async fn stale_socket_is_taken_over_and_a_live_one_is_not() {
    let place = place();
    let listener = ipc::bind(&place.socket, &place.lock).expect("bound");
    assert!(matches!(ipc::bind(&place.socket, &place.lock), Err(BindError::InUse { .. })));
    // As after a crash: the file stays, nobody listens.
    drop(listener);
    assert!(place.socket.exists());
    let err = ipc::connect(&place.socket).await.expect_err("nobody there");
    assert!(err.is_not_running(), "{err}");

    let listener = ipc::bind(&place.socket, &place.lock).expect("bound again");
    ipc::connect(&place.socket).await.expect("connected");
    listener.close().expect("closed");
    assert!(!place.socket.exists());
    let err = ipc::connect_blocking(&place.socket, TIMEOUT).expect_err("nobody there");
    assert!(err.is_not_running(), "{err}");
}

#[tokio::test]
async fn removed_socket_is_noticed_and_bound_again() {
    let place = place();
    let first = ipc::bind(&place.socket, &place.lock).expect("bound");
    assert!(!first.inode_gone());
    fs::remove_file(&place.socket).expect("cleaned");
    assert!(first.inode_gone());

    let second = ipc::bind(&place.socket, &place.lock).expect("bound again");
    assert!(first.inode_gone());
    let inode = fs::metadata(&place.socket).expect("a socket").ino();
    first.close().expect("closed");
    assert_eq!(fs::metadata(&place.socket).expect("still there").ino(), inode);
    ipc::connect(&place.socket).await.expect("connected");
    accept(&second).await;
}

#[tokio::test]
async fn files_that_are_no_sockets_are_left_alone() {
    let place = place();
    fs::write(&place.socket, "mine").expect("a file");
    assert!(matches!(ipc::bind(&place.socket, &place.lock), Err(BindError::NotASocket { .. })));
    assert_eq!(fs::read(&place.socket).expect("the file"), b"mine");
}

#[tokio::test]
async fn lock_covers_its_own_directory_only() {
    let (one, other) = (place(), place());
    assert!(matches!(ipc::bind(&one.socket, &other.lock), Err(BindError::OtherLock { .. })));
}

#[tokio::test]
async fn long_path_is_named_before_binding() {
    let place = place();
    let long = place.lock.dir().join("x".repeat(SOCKET_PATH_MAX_BYTES));
    let len = long.as_os_str().len();
    let text = ipc::bind(&long, &place.lock).expect_err("too long").to_string();
    assert!(text.contains(&format!("{len} bytes")) && text.contains(long.to_str().expect("UTF-8")), "{text}");
    let text = ipc::connect(&long).await.expect_err("too long").to_string();
    assert!(text.contains(&format!("{len} bytes")), "{text}");
}

#[tokio::test]
async fn client_refuses_an_open_directory() {
    let place = place();
    let _listener = ipc::bind(&place.socket, &place.lock).expect("bound");
    fs::set_permissions(place.lock.dir(), fs::Permissions::from_mode(0o755)).expect("a mode");
    let text = ipc::connect(&place.socket).await.expect_err("refused").to_string();
    assert!(text.contains("open to others"), "{text}");
    let text = ipc::connect_blocking(&place.socket, TIMEOUT).expect_err("refused").to_string();
    assert!(text.contains("open to others"), "{text}");
    let text = ipc::bind(&place.socket, &place.lock).expect_err("refused").to_string();
    assert!(text.contains("open to others"), "{text}");
}

#[test]
fn full_queue_ends_at_the_deadline() {
    let place = place();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _context = runtime.enter();
    // Nobody accepts. A short queue, so that it is soon full.
    let listener = std::os::unix::net::UnixListener::bind(&place.socket).expect("bound");
    // SAFETY: listening again with another queue length, on an open descriptor.
    assert_eq!(unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 1) }, 0);
    let mut waiting = Vec::new();
    let err = loop {
        match ipc::connect_blocking(&place.socket, Duration::from_millis(20)) {
            Ok(stream) => waiting.push(stream),
            Err(err) => break err,
        }
    };
    assert!(matches!(err, ipc::ConnectError::TimedOut { .. }), "{err}");
    assert!(!err.is_not_running());
    // The async client waits for room instead.
    let path = place.socket.clone();
    let client = runtime.spawn(async move { ipc::connect(&path).await.map(drop) });
    let accepted = listener.accept().expect("a connection");
    runtime.block_on(client).expect("no panic").expect("connected");
    drop((accepted, waiting));
}

#[tokio::test]
async fn what_was_read_at_once_and_the_rest_make_the_line() {
    use magia_protocol::ipc::line::{Line, LineReader};
    let place = place();
    let listener = ipc::bind(&place.socket, &place.lock).expect("bound");
    let mut text = vec![b'x'; 150_000];
    text.push(b'\n');
    let path = place.socket.clone();
    let client = std::thread::spawn(move || {
        let mut client = ipc::connect_blocking(&path, TIMEOUT).expect("connected");
        client.write_all(&text).expect("written");
    });
    client.join().expect("written whole");
    let mut incoming = listener.accept().await.expect("a connection");
    let mut first = vec![0; 64 * 1024];
    let len = incoming.read_now(&mut first).expect("something");
    let mut reader = LineReader::new(incoming.into_stream().expect("watched"), 1 << 20).after(&first[..len]);
    let line = tokio::time::timeout(TIMEOUT, reader.next()).await.expect("in time").expect("read");
    assert!(matches!(line, Line::Line(line) if line.len() == 150_000));
}
