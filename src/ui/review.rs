//! The review on the screen: the lines in their two groups with what is behind the selected one, and
//! the walk, one line at a time. A pure function of what is held.

use jiff::Timestamp;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line as Row, Span};

use super::chart::Chart;
use super::overlay::centred;
use super::paint::{Paint, fit, width, wrap};
use super::theme::Role;
use crate::input::Command;
use crate::model::{Health, Outcome};
use crate::panels::scrolled;
use crate::review::{Kind, Line, Opens, Review, title_of};
use crate::state::State;
use crate::state::review::{ReviewNote, ReviewState, Signing};

/// The titles' column: the longest is 'connection pool'.
const TITLE: usize = 16;
/// Rows of the pane below the list, where there is room for one; a chart needs the larger.
const PANE: (u16, u16) = (6, 14);
/// Below it the list needs every row.
const ROOM_FOR_PANE: u16 = 20;

pub fn page(paint: &mut Paint<'_>, area: Rect) {
    let state = paint.state;
    let Some(held) = &state.review else {
        let title = Row::from(paint.span(" morning review ", Role::Focus));
        let inner = paint.frame(area, title, Row::default(), true, true);
        paint.text(
            inner,
            0,
            "waiting for every feed to answer once; then its questions are asked",
            Role::Dim,
        );
        return;
    };
    let Some(review) = &held.review else { return under_way(paint, area, held) };
    let title = Row::from(paint.span(format!(" {} ", held.kind.title()), Role::Focus));
    let (health, tally) = tally(held, review);
    let right = Row::from(vec![
        Span::raw(" "),
        paint.mark_span(health),
        Span::styled(format!(" {tally} "), paint.health_style(health)),
    ]);
    let inner = paint.frame(area, title, right, true, true);
    if held.walking {
        walk(paint, inner, held, review);
        return;
    }
    let pane = match (inner.height >= ROOM_FOR_PANE, inner.height >= 30) {
        (false, _) => 0,
        (true, false) => PANE.0,
        (true, true) => PANE.1,
    };
    let list = Rect { height: inner.height - pane, ..inner };
    rows(paint, list, held, review);
    if let (Some(line), true) = (held.line(), pane > 0) {
        let below = Rect { y: list.bottom(), height: pane, ..inner };
        let title = Row::from(paint.span(format!(" {} ", line.title), Role::Title));
        let inside = paint.frame(below, title, Row::default(), false, true);
        behind(paint, inside, held, line);
    }
}

fn tally(held: &ReviewState, review: &Review) -> (Health, String) {
    let worst = review.lines.iter().map(Line::outcome).max().unwrap_or(Outcome::CouldNotCheck);
    let signed = match &held.signing {
        Signing::Not => "",
        Signing::Writing => ", being signed off",
        Signing::Done { .. } => ", signed off",
    };
    (worst.health(), format!("{}{signed}", review.tally()))
}

fn under_way(paint: &mut Paint<'_>, area: Rect, held: &ReviewState) {
    let title = Row::from(paint.span(format!(" {} ", held.kind.title()), Role::Focus));
    let inner = paint.frame(area, title, Row::default(), true, true);
    let (done, of) = held.progress;
    let asked = if of == 0 {
        "its questions are asked".to_owned()
    } else {
        format!("{done} of {of} questions answered")
    };
    let line =
        Row::from(vec![paint.mark_span(Health::Progress), paint.span(format!(" {asked}"), Role::Text)]);
    paint.line(inner, 0, line);
    paint.text(
        inner,
        1,
        "Prometheus over the window, Alertmanager's silences, the audit log, the last sign-off",
        Role::Dim,
    );
}

