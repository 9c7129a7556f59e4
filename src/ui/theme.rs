//! Themes: TOML files of role → colours and attributes. Severity never stands in colour alone, so
//! a theme without any colour (`mono`, NO_COLOR) loses nothing.

use std::collections::BTreeMap;
use std::ops::Range;

use ratatui::style::{Color, Modifier, Style};
use toml::Spanned;

use crate::config::place;
use crate::model::Health;
use crate::model::nearest::nearest;

/// The themes that ship, by name.
pub const PRESETS: [(&str, &str); 4] = [
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
];

/// What a piece of the screen is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Text,
    Dim,
    Title,
    Border,
    Focus,
    Selection,
    Key,
    Header,
    Ok,
    Progress,
    Warning,
    Critical,
    Stale,
    Unknown,
    Denied,
    Chart,
    ChartOther,
    Objective,
    Mark,
    Match,
}

const ROLES: [(&str, Role); 20] = [
    ("text", Role::Text),
    ("dim", Role::Dim),
    ("title", Role::Title),
    ("border", Role::Border),
    ("focus", Role::Focus),
    ("selection", Role::Selection),
    ("key", Role::Key),
    ("header", Role::Header),
    ("ok", Role::Ok),
    ("progress", Role::Progress),
    ("warning", Role::Warning),
    ("critical", Role::Critical),
    ("stale", Role::Stale),
    ("unknown", Role::Unknown),
    ("denied", Role::Denied),
    ("chart", Role::Chart),
    ("chart-other", Role::ChartOther),
    ("objective", Role::Objective),
    ("mark", Role::Mark),
    ("match", Role::Match),
];

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    None,
    Ansi16,
    Ansi256,
    True,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Theme {
    pub name: String,
    /// Made for a light background: its text is dark.
    pub is_light: bool,
    styles: BTreeMap<Role, Style>,
}

impl Theme {
    /// Reads a theme over `base`; errors name line and column and the nearest right name.
    pub fn parse(name: &str, text: &str, file: &str, base: Option<&Self>) -> Result<Self, String> {
        let at = |span: Range<usize>| {
            let (line, column) = place(text, span.start);
            format!("{file}:{line}:{column}")
        };
        let entries: BTreeMap<Spanned<String>, Spanned<String>> =
            toml::from_str(text).map_err(|e| format!("{}: {}", at(e.span().unwrap_or(0..0)), e.message()))?;
        let mut styles = base.map(|b| b.styles.clone()).unwrap_or_default();
        for (role_name, style) in &entries {
            let role = ROLES.iter().find(|(n, _)| n == role_name.get_ref()).ok_or_else(|| {
                let near = nearest(role_name.get_ref(), ROLES.iter().map(|(n, _)| *n));
                format!("{}: no role '{}'{near}", at(role_name.span()), role_name.get_ref())
            })?;
            let style = parse_style(style.get_ref()).map_err(|e| format!("{}: {e}", at(style.span())))?;
            styles.insert(role.1, style);
        }
        match ROLES.iter().find(|(_, role)| !styles.contains_key(role)) {
            Some((missing, _)) => Err(format!("{file}: the role '{missing}' is missing")),
            None => {
                let dark = |c: &Color| matches!(c, Color::Rgb(r, g, b) if u16::from(*r) + u16::from(*g) + u16::from(*b) < 384);
                let text = styles.get(&Role::Text).and_then(|style| style.fg);
                Ok(Self { name: name.to_owned(), is_light: text.as_ref().is_some_and(dark), styles })
            }
        }
    }

    pub fn preset(name: &str) -> Option<Self> {
        let (name, text) = PRESETS.iter().find(|(n, _)| *n == name)?;
        Self::parse(name, text, name, None).ok()
    }

    pub fn style(&self, role: Role) -> Style {
        self.styles.get(&role).copied().unwrap_or_default()
    }

    pub fn health(&self, health: Health) -> Style {
        self.style(match health {
            Health::Ok => Role::Ok,
            Health::Progress => Role::Progress,
            Health::Warning => Role::Warning,
            Health::Critical => Role::Critical,
            Health::Stale => Role::Stale,
            Health::Unknown => Role::Unknown,
            Health::Denied => Role::Denied,
            Health::NotConfigured => Role::Dim,
        })
    }

    /// The theme with the colours that the terminal has.
    pub fn at_depth(mut self, depth: Depth) -> Self {
        for style in self.styles.values_mut() {
            style.fg = style.fg.and_then(|c| reduce(c, depth));
            style.bg = style.bg.and_then(|c| reduce(c, depth));
        }
        self
    }
}

