//! Meshes of small screens, with a font whose every character is a square.

use super::*;
use crate::ui::terminal::look::Mark;
use crate::ui::terminal::metrics::{Face, for_tests};
use alacritty_terminal::Term;
use alacritty_terminal::event::VoidListener;
use alacritty_terminal::index::{Column, Line, Point, Side};
use alacritty_terminal::selection::{Selection, SelectionType};
use alacritty_terminal::term::Config;
use alacritty_terminal::term::test::TermSize;
use alacritty_terminal::vte::ansi::{Processor, StdSyncHandler};
use eframe::egui::Theme;

/// One picture of 4 by 8 pixels for every text; remembers what was asked for.
#[derive(Default)]
struct Squares(Vec<(String, Face, u8)>);

impl GlyphSource for Squares {
    fn glyphs(&mut self, text: ClusterText<'_>, face: Face, cells: u8, each: &mut dyn FnMut(&Glyph)) {
        let asked = std::iter::once(text.first).chain(text.marks.iter().copied()).collect();
        self.0.push((asked, face, cells));
        each(&Glyph {
            x: 2.0,
            y: 5.0,
            width: 4.0,
            height: 8.0,
            texels: [1.0, 1.0, 5.0, 9.0],
            colored: false,
        });
    }
}

fn term(text: &str) -> Term<VoidListener> {
    let mut term = Term::new(Config::default(), &TermSize::new(10, 3), VoidListener);
    Processor::<StdSyncHandler>::new().advance(&mut term, text.as_bytes());
    term
}

fn frame(term: &Term<VoidListener>) -> TerminalFrame {
    let mut frame = TerminalFrame::default();
    assert!(frame.take(term, term.cursor_style()));
    assert!(!frame.take(term, term.cursor_style()), "nothing changed");
    frame
}

/// A rectangle of the mesh in pixels, its colour, and whether it is a picture.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Quad {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
    color: Color32,
    picture: bool,
}

fn quads(frame: &TerminalFrame, scene: &Scene) -> (Vec<Quad>, Vec<(String, Face, u8)>) {
    let ink = TerminalInk::of(Theme::Dark);
    let metrics = for_tests();
    let (mut mesh, mut squares) = (Mesh::default(), Squares::default());
    MeshBuilder::default().build(frame, scene, Paint { ink, metrics: &metrics }, &mut squares, &mut mesh);
    assert!(mesh.is_valid());
    assert_eq!(mesh.indices.len() / 6, mesh.vertices.len() / 4);
    let quads = mesh.vertices.chunks(4).map(|corner| Quad {
        x: corner[0].pos.x,
        y: corner[0].pos.y,
        width: corner[3].pos.x - corner[0].pos.x,
        height: corner[3].pos.y - corner[0].pos.y,
        color: corner[0].color,
        picture: corner[0].uv != corner[3].uv,
    });
    (quads.collect(), squares.0)
}

fn solid(frame: &TerminalFrame, scene: &Scene) -> Vec<Quad> {
    quads(frame, scene).0.into_iter().filter(|quad| !quad.picture).collect()
}

fn ansi(index: usize) -> Color32 {
    TerminalInk::of(Theme::Dark).ansi[index]
}

#[test]
fn an_empty_screen_has_no_triangles() {
    assert_eq!(solid(&frame(&term("")), &Scene::default()), []);
}

#[test]
fn backgrounds_are_merged_in_runs() {
    let frame = frame(&term("a\x1b[41mbcd\x1b[42me\x1b[0mf\r\n\x1b[44m\x1b[K"));
    let quads = solid(&frame, &Scene::default());
    let expected =
        [(8.0, 0.0, 24.0, 17.0, ansi(1)), (32.0, 0.0, 8.0, 17.0, ansi(2)), (0.0, 17.0, 80.0, 17.0, ansi(4))];
    let found: Vec<_> = quads.iter().map(|it| (it.x, it.y, it.width, it.height, it.color)).collect();
    assert_eq!(found, expected);
}

#[test]
fn characters_stand_in_their_cells() {
    let frame = frame(&term("a日e\u{301}\x1b[1;3mx"));
    let (quads, asked) = quads(&frame, &Scene::default());
    let pictures: Vec<f32> = quads.iter().filter(|quad| quad.picture).map(|quad| quad.x).collect();
    assert_eq!(pictures, [2.0, 10.0, 26.0, 34.0]);
    let expected = [
        ("a".to_owned(), Face::Regular, 1),
        ("日".to_owned(), Face::Regular, 2),
        ("e\u{301}".to_owned(), Face::Regular, 1),
        ("x".to_owned(), Face::BoldItalic, 1),
    ];
    assert_eq!(asked, expected);
}

#[test]
fn blocks_reach_from_edge_to_edge() {
    let frame = frame(&term("██\r\n██"));
    let quads = solid(&frame, &Scene::default());
    let corners: Vec<_> = quads.iter().map(|it| (it.x, it.y, it.width, it.height)).collect();
    assert_eq!(
        corners,
        [(0.0, 0.0, 8.0, 17.0), (8.0, 0.0, 8.0, 17.0), (0.0, 17.0, 8.0, 17.0), (8.0, 17.0, 8.0, 17.0)]
    );
}

