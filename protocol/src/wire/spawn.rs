//! Opening a terminal: what is asked on `terminal.sock`, what is answered, and every way in which it can fail.
//!
//! The seed's wire: one JSON object each way, without length or newline. Its three reply keys are always there, with
//! explicit nulls; `code`, `terminal` and `request` are ours.

use super::{ErrorCode, RpcError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// The longest request, in bytes.
pub const SPAWN_REQUEST_MAX_BYTES: usize = 64 * 1024;

/// The longest terminal id, in characters.
pub const TERMINAL_ID_MAX: usize = 64;

/// Whether `id` can be a terminal's id: `[A-Za-z0-9_-]{1,64}`, not beginning with `-`, for it stands on command lines.
/// Checked before it becomes part of any path.
pub fn is_terminal_id(id: &str) -> bool {
    (1..=TERMINAL_ID_MAX).contains(&id.len())
        && !id.starts_with('-')
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Parameters of `open_terminal`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpenTerminal {
    /// The program and its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// The same as one text, in one of the seed's forms; read without a shell. Not looked at when there is an `argv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Working directory; `~` is the user's home, which it also is without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// The terminal's id; a new one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The terminal program: a name, `builtin` (a tab in the window), `none` (the session alone). Without it the
    /// settings and the desktop say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
    /// What to call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Variables for its environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, String>>,
    /// Columns, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cols: Option<u16>,
    /// Rows, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u16>,
    /// What to set `TERM` to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
}

macro_rules! spawn_codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $rpc:ident;)+) => {
        /// Why no terminal was opened, or nothing done with one. A closed list: scripts match on the word.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
        pub enum SpawnCode {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)+
        }

        impl SpawnCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The kind of error that it is on the CLI socket.
            pub const fn kind(self) -> ErrorCode {
                match self { $(Self::$variant => ErrorCode::$rpc,)+ }
            }
        }
    };
}

spawn_codes! {
    /// Nobody opens terminals now: magia is not running, or stopping.
    ServiceUnavailable = "SERVICE_UNAVAILABLE", Internal;
    /// The system or the user does not let us.
    PermissionDenied = "PERMISSION_DENIED", Refused;
    /// The terminal program is not installed or not known.
    TerminalNotFound = "TERMINAL_NOT_FOUND", NotFound;
    /// There is no display for a terminal window.
    NoDisplay = "NO_DISPLAY", Unsupported;
    /// The terminal program was started, and nothing came of it in time.
    TerminalStartTimeout = "TERMINAL_START_TIMEOUT", Internal;
    /// The terminal program failed.
    TerminalFailed = "TERMINAL_FAILED", Internal;
    /// The request is not understood.
    InvalidRequest = "INVALID_REQUEST", BadParams;
    /// The command needs a shell, and nobody allowed that.
    ShellSyntax = "SHELL_SYNTAX", Refused;
    /// A person has to say yes first; it is opened once that is said.
    ApprovalRequired = "APPROVAL_REQUIRED", Refused;
    /// The id is taken.
    SessionExists = "SESSION_EXISTS", Conflict;
    /// There is no terminal of this id.
    SessionNotFound = "SESSION_NOT_FOUND", NotFound;
    /// Its program has ended.
    SessionNotRunning = "SESSION_NOT_RUNNING", Conflict;
    /// The working directory does not exist.
    CwdNotFound = "CWD_NOT_FOUND", NotFound;
    /// The program does not exist or may not be run.
    CommandNotFound = "COMMAND_NOT_FOUND", NotFound;
    /// Too many, or too many in a short time.
    LimitReached = "LIMIT_REACHED", Conflict;
    /// The runtime directory's path leaves no room for a socket's name.
    SocketPathTooLong = "SOCKET_PATH_TOO_LONG", Unsupported;
    /// The caller did not prove who it is.
    Unauthorized = "UNAUTHORIZED", Refused;
}

impl fmt::Display for SpawnCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why no terminal was opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SpawnError {
    /// Which kind.
    pub code: SpawnCode,
    /// One sentence for a person.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// The permission request that waits, for [`SpawnCode::ApprovalRequired`].
    pub request: Option<String>,
    /// The terminal that is there all the same, for [`SpawnCode::TerminalStartTimeout`].
    pub session: Option<String>,
}

impl SpawnError {
    /// An error without a remedy.
    pub fn new(code: SpawnCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), remedy: None, request: None, session: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same with the request that waits.
    #[must_use]
    pub fn request(mut self, request: impl fmt::Display) -> Self {
        self.request = Some(request.to_string());
        self
    }

    /// The same with the terminal that is there.
    #[must_use]
    pub fn session(mut self, session: impl fmt::Display) -> Self {
        self.session = Some(session.to_string());
        self
    }

    /// Nobody answers at the socket: the seed's first sentence.
    pub fn unavailable(path: impl fmt::Display) -> Self {
        Self::new(SpawnCode::ServiceUnavailable, format!("Terminal spawn service not available at {path}"))
            .remedy("start magia: `magia` with a display, `magia-app --headless` without one")
    }

    /// The system keeps magia from using a terminal program: the seed's second sentence.
    pub fn denied(terminal: &str) -> Self {
        Self::new(SpawnCode::PermissionDenied, format!("Permission denied: magia may not control {terminal}"))
            .remedy(
                "allow it in System Settings, Privacy & Security, Automation, or choose another terminal \
                 with the setting terminal",
            )
    }

