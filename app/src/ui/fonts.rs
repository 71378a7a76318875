//! The fonts, built into the program: which glyphs a machine has must not matter.

use super::theme;
use eframe::egui::{self, FontData, FontDefinitions, FontFamily};
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

/// The families, each with its fallbacks.
pub fn definitions() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let egui_own = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    for (name, bytes) in FONTS {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let families = [
        (FontFamily::Proportional, ["inter", "jetbrains-mono"].as_slice()),
        (FontFamily::Name(theme::SEMIBOLD.into()), &["inter-semibold", "inter", "jetbrains-mono"]),
        (FontFamily::Monospace, &["jetbrains-mono", "inter"]),
        (FontFamily::Name(theme::MONO_BOLD.into()), &["jetbrains-mono-bold", "jetbrains-mono", "inter"]),
        (FontFamily::Name(theme::MONO_ITALIC.into()), &["jetbrains-mono-italic", "jetbrains-mono", "inter"]),
        (
            FontFamily::Name(theme::MONO_BOLD_ITALIC.into()),
            &["jetbrains-mono-bold-italic", "jetbrains-mono", "inter"],
        ),
    ];
    fonts.families.insert(FontFamily::Name(theme::EMOJI.into()), vec!["jetbrains-mono".to_owned()]);
    for (family, first) in families {
        let mut names: Vec<String> =
            first.iter().chain(&["symbols-2", "symbols", "math"]).map(|name| (*name).to_owned()).collect();
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
