//! The `…_over_time` functions, and those that count changes within a window.

use super::super::labels::without_name;
use super::aggregate::{mean, quantile_of, stdvar};
use super::value::{Grid, Series};
use super::window::{Ranges, Window};

/// A function of the values in one window.
type OverTime = fn(&Window) -> f64;

/// The functions without further parameters.
pub fn by_name(name: &str) -> Option<OverTime> {
    Some(match name {
        "avg_over_time" => |w| mean(w.values()),
        "sum_over_time" => |w| sum(w.values()),
        "min_over_time" => |w| w.values().fold(f64::NAN, |m, v| if v < m || m.is_nan() { v } else { m }),
        "max_over_time" => |w| w.values().fold(f64::NAN, |m, v| if v > m || m.is_nan() { v } else { m }),
        "count_over_time" => |w| w.values().len() as f64,
        "last_over_time" => |w| w.all[w.hi - 1].v,
        "present_over_time" => |_| 1.0,
        "stdvar_over_time" => |w| stdvar(w.values()),
        "stddev_over_time" => |w| stdvar(w.values()).sqrt(),
        "changes" => |w| pairs(w).filter(|(a, b)| a != b && !(a.is_nan() && b.is_nan())).count() as f64,
        "resets" => |w| pairs(w).filter(|(a, b)| b < a).count() as f64,
        _ => return None,
    })
}

/// Applies a function of [`by_name`]; `last_over_time` alone keeps the metric's name.
pub fn apply(ranges: &Ranges, grid: Grid, name: &str, f: OverTime) -> Vec<Series> {
    let rename = if name == "last_over_time" { Clone::clone } else { without_name };
    ranges.each(grid, rename, |_| move |w: &Window| Some(f(w)))
}

/// quantile_over_time, with the quantile wanted at each step.
pub fn quantile(ranges: &Ranges, grid: Grid, q: &[f64]) -> Vec<Series> {
    ranges.each(grid, without_name, |_| {
        |w: &Window| Some(quantile_of(q[w.step], &mut w.values().collect::<Vec<_>>()))
    })
}

fn pairs(w: &Window) -> impl Iterator<Item = (f64, f64)> {
    w.samples().windows(2).map(|p| (p[0].v, p[1].v))
}

/// Kahan's sum in Neumaier's form, as Prometheus uses it.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for v in values {
        let next = sum + v;
        lost += if sum.abs() >= v.abs() { (sum - next) + v } else { (v - next) + sum };
        sum = next;
    }
    if sum.is_infinite() { sum } else { sum + lost }
}
