//! From the start of a terminal to its end.

use crate::support::{Place, Viewer, is_alive, record, signal, talk, wait_until};
use magia_tty::directory::{SessionRecord, SessionStatus, TerminalState, list, look};
use magia_tty::wire::Exit;
use magia_tty::{StartError, StartOptions, TerminalId};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

#[test]
fn a_program_gets_its_arguments_directory_environment_and_terminal() {
    let place = Place::new();
    let odd = OsString::from_vec(b"a\xff \n'\"$HOME`;".to_vec());
    let script = "printf '<%s>\\n' \"$@\"; pwd; tty >/dev/null && echo on a terminal; stty size; umask; \
                  echo $TERM $COLORTERM $MAGIA_TERMINAL_ID $TTY_SESSION_ID $VIBETUNNEL_SESSION_ID; \
                  echo \"$EXTRA\"; ls -l /proc/self/fd | wc -l; ps -o pid=,sid=,pgid=,tpgid= -p $$ | tr -s ' '; \
                  grep -E 'Sig(Blk|Ign)' /proc/self/status; readlink \"$SSH_AUTH_SOCK\" >/dev/null || echo no agent; echo END";
    let mut options = place.options(&["/bin/sh", "-c", script, "sh"]);
    options.argv.extend([odd.clone(), OsString::new(), "--json".into()]);
    options.env.push(("EXTRA".into(), "from the starter".into()));
    options.id = Some(Place::id("first_one-1"));
    let started = place.try_start(&options).unwrap();
    assert_eq!(started.id.as_str(), "first_one-1");
    let output = talk(async {
        let mut viewer = Viewer::from_start(&started).await;
        assert_eq!(viewer.until_exit().await, Exit { code: Some(0), signal: None });
        assert_eq!(viewer.snapshots, 0, "all output from the start on");
        viewer.output
    });
    let text = String::from_utf8_lossy(&output).replace("\r\n", "\n");
    let own = started.pid;
    for wanted in [
        "<a\u{fffd} \n'\"$HOME`;>\n<>\n<--json>\n",
        &format!("{}\n", place.path().display()),
        "on a terminal\n24 80\n",
        "xterm-256color truecolor first_one-1 first_one-1 first_one-1\nfrom the starter\n",
        // total, 0, 1, 2, and the directory itself.
        "\n5\n",
        &format!("{own} {own} {own} {own}"),
        "SigBlk:\t0000000000000000\n",
    ] {
        assert!(text.contains(wanted), "{wanted:?} in\n{text}");
    }
    let ignored = text.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
    // 32 and 33 are the libc's own and cannot be set.
    assert_eq!(u64::from_str_radix(ignored, 16).unwrap() & !(0b11 << 31), 0, "{ignored}");
}

#[test]
fn faults_are_told_and_leave_nothing_behind() {
    let place = Place::new();
    let not_runnable = place.path().join("text");
    std::fs::write(&not_runnable, "no program").unwrap();
    std::fs::set_permissions(&not_runnable, std::fs::Permissions::from_mode(0o644)).unwrap();
    let fault = |change: &dyn Fn(&mut StartOptions)| {
        let mut options = place.options(&["/bin/true"]);
        change(&mut options);
        place.try_start(&options).unwrap_err()
    };
    assert!(
        matches!(fault(&|it| it.argv = vec!["no-such-program".into()]), StartError::CommandNotFound { program } if program == "no-such-program")
    );
    assert!(matches!(fault(&|it| it.argv = vec!["./no-such".into()]), StartError::CommandNotFound { .. }));
    assert!(matches!(fault(&|it| it.argv = vec!["./text".into()]), StartError::CommandRefused { .. }));
    assert!(matches!(fault(&|it| it.argv = vec!["/etc".into()]), StartError::CommandRefused { .. }));
    assert!(matches!(fault(&|it| it.argv.clear()), StartError::NoCommand));
    assert!(matches!(fault(&|it| it.argv = vec!["".into()]), StartError::NoCommand));
    assert!(
        matches!(fault(&|it| it.cwd = "/no/such".into()), StartError::CwdNotFound { path } if path == Path::new("/no/such"))
    );
    assert!(matches!(fault(&|it| it.cwd = "relative".into()), StartError::CwdNotFound { .. }));
    let too_long = |it: &mut StartOptions| {
        it.id = Some(Place::id(&"x".repeat(64)));
        it.root = it.root.join("y".repeat(30));
    };
    assert!(matches!(fault(&too_long), StartError::PathTooLong(_)));
    assert!(matches!(fault(&|it| it.exe = "/no/such/holder".into()), StartError::Holder { .. }));
    assert!(matches!(fault(&|it| it.exe = "/bin/true".into()), StartError::Holder { .. }));
    assert_eq!(std::fs::read_dir(place.root()).unwrap().count(), 0);
    assert!(list(&place.root()).is_empty());
}

#[test]
fn an_id_is_taken_once() {
    let place = Place::new();
    let mut options = place.options(&["/bin/cat"]);
    options.id = Some(Place::id("same"));
    place.try_start(&options).unwrap();
    assert!(
        matches!(place.try_start(&options), Err(StartError::SessionExists { id }) if id.as_str() == "same")
    );
    let other = place.start(&["/bin/cat"]);
    let ids: Vec<TerminalId> = list(&place.root()).into_iter().map(|record| record.id).collect();
    assert_eq!(ids, [Place::id("same"), other.id], "oldest first");
}

