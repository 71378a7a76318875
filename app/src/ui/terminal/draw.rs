//! The mesh of a frame on the screen, and when it has to be another.

use super::frame::TerminalFrame;
use super::glyphs::GlyphCache;
use super::look::Scene;
use super::mesh::{MeshBuilder, Paint};
use super::metrics::CellMetrics;
use crate::ui::theme::terminal::TerminalInk;
use eframe::egui::epaint::{Mesh, TextShape};
use eframe::egui::text::Galley;
use eframe::egui::{Color32, Context, FontId, Rect, Shape, pos2};
use std::sync::Arc;

/// What a mesh was built from.
#[derive(Clone, PartialEq)]
struct Made {
    revision: u64,
    scene: Scene,
    metrics: CellMetrics,
    ink: [Color32; 5],
}

/// Builds the mesh when it must and keeps it otherwise.
#[derive(Default)]
pub(super) struct Drawing {
    glyphs: GlyphCache,
    builder: MeshBuilder,
    made: Option<Made>,
    galley: Option<Arc<Galley>>,
    /// How often a mesh was built.
    pub built: u64,
}

impl Drawing {
    /// The shape of a frame with its top left at `origin`. Its places in the atlas are in pixels, which a text's are as
    /// well: as one it stays right when the atlas grows in the same pass.
    #[allow(clippy::too_many_arguments, reason = "what a mesh depends on")]
    pub fn shape(
        &mut self,
        ctx: &Context,
        frame: &TerminalFrame,
        scene: &Scene,
        ink: &TerminalInk,
        metrics: &CellMetrics,
        font: &str,
        origin: eframe::egui::Pos2,
    ) -> Option<Shape> {
        let forgotten = self.glyphs.begin(ctx, metrics, font);
        let colors = [ink.background, ink.foreground, ink.cursor, ink.selection, ink.found];
        let made = Made { revision: frame.revision, scene: scene.clone(), metrics: *metrics, ink: colors };
        if forgotten || self.made.as_ref() != Some(&made) || self.galley.is_none() {
            let mut mesh = Mesh::default();
            self.builder.build(frame, scene, Paint { ink, metrics }, &mut self.glyphs.source(ctx), &mut mesh);
            self.galley =
                galley(ctx, mesh, metrics.rect(0, 0, frame.columns).union(metrics.rect(frame.lines, 0, 1)));
            self.made = Some(made);
            self.built += 1;
        }
        let galley = Arc::clone(self.galley.as_ref()?);
        Some(Shape::Text(TextShape::new(origin, galley, ink.foreground)))
    }
}

/// A text whose only row is this mesh.
fn galley(ctx: &Context, mesh: Mesh, bounds: Rect) -> Option<Arc<Galley>> {
    let blank = ctx.fonts_mut(|fonts| {
        fonts.layout_no_wrap(" ".to_owned(), FontId::monospace(8.0), Color32::PLACEHOLDER)
    });
    let mut galley = Galley::clone(&blank);
    galley.rect = bounds;
    galley.mesh_bounds = bounds;
    galley.num_vertices = mesh.vertices.len();
    galley.num_indices = mesh.indices.len();
    let placed = galley.rows.first_mut()?;
    placed.pos = pos2(0.0, 0.0);
    let row = Arc::make_mut(&mut placed.row);
    row.glyphs = Vec::new();
    row.size = bounds.size();
    row.visuals.glyph_index_start = 0;
    row.visuals.glyph_vertex_range = 0..0;
    row.visuals.mesh_bounds = bounds;
    row.visuals.mesh = mesh;
    Some(Arc::new(galley))
}
