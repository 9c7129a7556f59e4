//! Drills: procedures that must be practised, and when they last were.

use super::{Look, counted, listed};
use crate::model::{Clean, Health, Outcome};
use crate::review::line::{Seen, detail};
use crate::ui::human;

pub fn look(look: &Look<'_>) -> Result<Seen, String> {
    let drills = match &look.asked.drills {
        Ok(drills) => drills,
        Err(why) => return Ok(Seen::could_not(why)),
    };
    if drills.is_empty() {
        return Err("no drill is planned".into());
    }
    let mut due: Vec<Clean> = Vec::new();
    let mut rows = Vec::new();
    for drill in drills {
        let age = drill.last.map(|at| look.now().duration_since(at));
        let is_due = age.is_none_or(|age| age > drill.every);
        let last =
            age.map_or_else(|| "never walked".into(), |age| format!("walked {} ago", human::span(age)));
        let health = if is_due { Health::Warning } else { Health::Ok };
        rows.push(detail(
            health,
            format!("{}: {last}, wanted every {}", drill.name, human::span(drill.every)),
        ));
        if is_due {
            due.push(drill.name.clone());
        }
    }
    rows.sort_by_key(|d| std::cmp::Reverse(d.health));
    let (judged, measured) = match due.len() {
        0 => (Outcome::Pass, format!("{} practised", counted(drills.len(), "drill"))),
        n => (Outcome::Warning, format!("{n} due: {}", listed(&due, 3))),
    };
    Ok(Seen::new(judged, measured, "each practised in time").named(due).detailed(rows))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::review::asked::Drill;
    use crate::review::testing::{asked, state};

    #[test]
    fn what_was_never_walked_or_too_long_ago_is_due() {
        let state = state();
        let mut asked = asked(&[]);
        let days = |n: i64| SignedDuration::from_hours(24 * n);
        let drill = |name: &str, ago: Option<i64>| Drill {
            name: name.into(),
            every: days(30),
            last: ago.map(|n| state.now - days(n)),
        };
        asked.drills = Ok(vec![drill("a", Some(3)), drill("b", Some(31)), drill("c", None)]);
        let seen = look(&Look { state: &state, asked: &asked }).unwrap();
        assert_eq!((seen.verdict.outcome, &*seen.verdict.measured), (Outcome::Warning, "2 due: b, c"));
        asked.drills = Ok(vec![drill("a", Some(3))]);
        assert_eq!(look(&Look { state: &state, asked: &asked }).unwrap().verdict.outcome, Outcome::Pass);
        asked.drills = Err("no home".into());
        let seen = look(&Look { state: &state, asked: &asked }).unwrap();
        assert_eq!(seen.verdict.outcome, Outcome::CouldNotCheck);
    }
}
