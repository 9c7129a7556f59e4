//! From one frame to the next as bytes: only the cells that differ, in one synchronized update.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, Cell};
use unicode_width::UnicodeWidthStr;

use crate::ui::Frame;

/// Mode 2026, sent without asking: terminals that don't know it ignore it.
const SYNC_BEGIN: &[u8] = b"\x1b[?2026h";
const SYNC_END: &[u8] = b"\x1b[?2026l";
const CLEAR: &[u8] = b"\x1b[0m\x1b[2J";

/// Collects what the backend writes.
#[derive(Clone, Default)]
struct Sink(Rc<RefCell<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Remembers what the terminal shows.
#[derive(Default)]
pub struct Encoder {
    shown: Option<Frame>,
}

impl Encoder {
    /// Forgets what the terminal shows: the next frame is drawn whole.
    pub fn forget(&mut self) {
        self.shown = None;
    }

    /// The bytes that turn what is shown into `next`; empty where nothing differs.
    pub fn encode(&mut self, next: Frame) -> io::Result<Vec<u8>> {
        let same_size = self.shown.as_ref().is_some_and(|f| f.buffer.area == next.buffer.area);
        let blank = Buffer::empty(next.buffer.area);
        let (before, cursor) = match &self.shown {
            Some(frame) if same_size => (&frame.buffer, frame.cursor),
            _ => (&blank, None),
        };
        let known = without_broken_rows(before, &next.buffer);
        let changes = known.as_ref().unwrap_or(before).diff(&next.buffer);
        if changes.is_empty() && same_size && cursor == next.cursor {
            return Ok(Vec::new());
        }
        let sink = Sink::default();
        let mut backend = CrosstermBackend::new(sink.clone());
        let mut bytes = SYNC_BEGIN.to_vec();
        if !same_size {
            bytes.extend_from_slice(CLEAR);
        }
        backend.draw(changes.into_iter())?;
        match next.cursor {
            Some(position) => {
                backend.set_cursor_position(position)?;
                if cursor.is_none() {
                    backend.show_cursor()?;
                }
            }
            None if cursor.is_some() || !same_size => backend.hide_cursor()?,
            None => {}
        }
        bytes.extend_from_slice(&sink.0.borrow());
        bytes.extend_from_slice(SYNC_END);
        self.shown = Some(next);
        Ok(bytes)
    }
}

/// What stands in no cell of a swept frame.
const NOTHING: &str = "\u{200b}";

/// Writing over half of a wide character blanks its other half, in a style of the terminal's
/// choice; ratatui's diff does not know. Rows that had wide characters and change are written
/// whole: `before` with those rows made unlike anything, if there are any.
fn without_broken_rows(before: &Buffer, next: &Buffer) -> Option<Buffer> {
    let columns = usize::from(before.area.width).max(1);
    let wide = |cell: &Cell| cell.symbol().len() > 1 && cell.symbol().width() > 1;
    let mut known = None;
    for (row, (old, new)) in before.content.chunks(columns).zip(next.content.chunks(columns)).enumerate() {
        if old.iter().any(wide) && old != new {
            let known = known.get_or_insert_with(|| before.clone());
            for cell in known.content.iter_mut().skip(row * columns).take(columns) {
                cell.set_symbol(NOTHING);
            }
        }
    }
    known
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
        assert!(!encoder.encode(frame("12:00:00Z")).unwrap().is_empty());
        assert_eq!(encoder.encode(frame("12:00:00Z")).unwrap(), b"");
        let tick = encoder.encode(frame("12:00:01Z")).unwrap();
        assert!(tick.len() <= 64, "{} bytes for a clock digit", tick.len());
    }

    #[test]
    fn the_terminal_ends_up_with_the_frame() {
        let mut terminal = vt100::Parser::new(5.try_into().unwrap(), 40.try_into().unwrap(), 0);
        let mut encoder = Encoder::default();
        for text in ["first", "second, longer", "x"] {
            terminal.process(&encoder.encode(frame(text)).unwrap());
            assert_eq!(terminal.screen().contents().trim_end(), text);
        }
    }
}
