//! A user's theme as colours: 32 tokens become what the window draws with. What a theme does not say is built in; what
//! it makes hard to read is named.

use super::terminal::{TerminalInk, readable};
use super::{Palette, hsl};
use eframe::egui::{self, Color32};
use magia_core::themes::{Mode, Theme};

/// Least contrast of a text that is read.
const LEAST: f32 = 4.5;

/// Everything that one mode is drawn with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Colors {
    /// The window.
    pub main: Palette,
    /// The list at the left.
    pub sidebar: Palette,
    /// Terminals.
    pub terminal: TerminalInk,
}

/// The built-in colours of a mode.
pub(super) fn built_in(mode: egui::Theme) -> Colors {
    let main = Palette::of(mode).clone();
    let sidebar = Palette { background: main.card, ..main.clone() };
    Colors { main, sidebar, terminal: TerminalInk::of(mode).clone() }
}

/// A theme's colours of a mode, and what about them is hard to read.
pub(super) fn colors(theme: &Theme, mode: egui::Theme) -> (Colors, Vec<String>) {
    let (tokens, name) = match mode {
        egui::Theme::Dark => (&theme.dark, "dark"),
        egui::Theme::Light => (&theme.light, "light"),
    };
    let Some(tokens) = tokens else {
        let missing = format!("{} has no {name} colours; those of magia are used", theme.name);
        return (built_in(mode), vec![missing]);
    };
    let colors = build(tokens, built_in(mode));
    let warnings = hard_to_read(tokens, &colors);
    (colors, warnings.into_iter().map(|warning| format!("{name}: {warning}")).collect())
}

fn build(tokens: &Mode, base: Colors) -> Colors {
    let token = |name: &str| tokens.get(name).map(|color| hsl(color.hue, color.saturation, color.lightness));
    let mut main = base.main;
    let background = token("background");
    let take = |slot: &mut Color32, name: &str| {
        if let Some(color) = token(name) {
            *slot = color;
        }
    };
    take(&mut main.background, "background");
    take(&mut main.card, "card");
    take(&mut main.popover, "popover");
    take(&mut main.hover, "accent");
    take(&mut main.selected, "secondary");
    take(&mut main.code, "muted");
    take(&mut main.border, "border");
    take(&mut main.foreground, "foreground");
    take(&mut main.muted, "muted-foreground");
    take(&mut main.primary, "primary");
    take(&mut main.on_primary, "primary-foreground");
    take(&mut main.failed, "destructive");
    main.hover_text = token("accent-foreground").unwrap_or(main.foreground);
    main.selected_text = token("secondary-foreground").unwrap_or(main.foreground);
    main.input = token("input").or(token("border")).unwrap_or(main.input);
    main.ring = token("ring").unwrap_or(main.primary);
    for (lane, name) in main.lanes.iter_mut().zip(["chart-1", "chart-2", "chart-3", "chart-4", "chart-5"]) {
        if let Some(color) = token(name) {
            *lane = color;
        }
    }
    if let Some(ground) = background {
        // These have no token: they follow what they stand on.
        let tint = |color: Color32, share: f32| ground.lerp_to_gamma(color, share);
        main.added_line = tint(main.done, 0.12);
        main.removed_line = tint(main.failed, 0.12);
        main.added_word = tint(main.done, 0.26);
        main.removed_word = tint(main.failed, 0.26);
        main.found = tint(main.primary, 0.28);
        main.selection = tint(main.primary, 0.34);
    }
    // The colours of states mean one thing in every theme; only their lightness gives way.
    for state in [&mut main.needs_you, &mut main.working, &mut main.done] {
        *state = readable(*state, main.background, false);
    }
    let ink = &mut main.code_ink;
    for color in [&mut ink.keyword, &mut ink.string, &mut ink.number, &mut ink.kind, &mut ink.function] {
        *color = readable(*color, main.code, false);
    }

    let mut sidebar = Palette { background: token("sidebar").unwrap_or(main.card), ..main.clone() };
    sidebar.card = sidebar.background;
    for (slot, name) in [
        (&mut sidebar.foreground, "sidebar-foreground"),
        (&mut sidebar.primary, "sidebar-primary"),
        (&mut sidebar.on_primary, "sidebar-primary-foreground"),
        (&mut sidebar.border, "sidebar-border"),
        (&mut sidebar.ring, "sidebar-ring"),
        (&mut sidebar.selected, "sidebar-accent"),
        (&mut sidebar.hover, "sidebar-accent"),
    ] {
        if let Some(color) = token(name) {
            *slot = color;
        }
    }
    sidebar.selected_text = token("sidebar-accent-foreground").unwrap_or(match token("sidebar-foreground") {
        Some(text) => text,
        None => main.selected_text,
    });

    let mut terminal = base.terminal;
    if let Some(ground) = background {
        terminal.background = ground;
        terminal.letterbox = main.card;
    }
    if let Some(text) = token("foreground") {
        terminal.foreground = text;
    }
    if let Some(cursor) = token("primary") {
        terminal.cursor = cursor;
    }
    if let Some(selection) = token("accent") {
        terminal.selection = selection;
    }
    Colors { main, sidebar, terminal }
}

