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
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

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
    /// The screen for players.
    pub ansi: Vec<u8>,
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
            self.writer.output(&mut self.text, checkpoint.at, &checkpoint.ansi);
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

    /// What there is becomes the older part, and a new one begins.
    fn begin_part(&mut self) -> io::Result<()> {
        self.files = None;
        let dir = &self.facts.dir;
        for name in [RECORDING_FILE, INDEX_FILE] {
            match fs::rename(dir.join(name), dir.join(format!("{name}{OLDER}"))) {
                Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
                _ => {}
            }
        }
        let shell = self.facts.shell.as_deref();
        let started = since_epoch(self.facts.started).as_secs();
        let header = cast::header(self.size, started, &self.facts.title, shell);
        let mut cast = create_private(&dir.join(RECORDING_FILE))?;
        let index = create_private(&dir.join(INDEX_FILE))?;
        cast.write_all(header.as_bytes())?;
        self.files = Some(Files { cast, cast_len: header.len() as u64, index, index_len: 0 });
        Ok(())
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
