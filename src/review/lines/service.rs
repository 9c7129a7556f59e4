//! What is promised of each request: error rate and latency over the window and now, and the budget.

use super::{Look, outcome};
use crate::model::objective::{Better, Objective};
use crate::model::signal::{Point, SignalId};
use crate::model::{Health, Outcome};
use crate::review::Kind;
use crate::review::asked::Question;
use crate::review::line::{Detail, Seen, detail};
use crate::state::measures;
use crate::ui::human;
use jiff::{SignedDuration, Timestamp};

/// A change of the whole that is news: half of what is promised.
const MATTERS: f64 = 0.5;

/// Error rate or latency, judged over the whole window and by what is now.
pub fn look(look: &Look<'_>, id: SignalId) -> Result<Seen, String> {
    let Some(objective) = look.objective(id) else { return Err("no objective is set".into()) };
    let said = |v: f64| human::value(v, id.unit());
    let whole = match look.asked.number(Question::Whole(id)) {
        Ok(whole) => whole,
        Err(why) => return Ok(Seen::could_not(&why).drawn(look.course(id))),
    };
    let now = measures::measure(look.state, id);
    let course = look.course(id);
    let worst = course.as_ref().and_then(|c| worst(&c.points, objective));
    let mut judged = outcome(objective.judge(whole));
    judged = judged.max(match now.health {
        Health::Warning | Health::Critical => outcome(now.health),
        // A night's mean hides ten bad minutes; of weeks the objectives' own line tells.
        _ if look.asked.kind() == Kind::Daily
            && worst.is_some_and(|w| objective.judge(w.v) == Health::Critical) =>
        {
            Outcome::Warning
        }
        _ => Outcome::Pass,
    });
    let mut details =
        vec![detail(objective.judge(whole), format!("{} over {}", said(whole), human::span(look.window())))];
    details.push(match now.value {
        Some(v) => detail(now.health, format!("{} now", said(v))),
        None => detail(Health::Unknown, format!("now: {}", now.why.clone().unwrap_or_default())),
    });
    details.extend(worst.map(|w| peak(look, objective, w, said(w.v))));
    details.extend(course.as_ref().and_then(|c| beyond(&c.points, c.step_s, objective)));
    let mut measured = match now.value.filter(|_| now.health >= Health::Warning) {
        Some(v) => format!("{} now, {} over {}", said(v), said(whole), human::span(look.window())),
        None => said(whole),
    };
    if let Some(w) = worst.filter(|w| objective.judge(w.v) > Health::Ok) {
        let at = Timestamp::from_second(w.t).unwrap_or(look.now());
        measured += &format!(", worst {} at {}", said(w.v), human::moment(at, look.now()));
    }
    let blind = short(look, course.as_ref()).or_else(|| {
        (now.value.is_none())
            .then(|| format!("now: {}", now.why.clone().unwrap_or_else(|| "not known".into())))
    });
    let seen = Seen::new(judged, measured, look.limit(id)).detailed(details);
    Ok(seen.valued(whole, said(whole), objective.target * MATTERS).drawn(course).but(blind))
}

/// The course begins later than the window, or ends sooner.
fn short(look: &Look<'_>, course: Option<&crate::review::line::Course>) -> Option<String> {
    let course = course?;
    let finite = || course.points.iter().filter(|p| p.v.is_finite());
    let (first, last) = (finite().next()?.t, finite().next_back()?.t);
    let slack = (3 * i64::from(course.step_s)).max(600);
    let said = |t| Timestamp::from_second(t).map_or_else(|_| "?".into(), |at| human::moment(at, look.now()));
    if first - course.from > slack {
        Some(format!("no data before {}", said(first)))
    } else if course.to - last > slack {
        Some(format!("no data since {}", said(last)))
    } else {
        None
    }
}

fn worst(points: &[Point], objective: &Objective) -> Option<Point> {
    let finite = points.iter().copied().filter(|p| p.v.is_finite());
    match objective.better {
        Better::Lower => finite.max_by(|a, b| a.v.total_cmp(&b.v)),
        Better::Higher => finite.min_by(|a, b| a.v.total_cmp(&b.v)),
    }
}

