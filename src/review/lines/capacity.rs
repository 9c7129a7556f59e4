//! Room: how full CPU, memory, disks and connection pools are, where that leads, and whether the
//! autoscalers have any room left.

use super::{Look, counted, outcome};
use crate::model::signal::SignalId;
use crate::model::{Clean, FeedId, Health, Outcome};
use crate::review::line::{Seen, detail};
use crate::review::trend::{self, Trend};
use crate::state::measures;
use crate::ui::human;

/// Twentieths of the whole are news; less is the hour of the day.
const MATTERS: f64 = 0.05;

/// Those that not every service has: where no series tells of them, there are none.
const OPTIONAL: [SignalId; 1] = [SignalId::PoolRatio];

pub fn look(look: &Look<'_>, id: SignalId) -> Result<Seen, String> {
    let measure = measures::measure(look.state, id);
    let course = look.course(id);
    let Some(now) = measure.value else {
        let why = measure.why.unwrap_or_else(|| "not known".into());
        let had = look.asked.baseline.as_ref().and_then(|b| b.line(line_id(id))).is_some();
        if why == "no data" && OPTIONAL.contains(&id) && !had {
            return Err("no series tells of one".into());
        }
        return Ok(Seen::could_not(&why).drawn(course));
    };
    let said = human::value(now, id.unit());
    let trend = course.as_ref().and_then(|c| trend::of(&c.points));
    let full = trend.and_then(|t| t.full_in_days(1.0));
    let within = look.asked.kind().full_within_days();
    let mut judged = outcome(measure.health);
    if full.is_some_and(|days| days < within) {
        judged = judged.max(Outcome::Warning);
    }
    let stale = (!matches!(measure.health, Health::Ok | Health::Warning | Health::Critical))
        .then(|| measure.why.clone().unwrap_or_else(|| measure.health.word().into()));
    let mut measured = said.clone();
    if let Some(days) = full {
        measured += &format!(", full in {}", days_words(days));
    }
    let details = vec![
        detail(measure.health, format!("{said} now")),
        detail(Health::NotConfigured, trend_words(look, id, trend)),
    ];
    let mut limit = look.limit(id);
    if full.is_some_and(|days| days < within) {
        limit += &format!(", not full within {within} days");
    }
    let seen = Seen::new(judged, measured, limit).valued(now, said, MATTERS).detailed(details);
    Ok(match stale {
        Some(why) if judged == Outcome::CouldNotCheck => Seen::could_not(&why).drawn(course),
        other => seen.drawn(course).but(other),
    })
}

fn line_id(id: SignalId) -> &'static str {
    match id {
        SignalId::CpuRatio => "cpu",
        SignalId::MemoryRatio => "memory",
        SignalId::DiskRatio => "disk",
        _ => "pool",
    }
}

/// '74 days', and not a forecast to the hour.
fn days_words(days: f64) -> String {
    if days < 2.0 { format!("{:.0} h", days * 24.0) } else { format!("{days:.0} days") }
}

fn trend_words(look: &Look<'_>, id: SignalId, trend: Option<Trend>) -> String {
    let question = crate::review::asked::Question::Course(id);
    match (trend, look.asked.course(question)) {
        (Some(t), _) if t.is_clear => {
            let sign = if t.slope_per_day < 0.0 { "−" } else { "+" };
            let points = (t.slope_per_day * 100.0).abs();
            format!("trend {sign}{points:.2} percentage points a day, over {:.0} days", t.days)
        }
        (Some(t), _) => format!("no clear trend over {:.0} days", t.days),
        (None, Err(why)) => format!("trend not known: {why}"),
        (None, Ok((_, points))) => {
            let finite = || points.iter().filter(|p| p.v.is_finite());
            let hours =
                finite().next().zip(finite().next_back()).map_or(0.0, |(a, b)| (b.t - a.t) as f64 / 3600.0);
            format!("no trend yet: there are data of {hours:.0} h only")
        }
    }
}