    /// The seed's third sentence.
    pub fn not_found(terminal: &str) -> Self {
        Self::new(SpawnCode::TerminalNotFound, format!("Terminal application not found: {terminal}"))
            .remedy("install it, name another, or ask for \"builtin\", a tab in magia's window")
    }
}

impl From<SpawnError> for RpcError {
    fn from(err: SpawnError) -> Self {
        let mut data = Map::new();
        data.insert("code".to_owned(), err.code.as_str().into());
        data.extend(err.request.map(|request| ("request".to_owned(), request.into())));
        data.extend(err.session.map(|session| ("session".to_owned(), session.into())));
        let mut rpc = Self::new(err.code.kind(), err.message);
        rpc.hint = err.remedy;
        rpc.data = Some(Box::new(Value::Object(data)));
        rpc
    }
}

impl From<RpcError> for SpawnError {
    /// An error that says no code is one of magia itself.
    fn from(err: RpcError) -> Self {
        let data = err.data.unwrap_or_default();
        let code = data.get("code").and_then(|code| serde_json::from_value(code.clone()).ok());
        let code = code.unwrap_or(match err.code {
            ErrorCode::Refused => SpawnCode::PermissionDenied,
            ErrorCode::BadParams | ErrorCode::BadRequest => SpawnCode::InvalidRequest,
            ErrorCode::NotFound => SpawnCode::SessionNotFound,
            _ => SpawnCode::ServiceUnavailable,
        });
        let text = |key: &str| data.get(key).and_then(Value::as_str).map(str::to_owned);
        let (request, session) = (text("request"), text("session"));
        Self { code, message: err.message, remedy: err.hint, request, session }
    }
}

/// What `open_terminal` returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedTerminal {
    /// The terminal's id.
    pub session_id: String,
    /// The terminal program that shows it, as `kitty`, `builtin` or `none`.
    pub terminal: String,
}

/// The reply on `terminal.sock`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpawnReply {
    /// Whether the terminal is there.
    pub success: bool,
    /// Why not, and what to do.
    #[serde(default)]
    pub error: Option<String>,
    /// The terminal's id.
    #[serde(default, rename = "sessionId")]
    pub session_id: Option<String>,
    /// The error's code.
    #[serde(default)]
    pub code: Option<String>,
    /// The terminal program that shows it.
    #[serde(default)]
    pub terminal: Option<String>,
    /// The permission request that waits for a yes.
    #[serde(default)]
    pub request: Option<String>,
}

impl SpawnReply {
    /// The reply that says what came of a request. `asked` is the id that the requester gave.
    pub fn new(outcome: Result<OpenedTerminal, SpawnError>, asked: Option<String>) -> Self {
        match outcome {
            Ok(opened) => Self {
                success: true,
                session_id: Some(opened.session_id),
                terminal: Some(opened.terminal),
                ..Self::default()
            },
            Err(err) => Self {
                success: false,
                error: Some(match err.remedy {
                    Some(remedy) => format!("{}: {remedy}", err.message),
                    None => err.message,
                }),
                session_id: err.session.or(asked),
                code: Some(err.code.as_str().to_owned()),
                request: err.request,
                ..Self::default()
            },
        }
    }

    /// Its bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        json!(self).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_keys_are_always_there() {
        let opened = OpenedTerminal { session_id: "a-1".to_owned(), terminal: "kitty".to_owned() };
        let reply = String::from_utf8(SpawnReply::new(Ok(opened), None).encode()).unwrap();
        assert_eq!(
            reply,
            r#"{"success":true,"error":null,"sessionId":"a-1","code":null,"terminal":"kitty","request":null}"#
        );
        let reply = SpawnReply::new(Err(SpawnError::not_found("Warp")), Some("a-1".to_owned())).encode();
        let reply: Value = serde_json::from_slice(&reply).unwrap();
        assert_eq!(reply["success"], false);
        assert_eq!(reply["code"], "TERMINAL_NOT_FOUND");
        assert!(
            reply["error"].as_str().unwrap().starts_with("Terminal application not found: Warp: install")
        );
        assert_eq!(reply["sessionId"], "a-1");
    }

    #[test]
    fn replies_of_other_services_are_read() {
        let swift: SpawnReply = serde_json::from_str(r#"{"success":true,"sessionId":"x"}"#).unwrap();
        assert_eq!((swift.success, swift.session_id.as_deref()), (true, Some("x")));
        let seed: SpawnReply =
            serde_json::from_str(r#"{"success":false,"error":"no","sessionId":null}"#).unwrap();
        assert_eq!(seed.error.as_deref(), Some("no"));
    }

    #[test]
    fn codes_survive_the_cli_socket() {
        for code in SpawnCode::ALL {
            let err = SpawnError::new(*code, "what").remedy("do").request("r1");
            let rpc = RpcError::from(err.clone());
            assert_eq!(rpc.code, code.kind());
            let line = serde_json::to_string(&rpc).unwrap();
            assert_eq!(SpawnError::from(serde_json::from_str::<RpcError>(&line).unwrap()), err);
        }
        let plain = SpawnError::from(RpcError::new(ErrorCode::Refused, "refused"));
        assert_eq!(plain.code, SpawnCode::PermissionDenied);
    }

    #[test]
    fn ids_are_names_and_never_paths() {
        for good in ["a", "A-z_0", "01234567-89ab-cdef-0123-456789abcdef", &"x".repeat(64)] {
            assert!(is_terminal_id(good), "{good}");
        }
        for bad in ["", ".", "..", "-a", "a/b", "a b", "a\n", "ü", "a.b", "%2e", &"x".repeat(65)] {
            assert!(!is_terminal_id(bad), "{bad}");
        }
    }
}
