//! PromQL over the series store: parsed by `promql-parser`, evaluated here with the semantics
//! of Prometheus 2 (2.42 is what the tests compare with).
//!
//! An expression is evaluated once per query, not once per step: every node yields whole
//! columns over the grid of steps, so labels are handled once per series, and each selector is
//! read once.

mod aggregate;
mod binary;
mod calendar;
mod complaint;
mod eval;
pub mod format;
mod functions;
mod histogram;
mod overtime;
mod relabel;
mod setops;
mod tokens;
mod trends;
mod unexpected;
mod value;
mod window;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{self, Expr, VectorSelector};

use super::labels::{self, METRIC_NAME};
use super::tsdb::{Sample, Tsdb};
use eval::Evaluator;
pub use eval::MAX_VALUES;
pub use value::{Grid, Labels, Series, Value};

/// How far back an instant vector looks for a sample: Prometheus' default, 5 minutes.
pub const LOOKBACK_MS: i64 = 300_000;

/// Longest query accepted, in bytes; far above what a person or a dashboard writes. The parser
/// and the drop of its tree recurse once per nested operator: of 32 KiB of minus signs they
/// overflow a thread's 2 MiB of stack, of 8 KiB they do not.
const MAX_QUERY_BYTES: usize = 8 * 1024;

/// Deepest nesting accepted. Evaluation recurses, and a server thread's stack is finite.
const MAX_DEPTH: usize = 100;

/// Why a query has no result, worded as Prometheus words it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The expression cannot be understood; HTTP 400, `bad_data`.
    #[error("{0}")]
    BadData(String),
    /// The expression cannot be evaluated over these series; HTTP 422, `execution`.
    #[error("{0}")]
    Execution(String),
    /// The query would take too long; HTTP 503, `timeout`.
    #[error("query timed out in query execution")]
    Timeout,
}

/// What an instant query yields.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Scalar(f64),
    Text(String),
    Vector(Vec<(Labels, Sample)>),
    Matrix(Vec<(Labels, Vec<Sample>)>),
}

/// Parses a query.
///
/// # Errors
/// [`QueryError::BadData`] with the parser's reason.
pub fn parse(query: &str) -> Result<Expr, QueryError> {
    let bad = |why: String| QueryError::BadData(complaint::place(query, 0, &why));
    if query.len() > MAX_QUERY_BYTES {
        return Err(bad(format!("query is longer than {MAX_QUERY_BYTES} bytes")));
    }
    let expr = parser::parse(query).map_err(|why| QueryError::BadData(complaint::complaint(query, &why)))?;
    if depth(&expr) > MAX_DEPTH {
        return Err(bad(format!("query is nested deeper than {MAX_DEPTH} levels")));
    }
    if let Some(why) = complaint::of_durations(query) {
        return Err(QueryError::BadData(why));
    }
    match unknown(&expr) {
        Some(name) => {
            let why = format!("unknown function with name '{name}'");
            Err(QueryError::BadData(complaint::complaint(query, &why)))
        }
        None => Ok(expr),
    }
}

/// The depth of the tree.
fn depth(expr: &Expr) -> usize {
    let mut deepest = 0;
    walk(expr, |_, level| deepest = deepest.max(level));
    deepest
}

/// A function or aggregation that the parser knows and this evaluator does not (native
/// histograms, experimental ones): a Prometheus 2 has not heard of it either.
fn unknown(expr: &Expr) -> Option<String> {
    let mut found = None;
    walk(expr, |expr, _| match expr {
        Expr::Call(call) if !functions::is_known(call.func.name) => found = Some(call.func.name.to_owned()),
        Expr::Aggregate(a) if matches!(a.op.to_string().as_str(), "limitk" | "limit_ratio") => {
            found = Some(a.op.to_string())
        }
        _ => {}
    });
    found
}

