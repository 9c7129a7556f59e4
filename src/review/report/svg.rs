//! A course as an inline SVG chart: one line, its limit dashed, its largest value and its times in
//! words. Colours are the page's own, so that it follows light and dark.

use std::fmt::Write;

use jiff::Timestamp;

use crate::review::line::Course;
use crate::ui::human;

/// Of the view box; the page scales it.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 120.0;
/// For the words above and below.
const MARGIN: f64 = 16.0;
/// More points than the picture has columns tell nothing.
const MOST_POINTS: usize = 640;

/// The chart; empty where there is nothing to draw. `title` must be escaped already.
pub fn chart(course: &Course, title: &str) -> String {
    let finite: Vec<f64> = course.points.iter().map(|p| p.v).filter(|v| v.is_finite()).collect();
    let largest = finite.iter().copied().fold(f64::MIN, f64::max);
    if finite.len() < 2 || course.to <= course.from {
        return String::new();
    }
    let top = (largest.max(course.limit.unwrap_or(0.0)) * 1.1).max(f64::MIN_POSITIVE);
    let x = |t: i64| (t - course.from) as f64 / (course.to - course.from) as f64 * WIDTH;
    let y = |v: f64| MARGIN + (1.0 - (v / top).clamp(0.0, 1.0)) * (HEIGHT - 2.0 * MARGIN);
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>"
    );
    if let Some(limit) = course.limit.filter(|l| l.is_finite()) {
        let at = y(limit);
        let _ = write!(out, "<line class=\"limit\" x1=\"0\" y1=\"{at:.1}\" x2=\"{WIDTH}\" y2=\"{at:.1}\"/>");
    }
    let _ = write!(out, "<path class=\"course\" d=\"{}\"/>", path(course, x, y));
    let said = |t: i64| Timestamp::from_second(t).map(|at| at.strftime("%m-%d %H:%MZ").to_string());
    let low = HEIGHT - 3.0;
    let _ = write!(out, "<text x=\"0\" y=\"12\">at most {}</text>", human::value(largest, course.unit));
    let _ = write!(out, "<text x=\"0\" y=\"{low}\">{}</text>", said(course.from).unwrap_or_default());
    let to = said(course.to).unwrap_or_default();
    let _ = write!(out, "<text x=\"{WIDTH}\" y=\"{low}\" text-anchor=\"end\">{to}</text></svg>");
    out
}

/// Moves and lines; where points are missing the line is broken.
fn path(course: &Course, x: impl Fn(i64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let every = course.points.len().div_ceil(MOST_POINTS).max(1);
    let gap = i64::from(course.step_s) * 3 * i64::try_from(every).unwrap_or(1);
    let mut out = String::new();
    let mut last: Option<i64> = None;
    for point in course.points.iter().step_by(every) {
        if !point.v.is_finite() || point.t < course.from || point.t > course.to {
            last = None;
            continue;
        }
        let letter = if last.is_some_and(|t| point.t - t <= gap) { 'L' } else { 'M' };
        let _ = write!(out, "{letter}{:.1} {:.1}", x(point.t), y(point.v));
        last = Some(point.t);
    }
    out
}
