//! What has been observed, by feed, and how fresh it is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::model::acknowledgement::Acknowledgement;
use crate::model::alert::Alert;
use crate::model::backup::{BackupRecord, CronJob, JobRun, VeleroBackup, VeleroSchedule};
use crate::model::change::{Mark, MarkKind, Revision};
use crate::model::cluster::{Autoscaler, Certificate, ClusterEvent, Node, PodUsage};
use crate::model::pod::Pod;
use crate::model::signal::{Breakdown, BreakdownId, Probe, Signal, SignalId};
use crate::model::workload::{Workload, WorkloadKind, WorkloadRef};
use crate::model::{Batch, Change, Clean, Failure, FailureKind, FeedId, Health, Key, Observation};

/// The objects of one feed. A relist keeps what was known until it is complete.
#[derive(Clone, Debug)]
pub struct Store<T> {
    items: BTreeMap<Key, (u32, T)>,
    generation: u32,
    relisting: bool,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self { items: BTreeMap::new(), generation: 0, relisting: false }
    }
}

impl<T> Store<T> {
    fn reset(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.relisting = true;
    }

    fn ready(&mut self) {
        if std::mem::take(&mut self.relisting) {
            let generation = self.generation;
            self.items.retain(|_, (seen, _)| *seen == generation);
        }
    }

    fn upsert(&mut self, key: Key, item: T) -> Option<T> {
        self.items.insert(key, (self.generation, item)).map(|(_, old)| old)
    }

    pub fn get(&self, key: &Key) -> Option<&T> {
        self.items.get(key).map(|(_, item)| item)
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.values().map(|(_, item)| item)
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// How one feed is doing.
#[derive(Clone, Debug, Default)]
pub struct FeedStatus {
    /// When everything was last known to be complete.
    pub ready_at: Option<Timestamp>,
    pub failure: Option<Failure>,
    /// Since when it fails without a break.
    pub failed_since: Option<Timestamp>,
    /// Items have come, but the first list is not complete.
    pub loading: bool,
}

/// Data older than this is stale: watches give a sign of life every 25 s, polls every 10 to 15 s.
/// A half-open connection must be seen within 30 s.
const STALE_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// What pods use is asked for each 15 to 60 s, by how many they are.
const USAGE_STALE_AFTER: SignedDuration = SignedDuration::from_secs(90);
/// Backup records behind a URL are read once a minute.
const RECORDS_STALE_AFTER: SignedDuration = SignedDuration::from_secs(150);
/// A failure is told once it has lasted this long: a dropped watch that is back at once is not news.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

impl FeedStatus {
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.ready_at.map(|at| now.duration_since(at).max(SignedDuration::ZERO))
    }

    /// `Ok`, or why the data can't be taken for the present state.
    pub fn health(&self, feed: FeedId, now: Timestamp) -> Health {
        let limit = match feed {
            FeedId::BackupRecords => RECORDS_STALE_AFTER,
            FeedId::Usage => USAGE_STALE_AFTER,
            _ => STALE_AFTER,
        };
        match (&self.failure, self.age(now)) {
            (Some(f), _) if f.kind == FailureKind::Denied => Health::Denied,
            (Some(f), _) if matches!(f.kind, FailureKind::Absent | FailureKind::NotConfigured) => {
                Health::NotConfigured
            }
            (Some(_), None) => Health::Unknown,
            (Some(_), Some(age)) if age >= GRACE => Health::Stale,
            (_, Some(age)) if age > limit => Health::Stale,
            (_, Some(_)) => Health::Ok,
            (None, None) => Health::Progress,
        }
    }
}

/// Which derived values a batch makes outdated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    pub pods: bool,
    pub rest: bool,
}

/// Marks that were seen as they happened; enough for a day of a busy namespace.
const MAX_OBSERVED_MARKS: usize = 500;

