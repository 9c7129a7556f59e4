//! Everything that is computed from what is known, once per change: verdicts, headline, leads.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;

use super::measures::{self, Measure};
use super::pods::{PodRows, PodsDerived};
use super::{Connection, State, changes};
use crate::input::Command;
use crate::model::alert::{Alert, AlertState};
use crate::model::backup::{self, Backup, BackupOrigin, JobRun, RunOutcome};
use crate::model::change::Mark;
use crate::model::signal::{BurnWindow, SignalId};
use crate::model::{FailureKind, FeedId, Health, Key, budget};
use crate::panels::{OBJECTIVES, PANELS};
use crate::ui::human;

#[derive(Clone, Debug, Default)]
pub struct Derived {
    pub pods: Arc<PodsDerived>,
    /// Of the page of all pods, while it is open.
    pub rows: PodRows,
    pub latency: Option<Measure>,
    pub errors: Option<Measure>,
    pub strip: Vec<Measure>,
    pub marks: Vec<Mark>,
    pub budget: Option<Budgeted>,
    pub backups: Vec<(Backup, Health, String)>,
    /// Firing first, worst first, then the suppressed.
    pub alerts: Vec<Arc<Alert>>,
    /// Of each panel: its state, and the words of its title.
    pub verdicts: Vec<(Health, String)>,
    pub headline: Headline,
}

/// The error budget, judged and in words.
#[derive(Clone, Debug, Default)]
pub struct Budgeted {
    pub health: Health,
    pub words: String,
}

/// The one line that is read from across the room.
#[derive(Clone, Debug, Default)]
pub struct Headline {
    pub health: Health,
    pub text: String,
    /// What to press to get nearer to the cause.
    pub lead: Option<(Vec<Command>, String)>,
}

pub fn derive(state: &State) -> Derived {
    let mut derived = Derived {
        pods: state.derived.pods.clone(),
        latency: Some(measures::measure(state, SignalId::LatencyP95)),
        errors: Some(measures::measure(state, SignalId::ErrorRatio)),
        strip: measures::strip(state),
        budget: budget(state),
        marks: changes::derive(state),
        backups: backups(state),
        alerts: alerts(state),
        ..Derived::default()
    };
    derived.verdicts = PANELS.iter().map(|panel| panel.verdict(state, &derived)).collect();
    derived.headline = headline(state, &derived);
    derived
}

/// 'budget 61 % left, gone in 2.2 days at this rate (burn 14.9x, 1h+5m)'.
fn budget(state: &State) -> Option<Budgeted> {
    let objective = state.settings.config.objectives.iter().find(|o| o.signal == SignalId::ErrorRatio)?;
    if objective.target <= 0.0 {
        return None;
    }
    let measured = |window| measures::measure(state, SignalId::ErrorRatioOver(window));
    let ratios = BurnWindow::ALL.into_iter().filter_map(|w| Some((w, measured(w).value?))).collect();
    let budget = budget::assess(objective.target, &ratios, measures::traffic(state));
    let feed = state.feed_health(state.measuring());
    if ratios.is_empty() {
        let health = if feed == Health::Ok { Health::Unknown } else { feed };
        return Some(Budgeted { health, words: "error budget: not known".into() });
    }
    let mut words = match budget.left {
        Some(left) if left > 0.0 => format!("budget {} left", human::percent(left)),
        Some(_) => "budget spent".into(),
        None => "budget of 30 days not known".into(),
    };
    if let Some(gone) = budget.gone_in {
        words += &format!(", gone in {} at this rate", human::span(gone));
    }
    if let Some((long, short, burn)) = budget.burning {
        words += &format!(" (burn {burn:.1}x, {}+{})", long.promql(), short.promql());
    }
    if budget.low_traffic {
        words += ", low traffic";
    }
    let health = if feed == Health::Ok { budget.health } else { feed };
    Some(Budgeted { health, words })
}

/// A Job says only that its backoff limit was reached; why it failed stands in its pod.
fn with_cause(state: &State, job: &JobRun) -> JobRun {
    let mut job = job.clone();
    if job.run.outcome == RunOutcome::Failed {
        let key = Key { namespace: job.namespace.clone(), name: job.name.clone() };
        job.run.reason = state.derived.pods.last_words.get(&key).cloned().or(job.run.reason);
    }
    job
}

