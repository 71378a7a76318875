//! The recording on disk: `stdout`, and the part before it, `stdout.1`; beside each an index of places where one can begin
//! to read.
//!
//! A part is full at 7/16 of the limit and its index at 1/16, so that both parts together stay below it. A part that
//! follows another begins with what the screen showed then.

use super::cast::{self, Writer};
use crate::directory::{INDEX_FILE, IndexEntry, OLDER, RECORDING_FILE, create_private};
use crate::size::Size;
use crate::time::since_epoch;
use crate::wire::RecordingState;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What is behind the name of a file that is not in its place yet.
const NEW: &str = ".new";

/// The screen at one place of the output.
#[derive(Debug)]
pub struct Checkpoint {
    /// When.
    pub at: Duration,
    /// How much output came before it.
    pub seq: u64,
    /// The terminal's size.
    pub size: Size,
    /// The screen for us.
    pub state: Vec<u8>,
    /// The screen for players, when [`Recording::wants_painting`] said so.
    pub ansi: Option<Vec<u8>>,
    /// So many bytes before it are missing.
    pub lost_bytes: u64,
}

/// What a recording is called and how long it may get.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The terminal's directory.
    pub dir: PathBuf,
    /// For the header.
    pub title: String,
    /// The user's shell, for the header.
    pub shell: Option<String>,
    /// When it began.
    pub started: SystemTime,
    /// The most bytes of all its files.
    pub max_bytes: u64,
}

/// The files, and what is not yet in them.
#[derive(Debug)]
pub struct Recording {
    facts: Facts,
    size: Size,
    files: Option<Files>,
    text: Vec<u8>,
    writer: Writer,
    state: RecordingState,
}

#[derive(Debug)]
struct Files {
    cast: File,
    cast_len: u64,
    index: File,
    index_len: u64,
}

impl Recording {
    /// Begins the recording of a new terminal. A disk that refuses is a state, not a fault.
    pub fn new(facts: Facts, size: Size) -> Self {
        let (text, writer) = (Vec::new(), Writer::default());
        let mut recording = Self { facts, size, files: None, text, writer, state: RecordingState::default() };
        let begun = recording.begin_part();
        recording.note(begun);
        recording
    }

    /// How it goes.
    pub fn state(&self) -> &RecordingState {
        &self.state
    }

    /// Whether the next checkpoint should have the screen for players: a part begins with it, and a recording that could
    /// not be written goes on with it. Without it both wait for a checkpoint that has it.
    pub fn wants_painting(&self) -> bool {
        let soon = self.part_max_bytes() / 2;
        self.state.error.is_some() || self.files.as_ref().is_none_or(|files| files.cast_len > soon)
    }

    /// Adds output.
    pub fn output(&mut self, at: Duration, bytes: &[u8]) {
        if self.state.error.is_some() {
            self.state.lost_bytes += bytes.len() as u64;
        } else {
            self.writer.output(&mut self.text, at, bytes);
        }
    }

    /// Adds a new size.
    pub fn resize(&mut self, at: Duration, size: Size) {
        self.size = size;
        if self.state.error.is_none() {
            Writer::event(&mut self.text, at, 'r', &size.to_string());
        }
    }

    /// Writes what was added.
    pub fn flush(&mut self) {
        let written = self.write_text();
        self.note(written);
    }

    /// Notes a place to begin to read at; begins the next part when this one is nearly full; and mends a recording that
    /// could not be written.
    pub fn checkpoint(&mut self, checkpoint: &Checkpoint) {
        self.size = checkpoint.size;
        self.state.lost_bytes += checkpoint.lost_bytes;
        let mended = self.mend(checkpoint).and_then(|()| self.write_index(checkpoint));
        if mended.is_ok() {
            self.state.error = None;
        }
        self.note(mended);
    }

