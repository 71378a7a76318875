//! Gemini CLI's companion: MCP over HTTP. It opens a change with `openDiff`, which is answered at once; what becomes of the
//! change is told later, as a notification on a stream of events. Observed with Gemini CLI 0.61.0.

use super::agent::{Answers, DIFFS_MAX, Told};
use super::editors::Editors;
use super::rpc::{self, Incoming, RpcId};
use super::{ConnId, DiffAnswer};
use crate::event::GateId;
use serde::Deserialize;
use serde_json::{Value, json};

/// The version of MCP that is answered with when the client's is not known.
const VERSION: &str = "2025-06-18";

/// A session of a companion's client.
#[derive(Debug)]
pub struct Companion {
    conn: ConnId,
    cwd: String,
    diffs: Vec<(GateId, String)>,
    count: u32,
}

#[derive(Deserialize)]
struct Initialize {
    #[serde(rename = "protocolVersion", default)]
    version: String,
}

#[derive(Deserialize)]
struct Call {
    name: String,
    #[serde(default)]
    arguments: Value,
}

impl Companion {
    /// A new session of a client that works in `cwd`.
    pub const fn new(conn: ConnId, cwd: String) -> Self {
        Self { conn, cwd, diffs: Vec::new(), count: 0 }
    }

    /// Whether a text is the greeting that begins a session.
    pub fn is_greeting(text: &str) -> bool {
        matches!(Incoming::read(text), Incoming::Request { method, .. } if method == "initialize")
    }

    /// Takes a message; at most one answer is sent.
    pub fn take(&mut self, text: &str) -> Answers {
        let mut out = Answers::default();
        match Incoming::read(text) {
            Incoming::Request { id, method, params } => {
                let answer = self.request(&id, &method, params, &mut out);
                out.send.push(answer);
            }
            Incoming::Notification { .. } | Incoming::Response { .. } => {}
            Incoming::Wrong(answer) => out.send.push(answer),
        }
        out
    }

    fn request(&mut self, id: &RpcId, method: &str, params: &str, out: &mut Answers) -> String {
        match method {
            "initialize" => {
                let asked: Initialize =
                    serde_json::from_str(params).unwrap_or(Initialize { version: String::new() });
                let known = ["2025-11-25", "2025-06-18", "2025-03-26"].contains(&asked.version.as_str());
                out.told.push(Told::Greeted { name: "gemini-cli".to_owned() });
                let answer = json!({
                    "protocolVersion": if known { asked.version.as_str() } else { VERSION },
                    "capabilities": { "tools": {} },
                    "serverInfo": { "name": "magia", "version": env!("CARGO_PKG_VERSION") },
                });
                rpc::result(id, &answer.to_string())
            }
            "ping" => rpc::result(id, "{}"),
            "tools/list" => rpc::result(id, &tools().to_string()),
            "tools/call" => match serde_json::from_str::<Call>(params) {
                Ok(call) => self.call(id, &call, out),
                Err(_) => rpc::error(id, -32602, "tools/call wants the name of a tool"),
            },
            _ => rpc::error(id, -32601, "there is no such method"),
        }
    }

    fn call(&mut self, id: &RpcId, call: &Call, out: &mut Answers) -> String {
        let text = |key: &str| call.arguments.get(key).and_then(Value::as_str).map(str::to_owned);
        match (call.name.as_str(), text("filePath")) {
            ("openDiff", Some(path)) => {
                let Some(new) = text("newContent") else {
                    return rpc::error(id, -32602, "openDiff wants filePath and newContent");
                };
                if self.diffs.len() >= DIFFS_MAX {
                    return failed(id, "too many changes are shown already");
                }
                self.close(&path, out);
                let gate = GateId::of_diff(self.conn, self.count);
                self.count = self.count.wrapping_add(1);
                self.diffs.push((gate, path.clone()));
                out.told.push(Told::Open { gate, path, new });
                rpc::result(id, "{\"content\":[]}")
            }
            ("closeDiff", Some(path)) => {
                self.close(&path, out);
                let nothing = json!({ "content": [{ "type": "text", "text": "{}" }] });
                rpc::result(id, &nothing.to_string())
            }
            ("openDiff" | "closeDiff", None) => rpc::error(id, -32602, "filePath is missing"),
            _ => rpc::error(id, -32602, "there is no such tool"),
        }
    }

    fn close(&mut self, path: &str, out: &mut Answers) {
        let (closed, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.diffs).into_iter().partition(|(_, shown)| shown == path);
        self.diffs = rest;
        out.told.extend(closed.into_iter().map(|(gate, _)| Told::Closed(gate)));
    }

    /// The notification that answers a change; `None` when nobody waits for it, or nothing was decided.
    pub fn answer(&mut self, gate: GateId, answer: &DiffAnswer) -> Option<String> {
        let at = self.diffs.iter().position(|(shown, _)| *shown == gate)?;
        let (_, path) = self.diffs.remove(at);
        match answer {
            DiffAnswer::Saved(contents) => {
                let params = json!({ "filePath": path, "content": &**contents });
                Some(rpc::notification("ide/diffAccepted", &params.to_string()))
            }
            DiffAnswer::Rejected => {
                Some(rpc::notification("ide/diffRejected", &json!({ "filePath": path }).to_string()))
            }
            DiffAnswer::Undecided => None,
        }
    }

