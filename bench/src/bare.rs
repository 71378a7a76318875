//! The least a listener can do, as a process of its own: accept, read one line, parse it, count it. It shows
//! what the machine gives, so that what the app adds can be told from it.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use magia_protocol::wire::HookMessage;
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;

use crate::proc::cpu_time;

/// Serves `socket` until `events` lines were understood, then prints when that was (milliseconds since 1970)
/// and the CPU time it took, in microseconds.
pub fn serve(socket: &Path, events: u64) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (at_ms, cpu_us) = runtime.block_on(async {
        let listener =
            UnixListener::bind(socket).with_context(|| format!("listening on {}", socket.display()))?;
        let (count, done) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (count, done) = (Arc::clone(&count), Arc::clone(&done));
                    let (stream, _) = accepted?;
                    tokio::spawn(async move {
                        if understood(stream).await && count.fetch_add(1, Ordering::Relaxed) + 1 == events {
                            done.notify_one();
                        }
                    });
                }
                () = done.notified() => break,
            }
        }
        anyhow::Ok((unix_ms(), cpu_time(std::process::id())?.as_micros()))
    })?;
    writeln!(std::io::stdout(), "{at_ms} {cpu_us}").context("printing the result")
}

/// The word that makes this program a relay.
pub const RELAY: &str = "relay";

/// The least that can answer a request: takes a connection, reads what has come and writes it back. Until it is ended.
pub fn relay(socket: &Path) -> Result<()> {
    let listener = std::os::unix::net::UnixListener::bind(socket)
        .with_context(|| format!("listening on {}", socket.display()))?;
    let mut line = [0; 4096];
    for accepted in listener.incoming() {
        let mut stream = accepted?;
        let len = stream.read(&mut line)?;
        // A client that has gone is its own affair.
        let _written = stream.write_all(line.get(..len).unwrap_or_default());
    }
    Ok(())
}

async fn understood(mut stream: UnixStream) -> bool {
    let mut line = Vec::with_capacity(4096);
    stream.read_to_end(&mut line).await.is_ok() && HookMessage::parse(&line).is_ok()
}

/// Milliseconds since 1970.
pub fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
