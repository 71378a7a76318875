//! The pointer: reports for programs that ask for them, else selection, links and scrolling.

use super::frame::TerminalFrame;
use super::keys;
use super::metrics::CellMetrics;
use alacritty_terminal::Term;
use alacritty_terminal::event::EventListener;
use alacritty_terminal::grid::Scroll;
use alacritty_terminal::index::{Line, Point, Side};
use alacritty_terminal::selection::{Selection, SelectionType};
use eframe::egui::{Event, Modifiers, MouseWheelUnit, PointerButton, Pos2, Rect};
use magia_tty::input::{MouseAction, MouseButton, MouseEvent, MouseProtocol, paste, scroll_as_arrows};

/// Two clicks within this time at one place are a double click.
const DOUBLE_CLICK_S: f64 = 0.4;

/// Lines that a notch of a wheel scrolls.
const WHEEL_LINES: f32 = 3.0;

/// How often a selection that is dragged over the edge scrolls, in seconds.
pub(super) const DRAG_SCROLL_S: f64 = 0.05;

/// What the pointer is about.
#[derive(Default)]
pub(super) struct Pointer {
    /// A button that the program was told of.
    reported: Option<MouseButton>,
    /// The last cell that the program was told of.
    last_cell: Option<(usize, usize)>,
    /// Time, place and number of the last clicks.
    clicks: Option<(f64, (usize, usize), u8)>,
    selecting: bool,
    next_scroll_s: f64,
    /// Parts of lines that a wheel has turned.
    wheel: (f32, f32),
}

/// Where the grid is and what is around it.
pub(super) struct Place<'a> {
    /// The grid's top left.
    pub origin: Pos2,
    /// All of the view.
    pub rect: Rect,
    /// The measures.
    pub metrics: &'a CellMetrics,
    /// Where the pointer is.
    pub pointer: Option<Pos2>,
    /// Whether it is over the view and nothing else.
    pub hovered: bool,
    /// egui's clock.
    pub now_s: f64,
}

/// What came of the pointer's events.
#[derive(Default)]
pub(super) struct Pointed {
    /// For the program.
    pub bytes: Vec<u8>,
    /// Whether a person clicked into the program or pasted.
    pub used: bool,
    /// What was selected when the button went up.
    pub selected: Option<String>,
    /// A cell that was clicked with Ctrl, for its link.
    pub follow: Option<(usize, usize)>,
}

impl Place<'_> {
    /// The cell at a point, the nearest one for points outside.
    pub fn cell(&self, at: Pos2, frame: &TerminalFrame) -> (usize, usize) {
        let cell = self.metrics.cell();
        let count = |offset: f32, size: f32, most: usize| {
            ((offset / size).max(0.0) as usize).min(most.saturating_sub(1))
        };
        (count(at.y - self.origin.y, cell.y, frame.lines), count(at.x - self.origin.x, cell.x, frame.columns))
    }

    /// Which half of its cell a point is in; outside of the grid the nearer edge's.
    fn side(&self, at: Pos2, frame: &TerminalFrame) -> Side {
        let width = self.metrics.cell().x;
        let x = at.x - self.origin.x;
        if x < 0.0 {
            Side::Left
        } else if x >= width * frame.columns as f32 || (x / width).fract() >= 0.5 {
            Side::Right
        } else {
            Side::Left
        }
    }
}

impl Pointer {
    /// Whether a selection is being dragged.
    pub fn is_selecting(&self) -> bool {
        self.selecting
    }

