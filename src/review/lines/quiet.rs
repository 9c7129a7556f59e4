//! Silences and acknowledgements: those that end before anybody looks again, and those that mute
//! nothing any more.

use jiff::SignedDuration;

use super::{Look, counted};
use crate::model::{Clean, FailureKind, FeedId, Health, Outcome};
use crate::review::line::{Detail, Seen, detail};
use crate::ui::human;

/// Before the next morning.
const SOON: SignedDuration = SignedDuration::from_hours(24);

pub fn look(look: &Look<'_>) -> Result<Seen, String> {
    let silences = match &look.asked.silences {
        Ok(silences) => silences,
        Err(f) if matches!(f.kind, FailureKind::NotConfigured | FailureKind::Absent) => {
            return Err("there is no Alertmanager".into());
        }
        Err(failure) => return Ok(Seen::could_not(&failure.happened)),
    };
    let blind =
        look.blind(&[FeedId::Alerts], false).or_else(|| look.blind(&[FeedId::Acknowledgements], true));
    let alerts = &look.state.derived.alerts;
    let (mut rows, mut names): (Vec<Detail>, Vec<Clean>) = (Vec::new(), Vec::new());
    let mut found = |bad: bool, name: &Clean, text: String| {
        if bad {
            names.push(name.clone());
        }
        rows.push(detail(if bad { Health::Warning } else { Health::Ok }, text));
    };
    for s in silences {
        let mutes = alerts.iter().filter(|a| a.silenced_by.contains(&s.id)).count();
        let left = s.ends_at.duration_since(look.now());
        let comment = if s.comment.is_empty() { String::new() } else { format!(" '{}'", s.comment) };
        let what = format!("silence of {} by {}{comment}", s.matchers, s.by);
        let text = match mutes {
            0 => format!("{what} mutes nothing, for another {}", human::span(left)),
            n => format!("{what} mutes {}, ends in {}", counted(n, "alert"), human::span(left)),
        };
        found(mutes == 0 || left < SOON, &s.id, text);
    }
    for a in look.state.known.acknowledgements.iter().filter(|a| a.until > look.now()) {
        let of = alerts.iter().find(|alert| a.is_of(&alert.fingerprint));
        let left = human::span(a.until.duration_since(look.now()));
        let text = match of {
            Some(alert) => format!("acknowledgement of {} by {} ends in {left}", alert.name, a.holder),
            None => format!("acknowledgement by {} is of no alert that fires, for another {left}", a.holder),
        };
        found(true, &a.name, text);
    }
    rows.sort_by_key(|d| std::cmp::Reverse(d.health));
    let (judged, measured) = match (rows.len(), names.len()) {
        (0, _) => (Outcome::Pass, "none".to_owned()),
        (n, 0) => (Outcome::Pass, format!("{} in use", counted(n, "silence"))),
        (_, n) => {
            let more = if n > 1 { format!("; {} more", n - 1) } else { String::new() };
            (Outcome::Warning, format!("{}{more}", rows[0].text))
        }
    };
    Ok(Seen::new(judged, measured, "none idle, none about to end").named(names).detailed(rows).but(blind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::asked::Silence;
    use crate::review::testing::{asked, failure, state};

    #[test]
    fn an_idle_silence_is_found() {
        let state = state();
        let mut idle = asked(&[]);
        idle.silences = Ok(vec![Silence {
            id: "1".into(),
            by: "dana".into(),
            comment: "known".into(),
            ends_at: state.now + SignedDuration::from_hours(72),
            matchers: "alertname=\"HighCPU\"".into(),
        }]);
        let seen = look(&Look { state: &state, asked: &idle }).unwrap();
        assert_eq!(seen.verdict.outcome, Outcome::Warning);
        assert!(seen.verdict.measured.contains("mutes nothing, for another 3 days"), "{:?}", seen.verdict);
        idle.silences = Ok(Vec::new());
        assert_eq!(look(&Look { state: &state, asked: &idle }).unwrap().verdict.outcome, Outcome::Pass);
        idle.silences = Err(failure("503"));
        assert_eq!(
            look(&Look { state: &state, asked: &idle }).unwrap().verdict.outcome,
            Outcome::CouldNotCheck
        );
    }
}
