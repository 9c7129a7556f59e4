//! The walk through a runbook: left the outline with each step's state, right the step, and beside it
//! the panels where a check's signal can be seen while the step is done.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::human;
use super::paint::{Paint, fit, width};
use super::theme::Role;
use crate::input::Command;
use crate::model::action::Difference;
use crate::model::{Health, Outcome};
use crate::panels::{ERRORS, LATENCY, PODS};
use crate::runbook::document::{Step, StepKind};
use crate::runbook::walk::Status;
use crate::state::walk::{WalkView, Walking};

/// A narrower outline has no room for the words of the states. Columns.
const NARROW: usize = 34;

mod step;

use step::Lines;

/// From here on the outline stands beside the step.
const SIDE_BY_SIDE: u16 = 64;
/// From here on there is a third column for panels.
const THREE_COLUMNS: u16 = 130;
pub fn page(paint: &mut Paint<'_>, area: Rect) {
    match &paint.state.walk {
        None => paint.text(area, 0, " no runbook is open: c lists them", Role::Dim),
        Some(Walking::Opening(name)) => {
            paint.text(area, 0, &format!(" opening {name}, and waiting for the cluster"), Role::Dim);
        }
        Some(Walking::Failed(failure)) => {
            let lines = [&failure.tried, &failure.happened, &failure.next];
            for (y, (text, role)) in (0..).zip(lines.into_iter().zip([Role::Critical, Role::Text, Role::Dim]))
            {
                paint.text(area, y, &format!(" {text}"), role);
            }
        }
        Some(Walking::Open(view)) => open(paint, area, view),
    }
}

fn open(paint: &mut Paint<'_>, area: Rect, view: &WalkView) {
    let changed = changes(paint, area, view);
    let area = Rect { y: area.y + changed, height: area.height - changed, ..area };
    let (outline_at, mut step_at) = if area.width >= SIDE_BY_SIDE {
        let left = (area.width * 2 / 5).clamp(26, 46);
        (Rect { width: left, ..area }, Rect { x: area.x + left, width: area.width - left, ..area })
    } else {
        let top = (area.height / 3).clamp(3, 9);
        (
            Rect { height: top.min(area.height), ..area },
            Rect { y: area.y + top.min(area.height), height: area.height.saturating_sub(top), ..area },
        )
    };
    if view.beside {
        step_at = beside(paint, step_at, area.width);
    }
    outline(paint, outline_at, view);
    step(paint, step_at, view);
}

/// Panels beside the step, or below it; what is left is the step's.
fn beside(paint: &mut Paint<'_>, area: Rect, whole: u16) -> Rect {
    let (left, panels) = if whole >= THREE_COLUMNS {
        let wide = area.width * 9 / 20;
        let right = Rect { x: area.right() - wide, width: wide, ..area };
        (Rect { width: area.width - wide, ..area }, right)
    } else {
        let high = area.height / 2;
        let below = Rect { y: area.bottom() - high, height: high, ..area };
        (Rect { height: area.height - high, ..area }, below)
    };
    let each = (panels.height / 3).max(3);
    for (i, panel) in (0u16..).zip([ERRORS, LATENCY, PODS]) {
        let y = panels.y + i * each;
        let height = if i == 2 {
            panels.bottom().saturating_sub(y)
        } else {
            each.min(panels.bottom().saturating_sub(y))
        };
        super::cockpit::panel(paint, panel, Rect { y, height, ..panels }, true);
    }
    left
}

/// What is other in the document since it was walked; how many lines that takes.
fn changes(paint: &mut Paint<'_>, area: Rect, view: &WalkView) -> u16 {
    if view.changed.is_empty() {
        return 0;
    }
    paint.text(area, 0, " the runbook has changed since; what was done of it is kept:", Role::Warning);
    let room = area.height / 3;
    let mut used = 1;
    for line in view.changed.iter().take(usize::from(room)) {
        let (sign, text, role) = match line {
            Difference::Same(text) => (' ', text, Role::Dim),
            Difference::Removed(text) => ('-', text, Role::Critical),
            Difference::Added(text) => ('+', text, Role::Ok),
        };
        paint.text(area, used, &format!("   {sign} {text}"), role);
        used += 1;
    }
    used
}

