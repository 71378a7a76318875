//! What an agent has an editor do: asked of the editor as a request, and answered to the agent when it has answered.

use super::editors::EditorId;
use super::rpc::{self, RpcId};
use super::tools;
use serde_json::{Value, json};

/// What can be asked of an editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditorTool {
    /// Show a file.
    OpenFile,
    /// Write a file that is open.
    SaveDocument,
}

impl EditorTool {
    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::OpenFile, Self::SaveDocument].into_iter().find(|tool| tool.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::OpenFile => "openFile",
            Self::SaveDocument => "saveDocument",
        }
    }
}

/// An agent's call that an editor is to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditorCall {
    /// The agent's request.
    pub id: RpcId,
    /// Which editor.
    pub editor: EditorId,
    /// What it is to do.
    pub tool: EditorTool,
    /// With which file.
    pub path: String,
    /// All that the agent said.
    pub arguments: Value,
}

impl EditorCall {
    /// The request to the editor, by a number of ours.
    pub fn request(&self, number: u64) -> String {
        let params = json!({ "wish": self.tool.name(), "arguments": self.arguments });
        rpc::request(number, "editor/wish", &params.to_string())
    }

    /// The frame that tells the agent what came of it.
    pub fn answer(&self, outcome: &Result<(), String>) -> String {
        let path = &self.path;
        let answer = match (self.tool, outcome) {
            (EditorTool::OpenFile, Ok(())) => tools::texts(&[&format!("Opened file: {path}")]),
            (EditorTool::SaveDocument, Ok(())) => tools::texts(&[&json!({
                "success": true, "filePath": path, "saved": true, "message": "Document saved successfully",
            })
            .to_string()]),
            (EditorTool::OpenFile, Err(why)) => tools::failed(&format!("{path} was not opened: {why}")),
            (EditorTool::SaveDocument, Err(why)) => tools::failed(&format!("{path} was not saved: {why}")),
        };
        rpc::result(&self.id, &answer)
    }
}
