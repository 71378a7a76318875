//! The steward on real files: links, modes, backups, refusals, full disks.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod steward_common;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use magia_app::services::steward::{
    BACKUPS_KEPT, Disk, StewardPaths, TelemetryWish, Wishes, install, install_handler, install_on,
    preview_install, preview_telemetry, preview_uninstall, read_settings, set_telemetry, status, uninstall,
    update_settings,
};
use magia_core::steward::{ChangeKind, Collector, HookState, StewardError};
use magia_protocol::wire::Provider;
use serde_json::json;
use steward_common::{Place, mode};

const SETTINGS: &[u8] = b"{\n  \"env\": {\n    \"KEY\": \"sk-secret\"\n  }\n}\n";

#[test]
fn install_makes_what_is_missing_and_uninstall_takes_it_away() {
    let place = Place::new();
    assert_eq!(status(&place.paths).unwrap().report.state, HookState::NotInstalled);

    let outcome = install(&place.paths, &Wishes::default()).unwrap();
    assert!(outcome.changed && outcome.warnings.is_empty() && outcome.backup.is_none(), "{outcome:?}");
    assert_eq!(mode(&place.paths.settings), 0o600);
    assert_eq!(mode(place.paths.settings.parent().unwrap()), 0o700);
    assert_eq!(mode(&place.paths.handler()), 0o755);
    assert_eq!(mode(&place.paths.state_dir.join("hooks.json")), 0o600);
    let now = status(&place.paths).unwrap();
    assert_eq!(now.report.state, HookState::Installed);
    assert!(now.exists && now.handler_present && !now.lost);

    let installed = place.read();
    let again = install(&place.paths, &Wishes::default()).unwrap();
    assert!(!again.changed && again.changes.iter().all(|change| change.kind == ChangeKind::Kept));
    assert_eq!(place.read(), installed);

    let outcome = uninstall(&place.paths).unwrap();
    assert!(outcome.changed && outcome.removed_file, "{outcome:?}");
    assert!(!place.paths.settings.exists() && !place.paths.handler().exists());
    assert!(!uninstall(&place.paths).unwrap().changed);
}

#[test]
fn a_file_comes_back_to_the_byte_with_its_mode() {
    let place = Place::with(SETTINGS);
    fs::set_permissions(&place.paths.settings, fs::Permissions::from_mode(0o640)).unwrap();
    let outcome = install(&place.paths, &Wishes::default()).unwrap();
    assert_eq!(mode(&place.paths.settings), 0o640);
    let backup = outcome.backup.unwrap();
    assert_eq!(fs::read(&backup).unwrap(), SETTINGS);
    assert_eq!(mode(&backup), 0o600);
    assert_eq!(mode(backup.parent().unwrap()), 0o700);
    uninstall(&place.paths).unwrap();
    assert_eq!(place.read(), SETTINGS);
    assert_eq!(mode(&place.paths.settings), 0o640);
    assert_eq!(place.leftovers(), Vec::<String>::new());
}

#[test]
fn white_space_in_empty_places_is_remembered_between_runs() {
    for text in ["{ }", "", "\n\n", "{\"hooks\" : { } }", "{\"hooks\":{\"Stop\":[\n]}}"] {
        let place = Place::with(text.as_bytes());
        install(&place.paths, &Wishes::default()).unwrap();
        install(&place.paths, &Wishes::default()).unwrap();
        uninstall(&place.paths).unwrap();
        assert_eq!(String::from_utf8(place.read()).unwrap(), text);
    }
}

#[test]
fn links_are_followed_and_kept() {
    let place = Place::new();
    let dots = place.dir.path().join("dots");
    fs::create_dir_all(place.paths.settings.parent().unwrap()).unwrap();
    fs::create_dir(&dots).unwrap();
    fs::write(dots.join("real.json"), SETTINGS).unwrap();
    symlink("real.json", dots.join("link.json")).unwrap();
    symlink("../dots/link.json", &place.paths.settings).unwrap();

    let outcome = install(&place.paths, &Wishes::default()).unwrap();
    assert_eq!(outcome.settings.canonicalize().unwrap(), dots.join("real.json").canonicalize().unwrap());
    assert!(fs::symlink_metadata(&place.paths.settings).unwrap().is_symlink());
    assert!(fs::symlink_metadata(dots.join("link.json")).unwrap().is_symlink());
    assert_eq!(status(&place.paths).unwrap().report.state, HookState::Installed);
    uninstall(&place.paths).unwrap();
    assert_eq!(fs::read(dots.join("real.json")).unwrap(), SETTINGS);

    // A link to nothing: the file is made where it points, and removed from there.
    fs::remove_file(dots.join("real.json")).unwrap();
    install(&place.paths, &Wishes::default()).unwrap();
    assert!(fs::symlink_metadata(dots.join("real.json")).unwrap().is_file());
    uninstall(&place.paths).unwrap();
    assert!(!dots.join("real.json").exists());
    assert!(fs::symlink_metadata(&place.paths.settings).unwrap().is_symlink());
}

