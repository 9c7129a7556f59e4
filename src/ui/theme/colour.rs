//! Colours as numbers: what a terminal shows for them, how well one is read on another, and which of the few
//! that a terminal has comes nearest without being read worse.

use ratatui::style::Color;

use super::Depth;

/// Red, green, blue.
pub type Rgb = (u8, u8, u8);

/// Text that is read: WCAG 2.2, success criterion 1.4.3 (AA).
pub const TEXT: f64 = 4.5;
/// Marks, lines and borders that mean something: WCAG 2.2, success criterion 1.4.11.
pub const GRAPHICS: f64 = 3.0;

/// Backgrounds that people have: black, and those of VS Code, One Dark, Dracula, Solarized and Nord, the
/// last of which is the hardest to be read on.
pub const DARK: [Rgb; 7] = [
    (0, 0, 0),
    (0x1e, 0x1e, 0x1e),
    (0x28, 0x2c, 0x34),
    (0x28, 0x28, 0x28),
    (0x28, 0x2a, 0x36),
    (0x00, 0x2b, 0x36),
    (0x2e, 0x34, 0x40),
];
/// White, and those of One Light, Solarized, Catppuccin and Gruvbox.
pub const LIGHT: [Rgb; 5] =
    [(255, 255, 255), (0xfa, 0xfa, 0xfa), (0xfd, 0xf6, 0xe3), (0xef, 0xf1, 0xf5), (0xfb, 0xf1, 0xc7)];

/// xterm's default palette.
const ANSI: [(Color, Rgb); 16] = [
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

/// What xterm shows for a colour; None for the terminal's own.
pub fn rgb(colour: Color) -> Option<Rgb> {
    match colour {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some((r, g, b)),
        Color::Indexed(n @ 0..16) => ANSI.get(usize::from(n)).map(|(_, rgb)| *rgb),
        // The 6×6×6 cube, its levels 0, 95, 135, 175, 215, 255.
        Color::Indexed(n @ 16..232) => {
            let level = |i: u8| if i == 0 { 0 } else { 55 + 40 * i };
            let n = n - 16;
            Some((level(n / 36), level(n / 6 % 6), level(n % 6)))
        }
        Color::Indexed(n) => {
            let grey = 8 + 10 * (n - 232);
            Some((grey, grey, grey))
        }
        named => ANSI.iter().find(|(c, _)| *c == named).map(|(_, rgb)| *rgb),
    }
}

/// Relative luminance, from 0 to 1 (WCAG 2).
pub fn luminance((r, g, b): Rgb) -> f64 {
    let linear = |v: u8| {
        let v = f64::from(v) / 255.0;
        if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// The contrast ratio, from 1 to 21 (WCAG 2).
pub fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The least contrast on any of the backgrounds.
pub fn least_contrast(colour: Rgb, behind: &[Rgb]) -> f64 {
    behind.iter().map(|b| contrast(colour, *b)).fold(f64::INFINITY, f64::min)
}

/// The nearest that the terminal has, among those that are read as well on what is behind.
pub fn reduce(colour: Color, depth: Depth, behind: &[Rgb]) -> Option<Color> {
    let Color::Rgb(r, g, b) = colour else {
        return (depth != Depth::None).then_some(colour);
    };
    let wanted = least_contrast((r, g, b), behind);
    let least = [TEXT, GRAPHICS].into_iter().find(|least| wanted >= *least).unwrap_or(0.0);
    let candidates: Vec<Color> = match depth {
        Depth::None => return None,
        Depth::True => return Some(colour),
        // The first sixteen are whatever the user has made of them.
        Depth::Ansi256 => (16..=255).map(Color::Indexed).collect(),
        Depth::Ansi16 => ANSI.iter().map(|(c, _)| *c).collect(),
    };
    let distance = |c: Rgb| {
        let d = |a: u8, b: u8| (i32::from(a) - i32::from(b)).pow(2);
        d(r, c.0) + d(g, c.1) + d(b, c.2)
    };
    let near = |least: f64| {
        let known = candidates.iter().filter_map(|c| Some((*c, rgb(*c)?)));
        let read = known.filter(|(_, c)| behind.is_empty() || least_contrast(*c, behind) >= least);
        read.min_by_key(|(_, c)| distance(*c)).map(|(c, _)| c)
    };
    near(least).or_else(|| near(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((contrast((0, 0, 0), (255, 255, 255)) - 21.0).abs() < 1e-9);
        // The grey that is known to be just enough on white.
        assert!((contrast((0x76, 0x76, 0x76), (255, 255, 255)) - 4.54).abs() < 0.01);
    }

    #[test]
    fn the_palette_is_xterms() {
        assert_eq!(rgb(Color::Indexed(16)), Some((0, 0, 0)));
        assert_eq!(rgb(Color::Indexed(208)), Some((255, 135, 0)));
        assert_eq!(rgb(Color::Indexed(231)), Some((255, 255, 255)));
        assert_eq!(rgb(Color::Indexed(255)), Some((238, 238, 238)));
        assert_eq!(rgb(Color::Red), Some((205, 0, 0)));
        assert_eq!(rgb(Color::Reset), None);
    }

    #[test]
    fn colours_fit_the_terminal_and_stay_readable() {
        let red = Color::Rgb(0xff, 0x5f, 0x5f);
        assert_eq!(reduce(red, Depth::None, &DARK), None);
        assert_eq!(reduce(red, Depth::Ansi256, &[]), Some(Color::Indexed(203)));
        assert_eq!(reduce(Color::Rgb(250, 10, 10), Depth::Ansi16, &DARK[..1]), Some(Color::LightRed));
        assert_eq!(reduce(Color::Red, Depth::Ansi16, &DARK), Some(Color::Red));
        // The nearest of sixteen to this green can't be read on white.
        let green = Color::Rgb(0x19, 0x6c, 0x2e);
        let reduced = rgb(reduce(green, Depth::Ansi16, &LIGHT[..1]).unwrap()).unwrap();
        assert!(contrast(reduced, LIGHT[0]) >= TEXT);
    }
}
