//! The dialog of an action: where, what would change, what it touches, what was checked, and two
//! buttons of which Cancel has the focus.

use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::overlay::{centred, field};
use super::paint::{Paint, wrap};
use super::theme::Role;
use crate::model::Health;
use crate::model::action::{Check, Difference, Preview, Question, Verdict};
use crate::state::Overlay;
use crate::state::State;
use crate::state::actions::{Dialog, Focus, Shown, Stage};

/// Wide enough for the sketch, narrow enough for 80 columns.
const WIDTH: u16 = 88;
/// Columns of the names before the values.
const NAMES: usize = 11;

/// The number of the dialog whose plan waits to be read.
pub fn unread(state: &State) -> Option<u64> {
    match &state.view.overlay {
        Some(Overlay::Dialog(dialog)) => match &dialog.stage {
            Stage::Shown(shown) if !shown.armed => Some(dialog.id),
            _ => None,
        },
        _ => None,
    }
}

pub fn draw(paint: &mut Paint<'_>, area: Rect, dialog: &Dialog) -> Option<Position> {
    let width = area.width.saturating_sub(2).min(WIDTH);
    let inside = usize::from(width).saturating_sub(4);
    let (lines, below) = match &dialog.stage {
        Stage::Planning => {
            (vec![text(paint, "looking at what is there, and asking whether it may be done", Role::Dim)], 0)
        }
        Stage::Confirming(_) => {
            (vec![text(paint, "looking once more, recording, and doing it", Role::Dim)], 0)
        }
        Stage::Failed(failure) => {
            let health = failure.health(false);
            let happened = format!("{} {}", paint.mark(health), failure.happened);
            let said = [
                (failure.tried.as_str(), paint.style(Role::Text)),
                (&happened, paint.health_style(health)),
                (&failure.next, paint.style(Role::Dim)),
            ];
            let line = |words: String, style| Line::from(Span::styled(format!(" {words}"), style));
            let lines = said.into_iter().flat_map(|(words, style)| {
                wrap(words, inside).into_iter().map(move |words| line(words, style))
            });
            (lines.collect(), 1)
        }
        Stage::Asking { question, chosen, .. } => (asked(paint, question, *chosen, inside), 2),
        Stage::Shown(shown) => (plan(paint, dialog, shown, inside), rows_below(shown)),
    };
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(below + 2);
    let at = centred(area, width, height.min(area.height));
    paint.clear(at);
    let title = format!(" {} {} ", dialog.request.action.title(), dialog.request.subject.words());
    let inner = paint.frame(at, Line::from(paint.span(title, Role::Focus)), Line::default(), true, false);
    let upper = inner.height.saturating_sub(below);
    let hidden = lines.len().saturating_sub(usize::from(upper));
    let first = match &dialog.stage {
        Stage::Shown(shown) => shown.scroll.min(hidden),
        _ => 0,
    };
    for (y, line) in (0..upper).zip(lines.into_iter().skip(first)) {
        paint.line(inner, y, line);
    }
    // What is not seen is told where the eye ends.
    if hidden > first && upper > 0 {
        let more = format!(" {} more lines: page down ", hidden - first + 1);
        paint.clear(Rect { y: inner.y + upper - 1, height: 1, ..inner });
        paint.text(inner, upper - 1, &more, Role::Warning);
    }
    let lower = Rect { y: inner.y + upper, height: inner.height - upper, ..inner };
    match &dialog.stage {
        Stage::Asking { question: Question::Number { label, .. }, field: number, .. } => {
            paint.text(lower, 1, " enter goes on, up and down change it, esc leaves", Role::Dim);
            field(paint, Rect { height: 1, ..lower }, &format!(" {label}  "), number)
        }
        Stage::Asking { question: Question::Text { label, .. }, field: line, .. } => {
            paint.text(lower, 1, " enter goes on, esc leaves", Role::Dim);
            field(paint, Rect { height: 1, ..lower }, &format!(" {label}  "), line)
        }
        Stage::Asking { .. } => {
            paint.text(lower, 1, " enter takes it, up and down choose, esc leaves", Role::Dim);
            None
        }
        Stage::Failed(_) => {
            paint.text(lower, 0, " enter or esc closes", Role::Dim);
            None
        }
        Stage::Shown(shown) => fields(paint, lower, dialog, shown),
        Stage::Planning | Stage::Confirming(_) => None,
    }
}

