//! The commands of the window: one line each, and everything that names a command reads it here.

/// Where a command's keys work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Context {
    /// Everywhere but in text fields and terminals.
    Window,
    /// Also in text fields, with keys that type nothing.
    Text,
    /// Also in terminals, with keys that no program there needs.
    Everywhere,
    /// On the request that has the keys; they are the digits and cannot be changed.
    Request,
}

impl Context {
    /// For a person.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Text => "text fields too",
            Self::Everywhere => "everywhere",
            Self::Request => "on a request",
        }
    }
}

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident $id:literal $context:ident $label:literal [$($key:literal),*];)+) => {
        /// What a key, the palette or a button can ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum UiCommand { $($(#[$doc])* $name,)+ }

        impl UiCommand {
            /// Every command, in the order of the overlay.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name in keybindings.json.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// What it does, for palette, tooltips and the overlay.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }

            /// Where its keys work.
            pub const fn context(self) -> Context {
                match self { $(Self::$name => Context::$context,)+ }
            }

            /// Its keys when keybindings.json says nothing.
            pub const fn defaults(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($key),*],)+ }
            }
        }
    };
}

commands! {
    /// The palette.
    Palette "app.command-palette" Everywhere "Search or run a command" ["Ctrl+K", "Ctrl+Shift+P"];
    /// The next request that waits.
    NextNeedsYou "nav.next-needs-you" Everywhere "Next that needs you" ["N", "F8", "Ctrl+J", "Ctrl+Shift+J"];
    /// Say yes to the card with the keys.
    Allow "request.allow" Request "Allow (Ctrl+1 for high risk)" ["1"];
    /// Say yes, and to its like.
    Always "request.always" Request "Always allow (Ctrl+2 for high risk)" ["2"];
    /// Say no, with a reason.
    Deny "request.deny" Request "Deny..." ["3"];
    /// One up in the list.
    Up "nav.up" Window "Session above" ["Up", "K"];
    /// One down in the list.
    Down "nav.down" Window "Session below" ["Down", "J"];
    /// Give the session's card the keys.
    Open "request.focus" Window "Give the request the keys" ["Enter"];
    /// Leave what is open.
    Back "nav.go-back" Text "Back" ["Esc", "Ctrl+["];
    /// To the sessions, with nothing open.
    Home "nav.go-home" Text "Sessions" ["Ctrl+Shift+H"];
    /// Go to the filter.
    Filter "nav.filter" Window "Filter sessions" ["/"];
    /// Find in the timeline.
    Find "timeline.find" Text "Find in the timeline" ["Ctrl+F"];
    /// The next place that was found.
    FindNext "timeline.find-next" Text "Next place found" ["F3", "Ctrl+G"];
    /// The place before.
    FindBefore "timeline.find-before" Text "Place found before" ["Shift+F3"];
    /// To the prompt above.
    PromptAbove "timeline.prompt-above" Window "Prompt above" ["Alt+Up"];
    /// To the prompt below.
    PromptBelow "timeline.prompt-below" Window "Prompt below" ["Alt+Down"];
    /// A page up in the timeline.
    PageUp "timeline.page-up" Window "Page up" ["PgUp"];
    /// A page down in the timeline.
    PageDown "timeline.page-down" Window "Page down" ["PgDn"];
    /// To the beginning of the timeline.
    Start "timeline.start" Window "Timeline's beginning" ["Home"];
    /// To the end of the timeline.
    Follow "timeline.follow" Window "Timeline's end, and follow it" ["End"];
    /// The timeline as Markdown, onto the clipboard.
    CopyTimeline "timeline.copy" Window "Copy the timeline as Markdown" ["Ctrl+Shift+C"];
    /// Rename the session.
    Rename "session.rename" Window "Rename session" ["F2"];
    /// Show or fold the details.
    Details "session.details" Window "Show or fold the details" ["Ctrl+I"];
    /// Terminals in tabs.
    Terminals "terminal.toggle" Everywhere "Terminals, or back to the sessions" ["Ctrl+`"];
    /// What all sessions used.
    Metrics "app.metrics" Window "Metrics of all sessions, or back to them" [];
    /// Start an agent.
    NewSession "app.new-session" Window "New session..." ["Ctrl+N"];
    /// What was told of, and what was not.
    Notifications "app.notifications" Window "Notifications" ["Ctrl+Shift+N"];
    /// The settings.
    Settings "app.settings" Text "Settings" ["Ctrl+,"];
    /// The first steps.
    Welcome "app.welcome" Window "Welcome: first steps" [];
    /// What changed.
    Changelog "app.changelog" Window "What is new" [];
    /// Begin anew.
    Reset "app.reset" Window "Reset magia..." [];
    /// The page where keys are changed.
    Keys "app.keys" Window "Change keys" [];
    /// The list of keys.
    Shortcuts "app.shortcuts" Window "Keyboard shortcuts" ["?"];
}

impl UiCommand {
    /// The command of a name.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|command| command.id() == id)
    }

    /// Whether its keys can be changed.
    pub fn can_change(self) -> bool {
        self.context() != Context::Request
    }

    /// Whether the palette offers it: what needs a place to begin with, or is the palette itself, is for keys alone.
    pub const fn in_palette(self) -> bool {
        !matches!(
            self,
            Self::Palette | Self::Allow | Self::Always | Self::Deny | Self::Up | Self::Down | Self::Back
        )
    }
}
