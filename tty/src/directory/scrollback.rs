//! Output from before what a holder keeps on its screen, out of the recording, page by page.
//!
//! A page begins where the index has a screen, about every MiB of output, and ends where the next one begins. Its screen is
//! brought forward through the page with nothing above it, so the lines above it at the end are exactly those that left the
//! screen within the page: pages after each other are the whole scrollback.

use super::{INDEX_FILE, OLDER, RECORDING_FILE, check};
use crate::screen::{self, Screen};
use crate::size::Size;
use alacritty_terminal::grid::Row;
use alacritty_terminal::term::cell::Cell;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// A line of the recording is one read of the holder, 64 KiB, each byte written in at most six.
const LINE_MAX_BYTES: u64 = 1024 * 1024;

/// A place in the recording with the screen as it was there: one line of the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexEntry {
    /// How much output came before it.
    pub seq: u64,
    /// Where in the file the next event begins.
    pub offset: u64,
    /// The screen, as [`Screen::restore`] takes it, in base64.
    pub state: String,
}

/// A stretch of the recording.
#[derive(Debug, Clone)]
pub struct Page {
    file: PathBuf,
    begin: u64,
    end: Option<u64>,
    state: Option<String>,
    /// How much output came before it; `None` for the beginning of a part that the index does not know.
    pub seq: Option<u64>,
}

/// The pages of a terminal's recording, oldest first. The last one ends with the file, so it grows.
///
/// # Errors
/// When the directory is not a terminal's, or the system refuses. A line of the index that is not understood is left out.
pub fn pages(dir: &Path) -> io::Result<Vec<Page>> {
    check(dir).map_err(io::Error::other)?;
    let mut pages = Vec::new();
    for part in [OLDER, ""] {
        match pages_of(dir, part) {
            Ok(found) => pages.extend(found),
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            Err(err) => return Err(err),
        }
    }
    Ok(pages)
}

fn pages_of(dir: &Path, part: &str) -> io::Result<Vec<Page>> {
    let file = dir.join(format!("{RECORDING_FILE}{part}"));
    let mut header = Vec::new();
    read_line(&mut BufReader::new(open(&file)?), &mut header)?;
    let header_end = header.len() as u64;
    let mut pages = vec![Page { file: file.clone(), begin: header_end, end: None, state: None, seq: None }];
    let mut index = match open(&dir.join(format!("{INDEX_FILE}{part}"))) {
        Ok(index) => BufReader::new(index),
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(pages),
        Err(err) => return Err(err),
    };
    let mut line = Vec::new();
    while read_line(&mut index, &mut line)? {
        let Ok(entry) = serde_json::from_slice::<IndexEntry>(&line) else { continue };
        if let Some(last) = pages.last_mut() {
            last.end = Some(entry.offset);
        }
        let (begin, seq) = (entry.offset, Some(entry.seq));
        pages.push(Page { file: file.clone(), begin, end: None, state: Some(entry.state), seq });
    }
    pages.retain(|page| page.end.is_none_or(|end| end > page.begin));
    Ok(pages)
}

/// The lines that had left the screen when `until` bytes of output had come, but for the last `known` of them: at most
/// `most`, oldest first. Exact for what was written in the width that the screen had then.
///
/// # Errors
/// As [`pages`] and [`Page::screen`]; what was read until then is given.
pub fn older(dir: &Path, until: u64, known: usize, most: usize) -> io::Result<Vec<Row<Cell>>> {
    let mut pages = pages(dir)?;
    pages.retain(|page| page.seq.is_none_or(|seq| seq < until));
    let mut parts = Vec::new();
    let mut count = 0;
    for page in pages.iter().rev() {
        let wanted = (most + known).saturating_sub(count);
        if wanted == 0 {
            break;
        }
        // The older part may be rotated away meanwhile.
        let Ok(screen) = page.screen(wanted, Some(until)) else { break };
        let rows = screen.into_history();
        count += rows.len();
        parts.push(rows);
    }
    let mut rows: Vec<Row<Cell>> = parts.into_iter().rev().flatten().collect();
    rows.truncate(rows.len().saturating_sub(known));
    Ok(rows)
}

impl Page {
    /// The screen at the end of the page, or where `until` bytes of output had come, with up to `history` lines that have
    /// left it meanwhile.
    ///
    /// # Errors
    /// When the system refuses, or the recording was rotated away meanwhile.
    pub fn screen(&self, history: usize, until: Option<u64>) -> io::Result<Screen> {
        let mut file = BufReader::new(open(&self.file)?);
        let mut line = Vec::new();
        let mut screen = match &self.state {
            Some(state) => {
                let state = BASE64.decode(state).map_err(io::Error::other)?;
                let restore =
                    |state: &[u8], history| Screen::restore(state, history).map_err(io::Error::other);
                // Once without its history, and once with room for a new one.
                restore(&restore(&state, 0)?.snapshot(), history)?
            }
            None => {
                read_line(&mut file, &mut line)?;
                let header: Header = serde_json::from_slice(&line)?;
                let size = Size::new(header.width, header.height).usable().unwrap_or_default();
                Screen::new(screen::Size::cells(size.cols, size.rows), history)
            }
        };
        file.seek(SeekFrom::Start(self.begin))?;
        let mut place = self.begin;
        let mut seq = self.seq;
        while self.end.is_none_or(|end| place < end) && read_line(&mut file, &mut line)? {
            place += line.len() as u64;
            let Ok(Event(_, kind, text)) = serde_json::from_slice::<Event>(&line) else { continue };
            match kind.as_str() {
                "o" => {
                    let left = until.zip(seq).map_or(usize::MAX, |(until, seq)| {
                        usize::try_from(until.saturating_sub(seq)).unwrap_or(usize::MAX)
                    });
                    let bytes = text.as_bytes();
                    screen.advance(bytes.get(..left).unwrap_or(bytes));
                    screen.take_events();
                    seq = seq.map(|seq| seq + bytes.len() as u64);
                    if left <= bytes.len() {
                        break;
                    }
                }
                "r" => {
                    if let Ok(size) = text.parse::<Size>() {
                        screen.resize(screen::Size::cells(size.cols, size.rows));
                    }
                }
                _ => {}
            }
        }
        Ok(screen)
    }
}

#[derive(Deserialize)]
struct Header {
    width: u16,
    height: u16,
}

/// Seconds, kind, data.
#[derive(Deserialize)]
struct Event(#[allow(dead_code, reason = "part of the shape")] f64, String, String);

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.open(path)
}

/// Reads a line with its end; false when there is no whole one.
fn read_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    file.take(LINE_MAX_BYTES).read_until(b'\n', line)?;
    Ok(line.ends_with(b"\n"))
}
