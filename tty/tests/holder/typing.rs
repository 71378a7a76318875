//! Input that a program does not take.

use crate::support::{Place, Viewer, talk, wait_until};
use magia_tty::Started;
use magia_tty::client::{connect, errand};
use magia_tty::screen::Screen;
use magia_tty::wire::{FromHolder, Hello, ToHolder};
use std::rc::Rc;
use tokio::task::{LocalSet, spawn_local};

const MB: usize = 1_000_000;
/// What all input that waits may be together, and a little more than what is on its way to the holder of one client.
const ALL: usize = 4 * 1024 * 1024;
const ON_ITS_WAY: usize = 400_000;

/// A program that reads nothing until there is a file `go`, then does something.
fn reads_nothing(place: &Place, then: &str) -> Started {
    place.sh(&format!("stty raw -echo; echo ready; while [ ! -e go ]; do sleep 0.05; done; {then}"))
}

/// Types a megabyte, and waits for the holder to have taken it.
async fn type_a_megabyte(started: &Started) {
    let (mut reader, mut writer) = connect(&started.dir, Hello::default()).await.unwrap();
    writer.input(&vec![b'x'; MB]).await.unwrap();
    writer.say(&ToHolder::Heartbeat(b"done".to_vec())).await.unwrap();
    while !matches!(reader.next().await.unwrap(), Some(FromHolder::Heartbeat(_))) {}
}

/// Has clients type a megabyte each and go, until the holder takes no more.
async fn fill(started: &Rc<Started>) {
    errand::wait_text(&started.dir, "ready", None).await.unwrap();
    for _ in 0..4 {
        type_a_megabyte(started).await;
    }
    let typing: Vec<_> = (0..4)
        .map(|_| {
            let started = Rc::clone(started);
            spawn_local(async move { type_a_megabyte(&started).await })
        })
        .collect();
    // What is taken of them is taken by the time that others have had their turns.
    for _ in 0..5 {
        errand::text(&started.dir).await.unwrap();
    }
    for task in typing {
        task.abort();
    }
}

#[test]
fn all_input_that_waits_is_bounded_whoever_typed_it() {
    let place = Place::new();
    let started = Rc::new(reads_nothing(&place, "head -n 1 | wc -c; cat"));
    talk(LocalSet::new().run_until(async {
        fill(&started).await;
        let mut viewer = Viewer::window(&started, place.size).await;
        std::fs::write(place.path().join("go"), "").unwrap();
        viewer.type_in("\n").await;
        let count = |it: &Viewer| it.text().split_whitespace().find_map(|word| word.parse::<usize>().ok());
        viewer.until("the count", |it| count(it).is_some()).await;
        let count = count(&viewer).unwrap();
        assert!((4 * MB..ALL + 5 * ON_ITS_WAY).contains(&count), "{count}");
    }));
}

#[test]
fn output_goes_on_for_a_client_that_acknowledges_and_pastes_more_than_is_taken() {
    let place = Place::new();
    let started = reads_nothing(&place, "seq 1 300000; echo ALL; exec sleep 1000");
    talk(LocalSet::new().run_until(async {
        errand::wait_text(&started.dir, "ready", None).await.unwrap();
        let (mut reader, mut writer) = connect(&started.dir, Hello::window(place.size)).await.unwrap();
        spawn_local(async move {
            writer.acknowledge(0).await.unwrap();
            // Whatever it would acknowledge now comes after this.
            writer.input(&vec![b'x'; 4 * MB]).await.unwrap();
        });
        std::fs::write(place.path().join("go"), "").unwrap();
        let mut screen = Screen::new(magia_tty::screen::Size::cells(place.size.cols, place.size.rows), 0);
        while !screen.text(false).contains("ALL") {
            match reader.next().await.unwrap().expect("the holder to stay") {
                FromHolder::Snapshot { data, .. } => screen = Screen::restore(&data, 0).unwrap(),
                FromHolder::Output { bytes, .. } => screen.advance(&bytes),
                _ => {}
            }
            screen.take_events();
        }
    }));
}

#[test]
fn clients_that_have_gone_with_their_input_unread_keep_nobody_out() {
    let place = Place::new();
    let started = Rc::new(reads_nothing(&place, "cat"));
    talk(LocalSet::new().run_until(async {
        fill(&started).await;
        for _ in 0..70 {
            // Refused once there are too many: those before it have not been missed yet.
            if let Ok((_reader, mut writer)) = connect(&started.dir, Hello::default()).await {
                writer.input(&[b'x'; 100_000]).await.unwrap();
            }
        }
    }));
    let is_answered = || talk(errand::text(&started.dir)).ok();
    wait_until("the holder to miss them", is_answered);
    talk(errand::kill(&started.dir, None)).unwrap();
}
