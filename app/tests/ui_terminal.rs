//! The terminal's view without a display: what is typed and pointed at, and what comes of it.
#![cfg(feature = "window")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use alacritty_terminal::Term;
use alacritty_terminal::event::VoidListener;
use alacritty_terminal::sync::FairMutex;
use alacritty_terminal::term::Config;
use alacritty_terminal::term::test::TermSize;
use alacritty_terminal::vte::ansi::{Processor, StdSyncHandler};
use eframe::egui::{
    self, Event, Id, Key, Modifiers, MouseWheelUnit, PointerButton, Pos2, RawInput, Vec2, pos2,
};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use magia_app::ui;
use magia_app::ui::terminal::{
    FontZoom, TerminalEvents, TerminalOptions, TerminalStyle, TerminalView, clipboard,
};
use magia_tty::screen::{Screen, Size};
use std::sync::Arc;

/// A view with a text field above it.
struct Bench {
    term: Arc<FairMutex<Term<VoidListener>>>,
    view: TerminalView,
    style: TerminalStyle,
    field: String,
    events: Vec<TerminalEvents>,
    sized_elsewhere: bool,
}

impl Bench {
    fn new(text: &str) -> Self {
        let term = Term::new(Config::default(), &TermSize::new(40, 10), VoidListener);
        let bench = Self {
            term: Arc::new(FairMutex::new(term)),
            view: TerminalView::new(Id::unique("terminal")),
            style: TerminalStyle::default(),
            field: String::new(),
            events: Vec::new(),
            sized_elsewhere: false,
        };
        bench.feed(text);
        bench
    }

    fn feed(&self, text: &str) {
        Processor::<StdSyncHandler>::new().advance(&mut *self.term.lock_unfair(), text.as_bytes());
    }

    /// What the program got.
    fn bytes(&self) -> String {
        self.events
            .iter()
            .flat_map(|events| events.bytes.clone())
            .collect::<Vec<u8>>()
            .escape_ascii()
            .to_string()
    }

    fn last<T>(&self, of: impl Fn(&TerminalEvents) -> Option<T>) -> Option<T> {
        self.events.iter().rev().find_map(of)
    }
}

fn window(bench: Bench) -> Harness<'static, Bench> {
    let mut ready = false;
    let mut harness =
        Harness::builder().with_size(Vec2::new(400.0, 240.0)).with_step_dt(0.05).build_ui_state(
            move |ui, bench: &mut Bench| {
                // Fonts are there from the pass after.
                if !std::mem::replace(&mut ready, true) {
                    return ui::install(ui.ctx());
                }
                ui.set_min_size(Vec2::new(400.0, 240.0));
                let response = ui.add(egui::TextEdit::singleline(&mut bench.field).desired_width(200.0));
                response.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::accesskit::Role::TextInput, true, "Field")
                });
                let options = TerminalOptions {
                    style: &bench.style,
                    name: "Terminal of a test",
                    sized_elsewhere: bench.sized_elsewhere,
                };
                let events = bench.view.show(ui, &bench.term, &options);
                if !events.is_empty() {
                    bench.events.push(events);
                }
            },
            bench,
        );
    harness.run_steps(3);
    harness
}

fn focused(text: &str) -> Harness<'static, Bench> {
    let mut harness = window(Bench::new(text));
    harness.state_mut().view.focus();
    harness.run_steps(2);
    harness.state_mut().events.clear();
    harness
}

fn press(harness: &mut Harness<'_, Bench>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(1);
}

/// The middle of a cell on the window.
fn cell(harness: &Harness<'_, Bench>, line: usize, column: usize) -> Pos2 {
    let node = harness.get_by_label("Terminal of a test");
    let rect = node.rect();
    pos2(rect.left() + 6.0 + 8.0 * column as f32 + 2.0, rect.top() + 6.0 + 17.0 * line as f32 + 8.0)
}

fn button(harness: &mut Harness<'_, Bench>, at: Pos2, pressed: bool, modifiers: Modifiers) {
    harness.event(Event::PointerMoved(at));
    harness.event(Event::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers });
    harness.run_steps(1);
}

fn click(harness: &mut Harness<'_, Bench>, at: Pos2) {
    harness.hover_at(at);
    harness.run_steps(1);
    button(harness, at, true, Modifiers::NONE);
    button(harness, at, false, Modifiers::NONE);
}

fn selected(harness: &Harness<'_, Bench>) -> Option<String> {
    harness.state().term.lock_unfair().selection_to_string()
}

