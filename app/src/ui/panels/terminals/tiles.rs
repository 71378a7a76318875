//! How tabs and splits look and what they do.

use super::data::TerminalsData;
use crate::ui::theme::{self, Palette};
use eframe::egui::{Color32, Response, RichText, Stroke, Style, Ui, Visuals, WidgetText};
use egui_tiles::{Behavior, ResizeState, SimplificationOptions, TabState, TileId, Tiles, UiResponse};

/// Draws the tree.
pub(super) struct TabsBehavior<'a> {
    pub rows: &'a TerminalsData,
    pub colors: &'a Palette,
    /// Panes that are shown, with where: drawn after the tree, so that it is not borrowed twice.
    pub draw: &'a mut dyn FnMut(&mut Ui, &str),
    /// Tabs whose cross was clicked.
    pub closed: Vec<String>,
}

impl Behavior<String> for TabsBehavior<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, id: &mut String) -> UiResponse {
        (self.draw)(ui, id);
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, id: &String) -> WidgetText {
        let row = self.rows.row(id);
        let name = row.map_or_else(|| id.clone(), |row| row.name.clone());
        let text = match row.and_then(|row| row.ended.as_deref()) {
            Some(ended) => format!("{name} ({ended})"),
            None => name,
        };
        RichText::new(text).font(theme::regular(theme::UI)).into()
    }

    fn is_tab_closable(&self, _tiles: &Tiles<String>, _tile: TileId) -> bool {
        true
    }

    fn on_tab_close(&mut self, tiles: &mut Tiles<String>, tile: TileId) -> bool {
        if let Some(id) = tiles.get_pane(&tile) {
            self.closed.push(id.clone());
        }
        true
    }

    fn on_tab_button(&mut self, tiles: &mut Tiles<String>, tile: TileId, response: Response) -> Response {
        let row = tiles.get_pane(&tile).and_then(|id| self.rows.row(id));
        match row {
            Some(row) => response.on_hover_text(&row.detail),
            None => response,
        }
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }

    fn tab_bar_height(&self, _style: &Style) -> f32 {
        theme::ROW
    }

    fn gap_width(&self, _style: &Style) -> f32 {
        1.0
    }

    fn resize_stroke(&self, _style: &Style, state: ResizeState) -> Stroke {
        match state {
            ResizeState::Idle => self.colors.line(),
            ResizeState::Hovering => Stroke::new(2.0, self.colors.muted),
            ResizeState::Dragging => Stroke::new(2.0, self.colors.primary),
        }
    }

    fn tab_bar_color(&self, _visuals: &Visuals) -> Color32 {
        self.colors.card
    }

    fn tab_bg_color(
        &self,
        _visuals: &Visuals,
        _tiles: &Tiles<String>,
        _tile: TileId,
        state: &TabState,
    ) -> Color32 {
        if state.active { self.colors.background } else { Color32::TRANSPARENT }
    }

    fn tab_text_color(
        &self,
        _visuals: &Visuals,
        _tiles: &Tiles<String>,
        _tile: TileId,
        state: &TabState,
    ) -> Color32 {
        if state.active { self.colors.foreground } else { self.colors.muted }
    }

    fn tab_outline_stroke(
        &self,
        _visuals: &Visuals,
        _tiles: &Tiles<String>,
        _tile: TileId,
        _state: &TabState,
    ) -> Stroke {
        Stroke::NONE
    }

    fn tab_bar_hline_stroke(&self, _visuals: &Visuals) -> Stroke {
        self.colors.line()
    }
}
