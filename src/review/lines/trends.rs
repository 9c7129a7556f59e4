//! This period against the one before it: latency that creeps is never a page, and traffic that
//! grows eats the room that is left.

use super::Look;
use crate::model::signal::SignalId;
use crate::model::{Health, Outcome};
use crate::review::asked::Question;
use crate::review::line::{Seen, detail};
use crate::ui::human;

/// A fifth slower than in the period before is worth a look.
const SLOWER: f64 = 0.20;
/// Traffic that moves by half in one period is another service than the one that was planned for.
const MOVED: f64 = 0.50;

pub fn latency(look: &Look<'_>) -> Result<Seen, String> {
    against(look, SignalId::LatencyP95, |change| change > SLOWER, "not 20 % slower")
}

pub fn traffic(look: &Look<'_>) -> Result<Seen, String> {
    against(look, SignalId::RequestRate, |change| change.abs() > MOVED, "within ±50 %")
}

fn against(look: &Look<'_>, id: SignalId, bad: fn(f64) -> bool, limit: &str) -> Result<Seen, String> {
    let said = |v: f64| human::value(v, id.unit());
    let now = match look.asked.number(Question::Whole(id)) {
        Ok(now) => now,
        Err(why) => return Ok(Seen::could_not(&why).drawn(look.course(id))),
    };
    let before = match look.asked.number(Question::Before(id)) {
        Ok(before) if before > 0.0 => before,
        Ok(_) => {
            return Ok(Seen::could_not("nothing was measured in the period before").drawn(look.course(id)));
        }
        Err(why) => {
            let why = format!("{} now; the period before: {why}", said(now));
            return Ok(Seen::could_not(&why).drawn(look.course(id)));
        }
    };
    let change = now / before - 1.0;
    let judged = if bad(change) { Outcome::Warning } else { Outcome::Pass };
    let moved = match (change * 100.0).round() {
        0.0 => "the same".to_owned(),
        percent if percent < 0.0 => format!("−{} %", -percent),
        percent => format!("+{percent} %"),
    };
    let measured = format!("{}, {moved} against the period before ({})", said(now), said(before));
    let details = vec![
        detail(Health::NotConfigured, format!("this period {}", said(now))),
        detail(Health::NotConfigured, format!("the one before {}", said(before))),
    ];
    let seen = Seen::new(judged, measured, limit).valued(change, moved, 0.1);
    Ok(seen.detailed(details).drawn(look.course(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::testing::{asked, number, state};

    #[test]
    fn slower_than_before_warns_and_without_a_before_nothing_is_said() {
        let state = state();
        let id = SignalId::LatencyP95;
        let seen = |now: f64, before: Option<f64>| {
            let mut answers = vec![number(Question::Whole(id), now)];
            answers.extend(before.map(|b| number(Question::Before(id), b)));
            latency(&Look { state: &state, asked: &asked(&answers) }).unwrap().verdict
        };
        assert_eq!(seen(0.33, Some(0.3)).outcome, Outcome::Pass);
        let slow = seen(0.45, Some(0.3));
        assert_eq!(slow.outcome, Outcome::Warning);
        assert!(slow.measured.contains("+50 % against the period before (300 ms)"), "{slow:?}");
        assert_eq!(seen(0.3, None).outcome, Outcome::CouldNotCheck);
        assert_eq!(seen(0.3, Some(0.0)).outcome, Outcome::CouldNotCheck, "nothing is no measure");
    }
}
