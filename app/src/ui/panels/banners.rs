//! What failed, what still works, and the way out.

use crate::ui::action::{Action, Actions};
use crate::ui::icon::{self, Lucide};
use crate::ui::text::{shown, shown_line};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::button::Button;
use eframe::egui::{Align, Frame, Label, Layout, Margin, Sense, Ui, vec2};
use magia_core::snapshot::Snapshot;

/// A banner as it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Banner {
    /// What failed and what still works.
    pub text: String,
    /// The button's text and what it asks for.
    pub way_out: Option<(&'static str, Action)>,
}

/// The banners for the facts.
pub fn banners(snapshot: &Snapshot) -> Vec<Banner> {
    let mut banners: Vec<Banner> = snapshot
        .problems
        .iter()
        .map(|problem| Banner {
            text: shown(&problem.text).into_owned(),
            way_out: problem.retry.as_ref().map(|name| ("Retry", Action::retry(name))),
        })
        .collect();
    for hooks in snapshot.hooks.iter().filter(|hooks| hooks.lost) {
        let file = shown_line(&hooks.file, 200);
        banners.push(Banner {
            text: format!(
                "Something took magia's hooks out of {file}: new sessions are not seen until they are back"
            ),
            way_out: Some(("Repair...", Action::install_hooks(hooks.provider, None))),
        });
    }
    banners
}

/// Draws the banners.
pub fn banners_ui(ui: &mut Ui, banners: &[Banner], actions: &mut Actions) {
    for (at, banner) in banners.iter().enumerate() {
        let colors = palette(ui);
        ui.push_id(("banner", at), |ui| {
            Frame::new().fill(colors.removed_line).inner_margin(Margin::symmetric(12, 4)).show(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.set_min_height(theme::ROW);
                    let (rect, _) = ui.allocate_exact_size(vec2(16.0, theme::ROW), Sense::hover());
                    icon::paint(ui.painter(), rect, Lucide::TriangleAlert, 14.0, colors.failed);
                    let room = ui.available_width() - banner.way_out.as_ref().map_or(0.0, |_| 96.0);
                    ui.allocate_ui_with_layout(
                        vec2(room, theme::ROW),
                        Layout::left_to_right(Align::Center),
                        |ui| {
                            ui.set_width(room);
                            ui.add(Label::new(&banner.text).wrap());
                        },
                    );
                    if let Some((label, action)) = &banner.way_out {
                        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                            if Button::new(label).show(ui).clicked() {
                                actions.push(action.clone());
                            }
                        });
                    }
                });
            });
        });
    }
}
