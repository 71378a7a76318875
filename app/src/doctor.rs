//! `magia doctor`: what the program depends on, with a fix for each.

use crate::os::desktop::{self, Desktop};
use crate::places::Places;
use crate::services::self_check;
use magia_core::drift::{self, Known};
use magia_core::settings::Settings;
use magia_protocol::wire::Provider;
use magia_protocol::wire::info::{CheckInfo, HooksInfo, ProviderInfo};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// inotify watches below which a busy desktop runs out.
const WATCHES_WANTED: u64 = 8_192;

/// The checks that need the machine; the model's own come before them.
pub fn checks(
    places: &Places,
    settings: &Settings,
    hooks: Option<&HooksInfo>,
    providers: &[ProviderInfo],
) -> Vec<CheckInfo> {
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
    checks.extend(desktop_checks(desktop::look()));
    checks.push(disk_check(&places.data));
    checks.push(clock_check(SystemTime::now(), newest(&places.data)));
    #[cfg(feature = "window")]
    checks.extend(font_checks(settings));
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
        Some(hooks) if hooks.state == "installed" => {
            check(id, "warn", hooks.warnings.join("; "), Some("magia hooks status says more"))
        }
        Some(hooks) if hooks.state == "unreadable" => check(
            id,
            "fail",
            format!("{}: {}", hooks.file, hooks.warnings.join("; ")),
            Some("mend the file by hand"),
        ),
        Some(hooks) => {
            check(id, "warn", format!("{} in {}", hooks.state, hooks.file), Some("magia hooks install"))
        }
        None => {
            check(id, "fail", "Claude's settings could not be looked at", Some("magia hooks status says why"))
        }
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
        "installed" => {
            ("warn", hooks.warnings.join("; "), format!("magia hooks status {provider} says more"))
        }
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
        Err(err) => {
            let fix = "give yourself access to it, or move it away";
            check(id, "fail", format!("{}: {err}", dir.display()), Some(fix))
        }
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

/// Space below which events may not be kept.
const DISK_WANTED_MIB: u64 = 200;

/// Clocks of files differ a little.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// What the session bus says of notifications and the tray.
fn desktop_checks(found: Result<Desktop, String>) -> Vec<CheckInfo> {
    let desktop = match found {
        Ok(desktop) => desktop,
        Err(why) => {
            let detail = format!("no session bus, so no desktop notifications and no tray: {why}");
            return vec![check("system.bus", "warn", detail, Some("start magia from the desktop"))];
        }
    };
    let notifications = match desktop.notifications {
        true => check("desktop.notifications", "ok", "a notification daemon", None),
        false => check(
            "desktop.notifications",
            "warn",
            "nothing shows notifications",
            Some("install a notification daemon, as dunst"),
        ),
    };
    let tray = match desktop.tray {
        true => check("desktop.tray", "ok", "a host for tray icons", None),
        false => check(
            "desktop.tray",
            "warn",
            "nothing shows tray icons",
            Some("add a tray to the panel; on GNOME the extension AppIndicator"),
        ),
    };
    vec![check("system.bus", "ok", "a session bus", None), notifications, tray]
}

/// Room for what is kept.
fn disk_check(data: &Path) -> CheckInfo {
    let id = "disk.data";
    let Some(place) = data.ancestors().find(|path| path.is_dir()) else {
        return check(id, "fail", format!("{} is nowhere", data.display()), Some("make its directory"));
    };
    match free_mib(place) {
        Some(free) if free < DISK_WANTED_MIB => check(
            id,
            "warn",
            format!("only {free} MiB are free for {}", data.display()),
            Some("make room, or magia data purge --older-than 30"),
        ),
        Some(free) => check(id, "ok", format!("{free} MiB are free for {}", data.display()), None),
        None => check(id, "warn", format!("cannot tell how much room {} has", place.display()), Some("df")),
    }
}

fn free_mib(place: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt as _;
    let path = std::ffi::CString::new(place.as_os_str().as_bytes()).ok()?;
    // SAFETY: the path ends with a NUL, and the structure is written by the call before it is read.
    let space = unsafe {
        let mut space: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &raw mut space) == 0).then_some(space)
    }?;
    Some(space.f_bavail.saturating_mul(space.f_frsize) / (1 << 20))
}

