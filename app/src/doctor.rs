//! `magia doctor`: what the program depends on, with a fix for each.

use crate::places::Places;
use crate::services::self_check;
use magia_core::drift::{self, Known};
use magia_protocol::wire::Provider;
use magia_protocol::wire::info::{CheckInfo, HooksInfo, ProviderInfo};
use std::path::Path;
use std::time::SystemTime;

/// inotify watches below which a busy desktop runs out.
const WATCHES_WANTED: u64 = 8_192;

/// The checks that need the machine; the model's own come before them.
pub fn checks(places: &Places, hooks: Option<&HooksInfo>, providers: &[ProviderInfo]) -> Vec<CheckInfo> {
    let mut checks: Vec<CheckInfo> = providers.iter().map(provider_check).collect();
    checks.push(hooks_check(hooks));
    for (id, dir) in [
        ("dir.runtime", &places.runtime),
        ("dir.config", &places.config),
        ("dir.data", &places.data),
        ("dir.state", &places.state),
    ] {
        checks.push(dir_check(id, dir));
    }
    checks.push(watches_check());
    checks.push(bus_check());
    checks
}

/// Whether our list of sessions is the agents' own, one check for each agent that keeps one.
pub fn drift(places: &Places, known: &[Known]) -> Vec<CheckInfo> {
    let root = places.claude.to_string_lossy().into_owned();
    let claude = self_check::claude(&places.claude);
    let complete = [(Provider::Claude, root.trim_end_matches('/'))];
    let codex = self_check::codex(&places.codex, SystemTime::now());
    let said = |id: &str, count: usize, found: Vec<String>| match found.as_slice() {
        [] => check(id, "ok", format!("{count} live sessions in the agent's own files, all listed"), None),
        _ => check(id, "warn", found.join("; "), Some("restart the sessions it names, or magia")),
    };
    let of = |provider: Provider| -> Vec<Known> {
        known.iter().filter(|known| known.provider == provider).cloned().collect()
    };
    vec![
        said("sessions.claude", claude.len(), drift::drift(&of(Provider::Claude), &claude, &complete)),
        said("sessions.codex", codex.len(), drift::drift(&of(Provider::Codex), &codex, &[])),
    ]
}

fn check(id: impl Into<String>, status: &str, detail: impl Into<String>, fix: Option<&str>) -> CheckInfo {
    CheckInfo { id: id.into(), status: status.to_owned(), detail: detail.into(), fix: fix.map(str::to_owned) }
}

fn provider_check(provider: &ProviderInfo) -> CheckInfo {
    let id = format!("provider.{}", provider.provider);
    match &provider.path {
        Some(path) => {
            let version = provider.version.as_deref().unwrap_or("version unknown");
            check(id, "ok", format!("{version} at {path}"), None)
        }
        None => check(id, "warn", "not found", Some("install it, or set providerBinaryPaths")),
    }
}

fn hooks_check(hooks: Option<&HooksInfo>) -> CheckInfo {
    let id = "hooks.claude";
    match hooks {
        Some(hooks) if hooks.state == "installed" && hooks.warnings.is_empty() => {
            check(id, "ok", format!("installed in {}", hooks.file), None)
        }
        Some(hooks) if hooks.state == "installed" => check(id, "warn", hooks.warnings.join("; "), None),
        Some(hooks) if hooks.state == "unreadable" => check(
            id,
            "fail",
            format!("{}: {}", hooks.file, hooks.warnings.join("; ")),
            Some("mend the file by hand"),
        ),
        Some(hooks) => {
            check(id, "warn", format!("{} in {}", hooks.state, hooks.file), Some("magia hooks install"))
        }
        None => check(id, "fail", "Claude's settings could not be looked at", None),
    }
}

/// The hooks of an agent that works without them: nothing to say when there are none.
pub fn optional_hooks_check(hooks: &HooksInfo) -> Option<CheckInfo> {
    let provider = hooks.provider;
    let install = format!("magia hooks install {provider}");
    let (status, detail, fix) = match hooks.state.as_str() {
        "not installed" if !hooks.lost => return None,
        "unreadable" => ("fail", hooks.warnings.join("; "), "mend the file by hand".to_owned()),
        "installed" if !hooks.untrusted.is_empty() => {
            let events = hooks.untrusted.join(", ");
            ("warn", format!("not trusted yet: {events}"), format!("{install} --trust"))
        }
        "installed" if hooks.warnings.is_empty() => {
            ("ok", format!("installed in {}", hooks.file), String::new())
        }
        "installed" => ("warn", hooks.warnings.join("; "), String::new()),
        state => ("warn", format!("{state} in {}", hooks.file), install),
    };
    let fix = Some(fix.as_str()).filter(|fix| !fix.is_empty());
    Some(check(format!("hooks.{provider}"), status, detail, fix))
}

fn dir_check(id: &str, dir: &Path) -> CheckInfo {
    match std::fs::metadata(dir) {
        Ok(meta) if meta.is_dir() && !meta.permissions().readonly() => {
            check(id, "ok", dir.display().to_string(), None)
        }
        Ok(meta) if meta.is_dir() => {
            check(id, "fail", format!("{} is read-only", dir.display()), Some("chmod u+w it"))
        }
        Ok(_) => check(id, "fail", format!("{} is not a directory", dir.display()), Some("move it away")),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            check(id, "ok", format!("{} is made when it is needed", dir.display()), None)
        }
        Err(err) => check(id, "fail", format!("{}: {err}", dir.display()), None),
    }
}

fn watches_check() -> CheckInfo {
    let id = "system.watches";
    let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_watches");
    match limit.ok().and_then(|text| text.trim().parse::<u64>().ok()) {
        Some(limit) if limit < WATCHES_WANTED => check(
            id,
            "warn",
            format!("only {limit} inotify watches for all of your programs"),
            Some("sysctl fs.inotify.max_user_watches=65536"),
        ),
        Some(limit) => check(id, "ok", format!("{limit} inotify watches"), None),
        None => check(id, "ok", "no inotify on this system", None),
    }
}

fn bus_check() -> CheckInfo {
    let id = "system.bus";
    match std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some() {
        true => check(id, "ok", "a session bus", None),
        false => check(
            id,
            "warn",
            "no session bus, so no desktop notifications",
            Some("start magia from the desktop"),
        ),
    }
}
