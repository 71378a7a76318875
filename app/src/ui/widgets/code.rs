//! Code on screen: commands whole and wrapped at words, diffs as diffs, output cut where it says so.

use super::super::text;
use super::super::theme::{self, Palette, palette};
use eframe::egui::text::LayoutJob;
use eframe::egui::{self, CornerRadius, Frame, Label, Margin, Rect, RichText, Stroke, TextFormat, Ui, vec2};
use magia_core::subject::{Change, DiffLine, Mark};
use magia_protocol::wire::Risk;

/// Height of a line of code.
const LINE: f32 = 18.0;
/// Lines of a diff or an output that are drawn before "show all".
pub const FOLD_LINES: usize = 40;

fn plain(colors: &Palette) -> TextFormat {
    TextFormat {
        font_id: theme::mono(theme::CODE),
        color: colors.foreground,
        line_height: Some(LINE),
        ..TextFormat::default()
    }
}

/// The box that code stands in.
pub fn block<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    let colors = palette(ui);
    Frame::new()
        .fill(colors.code)
        .corner_radius(theme::CONTROL_RADIUS)
        .inner_margin(Margin::symmetric(10, 6))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 0.0;
            add(ui)
        })
        .inner
}

/// A command: whole, wrapped at words, its dangerous parts underlined with the reason below.
pub fn command(ui: &mut Ui, command: &str, marks: &[Mark]) {
    let colors = palette(ui);
    block(ui, |ui| {
        let job = command_job(command, marks, colors);
        let name = text::shown(command).into_owned();
        ui.add(Label::new(job).wrap().selectable(true)).accessible_name(name);
    });
    for mark in marks {
        let part = command.get(mark.range.clone()).unwrap_or_default();
        ui.horizontal(|ui| {
            ui.set_min_height(16.0);
            ui.spacing_mut().item_spacing.x = 6.0;
            let color = colors.risk(mark.risk);
            let part = text::shown_line(part, 48);
            ui.label(RichText::new(part).font(theme::mono(theme::CAPTION)).color(color).underline());
            let reason = RichText::new(mark.reason).font(theme::regular(theme::CAPTION));
            ui.label(reason.color(colors.muted));
        });
    }
}

/// The text of a command in parts: what is marked is underlined. Ranges that do not fit are left out.
fn command_job(command: &str, marks: &[Mark], colors: &Palette) -> LayoutJob {
    let mut job = LayoutJob::default();
    let mut at = 0;
    for mark in marks {
        let (Some(before), Some(part)) =
            (command.get(at..mark.range.start), command.get(mark.range.start..mark.range.end))
        else {
            continue;
        };
        job.append(&text::shown(before), 0.0, plain(colors));
        let color = if mark.risk == Risk::High { colors.failed } else { colors.foreground };
        let underline = Stroke::new(1.5, color);
        job.append(&text::shown(part), 0.0, TextFormat { color, underline, ..plain(colors) });
        at = mark.range.end;
    }
    job.append(&text::shown(command.get(at..).unwrap_or_default()), 0.0, plain(colors));
    job
}

/// Output or JSON, at most [`FOLD_LINES`] lines unless `whole`.
pub fn output(ui: &mut Ui, output: &str, whole: bool) {
    let colors = palette(ui);
    block(ui, |ui| {
        let lines = output.lines().count();
        let part: String = if whole || lines <= FOLD_LINES {
            text::shown(output.trim_end()).into_owned()
        } else {
            let head: Vec<&str> = output.lines().take(FOLD_LINES).collect();
            text::shown(&head.join("\n")).into_owned()
        };
        let job = LayoutJob::single_section(part, plain(colors));
        ui.add(Label::new(job).wrap().selectable(true));
        if !whole && lines > FOLD_LINES {
            more(ui, lines - FOLD_LINES);
        }
    });
}

fn more(ui: &mut Ui, lines: usize) {
    super::caption(ui, format!("{lines} more lines; Copy takes all"));
}

/// A change of a file, line by line.
pub fn diff(ui: &mut Ui, lines: &[DiffLine], whole: bool) {
    let colors = palette(ui);
    let most = if whole { lines.len() } else { FOLD_LINES };
    let widest = lines.iter().filter_map(|line| line.new.max(line.old)).max().unwrap_or(0);
    let digits = widest.max(10).ilog10() as f32 + 1.0;
    let numbers = digits * 7.5 + 10.0;
    Frame::new()
        .fill(colors.code)
        .corner_radius(theme::CONTROL_RADIUS)
        .inner_margin(Margin::symmetric(0, 4))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 0.0;
            for line in lines.iter().take(most) {
                diff_line(ui, line, numbers, colors);
            }
            if lines.len() > most {
                ui.horizontal(|ui| {
                    ui.add_space(10.0);
                    more(ui, lines.len() - most);
                });
            }
        });
}

fn diff_line(ui: &mut Ui, line: &DiffLine, numbers: f32, colors: &Palette) {
    let (sign, fill, color) = match line.change {
        Change::Same => (" ", None, colors.muted),
        Change::Added => ("+", Some(colors.added_line), colors.done),
        Change::Removed => ("-", Some(colors.removed_line), colors.failed),
        Change::Gap => ("⋯", None, colors.muted),
    };
    let left = numbers + 22.0;
    let width = (ui.available_width() - left - 8.0).max(40.0);
    // A line that surely fits has a known height: thousands of them cost nothing while they are off screen.
    let next = Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), LINE));
    let fits = line.text.is_ascii() && line.text.len() as f32 * 4.0 * 7.6 < width;
    if fits && !ui.is_rect_visible(next) {
        ui.allocate_space(next.size());
        return;
    }
    let mut format = plain(colors);
    if line.change == Change::Same {
        format.color = colors.muted;
    }
    let mut job = LayoutJob::single_section(text::shown(&line.text).replace('\t', "    "), format);
    job.wrap.max_width = width;
    let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
    let height = galley.size().y.max(LINE);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), height));
    if !ui.is_rect_visible(rect) {
        return;
    }
    let painter = ui.painter();
    if let Some(fill) = fill {
        painter.rect_filled(rect, CornerRadius::ZERO, fill);
    }
    let number = line.new.or(line.old).map(|number| number.to_string()).unwrap_or_default();
    let put = |right: f32, text: String, color| {
        let galley = painter.layout_no_wrap(text, theme::mono(theme::CAPTION), color);
        let at = egui::pos2(right - galley.size().x, rect.top() + (LINE - galley.size().y) / 2.0);
        painter.galley(at, galley, color);
    };
    put(rect.left() + numbers, number, colors.muted);
    put(rect.left() + numbers + 14.0, sign.to_owned(), color);
    painter.galley(egui::pos2(rect.left() + left, rect.top()), galley, colors.foreground);
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::Theme;

    #[test]
    fn marks_that_do_not_fit_are_left_out_and_no_text_is_lost() {
        let mark = |range| Mark { range, risk: Risk::High, reason: "deletes recursively" };
        let colors = Palette::of(Theme::Dark);
        for marks in [vec![mark(0..6)], vec![mark(1..2), mark(0..4)], vec![mark(3..900)], vec![mark(5..7)]] {
            let job = command_job("rm -rf ü", &marks, colors);
            assert_eq!(job.text, "rm -rf ü");
        }
    }
}
