//! The widget.

use super::clipboard;
use super::draw::Drawing;
use super::events::{GridSize, TerminalEvents};
use super::find::{Find, Found};
use super::find_bar::{FindWish, find_bar};
use super::frame::TerminalFrame;
use super::keyboard::{self, Chord, Typed};
use super::links::{Link, link_at};
use super::look::{CursorLook, Scene};
use super::metrics::CellMetrics;
use super::pointer::{DRAG_SCROLL_S, Place, Pointed, Pointer};
use super::scroll;
use super::source::TerminalSource;
use super::style::TerminalStyle;
use crate::ui::theme::terminal::TerminalInk;
use crate::ui::theme::{self, palette};
use alacritty_terminal::Term;
use alacritty_terminal::event::EventListener;
use alacritty_terminal::grid::Scroll;
use alacritty_terminal::index::Direction;
use alacritty_terminal::vte::ansi::{Color, CursorStyle, NamedColor};
use eframe::egui::{
    self, Event, EventFilter, Id, Rect, Response, Sense, Ui, Vec2, WidgetInfo, accesskit::Role,
};
use magia_tty::input;
use std::time::Duration;

/// Room around the grid.
const PADDING: f32 = 6.0;

/// Half a blink of a cursor.
const BLINK_S: f64 = 0.53;

/// Without anything new a cursor stops blinking: a picture that never rests keeps a machine awake.
const BLINKS_FOR_S: f64 = 15.0;

/// A synchronized update that takes longer is drawn as it is.
const UPDATE_S: f64 = 0.15;

/// How long a bell tints the screen.
const BELL_S: f64 = 0.12;

/// How a terminal is shown.
#[derive(Clone, Copy, Debug)]
pub struct TerminalOptions<'a> {
    /// Font, line height, cursor.
    pub style: &'a TerminalStyle,
    /// The accessible name, such as "Terminal of Cart refactor".
    pub name: &'a str,
    /// Another client owns the size: a grid that is smaller than its place says so.
    pub sized_elsewhere: bool,
}

/// One terminal's view: what is only its own, such as where one has scrolled to and what one searches for.
pub struct TerminalView {
    id: Id,
    frame: TerminalFrame,
    drawing: Drawing,
    pointer: Pointer,
    find: Option<Find>,
    found: Found,
    preedit: String,
    hovered_cell: Option<(usize, usize)>,
    link: Option<Link>,
    size: Option<GridSize>,
    had_focus: bool,
    active_s: f64,
    cursor_was: Option<super::frame::FrameCursor>,
    cursor: CursorStyle,
    default_cursor: CursorStyle,
    /// The synchronized update that goes on, and since when.
    update: Option<(u64, f64)>,
    rang_s: Option<f64>,
    rings: bool,
    wants_focus: bool,
}

impl TerminalView {
    /// A view; `id` is the same for the same terminal.
    pub fn new(id: Id) -> Self {
        Self {
            id,
            frame: TerminalFrame::default(),
            drawing: Drawing::default(),
            pointer: Pointer::default(),
            find: None,
            found: Found::default(),
            preedit: String::new(),
            hovered_cell: None,
            link: None,
            size: None,
            had_focus: false,
            active_s: 0.0,
            cursor_was: None,
            cursor: CursorStyle::default(),
            default_cursor: CursorStyle::default(),
            update: None,
            rang_s: None,
            rings: false,
            wants_focus: false,
        }
    }

    /// The widget's id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// What was visible in the last pass.
    pub fn frame(&self) -> &TerminalFrame {
        &self.frame
    }

    /// How often the mesh had to be built.
    pub fn meshes_built(&self) -> u64 {
        self.drawing.built
    }

    /// Whether one looks at what is above the screen: scrolled back, or searching.
    pub fn looks_back(&self) -> bool {
        self.frame.display_offset > 0 || self.find.is_some()
    }

    /// The program rang: the screen is tinted for a moment.
    pub fn ring(&mut self) {
        self.rings = true;
    }

    /// Gives the keyboard to the terminal with the next pass.
    pub fn focus(&mut self) {
        self.wants_focus = true;
    }

    /// Opens the search.
    pub fn open_find(&mut self) {
        self.find.get_or_insert_default().wants_focus = true;
    }

