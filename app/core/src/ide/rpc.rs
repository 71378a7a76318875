//! JSON-RPC 2.0 as MCP uses it: one message per frame, no batches.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Longer ids are no ids.
const ID_MAX: usize = 256;
/// Characters of an error's message that are kept.
const FAILURE_MAX: usize = 200;

/// A request's id as it was written: a number or a string.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct RpcId(Box<str>);

impl RpcId {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A message, its parameters not read yet.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// Wants a result.
    Request {
        /// Its id.
        id: RpcId,
        /// What is wanted.
        method: String,
        /// With what; `{}` when it has none.
        params: &'a str,
    },
    /// Wants nothing.
    Notification {
        /// What happened.
        method: String,
        /// With what.
        params: &'a str,
    },
    /// Answers something that we asked.
    Response {
        /// Our id.
        id: RpcId,
        /// The result, or why it failed.
        outcome: Result<&'a str, String>,
    },
    /// No message; the answer that says so.
    Wrong(String),
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl<'a> Incoming<'a> {
    /// Reads a frame's text.
    pub fn read(text: &'a str) -> Self {
        let wire: Wire<'a> = match serde_json::from_str(text) {
            Ok(wire) => wire,
            Err(err) if err.is_syntax() || err.is_eof() => {
                return Self::Wrong(error_of("null", -32700, "this is not JSON"));
            }
            Err(_) => return Self::Wrong(error_of("null", -32600, "this is no JSON-RPC message")),
        };
        let params = wire.params.map_or("{}", RawValue::get);
        let id = match wire.id.map(RawValue::get) {
            None => None,
            Some(id)
                if id.len() <= ID_MAX
                    && id.starts_with(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) =>
            {
                Some(RpcId(id.into()))
            }
            Some(_) => return Self::Wrong(error_of("null", -32600, "an id is a number or a string")),
        };
        match (id, wire.method) {
            (Some(id), Some(method)) => Self::Request { id, method, params },
            (None, Some(method)) => Self::Notification { method, params },
            (Some(id), None) if wire.result.is_some() || wire.error.is_some() => {
                let outcome = match (wire.error, wire.result) {
                    (None, Some(result)) => Ok(result.get()),
                    (error, _) => Err(error.map(RawValue::get).map(failure).unwrap_or_default()),
                };
                Self::Response { id, outcome }
            }
            _ => Self::Wrong(error_of("null", -32600, "this is no JSON-RPC message")),
        }
    }
}

/// What an error says, short enough to be said again.
fn failure(error: &str) -> String {
    #[derive(Deserialize)]
    struct Failure {
        message: String,
    }
    let failure: Option<Failure> = serde_json::from_str(error).ok();
    let message = failure.map(|failure| failure.message).unwrap_or_default();
    message.chars().filter(|c| !c.is_control()).take(FAILURE_MAX).collect()
}

/// A request's result; `result` is JSON.
pub fn result(id: &RpcId, result: &str) -> String {
    let mut text = String::with_capacity(result.len() + id.0.len() + 40);
    text.push_str("{\"jsonrpc\":\"2.0\",\"id\":");
    text.push_str(&id.0);
    text.push_str(",\"result\":");
    text.push_str(result);
    text.push('}');
    text
}

/// A request's failure.
pub fn error(id: &RpcId, code: i32, message: &str) -> String {
    error_of(&id.0, code, message)
}

fn error_of(id: &str, code: i32, message: &str) -> String {
    let message = serde_json::Value::from(message);
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{code},\"message\":{message}}}}}")
}

/// A request of ours; `params` is JSON.
pub fn request(id: u64, method: &str, params: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":{params}}}")
}

/// A notification; `params` is JSON.
pub fn notification(method: &str, params: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":{params}}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_are_told_apart() {
        let read = |text: &'static str| Incoming::read(text);
        let Incoming::Request { id, method, params } =
            read(r#"{"id":0,"method":"a","params":{"x":1},"jsonrpc":"2.0"}"#)
        else {
            panic!("a request")
        };
        assert_eq!((id.as_str(), method.as_str(), params), ("0", "a", r#"{"x":1}"#));
        assert!(matches!(read(r#"{"method":"n"}"#), Incoming::Notification { params: "{}", .. }));
        assert!(matches!(read(r#"{"id":"7","result":null}"#), Incoming::Wrong(_)));
        let failed = |text: &'static str| match read(text) {
            Incoming::Response { outcome: Err(why), .. } => why,
            other => panic!("{text}: {other:?}"),
        };
        assert!(matches!(read(r#"{"id":"7","result":{}}"#), Incoming::Response { outcome: Ok("{}"), .. }));
        assert_eq!(failed(r#"{"id":7,"error":{"code":1}}"#), "");
        assert_eq!(failed(r#"{"id":7,"result":{},"error":{"code":1,"message":"a\nb"}}"#), "ab");
        for (text, code) in [
            ("", "-32700"),
            ("{", "-32700"),
            ("[]", "-32600"),
            ("7", "-32600"),
            (r#"[{"id":1,"method":"a"}]"#, "-32600"),
            (r#"{"id":{},"method":"a"}"#, "-32600"),
            (r#"{"id":true,"method":"a"}"#, "-32600"),
            (r#"{"method":7}"#, "-32600"),
            ("{}", "-32600"),
        ] {
            let Incoming::Wrong(answer) = read(text) else { panic!("{text} was taken") };
            assert!(answer.contains(code), "{text}: {answer}");
            assert!(serde_json::from_str::<serde_json::Value>(&answer).is_ok());
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_answered_in_json(text in "\\PC{0,80}|[\\[\\]{}\":,a-z0-9]{0,80}") {
            if let Incoming::Wrong(answer) = Incoming::read(&text) {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&answer).is_ok());
            }
        }
    }
}
