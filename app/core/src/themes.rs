//! Themes that users write: `~/.magia/themes/*.json`, 32 tokens for each of two modes, as `H S% L%`.
//!
//! A token that is missing or cannot be read falls back to the built-in theme's, by itself; the rest of the file holds.

use serde_json::{Map, Value};

/// The id of the theme that is built in.
pub const BUILT_IN: &str = "magia";

/// Every token.
pub const TOKENS: [&str; 32] = [
    "background",
    "foreground",
    "primary",
    "primary-foreground",
    "secondary",
    "secondary-foreground",
    "muted",
    "muted-foreground",
    "accent",
    "accent-foreground",
    "card",
    "card-foreground",
    "popover",
    "popover-foreground",
    "border",
    "input",
    "ring",
    "destructive",
    "destructive-foreground",
    "sidebar",
    "sidebar-foreground",
    "sidebar-primary",
    "sidebar-primary-foreground",
    "sidebar-accent",
    "sidebar-accent-foreground",
    "sidebar-border",
    "sidebar-ring",
    "chart-1",
    "chart-2",
    "chart-3",
    "chart-4",
    "chart-5",
];

/// A colour as designers write it: degrees, per cent, per cent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Hsl {
    /// 0 to 360.
    pub hue: f32,
    /// 0 to 100.
    pub saturation: f32,
    /// 0 to 100.
    pub lightness: f32,
}

impl Hsl {
    /// Reads `222 25% 14%`; commas, `hsl(...)`, `deg` and missing per cent signs are taken as well.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let inner = text.strip_prefix("hsl(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
        let mut parts = inner.split([' ', ',']).filter(|part| !part.is_empty());
        let mut next = |unit: &str, most: f32| {
            let part = parts.next()?;
            let number: f32 = part.strip_suffix(unit).unwrap_or(part).parse().ok()?;
            (0.0..=most).contains(&number).then_some(number)
        };
        let (hue, saturation, lightness) = (next("deg", 360.0)?, next("%", 100.0)?, next("%", 100.0)?);
        parts.next().is_none().then_some(Self { hue, saturation, lightness })
    }
}

/// The colours of one mode: those that the file gives.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Mode {
    tokens: Vec<(&'static str, Hsl)>,
}

impl Mode {
    /// A token's colour, when the file gives one.
    pub fn get(&self, token: &str) -> Option<Hsl> {
        self.tokens.iter().find(|(known, _)| *known == token).map(|(_, color)| *color)
    }
}

/// A theme.
#[derive(Clone, PartialEq, Debug)]
pub struct Theme {
    /// The file's name without `.json`.
    pub id: String,
    /// What it calls itself.
    pub name: String,
    /// Who made it.
    pub author: Option<String>,
    /// Its dark colours.
    pub dark: Option<Mode>,
    /// Its light colours.
    pub light: Option<Mode>,
    /// What in the file cannot be used.
    pub problems: Vec<String>,
}

impl Theme {
    /// Reads a file. The error says why nothing of it can be used.
    pub fn read(id: &str, text: &str) -> Result<Self, String> {
        let file = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
            Ok(Value::Object(file)) => file,
            Ok(_) => return Err("does not hold an object".to_owned()),
            Err(err) => return Err(format!("does not parse: {err}")),
        };
        match file.get("version") {
            None => {}
            Some(version) if version.as_u64() == Some(1) => {}
            Some(version) => return Err(format!("is of version {version}; this magia reads version 1")),
        }
        let modes = file.get("modes").and_then(Value::as_object).ok_or("has no modes")?;
        let mut problems = Vec::new();
        let mut mode = |name: &str| {
            let tokens = modes.get(name)?;
            match tokens.as_object() {
                Some(tokens) => Some(read_mode(name, tokens, &mut problems)),
                None => {
                    problems.push(format!("{name} is no object"));
                    None
                }
            }
        };
        let (dark, light) = (mode("dark"), mode("light"));
        if dark.is_none() && light.is_none() {
            return Err("has neither dark nor light colours".to_owned());
        }
        let text =
            |key: &str| file.get(key).and_then(Value::as_str).map(str::trim).filter(|it| !it.is_empty());
        Ok(Self {
            id: id.to_owned(),
            name: text("name").unwrap_or(id).chars().take(60).collect(),
            author: text("author").map(|author| author.chars().take(60).collect()),
            dark,
            light,
            problems,
        })
    }
}

fn read_mode(mode: &str, file: &Map<String, Value>, problems: &mut Vec<String>) -> Mode {
    let mut tokens = Vec::new();
    for (name, value) in file {
        let Some(token) = TOKENS.iter().copied().find(|token| token == name) else {
            problems.push(format!("{mode}: there is no token {name:?}"));
            continue;
        };
        match value.as_str().and_then(Hsl::parse) {
            Some(color) => tokens.push((token, color)),
            None => problems.push(format!("{mode}: {name} must be as \"222 25% 14%\"")),
        }
    }
    Mode { tokens }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_designers_write_them() {
        let blue = Some(Hsl { hue: 222.0, saturation: 25.5, lightness: 14.0 });
        for text in ["222 25.5% 14%", "hsl(222, 25.5%, 14%)", " 222deg 25.5 14 "] {
            assert_eq!(Hsl::parse(text), blue, "{text}");
        }
        for wrong in ["", "#fff", "222 25%", "361 0% 0%", "0 101% 0%", "0 0% 0% 1", "a b c", "-1 0% 0%"] {
            assert_eq!(Hsl::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_used_falls_back_by_itself() {
        let text = r#"{"name": "Dusk", "author": "Ann", "version": 1, "modes": {"dark": {
            "background": "240 20% 8%", "primary": "pink", "colour": "0 0% 0%", "ring": "10 80% 60%"}}}"#;
        let theme = Theme::read("dusk", text).unwrap();
        assert_eq!((theme.name.as_str(), theme.author.as_deref()), ("Dusk", Some("Ann")));
        let dark = theme.dark.unwrap();
        assert!(dark.get("background").is_some() && dark.get("ring").is_some());
        assert_eq!(dark.get("primary"), None);
        assert_eq!(theme.light, None);
        assert_eq!(
            theme.problems,
            ["dark: primary must be as \"222 25% 14%\"", "dark: there is no token \"colour\""]
        );
    }

    #[test]
    fn a_file_of_no_use_says_why() {
        for (text, why) in [
            ("{", "does not parse"),
            ("[]", "does not hold an object"),
            (r#"{"version": 2, "modes": {}}"#, "version 2"),
            (r#"{"name": "x"}"#, "has no modes"),
            (r#"{"modes": {"dim": {}}}"#, "neither dark nor light"),
        ] {
            assert!(Theme::read("x", text).unwrap_err().contains(why), "{text}");
        }
        assert_eq!(Theme::read("x", r#"{"modes": {"light": {}}}"#).unwrap().name, "x");
    }
}
