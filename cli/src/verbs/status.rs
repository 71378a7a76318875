//! `status`, `doctor`, `version`.

use crate::age::age;
use crate::client::{self, Client};
use crate::failure::{Exit, is_not_running, is_shut_out, say};
use crate::output::Out;
use crate::programs;
use crate::table::{Column, Table};
use anyhow::Result;
use magia_protocol::paths::{PathError, check_runtime_dir, runtime_dir};
use magia_protocol::wire::command::NoParams;
use magia_protocol::wire::info::{CheckInfo, DaemonInfo, HttpApiInfo, ListenerInfo, StatusInfo};
use magia_protocol::wire::{Command, WIRE_VERSION};
use serde_json::json;

/// `magia status`.
pub fn status(out: &mut Out) -> Result<Exit> {
    let reply = client::ask(&Command::Status(NoParams {}))?;
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let status: StatusInfo = client::read(&reply)?;
    let window = if status.headless { "without a window" } else { "with a window" };
    out.text(&format!(
        "magia {} runs {window} for {}, process {}",
        status.version,
        age(status.uptime_s.saturating_mul(1_000), 0),
        status.pid
    ))?;
    if let Some(standby) = status.standby {
        out.text(&format!("process {standby} waits and serves without a window once this one quits"))?;
    }
    let sessions: Vec<String> =
        status.sessions.iter().map(|count| format!("{} {}", count.count, count.state)).collect();
    let sessions = if sessions.is_empty() { "none".to_owned() } else { sessions.join(", ") };
    out.text(&format!("sessions: {sessions}"))?;
    let advice = if status.requests > 0 { " (`magia permissions` shows them)" } else { "" };
    out.text(&format!("open requests: {}{advice}", status.requests))?;
    out.text(&format!("sockets: {}", status.runtime_dir))?;
    // An older app does not say.
    if !status.http_api.switch.is_empty() {
        out.text(&http_line(&status.http_api))?;
    }
    out.text("")?;
    out.table(&listeners(&status.listeners), "no listeners")?;
    for daemon in &status.daemons {
        out.text(&daemon_line(daemon))?;
    }
    for problem in &status.problems {
        out.text(&format!("problem: {problem}"))?;
    }
    Ok(Exit::Done)
}

/// `HTTP API: http://127.0.0.1:4020, token in FILE`.
fn http_line(api: &HttpApiInfo) -> String {
    match (&api.address, &api.token_file, &api.problem) {
        (Some(address), Some(token), _) => format!("HTTP API: {address}, token in {token}"),
        (Some(address), None, _) => format!("HTTP API: {address}"),
        (None, _, Some(problem)) => format!("HTTP API: {problem}"),
        (None, _, None) => format!("HTTP API: off (`{}` switches it on)", api.switch),
    }
}

/// `codex daemon of /home/me/.codex: connected, version 0.169.0, 2 sessions, 1 followed`.
fn daemon_line(daemon: &DaemonInfo) -> String {
    let mut line = format!("{} daemon of {}: {}", daemon.provider.as_str(), daemon.root, daemon.state);
    if daemon.state == "connected" {
        let version = daemon.version.as_deref().unwrap_or("unknown");
        line.push_str(&format!(
            ", version {version}, {} sessions, {} followed",
            daemon.sessions, daemon.subscribed
        ));
    }
    if let Some(error) = &daemon.error {
        line.push_str(&format!("; last failure: {error}"));
    }
    line
}

/// Listeners and their health.
fn listeners(listeners: &[ListenerInfo]) -> Table {
    let mut table = Table::new(&[
        Column::fixed("LISTENER"),
        Column::fixed("STATE"),
        Column::number("OPEN"),
        Column::number("ACCEPTED"),
        Column::number("MESSAGES"),
        Column::number("REFUSED"),
        Column::flexible("ERROR"),
    ]);
    for listener in listeners {
        table.row([
            listener.name.clone(),
            if listener.up { "up" } else { "down" }.to_owned(),
            listener.open.to_string(),
            listener.accepted.to_string(),
            listener.messages.to_string(),
            listener.refused.to_string(),
            listener.error.clone().unwrap_or_default(),
        ]);
    }
    table
}

