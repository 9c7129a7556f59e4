//! Errors: the ratio against its objective, requests, codes and routes, and the error budget.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Panel;
use super::latency::{breakdown, chart_of, verdict_of};
use crate::input::Layer;
use crate::model::signal::{BreakdownId, BurnWindow, SignalId};
use crate::model::{FeedId, Health};
use crate::state::{Derived, State, measures};
use crate::ui::human;
use crate::ui::paint::Paint;
use crate::ui::theme::Role;

pub struct Errors;

impl Panel for Errors {
    fn noun(&self) -> &'static str {
        "errors"
    }

    fn feeds(&self) -> &'static [FeedId] {
        &[FeedId::Signals]
    }

    fn layers(&self) -> &'static [Layer] {
        &[Layer::Chart]
    }

    fn verdict(&self, state: &State, derived: &Derived) -> (Health, String) {
        let (health, words) = verdict_of(state, derived.errors.as_ref(), "");
        match &derived.budget {
            // A budget that burns is told even where the ratio of this minute looks well.
            Some(budget) if budget.health > health && health == Health::Ok => {
                (budget.health, format!("{words} · {}", budget.words))
            }
            _ => (health, words),
        }
    }

    fn draw(&self, paint: &mut Paint<'_>, area: Rect) {
        let foot = if area.height > 5 { 2 } else { area.height.min(2) };
        let chart = Rect { height: area.height - foot, ..area };
        chart_of(paint, chart, SignalId::ErrorRatio, &[]);
        let below = Rect { y: area.bottom() - foot, height: foot, ..area };
        let line = numbers(paint);
        paint.line(below, 0, line);
        let line = budget_line(paint);
        paint.line(below, 1, line);
    }

    fn draw_zoomed(&self, paint: &mut Paint<'_>, area: Rect) {
        let lower = (area.height / 2).min(20);
        let chart = Rect { height: area.height - lower, ..area };
        chart_of(paint, chart, SignalId::ErrorRatio, &[]);
        let below = Rect { y: area.bottom() - lower, height: lower, ..area };
        let line = numbers(paint);
        paint.line(below, 0, line);
        let line = budget_line(paint);
        paint.line(below, 1, line);
        let rest = Rect { y: below.y + 2, height: lower.saturating_sub(2), ..below };
        let third = rest.width / 3;
        let column = |n: u16| Rect { x: rest.x + n * third, width: third.saturating_sub(1), ..rest };
        breakdown(paint, column(0), BreakdownId::ErrorsByRoute, "ERROR RATIO BY ROUTE", human::percent);
        breakdown(paint, column(1), BreakdownId::ErrorsByCode, "ERRORS/S BY CODE", human::count);
        burn_table(paint, column(2));
    }
}

/// '1,240 req/s   500: 71 %  502: 29 %   POST /pay 22 %'.
fn numbers(paint: &Paint<'_>) -> Line<'static> {
    let state = paint.state;
    let mut spans = Vec::new();
    let rate =
        measures::traffic(state).map_or_else(|| "? req/s".into(), |r| format!("{} req/s", human::count(r)));
    spans.push(paint.span(format!("{rate}   "), Role::Text));
    if let Some(codes) = state.known.breakdowns.get(&BreakdownId::ErrorsByCode) {
        let total: f64 = codes.rows.iter().map(|(_, v)| v).sum();
        for (code, v) in codes.rows.iter().take(3).filter(|_| total > 0.0) {
            spans.push(paint.span(format!("{code}: {}  ", human::percent(v / total)), Role::Text));
        }
    }
    if let Some((route, ratio)) =
        state.known.breakdowns.get(&BreakdownId::ErrorsByRoute).and_then(|b| b.rows.first())
        && *ratio > 0.0
    {
        spans.push(paint.span(format!(" {route} {}", human::percent(*ratio)), Role::Dim));
    }
    Line::from(spans)
}

fn budget_line(paint: &Paint<'_>) -> Line<'static> {
    match &paint.state.derived.budget {
        Some(budget) if budget.health > Health::Ok => Line::from(vec![
            paint.mark_span(budget.health),
            Span::styled(format!(" {}", budget.words), paint.health_style(budget.health)),
        ]),
        Some(budget) => Line::from(paint.span(budget.words.clone(), Role::Dim)),
        None => Line::from(paint.span("error budget: no objective for the error ratio", Role::Dim)),
    }
}

/// The burn rate over every window of the workbook's table.
fn burn_table(paint: &mut Paint<'_>, area: Rect) {
    paint.text(area, 0, "BURN RATE BY WINDOW", Role::Dim);
    let state = paint.state;
    let Some(target) = state.settings.config.objectives.iter().find(|o| o.signal == SignalId::ErrorRatio)
    else {
        return;
    };
    for (y, window) in (1..area.height).zip(BurnWindow::ALL) {
        let measure = measures::measure(state, SignalId::ErrorRatioOver(window));
        let text = match measure.value {
            Some(ratio) if target.target > 0.0 => {
                format!("{:>4}  {:>8}  {:.1}x", window.promql(), human::percent(ratio), ratio / target.target)
            }
            _ => format!("{:>4}  {:>8}", window.promql(), measure.why.unwrap_or_else(|| "?".into())),
        };
        paint.text(area, y, &text, Role::Text);
    }
}
