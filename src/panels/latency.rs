//! Latency: p50, p95 and p99, the objective, and what changed just before it rose.

use jiff::Timestamp;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Panel;
use crate::input::Layer;
use crate::model::signal::{BreakdownId, Outcome, Point, SignalId};
use crate::model::{FeedId, Health};
use crate::state::measures::{self, Measure};
use crate::state::{Derived, State};
use crate::ui::chart::Chart;
use crate::ui::human;
use crate::ui::paint::{Paint, fit, fit_right};
use crate::ui::theme::Role;

pub struct Latency;

impl Panel for Latency {
    fn noun(&self) -> &'static str {
        "latency"
    }

    fn feeds(&self) -> &'static [FeedId] {
        &[FeedId::Signals]
    }

    fn layers(&self) -> &'static [Layer] {
        &[Layer::Chart]
    }

    fn verdict(&self, state: &State, derived: &Derived) -> (Health, String) {
        verdict_of(state, derived.latency.as_ref(), "p95")
    }

    fn draw(&self, paint: &mut Paint<'_>, area: Rect) {
        let foot = if area.height > 4 { 1 } else { area.height };
        let chart = Rect { height: area.height - foot, ..area };
        chart_of(paint, chart, SignalId::LatencyP95, &[SignalId::LatencyP50]);
        let below = Rect { y: area.bottom() - foot, height: foot, ..area };
        let line = numbers(paint);
        paint.line(below, 0, line);
        last_change(paint, below, 1);
    }

    fn draw_zoomed(&self, paint: &mut Paint<'_>, area: Rect) {
        let lower = (area.height / 3).min(14);
        let chart = Rect { height: area.height - lower, ..area };
        chart_of(paint, chart, SignalId::LatencyP95, &[SignalId::LatencyP50, SignalId::LatencyP99]);
        let below = Rect { y: area.bottom() - lower, height: lower, ..area };
        let line = numbers(paint);
        paint.line(below, 0, line);
        let half = below.width / 2;
        let rest = Rect { y: below.y + 1, height: lower.saturating_sub(1), width: half, ..below };
        breakdown(paint, rest, BreakdownId::SlowestRoutes, "SLOWEST ROUTES, p95", human::seconds);
        let right = Rect { x: below.x + half, width: below.width - half, ..rest };
        changes(paint, right);
    }
}

/// The verdict of a panel that stands on one measure.
pub fn verdict_of(state: &State, measure: Option<&Measure>, name: &str) -> (Health, String) {
    let Some(m) = measure else { return (Health::Unknown, "not measured".into()) };
    let words = m.sentence(name, state.now);
    match (m.health, &m.value) {
        (Health::Stale | Health::Denied | Health::Unknown, Some(_)) => {
            let why = state.feed_words(state.measuring()).or_else(|| m.why.clone()).unwrap_or_default();
            (m.health, format!("{why} · {words}"))
        }
        (_, Some(_)) => (m.health, m.why.iter().fold(words, |words, why| format!("{words}, {why}"))),
        (_, None) => (m.health, words),
    }
}