    /// Takes a pass's events. `frame` is the screen that the person saw when they did it.
    pub fn read<L: EventListener>(
        &mut self,
        events: &[Event],
        place: &Place<'_>,
        frame: &TerminalFrame,
        term: &mut Term<L>,
    ) -> Pointed {
        let mut pass = Pass { pointer: self, place, frame, term, out: Pointed::default() };
        for event in events {
            match event {
                Event::PointerButton { pos, button, pressed: true, modifiers } if place.hovered => {
                    pass.press(*pos, *button, *modifiers);
                }
                Event::PointerButton { pos, button, pressed: false, modifiers } => {
                    pass.release(*pos, *button, *modifiers);
                }
                Event::PointerMoved(pos) => pass.motion(*pos),
                Event::MouseWheel { unit, delta, modifiers, .. } if place.hovered => {
                    let notches = match unit {
                        MouseWheelUnit::Line => *delta,
                        MouseWheelUnit::Point => *delta / (place.metrics.cell().y * WHEEL_LINES),
                        MouseWheelUnit::Page => *delta * (frame.lines as f32 / WHEEL_LINES),
                    };
                    pass.wheel(notches.into(), *modifiers);
                }
                Event::MiddleClickPaste { pos, text } if place.hovered && place.rect.contains(*pos) => {
                    pass.paste(text);
                }
                _ => {}
            }
        }
        pass.scroll_while_dragging();
        pass.out
    }
}

/// What a pass's events are about: the screen that was seen, the terminal, and what comes of them.
struct Pass<'a, L> {
    pointer: &'a mut Pointer,
    place: &'a Place<'a>,
    frame: &'a TerminalFrame,
    term: &'a mut Term<L>,
    out: Pointed,
}

