//! Fonts of the system by their names, for terminals: egui looks for a system's font only when a character is missing.

use eframe::egui::FontFamily;
use eframe::egui::epaint::text::{FontData, FontInsert, FontPriority, FontProvider, InsertFontFamily};
use fontique::{
    Collection, CollectionOptions, FontInfo, FontStyle, FontWeight, FontWidth, SourceCache,
    SourceCacheOptions,
};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Which face a family's name asks for, and of which font. [`family`] makes such names.
fn parse(family: &FontFamily) -> Option<(&str, bool, bool)> {
    let FontFamily::Name(name) = family else { return None };
    let (face, name) = name.strip_prefix(PREFIX)?.split_once('/')?;
    Some((name, face.contains('b'), face.contains('i')))
}

/// Begins the names of families that are looked for among the system's fonts.
const PREFIX: &str = "system-mono/";

/// egui's family for a face of a system's font.
pub fn family(name: &str, bold: bool, italic: bool) -> FontFamily {
    let face = match (bold, italic) {
        (false, false) => "r",
        (true, false) => "b",
        (false, true) => "i",
        (true, true) => "bi",
    };
    FontFamily::Name(format!("{PREFIX}{face}/{name}").into())
}

struct Fonts {
    collection: Collection,
    cache: SourceCache,
}

/// Finds fonts by name. Looking through a system's fonts takes a while: it is done once, and only for who has set
/// another font than ours.
pub struct NamedFonts {
    fonts: OnceLock<Mutex<Fonts>>,
    /// What every face falls back to.
    fallbacks: Vec<(String, FontData)>,
}

impl NamedFonts {
    /// `fallbacks` come after a font that was found.
    pub fn new(fallbacks: Vec<(String, FontData)>) -> Self {
        Self { fonts: OnceLock::new(), fallbacks }
    }

    /// A font of the system.
    pub fn find(&self, name: &str, bold: bool, italic: bool) -> Option<FontData> {
        let fonts = self.fonts.get_or_init(|| {
            let collection = Collection::new(CollectionOptions { shared: false, system_fonts: true });
            Mutex::new(Fonts { collection, cache: SourceCache::new(SourceCacheOptions::default()) })
        });
        let mut fonts = fonts.lock().unwrap_or_else(PoisonError::into_inner);
        let Fonts { collection, cache } = &mut *fonts;
        let weight = if bold { FontWeight::BOLD } else { FontWeight::NORMAL };
        let style = if italic { FontStyle::Italic } else { FontStyle::Normal };
        let family = collection.family_by_name(name)?;
        let font: &FontInfo = family.match_font(FontWidth::NORMAL, style, weight, true)?;
        let (bytes, _) = font.load(Some(cache))?.into_raw_parts();
        Some(FontData::from_blob(bytes, font.index()))
    }
}

impl FontProvider for NamedFonts {
    fn fonts_for_family(&self, family: &FontFamily) -> Vec<FontInsert> {
        let Some((name, bold, italic)) = parse(family) else { return Vec::new() };
        let insert = |name: String, data: FontData| FontInsert {
            name,
            data,
            families: vec![InsertFontFamily { family: family.clone(), priority: FontPriority::Lowest }],
        };
        let found = self.find(name, bold, italic);
        if found.is_none() {
            tracing::warn!("no font of the system is called {name:?}; terminals have their own");
        }
        let found = found.map(|data| insert(format!("{PREFIX}{name}/{bold}/{italic}"), data));
        let fallbacks = self.fallbacks.iter().map(|(name, data)| insert(name.clone(), data.clone()));
        found.into_iter().chain(fallbacks).collect()
    }
}
