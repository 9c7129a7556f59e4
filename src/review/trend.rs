//! Where a course leads: a straight line through it, by least squares, and when it is at the top.

use crate::model::signal::Point;

/// A line through a course.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// A day.
    pub slope_per_day: f64,
    /// Where the line stands at the last point.
    pub now: f64,
    /// How long the course is, in days.
    pub days: f64,
    /// The movement is more than the noise around it.
    pub is_clear: bool,
}

const DAY_S: f64 = 86_400.0;
/// A course that is shorter says nothing of the next weeks.
pub const LEAST_DAYS: f64 = 1.0;
/// Fewer points are no course.
const LEAST_POINTS: usize = 8;

/// The trend of a course; None where it is too short. Whole days are taken where there are any,
/// since a day begun pulls the line along with its hour.
pub fn of(points: &[Point]) -> Option<Trend> {
    let finite: Vec<Point> = points.iter().copied().filter(|p| p.v.is_finite()).collect();
    let (first, last) = (finite.first()?.t, finite.last()?.t);
    let days = (last - first) as f64 / DAY_S;
    if days < LEAST_DAYS {
        return None;
    }
    let from = last - (days.floor() * DAY_S) as i64;
    let course: Vec<(f64, f64)> =
        finite.iter().filter(|p| p.t >= from).map(|p| ((p.t - last) as f64 / DAY_S, p.v)).collect();
    if course.len() < LEAST_POINTS {
        return None;
    }
    let n = course.len() as f64;
    let (mx, my) = (course.iter().map(|p| p.0).sum::<f64>() / n, course.iter().map(|p| p.1).sum::<f64>() / n);
    let sxx: f64 = course.iter().map(|p| (p.0 - mx).powi(2)).sum();
    let sxy: f64 = course.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
    if sxx <= 0.0 {
        return None;
    }
    let slope = sxy / sxx;
    let now = my - slope * mx;
    let noise = (course.iter().map(|p| (p.1 - now - slope * p.0).powi(2)).sum::<f64>() / n).sqrt();
    let is_clear = (slope * days.floor()).abs() > 2.0 * noise;
    Some(Trend { slope_per_day: slope, now, days, is_clear })
}

impl Trend {
    /// Days until the line is at `top`; None where it does not get there, or where the noise is
    /// more than the movement.
    pub fn full_in_days(&self, top: f64) -> Option<f64> {
        let rises = self.is_clear && self.slope_per_day > 0.0 && self.now < top;
        // Ten years are never.
        rises.then(|| (top - self.now) / self.slope_per_day).filter(|d| *d < 3650.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn course(days: i64, value: impl Fn(f64) -> f64) -> Vec<Point> {
        (0..days * 48).map(|i| Point { t: i * 1800, v: value(i as f64 / 48.0) }).collect()
    }

    #[test]
    fn a_disk_that_fills_by_half_a_percent_a_day() {
        let trend = of(&course(7, |d| 0.61 + 0.005 * (d - 7.0))).unwrap();
        assert!((trend.slope_per_day - 0.005).abs() < 1e-9 && trend.is_clear);
        assert!((trend.full_in_days(1.0).unwrap() - 78.0).abs() < 0.5, "{trend:?}");
    }

    #[test]
    fn a_days_rhythm_is_no_trend() {
        let trend = of(&course(7, |d| 0.5 + 0.2 * (d * std::f64::consts::TAU).sin())).unwrap();
        assert!(!trend.is_clear, "{trend:?}");
        assert_eq!(trend.full_in_days(1.0), None);
        assert_eq!(of(&course(7, |_| 0.4)).unwrap().full_in_days(1.0), None);
    }

    #[test]
    fn a_short_course_says_nothing() {
        let hour: Vec<Point> = (0..60).map(|i| Point { t: i * 60, v: i as f64 }).collect();
        assert_eq!(of(&hour), None);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[Point { t: 0, v: f64::NAN }, Point { t: 900_000, v: 1.0 }]), None);
    }

    proptest! {
        #[test]
        fn any_course_is_taken(points in proptest::collection::vec((any::<i32>(), any::<f64>()), 0..60)) {
            let mut points: Vec<Point> = points.into_iter().map(|(t, v)| Point { t: i64::from(t), v }).collect();
            points.sort_by_key(|p| p.t);
            let full = of(&points).and_then(|t| t.full_in_days(1.0));
            prop_assert!(full.is_none_or(|days| days > 0.0));
        }
    }
}
