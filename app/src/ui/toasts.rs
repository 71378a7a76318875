//! What is said once, bottom right. News goes by itself; a failure stays until it is dismissed.

use super::action::{Action, Actions};
use super::dialogs::edit::is_about;
use super::icon::Lucide;
use super::text;
use super::theme::{self, palette};
use super::widgets::button::Button;
use eframe::egui::{self, Align2, Area, Frame, Id, Margin, Order, vec2};
use magia_core::snapshot::Toast;
use magia_protocol::wire::RequestId;

/// Seconds that news stays.
const STAY_S: f64 = 6.0;
/// Toasts on screen at most; the oldest news makes room.
const MOST: usize = 5;

#[derive(Clone, Debug)]
struct Shown {
    number: u64,
    failed: bool,
    text: String,
    until_s: f64,
}

/// The toasts on screen.
#[derive(Debug, Default)]
pub struct Toasts {
    shown: Vec<Shown>,
    last_seen: u64,
    own: u64,
}

impl Toasts {
    /// Takes the hub's toasts that were not seen yet. Refusals of the request that is `edited` are said in its dialog.
    pub fn follow(&mut self, toasts: &[Toast], edited: Option<RequestId>, now_s: f64) {
        let seen = self.last_seen;
        let elsewhere = |toast: &&Toast| edited.is_some_and(|request| is_about(toast, request));
        for toast in toasts.iter().filter(|toast| toast.number > seen && !elsewhere(toast)) {
            self.push(toast.number, toast.failed, text::shown(&toast.text).into_owned(), now_s);
        }
        self.last_seen = toasts.iter().map(|toast| toast.number).max().unwrap_or(0).max(self.last_seen);
    }

    /// Says something of the window's own.
    pub fn say(&mut self, text: String, now_s: f64) {
        let number = self.own_number();
        self.push(number, false, text, now_s);
    }

    /// Says that something failed.
    pub fn fail(&mut self, text: String, now_s: f64) {
        let number = self.own_number();
        self.push(number, true, text, now_s);
    }

    /// Takes one away.
    pub fn dismiss(&mut self, number: u64) {
        self.shown.retain(|toast| toast.number != number);
    }

    /// Drops what has been there long enough; seconds until the next one goes.
    pub fn expire(&mut self, now_s: f64) -> Option<f64> {
        self.shown.retain(|toast| toast.failed || toast.until_s > now_s);
        let next = self.shown.iter().filter(|toast| !toast.failed).map(|toast| toast.until_s);
        next.min_by(f64::total_cmp).map(|until| until - now_s)
    }

    /// Numbers of the window's own toasts count down, so that they never meet the hub's.
    fn own_number(&mut self) -> u64 {
        self.own += 1;
        u64::MAX - self.own
    }

    fn push(&mut self, number: u64, failed: bool, text: String, now_s: f64) {
        self.shown.retain(|toast| toast.text != text);
        self.shown.push(Shown { number, failed, text, until_s: now_s + STAY_S });
        if self.shown.len() > MOST {
            let oldest = self.shown.iter().position(|toast| !toast.failed).unwrap_or(0);
            self.shown.remove(oldest);
        }
    }

    /// Draws them.
    pub fn ui(&self, ctx: &egui::Context, actions: &mut Actions) {
        if self.shown.is_empty() {
            return;
        }
        // In a small window the answers of a card stand at the right: there toasts go over the list.
        let small = ctx.content_rect().width() < theme::NARROW;
        let (corner, offset, width) = if small {
            (Align2::LEFT_BOTTOM, vec2(theme::SPACE_1, -theme::SPACE_1), 190.0)
        } else {
            (Align2::RIGHT_BOTTOM, vec2(-theme::SPACE_4, -theme::SPACE_4), 320.0)
        };
        Area::new(Id::unique("toasts"))
            .order(Order::Foreground)
            .anchor(corner, offset)
            .accessible_name("Messages")
            .fade_in(false)
            .show(ctx, |ui| {
                ui.spacing_mut().item_spacing.y = theme::SPACE_2;
                for toast in &self.shown {
                    ui.push_id(toast.number, |ui| toast_ui(ui, toast, width, actions));
                }
            });
    }
}

fn toast_ui(ui: &mut egui::Ui, toast: &Shown, width: f32, actions: &mut Actions) {
    let colors = palette(ui);
    Frame::new()
        .fill(colors.popover)
        .stroke(colors.line())
        .corner_radius(theme::CARD_RADIUS)
        .shadow(ui.visuals().popup_shadow)
        .inner_margin(Margin::symmetric(12, 6))
        .show(ui, |ui| {
            ui.set_width(width);
            ui.horizontal(|ui| {
                let (icon, color) = if toast.failed {
                    (Lucide::CircleAlert, colors.failed)
                } else {
                    (Lucide::Check, colors.done)
                };
                let (rect, _) = ui.allocate_exact_size(vec2(16.0, theme::ROW), egui::Sense::hover());
                super::icon::paint(ui.painter(), rect, icon, 15.0, color);
                let close = theme::ROW + theme::SPACE_2;
                let width = ui.available_width() - close;
                ui.allocate_ui_with_layout(
                    vec2(width, theme::ROW),
                    egui::Layout::left_to_right(egui::Align::Center),
                    |ui| {
                        ui.set_width(width);
                        ui.add(egui::Label::new(&toast.text).wrap());
                    },
                );
                if Button::icon(Lucide::X, "Dismiss").show(ui).clicked() {
                    actions.push(Action::DismissToast(toast.number));
                }
            });
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_goes_and_failures_stay() {
        let mut toasts = Toasts::default();
        let news = Toast { number: 3, failed: false, text: "hooks installed".into(), about: None };
        let failure =
            Toast { number: 4, failed: true, text: "settings.json cannot be written".into(), about: None };
        toasts.follow(&[news.clone(), failure.clone()], None, 10.0);
        toasts.follow(&[news, failure], None, 11.0);
        assert_eq!(toasts.shown.len(), 2, "a toast is shown once");
        assert_eq!(toasts.expire(12.0), Some(4.0));
        assert_eq!(toasts.expire(16.5), None);
        assert_eq!(toasts.shown.iter().map(|toast| toast.number).collect::<Vec<_>>(), [4]);
        toasts.dismiss(4);
        assert!(toasts.shown.is_empty());
    }
}
