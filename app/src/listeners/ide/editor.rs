//! A connection of an editor: one editor serves all agents that work in its folders.

use super::server::Server;
use super::socket::{Came, Socket};
use super::table::ToPeer;
use crate::listeners::health::Refusal;
use crate::listeners::stream::Subscription;
use magia_core::event::{Event, Origin, ReplyId};
use magia_core::ide::{ConnId, EditorRole, EditorWish, IdeFact, Peer, RpcId, notification};
use magia_protocol::wire::{Command, ErrorCode, ProcessId, RpcError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// The hub answers questions at once.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// Serves an editor until it leaves.
pub(super) async fn serve(server: &Server, socket: Socket, process: Option<ProcessId>) {
    let (conn, queue) = server.table.add(None);
    let mut session = Session { server, conn, process, role: EditorRole::default(), subscription: None };
    session.run(socket, queue).await;
    if let Some((reply, subscription)) = session.subscription.take() {
        drop(subscription);
        session.tell_gone(reply).await;
    }
    server.table.remove(conn);
    server.tell(IdeFact::Gone(conn)).await;
}

struct Session<'a> {
    server: &'a Server,
    conn: ConnId,
    process: Option<ProcessId>,
    role: EditorRole,
    subscription: Option<(ReplyId, Subscription)>,
}

/// What a turn of the loop has for us.
enum Next {
    Out(Option<ToPeer>),
    Came(Came),
    Lines(bool),
}

impl Session<'_> {
    async fn run(&mut self, mut socket: Socket, mut queue: mpsc::Receiver<ToPeer>) {
        let mut lines = String::new();
        let (code, reason) = loop {
            let subscription = self.subscription.as_ref().map(|(_, subscription)| subscription);
            let more = async {
                match subscription {
                    Some(subscription) => subscription.next("null", &mut lines).await,
                    None => std::future::pending().await,
                }
            };
            let next = tokio::select! {
                biased;
                out = queue.recv() => Next::Out(out),
                came = socket.next() => Next::Came(came),
                more = more => Next::Lines(more),
            };
            let went_well = match next {
                Next::Out(Some(ToPeer::Frame(frame))) => socket.feed(frame).await && socket.flush().await,
                // What is for agents.
                Next::Out(Some(ToPeer::Answer(..) | ToPeer::Selected(_) | ToPeer::Mention(..))) => true,
                Next::Out(None) => break (CloseCode::Away, "magia does not serve this connection any more"),
                Next::Lines(true) => {
                    let mut fed = true;
                    for line in lines.lines() {
                        fed = fed && socket.feed(notification("event", line)).await;
                    }
                    lines.clear();
                    fed && socket.flush().await
                }
                Next::Lines(false) => break (CloseCode::Away, "magia is stopping"),
                Next::Came(Came::Text(text)) => self.take(&mut socket, &text).await,
                Next::Came(Came::Nothing) => true,
                Next::Came(Came::End(None)) => return,
                Next::Came(Came::End(Some(code))) => {
                    self.server.shared.health.refuse(&Refusal::Garbage);
                    break (code, "not understood");
                }
            };
            if !went_well {
                return;
            }
        };
        socket.close(code, reason).await;
    }

    async fn take(&mut self, socket: &mut Socket, text: &str) -> bool {
        self.server.shared.health.count_message();
        let table = &self.server.table;
        let answer = match self.role.take(text) {
            Err(answer) => answer,
            Ok(None) => return true,
            Ok(Some(EditorWish::Hello { id, name, folders })) => {
                table.editors(|editors| editors.add(self.conn, name.clone(), folders));
                let peer = Peer { kind: "editor", name, process: self.process };
                self.server.tell(IdeFact::Connected { conn: self.conn, peer }).await;
                table.tell_agents_to(self.conn);
                EditorRole::greeting(&id)
            }
            Ok(Some(EditorWish::Ask { id, command })) => self.ask(&id, command).await,
            Ok(Some(told)) => {
                self.told(told);
                return true;
            }
        };
        socket.feed(answer).await && socket.flush().await
    }

    fn told(&self, told: EditorWish) {
        let (table, conn) = (&self.server.table, self.conn);
        let to_agents = |what: &ToPeer| {
            for (agent, _) in table.agents_of(conn) {
                if !table.push(agent, what.clone()) {
                    tracing::debug!("an agent does not take what its editor shows");
                }
            }
        };
        match told {
            EditorWish::Folders(folders) => {
                table.editors(|editors| editors.set_folders(conn, folders));
                table.tell_agents_to(conn);
            }
            EditorWish::Selected(selection) => {
                table.editors(|editors| editors.set_selection(conn, selection.clone()));
                to_agents(&ToPeer::Selected(selection));
            }
            EditorWish::Mention { path, lines } => to_agents(&ToPeer::Mention(path, lines)),
            EditorWish::Files(files) => table.editors(|editors| editors.set_files(conn, files)),
            EditorWish::Problems { uri, problems } => {
                table.editors(|editors| editors.set_problems(conn, uri, problems));
            }
            EditorWish::Done { number, outcome } => table.editor_answered(conn, number, outcome),
            EditorWish::Hello { .. } | EditorWish::Ask { .. } => {}
        }
    }

    /// Asks the hub, which answers at once. A new subscription takes the place of the one before.
    async fn ask(&mut self, id: &RpcId, command: Command) -> String {
        let shared = &self.server.shared;
        let stopping = || Err(RpcError::new(ErrorCode::Internal, "magia is stopping"));
        let Some((reply, receiver)) = shared.replies.open() else {
            return EditorRole::answered(id, &stopping());
        };
        let subscribes = matches!(command, Command::SubscribeEvents(_));
        let subscription = subscribes.then(|| shared.streams.open(reply));
        let origin = Origin::Http { pid: 0, exe: None, ancestors: Vec::new() };
        let asked = Event::CommandReceived { reply, command, origin };
        let outcome = match shared.outbox.send(asked).await {
            Ok(()) => match timeout(ANSWER_PATIENCE, receiver).await {
                Ok(Ok(outcome)) => outcome,
                _ => stopping(),
            },
            Err(_) => stopping(),
        };
        shared.replies.forget(reply);
        if let (Some(subscription), Ok(_)) = (subscription, &outcome)
            && let Some((before, old)) = self.subscription.replace((reply, subscription))
        {
            drop(old);
            self.tell_gone(before).await;
        }
        EditorRole::answered(id, &outcome)
    }

    async fn tell_gone(&self, reply: ReplyId) {
        if self.server.shared.outbox.send(Event::RequesterGone(reply)).await.is_err() {
            tracing::debug!("an editor's end is not told, the hub has stopped");
        }
    }
}
