//! What the connected editors show: folders, files, the selection, problems. Agents are told what an editor of their
//! directory says, and nothing when there is none.

use super::ConnId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// An editor is known by its connection.
pub type EditorId = ConnId;

/// Bytes of a selected text that are kept; Claude Code puts it into the prompt.
const SELECTED_MAX: usize = 64 * 1024;
/// Open files of one editor.
const FILES_MAX: usize = 256;
/// Files with problems of one editor, and problems of one file.
const PROBLEM_FILES_MAX: usize = 2_000;
const PROBLEMS_MAX: usize = 256;
/// Folders of one editor.
const FOLDERS_MAX: usize = 64;

/// A place in a text, both counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// UTF-16 units in the line.
    pub character: u32,
}

/// What is selected; an empty text is a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selection {
    /// The file.
    pub file_path: String,
    /// The selected text.
    #[serde(default)]
    pub text: String,
    /// Where it begins.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
}

/// A file that is open in an editor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenFile {
    /// The file.
    pub file_path: String,
    /// Whether it is the one in front.
    #[serde(default)]
    pub active: bool,
    /// Whether it has changes that are not saved.
    #[serde(default)]
    pub dirty: bool,
    /// Its language, as `rust`.
    #[serde(default)]
    pub language: String,
}

/// What one editor shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Editor {
    /// `Neovim`.
    pub name: String,
    /// Absolute directories.
    pub folders: Vec<String>,
    /// Open files.
    pub files: Vec<OpenFile>,
    /// The selection.
    pub selection: Option<Selection>,
    /// Problems by `file://` URI, as the editor gives them.
    pub problems: BTreeMap<String, Vec<Value>>,
    /// When it last told something; the greater the later.
    touched: u64,
}

/// All connected editors.
#[derive(Clone, Debug, Default)]
pub struct Editors {
    all: BTreeMap<EditorId, Editor>,
    clock: u64,
}

impl Editors {
    /// A new editor.
    pub fn add(&mut self, id: EditorId, name: String, folders: Vec<String>) {
        self.clock += 1;
        let folders =
            folders.into_iter().filter(|folder| folder.starts_with('/')).take(FOLDERS_MAX).collect();
        self.all.insert(id, Editor { name, folders, touched: self.clock, ..Editor::default() });
    }

    /// It is gone, and with it what it showed.
    pub fn remove(&mut self, id: EditorId) -> Option<Editor> {
        self.all.remove(&id)
    }

    /// All, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (EditorId, &Editor)> {
        self.all.iter().map(|(id, editor)| (*id, editor))
    }

    /// Other folders.
    pub fn set_folders(&mut self, id: EditorId, folders: Vec<String>) {
        if let Some(editor) = self.touch(id) {
            editor.folders =
                folders.into_iter().filter(|folder| folder.starts_with('/')).take(FOLDERS_MAX).collect();
        }
    }

    /// Another selection. A text that is too long is cut at a character.
    pub fn set_selection(&mut self, id: EditorId, mut selection: Selection) {
        if selection.text.len() > SELECTED_MAX {
            let end = (0..=SELECTED_MAX).rev().find(|at| selection.text.is_char_boundary(*at)).unwrap_or(0);
            selection.text.truncate(end);
        }
        if let Some(editor) = self.touch(id) {
            editor.selection = Some(selection);
        }
    }

    /// Other open files.
    pub fn set_files(&mut self, id: EditorId, mut files: Vec<OpenFile>) {
        files.truncate(FILES_MAX);
        if let Some(editor) = self.touch(id) {
            editor.files = files;
        }
    }

    /// The problems of a file; none takes it out.
    pub fn set_problems(&mut self, id: EditorId, uri: String, mut problems: Vec<Value>) {
        problems.truncate(PROBLEMS_MAX);
        let Some(editor) = self.touch(id) else { return };
        if problems.is_empty() {
            editor.problems.remove(&uri);
        } else if editor.problems.len() < PROBLEM_FILES_MAX || editor.problems.contains_key(&uri) {
            editor.problems.insert(uri, problems);
        }
    }

    fn touch(&mut self, id: EditorId) -> Option<&mut Editor> {
        self.clock += 1;
        let editor = self.all.get_mut(&id)?;
        editor.touched = self.clock;
        Some(editor)
    }

    /// The editors that show an agent's directory, or a part of it; the one that was used last comes first.
    pub fn of(&self, cwd: &str) -> Vec<(EditorId, &Editor)> {
        let mut found: Vec<_> = self.iter().filter(|(_, editor)| editor.shows(cwd)).collect();
        found.sort_by_key(|(_, editor)| std::cmp::Reverse(editor.touched));
        found
    }

    /// What `getDiagnostics` says: the problems of one file, or of all that have some.
    pub fn problems(&self, cwd: &str, uri: Option<&str>) -> Value {
        let mut files: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for (_, editor) in self.of(cwd) {
            for (file, problems) in
                editor.problems.iter().filter(|(file, _)| uri.is_none_or(|uri| uri == *file))
            {
                files.entry(file).or_insert_with(|| problems.iter().collect());
            }
        }
        files.into_iter().map(|(uri, problems)| json!({ "uri": uri, "diagnostics": problems })).collect()
    }

    /// The selection of the editor that was used last.
    pub fn selection(&self, cwd: &str) -> Option<&Selection> {
        self.of(cwd).into_iter().find_map(|(_, editor)| editor.selection.as_ref())
    }

    /// An open file and the editor that has it.
    pub fn file(&self, cwd: &str, path: &str) -> Option<(EditorId, &OpenFile)> {
        self.of(cwd)
            .into_iter()
            .find_map(|(id, editor)| Some((id, editor.files.iter().find(|file| file.file_path == path)?)))
    }
}

