//! Drawing a change of a file: one column, or old beside new.

use super::change::{ChangeView, ViewLine};
use super::ink::{Accent, LINE, Look, found_accents, job, plain};
use super::{FOLD_LINES, more};
use crate::ui::icon::Lucide;
use crate::ui::theme::{self, Palette, palette};
use crate::ui::widgets::button::Button;
use eframe::egui::cache::{ComputerMut, FrameCache};
use eframe::egui::{self, Color32, Context, CornerRadius, Frame, Galley, Id, Margin, Rect, Ui, pos2, vec2};
use hl_lite::Lang;
use magia_core::subject::{Change, DiffLine};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Width of a glyph of code, a little more than it is.
const GLYPH: f32 = 7.6;

/// Old beside new needs this much room.
pub const SPLIT_WIDTH: f32 = 520.0;

/// A change as a key: what it is made of, without a copy.
#[derive(Clone, Copy)]
struct Lines<'a>(&'a [DiffLine], Option<Lang>);

impl Hash for Lines<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.1.hash(state);
        for line in self.0 {
            (line.change as u8, line.old, line.new, line.text.as_str()).hash(state);
        }
    }
}

#[derive(Default)]
struct Making;

impl ComputerMut<Lines<'_>, Arc<ChangeView>> for Making {
    fn compute(&mut self, Lines(lines, language): Lines<'_>) -> Arc<ChangeView> {
        Arc::new(ChangeView::new(lines, language))
    }
}

type Views = FrameCache<Arc<ChangeView>, Making>;

fn split_id() -> Id {
    Id::unique("diffs are split")
}

/// Whether changes are drawn as old beside new, where there is room.
pub fn is_split(ctx: &Context) -> bool {
    ctx.data(|data| data.get_temp(split_id()).unwrap_or(false))
}

/// Whether a change wants more room than text: as old beside new it is twice as wide.
pub fn wants_room(ctx: &Context, lines: &[DiffLine]) -> bool {
    is_split(ctx) && two_sided(lines)
}

fn two_sided(lines: &[DiffLine]) -> bool {
    lines.iter().any(|line| line.change == Change::Removed)
}

/// A change of a file, line by line.
pub fn diff(ui: &mut Ui, lines: &[DiffLine], whole: bool, look: Look<'_>) {
    let colors = palette(ui);
    let view =
        ui.memory_mut(|memory| memory.caches.cache::<Views>().get(Lines(lines, look.language)).clone());
    let split = two_sided(lines) && ui.available_width() >= SPLIT_WIDTH && is_split(ui.ctx());
    let shape = Shape::new(&view, look.needle, colors);
    Frame::new().fill(colors.code).inner_margin(Margin::ZERO).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 0.0;
        let all = if split { view.pairs.len() } else { view.lines.len() };
        let most = if whole { all } else { FOLD_LINES };
        if split {
            for (old, new) in view.pairs.iter().take(most) {
                shape.pair(ui, *old, *new);
            }
        } else {
            for at in 0..most.min(view.lines.len()) {
                shape.line(ui, at);
            }
        }
        if all > most {
            ui.horizontal(|ui| {
                ui.add_space(10.0);
                more(ui, all - most);
            });
        }
    });
}

/// The switch between one column and old beside new, at the right of a row; none for a change with one side, or
/// where there is no room.
pub fn switch(ui: &mut Ui, lines: &[DiffLine], room: f32) {
    if !two_sided(lines) || room < SPLIT_WIDTH {
        return;
    }
    let split = is_split(ui.ctx());
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for (name, icon, wanted) in
            [("Side by side diff", Lucide::Columns2, true), ("Unified diff", Lucide::Rows2, false)]
        {
            let button = Button::icon(icon, name).selected(split == wanted);
            if button.name(name).show(ui).clicked() {
                ui.data_mut(|data| data.insert_temp(split_id(), wanted));
            }
        }
    });
}

/// What the lines of one change have in common.
pub struct Shape<'a> {
    view: &'a ChangeView,
    needle: &'a str,
    numbers: f32,
    colors: &'static Palette,
    /// Lines break after so many glyphs instead of between words: their height is known before.
    even: bool,
}

/// A line laid out.
struct Laid<'a> {
    line: &'a ViewLine,
    galley: Arc<Galley>,
}

impl<'a> Shape<'a> {
    /// The shape of a change.
    pub fn new(view: &'a ChangeView, needle: &'a str, colors: &'static Palette) -> Self {
        let widest = view.lines.iter().filter_map(|line| line.new.max(line.old)).max().unwrap_or(0);
        let digits = widest.max(10).ilog10() as f32 + 1.0;
        Self { view, needle, numbers: digits * 7.5 + 10.0, colors, even: false }
    }

    /// Breaks lines evenly.
    #[must_use]
    pub const fn even(mut self) -> Self {
        self.even = true;
        self
    }

    /// Width of what stands before the text of a line.
    fn before(&self) -> f32 {
        self.numbers + 22.0
    }

    /// Room for the text of a line.
    fn line_width(&self, room: f32) -> f32 {
        (room - self.before() - 8.0).max(40.0)
    }

    /// Room for the text of one of two lines side by side.
    fn pair_width(&self, room: f32) -> f32 {
        (room / 2.0 - self.before() - 4.0).max(40.0)
    }