fn backups(state: &State) -> Vec<(Backup, Health, String)> {
    let k = &state.known;
    let jobs: Vec<JobRun> = k.jobs.iter().map(|job| with_cause(state, job)).collect();
    let sources = backup::Sources {
        cronjobs: k.cronjobs.iter(),
        jobs: jobs.iter(),
        velero_backups: k.velero_backups.iter(),
        velero_schedules: k.velero_schedules.iter(),
        records: k.records.iter(),
    };
    // What no source knows of is missing only when all of them have answered.
    let told = |feed| matches!(state.feed_health(feed), Health::Ok | Health::NotConfigured);
    let complete = [FeedId::CronJobs, FeedId::Jobs, FeedId::BackupRecords].into_iter().all(told);
    let judge = |backup: Backup| match (backup.origin, complete) {
        (BackupOrigin::Expected, false) => {
            (backup, Health::Unknown, "expected; not every source has answered".to_owned())
        }
        (BackupOrigin::CronJob, _) if backup.last_success.is_none() && !told(FeedId::Jobs) => {
            (backup, Health::Unknown, "its Jobs are not known".to_owned())
        }
        (BackupOrigin::Velero, _) if backup.last_success.is_none() && !told(FeedId::VeleroBackups) => {
            (backup, Health::Unknown, "its runs are not known".to_owned())
        }
        _ => {
            let (health, words) = backup::health(&backup, state.now);
            (backup, health, words)
        }
    };
    let expected = &state.settings.config.backups;
    let mut judged: Vec<_> = backup::derive(sources, expected, state.now).into_iter().map(judge).collect();
    judged.sort_by_key(|(backup, health, _)| (Reverse(*health), backup.name.clone()));
    judged
}

fn alerts(state: &State) -> Vec<Arc<Alert>> {
    let mut alerts: Vec<Arc<Alert>> = state.known.alerts.iter().cloned().collect();
    alerts.sort_by_key(|a| {
        (a.state == AlertState::Suppressed, Reverse(a.health()), a.starts_at, a.name.clone())
    });
    alerts
}

fn headline(state: &State, derived: &Derived) -> Headline {
    if let Connection::Failed(failure) = &state.connection {
        return Headline {
            health: Health::Unknown,
            text: format!("{}: {}", failure.tried, failure.happened),
            lead: None,
        };
    }
    let worst = derived
        .verdicts
        .iter()
        .map(|(health, _)| *health)
        .filter(|h| *h != Health::NotConfigured)
        .max()
        .unwrap_or_default();
    let mut parts = Vec::new();
    let mut onset = None;
    let beyond = |measure: &Option<Measure>, name: &str| {
        let m = measure.as_ref().filter(|m| matches!(m.health, Health::Warning | Health::Critical))?;
        let value = measures::said(m.value, m.id.unit());
        let since = m.since.filter(|_| !m.since_before_window);
        let when = since.map(|at| format!(" since {}", human::hm(at))).unwrap_or_default();
        Some((format!("{name} {value}{when}"), since))
    };
    if let Some((text, since)) = beyond(&derived.errors, "errors") {
        onset = since;
        parts.push(text);
    }
    let latency = beyond(&derived.latency, "p95");
    onset = onset.or(latency.as_ref().and_then(|(_, since)| *since)).or_else(|| pods_onset(derived));
    if let Some(mark) = onset.and_then(|at| changes::suspect(&derived.marks, at)) {
        let (word, at) = (mark.kind.word(), human::hm(mark.at));
        parts.push(format!("{word} {} at {at}: {}", mark.workload.name, mark.what));
    }
    let broken = derived.pods.workloads.iter().find(|w| w.health == Health::Critical);
    parts.extend(broken.map(|w| format!("{} {}/{} ready, {}", w.key.name, w.ready, w.wanted, w.state)));
    parts.extend(latency.map(|(text, _)| text));
    if parts.is_empty() {
        parts = PANELS
            .iter()
            .zip(&derived.verdicts)
            .take(OBJECTIVES)
            .filter(|(_, (health, _))| *health == worst && worst > Health::Ok)
            .map(|(panel, (_, words))| format!("{}: {words}", panel.noun()))
            .take(2)
            .collect();
    }
    let beyond = derived.strip.iter().filter(|m| m.health == worst && worst >= Health::Warning);
    parts.extend(beyond.map(|m| format!("{} {}", m.id.noun(), measures::said(m.value, m.id.unit()))));
    Headline { health: worst, text: parts.join(" · "), lead: lead(state, derived) }
}

fn pods_onset(derived: &Derived) -> Option<Timestamp> {
    let broken = derived.pods.workloads.iter().find(|w| w.health == Health::Critical)?;
    broken.since
}

/// What a newcomer should press next: from the symptom to the broken pod to its log.
fn lead(state: &State, derived: &Derived) -> Option<(Vec<Command>, String)> {
    let denied = state.known.feeds.get(&FeedId::Pods).and_then(|f| f.failure.as_ref());
    if denied.is_some_and(|f| f.kind == FailureKind::Denied) {
        return None;
    }
    if let Some((Health::Critical, pod)) = derived.pods.unhealthy.first() {
        return Some((vec![Command::Logs], format!("why {} fails", pod.name)));
    }
    let (index, _) = derived.verdicts.iter().enumerate().find(|(_, (h, _))| *h >= Health::Warning)?;
    let focus = [
        Command::Focus1,
        Command::Focus2,
        Command::Focus3,
        Command::Focus4,
        Command::Focus5,
        Command::Focus6,
    ];
    let panel = PANELS.get(index)?;
    Some((vec![*focus.get(index)?, Command::Open], format!("{} closer", panel.noun())))
}
