//! Drawing: a pure function from the state to a finished frame.

pub mod chart;
pub mod cockpit;
pub mod dialog;
pub mod help;
pub mod human;
pub mod operations;
pub mod output;
pub mod overlay;
pub mod page;
pub mod paint;
pub mod review;
pub mod strips;
pub mod theme;
pub mod walk;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::state::State;
use paint::Paint;
use theme::Role;

/// A finished screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub buffer: Buffer,
    /// Where the text cursor stands, in a field that is being typed into.
    pub cursor: Option<Position>,
    /// The plan that stands on it and waits to be read, by the number of its dialog.
    pub dialog: Option<u64>,
}

/// The smallest size at which anything but a line of words is drawn.
const SMALLEST: (u16, u16) = (20, 5);

pub fn draw(state: &State) -> Frame {
    let area = Rect::new(0, 0, state.size.0, state.size.1);
    let mut buffer = Buffer::empty(area);
    let mut paint = Paint::new(&mut buffer, state);
    paint.fill(area, Role::Text);
    let mut cursor = None;
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let headline = &state.derived.headline;
        let text = format!("{} {}", paint.mark(headline.health), headline.text);
        paint.text(area, 0, &text, Role::Text);
        paint.text(area, 1, "too small: 20x5 at least", Role::Dim);
    } else {
        let body = strips::draw(&mut paint, area);
        match state.view.pages.last() {
            None => cockpit::draw(&mut paint, body),
            Some(page) => page::draw(&mut paint, body, page),
        }
        cursor = overlay::draw(&mut paint, area);
    }
    Frame { buffer, cursor, dialog: dialog::unread(state) }
}
