//! Which terminals there are: looked at when their directory changes or a holder says something.

use super::{forget, record};
use crate::service::Outbox;
use magia_core::event::Event;
use magia_protocol::wire::TerminalInfo;
use magia_tty::client;
use magia_tty::wire::{FromHolder, Hello};
use magia_tty::{TerminalId, TerminalRecord, TerminalState};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A program may set its title many times a second; so often is enough to tell it.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// How soon a terminal is looked at again that was about to start.
const STARTING: Duration = Duration::from_millis(50);
/// How often it is looked for terminals that are too old, when nothing else has them looked at.
const FORGET_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Terminals that wait to be looked at again; with more, all are.
const CHANGED_MAX: usize = 64;

/// Follows the terminals.
pub(super) struct Followed {
    root: PathBuf,
    outbox: Arc<Outbox>,
    changed: Arc<Notify>,
    keep: watch::Receiver<Option<u32>>,
    /// Of which ones the record has changed: only they are looked at, since to look is to connect.
    one_changed: mpsc::Sender<TerminalId>,
    ones: mpsc::Receiver<TerminalId>,
    listening: HashMap<TerminalId, JoinHandle<()>>,
    told: Option<Vec<TerminalInfo>>,
}

impl Followed {
    pub(super) fn new(
        root: PathBuf,
        outbox: Arc<Outbox>,
        changed: Arc<Notify>,
        keep: watch::Receiver<Option<u32>>,
    ) -> Self {
        let (one_changed, ones) = mpsc::channel(CHANGED_MAX);
        Self { root, outbox, changed, keep, one_changed, ones, listening: HashMap::new(), told: None }
    }

    /// Looks, tells and waits, until the hub is gone.
    pub(super) async fn run(mut self) {
        let mut records: Vec<TerminalRecord> = Vec::new();
        let mut only: Option<BTreeSet<TerminalId>> = None;
        let mut forget_at = Instant::now();
        loop {
            let root = self.root.clone();
            let keep = *self.keep.borrow_and_update();
            if only.is_none() {
                forget_at = Instant::now() + FORGET_EVERY;
            }
            let looked = tokio::task::spawn_blocking(move || match only {
                None => {
                    let mut found = magia_tty::list(&root);
                    if let Some(days) = keep {
                        forget::forget(&root, &mut found, days, SystemTime::now());
                    }
                    found
                }
                Some(ids) => {
                    for record in records.iter_mut().filter(|record| ids.contains(&record.id)) {
                        *record = magia_tty::directory::look(&root, &record.id);
                    }
                    records
                }
            });
            let Ok(now) = looked.await else { return };
            records = now;
            if !self.tell(&records) {
                return;
            }
            self.listen(&records);
            if records.iter().any(|record| record.state == TerminalState::Starting) {
                tokio::time::sleep(STARTING).await;
                only = None;
                continue;
            }
            let first = tokio::select! {
                () = self.changed.notified() => None,
                one = self.ones.recv() => one,
                Ok(()) = self.keep.changed() => None,
                () = tokio::time::sleep_until(forget_at) => None,
            };
            tokio::time::sleep(DEBOUNCE).await;
            only = first.map(|first| {
                let more = std::iter::from_fn(|| self.ones.try_recv().ok());
                std::iter::once(first).chain(more).collect()
            });
        }
    }

    /// `false` when the hub is gone.
    fn tell(&mut self, records: &[TerminalRecord]) -> bool {
        let list: Vec<TerminalInfo> = records.iter().filter_map(record::info).collect();
        if self.told.as_ref() == Some(&list) {
            return true;
        }
        self.told = Some(list.clone());
        // The hub's channel has room but in a flood, and then the terminals wait as all others do.
        self.outbox.send(Event::TerminalsRead(list))
    }

    /// Keeps a connection to every holder, which tells when something changes.
    fn listen(&mut self, records: &[TerminalRecord]) {
        self.listening.retain(|_, task| !task.is_finished());
        for record in records.iter().filter(|record| record.state == TerminalState::Running) {
            if self.listening.contains_key(&record.id) {
                continue;
            }
            let (dir, changed) = (record.dir.clone(), Arc::clone(&self.changed));
            let (id, outbox) = (record.id.clone(), Arc::clone(&self.outbox));
            let one_changed = self.one_changed.clone();
            let task = tokio::spawn(async move {
                let look_again = || {
                    if one_changed.try_send(id.clone()).is_err() {
                        changed.notify_one();
                    }
                };
                if let Ok((mut reader, _writer)) = client::connect(&dir, Hello::default()).await {
                    // What changed between the look and the connection was told to nobody.
                    look_again();
                    while let Ok(Some(said)) = reader.next().await {
                        match said {
                            FromHolder::Heartbeat(_) => {}
                            FromHolder::Status(status) if is_changed(&status) => look_again(),
                            FromHolder::Status(status) => {
                                if notified(&id, &status).is_some_and(|event| !outbox.send(event)) {
                                    return;
                                }
                            }
                            _ => changed.notify_one(),
                        }
                    }
                }
                changed.notify_one();
            });
            self.listening.insert(record.id.clone(), task);
        }
    }
}

/// Whether the holder says that its record on disk has changed: a title, a size, a name.
fn is_changed(status: &Value) -> bool {
    let says = |key: &str, word: &str| status.get(key).is_some_and(|said| said == word);
    says("app", "magia") && says("status", "changed")
}

/// What a program wants the user to know, among what clients tell each other.
fn notified(id: &TerminalId, status: &Value) -> Option<Event> {
    let text = |key: &str| status.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("app") == "magia" && text("status") == "notification").then(|| Event::TerminalNotified {
        terminal: id.to_string(),
        title: text("title"),
        body: text("body"),
    })
}

impl Drop for Followed {
    fn drop(&mut self) {
        for task in self.listening.values() {
            task.abort();
        }
    }
}
