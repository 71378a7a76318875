//! Colours, sizes and egui's style. The only file that names colours.

use eframe::egui::{
    self, Color32, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Vec2, Visuals,
};
use magia_protocol::wire::{Risk, SessionState};
use std::sync::LazyLock;

pub mod terminal;
mod user;

use magia_core::themes::{BUILT_IN, Theme as UserTheme};
use terminal::TerminalInk;
use user::Colors;

/// Space: 4 8 12 16 24.
pub const SPACE_1: f32 = 4.0;
/// Between things that belong together.
pub const SPACE_2: f32 = 8.0;
/// Inside cards and panels.
pub const SPACE_3: f32 = 12.0;
/// Between groups.
pub const SPACE_4: f32 = 16.0;
/// Around pages.
pub const SPACE_6: f32 = 24.0;

/// Height of a list row, and the least size of what can be hit.
pub const ROW: f32 = 28.0;
/// Height of a list row with two lines.
pub const ROW_TALL: f32 = 44.0;
/// Height of a bar.
pub const BAR: f32 = 36.0;
/// Width of the reading column: about 92 characters.
pub const READING: f32 = 660.0;

/// Below this width the window is narrow.
pub const NARROW: f32 = 1_000.0;

/// Captions.
pub const CAPTION: f32 = 11.0;
/// The interface.
pub const UI: f32 = 13.0;
/// Titles.
pub const TITLE: f32 = 15.0;
/// Heads of pages.
pub const HEAD: f32 = 20.0;
/// Code.
pub const CODE: f32 = 12.5;

/// Name of the semibold family, registered by `fonts`.
pub const SEMIBOLD: &str = "semibold";

/// Names of the monospaced families of terminals, registered by `fonts`. Regular.
pub const MONO: &str = "mono-terminal";
/// Bold.
pub const MONO_BOLD: &str = "mono-bold";
/// Italic.
pub const MONO_ITALIC: &str = "mono-italic";
/// Both.
pub const MONO_BOLD_ITALIC: &str = "mono-bold-italic";
/// A font without emoji, so that those come from the system, in colour.
pub const EMOJI: &str = "emoji";

/// Corner of cards.
pub const CARD_RADIUS: CornerRadius = CornerRadius::same(6);
/// Corner of controls.
pub const CONTROL_RADIUS: CornerRadius = CornerRadius::same(4);

/// Regular words.
pub const fn regular(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// Semibold words.
pub fn semibold(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(SEMIBOLD.into()))
}

