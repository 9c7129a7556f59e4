//! Binary operators between scalars and vectors, with Prometheus' vector matching.

use std::collections::HashMap;

use promql_parser::parser::token::{self, TokenId};
use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality};

use super::super::labels::{self, METRIC_NAME, filter, without_name};
use super::QueryError;
use super::eval::Evaluator;
use super::setops;
use super::value::{Labels, Series, Value, join_same};

pub fn binary(ev: &Evaluator, expr: &BinaryExpr) -> Result<Value, QueryError> {
    let modifier = expr.modifier.clone().unwrap_or_default();
    if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
        return Err(QueryError::BadData("1:1: parse error: unexpected identifier \"fill\"".into()));
    }
    let op =
        Op { id: expr.op.id(), comparison: expr.op.is_comparison_operator(), bool: modifier.return_bool };
    let (lhs, rhs) = (ev.eval(&expr.lhs)?, ev.eval(&expr.rhs)?);
    Ok(match (lhs, rhs) {
        (Value::Scalar(l), Value::Scalar(r)) => {
            let pairs = l.into_iter().zip(r);
            Value::Scalar(pairs.map(|(l, r)| op.apply(l, r).unwrap_or(f64::NAN)).collect())
        }
        (Value::Vector(v), Value::Scalar(s)) => Value::Vector(with_scalar(op, v, &s, false)?),
        (Value::Scalar(s), Value::Vector(v)) => Value::Vector(with_scalar(op, v, &s, true)?),
        (Value::Vector(l), Value::Vector(r)) => Value::Vector(match op.id {
            token::T_LAND | token::T_LUNLESS | token::T_LOR => setops::apply(op.id, &modifier, l, r)?,
            _ => between(ev, op, &modifier, &l, &r)?,
        }),
        _ => {
            let why = "1:1: parse error: binary expression must contain only scalar and instant vector types";
            return Err(QueryError::BadData(why.into()));
        }
    })
}

/// An arithmetic or comparison operator.
#[derive(Clone, Copy)]
struct Op {
    id: TokenId,
    comparison: bool,
    bool: bool,
}

impl Op {
    /// The value for a pair; `None` if a comparison without `bool` drops it.
    fn apply(self, l: f64, r: f64) -> Option<f64> {
        let kept = match self.id {
            token::T_ADD => return Some(l + r),
            token::T_SUB => return Some(l - r),
            token::T_MUL => return Some(l * r),
            token::T_DIV => return Some(l / r),
            token::T_MOD => return Some(l % r),
            token::T_POW => return Some(l.powf(r)),
            token::T_ATAN2 => return Some(l.atan2(r)),
            token::T_EQLC => l == r,
            token::T_NEQ => l != r,
            token::T_GTR => l > r,
            token::T_LSS => l < r,
            token::T_GTE => l >= r,
            token::T_LTE => l <= r,
            _ => false,
        };
        if self.bool { Some(f64::from(u8::from(kept))) } else { kept.then_some(l) }
    }

    fn drops_name(self) -> bool {
        !self.comparison || self.bool
    }
}

/// A vector and a scalar; a comparison keeps the vector's value, whichever side it is on.
fn with_scalar(
    op: Op,
    vector: Vec<Series>,
    scalar: &[f64],
    swapped: bool,
) -> Result<Vec<Series>, QueryError> {
    let apply = |v: f64, s: f64| {
        if !swapped {
            return op.apply(v, s);
        }
        let value = op.apply(s, v)?;
        Some(if op.comparison && !op.bool { v } else { value })
    };
    let each = |s: Series| Series {
        labels: if op.drops_name() { without_name(&s.labels) } else { s.labels },
        values: s.values.iter().zip(scalar).map(|(v, s)| v.and_then(|v| apply(v, *s))).collect(),
    };
    join_same(vector.into_iter().map(each).collect())
}

/// The labels by which two series match.
pub fn signature(labels: &Labels, matching: Option<&LabelModifier>) -> Labels {
    match matching {
        Some(LabelModifier::Include(on)) => filter(labels, |k| on.labels.iter().any(|l| l == k)),
        Some(LabelModifier::Exclude(ignored)) => {
            filter(labels, |k| k != METRIC_NAME && !ignored.labels.iter().any(|l| l == k))
        }
        None => without_name(labels),
    }
}

/// Series of both sides with one signature.
#[derive(Default)]
struct Match<'a> {
    many: Vec<&'a Series>,
    one: Vec<&'a Series>,
}

