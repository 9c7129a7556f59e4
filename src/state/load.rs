//! How busy each workload has been, and what that suggests: up when its CPU was above 70 % of what
//! it requests for 5 minutes, down when below 30 % for 10.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::State;
use crate::model::action::{ObjectKind, Subject};
use crate::model::workload::{WorkloadKind, WorkloadRef};
use crate::model::{Clean, FeedId, Health};
use crate::ui::human;

const BUSY: f64 = 0.70;
const BUSY_FOR: SignedDuration = SignedDuration::from_mins(5);
const IDLE: f64 = 0.30;
const IDLE_FOR: SignedDuration = SignedDuration::from_mins(10);
/// What a change of size aims at: well between the two.
const AIM: f64 = 0.60;

/// The CPU of one workload, as a ratio of what its pods request, and since when it is beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    pub ratio: f64,
    busy_since: Option<Timestamp>,
    idle_since: Option<Timestamp>,
}

impl Load {
    /// The clock was set by so much.
    pub fn step(&mut self, by: SignedDuration) {
        self.busy_since.iter_mut().chain(&mut self.idle_since).for_each(|at| super::step::shift(at, by));
    }
}

pub type Loads = BTreeMap<(Clean, WorkloadRef), Load>;

/// A number of replicas, with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    pub replicas: u32,
    /// 'CPU 84 % of requests for 6 min: 4 → 6'.
    pub words: String,
}

/// What is seen now, after what was seen before.
pub fn observe(state: &State) -> Loads {
    let mut sums: BTreeMap<(&Clean, &WorkloadRef), (u64, u64)> = BTreeMap::new();
    // Both are in the order of their keys: they are gone through side by side, since 50,000 look-ups
    // cost more than all the rest.
    let mut usages = state.known.usage.entries().peekable();
    for (key, pod) in state.known.pods.entries() {
        let Some(owner) = &pod.owner else { continue };
        while usages.next_if(|(of, _)| *of < key).is_some() {}
        // A pod that is not measured says nothing of how busy it is.
        let Some((_, usage)) = usages.next_if(|(of, _)| *of == key) else { continue };
        let sum = sums.entry((&pod.namespace, owner)).or_default();
        sum.0 += u64::from(usage.cpu_millicores);
        sum.1 += u64::from(pod.requests.cpu_millicores);
    }
    let load = |((namespace, owner), (used, requested)): ((&Clean, &WorkloadRef), (u64, u64))| {
        let key = (namespace.clone(), owner.clone());
        let ratio = (requested > 0).then(|| used as f64 / requested as f64)?;
        let before = state.loads.get(&key);
        let since = |is: bool, was: Option<Timestamp>| is.then(|| was.unwrap_or(state.now));
        let busy_since = since(ratio > BUSY, before.and_then(|l| l.busy_since));
        let idle_since = since(ratio < IDLE, before.and_then(|l| l.idle_since));
        Some((key, Load { ratio, busy_since, idle_since }))
    };
    sums.into_iter().filter_map(load).collect()
}

impl State {
    /// What the guideline says of a workload's size; none where it says nothing, or is not known.
    pub fn suggestion(&self, subject: &Subject, now: u32) -> Option<Suggestion> {
        let kind = match subject.kind {
            ObjectKind::Deployment => WorkloadKind::Deployment,
            ObjectKind::StatefulSet => WorkloadKind::StatefulSet,
            _ => return None,
        };
        let key = (subject.namespace.clone(), WorkloadRef { kind, name: subject.name.clone() });
        let load = self.loads.get(&key).filter(|_| self.feed_health(FeedId::Usage) == Health::Ok)?;
        let (since, wanted) = match (load.busy_since, load.idle_since) {
            (Some(since), _) => (since, BUSY_FOR),
            (None, Some(since)) => (since, IDLE_FOR),
            (None, None) => return None,
        };
        let exact = (f64::from(now) * load.ratio / AIM - 1e-9).ceil();
        let floor = if load.busy_since.is_some() { now.saturating_add(1) } else { 1 };
        // At most twice as many at once: what is asked for in between is seen again.
        let replicas = (exact as u32).clamp(floor, now.saturating_mul(2).max(floor));
        if replicas == now || (load.idle_since.is_some() && replicas > now) {
            return None;
        }
        let lasted = self.now.duration_since(since);
        let percent = human::percent(load.ratio);
        let words = if lasted >= wanted {
            format!("CPU {percent} of requests for {}: {now} → {replicas}", human::span(lasted))
        } else {
            let (seen, after) = (human::span(lasted), human::span(wanted));
            format!("CPU {percent} of requests, seen for {seen}; if it lasts for {after}: {now} → {replicas}")
        };
        Some(Suggestion { replicas, words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(ratio: f64, minutes: i64, idle: bool) -> (State, Subject) {
        let mut state = crate::setup::state(
            &Default::default(),
            std::sync::Arc::default(),
            &crate::terminal::capabilities::detect(),
            "2026-11-21T03:00:00Z".parse().unwrap(),
            (80, 24),
        );
        let since = Some(state.now - SignedDuration::from_mins(minutes));
        let worker = WorkloadRef { kind: WorkloadKind::Deployment, name: "worker".into() };
        let (busy_since, idle_since) = if idle { (None, since) } else { (since, None) };
        state.loads.insert(("shop".into(), worker), Load { ratio, busy_since, idle_since });
        let status = state.known.feeds.entry(FeedId::Usage).or_default();
        status.ready_at = Some(state.now);
        let (namespace, name) = ("shop".into(), "worker".into());
        (state, Subject { kind: ObjectKind::Deployment, namespace, name, uid: "u".into() })
    }

    #[test]
    fn it_says_why_and_for_how_long() {
        let (busy, worker) = state(0.84, 6, false);
        let suggestion = busy.suggestion(&worker, 4).unwrap();
        assert_eq!(suggestion.words, "CPU 84 % of requests for 6 min: 4 → 6");
        assert_eq!(suggestion.replicas, 6);
        let (soon, worker) = state(0.84, 1, false);
        let words = soon.suggestion(&worker, 4).unwrap().words;
        assert!(words.contains("seen for 60 s; if it lasts for 5 min"), "{words}");
        let (idle, worker) = state(0.10, 12, true);
        assert_eq!(idle.suggestion(&worker, 6).unwrap().replicas, 1);
        assert_eq!(idle.suggestion(&worker, 1), None, "one is the least");
        let (storm, worker) = state(9.0, 6, false);
        assert_eq!(storm.suggestion(&worker, 4).unwrap().replicas, 8, "at most twice as many");
    }

    #[test]
    fn old_measurements_suggest_nothing() {
        let (mut busy, worker) = state(0.84, 6, false);
        busy.now += SignedDuration::from_mins(3);
        assert_eq!(busy.suggestion(&worker, 4), None);
    }
}
