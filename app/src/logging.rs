//! Logs: `<state dir>/logs/magia.log`, and standard error when `MAGIA_LOG` is set. Never a payload, never a setting.

use crate::log_file::LogFile;
use anyhow::{Context as _, Result};
use std::path::Path;
use std::sync::Mutex;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

/// Starts logging. `MAGIA_LOG` sets the filter (as `debug` or `magia_app=trace`); without it warnings are kept.
pub fn start(state_dir: &Path) -> Result<()> {
    let wanted = std::env::var("MAGIA_LOG").ok();
    let filter =
        EnvFilter::try_new(wanted.as_deref().unwrap_or("warn")).unwrap_or_else(|_| EnvFilter::new("warn"));
    let dir = state_dir.join("logs");
    let file = LogFile::open(&dir, std::env::var("HOME").ok())
        .with_context(|| format!("opening the log in {}", dir.display()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_target(true);
    let started = match wanted {
        Some(_) => builder.with_writer(Mutex::new(file).and(std::io::stderr)).try_init(),
        None => builder.with_writer(Mutex::new(file)).try_init(),
    };
    started.map_err(|err| anyhow::anyhow!("starting the log: {err}"))?;
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // Where, and not what: the message may hold a payload.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!("panic at {place}, thread {}", std::thread::current().name().unwrap_or("unnamed"));
        usual(panic);
    }));
    Ok(())
}
