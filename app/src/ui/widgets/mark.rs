//! State as a shape: seen without colour, the same everywhere.

use super::super::icon::{self, Lucide};
use super::super::theme::{Palette, palette};
use eframe::egui::{Color32, Painter, Pos2, Rect, Stroke, Ui, Vec2, pos2};
use magia_core::timeline::ToolStatus;
use magia_protocol::wire::SessionState;

/// Width of the column that marks stand in.
pub const COLUMN: f32 = 16.0;

/// Paints a session's state around `center`. `pulse` is the second half of a working session's beat.
pub fn state(ui: &Ui, center: Pos2, state: SessionState, pulse: bool) {
    let color = palette(ui).state(state);
    let painter = ui.painter();
    match state {
        SessionState::WaitingPermission => sign(ui, center, "!", color),
        SessionState::WaitingAnswer => sign(ui, center, "?", color),
        SessionState::Working => {
            painter.circle_filled(center, 3.5, color);
            if pulse {
                painter.circle_stroke(center, 5.5, Stroke::new(1.0, color.gamma_multiply(0.6)));
            }
        }
        SessionState::Failed => cross(painter, center, color),
        SessionState::Idle => {
            painter.circle_stroke(center, 3.5, Stroke::new(1.5, color));
        }
        SessionState::Ended => {
            painter.line_segment(
                [center - Vec2::new(3.5, 0.0), center + Vec2::new(3.5, 0.0)],
                Stroke::new(1.5, color),
            );
        }
    }
}

/// Paints whether a program runs that is no agent, around `center`.
pub fn program(ui: &Ui, center: Pos2, runs: bool) {
    if runs {
        ui.painter().circle_filled(center, 3.0, palette(ui).done);
    } else {
        let half = Vec2::new(3.5, 0.0);
        ui.painter().line_segment([center - half, center + half], Stroke::new(1.5, palette(ui).muted));
    }
}

/// Paints how a tool call stands around `center`.
pub fn tool(ui: &Ui, center: Pos2, status: ToolStatus) {
    let colors: &Palette = palette(ui);
    match status {
        ToolStatus::Running => {
            ui.painter().circle_filled(center, 3.0, colors.working);
        }
        ToolStatus::Done => {
            let square = Rect::from_center_size(center, Vec2::splat(12.0));
            icon::paint(ui.painter(), square, Lucide::Check, 12.0, colors.done);
        }
        ToolStatus::Failed => cross(ui.painter(), center, colors.failed),
        ToolStatus::Denied => {
            let square = Rect::from_center_size(center, Vec2::splat(12.0));
            icon::paint(ui.painter(), square, Lucide::Ban, 12.0, colors.muted);
        }
    }
}

/// A filled disc with a sign in it.
fn sign(ui: &Ui, center: Pos2, text: &str, color: Color32) {
    let painter = ui.painter();
    painter.circle_filled(center, 7.0, color);
    let ink = palette(ui).on_needs_you;
    let galley =
        painter.layout_no_wrap(text.to_owned(), super::super::theme::semibold(10.5), Color32::PLACEHOLDER);
    let at = pos2(center.x - galley.size().x / 2.0, center.y - galley.size().y / 2.0);
    painter.galley(at, galley, ink);
}

fn cross(painter: &Painter, center: Pos2, color: Color32) {
    let (a, b) = (Vec2::splat(3.5), Vec2::new(3.5, -3.5));
    painter.line_segment([center - a, center + a], Stroke::new(2.0, color));
    painter.line_segment([center - b, center + b], Stroke::new(2.0, color));
}