    /// How high a line is, as far as can be told without laying it out.
    pub fn line_height(&self, at: usize, room: f32) -> f32 {
        self.guess(Some(at), self.line_width(room))
    }

    /// The same of two lines side by side.
    pub fn pair_height(&self, (old, new): (Option<usize>, Option<usize>), room: f32) -> f32 {
        let width = self.pair_width(room);
        self.guess(old, width).max(self.guess(new, width))
    }

    fn guess(&self, at: Option<usize>, width: f32) -> f32 {
        let text = at.and_then(|at| self.view.lines.get(at)).map_or("", |line| &line.text);
        // Of other glyphs it is not known how wide they are: at most two.
        let wide = if text.is_ascii() {
            text.len()
        } else {
            text.chars().map(|c| 1 + usize::from(!c.is_ascii())).sum()
        };
        let in_a_row = (width / GLYPH).floor().max(1.0);
        LINE * (wide as f32 / in_a_row).ceil().max(1.0)
    }

    fn lay(&self, ui: &Ui, at: usize, width: f32) -> Option<Laid<'a>> {
        let line = self.view.lines.get(at)?;
        let runs = self.view.runs(at);
        let mut format = plain(self.colors);
        if line.change == Change::Same && runs.is_empty() {
            format.color = self.colors.muted;
        }
        let ground = match line.change {
            Change::Removed => self.colors.removed_word,
            _ => self.colors.added_word,
        };
        let mut accents: Vec<Accent> = self
            .view
            .words(at)
            .iter()
            .map(|range| Accent { range: range.clone(), ground: Some(ground), underline: None })
            .collect();
        accents.extend(found_accents(&line.text, self.needle, self.colors));
        let mut job = job(&line.text, &format, runs, &accents, self.colors);
        job.wrap.max_width = width;
        job.wrap.break_anywhere = self.even;
        Some(Laid { line, galley: ui.fonts_mut(|fonts| fonts.layout_job(job)) })
    }

    /// Leaves the room of lines that are off screen and surely fit one row: thousands of them cost nothing.
    fn skips(&self, ui: &mut Ui, lines: &[Option<usize>], width: f32) -> bool {
        let fits = |at: usize| {
            self.view
                .lines
                .get(at)
                .is_none_or(|line| line.text.is_ascii() && line.text.len() as f32 * GLYPH * 1.2 < width)
        };
        let next = Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), LINE));
        let skips = lines.iter().flatten().all(|at| fits(*at)) && !ui.is_rect_visible(next);
        if skips {
            ui.allocate_space(next.size());
        }
        skips
    }

    /// Draws a line.
    pub fn line(&self, ui: &mut Ui, at: usize) {
        let width = self.line_width(ui.available_width());
        if self.skips(ui, &[Some(at)], width) {
            return;
        }
        let Some(laid) = self.lay(ui, at, width) else { return };
        let height = laid.galley.size().y.max(LINE);
        let (_, rect) = ui.allocate_space(vec2(ui.available_width(), height));
        if ui.is_rect_visible(rect) {
            self.put(ui, rect, &laid, laid.line.new.or(laid.line.old));
        }
    }

    /// Draws an old line beside a new one.
    pub fn pair(&self, ui: &mut Ui, old: Option<usize>, new: Option<usize>) {
        let width = self.pair_width(ui.available_width());
        if self.skips(ui, &[old, new], width) {
            return;
        }
        let [old, new] = [old, new].map(|at| at.and_then(|at| self.lay(ui, at, width)));
        let tall = |laid: &Option<Laid<'_>>| laid.as_ref().map_or(LINE, |laid| laid.galley.size().y);
        let height = tall(&old).max(tall(&new)).max(LINE);
        let (_, rect) = ui.allocate_space(vec2(ui.available_width(), height));
        if !ui.is_rect_visible(rect) {
            return;
        }
        let (left, right) = rect.split_left_right_at_fraction(0.5);
        if let Some(laid) = &old {
            self.put(ui, left, laid, laid.line.old);
        }
        if let Some(laid) = &new {
            self.put(ui, right, laid, laid.line.new);
        }
        ui.painter().vline(right.left(), rect.y_range(), self.colors.line());
    }

    fn put(&self, ui: &Ui, rect: Rect, laid: &Laid<'_>, number: Option<u32>) {
        let colors = self.colors;
        let (sign, fill, color) = match laid.line.change {
            Change::Same => (" ", None, colors.muted),
            Change::Added => ("+", Some(colors.added_line), colors.done),
            Change::Removed => ("-", Some(colors.removed_line), colors.failed),
            Change::Gap => ("⋯", None, colors.muted),
        };
        let painter = ui.painter();
        if let Some(fill) = fill {
            painter.rect_filled(rect, CornerRadius::ZERO, fill);
        }
        let put = |right: f32, text: String, color: Color32| {
            let galley = painter.layout_no_wrap(text, theme::mono(theme::CAPTION), color);
            let at = egui::pos2(right - galley.size().x, rect.top() + (LINE - galley.size().y) / 2.0);
            painter.galley(at, galley, color);
        };
        put(rect.left() + self.numbers, number.map(|it| it.to_string()).unwrap_or_default(), colors.muted);
        put(rect.left() + self.numbers + 14.0, sign.to_owned(), color);
        let at = pos2(rect.left() + self.before(), rect.top());
        painter.galley(at, Arc::clone(&laid.galley), colors.foreground);
    }
}
