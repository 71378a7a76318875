//! Logs: `<state dir>/logs/magia.log`, and standard error when `MAGIA_LOG` is set. Never a payload, never a setting.

use anyhow::{Context as _, Result};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Mutex;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

/// The log is begun anew, and the old one kept as `magia.log.1`, when it is larger than this at start.
const ROTATE_BYTES: u64 = 4 * 1024 * 1024;

/// Starts logging. `MAGIA_LOG` sets the filter (as `debug` or `magia_app=trace`); without it warnings are kept.
pub fn start(state_dir: &Path) -> Result<()> {
    let wanted = std::env::var("MAGIA_LOG").ok();
    let filter =
        EnvFilter::try_new(wanted.as_deref().unwrap_or("warn")).unwrap_or_else(|_| EnvFilter::new("warn"));
    let file = open(state_dir)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_target(true);
    let started = match wanted {
        Some(_) => builder.with_writer(Mutex::new(file).and(std::io::stderr)).try_init(),
        None => builder.with_writer(Mutex::new(file)).try_init(),
    };
    started.map_err(|err| anyhow::anyhow!("starting the log: {err}"))
}

fn open(state_dir: &Path) -> Result<File> {
    let dir = state_dir.join("logs");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .with_context(|| format!("making {}", dir.display()))?;
    let path = dir.join("magia.log");
    if fs::metadata(&path).is_ok_and(|meta| meta.len() > ROTATE_BYTES) {
        fs::rename(&path, dir.join("magia.log.1")).with_context(|| format!("rotating {}", path.display()))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))
}
