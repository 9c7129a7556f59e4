//! What lies over a page: help, the question before quitting, lists to choose from, a line to type.

use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use tui_textarea::TextArea;

use super::human;
use super::paint::{Paint, fit, width};
use super::theme::Role;
use crate::state::Overlay;
use crate::state::place::Place;
use crate::state::view::{Choice, ChoiceKind, TextEntry, TextPurpose};
use crate::state::walk::Asking;

/// Draws the overlay, if there is one; returns where the text cursor stands.
pub fn draw(paint: &mut Paint<'_>, area: Rect) -> Option<Position> {
    match paint.state.view.overlay.as_ref()? {
        Overlay::Help { scroll } => {
            super::help::draw(paint, area, *scroll);
            None
        }
        Overlay::Quit => {
            quit(paint, area);
            None
        }
        Overlay::Stop { operation } => {
            super::output::stop(paint, area, operation);
            None
        }
        Overlay::Choice(choice) => choose(paint, area, choice),
        Overlay::Dialog(dialog) => super::dialog::draw(paint, area, dialog),
        Overlay::Text(entry) => text(paint, area, entry),
        Overlay::ReviewNote(note) => super::review::note(paint, area, note),
        Overlay::ComeBack(place) => {
            come_back(paint, area, place);
            None
        }
        Overlay::SignOff => {
            super::review::sign_off(paint, area);
            None
        }
    }
}

pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// A session was lost: what there is to go on with.
fn come_back(paint: &mut Paint<'_>, area: Rect, place: &Place) {
    let lines = place.words();
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(5);
    let at = centred(area, 72, height);
    paint.clear(at);
    let title = Line::from(paint.span(" go on where you were? ", Role::Focus));
    let inner = paint.frame(at, title, Line::default(), true, false);
    let ago = human::age(paint.state.now.duration_since(place.at));
    let told = format!(" A session ended {ago} ago ({}) without being left.", human::clock(place.at));
    paint.text(inner, 0, &told, Role::Text);
    let rows = inner.height.saturating_sub(3);
    for (y, line) in (1..=rows).zip(&lines) {
        paint.text(inner, y, &format!("   {line}"), Role::Header);
    }
    paint.text(inner, inner.height.saturating_sub(1), " enter goes on, esc begins anew", Role::Dim);
}

fn quit(paint: &mut Paint<'_>, area: Rect) {
    let running = paint.state.running_operations();
    let at = centred(area, 46, if running > 0 { 5 } else { 3 });
    paint.clear(at);
    let inner = paint.frame(
        at,
        Line::from(paint.span(" quit midwatch? ", Role::Focus)),
        Line::default(),
        true,
        false,
    );
    let key =
        paint.state.settings.keymap.keys(crate::input::Command::Quit).into_iter().next().unwrap_or_default();
    paint.text(inner, 0, &format!(" {key} or enter quits, any other key stays"), Role::Dim);
    if running > 0 {
        let what = if running == 1 { "one operation is" } else { "operations are" };
        let commands = paint.state.operations.iter().any(|o| o.ended.is_none() && o.output.is_some());
        let of_ours = if commands { "your commands get TERM," } else { "the cluster goes on," };
        paint.text(inner, 1, &format!(" {what} under way: {of_ours}"), Role::Warning);
        paint.text(inner, 2, " and nobody notes what comes of it", Role::Warning);
    }
}

