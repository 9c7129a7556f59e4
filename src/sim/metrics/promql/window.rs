//! Range vectors: for each series its samples, and for each step the window that looks at them.
//! Windows only move forward, so each series is walked once per query.

use std::borrow::Cow;

use super::super::tsdb::Sample;
use super::value::{Grid, Labels, Series};

/// The argument of a function over a range, for all steps of a query.
pub struct Ranges<'a> {
    /// Length of the window in milliseconds.
    pub range: i64,
    /// Where the window ends at each step: the step's time moved by `offset` and `@`.
    pub ends: Vec<i64>,
    /// Samples without staleness markers, oldest first.
    pub series: Vec<(Labels, Cow<'a, [Sample]>)>,
}

/// What a function sees at one step of one series.
pub struct Window<'a> {
    /// Every sample of the series; `lo..hi` are those in the window.
    pub all: &'a [Sample],
    pub lo: usize,
    pub hi: usize,
    /// The bounds of the window, in milliseconds; both belong to it.
    pub start: i64,
    pub end: i64,
    /// The step, and its time in milliseconds.
    pub step: usize,
    pub time: i64,
}

impl<'a> Window<'a> {
    /// The samples in the window; never empty.
    pub fn samples(&self) -> &'a [Sample] {
        &self.all[self.lo..self.hi]
    }

    /// The values in the window; never empty.
    pub fn values(&self) -> impl ExactSizeIterator<Item = f64> + 'a {
        self.samples().iter().map(|s| s.v)
    }

    /// Length of the window in seconds.
    pub fn seconds(&self) -> f64 {
        (self.end - self.start) as f64 / 1000.0
    }
}

impl Ranges<'_> {
    /// How many samples all windows together contain: what a function that walks each of its
    /// windows costs.
    pub fn visits(&self) -> u64 {
        let count = |samples: &[Sample]| -> u64 {
            let (mut lo, mut hi, mut sum) = (0, 0, 0);
            for end in &self.ends {
                slide(samples, end - self.range, *end, &mut lo, &mut hi);
                sum += (hi - lo) as u64;
            }
            sum
        };
        self.series.iter().map(|(_, samples)| count(samples)).sum()
    }

    /// Calls the function that `prepare` makes for each series on each of its windows that has
    /// a sample.
    pub fn each<F>(
        &self,
        grid: Grid,
        rename: fn(&Labels) -> Labels,
        prepare: impl Fn(&[Sample]) -> F,
    ) -> Vec<Series>
    where
        F: FnMut(&Window) -> Option<f64>,
    {
        let column = |samples: &[Sample]| {
            let mut function = prepare(samples);
            let (mut lo, mut hi) = (0, 0);
            let mut at = |(step, &end): (usize, &i64)| {
                let start = end - self.range;
                slide(samples, start, end, &mut lo, &mut hi);
                let window = Window { all: samples, lo, hi, start, end, step, time: grid.time(step) };
                if lo < hi { function(&window) } else { None }
            };
            self.ends.iter().enumerate().map(&mut at).collect()
        };
        self.series
            .iter()
            .map(|(labels, samples)| Series { labels: rename(labels), values: column(samples) })
            .collect()
    }
}

/// Moves `lo..hi` forward to the samples from `start` to `end`, both inclusive.
fn slide(samples: &[Sample], start: i64, end: i64, lo: &mut usize, hi: &mut usize) {
    while *hi < samples.len() && samples[*hi].t <= end {
        *hi += 1;
    }
    while *lo < *hi && samples[*lo].t < start {
        *lo += 1;
    }
}
