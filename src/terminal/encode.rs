//! From one frame to the next as bytes: only the cells that differ, in one synchronized update unless
//! they are few, by the shortest way ([`Pen`]).

use ratatui::buffer::{Buffer, Cell};
use unicode_width::UnicodeWidthStr;

use super::pen::{Look, Pen};
use crate::ui::Frame;

/// Mode 2026, sent without asking: terminals that don't know it ignore it.
const SYNC_BEGIN: &[u8] = b"\x1b[?2026h";
const SYNC_END: &[u8] = b"\x1b[?2026l";
/// So many bytes arrive at once in any case: a clock's digit is 9 bytes, its update would be 16 more.
pub const AT_ONCE: usize = 128;
const CLEAR: &[u8] = b"\x1b[m\x1b[2J";
const SHOW_CURSOR: &[u8] = b"\x1b[?25h";
const HIDE_CURSOR: &[u8] = b"\x1b[?25l";
/// So few cells are written again rather than gone over: `ESC [ 2 C` is four bytes.
const SHORT_GAP: usize = 4;
/// A row's end of so many blanks is erased by `ESC [ K`.
const LONG_END: usize = 4;

/// Remembers what the terminal shows.
#[derive(Default)]
pub struct Encoder {
    shown: Option<Frame>,
    pen: Pen,
}

impl Encoder {
    /// Forgets what the terminal shows: the next frame is drawn whole.
    pub fn forget(&mut self) {
        self.shown = None;
        self.pen = Pen::default();
    }

    /// The bytes that turn what is shown into `next`; empty where nothing differs.
    pub fn encode(&mut self, next: Frame) -> Vec<u8> {
        let before = self.shown.take();
        let same_size = before.as_ref().is_some_and(|f| f.buffer.area == next.buffer.area);
        let mut bytes = Vec::new();
        let cursor = match before {
            Some(before) if same_size => {
                self.rows(&mut bytes, &before.buffer, &next.buffer);
                before.cursor
            }
            _ => {
                bytes.extend_from_slice(CLEAR);
                self.pen = Pen::plain();
                self.rows(&mut bytes, &Buffer::empty(next.buffer.area), &next.buffer);
                None
            }
        };
        let moved = !bytes.is_empty();
        match next.cursor {
            Some(place) if moved || cursor != next.cursor => {
                self.pen.lose_place();
                self.pen.go(&mut bytes, place.x, place.y);
                if cursor.is_none() {
                    bytes.extend_from_slice(SHOW_CURSOR);
                }
            }
            None if cursor.is_some() || !same_size => bytes.extend_from_slice(HIDE_CURSOR),
            _ => {}
        }
        self.shown = Some(next);
        // Whoever writes on the terminal beside us moves the pen, but leaves its colours.
        self.pen.lose_place();
        if bytes.len() <= AT_ONCE { bytes } else { [SYNC_BEGIN, &bytes, SYNC_END].concat() }
    }

    fn rows(&mut self, out: &mut Vec<u8>, before: &Buffer, next: &Buffer) {
        let columns = usize::from(next.area.width).max(1);
        let rows = before.content.chunks(columns).zip(next.content.chunks(columns));
        for ((old, new), y) in rows.zip(next.area.y..) {
            if old != new {
                self.row(out, old, new, y);
            }
        }
    }

