//! Derived from pods and workloads: what is broken, worst first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::State;
use super::known::Known;
use crate::model::change::Revision;
use crate::model::pod::{Phase, Pod};
use crate::model::workload::{Rollout, Workload, WorkloadKind, WorkloadRef};
use crate::model::{Clean, Health, Key};
use crate::ui::human;

/// A pod that has just restarted is worth a look for this long.
const RECENT: SignedDuration = SignedDuration::from_mins(10);
/// A pod may take this long to start before it is a warning.
const STARTING: SignedDuration = SignedDuration::from_mins(2);

#[derive(Clone, Debug, Default)]
pub struct PodsDerived {
    pub workloads: Vec<WorkloadRow>,
    /// Pods that are not well, worst first, as many as can be looked at: [`MOST_UNHEALTHY`].
    pub unhealthy: Vec<(Health, Arc<Pod>)>,
    pub ready: u32,
    pub wanted: u32,
    pub total: usize,
    pub health: Health,
    /// By Job: what the first of its pods said as it ended.
    pub last_words: BTreeMap<Key, Clean>,
}

/// The rows of the page of all pods: filtered and sorted.
#[derive(Clone, Debug, Default)]
pub struct PodRows {
    /// False: the page is not open, and there are no rows.
    pub listed: bool,
    pub rows: Vec<(Health, Arc<Pod>)>,
    /// Bytes of the longest name.
    pub longest_name: usize,
}

/// More than any screen is high: when all of 50,000 pods restart, only these are sorted by owner and name.
const MOST_UNHEALTHY: usize = 256;

#[derive(Clone, Debug)]
pub struct WorkloadRow {
    pub key: Key,
    pub kind: WorkloadKind,
    pub health: Health,
    pub ready: u32,
    pub wanted: u32,
    pub revision: Option<u64>,
    /// When its newest revision came.
    pub since: Option<Timestamp>,
    pub state: String,
}

/// Words of kubectl's STATUS that mean that a container can't run.
fn is_broken(status: &str) -> bool {
    let status = status.strip_prefix("Init:").unwrap_or(status);
    matches!(
        status,
        "CrashLoopBackOff"
            | "Error"
            | "OOMKilled"
            | "ImagePullBackOff"
            | "ErrImagePull"
            | "InvalidImageName"
            | "CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError"
            | "ContainerCannotRun"
            | "StartError"
            | "DeadlineExceeded"
            | "Evicted"
            | "Failed"
    ) || status.starts_with("ExitCode:")
        || status.starts_with("Signal:")
}

pub fn pod_health(pod: &Pod, now: Timestamp) -> Health {
    let age = now.duration_since(pod.created);
    let starting = |grace| if age < grace { Health::Progress } else { Health::Warning };
    if let Some(since) = pod.deleting {
        let long = now.duration_since(since) > SignedDuration::from_mins(5);
        return if long { Health::Warning } else { Health::Progress };
    }
    if &*pod.status == "Unknown" {
        return Health::Unknown;
    }
    if is_broken(&pod.status) {
        return Health::Critical;
    }
    match pod.phase {
        Phase::Failed => Health::Critical,
        Phase::Succeeded => Health::Ok,
        Phase::Unknown => Health::Unknown,
        Phase::Pending => starting(STARTING),
        Phase::Running if !pod.is_ready => match pod.last_restart {
            Some(_) => Health::Warning,
            None => starting(STARTING),
        },
        Phase::Running => {
            let restarted = pod.last_restart.is_some_and(|at| now.duration_since(at) < RECENT);
            if restarted { Health::Warning } else { Health::Ok }
        }
    }
}

/// What the pods of one workload say.
#[derive(Default)]
struct Tally<'a> {
    broken: BTreeMap<&'a str, u32>,
    warnings: u32,
    starting: u32,
    oom: Option<Timestamp>,
}

/// What the configuration's selectors say is ours; without any, everything is.
struct Ours(Option<BTreeSet<(Clean, WorkloadRef)>>);

impl Ours {
    fn of(state: &State) -> Self {
        let selectors = &state.settings.config.selectors;
        if selectors.is_empty() {
            return Self(None);
        }
        let selected = |w: &&Workload| selectors.iter().any(|selector| selects(selector, w));
        let own = |w: &Workload| (w.namespace.clone(), w.reference());
        Self(Some(state.known.workloads().filter(selected).map(own).collect()))
    }

    fn workload(&self, w: &Workload) -> bool {
        self.0.as_ref().is_none_or(|ours| ours.contains(&(w.namespace.clone(), w.reference())))
    }

    fn pod(&self, pod: &Pod) -> bool {
        let owner = |owner: &WorkloadRef| (pod.namespace.clone(), owner.clone());
        self.0.as_ref().is_none_or(|ours| pod.owner.as_ref().is_some_and(|o| ours.contains(&owner(o))))
    }
}

