//! An editor's connection: what it shows comes in, what sessions do and what agents ask of it goes out. The protocol is
//! ours, docs/ide-protocol.md.

use super::editors::{OpenFile, Selection};
use super::rpc::{self, Incoming, RpcId};
use magia_protocol::wire::command::{ListSessions, Subscribe};
use magia_protocol::wire::{Command, RpcError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The version that is spoken.
pub const EDITOR_PROTOCOL: u32 = 1;

/// What an editor wants.
#[derive(Debug, PartialEq)]
pub enum EditorWish {
    /// It says who it is.
    Hello {
        /// The request.
        id: RpcId,
        /// `Neovim 0.10`.
        name: String,
        /// Its folders.
        folders: Vec<String>,
    },
    /// It shows other folders.
    Folders(Vec<String>),
    /// Something else is selected in it.
    Selected(Selection),
    /// A file, or lines of it counted from 0, are to be put into the agents' prompts.
    Mention {
        /// The file.
        path: String,
        /// First and last line.
        lines: Option<(u32, u32)>,
    },
    /// Other files are open.
    Files(Vec<OpenFile>),
    /// The problems of a file.
    Problems {
        /// The file's URI.
        uri: String,
        /// All of them.
        problems: Vec<Value>,
    },
    /// It has done what it was asked for, or says why not.
    Done {
        /// The number of our request.
        number: u64,
        /// What came of it.
        outcome: Result<(), String>,
    },
    /// A question for the hub.
    Ask {
        /// The request.
        id: RpcId,
        /// The question.
        command: Command,
    },
}

/// An editor's connection.
#[derive(Debug, Default)]
pub struct EditorRole {
    greeted: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hello {
    protocol_version: u32,
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    folders: Vec<String>,
}

#[derive(Deserialize)]
struct Folders {
    folders: Vec<String>,
}

#[derive(Deserialize)]
struct Files {
    files: Vec<OpenFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mention {
    file_path: String,
    #[serde(default)]
    lines: Option<(u32, u32)>,
}

#[derive(Deserialize)]
struct Problems {
    uri: String,
    diagnostics: Vec<Value>,
}

impl EditorRole {
    /// Takes a frame: what to answer at once, or what is wanted.
    pub fn take(&mut self, text: &str) -> Result<Option<EditorWish>, String> {
        match Incoming::read(text) {
            Incoming::Request { id, method, params } => self.request(id, &method, params).map(Some),
            Incoming::Notification { method, params } => Ok(self.notified(&method, params)),
            Incoming::Response { id, outcome } => {
                let number = id.as_str().parse().ok().filter(|_| self.greeted);
                Ok(number.map(|number| EditorWish::Done { number, outcome: outcome.map(|_| ()) }))
            }
            Incoming::Wrong(answer) => Err(answer),
        }
    }

    fn request(&mut self, id: RpcId, method: &str, params: &str) -> Result<EditorWish, String> {
        let bad = |id: &RpcId, wanted: &str| rpc::error(id, -32602, &format!("{method} wants {wanted}"));
        match method {
            "initialize" => {
                let hello: Hello =
                    read(params).ok_or_else(|| bad(&id, "protocolVersion, name and folders"))?;
                if hello.protocol_version == 0 {
                    return Err(bad(&id, "a protocolVersion from 1"));
                }
                self.greeted = true;
                let name: String = format!("{} {}", hello.name, hello.version);
                let name = name.trim().chars().filter(|c| !c.is_control()).take(64).collect();
                Ok(EditorWish::Hello { id, name, folders: hello.folders })
            }
            "ping" => Err(rpc::result(&id, "{}")),
            _ if !self.greeted => Err(rpc::error(&id, -32002, "initialize comes first")),
            "sessions" => {
                let command = Command::GetActiveSessions(ListSessions::default());
                Ok(EditorWish::Ask { id, command })
            }
            "subscribe" => {
                let wish: Subscribe =
                    read(params).ok_or_else(|| bad(&id, "since and channels, or nothing"))?;
                Ok(EditorWish::Ask { id, command: Command::SubscribeEvents(wish) })
            }
            _ => Err(rpc::error(&id, -32601, "there is no such method; docs/ide-protocol.md has all")),
        }
    }

    fn notified(&self, method: &str, params: &str) -> Option<EditorWish> {
        if !self.greeted {
            return None;
        }
        match method {
            "folders" => read(params).map(|Folders { folders }| EditorWish::Folders(folders)),
            "selection" => read(params).map(EditorWish::Selected),
            "mention" => read(params)
                .map(|Mention { file_path, lines }| EditorWish::Mention { path: file_path, lines }),
            "files" => read(params).map(|Files { files }| EditorWish::Files(files)),
            "diagnostics" => read(params)
                .map(|Problems { uri, diagnostics }| EditorWish::Problems { uri, problems: diagnostics }),
            _ => None,
        }
    }

    /// The answer to a greeting.
    pub fn greeting(id: &RpcId) -> String {
        let server = json!({
            "protocolVersion": EDITOR_PROTOCOL,
            "server": format!("magia {}", env!("CARGO_PKG_VERSION")),
        });
        rpc::result(id, &server.to_string())
    }

    /// The answer to a question that the hub has answered.
    pub fn answered(id: &RpcId, outcome: &Result<Value, RpcError>) -> String {
        match outcome {
            Ok(value) => rpc::result(id, &value.to_string()),
            Err(err) => {
                let hint = err.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
                rpc::error(id, -32000, &format!("{}{hint}", err.message))
            }
        }
    }

    /// Tells which agents work in what the editor shows: they and no others hear of it.
    pub fn agents_changed(cwds: &[String]) -> String {
        let rows: Vec<Value> = cwds.iter().map(|cwd| json!({ "cwd": cwd })).collect();
        rpc::notification("agents", &json!({ "agents": rows }).to_string())
    }
}

fn read<T: DeserializeOwned>(params: &str) -> Option<T> {
    serde_json::from_str(params).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn greeted() -> EditorRole {
        let mut role = EditorRole::default();
        let hello = r#"{"id":1,"method":"initialize","params":{"protocolVersion":1,"name":"Neovim","version":"0.10","folders":["/p"]}}"#;
        let wish = role.take(hello).unwrap().unwrap();
        assert!(
            matches!(wish, EditorWish::Hello { name, folders, .. } if name == "Neovim 0.10" && folders == ["/p"])
        );
        role
    }

    #[test]
    fn what_an_editor_says() {
        let mut role = greeted();
        let mut told = |text: &str| role.take(text).unwrap();
        let selected = told(
            r#"{"method":"selection","params":{"filePath":"/p/a","text":"x","start":{"line":1,"character":2},"end":{"line":1,"character":3}}}"#,
        );
        assert!(
            matches!(selected, Some(EditorWish::Selected(it)) if it.file_path == "/p/a" && it.start.line == 1)
        );
        assert_eq!(
            told(r#"{"method":"mention","params":{"filePath":"/p/a","lines":[0,4]}}"#),
            Some(EditorWish::Mention { path: "/p/a".into(), lines: Some((0, 4)) })
        );
        assert_eq!(
            told(r#"{"method":"folders","params":{"folders":[]}}"#),
            Some(EditorWish::Folders(Vec::new()))
        );
        assert!(
            told(r#"{"method":"diagnostics","params":{"uri":"file:///p/a","diagnostics":[{}]}}"#).is_some()
        );
        assert!(told(r#"{"method":"files","params":{"files":[{"filePath":"/p/a"}]}}"#).is_some());
        assert_eq!(told(r#"{"method":"files","params":{"files":7}}"#), None);
        assert_eq!(told(r#"{"method":"of tomorrow"}"#), None);
        assert_eq!(told(r#"{"id":4,"result":{}}"#), Some(EditorWish::Done { number: 4, outcome: Ok(()) }));
        assert_eq!(
            told(r#"{"id":5,"error":{"code":-32000,"message":"it is read-only"}}"#),
            Some(EditorWish::Done { number: 5, outcome: Err("it is read-only".into()) })
        );
        assert_eq!(told(r#"{"id":"x","result":{}}"#), None);
        let ask = told(r#"{"id":2,"method":"subscribe","params":{"since":7}}"#);
        assert!(
            matches!(ask, Some(EditorWish::Ask { command: Command::SubscribeEvents(it), .. }) if it.since == Some(7))
        );
        for (wrong, code) in [
            (r#"{"id":3,"method":"resolve_permission","params":{"id":"a","decision":"allow"}}"#, "-32601"),
            (r#"{"id":3,"method":"subscribe","params":{"since":"x"}}"#, "-32602"),
            ("{", "-32700"),
        ] {
            assert!(role.take(wrong).unwrap_err().contains(code), "{wrong}");
        }
    }

    #[test]
    fn nothing_before_a_greeting() {
        let mut role = EditorRole::default();
        assert!(role.take(r#"{"id":1,"method":"sessions"}"#).unwrap_err().contains("initialize"));
        assert_eq!(role.take(r#"{"method":"folders","params":{"folders":["/"]}}"#), Ok(None));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_survived(text in "\\PC{0,80}", method in "[a-z]{0,12}", params in "\\PC{0,40}") {
            let mut role = greeted();
            let odd = format!("{{\"id\":1,\"method\":\"{method}\",\"params\":{params}}}");
            for text in [&text, &odd] {
                if let Err(answer) = role.take(text) {
                    prop_assert!(serde_json::from_str::<Value>(&answer).is_ok());
                }
            }
        }
    }
}
