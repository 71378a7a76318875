//! Runtime directories that can be trusted and those that cannot, who holds the lock, and where files are.
#![cfg(all(feature = "paths", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use magia_protocol::paths::*;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
    move |name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.into())
}

fn own_name() -> String {
    format!("magia-{}", own_uid())
}

fn candidates(pairs: &[(&str, &str)]) -> Vec<PathBuf> {
    runtime_candidates_with(&env(pairs)).collect()
}

#[test]
fn runtime_dir_follows_the_environment() {
    let below = |dir: &str| Path::new(dir).join(own_name());
    let check = |pairs: &[(&str, &str)], expect: PathBuf| assert_eq!(runtime_dir_with(&env(pairs)), expect);
    check(&[], below("/tmp"));
    check(&[("TMPDIR", "/var/tmp/")], below("/var/tmp"));
    check(&[("TMPDIR", "relative")], below("/tmp"));
    check(&[("TMPDIR", "")], below("/tmp"));
    check(&[("MAGIA_RUNTIME_DIR", "/x"), ("TMPDIR", "/y")], "/x".into());
    check(&[("MAGIA_RUNTIME_DIR", ""), ("TMPDIR", "/y")], below("/y"));
}

#[test]
fn clients_look_in_each_place_once() {
    let below = |dir: &str| Path::new(dir).join(own_name());
    assert_eq!(candidates(&[]), [below("/tmp")]);
    assert_eq!(candidates(&[("TMPDIR", "/tmp")]), [below("/tmp")]);
    assert_eq!(candidates(&[("TMPDIR", "/y")]), [below("/y"), below("/tmp")]);
    assert_eq!(candidates(&[("TMPDIR", "/y"), ("MAGIA_RUNTIME_DIR", "/x")]), [PathBuf::from("/x")]);
}

#[test]
fn pointer_is_the_last_place() {
    let state = temp();
    let state = state.path().to_str().expect("UTF-8");
    let pairs = [("XDG_STATE_HOME", state), ("TMPDIR", "/y")];
    assert!(write_runtime_pointer_with(&env(&pairs), Path::new("/run/elsewhere")).expect("written"));
    assert_eq!(candidates(&pairs).last(), Some(&PathBuf::from("/run/elsewhere")));
    let file = runtime_pointer_path_with(&env(&pairs)).expect("a state directory");
    assert_eq!(fs::read(&file).expect("the pointer"), b"/run/elsewhere\n");
    assert_eq!(fs::metadata(&file).expect("the pointer").permissions().mode() & 0o777, 0o600);

    fs::write(&file, "relative\n").expect("rewritten");
    assert_eq!(candidates(&pairs).len(), 2);
    fs::write(&file, "").expect("rewritten");
    assert_eq!(candidates(&pairs).len(), 2);
}

#[test]
fn private_instance_leaves_the_pointer_alone() {
    let state = temp();
    let pairs =
        [("XDG_STATE_HOME", state.path().to_str().expect("UTF-8")), ("MAGIA_RUNTIME_DIR", "/private")];
    assert!(!write_runtime_pointer_with(&env(&pairs), Path::new("/private")).expect("nothing to do"));
    assert_eq!(fs::read_dir(state.path()).expect("the directory").count(), 0);
}

