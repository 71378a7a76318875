//! What clients see, and that they may go as they like.

use crate::support::{Place, Viewer, record, talk, wait_until};
use magia_tty::client::errand::{self, ErrandError};
use magia_tty::client::{ClientError, connect};
use magia_tty::directory::SessionStatus;
use magia_tty::wire::{ClientKind, Format, Hello, WIRE_MAX};
use std::time::Duration;

#[test]
fn questions_are_answered_with_nobody_there() {
    let place = Place::new();
    let script = "stty raw -echo min 1 time 50; printf '\\033[6n'; head -c 6 > cursor; printf '\\033[5n'; head -c 4 > status; \
                  printf '\\033[c'; head -c 3 > attributes; echo DONE; cat";
    let started = place.sh(script);
    wait_until("the answers", || {
        std::fs::read(place.path().join("attributes")).ok().filter(|it| it.len() == 3)
    });
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).unwrap();
    assert_eq!(read("cursor"), "\x1b[1;1R");
    assert_eq!(read("status"), "\x1b[0n");
    assert_eq!(read("attributes"), "\x1b[?");
    talk(errand::wait_text(&started.dir, "DONE", None)).unwrap();
}

#[test]
fn errands_type_look_and_wait() {
    let place = Place::new();
    let started = place.sh("printf '\\033]0;a title\\007'; echo one; read line; echo \"got $line\"; sleep 0.3; echo late; read line; exit 4");
    talk(async {
        let dir = &started.dir;
        assert!(errand::wait_text(dir, "one", None).await.unwrap().starts_with("one\n"));
        let soon = Some(Duration::from_millis(50));
        assert!(matches!(errand::wait_text(dir, "never", soon).await, Err(ErrandError::TimedOut)));
        assert!(matches!(errand::wait_exit(dir, soon).await, Err(ErrandError::TimedOut)));
        errand::type_in(dir, b"it\r").await.unwrap();
        errand::wait_text(dir, "got it", None).await.unwrap();
        errand::wait_quiet(dir, Duration::from_millis(900), None).await.unwrap();
        let text = errand::text(dir).await.unwrap();
        assert_eq!(text.lines().take(4).collect::<Vec<_>>(), ["one", "it", "got it", "late"]);
        let ansi = errand::screen(dir, Format::Ansi).await.unwrap();
        assert!(String::from_utf8_lossy(&ansi).contains("got it"));
        errand::rename(dir, "new\u{1b}[31m name").await.unwrap();
        errand::type_in(dir, b"\r").await.unwrap();
        assert_eq!(errand::wait_exit(dir, None).await.unwrap().code, Some(4));
        assert!(
            matches!(errand::wait_text(dir, "never", None).await, Err(ErrandError::Ended(exit)) if exit.code == Some(4))
        );
        assert!(matches!(
            errand::type_in(dir, b"x").await,
            Err(ErrandError::Refused(_) | ErrandError::Ended(_))
        ));
    });
    let record = wait_until("the end on disk", || {
        let record = record(&started);
        (record.status == SessionStatus::Exited).then_some(record)
    });
    assert_eq!((record.name.as_str(), record.title.as_deref()), ("new[31m name", Some("a title")));
}

#[test]
fn what_the_last_screen_shows_is_there_although_the_program_has_ended() {
    let place = Place::new();
    for _ in 0..10 {
        let started = place.sh("echo wanted; exit 4");
        talk(async {
            // Output and end in one piece, and then the screen and the end.
            assert!(errand::wait_text(&started.dir, "wanted", None).await.unwrap().starts_with("wanted\n"));
            errand::wait_exit(&started.dir, None).await.unwrap();
            assert!(errand::wait_text(&started.dir, "wanted", None).await.unwrap().starts_with("wanted\n"));
            let never = errand::wait_text(&started.dir, "never", None).await;
            assert!(matches!(never, Err(ErrandError::Ended(exit)) if exit.code == Some(4)), "{never:?}");
        });
    }
}

#[test]
fn whoever_started_it_sees_its_first_output_although_others_came_before() {
    let place = Place::new();
    let started = place.sh("printf '\\033[31mfirst\\033[m'; cat");
    talk(async {
        // As the app follows it, as a script looks at it, and as somebody looks on.
        let _follower = connect(&started.dir, Hello::default()).await.unwrap();
        errand::wait_text(&started.dir, "first", None).await.unwrap();
        let looks = Hello { read_only: true, from_start: true, ..Hello::default() };
        let _looker = connect(&started.dir, looks).await.unwrap();
        let mut starter = Viewer::from_start(&started).await;
        starter.until("the first output", |it| it.output.starts_with(b"\x1b[31mfirst\x1b[m")).await;
        assert_eq!(starter.snapshots, 0);
        // It is for one alone.
        let mut second = Viewer::from_start(&started).await;
        second.until("the screen", |it| it.snapshots == 1).await;
    });
}

