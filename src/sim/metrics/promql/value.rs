//! What expressions evaluate to: columns over a grid of steps.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

pub use super::super::labels::Labels;
use super::QueryError;

/// The instants of a query: `start`, `start + step`, … (milliseconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    pub start: i64,
    pub step: i64,
    pub steps: usize,
}

impl Grid {
    /// A single instant.
    pub fn at(t: i64) -> Self {
        Self { start: t, step: 1, steps: 1 }
    }

    /// From `start` to `end`, both inclusive; `step` below one millisecond counts as one.
    pub fn between(start: i64, end: i64, step: i64) -> Self {
        let step = step.max(1);
        let steps = if end < start { 0 } else { end.saturating_sub(start) / step + 1 };
        Self { start, step, steps: usize::try_from(steps).unwrap_or(usize::MAX) }
    }

    /// The instant of step `i`, in milliseconds.
    pub fn time(&self, i: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(i64::try_from(i).unwrap_or(i64::MAX)))
    }

    /// The last instant, in milliseconds.
    pub fn end(&self) -> i64 {
        self.time(self.steps.saturating_sub(1))
    }
}

/// One output series: a value or nothing at each step.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub labels: Labels,
    pub values: Vec<Option<f64>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Scalar(Vec<f64>),
    Vector(Vec<Series>),
    Text(String),
}

/// Joins series that an operation left with the same labels.
///
/// # Errors
/// Prometheus' own, when two of them have a value at the same step.
pub fn join_same(series: Vec<Series>) -> Result<Vec<Series>, QueryError> {
    let mut place: HashMap<Labels, usize> = HashMap::with_capacity(series.len());
    let mut joined: Vec<Series> = Vec::with_capacity(series.len());
    for s in series {
        match place.entry(s.labels.clone()) {
            Entry::Vacant(slot) => {
                slot.insert(joined.len());
                joined.push(s);
            }
            Entry::Occupied(slot) => {
                let into = joined[*slot.get()].values.iter_mut();
                for (old, new) in into.zip(s.values).filter(|(_, new)| new.is_some()) {
                    if old.is_some() {
                        let why = "vector cannot contain metrics with the same labelset";
                        return Err(QueryError::Execution(why.into()));
                    }
                    *old = new;
                }
            }
        }
    }
    Ok(joined)
}
