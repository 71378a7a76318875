//! settings.json and keybindings.json: read at start and when they change, written on request.
//!
//! A file that does not parse is never written over: it is copied to the backups, the defaults are used, and the
//! problem is shown until somebody mends or removes it.

mod disk;
mod kind;

pub use kind::Kind;

use super::directory::{DirectoryWatch, directory_of};
use crate::service::{Outbox, ServiceThread};
use crossbeam_channel::{Receiver, Sender, bounded, select};
use disk::{Found, Place};
use magia_core::event::Event;
use magia_protocol::wire::{ErrorCode, RpcError};
use serde_json::{Map, Value};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// An editor that writes in place is given this long to finish, so that half a file is not taken for a broken one.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// How often a save is tried when someone else writes at the same time.
const SAVE_TRIES: usize = 3;

/// Owns one of the files. Dropping it stops watching.
#[derive(Debug)]
pub struct SettingsFile {
    kind: Kind,
    place: Arc<Place>,
    /// One save at a time.
    saving: Mutex<()>,
    told: Arc<Mutex<Option<Told>>>,
    events: Sender<Event>,
    ring: Sender<()>,
    _thread: ServiceThread,
}

impl SettingsFile {
    /// Reads the file and reports what is in it; again whenever what it says has changed. Neither directory
    /// need exist, and none is made before something has to be written.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub fn start(
        kind: Kind,
        config_dir: &Path,
        backups_dir: PathBuf,
        events: Sender<Event>,
    ) -> io::Result<Self> {
        let place = Arc::new(Place::new(kind, config_dir, backups_dir));
        // One ring is as good as many: the file is read as it is then.
        let (ring, bell) = bounded(1);
        let told = Arc::new(Mutex::new(None));
        let follower = Follower { kind, place: place.clone(), bell, told: told.clone() };
        let thread = ServiceThread::start(kind.thread(), events.clone(), move |outbox| {
            follower.run(&outbox, DirectoryWatch::new());
        })?;
        Ok(Self { kind, place, saving: Mutex::new(()), told, events, ring, _thread: thread })
    }

    /// Merges a change into the file as it is now (RFC 7386: `null` removes a key, objects are merged) and returns what
    /// `load_settings` (or `load_keybindings`) returns. Does I/O: not for the hub's thread.
    ///
    /// # Errors
    /// - `bad_params`: a value that the key cannot have; nothing was written.
    /// - `conflict`: the file does not parse, or someone else keeps writing it; nothing was written.
    /// - `internal`: the disk.
    pub fn save(&self, change: &Map<String, Value>) -> Result<Value, RpcError> {
        self.save_over(change, false)
    }

    /// [`Self::save`]; with `reset` the file begins empty, so that all defaults hold but for the change.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub fn save_over(&self, change: &Map<String, Value>, reset: bool) -> Result<Value, RpcError> {
        let name = self.kind.file_name();
        let _one_at_a_time = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..SAVE_TRIES {
            let found = self.place.read().map_err(|err| self.disk_error("read", &err))?;
            let file = match &found {
                Found::Missing => Map::new(),
                Found::Whole { .. } if reset => Map::new(),
                Found::Whole { file, .. } => file.clone(),
                Found::Broken { bytes, reason } => return Err(self.broken(bytes, reason)),
            };
            let mut merged = file;
            merge(&mut merged, change);
            let touched = change
                .keys()
                .map(|key| (key.clone(), merged.get(key).cloned().unwrap_or(Value::Null)))
                .collect();
            self.kind.check(&touched).map_err(|wanted| RpcError::new(ErrorCode::BadParams, wanted))?;
            let mut text = serde_json::to_string_pretty(&merged)
                .map_err(|err| RpcError::new(ErrorCode::Internal, format!("cannot print {name}: {err}")))?;
            text.push('\n');
            if text.len() as u64 > disk::BYTES_MAX {
                let what =
                    format!("{name} would have {} bytes; {} are the most", text.len(), disk::BYTES_MAX);
                return Err(RpcError::new(ErrorCode::BadParams, format!("{what}; nothing was saved")));
            }
            if self.place.replace(&found, text.as_bytes()).map_err(|err| self.disk_error("write", &err))? {
                // The watch sees it too; this is sooner, and works where nothing can be watched.
                let _already_ringing = self.ring.try_send(());
                return Ok(self.kind.reply(merged));
            }
        }
        Err(RpcError::new(
            ErrorCode::Conflict,
            format!("{name} is being written by someone else; nothing was saved"),
        )
        .with_hint("try again"))
    }

    /// Tells what the file says now, if that is new: whoever saved does it before the reply. Waits for room in the
    /// channel; `false` when nobody listens any more.
    #[must_use]
    pub fn tell(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        news(&self.place, &mut told).is_none_or(|event| self.events.send(event).is_ok())
    }

    /// What `load_settings` (or `load_keybindings`) returns, from the file as it is now.
    pub fn reply_now(&self) -> Value {
        self.kind.reply(read(&self.place).file)
    }

    fn broken(&self, bytes: &[u8], reason: &str) -> RpcError {
        let hint = match self.place.back_up(bytes) {
            Ok(backup) => {
                format!("fix or remove {}; a copy is {}", self.place.path().display(), backup.display())
            }
            Err(_) => format!("fix or remove {}", self.place.path().display()),
        };
        RpcError::new(ErrorCode::Conflict, format!("{} {reason}; nothing was saved", self.kind.file_name()))
            .with_hint(hint)
    }

    fn disk_error(&self, doing: &str, err: &anyhow::Error) -> RpcError {
        RpcError::new(ErrorCode::Internal, format!("cannot {doing} {}: {err:#}", self.kind.file_name()))
    }
}

