//! Where a tool call would really act: links resolved, on the disk as it is now.

use magia_core::policy::{NO_PROJECT, PATH_KEYS, RealPaths, Reserved, works_on_files};
use magia_protocol::paths;
use serde::Deserialize;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

/// A disk that takes longer (a dead network mount) is one that could not be asked; then a person decides.
const DISK_LIMIT: Duration = Duration::from_millis(500);

/// The home and magia's own directories, as the environment names them and as they really are.
static RESERVED: LazyLock<Reserved> = LazyLock::new(|| {
    let real = |path: PathBuf| resolve_target(&path).into_iter().chain([path]);
    let own = [paths::config_dir(), paths::data_dir(), paths::state_dir()];
    Reserved {
        homes: std::env::var_os("HOME").map(PathBuf::from).into_iter().flat_map(real).collect(),
        own: own.into_iter().flatten().flat_map(real).collect(),
    }
});

#[derive(Deserialize)]
struct Payload {
    tool_name: String,
    cwd: String,
    tool_input: ToolInput,
}

/// The fields of [`PATH_KEYS`](magia_core::policy::PATH_KEYS). One that stands twice is refused.
#[derive(Deserialize)]
struct ToolInput {
    file_path: Option<String>,
    notebook_path: Option<String>,
    path: Option<String>,
    absolute_path: Option<String>,
    dir_path: Option<String>,
}

/// The paths of a call that reads or changes a file; `None` when it names none, or several different ones, or the disk
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

/// Whether a call may name a file, so that [`of_payload`] would look at the disk: whether any of
/// [`PATH_KEYS`](magia_core::policy::PATH_KEYS) may stand in it. What writes them in another way names none.
pub(super) fn are_wanted(payload: &str) -> bool {
    let payload = payload.as_bytes();
    memchr::memmem::find_iter(payload, b"path\"").any(|at| {
        let before = payload.get(..at).unwrap_or_default();
        PATH_KEYS
            .iter()
            .filter_map(|key| key.strip_suffix("path"))
            .any(|head| before.strip_suffix(head.as_bytes()).is_some_and(|rest| rest.last() == Some(&b'"')))
    })
}

fn named(payload: &str) -> Option<(PathBuf, PathBuf)> {
    let Payload { tool_name, cwd, tool_input } = serde_json::from_str(payload).ok()?;
    if !works_on_files(&tool_name) {
        return None;
    }
    let ToolInput { file_path, notebook_path, path, absolute_path, dir_path } = tool_input;
    let mut names = [file_path, notebook_path, path, absolute_path, dir_path].into_iter().flatten();
    let target = names.next()?;
    // Which of two the tool takes is not for us to guess.
    names.all(|other| other == target).then(|| (cwd.into(), target.into()))
}

fn resolve(cwd: &Path, target: &Path) -> Option<RealPaths> {
    if !cwd.is_absolute() || !is_literal(target) || climbs(cwd) || climbs(target) {
        return None;
    }
    let target = resolve_target(&cwd.join(target))?;
    let cwd = fs::canonicalize(cwd).ok()?;
    let cwd = if RESERVED.is_project(&cwd) { cwd } else { PathBuf::from(NO_PROJECT) };
    Some(RealPaths { cwd, target })
}

/// Whether an agent takes a name as it stands: some put the home in place of `~`, and cut blanks off.
fn is_literal(target: &Path) -> bool {
    target.to_str().is_some_and(|name| !name.is_empty() && name.trim() == name && !name.starts_with('~'))
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
        check(&project, "~/.bashrc", None);
        check(&project, " /etc/passwd", None);
        check(&project, "/etc/passwd\n", None);
        check(Path::new("project"), "a", None);
        check(&root.join("missing"), "a", None);
    }

    #[test]
    fn nothing_is_inside_of_the_home() {
        let home = PathBuf::from(std::env::var_os("HOME").expect("a home"));
        let paths = resolve(&home, Path::new("notes-that-are-not-there.txt")).expect("they are found out");
        assert_eq!(paths.cwd, Path::new(NO_PROJECT));
        assert!(paths.target.ends_with("notes-that-are-not-there.txt"));
    }

    #[test]
    fn only_one_plain_name_counts() {
        let check = |payload: &str, expect: Option<&str>| {
            assert_eq!(named(payload).map(|(_, target)| target), expect.map(PathBuf::from), "{payload}");
            assert!(expect.is_none() || are_wanted(payload), "{payload}");
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
        check(r#"{"tool_name":"Read","cwd":"/p","tool_input":{"file_path":"a","limit":3}}"#, Some("a"));
        check(r#"{"tool_name":"Grep","cwd":"/p","tool_input":{"pattern":"x","path":"src"}}"#, Some("src"));
        check(r#"{"tool_name":"Grep","cwd":"/p","tool_input":{"pattern":"x"}}"#, None);
        check(r#"{"tool_name":"read_file","cwd":"/p","tool_input":{"absolute_path":"/a"}}"#, Some("/a"));
        check(r#"{"tool_name":"Bash","cwd":"/p","tool_input":{"file_path":"a"}}"#, None);
        check(r#"{"cwd":"/p","tool_input":{"file_path":"a"}}"#, None);
        check("null", None);
        for plain in [
            r#"{"transcript_path":"/p/a","cwd":"/p","tool_name":"Bash","tool_input":{"command":"echo '\"path\": 1'"}}"#,
            r#"{"tool_name":"Bash","cwd":"/path","tool_input":{"command":"ls path"}}"#,
        ] {
            assert!(!are_wanted(plain), "{plain}");
        }
    }
}