/// Visits the tree without recursion, because that is what its depth is bounded for.
fn walk<'a>(expr: &'a Expr, mut visit: impl FnMut(&'a Expr, usize)) {
    let mut todo = vec![(expr, 1)];
    while let Some((expr, level)) = todo.pop() {
        visit(expr, level);
        let mut push = |child| todo.push((child, level + 1));
        match expr {
            Expr::Aggregate(a) => {
                push(&a.expr);
                a.param.iter().for_each(|p| push(p));
            }
            Expr::Unary(u) => push(&u.expr),
            Expr::Binary(b) => {
                push(&b.lhs);
                push(&b.rhs);
            }
            Expr::Paren(p) => push(&p.expr),
            Expr::Subquery(s) => push(&s.expr),
            Expr::Call(c) => c.args.args.iter().for_each(|a| push(a)),
            _ => {}
        }
    }
}

/// How the refusal of a selector that selects everything ends.
const EMPTY: &str = "must contain at least one non-empty matcher";

/// Parses a series selector as in `match[]` and returns its alternatives: a series is selected
/// if it satisfies every matcher of one of them.
///
/// # Errors
/// [`QueryError::BadData`] if it is no selector.
pub fn parse_selector(selector: &str) -> Result<Vec<Vec<Matcher>>, QueryError> {
    match parse(selector) {
        Ok(Expr::VectorSelector(vs)) if vs.offset.is_none() && vs.at.is_none() => Ok(alternatives(&vs)),
        Err(QueryError::BadData(why)) if why.ends_with(EMPTY) => {
            Err(QueryError::BadData(format!("match[] {EMPTY}")))
        }
        Err(why) if complaint::is_selector(selector) => Err(why),
        _ => Err(QueryError::BadData(complaint::no_selector(selector))),
    }
}

/// The matcher lists of a selector, its name among them. (The parser knows VictoriaMetrics'
/// `or` between matchers, hence more than one.)
fn alternatives(vs: &VectorSelector) -> Vec<Vec<Matcher>> {
    let name = vs.name.as_ref().map(|n| Matcher::new(MatchOp::Equal, METRIC_NAME, n));
    let groups = if vs.matchers.or_matchers.is_empty() {
        std::slice::from_ref(&vs.matchers.matchers)
    } else {
        &vs.matchers.or_matchers
    };
    groups.iter().map(|g| name.iter().chain(g).cloned().collect()).collect()
}

/// Evaluates at one instant (milliseconds since the epoch).
///
/// # Errors
/// [`QueryError`] as Prometheus would answer.
pub fn instant(db: &Tsdb, expr: &Expr, at_ms: i64) -> Result<Answer, QueryError> {
    let evaluator = Evaluator::new(db, Grid::at(at_ms));
    if expr.value_type() == parser::value::ValueType::Matrix {
        return Ok(Answer::Matrix(evaluator.raw_matrix(expr)?));
    }
    Ok(match evaluator.eval(expr)? {
        Value::Scalar(column) => Answer::Scalar(column.first().copied().unwrap_or(f64::NAN)),
        Value::Text(text) => Answer::Text(text),
        Value::Vector(series) => Answer::Vector(
            series
                .into_iter()
                .filter_map(|s| {
                    s.values.first().copied().flatten().map(|v| (s.labels, Sample { t: at_ms, v }))
                })
                .collect(),
        ),
    })
}

/// Evaluates at every step of the grid; the series come sorted by their labels.
///
/// # Errors
/// [`QueryError`] as Prometheus would answer.
pub fn range(db: &Tsdb, expr: &Expr, grid: Grid) -> Result<Vec<(Labels, Vec<Sample>)>, QueryError> {
    let evaluator = Evaluator::new(db, grid);
    let points = |values: Vec<Option<f64>>| -> Vec<Sample> {
        values.into_iter().enumerate().filter_map(|(i, v)| v.map(|v| Sample { t: grid.time(i), v })).collect()
    };
    let mut matrix: Vec<(Labels, Vec<Sample>)> = match evaluator.eval(expr)? {
        Value::Scalar(column) => {
            vec![(labels::none(), points(column.into_iter().map(Some).collect()))]
        }
        Value::Vector(series) => series.into_iter().map(|s| (s.labels, points(s.values))).collect(),
        Value::Text(_) => {
            let why = "invalid expression type \"string\" for range query, must be Scalar or instant Vector";
            return Err(QueryError::BadData(why.into()));
        }
    };
    matrix.retain(|(_, points)| !points.is_empty());
    matrix.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(matrix)
}

#[cfg(test)]
mod tests;
