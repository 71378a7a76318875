//! One agent's connection: MCP requests in, answers out. Claude Code is the client; Gemini CLI speaks the same protocol
//! with two tools of its own.

use super::editors::{Editors, Selection};
use super::rpc::{self, Incoming, RpcId};
use super::tools::{self, OpenDiff};
use super::wish::{EditorCall, EditorTool};
use super::{ConnId, DiffAnswer};
use crate::event::GateId;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// Versions of MCP that are spoken; another one is answered with the newest.
const VERSIONS: &[&str] = &["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// Changes that one agent may show at once.
pub const DIFFS_MAX: usize = 32;

static TOOL_LIST: LazyLock<String> = LazyLock::new(tools::list);

/// What a frame asks of the server.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    /// The agent said who it is.
    Greeted {
        /// `claude-code 2.1.197`.
        name: String,
    },
    /// The agent's process, by its own word.
    Pid(u32),
    /// A change is to be shown.
    Open {
        /// Where the answer goes.
        gate: GateId,
        /// The file.
        path: String,
        /// What it would hold.
        new: String,
    },
    /// A change is not asked about any more.
    Closed(GateId),
    /// An editor is to do something; the agent waits for what comes of it.
    Editor(Box<EditorCall>),
}

/// What comes of a frame.
#[derive(Debug, Default)]
pub struct Answers {
    /// Frames to send.
    pub send: Vec<String>,
    /// What the server is to do.
    pub told: Vec<Told>,
}

/// An agent's connection.
#[derive(Debug)]
pub struct Agent {
    conn: ConnId,
    greeted: bool,
    /// Where the agent works.
    cwd: String,
    diffs: Vec<Shown>,
    count: u32,
}

/// A change that waits for its answer.
#[derive(Debug)]
struct Shown {
    gate: GateId,
    id: RpcId,
    tab: String,
}

#[derive(Deserialize)]
struct Initialize {
    #[serde(rename = "protocolVersion", default)]
    version: String,
    #[serde(rename = "clientInfo", default)]
    client: ClientInfo,
}

#[derive(Default, Deserialize)]
struct ClientInfo {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct Call<'a> {
    name: String,
    #[serde(borrow, default)]
    arguments: Option<&'a serde_json::value::RawValue>,
}

impl Agent {
    /// A new connection of an agent that works in `cwd`.
    pub const fn new(conn: ConnId, cwd: String) -> Self {
        Self { conn, greeted: false, cwd, diffs: Vec::new(), count: 0 }
    }

    /// Where the agent works.
    pub fn cwd(&self) -> &str {
        &self.cwd
    }

    /// Takes a frame.
    pub fn take(&mut self, text: &str, editors: &Editors) -> Answers {
        let mut out = Answers::default();
        match Incoming::read(text) {
            Incoming::Request { id, method, params } => self.request(&id, &method, params, editors, &mut out),
            Incoming::Notification { method, params } => self.notified(&method, params, &mut out),
            // Nothing was asked.
            Incoming::Response { .. } => {}
            Incoming::Wrong(answer) => out.send.push(answer),
        }
        out
    }

    /// The frame that answers a change; `None` when nobody waits for it any more.
    pub fn answer(&mut self, gate: GateId, answer: &DiffAnswer) -> Option<String> {
        let at = self.diffs.iter().position(|shown| shown.gate == gate)?;
        let shown = self.diffs.remove(at);
        let answered = match answer {
            DiffAnswer::Saved(contents) => tools::texts(&["FILE_SAVED", contents]),
            DiffAnswer::Rejected => rejected(&shown.tab),
            DiffAnswer::Undecided => tools::failed("the user answers in the terminal"),
        };
        Some(rpc::result(&shown.id, &answered))
    }

    /// Whether a change still waits.
    pub fn waits(&self, gate: GateId) -> bool {
        self.diffs.iter().any(|shown| shown.gate == gate)
    }

    /// The changes that wait.
    pub fn waiting(&self) -> impl Iterator<Item = GateId> {
        self.diffs.iter().map(|shown| shown.gate)
    }

    /// Tells the agent what is selected in its editor.
    pub fn selection_changed(selection: &Selection) -> String {
        let mut params = tools::selection(Some(selection));
        if let Some(fields) = params.as_object_mut() {
            fields.remove("success");
        }
        rpc::notification("selection_changed", &params.to_string())
    }

    /// Puts a file's lines, counted from 0, into the agent's prompt.
    pub fn at_mentioned(path: &str, lines: Option<(u32, u32)>) -> String {
        let (start, end) = lines.map_or((None, None), |(start, end)| (Some(start), Some(end)));
        let params = json!({ "filePath": path, "lineStart": start, "lineEnd": end });
        rpc::notification("at_mentioned", &params.to_string())
    }