    fn row(&mut self, out: &mut Vec<u8>, old: &[Cell], new: &[Cell], y: u16) {
        // Writing over half of a wide character blanks its other half, in a style of the terminal's
        // choice: rows that had any are written whole.
        let broken = old.iter().any(|cell| width(cell) > 1);
        let differs = |x: usize| broken || !old.get(x).zip(new.get(x)).is_some_and(|(o, n)| same(o, n));
        let end = blank_end(new);
        let columns = u16::try_from(new.len()).unwrap_or(u16::MAX);
        let mut x = 0;
        // Up to where the row stands as it is to be, and may be gone over.
        while let Some(cell) = new.get(x) {
            let wide = width(cell);
            if !differs(x) {
                x += wide;
                continue;
            }
            if x >= end && new.len() - x >= LONG_END && (x..new.len()).filter(|x| differs(*x)).count() > 2 {
                self.reach(out, new, x, y);
                if !self.suits_blank(Look::of(cell)) {
                    self.pen.turn(out, Look::of(cell));
                }
                out.extend_from_slice(b"\x1b[K");
                return;
            }
            self.reach(out, new, x, y);
            let look = Look::of(cell);
            if !(is_blank(cell) && self.suits_blank(look)) {
                self.pen.turn(out, look);
            }
            let fits = x + wide <= new.len();
            out.extend_from_slice(if fits { cell.symbol().as_bytes() } else { b" " });
            let next = u16::try_from(x + wide).unwrap_or(u16::MAX);
            self.pen.wrote(cell.symbol(), next, y, columns);
            x += wide;
        }
    }

    /// Brings the pen to `x`: by writing what stands between again where that is shorter.
    fn reach(&mut self, out: &mut Vec<u8>, row: &[Cell], x: usize, y: u16) {
        let column = u16::try_from(x).unwrap_or(u16::MAX);
        if let Some((from, _)) = self.pen.at().filter(|(from, at)| *at == y && usize::from(*from) < x) {
            let gap = row.get(usize::from(from)..x).unwrap_or_default();
            let rewritten = gap.len() < SHORT_GAP
                && gap.iter().all(|cell| {
                    let look = Look::of(cell);
                    cell.symbol().len() == 1
                        && (self.pen.look() == Some(look) || (is_blank(cell) && self.suits_blank(look)))
                });
            if rewritten {
                out.extend(gap.iter().flat_map(|cell| cell.symbol().bytes()));
                self.pen.wrote(" ", column, y, u16::MAX);
                return;
            }
        }
        self.pen.go(out, column, y);
    }

    /// A blank of `look` written as the pen is now looks as it should.
    fn suits_blank(&self, look: Look) -> bool {
        self.pen.look().is_some_and(|pen| pen.is_bare() && look.is_bare() && pen.bg == look.bg)
    }
}

fn width(cell: &Cell) -> usize {
    if cell.symbol().len() == 1 { 1 } else { cell.symbol().width().max(1) }
}

fn is_blank(cell: &Cell) -> bool {
    cell.symbol() == " "
}

/// Looks the same on the terminal: of a blank only the background is seen.
fn same(old: &Cell, new: &Cell) -> bool {
    let (before, after) = (Look::of(old), Look::of(new));
    let blanks = is_blank(old) && is_blank(new) && before.is_bare() && after.is_bare();
    old.symbol() == new.symbol() && (before == after || (blanks && before.bg == after.bg))
}

/// Where the blanks at the row's end begin that `ESC [ K` can write: terminals without 'bce' erase
/// only to the default background.
fn blank_end(row: &[Cell]) -> usize {
    let plain = |cell: &Cell| {
        let look = Look::of(cell);
        is_blank(cell) && look.is_bare() && look.bg == ratatui::style::Color::Reset
    };
    row.iter().rposition(|cell| !plain(cell)).map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;

    fn frame(text: &str) -> Frame {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 5));
        buffer.set_string(0, 0, text, ratatui::style::Style::default());
        Frame { buffer, cursor: None, dialog: None }
    }

    #[test]
    fn what_did_not_change_is_not_written() {
        let mut encoder = Encoder::default();
        assert!(!encoder.encode(frame("12:00:00Z")).is_empty());
        assert_eq!(encoder.encode(frame("12:00:00Z")), b"");
        let tick = encoder.encode(frame("12:00:01Z"));
        assert!(tick.len() <= 9, "{} bytes for a clock digit", tick.len());
    }

    #[test]
    fn the_terminal_ends_up_with_the_frame() {
        let mut terminal = vt100::Parser::new(5.try_into().unwrap(), 40.try_into().unwrap(), 0);
        let mut encoder = Encoder::default();
        for text in ["first", "second, longer", "x"] {
            terminal.process(&encoder.encode(frame(text)));
            assert_eq!(terminal.screen().contents().trim_end(), text);
        }
    }
}
