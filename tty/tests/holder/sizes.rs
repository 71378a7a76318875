//! Whose size holds.

use crate::support::{Place, Viewer, record, talk, wait_until};
use magia_tty::Size;
use magia_tty::client::errand;
use magia_tty::wire::Hello;

const WIDE: Size = Size::new(120, 40);
const SMALL: Size = Size::new(60, 20);

#[test]
fn the_last_to_type_decides_and_leaves_the_size_to_the_one_before() {
    let place = Place::new();
    let started = place.sh("trap 'stty size' WINCH; echo ready; while :; do read line; done");
    talk(async {
        let mut wide = Viewer::window(&started, WIDE).await;
        wide.until("its size and role", |it| it.size == Some(WIDE) && it.is_owner).await;
        let mut small = Viewer::window(&started, SMALL).await;
        small.until("the size of the other", |it| it.size == Some(WIDE)).await;
        small.type_in("x").await;
        wide.until("the other's size", |it| it.size == Some(SMALL) && !it.is_owner).await;
        small.until("its own size", |it| it.size == Some(SMALL) && it.is_owner).await;
        wide.writer.focus().await.unwrap();
        wide.until("its size back", |it| it.size == Some(WIDE) && it.is_owner).await;
        small.writer.resize(Size::new(61, 21)).await.unwrap();
        small.type_in("y").await;
        wide.until("the other's new size", |it| it.size == Some(Size::new(61, 21))).await;
        wide.until_text("21 61").await;
        drop(small);
        wide.until("its size, the other having left", |it| it.size == Some(WIDE) && it.is_owner).await;
        wide.writer.reset_size().await.unwrap();
        wide.until("no role", |it| !it.is_owner).await;
    });
    wait_until("the size on disk", || {
        let record = record(&started);
        ((record.cols, record.rows) == (WIDE.cols, WIDE.rows)).then_some(())
    });
    let record = record(&started);
    assert_eq!((record.initial_cols, record.initial_rows), (80, 24));
}

#[test]
fn a_program_is_told_the_size_in_pixels_too() {
    let place = Place::new();
    let ask = r#"my $w = "\0" x 8; ioctl(STDIN, 0x5413, $w) or die; print join(" ", unpack("S4", $w)), "\n"; <STDIN>"#;
    let started = place.sh(&format!("read go; exec perl -e '{ask}'"));
    talk(async {
        let size = Size::new(100, 30).with_cell(9, 18);
        let mut viewer = Viewer::window(&started, size).await;
        viewer.until("its size", |it| it.size == Some(size)).await;
        viewer.type_in("\r").await;
        viewer.until_text("30 100 900 540").await;
        // A client that knows no pixels says none.
        let mut other = Viewer::window(&started, SMALL).await;
        other.type_in(" ").await;
        viewer.until("the other's size", |it| it.size == Some(SMALL)).await;
    });
}

#[test]
fn a_client_that_only_reads_changes_nothing() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    talk(async {
        let mut viewer = Viewer::window(&started, WIDE).await;
        viewer.until("its size", |it| it.size == Some(WIDE)).await;
        let mut reader =
            Viewer::new(&started, Hello { read_only: true, focus: true, ..Hello::window(SMALL) }).await;
        reader.type_in("not this").await;
        reader.writer.resize(SMALL).await.unwrap();
        reader.writer.kill(None).await.unwrap();
        reader.until("three refusals", |it| it.faults == ["READ_ONLY"; 3]).await;
        viewer.type_in("but this\r").await;
        viewer.until_text("but this\r\nbut this").await;
        assert!(!viewer.text().contains("not this"));
        assert_eq!(viewer.size, Some(WIDE));
    });
}

#[test]
fn zero_and_equal_sizes_are_nothing_and_storms_end_at_the_last_one() {
    let place = Place::new();
    let started = place.sh("trap 'stty size' WINCH; echo ready; while :; do read line; done");
    talk(async {
        let mut viewer = Viewer::window(&started, WIDE).await;
        viewer.until_text("ready").await;
        for size in [Size::new(0, 0), Size::new(0, 40), Size::new(120, 0), WIDE] {
            viewer.writer.resize(size).await.unwrap();
        }
        for cols in 1..=200 {
            viewer.writer.resize(Size::new(cols, 30)).await.unwrap();
        }
        viewer.until("the last size", |it| it.size == Some(Size::new(200, 30))).await;
        viewer.until_text("30 200").await;
        let told = viewer.text().matches("stty").count();
        assert!(told < 100, "{told}");
        viewer.writer.resize(Size::new(u16::MAX, u16::MAX)).await.unwrap();
        viewer.until("a size with an end", |it| it.size == Some(Size::new(1000, 1000))).await;
    });
}

#[test]
fn a_script_sets_the_size_until_its_user_acts() {
    let place = Place::new();
    let started = place.start(&["/bin/cat"]);
    talk(async {
        errand::resize(&started.dir, SMALL).await.unwrap();
        let mut looker = Viewer::new(&started, Hello { size: None, ..Hello::window(WIDE) }).await;
        looker.until("the size", |it| it.size == Some(SMALL)).await;
        let mut user = Viewer::window(&started, WIDE).await;
        user.until("its size", |it| it.size == Some(WIDE)).await;
        errand::resize(&started.dir, SMALL).await.unwrap();
        user.until("the script's", |it| it.size == Some(SMALL)).await;
        user.type_in("keys do not undo it\r").await;
        user.until_text("it\r\n").await;
        assert_eq!(user.size, Some(SMALL));
        user.writer.resize(Size::new(100, 33)).await.unwrap();
        user.until("its own", |it| it.size == Some(Size::new(100, 33))).await;
    });
}
