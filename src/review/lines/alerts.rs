//! Overnight alerts: what fires now, and what fired since the last sign-off, how long and how often.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Look, listed};
use crate::model::alert::{Alert, AlertState};
use crate::model::{Clean, FeedId, Health, Outcome};
use crate::review::asked::{Answer, Question, Series};
use crate::review::line::{Detail, Seen, detail};
use crate::ui::human;

/// One alert about one thing, over the window.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    pub name: Clean,
    /// What it is about: a workload, a service, a pod.
    pub about: Clean,
    pub pages: bool,
    /// From and to of each time that it fired.
    pub times: Vec<(Timestamp, Timestamp)>,
}

impl Fired {
    pub fn total(&self) -> SignedDuration {
        self.times.iter().fold(SignedDuration::ZERO, |sum, (a, b)| sum + b.duration_since(*a))
    }

    fn subject(&self) -> String {
        if self.about.is_empty() { self.name.to_string() } else { format!("{} {}", self.name, self.about) }
    }
}

/// The labels that say what an alert is about, the broadest first.
const ABOUT: [&str; 9] = [
    "workload",
    "deployment",
    "service",
    "cronjob",
    "job_name",
    "node",
    "persistentvolumeclaim",
    "pod",
    "instance",
];

fn pages(severity: &str) -> bool {
    let alert = Alert { severity: Clean::new(severity), ..empty() };
    alert.health() == Health::Critical
}

fn empty() -> Alert {
    Alert {
        fingerprint: Clean::default(),
        name: Clean::default(),
        severity: Clean::default(),
        state: AlertState::Active,
        starts_at: Timestamp::UNIX_EPOCH,
        updated_at: None,
        ends_at: None,
        silenced_by: Vec::new(),
        inhibited_by: Vec::new(),
        summary: None,
        description: None,
        runbook: None,
        labels: Vec::new(),
        receivers: Vec::new(),
    }
}

/// What fired, by name and subject, that which fired longest first.
pub fn fired(answer: &Answer) -> Vec<Fired> {
    let mut all: BTreeMap<(Clean, Clean), Fired> = BTreeMap::new();
    for series in &answer.series {
        let Some(name) = series.label("alertname").cloned() else { continue };
        let about = ABOUT.iter().find_map(|l| series.label(l)).cloned().unwrap_or_default();
        let pages = series.label("severity").is_some_and(|s| pages(s));
        let fired = all.entry((name.clone(), about.clone())).or_insert_with(|| Fired {
            name,
            about,
            pages: false,
            times: Vec::new(),
        });
        fired.pages |= pages;
        fired.times.extend(runs(series, answer.ask.step_s));
    }
    let mut all: Vec<Fired> = all.into_values().collect();
    for fired in &mut all {
        fired.times = merged(std::mem::take(&mut fired.times));
    }
    all.sort_by_key(|f| (Reverse(f.pages), Reverse(f.total()), f.name.clone()));
    all
}

/// Points one after another are one time. Each stands for the step before it.
fn runs(series: &Series, step_s: u32) -> Vec<(Timestamp, Timestamp)> {
    let step = i64::from(step_s);
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for point in series.points.iter().filter(|p| p.v > 0.0) {
        match runs.last_mut() {
            Some((_, to)) if point.t - *to <= step * 3 / 2 => *to = point.t,
            _ => runs.push((point.t.saturating_sub(step), point.t)),
        }
    }
    let at = |t| Timestamp::from_second(t).ok();
    runs.into_iter().filter_map(|(from, to)| Some((at(from)?, at(to)?))).collect()
}

/// Two pods of one workload that crash at the same time are one time.
fn merged(mut times: Vec<(Timestamp, Timestamp)>) -> Vec<(Timestamp, Timestamp)> {
    times.sort();
    let mut out: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, to) in times {
        match out.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => out.push((from, to)),
        }
    }
    out
}

pub fn look(look: &Look<'_>) -> Result<Seen, String> {
    let blind = look.blind(&[FeedId::Alerts], false);
    let alerts = &look.state.derived.alerts;
    let (quiet, firing): (Vec<_>, Vec<_>) = alerts.iter().partition(|a| a.state == AlertState::Suppressed);
    let overnight = match look.asked.answer(Question::Alerts) {
        Some(Ok(answer)) => Ok(fired(answer)),
        Some(Err(failure)) => Err(failure.happened.to_string()),
        None => Err("not asked".into()),
    };
    let is_now = |f: &Fired| alerts.iter().any(|a| a.name == f.name);
    let over: Vec<&Fired> = overnight.iter().flatten().filter(|f| !is_now(f)).collect();
    let worst = firing.iter().map(|a| a.health()).max();
    let outcome = match worst {
        Some(Health::Critical) => Outcome::Fail,
        Some(_) => Outcome::Warning,
        // Silenced is not solved, and a page in the night is worth a look though it is over.
        None if !quiet.is_empty() || over.iter().any(|f| f.pages) => Outcome::Warning,
        None => Outcome::Pass,
    };
    let mut names: Vec<Clean> = firing.iter().chain(&quiet).map(|a| a.name.clone()).collect();
    names.extend(over.iter().map(|f| f.name.clone()));
    let mut rows: Vec<Detail> = firing.iter().chain(&quiet).map(|a| row(look, a)).collect();
    rows.extend(over.iter().map(|f| past(f)));
    let trouble = blind.or_else(|| match &overnight {
        Err(why) => Some(format!("what fired in the meantime is not known: {why}")),
        Ok(_) => look.gaps(),
    });
    let measured = words(look, &firing, &quiet, &over);
    Ok(Seen::new(outcome, measured, "none firing").named(names).detailed(rows).but(trouble))
}

