//! The page of a command's output, and the question before it is stopped.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::overlay::centred;
use super::paint::{Paint, wrap};
use super::theme::Role;
use crate::input::Command;
use crate::model::command::Stream;
use crate::state::actions::Operation;

pub fn page(paint: &mut Paint<'_>, area: Rect, id: &str, scroll: usize) {
    let state = paint.state;
    let Some(operation) = state.operations.iter().find(|o| o.id == id) else { return };
    let title = title(paint, operation, scroll);
    let inner = paint.frame(area, title, Line::default(), true, true);
    let Some(output) = operation.output.as_ref().filter(|o| !o.lines.is_empty()) else {
        let words =
            if operation.ended.is_some() { " it has written nothing" } else { " nothing was written yet" };
        paint.text(inner, 0, words, Role::Dim);
        return;
    };
    // From the end up, as far as there is room: a flood is not laid out whole.
    let (width, height) = (usize::from(inner.width).max(1), usize::from(inner.height));
    let mut rows: Vec<(String, Role)> = Vec::new();
    for line in output.lines.iter().rev().skip(scroll) {
        let role = match line.from {
            Stream::Out => Role::Text,
            Stream::Err => Role::Warning,
            Stream::Note => Role::Dim,
        };
        rows.extend(wrap(&line.text, width).into_iter().rev().map(|row| (row, role)));
        if rows.len() >= height {
            break;
        }
    }
    rows.truncate(height);
    for (y, (row, role)) in (0..inner.height).zip(rows.into_iter().rev()) {
        paint.text(inner, y, &row, role);
    }
}

/// 'run command/smoke ✓ exit code 0 after 0:12 …, 34 lines'.
fn title(paint: &Paint<'_>, operation: &Operation, scroll: usize) -> Line<'static> {
    let health = super::operations::health(operation);
    let (lines, dropped) = operation.output.as_ref().map_or((0, 0), |o| (o.lines.len(), o.dropped));
    let dropped = if dropped > 0 { format!(", {dropped} older ones let go") } else { String::new() };
    let scrolled = if scroll > 0 { format!(", {scroll} from the end") } else { String::new() };
    Line::from(vec![
        paint.span(format!(" {} ", operation.title), Role::Focus),
        paint.mark_span(health),
        paint.span(
            format!(" {lines} {}{dropped}{scrolled}  ", if lines == 1 { "line" } else { "lines" }),
            Role::Dim,
        ),
        paint.span(format!("{} ", super::operations::words(operation)), Role::Dim),
    ])
}

pub fn stop(paint: &mut Paint<'_>, area: Rect, id: &str) {
    let title =
        paint.state.operations.iter().find(|o| o.id == id).map(|o| o.title.clone()).unwrap_or_default();
    let at = centred(area, 64, 4);
    paint.clear(at);
    let heading = Line::from(paint.span(format!(" stop {title}? "), Role::Focus));
    let inner = paint.frame(at, heading, Line::default(), true, false);
    let key = paint.state.settings.keymap.keys(Command::Stop).into_iter().next().unwrap_or_default();
    paint.text(inner, 0, " what it has done until now stays", Role::Warning);
    paint.text(inner, 1, &format!(" {key} or enter stops it, any other key lets it run"), Role::Dim);
}
