//! Output without anybody, and with clients that do not keep up.

use crate::support::{Place, Viewer, record, talk, wait_until};
use magia_tty::wire::{ClientKind, Format, Hello, ToHolder};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use tokio::task::LocalSet;

const MIB: usize = 1024 * 1024;

/// A program that writes so many MiB of numbered lines and says so at the end.
fn flood(mib: usize) -> String {
    format!("seq -f '%014.0f' 1 {} ; echo FLOODED; cat", mib * MIB / 16)
}

#[test]
fn fifty_megabytes_flow_with_nobody_looking() {
    let place = Place::new();
    let started = place.sh(&flood(50).replace("; cat", "; touch flowed; cat"));
    wait_until("the program to have written all", || place.path().join("flowed").exists().then_some(()));
    talk(async {
        magia_tty::client::errand::wait_text(&started.dir, "FLOODED", None).await.unwrap();
        let viewer = Viewer::window(&started, place.size).await;
        assert!(viewer.reader.hello().quiet_ms < 60_000);
    });
    let rss_kib = wait_until("the holder's memory", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", started.holder_pid)).ok()?;
        status.lines().find_map(|line| {
            line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
        })
    });
    assert!(rss_kib < 64 * 1024, "memory does not grow with the output: {rss_kib} KiB");
    assert_eq!(record(&started).recording.error, None);
}

#[test]
fn four_read_on_while_one_never_reads() {
    let place = Place::new();
    let started = place.sh(&format!("read go; {}", flood(8)));
    // It says hello as a client should, and never reads.
    let mut deaf = UnixStream::connect(started.dir.join("ipc.sock")).unwrap();
    deaf.write_all(&ToHolder::Hello(Hello::window(place.size)).to_bytes()).unwrap();
    let texts = talk(LocalSet::new().run_until(async {
        let mut viewers = Vec::new();
        for _ in 0..4 {
            viewers.push(Viewer::window(&started, place.size).await);
        }
        viewers[0].type_in("go\r").await;
        let reading = viewers.into_iter().map(|mut viewer| {
            tokio::task::spawn_local(async move {
                let is_told = |it: &Viewer| {
                    it.output.ends_with(b"FLOODED\r\n") || it.shown.trim_end().ends_with("FLOODED")
                };
                viewer.until("the end of the flood", is_told).await;
                (viewer.seq, viewer.snapshots)
            })
        });
        let mut ends = Vec::new();
        for end in reading.collect::<Vec<_>>() {
            ends.push(end.await.unwrap());
        }
        ends
    }));
    let ends: Vec<u64> = texts.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(ends, [ends[0]; 4], "all have seen the same output to its end");
    assert!(ends[0] as usize >= 8 * MIB);
    // What was kept for the deaf one is bounded: what it gets now is a part of the output, then a snapshot.
    deaf.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut heard = Vec::new();
    let mut piece = vec![0; MIB];
    while let Ok(count @ 1..) = deaf.read(&mut piece) {
        heard.extend_from_slice(&piece[..count]);
        if heard.len() > 8 * MIB {
            break;
        }
    }
    assert!(heard.len() < 4 * MIB, "{} bytes had been kept", heard.len());
}

#[test]
fn a_slow_client_comes_to_the_same_screen() {
    let place = Place::new();
    let started = place.sh(&format!("read go; {}", flood(6)));
    talk(async {
        let mut slow = Viewer::window(&started, place.size).await;
        slow.type_in("go\r").await;
        // Others see the end before this one reads at all.
        magia_tty::client::errand::wait_text(&started.dir, "FLOODED", None).await.unwrap();
        slow.until("a second snapshot", |it| it.snapshots == 2).await;
        let expected = magia_tty::client::errand::screen(&started.dir, Format::State).await.unwrap();
        let (mut reader, _writer) =
            magia_tty::client::connect(&started.dir, Hello::window(place.size)).await.unwrap();
        let shown = loop {
            if let Some(magia_tty::wire::FromHolder::Snapshot { data, seq, .. }) =
                reader.next().await.unwrap()
            {
                assert_eq!(seq, slow.seq);
                break data;
            }
        };
        assert_eq!(shown, expected);
    });
}