#[test]
fn files_are_where_xdg_says() {
    let home = [("HOME", "/h")];
    let set = [
        ("HOME", "/h"),
        ("XDG_CONFIG_HOME", "/c"),
        ("XDG_DATA_HOME", "/d"),
        ("XDG_STATE_HOME", "relative"),
        ("CLAUDE_CONFIG_DIR", "/claude"),
    ];
    for (dir, at_home, when_set) in [
        (config_dir_with as fn(EnvLookup<'_>) -> _, "/h/.config/magia", "/c/magia"),
        (data_dir_with, "/h/.local/share/magia", "/d/magia"),
        (state_dir_with, "/h/.local/state/magia", "/h/.local/state/magia"),
        (claude_config_dir_with, "/h/.claude", "/claude"),
    ] {
        assert_eq!(dir(&env(&home)).expect("a home"), Path::new(at_home));
        assert_eq!(dir(&env(&set)).expect("a home"), Path::new(when_set));
        assert!(matches!(dir(&env(&[])), Err(PathError::NoHome { .. })));
    }
}

#[test]
fn runtime_dir_is_made_private() {
    let temp = temp();
    let dir = temp.path().join("a/b");
    assert!(matches!(check_runtime_dir(&dir), Err(PathError::Missing { .. })));
    ensure_runtime_dir(&dir).expect("made");
    ensure_runtime_dir(&dir).expect("found");
    check_runtime_dir(&dir).expect("good");
    assert_eq!(fs::metadata(&dir).expect("there").permissions().mode() & 0o7777, 0o700);
}

#[test]
fn runtime_dir_of_doubtful_kind_is_refused() {
    let temp = temp();
    let good = temp.path().join("good");
    ensure_runtime_dir(&good).expect("made");
    let refused = |dir: &Path| {
        let checked = check_runtime_dir(dir).expect_err("refused").to_string();
        assert_eq!(ensure_runtime_dir(dir).expect_err("refused").to_string(), checked);
        checked
    };

    let link = temp.path().join("link");
    symlink(&good, &link).expect("a link");
    assert_eq!(refused(&link), format!("runtime directory is a symbolic link: {}", link.display()));
    let dangling = temp.path().join("dangling");
    symlink(temp.path().join("nowhere"), &dangling).expect("a link");
    assert!(refused(&dangling).contains("symbolic link"));
    assert!(!temp.path().join("nowhere").exists());

    let file = temp.path().join("file");
    fs::write(&file, "").expect("a file");
    assert!(refused(&file).contains("not a directory"));
    assert!(refused(Path::new("relative/dir")).contains("not absolute"));

    for mode in [0o701, 0o710, 0o755, 0o1777] {
        fs::set_permissions(&good, fs::Permissions::from_mode(mode)).expect("a mode");
        assert_eq!(
            refused(&good),
            format!("runtime directory is open to others (mode {mode:04o}): {}", good.display())
        );
    }
}

#[test]
fn runtime_dir_of_another_user_is_refused() {
    // Of the two at least one belongs to somebody else, whoever runs this.
    let foreign = ["/", "/proc/self"].map(Path::new);
    let root = matches!(check_runtime_dir(foreign[0]), Err(PathError::ForeignOwner { .. }));
    assert_eq!(root, own_uid() != 0);
    if own_uid() == 0 {
        let temp = temp();
        std::os::unix::fs::chown(temp.path(), Some(12345), None).expect("given away");
        let err = check_runtime_dir(temp.path()).expect_err("refused");
        assert!(matches!(err, PathError::ForeignOwner { owner: 12345, uid: 0, .. }), "{err}");
    }
}

#[test]
fn socket_path_length_is_checked() {
    let name_len = "/cli.sock".len();
    let fits = PathBuf::from(format!("/{}", "x".repeat(SOCKET_PATH_MAX_BYTES - name_len - 1)));
    assert_eq!(Socket::Cli.path_in(&fits).expect("fits").as_os_str().len(), SOCKET_PATH_MAX_BYTES);
    let err = Socket::Hooks.path_in(&fits).expect_err("two bytes more");
    let text = err.to_string();
    assert!(text.contains(&format!("{} bytes", SOCKET_PATH_MAX_BYTES + 2)), "{text}");
    assert!(text.ends_with("hooks.sock"), "{text}");
}

#[test]
fn one_holder_at_a_time() {
    let temp = temp();
    let dir = temp.path().join("run");
    let lock = InstanceLock::try_acquire(&dir).expect("free");
    match InstanceLock::try_acquire(&dir) {
        Err(LockError::HeldBy { pid }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    assert!(!lock.is_lost());
    drop(lock);
    let lock = InstanceLock::try_acquire(&dir).expect("free again");

    fs::remove_file(dir.join("lock")).expect("removed");
    assert!(lock.is_lost());
    InstanceLock::try_acquire(&dir).expect("mended");
}

#[cfg(target_os = "linux")]
#[test]
fn a_lock_is_inherited_though_the_disk_is_full() {
    let temp = tempfile::tempdir().expect("a directory");
    // What is written to it fails as on a full disk.
    let full = std::fs::OpenOptions::new().read(true).write(true).open("/dev/full").expect("/dev/full");
    InstanceLock::inherit(temp.path(), full).expect("the lock, though it names nobody");
}

#[test]
fn lock_needs_a_good_directory() {
    let temp = temp();
    fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    let err = InstanceLock::try_acquire(temp.path()).expect_err("refused");
    assert!(matches!(err, LockError::Dir(PathError::OpenToOthers { mode: 0o755, .. })), "{err}");

    let dir = temp.path().join("run");
    ensure_runtime_dir(&dir).expect("made");
    symlink("/etc/hostname", dir.join("lock")).expect("a link");
    assert!(matches!(InstanceLock::try_acquire(&dir), Err(LockError::Io { .. })));
}

#[test]
fn a_lock_that_a_dead_process_left_to_a_child_is_waited_for() {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let dir = temp.path().join("run");
    let held = InstanceLock::try_acquire(&dir).expect("the lock");
    let refused = InstanceLock::acquire(&dir).expect_err("its holder lives");
    assert!(
        matches!(refused, LockError::HeldBy { pid: Some(pid) } if pid == std::process::id()),
        "{refused}"
    );

    let mut dead = std::process::Command::new("true").spawn().expect("started");
    dead.wait().expect("ended");
    fs::write(dir.join("lock"), format!("{}\n", dead.id())).expect("written");
    let (asks, asked) = std::sync::mpsc::sync_channel(1);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let refused = InstanceLock::try_acquire(&dir).expect_err("held");
            assert!(matches!(refused, LockError::HeldBy { pid: Some(pid) } if pid == dead.id()), "{refused}");
            asks.send(()).expect("heard");
            InstanceLock::acquire(&dir)
        });
        asked.recv().expect("asked");
        drop(held);
        waiting.join().expect("no panic").expect("the lock");
    });
}

#[test]
fn a_full_disk_is_no_reason_not_to_start() {
    const CHILD: &str = "MAGIA_TEST_LOCK_CHILD";
    if let Some(dir) = std::env::var_os(CHILD).map(PathBuf::from) {
        let lock = InstanceLock::try_acquire(&dir).expect("the lock");
        assert_eq!(fs::read(dir.join("lock")).expect("the file"), b"", "nothing can be written");
        assert!(matches!(InstanceLock::try_acquire(&dir), Err(LockError::HeldBy { pid: None })));
        drop(lock);
        return;
    }
    let temp = temp();
    // No file may have a single byte: for the child, the disk is full.
    let mut child = std::process::Command::new("sh");
    child.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]);
    child.arg(std::env::current_exe().expect("this program"));
    child.args(["--exact", "a_full_disk_is_no_reason_not_to_start", "--nocapture"]);
    let output = child.env(CHILD, temp.path().join("run")).output().expect("started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
