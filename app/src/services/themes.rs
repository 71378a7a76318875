//! Themes of users: `~/.magia/themes/*.json`, read at start and when they change. Nothing is written there.

use super::directory::DirectoryWatch;
use super::regular_file;
use crate::service::{Outbox, ServiceThread};
use crossbeam_channel::{Sender, select};
use magia_core::event::Event;
use magia_core::themes::Theme;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a theme; more is none.
const BYTES_MAX: u64 = 256 * 1024;
/// Themes that are read.
const THEMES_MAX: usize = 200;
/// An editor is given this long to finish writing.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// Watches the directory. Dropping it stops that.
#[derive(Debug)]
pub struct Themes {
    _thread: ServiceThread,
}

impl Themes {
    /// Reads the themes and reports [`Event::ThemesLoaded`]; again whenever they differ. The directory need not exist.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub fn start(dir: PathBuf, events: Sender<Event>) -> io::Result<Self> {
        let thread = ServiceThread::start("magia-themes", events, move |outbox| follow(&outbox, &dir))?;
        Ok(Self { _thread: thread })
    }
}

/// What was told last: the themes, and what is wrong.
type Told = (Vec<Theme>, Option<String>);

fn follow(outbox: &Outbox, dir: &Path) {
    let mut watch = DirectoryWatch::new();
    watch.watch([dir.to_owned()]);
    watch.take();
    let mut told: Told = (Vec::new(), None);
    loop {
        let now = read(dir);
        if now != told {
            told = now.clone();
            let (themes, problem) = now;
            if !outbox.send(Event::ThemesLoaded { themes: Arc::new(themes), problem }) {
                return;
            }
        }
        select! {
            recv(watch.bell()) -> _ => {}
            recv(watch.clock()) -> _ => {}
            recv(outbox.stop()) -> _ => return,
        }
        if outbox.stop().recv_timeout(DEBOUNCE).is_err_and(|err| err.is_disconnected()) {
            return;
        }
        watch.take();
    }
}

fn read(dir: &Path) -> Told {
    let entries = match dir.read_dir() {
        Ok(entries) => entries,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return (Vec::new(), None),
        Err(err) => return (Vec::new(), Some(format!("cannot read the themes in {}: {err}", dir.display()))),
    };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    paths.truncate(THEMES_MAX);
    let (mut themes, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let Some(id) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let theme = text_of(&path)
            .map_err(|err| format!("cannot be read: {err}"))
            .and_then(|text| Theme::read(id, &text));
        match theme {
            Ok(theme) => {
                problems.extend(theme.problems.iter().map(|problem| format!("theme {id}: {problem}")));
                themes.push(theme);
            }
            Err(why) => problems.push(format!("theme {id} {why}")),
        }
    }
    (themes, (!problems.is_empty()).then(|| problems.join("; ")))
}

fn text_of(path: &Path) -> io::Result<String> {
    let (file, metadata) = regular_file::open(path)?;
    if metadata.len() > BYTES_MAX {
        return Err(io::Error::other(format!(
            "it has {} bytes, {BYTES_MAX} at most are read",
            metadata.len()
        )));
    }
    let mut text = String::new();
    file.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}
