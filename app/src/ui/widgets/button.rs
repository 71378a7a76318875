//! The one button: text, icon, key, reason when it cannot be pressed.

use super::super::icon::{self, Lucide};
use super::super::theme::{self, palette};
use eframe::egui::{self, Color32, Response, Role, Sense, Stroke, Ui, WidgetInfo, vec2};

/// How much a button asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// The one to press.
    Main,
    /// One among several.
    Plain,
    /// In bars and rows: seen when wanted.
    Quiet,
}

/// A button.
#[derive(Clone, Debug)]
pub struct Button<'a> {
    text: &'a str,
    icon: Option<Lucide>,
    key: Option<&'a str>,
    name: Option<String>,
    tip: Option<&'a str>,
    weight: Weight,
    selected: Option<bool>,
    disabled: Option<&'a str>,
}

impl<'a> Button<'a> {
    /// A plain button.
    pub const fn new(text: &'a str) -> Self {
        Self {
            text,
            icon: None,
            key: None,
            name: None,
            tip: None,
            weight: Weight::Plain,
            selected: None,
            disabled: None,
        }
    }

    /// A quiet button with an icon only; `tip` is its name.
    pub const fn icon(icon: Lucide, tip: &'a str) -> Self {
        let mut button = Self::new("");
        button.icon = Some(icon);
        button.tip = Some(tip);
        button.weight = Weight::Quiet;
        button
    }

    /// The one to press.
    pub const fn main(mut self) -> Self {
        self.weight = Weight::Main;
        self
    }

    /// Without a frame until the pointer comes.
    pub const fn quiet(mut self) -> Self {
        self.weight = Weight::Quiet;
        self
    }

    /// Before the text.
    pub const fn with_icon(mut self, icon: Lucide) -> Self {
        self.icon = Some(icon);
        self
    }

    /// The key that does the same.
    pub const fn key(mut self, key: &'a str) -> Self {
        self.key = Some(key);
        self
    }

    /// What a screen reader says; begins with the text.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Said on hover.
    pub const fn tip(mut self, tip: &'a str) -> Self {
        self.tip = Some(tip);
        self
    }

    /// One of several of which one is chosen.
    pub const fn selected(mut self, selected: bool) -> Self {
        self.selected = Some(selected);
        self
    }

    /// Why it cannot be pressed now, when it cannot.
    pub const fn disabled(mut self, why: Option<&'a str>) -> Self {
        self.disabled = why;
        self
    }

    /// Draws it.
    pub fn show(self, ui: &mut Ui) -> Response {
        if self.disabled.is_some() {
            ui.add_enabled_ui(false, |ui| self.draw(ui)).inner
        } else {
            self.draw(ui)
        }
    }

    fn draw(self, ui: &mut Ui) -> Response {
        let colors = palette(ui);
        let text = (!self.text.is_empty()).then(|| {
            ui.painter().layout_no_wrap(self.text.to_owned(), theme::regular(theme::UI), Color32::PLACEHOLDER)
        });
        let key = self.key.map(|key| {
            ui.painter().layout_no_wrap(key.to_owned(), theme::mono(theme::CAPTION), Color32::PLACEHOLDER)
        });
        let gap = 6.0;
        let key_width = key.as_ref().map_or(0.0, |key| key.size().x + 8.0);
        let parts =
            [key_width, self.icon.map_or(0.0, |_| 15.0), text.as_ref().map_or(0.0, |text| text.size().x)];
        let count = parts.iter().filter(|part| **part > 0.0).count();
        let padding = if text.is_none() { 6.5 } else { 10.0 };
        let width = parts.iter().sum::<f32>() + gap * (count.saturating_sub(1)) as f32 + 2.0 * padding;
        let (rect, response) =
            ui.allocate_exact_size(vec2(width.max(theme::ROW), theme::ROW), Sense::click());
        let name = self.name.clone().unwrap_or_else(|| {
            if self.text.is_empty() { self.tip.unwrap_or_default().to_owned() } else { self.text.to_owned() }
        });
        let enabled = ui.is_enabled();
        response.widget_info(|| match self.selected {
            Some(selected) => WidgetInfo::selected(Role::Button, enabled, selected, &name),
            None => WidgetInfo::labeled(Role::Button, enabled, &name),
        });
        if ui.is_rect_visible(rect) {
            let hot = response.hovered() || response.has_focus();
            let down = response.is_pointer_button_down_on();
            let chosen = self.selected == Some(true);
            // What cannot be pressed does not call for it.
            let weight = if self.weight == Weight::Main && !enabled { Weight::Plain } else { self.weight };
            let (fill, line, ink) = match weight {
                Weight::Main => {
                    let fill = if hot { colors.primary.gamma_multiply(0.88) } else { colors.primary };
                    (fill, Stroke::NONE, colors.on_primary)
                }
                Weight::Plain if chosen => {
                    (colors.selected, Stroke::new(1.0, colors.primary), colors.selected_text)
                }
                Weight::Plain => (
                    if hot { colors.hover } else { colors.popover },
                    colors.line(),
                    if hot { colors.hover_text } else { colors.foreground },
                ),
                Weight::Quiet if chosen => (colors.selected, Stroke::NONE, colors.selected_text),
                Weight::Quiet if hot => (colors.hover, Stroke::NONE, colors.hover_text),
                Weight::Quiet => (Color32::TRANSPARENT, Stroke::NONE, colors.muted),
            };
            let fill = if down { fill.gamma_multiply(0.8) } else { fill };
            let painter = ui.painter();
            painter.rect(rect, theme::CONTROL_RADIUS, fill, line, egui::StrokeKind::Inside);
            let mut x = rect.left() + (rect.width() - width) / 2.0 + padding;
            let y = rect.center().y;
            if let Some(key) = key {
                let size = vec2(key.size().x + 8.0, 16.0);
                let cap = egui::Rect::from_min_size(egui::pos2(x, y - 8.0), size);
                painter.rect_stroke(
                    cap,
                    egui::CornerRadius::same(3),
                    Stroke::new(1.0, ink.gamma_multiply(0.45)),
                    egui::StrokeKind::Inside,
                );
                painter.galley(cap.center() - key.size() / 2.0, key, ink.gamma_multiply(0.9));
                x += size.x + gap;
            }
            if let Some(icon) = self.icon {
                let square = egui::Rect::from_min_size(egui::pos2(x, y - 7.5), vec2(15.0, 15.0));
                icon::paint(painter, square, icon, 15.0, ink);
                x += 15.0 + gap;
            }
            if let Some(text) = text {
                painter.galley(egui::pos2(x, y - text.size().y / 2.0), text, ink);
            }
            if response.has_focus() {
                let ring = rect.expand(2.0);
                painter.rect_stroke(ring, theme::CARD_RADIUS, colors.ring(), egui::StrokeKind::Inside);
            }
        }
        match (self.disabled, self.tip) {
            (Some(why), _) => response.on_disabled_hover_text(why),
            (None, Some(tip)) => response.on_hover_text(tip),
            (None, None) => response,
        }
    }
}