#[test]
fn keys_go_to_the_program_only_with_the_focus() {
    let mut harness = window(Bench::new(""));
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(harness.state().bytes(), "");
    let at = cell(&harness, 0, 0);
    click(&mut harness, at);
    assert_eq!(harness.state().last(|events| events.focus), Some(true));
    for (modifiers, key) in [
        (Modifiers::NONE, Key::Enter),
        (Modifiers::NONE, Key::Tab),
        (Modifiers::NONE, Key::ArrowUp),
        (Modifiers::NONE, Key::Escape),
        (Modifiers::CTRL, Key::C),
        (Modifiers::CTRL, Key::V),
        (Modifiers::CTRL, Key::K),
    ] {
        press(&mut harness, modifiers, key);
    }
    harness.event(Event::Text("é".into()));
    harness.run_steps(1);
    assert_eq!(harness.state().bytes(), "\\r\\t\\x1b[A\\x1b\\x03\\x16\\x0b\\xc3\\xa9");
    assert!(clipboard::terminal_has_focus(&harness.ctx));
    press(&mut harness, Modifiers::SHIFT, Key::Escape);
    harness.run_steps(1);
    assert_eq!(harness.state().last(|events| events.focus), Some(false));
    assert!(!clipboard::terminal_has_focus(&harness.ctx));
}

#[test]
fn the_clipboards_keys_are_the_fields_everywhere_else() {
    let key =
        |key, modifiers| Event::Key { key, physical_key: Some(key), pressed: true, repeat: false, modifiers };
    let typed = || RawInput {
        events: vec![
            key(Key::C, Modifiers::COMMAND),
            key(Key::X, Modifiers::COMMAND),
            key(Key::V, Modifiers::COMMAND),
            key(Key::A, Modifiers::COMMAND),
        ],
        ..RawInput::default()
    };
    let mut harness = window(Bench::new(""));
    harness.get_by_label("Field").focus();
    harness.run_steps(2);
    let mut input = typed();
    clipboard::translate(&harness.ctx, &mut input);
    assert_eq!(input.events, [Event::Copy, Event::Cut, key(Key::A, Modifiers::COMMAND)]);
    harness.run_steps(1);
    let asked = harness.output().viewport_output.values().flat_map(|output| &output.commands);
    assert!(asked.into_iter().any(|command| *command == egui::ViewportCommand::RequestPaste));

    harness.state_mut().view.focus();
    harness.run_steps(2);
    let mut input = typed();
    clipboard::translate(&harness.ctx, &mut input);
    assert_eq!(input.events, typed().events, "the program's");
}

#[test]
fn pasted_text_is_bracketed_and_cleaned() {
    let mut harness = focused("\x1b[?2004h");
    harness.event(Event::Paste("a\u{1b}[201~b\n".into()));
    harness.run_steps(1);
    assert_eq!(harness.state().bytes(), "\\x1b[200~a[201~b\\r\\x1b[201~");
    let at = cell(&harness, 1, 1);
    harness.hover_at(at);
    harness.run_steps(2);
    harness.state_mut().events.clear();
    harness.event(Event::MiddleClickPaste { pos: at, text: "x".into() });
    harness.run_steps(1);
    assert_eq!(harness.state().bytes(), "\\x1b[200~x\\x1b[201~");
}

#[test]
fn the_focus_is_reported_to_programs_that_ask() {
    let mut harness = focused("\x1b[?1004h");
    harness.get_by_label("Field").focus();
    harness.run_steps(2);
    harness.state_mut().view.focus();
    harness.run_steps(2);
    assert_eq!(harness.state().bytes(), "\\x1b[O\\x1b[I");
}

#[test]
fn dragging_selects_and_copies() {
    let mut harness = focused("one two three\r\nfour five six");
    let (from, to) = (cell(&harness, 0, 4), cell(&harness, 1, 3) + Vec2::new(4.0, 0.0));
    harness.hover_at(from);
    harness.run_steps(1);
    button(&mut harness, from, true, Modifiers::NONE);
    harness.event(Event::PointerMoved(to));
    harness.run_steps(1);
    button(&mut harness, to, false, Modifiers::NONE);
    assert_eq!(selected(&harness).as_deref(), Some("two three\nfour"));
    assert_eq!(harness.state().last(|events| events.select.clone()).as_deref(), Some("two three\nfour"));
    press(&mut harness, Modifiers::CTRL | Modifiers::SHIFT, Key::C);
    assert_eq!(harness.state().last(|events| events.copy.clone()).as_deref(), Some("two three\nfour"));
    assert_eq!(harness.state().bytes(), "", "nothing of it is the program's");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(selected(&harness), None, "typing ends it");
}

