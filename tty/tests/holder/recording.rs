//! The recording: what is in it, how long it gets, and what happens when the disk refuses.

use crate::support::{Place, Viewer, record, talk, wait_until};
use magia_tty::Size;
use magia_tty::client::errand;
use magia_tty::directory::{Page, older, pages};
use magia_tty::screen::{self, Screen};
use magia_tty::wire::Format;
use serde_json::Value;
use std::path::Path;

/// Colours, cursor movement, the alternate screen and back, wide characters, some of it cut by the kernel anywhere.
const SHOW: &str = "i=0; while [ $i -lt 300 ]; do printf '\\033[3%dmline %d \\033[1;4mbold\\033[m \\342\\202\\254 \\347\\225\\214\\r\\n' \
    $((i % 8)) $i; i=$((i+1)); done; printf '\\033[?1049h\\033[2;2Hgone\\033[?1049l'; \
    printf '\\033[5;10Hhere\\033[31;44m\\033[?2004h'; printf SHOWN; cat";

fn events(path: &Path) -> (Value, Vec<(f64, String, String)>) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header = serde_json::from_str(lines.next().unwrap()).unwrap();
    (header, lines.map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// The screen after a recording was played, as any player would.
fn played(path: &Path, history: usize) -> Screen {
    let (header, events) = events(path);
    let side = |name: &str| u16::try_from(header[name].as_u64().unwrap()).unwrap();
    let mut screen = Screen::new(screen::Size::cells(side("width"), side("height")), history);
    for (_, kind, text) in events {
        match kind.as_str() {
            "o" => screen.advance(text.as_bytes()),
            "r" => {
                let size: Size = text.parse().unwrap();
                screen.resize(screen::Size::cells(size.cols, size.rows));
            }
            "m" => {}
            other => panic!("an event of kind {other}"),
        }
        screen.take_events();
    }
    screen
}

/// The screen that the holder has.
fn held(dir: &Path) -> Screen {
    let state = talk(errand::screen(dir, Format::State)).unwrap();
    Screen::restore(&state, 100_000).unwrap()
}

/// Waits until what the disk has is all there was.
fn on_disk(started: &magia_tty::Started, mark: &str) {
    let path = started.dir.join("stdout");
    wait_until("the recording's end", || {
        std::fs::read_to_string(&path).ok().filter(|text| text.contains(mark))
    });
}

#[test]
fn what_a_new_view_has_not_is_read_from_the_recording() {
    let mut place = Place::new();
    // So that there are several places to begin to read at.
    place.tuning.recording_max_bytes = 1024 * 1024;
    let count = "i=0; while [ $i -lt 6000 ]; do echo \"line $i\"; i=$((i+1)); done; printf SHOWN; cat";
    let started = place.sh(count);
    talk(errand::wait_text(&started.dir, "SHOWN", None)).unwrap();
    on_disk(&started, "SHOWN");
    assert!(pages(&started.dir).unwrap().len() > 1);
    let state = talk(errand::screen(&started.dir, Format::State)).unwrap();
    let mut view = Screen::restore(&state, 10_000).unwrap();
    let known = view.history_size();
    assert!(known < 1000, "a holder keeps few lines");
    let all: String = (0..6000).map(|line| format!("line {line}\n")).collect::<String>() + "SHOWN\n";
    let tail = view.text(true);
    assert!(all.ends_with(&tail) && tail.len() < all.len());
    let shown = view.text(false);
    view.put_above(older(&started.dir, u64::MAX, known, 10_000).unwrap());
    assert_eq!((view.text(true), view.text(false)), (all, shown));
    // Only so many as there is room for, the newest.
    let mut small = Screen::restore(&state, known + 7).unwrap();
    small.put_above(older(&started.dir, u64::MAX, known, 10_000).unwrap());
    assert_eq!(small.history_size(), known + 7);
    assert!(view.text(true).ends_with(&small.text(true)));
}

#[test]
fn a_recording_plays_to_the_screen_that_was_and_holds_no_input() {
    let place = Place::new();
    let started = place.sh(&format!("stty -echo; {SHOW}"));
    talk(async {
        let mut viewer = Viewer::window(&started, Size::new(100, 30)).await;
        viewer.until("its size", |it| it.size == Some(Size::new(100, 30))).await;
        errand::wait_text(&started.dir, "SHOWN", None).await.unwrap();
        viewer.writer.resize(Size::new(90, 20)).await.unwrap();
        viewer.until("its size", |it| it.size == Some(Size::new(90, 20))).await;
        viewer.type_in("a secret\r").await;
        viewer.until_text("a secret").await;
        viewer.type_in("\x04").await;
        viewer.until_exit().await;
    });
    let path = started.dir.join("stdout");
    let (header, events) = events(&path);
    assert_eq!(header["version"], 2);
    let env: Vec<&String> = header["env"].as_object().unwrap().keys().collect();
    assert!(env.iter().all(|name| ["TERM", "SHELL"].contains(&name.as_str())), "{env:?}");
    assert!(events.iter().all(|(_, kind, _)| ["o", "r"].contains(&kind.as_str())));
    assert!(events.windows(2).all(|pair| pair[0].0 <= pair[1].0), "times go forward");
    assert_eq!(played(&path, 500).snapshot(), held(&started.dir).snapshot());
}

#[test]
fn a_recording_has_an_end_and_each_part_plays_by_itself() {
    let mut place = Place::new();
    place.tuning.recording_max_bytes = 1024 * 1024;
    let started = place.sh(&format!("seq 1 400000; {SHOW}"));
    talk(errand::wait_text(&started.dir, "SHOWN", None)).unwrap();
    on_disk(&started, "SHOWN");
    let sizes: Vec<u64> = ["stdout", "stdout.1", "stdout.index", "stdout.index.1"]
        .iter()
        .map(|name| std::fs::metadata(started.dir.join(name)).unwrap().len())
        .collect();
    assert!(sizes.iter().sum::<u64>() <= 1024 * 1024, "{sizes:?}");
    assert!(sizes[1] > 256 * 1024, "the older part is full: {sizes:?}");
    let played = played(&started.dir.join("stdout"), 500);
    assert_eq!(played.text(false), held(&started.dir).text(false));
    assert_eq!(played.ansi(false), held(&started.dir).ansi(false));
}

#[test]
fn pages_of_the_recording_are_the_whole_scrollback() {
    let mut place = Place::new();
    place.tuning.recording_max_bytes = 8 * 1024 * 1024;
    let started = place.sh("seq 1 200000; printf LAST; cat");
    talk(errand::wait_text(&started.dir, "LAST", None)).unwrap();
    on_disk(&started, "LAST");
    let pages: Vec<Page> = pages(&started.dir).unwrap();
    assert!(pages.len() >= 3, "{}", pages.len());
    let mut lines: Vec<String> = Vec::new();
    let mut last = String::new();
    for page in &pages {
        let screen = page.screen(100_000, None).unwrap();
        let (all, shown) = (screen.text(true), screen.text(false));
        lines.extend(all.strip_suffix(&shown).unwrap().lines().map(str::to_owned));
        last = shown;
    }
    lines.extend(last.lines().map(str::to_owned));
    let expected: Vec<String> = (1..=200_000).map(|n| n.to_string()).chain(["LAST".to_owned()]).collect();
    assert_eq!(lines.len(), expected.len());
    assert_eq!(lines, expected);
    let page = &pages[1];
    let begun = page.screen(10, page.seq).unwrap();
    assert_eq!(
        begun.text(true),
        pages[0].screen(0, None).unwrap().text(false),
        "a page begins where the last one ends"
    );
}

/// Lets a process write files of so many bytes at most: for it, the disk is full.
fn limit_files(pid: u32, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: reads a local.
    let done =
        unsafe { libc::prlimit(pid as i32, libc::RLIMIT_FSIZE, &raw const limit, std::ptr::null_mut()) };
    assert_eq!(done, 0);
}

#[test]
fn a_full_disk_is_said_and_the_output_goes_on() {
    let place = Place::new();
    let started = place.sh("while read n; do seq 1 $n; echo DONE $n; done");
    limit_files(started.holder_pid, 100_000);
    let go = |count: &str| {
        talk(async {
            errand::type_in(&started.dir, format!("{count}\r").as_bytes()).await.unwrap();
            errand::wait_text(&started.dir, &format!("DONE {count}"), None).await.unwrap();
        });
    };
    go("100000");
    let faulty =
        wait_until("the fault on disk", || Some(record(&started)).filter(|it| it.recording.error.is_some()));
    assert!(faulty.recording.lost_bytes > 100_000, "{:?}", faulty.recording);
    let said = talk(async { Viewer::window(&started, place.size).await.reader.hello().recording.clone() });
    assert!(said.error.is_some());
    assert!(std::fs::metadata(started.dir.join("stdout")).unwrap().len() <= 100_000);

    limit_files(started.holder_pid, libc::RLIM_INFINITY);
    go("200000");
    wait_until("the fault to be over", || Some(record(&started)).filter(|it| it.recording.error.is_none()));
    go("30");
    on_disk(&started, "DONE 30");
    let path = started.dir.join("stdout");
    let marks = events(&path).1.into_iter().filter(|(_, kind, _)| kind == "m").count();
    assert!(marks > 0, "the gap is marked");
    assert_eq!(played(&path, 500).text(false), held(&started.dir).text(false));
}

#[test]
fn a_recording_that_cannot_even_begin_does_not_matter() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    talk(async {
        let mut viewer = Viewer::window(&started, place.size).await;
        std::fs::remove_dir_all(&started.dir).unwrap();
        viewer.type_in("on\r").await;
        viewer.until_text("on\r\non").await;
        viewer.type_in("\x04").await;
        viewer.until_exit().await;
    });
}
