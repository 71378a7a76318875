//! What the window draws: facts, read only, made anew when they changed.

use crate::ide::ProposedDiff;
use crate::keys::Keymap;
use crate::settings::Settings;
use crate::subject::Subject;
use crate::themes::Theme;
use crate::timeline::TimelineItem;
use crate::tray::TrayHost;
use magia_protocol::wire::info::{
    HooksInfo, ListenerInfo, ProviderInfo, RequestInfo, SessionInfo, TrialInfo,
};
use magia_protocol::wire::metrics::{FleetMetricsInfo, MetricsInfo, OtelPortInfo};
use magia_protocol::wire::{NotificationInfo, Provider, RequestId, SessionId, TerminalInfo};
use std::sync::Arc;

/// Everything the window knows of the world.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Grows with every snapshot that differs.
    pub revision: u64,
    /// When it was made, milliseconds since 1970.
    pub made_at_ms: u64,
    /// Whether the store was read; before that an empty list means nothing.
    pub loaded: bool,
    /// magia was never here before, or was reset.
    pub first_launch: bool,
    /// Sessions that are not hidden, in a stable order (start time).
    pub sessions: Vec<Arc<SessionInfo>>,
    /// Requests that wait, oldest first; and decided ones until they took effect.
    pub requests: Vec<Arc<RequestView>>,
    /// The selected session's timeline.
    pub timeline: Option<TimelineView>,
    /// Health.
    pub listeners: Vec<ListenerInfo>,
    /// Agents found; `None` before the first look.
    pub providers: Option<Vec<ProviderInfo>>,
    /// The agents' hooks, Claude's first; an agent's are absent before the first look.
    pub hooks: Vec<Arc<HooksInfo>>,
    /// All terminals, in the order of their start.
    pub terminals: Vec<Arc<TerminalInfo>>,
    /// magia's settings.
    pub settings: Arc<Settings>,
    /// Whether the desktop is dark; `None` when it does not say.
    pub desktop_dark: Option<bool>,
    /// The user's themes.
    pub themes: Arc<Vec<Theme>>,
    /// The keys of the window's commands.
    pub keymap: Arc<Keymap>,
    /// What came of the window's last dry run of a preset or rule.
    pub trial: Option<Arc<TrialInfo>>,
    /// Metrics.
    pub metrics: MetricsView,
    /// Banners: what failed, what still works.
    pub problems: Vec<Problem>,
    /// Replies to the window's own commands and other things said once, oldest first; the window shows those
    /// whose number it has not seen.
    pub toasts: Vec<Toast>,
    /// What was told of, newest first: sent, suppressed, failed.
    pub notifications: Arc<Vec<Arc<NotificationInfo>>>,
    /// Whether there is a tray.
    pub tray: TrayHost,
    /// Whether the desktop is told nothing for a while.
    pub paused: bool,
    /// Someone asked for the window: grows with each wish.
    pub raise: u64,
    /// The session to show with it.
    pub raise_session: Option<SessionId>,
    /// The request to show with it.
    pub raise_request: Option<RequestId>,
    /// The page to show with it.
    pub raise_page: Option<RaisePage>,
    /// The terminal to show with it.
    pub raise_terminal: Option<String>,
}

impl Snapshot {
    /// How an agent's hooks stand; `None` before the first look.
    pub fn hooks_of(&self, provider: Provider) -> Option<&HooksInfo> {
        self.hooks.iter().find(|hooks| hooks.provider == provider).map(|hooks| &**hooks)
    }
}

/// A page of the window that someone outside of it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RaisePage {
    /// The dialog for a new session.
    NewSession,
    /// A project's sessions, by its directory.
    Project(String),
}

/// A request, ready to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestView {
    /// As on the wire.
    pub info: RequestInfo,
    /// What it is about.
    pub subject: Subject,
    /// Whether it can still be answered here.
    pub answerable: bool,
    /// Whether the agent is told why it is refused.
    pub takes_reason: bool,
    /// The change that the agent shows, to be reviewed.
    pub diff: Option<Arc<ProposedDiff>>,
}

/// A session's timeline.
#[derive(Clone, Debug)]
pub struct TimelineView {
    /// Whose.
    pub session: SessionId,
    /// Whether stored events are still being read.
    pub loading: bool,
    /// Oldest first.
    pub items: Arc<Vec<Arc<TimelineItem>>>,
}

/// Metrics, ready to draw.
#[derive(Clone, Debug, Default)]
pub struct MetricsView {
    /// The selected session's; `None` when it has sent no telemetry.
    pub selected: Option<Arc<MetricsInfo>>,
    /// All sessions'; `None` when none has sent any.
    pub fleet: Option<Arc<FleetMetricsInfo>>,
    /// Where telemetry is received.
    pub port: OtelPortInfo,
}

/// A banner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable name, as `listener.hooks`.
    pub id: String,
    /// What failed and what still works, one sentence.
    pub text: String,
    /// What a Retry button sends, when trying again can help.
    pub retry: Option<String>,
}

/// Something said once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// Grows by one.
    pub number: u64,
    /// Whether something failed.
    pub failed: bool,
    /// One sentence, and what to do.
    pub text: String,
    /// The request whose answer was refused, as the window named it.
    pub about: Option<String>,
}