/// JSON Merge Patch. The order of keys that stay is kept; new ones come last.
fn merge(target: &mut Map<String, Value>, change: &Map<String, Value>) {
    for (key, value) in change {
        match value {
            Value::Null => {
                target.shift_remove(key);
            }
            Value::Object(inner) => {
                let slot = target.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(slot) = slot {
                    merge(slot, inner);
                }
            }
            other => {
                target.insert(key.clone(), other.clone());
            }
        }
    }
}

/// What is told: what the file holds, and why it could not be used.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    file: Map<String, Value>,
    problem: Option<String>,
    seen: Seen,
}

/// What was at the file's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Missing,
    /// There is nothing in it: somebody writes it just now, the machine failed before it was on the disk, or a person
    /// emptied it.
    Empty,
    Whole,
    Unusable,
}

/// What the file says, and what is wrong with it.
fn read(place: &Place) -> Told {
    let name = place.kind().file_name();
    let unusable = |problem| Told { file: Map::new(), problem: Some(problem), seen: Seen::Unusable };
    match place.read() {
        Ok(Found::Missing) => Told { file: Map::new(), problem: None, seen: Seen::Missing },
        Ok(Found::Whole { file, bytes }) => {
            let seen = if bytes.contains(&b'{') { Seen::Whole } else { Seen::Empty };
            Told { file, problem: None, seen }
        }
        Ok(Found::Broken { bytes, reason }) => {
            let copy = match place.back_up(&bytes) {
                Ok(backup) => format!("a copy is {}", backup.display()),
                Err(err) => format!("it could not be copied: {err:#}"),
            };
            unusable(format!("{name} {reason}; the defaults are used until it is mended; {copy}"))
        }
        Err(err) => unusable(format!("cannot read {name}: {err:#}; the defaults are used")),
    }
}

/// Reads the file. What is to be told of it, if it is new. To be sent while `told` is held: of two who read, whoever read
/// last must be heard last.
fn news(place: &Place, told: &mut Option<Told>) -> Option<Event> {
    let now = read(place);
    if told.as_ref() == Some(&now) {
        return None;
    }
    // No file at the start is one that was never made; later it may be on its way to its place.
    let (is_meant, is_known) = match now.seen {
        Seen::Whole => (true, true),
        Seen::Missing => (told.is_none(), true),
        Seen::Empty | Seen::Unusable => (false, false),
    };
    *told = Some(now.clone());
    Some(place.kind().event(now.file, now.problem, is_meant, is_known))
}

struct Follower {
    kind: Kind,
    place: Arc<Place>,
    bell: Receiver<()>,
    told: Arc<Mutex<Option<Told>>>,
}

impl Follower {
    fn run(self, outbox: &Outbox, mut watch: DirectoryWatch) {
        let mut reported = None;
        loop {
            // The file may be a link into a directory of dotfiles, and the link may be set anew.
            let target = self.place.target();
            watch.watch([directory_of(self.place.path()), directory_of(&target)]);
            if self.look(outbox).is_none() {
                return;
            }
            // Beginning to watch rings the bell; what it rings for was just read.
            watch.take();
            loop {
                select! {
                    recv(watch.bell()) -> _ => {}
                    recv(watch.clock()) -> _ => {}
                    recv(self.bell) -> rung => if rung.is_err() { return },
                    recv(outbox.stop()) -> _ => return,
                }
                if outbox.stop().recv_timeout(DEBOUNCE).is_err_and(|err| err.is_disconnected()) {
                    return;
                }
                watch.take();
                let problem = watch.problem().map(str::to_owned);
                if problem != reported {
                    reported.clone_from(&problem);
                    if !outbox.send(Event::ServiceReported { service: self.kind.service(), problem }) {
                        return;
                    }
                }
                if self.look(outbox).is_none() {
                    return;
                }
                if self.place.target() != target {
                    break;
                }
            }
        }
    }

    /// Reads the file and tells what is new. `None` when the thread is to end.
    fn look(&self, outbox: &Outbox) -> Option<()> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        news(&self.place, &mut told).is_none_or(|event| outbox.send(event)).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merging_follows_the_rfc() {
        for (target, change, wanted) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [1]}), json!({"a": {"b": null, "c": 1}}), json!({"a": {"c": 1}})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let (Value::Object(mut target), Value::Object(change)) = (target, change) else { unreachable!() };
            merge(&mut target, &change);
            assert_eq!(Value::Object(target), wanted);
        }
    }

    #[test]
    fn removing_a_key_keeps_the_order_of_the_others() {
        let mut target = Map::new();
        for key in ["one", "two", "three", "four"] {
            target.insert(key.into(), json!(1));
        }
        let mut change = Map::new();
        change.insert("one".into(), Value::Null);
        change.insert("five".into(), json!(5));
        merge(&mut target, &change);
        assert_eq!(target.keys().collect::<Vec<_>>(), ["two", "three", "four", "five"]);
    }
}
