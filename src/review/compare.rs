//! What differs since the last sign-off: the first thing that is read.

use jiff::{SignedDuration, Timestamp};

use super::line::{Difference, Seen};
use super::signoff::{SignOff, Signed};
use crate::model::Outcome;

/// The difference of what is seen from the line of the same id that was signed.
pub fn difference(seen: &Seen, id: &str, baseline: Option<&SignOff>, now: Timestamp) -> Difference {
    let Some(baseline) = baseline else { return Difference::First };
    let Some(before) = baseline.line(id) else { return Difference::New };
    let when = when(baseline.at, now);
    let outcome = seen.verdict.outcome != before.outcome;
    let names = seen.names != before.names;
    let moved = match (&seen.value, before.value) {
        (Some(value), Some(old)) => (value.v - old).abs() >= value.matters,
        (a, b) => a.is_some() != b.is_some(),
    };
    match outcome || names || moved {
        true => Difference::Changed(format!("{when} {}", words(before, outcome))),
        false => Difference::Same,
    }
}

/// What it was: the value where there is one, with its verdict where that is the news.
fn words(before: &Signed, outcome: bool) -> String {
    match (before.said.is_empty(), before.outcome) {
        (false, Outcome::CouldNotCheck) | (true, Outcome::CouldNotCheck) => "could not be checked".into(),
        (false, _) => before.said.to_string(),
        (true, outcome_then) if outcome => format!("{}: {}", outcome_then.word(), short(&before.measured)),
        (true, _) => short(&before.measured),
    }
}

/// The beginning of what was said, for a place between brackets.
fn short(text: &str) -> String {
    const MOST: usize = 60;
    let mut out: String = text.chars().take(MOST).collect();
    if text.chars().count() > MOST {
        out.push('…');
    }
    out
}

/// 'yesterday', 'today 07:58', '2026-11-18', in UTC as everything else.
pub fn when(at: Timestamp, now: Timestamp) -> String {
    let day = |t: Timestamp| t.strftime("%Y-%m-%d").to_string();
    if day(at) == day(now) {
        format!("today {}", at.strftime("%H:%M"))
    } else if day(at) == day(now - SignedDuration::from_hours(24)) {
        "yesterday".into()
    } else {
        day(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::signoff::{SCHEMA, Scope};
    use crate::review::{Kind, SignOff};

    const NOW: &str = "2026-11-21T08:00:00Z";

    fn baseline(line: Signed) -> SignOff {
        SignOff {
            schema: SCHEMA.into(),
            scope: Scope {
                context: "c".into(),
                namespace: "shop".into(),
                service: "".into(),
                kind: Kind::Daily,
            },
            at: "2026-11-20T07:58:00Z".parse().unwrap(),
            reviewed: "2026-11-20T07:50:00Z".parse().unwrap(),
            who: Default::default(),
            since: "2026-11-19T20:00:00Z".parse().unwrap(),
            lines: vec![line],
            notes: Default::default(),
            reason: "".into(),
        }
    }

    fn signed(outcome: Outcome, v: f64, said: &str, names: &[&str]) -> SignOff {
        baseline(Signed {
            id: "errors".into(),
            outcome,
            measured: "what it was".into(),
            value: (!said.is_empty()).then_some(v),
            said: said.into(),
            names: names.iter().map(|n| (*n).into()).collect(),
        })
    }

    fn against(seen: &Seen, baseline: &SignOff) -> Difference {
        difference(seen, "errors", Some(baseline), NOW.parse().unwrap())
    }

    #[test]
    fn noise_is_no_news() {
        let seen = Seen::new(Outcome::Pass, "0.04 %", "").valued(0.0004, "0.04 %".into(), 0.0005);
        assert_eq!(against(&seen, &signed(Outcome::Pass, 0.0005, "0.05 %", &[])), Difference::Same);
        let moved = against(&seen, &signed(Outcome::Pass, 0.0019, "0.19 %", &[]));
        assert_eq!(moved, Difference::Changed("yesterday 0.19 %".into()));
        let worse = against(&seen, &signed(Outcome::Warning, 0.0004, "0.04 %", &[]));
        assert!(worse.differs(), "another verdict is always news");
    }

    #[test]
    fn another_backup_is_news_though_as_many_are_late() {
        let seen = Seen::new(Outcome::Fail, "1 late", "").named(["backup-full".into()]);
        assert_eq!(against(&seen, &signed(Outcome::Fail, 0.0, "", &["backup-full"])), Difference::Same);
        let other = against(&seen, &signed(Outcome::Fail, 0.0, "", &["backup-hourly"]));
        assert_eq!(other, Difference::Changed("yesterday what it was".into()));
        let fresh = against(&seen, &signed(Outcome::Pass, 0.0, "", &[]));
        assert_eq!(fresh, Difference::Changed("yesterday pass: what it was".into()));
    }

    #[test]
    fn the_first_time_there_is_nothing_to_compare_with() {
        let seen = Seen::new(Outcome::Pass, "fine", "");
        assert_eq!(difference(&seen, "errors", None, NOW.parse().unwrap()), Difference::First);
        let other = signed(Outcome::Pass, 0.0, "", &[]);
        assert_eq!(difference(&seen, "disk", Some(&other), NOW.parse().unwrap()), Difference::New);
    }

    #[test]
    fn days_are_named() {
        let now = NOW.parse().unwrap();
        let said = |at: &str| when(at.parse().unwrap(), now);
        assert_eq!(said("2026-11-21T07:58:00Z"), "today 07:58");
        assert_eq!(said("2026-11-20T23:58:00Z"), "yesterday");
        assert_eq!(said("2026-11-18T07:58:00Z"), "2026-11-18");
    }
}