#[test]
fn more_clicks_select_more() {
    let mut harness = focused("one two-x three\r\nfour");
    let at = cell(&harness, 0, 5);
    click(&mut harness, at);
    assert_eq!(selected(&harness), None);
    click(&mut harness, at);
    assert_eq!(selected(&harness).as_deref(), Some("two-x"));
    click(&mut harness, at);
    assert_eq!(selected(&harness).as_deref(), Some("one two-x three\n"));
    let other = cell(&harness, 1, 1);
    click(&mut harness, other);
    assert_eq!(selected(&harness), None);
}

#[test]
fn alt_selects_a_block_and_shift_goes_on() {
    let mut harness = focused("abcdef\r\nghijkl\r\nmnopqr");
    let (from, to) = (cell(&harness, 0, 1), cell(&harness, 2, 3) + Vec2::new(4.0, 0.0));
    harness.hover_at(from);
    harness.run_steps(1);
    button(&mut harness, from, true, Modifiers::ALT);
    harness.event(Event::PointerMoved(to));
    harness.run_steps(1);
    button(&mut harness, to, false, Modifiers::ALT);
    assert_eq!(selected(&harness).as_deref(), Some("bcd\nhij\nnop"));
    let end = cell(&harness, 1, 4) + Vec2::new(4.0, 0.0);
    button(&mut harness, end, true, Modifiers::SHIFT);
    button(&mut harness, end, false, Modifiers::SHIFT);
    assert_eq!(selected(&harness).as_deref(), Some("bcde\nhijk"));
}

#[test]
fn a_drag_over_the_edge_scrolls_into_the_history() {
    let text: String = (0..60).map(|n| format!("line {n}\r\n")).collect();
    let mut harness = focused(&text);
    let (from, to) = (cell(&harness, 5, 2), cell(&harness, 0, 2) - Vec2::new(0.0, 60.0));
    harness.hover_at(from);
    harness.run_steps(1);
    button(&mut harness, from, true, Modifiers::NONE);
    harness.event(Event::PointerMoved(to));
    harness.run_steps(20);
    let offset = harness.state().view.frame().display_offset;
    assert!(offset > 10, "{offset}");
    button(&mut harness, to, false, Modifiers::NONE);
    let lines = selected(&harness).unwrap().lines().count();
    assert!(lines > 12, "{lines}");
}

#[test]
fn the_mouse_is_reported_to_programs_that_ask() {
    let mut harness = focused("\x1b[?1002h\x1b[?1006h");
    let (from, to) = (cell(&harness, 0, 0), cell(&harness, 2, 3));
    harness.hover_at(from);
    harness.run_steps(1);
    button(&mut harness, from, true, Modifiers::NONE);
    harness.event(Event::PointerMoved(to));
    harness.event(Event::PointerMoved(to + Vec2::new(1.0, 0.0)));
    harness.run_steps(1);
    button(&mut harness, to, false, Modifiers::NONE);
    wheel(&mut harness, 1.0);
    assert_eq!(harness.state().bytes(), "\\x1b[<0;1;1M\\x1b[<32;4;3M\\x1b[<0;4;3m\\x1b[<64;4;3M");
    assert_eq!(selected(&harness), None);
    harness.state_mut().events.clear();
    button(&mut harness, from, true, Modifiers::SHIFT);
    button(&mut harness, to, false, Modifiers::SHIFT);
    assert_eq!(harness.state().bytes(), "", "with Shift the pointer is the view's");
}

