//! The rows of the session list: who needs you, then the projects.

use crate::ui::state::{is_open, waits_elsewhere};
use crate::ui::text::{short_path, shown_line};
use crate::ui::theme;
use magia_core::snapshot::{RequestView, Snapshot};
use magia_protocol::wire::info::SessionInfo;
use magia_protocol::wire::{Provider, RequestId, SessionId, SessionState};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Characters of a title that are laid out.
const TITLE_CHARS: usize = 120;

/// More ended sessions of a project than these stand in one row.
const ENDED_SHOWN: usize = 3;

/// The rows of the list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionsData {
    /// Rows from top to bottom.
    pub rows: Vec<Row>,
    /// Sessions that pass the filter, and all.
    pub counts: (usize, usize),
    /// Where each row begins, and at the end where the last one ends.
    pub tops: Vec<f32>,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// Over a group.
    Heading {
        /// Its words.
        text: String,
        /// How many rows follow.
        count: usize,
        /// Whether it stands over what needs you.
        needs_you: bool,
    },
    /// A request that waits.
    Request(RequestRow),
    /// A session.
    Session(Arc<SessionRow>),
    /// Sessions of a project that have ended, as one row: a click shows them.
    Ended {
        /// The project, by which it is remembered.
        project: Arc<str>,
        /// How many.
        count: usize,
        /// Whether they are shown below.
        open: bool,
    },
    /// What is to be said of the list itself.
    Note(&'static str),
}

/// A request that waits, or a session that waits elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestRow {
    /// Which; `None` when none can be answered here.
    pub id: Option<RequestId>,
    /// Whose.
    pub session: SessionId,
    /// The agent's kind; `None` while all are of one kind.
    pub provider: Option<Provider>,
    /// The session's title.
    pub title: String,
    /// Tool and summary.
    pub what: String,
    /// Permission or answer.
    pub state: SessionState,
    /// Since when.
    pub asked_at_ms: u64,
}

/// A session.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// Which.
    pub id: SessionId,
    /// The agent's kind; `None` while all are of one kind.
    pub provider: Option<Provider>,
    /// Its title.
    pub title: String,
    /// Where it runs.
    pub place: String,
    /// What it does.
    pub state: SessionState,
    /// Since when.
    pub since_ms: u64,
    /// Whether two sources disagree about the state.
    pub disagreement: bool,
    /// Kept at the top.
    pub pinned: bool,
    /// Subagents at work.
    pub subagents: u32,
}

impl Row {
    /// Its height.
    pub const fn height(&self) -> f32 {
        match self {
            Self::Heading { .. } => theme::ROW + 4.0,
            Self::Request(_) => theme::ROW_TALL,
            Self::Session(_) | Self::Ended { .. } | Self::Note(_) => theme::ROW,
        }
    }

    fn place(&self) -> (u8, Option<SessionId>, Option<RequestId>) {
        match self {
            Self::Heading { .. } => (0, None, None),
            Self::Request(row) => (1, Some(row.session), row.id),
            Self::Session(row) => (2, Some(row.id), None),
            Self::Ended { .. } => (3, None, None),
            Self::Note(_) => (4, None, None),
        }
    }
}

/// Sessions' rows that were made before: a snapshot shares what did not change, so its words need not be made again.
#[derive(Debug, Default)]
pub struct Made {
    mixed: bool,
    rows: HashMap<SessionId, MadeRow>,
}

#[derive(Debug)]
struct MadeRow {
    of: Arc<SessionInfo>,
    row: Arc<SessionRow>,
    /// The project's name, by which rows are grouped.
    project: Arc<str>,
}

impl Made {
    /// Makes the rows of sessions that are new or have changed, and forgets those of sessions that are gone.
    fn follow(&mut self, sessions: &[Arc<SessionInfo>], mixed: bool) {
        if self.mixed != mixed {
            self.rows.clear();
            self.mixed = mixed;
        }
        for session in sessions {
            if self.rows.get(&session.id).is_none_or(|made| !Arc::ptr_eq(&made.of, session)) {
                let made = MadeRow {
                    of: Arc::clone(session),
                    row: Arc::new(session_row(session, mixed)),
                    project: session.project.to_lowercase().into(),
                };
                self.rows.insert(session.id, made);
            }
        }
        if self.rows.len() > sessions.len() {
            let live: HashSet<SessionId> = sessions.iter().map(|session| session.id).collect();
            self.rows.retain(|id, _| live.contains(id));
        }
    }
}

