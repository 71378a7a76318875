//! Codex's `apply_patch`: the patch as the lines of a change.

use super::{Change, DIFF_LINES_MAX, DiffLine, Subject};

/// Reads a patch: `*** Begin Patch`, then for each file `*** Add File: PATH`, `*** Update File: PATH` (perhaps with
/// `*** Move to: PATH`) or `*** Delete File: PATH` and its lines. `None` when it names no file. Source: observed with
/// Codex 0.169.0. It has no line numbers. With several files each one's head stands before its lines.
pub(super) fn read(patch: &str) -> Option<Subject> {
    let file = |line: &str| line.strip_prefix("*** ")?.split_once(" File: ").map(|(_, path)| path.to_owned());
    let files: Vec<String> = patch.lines().filter_map(file).collect();
    let path = match files.as_slice() {
        [] => return None,
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    };
    let (mut diff, mut added, mut removed) = (Vec::new(), 0, 0);
    for line in patch.lines() {
        let (change, text) = match line.split_at_checked(1) {
            Some(("+", text)) => (Change::Added, text),
            Some(("-", text)) => (Change::Removed, text),
            Some((" ", text)) => (Change::Same, text),
            _ if line == "@@" => (Change::Gap, ""),
            _ if matches!(line, "*** Begin Patch" | "*** End Patch" | "") => continue,
            // What else it says is shown as it is: nothing of it may go unseen.
            _ => (Change::Same, line),
        };
        added += u32::from(change == Change::Added);
        removed += u32::from(change == Change::Removed);
        if diff.len() < DIFF_LINES_MAX {
            diff.push(DiffLine { change, old: None, new: None, text: text.to_owned() });
        }
    }
    if diff.len() >= DIFF_LINES_MAX {
        diff.push(DiffLine { change: Change::Gap, old: None, new: None, text: String::new() });
    }
    Some(Subject::Edit { path, whole: false, diff, added, removed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_of_two_files_is_shown_whole() {
        let patch = "*** Begin Patch\n*** Add File: b.txt\n+new line\n*** Update File: a.txt\n@@\n-hello file\n+hello patched\n*** End Patch";
        let Subject::Edit { path, diff, added, removed, .. } =
            Subject::of("apply_patch", &json!({ "command": patch }))
        else {
            panic!("not an edit")
        };
        assert_eq!((path.as_str(), added, removed), ("b.txt and 1 more", 2, 1));
        let shown: Vec<(Change, &str)> = diff.iter().map(|line| (line.change, line.text.as_str())).collect();
        assert_eq!(
            shown,
            [
                (Change::Same, "*** Add File: b.txt"),
                (Change::Added, "new line"),
                (Change::Same, "*** Update File: a.txt"),
                (Change::Gap, ""),
                (Change::Removed, "hello file"),
                (Change::Added, "hello patched"),
            ]
        );
    }

    #[test]
    fn what_is_no_patch_is_shown_as_it_is() {
        for command in ["", "*** Begin Patch\n*** End Patch", "rm -rf /"] {
            let subject = Subject::of("apply_patch", &json!({ "command": command }));
            assert!(matches!(subject, Subject::Other(_)), "{command}");
        }
    }
}