/// `magia doctor`: the app's checks, or when it does not run, what can be seen from outside.
pub fn doctor(out: &mut Out) -> Result<Exit> {
    let reply = match client::ask(&Command::Doctor(NoParams {})) {
        Err(err) if is_not_running(&err) || is_shut_out(&err) => {
            let checks = checks_from_outside(&err);
            if out.is_json() {
                out.json_of(&checks)?;
            } else {
                print_checks(&checks, out)?;
            }
            return Ok(if is_shut_out(&err) { Exit::Failed } else { Exit::NotRunning });
        }
        reply => reply?,
    };
    let checks: Vec<CheckInfo> = client::read(&reply)?;
    if out.is_json() {
        out.json(reply.get())?;
    } else {
        print_checks(&checks, out)?;
    }
    let failed = checks.iter().any(|check| check.status == "fail");
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// What `doctor` checks, for others, and whether the app did it.
pub fn checks() -> Result<(Vec<CheckInfo>, bool)> {
    match client::ask(&Command::Doctor(NoParams {})) {
        Err(err) if is_not_running(&err) || is_shut_out(&err) => Ok((checks_from_outside(&err), false)),
        reply => Ok((client::read(&reply?)?, true)),
    }
}

fn print_checks(checks: &[CheckInfo], out: &mut Out) -> Result<()> {
    let mut table = Table::new(&[Column::fixed("CHECK"), Column::fixed("STATUS"), Column::fixed("FOUND")]);
    for check in checks {
        table.row([check.id.clone(), check.status.clone(), check.detail.clone()]);
    }
    out.table(&table, "the app checked nothing")?;
    for check in checks {
        if let Some(fix) = &check.fix {
            out.text(&format!("{}: {fix}", check.id))?;
        }
    }
    Ok(())
}

/// What can be seen without the app; `err` says why it is not asked.
fn checks_from_outside(err: &anyhow::Error) -> Vec<CheckInfo> {
    let check = |id: &str, found: Result<String, String>, fix: &str| {
        let (status, detail) = match found {
            Ok(detail) => ("ok", detail),
            Err(detail) => ("fail", detail),
        };
        CheckInfo {
            id: id.to_owned(),
            status: status.to_owned(),
            detail,
            fix: (status == "fail").then(|| fix.to_owned()),
        }
    };
    let program = |name: &str| {
        let found = programs::find(name).map(|path| path.display().to_string());
        let found = found.ok_or_else(|| "neither beside this program nor in PATH".to_owned());
        check(&format!("program.{name}"), found, "install magia's programs into one directory")
    };
    let dir = runtime_dir();
    let (place, fix) = match check_runtime_dir(&dir) {
        Ok(()) => (Ok(dir.display().to_string()), String::new()),
        Err(PathError::Missing { .. }) => (Ok(format!("not made yet: {}", dir.display())), String::new()),
        Err(found) => (Err(found.to_string()), client::remedy(&found)),
    };
    let app = if is_shut_out(err) {
        check("app.running", Err("cannot be told".to_owned()), "mend the runtime directory first")
    } else {
        check("app.running", Err("magia is not running".to_owned()), "start it with `magia`")
    };
    vec![app, program(programs::APP), program(programs::HANDLER), check("runtime.dir", place, &fix)]
}

/// `magia version`: works without the app.
pub fn version(out: &mut Out) -> Result<Exit> {
    let ours = env!("CARGO_PKG_VERSION");
    let mut unreachable = None;
    let app: Option<StatusInfo> = match Client::connect() {
        Ok(mut client) => Some(client::read(&client.ask(&Command::Status(NoParams {}))?)?),
        Err(err) if is_not_running(&err) => None,
        Err(err) if is_shut_out(&err) => {
            unreachable = Some(err);
            None
        }
        Err(err) => return Err(err),
    };
    if out.is_json() {
        let app = app.map(|app| json!({ "version": app.version, "wire": app.wire, "pid": app.pid }));
        out.json_of(&json!({ "version": ours, "wire": WIRE_VERSION, "app": app }))?;
        return Ok(Exit::Done);
    }
    out.text(&format!("magia {ours}, wire {WIRE_VERSION}"))?;
    match app {
        Some(app) => {
            out.text(&format!("app   {}, wire {}, process {}", app.version, app.wire, app.pid))?;
            if app.version != ours {
                say("the running app is of another version: quit it and start magia again");
            }
        }
        None => match unreachable {
            Some(err) => out.text(&format!("app   cannot be reached: {err:#}"))?,
            None => out.text("app   not running")?,
        },
    }
    Ok(Exit::Done)
}