/// Headings and lines; the selected one is always among them.
fn rows(paint: &mut Paint<'_>, area: Rect, held: &ReviewState, review: &Review) {
    let columns = usize::from(area.width);
    let mut out: Vec<(Row<'static>, Option<usize>)> = Vec::new();
    out.push((
        Row::from(paint.span(format!("{} · {}", review.place, review.since_words()), Role::Dim)),
        None,
    ));
    for complaint in &review.complaints {
        out.push((Row::from(paint.span(format!("sign-offs: {complaint}"), Role::Warning)), None));
    }
    let missing = held.draft.missing(review);
    if !missing.is_empty() && held.signing == Signing::Not {
        out.push((
            Row::from(paint.span(format!("before it is signed: {}", missing.words()), Role::Dim)),
            None,
        ));
    }
    let mut index = 0;
    for (heading, lines) in review.groups() {
        out.push((Row::from(paint.span(heading, Role::Title)), None));
        for line in lines {
            out.push((row(paint, held, line, columns), Some(index)));
            index += 1;
        }
    }
    let missing = review.left_out.iter().map(|(title, why)| format!("{title}: left out, {why}"));
    let gone = review.gone.iter().map(|title| format!("{title}: was in the last review, is not in this one"));
    for text in missing.chain(gone) {
        let line = vec![paint.mark_span(Health::NotConfigured), paint.span(format!(" {text}"), Role::Dim)];
        out.push((Row::from(line), None));
    }
    let at = out.iter().position(|(_, i)| *i == Some(held.selected)).unwrap_or(0);
    let height = usize::from(area.height);
    let first = scrolled(at, height, out.len());
    for (y, (line, index)) in (0..area.height).zip(out.into_iter().skip(first)) {
        paint.line(area, y, line);
        if index == Some(held.selected) {
            paint.fill(Rect { y: area.y + y, height: 1, ..area }, Role::Selection);
        }
    }
}

fn row(paint: &Paint<'_>, held: &ReviewState, line: &Line, columns: usize) -> Row<'static> {
    let health = line.outcome().health();
    let noted = held.draft.notes.contains_key(line.id);
    let enter = match (line.opens, paint.ascii()) {
        (Opens::Nothing, _) => " ",
        (_, true) => "<",
        (_, false) => "↵",
    };
    let end = format!("{} {enter}", if noted { "note" } else { "    " });
    let room = columns.saturating_sub(TITLE + 4 + width(&end) + 2);
    let style =
        if line.outcome() == Outcome::Pass { paint.style(Role::Text) } else { paint.health_style(health) };
    Row::from(vec![
        Span::raw(" "),
        paint.mark_span(health),
        paint.span(format!(" {} ", fit(line.title, TITLE)), Role::Text),
        Span::styled(fit(&line.sentence(), room), style),
        paint.span(format!(" {end}"), Role::Dim),
    ])
}

/// What is behind a line: note, rows, chart.
fn behind(paint: &mut Paint<'_>, area: Rect, held: &ReviewState, line: &Line) {
    let columns = usize::from(area.width).saturating_sub(2);
    let mut out: Vec<Row<'static>> = Vec::new();
    if let Some(note) = held.draft.notes.get(line.id) {
        let text = note.lines().collect::<Vec<_>>().join(" / ");
        out.extend(
            wrap(&format!("note: {text}"), columns).into_iter().map(|l| Row::from(paint.span(l, Role::Key))),
        );
    }
    let before = held.review.as_ref().and_then(|r| r.baseline.as_ref()).and_then(|b| b.notes.get(line.id));
    if let Some(note) = before {
        let text = format!("noted at the last sign-off by {}: {}", note.by, note.text);
        out.extend(wrap(&text, columns).into_iter().map(|l| Row::from(paint.span(l, Role::Dim))));
    }
    if line.seen.details.is_empty() && out.is_empty() {
        out.extend(wrap(&line.sentence(), columns).into_iter().map(|l| Row::from(paint.span(l, Role::Text))));
    }
    for detail in &line.seen.details {
        let style = if detail.health > Health::Ok {
            paint.health_style(detail.health)
        } else {
            paint.style(Role::Text)
        };
        let mark = Span::styled(paint.mark(detail.health), paint.health_style(detail.health));
        for (n, text) in wrap(&detail.text, columns.saturating_sub(2)).into_iter().enumerate() {
            let lead = if n == 0 { mark.clone() } else { Span::raw(" ") };
            out.push(Row::from(vec![lead, Span::raw(" "), Span::styled(text, style)]));
        }
    }
    let most = area.height.saturating_sub(if line.seen.course.is_some() { 6 } else { 0 });
    let drawn = usize::from(if most < 2 { area.height } else { most }).min(out.len());
    let shown = u16::try_from(drawn).unwrap_or(area.height);
    for (y, row) in (0..shown).zip(out) {
        paint.line(area, y, row);
    }
    chart(paint, Rect { y: area.y + shown, height: area.height.saturating_sub(shown), ..area }, line);
}

fn chart(paint: &mut Paint<'_>, area: Rect, line: &Line) {
    let Some(course) = &line.seen.course else { return };
    let at = |t| Timestamp::from_second(t).unwrap_or(paint.state.now);
    let marks = &paint.state.derived.marks;
    let chart = Chart {
        main: &course.points,
        others: Vec::new(),
        objective: course.limit,
        unit: course.unit,
        marks,
        from: at(course.from),
        to: at(course.to),
        step_s: course.step_s,
    };
    // More than that shows nothing more.
    chart.draw(paint, Rect { height: area.height.min(16), ..area });
}

/// One line on a page of its own.
fn walk(paint: &mut Paint<'_>, area: Rect, held: &ReviewState, review: &Review) {
    let Some(line) = held.line() else { return };
    let health = line.outcome().health();
    let columns = usize::from(area.width).saturating_sub(2);
    let count = format!("{} of {}", held.selected + 1, review.lines.len());
    let head = Row::from(vec![
        paint.mark_span(health),
        Span::styled(format!(" {}: {}", line.title, line.outcome().word()), paint.health_style(health)),
        paint.span(format!("   {count}"), Role::Dim),
    ]);
    paint.line(area, 0, head);
    let v = &line.seen.verdict;
    let mut facts = vec![("measured", v.measured.to_string())];
    if !v.limit.is_empty() {
        facts.push(("limit", v.limit.to_string()));
    }
    let was = match (&review.baseline, line.difference.words()) {
        (None, _) => "nothing to compare with".to_owned(),
        (Some(_), Some(words)) => words.to_owned(),
        (Some(b), None) => format!("the same as {}", crate::review::compare::when(b.at, review.at)),
    };
    facts.push(("before", was));
    let mut y = 2;
    for (name, text) in facts {
        for (n, piece) in wrap(&text, columns.saturating_sub(10)).into_iter().enumerate() {
            let name = if n == 0 { name } else { "" };
            let row =
                Row::from(vec![paint.span(format!("{name:<10}"), Role::Dim), paint.span(piece, Role::Text)]);
            paint.line(area, y, row);
            y += 1;
        }
    }
    y += 1;
    let rest = Rect { y: area.y + y.min(area.height), height: area.height.saturating_sub(y), ..area };
    behind(paint, rest, held, line);
}

/// The hints of the page.
pub fn hints(state: &State) -> Vec<(Vec<Command>, &'static str)> {
    use Command as C;
    let held = state.review.as_ref();
    if held.is_none_or(|r| r.review.is_none()) {
        return vec![(vec![C::Back], "back")];
    }
    let mut hints = match held.is_some_and(|r| r.walking) {
        true => vec![(vec![C::ReviewNext, C::ReviewPrevious], "next, previous"), (vec![C::Back], "list")],
        false => vec![(vec![C::ReviewWalk], "walk through"), (vec![C::Back], "back")],
    };
    hints.extend([
        (vec![C::Open], "open"),
        (vec![C::ReviewNote], "note"),
        (vec![C::ReviewSignOff], "sign off"),
        (vec![C::ReviewReport], "report"),
        (vec![C::ReviewKind], held.map_or(Kind::Daily, |r| r.kind).next().word()),
        (vec![C::Refresh], "ask anew"),
    ]);
    hints
}

/// The text area for a note.
pub fn note(paint: &mut Paint<'_>, area: Rect, note: &ReviewNote) -> Option<Position> {
    let at = centred(area, area.width.saturating_sub(4).min(84), 9);
    paint.clear(at);
    let title = match note.line {
        Some(id) => format!(" note on {} ", title_of(id)),
        None => " why it is signed though something could not be checked ".to_owned(),
    };
    let inner = paint.frame(at, Row::from(paint.span(title, Role::Focus)), Row::default(), true, false);
    let rows = usize::from(inner.height.saturating_sub(1)).max(1);
    let (line, column) = (note.field.cursor().0, note.field.cursor().1);
    let first = (line + 1).saturating_sub(rows);
    let room = usize::from(inner.width).saturating_sub(1).max(1);
    let before: String =
        note.field.lines().get(line).map(|l| l.chars().take(column).collect()).unwrap_or_default();
    let skipped = width(&before).saturating_sub(room);
    for (y, text) in (0..inner.height.saturating_sub(1)).zip(note.field.lines().iter().skip(first)) {
        let shown: String = text.chars().skip(skipped).collect();
        paint.text(inner, y, &shown, Role::Text);
    }
    let help = "enter keeps it, alt-enter begins a line, esc drops it";
    paint.text(inner, inner.height.saturating_sub(1), help, Role::Dim);
    let x = u16::try_from(width(&before).saturating_sub(skipped)).unwrap_or(0);
    let y = u16::try_from(line - first).unwrap_or(0);
    (inner.height > 0)
        .then_some(Position { x: inner.x + x.min(inner.width.saturating_sub(1)), y: inner.y + y })
}

/// The question before signing.
pub fn sign_off(paint: &mut Paint<'_>, area: Rect) {
    let state = paint.state;
    let Some(held) = &state.review else { return };
    let Some(review) = &held.review else { return };
    let at = centred(area, area.width.saturating_sub(4).min(76), 7);
    paint.clear(at);
    let title = format!(" sign off the {}? ", held.kind.title());
    let inner = paint.frame(at, Row::from(paint.span(title, Role::Focus)), Row::default(), true, false);
    let who = if review.who.is_empty() { "nobody that is known" } else { &review.who };
    let notes = held.draft.notes.len();
    let reason = if held.draft.reason.is_empty() { "" } else { ", with a reason" };
    paint.text(inner, 0, &format!("{}, {notes} with a note{reason}", review.tally()), Role::Text);
    paint.text(inner, 1, &format!("as {who}; it is kept as the baseline of the next one"), Role::Text);
    let keys = state.settings.keymap.keys(Command::ReviewReport).into_iter().next().unwrap_or_default();
    paint.text(
        inner,
        3,
        &format!("enter signs, any other key goes back; then {keys} writes the report"),
        Role::Dim,
    );
}