/// Autoscalers against their bounds: one at its maximum has no answer to more load.
pub fn replicas(look: &Look<'_>) -> Result<Seen, String> {
    let blind = look.blind(&[FeedId::Autoscalers], false);
    let scalers: Vec<_> = look.state.known.autoscalers.iter().collect();
    if scalers.is_empty() {
        return match blind {
            Some(why) => Ok(Seen::could_not(&why)),
            None => Err("there is no autoscaler".into()),
        };
    }
    let mut details = Vec::new();
    let mut names: Vec<Clean> = Vec::new();
    for scaler in &scalers {
        let at_most = scaler.desired >= scaler.max && scaler.max > scaler.min;
        let of = format!("{} {} of {}…{}", scaler.target.name, scaler.current, scaler.min, scaler.max);
        let (health, text) = match (&scaler.limited, at_most) {
            (_, true) => (Health::Warning, format!("{of}, at its maximum")),
            // At its minimum it is limited, too, and nothing is wrong with that.
            (Some(why), false) if scaler.desired > scaler.min => (Health::Warning, format!("{of}: {why}")),
            _ => (Health::Ok, of),
        };
        if health != Health::Ok {
            names.push(scaler.target.name.clone());
        }
        details.push(detail(health, text));
    }
    details.sort_by_key(|d| std::cmp::Reverse(d.health));
    let first = details.first().map(|d| d.text.to_string()).unwrap_or_default();
    let (judged, measured) = match names.len() {
        0 => (Outcome::Pass, format!("{} within bounds: {first}", counted(scalers.len(), "autoscaler"))),
        _ => (Outcome::Warning, first),
    };
    Ok(Seen::new(judged, measured, "below their maximum").named(names).detailed(details).but(blind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::asked::Question;
    use crate::review::testing::{asked, course, long_course, measured, state};

    fn disk(now: f64, per_day: f64) -> Seen {
        let mut state = state();
        let id = SignalId::DiskRatio;
        measured(&mut state, id, now);
        let asked = asked(&[long_course(Question::Course(id), |day| now + per_day * (day - 7.0))]);
        look(&Look { state: &state, asked: &asked }, id).unwrap()
    }

    #[test]
    fn a_disk_that_will_be_full_is_told_in_time() {
        let calm = disk(0.61, 0.005);
        assert_eq!((calm.verdict.outcome, &*calm.verdict.measured), (Outcome::Pass, "61 %, full in 78 days"));
        let soon = disk(0.61, 0.05);
        assert_eq!(
            (soon.verdict.outcome, &*soon.verdict.measured),
            (Outcome::Warning, "61 %, full in 8 days")
        );
        assert_eq!(disk(0.99, 0.0).verdict.outcome, Outcome::Fail);
        assert_eq!(&*disk(0.61, -0.01).verdict.measured, "61 %");
    }

    #[test]
    fn an_hour_of_data_is_no_trend_and_says_so() {
        let mut state = state();
        measured(&mut state, SignalId::CpuRatio, 0.4);
        let hour =
            asked(&[course(Question::Course(SignalId::CpuRatio), |i| if i > 440 { 0.4 } else { f64::NAN })]);
        let seen = look(&Look { state: &state, asked: &hour }, SignalId::CpuRatio).unwrap();
        assert_eq!(seen.verdict.outcome, Outcome::Pass);
        assert_eq!(&*seen.details[1].text, "no trend yet: there are data of 1 h only");
    }

    #[test]
    fn what_nobody_measures_is_left_out_or_not_checked() {
        let mut state = state();
        state.known.feeds.entry(FeedId::Signals).or_default().ready_at = Some(state.now);
        let asked = asked(&[]);
        let look_at = |id| look(&Look { state: &state, asked: &asked }, id);
        assert_eq!(look_at(SignalId::DiskRatio).unwrap().verdict.outcome, Outcome::CouldNotCheck);
    }
}
