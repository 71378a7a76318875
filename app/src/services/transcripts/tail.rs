//! A file that grows by lines.

use super::{read_titles, repeats_model};
use crate::services::regular_file;
use magia_core::transcript::{Content, TranscriptItem, parse_line};
use std::fs::Metadata;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that one [`Tail::read`] takes from the file.
const STEP_BYTES: u64 = 512 * 1024;
/// A longer line is left out: a picture in a prompt has a few MiB.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A place in a transcript.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    agent_id: Option<Arc<str>>,
    start_bytes_max: u64,
    /// The file as it was when it was last read.
    file: Option<FileId>,
    position: u64,
    /// The last line, while its end is missing.
    partial: Vec<u8>,
    /// The current line is not wanted: it is too long, or begins before the place where reading began.
    skipping: bool,
    model: Option<String>,
}

impl Tail {
    pub(super) fn new(path: PathBuf, agent_id: Option<Arc<str>>, start_bytes_max: u64) -> Self {
        Self {
            path,
            agent_id,
            start_bytes_max,
            file: None,
            position: 0,
            partial: Vec::new(),
            skipping: false,
            model: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn into_path(self) -> PathBuf {
        self.path
    }

    /// Reads the next lines into `items`.
    pub(super) fn read(&mut self, items: &mut Vec<TranscriptItem>) -> io::Result<Step> {
        let (mut file, metadata) = regular_file::open(&self.path)?;
        let id = FileId::of(&metadata);
        if self.file.is_some_and(|known| known != id || metadata.len() < self.position) {
            return Ok(Step::Replaced);
        }
        if self.file.is_none() {
            self.begin(id, metadata.len(), items);
        }
        file.seek(SeekFrom::Start(self.position))?;
        let mut bytes = Vec::new();
        file.take(STEP_BYTES).read_to_end(&mut bytes)?;
        self.position += bytes.len() as u64;
        let mut lines = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = lines.next() {
            let complete = lines.peek().is_some();
            self.piece(piece, complete, items);
        }
        Ok(if self.position < metadata.len() { Step::More } else { Step::End })
    }

    /// Begins with a file that is new to us.
    fn begin(&mut self, id: FileId, len: u64, items: &mut Vec<TranscriptItem>) {
        self.file = Some(id);
        self.partial.clear();
        self.model = None;
        self.position = len.saturating_sub(self.start_bytes_max);
        self.skipping = self.position > 0;
        if self.skipping {
            // The byte before may be a newline: then the first line is whole.
            self.position -= 1;
            // Names stand anywhere in the file.
            let titles = read_titles(&self.path);
            let named =
                titles.ai.map(Content::AiTitle).into_iter().chain(titles.custom.map(Content::CustomTitle));
            items.extend(named.map(|content| TranscriptItem {
                at_ms: None,
                agent_id: self.agent_id.clone(),
                turn: None,
                content,
            }));
        }
    }

    /// Takes a line, or a part of it.
    fn piece(&mut self, piece: &[u8], complete: bool, items: &mut Vec<TranscriptItem>) {
        if !self.skipping {
            if self.partial.is_empty() && complete {
                self.line(piece, items);
            } else {
                self.partial.extend_from_slice(piece);
            }
        }
        if self.partial.len() > LINE_BYTES_MAX {
            tracing::warn!("left out a line of more than 16 MiB of a transcript: {}", self.path.display());
            self.partial = Vec::new();
            self.skipping = true;
        }
        if complete {
            if !self.partial.is_empty() {
                let line = std::mem::take(&mut self.partial);
                self.line(&line, items);
            }
            self.skipping = false;
        }
    }

    fn line(&mut self, line: &[u8], items: &mut Vec<TranscriptItem>) {
        for mut item in parse_line(&String::from_utf8_lossy(line)) {
            if repeats_model(&mut self.model, &item) {
                continue;
            }
            if item.agent_id.is_none() {
                item.agent_id.clone_from(&self.agent_id);
            }
            items.push(item);
        }
    }
}

/// What came of a reading.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// There is more to read.
    More,
    /// There is no more.
    End,
    /// The file is not the one that was read before, and nothing was read.
    Replaced,
}

/// Tells a file from another one that took its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(metadata.dev(), metadata.ino())
    }

    /// Not known here: only a shorter file is seen to be another one.
    #[cfg(not(unix))]
    fn of(_metadata: &Metadata) -> Self {
        Self(0, 0)
    }
}