#[test]
fn lines_under_and_through_text_are_runs() {
    let metrics = for_tests();
    let lines = |text: &str| -> Vec<_> {
        solid(&frame(&term(text)), &Scene::default())
            .iter()
            .map(|it| (it.x, it.width, it.height, it.color))
            .collect()
    };
    let text = TerminalInk::of(Theme::Dark).foreground;
    assert_eq!(lines("\x1b[4mabc\x1b[24md"), [(0.0, 24.0, 1.0, text)]);
    assert_eq!(lines("\x1b[9mab"), [(0.0, 16.0, 1.0, text)]);
    assert_eq!(lines("\x1b[4;58;5;1mab"), [(0.0, 16.0, 1.0, ansi(1))]);
    assert_eq!(lines("\x1b[4:2ma").len(), 2);
    assert_eq!(lines("\x1b[4:4ma").len(), 4, "a dot at every other pixel");
    assert_eq!(lines("\x1b[4:5mab"), [(0.0, 4.0, 1.0, text), (8.0, 4.0, 1.0, text)]);
    let curl = solid(&frame(&term("\x1b[4:3ma")), &Scene::default());
    assert!(curl.iter().all(|it| it.y >= metrics.baseline as f32 && it.y + it.height <= 17.0), "{curl:?}");
    assert!((8..=24).contains(&curl.len()));
}

#[test]
fn attributes_change_colours() {
    let ink = TerminalInk::of(Theme::Dark);
    let colors = |text: &str| {
        let all = quads(&frame(&term(text)), &Scene::default()).0;
        all.iter().map(|quad| (quad.picture, quad.color)).collect::<Vec<_>>()
    };
    assert_eq!(colors("\x1b[31ma"), [(true, ansi(1))]);
    assert_eq!(colors("\x1b[7ma"), [(false, ink.foreground), (true, ink.background)]);
    assert_eq!(colors("\x1b[8;41ma"), [(false, ansi(1))], "hidden");
    assert_eq!(colors("\x1b[2ma"), [(true, ink.dimmed(ink.foreground))]);
    assert_eq!(
        colors("\x1b[38;2;9;200;9ma"),
        [(true, crate::ui::theme::terminal::readable(colors_of(9, 200, 9), ink.background, false))]
    );
}

fn colors_of(r: u8, g: u8, b: u8) -> Color32 {
    TerminalInk::of(Theme::Dark).resolve(
        Color::Spec(alacritty_terminal::vte::ansi::Rgb { r, g, b }),
        &alacritty_terminal::term::color::Colors::default(),
    )
}

#[test]
fn the_cursor_has_its_shapes() {
    let ink = TerminalInk::of(Theme::Dark);
    let with = |text: &str, cursor| solid(&frame(&term(text)), &Scene { cursor, ..Scene::default() });
    let block = with("ab\x1b[D", CursorLook::Shape);
    assert_eq!((block[0].x, block[0].width, block[0].height, block[0].color), (8.0, 8.0, 17.0, ink.cursor));
    assert_eq!(with("ab", CursorLook::Off), []);
    assert_eq!(with("ab", CursorLook::Hollow).len(), 4);
    assert_eq!(with("ab\x1b[?25l", CursorLook::Shape), []);
    let bar = with("\x1b[6 qab", CursorLook::Shape);
    assert_eq!((bar.len(), bar[0].x, bar[0].height), (1, 16.0, 17.0));
    assert!(bar[0].width <= 2.0);
    let under = with("\x1b[4 qab", CursorLook::Shape);
    assert_eq!((under[0].x, under[0].width), (16.0, 8.0));
    let wide = with("日\x1b[2D", CursorLook::Shape);
    assert_eq!((wide[0].x, wide[0].width), (0.0, 16.0));
}

#[test]
fn selection_and_search_lie_behind_text() {
    let ink = TerminalInk::of(Theme::Dark);
    let mut term = term("a日bcd");
    let mut selection = Selection::new(SelectionType::Simple, Point::new(Line(0), Column(2)), Side::Left);
    selection.update(Point::new(Line(0), Column(3)), Side::Right);
    term.selection = Some(selection);
    let selected = solid(&frame(&term), &Scene::default());
    assert_eq!(
        (selected[0].x, selected[0].width, selected[0].color),
        (8.0, 24.0, ink.selection),
        "both halves of 日"
    );
    term.selection = None;
    let scene = Scene {
        found: vec![Mark { line: 0, from: 0, to: 2 }, Mark { line: 0, from: 4, to: 5 }],
        current: vec![Mark { line: 0, from: 4, to: 5 }],
        link: vec![Mark { line: 0, from: 3, to: 6 }],
        ..Scene::default()
    };
    let quads = solid(&frame(&term), &scene);
    let found: Vec<_> = quads.iter().map(|it| (it.x, it.width, it.height, it.color)).collect();
    let expected = [
        (0.0, 16.0, 17.0, ink.found),
        (32.0, 8.0, 17.0, ink.found_current),
        (24.0, 24.0, 1.0, ink.foreground),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_frame_is_what_is_visible() {
    let mut term = term("1\r\n2\r\n3\r\n4\r\n5");
    let bottom = frame(&term);
    assert_eq!((bottom.text().as_str(), bottom.history, bottom.display_offset), ("3\n4\n5", 2, 0));
    term.scroll_display(alacritty_terminal::grid::Scroll::Top);
    let top = frame(&term);
    assert_eq!((top.text().as_str(), top.display_offset), ("1\n2\n3", 2));
    assert_eq!(top.cursor, None, "out of sight");
    assert_eq!(top.point(0, 4), Point::new(Line(-2), Column(4)));
}