/// Pairs of which the theme gives at least one colour, and which have too little contrast.
fn hard_to_read(tokens: &Mode, colors: &Colors) -> Vec<String> {
    let (main, side) = (&colors.main, &colors.sidebar);
    let given = |name: &str, usual: Color32| {
        tokens.get(name).map_or(usual, |color| hsl(color.hue, color.saturation, color.lightness))
    };
    let pairs = [
        ("foreground", main.foreground, "background", main.background),
        ("foreground", main.foreground, "card", main.card),
        ("foreground", main.foreground, "popover", main.popover),
        ("foreground", main.foreground, "muted", main.code),
        ("muted-foreground", main.muted, "background", main.background),
        ("muted-foreground", main.muted, "card", main.card),
        ("card-foreground", given("card-foreground", main.foreground), "card", main.card),
        ("popover-foreground", given("popover-foreground", main.foreground), "popover", main.popover),
        ("primary", main.primary, "background", main.background),
        ("primary-foreground", main.on_primary, "primary", main.primary),
        ("secondary-foreground", main.selected_text, "secondary", main.selected),
        ("accent-foreground", main.hover_text, "accent", main.hover),
        ("destructive", main.failed, "background", main.background),
        (
            "destructive-foreground",
            given("destructive-foreground", main.background),
            "destructive",
            main.failed,
        ),
        ("sidebar-foreground", side.foreground, "sidebar", side.background),
        ("sidebar-accent-foreground", side.selected_text, "sidebar-accent", side.selected),
        ("sidebar-primary", side.primary, "sidebar", side.background),
        ("sidebar-primary-foreground", side.on_primary, "sidebar-primary", side.primary),
    ];
    let is_given = |name: &str| tokens.get(name).is_some();
    pairs
        .into_iter()
        .filter(|(text, _, ground, _)| is_given(text) || is_given(ground))
        .filter_map(|(text, color, ground, behind)| {
            let ratio = super::terminal::contrast_of(color, behind);
            (ratio < LEAST).then(|| format!("{text} on {ground} has a contrast of {ratio:.1}, below {LEAST}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use magia_core::themes::TOKENS;
    use std::fmt::Write as _;

    fn theme(dark: &str) -> Theme {
        Theme::read("t", &format!(r#"{{"modes": {{"dark": {{{dark}}}}}}}"#)).unwrap()
    }

    /// Tokens that change no colour here: text on these has the colour of all text. They are only checked.
    const ONLY_CHECKED: [&str; 3] = ["card-foreground", "popover-foreground", "destructive-foreground"];

    #[test]
    fn every_token_changes_something() {
        let base = built_in(egui::Theme::Dark);
        for token in TOKENS {
            let (colors, _) = colors(&theme(&format!(r#""{token}": "300 90% 45%""#)), egui::Theme::Dark);
            assert_eq!(colors != base, !ONLY_CHECKED.contains(&token), "{token}");
        }
    }

    #[test]
    fn a_token_that_is_missing_is_the_built_in_one() {
        let base = built_in(egui::Theme::Dark);
        let (colors, warnings) = colors(&theme(r#""primary": "120 60% 70%""#), egui::Theme::Dark);
        assert_eq!(colors.main.background, base.main.background);
        assert_eq!(
            colors.main.ring, colors.main.primary,
            "the ring follows the accent unless it has its own"
        );
        assert_eq!(colors.terminal.cursor, colors.main.primary);
        assert_eq!(warnings, Vec::<String>::new());
    }

    #[test]
    fn text_that_is_hard_to_read_is_named() {
        let dim = theme(r#""background": "220 10% 40%", "foreground": "220 10% 50%""#);
        let (colors, warnings) = colors(&dim, egui::Theme::Dark);
        let wanted = "dark: foreground on background has a contrast of 1.4, below 4.5";
        assert!(warnings.iter().any(|warning| warning == wanted), "{warnings:#?}");
        let state = super::super::terminal::contrast_of(colors.main.working, colors.main.background);
        assert!(state >= 3.0, "states can be seen on any ground: {state}");
    }

    #[test]
    fn a_mode_that_is_missing_is_the_built_in_one() {
        let (colors, warnings) = colors(&theme(""), egui::Theme::Light);
        assert_eq!(colors, built_in(egui::Theme::Light));
        assert_eq!(warnings, ["t has no light colours; those of magia are used"]);
    }

    /// All tokens at once, as a whole theme has them.
    #[test]
    fn a_whole_theme_of_good_colours_has_no_warning() {
        let mut text = String::new();
        for token in TOKENS {
            let light = token.contains("foreground") || token.starts_with("chart");
            let lightness = match token {
                "primary" | "ring" | "destructive" | "sidebar-primary" | "sidebar-ring" => 75,
                "primary-foreground" | "destructive-foreground" | "sidebar-primary-foreground" => 8,
                _ if light => 92,
                _ => 12,
            };
            let comma = if text.is_empty() { "" } else { ", " };
            write!(text, r#"{comma}"{token}": "220 30% {lightness}%""#).unwrap();
        }
        let (_, warnings) = colors(&theme(&text), egui::Theme::Dark);
        assert_eq!(warnings, Vec::<String>::new());
    }
}
