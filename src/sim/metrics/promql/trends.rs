//! How samples change over a window: rate and its relatives, and linear regression. Formulas
//! as in Prometheus' promql/functions.go.

use super::super::labels::without_name;
use super::super::tsdb::Sample;
use super::value::{Grid, Series};
use super::window::{Ranges, Window};

/// A gap to the window's edge of less than this many sample intervals is extrapolated over
/// (functions.go, extrapolatedRate).
const EXTRAPOLATION_THRESHOLD: f64 = 1.1;

/// rate, increase (`counter`) and delta; `per_second` for rate.
pub fn extrapolated(ranges: &Ranges, grid: Grid, counter: bool, per_second: bool) -> Vec<Series> {
    ranges.each(grid, without_name, |all| {
        let lost = if counter { lost_to_resets(all) } else { Vec::new() };
        move |w: &Window| {
            let samples = w.samples();
            let [first, .., last] = samples else { return None };
            let regained = if counter { lost[w.hi - 1] - lost[w.lo] } else { 0.0 };
            let change = last.v - first.v + regained;
            let sampled = seconds(first.t, last.t);
            let value = change * extrapolation(w, change, counter, sampled) / sampled;
            Some(if per_second { value / w.seconds() } else { value })
        }
    })
}

/// For each sample, what the counter has lost to resets up to it: makes the increase over any
/// window a difference of two sums.
fn lost_to_resets(all: &[Sample]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut previous = f64::NEG_INFINITY;
    let mut step = |s: &Sample| {
        if s.v < previous {
            sum += previous;
        }
        previous = s.v;
        sum
    };
    all.iter().map(&mut step).collect()
}

/// The length, in seconds, that the change is taken to stand for.
fn extrapolation(w: &Window, change: f64, counter: bool, sampled: f64) -> f64 {
    let samples = w.samples();
    let (first, last) = (samples[0], samples[samples.len() - 1]);
    let interval = sampled / (samples.len() - 1) as f64;
    let mut to_start = seconds(w.start, first.t);
    if counter && change > 0.0 && first.v >= 0.0 {
        // A counter cannot have been below zero: extrapolate no further back than to there.
        to_start = to_start.min(sampled * (first.v / change));
    }
    let gap =
        |to_edge: f64| if to_edge < interval * EXTRAPOLATION_THRESHOLD { to_edge } else { interval / 2.0 };
    sampled + gap(to_start) + gap(seconds(last.t, w.end))
}

fn seconds(from_ms: i64, to_ms: i64) -> f64 {
    (to_ms - from_ms) as f64 / 1000.0
}

/// irate (`counter`) and idelta: from the last two samples alone.
pub fn instant(ranges: &Ranges, grid: Grid, counter: bool) -> Vec<Series> {
    ranges.each(grid, without_name, |_| {
        move |w: &Window| {
            let [.., previous, last] = w.samples() else { return None };
            let change = if counter && last.v < previous.v { last.v } else { last.v - previous.v };
            Some(if counter { change / seconds(previous.t, last.t) } else { change })
        }
    })
}

/// deriv: the slope per second.
pub fn deriv(ranges: &Ranges, grid: Grid) -> Vec<Series> {
    ranges.each(grid, without_name, |_| {
        |w: &Window| {
            let samples = w.samples();
            (samples.len() > 1).then(|| regression(samples, samples[0].t).0)
        }
    })
}

/// predict_linear: the value `ahead` seconds after each step.
pub fn predict(ranges: &Ranges, grid: Grid, ahead: &[f64]) -> Vec<Series> {
    ranges.each(grid, without_name, |_| {
        |w: &Window| {
            let samples = w.samples();
            let (slope, intercept) = (samples.len() > 1).then(|| regression(samples, w.time))?;
            Some(slope * ahead[w.step] + intercept)
        }
    })
}

/// Least squares: slope per second, and the value at `origin` (milliseconds).
fn regression(samples: &[Sample], origin: i64) -> (f64, f64) {
    let first = samples[0].v;
    if samples.iter().all(|s| s.v == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let n = samples.len() as f64;
    let (mut x_sum, mut y_sum, mut xy_sum, mut xx_sum) = (0.0, 0.0, 0.0, 0.0);
    for s in samples {
        let x = seconds(origin, s.t);
        x_sum += x;
        y_sum += s.v;
        xy_sum += x * s.v;
        xx_sum += x * x;
    }
    let slope = (xy_sum - x_sum * y_sum / n) / (xx_sum - x_sum * x_sum / n);
    (slope, y_sum / n - slope * x_sum / n)
}
