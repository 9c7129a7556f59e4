//! Alert patterns: which fired most, for how long, and how often nobody did anything about it. An
//! alert that nobody acts on teaches people to look away.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::alerts::fired;
use super::{Look, counted};
use crate::model::{Clean, Health, Outcome};
use crate::review::asked::{Act, Question};
use crate::review::line::{Seen, detail};
use crate::ui::human;

/// What is done within this long after an alert is over may have been the answer to it.
const LATE: SignedDuration = SignedDuration::from_mins(30);
/// So often in a period without anybody acting, and the rule should be changed or go.
const IGNORED: usize = 3;

#[derive(Default)]
struct Pattern {
    times: usize,
    total: SignedDuration,
    ignored: usize,
}

pub fn look(look: &Look<'_>) -> Result<Seen, String> {
    let answer = match look.asked.answer(Question::Alerts) {
        Some(Ok(answer)) => answer,
        Some(Err(failure)) => return Ok(Seen::could_not(&failure.happened)),
        None => return Ok(Seen::could_not("not asked")),
    };
    let acts = look.asked.acts.as_deref();
    let mut patterns: BTreeMap<Clean, Pattern> = BTreeMap::new();
    for fired in fired(answer) {
        let pattern = patterns.entry(fired.name.clone()).or_default();
        pattern.times += fired.times.len();
        pattern.total += fired.total();
        let nobody = |(from, to): &&(Timestamp, Timestamp)| {
            acts.is_ok_and(|acts| !acts.iter().any(|a| is_answer(a, &fired.name, *from, *to)))
        };
        pattern.ignored += fired.times.iter().filter(nobody).count();
    }
    let mut rows: Vec<(Clean, Pattern)> = patterns.into_iter().collect();
    rows.sort_by_key(|(name, p)| (std::cmp::Reverse((p.times, p.total)), name.clone()));
    let noisy: Vec<Clean> =
        rows.iter().filter(|(_, p)| p.ignored >= IGNORED).map(|(name, _)| name.clone()).collect();
    let total: usize = rows.iter().map(|(_, p)| p.times).sum();
    let measured = match rows.first() {
        None => format!("none fired in {}", human::span(look.window())),
        Some((name, p)) => {
            let ignored: usize = rows.iter().map(|(_, p)| p.ignored).sum();
            format!(
                "{} of {}; most {name}: {}, {} in all; nobody acted on {ignored}",
                counted(total, "time"),
                counted(rows.len(), "alert"),
                counted(p.times, "time"),
                human::span(p.total)
            )
        }
    };
    let details = rows.iter().map(|(name, p)| {
        let health = if p.ignored >= IGNORED { Health::Warning } else { Health::Ok };
        let times = counted(p.times, "time");
        detail(
            health,
            format!("{name}  {times}, {} in all, nobody acted on {}", human::span(p.total), p.ignored),
        )
    });
    let judged = if noisy.is_empty() { Outcome::Pass } else { Outcome::Warning };
    let blind = look.gaps().or_else(|| {
        acts.err().map(|why| format!("who acted is not known, the audit log can't be read: {why}"))
    });
    let limit = "none ignored again and again";
    Ok(Seen::new(judged, measured, limit).named(noisy).detailed(details.collect()).but(blind))
}

/// Whether something was done about it: the alert itself was taken or silenced, or anything in the
/// scope was changed while it fired or shortly after.
fn is_answer(act: &Act, alert: &str, from: Timestamp, to: Timestamp) -> bool {
    let within = act.at >= from && act.at <= to + LATE;
    let of_alerts = matches!(&*act.action, "acknowledge" | "silence" | "release" | "expire-silence");
    within && (!of_alerts || &*act.name == alert)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_in_time_is_an_answer_and_the_silence_of_another_is_not() {
        let at = |minute: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
        let act = |action: &str, name: &str, minute| Act {
            at: at(minute),
            action: action.into(),
            object: "".into(),
            namespace: "shop".into(),
            name: name.into(),
            who: "dana".into(),
            words: "".into(),
        };
        let answers = |a: Act| is_answer(&a, "HighCPU", at(60), at(70));
        assert!(answers(act("scale", "api", 65)) && answers(act("silence", "HighCPU", 95)));
        assert!(!answers(act("silence", "Other", 65)) && !answers(act("scale", "api", 101)));
        assert!(!answers(act("acknowledge", "HighCPU", 59)));
    }
}