/// Two vectors. For `group_right` the sides are swapped, so that the 'many' side is first.
fn between(
    ev: &Evaluator,
    op: Op,
    modifier: &BinModifier,
    lhs: &[Series],
    rhs: &[Series],
) -> Result<Vec<Series>, QueryError> {
    let swapped = matches!(modifier.card, VectorMatchCardinality::OneToMany(_));
    let (many, one) = if swapped { (rhs, lhs) } else { (lhs, rhs) };
    let matching = modifier.matching.as_ref();
    let mut matches: HashMap<Labels, Match> = HashMap::new();
    let mut order: Vec<Labels> = Vec::new();
    for s in many {
        let key = signature(&s.labels, matching);
        let found = matches.entry(key.clone()).or_default();
        if found.many.is_empty() {
            order.push(key);
        }
        found.many.push(s);
    }
    for s in one {
        if let Some(found) = matches.get_mut(&signature(&s.labels, matching)) {
            found.one.push(s);
        }
    }
    let mut out = Pairs { ev, op, modifier, swapped, place: HashMap::new(), series: Vec::new() };
    for key in order {
        if let Some(found) = matches.remove(&key) {
            out.check_one_side(&key, &found)?;
            out.pair(&found)?;
        }
    }
    Ok(out.series.into_iter().filter(|s| s.values.iter().any(Option::is_some)).collect())
}

/// Builds the result of a vector-to-vector operation.
struct Pairs<'a> {
    ev: &'a Evaluator<'a>,
    op: Op,
    modifier: &'a BinModifier,
    swapped: bool,
    place: HashMap<Labels, usize>,
    series: Vec<Series>,
}

impl Pairs<'_> {
    /// The 'one' side must have at most one value per match and step.
    fn check_one_side(&self, key: &Labels, found: &Match) -> Result<(), QueryError> {
        for step in 0..self.ev.grid.steps {
            let mut present = found.one.iter().filter(|s| s.values[step].is_some());
            if let (Some(first), Some(second)) = (present.next(), present.next()) {
                return Err(QueryError::Execution(format!(
                    "found duplicate series for the match group {} on the {} hand-side of the operation: \
                     [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
                    labels::display(key),
                    if self.swapped { "left" } else { "right" },
                    labels::display(&second.labels),
                    labels::display(&first.labels),
                )));
            }
        }
        Ok(())
    }

    fn pair(&mut self, found: &Match) -> Result<(), QueryError> {
        let one_to_one = self.modifier.card == VectorMatchCardinality::OneToOne;
        let mut taken = vec![false; if found.many.len() > 1 { self.ev.grid.steps } else { 0 }];
        for many in &found.many {
            for one in &found.one {
                let labels = self.result_labels(&many.labels, &one.labels);
                let index = self.output(labels)?;
                for step in 0..self.ev.grid.steps {
                    let (Some(m), Some(o)) = (many.values[step], one.values[step]) else { continue };
                    let (l, r) = if self.swapped { (o, m) } else { (m, o) };
                    let Some(value) = self.op.apply(l, r) else { continue };
                    let matched_before = taken.get_mut(step).is_some_and(|t| std::mem::replace(t, true));
                    let slot = &mut self.series[index].values[step];
                    if one_to_one && (matched_before || slot.is_some()) {
                        return Err(QueryError::Execution(
                            "multiple matches for labels: many-to-one matching must be explicit \
                             (group_left/group_right)"
                                .into(),
                        ));
                    }
                    if slot.is_some() {
                        return Err(QueryError::Execution(
                            "multiple matches for labels: grouping labels must ensure unique matches".into(),
                        ));
                    }
                    *slot = Some(value);
                }
            }
        }
        Ok(())
    }

    /// The index of the output series with these labels.
    fn output(&mut self, labels: Labels) -> Result<usize, QueryError> {
        if let Some(index) = self.place.get(&labels) {
            return Ok(*index);
        }
        self.ev.spend(1)?;
        self.place.insert(labels.clone(), self.series.len());
        self.series.push(Series { labels, values: vec![None; self.ev.grid.steps] });
        Ok(self.series.len() - 1)
    }

    /// The labels of a result, from the 'many' side, and those that `group_x` asks of the other.
    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let mut out = if self.op.drops_name() { without_name(many) } else { many.clone() };
        if self.modifier.card == VectorMatchCardinality::OneToOne {
            out = match &self.modifier.matching {
                Some(LabelModifier::Include(on)) => filter(&out, |k| on.labels.iter().any(|l| l == k)),
                Some(LabelModifier::Exclude(ignored)) => {
                    filter(&out, |k| !ignored.labels.iter().any(|l| l == k))
                }
                None => out,
            };
        }
        for name in self.modifier.card.labels().into_iter().flat_map(|l| &l.labels) {
            out = labels::with(&out, name, labels::get(one, name));
        }
        out
    }
}
