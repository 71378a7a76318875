//! What frames carry. JSON throughout but for the program's bytes; unknown fields are skipped, so that each side may grow.

use crate::id::TerminalId;
use crate::size::{Size, is_zero};
use serde::{Deserialize, Serialize};

/// The oldest version of the wire that we speak.
pub const WIRE_MIN: u16 = 1;
/// The newest. It counts the wire's changes, never magia's releases.
pub const WIRE_MAX: u16 = 1;

/// What a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// A view in magia's window.
    Window,
    /// An attached terminal.
    Terminal,
    /// A program that asks or types and leaves.
    #[default]
    Script,
    /// The HTTP API.
    Http,
    /// A kind of a later version.
    #[serde(other)]
    Other,
}

/// How a client wants the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Not at all, and no output either.
    #[default]
    None,
    /// Everything, for our own screen (`Screen::restore`).
    State,
    /// Sequences that make another terminal show it.
    Ansi,
    /// The characters alone, in lines.
    Text,
}

impl Format {
    /// Its byte in a snapshot frame.
    pub const fn byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::State => 1,
            Self::Ansi => 2,
            Self::Text => 3,
        }
    }

    /// The format of a byte.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::None),
            1 => Some(Self::State),
            2 => Some(Self::Ansi),
            3 => Some(Self::Text),
            _ => None,
        }
    }
}

/// The client's first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The oldest version of the wire that it speaks.
    #[serde(default = "first_wire")]
    pub min: u16,
    /// The newest.
    #[serde(default = "first_wire")]
    pub max: u16,
    /// What it is.
    #[serde(default)]
    pub kind: ClientKind,
    /// The size it has room for; without one it never decides on the size.
    #[serde(default)]
    pub size: Option<Size>,
    /// It never types and never decides on the size.
    #[serde(default)]
    pub read_only: bool,
    /// How it wants the screen.
    #[serde(default)]
    pub format: Format,
    /// It has the keyboard's focus, so it decides on the size at once.
    #[serde(default)]
    pub focus: bool,
    /// It would rather have all output from the program's start on than the screen, if that is still to be had.
    #[serde(default)]
    pub from_start: bool,
    /// The word by which whoever opened the client's window knows that it has arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The client's own `SSH_AUTH_SOCK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_auth_sock: Option<String>,
}

const fn first_wire() -> u16 {
    1
}

impl Hello {
    /// A client of this version that wants the screen in `format`.
    pub fn new(kind: ClientKind, format: Format) -> Self {
        Self {
            min: WIRE_MIN,
            max: WIRE_MAX,
            kind,
            size: None,
            read_only: false,
            format,
            focus: false,
            from_start: false,
            nonce: None,
            ssh_auth_sock: None,
        }
    }

    /// A view in the window: everything, and the size that it has room for.
    pub fn window(size: Size) -> Self {
        Self { size: Some(size), ..Self::new(ClientKind::Window, Format::State) }
    }
}

impl Default for Hello {
    fn default() -> Self {
        Self::new(ClientKind::Script, Format::None)
    }
}

/// The holder's answer to [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderHello {
    /// The version that is spoken from here on: the newest that both know, else the holder's newest, and then it is the
    /// client's to hang up.
    pub wire: u16,
    /// The oldest that the holder speaks.
    pub min: u16,
    /// The newest.
    pub max: u16,
    /// The terminal.
    pub id: TerminalId,
    /// Its name.
    pub name: String,
    /// The program's process.
    pub pid: u32,
    /// The holder's process.
    pub holder_pid: u32,
    /// The terminal's size.
    pub size: Size,
    /// How long ago the program's last output was, in milliseconds.
    pub quiet_ms: u64,
    /// Whether the output is being recorded.
    pub recording: RecordingState,
    /// The holder's program and its release, for people.
    pub program: String,
}

/// Whether the output reaches the disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecordingState {
    /// Bytes that were left out because the disk was too slow or refused.
    #[serde(default, rename = "lostBytes")]
    pub lost_bytes: u64,
    /// Why nothing can be written now; the output goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Who decides on the size. From the client: `owner` says whether it took the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Whether it is this client.
    pub owner: bool,
}

