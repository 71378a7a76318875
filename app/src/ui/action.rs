//! What drawing asks for. Drawing changes nothing itself: it may run twice for one frame.

use super::command::UiCommand;
use magia_core::settings::Preset;
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::terminal::KillPty;
use magia_protocol::wire::{Command, Provider, RequestId, SessionId, command};
use serde_json::{Map, Value};

/// A wish of the person at the window.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// For the hub.
    Send(Command),
    /// Ask first, then do it.
    Confirm(Box<Action>),
    /// Show a session.
    Select(SessionId),
    /// Show a request's session, scroll to its card and give it the keys.
    ShowRequest(RequestId),
    /// Give a card the keys.
    FocusCard(RequestId),
    /// Another page.
    Go(super::state::Route),
    /// A keyboard command.
    Run(UiCommand),
    /// An entry of the palette.
    Choose(super::dialogs::palette::Target),
    /// Open or fold an entry of the timeline.
    Fold(u64),
    /// Open the field for a deny's reason.
    StartDeny(RequestId),
    /// Close it.
    StopDeny,
    /// Open the editor of a request's input.
    Edit(RequestId),
    /// Open the review of the change that a request shows.
    Review(RequestId),
    /// Leave it; the request goes on waiting.
    LeaveReview,
    /// Open the field for a session's title.
    StartRename(SessionId),
    /// Close it.
    StopRename,
    /// Put text on the clipboard, and say so.
    Copy {
        /// The text.
        text: String,
        /// What it is, as `Session id`.
        what: &'static str,
    },
    /// Take a toast away.
    DismissToast(u64),
    /// Close the dialog on top.
    CloseDialog,
    /// Show entries of a kind among others, or no longer; all kinds for `None`.
    ShowKind(Option<super::panels::timeline::Kind>),
    /// Fold a subagent's entries away, or show them.
    FoldAgent(String),
    /// Close the field for finding.
    StopFind,
    /// Start a program in a terminal of its own and show it.
    StartTerminal {
        /// The program and its arguments; the user's shell without.
        command: Option<Vec<String>>,
        /// Where; the home directory without.
        cwd: Option<String>,
        /// What to call it.
        name: Option<String>,
        /// Whether it is an agent, whose session is shown as soon as there is one.
        agent: bool,
    },
    /// Show a terminal in a tab.
    OpenTerminal(String),
    /// Show a terminal beside or below the others.
    SplitTerminal {
        /// Which.
        id: String,
        /// Below instead of beside.
        below: bool,
    },
    /// Take a terminal's tab away; its program goes on.
    CloseTerminal(String),
    /// Another size of the terminals' font.
    ZoomTerminal(super::terminal::FontZoom),
    /// What is shown of the selected session.
    ShowPane(super::state::SessionPane),
    /// Scroll the timeline to this time, milliseconds since 1970.
    ShowTime(u64),
    /// Say something once.
    Say(String),
    /// Put the window into the task bar.
    Minimise,
    /// Show what a notification is about.
    OpenNotification(u64),
    /// Show notifications with this outcome only; all for `None`.
    FilterNotifications(Option<magia_protocol::wire::NoticeOutcome>),
    /// Scroll the timeline to its end and stay there.
    FollowTail,
}

/// Wishes of a frame.
pub type Actions = Vec<Action>;

impl Action {
    /// An answer to a request.
    pub fn decide(id: RequestId, decision: Decision) -> Self {
        Self::Send(Command::ResolvePermission(command::ResolvePermission::new(id.to_string(), decision)))
    }

    /// A deny, with a reason unless it is empty.
    pub fn deny(id: RequestId, reason: &str) -> Self {
        let reason = reason.trim();
        Self::Send(Command::ResolvePermission(command::ResolvePermission {
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            ..command::ResolvePermission::new(id.to_string(), Decision::Deny)
        }))
    }

    /// Allows a request with another input than the agent's.
    pub fn allow_edited(id: RequestId, input: Value, high_risk: bool) -> Self {
        Self::Send(Command::ResolvePermission(command::ResolvePermission {
            input: Some(input),
            high_risk,
            ..command::ResolvePermission::new(id.to_string(), Decision::Allow)
        }))
    }

    /// Allows an edit that the agent shows, with other contents of the file than the agent's.
    pub fn allow_contents(id: RequestId, contents: String) -> Self {
        Self::Send(Command::ResolvePermission(command::ResolvePermission {
            contents: Some(contents.into()),
            ..command::ResolvePermission::new(id.to_string(), Decision::Allow)
        }))
    }

    /// Allows a request and all open ones that ask the same.
    pub fn allow_same(id: RequestId) -> Self {
        Self::Send(Command::ResolveSame(command::ResolveSame {
            id: id.to_string(),
            decision: Decision::Allow,
            reason: None,
        }))
    }

