//! Objectives over the window: for which share of the time each was kept, and the month's budget.

use super::{Look, listed};
use crate::model::signal::SignalId;
use crate::model::{Clean, Health, Outcome};
use crate::review::asked::{Question, SERVICE};
use crate::review::line::{Detail, Seen, detail};
use crate::state::measures;
use crate::ui::human;

/// An objective that was missed for more of the time than this was not kept: what teams promise
/// of latency is said as 'in 99 % of five-minute windows' (SRE workbook, chapter 2).
const MISSED: f64 = 0.01;

pub fn look(look: &Look<'_>) -> Result<Seen, String> {
    let (mut rows, mut missed): (Vec<Detail>, Vec<Clean>) = (Vec::new(), Vec::new());
    let mut unknown = Vec::new();
    for id in SERVICE {
        let Some(objective) = look.objective(id) else { continue };
        let (step_s, points) = match look.asked.course(Question::Course(id)) {
            Ok((answer, points)) => (answer.ask.step_s, points),
            Err(why) => {
                unknown.push(format!("{}: {why}", id.noun()));
                continue;
            }
        };
        let from = look.since().as_second();
        let finite: Vec<f64> =
            points.iter().filter(|p| p.t >= from && p.v.is_finite()).map(|p| p.v).collect();
        if finite.is_empty() {
            unknown.push(format!("{}: no data", id.noun()));
            continue;
        }
        let expected = look.window().as_secs() / i64::from(step_s).max(1);
        if (finite.len() as i64) * 10 < expected * 9 {
            unknown.push(format!("{}: there are data of a part of the time only", id.noun()));
        }
        let beyond = finite.iter().filter(|v| objective.judge(**v) > Health::Ok).count();
        let share = beyond as f64 / finite.len() as f64;
        let kept = human::percent(1.0 - share);
        let bad = share > MISSED;
        if bad {
            missed.push(Clean::new(id.noun()));
        }
        let health = if bad { Health::Warning } else { Health::Ok };
        rows.push(detail(health, format!("{} kept for {kept} of the time", id.noun())));
    }
    let availability = measures::measure(look.state, SignalId::Availability);
    match (availability.value, availability.health) {
        (Some(v), Health::Warning | Health::Critical) => {
            missed.push("availability".into());
            rows.push(detail(
                availability.health,
                format!("availability {} over 30 days", human::percent(v)),
            ));
        }
        (Some(v), _) => {
            rows.push(detail(Health::Ok, format!("availability {} over 30 days", human::percent(v))));
        }
        (None, _) => unknown.push(format!("availability: {}", availability.why.unwrap_or_default())),
    }
    rows.sort_by_key(|d| std::cmp::Reverse(d.health));
    let judged = match rows.iter().map(|d| d.health).max() {
        Some(Health::Critical) => Outcome::Fail,
        Some(Health::Warning) => Outcome::Warning,
        Some(_) => Outcome::Pass,
        None => return Ok(Seen::could_not(&listed(&unknown, 3))),
    };
    let measured = match missed.len() {
        0 => format!("all {} kept", rows.len()),
        n => format!("{n} of {} missed: {}", rows.len(), listed(&missed, 3)),
    };
    let blind = (!unknown.is_empty()).then(|| listed(&unknown, 3));
    Ok(Seen::new(judged, measured, "each for 99 % of the time").named(missed).detailed(rows).but(blind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::testing::{asked, course, measured, state};

    fn seen(beyond: i64, from: i64) -> Seen {
        let mut state = state();
        measured(&mut state, SignalId::Availability, 0.9996);
        let errors = move |i: i64| match i {
            _ if i < from => f64::NAN,
            _ if i < from + beyond => 0.05,
            _ => 0.0001,
        };
        let asked = asked(&[
            course(Question::Course(SignalId::ErrorRatio), errors),
            course(Question::Course(SignalId::LatencyP95), |_| 0.3),
        ]);
        look(&Look { state: &state, asked: &asked }).unwrap()
    }

    #[test]
    fn an_objective_is_kept_for_a_share_of_the_time() {
        assert_eq!(&*seen(4, 0).verdict.measured, "all 3 kept");
        let missed = seen(48, 0);
        assert_eq!(
            (missed.verdict.outcome, &*missed.verdict.measured),
            (Outcome::Warning, "1 of 3 missed: error ratio")
        );
        assert!(missed.details[0].text.contains("kept for 90 % of the time"), "{missed:?}");
    }

    #[test]
    fn half_of_the_data_is_not_all_of_it() {
        assert_eq!(seen(0, 240).verdict.outcome, Outcome::CouldNotCheck);
    }
}
