//! Aggregation operators. Groups are found once per series, then each step folds the values
//! of its group.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use promql_parser::parser::{AggregateExpr, Expr, LabelModifier, token};

use super::super::labels::{METRIC_NAME, filter, is_label_name, none, with};
use super::eval::Evaluator;
use super::value::{Labels, Series, Value, join_same};
use super::{QueryError, format};

/// A group: its labels, and the series in it.
struct Group<'a> {
    labels: Labels,
    members: Vec<&'a Series>,
}

pub fn aggregate(ev: &Evaluator, expr: &AggregateExpr) -> Result<Value, QueryError> {
    let series = ev.vector(&expr.expr)?;
    let groups = group(&series, expr.modifier.as_ref());
    ev.spend(groups.len())?;
    let folded = |f: fn(&mut [f64]) -> f64| fold(ev, &groups, |_, values| f(values));
    let out = match expr.op.id() {
        token::T_SUM => folded(|v| v.iter().sum()),
        token::T_AVG => folded(|v| mean(v.iter().copied())),
        token::T_COUNT => folded(|v| v.len() as f64),
        token::T_GROUP => folded(|_| 1.0),
        token::T_MIN => folded(|v| v.iter().fold(f64::NAN, |m, &x| if m > x || m.is_nan() { x } else { m })),
        token::T_MAX => folded(|v| v.iter().fold(f64::NAN, |m, &x| if m < x || m.is_nan() { x } else { m })),
        token::T_STDVAR => folded(|v| stdvar(v.iter().copied())),
        token::T_STDDEV => folded(|v| stdvar(v.iter().copied()).sqrt()),
        token::T_QUANTILE => {
            let q = ev.scalar(param(expr)?)?;
            fold(ev, &groups, |step, values| quantile_of(q[step], values))
        }
        token::T_TOPK => ranked(&groups, &limits(ev, expr)?, true),
        token::T_BOTTOMK => ranked(&groups, &limits(ev, expr)?, false),
        token::T_COUNT_VALUES => count_values(ev, &groups, param(expr)?)?,
        _ => {
            let why = format!("1:1: parse error: unknown aggregation {}", expr.op);
            return Err(QueryError::BadData(why));
        }
    };
    Ok(Value::Vector(join_same(out)?))
}

fn param(expr: &AggregateExpr) -> Result<&Expr, QueryError> {
    let missing = || QueryError::BadData(format!("1:1: parse error: {} needs a parameter", expr.op));
    expr.param.as_deref().ok_or_else(missing)
}

fn group<'a>(series: &'a [Series], modifier: Option<&LabelModifier>) -> Vec<Group<'a>> {
    let key = |labels: &Labels| match modifier {
        Some(LabelModifier::Include(by)) => filter(labels, |k| by.labels.iter().any(|l| l == k)),
        Some(LabelModifier::Exclude(without)) => {
            filter(labels, |k| k != METRIC_NAME && !without.labels.iter().any(|l| l == k))
        }
        None => none(),
    };
    let mut place: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for s in series {
        let labels = key(&s.labels);
        let index = *place.entry(labels.clone()).or_insert_with(|| {
            groups.push(Group { labels, members: Vec::new() });
            groups.len() - 1
        });
        groups[index].members.push(s);
    }
    groups
}

/// One series per group: `f` of the values that its members have at each step.
fn fold(ev: &Evaluator, groups: &[Group], f: impl Fn(usize, &mut [f64]) -> f64) -> Vec<Series> {
    let mut present = Vec::new();
    let mut column = |group: &Group| -> Vec<Option<f64>> {
        let mut at = |step: usize| {
            present.clear();
            present.extend(group.members.iter().filter_map(|s| s.values[step]));
            (!present.is_empty()).then(|| f(step, &mut present))
        };
        (0..ev.grid.steps).map(&mut at).collect()
    };
    groups.iter().map(|g| Series { labels: g.labels.clone(), values: column(g) }).collect()
}

