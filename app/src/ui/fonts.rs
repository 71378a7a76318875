//! The fonts, built into the program: which glyphs a machine has must not matter.

use super::theme;
use crate::os::fonts::NamedFonts;
use eframe::egui::{self, FontData, FontDefinitions, FontFamily, FontTweak};
use magia_core::settings::Settings;
use std::sync::Arc;

/// Every font of ours: name and bytes.
const FONTS: [(&str, &[u8]); 9] = [
    ("inter", include_bytes!("../../../assets/fonts/Inter-Regular.otf")),
    ("inter-semibold", include_bytes!("../../../assets/fonts/Inter-SemiBold.otf")),
    ("jetbrains-mono", include_bytes!("../../../assets/fonts/JetBrainsMono-Regular.ttf")),
    ("jetbrains-mono-bold", include_bytes!("../../../assets/fonts/JetBrainsMono-Bold.ttf")),
    ("jetbrains-mono-italic", include_bytes!("../../../assets/fonts/JetBrainsMono-Italic.ttf")),
    ("jetbrains-mono-bold-italic", include_bytes!("../../../assets/fonts/JetBrainsMono-BoldItalic.ttf")),
    ("symbols-2", include_bytes!("../../../assets/fonts/NotoSansSymbols2-Regular.ttf")),
    ("symbols", include_bytes!("../../../assets/fonts/NotoSansSymbols-Regular.ttf")),
    ("math", include_bytes!("../../../assets/fonts/NotoSansMath-Regular.ttf")),
];

/// Fonts and sizes that settings can change.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    text_family: String,
    text_scale: f32,
    code_family: String,
    code_scale: f32,
}

impl Default for Wish {
    fn default() -> Self {
        Self::of(&Settings::default())
    }
}

impl Wish {
    /// What the settings say. Sizes are shares of those that the window is drawn with.
    pub fn of(settings: &Settings) -> Self {
        Self {
            text_family: settings.chat_font_family.clone(),
            text_scale: settings.chat_font_size / theme::UI,
            code_family: settings.editor_font_family.clone(),
            code_scale: settings.editor_font_size / theme::CODE,
        }
    }
}

/// The families, each with its fallbacks.
pub fn definitions() -> FontDefinitions {
    wished(&Wish::default(), None)
}

/// The families as a person wants them. A font that the system does not have is replaced by ours; terminals have fonts
/// of their own, which this does not touch.
fn wished(wish: &Wish, named: Option<&NamedFonts>) -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let egui_own = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let scaled =
        |data: FontData, scale: f32| Arc::new(data.tweak(FontTweak { scale, ..FontTweak::default() }));
    for (name, bytes) in FONTS {
        let data = || FontData::from_static(bytes);
        fonts.font_data.insert(name.to_owned(), Arc::new(data()));
        // Under other names with other sizes: one font is text, code and a terminal's.
        fonts.font_data.insert(format!("text {name}"), scaled(data(), wish.text_scale));
        fonts.font_data.insert(format!("code {name}"), scaled(data(), wish.code_scale));
    }
    let mut find = |family: &str, ours: &str, bold: bool, scale: f32, name: &str| -> Option<String> {
        let data = (family != ours).then_some(named)??.find(family, bold, false)?;
        fonts.font_data.insert(name.to_owned(), scaled(data, scale));
        Some(name.to_owned())
    };
    let text = find(&wish.text_family, "Inter", false, wish.text_scale, "own text");
    let bold = find(&wish.text_family, "Inter", true, wish.text_scale, "own bold text");
    let code = find(&wish.code_family, "JetBrains Mono", false, wish.code_scale, "own code");
    let families = [
        (FontFamily::Proportional, text, "text ", ["inter", "jetbrains-mono"].as_slice()),
        (
            FontFamily::Name(theme::SEMIBOLD.into()),
            bold,
            "text ",
            &["inter-semibold", "inter", "jetbrains-mono"],
        ),
        (FontFamily::Monospace, code, "code ", &["jetbrains-mono", "inter"]),
        (FontFamily::Name(theme::MONO.into()), None, "", &["jetbrains-mono", "inter"]),
        (
            FontFamily::Name(theme::MONO_BOLD.into()),
            None,
            "",
            &["jetbrains-mono-bold", "jetbrains-mono", "inter"],
        ),
        (
            FontFamily::Name(theme::MONO_ITALIC.into()),
            None,
            "",
            &["jetbrains-mono-italic", "jetbrains-mono", "inter"],
        ),
        (
            FontFamily::Name(theme::MONO_BOLD_ITALIC.into()),
            None,
            "",
            &["jetbrains-mono-bold-italic", "jetbrains-mono", "inter"],
        ),
    ];
    fonts.families.insert(FontFamily::Name(theme::EMOJI.into()), vec!["jetbrains-mono".to_owned()]);
    for (family, own, size, first) in families {
        let ours = first.iter().chain(&["symbols-2", "symbols", "math"]);
        let mut names: Vec<String> =
            own.into_iter().chain(ours.map(|name| format!("{size}{name}"))).collect();
        names.extend(egui_own.iter().cloned());
        fonts.families.insert(family, names);
    }
    fonts
}

/// What a font of the system falls back to in a terminal.
pub fn mono_fallbacks() -> Vec<(String, FontData)> {
    let wanted = ["jetbrains-mono", "inter", "symbols-2", "symbols", "math"];
    let find = |name: &str| FONTS.iter().find(|(known, _)| *known == name);
    let found = wanted.into_iter().filter_map(find);
    found.map(|(name, bytes)| ((*name).to_owned(), FontData::from_static(bytes))).collect()
}

/// Gives a context the fonts.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(definitions());
}

/// Gives a context the fonts that a person wants.
pub fn install_as(ctx: &egui::Context, wish: &Wish, named: Option<&NamedFonts>) {
    ctx.set_fonts(wished(wish, named));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What agents print, and what this window prints itself.
    const GLYPHS: &str = "⏺⎿⏵✻✽✶✢❯☐☒⏸⧉○◐✔✘✦★⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏│─╭╮╰╯├└▌█░▒▓←→↑↓↵…–—·•‘’“”×≥≤äßéñΩЖ€";

    #[test]
    fn no_glyph_is_missing() {
        let ctx = egui::Context::default();
        install(&ctx);
        let mut missing = Vec::new();
        let output = ctx.run_ui(egui::RawInput::default(), |ui| {
            for font in [theme::regular(13.0), theme::semibold(13.0), theme::mono(13.0)] {
                for glyph in GLYPHS.chars() {
                    let there = ui.fonts_mut(|fonts| fonts.has_glyph(&font, glyph));
                    if !there {
                        missing.push((font.family.clone(), glyph));
                    }
                }
            }
        });
        output.drop_without_applying_deltas();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
