//! Alerts: firing, gone, taken by somebody, silenced.

use jiff::SignedDuration;

use super::parameter::Slot;
use super::read::{self, Keys};
use super::{Judge, told, verdict};
use crate::config::units::show_duration;
use crate::model::alert::{self, AlertState};
use crate::model::{FeedId, Verdict};
use crate::state::State;
use crate::ui::human;

#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// None: all of them.
    name: Option<String>,
    /// Only those of this severity.
    severity: Option<String>,
    is: Is,
    /// How long it must have been firing.
    lasting: Option<SignedDuration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Firing,
    NotFiring,
    Acknowledged,
    Silenced,
}

const STATES: [(&str, Is); 4] = [
    ("firing", Is::Firing),
    ("not firing", Is::NotFiring),
    ("acknowledged", Is::Acknowledged),
    ("silenced", Is::Silenced),
];

impl Alert {
    pub fn read(keys: &mut Keys<'_, '_>) -> Option<Self> {
        let name = read::all_or_name(keys, "alert");
        let severity = read::text(keys, "severity");
        let is = read::choice(keys, "is", &STATES, Is::NotFiring);
        let lasting = read::duration(keys, "for");
        if lasting.is_some() && is != Some(Is::Firing) {
            read::refuse(keys, "Alertmanager tells only since when an alert fires", "leave 'for' away");
        }
        Some(Self { name: name?, severity, is: is?, lasting })
    }

    fn is_meant(&self, alert: &alert::Alert) -> bool {
        self.name.as_ref().is_none_or(|name| *alert.name == **name)
            && self.severity.as_ref().is_none_or(|s| alert.severity.eq_ignore_ascii_case(s))
    }

    fn which(&self) -> String {
        let severity = self.severity.as_ref().map_or(String::new(), |s| format!("{s} "));
        match (&self.name, self.is) {
            (Some(name), _) => format!("{severity}alert {name}"),
            (None, Is::NotFiring) => format!("no {severity}alert"),
            (None, Is::Firing) => format!("any {severity}alert"),
            (None, _) => format!("every {severity}alert"),
        }
    }
}

/// 'HighErrorRate for 6 min', and what was done about it.
fn said(state: &State, alert: &alert::Alert) -> String {
    let mut words = format!("{} for {}", alert.name, human::span(state.now.duration_since(alert.starts_at)));
    if let Some(taken) = state.acknowledgement(alert) {
        words += &format!(", acknowledged by {}", taken.holder);
    }
    if alert.state == AlertState::Suppressed {
        words += if alert.silenced_by.is_empty() { ", inhibited" } else { ", silenced" };
    }
    words
}

impl Judge for Alert {
    fn words(&self) -> String {
        let which = self.which();
        let lasting = self.lasting.map_or(String::new(), |d| format!(" for {}", show_duration(d)));
        match (self.is, &self.name) {
            (Is::NotFiring, None) => format!("{which} firing"),
            (Is::NotFiring, Some(_)) => format!("{which} not firing"),
            (Is::Firing, _) => format!("{which} firing{lasting}"),
            (Is::Acknowledged, _) => format!("{which} acknowledged"),
            (Is::Silenced, _) => format!("{which} silenced"),
        }
    }

    fn evaluate(&self, state: &State) -> Verdict {
        let feeds: &[FeedId] = match self.is {
            Is::Acknowledged => &[FeedId::Alerts, FeedId::Acknowledgements],
            _ => &[FeedId::Alerts],
        };
        let at = match told(state, feeds) {
            Ok(at) => at,
            Err(verdict) => return verdict,
        };
        let is_over = |a: &alert::Alert| a.ends_at.is_some_and(|end| end <= state.now);
        let meant: Vec<_> = state.known.alerts.iter().filter(|a| self.is_meant(a) && !is_over(a)).collect();
        let long_enough = |a: &alert::Alert| {
            self.lasting.is_none_or(|lasting| state.now.duration_since(a.starts_at) >= lasting)
        };
        let as_wanted = |a: &alert::Alert| match self.is {
            Is::Firing => a.state != AlertState::Suppressed && long_enough(a),
            // What is silenced is still wrong.
            Is::NotFiring => false,
            Is::Acknowledged => state.acknowledgement(a).is_some(),
            Is::Silenced => !a.silenced_by.is_empty(),
        };
        let limit = STATES.iter().find(|(_, is)| *is == self.is).map_or("", |(word, _)| word);
        if meant.is_empty() {
            // Nothing that fires needs to be taken, but a silence can't be seen without its alert.
            let none = "no such alert is firing";
            return match self.is {
                Is::NotFiring => verdict(true, none, limit, Some(at)),
                Is::Acknowledged if self.name.is_none() => verdict(true, none, limit, Some(at)),
                Is::Firing => verdict(false, none, limit, Some(at)),
                Is::Acknowledged | Is::Silenced => Verdict { at: Some(at), ..Verdict::could_not(none) },
            };
        }
        let holds = match self.is {
            Is::Firing => meant.iter().any(|a| as_wanted(a)),
            _ => meant.iter().all(|a| as_wanted(a)),
        };
        // Those that decide it: where it does not hold, the ones in the way.
        let deciding = |a: &&&std::sync::Arc<alert::Alert>| as_wanted(a) == holds;
        let words: Vec<String> = meant.iter().filter(deciding).take(3).map(|a| said(state, a)).collect();
        let more = meant.iter().filter(deciding).count().saturating_sub(words.len());
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        verdict(holds, &format!("{}{more}", words.join("; ")), limit, Some(at))
    }

    fn slots(&mut self) -> Vec<Slot<'_>> {
        self.name.iter_mut().chain(&mut self.severity).map(Slot::name).collect()
    }

    fn confirms_trouble(&self) -> bool {
        self.is == Is::Firing
    }
}
