//! Ending what runs in a terminal, all of it.

use crate::support::{Place, Viewer, children, is_alive, session, signal, talk, wait_until};
use magia_tty::Started;
use magia_tty::client::errand::{self, ErrandError};
use magia_tty::wire::{Exit, SignalName};
use std::path::Path;

fn numbers(path: &Path, count: usize) -> Vec<u32> {
    wait_until("the processes to be there", || {
        let text = std::fs::read_to_string(path).ok()?;
        let numbers: Vec<u32> = text.lines().filter_map(|line| line.trim().parse().ok()).collect();
        (numbers.len() == count).then_some(numbers)
    })
}

fn kill(started: &Started) -> Exit {
    talk(errand::kill(&started.dir, None)).unwrap()
}

/// Nothing of the terminal's session is left, and the holder has asked after all its children.
#[track_caller]
fn all_gone(started: &Started) {
    wait_until("the session to be empty", || session(started.pid).is_empty().then_some(()));
    wait_until("no zombie", || children(started.holder_pid).is_empty().then_some(()));
    assert!(is_alive(started.holder_pid), "the holder stays for whoever wants to see the end");
}

#[test]
fn a_stopped_program_ends() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    signal(started.pid, libc::SIGSTOP);
    wait_until("the program to stop", || {
        std::fs::read_to_string(format!("/proc/{}/stat", started.pid))
            .ok()
            .filter(|stat| stat.contains(") T "))
    });
    assert_eq!(kill(&started).code, None);
    all_gone(&started);
}

#[test]
fn a_job_that_was_stopped_with_ctrl_z_ends_with_its_shell() {
    let place = Place::new();
    let started = place.start(&["/bin/bash", "--norc", "-i"]);
    talk(async {
        let mut viewer = Viewer::window(&started, place.size).await;
        viewer.type_in("sleep 1000\r").await;
        wait_until("the job", || (session(started.pid).len() == 2).then_some(()));
        viewer.type_in("\x1a").await;
        viewer.until_text("Stopped").await;
    });
    let exit = kill(&started);
    assert!(exit.signal.is_some() || exit.code.is_some());
    all_gone(&started);
}

#[test]
fn programs_that_ignore_everything_are_killed() {
    let place = Place::new();
    let pids = place.path().join("pids");
    let script = format!(
        "trap '' HUP TERM INT; (trap '' HUP TERM; echo $$ > /dev/null; sh -c 'echo $$' >> {0}; while :; do sleep 1000; done) & \
         echo $! >> {0}; while :; do sleep 1000; done",
        pids.display()
    );
    let started = place.sh(&script);
    numbers(&pids, 2);
    assert_eq!(kill(&started), Exit { code: None, signal: Some(libc::SIGKILL) });
    all_gone(&started);
}

#[test]
fn children_in_other_groups_and_orphans_end_too() {
    let place = Place::new();
    let pids = place.path().join("pids");
    // `set -m` puts each job into a group of its own; the second one's parent ends at once.
    let script = format!(
        "set -m; sleep 1000 & echo $! >> {0}; sh -c 'trap \"\" HUP; sleep 1000 & echo $! >> {0}'; \
         exec python3 -c 'import os, time\nif os.fork() == 0:\n os.setpgid(0, 0)\n if os.fork() == 0:\n  \
         open(\"{0}\", \"a\").write(str(os.getpid()) + \"\\n\"); time.sleep(1000)\n os._exit(0)\ntime.sleep(1000)'",
        pids.display()
    );
    let started = place.sh(&script);
    let others = numbers(&pids, 3);
    wait_until("the orphans to be the holder's", || (children(started.holder_pid).len() >= 2).then_some(()));
    kill(&started);
    all_gone(&started);
    for pid in others {
        assert!(!is_alive(pid));
    }
}

#[test]
fn a_program_that_left_the_terminal_is_left_alone() {
    let place = Place::new();
    let pids = place.path().join("pids");
    let script = format!("setsid sh -c 'echo $$ >> {0}; exec sleep 1000' & cat", pids.display());
    let started = place.sh(&script);
    let daemon = numbers(&pids, 1)[0];
    kill(&started);
    wait_until("the session to be empty", || session(started.pid).is_empty().then_some(()));
    assert!(is_alive(daemon), "it has a session of its own");
    signal(daemon, libc::SIGKILL);
    all_gone(&started);
}

#[test]
fn other_signals_go_to_the_foreground() {
    let place = Place::new();
    let started = place
        .sh("trap 'echo got int' INT; trap 'echo got usr1' USR1; echo ready; while :; do sleep 0.05; done");
    talk(async {
        let mut viewer = Viewer::from_start(&started).await;
        viewer.until_text("ready").await;
        errand::signal(&started.dir, SignalName::Name("SIGINT".to_owned())).await.unwrap();
        viewer.until_text("got int").await;
        errand::signal(&started.dir, SignalName::Number(libc::SIGUSR1)).await.unwrap();
        viewer.until_text("got usr1").await;
        let unknown = errand::signal(&started.dir, SignalName::Name("NOPE".to_owned())).await;
        assert!(
            matches!(unknown, Err(ErrandError::Refused(fault)) if fault.code == "CONTROL_MESSAGE_FAILED")
        );
        let killed = errand::kill(&started.dir, Some(SignalName::Name("KILL".to_owned()))).await.unwrap();
        assert_eq!(killed.signal, Some(libc::SIGKILL));
    });
    all_gone(&started);
}

#[test]
fn orphans_of_a_living_program_are_no_zombies() {
    let place = Place::new();
    let started = place.sh("i=0; while [ $i -lt 20 ]; do (sleep 0.01 &); i=$((i+1)); done; echo all; cat");
    talk(async { Viewer::from_start(&started).await.until_text("all").await });
    wait_until("only the program is left", || (children(started.holder_pid) == [started.pid]).then_some(()));
}