/// '#8abd6a bold', 'red on black', 'reversed'.
fn parse_style(text: &str) -> Result<Style, String> {
    let mut style = Style::default();
    let mut background = false;
    for word in text.split_whitespace() {
        let modifier = match word {
            "on" => {
                background = true;
                continue;
            }
            "bold" => Modifier::BOLD,
            "dim" => Modifier::DIM,
            "italic" => Modifier::ITALIC,
            "underlined" => Modifier::UNDERLINED,
            "reversed" => Modifier::REVERSED,
            "default" => continue,
            colour => {
                let colour: Color = colour.parse().map_err(|_| {
                    format!("'{colour}' is no colour (#rrggbb, red, 0…255) or attribute (bold …)")
                })?;
                style = if std::mem::take(&mut background) { style.bg(colour) } else { style.fg(colour) };
                continue;
            }
        };
        style = style.add_modifier(modifier);
    }
    Ok(style)
}

fn reduce(colour: Color, depth: Depth) -> Option<Color> {
    let Color::Rgb(r, g, b) = colour else {
        return (depth != Depth::None).then_some(colour);
    };
    match depth {
        Depth::None => None,
        Depth::True => Some(colour),
        Depth::Ansi256 => {
            // xterm's 6×6×6 cube: levels 0, 95, 135, 175, 215, 255.
            let level = |v: u8| if v < 48 { 0 } else { (v.max(75) - 35) / 40 };
            Some(Color::Indexed(16 + 36 * level(r) + 6 * level(g) + level(b)))
        }
        Depth::Ansi16 => ANSI
            .iter()
            .min_by_key(|(_, (ar, ag, ab))| {
                let d = |a: u8, b: u8| (i32::from(a) - i32::from(b)).pow(2);
                d(r, *ar) + d(g, *ag) + d(b, *ab)
            })
            .map(|(c, _)| *c),
    }
}

/// xterm's default palette.
const ANSI: [(Color, (u8, u8, u8)); 16] = [
    (Color::Black, (0, 0, 0)),
    (Color::Red, (205, 0, 0)),
    (Color::Green, (0, 205, 0)),
    (Color::Yellow, (205, 205, 0)),
    (Color::Blue, (0, 0, 238)),
    (Color::Magenta, (205, 0, 205)),
    (Color::Cyan, (0, 205, 205)),
    (Color::Gray, (229, 229, 229)),
    (Color::DarkGray, (127, 127, 127)),
    (Color::LightRed, (255, 0, 0)),
    (Color::LightGreen, (0, 255, 0)),
    (Color::LightYellow, (255, 255, 0)),
    (Color::LightBlue, (92, 92, 255)),
    (Color::LightMagenta, (255, 0, 255)),
    (Color::LightCyan, (0, 255, 255)),
    (Color::White, (255, 255, 255)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_whole() {
        for (name, text) in PRESETS {
            Theme::parse(name, text, name, None).unwrap();
        }
    }

    #[test]
    fn errors_name_the_place_and_the_nearest_name() {
        let dark = Theme::preset("dark");
        let error = |text: &str| Theme::parse("x", text, "x.toml", dark.as_ref()).unwrap_err();
        assert_eq!(error("critcal = 'red'"), "x.toml:1:1: no role 'critcal', did you mean 'critical'?");
        assert!(error("ok = 'grene'").starts_with("x.toml:1:6: 'grene' is no colour"));
        assert!(Theme::parse("x", "ok = 'green'", "x.toml", None).unwrap_err().contains("is missing"));
    }

    #[test]
    fn colours_fit_the_terminal() {
        let rgb = Color::Rgb(0xff, 0x5f, 0x5f);
        assert_eq!(reduce(rgb, Depth::None), None);
        assert_eq!(reduce(rgb, Depth::Ansi256), Some(Color::Indexed(16 + 36 * 5 + 6 + 1)));
        assert_eq!(reduce(Color::Rgb(250, 10, 10), Depth::Ansi16), Some(Color::LightRed));
        assert_eq!(reduce(Color::Red, Depth::Ansi16), Some(Color::Red));
    }

    /// WCAG 2 contrast against the background that the theme is made for.
    fn contrast(colour: Color, background: (u8, u8, u8)) -> f64 {
        let luminance = |(r, g, b): (u8, u8, u8)| {
            let c = |v: u8| {
                let v = f64::from(v) / 255.0;
                if v <= 0.03928 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * c(r) + 0.7152 * c(g) + 0.0722 * c(b)
        };
        let Color::Rgb(r, g, b) = colour else { return 21.0 };
        let (a, b) = (luminance((r, g, b)), luminance(background));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_can_be_read() {
        for (name, background) in
            [("dark", (0x16, 0x18, 0x1a)), ("light", (255, 255, 255)), ("high-contrast", (0, 0, 0))]
        {
            let theme = Theme::preset(name).unwrap();
            for (role_name, role) in ROLES {
                let style = theme.style(role);
                let behind = match style.bg {
                    Some(Color::Rgb(r, g, b)) => (r, g, b),
                    _ => background,
                };
                let least = if role == Role::Border { 3.0 } else { 4.5 };
                if let Some(fg) = style.fg {
                    assert!(contrast(fg, behind) >= least, "{name} {role_name}: {:.1}", contrast(fg, behind));
                }
            }
        }
    }
}
