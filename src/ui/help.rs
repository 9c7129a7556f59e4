//! The keys that work here, from the live keymap.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::paint::{Paint, fit};
use super::theme::Role;
use crate::input::command::COMMANDS;
use crate::input::{Keymap, Layer};
use crate::state::State;

/// Lines of the help: layers topmost first, each command with its keys.
pub fn lines(keymap: &Keymap, layers: &[Layer]) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for layer in layers {
        let of_layer: Vec<_> = COMMANDS
            .iter()
            .filter(|(command, ..)| keymap.all().any(|(l, _, c)| l == *layer && c == *command))
            .collect();
        if of_layer.is_empty() {
            continue;
        }
        let title = match layer {
            Layer::Global => "everywhere",
            Layer::List => "rows",
            Layer::Chart => "charts",
            Layer::Pod => "this pod",
            Layer::Review => "Review",
            Layer::Log => "this log",
            Layer::Walk => "this walk",
            Layer::Choice => "choosing",
            Layer::Text => "typing",
        };
        lines.push((String::new(), title.to_owned()));
        let mut acts = false;
        for (command, _, _, doc) in of_layer {
            if matches!(command, crate::input::Command::Act(_)) && !std::mem::replace(&mut acts, true) {
                lines.push((String::new(), "actions".to_owned()));
            }
            let keys: Vec<String> = keymap
                .all()
                .filter(|(l, _, c)| l == layer && c == command)
                .map(|(_, chords, _)| crate::input::keymap::write_sequence(chords))
                .collect();
            lines.push((keys.join(", "), (*doc).to_owned()));
        }
    }
    lines
}

pub fn draw(paint: &mut Paint<'_>, area: Rect, scroll: usize) {
    let state: &State = paint.state;
    let lines = lines(&state.settings.keymap, &state.layers());
    let width = area.width.min(76);
    let height = area.height.saturating_sub(2).min(u16::try_from(lines.len() + 2).unwrap_or(u16::MAX));
    let at = super::overlay::centred(area, width, height);
    paint.clear(at);
    let title = Line::from(paint.span(" keys that work here ", Role::Focus));
    let more = if usize::from(height.saturating_sub(2)) < lines.len() { " up, down scroll " } else { "" };
    let right = Line::from(paint.span(more, Role::Dim));
    let inner = paint.frame(at, title, right, true, false);
    let first = scroll.min(lines.len().saturating_sub(usize::from(inner.height)));
    for (y, (keys, doc)) in (0..inner.height).zip(lines.iter().skip(first)) {
        if keys.is_empty() {
            paint.text(inner, y, &format!(" {doc}"), Role::Title);
        } else {
            let line = Line::from(vec![
                paint.span(format!("  {} ", fit(keys, 24)), Role::Key),
                paint.span(doc.clone(), Role::Text),
            ]);
            paint.line(inner, y, line);
        }
    }
}