    /// Whether a search is open, and whether its field has the keyboard.
    pub fn finds(&self) -> Option<bool> {
        self.find.as_ref().map(|find| find.has_keys)
    }

    /// Closes the search; the terminal has the keyboard again.
    pub fn stop_find(&mut self) {
        if self.find.take().is_some() {
            self.wants_focus = true;
        }
    }

    /// Draws the terminal over all the room there is, and says what the person did.
    pub fn show<S: TerminalSource>(
        &mut self,
        ui: &mut Ui,
        source: &S,
        options: &TerminalOptions<'_>,
    ) -> TerminalEvents {
        let ctx = ui.ctx().clone();
        let metrics = CellMetrics::measure(&ctx, options.style);
        let (_, rect) = ui.allocate_space(ui.available_size().max(Vec2::splat(1.0)));
        let response = ui.interact(rect, self.id, Sense::click_and_drag());
        let mut events = TerminalEvents::default();
        self.take_focus(ui, &response);
        let focused = response.has_focus() && ctx.input(|input| input.focused);
        self.tell_size(rect, &metrics, &mut events);

        let ink = theme::terminal_ink(ui);
        let origin = origin(rect, &metrics);
        let (raw, typed_keys, held, now_s, pointer) = self.take_input(ui, response.has_focus());
        let place =
            Place { origin, rect, metrics: &metrics, pointer, hovered: response.contains_pointer(), now_s };
        let wish = self.find_bar(ui, rect);

        self.default_cursor = options.style.default_cursor();
        let (pointed, chords, update) = source.with(|locked| {
            let term = locked.term;
            self.cursor = locked.cursor.unwrap_or(self.default_cursor);
            self.focus_report(term, focused, &mut events);
            let chords = self.keyboard(term, &typed_keys, held, &mut events);
            let pointed = self.pointer.read(&raw, &place, &self.frame, term);
            self.search(term, wish);
            if !self.waits_for(locked.update, now_s) {
                self.frame.take(term, self.cursor);
            }
            let found = self.find.as_mut().map(|find| find.look(term, &self.frame, now_s));
            self.found = found.unwrap_or_default();
            (pointed, chords, locked.update)
        });
        self.synchronize(ui, source, update, now_s);
        if response.contains_pointer() {
            // Whatever this lies in does not scroll as well.
            ui.input_mut(|input| input.smooth_scroll_delta = Vec2::ZERO);
        }
        self.apply_pointed(pointed, &mut events);
        for chord in chords {
            self.chord(chord, ui, source, &mut events);
        }
        if let Some(offset) = scroll::bar(ui, self.id.with("bar"), &self.frame, rect, ink.scroll_bar) {
            self.scroll_to(source, offset);
        }
        self.hover(ui, &place, &response);
        self.draw(ui, rect, origin, &metrics, ink, focused, now_s, options);
        self.input_method(ui, &response, origin, &metrics, rect);
        self.accessible(&response, options);
        events
    }

