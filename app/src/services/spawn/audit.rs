//! `terminals.log`: a line for each terminal that was asked for. The program's name stands in it, its arguments do not:
//! they may hold secrets.

use super::OpenRequest;
use magia_protocol::wire::spawn::{OpenedTerminal, SpawnError};
use magia_protocol::wire::visible;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A log of this size is kept as `terminals.log.1` and begun anew.
const ROTATE_BYTES: u64 = 1024 * 1024;

/// The log.
#[derive(Debug)]
pub(super) struct Audit {
    path: PathBuf,
    writing: Mutex<()>,
}

impl Audit {
    pub(super) fn new(logs: &Path) -> Self {
        Self { path: logs.join("terminals.log"), writing: Mutex::default() }
    }

    /// Writes down what came of a request.
    pub(super) fn note(&self, request: &OpenRequest, outcome: &Result<OpenedTerminal, SpawnError>) {
        let line = line(SystemTime::now(), request, outcome);
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(err) = self.append(&line) {
            tracing::warn!("terminals.log was not written: {err}");
        }
    }

    fn append(&self, line: &str) -> io::Result<()> {
        if let Some(dir) = self.path.parent() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(dir)?;
        }
        if fs::metadata(&self.path).is_ok_and(|meta| meta.len() > ROTATE_BYTES) {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path)?.write_all(line.as_bytes())
    }
}

/// Milliseconds since 1970, then pairs.
fn line(at: SystemTime, request: &OpenRequest, outcome: &Result<OpenedTerminal, SpawnError>) -> String {
    let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let plan = &request.plan;
    let (id, result) = match outcome {
        Ok(opened) => (Some(&opened.session_id), format!("opened in {}", opened.terminal)),
        Err(err) => (err.session.as_ref().or(plan.id.as_ref()), err.code.as_str().to_owned()),
    };
    let id = id.map_or("-", String::as_str);
    let allowed = request.request.map(|id| format!(" allowed by request {}", id.short())).unwrap_or_default();
    let program: String = visible(plan.run.program()).chars().take(80).collect();
    let by: String = visible(&request.by).chars().take(200).collect();
    format!("{at} id={id} program={program:?} by={by:?}{allowed}: {result}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use magia_core::spawn::Plan;
    use magia_core::spawn::{Run, Wish};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn arguments_are_not_written_down_and_the_file_is_the_owners() {
        let dir = tempfile::tempdir().unwrap();
        let plan = Plan {
            id: Some("a-1".to_owned()),
            name: None,
            run: Run::Argv(vec!["/usr/bin/curl".to_owned(), "-u".to_owned(), "me:secret".to_owned()]),
            cwd: "~".to_owned(),
            env: vec![("TOKEN".to_owned(), "secret".to_owned())],
            size: None,
            shown: Wish::Usual,
            ask: None,
        };
        let request = OpenRequest { reply: None, request: None, plan, by: "cli 7\n(/bin/nc)".to_owned() };
        let audit = Audit::new(&dir.path().join("logs"));
        audit.note(&request, &Ok(OpenedTerminal { session_id: "a-1".into(), terminal: "kitty".into() }));
        audit.note(&request, &Err(SpawnError::not_found("x")));
        let path = dir.path().join("logs/terminals.log");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("id=a-1 program=\"curl\""), "{text}");
        assert!(text.contains("opened in kitty") && text.contains(": TERMINAL_NOT_FOUND"), "{text}");
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
