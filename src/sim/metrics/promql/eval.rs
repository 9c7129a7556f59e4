//! Walks the expression: selectors and subqueries are read here, everything else is handed to
//! the module that knows it.

use std::borrow::Cow;
use std::cell::Cell;
use std::time::{Duration, SystemTime};

use promql_parser::parser::{
    AtModifier, Expr, MatrixSelector, Offset, SubqueryExpr, VectorSelector, value::ValueType,
};

use super::super::labels::without_name;
use super::super::tsdb::{Sample, SeriesId, Tsdb};
use super::value::{Grid, Labels, Series, Value, join_same};
use super::window::Ranges;
use super::{LOOKBACK_MS, QueryError, aggregate, alternatives, binary, functions};

/// Most values one query may hold. Prometheus allows 50 million samples; ours are simulated,
/// and share a laptop with the cockpit.
pub const MAX_VALUES: usize = 10_000_000;

/// Most samples that the windows of one query may visit: some seconds of work.
const MAX_VISITS: u64 = 200_000_000;

/// Step of a subquery that names none: Prometheus' default evaluation interval, 1 minute.
const DEFAULT_SUBQUERY_STEP_MS: i64 = 60_000;

/// Longest duration in a query, in milliseconds (some 3,000 years), so that times cannot overflow.
const MAX_DURATION_MS: i64 = 100_000_000_000_000;

/// What one query may still use.
struct Budget {
    values: Cell<usize>,
    visits: Cell<u64>,
}

pub struct Evaluator<'a> {
    pub db: &'a Tsdb,
    pub grid: Grid,
    /// What `@ start()` and `@ end()` mean: the bounds of the whole query, in milliseconds.
    bounds: (i64, i64),
    budget: std::rc::Rc<Budget>,
}

pub fn millis(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(MAX_DURATION_MS).min(MAX_DURATION_MS)
}

impl<'a> Evaluator<'a> {
    pub fn new(db: &'a Tsdb, grid: Grid) -> Self {
        let budget = Budget { values: Cell::new(MAX_VALUES), visits: Cell::new(MAX_VISITS) };
        Self { db, grid, bounds: (grid.start, grid.end()), budget: budget.into() }
    }

    fn with_grid(&self, grid: Grid) -> Self {
        Self { db: self.db, grid, bounds: self.bounds, budget: self.budget.clone() }
    }

    /// Takes `columns` columns over the grid from the query's budget.
    pub fn spend(&self, columns: usize) -> Result<(), QueryError> {
        let left = columns.checked_mul(self.grid.steps).and_then(|n| self.budget.values.get().checked_sub(n));
        let Some(left) = left else {
            let why = "query processing would load too many samples into memory in query execution";
            return Err(QueryError::Execution(why.into()));
        };
        self.budget.values.set(left);
        Ok(())
    }

    /// Takes the walk over all windows from the query's budget.
    pub fn spend_visits(&self, ranges: &Ranges) -> Result<(), QueryError> {
        let left = self.budget.visits.get().checked_sub(ranges.visits()).ok_or(QueryError::Timeout)?;
        self.budget.visits.set(left);
        Ok(())
    }

    pub fn eval(&self, expr: &Expr) -> Result<Value, QueryError> {
        match expr {
            Expr::NumberLiteral(n) => {
                self.spend(1)?;
                Ok(Value::Scalar(vec![n.val; self.grid.steps]))
            }
            Expr::StringLiteral(s) => Ok(Value::Text(s.val.clone())),
            Expr::Paren(p) => self.eval(&p.expr),
            Expr::Unary(u) => self.negate(&u.expr),
            Expr::VectorSelector(vs) => Ok(Value::Vector(self.select_instant(vs, |s, _| s.v)?)),
            Expr::Call(call) => functions::call(self, call),
            Expr::Aggregate(a) => aggregate::aggregate(self, a),
            Expr::Binary(b) => binary::binary(self, b),
            Expr::MatrixSelector(_) | Expr::Subquery(_) => Err(QueryError::BadData(
                "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector"
                    .into(),
            )),
            Expr::Extension(_) => {
                Err(QueryError::Execution("unhandled expression of type: extension".into()))
            }
        }
    }