impl<L: EventListener> Pass<'_, L> {
    fn cell(&self, at: Pos2) -> (usize, usize) {
        self.place.cell(at, self.frame)
    }

    fn side(&self, at: Pos2) -> Side {
        self.place.side(at, self.frame)
    }

    fn report(
        &mut self,
        protocol: MouseProtocol,
        action: MouseAction,
        (line, column): (usize, usize),
        modifiers: Modifiers,
    ) {
        let event = MouseEvent { action, column, line, mods: keys::mods(modifiers) };
        self.out.bytes.extend(protocol.report(event).unwrap_or_default());
    }

    /// Drags the selection, when there is one, to a place.
    fn drag(&mut self, point: Point, side: Side) -> bool {
        let Some(selection) = &mut self.term.selection else { return false };
        selection.update(point, side);
        true
    }

    fn press(&mut self, at: Pos2, button: PointerButton, modifiers: Modifiers) {
        let cell = self.cell(at);
        let protocol = protocol(self.term, modifiers);
        if protocol.is_on() {
            let button = mouse_button(button);
            self.pointer.reported = Some(button);
            self.pointer.last_cell = Some(cell);
            self.report(protocol, MouseAction::Press(button), cell, modifiers);
            self.out.used = true;
        } else if button == PointerButton::Primary && modifiers.command && !modifiers.shift {
            self.out.follow = Some(cell);
        } else if button == PointerButton::Primary {
            self.select(at, cell, modifiers);
        }
    }

    /// Begins a selection, or with Shift drags the one that there is.
    fn select(&mut self, at: Pos2, cell: (usize, usize), modifiers: Modifiers) {
        let now_s = self.place.now_s;
        let count = match self.pointer.clicks {
            Some((before_s, at, count)) if at == cell && now_s - before_s < DOUBLE_CLICK_S => count % 3 + 1,
            _ => 1,
        };
        self.pointer.clicks = Some((now_s, cell, count));
        self.pointer.selecting = true;
        self.pointer.next_scroll_s = now_s;
        let (point, side) = (self.frame.point(cell.0, cell.1), self.side(at));
        if modifiers.shift && self.drag(point, side) {
            return;
        }
        let kind = match count {
            2 => SelectionType::Semantic,
            3 => SelectionType::Lines,
            _ if modifiers.alt => SelectionType::Block,
            _ => SelectionType::Simple,
        };
        self.term.selection = Some(Selection::new(kind, point, side));
    }

    fn release(&mut self, at: Pos2, button: PointerButton, modifiers: Modifiers) {
        if let Some(held) = self.pointer.reported.take_if(|held| *held == mouse_button(button)) {
            let protocol = MouseProtocol::from(*self.term.mode());
            self.report(protocol, MouseAction::Release(held), self.cell(at), modifiers);
        }
        if button == PointerButton::Primary && std::mem::take(&mut self.pointer.selecting) {
            if self.term.selection.as_ref().is_some_and(Selection::is_empty) {
                self.term.selection = None;
            }
            self.out.selected = self.term.selection_to_string().filter(|text| !text.is_empty());
        }
    }

    fn motion(&mut self, at: Pos2) {
        let cell = self.cell(at);
        if self.pointer.selecting {
            self.drag(self.frame.point(cell.0, cell.1), self.side(at));
            return;
        }
        let is_ours = self.place.hovered || self.pointer.reported.is_some();
        if !is_ours || self.pointer.last_cell == Some(cell) {
            return;
        }
        self.pointer.last_cell = Some(cell);
        let protocol = MouseProtocol::from(*self.term.mode());
        self.report(protocol, MouseAction::Move(self.pointer.reported), cell, Modifiers::NONE);
    }

    fn wheel(&mut self, (x, y): (f32, f32), modifiers: Modifiers) {
        let protocol = protocol(self.term, modifiers);
        let whole = |sum: &mut f32, more: f32, unit: f32| {
            *sum += more * unit;
            let whole = sum.trunc();
            *sum -= whole;
            whole as i32
        };
        if protocol.is_on() {
            let at = self.pointer.last_cell.unwrap_or_else(|| self.cell(self.place.rect.center()));
            let down = whole(&mut self.pointer.wheel.1, y, 1.0);
            let right = whole(&mut self.pointer.wheel.0, x, 1.0);
            for (count, one, other) in [
                (down, MouseButton::WheelUp, MouseButton::WheelDown),
                (right, MouseButton::WheelLeft, MouseButton::WheelRight),
            ] {
                let button = if count > 0 { one } else { other };
                for _ in 0..count.unsigned_abs() {
                    self.report(protocol, MouseAction::Press(button), at, modifiers);
                }
            }
            return;
        }
        let lines = whole(&mut self.pointer.wheel.1, y, WHEEL_LINES);
        if lines == 0 {
            return;
        }
        match scroll_as_arrows(lines, *self.term.mode()) {
            Some(bytes) if !modifiers.shift => self.out.bytes.extend(bytes),
            _ => self.term.scroll_display(Scroll::Delta(lines)),
        }
    }

    /// The middle button pastes, unless the program has asked for the pointer.
    fn paste(&mut self, text: &str) {
        if !protocol(self.term, Modifiers::NONE).is_on() {
            self.out.bytes.extend(paste(text, *self.term.mode()));
            self.out.used = true;
        }
    }

    /// A selection that is held over the upper or lower edge scrolls, faster the farther it is.
    fn scroll_while_dragging(&mut self) {
        let place = self.place;
        let wanted = self.pointer.selecting && place.now_s >= self.pointer.next_scroll_s;
        let Some(at) = place.pointer.filter(|_| wanted) else { return };
        let cell = place.metrics.cell().y;
        let bottom = place.origin.y + cell * self.frame.lines as f32;
        let over = if at.y < place.origin.y {
            (place.origin.y - at.y) / cell
        } else if at.y > bottom {
            (bottom - at.y) / cell
        } else {
            return;
        };
        self.pointer.next_scroll_s = place.now_s + DRAG_SCROLL_S;
        self.term.scroll_display(Scroll::Delta(over.signum() as i32 * (1 + over.abs() as i32).min(8)));
        let offset = i32::try_from(self.term.grid().display_offset()).unwrap_or(0);
        let line = if over > 0.0 { 0 } else { i32::try_from(self.frame.lines).unwrap_or(1) - 1 };
        let (_, column) = self.cell(at);
        let point = Point::new(Line(line - offset), self.frame.point(0, column).column);
        self.drag(point, self.side(at));
    }
}

/// What the program asked for; with Shift the pointer is the view's.
fn protocol<L>(term: &Term<L>, modifiers: Modifiers) -> MouseProtocol {
    if modifiers.shift { MouseProtocol::default() } else { MouseProtocol::from(*term.mode()) }
}

fn mouse_button(button: PointerButton) -> MouseButton {
    match button {
        PointerButton::Primary => MouseButton::Left,
        PointerButton::Secondary => MouseButton::Right,
        PointerButton::Middle => MouseButton::Middle,
        PointerButton::Extra1 => MouseButton::Back,
        PointerButton::Extra2 => MouseButton::Forward,
    }
}