fn words(
    look: &Look<'_>,
    firing: &[&std::sync::Arc<Alert>],
    quiet: &[&std::sync::Arc<Alert>],
    over: &[&Fired],
) -> String {
    let mut parts = Vec::new();
    let names = |alerts: &[&std::sync::Arc<Alert>]| {
        let mut names: Vec<String> = alerts.iter().map(|a| a.name.to_string()).collect();
        names.dedup();
        listed(&names, 3)
    };
    if !firing.is_empty() {
        parts.push(format!("{} firing: {}", firing.len(), names(firing)));
    }
    if !quiet.is_empty() {
        parts.push(format!("{} suppressed: {}", quiet.len(), names(quiet)));
    }
    match over {
        [] => {}
        [one] if one.times.len() == 1 => {
            parts.push(format!("1 resolved after {}: {}", human::span(one.total()), one.subject()));
        }
        more => {
            let names: Vec<String> = more.iter().map(|f| f.subject()).collect();
            parts.push(format!("{} resolved: {}", more.len(), listed(&names, 2)));
        }
    }
    if parts.is_empty() {
        parts.push(format!("none in {}", human::span(look.window())));
    }
    parts.join("; ")
}

fn row(look: &Look<'_>, alert: &Alert) -> Detail {
    let since = human::span(look.now().duration_since(alert.starts_at));
    let taken = match look.state.acknowledgement(alert) {
        Some(a) => format!(", acknowledged by {}", a.holder),
        None if alert.state == AlertState::Suppressed => ", suppressed".into(),
        None => ", not acknowledged".into(),
    };
    let summary = alert.summary.as_ref().map(|s| format!(": {s}")).unwrap_or_default();
    detail(alert.health(), format!("{} firing for {since}{taken}{summary}", alert.name))
}

fn past(fired: &Fired) -> Detail {
    let times = if fired.times.len() == 1 { String::new() } else { format!(" {} times,", fired.times.len()) };
    let last =
        fired.times.last().map(|(from, _)| format!(", last at {}", human::hm(*from))).unwrap_or_default();
    let health = if fired.pages { Health::Warning } else { Health::Ok };
    let text = format!("{} resolved,{times} {} in all{last}", fired.subject(), human::span(fired.total()));
    detail(health, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::signal::Point;
    use crate::review::asked::Ask;
    use crate::review::testing::{asked, failure, state};

    fn answer(series: &[(&str, &str, &[i64])]) -> Answer {
        let ask = Ask { question: Question::Alerts, start: 0, end: 43_200, step_s: 60, window_s: 43_200 };
        let of = |(name, severity, minutes): &(&str, &str, &[i64])| Series {
            labels: vec![
                ("alertname".into(), (*name).into()),
                ("severity".into(), (*severity).into()),
                ("workload".into(), "worker".into()),
            ],
            points: minutes.iter().map(|m| Point { t: m * 60, v: 1.0 }).collect(),
        };
        Answer { ask, series: series.iter().map(of).collect(), left_out: 0, warning: None }
    }

    #[test]
    fn times_are_counted_and_added_up() {
        let fired = fired(&answer(&[
            ("Crash", "ticket", &[10, 11, 12, 13, 40, 41]),
            ("Down", "page", &[5]),
            ("Crash", "ticket", &[12, 13, 14]),
        ]));
        assert_eq!(fired.iter().map(|f| &*f.name).collect::<Vec<_>>(), ["Down", "Crash"], "pages first");
        assert_eq!(fired[1].times.len(), 2, "two pods at once are one time");
        assert_eq!(fired[1].total().as_mins(), 7);
    }

    #[test]
    fn a_night_without_alerts_passes_and_a_page_that_is_over_does_not() {
        let state = state();
        let quiet = asked(&[(Question::Alerts, Ok(answer(&[])))]);
        let seen = look(&Look { state: &state, asked: &quiet }).unwrap();
        assert_eq!((seen.verdict.outcome, &*seen.verdict.measured), (Outcome::Pass, "none in 12 h"));
        let over = asked(&[(Question::Alerts, Ok(answer(&[("Crash", "ticket", &[1, 2, 3, 4])])))]);
        let seen = look(&Look { state: &state, asked: &over }).unwrap();
        assert_eq!(seen.verdict.outcome, Outcome::Pass);
        assert_eq!(&*seen.verdict.measured, "1 resolved after 4 min: Crash worker");
        let page = asked(&[(Question::Alerts, Ok(answer(&[("Down", "page", &[1])])))]);
        assert_eq!(look(&Look { state: &state, asked: &page }).unwrap().verdict.outcome, Outcome::Warning);
    }

    #[test]
    fn a_night_that_nobody_watched_is_no_pass() {
        let state = state();
        let failed = asked(&[(Question::Alerts, Err(failure("503")))]);
        let seen = look(&Look { state: &state, asked: &failed }).unwrap();
        assert_eq!(seen.verdict.outcome, Outcome::CouldNotCheck);
        assert!(seen.verdict.measured.contains("503"), "{:?}", seen.verdict);
        let mut gap = asked(&[(Question::Alerts, Ok(answer(&[])))]);
        gap.answers.retain(|(q, _)| *q != Question::Coverage);
        let seen = look(&Look { state: &state, asked: &gap }).unwrap();
        assert_eq!(seen.verdict.outcome, Outcome::CouldNotCheck, "{:?}", seen.verdict);
    }
}