#[test]
fn a_client_that_acknowledges_is_not_ahead_of_itself() {
    let place = Place::new();
    let started = place.sh(&format!("read go; {}", flood(4)));
    talk(async {
        let mut careful = Viewer::window(&started, place.size).await;
        careful.until("the screen", |it| it.snapshots == 1).await;
        let begun = careful.seq;
        careful.writer.acknowledge(begun).await.unwrap();
        careful.type_in("go\r").await;
        magia_tty::client::errand::wait_text(&started.dir, "FLOODED", None).await.unwrap();
        // Everything that comes without another word of ours is within the window.
        careful.writer.say(&ToHolder::Heartbeat(b"x".to_vec())).await.unwrap();
        while let Ok(true) = tokio::time::timeout(Duration::from_millis(500), careful.step()).await {}
        assert!(careful.output.len() <= 640 * 1024, "{}", careful.output.len());
        while (careful.seq as usize) < 4 * MIB {
            careful.writer.acknowledge(careful.seq).await.unwrap();
            careful.step().await;
        }
        assert!(careful.snapshots > 1);
    });
}

#[test]
fn the_last_words_reach_clients_that_are_behind() {
    let mut place = Place::new();
    place.tuning.linger = Duration::from_secs(3_600);
    let started = place.sh("read go; seq 1 400000; echo FATAL; exit 3");
    talk(async {
        let mut slow = Viewer::window(&started, place.size).await;
        let mut careful = Viewer::window(&started, place.size).await;
        let mut hidden = Viewer::window(&started, place.size).await;
        careful.writer.acknowledge(0).await.unwrap();
        hidden.writer.pause(true).await.unwrap();
        slow.type_in("go\r").await;
        assert_eq!(magia_tty::client::errand::wait_exit(&started.dir, None).await.unwrap().code, Some(3));
        // None of them has read anything so far.
        for viewer in [&mut slow, &mut careful, &mut hidden] {
            assert_eq!(viewer.until_exit().await.code, Some(3));
            assert!(viewer.text().contains("FATAL"), "{}", viewer.snapshots);
            assert_eq!(viewer.snapshots, 2);
        }
    });
}

#[test]
fn a_holder_that_does_not_stay_tells_all_before_it_leaves() {
    let mut place = Place::new();
    place.tuning.linger = Duration::ZERO;
    let started = place.sh("read go; seq 1 90000; echo FATAL; exit 3");
    talk(async {
        let viewer = Viewer::window(&started, place.size).await;
        let mut careful = Viewer::window(&started, place.size).await;
        careful.until("the screen", |it| it.snapshots == 1).await;
        careful.writer.acknowledge(0).await.unwrap();
        careful.type_in("go\r").await;
        let told = async |mut viewer: Viewer| {
            assert_eq!(viewer.until_exit().await.code, Some(3));
            assert!(viewer.text().contains("FATAL"), "{}", viewer.snapshots);
            assert!(!viewer.step().await, "it hangs up");
        };
        tokio::join!(told(viewer), told(careful));
    });
}

#[test]
fn a_pause_holds_the_output_back() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    talk(async {
        let mut hidden = Viewer::window(&started, place.size).await;
        hidden.until("the screen", |it| it.snapshots == 1).await;
        hidden.writer.pause(true).await.unwrap();
        hidden.type_in("unseen\r").await;
        magia_tty::client::errand::wait_text(&started.dir, "unseen\nunseen", None).await.unwrap();
        hidden.writer.pause(false).await.unwrap();
        hidden.until("a snapshot", |it| it.snapshots == 2).await;
        assert!(hidden.output.is_empty());
    });
}

#[test]
fn input_waits_for_a_program_that_does_not_read_and_the_others_go_on() {
    let place = Place::new();
    let started = place.sh(
        "stty raw -echo; echo ready; while [ ! -e go ]; do sleep 0.05; done; head -c 3000000 | wc -c; cat",
    );
    talk(LocalSet::new().run_until(async {
        let mut viewer = Viewer::from_start(&started).await;
        viewer.until_text("ready").await;
        let mut typist = Viewer::new(&started, Hello::new(ClientKind::Script, Format::None)).await;
        let typing = tokio::task::spawn_local(async move {
            typist.type_in(&"x".repeat(3_000_000)).await;
            typist
        });
        // The holder answers all the same.
        for _ in 0..3 {
            magia_tty::client::errand::text(&started.dir).await.unwrap();
        }
        std::fs::write(place.path().join("go"), "").unwrap();
        viewer.until_text("3000000").await;
        typing.await.unwrap();
    }));
}