fn wheel(harness: &mut Harness<'_, Bench>, notches: f32) {
    harness.event(Event::MouseWheel {
        unit: MouseWheelUnit::Line,
        delta: Vec2::new(0.0, notches),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    harness.run_steps(1);
}

#[test]
fn the_wheel_scrolls_and_typing_goes_back() {
    let text: String = (0..60).map(|n| format!("line {n}\r\n")).collect();
    let mut harness = focused(&text);
    let at = cell(&harness, 3, 3);
    harness.hover_at(at);
    harness.run_steps(1);
    wheel(&mut harness, 2.0);
    assert_eq!(harness.state().view.frame().display_offset, 6);
    press(&mut harness, Modifiers::SHIFT, Key::PageUp);
    harness.run_steps(1);
    assert_eq!(harness.state().view.frame().display_offset, 16);
    press(&mut harness, Modifiers::SHIFT, Key::Home);
    harness.run_steps(1);
    assert!(harness.state().view.frame().text().starts_with("line 0\nline 1"));
    assert_eq!(harness.state().bytes(), "");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    harness.run_steps(1);
    assert_eq!(harness.state().view.frame().display_offset, 0);
    harness.state().feed("\x1b[?1049h");
    harness.state_mut().events.clear();
    wheel(&mut harness, -1.0);
    assert_eq!(harness.state().bytes(), "\\x1b[B\\x1b[B\\x1b[B", "a pager's arrows");
}

#[test]
fn a_search_goes_through_the_history() {
    let text: String =
        (0..60).map(|n| format!("line {n} {}\r\n", if n % 20 == 3 { "needle" } else { "" })).collect();
    let mut harness = focused(&text);
    press(&mut harness, Modifiers::CTRL | Modifiers::SHIFT, Key::F);
    harness.run_steps(3);
    harness.get_by_label("Search the scrollback").type_text("Needle");
    harness.run_steps(3);
    harness.get_by_label("No match");
    for _ in 0.."Needle".len() {
        press(&mut harness, Modifiers::NONE, Key::Backspace);
    }
    harness.get_by_label("Search the scrollback").type_text("needle");
    harness.run_steps(3);
    harness.get_by_label("3 of 3");
    assert!(harness.state().view.frame().text().contains("line 43 needle"), "the newest, while one types");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    harness.run_steps(3);
    harness.get_by_label("2 of 3");
    assert!(harness.state().view.frame().text().contains("line 23 needle"));
    harness.get_by_label("Older match (Enter)").click();
    harness.run_steps(3);
    harness.get_by_label("1 of 3");
    // Opened again, the field is written over.
    press(&mut harness, Modifiers::CTRL | Modifiers::SHIFT, Key::F);
    let at = cell(&harness, 9, 0);
    button(&mut harness, at, true, Modifiers::NONE);
    button(&mut harness, at, false, Modifiers::NONE);
    press(&mut harness, Modifiers::CTRL | Modifiers::SHIFT, Key::F);
    harness.run_steps(3);
    harness.event(Event::Text("line 5".into()));
    harness.run_steps(3);
    harness.get_by_label("11 of 11");
    assert_eq!(harness.state().bytes(), "", "nothing of it is the program's");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    harness.run_steps(3);
    assert!(harness.query_by_label("Search the scrollback").is_none());
    press(&mut harness, Modifiers::NONE, Key::Tab);
    assert_eq!(harness.state().bytes(), "\\t", "the terminal has the keyboard again");
}

#[test]
fn links_are_opened_with_ctrl_and_only_the_webs() {
    let mut harness = focused(
        "see https://example.org/a.\r\n\x1b]8;;https://example.org/b\x1b\\here\x1b]8;;\x1b\\ \
         \x1b]8;;file:///etc/passwd\x1b\\there\x1b]8;;\x1b\\",
    );
    let mut opened = |line, column, modifiers| {
        let at = cell(&harness, line, column);
        harness.hover_at(at);
        harness.run_steps(1);
        harness.state_mut().events.clear();
        button(&mut harness, at, true, modifiers);
        button(&mut harness, at, false, modifiers);
        harness.state().last(|events| events.open.clone())
    };
    assert_eq!(opened(0, 8, Modifiers::COMMAND).as_deref(), Some("https://example.org/a"));
    assert_eq!(opened(0, 8, Modifiers::NONE), None);
    assert_eq!(opened(0, 1, Modifiers::COMMAND), None);
    assert_eq!(opened(1, 2, Modifiers::COMMAND).as_deref(), Some("https://example.org/b"));
    assert_eq!(opened(1, 6, Modifiers::COMMAND), None, "no file");
}

#[test]
fn the_size_is_told_once_and_with_each_change() {
    let mut harness = window(Bench::new(""));
    let told = |harness: &Harness<'_, Bench>| {
        harness
            .state()
            .events
            .iter()
            .filter_map(|events| events.size)
            .map(|it| (it.columns, it.lines))
            .collect::<Vec<_>>()
    };
    let first = told(&harness).last().copied().unwrap();
    assert!(first.0 >= 45 && first.1 >= 8, "{first:?}");
    let count = told(&harness).len();
    harness.run_steps(5);
    assert_eq!(told(&harness).len(), count);
    harness.state_mut().style.font_size = 26.0;
    harness.run_steps(2);
    let zoomed = told(&harness).last().copied().unwrap();
    assert!(zoomed.0 <= first.0 / 2 + 1 && zoomed.1 <= first.1 / 2 + 1, "{zoomed:?}");
}

#[test]
fn the_font_is_zoomed_by_keys() {
    let mut harness = focused("");
    for (key, zoom) in
        [(Key::Equals, FontZoom::Larger), (Key::Minus, FontZoom::Smaller), (Key::Num0, FontZoom::Reset)]
    {
        press(&mut harness, Modifiers::CTRL, key);
        assert_eq!(harness.state().last(|events| events.zoom), Some(zoom));
    }
    assert!((harness.ctx.zoom_factor() - 1.0).abs() < 0.001, "not the window's zoom");
    let style = TerminalStyle::default();
    assert_eq!((style.zoomed(FontZoom::Larger), style.zoomed(FontZoom::Smaller)), (14.0, 12.0));
}

#[test]
fn a_screen_reader_gets_the_text() {
    let mut harness = window(Bench::new("$ cargo test\r\nok"));
    harness.run_steps(1);
    let node = harness.get_by_label("Terminal of a test");
    assert_eq!(node.accesskit_node().role(), egui::accesskit::Role::Terminal);
    assert_eq!(node.accesskit_node().value().as_deref(), Some("$ cargo test\nok"));
}

#[test]
fn nothing_is_drawn_anew_when_nothing_changes() {
    let mut harness = focused("\x1b[2 qsteady");
    harness.run_steps(20);
    let built = harness.state().view.meshes_built();
    harness.run_steps(20);
    assert_eq!(harness.state().view.meshes_built(), built);
    let delay = |harness: &Harness<'_, Bench>| {
        harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay
    };
    assert!(delay(&harness).as_secs() > 60, "{:?}", delay(&harness));
    harness.state().feed("\x1b[1 q");
    harness.run_steps(2);
    let blink = delay(&harness);
    assert!(blink.as_millis() > 10 && blink.as_millis() <= 530, "{blink:?}");
    harness.get_by_label("Field").focus();
    harness.run_steps(5);
    harness.get_by_label("Field");
    harness.state().feed("x");
    harness.run_steps(1);
}

