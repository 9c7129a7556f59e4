//! The encoder's promise: whatever was shown before, its bytes make the terminal show the next
//! frame, in one synchronized update, and nothing is written where nothing differs.

use std::num::NonZeroU16;

use midwatch::terminal::encode::{AT_ONCE, Encoder};
use midwatch::ui::Frame;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

/// Narrow, wide, composed and drawn characters.
const SYMBOLS: [&str; 12] = ["a", "Z", "0", " ", " ", "é", "漢", "字", "│", "●", "…", "e\u{301}"];

fn style() -> impl Strategy<Value = Style> {
    let colour = prop_oneof![Just(Color::Reset), (0..=255_u8).prop_map(Color::Indexed)];
    let modifiers = prop::sample::subsequence(
        vec![Modifier::BOLD, Modifier::DIM, Modifier::ITALIC, Modifier::UNDERLINED, Modifier::REVERSED],
        0..3,
    );
    (colour.clone(), colour, modifiers).prop_map(|(fg, bg, modifiers)| {
        let style = modifiers.into_iter().fold(Style::new().fg(fg).bg(bg), Style::add_modifier);
        // The terminal of the tests knows one intensity at a time.
        let bold = style.add_modifier.contains(Modifier::BOLD);
        if bold { style.remove_modifier(Modifier::DIM) } else { style }
    })
}

fn frame() -> impl Strategy<Value = Frame> {
    let size = prop_oneof![3 => Just((24_u16, 6_u16)), 1 => (1..50_u16, 1..12_u16)];
    let span = (prop::collection::vec(prop::sample::select(&SYMBOLS[..]), 0..8), style());
    let row = prop::collection::vec(span, 0..5);
    let cursor = prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>()));
    (size, prop::collection::vec(row, 12), cursor).prop_map(|((width, height), rows, cursor)| {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        for (y, row) in (0..height).zip(rows) {
            let mut x = 0;
            for (symbols, style) in row {
                let room = usize::from(width - x);
                x = buffer.set_stringn(x, y, symbols.concat(), room, style).0;
            }
        }
        let place = |(x, y): (prop::sample::Index, prop::sample::Index)| Position {
            x: u16::try_from(x.index(width.into())).unwrap(),
            y: u16::try_from(y.index(height.into())).unwrap(),
        };
        Frame { buffer, cursor: cursor.map(place), dialog: None }
    })
}

fn colour(colour: Color) -> vt100::Color {
    match colour {
        Color::Indexed(index) => vt100::Color::Idx(index),
        _ => vt100::Color::Default,
    }
}

/// What differs between the terminal and the frame, if anything.
fn difference(screen: &vt100::Screen, frame: &Frame) -> Option<String> {
    let area = frame.buffer.area;
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            let ours = &frame.buffer[(x, y)];
            let Some(theirs) = screen.cell(y, x) else { return Some(format!("no cell at {x},{y}")) };
            let shown = if theirs.has_contents() { theirs.contents() } else { " " };
            let modifiers = [
                (theirs.bold(), Modifier::BOLD),
                (theirs.dim(), Modifier::DIM),
                (theirs.italic(), Modifier::ITALIC),
                (theirs.underline(), Modifier::UNDERLINED),
                (theirs.inverse(), Modifier::REVERSED),
            ];
            // Of a blank only its background is seen, unless it is underlined or reversed.
            let unseen = shown == " " && !ours.modifier.intersects(Modifier::UNDERLINED | Modifier::REVERSED);
            let seen = |m: &Modifier| !unseen || matches!(*m, Modifier::UNDERLINED | Modifier::REVERSED);
            let same = shown == ours.symbol()
                && (unseen || theirs.fgcolor() == colour(ours.fg))
                && theirs.bgcolor() == colour(ours.bg)
                && modifiers.iter().all(|(theirs, m)| !seen(m) || *theirs == ours.modifier.contains(*m));
            if !same {
                return Some(format!("at {x},{y}: wanted {ours:?}, shown {shown:?} {theirs:?}"));
            }
            x += if theirs.is_wide() { 2 } else { 1 };
        }
    }
    let cursor = frame.cursor.map(|c| (c.y, c.x));
    let shown = (!screen.hide_cursor()).then(|| screen.cursor_position());
    (cursor != shown).then(|| format!("cursor: wanted {cursor:?}, shown {shown:?}"))
}

fn cells(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("not empty")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn the_terminal_shows_the_last_frame(frames in prop::collection::vec(frame(), 1..8), forget in 0..8_usize) {
        let mut encoder = Encoder::default();
        let mut terminal = vt100::Parser::new(cells(1), cells(1), 0);
        for (index, frame) in frames.into_iter().enumerate() {
            let area = frame.buffer.area;
            terminal.screen_mut().set_size(cells(area.height), cells(area.width));
            if index == forget {
                encoder.forget();
            }
            let bytes = encoder.encode(frame.clone());
            crate::hostile::assert_only_ours(&bytes, "a frame");
            if bytes.len() > AT_ONCE {
                let updates = |end: &[u8]| bytes.windows(end.len()).filter(|w| *w == end).count();
                prop_assert!(bytes.starts_with(b"\x1b[?2026h") && bytes.ends_with(b"\x1b[?2026l"));
                prop_assert_eq!((updates(b"\x1b[?2026h"), updates(b"\x1b[?2026l")), (1, 1));
            }
            terminal.process(&bytes);
            prop_assert_eq!(difference(terminal.screen(), &frame), None);
            prop_assert_eq!(encoder.encode(frame), b"", "the same again is nothing");
        }
    }
}
