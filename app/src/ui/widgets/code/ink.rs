//! Lines of code as text that can be laid out: coloured by language, with grounds under what changed or was found.

use crate::ui::theme::{self, Palette};
use eframe::egui::{Color32, Stroke, TextFormat, text::LayoutJob};
use hl_lite::{Kind, Lang};
use std::ops::Range;

/// Height of a line of code.
pub const LINE: f32 = 18.0;

/// Texts longer than this are drawn in one colour: no one reads them, and colouring them would be felt.
pub const COLOURED_BYTES: usize = 64 * 1024;

/// How code is to look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look<'a> {
    /// Its language.
    pub language: Option<Lang>,
    /// What is searched for, in lower case; empty for nothing.
    pub needle: &'a str,
}

impl<'a> Look<'a> {
    /// Without a language.
    pub const fn plain(needle: &'a str) -> Self {
        Self { language: None, needle }
    }

    /// The language of a file.
    pub fn of_path(path: &str, needle: &'a str) -> Self {
        Self { language: language_of(path), needle }
    }

    /// The language of a Markdown fence, from what stands after its backticks.
    pub fn of_fence(info: &str, needle: &'a str) -> Self {
        let word = info.trim().split([' ', ',', '{']).next().unwrap_or_default();
        Self { language: Lang::from_slug(word).or_else(|| like_typescript(word)), needle }
    }
}

/// The language of a file, by its name.
pub fn language_of(path: &str) -> Option<Lang> {
    let ending = path.rsplit('.').next().unwrap_or_default();
    Lang::from_path(path).or_else(|| like_typescript(ending))
}

/// Languages that the highlighter lacks and whose comments, strings and numbers are TypeScript's.
fn like_typescript(word: &str) -> Option<Lang> {
    const LIKE: [&str; 18] = [
        "go", "c", "h", "cc", "cpp", "hpp", "cxx", "java", "kt", "kotlin", "swift", "cs", "csharp", "scala",
        "dart", "php", "zig", "proto",
    ];
    LIKE.iter().any(|like| like.eq_ignore_ascii_case(word)).then_some(Lang::TypeScript)
}

/// A stretch of a text: where it ends, and what it is.
pub type Run = (usize, Kind);

/// The stretches of a text, from its beginning to its end.
pub fn runs(language: Option<Lang>, text: &str) -> Vec<Run> {
    let Some(language) = language.filter(|_| text.len() <= COLOURED_BYTES) else { return Vec::new() };
    let mut end = 0;
    hl_lite::highlight(language, text)
        .into_iter()
        .map(|span| {
            end += span.text.len();
            (end, span.kind)
        })
        .collect()
}

/// The colour of a stretch; `base` for what has none of its own.
fn color(kind: Kind, base: Color32, colors: &Palette) -> Color32 {
    let ink = &colors.code_ink;
    match kind {
        Kind::Keyword => ink.keyword,
        Kind::String => ink.string,
        Kind::Comment => colors.muted,
        Kind::Number | Kind::Constant => ink.number,
        Kind::Type | Kind::Tag | Kind::Attribute => ink.kind,
        Kind::Function | Kind::Property => ink.function,
        Kind::Plain | Kind::Operator | Kind::Punctuation | Kind::Variable => base,
    }
}

/// Something under or below a part of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Accent {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// Behind it.
    pub ground: Option<Color32>,
    /// Its own colour and a line below it.
    pub underline: Option<Color32>,
}

/// Where `needle`, in lower case, stands in a text. Case does not count.
pub fn found(text: &str, needle: &str) -> Vec<Range<usize>> {
    if needle.is_empty() {
        return Vec::new();
    }
    let lower = text.to_lowercase();
    // Letters whose small form has another length would shift every range behind them.
    let hay = if lower.len() == text.len() { lower.as_str() } else { text };
    hay.match_indices(needle).map(|(at, part)| at..at + part.len()).collect()
}