/// 'app=api,tier=web': every label stands in what the workload selects its pods by.
fn selects(selector: &str, w: &Workload) -> bool {
    selector.split(',').filter_map(|term| term.split_once('=')).all(|(name, value)| {
        w.selector.iter().any(|(n, v)| &**n == name.trim() && &**v == value.trim_start_matches('=').trim())
    })
}

/// The pods that are not well: the first of each kind, and what they say of their workloads.
#[derive(Default)]
struct Sick<'a> {
    by_health: BTreeMap<Reverse<Health>, Vec<&'a Arc<Pod>>>,
    tallies: BTreeMap<OwnerKey<'a>, Tally<'a>>,
    /// Broken pods that nothing owns.
    strays: bool,
}

/// A workload by its namespace and name.
type OwnerKey<'a> = (&'a Clean, WorkloadKind, &'a Clean);

fn owner_key<'a>(namespace: &'a Clean, owner: &'a WorkloadRef) -> OwnerKey<'a> {
    (namespace, owner.kind, &owner.name)
}

impl<'a> Sick<'a> {
    fn take(&mut self, pod: &'a Arc<Pod>, health: Health, now: Timestamp) {
        let alike = self.by_health.entry(Reverse(health)).or_default();
        if alike.len() < MOST_UNHEALTHY {
            alike.push(pod);
        }
        let Some(owner) = &pod.owner else {
            self.strays |= health == Health::Critical;
            return;
        };
        let tally = self.tallies.entry(owner_key(&pod.namespace, owner)).or_default();
        match health {
            Health::Critical => *tally.broken.entry(&pod.status).or_default() += 1,
            Health::Progress => tally.starting += 1,
            _ => tally.warnings += 1,
        }
        let oom =
            pod.last_end.as_ref().filter(|end| &*end.reason == "OOMKilled").and_then(|end| end.finished);
        tally.oom = tally.oom.max(oom.filter(|at| now.duration_since(*at) < RECENT * 3));
    }

    /// Worst first.
    fn worst(&self) -> Vec<(Health, Arc<Pod>)> {
        let mut worst = Vec::new();
        for (Reverse(health), pods) in &self.by_health {
            let mut pods = pods.clone();
            pods.sort_by(|a, b| (&a.owner, &a.name).cmp(&(&b.owner, &b.name)));
            worst.extend(pods.into_iter().map(|pod| (*health, pod.clone())));
        }
        worst.truncate(MOST_UNHEALTHY);
        worst
    }
}

pub fn derive(state: &State) -> PodsDerived {
    let (known, now) = (&state.known, state.now);
    let ours = Ours::of(state);
    let (mut sick, mut total) = (Sick::default(), 0);
    let mut last_words = LastWords::new();
    for pod in known.pods.iter() {
        note_last_words(&mut last_words, pod);
        if !ours.pod(pod) {
            continue;
        }
        total += 1;
        let health = pod_health(pod, now);
        if health != Health::Ok {
            sick.take(pod, health, now);
        }
    }
    let revisions = Revisions::of(known);
    let row = |w: &Workload| {
        let tally = sick.tallies.get(&(&w.namespace, w.kind, &w.name));
        row(w, tally.unwrap_or(&Tally::default()), revisions.newest(w), now)
    };
    let mut workloads: Vec<WorkloadRow> = known.workloads().filter(|w| ours.workload(w)).map(row).collect();
    workloads.sort_by(|a, b| rank(b.health).cmp(&rank(a.health)).then_with(|| a.key.cmp(&b.key)));
    let worst = workloads.iter().map(|w| w.health).max_by_key(|h| rank(*h)).unwrap_or(Health::Unknown);
    PodsDerived {
        // What a server says, however large, must not bring us down.
        ready: workloads.iter().fold(0, |sum, w| sum.saturating_add(w.ready)),
        wanted: workloads.iter().fold(0, |sum, w| sum.saturating_add(w.wanted)),
        total,
        health: if sick.strays && worst < Health::Warning { Health::Warning } else { worst },
        unhealthy: sick.worst(),
        last_words: last_words.into_iter().filter_map(|(job, said)| Some((job, said?))).collect(),
        workloads,
    }
}

type LastWords = BTreeMap<Key, Option<Clean>>;

fn note_last_words(said: &mut LastWords, pod: &Pod) {
    if let Some(job) = pod.owner.as_ref().filter(|owner| owner.kind == WorkloadKind::Job) {
        let job = Key { namespace: pod.namespace.clone(), name: job.name.clone() };
        said.entry(job).or_insert_with(|| pod.last_end.as_ref()?.message.clone());
    }
}

/// A rollout that goes as it should is no trouble: it stands behind what is broken.
fn rank(health: Health) -> u8 {
    match health {
        Health::Critical => 4,
        Health::Warning => 3,
        Health::Progress | Health::Unknown | Health::Stale | Health::Denied => 2,
        Health::Ok => 1,
        Health::NotConfigured => 0,
    }
}

impl Workload {
    pub fn reference(&self) -> WorkloadRef {
        WorkloadRef { kind: self.kind, name: self.name.clone() }
    }
}

