//! A line over time: braille where it is to be had, block columns elsewhere; the objective as a
//! dashed line, changes as marks, the unit people say on the axis.

use jiff::Timestamp;
use ratatui::layout::Rect;
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::Widget;
use ratatui::widgets::canvas::{Canvas, Line as Stroke};

use super::human;
use super::paint::{Paint, fit_right};
use super::theme::Role;
use crate::model::change::Mark;
use crate::model::signal::{Point, Unit};

/// What is drawn, in the order of its importance.
pub struct Chart<'a> {
    /// The series that matters, and others behind it.
    pub main: &'a [Point],
    pub others: Vec<&'a [Point]>,
    pub objective: Option<f64>,
    pub unit: Unit,
    pub marks: &'a [Mark],
    pub from: Timestamp,
    pub to: Timestamp,
    /// Seconds between points; a longer gap is drawn as a gap.
    pub step_s: u32,
}

/// Columns of the axis' labels.
const AXIS: u16 = 8;

impl Chart<'_> {
    pub fn draw(&self, paint: &mut Paint<'_>, area: Rect) {
        if area.width < AXIS + 8 || area.height < 3 {
            return;
        }
        let plot = Rect { x: area.x + AXIS, width: area.width - AXIS, height: area.height - 1, ..area };
        let top = self.top();
        self.axis(paint, area, plot, top);
        self.objective_line(paint, plot, top);
        let still = self.still();
        still.times(paint, area, plot);
        still.draw_marks(paint, plot);
        if paint.ascii() { still.columns(paint, plot, top) } else { still.braille(paint, plot, top) }
    }

    /// The same, moving on by a twelfth of its time: what moves is written anew, a kilobyte and a half
    /// for two charts at 200×60. By whole dots that was every 20 s, as much as all else together.
    fn still(&self) -> Self {
        let step_s = ((self.span_s() / 12.0) as i64).max(1);
        let ahead_s = (-self.to.as_second()).rem_euclid(step_s);
        let ahead = jiff::SignedDuration::from_secs(ahead_s);
        let moved = |at: Timestamp| at.checked_add(ahead).unwrap_or(at);
        Self { from: moved(self.from), to: moved(self.to), others: self.others.clone(), ..*self }
    }

    /// The value at the upper edge: the largest, or the objective, and a little air.
    fn top(&self) -> f64 {
        let of = |points: &[Point]| points.iter().map(|p| p.v).filter(|v| v.is_finite()).fold(0.0, f64::max);
        let largest = self.others.iter().map(|p| of(p)).fold(of(self.main), f64::max);
        let top = largest.max(self.objective.unwrap_or(0.0)) * 1.1;
        if top > 0.0 { top } else { 1.0 }
    }

    fn span_s(&self) -> f64 {
        self.to.duration_since(self.from).as_secs_f64().max(1.0)
    }

    /// 0…1 from the left edge.
    fn x(&self, t_s: f64) -> f64 {
        (t_s - self.from.as_second() as f64) / self.span_s()
    }

    fn row(plot: Rect, value: f64, top: f64) -> u16 {
        let rows = f64::from(plot.height.saturating_sub(1));
        plot.y + (rows - (value / top * rows)).round().clamp(0.0, rows) as u16
    }

    fn axis(&self, paint: &mut Paint<'_>, area: Rect, plot: Rect, top: f64) {
        let bar = if paint.ascii() { "|" } else { "│" };
        for y in plot.top()..plot.bottom() {
            let cell = Rect { x: plot.x - 1, y, width: 1, height: 1 };
            paint.text(cell, 0, bar, Role::Border);
        }
        let mut label = |value: f64, y: u16| {
            let text = fit_right(&human::value(value, self.unit), usize::from(AXIS - 2));
            paint.text(Rect { y, height: 1, width: AXIS - 2, ..area }, 0, &text, Role::Dim);
        };
        label(top, plot.y);
        if let Some(objective) = self.objective {
            let y = Self::row(plot, objective, top);
            if y > plot.y {
                label(objective, y);
            }
        }
    }

    fn times(&self, paint: &mut Paint<'_>, area: Rect, plot: Rect) {
        let y = area.height - 1;
        let row = Rect { x: plot.x, width: plot.width, ..area };
        // Over days the time of day says nothing.
        let is_long = self.span_s() > 36.0 * 3600.0;
        let said = |t: Timestamp| if is_long { t.strftime("%m-%d").to_string() } else { human::hm(t) };
        paint.text(row, y, &said(self.from), Role::Dim);
        if plot.width >= 30 {
            let middle = self.from + self.to.duration_since(self.from) / 2;
            let at = Rect { x: row.x + row.width / 2 - 2, width: row.width / 2, ..row };
            paint.text(at, y, &said(middle), Role::Dim);
        }
        let now = Line::from(paint.span(said(self.to), Role::Dim));
        paint.right(row, y, now, 0);
    }

    fn objective_line(&self, paint: &mut Paint<'_>, plot: Rect, top: f64) {
        let Some(objective) = self.objective else { return };
        let symbol = if paint.ascii() { "-" } else { "╌" };
        let line = symbol.repeat(usize::from(plot.width));
        let y = Self::row(plot, objective, top) - plot.y;
        paint.text(plot, y, &line, Role::Objective);
    }

    fn draw_marks(&self, paint: &mut Paint<'_>, plot: Rect) {
        for mark in self.marks {
            let x = self.x(mark.at.as_second() as f64);
            if !(0.0..=1.0).contains(&x) {
                continue;
            }
            let column = plot.x + (x * f64::from(plot.width.saturating_sub(2))) as u16;
            let bar = if paint.ascii() { "!" } else { "┊" };
            for y in 0..plot.height {
                let cell = Rect { x: column, width: 1, ..plot };
                paint.text(cell, y, bar, Role::Mark);
            }
            let letter = Rect { x: column + 1, width: 1, ..plot };
            paint.text(letter, 0, &mark.kind.letter().to_string(), Role::Mark);
        }
    }

    fn braille(&self, paint: &mut Paint<'_>, plot: Rect, top: f64) {
        let colour = |role: Role| paint.style(role).fg.unwrap_or(ratatui::style::Color::Reset);
        let (main, other) = (colour(Role::Chart), colour(Role::ChartOther));
        let gap = f64::from(self.step_s) * 2.5 / self.span_s();
        let strokes = |points: &[Point]| -> Vec<[f64; 4]> {
            points
                .windows(2)
                .filter_map(|pair| {
                    let [a, b] = pair else { return None };
                    let (ax, bx) = (self.x(a.t as f64), self.x(b.t as f64));
                    let drawn =
                        a.v.is_finite() && b.v.is_finite() && bx - ax <= gap && bx >= 0.0 && ax <= 1.0;
                    drawn.then_some([ax, a.v, bx, b.v])
                })
                .collect()
        };
        let main_strokes = strokes(self.main);
        let other_strokes: Vec<_> = self.others.iter().flat_map(|p| strokes(p)).collect();
        Canvas::default()
            .marker(Marker::Braille)
            .x_bounds([0.0, 1.0])
            .y_bounds([0.0, top])
            .paint(|ctx| {
                for [x1, y1, x2, y2] in &other_strokes {
                    ctx.draw(&Stroke::new(*x1, *y1, *x2, *y2, other));
                }
                ctx.layer();
                for [x1, y1, x2, y2] in &main_strokes {
                    ctx.draw(&Stroke::new(*x1, *y1, *x2, *y2, main));
                }
            })
            .render(plot, paint.buffer);
    }

    /// Without braille: a column of '#' up to the largest value that falls into it.
    fn columns(&self, paint: &mut Paint<'_>, plot: Rect, top: f64) {
        for column in 0..plot.width {
            let (left, right) =
                (f64::from(column) / f64::from(plot.width), f64::from(column + 1) / f64::from(plot.width));
            let value = self
                .main
                .iter()
                .filter(|p| p.v.is_finite() && (left..right).contains(&self.x(p.t as f64)))
                .map(|p| p.v)
                .fold(f64::NAN, f64::max);
            if value.is_nan() {
                continue;
            }
            let height = plot.bottom() - Self::row(plot, value, top);
            for up in 0..height {
                let cell = Rect { x: plot.x + column, y: plot.bottom() - 1 - up, width: 1, height: 1 };
                paint.text(cell, 0, "#", Role::Chart);
            }
        }
    }
}