    /// What the editors of the client's directory show. Whether it is trusted is not for magia to say, and is left out.
    pub fn context(&self, editors: &Editors, now_ms: u64) -> String {
        let shown = editors.of(&self.cwd);
        let files: Vec<Value> = shown
            .iter()
            .flat_map(|(_, editor)| {
                editor.files.iter().map(move |file| {
                    let selected = editor.selection.as_ref().filter(|it| it.file_path == file.file_path);
                    let mut row =
                        json!({ "path": file.file_path, "timestamp": now_ms, "isActive": file.active });
                    if let (Some(fields), Some(selected)) = (row.as_object_mut(), selected) {
                        let (line, character) = (selected.end.line + 1, selected.end.character + 1);
                        fields.insert("cursor".into(), json!({ "line": line, "character": character }));
                        fields.insert("selectedText".into(), json!(selected.text));
                    }
                    row
                })
            })
            .collect();
        let state = json!({ "workspaceState": { "openFiles": files } });
        rpc::notification("ide/contextUpdate", &state.to_string())
    }
}

fn failed(id: &RpcId, why: &str) -> String {
    let answer = json!({ "content": [{ "type": "text", "text": why }], "isError": true });
    rpc::result(id, &answer.to_string())
}

fn tools() -> Value {
    let tool = |name: &str, description: &str, more: Option<&str>| {
        let mut properties = json!({ "filePath": { "type": "string" } });
        let mut required = vec!["filePath"];
        if let (Some(fields), Some(more)) = (properties.as_object_mut(), more) {
            fields.insert(more.to_owned(), json!({ "type": "string" }));
            required.push(more);
        }
        json!({
            "name": name,
            "description": description,
            "inputSchema": { "type": "object", "properties": properties, "required": required },
        })
    };
    json!({ "tools": [
        tool("openDiff", "Show a change of a file to the user", Some("newContent")),
        tool("closeDiff", "Close the view of a change", None),
    ] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ide::{OpenFile, Selection};

    fn say(companion: &mut Companion, message: &Value) -> (Value, Vec<Told>) {
        let answers = companion.take(&message.to_string());
        let answer = answers.send.first().map(|text| serde_json::from_str(text).unwrap()).unwrap_or_default();
        (answer, answers.told)
    }

    fn open(id: u64, path: &str) -> Value {
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": "openDiff", "arguments": {"filePath": path, "newContent": "new text"}}})
    }

    #[test]
    fn a_change_is_opened_and_told_of_later() {
        let mut companion = Companion::new(ConnId(5), "/p".into());
        let hello = json!({"method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "streamable-http-client", "version": "0.61.0"}}, "jsonrpc": "2.0", "id": 0});
        assert!(Companion::is_greeting(&hello.to_string()));
        assert_eq!(say(&mut companion, &hello).0["result"]["protocolVersion"], "2025-06-18");
        assert_eq!(
            say(&mut companion, &json!({"method": "notifications/initialized", "jsonrpc": "2.0"})).0,
            Value::Null
        );
        let list =
            say(&mut companion, &json!({"method": "tools/list", "params": {}, "jsonrpc": "2.0", "id": 1})).0;
        assert_eq!(list["result"]["tools"].as_array().map(Vec::len), Some(2));

        let (answer, told) = say(&mut companion, &open(2, "/p/b.txt"));
        assert_eq!(answer["result"], json!({"content": []}));
        let gate = GateId::of_diff(ConnId(5), 0);
        assert_eq!(told, [Told::Open { gate, path: "/p/b.txt".into(), new: "new text".into() }]);
        let frame: Value =
            serde_json::from_str(&companion.answer(gate, &DiffAnswer::Saved("mine".into())).unwrap())
                .unwrap();
        assert_eq!(
            (&frame["method"], &frame["params"]["content"]),
            (&json!("ide/diffAccepted"), &json!("mine"))
        );
        assert_eq!(companion.answer(gate, &DiffAnswer::Rejected), None, "once");

        say(&mut companion, &open(3, "/p/c.txt"));
        let close = json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call",
            "params": {"name": "closeDiff", "arguments": {"filePath": "/p/c.txt"}}});
        assert_eq!(say(&mut companion, &close).1, [Told::Closed(GateId::of_diff(ConnId(5), 1))]);
        say(&mut companion, &open(5, "/p/d.txt"));
        let gate = GateId::of_diff(ConnId(5), 2);
        assert!(companion.answer(gate, &DiffAnswer::Rejected).unwrap().contains("ide/diffRejected"));
        for wrong in [json!({"name": "openDiff"}), json!({"name": "rm", "arguments": {"filePath": "/"}})] {
            let call = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": wrong});
            assert_eq!(say(&mut companion, &call).0["error"]["code"], -32602);
        }
    }

    #[test]
    fn the_context_is_what_the_editors_of_that_directory_show() {
        let mut editors = Editors::default();
        editors.add(ConnId(1), "a".into(), vec!["/p".into()]);
        editors.add(ConnId(2), "b".into(), vec!["/q".into()]);
        let file = |path: &str| OpenFile { file_path: path.into(), active: true, ..OpenFile::default() };
        editors.set_files(ConnId(1), vec![file("/p/a.txt")]);
        editors.set_files(ConnId(2), vec![file("/q/b.txt")]);
        editors.set_selection(
            ConnId(1),
            Selection { file_path: "/p/a.txt".into(), text: "hello".into(), ..Selection::default() },
        );
        let companion = Companion::new(ConnId(5), "/p".into());
        let frame: Value = serde_json::from_str(&companion.context(&editors, 7)).unwrap();
        let files = &frame["params"]["workspaceState"]["openFiles"];
        assert_eq!(files.as_array().map(Vec::len), Some(1));
        assert_eq!((&files[0]["path"], &files[0]["selectedText"]), (&json!("/p/a.txt"), &json!("hello")));
        assert!(frame["params"]["workspaceState"].get("isTrusted").is_none());
    }
}
