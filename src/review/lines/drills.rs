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