impl Made {
    /// The project of a session, as ended ones of it are folded by.
    pub fn project(&self, session: SessionId) -> Option<&Arc<str>> {
        self.rows.get(&session).map(|made| &made.project)
    }
}

impl SessionsData {
    /// The rows for the facts that pass the filter.
    pub fn new(snapshot: &Snapshot, filter: &str) -> Self {
        Self::with(&mut Made::default(), snapshot, filter, &HashSet::new())
    }

    /// The same, with the rows that were made before, and the projects whose ended sessions are shown.
    pub fn with(made: &mut Made, snapshot: &Snapshot, filter: &str, unfolded: &HashSet<Arc<str>>) -> Self {
        let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
        let first = snapshot.sessions.first().map(|session| session.provider);
        let mixed = snapshot.sessions.iter().any(|session| Some(session.provider) != first);
        made.follow(&snapshot.sessions, mixed);
        let passing: Vec<&MadeRow> = snapshot
            .sessions
            .iter()
            .filter(|session| passes(session, &words))
            .filter_map(|session| made.rows.get(&session.id))
            .collect();
        let mut rows = Vec::with_capacity(passing.len() + 16);

        let requests: Vec<&RequestView> =
            snapshot.requests.iter().map(AsRef::as_ref).filter(|view| is_open(view)).collect();
        let elsewhere: Vec<&Arc<SessionInfo>> = waits_elsewhere(snapshot).collect();
        let count = requests.len() + elsewhere.len();
        if count > 0 {
            let text = if words.is_empty() { "NEEDS YOU" } else { "NEEDS YOU, WHATEVER THE FILTER" };
            rows.push(Row::Heading { text: text.into(), count, needs_you: true });
            rows.extend(requests.into_iter().map(|view| Row::Request(request_row(view, mixed))));
            let row = |session: &Arc<SessionInfo>| elsewhere_row(session, &snapshot.requests, mixed);
            rows.extend(elsewhere.into_iter().map(|session| Row::Request(row(session))));
        }

        let mut projects: HashMap<&str, Vec<&MadeRow>> = HashMap::new();
        for session in &passing {
            projects.entry(&*session.project).or_default().push(session);
        }
        let is_live = |session: &&MadeRow| session.of.state != SessionState::Ended;
        let projects: BTreeMap<(bool, &str), Vec<&MadeRow>> = projects
            .into_iter()
            .map(|(project, sessions)| ((!sessions.iter().any(is_live), project), sessions))
            .collect();
        for sessions in projects.into_values() {
            group(sessions, words.is_empty().then_some(unfolded), &mut rows);
        }
        if !words.is_empty() && passing.is_empty() {
            rows.push(Row::Note("Nothing matches"));
        }
        let mut tops = vec![theme::SPACE_1];
        tops.extend(rows.iter().scan(theme::SPACE_1, |y, row| {
            *y += row.height();
            Some(*y)
        }));
        Self { rows, counts: (passing.len(), snapshot.sessions.len()), tops }
    }

    /// Sessions of the project groups, from top to bottom.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.rows.iter().filter_map(|row| match row {
            Row::Session(row) => Some(row.id),
            _ => None,
        })
    }

    /// Whether every row of `other` stands where it stood.
    pub fn keeps_places_of(&self, other: &Self) -> bool {
        other.rows.len() <= self.rows.len()
            && self.rows.iter().zip(&other.rows).all(|(new, old)| new.place() == old.place())
    }

    /// Takes new words for the rows that are there, and leaves their order.
    pub fn update_from(&mut self, newer: &Self) {
        let fresh: HashMap<_, &Row> = newer
            .rows
            .iter()
            .filter(|row| matches!(row, Row::Request(_) | Row::Session(_)))
            .map(|row| (row.place(), row))
            .collect();
        for row in &mut self.rows {
            if let Some(fresh) = fresh.get(&row.place()) {
                *row = (*fresh).clone();
            }
        }
    }

    /// The rows that are seen between two heights, as places.
    pub fn seen(&self, from: f32, to: f32) -> std::ops::Range<usize> {
        let first = self.tops.partition_point(|top| *top < from).saturating_sub(1);
        let last = self.tops.partition_point(|top| *top <= to).min(self.rows.len());
        first.min(last)..last
    }
}