#[test]
fn what_could_not_be_written_down_is_tried_again() {
    let mut place = Place::new();
    // Not its last look at the disk as it leaves.
    place.tuning.linger = Duration::from_secs(3_600);
    let started = place.sh("read line; exit 7");
    let in_the_way = started.dir.join("session.json.tmp");
    std::fs::create_dir(&in_the_way).unwrap();
    talk(async {
        let mut viewer = Viewer::from_start(&started).await;
        viewer.writer.rename("renamed").await.unwrap();
        viewer.type_in("\n").await;
        assert_eq!(viewer.until_exit().await, Exit { code: Some(7), signal: None });
    });
    assert_eq!(record(&started).status, SessionStatus::Running, "it cannot be written");
    std::fs::remove_dir(&in_the_way).unwrap();
    let record = wait_until("the end on disk", || {
        let record = record(&started);
        (record.status == SessionStatus::Exited).then_some(record)
    });
    assert_eq!((record.exit_code, record.name.as_str()), (Some(7), "renamed"));
}

#[test]
fn ends_are_written_down_and_told() {
    let place = Place::new();
    for (script, expected) in [
        ("exit 0", Exit { code: Some(0), signal: None }),
        ("exit 7", Exit { code: Some(7), signal: None }),
        ("exit 255", Exit { code: Some(255), signal: None }),
        ("kill -TERM $$", Exit { code: None, signal: Some(libc::SIGTERM) }),
        ("kill -KILL $$", Exit { code: None, signal: Some(libc::SIGKILL) }),
    ] {
        let started = place.sh(&format!("printf last; {script}"));
        talk(async {
            let mut viewer = Viewer::from_start(&started).await;
            assert_eq!(viewer.until_exit().await, expected, "{script}");
            assert_eq!(viewer.text(), "last", "the last output comes before the end");
        });
        // Clients are told first; the disk has a thread of its own.
        let record = wait_until("the end on disk", || {
            let record = record(&started);
            (record.status == SessionStatus::Exited).then_some(record)
        });
        assert_eq!(record.exit(), Some(expected));
        assert_eq!(record.exit_code, Some(expected.shell_code()));
        assert!(record.ended_at.is_some_and(|ended| ended >= record.started_at));
        // Whoever comes now still sees it.
        talk(async {
            let mut late = Viewer::window(&started, place.size).await;
            assert_eq!(late.until_exit().await, expected);
            assert_eq!(late.snapshots, 1);
            late.type_in("too late").await;
            late.until("the refusal", |it| it.faults == ["SESSION_NOT_RUNNING"]).await;
        });
        assert_eq!(
            look(&place.root(), &started.id).state,
            TerminalState::Exited { exit: expected, held: true }
        );
    }
}

#[test]
fn a_holder_leaves_some_time_after_its_program() {
    let mut place = Place::new();
    place.tuning.linger = Duration::from_millis(100);
    let started = place.sh("exit 3");
    wait_until("the holder to leave", || (!is_alive(started.holder_pid)).then_some(()));
    let exit = Exit { code: Some(3), signal: None };
    assert_eq!(look(&place.root(), &started.id).state, TerminalState::Exited { exit, held: false });
    let mut files: Vec<String> = std::fs::read_dir(&started.dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "ssh-auth.sock")
        .collect();
    files.sort();
    assert_eq!(files, ["lock", "session.json", "stdout", "stdout.index"]);
    magia_tty::directory::remove(&place.root(), &started.id).unwrap();
    assert!(!started.dir.exists());
}

#[test]
fn a_holder_that_is_told_to_end_ends_its_program_first() {
    let place = Place::new();
    let started = place.start(&["/bin/sh"]);
    signal(started.holder_pid, libc::SIGTERM);
    wait_until("the holder to leave", || (!is_alive(started.holder_pid)).then_some(()));
    assert!(!is_alive(started.pid));
    assert_eq!(record(&started).status, SessionStatus::Exited);
}

#[test]
fn a_holder_that_was_killed_is_lost_and_its_program_hears_of_it() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    signal(started.holder_pid, libc::SIGKILL);
    wait_until("the program to hang up", || (!is_alive(started.pid)).then_some(()));
    assert_eq!(look(&place.root(), &started.id).state, TerminalState::Lost);
    magia_tty::directory::remove(&place.root(), &started.id).unwrap();
}

#[test]
fn signals_meant_for_the_starter_do_not_reach_the_holder() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    for number in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGPIPE, libc::SIGTSTP, libc::SIGTTIN] {
        signal(started.holder_pid, number);
    }
    talk(async {
        let mut viewer = Viewer::window(&started, place.size).await;
        viewer.type_in("still here\r").await;
        viewer.until_text("still here").await;
    });
}

#[test]
fn what_is_written_is_for_its_owner_alone() {
    let place = Place::new();
    let started = place.sh("umask > mask; cat");
    wait_until("the program's umask", || {
        std::fs::read_to_string(place.path().join("mask")).ok().filter(|it| it.len() > 3)
    });
    assert_eq!(std::fs::metadata(&started.dir).unwrap().mode() & 0o7777, 0o700);
    for entry in std::fs::read_dir(&started.dir).unwrap() {
        let entry = entry.unwrap();
        let facts = entry.path().symlink_metadata().unwrap();
        assert!(
            facts.is_symlink() || facts.mode() & 0o077 == 0,
            "{:?} has mode {:o}",
            entry.path(),
            facts.mode()
        );
    }
    assert!(SessionRecord::read(&started.dir).is_ok());
}
