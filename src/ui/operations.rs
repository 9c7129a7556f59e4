//! What was done and how it stands: a line above the hints while something is under way, and a page.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::human;
use super::paint::{Paint, wrap};
use super::theme::Role;
use crate::input::Command;
use crate::model::Health;
use crate::model::action::Progress;
use crate::state::actions::Operation;

pub fn health(operation: &Operation) -> Health {
    match &operation.progress {
        Progress::Acting | Progress::Watching(_) => Health::Progress,
        Progress::Stuck(..) => Health::Warning,
        Progress::Done(_) => Health::Ok,
        Progress::Failed(_) => Health::Critical,
        Progress::Unknown(_) => Health::Unknown,
    }
}

pub fn words(operation: &Operation) -> &str {
    match &operation.progress {
        Progress::Acting => "the request is on its way",
        Progress::Watching(words)
        | Progress::Stuck(words, _)
        | Progress::Done(words)
        | Progress::Failed(words)
        | Progress::Unknown(words) => words,
    }
}

/// 'errors 8.1 % → 2.3 %', while it is not clear what came of it.
fn errors(paint: &Paint<'_>, operation: &Operation) -> Option<String> {
    if let Some(effect) = &operation.effect {
        return Some(effect.clone());
    }
    let here = operation.context == paint.state.scope.context;
    let (before, now) = (operation.errors_before?, paint.state.error_ratio()?);
    // What is old is not said as if it were now.
    let old = match paint.state.feed_health(paint.state.measuring()) {
        Health::Ok => "",
        _ => " (stale)",
    };
    here.then(|| format!("errors {} → {}{old}", human::percent(before), human::percent(now)))
}

/// Takes a line of the body for the newest operation, where there is one to be shown.
pub fn strip(paint: &mut Paint<'_>, body: Rect) -> Rect {
    let state = paint.state;
    let Some(newest) = state.shown_operations().last() else { return body };
    if body.height < 6 {
        return body;
    }
    let at = Rect { y: body.bottom() - 1, height: 1, ..body };
    let health = health(newest);
    let mut spans = vec![
        Span::raw(" "),
        paint.mark_span(health),
        paint.span(format!(" {}  ", newest.title), Role::Title),
        Span::styled(format!("{}  ", words(newest)), paint.health_style(health)),
    ];
    spans.extend(errors(paint, newest).map(|text| paint.span(format!("  {text}"), Role::Text)));
    let count = state.shown_operations().count();
    let key = state.settings.keymap.keys(Command::Operations).into_iter().next().unwrap_or_default();
    let go_on = state.settings.keymap.keys(Command::GoOn).into_iter().next().unwrap_or_default();
    let more = match (newest.next.is_some(), count) {
        (true, _) => format!(" {go_on} to do that, {key} to see "),
        (false, 1) => format!(" {key} to see "),
        (false, count) => format!(" {count} operations, {key} to see "),
    };
    let more = Line::from(paint.span(more, Role::Dim));
    let room = usize::from(at.width).saturating_sub(more.width());
    paint.line(Rect { width: u16::try_from(room).unwrap_or(at.width), ..at }, 0, Line::from(spans));
    paint.right(at, 0, more, 0);
    Rect { height: body.height - 1, ..body }
}

/// All operations of this session, the newest first.
pub fn page(paint: &mut Paint<'_>, area: Rect, scroll: usize) {
    let title = Line::from(paint.span(" operations of this session ", Role::Focus));
    let inner = paint.frame(area, title, Line::default(), true, true);
    let mut lines = Vec::new();
    for operation in paint.state.operations.iter().rev() {
        let health = health(operation);
        lines.push(Line::from(vec![
            Span::raw(" "),
            paint.mark_span(health),
            paint.span(format!(" {}  ", operation.title), Role::Title),
            paint.span(format!("in {} of {}  ", operation.namespace, operation.context), Role::Dim),
            paint.span(human::clock(operation.since), Role::Dim),
        ]));
        let width = usize::from(inner.width).saturating_sub(4);
        let mut say = |text: &str, role: Role, paint: &Paint<'_>| {
            lines.extend(
                wrap(text, width).into_iter().map(|l| Line::from(paint.span(format!("   {l}"), role))),
            );
        };
        say(words(operation), Role::Text, paint);
        if let Some(text) = errors(paint, operation) {
            say(&text, Role::Text, paint);
        }
        say(&format!("undo: {}", operation.undo), Role::Dim, paint);
        lines.push(Line::default());
    }
    if lines.is_empty() {
        paint.text(
            inner,
            0,
            " nothing was done in this session; `midwatch audit show` has what was done before",
            Role::Dim,
        );
    }
    for (y, line) in (0..inner.height).zip(lines.into_iter().skip(scroll)) {
        paint.line(inner, y, line);
    }
}
