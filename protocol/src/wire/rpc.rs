//! The CLI socket: one JSON request a line, one JSON reply a line.
//!
//! ```text
//! -> {"id":1,"method":"get_active_sessions","params":{}}
//! <- {"id":1,"result":[...]}
//! <- {"id":1,"error":{"code":"unknown_method","message":"...","hint":"..."}}
//! ```

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Given back with the reply; any JSON value.
    #[serde(default)]
    pub id: Value,
    /// The method's name or one of its aliases.
    pub method: String,
    /// An object; absent or null is the same as empty.
    #[serde(default)]
    pub params: Value,
    /// The client's wire version; 0 when absent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub v: u32,
}

fn is_zero(v: &u32) -> bool {
    *v == 0
}

/// A reply: `result` or `error`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Response {
    /// The request's id.
    #[serde(default)]
    pub id: Value,
    /// What the method returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it returned nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RpcError>,
}

impl Response {
    /// The reply to `id` that carries `outcome`.
    pub fn new(id: Value, outcome: Result<Value, RpcError>) -> Self {
        match outcome {
            Ok(result) => Self { id, result: Some(result), error: None },
            Err(error) => Self { id, result: None, error: Some(error) },
        }
    }

    /// The outcome as a `Result`; a reply with neither part is an internal error.
    pub fn into_outcome(self) -> Result<Value, RpcError> {
        match (self.error, self.result) {
            (Some(error), _) => Err(error),
            (None, Some(result)) => Ok(result),
            (None, None) => Ok(Value::Null),
        }
    }
}

/// A line of a subscription, after its first reply.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StreamLine {
    /// The id of the request that subscribed.
    pub id: Value,
    /// The channel, such as `agent:event`; `lagged` when some are missing: `lost` says how many, `reason` that this client
    /// was too `slow`, or that what it missed is `gone` from the store or `unreadable` there.
    pub event: String,
    /// Number of the newest agent event then: an `agent:event` line's own. What `since` takes.
    pub seq: u64,
    /// The channel's own shape.
    pub payload: Value,
}

/// Why a request failed; the word a script can match on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The line is not a request.
    BadRequest,
    /// No such method.
    UnknownMethod,
    /// A parameter is missing, unknown or of the wrong type.
    BadParams,
    /// The session, request or file is not there.
    NotFound,
    /// The id fits several.
    Ambiguous,
    /// It was answered before.
    AlreadyAnswered,
    /// The caller may not do this.
    Refused,
    /// The file or state does not allow it now.
    Conflict,
    /// Not possible for this provider or platform.
    Unsupported,
    /// The program or the machine failed.
    Internal,
}

/// An error on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    /// Kind.
    pub code: ErrorCode,
    /// One sentence for a person.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// More for a program, where the method says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<Value>>,
}

impl RpcError {
    /// An error without a hint.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, data: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