    fn mend(&mut self, checkpoint: &Checkpoint) -> io::Result<()> {
        let mut missing = checkpoint.lost_bytes;
        let Some(painting) = &checkpoint.ansi else {
            return match &self.state.error {
                Some(error) => Err(io::Error::other(error.clone())),
                None => self.write_text(),
            };
        };
        if self.state.error.is_some() {
            missing = missing.max(1);
            // Half a line may be at the end, or no file at all.
            if let Some(files) = &mut self.files {
                cut(&mut files.cast, files.cast_len)?;
            } else {
                self.begin_part()?;
            }
        }
        self.write_text()?;
        let nearly_full = self.part_max_bytes() / 8 * 7;
        let is_nearly_full = self.files.as_ref().is_none_or(|files| files.cast_len > nearly_full);
        if is_nearly_full {
            self.begin_part()?;
        }
        if missing > 0 {
            self.writer.reset();
            Writer::event(&mut self.text, checkpoint.at, 'm', "magia: some output before this is missing");
        }
        if missing > 0 || is_nearly_full {
            Writer::event(&mut self.text, checkpoint.at, 'r', &self.size.to_string());
            self.writer.output(&mut self.text, checkpoint.at, painting);
        }
        self.write_text()
    }

    fn write_index(&mut self, checkpoint: &Checkpoint) -> io::Result<()> {
        let index_max = self.facts.max_bytes / 16;
        // Half a character would be counted on the wrong side.
        if self.writer.waiting() > 0 {
            return Ok(());
        }
        let Some(files) = &mut self.files else {
            return Ok(());
        };
        let state = BASE64.encode(&checkpoint.state);
        let entry = IndexEntry { seq: checkpoint.seq, offset: files.cast_len, state };
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        if files.index_len + line.len() as u64 > index_max {
            return Ok(());
        }
        if let Err(err) = files.index.write_all(&line) {
            drop(cut(&mut files.index, files.index_len));
            return Err(err);
        }
        files.index_len += line.len() as u64;
        Ok(())
    }

    fn write_text(&mut self) -> io::Result<()> {
        let text = std::mem::take(&mut self.text);
        if text.is_empty() {
            return Ok(());
        }
        let full = self
            .files
            .as_ref()
            .is_none_or(|files| files.cast_len + text.len() as u64 > self.part_max_bytes());
        if full {
            self.begin_part()?;
        }
        let Some(files) = &mut self.files else {
            return Ok(());
        };
        if let Err(err) = files.cast.write_all(&text) {
            drop(cut(&mut files.cast, files.cast_len));
            return Err(err);
        }
        files.cast_len += text.len() as u64;
        Ok(())
    }

    fn part_max_bytes(&self) -> u64 {
        self.facts.max_bytes / 16 * 7
    }

    /// What there is becomes the older part, and a new one begins. The new files are there before an old one goes: a full
    /// disk, which is tried again and again, would else cost all that was recorded.
    fn begin_part(&mut self) -> io::Result<()> {
        let dir = &self.facts.dir;
        let [cast, index] = [RECORDING_FILE, INDEX_FILE].map(|name| dir.join(name));
        let [new_cast, new_index] = [RECORDING_FILE, INDEX_FILE].map(|name| dir.join(format!("{name}{NEW}")));
        let made = self.make_files(&new_cast, &new_index);
        if made.is_err() {
            // The cause is said; what is left is made anew the next time.
            drop(fs::remove_file(&new_cast));
            drop(fs::remove_file(&new_index));
        }
        let files = made?;
        for name in [RECORDING_FILE, INDEX_FILE] {
            match fs::rename(dir.join(name), dir.join(format!("{name}{OLDER}"))) {
                Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
                _ => {}
            }
        }
        // The recording last: tried again after a fault, an older part is not replaced by nothing.
        fs::rename(&new_index, index)?;
        fs::rename(&new_cast, cast)?;
        self.files = Some(files);
        Ok(())
    }

