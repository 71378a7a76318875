//! What the agents' own files say of their sessions, to be compared with ours: Claude's live registry, Codex's rollouts.

use super::registry;
use magia_core::drift::Listed;
use magia_protocol::wire::{Provider, ProviderSessionId};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A rollout that was written this lately belongs to a thread that is worked on. Codex keeps no list of live ones.
const LATELY: Duration = Duration::from_secs(10 * 60);
/// Directories of days that are looked into, the newest.
const DAYS_MAX: usize = 2;
/// Files of a day that are looked at.
const FILES_MAX: usize = 4_096;

/// Every session of which Claude's live registry in this configuration directory says that it is worked on.
pub fn claude(config_dir: &Path) -> Vec<Listed> {
    let root = config_dir.to_string_lossy().trim_end_matches('/').to_owned();
    let listed = |entry: magia_core::event::RegistryEntry| Listed {
        provider: Provider::Claude,
        config_root: root.clone(),
        provider_session_id: entry.provider_session_id,
        process: Some(entry.process),
    };
    registry::live_entries(config_dir).into_iter().map(listed).collect()
}

/// The threads whose files in Codex's directory were written lately:
/// `sessions/<year>/<month>/<day>/rollout-<time>-<thread id>.jsonl`.
pub fn codex(codex_home: &Path, now: SystemTime) -> Vec<Listed> {
    let mut days = vec![codex_home.join("sessions")];
    for _ in 0..3 {
        days = days.iter().flat_map(|dir| newest(dir)).collect();
    }
    let files = days.iter().flat_map(|day| entries(day).into_iter().take(FILES_MAX));
    let lately = files.filter(|path| {
        let written = path.metadata().and_then(|meta| meta.modified());
        written.is_ok_and(|at| now.duration_since(at).unwrap_or_default() <= LATELY)
    });
    let listed = |path: PathBuf| {
        Some(Listed {
            provider: Provider::Codex,
            config_root: codex_home.to_string_lossy().into_owned(),
            provider_session_id: ProviderSessionId(thread_of(&path)?),
            process: None,
        })
    };
    lately.filter_map(listed).collect()
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    dir.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// The newest of a directory's numbered directories: of days the last two, since midnight parts a thread from its file.
fn newest(dir: &Path) -> Vec<PathBuf> {
    let mut numbered: Vec<PathBuf> = entries(dir)
        .into_iter()
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
        })
        .collect();
    numbered.sort();
    numbered.split_off(numbered.len().saturating_sub(DAYS_MAX))
}

/// The thread's id at the end of a rollout's name: 36 characters.
fn thread_of(path: &Path) -> Option<String> {
    let stem = path.file_name()?.to_str()?.strip_prefix("rollout-")?.strip_suffix(".jsonl")?;
    let id = stem.get(stem.len().checked_sub(36)?..)?;
    uuid::Uuid::parse_str(id).ok().map(|_| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rollouts_that_were_written_lately_are_threads() {
        let temp = tempfile::tempdir().expect("a directory");
        let id = "0199c5d0-7d3a-7c41-9d2b-1a2b3c4d5e6f";
        let day = temp.path().join("sessions/2026/11/21");
        std::fs::create_dir_all(&day).expect("made");
        std::fs::write(day.join(format!("rollout-2026-11-21T10-00-00-{id}.jsonl")), "").expect("written");
        std::fs::write(day.join("rollout-x.jsonl"), "").expect("written");
        std::fs::write(day.join(format!("{id}.jsonl")), "").expect("written");
        let now = SystemTime::now();
        let found = codex(temp.path(), now);
        let ids: Vec<&str> = found.iter().map(|one| one.provider_session_id.0.as_str()).collect();
        assert_eq!(ids, [id]);
        assert_eq!(codex(temp.path(), now + Duration::from_secs(3_600)), []);
        assert_eq!(codex(&temp.path().join("nothing"), now), []);
    }
}