/// The k of topk and bottomk at each step.
fn limits(ev: &Evaluator, expr: &AggregateExpr) -> Result<Vec<usize>, QueryError> {
    let limit = |k: f64| {
        // 2^63: what Prometheus can convert to its int64.
        if k.is_nan() || k.abs() >= 9_223_372_036_854_775_808.0 {
            return Err(QueryError::Execution(format!(
                "Scalar value {} overflows int64",
                format::shortest(k)
            )));
        }
        Ok(if k < 1.0 { 0 } else { k as usize })
    };
    ev.scalar(param(expr)?)?.into_iter().map(limit).collect()
}

/// topk and bottomk: the series themselves, with only the steps at which they were chosen; in
/// the order in which they were chosen first, so that an instant query is sorted by rank.
fn ranked(groups: &[Group], limits: &[usize], largest: bool) -> Vec<Series> {
    let mut out = Vec::new();
    for group in groups {
        let mut chosen: HashMap<usize, usize> = HashMap::new();
        for (step, &k) in limits.iter().enumerate() {
            let present = |(i, s): (usize, &&Series)| s.values[step].map(|v| (i, v));
            let mut values: Vec<(usize, f64)> =
                group.members.iter().enumerate().filter_map(present).collect();
            values.sort_by(|a, b| rank(a.1, b.1, largest));
            for (i, v) in values.into_iter().take(k) {
                let index = *chosen.entry(i).or_insert_with(|| {
                    let labels = group.members[i].labels.clone();
                    out.push(Series { labels, values: vec![None; limits.len()] });
                    out.len() - 1
                });
                out[index].values[step] = Some(v);
            }
        }
    }
    out
}

/// Order of preference; NaN comes last either way, as in Prometheus.
pub fn rank(a: f64, b: f64, largest: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => {
            let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            if largest { order.reverse() } else { order }
        }
        (a, b) => a.cmp(&b),
    }
}

fn count_values(ev: &Evaluator, groups: &[Group], label: &Expr) -> Result<Vec<Series>, QueryError> {
    let Value::Text(label) = ev.eval(label)? else {
        return Err(QueryError::BadData(
            "1:1: parse error: expected type string in aggregation expression".into(),
        ));
    };
    if !is_label_name(&label) {
        return Err(QueryError::Execution(format!("invalid label name {label:?}")));
    }
    let mut out: Vec<Series> = Vec::new();
    for group in groups {
        let mut place: HashMap<u64, usize> = HashMap::new();
        for member in &group.members {
            for (step, v) in member.values.iter().enumerate().filter_map(|(i, v)| v.map(|v| (i, v))) {
                let index = match place.entry(v.to_bits()) {
                    Entry::Occupied(slot) => *slot.get(),
                    Entry::Vacant(slot) => {
                        ev.spend(1)?;
                        let labels = with(&group.labels, &label, &format::value(v));
                        out.push(Series { labels, values: vec![None; ev.grid.steps] });
                        *slot.insert(out.len() - 1)
                    }
                };
                let count = &mut out[index].values[step];
                *count = Some(count.unwrap_or(0.0) + 1.0);
            }
        }
    }
    Ok(out)
}

/// The mean, found incrementally so that large values do not overflow the sum.
pub fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let mut mean = 0.0_f64;
    for (i, v) in values.enumerate() {
        if mean.is_infinite() && (v.is_finite() || (v.is_infinite() && (v > 0.0) == (mean > 0.0))) {
            continue;
        }
        let n = (i + 1) as f64;
        mean += v / n - mean / n;
    }
    mean
}

/// The population variance, by Welford's method.
pub fn stdvar(values: impl Iterator<Item = f64>) -> f64 {
    let (mut n, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for v in values {
        n += 1.0;
        let delta = v - mean;
        mean += delta / n;
        squares += delta * (v - mean);
    }
    squares / n
}

/// The φ-quantile with linear interpolation between ranks; sorts the values.
pub fn quantile_of(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&q) {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    // NaN sorts first, as in Prometheus' vectorByValueHeap.
    values.sort_by(|a, b| b.is_nan().cmp(&a.is_nan()).then(a.partial_cmp(b).unwrap_or(Ordering::Equal)));
    let last = values.len() - 1;
    let rank = q * last as f64;
    let lower = rank.floor();
    let weight = rank - lower;
    let at = |i: usize| values[i.min(last)];
    at(lower as usize) * (1.0 - weight) + at(lower as usize + 1) * weight
}