/// Plain code.
pub fn plain(colors: &Palette) -> TextFormat {
    TextFormat {
        font_id: theme::mono(theme::CODE),
        color: colors.foreground,
        line_height: Some(LINE),
        ..TextFormat::default()
    }
}

/// A text with its colours and accents. Ranges that do not fit the text are left out, and no text is ever lost.
pub fn job(text: &str, base: &TextFormat, runs: &[Run], accents: &[Accent], colors: &Palette) -> LayoutJob {
    let fits = |at: usize| text.is_char_boundary(at);
    let mut cuts: Vec<usize> = runs.iter().map(|(end, _)| *end).filter(|end| fits(*end)).collect();
    let accents: Vec<&Accent> = accents
        .iter()
        .filter(|it| it.range.start < it.range.end && fits(it.range.start) && fits(it.range.end))
        .collect();
    cuts.extend(accents.iter().flat_map(|it| [it.range.start, it.range.end]));
    cuts.push(text.len());
    cuts.sort_unstable();
    cuts.dedup();
    let mut job = LayoutJob::default();
    let mut from = 0;
    for to in cuts {
        let Some(part) = text.get(from..to).filter(|part| !part.is_empty()) else { continue };
        let mut format = base.clone();
        let run = runs.partition_point(|(end, _)| *end <= from);
        if let Some((_, kind)) = runs.get(run) {
            format.color = color(*kind, base.color, colors);
        }
        for accent in accents.iter().filter(|it| it.range.start <= from && to <= it.range.end) {
            if let Some(ground) = accent.ground {
                format.background = ground;
            }
            if let Some(line) = accent.underline {
                format.color = line;
                format.underline = Stroke::new(1.5, line);
            }
        }
        job.append(part, 0.0, format);
        from = to;
    }
    job
}

/// The grounds under what is searched for.
pub fn found_accents(text: &str, needle: &str, colors: &Palette) -> Vec<Accent> {
    let ranges = found(text, needle).into_iter();
    ranges.map(|range| Accent { range, ground: Some(colors.found), underline: None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::Theme;
    use proptest::prelude::*;

    #[test]
    fn languages_by_name() {
        assert_eq!(language_of("/p/src/main.rs"), Some(Lang::Rust));
        assert_eq!(language_of("cmd/main.go"), Some(Lang::TypeScript));
        assert_eq!(language_of("LICENSE"), None);
        assert_eq!(Look::of_fence("rust,ignore", "").language, Some(Lang::Rust));
        assert_eq!(Look::of_fence("", "").language, None);
    }

    #[test]
    fn what_is_found_is_found_in_any_case() {
        assert_eq!(found("Clock and clock", "clock"), [0..5, 10..15]);
        assert!(found("abc", "").is_empty());
        // The small form of this letter is longer; then only the exact letters are found.
        assert_eq!(found("İ clock Clock", "clock").first(), Some(&(3..8)));
    }

    #[test]
    fn a_keyword_has_its_colour() {
        let colors = Palette::of(Theme::Dark);
        let text = "let x = \"a\";";
        let job = job(text, &plain(colors), &runs(Some(Lang::Rust), text), &[], colors);
        assert_eq!(job.sections.first().map(|it| it.format.color), Some(colors.code_ink.keyword));
        assert!(job.sections.iter().any(|it| it.format.color == colors.code_ink.string));
    }

    proptest! {
        #[test]
        fn no_text_is_lost(text in "\\PC{0,60}|[a-z\"'`/*#{}<>=\\n é]{0,80}", from in 0usize..90, to in 0usize..90, slug in 0usize..6) {
            let slugs = ["rust", "ts", "python", "bash", "html", "yaml"];
            let look = Look::of_fence(slugs[slug], "a");
            let colors = Palette::of(Theme::Light);
            let mut accents = found_accents(&text, look.needle, colors);
            accents.push(Accent { range: from..to, ground: None, underline: Some(colors.failed) });
            let job = job(&text, &plain(colors), &runs(look.language, &text), &accents, colors);
            prop_assert_eq!(&job.text, &text);
        }
    }
}