    fn take_focus(&mut self, ui: &Ui, response: &Response) {
        let wanted = std::mem::take(&mut self.wants_focus);
        let pressed = response.contains_pointer() && ui.input(|input| input.pointer.any_pressed());
        if wanted || pressed || response.clicked() {
            response.request_focus();
        }
        if response.has_focus() {
            clipboard::announce(ui.ctx(), self.id);
            let all = EventFilter { tab: true, horizontal_arrows: true, vertical_arrows: true, escape: true };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(self.id, all));
        }
    }

    /// The pass's events: all of them for the pointer, and, with the keyboard's focus, those that were typed, which
    /// nothing else gets then.
    fn take_input(
        &self,
        ui: &Ui,
        has_focus: bool,
    ) -> (Vec<Event>, Vec<Event>, egui::Modifiers, f64, Option<egui::Pos2>) {
        ui.input_mut(|input| {
            let raw: Vec<Event> =
                input.events.iter().filter(|event| !keyboard::is_keyboard(event)).cloned().collect();
            let typed = if has_focus {
                input.events.extract_if(.., |event| keyboard::is_keyboard(event)).collect()
            } else {
                Vec::new()
            };
            (raw, typed, input.modifiers, input.time, input.pointer.latest_pos())
        })
    }

    fn tell_size(&mut self, rect: Rect, metrics: &CellMetrics, events: &mut TerminalEvents) {
        let (columns, lines) = metrics.fit(rect.shrink(PADDING).size());
        let number = |value: usize| u16::try_from(value).unwrap_or(u16::MAX);
        let size = GridSize {
            columns: number(columns),
            lines: number(lines),
            cell_width: number(metrics.width as usize),
            cell_height: number(metrics.height as usize),
        };
        if self.size != Some(size) {
            self.size = Some(size);
            events.size = Some(size);
        }
    }

    /// Whether a synchronized update goes on that has not taken too long yet.
    fn waits_for(&mut self, update: Option<u64>, now_s: f64) -> bool {
        match (update, self.update) {
            (None, _) => self.update = None,
            (Some(serial), Some((known, _))) if known == serial => {}
            (Some(serial), _) => self.update = Some((serial, now_s)),
        }
        self.update.is_some_and(|(_, since_s)| now_s - since_s < UPDATE_S)
    }

    fn synchronize<S: TerminalSource>(&self, ui: &Ui, source: &S, update: Option<u64>, now_s: f64) {
        let Some((_, since_s)) = self.update.filter(|_| update.is_some()) else { return };
        let left = since_s + UPDATE_S - now_s;
        if left > 0.0 {
            ui.ctx().request_repaint_after(Duration::from_secs_f64(left));
        } else {
            source.end_update();
        }
    }

    fn focus_report<L>(&mut self, term: &mut Term<L>, focused: bool, events: &mut TerminalEvents) {
        if self.had_focus != focused {
            self.had_focus = focused;
            term.is_focused = focused;
            events.focus = Some(focused);
            events.bytes.extend_from_slice(input::focus(focused, *term.mode()).unwrap_or_default());
        }
    }

    fn keyboard<L: EventListener>(
        &mut self,
        term: &mut Term<L>,
        typed: &[Event],
        held: egui::Modifiers,
        events: &mut TerminalEvents,
    ) -> Vec<Chord> {
        let mut chords = Vec::new();
        for typed in keyboard::read(typed, *term.mode(), held) {
            match typed {
                Typed::Bytes(bytes, by_hand) => {
                    events.bytes.extend(bytes);
                    events.used |= by_hand;
                }
                Typed::Preedit(text) => self.preedit = text,
                Typed::Chord(chord) => chords.push(chord),
            }
        }
        if events.used {
            // Who types wants to see what it does.
            term.selection = None;
            term.scroll_display(Scroll::Bottom);
            self.active_s = f64::MAX;
        }
        chords
    }

    fn apply_pointed(&mut self, pointed: Pointed, events: &mut TerminalEvents) {
        events.bytes.extend(pointed.bytes);
        events.used |= pointed.used;
        events.select = pointed.selected;
        if let Some((line, column)) = pointed.follow {
            events.open = link_at(&self.frame, line, column).map(|link| link.target);
        }
    }

    fn chord<S: TerminalSource>(&mut self, chord: Chord, ui: &Ui, source: &S, events: &mut TerminalEvents) {
        let scroll = |scroll: Scroll| source.with(|locked| locked.term.scroll_display(scroll));
        match chord {
            Chord::Copy => {
                events.copy =
                    source.with(|locked| locked.term.selection_to_string()).filter(|text| !text.is_empty());
            }
            Chord::Paste => ui.ctx().send_viewport_cmd(egui::ViewportCommand::RequestPaste),
            Chord::Find => self.open_find(),
            Chord::PageUp => scroll(Scroll::PageUp),
            Chord::PageDown => scroll(Scroll::PageDown),
            Chord::Top => scroll(Scroll::Top),
            Chord::Bottom => scroll(Scroll::Bottom),
            Chord::Zoom(zoom) => events.zoom = Some(zoom),
            Chord::Leave => ui.memory_mut(|memory| memory.surrender_focus(self.id)),
        }
        ui.ctx().request_repaint_after(Duration::from_millis(1));
    }

    fn scroll_to<S: TerminalSource>(&mut self, source: &S, offset: usize) {
        let wanted = i32::try_from(offset).unwrap_or(i32::MAX);
        source.with(|locked| {
            let now = i32::try_from(locked.term.grid().display_offset()).unwrap_or(0);
            locked.term.scroll_display(Scroll::Delta(wanted - now));
            self.frame.take(locked.term, self.cursor);
        });
    }

    fn find_bar(&mut self, ui: &mut Ui, rect: Rect) -> Option<FindWish> {
        let find = self.find.as_mut()?;
        find_bar(ui, self.id.with("find"), rect, find, &self.found.summary)
    }

    fn search<L: EventListener>(&mut self, term: &mut Term<L>, wish: Option<FindWish>) {
        match (wish, &mut self.find) {
            (Some(FindWish::Close), _) => {
                self.find = None;
                self.wants_focus = true;
            }
            (Some(FindWish::Older), Some(find)) => find.go(Direction::Left, term),
            (Some(FindWish::Newer), Some(find)) => find.go(Direction::Right, term),
            (None, Some(find)) => find.seek(term),
            (_, None) => {}
        }
    }

    /// The link under the pointer is underlined and its target shown; Ctrl and a click open it.
    fn hover(&mut self, ui: &Ui, place: &Place<'_>, response: &Response) {
        let over = place.pointer.filter(|_| place.hovered && !self.pointer.is_selecting());
        let cell = over.map(|at| place.cell(at, &self.frame));
        self.hovered_cell = cell;
        self.link = cell.and_then(|(line, column)| link_at(&self.frame, line, column));
        if !place.hovered {
            return;
        }
        let command = ui.input(|input| input.modifiers.command);
        ui.ctx().set_cursor_icon(match &self.link {
            Some(_) if command => egui::CursorIcon::PointingHand,
            _ => egui::CursorIcon::Text,
        });
        if let Some(link) = &self.link {
            let key = if cfg!(target_os = "macos") { "Cmd" } else { "Ctrl" };
            let text = format!("{key}+click opens {}", crate::ui::text::shown(&link.target));
            response.clone().on_hover_text_at_pointer(text);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one pass's measures")]
    fn draw(
        &mut self,
        ui: &Ui,
        rect: Rect,
        origin: egui::Pos2,
        metrics: &CellMetrics,
        ink: &'static TerminalInk,
        focused: bool,
        now_s: f64,
        options: &TerminalOptions<'_>,
    ) {
        let painter = ui.painter_at(rect);
        let ground = ink.resolve(Color::Named(NamedColor::Background), &self.frame.colors);
        let grid =
            metrics.rect(0, 0, self.frame.columns).union(metrics.rect(self.frame.lines.max(1) - 1, 0, 1));
        let grid = grid.translate(origin.to_vec2());
        let small = options.sized_elsewhere && self.is_smaller_than_its_place();
        painter.rect_filled(rect, 0.0, if small { ink.letterbox } else { ground });
        if small {
            painter.rect_filled(grid.expand(PADDING / 2.0), theme::CONTROL_RADIUS, ground);
            let note = letterbox_text(self.frame.columns, self.frame.lines);
            painter.text(
                rect.right_bottom() - Vec2::new(theme::SPACE_3, theme::SPACE_2),
                egui::Align2::RIGHT_BOTTOM,
                note,
                theme::regular(theme::CAPTION),
                palette(ui).muted,
            );
        }
        let scene = Scene {
            cursor: self.cursor_look(ui, focused, now_s),
            found: self.found.visible.clone(),
            current: self.found.current.clone(),
            link: self.link.as_ref().map(|link| link.marks.clone()).unwrap_or_default(),
        };
        if let Some(shape) = self.drawing.shape(
            ui.ctx(),
            &self.frame,
            &scene,
            ink,
            metrics,
            &options.style.font_family,
            origin,
        ) {
            painter.add(shape);
        }
        self.draw_preedit(&painter, origin, metrics, ink, options);
        self.draw_bell(ui, &painter, rect, ink, now_s);
        if self.found.unfinished || self.pointer.is_selecting() {
            let wait = if self.found.unfinished { 0.001 } else { DRAG_SCROLL_S };
            ui.ctx().request_repaint_after(Duration::from_secs_f64(wait));
        }
        if let Some(wait) = self.find.as_ref().and_then(|find| find.recount_in(now_s, self.frame.revision)) {
            ui.ctx().request_repaint_after(Duration::from_secs_f64(wait));
        }
    }

    fn is_smaller_than_its_place(&self) -> bool {
        self.size.is_some_and(|size| {
            self.frame.columns < usize::from(size.columns) || self.frame.lines < usize::from(size.lines)
        })
    }

    /// Whether the cursor is seen in this moment; asks for the pass in which that changes.
    fn cursor_look(&mut self, ui: &Ui, focused: bool, now_s: f64) -> CursorLook {
        if self.active_s == f64::MAX || self.cursor_was != self.frame.cursor {
            self.active_s = now_s;
            self.cursor_was = self.frame.cursor;
        }
        if self.preedit.is_empty() && !focused {
            return CursorLook::Hollow;
        }
        let since = now_s - self.active_s;
        let blinks =
            self.frame.cursor.is_some_and(|cursor| cursor.blinking) && focused && since < BLINKS_FOR_S;
        if !blinks {
            return CursorLook::Shape;
        }
        let beat = (since / BLINK_S).floor();
        ui.ctx().request_repaint_after(Duration::from_secs_f64(((beat + 1.0) * BLINK_S - since).max(0.02)));
        if (beat as u64).is_multiple_of(2) { CursorLook::Shape } else { CursorLook::Off }
    }

    /// What an input method has so far, where the cursor is.
    fn draw_preedit(
        &self,
        painter: &egui::Painter,
        origin: egui::Pos2,
        metrics: &CellMetrics,
        ink: &TerminalInk,
        options: &TerminalOptions<'_>,
    ) {
        let Some(cursor) = self.frame.cursor.filter(|_| !self.preedit.is_empty()) else { return };
        let at = metrics.rect(cursor.line, cursor.column, cursor.column + 1).translate(origin.to_vec2());
        let galley = painter.layout_no_wrap(
            self.preedit.clone(),
            egui::FontId::new(
                options.style.font_size,
                super::metrics::Face::Regular.family(&options.style.font_family),
            ),
            ink.foreground,
        );
        let room = Rect::from_min_size(at.min, Vec2::new(galley.size().x, at.height()));
        painter.rect_filled(room, 0.0, ink.background);
        painter.galley(at.min, galley, ink.foreground);
        painter.hline(room.x_range(), room.bottom() - 1.0, egui::Stroke::new(1.0, ink.foreground));
    }

    fn draw_bell(&mut self, ui: &Ui, painter: &egui::Painter, rect: Rect, ink: &TerminalInk, now_s: f64) {
        if std::mem::take(&mut self.rings) {
            self.rang_s = Some(now_s);
        }
        let Some(left) = self.rang_s.map(|rang_s| rang_s + BELL_S - now_s) else { return };
        if left <= 0.0 {
            self.rang_s = None;
            return;
        }
        painter.rect_filled(rect, 0.0, ink.bell);
        ui.ctx().request_repaint_after(Duration::from_secs_f64(left.max(0.01)));
    }

    /// Says where the cursor is, for the windows of input methods.
    fn input_method(
        &self,
        ui: &Ui,
        response: &Response,
        origin: egui::Pos2,
        metrics: &CellMetrics,
        rect: Rect,
    ) {
        if !response.has_focus() {
            return;
        }
        let (line, column) = self.frame.cursor.map_or((0, 0), |cursor| (cursor.line, cursor.column));
        let cursor_rect = metrics.rect(line, column, column + 1).translate(origin.to_vec2());
        ui.ctx().output_mut(|output| {
            output.ime = Some(egui::output::IMEOutput {
                purpose: egui::IMEPurpose::Terminal,
                rect,
                cursor_rect,
                should_interrupt_composition: false,
            });
        });
    }

    fn accessible(&self, response: &Response, options: &TerminalOptions<'_>) {
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::Terminal, true, options.name);
            info.current_text_value = Some(self.frame.text());
            info
        });
    }
}

/// The quiet line under a grid that another client has sized.
pub fn letterbox_text(columns: usize, lines: usize) -> String {
    format!("{columns} × {lines}, sized by another client; type here to take over")
}

/// The grid's top left: whole pixels, so that cells are.
fn origin(rect: Rect, metrics: &CellMetrics) -> egui::Pos2 {
    let scale = metrics.pixels_per_point;
    let whole = |points: f32| ((points + PADDING) * scale).round() / scale;
    egui::pos2(whole(rect.left()), whole(rect.top()))
}
