//! The thin bar at the right edge: where in the scrollback one is, and a way to get elsewhere.

use super::frame::TerminalFrame;
use eframe::egui::{Id, Rect, Sense, Ui, pos2};

/// Its width in points, and that of the strip that it is caught in.
const BAR: f32 = 4.0;
const STRIP: f32 = 10.0;

/// A thumb is never smaller.
const LEAST_THUMB: f32 = 24.0;

/// Where the thumb is; none while there is nothing above the screen.
pub(super) fn thumb(frame: &TerminalFrame, rect: Rect) -> Option<Rect> {
    if frame.history == 0 {
        return None;
    }
    let total = (frame.history + frame.lines) as f32;
    let height = (rect.height() * frame.lines as f32 / total).max(LEAST_THUMB).min(rect.height());
    let above = (frame.history - frame.display_offset.min(frame.history)) as f32 / frame.history as f32;
    let top = rect.top() + (rect.height() - height) * above;
    Some(Rect::from_min_max(pos2(rect.right() - BAR - 1.0, top), pos2(rect.right() - 1.0, top + height)))
}

/// Draws the bar and gives the offset that it is dragged to. It is there while one is scrolled back or points at it.
pub(super) fn bar(
    ui: &Ui,
    id: Id,
    frame: &TerminalFrame,
    rect: Rect,
    color: eframe::egui::Color32,
) -> Option<usize> {
    let thumb = thumb(frame, rect)?;
    let strip = Rect::from_min_max(pos2(rect.right() - STRIP, rect.top()), rect.max);
    let response = ui.interact(strip, id, Sense::drag());
    if frame.display_offset > 0 || response.hovered() || response.dragged() {
        let wide = if response.hovered() || response.dragged() {
            thumb.with_min_x(thumb.left() - 2.0)
        } else {
            thumb
        };
        ui.painter().rect_filled(wide, BAR / 2.0, color);
    }
    let at = response.interact_pointer_pos().filter(|_| response.dragged() || response.drag_started())?;
    let room = (rect.height() - thumb.height()).max(1.0);
    let above = ((at.y - thumb.height() / 2.0 - rect.top()) / room).clamp(0.0, 1.0);
    Some(((1.0 - above) * frame.history as f32).round() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::Vec2;

    #[test]
    fn the_thumb_is_where_one_is() {
        let rect = Rect::from_min_size(pos2(0.0, 0.0), Vec2::new(100.0, 200.0));
        let frame = |history, display_offset| TerminalFrame::scrolled(25, history, display_offset);
        assert_eq!(thumb(&frame(0, 0), rect), None);
        assert_eq!(thumb(&frame(75, 0), rect).map(|it| (it.top(), it.bottom())), Some((150.0, 200.0)));
        assert_eq!(thumb(&frame(75, 75), rect).map(|it| (it.top(), it.bottom())), Some((0.0, 50.0)));
        assert_eq!(thumb(&frame(10_000, 10_000), rect).map(|it| it.height()), Some(LEAST_THUMB));
    }
}
