//! The plots: tokens and cost over time, and how long requests took.

use super::data::{PlotData, cost, millis};
use crate::ui::clock::Clock;
use crate::ui::theme::{self, palette};
use crate::ui::widgets::caption;
use eframe::egui::{self, Color32, Frame, Margin, Ui, vec2};
use egui_plot::{Bar, BarChart, GridMark, Line, Plot, PlotPoints, uniform_grid_spacer};
use magia_protocol::wire::metrics::short_count;

/// How high a plot is.
const HEIGHT: f32 = 132.0;
/// Room for the words beside a plot.
const AXIS: f32 = 44.0;

/// Draws all plots that have something to show, beside each other where there is room.
pub fn plots_ui(ui: &mut Ui, data: &PlotData, clock: &Clock) {
    let colors = palette(ui);
    let [input, cached, output] = &data.tokens;
    if input.is_empty() {
        return;
    }
    let tokens = |ui: &mut Ui| {
        let kinds = [
            ("Tokens in", colors.lane(3), input),
            ("Cached", colors.lane(0), cached),
            ("Tokens out", colors.primary, output),
        ];
        card(ui, "Tokens a minute", &kinds.map(|(name, color, _)| (name, color)), |ui| {
            let plot = plot("tokens", data, clock)
                .y_axis_formatter(|mark, _| short_count(mark.value.max(0.0) as u64));
            plot.show(ui, |plot| {
                let mut below: Vec<BarChart> = Vec::new();
                for (name, color, points) in kinds {
                    let bars = points.iter().map(|[x, y]| Bar::new(*x, *y).width(0.8).fill(color));
                    let chart = BarChart::new(name, bars.collect()).color(color);
                    let stacked = below.iter().collect::<Vec<_>>();
                    below.push(chart.stack_on(&stacked));
                }
                below.into_iter().for_each(|chart| plot.bar_chart(chart));
            });
        });
    };
    let spent = |ui: &mut Ui| {
        card(ui, "Cost so far", &[], |ui| {
            let plot = plot("cost", data, clock).y_axis_formatter(|mark, _| cost(Some(mark.value.max(0.0))));
            plot.show(ui, |plot| plot.line(line("cost", &data.cost, colors.done)));
        });
    };
    let waits = |ui: &mut Ui| {
        card(ui, "Time of a request", &[], |ui| {
            let plot = plot("latency", data, clock).y_axis_formatter(|mark, _| {
                // Nothing is nothing, whatever unit the marks above it have.
                if mark.value <= 0.0 { "0".to_owned() } else { millis(mark.value) }
            });
            plot.show(ui, |plot| plot.line(line("request", &data.latency, colors.working)));
        });
    };
    let mut parts: Vec<&dyn Fn(&mut Ui)> = vec![&tokens];
    if !data.cost.is_empty() {
        parts.push(&spent);
    }
    if !data.latency.is_empty() {
        parts.push(&waits);
    }
    let beside = match ui.available_width() {
        1_000.0.. => 3,
        640.0.. => 2,
        _ => 1,
    };
    for row in parts.chunks(beside) {
        ui.columns(row.len(), |columns| {
            for (column, part) in columns.iter_mut().zip(row) {
                part(column);
            }
        });
        ui.add_space(theme::SPACE_2);
    }
}

/// A plot with its head: what it shows, and the colours of its parts.
fn card(ui: &mut Ui, title: &str, parts: &[(&str, Color32)], show: impl FnOnce(&mut Ui)) {
    let colors = palette(ui);
    let frame = Frame::new()
        .fill(colors.card)
        .stroke(colors.line())
        .corner_radius(theme::CARD_RADIUS)
        .inner_margin(Margin::symmetric(12, 8));
    frame.show(ui, |ui| {
        ui.horizontal(|ui| {
            caption(ui, title);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                for (name, color) in parts.iter().rev() {
                    caption(ui, *name);
                    let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), egui::Sense::hover());
                    ui.painter().rect_filled(rect.shrink(1.0), theme::CONTROL_RADIUS, *color);
                }
            });
        });
        // The words at its sides and its lines are made from this.
        ui.visuals_mut().override_text_color = Some(colors.muted);
        show(ui);
    });
}

fn plot<'a>(name: &'static str, data: &PlotData, clock: &'a Clock) -> Plot<'a> {
    let (from, to) = data.range;
    Plot::new(name)
        .height(HEIGHT)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_axis_zoom_drag(false)
        .allow_double_click_reset(false)
        // It has a name beside it, and nothing to press.
        .sense(egui::Sense::hover())
        .show_background(false)
        .show_grid([false, true])
        .x_grid_spacer(uniform_grid_spacer(|grid| [minutes(grid.bounds.1 - grid.bounds.0); 3]))
        .y_grid_spacer(uniform_grid_spacer(|grid| [step(grid.bounds.1 - grid.bounds.0); 3]))
        .show_x(false)
        .show_y(false)
        .include_x(from)
        .include_x(to)
        .include_y(0.0)
        .y_axis_min_width(AXIS)
        .set_margin_fraction(vec2(0.01, 0.08))
        .x_axis_formatter(move |mark: GridMark, _range: &std::ops::RangeInclusive<f64>| {
            // A mark between two minutes would have the name of one.
            if mark.value.fract() == 0.0 {
                clock.time_of_day(mark.value as u64 * 60_000)
            } else {
                String::new()
            }
        })
}

/// A round number of minutes, so that about four words fit below.
fn minutes(span: f64) -> f64 {
    let round = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0];
    round.into_iter().find(|minutes| minutes * 4.0 >= span).unwrap_or(60.0)
}

/// A round number, so that about three words fit at the side.
fn step(span: f64) -> f64 {
    let least = (span / 3.0).max(1e-6);
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|times| times * power).find(|step| *step >= least).unwrap_or(10.0 * power)
}

fn line<'a>(name: &str, points: &[[f64; 2]], color: Color32) -> Line<'a> {
    let points = match points {
        // One alone would be a speck.
        [[x, y]] => vec![[x - 0.4, *y], [x + 0.4, *y]],
        points => points.to_vec(),
    };
    Line::new(name, PlotPoints::from(points)).color(color).width(1.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_few() {
        let steps = [0.0, 0.9, 3.0, 17.0, 16_000.0].map(step);
        assert_eq!(steps[1..], [0.5, 1.0, 10.0, 10_000.0]);
        assert!(steps[0] > 0.0);
        assert_eq!([3.0, 11.0, 110.0, 180.0].map(minutes), [1.0, 5.0, 30.0, 60.0]);
    }
}
