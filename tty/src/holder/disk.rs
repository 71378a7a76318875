//! The thread that writes to the disk, so that a slow one never holds up the terminal. Its queue is bounded in bytes; what
//! does not fit is missing in the recording, and the recording says so.

use super::outbox::FrameBytes;
use super::recording::{Checkpoint, Facts, Recording};
use crate::directory::{SESSION_FILE, replace_file};
use crate::size::Size;
use crate::wire::RecordingState;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::sync::oneshot;

/// How much output may wait for the disk.
const QUEUE_MAX_BYTES: usize = 8 * 1024 * 1024;
/// How many pieces; a program that writes single characters makes small ones.
const QUEUE_MAX: usize = 2048;
/// So much text is gathered for one write when there is plenty.
const GATHER_BYTES: usize = 256 * 1024;

/// The thread's owner.
#[derive(Debug)]
pub struct Disk {
    queue: Option<SyncSender<Job>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    lost_bytes: u64,
}

#[derive(Debug, Default)]
struct Shared {
    queued_bytes: AtomicUsize,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    /// The newest `session.json` that is not written.
    session: Option<Vec<u8>>,
    recording: RecordingState,
    wants_painting: bool,
}

#[derive(Debug)]
enum Job {
    Output {
        at: Duration,
        frame: FrameBytes,
        skip: usize,
    },
    Resize {
        at: Duration,
        size: Size,
    },
    Checkpoint(Box<Checkpoint>),
    /// There is a `session.json`; says when it is on disk.
    Session(oneshot::Sender<()>),
}

impl Disk {
    /// Starts the thread and the recording.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(facts: Facts, size: Size) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let work = move || work(&jobs, &theirs, facts, size);
        let thread = Builder::new().name("disk".to_owned()).stack_size(256 * 1024).spawn(work)?;
        Ok(Self { queue: Some(queue), shared, thread: Some(thread), lost_bytes: 0 })
    }

    /// Records the output in `frame` after its first `skip` bytes.
    pub fn output(&mut self, at: Duration, frame: &FrameBytes, skip: usize) {
        let len = frame.len().saturating_sub(skip);
        let queued = self.shared.queued_bytes.fetch_add(len, Ordering::Relaxed);
        // After a gap nothing is recorded until a checkpoint says where it goes on.
        let fits = self.lost_bytes == 0 && queued + len <= QUEUE_MAX_BYTES;
        if !fits || !self.send(Job::Output { at, frame: Arc::clone(frame), skip }) {
            self.shared.queued_bytes.fetch_sub(len, Ordering::Relaxed);
            self.lost_bytes += len as u64;
        }
    }

    /// Records a new size.
    pub fn resize(&mut self, at: Duration, size: Size) {
        if self.lost_bytes == 0 && !self.send(Job::Resize { at, size }) {
            self.lost_bytes += 1;
        }
    }

    /// Whether output is missing, and there is room for a checkpoint to go on from.
    pub fn has_gap(&self) -> bool {
        self.lost_bytes > 0 && self.shared.queued_bytes.load(Ordering::Relaxed) < QUEUE_MAX_BYTES / 2
    }

    /// Whether the next checkpoint has to show the screen to players: a part of the recording is to begin with it, or
    /// something is missing before it.
    pub fn wants_painting(&self) -> bool {
        self.lost_bytes > 0 || lock(&self.shared.slots).wants_painting
    }

    /// Notes the screen at a place of the output.
    pub fn checkpoint(&mut self, mut checkpoint: Checkpoint) {
        checkpoint.lost_bytes = self.lost_bytes;
        if self.send(Job::Checkpoint(Box::new(checkpoint))) {
            self.lost_bytes = 0;
        }
    }

    /// Writes `session.json`, and says when it is there; nothing is said when it could not be written, and the receiver
    /// fails. Only the newest is written when several wait.
    pub fn session(&self, text: Vec<u8>) -> oneshot::Receiver<()> {
        lock(&self.shared.slots).session = Some(text);
        let (done, written) = oneshot::channel();
        // With a full queue the thread is at work and looks into the slot after each job.
        self.send(Job::Session(done));
        written
    }

    /// How the recording goes.
    pub fn recording(&self) -> RecordingState {
        let mut state = lock(&self.shared.slots).recording.clone();
        state.lost_bytes += self.lost_bytes;
        state
    }

    /// Lets the thread write what waits, and waits for its end.
    pub fn stop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed to nowhere; the terminal has ended anyway.
            drop(thread.join());
        }
    }

    fn send(&self, job: Job) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.try_send(job).is_ok())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.stop();
    }
}

fn work(jobs: &Receiver<Job>, shared: &Shared, facts: Facts, size: Size) {
    let dir = facts.dir.clone();
    let mut recording = Recording::new(facts, size);
    let mut told = Vec::new();
    while let Ok(first) = jobs.recv() {
        let mut gathered = 0;
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Output { at, frame, skip } => {
                    let bytes = frame.get(skip..).unwrap_or_default();
                    recording.output(at, bytes);
                    gathered += bytes.len();
                    shared.queued_bytes.fetch_sub(bytes.len(), Ordering::Relaxed);
                }
                Job::Resize { at, size } => recording.resize(at, size),
                Job::Checkpoint(checkpoint) => recording.checkpoint(&checkpoint),
                Job::Session(done) => told.push(done),
            }
            next = if gathered < GATHER_BYTES { jobs.try_recv().ok() } else { None };
        }
        recording.flush();
        {
            let mut slots = lock(&shared.slots);
            slots.recording.clone_from(recording.state());
            slots.wants_painting = recording.wants_painting();
        }
        let is_written = write_session(shared, &dir);
        for done in told.drain(..).filter(|_| is_written) {
            // Nobody waits any more.
            let _gone = done.send(());
        }
    }
    write_session(shared, &dir);
}

/// `false` when there is one and it could not be written.
fn write_session(shared: &Shared, dir: &Path) -> bool {
    let Some(text) = lock(&shared.slots).session.take() else { return true };
    let is_written = replace_file(dir, SESSION_FILE, &text).is_ok();
    if !is_written {
        // Tried again with the next job, unless a newer one has come meanwhile.
        lock(&shared.slots).session.get_or_insert(text);
    }
    is_written
}

fn lock(slots: &Mutex<Slots>) -> MutexGuard<'_, Slots> {
    slots.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_record_that_could_not_be_written_is_not_said_to_be_there() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().to_owned();
        let facts = Facts {
            dir: dir.clone(),
            title: String::new(),
            shell: None,
            started: SystemTime::UNIX_EPOCH,
            max_bytes: 1 << 20,
        };
        let disk = Disk::start(facts, Size::new(80, 24)).unwrap();
        // What stands in its place cannot be replaced by a file.
        let in_the_way = dir.join(SESSION_FILE);
        std::fs::create_dir(&in_the_way).unwrap();
        assert!(disk.session(b"one".to_vec()).blocking_recv().is_err());
        std::fs::remove_dir(&in_the_way).unwrap();
        assert!(disk.session(b"two".to_vec()).blocking_recv().is_ok());
        assert_eq!(std::fs::read(&in_the_way).unwrap(), b"two");
    }
}
