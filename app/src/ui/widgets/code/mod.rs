//! Code on screen: commands whole and wrapped at words, diffs as diffs, output cut where it says so, all in the
//! colours of their language.

mod change;
mod diff;
mod ink;

pub use change::ChangeView;
pub use diff::{SPLIT_WIDTH, Shape, diff, is_split, switch, wants_room};
pub use ink::{Look, found, found_accents, job};

use super::super::text;
use super::super::theme::{self, palette};
use eframe::egui::cache::{ComputerMut, FrameCache};
use eframe::egui::{Frame, Label, Margin, RichText, Ui};
use hl_lite::Lang;
use ink::{Accent, Run, plain};
use magia_core::subject::Mark;
use magia_protocol::wire::Risk;
use std::sync::Arc;

/// Lines of a diff or an output that are drawn before "show all".
pub const FOLD_LINES: usize = 40;

/// Colours texts; a text is coloured once while it is on screen.
#[derive(Default)]
struct Colouring;

impl ComputerMut<(Option<Lang>, &str), Arc<Vec<Run>>> for Colouring {
    fn compute(&mut self, (language, text): (Option<Lang>, &str)) -> Arc<Vec<Run>> {
        Arc::new(ink::runs(language, text))
    }
}

type Colours = FrameCache<Arc<Vec<Run>>, Colouring>;

fn runs(ui: &Ui, language: Option<Lang>, text: &str) -> Arc<Vec<Run>> {
    if language.is_none() {
        return Arc::default();
    }
    ui.memory_mut(|memory| memory.caches.cache::<Colours>().get((language, text)).clone())
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
pub fn command(ui: &mut Ui, command: &str, marks: &[Mark], needle: &str) {
    let colors = palette(ui);
    let (visible, parts) = visible_parts(command, marks);
    block(ui, |ui| {
        let mut accents = found_accents(&visible, needle, colors);
        accents.extend(parts.iter().map(|(range, risk)| Accent {
            range: range.clone(),
            ground: None,
            underline: Some(if *risk == Risk::High { colors.failed } else { colors.muted }),
        }));
        let runs = runs(ui, Some(Lang::Bash), &visible);
        let job = job(&visible, &plain(colors), &runs, &accents, colors);
        ui.add(Label::new(job).wrap().selectable(true)).accessible_name(&visible);
    });
    for (mark, more) in by_reason(marks) {
        let part = command.get(mark.range.clone()).unwrap_or_default();
        ui.horizontal_wrapped(|ui| {
            ui.set_min_height(16.0);
            ui.spacing_mut().item_spacing.x = 6.0;
            let color = colors.risk(mark.risk);
            let part = text::shown_line(part, 48);
            ui.label(RichText::new(part).font(theme::mono(theme::CAPTION)).color(color).underline());
            let said = |words: String| RichText::new(words).font(theme::regular(theme::CAPTION));
            if more > 0 {
                ui.label(said(format!("and {more} more:")).color(colors.muted));
            }
            ui.label(said(mark.reason.to_owned()).color(colors.muted));
        });
    }
}

/// The marks that are named below a command, each with how many more say the same: the first of each reason, the worst
/// first when there are several risks.
fn by_reason(marks: &[Mark]) -> Vec<(&Mark, usize)> {
    let mut named: Vec<(&Mark, usize)> = Vec::new();
    for mark in marks {
        match named.iter_mut().find(|(first, _)| (first.reason, first.risk) == (mark.reason, mark.risk)) {
            Some((_, more)) => *more += 1,
            None => named.push((mark, 0)),
        }
    }
    named.sort_by_key(|(mark, _)| std::cmp::Reverse(mark.risk));
    named
}

/// A command made visible, and where its marks stand then. Marks that do not fit are left out.
fn visible_parts(command: &str, marks: &[Mark]) -> (String, Vec<(std::ops::Range<usize>, Risk)>) {
    let mut visible = String::with_capacity(command.len());
    let mut parts = Vec::new();
    let mut at = 0;
    for mark in marks {
        let (Some(before), Some(part)) =
            (command.get(at..mark.range.start), command.get(mark.range.start..mark.range.end))
        else {
            continue;
        };
        visible.push_str(&text::shown(before));
        let start = visible.len();
        visible.push_str(&text::shown(part));
        parts.push((start..visible.len(), mark.risk));
        at = mark.range.end;
    }
    visible.push_str(&text::shown(command.get(at..).unwrap_or_default()));
    (visible, parts)
}

/// Output or JSON, at most [`FOLD_LINES`] lines unless `whole`.
pub fn output(ui: &mut Ui, output: &str, whole: bool, look: Look<'_>) {
    let colors = palette(ui);
    block(ui, |ui| {
        let lines = output.lines().count();
        let part: String = if whole || lines <= FOLD_LINES {
            text::shown(output.trim_end()).into_owned()
        } else {
            let head: Vec<&str> = output.lines().take(FOLD_LINES).collect();
            text::shown(&head.join("\n")).into_owned()
        };
        let runs = runs(ui, look.language, &part);
        let job = job(&part, &plain(colors), &runs, &found_accents(&part, look.needle, colors), colors);
        ui.add(Label::new(job).wrap().selectable(true));
        if !whole && lines > FOLD_LINES {
            more(ui, lines - FOLD_LINES);
        }
    });
}

fn more(ui: &mut Ui, lines: usize) {
    let verb = if lines == 1 { "line" } else { "lines" };
    super::caption(ui, format!("{lines} more {verb}; Copy takes all"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_said_once() {
        let mark = |at: usize, risk, reason| Mark { range: at..at + 1, risk, reason };
        let marks = [
            mark(0, Risk::Medium, "acts outside the project"),
            mark(2, Risk::Medium, "acts outside the project"),
            mark(4, Risk::High, "deletes recursively"),
            mark(6, Risk::Medium, "acts outside the project"),
        ];
        let named: Vec<_> =
            by_reason(&marks).into_iter().map(|(mark, more)| (mark.range.start, more)).collect();
        assert_eq!(named, [(4, 0), (0, 2)]);
    }

    #[test]
    fn marks_that_do_not_fit_are_left_out_and_no_text_is_lost() {
        let mark = |range| Mark { range, risk: Risk::High, reason: "deletes recursively" };
        for marks in [vec![mark(0..6)], vec![mark(1..2), mark(0..4)], vec![mark(3..900)], vec![mark(5..7)]] {
            let (visible, parts) = visible_parts("rm -rf ü", &marks);
            assert_eq!(visible, "rm -rf ü");
            assert!(parts.iter().all(|(range, _)| visible.get(range.clone()).is_some()), "{parts:?}");
        }
        let (visible, parts) = visible_parts("a\u{200b}; rm b", &[mark(6..10)]);
        assert_eq!(&visible[parts[0].0.clone()], "rm b", "an escape before it moves a mark");
    }
}