fn peak(look: &Look<'_>, objective: &Objective, worst: Point, said: String) -> Detail {
    let at = Timestamp::from_second(worst.t).unwrap_or(look.now());
    detail(objective.judge(worst.v), format!("worst {said} at {}", human::moment(at, look.now())))
}

/// 'beyond the objective for 12 min in all'.
fn beyond(points: &[Point], step_s: u32, objective: &Objective) -> Option<Detail> {
    let over = points.iter().filter(|p| objective.judge(p.v) >= Health::Warning).count();
    let total = SignedDuration::from_secs(i64::try_from(over).unwrap_or(0) * i64::from(step_s));
    (over > 0)
        .then(|| detail(Health::Warning, format!("beyond the objective for {} in all", human::span(total))))
}

/// The error budget of thirty days, and whether it burns.
pub fn budget(look: &Look<'_>) -> Result<Seen, String> {
    let Some(budget) = &look.state.derived.budget else { return Err("no objective for errors".into()) };
    let left = look.state.signal(SignalId::ErrorRatioOver(crate::model::signal::BurnWindow::D30));
    let target = look.objective(SignalId::ErrorRatio).map_or(0.0, |o| o.target);
    let left = left.and_then(|s| s.latest()).map(|p| 1.0 - p.v / target).filter(|v| v.is_finite());
    let seen = Seen::new(outcome(budget.health), budget.words.clone(), look.limit(SignalId::ErrorRatio));
    Ok(match left {
        // A twentieth of the month's budget in a day is more than it may take.
        Some(left) => seen.valued(left, format!("{} left", human::percent(left)), 0.05),
        None => seen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::testing::{asked, course, failure, measured, number, state};

    #[test]
    fn the_whole_night_and_its_worst_moment_are_judged() {
        let mut state = state();
        measured(&mut state, SignalId::ErrorRatio, 0.0004);
        let id = SignalId::ErrorRatio;
        let judged = |whole: f64, peak: f64| {
            let asked = asked(&[
                number(Question::Whole(id), whole),
                course(Question::Course(id), |i| if i == 300 { peak } else { 0.0004 }),
            ]);
            look(&Look { state: &state, asked: &asked }, id).unwrap()
        };
        let calm = judged(0.0004, 0.0005);
        assert_eq!(calm.verdict.outcome, Outcome::Pass, "{calm:?}");
        assert_eq!((&*calm.verdict.measured, &*calm.verdict.limit), ("0.04 %", "objective 0.1 %"));
        assert_eq!(judged(0.0015, 0.002).verdict.outcome, Outcome::Warning);
        assert_eq!(judged(0.02, 0.1).verdict.outcome, Outcome::Fail);
        let spike = judged(0.0004, 0.08);
        assert_eq!(spike.verdict.outcome, Outcome::Warning, "ten bad minutes are not hidden by a night");
        assert!(spike.verdict.measured.contains("worst 8 % at"), "{spike:?}");
    }

    #[test]
    fn what_failed_or_was_not_there_is_not_checked() {
        let mut state = state();
        let id = SignalId::ErrorRatio;
        measured(&mut state, id, 0.0004);
        let failed = asked(&[(Question::Whole(id), Err(failure("query timed out")))]);
        let seen = look(&Look { state: &state, asked: &failed }, id).unwrap();
        assert_eq!(seen.verdict, crate::model::Verdict::could_not("query timed out"));
        let late = asked(&[
            number(Question::Whole(id), 0.0004),
            course(Question::Course(id), |i| if i < 400 { f64::NAN } else { 0.0004 }),
        ]);
        let seen = look(&Look { state: &state, asked: &late }, id).unwrap();
        assert_eq!(seen.verdict.outcome, Outcome::CouldNotCheck);
        assert!(seen.verdict.measured.starts_with("no data before"), "{seen:?}");
    }
}