    /// The answers to a request's questions.
    pub fn answer(id: RequestId, answers: Map<String, Value>) -> Self {
        Self::Send(Command::ResolvePermission(command::ResolvePermission {
            answers: Some(answers),
            ..command::ResolvePermission::new(id.to_string(), Decision::Allow)
        }))
    }

    /// A session's new title; empty goes back to the agent's own.
    pub fn rename(session: SessionId, title: &str) -> Self {
        Self::Send(Command::SetSessionTitle(command::SetTitle {
            session: session.to_string(),
            title: title.trim().to_owned(),
        }))
    }

    /// Keeps a session at the top of its project, or no longer.
    pub fn pin(session: SessionId, pinned: bool) -> Self {
        Self::Send(Command::UpdateSession(command::UpdateSession {
            session: session.to_string(),
            pinned: Some(pinned),
            ..Default::default()
        }))
    }

    /// Leaves a session out of the list, or takes it in again.
    pub fn hide(session: SessionId, hidden: bool) -> Self {
        Self::Send(Command::UpdateSession(command::UpdateSession {
            session: session.to_string(),
            hidden: Some(hidden),
            ..Default::default()
        }))
    }

    /// Changes one key of magia's settings.
    pub fn setting(key: &str, value: impl Into<Value>) -> Self {
        let mut settings = Map::new();
        settings.insert(key.to_owned(), value.into());
        Self::Send(Command::SaveSettings(command::SaveSettings { settings }))
    }

    /// Gives a command other keys; without any, its defaults again.
    pub fn keys_of(command: UiCommand, chords: Option<Vec<String>>) -> Self {
        let mut keybindings = Map::new();
        keybindings.insert(command.id().to_owned(), chords.map_or(Value::Null, Value::from));
        Self::Send(Command::SaveKeybindings(command::SaveKeybindings { keybindings, reset: false }))
    }

    /// Gives every command its defaults again.
    pub fn reset_keys() -> Self {
        let keybindings = Map::new();
        Self::Send(Command::SaveKeybindings(command::SaveKeybindings { keybindings, reset: true }))
    }

    /// Forgets everything and begins anew. The dialog has asked for the word.
    pub fn factory_reset() -> Self {
        let confirm = "reset".to_owned();
        Self::Send(Command::FactoryReset(command::FactoryReset { confirm }))
    }

    /// Gives a directory a preset of its own, or takes it away.
    pub fn workspace_preset(path: &str, preset: Option<Preset>) -> Self {
        let mut change = Map::new();
        change.insert(path.to_owned(), preset.map_or(Value::Null, |preset| preset.as_str().into()));
        Self::setting("workspacePresets", change)
    }

    /// Asks what a preset or a rule would have done with the requests that are recorded.
    pub fn try_policy(rule: &str) -> Self {
        Self::Send(Command::TryPolicy(command::TryPolicy { rule: rule.trim().to_owned(), since_hours: None }))
    }

    /// Puts our hooks into an agent's settings, after asking; `strict` switches strict mode on or off.
    pub fn install_hooks(provider: Provider, strict: Option<bool>) -> Self {
        let wish = command::InstallHooks { strict, ..command::InstallHooks::of(provider) };
        Self::Confirm(Box::new(Self::Send(Command::InstallHooks(wish))))
    }

    /// Has an agent tell what it uses, after asking.
    pub fn switch_telemetry_on(provider: Provider) -> Self {
        let wish = command::SetTelemetry { provider, on: true, traces: false, dry_run: false, home: None };
        Self::Confirm(Box::new(Self::Send(Command::SetTelemetry(wish))))
    }

    /// Takes them out, after asking.
    pub fn uninstall_hooks(provider: Provider) -> Self {
        Self::Confirm(Box::new(Self::Send(Command::UninstallHooks(command::ChangeHooks::of(provider)))))
    }

    /// Looks for the agents again.
    pub fn detect() -> Self {
        Self::Send(Command::DetectInstalledProviders(command::Detect { refresh: true }))
    }

    /// Ends what runs in a terminal, after asking.
    pub fn kill_terminal(id: &str) -> Self {
        let wish = KillPty { terminal: id.to_owned() };
        Self::Confirm(Box::new(Self::Send(Command::KillPty(wish))))
    }

    /// Marks notifications as read; all without a number.
    pub fn read_notifications(id: Option<u64>) -> Self {
        Self::Send(Command::ReadNotifications(command::SomeNotifications { id }))
    }

    /// Takes notifications out of the list for good; all without a number.
    pub fn dismiss_notifications(id: Option<u64>) -> Self {
        Self::Send(Command::DismissNotifications(command::SomeNotifications { id }))
    }

    /// Tells the desktop nothing for so many minutes; 0 ends the pause.
    pub fn pause_notifications(minutes: u32) -> Self {
        let params = command::PauseNotifications { minutes: Some(minutes) };
        Self::Send(Command::PauseNotifications(params))
    }

    /// Starts a listener again.
    pub fn retry(listener: &str) -> Self {
        Self::Send(Command::RetryListener(command::RetryListener { name: listener.to_owned() }))
    }
}
