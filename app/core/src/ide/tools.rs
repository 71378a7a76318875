//! The tools that magia offers as an editor, by the names that Claude Code knows, and their answers that need nothing but
//! what editors have told.

use super::editors::{Editors, Selection, uri_of};
use serde::Deserialize;
use serde_json::{Value, json};

/// The parameters of `openDiff`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OpenDiff {
    /// The file as it is.
    pub old_file_path: String,
    /// The file as it would be.
    #[serde(default)]
    pub new_file_path: Option<String>,
    /// What it would hold.
    pub new_file_contents: String,
    /// The name by which it is closed.
    pub tab_name: String,
}

/// Name, description, properties (JSON), required.
type Tool = (&'static str, &'static str, &'static str, &'static [&'static str]);

/// The tools.
pub const TOOLS: &[Tool] = &[
    (
        "openFile",
        "Open a file in the connected editor",
        r#"{"filePath":{"type":"string"},"preview":{"type":"boolean"},"startText":{"type":"string"},"endText":{"type":"string"},"selectToEndOfLine":{"type":"boolean"},"makeFrontmost":{"type":"boolean"}}"#,
        &["filePath"],
    ),
    (
        "openDiff",
        "Show a change of a file to the user and wait until it is accepted or rejected",
        r#"{"old_file_path":{"type":"string"},"new_file_path":{"type":"string"},"new_file_contents":{"type":"string"},"tab_name":{"type":"string"}}"#,
        &["old_file_path", "new_file_path", "new_file_contents", "tab_name"],
    ),
    ("getCurrentSelection", "The selection in the connected editor", "{}", &[]),
    ("getLatestSelection", "The last selection in the connected editor", "{}", &[]),
    ("getOpenEditors", "The files that are open in the connected editor", "{}", &[]),
    ("getWorkspaceFolders", "The folders that are open in the connected editor", "{}", &[]),
    (
        "getDiagnostics",
        "The problems that the connected editor knows of, of one file or of all",
        r#"{"uri":{"type":"string"}}"#,
        &[],
    ),
    (
        "checkDocumentDirty",
        "Whether a file has changes in the connected editor that are not saved",
        r#"{"filePath":{"type":"string"}}"#,
        &["filePath"],
    ),
    (
        "saveDocument",
        "Save a file in the connected editor",
        r#"{"filePath":{"type":"string"}}"#,
        &["filePath"],
    ),
    ("close_tab", "Close the view of a change", r#"{"tab_name":{"type":"string"}}"#, &["tab_name"]),
    ("closeAllDiffTabs", "Close all views of changes", "{}", &[]),
    (
        "executeCode",
        "Not available: magia has no notebook kernel, so every call fails",
        r#"{"code":{"type":"string"}}"#,
        &["code"],
    ),
];

/// The result of `tools/list`.
pub(super) fn list() -> String {
    let tools: Vec<Value> = TOOLS
        .iter()
        .map(|(name, description, properties, required)| {
            let properties: Value = serde_json::from_str(properties).unwrap_or_default();
            json!({
                "name": name,
                "description": description,
                "inputSchema": { "type": "object", "properties": properties, "required": required },
            })
        })
        .collect();
    json!({ "tools": tools }).to_string()
}

/// A tool's result: blocks of text.
pub(super) fn texts(texts: &[&str]) -> String {
    let blocks: Vec<Value> = texts.iter().map(|text| json!({ "type": "text", "text": text })).collect();
    json!({ "content": blocks }).to_string()
}

/// A tool's result that says why it failed.
pub(super) fn failed(why: &str) -> String {
    json!({ "content": [{ "type": "text", "text": why }], "isError": true }).to_string()
}

fn as_text(value: &Value) -> String {
    texts(&[&value.to_string()])
}

/// The result of a tool that only tells what editors show; `None` when it is another one.
pub(super) fn told(tool: &str, arguments: &Value, cwd: &str, editors: &Editors) -> Option<String> {
    let path = || arguments.get("filePath").and_then(Value::as_str).unwrap_or_default();
    Some(match tool {
        "getCurrentSelection" | "getLatestSelection" => as_text(&selection(editors.selection(cwd))),
        "getOpenEditors" => {
            let open: Vec<Value> = editors
                .of(cwd)
                .into_iter()
                .flat_map(|(_, editor)| &editor.files)
                .map(|file| {
                    json!({
                        "uri": uri_of(&file.file_path),
                        "isActive": file.active,
                        "label": file.file_path.rsplit('/').next(),
                        "languageId": file.language,
                        "isDirty": file.dirty,
                    })
                })
                .collect();
            as_text(&json!({ "tabs": open }))
        }
        "getWorkspaceFolders" => {
            let shown = editors.of(cwd);
            let mut folders: Vec<&String> = shown.iter().flat_map(|(_, editor)| &editor.folders).collect();
            folders.sort_unstable();
            folders.dedup();
            let rows: Vec<Value> = folders
                .iter()
                .map(|path| json!({ "name": path.rsplit('/').next(), "uri": uri_of(path), "path": path }))
                .collect();
            as_text(&json!({ "success": true, "folders": rows, "rootPath": folders.first() }))
        }
        "getDiagnostics" => {
            let uri = arguments.get("uri").and_then(Value::as_str);
            texts(&[&editors.problems(cwd, uri).to_string()])
        }
        "checkDocumentDirty" => as_text(&match editors.file(cwd, path()) {
            Some((_, file)) => {
                json!({ "success": true, "filePath": path(), "isDirty": file.dirty, "isUntitled": false })
            }
            None => json!({ "success": false, "message": format!("Document not open: {}", path()) }),
        }),
        "executeCode" => failed("magia has no notebook kernel: no code was run"),
        _ => return None,
    })
}

/// A selection as Claude Code reads it, in answers and in `selection_changed`.
pub(super) fn selection(selected: Option<&Selection>) -> Value {
    match selected {
        Some(it) => json!({
            "success": true,
            "text": it.text,
            "filePath": it.file_path,
            "fileUrl": uri_of(&it.file_path),
            "selection": { "start": it.start, "end": it.end, "isEmpty": it.text.is_empty() },
        }),
        None => json!({ "success": false, "message": "No active editor found" }),
    }
}
