//! `and`, `or`, `unless`: sets of series, decided at each step by what is present there.

use std::collections::HashMap;

use promql_parser::parser::BinModifier;
use promql_parser::parser::token::{self, TokenId};

use super::QueryError;
use super::binary::signature;
use super::value::{Labels, Series, join_same};

pub fn apply(
    op: TokenId,
    m: &BinModifier,
    lhs: Vec<Series>,
    rhs: Vec<Series>,
) -> Result<Vec<Series>, QueryError> {
    let sign = |s: &Series| signature(&s.labels, m.matching.as_ref());
    let kept = match op {
        token::T_LOR => {
            let present = presence(&lhs, sign);
            let extra = keep(rhs, sign, &present, false);
            lhs.into_iter().chain(extra).collect()
        }
        _ => {
            let present = presence(&rhs, sign);
            keep(lhs, sign, &present, op == token::T_LAND)
        }
    };
    join_same(kept)
}

/// For each signature, the steps at which a series with it has a value.
fn presence(series: &[Series], sign: impl Fn(&Series) -> Labels) -> HashMap<Labels, Vec<bool>> {
    let mut present: HashMap<Labels, Vec<bool>> = HashMap::new();
    for s in series {
        let steps = present.entry(sign(s)).or_insert_with(|| vec![false; s.values.len()]);
        steps.iter_mut().zip(&s.values).for_each(|(p, v)| *p |= v.is_some());
    }
    present
}

/// The values of `series` at the steps where the presence of their signature equals `wanted`.
fn keep(
    series: Vec<Series>,
    sign: impl Fn(&Series) -> Labels,
    present: &HashMap<Labels, Vec<bool>>,
    wanted: bool,
) -> Vec<Series> {
    let each = |mut s: Series| {
        let steps = present.get(&sign(&s));
        for (step, v) in s.values.iter_mut().enumerate() {
            if steps.is_some_and(|p| p[step]) != wanted {
                *v = None;
            }
        }
        s.values.iter().any(Option::is_some).then_some(s)
    };
    series.into_iter().filter_map(each).collect()
}
