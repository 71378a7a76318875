//! Terminals: which there are, and which agent session runs in which.
//!
//! What a terminal is doing is said by its holder through the terminals service, always as the whole list. A session runs
//! in a terminal when both have the same device; one without a device, when it or a process above it has the terminal's
//! variable in its environment. Inside tmux, or an xterm that was started in a terminal, the device is another one: what
//! the terminal shows need not be the agent then, so there is no link.

use super::commands::{Outcome, to_json};
use super::notices::{About, Told};
use super::{Effects, Model};
use crate::effect::{Effect, TerminalWish, Update};
use crate::event::{Now, ReplyId};
use magia_protocol::wire::terminal::{CreatePty, ListTerminals, ResizePty, WritePty};
use magia_protocol::wire::{
    ErrorCode, NoticeKind, ProcessId, RpcError, SessionId, TerminalInfo, TerminalState, visible,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The largest size that is asked of a terminal, columns or rows.
const SIZE_MAX: u16 = 1_000;
/// What can be typed by one request, bytes.
const WRITE_MAX_BYTES: usize = 1024 * 1024;
/// Processes whose place is remembered; agents that live are far fewer.
const PLACED_MAX: usize = 4_096;

/// The terminals, as last told.
#[derive(Debug, Default)]
pub(super) struct Terminals {
    list: Vec<Arc<TerminalInfo>>,
    places: HashMap<ProcessId, String>,
}

impl Terminals {
    /// The running terminal that a process runs in.
    fn of(&self, process: ProcessId, tty: Option<&str>) -> Option<&Arc<TerminalInfo>> {
        let mut running = self.list.iter().filter(|terminal| terminal.state == TerminalState::Running);
        if tty.is_some() {
            return running.find(|terminal| terminal.tty.as_deref() == tty);
        }
        let named = self.places.get(&process)?;
        running.find(|terminal| terminal.id == *named)
    }

    /// Forgets where a process ran.
    pub(super) fn forget(&mut self, process: ProcessId) {
        self.places.remove(&process);
    }
}

impl Model {
    /// The terminals were listed: all of them.
    pub(super) fn terminals_read(&mut self, list: Vec<TerminalInfo>, fx: &mut Effects) {
        let same = self.terminals.list.iter().map(|known| &**known).eq(list.iter());
        if same {
            return;
        }
        self.terminals.list = list.into_iter().map(Arc::new).collect();
        self.touch_linked();
        self.views.touch();
        let rows = self.terminal_rows(true);
        fx.push(Effect::Publish(Update::TerminalsChanged(serde_json::to_value(&rows).unwrap_or_default())));
    }

    /// A program in a terminal wants the user to know something: a toast for who is at the window, a notification for who
    /// is not. Where an agent runs, its own hook says the same and more.
    pub(super) fn terminal_notified(
        &mut self,
        now: Now,
        terminal: &str,
        title: &str,
        body: &str,
        fx: &mut Effects,
    ) {
        if self.rows().any(|row| row.terminal.as_deref() == Some(terminal)) {
            return;
        }
        let name = self.terminals.list.iter().find(|known| known.id == terminal).map(|known| &*known.name);
        let joined = |parts: &[&str]| {
            let said: Vec<&str> = parts.iter().copied().filter(|part| !part.trim().is_empty()).collect();
            visible(&said.join(": ")).into_owned()
        };
        let name = name.unwrap_or(terminal);
        if self.window.focused {
            return self.toast(false, joined(&[name, title, body]), None);
        }
        let title = joined(&[name, title]);
        let (session, about) = (SessionId::NOBODY, About::Terminal(terminal.into()));
        let told = Told { kind: NoticeKind::Info, session, about, title, body: joined(&[body]) };
        self.tell(now, told, fx);
    }

    /// Where a watched process runs was found out.
    pub(super) fn process_placed(&mut self, process: ProcessId, terminal: String) {
        if self.terminals.places.len() < PLACED_MAX {
            self.terminals.places.insert(process, terminal);
        }
        if let Some(session) = self.by_process.get(&process).copied() {
            self.touch(session);
        }
    }

    /// The terminal that a session runs in now.
    pub(super) fn terminal_of(&self, id: SessionId) -> Option<String> {
        let session = self.sessions.get(&id).filter(|session| session.ended.is_none())?;
        let tty = session.tty.as_deref();
        let found = session.processes.iter().rev().find_map(|process| self.terminals.of(*process, tty));
        found.map(|terminal| terminal.id.clone())
    }

    /// Terminals with the sessions in them: as the wire has them.
    fn terminal_rows(&self, all: bool) -> Vec<TerminalInfo> {
        let mut inside: HashMap<&str, Vec<&magia_protocol::wire::info::SessionInfo>> = HashMap::new();
        if !self.terminals.list.is_empty() {
            for row in self.rows() {
                if let Some(terminal) = row.terminal.as_deref() {
                    inside.entry(terminal).or_default().push(row);
                }
            }
        }
        let shown = self.terminals.list.iter().filter(|it| all || it.state == TerminalState::Running);
        shown
            .map(|terminal| {
                let mut rows = inside.remove(terminal.id.as_str()).unwrap_or_default();
                rows.sort_by_key(|row| std::cmp::Reverse((row.started_at_ms, row.id)));
                let sessions = rows.into_iter().map(|row| row.id).collect();
                TerminalInfo { sessions, ..(**terminal).clone() }
            })
            .collect()
    }

    /// Terminals as the window shows them.
    pub(super) fn terminal_views(&self) -> Vec<Arc<TerminalInfo>> {
        self.terminal_rows(true).into_iter().map(Arc::new).collect()
    }

    pub(super) fn list_terminals(&self, params: &ListTerminals) -> Outcome {
        to_json(self.terminal_rows(params.all))
    }

    pub(super) fn create_pty(&self, reply: ReplyId, params: CreatePty, fx: &mut Effects) {
        let shell = self.settings.terminal_shell.clone();
        fx.push(Effect::Terminal { reply, wish: TerminalWish::Create { params, shell } });
    }

    pub(super) fn write_pty(&self, params: WritePty) -> Result<TerminalWish, RpcError> {
        if params.data.len() > WRITE_MAX_BYTES {
            return Err(RpcError::new(ErrorCode::BadParams, "more than 1 MiB cannot be typed at once"));
        }
        let terminal = self.running_terminal(&params.terminal)?;
        Ok(TerminalWish::Write { terminal, data: params.data })
    }

    pub(super) fn resize_pty(&self, params: &ResizePty) -> Result<TerminalWish, RpcError> {
        let fits = |cells: u16| (1..=SIZE_MAX).contains(&cells);
        if !fits(params.cols) || !fits(params.rows) {
            let wrong = format!("a terminal has 1 to {SIZE_MAX} columns and rows");
            return Err(RpcError::new(ErrorCode::BadParams, wrong));
        }
        let terminal = self.running_terminal(&params.terminal)?;
        Ok(TerminalWish::Resize { terminal, cols: params.cols, rows: params.rows })
    }

    pub(super) fn kill_pty(&self, typed: &str) -> Result<TerminalWish, RpcError> {
        Ok(TerminalWish::Kill { terminal: self.running_terminal(typed)? })
    }

    /// A running terminal that a person means: its id or a unique prefix of it.
    fn running_terminal(&self, typed: &str) -> Result<String, RpcError> {
        let typed = typed.trim();
        let list = &self.terminals.list;
        let named: Vec<&Arc<TerminalInfo>> = match list.iter().find(|terminal| terminal.id == typed) {
            Some(exact) => vec![exact],
            None => list.iter().filter(|it| !typed.is_empty() && it.id.starts_with(typed)).take(2).collect(),
        };
        match named.as_slice() {
            [one] if one.state == TerminalState::Running => Ok(one.id.clone()),
            [one] => {
                let what = format!("the terminal {} has ended", one.id);
                Err(RpcError::new(ErrorCode::Conflict, what).with_hint("`magia term ls` lists what runs"))
            }
            [] => Err(RpcError::new(ErrorCode::NotFound, format!("there is no terminal {typed:?}"))
                .with_hint("`magia term ls` lists the terminals")),
            _ => Err(RpcError::new(ErrorCode::Ambiguous, format!("several terminals begin with {typed:?}"))
                .with_hint("type more of the id")),
        }
    }

    /// Notes the sessions whose terminal may be another one now.
    fn touch_linked(&mut self) {
        let differs = |id: &SessionId| {
            let before = self.row(*id).and_then(|row| row.terminal.clone());
            before != self.terminal_of(*id)
        };
        let live: BTreeSet<SessionId> = self.by_process.values().copied().filter(|id| differs(id)).collect();
        live.into_iter().for_each(|id| self.touch(id));
    }
}