#[test]
fn a_loop_of_links_and_a_directory_and_a_pipe_are_refused() {
    let place = Place::new();
    fs::create_dir_all(place.paths.settings.parent().unwrap()).unwrap();
    symlink("settings.json", &place.paths.settings).unwrap();
    assert!(
        format!("{:#}", install(&place.paths, &Wishes::default()).unwrap_err())
            .contains("too many symbolic links")
    );

    fs::remove_file(&place.paths.settings).unwrap();
    fs::create_dir(&place.paths.settings).unwrap();
    assert!(
        format!("{:#}", install(&place.paths, &Wishes::default()).unwrap_err())
            .contains("not a regular file")
    );

    fs::remove_dir(&place.paths.settings).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&place.paths.settings).status().unwrap().success());
    assert!(
        format!("{:#}", install(&place.paths, &Wishes::default()).unwrap_err())
            .contains("not a regular file")
    );
    assert!(matches!(status(&place.paths).unwrap().report.state, HookState::Unreadable { .. }));
}

#[test]
fn what_is_read_only_stays_so_also_for_root() {
    let place = Place::with(SETTINGS);
    let dir = place.paths.settings.parent().unwrap();
    for (path, locked, open) in [(&*place.paths.settings, 0o444, 0o600), (dir, 0o555, 0o700)] {
        fs::set_permissions(path, fs::Permissions::from_mode(locked)).unwrap();
        let inode = fs::metadata(&place.paths.settings).unwrap().ino();
        for err in [
            install(&place.paths, &Wishes::default()).unwrap_err(),
            update_settings(&place.paths, &json!({"model": "x"})).unwrap_err(),
        ] {
            assert!(format!("{err:#}").contains("read-only, so nothing was changed"), "{err:#}");
        }
        assert_eq!(place.read(), SETTINGS);
        assert_eq!(fs::metadata(&place.paths.settings).unwrap().ino(), inode);
        assert_eq!(mode(path), locked);
        assert_eq!(place.leftovers(), Vec::<String>::new());
        fs::set_permissions(path, fs::Permissions::from_mode(open)).unwrap();
    }
    assert!(install(&place.paths, &Wishes::default()).unwrap().changed);
}

#[test]
fn what_cannot_be_read_is_left_alone_and_nothing_is_copied() {
    for text in [
        &b"{\n  \"KEY\": \"sk-secret\",\n}"[..],
        b"{\"hooks\":1}",
        b"{\"hooks\":{},\"hooks\":{}}",
        b"\xff\xfe{}",
    ] {
        let place = Place::with(text);
        let err = install(&place.paths, &Wishes::default()).unwrap_err();
        assert!(err.downcast_ref::<StewardError>().is_some(), "{err:#}");
        assert!(!format!("{err:#} {err:?}").contains("sk-secret"));
        assert_eq!(place.read(), text);
        assert!(!place.paths.handler().exists());
        assert!(read_settings(&place.paths).is_err() || text == b"{\"hooks\":1}");
        assert_eq!(place.leftovers(), Vec::<String>::new());
    }
    let place = Place::with(b"{\n  \"a\": 1,\n}");
    assert!(matches!(
        status(&place.paths).unwrap().report.state,
        HookState::Unreadable { line: Some(3), column: Some(1), .. }
    ));
}