/// When something was last written to the store.
fn newest(data: &Path) -> Option<SystemTime> {
    let files = data.read_dir().ok()?.flatten();
    files.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()
}

/// A clock that was set back makes new events older than old ones.
fn clock_check(now: SystemTime, newest: Option<SystemTime>) -> CheckInfo {
    let id = "system.clock";
    match newest.and_then(|newest| newest.duration_since(now).ok()) {
        Some(behind) if behind > CLOCK_SLACK => check(
            id,
            "warn",
            format!("the clock is {} s behind what magia has stored", behind.as_secs()),
            Some("set the clock: timedatectl set-ntp true"),
        ),
        _ => check(id, "ok", "not behind what is stored", None),
    }
}

/// Whether the fonts that the settings name are there.
#[cfg(feature = "window")]
fn font_checks(settings: &Settings) -> Vec<CheckInfo> {
    let fonts = crate::os::fonts::NamedFonts::new(Vec::new());
    let named = [
        ("chatFontFamily", &settings.chat_font_family, "Inter"),
        ("editorFontFamily", &settings.editor_font_family, "JetBrains Mono"),
        ("terminalFontFamily", &settings.terminal_font_family, "JetBrains Mono"),
    ];
    let missing: Vec<CheckInfo> = named
        .into_iter()
        .filter(|(_, name, built_in)| name != built_in && fonts.find(name, false, false).is_none())
        .map(|(key, name, built_in)| {
            let detail = format!("no font of the system is called {name:?} ({key}); {built_in} is used");
            check(
                format!("fonts.{key}"),
                "warn",
                detail,
                Some("install it, or choose another in the settings"),
            )
        })
        .collect();
    if missing.is_empty() {
        vec![check("fonts", "ok", "every font that is named is there", None)]
    } else {
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is found wrong comes with something to do.
    fn has_fixes(checks: &[CheckInfo]) {
        for check in checks {
            assert_eq!(check.status == "ok", check.fix.is_none(), "{check:?}");
        }
    }

    #[test]
    fn each_fault_has_a_fix() {
        let none = Desktop { notifications: false, tray: false };
        let all = Desktop { notifications: true, tray: true };
        for (found, statuses) in [
            (Ok(all), vec!["ok", "ok", "ok"]),
            (Ok(none), vec!["ok", "warn", "warn"]),
            (Err("no address".to_owned()), vec!["warn"]),
        ] {
            let checks = desktop_checks(found);
            has_fixes(&checks);
            assert_eq!(checks.iter().map(|check| check.status.as_str()).collect::<Vec<_>>(), statuses);
        }
        let home = tempfile::tempdir().unwrap();
        has_fixes(&[disk_check(home.path()), dir_check("dir", &home.path().join("x")), hooks_check(None)]);
        let file = home.path().join("file");
        std::fs::write(&file, "").unwrap();
        has_fixes(&[
            dir_check("dir", &file),
            provider_check(&ProviderInfo {
                id: "claude".into(),
                provider: Provider::Claude,
                path: None,
                version: None,
                source: None,
            }),
        ]);
    }

    #[test]
    fn a_clock_that_was_set_back_is_seen() {
        let now = SystemTime::now();
        assert_eq!(clock_check(now, None).status, "ok");
        assert_eq!(clock_check(now, Some(now + Duration::from_secs(5))).status, "ok");
        let behind = clock_check(now, Some(now + Duration::from_secs(3_600)));
        assert!(behind.status == "warn" && behind.detail.contains("3600 s behind"), "{behind:?}");
    }

    #[test]
    fn a_disk_has_room_or_not() {
        let home = tempfile::tempdir().unwrap();
        let check = disk_check(&home.path().join("not/made/yet"));
        assert!(check.detail.contains("MiB are free"), "{check:?}");
        assert!(free_mib(Path::new("/")).is_some_and(|mib| mib > 0));
    }

    #[cfg(feature = "window")]
    #[test]
    fn a_font_that_is_missing_is_named_by_its_setting() {
        let settings = Settings { editor_font_family: "No Such Font".into(), ..Settings::default() };
        let checks = font_checks(&settings);
        assert!(checks.len() == 1 && checks[0].id == "fonts.editorFontFamily", "{checks:?}");
        has_fixes(&checks);
        has_fixes(&font_checks(&Settings::default()));
    }
}