/// 'p50 143 ms   p95 812 ms   p99 2.1 s      slowest POST /pay 1.9 s'.
fn numbers(paint: &Paint<'_>) -> Line<'static> {
    let state = paint.state;
    let mut spans = Vec::new();
    for (id, name) in
        [(SignalId::LatencyP50, "p50"), (SignalId::LatencyP95, "p95"), (SignalId::LatencyP99, "p99")]
    {
        let measure = measures::measure(state, id);
        let value = measure.value.map_or_else(|| "–".into(), human::seconds);
        let style = if id == SignalId::LatencyP95 && measure.health > Health::Ok {
            spans.push(paint.mark_span(measure.health));
            spans.push(paint.span(" ", Role::Text));
            paint.health_style(measure.health)
        } else {
            paint.style(Role::Text)
        };
        spans.push(Span::styled(format!("{name} {value}   "), style));
    }
    if let Some((route, v)) =
        state.known.breakdowns.get(&BreakdownId::SlowestRoutes).and_then(|b| b.rows.first())
    {
        spans.push(paint.span(format!("slowest {route} {}", human::seconds(*v)), Role::Dim));
    }
    Line::from(spans)
}

/// The chart of one signal, others behind it, over the window that is chosen.
pub fn chart_of(paint: &mut Paint<'_>, area: Rect, main: SignalId, behind: &[SignalId]) {
    let state = paint.state;
    let measure = measures::measure(state, main);
    let points = |id: &SignalId| -> (&[Point], u32) {
        match state.signal(*id).map(|s| &s.outcome) {
            Some(Outcome::Points { points, step_s }) => (points, *step_s),
            _ => (&[], 15),
        }
    };
    let (series, step_s) = points(&main);
    if series.is_empty() {
        let why = measure.why.unwrap_or_else(|| "no data".into());
        paint.text(area, area.height / 2, &format!("  {why}"), Role::Dim);
        if let Some(next) = state.known.status(FeedId::Signals).failure.map(|f| f.next) {
            paint.text(area, area.height / 2 + 1, &format!("  {next}"), Role::Dim);
        }
        return;
    }
    let others = behind.iter().map(|id| points(id).0).collect();
    let from = state.now - state.view.window.duration();
    let chart = Chart {
        main: series,
        others,
        objective: measure.objective.map(|o| o.target),
        unit: main.unit(),
        marks: &state.derived.marks,
        from,
        to: state.now.max(from),
        step_s,
    };
    chart.draw(paint, area);
}

/// Rows of a breakdown with their value and a bar.
pub fn breakdown(paint: &mut Paint<'_>, area: Rect, id: BreakdownId, title: &str, said: fn(f64) -> String) {
    paint.text(area, 0, title, Role::Dim);
    let Some(breakdown) = paint.state.known.breakdowns.get(&id) else {
        let why = paint.state.feed_words(FeedId::Signals).unwrap_or_else(|| "no data".into());
        paint.text(area, 1, &why, Role::Dim);
        return;
    };
    if breakdown.rows.is_empty() {
        paint.text(area, 1, "none", Role::Dim);
    }
    let largest = breakdown.rows.iter().map(|(_, v)| *v).fold(0.0, f64::max);
    let names = usize::from(area.width / 2).min(32);
    let bars = usize::from(area.width).saturating_sub(names + 14);
    for (y, (name, value)) in (1..area.height).zip(&breakdown.rows) {
        let length = if largest > 0.0 { (value / largest * bars as f64).round() as usize } else { 0 };
        let bar = if paint.ascii() { "=" } else { "━" }.repeat(length.min(bars));
        let line = Line::from(vec![
            paint.span(format!("{} {} ", fit(name, names), fit_right(&said(*value), 10)), Role::Text),
            paint.span(bar, Role::Chart),
        ]);
        paint.line(area, y, line);
    }
}

/// What changed lately: newest first.
fn changes(paint: &mut Paint<'_>, area: Rect) {
    paint.text(area, 0, "WHAT CHANGED", Role::Dim);
    let state = paint.state;
    if state.derived.marks.is_empty() {
        paint.text(area, 1, "nothing in the last day", Role::Dim);
    }
    for (y, mark) in (1..area.height).zip(state.derived.marks.iter().rev()) {
        let at: Timestamp = mark.at;
        let line = Line::from(vec![
            paint.span(format!("{} ", mark.kind.letter()), Role::Mark),
            paint.span(format!("{} {} ", human::moment(at, state.now), mark.workload.name), Role::Text),
            paint.span(mark.what.to_string(), Role::Dim),
        ]);
        paint.line(area, y, line);
    }
}

/// The newest change, where there is a second line for it.
fn last_change(paint: &mut Paint<'_>, area: Rect, y: u16) {
    let state = paint.state;
    if let Some(mark) = state.derived.marks.last() {
        let ago = human::span(state.now.duration_since(mark.at));
        let text = format!("last change {ago} ago: {} {}", mark.workload.name, mark.what);
        paint.text(area, y, &text, Role::Dim);
    }
}
