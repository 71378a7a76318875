//! An agent's Markdown: no pictures are loaded, and only http and https links lead anywhere.

use super::theme::{self, palette};
use super::widgets::code;
use eframe::egui::layers::ShapeIdx;
use eframe::egui::{self, Context, OutputCommand, Shape, Ui, load};
use egui_commonmark::{CommonMarkCache, CommonMarkViewer};
use std::hash::Hash;
use std::sync::Arc;

/// Draws Markdown, and remembers how.
#[derive(Default)]
pub struct Markdown {
    cache: CommonMarkCache,
}

impl std::fmt::Debug for Markdown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Markdown")
    }
}

impl Markdown {
    /// Draws a text whose characters are all visible. `needle` is what is searched for.
    pub fn show(&mut self, ui: &mut Ui, salt: impl Hash + std::fmt::Debug, text: &str, needle: &str) {
        ui.push_id(egui::Id::unique(("markdown", format!("{salt:?}"))), |ui| {
            ui.spacing_mut().item_spacing = egui::vec2(0.0, theme::SPACE_1);
            // Lines are this high at least.
            ui.spacing_mut().interact_size.y = 19.0;
            ui.style_mut().url_in_tooltip = true;
            ui.style_mut().interaction.selectable_labels = true;
            for (at, part) in parts(text).into_iter().enumerate() {
                ui.push_id(at, |ui| match part {
                    Part::Prose(text) => {
                        let below = Found::begin(ui, needle);
                        CommonMarkViewer::new().explicit_image_uri_scheme(true).indentation_spaces(2).show(
                            ui,
                            &mut self.cache,
                            text,
                        );
                        below.end(ui);
                    }
                    Part::Code { info, text } => {
                        ui.add_space(theme::SPACE_1);
                        code::output(ui, text, true, code::Look::of_fence(info, needle));
                        ui.add_space(theme::SPACE_2);
                    }
                });
            }
        });
    }
}

/// Puts grounds under what is searched for in text that others lay out: looks at what they painted.
struct Found<'a> {
    needle: &'a str,
    grounds: ShapeIdx,
}

impl<'a> Found<'a> {
    /// Keeps a place below what is painted next.
    fn begin(ui: &Ui, needle: &'a str) -> Self {
        Self { needle, grounds: ui.painter().add(Shape::Noop) }
    }

    fn end(self, ui: &Ui) {
        if self.needle.is_empty() {
            return;
        }
        let color = palette(ui).found;
        let mut grounds = Vec::new();
        ui.ctx().graphics(|graphics| {
            let Some(list) = graphics.get(ui.layer_id()) else { return };
            for painted in list.all_entries().skip(self.grounds.0) {
                let Shape::Text(text) = &painted.shape else { continue };
                // Rows keep characters, ranges are in bytes.
                let at =
                    |byte: usize| text.galley.text().get(..byte).map_or(0, |before| before.chars().count());
                for range in code::found(text.galley.text(), self.needle) {
                    let [from, to] = [range.start, range.end]
                        .map(|byte| text.galley.pos_from_cursor(egui::text::CCursor::new(at(byte))));
                    if from.top() == to.top() {
                        let rect = egui::Rect::from_min_max(from.min, to.max).translate(text.pos.to_vec2());
                        grounds.push(Shape::rect_filled(rect, 2.0, color));
                    }
                }
            }
        });
        ui.painter().set(self.grounds, Shape::Vec(grounds));
    }
}

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part<'a> {
    Prose(&'a str),
    Code { info: &'a str, text: &'a str },
}

/// Cuts a text at its fences: code is drawn by our own hand, as everywhere else. A fence that is not closed
/// reaches to the end; fences inside lists stay with the prose.
fn parts<'a>(text: &'a str) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let (mut from, mut at) = (0, 0);
    let mut fence: Option<(&str, &str)> = None;
    let mut push = |code: Option<&'a str>, from: usize, to: usize| {
        let text = text.get(from..to).unwrap_or_default();
        if !text.trim().is_empty() {
            parts.push(code.map_or(Part::Prose(text), |info| Part::Code { info, text }));
        }
    };
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        let bare = line.trim_end();
        match fence {
            None if bare.starts_with("```") || bare.starts_with("~~~") => {
                let sign = if bare.starts_with('`') { '`' } else { '~' };
                let rest = bare.trim_start_matches(sign);
                if !rest.contains('`') {
                    push(None, from, at);
                    fence = bare.get(..bare.len() - rest.len()).map(|open| (open, rest));
                    from = end;
                }
            }
            Some((open, info))
                if bare.starts_with(open) && bare.trim_start_matches(['`', '~']).is_empty() =>
            {
                push(Some(info), from, at);
                fence = None;
                from = end;
            }
            _ => {}
        }
        at = end;
    }
    push(fence.map(|(_, info)| info), from, text.len());
    parts
}

/// Refuses every picture that is not built in, whatever loaders other crates bring.
#[derive(Debug)]
struct NoPictures;

impl load::BytesLoader for NoPictures {
    fn id(&self) -> &str {
        "magia::ui::markdown::NoPictures"
    }

    fn load(&self, _ctx: &Context, uri: &str) -> load::BytesLoadResult {
        if uri.starts_with("bytes://") {
            Err(load::LoadError::NotSupported)
        } else {
            Err(load::LoadError::Loading("pictures in messages are not loaded".into()))
        }
    }

    fn forget(&self, _uri: &str) {}

    fn forget_all(&self) {}

    fn byte_size(&self) -> usize {
        0
    }
}

/// Keeps a context from loading pictures.
pub fn install(ctx: &Context) {
    egui_extras::install_image_loaders(ctx);
    ctx.add_bytes_loader(Arc::new(NoPictures));
}

/// Takes out of a frame's output the links that were clicked and lead to no web page: only http and https ones open.
pub fn keep_web_links(ctx: &Context) {
    ctx.output_mut(|output| {
        output.commands.retain(|command| match command {
            OutputCommand::OpenUrl(open) => is_web(&open.url),
            _ => true,
        });
    });
}

fn is_web(url: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_is_linked() {
        assert!(is_web("https://example.org/x") && is_web("HTTP://example.org"));
        for url in ["file:///etc/passwd", "javascript:1", "ssh://x", "", "héé", "httpé://"] {
            assert!(!is_web(url), "{url}");
        }
    }

    #[test]
    fn code_is_cut_out() {
        let text = "a\n```rust\nlet x;\n```\nb ```c``` d\n````\n```\n````\nend";
        let expected = [
            Part::Prose("a\n"),
            Part::Code { info: "rust", text: "let x;\n" },
            Part::Prose("b ```c``` d\n"),
            Part::Code { info: "", text: "```\n" },
            Part::Prose("end"),
        ];
        assert_eq!(parts(text), expected);
        assert_eq!(parts("```\nopen é"), [Part::Code { info: "", text: "open é" }]);
        assert_eq!(parts("\n \n"), []);
    }

    #[test]
    fn pictures_are_refused() {
        let ctx = Context::default();
        install(&ctx);
        for uri in ["https://example.org/a.png", "file:///etc/passwd", "data:image/png;base64,AA"] {
            assert!(matches!(ctx.try_load_bytes(uri), Err(load::LoadError::Loading(_))), "{uri}");
        }
    }
}
