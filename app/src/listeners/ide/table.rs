//! Who is connected, and the hub's way to them.

use magia_core::event::GateId;
use magia_core::ide::{ConnId, DiffAnswer, EditorCall, EditorRole, Editors, Selection};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// What waits for one connection. An agent shows fewer changes at once than that, so every answer has room.
const QUEUE_MAX: usize = 128;

/// What all agents together may wait for at editors.
const WISHES_MAX: usize = 64;

/// What came of something that an editor was asked for.
pub(super) type Wished = Result<(), String>;

/// Something for a connection's task to do.
#[derive(Clone, Debug)]
pub(super) enum ToPeer {
    /// A change is answered.
    Answer(GateId, DiffAnswer),
    /// A frame to send.
    Frame(String),
    /// Something else is selected in an editor.
    Selected(Selection),
    /// Lines of a file, counted from 0, are to be put into the prompt.
    Mention(String, Option<(u32, u32)>),
}

/// All connections, and what editors show. Locks of their own: the hub answers agents while a long message is understood.
#[derive(Debug, Default)]
pub(super) struct Table {
    peers: Mutex<Peers>,
    editors: Mutex<Editors>,
    wishes: Mutex<Wishes>,
}

/// What editors were asked for and have not answered, by the number of the request.
#[derive(Debug, Default)]
struct Wishes {
    last: u64,
    waiting: HashMap<u64, (ConnId, oneshot::Sender<Wished>)>,
}

#[derive(Debug, Default)]
struct Peers {
    last: u32,
    all: HashMap<ConnId, Peer>,
}

#[derive(Debug)]
struct Peer {
    queue: mpsc::Sender<ToPeer>,
    /// Where an agent works; `None` for an editor.
    cwd: Option<String>,
}

impl Table {
    /// A new connection.
    pub(super) fn add(&self, cwd: Option<String>) -> (ConnId, mpsc::Receiver<ToPeer>) {
        let mut peers = self.peers();
        peers.last += 1;
        let conn = ConnId(peers.last);
        let (queue, receiver) = mpsc::channel(QUEUE_MAX);
        peers.all.insert(conn, Peer { queue, cwd });
        (conn, receiver)
    }

    /// It has ended.
    pub(super) fn remove(&self, conn: ConnId) {
        self.peers().all.remove(&conn);
        self.editors(|editors| editors.remove(conn));
        self.wishes().waiting.retain(|_, (editor, _)| *editor != conn);
    }

    /// Answers a change. `false` when its agent has gone.
    pub(super) fn answer(&self, gate: GateId, answer: DiffAnswer) -> bool {
        gate.diff_conn().is_some_and(|conn| self.push(conn, ToPeer::Answer(gate, answer)))
    }

    /// Gives a connection something to do. One that takes nothing is let go, which its task notices.
    pub(super) fn push(&self, conn: ConnId, what: ToPeer) -> bool {
        let mut peers = self.peers();
        let Some(peer) = peers.all.get(&conn) else { return false };
        let pushed = peer.queue.try_send(what).is_ok();
        if !pushed {
            peers.all.remove(&conn);
        }
        pushed
    }

    /// Asks an editor for something; its answer comes there. `None` when it cannot be asked.
    pub(super) fn ask_editor(&self, call: &EditorCall) -> Option<oneshot::Receiver<Wished>> {
        let (answer, receiver) = oneshot::channel();
        let number = {
            let mut wishes = self.wishes();
            // Those whose agent has given up.
            wishes.waiting.retain(|_, (_, answer)| !answer.is_closed());
            if wishes.waiting.len() >= WISHES_MAX {
                return None;
            }
            wishes.last += 1;
            let number = wishes.last;
            wishes.waiting.insert(number, (call.editor, answer));
            number
        };
        self.push(call.editor, ToPeer::Frame(call.request(number))).then_some(receiver)
    }

    /// An editor has answered.
    pub(super) fn editor_answered(&self, editor: ConnId, number: u64, outcome: Wished) {
        let mut wishes = self.wishes();
        if wishes.waiting.get(&number).is_some_and(|(asked, _)| *asked == editor)
            && let Some((_, answer)) = wishes.waiting.remove(&number)
            && answer.send(outcome).is_err()
        {
            tracing::debug!("an editor has answered too late");
        }
    }

    /// The agents that work in what an editor shows, with where they work.
    pub(super) fn agents_of(&self, editor: ConnId) -> Vec<(ConnId, String)> {
        let with_cwd = |(conn, peer): (&ConnId, &Peer)| Some((*conn, peer.cwd.clone()?));
        let mut agents: Vec<(ConnId, String)> = self.peers().all.iter().filter_map(with_cwd).collect();
        self.editors(|editors| {
            let shown = editors.iter().find(|(id, _)| *id == editor);
            agents.retain(|(_, cwd)| shown.is_some_and(|(_, editor)| editor.shows(cwd)));
        });
        agents
    }

    /// Tells an editor which agents hear of what it shows.
    pub(super) fn tell_agents_to(&self, editor: ConnId) {
        let mut cwds: Vec<String> = self.agents_of(editor).into_iter().map(|(_, cwd)| cwd).collect();
        cwds.sort_unstable();
        if !self.push(editor, ToPeer::Frame(EditorRole::agents_changed(&cwds))) {
            tracing::debug!("an editor does not take the list of its agents");
        }
    }

    /// An agent that works there came or left: the editors that show that place are told.
    pub(super) fn agents_changed(&self, cwd: &str) {
        let editors: Vec<ConnId> = self.editors(|all| all.of(cwd).into_iter().map(|(id, _)| id).collect());
        editors.into_iter().for_each(|editor| self.tell_agents_to(editor));
    }

    /// What editors show, for as long as `look` takes.
    pub(super) fn editors<R>(&self, look: impl FnOnce(&mut Editors) -> R) -> R {
        look(&mut self.editors.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets all connections go.
    pub(super) fn close(&self) {
        self.peers().all.clear();
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
