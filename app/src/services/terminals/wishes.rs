//! What commands ask of terminals: start one, type, resize, kill.

use super::{Errand, TerminalPlaces, record};
use crate::service::Outbox;
use magia_core::effect::TerminalWish;
use magia_core::event::Event;
use magia_protocol::wire::terminal::CreatePty;
use magia_protocol::wire::{ErrorCode, RpcError};
use magia_tty::client::errand::{self, ErrandError};
use magia_tty::directory;
use magia_tty::{Size, StartError, StartOptions, TerminalId, start};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What is run when nothing says which shell is the user's.
const LAST_SHELL: &str = "/bin/sh";

/// Does one errand after the other in tasks of their own, until nobody can ask any more.
pub(super) async fn serve(places: TerminalPlaces, mut waiting: mpsc::Receiver<Errand>, outbox: Arc<Outbox>) {
    let places = Arc::new(places);
    while let Some((reply, wish)) = waiting.recv().await {
        let (places, outbox) = (Arc::clone(&places), Arc::clone(&outbox));
        tokio::spawn(async move {
            let outcome = fulfil(&places, wish).await;
            if !outbox.send(Event::JobFinished { reply, outcome }) {
                tracing::debug!("nobody waits for what became of a terminal's command");
            }
        });
    }
}

async fn fulfil(places: &TerminalPlaces, wish: TerminalWish) -> Result<Value, RpcError> {
    match wish {
        TerminalWish::Create { params, shell } => create(places, params, shell).await,
        TerminalWish::Write { terminal, data } => {
            let done = errand::type_in(&dir(places, &terminal)?, data.as_bytes()).await;
            done.map(|()| json!({ "written": data.len() })).map_err(|err| refused(&err))
        }
        TerminalWish::Resize { terminal, cols, rows } => {
            let done = errand::resize(&dir(places, &terminal)?, Size::new(cols, rows)).await;
            done.map(|()| json!({ "cols": cols, "rows": rows })).map_err(|err| refused(&err))
        }
        TerminalWish::Kill { terminal } => {
            let ended = errand::kill(&dir(places, &terminal)?, None).await;
            let exit = ended.map_err(|err| refused(&err))?;
            Ok(json!({ "killed": terminal, "exit_code": exit.shell_code() }))
        }
    }
}

async fn create(
    places: &TerminalPlaces,
    params: CreatePty,
    shell: Option<String>,
) -> Result<Value, RpcError> {
    let mut options = options(places, params, shell)?;
    let root = options.root.clone();
    let env = places.env.clone();
    let started = tokio::task::spawn_blocking(move || {
        options.env = env.variables();
        let started = start(options)?;
        Ok::<_, StartError>(directory::look(&root, &started.id))
    });
    let record = started.await.map_err(|err| RpcError::new(ErrorCode::Internal, err.to_string()))?;
    let record = record.map_err(|err| not_started(&err))?;
    let info = record::info(&record);
    info.and_then(|info| serde_json::to_value(info).ok())
        .ok_or_else(|| RpcError::new(ErrorCode::Internal, "the terminal ended as soon as it had started"))
}

fn options(
    places: &TerminalPlaces,
    params: CreatePty,
    shell: Option<String>,
) -> Result<StartOptions, RpcError> {
    let bad = |wrong: String| RpcError::new(ErrorCode::BadParams, wrong);
    let id = params.id.map(TerminalId::new).transpose().map_err(|err| bad(err.to_string()))?;
    let argv: Vec<OsString> = match params.command {
        Some(command) if command.is_empty() => return Err(bad("command must not be empty".to_owned())),
        Some(command) => command.into_iter().map(OsString::from).collect(),
        None => vec![shell.map_or_else(own_shell, OsString::from)],
    };
    let cwd = params.cwd.map_or_else(|| places.home.clone(), |cwd| from_home(&cwd, &places.home));
    let size =
        Size::new(params.cols.unwrap_or(Size::DEFAULT.cols), params.rows.unwrap_or(Size::DEFAULT.rows));
    let size = size.usable().ok_or_else(|| bad("a terminal has at least 1 column and row".to_owned()))?;
    Ok(StartOptions {
        id,
        name: params.name,
        argv,
        cwd,
        env: Vec::new(),
        size,
        exe: places.holder.clone(),
        root: places.root.clone(),
    })
}

/// The user's shell.
fn own_shell() -> OsString {
    std::env::var_os("SHELL")
        .filter(|shell| Path::new(shell).is_absolute())
        .unwrap_or_else(|| LAST_SHELL.into())
}

fn from_home(cwd: &str, home: &Path) -> PathBuf {
    match cwd.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(cwd),
    }
}

fn dir(places: &TerminalPlaces, terminal: &str) -> Result<PathBuf, RpcError> {
    let id = TerminalId::new(terminal).map_err(|err| RpcError::new(ErrorCode::BadParams, err.to_string()))?;
    Ok(directory::dir_of(&places.root, &id))
}

fn not_started(err: &StartError) -> RpcError {
    let code = match err {
        StartError::NoCommand => ErrorCode::BadParams,
        StartError::CommandNotFound { .. } | StartError::CwdNotFound { .. } => ErrorCode::NotFound,
        StartError::SessionExists { .. } => ErrorCode::Conflict,
        _ => ErrorCode::Internal,
    };
    RpcError::new(code, err.to_string())
}

fn refused(err: &ErrandError) -> RpcError {
    let code = match err {
        ErrandError::Ended(_) | ErrandError::Refused(_) => ErrorCode::Conflict,
        ErrandError::Client(client) if client.is_gone() => ErrorCode::Conflict,
        _ => ErrorCode::Internal,
    };
    RpcError::new(code, err.to_string())
}
