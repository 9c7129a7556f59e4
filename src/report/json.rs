//! What is known, as JSON. The schema is versioned: fields are added, never changed.
//!
//! Units stand in the names: `_s` seconds, `_bytes`, `_millicores`, `_ratio` 0…1. Every section
//! has the age of its data.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::model::scope::Scope;
use crate::model::{FeedId, Health};
use crate::panels::PANELS;
use crate::state::State;
use crate::state::measures::Measure;
use crate::state::pods::pod_health;

/// The schema's name and version.
pub const SCHEMA: &str = "midwatch.snapshot/1";

#[derive(Serialize)]
struct Snapshot<'a> {
    schema: &'static str,
    at: Timestamp,
    scope: &'a Scope,
    headline: Verdict<'a>,
    panels: Vec<Panel<'a>>,
    feeds: Vec<Feed>,
    workloads: Vec<Workload<'a>>,
    pods: Vec<Pod<'a>>,
    measures: Vec<MeasureOut>,
    alerts: Vec<Alert<'a>>,
    backups: Vec<Backup<'a>>,
    changes: Vec<Change<'a>>,
}

#[derive(Serialize)]
struct Verdict<'a> {
    health: Health,
    words: &'a str,
}

#[derive(Serialize)]
struct Panel<'a> {
    panel: &'static str,
    health: Health,
    words: &'a str,
    age_s: Option<f64>,
}

#[derive(Serialize)]
struct Feed {
    feed: FeedId,
    health: Health,
    age_s: Option<f64>,
    why: Option<String>,
}

#[derive(Serialize)]
struct Workload<'a> {
    namespace: &'a str,
    name: &'a str,
    kind: &'static str,
    health: Health,
    ready: u32,
    wanted: u32,
    revision: Option<u64>,
    revision_age_s: Option<f64>,
    state: &'a str,
}

#[derive(Serialize)]
struct Pod<'a> {
    namespace: &'a str,
    name: &'a str,
    /// kubectl's STATUS and READY columns.
    status: &'a str,
    ready: String,
    restarts: u32,
    last_restart_age_s: Option<f64>,
    age_s: f64,
    health: Health,
    workload: Option<String>,
    node: Option<&'a str>,
    last_end_reason: Option<&'a str>,
    last_end_exit_code: Option<i32>,
    used_cpu_millicores: Option<u32>,
    used_memory_bytes: Option<u64>,
    request_cpu_millicores: u32,
    limit_memory_bytes: u64,
}

#[derive(Serialize)]
struct MeasureOut {
    measure: &'static str,
    value: Option<f64>,
    unit: crate::model::signal::Unit,
    health: Health,
    objective: Option<f64>,
    beyond_for_s: Option<f64>,
    age_s: Option<f64>,
    why: Option<String>,
}

#[derive(Serialize)]
struct Alert<'a> {
    name: &'a str,
    severity: &'a str,
    health: Health,
    state: crate::model::alert::AlertState,
    age_s: f64,
    silenced: bool,
    summary: Option<&'a str>,
    runbook: Option<&'a str>,
}

#[derive(Serialize)]
struct Backup<'a> {
    namespace: &'a str,
    name: &'a str,
    health: Health,
    words: &'a str,
    last_success_age_s: Option<f64>,
    rpo_s: Option<f64>,
    next_in_s: Option<f64>,
    last_size_bytes: Option<u64>,
    runs: &'a [crate::model::backup::Run],
}

#[derive(Serialize)]
struct Change<'a> {
    kind: crate::model::change::MarkKind,
    namespace: &'a str,
    workload: &'a str,
    what: &'a str,
    age_s: f64,
}

fn seconds(d: SignedDuration) -> f64 {
    (d.as_secs_f64() * 10.0).round() / 10.0
}

/// The whole state that is shown, as pretty-printed JSON.
///
/// # Errors
/// None that can be met in practice: every part is serialisable.
pub fn render(state: &State) -> serde_json::Result<String> {
    let headline = &state.derived.headline;
    let snapshot = Snapshot {
        schema: SCHEMA,
        at: state.now,
        scope: &state.scope,
        headline: Verdict { health: headline.health, words: &headline.text },
        panels: panels(state),
        feeds: FeedId::ALL.into_iter().map(|feed| feed_out(state, feed)).collect(),
        workloads: workloads(state),
        pods: pods(state),
        measures: measures(state),
        alerts: alerts(state),
        backups: backups(state),
        changes: changes(state),
    };
    serde_json::to_string_pretty(&snapshot)
}