fn row(
    w: &Workload,
    tally: &Tally<'_>,
    newest: (Option<u64>, Option<Timestamp>),
    now: Timestamp,
) -> WorkloadRow {
    let (revision, since) = newest;
    let (health, state) = judge(w, tally, now);
    WorkloadRow {
        key: Key { namespace: w.namespace.clone(), name: w.name.clone() },
        kind: w.kind,
        health,
        ready: w.ready,
        wanted: w.wanted,
        revision,
        since,
        state,
    }
}

/// The revisions of each workload: a thousand workloads have ten thousand of them.
struct Revisions<'a>(HashMap<OwnerKey<'a>, Vec<&'a Revision>>);

impl<'a> Revisions<'a> {
    fn of(known: &'a Known) -> Self {
        let mut by_owner: HashMap<OwnerKey<'a>, Vec<&Revision>> = HashMap::new();
        for revision in known.revisions() {
            by_owner.entry(owner_key(&revision.namespace, &revision.owner)).or_default().push(revision);
        }
        Self(by_owner)
    }

    fn newest(&self, w: &Workload) -> (Option<u64>, Option<Timestamp>) {
        let of_it = self.0.get(&(&w.namespace, w.kind, &w.name)).into_iter().flatten();
        let current = of_it
            .filter(|r| match (&w.revision, &w.update_revision) {
                (Some(n), _) => r.revision == *n,
                (None, Some(name)) => r.name == *name,
                (None, None) => true,
            })
            .max_by_key(|r| r.revision);
        match current {
            Some(r) => (Some(r.revision), Some(r.created)),
            None => (w.revision, None),
        }
    }
}

fn judge(w: &Workload, tally: &Tally<'_>, now: Timestamp) -> (Health, String) {
    let broken: u32 = tally.broken.values().sum();
    let mut words: Vec<String> = tally.broken.iter().map(|(status, n)| format!("{n} {status}")).collect();
    if let Some(at) = tally.oom {
        words.push(format!("OOMKilled {} ago", human::age(now.duration_since(at))));
    }
    let rollout = w.rollout();
    match &rollout {
        Rollout::Failed(why) => words.push(why.clone()),
        Rollout::Progressing(how) => words.push(format!("rollout: {how}")),
        Rollout::Paused => words.push("paused".into()),
        Rollout::Complete | Rollout::None => {}
    }
    if words.is_empty() && tally.warnings > 0 {
        words.push(format!("{} restarted or not ready", tally.warnings));
    }
    if words.is_empty() && w.wanted == 0 {
        words.push("scaled to 0".into());
    }
    let none_ready = w.wanted > 0 && w.ready == 0 && tally.starting == 0;
    let progressing = matches!(rollout, Rollout::Progressing(_));
    let health = match rollout {
        Rollout::Failed(_) => Health::Critical,
        _ if none_ready || (broken > 0 && w.ready < w.wanted) => Health::Critical,
        _ if broken > 0 || tally.warnings > 0 || tally.oom.is_some() => Health::Warning,
        _ if progressing || (w.ready < w.wanted && tally.starting > 0) => Health::Progress,
        _ if w.ready < w.wanted => Health::Warning,
        _ => Health::Ok,
    };
    (health, words.join(", "))
}

/// The columns that the zoomed panel sorts by.
pub const SORTS: [&str; 7] = ["state", "name", "restarts", "age", "cpu", "memory", "node"];

pub fn rows(state: &State) -> PodRows {
    let list = state.view.list(crate::panels::PODS);
    let (now, ours) = (state.now, Ours::of(state));
    let mut rows: Vec<(Health, &Arc<Pod>)> = state
        .known
        .pods
        .iter()
        .filter(|pod| ours.pod(pod) && list.filter.pod(pod, now))
        .map(|pod| (pod_health(pod, now), pod))
        .collect();
    let usage = |pod: &Pod| {
        let key = Key { namespace: pod.namespace.clone(), name: pod.name.clone() };
        state.known.usage.get(&key).copied().unwrap_or_default()
    };
    // The store is in order of namespace and name, and the sorts are stable. The keys are read once.
    match SORTS[list.sort % SORTS.len()] {
        "state" => rows.sort_by_cached_key(|(health, pod)| Reverse((rank(*health), pod.restarts.min(1)))),
        "restarts" => rows.sort_by_cached_key(|(_, pod)| Reverse(pod.restarts)),
        "age" => rows.sort_by_cached_key(|(_, pod)| Reverse(pod.created)),
        "cpu" => rows.sort_by_cached_key(|(_, pod)| Reverse(usage(pod).cpu_millicores)),
        "memory" => rows.sort_by_cached_key(|(_, pod)| Reverse(usage(pod).memory_bytes)),
        "node" => rows.sort_by(|(_, a), (_, b)| a.node.cmp(&b.node)),
        _ => {}
    }
    if list.reverse {
        rows.reverse();
    }
    PodRows {
        listed: true,
        longest_name: rows.iter().map(|(_, pod)| pod.name.len()).max().unwrap_or(0),
        rows: rows.into_iter().map(|(health, pod)| (health, pod.clone())).collect(),
    }
}