/// Code.
pub const fn mono(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

/// The tray's colours: what is at rest, at work, in need of the user, and the number on that. A panel's own colour is not
/// known, so they are those that can be seen on both.
pub fn tray_colors() -> [[u8; 4]; 4] {
    let colors = Palette::of(eframe::egui::Theme::Dark);
    [colors.muted, colors.working, colors.needs_you, colors.on_needs_you].map(|color| color.to_array())
}

/// The colours of one theme.
#[derive(Clone, Debug, PartialEq)]
pub struct Palette {
    /// Whether it is the dark one.
    pub dark: bool,
    /// Behind everything.
    pub background: Color32,
    /// Cards and side panels.
    pub card: Color32,
    /// What floats.
    pub popover: Color32,
    /// What the pointer is on.
    pub hover: Color32,
    /// What is selected.
    pub selected: Color32,
    /// Text on `hover`.
    pub hover_text: Color32,
    /// Text on `selected`.
    pub selected_text: Color32,
    /// Behind code.
    pub code: Color32,
    /// Lines between and around.
    pub border: Color32,
    /// Around text fields and boxes.
    pub input: Color32,
    /// Around what has the keyboard.
    pub ring: Color32,
    /// Text.
    pub foreground: Color32,
    /// Text that can wait.
    pub muted: Color32,
    /// The one accent: focus, links, the main button.
    pub primary: Color32,
    /// Text on `primary`.
    pub on_primary: Color32,
    /// Wants a person. Nothing else is amber.
    pub needs_you: Color32,
    /// Text on `needs_you`.
    pub on_needs_you: Color32,
    /// Works.
    pub working: Color32,
    /// Done, added.
    pub done: Color32,
    /// Failed, removed, dangerous.
    pub failed: Color32,
    /// Behind an added line.
    pub added_line: Color32,
    /// Behind a removed line.
    pub removed_line: Color32,
    /// Behind the words of a line that came.
    pub added_word: Color32,
    /// Behind the words of a line that went.
    pub removed_word: Color32,
    /// Behind what was searched for.
    pub found: Color32,
    /// Behind selected text.
    pub selection: Color32,
    /// The colours of code.
    pub code_ink: CodeInk,
    /// One for each subagent of a session, in turn: lines beside text, never text.
    pub lanes: [Color32; 5],
    /// Behind a dialog.
    pub veil: Color32,
    /// Under what floats.
    pub shadow: Color32,
}

/// The colours of code: few and quiet, for what a reader looks for first. Amber is not among them: it asks for a person.
#[derive(Clone, Debug, PartialEq)]
pub struct CodeInk {
    /// Words of the language.
    pub keyword: Color32,
    /// Text in quotes.
    pub string: Color32,
    /// Numbers and constants.
    pub number: Color32,
    /// Types, tags and attributes.
    pub kind: Color32,
    /// Functions and properties.
    pub function: Color32,
}

static DARK: LazyLock<Palette> = LazyLock::new(|| Palette {
    dark: true,
    background: hsl(225.0, 14.0, 9.0),
    card: hsl(225.0, 13.0, 12.0),
    popover: hsl(225.0, 13.0, 15.0),
    hover: hsl(225.0, 12.0, 16.0),
    selected: hsl(228.0, 16.0, 19.0),
    hover_text: hsl(220.0, 20.0, 92.0),
    selected_text: hsl(220.0, 20.0, 92.0),
    code: hsl(225.0, 16.0, 7.5),
    border: hsl(225.0, 10.0, 22.0),
    input: hsl(225.0, 9.0, 45.0),
    ring: hsl(258.0, 90.0, 76.0),
    foreground: hsl(220.0, 20.0, 92.0),
    muted: hsl(220.0, 9.0, 64.0),
    primary: hsl(258.0, 90.0, 76.0),
    on_primary: hsl(258.0, 40.0, 10.0),
    needs_you: hsl(38.0, 92.0, 58.0),
    on_needs_you: hsl(38.0, 60.0, 8.0),
    working: hsl(212.0, 90.0, 66.0),
    done: hsl(150.0, 50.0, 52.0),
    failed: hsl(0.0, 80.0, 68.0),
    added_line: hsl(150.0, 32.0, 12.0),
    removed_line: hsl(0.0, 32.0, 14.0),
    added_word: hsl(150.0, 45.0, 16.0),
    removed_word: hsl(0.0, 42.0, 20.0),
    found: hsl(258.0, 42.0, 24.0),
    selection: hsl(258.0, 38.0, 32.0),
    code_ink: CodeInk {
        keyword: hsl(262.0, 75.0, 80.0),
        string: hsl(140.0, 38.0, 70.0),
        number: hsl(190.0, 60.0, 70.0),
        kind: hsl(176.0, 42.0, 66.0),
        function: hsl(214.0, 85.0, 78.0),
    },
    lanes: [
        hsl(190.0, 60.0, 50.0),
        hsl(320.0, 50.0, 60.0),
        hsl(90.0, 40.0, 50.0),
        hsl(230.0, 60.0, 66.0),
        hsl(165.0, 45.0, 45.0),
    ],
    veil: Color32::from_black_alpha(120),
    shadow: Color32::from_black_alpha(110),
});

static LIGHT: LazyLock<Palette> = LazyLock::new(|| Palette {
    dark: false,
    background: hsl(220.0, 20.0, 98.0),
    card: hsl(0.0, 0.0, 100.0),
    popover: hsl(0.0, 0.0, 100.0),
    hover: hsl(220.0, 18.0, 95.0),
    selected: hsl(250.0, 40.0, 94.0),
    hover_text: hsl(222.0, 25.0, 14.0),
    selected_text: hsl(222.0, 25.0, 14.0),
    code: hsl(220.0, 18.0, 96.0),
    border: hsl(220.0, 13.0, 86.0),
    input: hsl(220.0, 9.0, 52.0),
    ring: hsl(258.0, 70.0, 50.0),
    foreground: hsl(222.0, 25.0, 14.0),
    muted: hsl(220.0, 9.0, 40.0),
    primary: hsl(258.0, 70.0, 50.0),
    on_primary: hsl(0.0, 0.0, 100.0),
    needs_you: hsl(28.0, 95.0, 34.0),
    on_needs_you: hsl(0.0, 0.0, 100.0),
    working: hsl(212.0, 90.0, 40.0),
    done: hsl(150.0, 75.0, 26.0),
    failed: hsl(0.0, 72.0, 44.0),
    added_line: hsl(150.0, 45.0, 94.0),
    removed_line: hsl(0.0, 70.0, 96.5),
    added_word: hsl(150.0, 48.0, 88.0),
    removed_word: hsl(0.0, 80.0, 93.0),
    found: hsl(258.0, 85.0, 93.0),
    selection: hsl(258.0, 80.0, 90.0),
    code_ink: CodeInk {
        keyword: hsl(265.0, 65.0, 44.0),
        string: hsl(145.0, 70.0, 23.0),
        number: hsl(195.0, 85.0, 26.0),
        kind: hsl(178.0, 85.0, 21.0),
        function: hsl(218.0, 75.0, 40.0),
    },
    lanes: [
        hsl(190.0, 70.0, 40.0),
        hsl(320.0, 50.0, 52.0),
        hsl(90.0, 55.0, 36.0),
        hsl(230.0, 60.0, 58.0),
        hsl(165.0, 60.0, 34.0),
    ],
    veil: Color32::from_black_alpha(60),
    shadow: Color32::from_black_alpha(36),
});

impl Palette {
    /// The palette of a theme.
    pub fn of(theme: egui::Theme) -> &'static Self {
        match theme {
            egui::Theme::Dark => &DARK,
            egui::Theme::Light => &LIGHT,
        }
    }

    /// A border line.
    pub fn line(&self) -> Stroke {
        Stroke::new(1.0, self.border)
    }

    /// The ring around what has the keyboard focus.
    pub fn ring(&self) -> Stroke {
        Stroke::new(2.0, self.ring)
    }

    /// The colour of a state.
    pub fn state(&self, state: SessionState) -> Color32 {
        match state {
            SessionState::WaitingPermission | SessionState::WaitingAnswer => self.needs_you,
            SessionState::Failed => self.failed,
            SessionState::Working => self.working,
            SessionState::Idle | SessionState::Ended => self.muted,
        }
    }

    /// The colour of a subagent's line; they begin again after the last.
    pub fn lane(&self, number: u8) -> Color32 {
        let at = usize::from(number) % self.lanes.len();
        self.lanes.get(at).copied().unwrap_or(self.border)
    }

    /// The colour of a risk.
    pub fn risk(&self, risk: Risk) -> Color32 {
        match risk {
            Risk::Low | Risk::Medium => self.muted,
            Risk::High => self.failed,
        }
    }
}