fn passes(session: &SessionInfo, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let text = format!(
        "{}\n{}\n{}\n{}\n{}",
        session.title,
        session.cwd,
        session.state,
        session.provider,
        session.model.as_deref().unwrap_or_default()
    )
    .to_lowercase();
    words.iter().all(|word| text.contains(word))
}

fn request_row(view: &RequestView, mixed: bool) -> RequestRow {
    let state = match view.info.kind.as_str() {
        "question" | "plan" => SessionState::WaitingAnswer,
        _ => SessionState::WaitingPermission,
    };
    RequestRow {
        id: Some(view.info.id),
        session: view.info.session,
        provider: view.info.provider.filter(|_| mixed),
        title: shown_line(&view.info.session_title, TITLE_CHARS),
        what: match view.info.kind.as_str() {
            "question" => shown_line(&view.info.summary, TITLE_CHARS),
            "plan" => format!("Plan: {}", shown_line(&view.info.summary, TITLE_CHARS)),
            _ => {
                let summary = short_path(&shown_line(&view.info.summary, TITLE_CHARS));
                format!("{}  {summary}", shown_line(&view.info.tool, 40))
            }
        },
        state,
        asked_at_ms: view.info.asked_at_ms,
    }
}

/// What waits in an agent's own terminal, as far as that is known.
fn elsewhere_row(session: &SessionInfo, requests: &[Arc<RequestView>], mixed: bool) -> RequestRow {
    let asked = requests.iter().find(|view| view.info.session == session.id && view.info.state.waits());
    RequestRow {
        id: None,
        session: session.id,
        provider: mixed.then_some(session.provider),
        title: shown_line(&session.title, TITLE_CHARS),
        what: match asked {
            Some(view) => format!("In its terminal: {}", request_row(view, mixed).what),
            None => "In its terminal".to_owned(),
        },
        state: session.state,
        asked_at_ms: session.state_since_ms,
    }
}

/// A project's heading and sessions: pinned first, then live ones, newest first; ended ones last, and in one row when
/// they are many and nothing is searched for.
fn group(mut sessions: Vec<&MadeRow>, unfolded: Option<&HashSet<Arc<str>>>, rows: &mut Vec<Row>) {
    let is_over = |of: &SessionInfo| of.state == SessionState::Ended;
    sessions.sort_by_key(|MadeRow { of, .. }| {
        (!of.pinned, is_over(of), std::cmp::Reverse(of.started_at_ms), of.id)
    });
    let Some(first) = sessions.first().copied() else { return };
    let name = first.of.project.as_str();
    let text = if name.is_empty() { "NO PROJECT".into() } else { shown_line(name, 60).to_uppercase() };
    rows.push(Row::Heading { text, count: sessions.len(), needs_you: false });
    let live = sessions.partition_point(|made| made.of.pinned || !is_over(&made.of));
    let ended = sessions.split_off(live);
    let row = |made: &MadeRow| Row::Session(Arc::clone(&made.row));
    rows.extend(sessions.into_iter().map(row));
    let mut shown = true;
    if let Some(unfolded) = unfolded.filter(|_| ended.len() > ENDED_SHOWN) {
        shown = unfolded.contains(&first.project);
        rows.push(Row::Ended { project: Arc::clone(&first.project), count: ended.len(), open: shown });
    }
    if shown {
        rows.extend(ended.into_iter().map(row));
    }
}

fn session_row(session: &SessionInfo, mixed: bool) -> SessionRow {
    SessionRow {
        id: session.id,
        provider: mixed.then_some(session.provider),
        title: shown_line(&session.title, TITLE_CHARS),
        place: short_path(&shown_line(&session.cwd, 200)),
        state: session.state,
        since_ms: session.state_since_ms,
        disagreement: session.disagreement.is_some(),
        pinned: session.pinned,
        subagents: session.subagents,
    }
}
