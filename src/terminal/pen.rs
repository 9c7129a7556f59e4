//! What a terminal's pen does: where it stands, how it writes, and the fewest bytes that bring it
//! from one cell to another.
//!
//! ratatui's own backend ends each frame with four resets and sets every colour with a sequence of
//! its own: 66 bytes where a clock's digit changed, against 9 here.

use std::io::Write;

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

/// How a cell looks, apart from what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub fg: Color,
    pub bg: Color,
    pub modifiers: Modifier,
}

/// What can be seen of a blank.
const SEEN_ON_BLANK: Modifier = Modifier::REVERSED.union(Modifier::UNDERLINED).union(Modifier::CROSSED_OUT);

impl Look {
    pub const PLAIN: Self = Self { fg: Color::Reset, bg: Color::Reset, modifiers: Modifier::empty() };

    pub fn of(cell: &Cell) -> Self {
        Self { fg: cell.fg, bg: cell.bg, modifiers: cell.modifier }
    }

    /// Nothing but its background can be seen of a blank.
    pub fn is_bare(self) -> bool {
        !self.modifiers.intersects(SEEN_ON_BLANK)
    }
}

/// On and off of each modifier. Bold and dim go off together.
const MODIFIERS: [(Modifier, u8, u8); 9] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::SLOW_BLINK, 5, 25),
    (Modifier::RAPID_BLINK, 6, 25),
    (Modifier::REVERSED, 7, 27),
    (Modifier::HIDDEN, 8, 28),
    (Modifier::CROSSED_OUT, 9, 29),
];

/// The pen as we know it; `None` where the terminal may have it otherwise.
#[derive(Clone, Debug, Default)]
pub struct Pen {
    look: Option<Look>,
    at: Option<(u16, u16)>,
    /// Since its place was named, it wrote what terminals disagree about how wide it is.
    drifted: bool,
}

impl Pen {
    /// After a reset of all attributes.
    pub fn plain() -> Self {
        Self { look: Some(Look::PLAIN), ..Self::default() }
    }

    pub fn look(&self) -> Option<Look> {
        self.look
    }

    /// Where it stands for sure.
    pub fn at(&self) -> Option<(u16, u16)> {
        self.at.filter(|_| !self.drifted)
    }

    /// Someone else moves it, or it stands where terminals differ.
    pub fn lose_place(&mut self) {
        self.at = None;
    }

    /// A symbol was written at `x`, the next would stand at `next`; at the last column terminals differ
    /// in where they leave the pen.
    pub fn wrote(&mut self, symbol: &str, next: u16, y: u16, columns: u16) {
        self.at = (next < columns).then_some((next, y));
        self.drifted |= !is_sure(symbol);
    }

    pub fn go(&mut self, out: &mut Vec<u8>, x: u16, y: u16) {
        if self.at == Some((x, y)) {
            return;
        }
        let gap = match self.at() {
            Some((from, row)) if row == y && x > from => Some(x - from),
            _ => None,
        };
        // A Vec takes every write.
        let _ = match (gap, x, y) {
            (Some(1), ..) => write!(out, "\x1b[C"),
            (Some(gap), ..) => write!(out, "\x1b[{gap}C"),
            (None, 0, 0) => write!(out, "\x1b[H"),
            (None, 0, _) => write!(out, "\x1b[{}H", u32::from(y) + 1),
            _ => write!(out, "\x1b[{};{}H", u32::from(y) + 1, u32::from(x) + 1),
        };
        self.at = Some((x, y));
        self.drifted = false;
    }

    pub fn turn(&mut self, out: &mut Vec<u8>, to: Look) {
        if self.look == Some(to) {
            return;
        }
        let whole = whole(to);
        let parameters = match self.look.map(|from| change(from, to)) {
            Some(change) if change.len() <= whole.len() => change,
            _ => whole,
        };
        out.extend_from_slice(b"\x1b[");
        out.extend_from_slice(parameters.as_bytes());
        out.push(b'm');
        self.look = Some(to);
    }
}

/// Every terminal agrees how wide it is: ASCII, and braille. The marks and frames are wide in some
/// East Asian locales; after them the way goes on from a place that is named.
fn is_sure(symbol: &str) -> bool {
    symbol.chars().all(|c| c.is_ascii() || ('\u{2800}'..='\u{28ff}').contains(&c))
}

fn push(parameters: &mut String, parameter: &str) {
    if !parameters.is_empty() {
        parameters.push(';');
    }
    parameters.push_str(parameter);
}