/// What a picture with colours of its own is multiplied by.
pub fn untinted(alpha: u8) -> Color32 {
    Color32::from_white_alpha(alpha)
}

/// The built-in colours of both modes.
static BUILT_IN_COLORS: LazyLock<[Colors; 2]> =
    LazyLock::new(|| [user::built_in(egui::Theme::Dark), user::built_in(egui::Theme::Light)]);

/// What a context draws with: dark and light. Colours live as long as the program, so that drawing need not count who
/// holds them; a theme that is edited and saved a thousand times costs less than a megabyte.
#[derive(Clone, Copy, Debug)]
struct Shown([&'static Colors; 2]);

fn shown_id() -> egui::Id {
    egui::Id::unique("theme")
}

fn shown(ui: &egui::Ui) -> &'static Colors {
    let at = usize::from(!ui.visuals().dark_mode);
    let shown = ui.ctx().data(|data| data.get_temp::<Shown>(shown_id()));
    let [dark, light] = &*BUILT_IN_COLORS;
    let Shown(colors) = shown.unwrap_or(Shown([dark, light]));
    colors.get(at).copied().unwrap_or(dark)
}

/// The palette that is drawn with.
pub fn palette(ui: &egui::Ui) -> &'static Palette {
    &shown(ui).main
}

/// The palette of the list at the left.
pub fn sidebar(ui: &egui::Ui) -> &'static Palette {
    &shown(ui).sidebar
}

/// The colours of terminals.
pub fn terminal_ink(ui: &egui::Ui) -> &'static TerminalInk {
    &shown(ui).terminal
}

