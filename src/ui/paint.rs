//! The few strokes of which every screen is made: text in its place, marks, frames, rows.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::theme::Role;
use crate::model::{Failure, Health};
use crate::state::State;

/// A buffer, with the state and theme that everything drawn on it needs.
pub struct Paint<'a> {
    pub buffer: &'a mut Buffer,
    pub state: &'a State,
}

impl<'a> Paint<'a> {
    pub fn new(buffer: &'a mut Buffer, state: &'a State) -> Self {
        Self { buffer, state }
    }

    pub fn style(&self, role: Role) -> Style {
        self.state.settings.theme.style(role)
    }

    pub fn health_style(&self, health: Health) -> Style {
        self.state.settings.theme.health(health)
    }

    pub fn ascii(&self) -> bool {
        self.state.settings.ascii
    }

    pub fn mark(&self, health: Health) -> &'static str {
        health.mark(self.ascii())
    }

    /// A mark and its colour.
    pub fn mark_span(&self, health: Health) -> Span<'static> {
        Span::styled(self.mark(health), self.health_style(health))
    }

    /// What was tried and what happened, marked; `has_older`: older data stand beside it.
    pub fn failure(&self, failure: &Failure, has_older: bool) -> [Span<'static>; 2] {
        let health = failure.health(has_older);
        let words = format!(" {}: {}", failure.tried, failure.happened);
        [self.mark_span(health), Span::styled(words, self.health_style(health))]
    }

    pub fn span(&self, text: impl Into<String>, role: Role) -> Span<'static> {
        Span::styled(text.into(), self.style(role))
    }

    pub fn fill(&mut self, area: Rect, role: Role) {
        let style = self.style(role);
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }

    /// Blanks an area, for what is drawn over something else.
    pub fn clear(&mut self, area: Rect) {
        let style = self.style(Role::Text);
        let area = area.intersection(self.buffer.area);
        for position in area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
                cell.set_style(style);
            }
        }
    }

    /// One line of text in row `y` of `area`, cut with '…' where it does not fit.
    pub fn text(&mut self, area: Rect, y: u16, text: &str, role: Role) {
        let style = self.style(role);
        self.line(area, y, Line::from(Span::styled(text.to_owned(), style)));
    }

    /// A line of spans in row `y` of `area`, cut with '…' where it does not fit.
    pub fn line(&mut self, area: Rect, y: u16, line: Line<'_>) {
        if y >= area.height || area.width == 0 {
            return;
        }
        let at = Rect { y: area.y + y, height: 1, ..area }.intersection(self.buffer.area);
        if at.is_empty() {
            return;
        }
        let too_long = line.width() > usize::from(at.width);
        self.buffer.set_line(at.x, at.y, &line, at.width);
        if too_long && let Some(cell) = self.buffer.cell_mut((at.right() - 1, at.y)) {
            cell.set_symbol(if self.state.settings.ascii { "~" } else { "…" });
        }
    }

    /// Text that ends at the right edge of row `y`, where there is room after `taken` columns.
    pub fn right(&mut self, area: Rect, y: u16, line: Line<'_>, taken: u16) {
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
        if width.saturating_add(taken) <= area.width {
            let at = Rect { x: area.right() - width, width, ..area };
            self.line(at, y, line);
        }
    }

    /// A frame whose title carries the state, `right` at its end. Returns what is inside.
    /// `thin` draws only the line above, where rows are dear.
    pub fn frame(&mut self, area: Rect, title: Line<'_>, right: Line<'_>, focused: bool, thin: bool) -> Rect {
        let area = area.intersection(self.buffer.area);
        if area.width < 4 || area.height == 0 {
            return Rect { height: 0, ..area };
        }
        let style = self.style(if focused { Role::Focus } else { Role::Border });
        let [h, v, tl, tr, bl, br] = if self.ascii() {
            ["-", "|", "+", "+", "+", "+"]
        } else {
            ["─", "│", "┌", "┐", "└", "┘"]
        };
        let set = |buffer: &mut Buffer, x: u16, y: u16, symbol: &str| {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.set_symbol(symbol).set_style(style);
            }
        };
        for x in area.left()..area.right() {
            set(self.buffer, x, area.top(), h);
            if !thin && area.height > 1 {
                set(self.buffer, x, area.bottom() - 1, h);
            }
        }
        if !thin {
            for y in area.top()..area.bottom() {
                set(self.buffer, area.left(), y, v);
                set(self.buffer, area.right() - 1, y, v);
            }
            if area.height > 1 {
                set(self.buffer, area.left(), area.bottom() - 1, bl);
                set(self.buffer, area.right() - 1, area.bottom() - 1, br);
            }
            set(self.buffer, area.left(), area.top(), tl);
            set(self.buffer, area.right() - 1, area.top(), tr);
        }
        let inner = Rect { x: area.x + 2, width: area.width - 4, ..area };
        // The border may be bold; what stands in it is only where it says so: a weight can be a health's.
        let of_its_own = Style::new().remove_modifier(style.add_modifier);
        let [title, right] = [title, right].map(|line| {
            let style = of_its_own.patch(line.style);
            line.style(style)
        });
        // The age of the data stands even where the title has to be cut.
        let right_width = u16::try_from(right.width()).unwrap_or(u16::MAX);
        let room = inner.width.saturating_sub(right_width);
        self.right(inner, 0, right, 0);
        self.line(Rect { width: if room < 12 { inner.width } else { room }, ..inner }, 0, title);
        let below = if thin { 0 } else { 1 };
        // A blank column keeps marks off the border.
        Rect {
            x: area.x + 2,
            y: area.y + 1,
            width: area.width - 3,
            height: area.height.saturating_sub(1 + below),
        }
    }
}

/// The columns that text takes on the screen.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` in exactly `columns` columns: padded, or cut with '…'.
pub fn fit(text: &str, columns: usize) -> String {
    let w = text.width();
    if w <= columns {
        return format!("{text}{}", " ".repeat(columns - w));
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let cw = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used + cw > columns.saturating_sub(1) {
            break;
        }
        used += cw;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
        used += 1;
    }
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(used)));
    out
}

/// `text` in exactly `columns` columns, at the right of them.
pub fn fit_right(text: &str, columns: usize) -> String {
    let w = text.width();
    if w <= columns { format!("{}{text}", " ".repeat(columns - w)) } else { fit(text, columns) }
}

/// Breaks text into lines of at most `columns`, at spaces where there are any.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let mut word = word;
        loop {
            let w = word.trim_end().width();
            if used + w <= columns {
                line.push_str(word);
                used += word.width();
                break;
            }
            if used > 0 {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                used = 0;
                continue;
            }
            let cut = cut_at(word, columns);
            lines.push(word[..cut].to_owned());
            word = &word[cut..];
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// The byte at which `columns` columns of `text` end; at least one character.
fn cut_at(text: &str, columns: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used > columns && at > 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_fits_its_column() {
        assert_eq!(fit("api", 5), "api  ");
        assert_eq!(fit("api-7c9f-x2x7k", 8), "api-7c9…");
        assert_eq!(fit_right("12", 4), "  12");
        assert_eq!(fit("日本語", 4), "日… ");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
    }

    proptest! {
        #[test]
        fn fitting_is_exact(text in "\\PC{0,30}", columns in 0usize..20) {
            prop_assert_eq!(width(&fit(&text, columns)), columns);
        }

        #[test]
        fn wrapped_lines_fit(text in "[a-z ]{0,80}", columns in 1usize..20) {
            for line in wrap(&text, columns) {
                prop_assert!(width(&line) <= columns, "{line:?}");
            }
        }
    }
}