/// The parameters that make `to` of any look.
fn whole(to: Look) -> String {
    if to == Look::PLAIN {
        return String::new();
    }
    let rest = change(Look::PLAIN, to);
    format!("0;{rest}")
}

/// The parameters that make `to` of `from`.
fn change(from: Look, to: Look) -> String {
    let mut parameters = String::new();
    let mut kept = from.modifiers;
    for (modifier, _, off) in MODIFIERS {
        if kept.contains(modifier) && !to.modifiers.contains(modifier) {
            push(&mut parameters, &off.to_string());
            for (also, _, its) in MODIFIERS {
                if its == off {
                    kept.remove(also);
                }
            }
        }
    }
    for (modifier, on, _) in MODIFIERS {
        if to.modifiers.contains(modifier) && !kept.contains(modifier) {
            push(&mut parameters, &on.to_string());
        }
    }
    if from.fg != to.fg {
        push(&mut parameters, &colour(to.fg, 0));
    }
    if from.bg != to.bg {
        push(&mut parameters, &colour(to.bg, 10));
    }
    parameters
}

/// A colour's parameters; `ground` is 10 for a background. The sixteen are sent as every terminal
/// knows them: those that have only sixteen don't know 38;5.
fn colour(colour: Color, ground: u8) -> String {
    let basic = |n: u8| (n + ground).to_string();
    match colour {
        Color::Reset => basic(39),
        Color::Black => basic(30),
        Color::Red => basic(31),
        Color::Green => basic(32),
        Color::Yellow => basic(33),
        Color::Blue => basic(34),
        Color::Magenta => basic(35),
        Color::Cyan => basic(36),
        Color::Gray => basic(37),
        Color::DarkGray => basic(90),
        Color::LightRed => basic(91),
        Color::LightGreen => basic(92),
        Color::LightYellow => basic(93),
        Color::LightBlue => basic(94),
        Color::LightMagenta => basic(95),
        Color::LightCyan => basic(96),
        Color::White => basic(97),
        Color::Indexed(index) => format!("{};5;{index}", basic(38)),
        Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", basic(38)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(pen: &mut Pen, look: Look) -> String {
        let mut out = Vec::new();
        pen.turn(&mut out, look);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_look_is_changed_by_what_differs() {
        let mut pen = Pen::default();
        let red = Look { fg: Color::Red, ..Look::PLAIN };
        assert_eq!(turned(&mut pen, red), "\x1b[0;31m", "whatever it was before");
        assert_eq!(turned(&mut pen, red), "");
        let bold = Look { modifiers: Modifier::BOLD, ..red };
        assert_eq!(turned(&mut pen, bold), "\x1b[1m");
        let dim = Look { modifiers: Modifier::DIM, bg: Color::LightBlue, ..red };
        assert_eq!(turned(&mut pen, dim), "\x1b[22;2;104m");
        let exact = Look { fg: Color::Rgb(1, 2, 3), bg: Color::Indexed(7), ..Look::PLAIN };
        assert_eq!(turned(&mut pen, exact), "\x1b[0;38;2;1;2;3;48;5;7m");
        assert_eq!(turned(&mut pen, Look::PLAIN), "\x1b[m");
    }

    #[test]
    fn the_way_is_the_shortest() {
        let mut pen = Pen::plain();
        let went = |pen: &mut Pen, x, y| {
            let mut out = Vec::new();
            pen.go(&mut out, x, y);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(went(&mut pen, 0, 0), "\x1b[H");
        assert_eq!(went(&mut pen, 0, 4), "\x1b[5H");
        assert_eq!(went(&mut pen, 1, 4), "\x1b[C");
        assert_eq!(went(&mut pen, 9, 4), "\x1b[8C");
        assert_eq!(went(&mut pen, 9, 4), "");
        assert_eq!(went(&mut pen, 3, 4), "\x1b[5;4H");
        pen.wrote("x", 4, 4, 80);
        assert_eq!(went(&mut pen, 6, 4), "\x1b[2C");
        pen.wrote("│", 7, 4, 80);
        assert_eq!(went(&mut pen, 7, 4), "", "what follows is written on");
        assert_eq!(went(&mut pen, 9, 4), "\x1b[5;10H", "but over no gap");
        pen.wrote("x", 80, 4, 80);
        assert_eq!(pen.at(), None, "terminals differ at the last column");
    }
}