#[derive(Clone, Debug, Default)]
pub struct Known {
    pub feeds: BTreeMap<FeedId, FeedStatus>,
    pub pods: Store<Arc<Pod>>,
    pub deployments: Store<Workload>,
    pub statefulsets: Store<Workload>,
    pub daemonsets: Store<Workload>,
    pub replicasets: Store<Revision>,
    pub controller_revisions: Store<Revision>,
    pub events: Store<ClusterEvent>,
    pub nodes: Store<Node>,
    pub jobs: Store<JobRun>,
    pub cronjobs: Store<CronJob>,
    pub autoscalers: Store<Autoscaler>,
    pub usage: Store<PodUsage>,
    pub certificates: Store<Certificate>,
    pub velero_backups: Store<VeleroBackup>,
    pub velero_schedules: Store<VeleroSchedule>,
    pub signals: BTreeMap<SignalId, Signal>,
    pub breakdowns: BTreeMap<BreakdownId, Breakdown>,
    pub alerts: Store<Arc<Alert>>,
    pub acknowledgements: Store<Acknowledgement>,
    pub records: Store<BackupRecord>,
    pub probes: Store<Probe>,
    /// Scales and returns to an older revision leave no trace in the objects: seen as they happen.
    pub observed_marks: VecDeque<Mark>,
}

macro_rules! each_store {
    ($self:ident, $feed:expr, $method:ident ( $($arg:expr),* )) => {
        match $feed {
            FeedId::Pods => drop($self.pods.$method($($arg),*)),
            FeedId::Deployments => drop($self.deployments.$method($($arg),*)),
            FeedId::StatefulSets => drop($self.statefulsets.$method($($arg),*)),
            FeedId::DaemonSets => drop($self.daemonsets.$method($($arg),*)),
            FeedId::ReplicaSets => drop($self.replicasets.$method($($arg),*)),
            FeedId::ControllerRevisions => drop($self.controller_revisions.$method($($arg),*)),
            FeedId::Events => drop($self.events.$method($($arg),*)),
            FeedId::Nodes => drop($self.nodes.$method($($arg),*)),
            FeedId::Jobs => drop($self.jobs.$method($($arg),*)),
            FeedId::CronJobs => drop($self.cronjobs.$method($($arg),*)),
            FeedId::Autoscalers => drop($self.autoscalers.$method($($arg),*)),
            FeedId::Usage => drop($self.usage.$method($($arg),*)),
            FeedId::Certificates => drop($self.certificates.$method($($arg),*)),
            FeedId::VeleroBackups => drop($self.velero_backups.$method($($arg),*)),
            FeedId::VeleroSchedules => drop($self.velero_schedules.$method($($arg),*)),
            FeedId::Alerts => drop($self.alerts.$method($($arg),*)),
            FeedId::Acknowledgements => drop($self.acknowledgements.$method($($arg),*)),
            FeedId::BackupRecords => drop($self.records.$method($($arg),*)),
            FeedId::Probes => drop($self.probes.$method($($arg),*)),
            FeedId::Signals => {}
        }
    };
}

impl<T> Store<T> {
    fn delete(&mut self, key: &Key) -> Option<T> {
        self.items.remove(key).map(|(_, item)| item)
    }
}

impl Known {
    pub fn status(&self, feed: FeedId) -> FeedStatus {
        self.feeds.get(&feed).cloned().unwrap_or_default()
    }

    pub fn apply(&mut self, batch: Batch) -> Dirty {
        let feed = batch.feed;
        for change in batch.changes {
            match change {
                Change::Reset => {
                    each_store!(self, feed, reset());
                    self.feeds.entry(feed).or_default().loading = true;
                }
                Change::Ready => {
                    each_store!(self, feed, ready());
                    let status = self.feeds.entry(feed).or_default();
                    *status = FeedStatus { ready_at: Some(batch.at), ..FeedStatus::default() };
                }
                Change::Failed(failure) => self.fail(feed, failure, batch.at),
                Change::Delete(key) => each_store!(self, feed, delete(&key)),
                Change::Upsert(observation) => self.upsert(feed, observation, batch.at),
            }
        }
        // Workloads have their revision's age from ReplicaSets and ControllerRevisions.
        let pods = matches!(
            feed,
            FeedId::Pods
                | FeedId::Deployments
                | FeedId::StatefulSets
                | FeedId::DaemonSets
                | FeedId::ReplicaSets
                | FeedId::ControllerRevisions
                | FeedId::Usage
        );
        Dirty { pods, rest: true }
    }

    fn fail(&mut self, feed: FeedId, failure: Failure, at: Timestamp) {
        // What the API refuses to tell, or does not have, is not known: nothing old stays.
        if matches!(failure.kind, FailureKind::Denied | FailureKind::Absent) {
            each_store!(self, feed, reset());
            each_store!(self, feed, ready());
        }
        let status = self.feeds.entry(feed).or_default();
        status.failed_since.get_or_insert(at);
        status.failure = Some(failure);
    }

