//! Where a tool call would really act: links resolved, on the disk as it is now.

use magia_core::policy::{EDIT_TOOLS, RealPaths};
use serde::Deserialize;
use std::borrow::Cow;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// A disk that takes longer (a dead network mount) is one that could not be asked; then a person decides.
const DISK_LIMIT: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
struct Payload {
    tool_name: String,
    cwd: String,
    tool_input: ToolInput,
}

#[derive(Deserialize)]
struct ToolInput {
    file_path: Option<String>,
    notebook_path: Option<String>,
    path: Option<String>,
}

/// The paths of a call that changes a file; `None` when it names none, or several different ones, or the disk
/// could not be asked. No rule asks where another call acts, so none of those waits for the disk. Does the file
/// system's work on another thread, because a call to a dead mount does not return and this thread serves every agent.
pub(super) async fn of_payload(payload: &str) -> Option<RealPaths> {
    let (cwd, target) = named(payload)?;
    let resolved = tokio::task::spawn_blocking(move || resolve(&cwd, &target));
    tokio::time::timeout(DISK_LIMIT, resolved).await.ok()?.ok()?
}

/// As [`of_payload`], of a file that an agent in `cwd` means to change.
pub(super) async fn of_file(cwd: PathBuf, target: PathBuf) -> Option<RealPaths> {
    let resolved = tokio::task::spawn_blocking(move || resolve(&cwd, &target));
    tokio::time::timeout(DISK_LIMIT, resolved).await.ok()?.ok()?
}

/// Whether a call changes a file, so that [`of_payload`] would look at the disk.
pub(super) fn are_wanted(payload: &str) -> bool {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        tool_name: Cow<'a, str>,
    }
    serde_json::from_str(payload).is_ok_and(|Named { tool_name }| EDIT_TOOLS.contains(&&*tool_name))
}

fn named(payload: &str) -> Option<(PathBuf, PathBuf)> {
    let Payload { tool_name, cwd, tool_input } = serde_json::from_str(payload).ok()?;
    if !EDIT_TOOLS.contains(&tool_name.as_str()) {
        return None;
    }
    let ToolInput { file_path, notebook_path, path } = tool_input;
    let mut names = [file_path, notebook_path, path].into_iter().flatten();
    let target = names.next()?;
    // Which of two the tool takes is not for us to guess.
    names.all(|other| other == target).then(|| (cwd.into(), target.into()))
}

fn resolve(cwd: &Path, target: &Path) -> Option<RealPaths> {
    if !cwd.is_absolute() || target.as_os_str().is_empty() || climbs(cwd) || climbs(target) {
        return None;
    }
    let target = resolve_target(&cwd.join(target))?;
    Some(RealPaths { cwd: fs::canonicalize(cwd).ok()?, target })
}

fn climbs(path: &Path) -> bool {
    path.components().any(|part| part == Component::ParentDir)
}

/// `target` with links resolved, or for a new file its nearest existing directory resolved and the rest added.
fn resolve_target(target: &Path) -> Option<PathBuf> {
    let mut existing = target;
    let mut missing = Vec::new();
    loop {
        match fs::symlink_metadata(existing) {
            // A link to nothing is there, but cannot be resolved: writing to it would make a file elsewhere.
            Ok(_) => break,
            Err(err) if err.kind() == ErrorKind::NotFound => {
                missing.push(existing.file_name()?);
                existing = existing.parent()?;
            }
            Err(_) => return None,
        }
    }
    let mut real = fs::canonicalize(existing).ok()?;
    real.extend(missing.into_iter().rev());
    Some(real)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_and_new_files_have_a_place() {
        let temp = tempfile::tempdir().expect("a directory");
        let root = fs::canonicalize(temp.path()).expect("its real path");
        let (project, outside) = (root.join("project"), root.join("outside"));
        fs::create_dir_all(project.join("src")).expect("made");
        fs::create_dir(&outside).expect("made");
        fs::write(project.join("src/a.rs"), "").expect("written");
        symlink(&outside, project.join("link")).expect("linked");
        symlink(outside.join("nothing"), project.join("dangling")).expect("linked");
        symlink(&project, root.join("alias")).expect("linked");

        let check = |cwd: &Path, target: &str, expect: Option<PathBuf>| {
            let paths = resolve(cwd, Path::new(target));
            assert_eq!(paths.as_ref().map(|paths| &paths.target), expect.as_ref(), "{target}");
            assert!(paths.is_none_or(|paths| paths.cwd == project));
        };
        check(&project, "src/a.rs", Some(project.join("src/a.rs")));
        check(&project, "./new/dir/b.rs", Some(project.join("new/dir/b.rs")));
        check(&root.join("alias"), "src/new.rs", Some(project.join("src/new.rs")));
        check(&project, "link/new.rs", Some(outside.join("new.rs")));
        check(&project, "/etc/passwd", Some(PathBuf::from("/etc/passwd")));
        check(&project, "dangling", None);
        check(&project, "dangling/below", None);
        check(&project, "src/../../outside/x", None);
        check(&project, "src/a.rs/below", None);
        check(&project, "", None);
        check(Path::new("project"), "a", None);
        check(&root.join("missing"), "a", None);
    }

    #[test]
    fn only_one_plain_name_counts() {
        let check = |payload: &str, expect: Option<&str>| {
            assert_eq!(named(payload).map(|(_, target)| target), expect.map(PathBuf::from), "{payload}");
        };
        check(
            r#"{"tool_name":"Edit","cwd":"/p","tool_input":{"file_path":"a","content":{"path":1}},"x":[]}"#,
            Some("a"),
        );
        check(r#"{"tool_name":"Edit","cwd":"/p","tool_input":{"notebook_path":"n"}}"#, Some("n"));
        check(r#"{"tool_name":"Edit","cwd":"/p","tool_input":{"path":"p","file_path":null}}"#, Some("p"));
        check(r#"{"tool_name":"Edit","cwd":"/p","tool_input":{"path":"a","file_path":"b"}}"#, None);
        check(r#"{"tool_name":"Edit","cwd":"/p","tool_input":{"file_path":"a","file_path":"b"}}"#, None);
        check(r#"{"tool_name":"Edit","cwd":"/p","tool_input":{"file_path":7}}"#, None);
        check(r#"{"tool_name":"Edit","cwd":"/p","tool_input":{"command":"ls"}}"#, None);
        check(r#"{"tool_name":"Edit","tool_input":{"file_path":"a"}}"#, None);
        check(r#"{"tool_name":"Read","cwd":"/p","tool_input":{"file_path":"a"}}"#, None);
        check(r#"{"cwd":"/p","tool_input":{"file_path":"a"}}"#, None);
        check("null", None);
    }
}