/// The mark of a step: what was measured and what was said never look alike.
fn mark(paint: &Paint<'_>, status: &Status) -> Span<'static> {
    let ascii = paint.ascii();
    match status {
        Status::ToDo => Span::raw(" "),
        Status::Running(_) => paint.mark_span(Health::Progress),
        Status::Verified(_) => paint.mark_span(Health::Ok),
        Status::Attested(_) => paint.span(if ascii { "v" } else { "✓" }, Role::Text),
        Status::Skipped(_) => paint.span(if ascii { "-" } else { "–" }, Role::Dim),
        Status::Failed(_) => paint.mark_span(Health::Critical),
        Status::Unknown(_) => paint.mark_span(Health::Unknown),
    }
}

fn outline(paint: &mut Paint<'_>, area: Rect, view: &WalkView) {
    let (settled, of) = view.walk.settled();
    let title = Line::from(vec![paint.span(format!(" {} ", view.document.title), Role::Title)]);
    let done =
        if view.walk.finished.is_some() { " finished ".to_owned() } else { format!(" {settled} of {of} ") };
    let right = Line::from(paint.span(done, Role::Dim));
    let inner = paint.frame(area, title, right, false, false);
    let columns = usize::from(inner.width);
    let mut rows: Vec<(Option<usize>, Line<'static>)> = Vec::new();
    let mut section = None;
    for (i, step) in view.steps().enumerate() {
        if section != Some(step.section) {
            section = Some(step.section);
            let title =
                view.document.sections.get(step.section).map(|s| s.title.to_string()).unwrap_or_default();
            if !title.is_empty() {
                rows.push((None, Line::from(paint.span(fit(&title, columns), Role::Header))));
            }
        }
        rows.push((Some(i), outline_row(paint, view, step, columns)));
    }
    let selected = rows.iter().position(|(i, _)| *i == Some(view.at)).unwrap_or(0);
    let first = crate::panels::scrolled(selected, usize::from(inner.height), rows.len());
    for (y, (i, line)) in (0..inner.height).zip(rows.into_iter().skip(first)) {
        paint.line(inner, y, line);
        if i == Some(view.at) {
            paint.fill(Rect { y: inner.y + y, height: 1, ..inner }, Role::Selection);
        }
    }
}

fn outline_row(paint: &Paint<'_>, view: &WalkView, step: &Step, columns: usize) -> Line<'static> {
    let status = &view.walk.status(&step.id);
    let now = view.broken(step).map(|v| v.outcome);
    // What can't be seen for a moment may well hold.
    let unseen = now == Some(Outcome::CouldNotCheck);
    let broken = now.is_some() && !unseen;
    let word = match (broken, status) {
        (true, _) => "holds no more",
        _ if unseen => "not seen now",
        (false, Status::ToDo) => "",
        // In a narrow outline the marks say it alone: each state has its own.
        (false, _) if columns < NARROW => "",
        (false, status) => status.word(),
    };
    let mark = match now {
        Some(outcome) if unseen => paint.mark_span(outcome.health()),
        Some(_) => paint.mark_span(Health::Warning),
        None => mark(paint, status),
    };
    let number = step.number.map(|n| format!("{n} ")).unwrap_or_default();
    let sign = match (step.kind, paint.ascii()) {
        (StepKind::Command, _) => "$ ",
        (StepKind::Check, true) => "? ",
        (StepKind::Check, false) => "≟ ",
        _ => "",
    };
    let indent = " ".repeat(usize::from(step.depth.min(4)));
    let text = format!("{indent}{sign}{number}{}", view.title(step));
    let room = columns.saturating_sub(width(word) + 3);
    let role = if status.is_settled() && !broken { Role::Dim } else { Role::Text };
    Line::from(vec![
        mark,
        Span::raw(" "),
        paint.span(fit(&text, room), role),
        Span::raw(" "),
        paint.span(word.to_owned(), if broken { Role::Warning } else { Role::Dim }),
    ])
}

fn step(paint: &mut Paint<'_>, area: Rect, view: &WalkView) {
    let Some(step) = view.step() else { return };
    let status = &view.walk.status(&step.id);
    let (n, of) = (view.at + 1, view.shown.len());
    let title = Line::from(vec![
        paint.span(format!(" step {n} of {of} "), Role::Focus),
        mark(paint, status),
        paint.span(format!(" {} ", status.word()), Role::Text),
    ]);
    let who = view.walk.started.as_ref().map(|(at, who)| format!(" {who}, since {} ", human::hm(*at)));
    let right = Line::from(paint.span(who.unwrap_or_default(), Role::Dim));
    let inner = paint.frame(area, title, right, true, false);
    let mut lines = Lines { paint, width: usize::from(inner.width).max(10), lines: Vec::new() };
    lines.step(view, step);
    let lines = lines.lines;
    let first = view.scroll.min(lines.len().saturating_sub(usize::from(inner.height)));
    let more = lines.len().saturating_sub(first + usize::from(inner.height));
    for (y, line) in (0..inner.height).zip(lines.into_iter().skip(first)) {
        paint.line(inner, y, line);
    }
    if more > 0 && inner.height > 1 {
        let at = Rect { y: inner.bottom() - 1, height: 1, ..inner };
        paint.clear(at);
        let keys =
            paint.state.settings.keymap.keys(Command::ScrollDown).into_iter().next().unwrap_or_default();
        paint.text(at, 0, &format!("{more} more lines: {keys}"), Role::Key);
    }
}
