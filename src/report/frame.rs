//! A finished frame as plain text, as ANSI lines, or as an SVG picture.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

/// Pixels of one character cell, and of the font in it.
const CELL: (usize, usize) = (9, 19);
const FONT: usize = 15;

/// The cells of each row that are drawn: what a wide character covers is left out.
fn rows(buffer: &Buffer) -> impl Iterator<Item = Vec<(usize, &Cell)>> {
    let width = usize::from(buffer.area.width).max(1);
    buffer.content.chunks(width).map(|row| {
        let mut cells = Vec::with_capacity(row.len());
        let mut skip = 0;
        for (x, cell) in row.iter().enumerate() {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = cell.symbol().width().saturating_sub(1);
            cells.push((x, cell));
        }
        cells
    })
}

/// Lines without trailing blanks.
pub fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for row in rows(buffer) {
        let line: String = row.iter().map(|(_, cell)| cell.symbol()).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Lines with colours, which a terminal or `less -R` shows.
pub fn ansi(buffer: &Buffer) -> String {
    let mut out = String::new();
    for row in rows(buffer) {
        let mut style = None;
        for (_, cell) in row {
            let now = (cell.fg, cell.bg, cell.modifier);
            if style != Some(now) {
                out.push_str(&sgr(cell));
                style = Some(now);
            }
            out.push_str(cell.symbol());
        }
        out.push_str("\x1b[0m\n");
    }
    out
}

/// 'Select graphic rendition' (ECMA-48) for a cell, from nothing.
fn sgr(cell: &Cell) -> String {
    let mut codes = vec!["0".to_owned()];
    for (modifier, code) in [
        (Modifier::BOLD, "1"),
        (Modifier::DIM, "2"),
        (Modifier::ITALIC, "3"),
        (Modifier::UNDERLINED, "4"),
        (Modifier::REVERSED, "7"),
    ] {
        if cell.modifier.contains(modifier) {
            codes.push(code.into());
        }
    }
    codes.extend(colour_code(cell.fg, 30));
    codes.extend(colour_code(cell.bg, 40));
    format!("\x1b[{}m", codes.join(";"))
}

fn colour_code(colour: Color, base: u8) -> Option<String> {
    match colour {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some(format!("{};2;{r};{g};{b}", base + 8)),
        Color::Indexed(i) => Some(format!("{};5;{i}", base + 8)),
        named => {
            let index = NAMED.iter().position(|(c, _)| *c == named)?;
            let index = u8::try_from(index).ok()?;
            Some(if index < 8 { format!("{}", base + index) } else { format!("{}", base + 52 + index) })
        }
    }
}

/// The sixteen colours in ANSI's order, as a dark terminal shows them.
const NAMED: [(Color, &str); 16] = [
    (Color::Black, "#1d1f21"),
    (Color::Red, "#cc6666"),
    (Color::Green, "#8abd6a"),
    (Color::Yellow, "#d7af5f"),
    (Color::Blue, "#6a9fd7"),
    (Color::Magenta, "#b294bb"),
    (Color::Cyan, "#6fb3b8"),
    (Color::Gray, "#c5c8c6"),
    (Color::DarkGray, "#6b6f73"),
    (Color::LightRed, "#ff7b7b"),
    (Color::LightGreen, "#a9e07f"),
    (Color::LightYellow, "#ffd787"),
    (Color::LightBlue, "#8fbfff"),
    (Color::LightMagenta, "#d7a9e3"),
    (Color::LightCyan, "#8fdfe3"),
    (Color::White, "#ffffff"),
];

/// A picture of the frame. `light`: on a light background.
pub fn svg(buffer: &Buffer, light: bool) -> String {
    let (fg, bg) = if light { ("#1d1f21", "#ffffff") } else { ("#d0d0d0", "#16181a") };
    let (width, height) =
        (usize::from(buffer.area.width) * CELL.0 + 20, usize::from(buffer.area.height) * CELL.1 + 20);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" \
         font-size=\"{FONT}\">\n<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{bg}\"/>\n"
    );
    for (y, row) in rows(buffer).enumerate() {
        let top = y * CELL.1 + 10;
        for run in runs(&row) {
            run.draw(&mut out, top, (fg, bg));
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Neighbouring cells of one style.
struct Run<'a> {
    x: usize,
    columns: usize,
    text: String,
    cell: &'a Cell,
}

fn runs<'a>(row: &[(usize, &'a Cell)]) -> Vec<Run<'a>> {
    let mut runs: Vec<Run<'a>> = Vec::new();
    for (x, cell) in row {
        let columns = cell.symbol().width().max(1);
        let style = (cell.fg, cell.bg, cell.modifier);
        match runs.last_mut() {
            Some(run) if (run.cell.fg, run.cell.bg, run.cell.modifier) == style => {
                run.columns += columns;
                run.text.push_str(cell.symbol());
            }
            _ => runs.push(Run { x: *x, columns, text: cell.symbol().to_owned(), cell }),
        }
    }
    runs
}

impl Run<'_> {
    fn draw(&self, out: &mut String, top: usize, (fg, bg): (&str, &str)) {
        let (front, back) = (hex(self.cell.fg, fg), hex(self.cell.bg, bg));
        let reversed = self.cell.modifier.contains(Modifier::REVERSED);
        let (front, back) = if reversed { (back, front) } else { (front, back) };
        let left = self.x * CELL.0 + 10;
        let width = self.columns * CELL.0;
        // Writing to a String cannot fail.
        if back != bg {
            let _ = writeln!(
                out,
                "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{}\" fill=\"{back}\"/>",
                CELL.1
            );
        }
        let text = self.text.trim_end();
        if text.trim().is_empty() {
            return;
        }
        let bold = if self.cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
        // The length is given, so that columns align in any font.
        let length = text.width() * CELL.0;
        let _ = writeln!(
            out,
            "<text x=\"{left}\" y=\"{}\" textLength=\"{length}\" xml:space=\"preserve\" fill=\"{front}\"{bold}>{}</text>",
            top + FONT,
            escape(text),
        );
    }
}

fn hex(colour: Color, default: &str) -> String {
    match colour {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        named => NAMED.iter().find(|(c, _)| *c == named).map_or(default, |(_, hex)| hex).to_owned(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    fn buffer() -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 2));
        buffer.set_string(0, 0, "a<b", Style::default().fg(Color::Rgb(255, 0, 0)));
        buffer.set_string(0, 1, "日x", Style::default().add_modifier(Modifier::BOLD));
        buffer
    }

    #[test]
    fn a_frame_in_three_forms() {
        assert_eq!(text(&buffer()), "a<b\n日x\n");
        assert_eq!(ansi(&buffer()).lines().next(), Some("\x1b[0;38;2;255;0;0ma<b\x1b[0m   \x1b[0m"));
        let svg = svg(&buffer(), false);
        assert!(svg.contains("fill=\"#ff0000\">a&lt;b</text>") && svg.contains("font-weight=\"bold\">日x"));
    }

    #[test]
    fn ansi_gives_a_terminal_the_same_text() {
        let mut terminal = vt100::Parser::new(2.try_into().unwrap(), 10.try_into().unwrap(), 0);
        terminal.process(ansi(&buffer()).trim_end().replace('\n', "\r\n").as_bytes());
        let lines: Vec<String> = terminal.screen().rows(0, 10).map(|l| l.trim_end().to_owned()).collect();
        assert_eq!(lines, ["a<b", "日x"]);
    }
}