/// Gives a context both modes of a theme; the built-in one without. What is hard to read comes back.
pub fn apply(ctx: &egui::Context, theme: Option<&UserTheme>) -> Vec<String> {
    let mut warnings = Vec::new();
    let [dark, light] = &*BUILT_IN_COLORS;
    let mut colors = [dark, light];
    if let Some(theme) = theme.filter(|theme| theme.id != BUILT_IN) {
        for (slot, mode) in colors.iter_mut().zip([egui::Theme::Dark, egui::Theme::Light]) {
            let (made, hard) = user::colors(theme, mode);
            warnings.extend(hard);
            *slot = kept(ctx, made);
        }
    }
    ctx.data_mut(|data| data.insert_temp(shown_id(), Shown(colors)));
    for (colors, mode) in colors.into_iter().zip([egui::Theme::Dark, egui::Theme::Light]) {
        let motion = ctx.style_of(mode).animation_time;
        let style = Style { animation_time: motion, ..style_of(&colors.main) };
        ctx.set_style_of(mode, style);
    }
    warnings
}

/// The same colours for good; those that were met before are not kept twice.
fn kept(ctx: &egui::Context, made: Colors) -> &'static Colors {
    ctx.data_mut(|data| {
        let known: &mut Vec<&'static Colors> = data.get_temp_mut_or_default(egui::Id::unique("themes met"));
        match known.iter().find(|known| ***known == made) {
            Some(known) => known,
            None => {
                let made: &'static Colors = Box::leak(Box::new(made));
                known.push(made);
                made
            }
        }
    })
}

/// Whether things may move.
pub fn set_motion(ctx: &egui::Context, moves: bool) {
    for mode in [egui::Theme::Dark, egui::Theme::Light] {
        ctx.style_mut_of(mode, |style| style.animation_time = if moves { ANIMATION_S } else { 0.0 });
    }
}

/// How long what moves takes.
const ANIMATION_S: f32 = 0.08;

/// Gives a context both modes of the built-in theme.
pub fn install(ctx: &egui::Context) {
    for theme in [egui::Theme::Dark, egui::Theme::Light] {
        ctx.set_style_of(theme, style(theme));
    }
    ctx.options_mut(|options| {
        options.zoom_with_keyboard = true;
        options.max_passes = std::num::NonZeroUsize::new(3).unwrap_or(options.max_passes);
    });
}

/// egui's style for a theme.
pub fn style(theme: egui::Theme) -> Style {
    style_of(Palette::of(theme))
}

fn style_of(palette: &Palette) -> Style {
    let mut style = Style { animation_time: ANIMATION_S, visuals: visuals(palette), ..Style::default() };
    style.text_styles = [
        (TextStyle::Small, regular(CAPTION)),
        (TextStyle::Body, regular(UI)),
        (TextStyle::Button, regular(UI)),
        (TextStyle::Monospace, mono(CODE)),
        (TextStyle::Heading, semibold(TITLE)),
    ]
    .into();
    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::new(SPACE_2, SPACE_1);
    spacing.button_padding = Vec2::new(10.0, 5.0);
    spacing.interact_size = Vec2::new(ROW, ROW);
    spacing.window_margin = Margin::same(16);
    spacing.menu_margin = Margin::same(4);
    spacing.indent = SPACE_4;
    spacing.icon_width = 16.0;
    spacing.icon_width_inner = 8.0;
    spacing.icon_spacing = SPACE_2;
    spacing.tooltip_width = 420.0;
    spacing.scroll = egui::style::ScrollStyle {
        bar_width: 8.0,
        bar_inner_margin: 2.0,
        bar_outer_margin: 2.0,
        ..egui::style::ScrollStyle::solid()
    };
    // A list that has grown is scrolled to its new end at once; egui would take that for a pull over the old one.
    spacing.scroll.kinetic.rubber_band = false;
    style.interaction.tooltip_delay = 0.35;
    style.interaction.selectable_labels = false;
    style.scroll_animation = egui::style::ScrollAnimation::none();
    style
}