    fn request(&mut self, id: &RpcId, method: &str, params: &str, editors: &Editors, out: &mut Answers) {
        let answer = match method {
            "initialize" => self.initialize(id, params, out),
            "ping" => rpc::result(id, "{}"),
            _ if !self.greeted => rpc::error(id, -32002, "initialize comes first"),
            "tools/list" => rpc::result(id, &TOOL_LIST),
            "tools/call" => match serde_json::from_str::<Call<'_>>(params) {
                Ok(call) => match self.call(id, &call, editors, out) {
                    Some(answer) => answer,
                    None => return,
                },
                Err(_) => rpc::error(id, -32602, "tools/call wants the name of a tool"),
            },
            _ => rpc::error(id, -32601, &format!("there is no method {}", short(method))),
        };
        out.send.push(answer);
    }

    fn initialize(&mut self, id: &RpcId, params: &str, out: &mut Answers) -> String {
        let Ok(asked) = serde_json::from_str::<Initialize>(params) else {
            return rpc::error(id, -32602, "initialize wants protocolVersion and clientInfo");
        };
        let version = VERSIONS.iter().find(|known| **known == asked.version).or(VERSIONS.first());
        self.greeted = true;
        let name = format!("{} {}", short(&asked.client.name), short(&asked.client.version));
        out.told.push(Told::Greeted { name: name.trim().to_owned() });
        let answer = json!({
            "protocolVersion": version,
            "capabilities": { "tools": { "listChanged": false } },
            "serverInfo": { "name": "magia", "version": env!("CARGO_PKG_VERSION") },
        });
        rpc::result(id, &answer.to_string())
    }

    /// Answers a call now; `None` when its answer comes later.
    fn call(&mut self, id: &RpcId, call: &Call<'_>, editors: &Editors, out: &mut Answers) -> Option<String> {
        let arguments = call.arguments.map_or("{}", |arguments| arguments.get());
        let bad = |wanted: &str| Some(rpc::error(id, -32602, &format!("{} wants {wanted}", call.name)));
        match call.name.as_str() {
            "openDiff" => {
                let Ok(wish) = serde_json::from_str::<OpenDiff>(arguments) else {
                    return bad("old_file_path, new_file_path, new_file_contents and tab_name");
                };
                let path = wish.new_file_path.filter(|path| !path.is_empty()).unwrap_or(wish.old_file_path);
                self.open(id, path, wish.new_file_contents, wish.tab_name, out)
            }
            "close_tab" => {
                #[derive(Deserialize)]
                struct Tab {
                    tab_name: String,
                }
                let Ok(Tab { tab_name }) = serde_json::from_str(arguments) else { return bad("tab_name") };
                self.close(|shown| shown.tab == tab_name, out);
                Some(rpc::result(id, &tools::texts(&["TAB_CLOSED"])))
            }
            "closeAllDiffTabs" => {
                let count = self.close(|_| true, out);
                Some(rpc::result(id, &tools::texts(&[&format!("CLOSED_{count}_DIFF_TABS")])))
            }
            name => {
                let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
                if let Some(tool) = EditorTool::named(name) {
                    return self.ask_editor(id, tool, arguments, editors, out);
                }
                Some(match tools::told(name, &arguments, &self.cwd, editors) {
                    Some(answer) => rpc::result(id, &answer),
                    None => rpc::error(id, -32602, &format!("there is no tool {}", short(name))),
                })
            }
        }
    }

    /// Has an editor do something; its answer comes later. Without such an editor the failure comes now.
    fn ask_editor(
        &self,
        id: &RpcId,
        tool: EditorTool,
        arguments: Value,
        editors: &Editors,
        out: &mut Answers,
    ) -> Option<String> {
        let path = arguments.get("filePath").and_then(Value::as_str).unwrap_or_default().to_owned();
        let editor = match tool {
            EditorTool::OpenFile => editors.of(&self.cwd).first().map(|(id, _)| *id),
            EditorTool::SaveDocument => editors.file(&self.cwd, &path).map(|(id, _)| id),
        };
        let Some(editor) = editor else {
            let why = match tool {
                EditorTool::OpenFile => "no editor of this directory is connected to magia".to_owned(),
                EditorTool::SaveDocument => format!("Document not open: {path}"),
            };
            return Some(rpc::result(id, &tools::failed(&why)));
        };
        let call = EditorCall { id: id.clone(), editor, tool, path, arguments };
        out.told.push(Told::Editor(Box::new(call)));
        None
    }

    fn open(
        &mut self,
        id: &RpcId,
        path: String,
        new: String,
        tab: String,
        out: &mut Answers,
    ) -> Option<String> {
        if self.diffs.len() >= DIFFS_MAX {
            return Some(rpc::result(id, &tools::failed("too many changes are shown already")));
        }
        // A tab by the same name takes the place of the one before.
        self.close(|shown| shown.tab == tab, out);
        let gate = GateId::of_diff(self.conn, self.count);
        self.count = self.count.wrapping_add(1);
        self.diffs.push(Shown { gate, id: id.clone(), tab });
        out.told.push(Told::Open { gate, path, new });
        None
    }

    /// Closes changes. Whoever still waits for one hears that it was rejected, never that its tab was closed: Claude Code
    /// would take that for a yes.
    fn close(&mut self, which: impl Fn(&Shown) -> bool, out: &mut Answers) -> usize {
        let (closed, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.diffs).into_iter().partition(which);
        self.diffs = rest;
        for shown in &closed {
            out.send.push(rpc::result(&shown.id, &rejected(&shown.tab)));
            out.told.push(Told::Closed(shown.gate));
        }
        closed.len()
    }

    fn notified(&mut self, method: &str, params: &str, out: &mut Answers) {
        #[derive(Deserialize)]
        struct Connected {
            pid: u32,
        }
        #[derive(Deserialize)]
        struct Cancelled<'a> {
            #[serde(rename = "requestId", borrow)]
            id: &'a serde_json::value::RawValue,
        }
        match method {
            "ide_connected" => {
                if let Ok(Connected { pid }) = serde_json::from_str(params) {
                    out.told.push(Told::Pid(pid));
                }
            }
            "notifications/cancelled" => {
                if let Ok(Cancelled { id }) = serde_json::from_str(params) {
                    let (gone, rest) = std::mem::take(&mut self.diffs)
                        .into_iter()
                        .partition(|shown| shown.id.as_str() == id.get());
                    self.diffs = rest;
                    out.told.extend(Vec::into_iter(gone).map(|shown| Told::Closed(shown.gate)));
                }
            }
            // `log_event` and what is not known yet.
            _ => {}
        }
    }
}

fn rejected(tab: &str) -> String {
    tools::texts(&["DIFF_REJECTED", tab])
}

/// What a peer said, short enough to be said again.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