#[test]
fn what_is_typed_may_end_the_program() {
    let place = Place::new();
    for _ in 0..20 {
        let started = place.sh("read line");
        talk(async {
            errand::type_in(&started.dir, b"\r").await.unwrap();
            errand::wait_exit(&started.dir, None).await.unwrap();
            let late = errand::type_in(&started.dir, b"x").await;
            assert!(matches!(late, Err(ErrandError::Refused(_) | ErrandError::Ended(_))), "{late:?}");
        });
    }
}

#[test]
fn a_client_that_vanishes_takes_nothing_with_it() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    talk(async {
        let mut stays = Viewer::window(&started, place.size).await;
        for _ in 0..50 {
            let (reader, mut writer) = connect(&started.dir, Hello::window(place.size)).await.unwrap();
            writer.input(b"x").await.unwrap();
            drop((reader, writer));
        }
        stays.type_in("\r").await;
        stays.until_text(&format!("{0}\r\n{0}", "x".repeat(50))).await;
    });
}

#[test]
fn an_arrival_is_told_before_and_after_it_is_asked_for() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    talk(async {
        let none = errand::wait_attached(&started.dir, "c0ffee", Duration::from_millis(50)).await;
        assert!(matches!(none, Err(ErrandError::TimedOut)));
        let arrive = async {
            let hello =
                Hello { nonce: Some("c0ffee".to_owned()), ..Hello::new(ClientKind::Terminal, Format::Ansi) };
            connect(&started.dir, hello).await.unwrap()
        };
        let (told, client) =
            tokio::join!(errand::wait_attached(&started.dir, "c0ffee", Duration::from_secs(20)), arrive);
        told.unwrap();
        drop(client);
        errand::wait_attached(&started.dir, "c0ffee", Duration::from_secs(20)).await.unwrap();
        let other = errand::wait_attached(&started.dir, "bad", Duration::from_millis(50)).await;
        assert!(matches!(other, Err(ErrandError::TimedOut)));
    });
}

#[test]
fn the_agent_of_whoever_attached_last_is_used() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    let link = started.dir.join("ssh-auth.sock");
    talk(async {
        for agent in ["/tmp/agent-one", "/tmp/agent-two"] {
            let hello = Hello { ssh_auth_sock: Some(agent.to_owned()), ..Hello::default() };
            let _client = connect(&started.dir, hello).await.unwrap();
            assert_eq!(std::fs::read_link(&link).unwrap().to_str(), Some(agent));
        }
        for odd in ["relative", "", link.to_str().unwrap()] {
            let hello = Hello { ssh_auth_sock: Some(odd.to_owned()), ..Hello::default() };
            let _client = connect(&started.dir, hello).await.unwrap();
            assert_eq!(std::fs::read_link(&link).unwrap().to_str(), Some("/tmp/agent-two"));
        }
    });
}

#[test]
fn versions_are_agreed_on() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    talk(async {
        let newer = Hello { min: 1, max: WIRE_MAX + 5, ..Hello::default() };
        let (reader, _writer) = connect(&started.dir, newer).await.unwrap();
        assert_eq!(reader.hello().wire, WIRE_MAX);
        assert_eq!((reader.hello().pid, reader.hello().holder_pid), (started.pid, started.holder_pid));
        let far = Hello { min: WIRE_MAX + 1, max: WIRE_MAX + 5, ..Hello::default() };
        assert!(
            matches!(connect(&started.dir, far).await, Err(ClientError::Version { max, .. }) if max == WIRE_MAX)
        );
    });
}

#[test]
fn all_clients_see_the_same_bytes() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    talk(async {
        let mut viewers = vec![Viewer::window(&started, place.size).await];
        viewers.push(Viewer::new(&started, Hello { read_only: true, ..Hello::window(place.size) }).await);
        viewers.push(Viewer::new(&started, Hello::new(ClientKind::Http, Format::Ansi)).await);
        let mut none = Viewer::new(&started, Hello::default()).await;
        viewers[0].type_in("for everybody\r").await;
        for viewer in &mut viewers {
            viewer.until_text("for everybody\r\nfor everybody\r\n").await;
            assert_eq!(viewer.snapshots, 1);
        }
        none.type_in("\x04").await;
        assert_eq!(none.until_exit().await.code, Some(0));
        assert!(none.output.is_empty());
        for viewer in &mut viewers {
            viewer.until_exit().await;
        }
        assert!(matches!(viewers[0].reader.next_read(), Ok(None)));
    });
}