fn panels(state: &State) -> Vec<Panel<'_>> {
    PANELS
        .iter()
        .zip(&state.derived.verdicts)
        .enumerate()
        .map(|(index, (panel, (health, words)))| Panel {
            panel: panel.noun(),
            health: *health,
            words,
            age_s: state.panel_age(index).map(seconds),
        })
        .collect()
}

fn feed_out(state: &State, feed: FeedId) -> Feed {
    Feed {
        feed,
        health: state.feed_health(feed),
        age_s: state.known.status(feed).age(state.now).map(seconds),
        why: state.feed_words(feed),
    }
}

fn workloads(state: &State) -> Vec<Workload<'_>> {
    state
        .derived
        .pods
        .workloads
        .iter()
        .map(|w| Workload {
            namespace: &w.key.namespace,
            name: &w.key.name,
            kind: w.kind.noun(),
            health: w.health,
            ready: w.ready,
            wanted: w.wanted,
            revision: w.revision,
            revision_age_s: w.since.map(|at| seconds(state.now.duration_since(at))),
            state: &w.state,
        })
        .collect()
}

fn pods(state: &State) -> Vec<Pod<'_>> {
    state
        .known
        .pods
        .iter()
        .map(|pod| {
            let key = crate::model::Key { namespace: pod.namespace.clone(), name: pod.name.clone() };
            let used = state.known.usage.get(&key);
            Pod {
                namespace: &pod.namespace,
                name: &pod.name,
                status: &pod.status,
                ready: format!("{}/{}", pod.ready, pod.containers),
                restarts: pod.restarts,
                last_restart_age_s: pod.last_restart.map(|at| seconds(state.now.duration_since(at))),
                age_s: seconds(state.now.duration_since(pod.created)),
                health: pod_health(pod, state.now),
                workload: pod.owner.as_ref().map(|o| format!("{}/{}", o.kind.noun(), o.name)),
                node: pod.node.as_deref(),
                last_end_reason: pod.last_end.as_ref().map(|end| end.reason.as_str()),
                last_end_exit_code: pod.last_end.as_ref().map(|end| end.exit_code),
                used_cpu_millicores: used.map(|u| u.cpu_millicores),
                used_memory_bytes: used.map(|u| u.memory_bytes),
                request_cpu_millicores: pod.requests.cpu_millicores,
                limit_memory_bytes: pod.limits.memory_bytes,
            }
        })
        .collect()
}

fn measures(state: &State) -> Vec<MeasureOut> {
    let out = |m: &Measure| {
        let sampled = state.signal(m.id).and_then(|s| s.latest());
        let sampled = sampled.and_then(|p| Timestamp::from_second(p.t).ok());
        MeasureOut {
            measure: m.id.noun(),
            value: m.value.filter(|v| v.is_finite()),
            unit: m.id.unit(),
            health: m.health,
            objective: m.objective.as_ref().map(|o| o.target),
            beyond_for_s: m.since.map(|at| seconds(state.now.duration_since(at))),
            age_s: sampled.map(|at| seconds(state.now.duration_since(at))),
            why: m.why.clone(),
        }
    };
    state.derived.latency.iter().chain(&state.derived.errors).chain(&state.derived.strip).map(out).collect()
}

fn alerts(state: &State) -> Vec<Alert<'_>> {
    state
        .derived
        .alerts
        .iter()
        .map(|a| Alert {
            name: &a.name,
            severity: &a.severity,
            health: a.health(),
            state: a.state,
            age_s: seconds(state.now.duration_since(a.starts_at)),
            silenced: !a.silenced_by.is_empty(),
            summary: a.summary.as_deref(),
            runbook: a.runbook.as_deref(),
        })
        .collect()
}

fn backups(state: &State) -> Vec<Backup<'_>> {
    state
        .derived
        .backups
        .iter()
        .map(|(backup, health, words)| Backup {
            namespace: &backup.namespace,
            name: &backup.name,
            health: *health,
            words,
            last_success_age_s: backup.age(state.now).map(seconds),
            rpo_s: backup.rpo.map(seconds),
            next_in_s: backup.next.map(|at| seconds(at.duration_since(state.now))),
            last_size_bytes: backup.last_success.as_ref().and_then(|r| r.size_bytes),
            runs: &backup.runs,
        })
        .collect()
}

fn changes(state: &State) -> Vec<Change<'_>> {
    state
        .derived
        .marks
        .iter()
        .map(|mark| Change {
            kind: mark.kind,
            namespace: &mark.namespace,
            workload: &mark.workload.name,
            what: &mark.what,
            age_s: seconds(state.now.duration_since(mark.at)),
        })
        .collect()
}