/// How a program ended: one of the two is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Its exit code.
    #[serde(default)]
    pub code: Option<i32>,
    /// The signal that ended it.
    #[serde(default)]
    pub signal: Option<i32>,
}

impl Exit {
    /// The code that a shell shows: 128 and the signal's number for an end by a signal.
    pub fn shell_code(self) -> i32 {
        self.code.unwrap_or_else(|| 128 + self.signal.unwrap_or(0))
    }
}

/// A client's command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "kebab-case")]
pub enum Control {
    /// The client's size is another. From a client that gave none: the terminal gets this size until somebody types.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
        /// A cell's width in pixels; 0 when it is not known.
        #[serde(default, skip_serializing_if = "is_zero")]
        cell_width: u16,
        /// A cell's height in pixels.
        #[serde(default, skip_serializing_if = "is_zero")]
        cell_height: u16,
    },
    /// Ends the program and all that it started; with a signal other than HUP, TERM or KILL, sends that to the
    /// foreground.
    Kill {
        /// Which signal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<SignalName>,
    },
    /// The client no longer wants to decide on the size.
    ResetSize,
    /// The terminal's name.
    UpdateTitle {
        /// The new name.
        title: String,
    },
}

/// A signal, by number or by name with or without `SIG`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SignalName {
    /// Its number.
    Number(i32),
    /// Its name.
    Name(String),
}

/// An error frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// One of [`fault`].
    pub code: String,
    /// A sentence.
    pub message: String,
}

/// The codes of [`Fault`]. Source of the names: VibeTunnel, but for the last two.
pub mod fault {
    /// A frame or its JSON is broken.
    pub const MALFORMED_FRAME: &str = "MALFORMED_FRAME";
    /// A frame is longer than 1 MiB.
    pub const PAYLOAD_TOO_LARGE: &str = "PAYLOAD_TOO_LARGE";
    /// There are too many clients.
    pub const CONNECTION_LIMIT: &str = "CONNECTION_LIMIT";
    /// A command cannot be done.
    pub const CONTROL_MESSAGE_FAILED: &str = "CONTROL_MESSAGE_FAILED";
    /// The client said that it only reads.
    pub const READ_ONLY: &str = "READ_ONLY";
    /// The program has ended.
    pub const NOT_RUNNING: &str = "SESSION_NOT_RUNNING";
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn controls_have_vibetunnels_spelling() {
        let read = |value: serde_json::Value| serde_json::from_value::<Control>(value).unwrap();
        assert_eq!(
            read(json!({"cmd":"resize","cols":100,"rows":30})),
            Control::Resize { cols: 100, rows: 30, cell_width: 0, cell_height: 0 }
        );
        assert_eq!(read(json!({"cmd":"kill"})), Control::Kill { signal: None });
        assert_eq!(
            read(json!({"cmd":"kill","signal":"SIGTERM"})),
            Control::Kill { signal: Some(SignalName::Name("SIGTERM".to_owned())) }
        );
        assert_eq!(
            read(json!({"cmd":"kill","signal":9})),
            Control::Kill { signal: Some(SignalName::Number(9)) }
        );
        assert_eq!(read(json!({"cmd":"reset-size"})), Control::ResetSize);
        assert_eq!(
            read(json!({"cmd":"update-title","title":"x","later":1})),
            Control::UpdateTitle { title: "x".to_owned() }
        );
        assert!(serde_json::from_value::<Control>(json!({"cmd":"format-disk"})).is_err());
    }

    #[test]
    fn a_hello_may_say_little() {
        let hello: Hello = serde_json::from_value(json!({"kind":"hologram"})).unwrap();
        assert_eq!(hello, Hello { kind: ClientKind::Other, min: 1, max: 1, ..Hello::default() });
    }

    #[test]
    fn ends_have_the_codes_of_a_shell() {
        assert_eq!(Exit { code: Some(7), signal: None }.shell_code(), 7);
        assert_eq!(Exit { code: None, signal: Some(9) }.shell_code(), 137);
    }
}