    fn upsert(&mut self, feed: FeedId, observation: Observation, at: Timestamp) {
        use Observation as O;
        let key = |namespace: &Clean, name: &Clean| Key { namespace: namespace.clone(), name: name.clone() };
        let global = |name: &Clean| Key { namespace: Clean::default(), name: name.clone() };
        match observation {
            O::Pod(p) => drop(self.pods.upsert(key(&p.namespace, &p.name), Arc::from(p))),
            O::Workload(w) => self.upsert_workload(*w, at),
            O::Revision(r) if feed == FeedId::ReplicaSets => {
                drop(self.replicasets.upsert(key(&r.namespace, &r.name), *r));
            }
            O::Revision(r) => drop(self.controller_revisions.upsert(key(&r.namespace, &r.name), *r)),
            O::Event(e) => drop(self.events.upsert(key(&e.namespace, &e.name), *e)),
            O::Node(n) => drop(self.nodes.upsert(global(&n.name), *n)),
            O::Job(j) => drop(self.jobs.upsert(key(&j.namespace, &j.name), *j)),
            O::CronJob(c) => drop(self.cronjobs.upsert(key(&c.namespace, &c.name), *c)),
            O::Autoscaler(a) => drop(self.autoscalers.upsert(key(&a.namespace, &a.name), *a)),
            O::Usage(u) => drop(self.usage.upsert(key(&u.namespace, &u.name), u)),
            O::Certificate(c) => drop(self.certificates.upsert(key(&c.namespace, &c.name), *c)),
            O::VeleroBackup(b) => drop(self.velero_backups.upsert(key(&b.namespace, &b.name), *b)),
            O::VeleroSchedule(s) => drop(self.velero_schedules.upsert(key(&s.namespace, &s.name), *s)),
            O::Signal(s) => drop(self.signals.insert(s.id, *s)),
            O::Breakdown(b) => drop(self.breakdowns.insert(b.id, *b)),
            O::Alert(a) => drop(self.alerts.upsert(global(&a.fingerprint), Arc::from(a))),
            O::Acknowledgement(a) => drop(self.acknowledgements.upsert(key(&a.namespace, &a.name), *a)),
            O::BackupRecord(r) => drop(self.records.upsert(global(&r.name), *r)),
            O::Probe(p) => drop(self.probes.upsert(global(&p.name), *p)),
        }
    }

    fn upsert_workload(&mut self, workload: Workload, at: Timestamp) {
        let key = Key { namespace: workload.namespace.clone(), name: workload.name.clone() };
        let store = match workload.kind {
            WorkloadKind::StatefulSet => &mut self.statefulsets,
            WorkloadKind::DaemonSet => &mut self.daemonsets,
            _ => &mut self.deployments,
        };
        let (namespace, kind, name) = (workload.namespace.clone(), workload.kind, workload.name.clone());
        let (wanted, revision, uid) = (workload.wanted, workload.revision, workload.uid.clone());
        let Some(old) = store.upsert(key, workload).filter(|old| old.uid == uid) else { return };
        let mut mark = |kind_of: MarkKind, what: String| {
            if self.observed_marks.len() == MAX_OBSERVED_MARKS {
                self.observed_marks.pop_front();
            }
            let workload = WorkloadRef { kind, name: name.clone() };
            let namespace = namespace.clone();
            self.observed_marks.push_back(Mark {
                at,
                kind: kind_of,
                namespace,
                workload,
                what: what.into(),
                automatic: false,
            });
        };
        if old.wanted != wanted && kind != WorkloadKind::DaemonSet {
            mark(MarkKind::Scale, format!("{} → {wanted} replicas", old.wanted));
        }
        if let (Some(before), Some(now)) = (old.revision, revision)
            && before != now
        {
            mark(MarkKind::Rollout, format!("revision {before} → {now}"));
        }
    }

    pub fn workloads(&self) -> impl Iterator<Item = &Workload> {
        self.deployments.iter().chain(self.statefulsets.iter()).chain(self.daemonsets.iter())
    }

    pub fn revisions(&self) -> impl Iterator<Item = &Revision> {
        self.replicasets.iter().chain(self.controller_revisions.iter())
    }
}