impl Editor {
    /// Whether it shows a directory, what it is part of, or a part of it.
    pub fn shows(&self, cwd: &str) -> bool {
        let cwd = Path::new(cwd);
        self.folders.iter().map(Path::new).any(|folder| cwd.starts_with(folder) || folder.starts_with(cwd))
    }
}

/// A path as a `file://` URI.
pub(super) fn uri_of(path: &str) -> String {
    let mut uri = String::with_capacity(path.len() + 7);
    uri.push_str("file://");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_hears_of_editors_of_its_directory_only() {
        let mut editors = Editors::default();
        editors.add(ConnId(1), "a".into(), vec!["/home/me/shop".into(), "relative".into()]);
        editors.add(ConnId(2), "b".into(), vec!["/home/me/shop".into()]);
        editors.add(ConnId(3), "c".into(), vec!["/home/me/shopping".into()]);
        let select = |path: &str| Selection { file_path: path.into(), ..Selection::default() };
        editors.set_selection(ConnId(2), select("/home/me/shop/b"));
        editors.set_selection(ConnId(1), select("/home/me/shop/a"));
        editors.set_selection(ConnId(3), select("/home/me/shopping/c"));
        let at = |editors: &Editors, cwd: &str| editors.selection(cwd).map(|it| it.file_path.clone());
        assert_eq!(at(&editors, "/home/me/shop/src").as_deref(), Some("/home/me/shop/a"));
        assert_eq!(at(&editors, "/home/me/shopping").as_deref(), Some("/home/me/shopping/c"));
        assert_eq!(at(&editors, "/home/other"), None);
        editors.remove(ConnId(1));
        assert_eq!(at(&editors, "/home/me/shop").as_deref(), Some("/home/me/shop/b"));
        // A folder inside the agent's directory is shown in part.
        assert!(at(&editors, "/home/me").is_some());
    }

    #[test]
    fn problems_come_and_go() {
        let mut editors = Editors::default();
        editors.add(ConnId(1), "a".into(), vec!["/p".into()]);
        let uri = uri_of("/p/a b.rs");
        assert_eq!(uri, "file:///p/a%20b.rs");
        editors.set_problems(ConnId(1), uri.clone(), vec![json!({"message": "unused"})]);
        editors.set_problems(ConnId(9), uri.clone(), vec![json!({"message": "of nobody"})]);
        let wanted = json!([{"uri": uri, "diagnostics": [{"message": "unused"}]}]);
        assert_eq!(editors.problems("/p", None), wanted);
        assert_eq!(editors.problems("/p", Some(&uri)), wanted);
        assert_eq!(editors.problems("/p", Some("file:///p/other")), json!([]));
        assert_eq!(editors.problems("/q", None), json!([]));
        editors.set_problems(ConnId(1), uri, Vec::new());
        assert_eq!(editors.problems("/p", None), json!([]));
    }

    #[test]
    fn a_long_selection_is_cut_at_a_character() {
        let mut editors = Editors::default();
        editors.add(ConnId(1), "a".into(), vec!["/p".into()]);
        let text = "ä".repeat(SELECTED_MAX);
        editors.set_selection(ConnId(1), Selection { text, ..Selection::default() });
        assert_eq!(editors.selection("/p").map(|it| it.text.len()), Some(SELECTED_MAX));
    }
}
