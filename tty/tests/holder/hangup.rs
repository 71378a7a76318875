//! Terminals that nobody has open any more, for good or for a while.

use crate::support::{Place, Viewer, is_alive, signal, talk, wait_until};
use magia_tty::Started;
use magia_tty::client::errand;
use magia_tty::wire::Exit;

/// More than the kernel takes for a program that does not read.
const UNREAD: usize = 200_000;

/// A program that reads nothing of its input, which is full.
fn full(place: &Place, then: &str) -> Started {
    let started =
        place.sh(&format!("stty raw -echo; echo ready; while [ ! -e go ]; do sleep 0.05; done; {then}"));
    talk(async {
        errand::wait_text(&started.dir, "ready", None).await.unwrap();
        errand::type_in(&started.dir, &vec![b'x'; UNREAD]).await.unwrap();
    });
    started
}

#[test]
fn a_program_that_ends_with_input_unread_has_ended() {
    let place = Place::new();
    let started = full(&place, "exit 3");
    talk(async {
        let mut viewer = Viewer::window(&started, place.size).await;
        std::fs::write(place.path().join("go"), "").unwrap();
        assert_eq!(viewer.until_exit().await, Exit { code: Some(3), signal: None });
        // Whoever comes later is answered.
        errand::text(&started.dir).await.unwrap();
        errand::dismiss(&started.dir).await.unwrap();
    });
    wait_until("the holder to leave", || (!is_alive(started.holder_pid)).then_some(()));
}

#[test]
fn a_program_is_killed_with_input_unread() {
    let place = Place::new();
    let started = full(&place, "exit 3");
    assert_eq!(talk(errand::kill(&started.dir, None)).unwrap().code, None);
    talk(errand::text(&started.dir)).unwrap();
}

#[test]
fn a_terminal_that_was_closed_is_opened_again() {
    let place = Place::new();
    let script = "exec </dev/null >/dev/null 2>&1; touch closed; while [ ! -e go ]; do sleep 0.05; done; \
                  exec </dev/tty >/dev/tty 2>&1; echo back; while read line; do echo \"heard $line\"; done; exit 4";
    let started = place.sh(script);
    wait_until("the program to close it", || place.path().join("closed").exists().then_some(()));
    talk(async {
        let mut viewer = Viewer::from_start(&started).await;
        // Both of its ends have hung up by now, and both of the holder's know.
        viewer.type_in("for nobody, or for later\r").await;
        errand::text(&started.dir).await.unwrap();
        std::fs::write(place.path().join("go"), "").unwrap();
        viewer.until_text("back").await;
        viewer.type_in("a word\r").await;
        viewer.until_text("heard a word").await;
        viewer.type_in("\x04").await;
        assert_eq!(viewer.until_exit().await.code, Some(4));
    });
}

#[test]
fn a_closed_terminal_with_input_unread_is_opened_again() {
    let place = Place::new();
    let then = "exec </dev/null >/dev/null 2>&1; touch closed; while [ ! -e again ]; do sleep 0.05; done; \
                exec </dev/tty >/dev/tty 2>&1; stty sane; echo back; \
                while read line; do echo \"heard ${line##*x}\"; done";
    let started = full(&place, then);
    talk(async {
        let mut viewer = Viewer::window(&started, place.size).await;
        std::fs::write(place.path().join("go"), "").unwrap();
        wait_until("the program to close it", || place.path().join("closed").exists().then_some(()));
        errand::text(&started.dir).await.unwrap();
        std::fs::write(place.path().join("again"), "").unwrap();
        viewer.until_text("back").await;
        // What was unread before comes first, as far as it was kept.
        viewer.type_in("\ra word\r").await;
        viewer.until_text("heard a word").await;
    });
    signal(started.pid, libc::SIGKILL);
    talk(errand::wait_exit(&started.dir, None)).unwrap();
}

#[test]
fn what_is_written_right_before_the_end_is_told_after_a_terminal_was_reopened() {
    let place = Place::new();
    for _ in 0..10 {
        let script = "exec </dev/null >/dev/null 2>&1; touch closed; while [ ! -e go ]; do sleep 0.01; done; \
                      echo last words >/dev/tty; exit 5";
        let started = place.sh(script);
        wait_until("the program to close it", || place.path().join("closed").exists().then_some(()));
        talk(async {
            let mut viewer = Viewer::window(&started, place.size).await;
            viewer.until("the screen", |it| it.snapshots == 1).await;
            std::fs::write(place.path().join("go"), "").unwrap();
            viewer.until_exit().await;
            assert!(viewer.text().contains("last words"), "{:?}", viewer.text());
        });
        std::fs::remove_file(place.path().join("go")).unwrap();
        std::fs::remove_file(place.path().join("closed")).unwrap();
    }
}