fn text(paint: &Paint<'_>, words: &str, role: Role) -> Line<'static> {
    Line::from(paint.span(format!(" {words}"), role))
}

/// 'touches   20 pods, at most 5 at once', over as many lines as it takes.
fn named(paint: &Paint<'_>, name: &str, words: &str, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (i, part) in wrap(words, width.saturating_sub(NAMES)).into_iter().enumerate() {
        let name = if i == 0 { name } else { "" };
        lines.push(Line::from(vec![
            paint.span(format!(" {name:<w$}", w = NAMES - 1), Role::Dim),
            paint.span(part, Role::Text),
        ]));
    }
    lines
}

fn difference(paint: &Paint<'_>, lines: &[Difference]) -> Vec<Line<'static>> {
    let line = |sign: &str, words: &str, role: Role| {
        Line::from(vec![
            paint.span(format!("   {:<w$}", "", w = NAMES - 3), Role::Dim),
            paint.span(format!("{sign} {words}"), role),
        ])
    };
    lines
        .iter()
        .map(|d| match d {
            Difference::Same(words) => line(" ", words, Role::Text),
            Difference::Removed(words) => line("-", words, Role::Critical),
            Difference::Added(words) => line("+", words, Role::Ok),
        })
        .collect()
}

fn asked(paint: &Paint<'_>, question: &Question, chosen: usize, width: usize) -> Vec<Line<'static>> {
    match question {
        Question::Number { now, hint, problem, .. } => {
            let mut lines = named(paint, "now", &now.to_string(), width);
            lines.extend(notes(paint, hint, problem.as_deref(), width));
            lines
        }
        Question::Text { hint, problem, .. } => notes(paint, hint, problem.as_deref(), width),
        Question::Pick { label, options, .. } => {
            let mut lines = vec![text(paint, label, Role::Dim)];
            let first = crate::panels::scrolled(chosen, 8, options.len());
            for (i, option) in options.iter().enumerate().skip(first).take(8) {
                let style = if i == chosen { paint.style(Role::Selection) } else { paint.style(Role::Text) };
                lines.push(Line::from(Span::styled(
                    format!("  {:<w$}", option.label.as_str(), w = width.saturating_sub(2)),
                    style,
                )));
            }
            lines.push(Line::default());
            if let Some(option) = options.get(chosen) {
                lines.extend(difference(paint, &option.difference));
            }
            lines
        }
    }
}

/// What helps to answer, and what was wrong with the answer before.
fn notes(paint: &Paint<'_>, hint: &str, problem: Option<&str>, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if !hint.is_empty() {
        lines.extend(named(paint, "note", hint, width));
    }
    for line in problem.into_iter().flat_map(|p| wrap(p, width)) {
        lines.push(text(paint, &line, Role::Warning));
    }
    lines
}

fn plan(paint: &Paint<'_>, dialog: &Dialog, shown: &Shown, width: usize) -> Vec<Line<'static>> {
    let preview = &shown.preview;
    let mut lines = Vec::new();
    if let Some(moved) = &dialog.moved {
        let words = format!("nothing was done: {moved}. This is the plan as it would be now:");
        lines.extend(wrap(&words, width).into_iter().map(|l| text(paint, &l, Role::Warning)));
    }
    if let Some(blocked) = preview.blocked() {
        lines.extend(check(paint, blocked, width));
        lines.push(Line::default());
    }
    lines.extend(named(paint, "on", &place(preview), width));
    let from = |map: &std::collections::BTreeMap<String, String>, name: &str| {
        map.get(name).cloned().unwrap_or_default()
    };
    for name in preview.before.keys() {
        let (before, after) = (from(&preview.before, name), from(&preview.after, name));
        lines.extend(named(paint, "change", &format!("{name} {before} → {after}"), width));
    }
    lines.extend(difference(paint, &preview.change));
    lines.extend(named(paint, "touches", &preview.touches, width));
    if !preview.lasts.is_empty() {
        lines.extend(named(paint, "lasts", &preview.lasts, width));
    }
    lines.extend(paint.state.serving(&preview.subject).iter().flat_map(|s| named(paint, "serves", s, width)));
    lines.extend(named(paint, "undo", &preview.undo, width));
    lines.push(Line::default());
    let first = preview.blocked();
    for entry in preview.checks.iter().filter(|c| Some(*c) != first) {
        lines.extend(check(paint, entry, width));
    }
    lines
}

/// 'prod-eu-1 (protected)   namespace shop   uid …c41f'.
fn place(preview: &Preview) -> String {
    let protected = if preview.protected { " (protected)" } else { "" };
    let cluster = if preview.cluster == preview.context {
        preview.cluster.to_string()
    } else {
        format!("{}, context {}", preview.cluster, preview.context)
    };
    let uid: String =
        preview.subject.uid.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
    let namespace = &preview.subject.namespace;
    let namespace = if namespace.is_empty() { String::new() } else { format!("   namespace {namespace}") };
    let uid = if uid.is_empty() { uid } else { format!("   uid …{uid}") };
    format!("{cluster}{protected}{namespace}{uid}")
}

fn check(paint: &Paint<'_>, check: &Check, width: usize) -> Vec<Line<'static>> {
    let health = match check.verdict {
        Verdict::Ok => Health::Ok,
        Verdict::Warning => Health::Warning,
        Verdict::Blocks => Health::Critical,
    };
    let mut lines = Vec::new();
    for (i, part) in wrap(&check.words, width.saturating_sub(NAMES + 5)).into_iter().enumerate() {
        let (mark, about) = if i == 0 { (paint.mark(health), check.about.as_str()) } else { (" ", "") };
        lines.push(Line::from(vec![
            Span::raw(" "),
            Span::styled(mark.to_owned(), paint.health_style(health)),
            paint.span(format!(" {about:<w$} ", w = NAMES + 1), Role::Text),
            Span::styled(
                part,
                if health > Health::Ok { paint.health_style(health) } else { paint.style(Role::Text) },
            ),
        ]));
    }
    lines
}

/// An empty line, the reason, the name where one is needed, and the buttons.
fn rows_below(shown: &Shown) -> u16 {
    3 + u16::from(shown.preview.type_name.is_some())
}

fn fields(paint: &mut Paint<'_>, area: Rect, dialog: &Dialog, shown: &Shown) -> Option<Position> {
    let row = |y: u16| Rect { y: area.y + y.min(area.height.saturating_sub(1)), height: 1, ..area };
    let required = if shown.preview.reason_required { "(must be given) " } else { "" };
    let reason = field(paint, row(1), &format!(" reason    {required}"), &shown.reason);
    let name = shown
        .preview
        .type_name
        .as_ref()
        .map(|name| field(paint, row(2), &format!(" type {name}  "), &shown.name));
    buttons(paint, row(rows_below(shown) - 1), dialog, shown);
    match shown.focus {
        Focus::Reason => reason,
        Focus::Name => name.flatten(),
        Focus::Cancel | Focus::Act => None,
    }
}

fn buttons(paint: &mut Paint<'_>, area: Rect, dialog: &Dialog, shown: &Shown) {
    let ready = shown.missing().is_none();
    let button = |label: &str, focused: bool, usable: bool| {
        let style = paint.style(if usable { Role::Text } else { Role::Dim });
        let style = if focused { style.add_modifier(Modifier::REVERSED) } else { style };
        Span::styled(format!("[ {label} ]"), style)
    };
    let left = shown.left(paint.state.now).as_secs();
    let title = match shown.preview.approval_missing {
        true => "Ask for approval",
        false => dialog.request.action.title(),
    };
    let line = Line::from(vec![
        button("Cancel", shown.focus == Focus::Cancel, true),
        Span::raw("   "),
        button(title, shown.focus == Focus::Act, ready),
        paint.span(format!("   {left} s left "), Role::Dim),
    ]);
    let hint = match (&dialog.hint, shown.preview.blocked()) {
        (Some(hint), _) => hint.clone(),
        (None, Some(_)) => "it can't be done".to_owned(),
        (None, None) if !shown.armed => "read it first".to_owned(),
        (None, None) => shown.missing().unwrap_or_else(|| "tab moves, enter presses".to_owned()),
    };
    let room = usize::from(area.width).saturating_sub(line.width() + 2);
    let role = if dialog.hint.is_some() { Role::Warning } else { Role::Dim };
    let hint = super::paint::fit(&format!(" {hint}"), room);
    paint.line(area, 0, Line::from(paint.span(hint, role)));
    paint.right(area, 0, line, 0);
}