#[test]
fn previews_touch_nothing() {
    let place = Place::with(SETTINGS);
    let plan = preview_install(&place.paths, &Wishes::default()).unwrap().remove(0).plan;
    assert!(plan.unified_diff("settings.json").contains("+  \"hooks\": {"));
    assert!(preview_uninstall(&place.paths).unwrap()[0].plan.is_unchanged());
    assert_eq!(place.read(), SETTINGS);
    assert!(!place.paths.state_dir.exists() && !place.paths.data_dir.exists());
}

/// A disk on which the write of this number finds no room.
struct FullDisk {
    fails_at: usize,
    writes: AtomicUsize,
}

impl Disk for FullDisk {
    fn write(&self, file: &mut fs::File, bytes: &[u8]) -> io::Result<()> {
        if self.writes.fetch_add(1, Ordering::Relaxed) == self.fails_at {
            file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write_all(bytes)
    }
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    // First the backup finds no room, then the file itself.
    for fails_at in [0, 1] {
        let place = Place::with(SETTINGS);
        let err =
            install_on(&place.paths, &Wishes::default(), &FullDisk { fails_at, writes: AtomicUsize::new(0) })
                .unwrap_err();
        assert!(err.chain().any(|cause| {
            cause.downcast_ref::<io::Error>().is_some_and(|err| err.kind() == io::ErrorKind::StorageFull)
        }));
        assert_eq!(place.read(), SETTINGS);
        assert_eq!(place.leftovers(), Vec::<String>::new());
        assert_eq!(place.backups(), Vec::<String>::new());
    }
    // Then the memory of it: the hooks are in, and that is said.
    let place = Place::with(SETTINGS);
    let outcome =
        install_on(&place.paths, &Wishes::default(), &FullDisk { fails_at: 2, writes: AtomicUsize::new(0) })
            .unwrap();
    assert!(outcome.changed && outcome.warnings.len() == 1, "{outcome:?}");
    assert_eq!(status(&place.paths).unwrap().report.state, HookState::Installed);
}

#[test]
fn the_newest_backups_are_kept() {
    let place = Place::with(SETTINGS);
    let stranger = place.paths.state_dir.join("backups/mine.json");
    fs::create_dir_all(stranger.parent().unwrap()).unwrap();
    fs::write(&stranger, "x").unwrap();
    for n in 0..BACKUPS_KEPT + 5 {
        update_settings(&place.paths, &json!({"n": n})).unwrap();
    }
    let backups = place.backups();
    assert_eq!(backups.len(), BACKUPS_KEPT + 1, "{backups:?}");
    let newest =
        fs::read_to_string(place.paths.state_dir.join("backups").join(&backups[BACKUPS_KEPT - 1])).unwrap();
    assert!(newest.contains(&format!("\"n\": {}", BACKUPS_KEPT + 3)), "{newest}");
    assert!(stranger.exists());
}

#[test]
fn hooks_that_somebody_wrote_away_are_lost_until_repaired() {
    let place = Place::with(SETTINGS);
    install(&place.paths, &Wishes::default()).unwrap();
    let mut value = read_settings(&place.paths).unwrap();
    value["hooks"].as_object_mut().unwrap().shift_remove("Stop");
    for text in [value.to_string(), "{}".to_owned()] {
        fs::write(&place.paths.settings, text).unwrap();
        assert!(status(&place.paths).unwrap().lost);
        install(&place.paths, &Wishes::default()).unwrap();
        let now = status(&place.paths).unwrap();
        assert!(!now.lost && now.report.state == HookState::Installed);
    }
    fs::remove_file(&place.paths.settings).unwrap();
    assert!(status(&place.paths).unwrap().lost);
    uninstall(&place.paths).unwrap();
    assert!(!status(&place.paths).unwrap().lost);
    assert!(!place.paths.settings.exists());
}

#[test]
fn a_broken_memory_is_said_and_harms_nothing() {
    let place = Place::with(b"{ }");
    install(&place.paths, &Wishes::default()).unwrap();
    fs::write(place.paths.state_dir.join("hooks.json"), "garbage").unwrap();
    assert_eq!(status(&place.paths).unwrap().warnings.len(), 1);
    let outcome = uninstall(&place.paths).unwrap();
    assert_eq!(outcome.warnings.len(), 1);
    assert_eq!(place.read(), b"{}");
    assert!(place.paths.handler().exists(), "who else points at it is not known");
}

#[test]
fn a_memory_that_is_not_understood_is_never_written_over() {
    let place = Place::with(SETTINGS);
    let mut other = place.paths.clone();
    other.settings = place.dir.path().join("other/settings.json");
    install(&other, &Wishes::default()).unwrap();
    let memory = place.paths.state_dir.join("hooks.json");
    let known = fs::read_to_string(&memory).unwrap();
    assert!(known.contains("\"version\": 1"), "{known}");
    for text in ["garbage".to_owned(), known.replace("\"version\": 1", "\"version\": 2")] {
        fs::write(&memory, &text).unwrap();
        let refused = install(&place.paths, &Wishes::default()).unwrap_err();
        assert!(format!("{refused:#}").contains("move it away"), "{refused:#}");
        assert_eq!((place.read(), fs::read_to_string(&memory).unwrap()), (SETTINGS.to_vec(), text));
        uninstall(&place.paths).unwrap();
    }
    // It was only out of reach for a moment.
    fs::write(&memory, known).unwrap();
    install(&place.paths, &Wishes::default()).unwrap();
    uninstall(&place.paths).unwrap();
    assert!(other.handler().exists(), "the other file still points at it");
}

#[test]
fn what_stood_there_before_telemetry_is_never_forgotten() {
    let place = Place::with(br#"{"env":{"OTEL_METRICS_EXPORTER":"none"}}"#);
    let before = read_settings(&place.paths).unwrap();
    let on = TelemetryWish::On(Collector { endpoint: "http://127.0.0.1:4318".into(), traces: false });
    set_telemetry(&place.paths, &on).unwrap();
    let with = place.read();
    let memory = place.paths.state_dir.join("telemetry.json");
    let known = fs::read_to_string(&memory).unwrap();
    fs::write(&memory, "garbage").unwrap();
    for wish in [&on, &TelemetryWish::Off] {
        let refused = set_telemetry(&place.paths, wish).unwrap_err();
        assert!(format!("{refused:#}").contains("move it away"), "{refused:#}");
        assert!(preview_telemetry(&place.paths, wish).is_err());
    }
    assert_eq!((place.read(), fs::read_to_string(&memory).unwrap()), (with, "garbage".to_owned()));
    fs::write(&memory, known).unwrap();
    set_telemetry(&place.paths, &TelemetryWish::Off).unwrap();
    assert_eq!(read_settings(&place.paths).unwrap(), before);
}

#[test]
fn telemetry_that_is_switched_on_twice_is_taken_back_as_a_whole() {
    let text = "{\n  \"env\": {\n    \"OTEL_TRACES_EXPORTER\": \"none\"\n  }\n}\n";
    let less = Collector { endpoint: "http://127.0.0.1:4318".into(), traces: false };
    let more = Collector { traces: true, ..less.clone() };
    for text in [text, "{\n  \"model\": \"opus\"\n}\n", "{\n  \"env\": { }\n}\n", " \n"] {
        for wishes in [[&more, &less], [&less, &more]] {
            let place = Place::with(text.as_bytes());
            for wish in wishes {
                set_telemetry(&place.paths, &TelemetryWish::On(wish.clone())).unwrap();
            }
            set_telemetry(&place.paths, &TelemetryWish::Off).unwrap();
            assert_eq!(String::from_utf8(place.read()).unwrap(), text);
        }
    }
}

#[test]
fn hooks_and_telemetry_leave_what_they_found_in_any_order() {
    let on = TelemetryWish::On(Collector { endpoint: "http://127.0.0.1:4318".into(), traces: false });
    for found in [None, Some(""), Some("\n"), Some("{ }"), Some("{\n  \"a\": 1\n}\n")] {
        for provider in Provider::ALL.iter().copied() {
            for order in ["htht", "htth", "thth", "thht"] {
                let mut place = Place::new();
                let StewardPaths { state_dir, data_dir, handler_source, .. } = place.paths.clone();
                let agent = place.dir.path().join("agent");
                fs::create_dir(&agent).unwrap();
                place.paths = StewardPaths::new(provider, &agent, &state_dir, &data_dir, &handler_source);
                let files = [Some(place.paths.settings.clone()), place.paths.trust.clone()];
                if let Some(text) = found {
                    fs::write(&place.paths.settings, text).unwrap();
                }
                let trust = Wishes { trust: provider == Provider::Codex, ..Wishes::default() };
                let mut seen = String::new();
                for step in order.chars() {
                    match (step, seen.contains(step)) {
                        ('h', false) => install(&place.paths, &trust).map(drop).unwrap(),
                        ('h', true) => uninstall(&place.paths).map(drop).unwrap(),
                        (_, false) => set_telemetry(&place.paths, &on).map(drop).unwrap(),
                        (_, true) => set_telemetry(&place.paths, &TelemetryWish::Off).map(drop).unwrap(),
                    }
                    seen.push(step);
                }
                let left: Vec<Option<String>> =
                    files.iter().flatten().map(|file| fs::read_to_string(file).ok()).collect();
                assert_eq!(left[0].as_deref(), found, "{provider}, {order}");
                assert_eq!(left.get(1).cloned().flatten(), None, "{provider}, {order}");
            }
        }
    }
}

#[test]
fn a_link_into_a_directory_that_is_not_there_is_refused() {
    let place = Place::new();
    let away = place.dir.path().join("away");
    fs::create_dir_all(place.paths.settings.parent().unwrap()).unwrap();
    symlink(away.join("settings.json"), &place.paths.settings).unwrap();
    let on = TelemetryWish::On(Collector { endpoint: "http://127.0.0.1:4318".into(), traces: false });
    for refused in [
        install(&place.paths, &Wishes::default()).map(drop),
        preview_install(&place.paths, &Wishes::default()).map(drop),
        set_telemetry(&place.paths, &on).map(drop),
        update_settings(&place.paths, &json!({"a": 1})).map(drop),
    ] {
        let refused = format!("{:#}", refused.unwrap_err());
        assert!(refused.contains("a directory that is not there"), "{refused}");
    }
    assert!(!away.exists() && !place.paths.handler().exists());
    // Nothing to take out is nothing to refuse.
    assert!(!uninstall(&place.paths).unwrap().changed && !away.exists());
}

/// Sets an extended attribute; false where the file system has none of this kind.
#[cfg(target_os = "linux")]
fn set_attribute(path: &Path, name: &std::ffi::CStr, value: &[u8]) -> bool {
    let file = fs::File::open(path).unwrap();
    // SAFETY: an open file, and texts that live over the call.
    let set = unsafe {
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        libc::fsetxattr(fd, name.as_ptr(), value.as_ptr().cast(), value.len(), 0)
    };
    let err = io::Error::last_os_error();
    assert!(set == 0 || err.raw_os_error() == Some(libc::ENOTSUP), "{name:?}: {err}");
    set == 0
}

#[cfg(target_os = "linux")]
fn attribute(path: &Path, name: &std::ffi::CStr) -> Option<Vec<u8>> {
    let file = fs::File::open(path).unwrap();
    let mut value = vec![0; 256];
    // SAFETY: an open file, and a buffer of the length that is said.
    let length = unsafe {
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        libc::fgetxattr(fd, name.as_ptr(), value.as_mut_ptr().cast(), value.len())
    };
    value.truncate(usize::try_from(length).ok()?);
    Some(value)
}

/// A list as the kernel keeps it: the owner and user 1000 may read, the owning group may not.
#[cfg(target_os = "linux")]
fn access_list() -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] =
        [(1, 6, u32::MAX), (2, 4, 1000), (4, 0, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, may, id) in entries {
        list.extend([tag.to_le_bytes(), may.to_le_bytes()].concat());
        list.extend(id.to_le_bytes());
    }
    list
}

#[cfg(target_os = "linux")]
#[test]
fn access_lists_and_attributes_are_kept() {
    const LIST: &std::ffi::CStr = c"system.posix_acl_access";
    const MINE: &std::ffi::CStr = c"user.mine";
    let place = Place::with(SETTINGS);
    let file = &place.paths.settings;
    let listed = set_attribute(file, LIST, &access_list());
    let own = set_attribute(file, MINE, b"a note");
    let before = (mode(file), attribute(file, LIST), attribute(file, MINE));
    assert_eq!((before.1.is_some(), before.2.is_some()), (listed, own));
    for _ in 0..2 {
        install(&place.paths, &Wishes::default()).unwrap();
        assert_eq!((mode(file), attribute(file, LIST), attribute(file, MINE)), before);
        uninstall(&place.paths).unwrap();
        assert_eq!((mode(file), attribute(file, LIST), attribute(file, MINE)), before);
    }
    // A list that the directory gives to new files is not given to this one.
    let place = Place::with(SETTINGS);
    let dir = place.paths.settings.parent().unwrap();
    fs::set_permissions(&place.paths.settings, fs::Permissions::from_mode(0o640)).unwrap();
    set_attribute(dir, c"system.posix_acl_default", &access_list());
    install(&place.paths, &Wishes::default()).unwrap();
    assert_eq!((mode(&place.paths.settings), attribute(&place.paths.settings, LIST)), (0o640, None));
}

#[test]
fn a_file_with_further_names_is_left_alone() {
    let place = Place::with(SETTINGS);
    let other = place.dir.path().join("other.json");
    fs::hard_link(&place.paths.settings, &other).unwrap();
    let refused = format!("{:#}", install(&place.paths, &Wishes::default()).unwrap_err());
    assert!(refused.contains("2 names (hard links)"), "{refused}");
    assert_eq!((place.read(), fs::read(&other).unwrap()), (SETTINGS.to_vec(), SETTINGS.to_vec()));
    assert_eq!((place.leftovers(), place.backups()), (Vec::new(), Vec::new()));
    fs::remove_file(&other).unwrap();
    install(&place.paths, &Wishes::default()).unwrap();
}

#[test]
fn the_handler_stays_while_another_settings_file_points_at_it() {
    let place = Place::with(SETTINGS);
    let mut other = place.paths.clone();
    other.settings = place.dir.path().join("other/settings.json");
    install(&place.paths, &Wishes::default()).unwrap();
    install(&other, &Wishes::default()).unwrap();
    uninstall(&place.paths).unwrap();
    assert!(place.paths.handler().exists());
    assert_eq!(status(&other).unwrap().report.state, HookState::Installed);
    uninstall(&other).unwrap();
    assert!(!place.paths.handler().exists());
}

#[test]
fn the_handler_stays_while_a_line_of_the_users_own_runs_it() {
    let place = Place::new();
    let line = format!("{} --event Stop; say done", place.paths.handler().display());
    update_settings(
        &place.paths,
        &json!({"hooks": {"Stop": [{"hooks": [{"type": "command", "command": line}]}]}}),
    )
    .unwrap();
    let before = place.read();
    install(&place.paths, &Wishes::default()).unwrap();
    let outcome = uninstall(&place.paths).unwrap();
    assert_eq!(place.read(), before);
    assert_eq!(outcome.warnings.len(), 1, "{outcome:?}");
    assert!(place.paths.handler().exists());
}

#[test]
fn the_handler_is_replaced_only_when_it_differs() {
    let place = Place::new();
    let source = &place.paths.handler_source;
    let copy = install_handler(source, &place.paths.data_dir).unwrap();
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let first = inode(&copy);
    install_handler(source, &place.paths.data_dir).unwrap();
    assert_eq!(inode(&copy), first);

    let held = fs::File::open(&copy).unwrap();
    fs::write(source, b"the next version").unwrap();
    install_handler(source, &place.paths.data_dir).unwrap();
    assert_eq!(fs::read(&copy).unwrap(), b"the next version");
    assert_eq!(mode(&copy), 0o755);
    assert_eq!(held.metadata().unwrap().nlink(), 0, "the old one was replaced, not overwritten");

    fs::remove_file(source).unwrap();
    assert!(install_handler(source, &place.paths.data_dir).is_err());
    assert_eq!(fs::read(&copy).unwrap(), b"the next version");
}

#[test]
fn settings_are_read_and_patched() {
    let place = Place::new();
    assert_eq!(read_settings(&place.paths).unwrap(), json!({}));
    update_settings(&place.paths, &json!({"model": "opus", "env": {"A": "1"}})).unwrap();
    update_settings(&place.paths, &json!({"env": {"A": null, "B": "2"}})).unwrap();
    assert_eq!(read_settings(&place.paths).unwrap(), json!({"model": "opus", "env": {"B": "2"}}));
    assert!(!update_settings(&place.paths, &json!({"model": "opus"})).unwrap().changed);
    fs::write(&place.paths.settings, "\u{feff}{\"a\": 1}").unwrap();
    assert_eq!(read_settings(&place.paths).unwrap(), json!({"a": 1}));
}