fn visuals(palette: &Palette) -> Visuals {
    let mut visuals = if palette.dark { Visuals::dark() } else { Visuals::light() };
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(palette.muted);
    visuals.hyperlink_color = palette.primary;
    visuals.faint_bg_color = palette.hover;
    visuals.extreme_bg_color = palette.code;
    visuals.text_edit_bg_color = Some(palette.background);
    visuals.code_bg_color = palette.code;
    visuals.warn_fg_color = palette.foreground;
    visuals.error_fg_color = palette.failed;
    visuals.panel_fill = palette.background;
    visuals.window_fill = palette.popover;
    visuals.window_stroke = palette.line();
    visuals.window_corner_radius = CARD_RADIUS;
    visuals.menu_corner_radius = CARD_RADIUS;
    let shadow = Shadow { offset: [0, 6], blur: 20, spread: 0, color: palette.shadow };
    visuals.window_shadow = shadow;
    visuals.popup_shadow = shadow;
    visuals.selection.bg_fill = palette.selection;
    visuals.selection.stroke = Stroke::new(1.0, palette.primary);
    visuals.text_cursor.stroke = Stroke::new(2.0, palette.primary);
    visuals.text_cursor.blink = false;
    visuals.striped = false;
    visuals.indent_has_left_vline = false;
    visuals.image_loading_spinners = false;
    let all = &mut visuals.widgets;
    for widget in
        [&mut all.noninteractive, &mut all.inactive, &mut all.hovered, &mut all.active, &mut all.open]
    {
        widget.corner_radius = CONTROL_RADIUS;
        widget.expansion = 0.0;
        widget.fg_stroke = Stroke::new(1.0, palette.foreground);
        widget.bg_stroke = palette.line();
        widget.bg_fill = palette.popover;
        widget.weak_bg_fill = palette.popover;
    }
    all.noninteractive.bg_fill = palette.card;
    all.hovered.bg_fill = palette.hover;
    all.hovered.weak_bg_fill = palette.hover;
    all.open.weak_bg_fill = palette.hover;
    all.active.bg_stroke = palette.ring();
    all.inactive.bg_stroke = Stroke::new(1.0, palette.input);
    all.hovered.fg_stroke = Stroke::new(1.0, palette.hover_text);
    // Scroll bars take their colour from here.
    all.inactive.bg_fill = palette.border;
    visuals
}

/// A colour as designers write it: degrees, per cent, per cent.
fn hsl(hue: f32, saturation: f32, lightness: f32) -> Color32 {
    let (s, l) = (saturation / 100.0, lightness / 100.0);
    let channel = |n: f32| {
        let k = (n + hue / 30.0) % 12.0;
        let value = l - s * l.min(1.0 - l) * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0);
        (value * 255.0).round() as u8
    };
    Color32::from_rgb(channel(0.0), channel(8.0), channel(4.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(color: Color32) -> f64 {
        let channel = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_is_readable_on_every_surface() {
        for theme in [egui::Theme::Dark, egui::Theme::Light] {
            let p = Palette::of(theme);
            let surfaces = [
                ("background", p.background),
                ("card", p.card),
                ("popover", p.popover),
                ("hover", p.hover),
                ("selected", p.selected),
                ("code", p.code),
                ("added", p.added_line),
                ("removed", p.removed_line),
            ];
            let texts = [
                ("foreground", p.foreground),
                ("muted", p.muted),
                ("primary", p.primary),
                ("needs you", p.needs_you),
                ("working", p.working),
                ("done", p.done),
                ("failed", p.failed),
            ];
            let mut pairs = vec![
                ("on primary", p.on_primary, "primary", p.primary),
                ("on needs you", p.on_needs_you, "needs you", p.needs_you),
            ];
            for (text, color) in texts {
                pairs.extend(surfaces.map(|(surface, behind)| (text, color, surface, behind)));
            }
            let ink = &p.code_ink;
            let inks = [
                ("foreground", p.foreground),
                ("muted", p.muted),
                ("keyword", ink.keyword),
                ("string", ink.string),
                ("number", ink.number),
                ("kind", ink.kind),
                ("function", ink.function),
            ];
            let grounds = [
                ("code", p.code),
                ("added", p.added_line),
                ("removed", p.removed_line),
                ("added word", p.added_word),
                ("removed word", p.removed_word),
                ("found", p.found),
            ];
            for (text, color) in inks {
                pairs.extend(grounds.map(|(ground, behind)| (text, color, ground, behind)));
            }
            for (text, color, surface, behind) in pairs {
                let ratio = contrast(color, behind);
                assert!(ratio >= 4.5, "{theme:?}: {text} on {surface} is {ratio:.2}:1");
            }
        }
    }

    #[test]
    fn an_empty_box_is_seen_by_its_outline() {
        for theme in [egui::Theme::Dark, egui::Theme::Light] {
            let p = Palette::of(theme);
            for behind in [p.background, p.card, p.popover] {
                let ratio = contrast(p.input, behind);
                assert!(ratio >= 3.0, "{theme:?}: {ratio:.2}:1");
            }
        }
    }

    #[test]
    fn the_states_have_different_colours() {
        for theme in [egui::Theme::Dark, egui::Theme::Light] {
            let p = Palette::of(theme);
            assert_ne!(p.state(SessionState::WaitingPermission), p.state(SessionState::Working));
            assert_ne!(p.state(SessionState::Failed), p.state(SessionState::Idle));
        }
    }
}