#[test]
fn an_input_method_shows_what_it_has() {
    let mut harness = focused("");
    harness.event(Event::Ime(egui::ImeEvent::Preedit { text: "ni".into(), active_range_chars: None }));
    harness.run_steps(1);
    assert_eq!(harness.state().bytes(), "");
    assert!(harness.output().platform_output.ime.is_some());
    harness.event(Event::Ime(egui::ImeEvent::Commit("ñ".into())));
    harness.run_steps(1);
    assert_eq!(harness.state().bytes(), "\\xc3\\xb1");
}

#[test]
fn a_bell_tints_for_a_moment() {
    let mut harness = focused("\x1b[2 q");
    harness.run_steps(10);
    harness.state_mut().view.ring();
    harness.run_steps(1);
    let delay = |harness: &Harness<'_, Bench>| {
        harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay
    };
    assert!(delay(&harness).as_millis() <= 120, "{:?}", delay(&harness));
    harness.run_steps(10);
    assert!(delay(&harness).as_secs() > 60);
}

#[test]
fn a_synchronized_update_is_shown_when_it_is_over() {
    let screen = Arc::new(FairMutex::new(Screen::new(Size::cells(40, 10), 100)));
    let view = TerminalView::new(Id::unique("screen"));
    let source = Arc::clone(&screen);
    let mut ready = false;
    let mut harness =
        Harness::builder().with_size(Vec2::new(400.0, 240.0)).with_step_dt(0.05).build_ui_state(
            move |ui, view: &mut TerminalView| {
                if !std::mem::replace(&mut ready, true) {
                    return ui::install(ui.ctx());
                }
                let style = TerminalStyle::default();
                let options = TerminalOptions { style: &style, name: "Screen", sized_elsewhere: false };
                view.show(ui, &source, &options);
            },
            view,
        );
    let feed = |text: &str| screen.lock_unfair().advance(text.as_bytes());
    feed("before");
    harness.run_steps(1);
    assert_eq!(harness.state().frame().text(), "before");
    feed("\x1b[?2026h\x1b[2J\x1b[Hhalf");
    harness.run_steps(1);
    assert_eq!(harness.state().frame().text(), "before", "not half of it");
    feed(" and whole\x1b[?2026l");
    harness.run_steps(1);
    assert_eq!(harness.state().frame().text(), "half and whole");
    feed("\x1b[?2026h never ended");
    harness.run_steps(1);
    assert_eq!(harness.state().frame().text(), "half and whole");
    harness.run_steps(5);
    assert_eq!(harness.state().frame().text(), "half and whole never ended");
    assert!(!screen.lock_unfair().sync_pending());
}