    /// Evaluates an argument that the parser has found to be an instant vector.
    pub fn vector(&self, expr: &Expr) -> Result<Vec<Series>, QueryError> {
        match self.eval(expr)? {
            Value::Vector(series) => Ok(series),
            Value::Scalar(_) => Err(unexpected(ValueType::Vector, ValueType::Scalar)),
            Value::Text(_) => Err(unexpected(ValueType::Vector, ValueType::String)),
        }
    }

    /// Evaluates an argument that the parser has found to be a scalar.
    pub fn scalar(&self, expr: &Expr) -> Result<Vec<f64>, QueryError> {
        match self.eval(expr)? {
            Value::Scalar(column) => Ok(column),
            Value::Vector(_) => Err(unexpected(ValueType::Scalar, ValueType::Vector)),
            Value::Text(_) => Err(unexpected(ValueType::Scalar, ValueType::String)),
        }
    }

    fn negate(&self, expr: &Expr) -> Result<Value, QueryError> {
        Ok(match self.eval(expr)? {
            Value::Scalar(column) => Value::Scalar(column.into_iter().map(|v| -v).collect()),
            Value::Vector(series) => Value::Vector(join_same(
                series
                    .into_iter()
                    .map(|s| Series {
                        labels: without_name(&s.labels),
                        values: s.values.into_iter().map(|v| v.map(|v| -v)).collect(),
                    })
                    .collect(),
            )?),
            text @ Value::Text(_) => text,
        })
    }

    fn select(&self, vs: &VectorSelector) -> Vec<SeriesId> {
        let mut ids: Vec<SeriesId> = alternatives(vs).iter().flat_map(|m| self.db.select(m)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The time at which a selector looks at each step, after `@` and `offset`.
    fn references(&self, at: Option<&AtModifier>, offset: Option<&Offset>) -> Vec<i64> {
        let shift = match offset {
            Some(Offset::Pos(d)) => millis(*d),
            Some(Offset::Neg(d)) => -millis(*d),
            None => 0,
        };
        let fixed = at.map(|at| match at {
            AtModifier::Start => self.bounds.0,
            AtModifier::End => self.bounds.1,
            AtModifier::At(t) => match t.duration_since(SystemTime::UNIX_EPOCH) {
                Ok(after) => millis(after),
                Err(before) => -millis(before.duration()),
            },
        });
        (0..self.grid.steps).map(|i| fixed.unwrap_or_else(|| self.grid.time(i)) - shift).collect()
    }

    /// An instant vector: at each step the newest sample not older than the look-back, as
    /// `value` reads it.
    pub fn select_instant(
        &self,
        vs: &VectorSelector,
        value: impl Fn(&Sample, usize) -> f64,
    ) -> Result<Vec<Series>, QueryError> {
        let references = self.references(vs.at.as_ref(), vs.offset.as_ref());
        let (Some(first), Some(last)) = (references.first(), references.last()) else {
            return Ok(Vec::new());
        };
        let mut ids = self.select(vs);
        ids.retain(|id| self.db.has_samples(*id, first - LOOKBACK_MS, *last));
        self.spend(ids.len())?;
        let column = |samples: &[Sample]| -> Vec<Option<f64>> {
            let mut next = samples.partition_point(|s| s.t <= *first);
            let mut at = |(step, reference): (usize, &i64)| {
                while samples.get(next).is_some_and(|s| s.t <= *reference) {
                    next += 1;
                }
                let newest = &samples[next.checked_sub(1)?];
                (newest.t >= reference - LOOKBACK_MS && !newest.is_stale()).then(|| value(newest, step))
            };
            references.iter().enumerate().map(&mut at).collect()
        };
        let series = |id: SeriesId| {
            Some(Series { labels: self.db.labels(id)?.clone(), values: column(self.db.samples(id)) })
        };
        let found = ids.into_iter().filter_map(series);
        Ok(found.filter(|s| s.values.iter().any(Option::is_some)).collect())
    }

    /// A range vector, for a function over it.
    pub fn ranges(&self, expr: &Expr) -> Result<Ranges<'a>, QueryError> {
        match expr {
            Expr::MatrixSelector(ms) => Ok(self.select_ranges(ms)),
            Expr::Subquery(sq) => self.subquery(sq),
            Expr::Paren(p) => self.ranges(&p.expr),
            other => Err(unexpected(ValueType::Matrix, other.value_type())),
        }
    }

    fn select_ranges(&self, ms: &MatrixSelector) -> Ranges<'a> {
        let range = millis(ms.range);
        let ends = self.references(ms.vs.at.as_ref(), ms.vs.offset.as_ref());
        let (Some(first), Some(last)) = (ends.first(), ends.last()) else {
            return Ranges { range, ends, series: Vec::new() };
        };
        let series = |id: SeriesId| -> Option<(Labels, Cow<'a, [Sample]>)> {
            let all = self.db.samples(id);
            let lo = all.partition_point(|s| s.t < first - range);
            let hi = all.partition_point(|s| s.t <= *last);
            let samples = all.get(lo..hi).filter(|s| !s.is_empty())?;
            let samples = if samples.iter().any(Sample::is_stale) {
                Cow::Owned(samples.iter().filter(|s| !s.is_stale()).copied().collect())
            } else {
                Cow::Borrowed(samples)
            };
            Some((self.db.labels(id)?.clone(), samples))
        };
        let series = self.select(&ms.vs).into_iter().filter_map(series).collect();
        Ranges { range, ends, series }
    }

