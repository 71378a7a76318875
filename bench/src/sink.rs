//! The simplest server: takes everything and keeps only counts.

use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result};

/// A listening thread.
pub struct Sink {
    path: PathBuf,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Counts {
    stopped: AtomicBool,
    whole: AtomicU64,
    short: AtomicU64,
}

impl Sink {
    /// Listens at `path`. A connection counts as whole when it brought at least `least_bytes`.
    pub fn start(path: &Path, least_bytes: u64) -> Result<Self> {
        let listener =
            UnixListener::bind(path).with_context(|| format!("listening on {}", path.display()))?;
        let counts = Arc::new(Counts::default());
        let thread = std::thread::spawn({
            let counts = Arc::clone(&counts);
            move || serve(&listener, &counts, least_bytes)
        });
        Ok(Self { path: path.to_owned(), counts, thread: Some(thread) })
    }

    /// How many connections brought everything, and how many less.
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.whole.load(Ordering::Relaxed), self.counts.short.load(Ordering::Relaxed))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.counts.stopped.store(true, Ordering::Relaxed);
        let woken = UnixStream::connect(&self.path).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _nothing_to_tell = thread.join();
        }
        let _gone_already = std::fs::remove_file(&self.path);
    }
}

fn serve(listener: &UnixListener, counts: &Counts, least_bytes: u64) {
    let mut buffer = vec![0; 256 * 1024];
    for stream in listener.incoming() {
        if counts.stopped.load(Ordering::Relaxed) {
            return;
        }
        let mut bytes = 0;
        let Ok(mut stream) = stream else { continue };
        while let Ok(got @ 1..) = stream.read(&mut buffer) {
            bytes += got as u64;
        }
        let count = if bytes >= least_bytes { &counts.whole } else { &counts.short };
        count.fetch_add(1, Ordering::Relaxed);
    }
}
