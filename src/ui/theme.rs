//! Themes: TOML files of role → colours and attributes. Severity never stands in colour alone, so
//! a theme without any colour (`mono`, NO_COLOR) loses nothing.

pub mod colour;

use std::collections::BTreeMap;
use std::ops::Range;

use colour::Rgb;
use ratatui::style::{Color, Modifier, Style};
use toml::Spanned;

use crate::config::place;
use crate::model::Health;
use crate::model::nearest::nearest;

/// The themes that ship, by name.
pub const PRESETS: [(&str, &str); 6] = [
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
    ("colorblind-dark", include_str!("../../themes/colorblind-dark.toml")),
    ("colorblind-light", include_str!("../../themes/colorblind-light.toml")),
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

/// The luminance that is half of white's as eyes have it (L* 50).
const MIDDLE: f64 = 0.184;

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
    /// In place of them where there are sixteen colours.
    basic: BTreeMap<Role, Style>,
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
        let (mut styles, mut basic) = base.map(|b| (b.styles.clone(), b.basic.clone())).unwrap_or_default();
        for (role_name, style) in &entries {
            let role = ROLES.iter().find(|(n, _)| n == role_name.get_ref()).ok_or_else(|| {
                let near = nearest(role_name.get_ref(), ROLES.iter().map(|(n, _)| *n));
                format!("{}: no role '{}'{near}", at(role_name.span()), role_name.get_ref())
            })?;
            let read = |text| parse_style(text).map_err(|e| format!("{}: {e}", at(style.span())));
            let (rich, few) = match style.get_ref().split_once('/') {
                Some((rich, few)) => (rich, Some(few)),
                None => (style.get_ref().as_str(), None),
            };
            styles.insert(role.1, read(rich)?);
            match few {
                Some(few) => basic.insert(role.1, read(few)?),
                // What was for the base's colour is not for this one.
                None => basic.remove(&role.1),
            };
        }
        match ROLES.iter().find(|(_, role)| !styles.contains_key(role)) {
            Some((missing, _)) => Err(format!("{file}: the role '{missing}' is missing")),
            None => {
                // The text's own colour may be the terminal's; a title has one wherever a theme has any.
                let title = styles.get(&Role::Title).and_then(|style| style.fg).and_then(colour::rgb);
                let is_light = title.is_some_and(|c| colour::luminance(c) < MIDDLE);
                Ok(Self { name: name.to_owned(), is_light, styles, basic })
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
        if depth == Depth::Ansi16 {
            self.styles.extend(self.basic.iter().map(|(role, style)| (*role, *style)));
        }
        let own = self.style(Role::Text).bg;
        let grounds: Vec<Rgb> = match depth {
            // With sixteen colours the background is one of them.
            Depth::Ansi16 => self.grounds().iter().take(1).copied().collect(),
            _ => self.grounds(),
        };
        for style in self.styles.values_mut() {
            let filled = style.bg.is_some() && style.bg != own;
            style.bg = style.bg.and_then(|c| colour::reduce(c, depth, &[]));
            let behind = style.bg.and_then(colour::rgb).map_or(grounds.clone(), |bg| vec![bg]);
            style.fg = style.fg.and_then(|c| colour::reduce(c, depth, &behind));
            if depth == Depth::None && filled {
                // What stood out by its background stands out still.
                *style = style.add_modifier(Modifier::REVERSED);
            }
        }
        self
    }

    /// The backgrounds that it has to be read on: its own, or those of the terminals it is made for.
    pub fn grounds(&self) -> Vec<Rgb> {
        if let Some(own) = self.style(Role::Text).bg.and_then(colour::rgb) {
            return vec![own];
        }
        match self.style(Role::Title).fg {
            None => Vec::new(),
            Some(_) if self.is_light => colour::LIGHT.to_vec(),
            Some(_) => colour::DARK.to_vec(),
        }
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
    fn sixteen_colours_have_styles_of_their_own() {
        let dark = Theme::preset("dark").unwrap();
        let theme = Theme::parse("x", "ok = '#8fce7a / lightgreen bold'", "x.toml", Some(&dark)).unwrap();
        assert_eq!(theme.style(Role::Ok).fg, Some(Color::Rgb(0x8f, 0xce, 0x7a)));
        let few = theme.clone().at_depth(Depth::Ansi16).style(Role::Ok);
        assert_eq!((few.fg, few.add_modifier), (Some(Color::LightGreen), Modifier::BOLD));
        let over = Theme::parse("y", "ok = '#ffffff'", "y.toml", Some(&theme)).unwrap();
        assert_eq!(over.at_depth(Depth::Ansi16).style(Role::Ok).fg, Some(Color::White));
        let error = Theme::parse("x", "ok = '#8fce7a / lihgt'", "x.toml", Some(&dark)).unwrap_err();
        assert!(error.starts_with("x.toml:1:6: 'lihgt' is no colour"), "{error}");
    }

    #[test]
    fn without_colours_the_selection_is_still_seen() {
        for (name, _) in PRESETS {
            let theme = Theme::preset(name).unwrap().at_depth(Depth::None);
            for role in [Role::Selection, Role::Match] {
                assert!(theme.style(role).add_modifier.contains(Modifier::REVERSED), "{name}");
            }
            assert!(!theme.style(Role::Text).add_modifier.contains(Modifier::REVERSED), "{name}");
        }
    }

    /// What roles are drawn as that is no text: frames and the lines of charts.
    const GRAPHICS: [Role; 4] = [Role::Border, Role::Chart, Role::ChartOther, Role::Objective];

    #[test]
    fn everything_can_be_read_in_every_theme_and_depth() {
        for (name, _) in PRESETS {
            for depth in [Depth::True, Depth::Ansi256, Depth::Ansi16] {
                let theme = Theme::preset(name).unwrap();
                let mut grounds = theme.grounds();
                if depth == Depth::Ansi16 {
                    grounds.truncate(1);
                }
                let theme = theme.at_depth(depth);
                for (role_name, role) in ROLES {
                    let style = theme.style(role);
                    let Some(fg) = style.fg.and_then(colour::rgb) else { continue };
                    let behind = style.bg.and_then(colour::rgb).map_or(grounds.clone(), |bg| vec![bg]);
                    let least = if GRAPHICS.contains(&role) { colour::GRAPHICS } else { colour::TEXT };
                    let is = colour::least_contrast(fg, &behind);
                    assert!(is >= least, "{name} {depth:?} {role_name}: {is:.2} of {least}");
                }
            }
        }
    }

    #[test]
    fn what_is_selected_stands_out_from_what_is_behind() {
        for (name, _) in PRESETS {
            for depth in [Depth::True, Depth::Ansi256, Depth::Ansi16] {
                let theme = Theme::preset(name).unwrap();
                let mut grounds = theme.grounds();
                if depth == Depth::Ansi16 {
                    grounds.truncate(1);
                }
                let theme = theme.at_depth(depth);
                for role in [Role::Selection, Role::Match] {
                    let Some(bg) = theme.style(role).bg.and_then(colour::rgb) else { continue };
                    let is = colour::least_contrast(bg, &grounds);
                    assert!(is >= colour::GRAPHICS, "{name} {depth:?} {role:?}: {is:.2}");
                }
            }
        }
    }

    /// How much a terminal dims is its own affair: kitty leaves 40 % of the text, 3.7:1 of white on black.
    #[test]
    fn nothing_is_dimmed_by_the_terminal() {
        for (name, _) in PRESETS {
            let theme = Theme::preset(name).unwrap();
            for (role_name, role) in ROLES {
                assert!(!theme.style(role).add_modifier.contains(Modifier::DIM), "{name} {role_name}");
            }
        }
    }
}