fn choose(paint: &mut Paint<'_>, area: Rect, choice: &Choice) -> Option<Position> {
    let height = (area.height.saturating_sub(4)).clamp(5, 20);
    let at = centred(area, area.width.saturating_sub(4).min(84), height);
    paint.clear(at);
    let title = match choice.kind {
        ChoiceKind::Palette => " search everything ",
        ChoiceKind::Context => " switch context ",
        ChoiceKind::Namespace => " switch namespace ",
        ChoiceKind::Service => " switch service ",
        ChoiceKind::Actions => " actions ",
        ChoiceKind::Undo => " undo: which? ",
        ChoiceKind::Runbook => " walk through which runbook? ",
        ChoiceKind::Copy => " copy or share ",
        ChoiceKind::Subject(action) => &format!(" {}: which? ", action.title().to_lowercase()),
    };
    let count = format!(" {} of {} ", choice.matches.len(), choice.entries.len());
    let right = Line::from(paint.span(count, Role::Dim));
    let inner = paint.frame(at, Line::from(paint.span(title.to_owned(), Role::Focus)), right, true, false);
    let cursor = field(paint, Rect { height: 1, ..inner }, "> ", &choice.query);
    let rows = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    match &choice.loaded {
        None => paint.text(rows, 0, "  asking", Role::Dim),
        Some(Err(failure)) => {
            let [mark, words] = paint.failure(failure, false);
            paint.line(rows, 0, Line::from(vec![Span::raw("  "), mark, words]));
            paint.text(rows, 1, &format!("  {}", failure.next), Role::Dim);
        }
        Some(Ok(())) if choice.matches.is_empty() => paint.text(rows, 0, "  nothing matches", Role::Dim),
        Some(Ok(())) => entries(paint, rows, choice),
    }
    cursor
}

fn entries(paint: &mut Paint<'_>, rows: Rect, choice: &Choice) {
    let height = usize::from(rows.height);
    let first = crate::panels::scrolled(choice.selected, height, choice.matches.len());
    for (y, (index, entry)) in (0..rows.height).zip(choice.matches.iter().enumerate().skip(first)) {
        let Some(entry) = choice.entries.get(*entry) else { continue };
        let hint = width(&entry.hint).min(usize::from(rows.width) / 2);
        let label = usize::from(rows.width).saturating_sub(hint + 3);
        let line = Line::from(vec![
            paint.span(format!(" {} ", fit(&entry.label, label)), Role::Text),
            paint.span(fit(&entry.hint, hint), Role::Dim),
        ]);
        paint.line(rows, y, line);
        if index == choice.selected {
            paint.fill(Rect { y: rows.y + y, height: 1, ..rows }, Role::Selection);
        }
    }
}

fn text(paint: &mut Paint<'_>, area: Rect, entry: &TextEntry) -> Option<Position> {
    let at = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
    paint.clear(at);
    let prompt = match entry.purpose {
        TextPurpose::Filter => " filter ",
        TextPurpose::Search => " search ",
        TextPurpose::Walk => &walk_prompt(paint),
    };
    if let Some(error) = &entry.error {
        let above = Rect { y: at.y.saturating_sub(1), ..at };
        paint.clear(above);
        paint.text(above, 0, &format!(" {error}"), Role::Warning);
    }
    field(paint, at, prompt, &entry.field)
}

/// What is asked for in a walk, and what is offered.
fn walk_prompt(paint: &Paint<'_>) -> String {
    match paint.state.open_walk().and_then(|view| view.asking.as_ref()) {
        Some(Asking::Attest(_)) => " done, as you say; a note (may be empty): ".to_owned(),
        Some(Asking::Skip(_)) => " skip, because: ".to_owned(),
        Some(Asking::Note(_)) => " note (alt-enter: next line): ".to_owned(),
        Some(Asking::Parameter { name, offers, .. }) => {
            let more = if offers.len() > 1 { " (tab: next offer)" } else { "" };
            format!(" {}{more}: ", crate::model::Clean::new(name))
        }
        Some(Asking::Search) | None => " search ".to_owned(),
    }
}

/// A one-line field, scrolled so that the cursor is in it.
pub fn field(paint: &mut Paint<'_>, area: Rect, prompt: &str, field: &TextArea<'_>) -> Option<Position> {
    let cursor = field.cursor();
    let (row, column) = (cursor.0, cursor.1);
    let text = field.lines().get(row).map(String::as_str).unwrap_or_default();
    let before: String = text.chars().take(column).collect();
    let room = usize::from(area.width).saturating_sub(width(prompt) + 1);
    let skipped = width(&before).saturating_sub(room);
    let shown: String = text.chars().skip(skipped).collect();
    let line = Line::from(vec![
        paint.span(prompt.to_owned(), Role::Key),
        Span::styled(shown, paint.style(Role::Text)),
    ]);
    paint.line(area, 0, line);
    let x = width(prompt) + width(&before) - skipped;
    let x = area.x + u16::try_from(x).unwrap_or(0).min(area.width.saturating_sub(1));
    (area.height > 0).then_some(Position { x, y: area.y })
}