    /// Evaluates the inner expression on a grid of its own, aligned to multiples of its step.
    fn subquery(&self, sq: &SubqueryExpr) -> Result<Ranges<'a>, QueryError> {
        let range = millis(sq.range);
        let ends = self.references(sq.at.as_ref(), sq.offset.as_ref());
        let (Some(first), Some(last)) = (ends.first(), ends.last()) else {
            return Ok(Ranges { range, ends, series: Vec::new() });
        };
        let step = sq.step.map_or(DEFAULT_SUBQUERY_STEP_MS, millis).max(1);
        let from = first - range;
        let mut start = step * (from / step);
        if start < from {
            start += step;
        }
        let inner = self.with_grid(Grid::between(start, *last, step));
        inner.spend(1)?;
        let points = |values: Vec<Option<f64>>| -> Vec<Sample> {
            let point = |(i, v): (usize, Option<f64>)| v.map(|v| Sample { t: inner.grid.time(i), v });
            values.into_iter().enumerate().filter_map(point).collect()
        };
        let series = inner.vector(&sq.expr)?;
        let series = series.into_iter().map(|s| (s.labels, Cow::Owned(points(s.values)))).collect();
        Ok(Ranges { range, ends, series })
    }

    /// A range vector as the result of an instant query.
    pub fn raw_matrix(&self, expr: &Expr) -> Result<Vec<(Labels, Vec<Sample>)>, QueryError> {
        let ranges = self.ranges(expr)?;
        let Some(end) = ranges.ends.first().copied() else { return Ok(Vec::new()) };
        let inside = |s: &&Sample| s.t >= end - ranges.range && s.t <= end;
        let cut = |(labels, samples): (Labels, Cow<[Sample]>)| {
            (labels, samples.iter().filter(inside).copied().collect::<Vec<_>>())
        };
        let mut matrix: Vec<_> = ranges.series.into_iter().map(cut).filter(|(_, s)| !s.is_empty()).collect();
        matrix.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(matrix)
    }
}

fn unexpected(wanted: ValueType, got: ValueType) -> QueryError {
    QueryError::BadData(format!("1:1: parse error: expected type {wanted}, got {got}"))
}