    fn make_files(&self, cast: &Path, index: &Path) -> io::Result<Files> {
        let shell = self.facts.shell.as_deref();
        let started = since_epoch(self.facts.started).as_secs();
        let header = cast::header(self.size, started, &self.facts.title, shell);
        let mut cast = create_private(cast)?;
        cast.write_all(header.as_bytes())?;
        let index = create_private(index)?;
        Ok(Files { cast, cast_len: header.len() as u64, index, index_len: 0 })
    }

    fn note(&mut self, done: io::Result<()>) {
        if let Err(err) = done {
            self.text.clear();
            self.state.error = Some(err.to_string());
        }
    }
}

/// Takes back what was written after `len`.
fn cut(file: &mut File, len: u64) -> io::Result<()> {
    file.set_len(len)?;
    file.seek(SeekFrom::Start(len))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Tells the test that it is the process with the limit, and where it works.
    const CHILD: &str = "MAGIA_TEST_RECORDING_CHILD";

    /// Lets this process write files of so many bytes at most: for it, the disk is full.
    fn limit_files(bytes: u64) {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: the limit is ours and only read; the signal is ignored, so that the write fails instead.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
        }
    }

    #[test]
    fn a_full_disk_takes_nothing_that_is_recorded() {
        let Some(dir) = std::env::var_os(CHILD).map(PathBuf::from) else {
            let dir = tempfile::tempdir().unwrap();
            let name = "holder::recording::tests::a_full_disk_takes_nothing_that_is_recorded";
            let mut child = Command::new(std::env::current_exe().unwrap());
            let output =
                child.args(["--exact", name, "--nocapture"]).env(CHILD, dir.path()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            let why = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.contains("1 passed"), "{said}{why}");
            return;
        };
        let text = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
        let checkpoint = || Checkpoint {
            at: Duration::from_secs(9),
            seq: 0,
            size: Size::new(80, 24),
            state: Vec::new(),
            ansi: Some(b"the screen".to_vec()),
            lost_bytes: 0,
        };
        let max_bytes = 64 * 1024;
        let facts = Facts {
            dir: dir.clone(),
            title: String::new(),
            shell: None,
            started: SystemTime::UNIX_EPOCH,
            max_bytes,
        };
        let mut recording = Recording::new(facts, Size::new(80, 24));
        let part = max_bytes as usize / 16 * 7;
        let fill = |recording: &mut Recording, what: &str| {
            recording.output(Duration::from_secs(1), what.repeat(part * 15 / 16 / what.len()).as_bytes());
            recording.flush();
        };
        fill(&mut recording, "oldest ");
        recording.checkpoint(&checkpoint());
        fill(&mut recording, "older ");
        assert_eq!(recording.state().error, None);
        assert!(recording.wants_painting(), "the next part begins with it");
        recording.checkpoint(&Checkpoint { ansi: None, ..checkpoint() });
        assert!(text("stdout").contains("older") && recording.state().error.is_none(), "it waits for one");
        assert!(text("stdout.1").contains("oldest") && text("stdout").contains("older"));
        let before = [text("stdout.1"), text("stdout")];

        // A new file can still be made, but nothing be written to it: at a part's end first, then every five seconds.
        limit_files(0);
        fill(&mut recording, "lost ");
        assert!(recording.state().error.is_some());
        for _ in 0..3 {
            recording.checkpoint(&checkpoint());
            assert!(recording.state().error.is_some());
            assert_eq!([text("stdout.1"), text("stdout")], before, "what was recorded is still there");
        }
        let mut names: Vec<_> = dir.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["stdout", "stdout.1", "stdout.index", "stdout.index.1"]);

        limit_files(libc::RLIM_INFINITY);
        recording.checkpoint(&checkpoint());
        recording.output(Duration::from_secs(10), b"newest");
        recording.flush();
        assert_eq!(recording.state().error, None);
        assert_eq!(text("stdout.1"), before[1]);
        assert!(text("stdout").contains("some output before this is missing"));
        assert!(text("stdout").contains("the screen") && text("stdout").contains("newest"));
    }
}
