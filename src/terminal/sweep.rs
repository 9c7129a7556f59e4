//! The second defence against escape injection: no cell of a finished frame may hold anything that
//! a terminal acts on, wherever it came from.

use ratatui::buffer::Buffer;

use crate::model::text::is_invisible;

/// Replaces what must not reach the terminal by '?'. Returns how many cells that were.
pub fn sweep(buffer: &mut Buffer) -> usize {
    let mut swept = 0;
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if symbol.is_ascii()
            && symbol.len() == 1
            && !symbol.as_bytes().first().is_some_and(u8::is_ascii_control)
        {
            continue;
        }
        if symbol.chars().any(|c| c.is_control() || is_invisible(c)) {
            cell.set_symbol("?");
            swept += 1;
        }
    }
    swept
}

/// For terminals without box drawing: every other character is written in ASCII.
pub fn asciify(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.symbol().is_ascii() {
            continue;
        }
        let plain = match cell.symbol() {
            "…" => "~",
            "→" | "▸" => ">",
            "·" => "|",
            "–" | "─" | "╌" | "━" => "-",
            "│" | "┊" => "|",
            "×" => "x",
            "↓" => "v",
            "↑" => "^",
            "≥" => ">",
            "≤" => "<",
            "┌" | "┐" | "└" | "┘" => "+",
            _ => "?",
        };
        cell.set_symbol(plain);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::layout::Rect;

    use super::*;

    proptest! {
        #[test]
        fn nothing_a_terminal_acts_on_passes(symbols in proptest::collection::vec(any::<String>(), 12)) {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 3));
            for (cell, symbol) in buffer.content.iter_mut().zip(&symbols) {
                cell.set_symbol(symbol);
            }
            sweep(&mut buffer);
            for cell in &buffer.content {
                prop_assert!(!cell.symbol().chars().any(|c| c.is_control() || is_invisible(c)));
            }
            asciify(&mut buffer);
            prop_assert!(buffer.content.iter().all(|cell| cell.symbol().is_ascii()));
        }
    }
}
