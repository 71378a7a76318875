//! What the tray shows, and what can be chosen there.

use crate::attention;
use crate::settings::Settings;
use crate::snapshot::{RequestView, Snapshot};
use magia_protocol::wire::info::{Decision, SessionInfo};
use magia_protocol::wire::{RequestId, RequestState, Risk, SessionId, SessionState, visible};
use std::sync::Arc;

/// Requests in the menu; the window has the rest.
const REQUESTS: usize = 8;
/// Sessions in the menu.
const SESSIONS: usize = 12;
/// Projects in the menu.
const PROJECTS: usize = 6;
/// Characters of a line.
const LINE: usize = 64;

/// What the icon says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TrayState {
    /// Nothing is at work.
    #[default]
    Quiet,
    /// A session is at work.
    Working,
    /// Something needs the user.
    NeedsYou,
}

/// What the tray shows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrayView {
    /// What the icon says.
    pub state: TrayState,
    /// What waits for the user.
    pub waiting: usize,
    /// In words, as `2 need you, 5 working`.
    pub words: String,
    /// Requests that wait, oldest first.
    pub requests: Vec<TrayRequest>,
    /// Whether there are more.
    pub more: usize,
    /// Sessions that live, what needs the user first.
    pub sessions: Vec<TraySession>,
    /// Directories that were worked in last.
    pub projects: Vec<TrayProject>,
    /// Whether the desktop is told nothing for a while.
    pub paused: bool,
}

/// A request in the menu.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrayRequest {
    /// Which.
    pub id: RequestId,
    /// Who asks for what.
    pub line: String,
    /// Whether it may be answered there.
    pub decide: bool,
}

/// A session in the menu.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraySession {
    /// Which.
    pub id: SessionId,
    /// What it is called and what it does.
    pub line: String,
}

/// A project in the menu.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrayProject {
    /// Its directory.
    pub path: String,
    /// The last part of it.
    pub name: String,
}

/// What was chosen in the tray.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TrayChoice {
    /// Show the window.
    Show,
    /// Show a session.
    Open(SessionId),
    /// Show a request.
    OpenRequest(RequestId),
    /// Answer a request.
    Answer {
        /// Which.
        request: RequestId,
        /// Allow or deny.
        decision: Decision,
    },
    /// Show a project's sessions.
    OpenProject(String),
    /// Begin a session.
    NewSession,
    /// Tell the desktop nothing for a while.
    Pause,
    /// Tell it again.
    Resume,
    /// End the program.
    Quit,
}

/// Whether a tray is there to show an icon in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TrayHost {
    /// Not known yet.
    #[default]
    Unknown,
    /// There is one.
    Present,
    /// There is none, or it has gone.
    Absent,
}

impl TrayView {
    /// What the tray shows of the facts.
    pub fn of(snapshot: &Snapshot) -> Self {
        let asked: Vec<&Arc<RequestView>> =
            snapshot.requests.iter().filter(|view| view.info.state.waits()).collect();
        let waiting = attention::waiting(&snapshot.sessions, &snapshot.requests);
        let working = snapshot.sessions.iter().filter(|row| row.state == SessionState::Working).count();
        let state = match (waiting, working) {
            (0, 0) => TrayState::Quiet,
            (0, _) => TrayState::Working,
            _ => TrayState::NeedsYou,
        };
        let requests = asked.iter().take(REQUESTS).map(|view| TrayRequest {
            id: view.info.id,
            line: line(&format!("{}: {} {}", view.info.session_title, view.info.tool, view.info.summary)),
            decide: may_decide(view, &snapshot.settings),
        });
        let mut live: Vec<&Arc<SessionInfo>> =
            snapshot.sessions.iter().filter(|row| row.state != SessionState::Ended).collect();
        live.sort_by_key(|row| (row.state, std::cmp::Reverse(row.last_activity_ms)));
        let sessions = live.iter().take(SESSIONS).map(|row| TraySession {
            id: row.id,
            line: line(&format!("{} / {} ({})", row.project, row.title, row.state)),
        });
        Self {
            state,
            waiting,
            words: words(waiting, working),
            requests: requests.collect(),
            more: asked.len().saturating_sub(REQUESTS),
            sessions: sessions.collect(),
            projects: projects(snapshot),
            paused: snapshot.paused,
        }
    }
}

fn may_decide(view: &RequestView, settings: &Settings) -> bool {
    let most: Option<Risk> = settings.notices.tray_up_to;
    view.answerable
        && view.info.state == RequestState::Open
        && view.subject.kind() == "tool"
        && most.is_some_and(|most| view.info.risk <= most)
}

fn words(waiting: usize, working: usize) -> String {
    let needs = match waiting {
        0 => None,
        1 => Some("1 needs you".to_owned()),
        many => Some(format!("{many} need you")),
    };
    let works = (working > 0).then(|| format!("{working} working"));
    let both: Vec<String> = needs.into_iter().chain(works).collect();
    if both.is_empty() { "nothing needs you".to_owned() } else { both.join(", ") }
}

fn projects(snapshot: &Snapshot) -> Vec<TrayProject> {
    let mut rows: Vec<&Arc<SessionInfo>> =
        snapshot.sessions.iter().filter(|row| !row.cwd.is_empty()).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.last_activity_ms));
    let mut projects: Vec<TrayProject> = Vec::new();
    for row in rows {
        if projects.len() >= PROJECTS {
            break;
        }
        if !projects.iter().any(|known| known.path == row.cwd) {
            projects.push(TrayProject { path: row.cwd.clone(), name: line(&row.project) });
        }
    }
    projects
}

/// One line, control characters made visible, shortened.
fn line(text: &str) -> String {
    let mut line: String = visible(text).chars().take(LINE).collect();
    if visible(text).chars().count() > LINE {
        line.push('…');
    }
    line
}
