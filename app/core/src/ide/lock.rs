//! The file that Claude Code finds an editor by: `<config dir>/ide/<port>.lock`.

use serde::{Deserialize, Serialize};

/// What ours are called; others' are left alone.
pub const IDE_NAME: &str = "magia";

/// What stands in it. Field names are Claude Code's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockFile {
    /// Who listens. A file whose process is gone is deleted by Claude Code.
    pub pid: u32,
    /// What the editor shows. Ours are empty: an agent that looks for the editor of its directory is to find that editor.
    pub workspace_folders: Vec<String>,
    /// The editor.
    pub ide_name: String,
    /// `ws`.
    pub transport: String,
    /// Whether it runs on the Windows side.
    pub running_in_windows: bool,
    /// What the client shows.
    pub auth_token: String,
}

impl LockFile {
    /// Ours.
    pub fn new(pid: u32, token: &str) -> Self {
        Self {
            pid,
            workspace_folders: Vec::new(),
            ide_name: IDE_NAME.to_owned(),
            transport: "ws".to_owned(),
            running_in_windows: false,
            auth_token: token.to_owned(),
        }
    }

    /// Reads one; `None` when it is none.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether a magia left it behind: ours by name, and its process is gone.
    pub fn is_left_behind(&self, lives: impl Fn(u32) -> bool) -> bool {
        self.ide_name == IDE_NAME && !lives(self.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ours_of_dead_processes_are_left_behind() {
        let ours = LockFile::new(7, "secret");
        let text = serde_json::to_string(&ours).unwrap();
        assert_eq!(
            text,
            r#"{"pid":7,"workspaceFolders":[],"ideName":"magia","transport":"ws","runningInWindows":false,"authToken":"secret"}"#
        );
        assert_eq!(LockFile::read(&text), Some(ours.clone()));
        assert!(ours.is_left_behind(|_| false));
        assert!(!ours.is_left_behind(|pid| pid == 7));
        let other = LockFile { ide_name: "Neovim".to_owned(), ..ours };
        assert!(!other.is_left_behind(|_| false));
        assert_eq!(LockFile::read("{"), None);
    }
}
