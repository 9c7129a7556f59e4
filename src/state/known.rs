//! What has been observed, by feed, and how fresh it is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::store::Store;
use crate::model::acknowledgement::Acknowledgement;
use crate::model::alert::Alert;
use crate::model::backup::{BackupRecord, CronJob, JobRun, VeleroBackup, VeleroSchedule};
use crate::model::change::{Mark, MarkKind, Revision};
use crate::model::cluster::{Autoscaler, Certificate, ClusterEvent, Node};
use crate::model::pod::{Pod, Resources};
use crate::model::signal::{Breakdown, BreakdownId, Probe, Signal, SignalId};
use crate::model::workload::{Workload, WorkloadKind, WorkloadRef};
use crate::model::{Batch, Change, Clean, Failure, FailureKind, FeedId, Health, Key, Observation};

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
/// A half-open connection must be seen within 30 s, and ages are looked at once a second.
pub const STALE_AFTER: SignedDuration = SignedDuration::from_secs(28);
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

/// Which derived values a message makes outdated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    /// The verdicts over pods and workloads.
    pub pods: bool,
    /// The rows of the page of all pods: what filters and sorts them.
    pub rows: bool,
    /// What pods use.
    pub usage: bool,
    pub rest: bool,
}

impl Dirty {
    pub const ALL: Self = Self { pods: true, rows: true, usage: true, rest: true };

    /// These as well.
    pub fn add(&mut self, more: Self) {
        self.pods |= more.pods;
        self.rows |= more.rows;
        self.usage |= more.usage;
        self.rest |= more.rest;
    }
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
    /// What pods use now.
    pub usage: Store<Resources>,
    pub certificates: Store<Certificate>,
    pub velero_backups: Store<VeleroBackup>,
    pub velero_schedules: Store<VeleroSchedule>,
    pub signals: BTreeMap<SignalId, Signal>,
    pub breakdowns: BTreeMap<BreakdownId, Breakdown>,
    pub alerts: Store<Arc<Alert>>,
    pub acknowledgements: Store<Acknowledgement>,
    pub records: Store<BackupRecord>,
    pub probes: Store<Probe>,
    /// How far our clock is ahead of Prometheus', in whole minutes; none while it is not known.
    pub clock_ahead: Option<SignedDuration>,
    /// Scales and returns to an older revision leave no trace in the objects: seen as they happen.
    pub observed_marks: VecDeque<Mark>,
}

macro_rules! each_store {
    ($self:ident, $feed:expr, $method:ident ( $($arg:expr),* )) => {
        match $feed {
            FeedId::Pods => $self.pods.$method($($arg),*),
            FeedId::Deployments => $self.deployments.$method($($arg),*),
            FeedId::StatefulSets => $self.statefulsets.$method($($arg),*),
            FeedId::DaemonSets => $self.daemonsets.$method($($arg),*),
            FeedId::ReplicaSets => $self.replicasets.$method($($arg),*),
            FeedId::ControllerRevisions => $self.controller_revisions.$method($($arg),*),
            FeedId::Events => $self.events.$method($($arg),*),
            FeedId::Nodes => $self.nodes.$method($($arg),*),
            FeedId::Jobs => $self.jobs.$method($($arg),*),
            FeedId::CronJobs => $self.cronjobs.$method($($arg),*),
            FeedId::Autoscalers => $self.autoscalers.$method($($arg),*),
            FeedId::Usage => $self.usage.$method($($arg),*),
            FeedId::Certificates => $self.certificates.$method($($arg),*),
            FeedId::VeleroBackups => $self.velero_backups.$method($($arg),*),
            FeedId::VeleroSchedules => $self.velero_schedules.$method($($arg),*),
            FeedId::Alerts => $self.alerts.$method($($arg),*),
            FeedId::Acknowledgements => $self.acknowledgements.$method($($arg),*),
            FeedId::BackupRecords => $self.records.$method($($arg),*),
            FeedId::Probes => $self.probes.$method($($arg),*),
            FeedId::Signals => Default::default(),
        }
    };
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
        let changed: bool = each_store!(self, feed, take_changed());
        // Workloads have their revision's age from ReplicaSets and ControllerRevisions.
        let pods = matches!(
            feed,
            FeedId::Pods
                | FeedId::Deployments
                | FeedId::StatefulSets
                | FeedId::DaemonSets
                | FeedId::ReplicaSets
                | FeedId::ControllerRevisions
        );
        let usage = feed == FeedId::Usage;
        Dirty { pods: changed && pods, rows: changed && usage, usage: changed && usage, rest: true }
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
            O::Pod(p) => drop(self.pods.upsert(key(&p.namespace, &p.name), p)),
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
            O::Usage(u) => {
                let key = key(&u.namespace, &u.name);
                // Their names are the pods': kept once.
                let key = self.pods.key(&key).cloned().unwrap_or(key);
                self.usage.upsert(key, u.used);
            }
            O::Certificate(c) => drop(self.certificates.upsert(key(&c.namespace, &c.name), *c)),
            O::VeleroBackup(b) => drop(self.velero_backups.upsert(key(&b.namespace, &b.name), *b)),
            O::VeleroSchedule(s) => drop(self.velero_schedules.upsert(key(&s.namespace, &s.name), *s)),
            O::Signal(mut s) => {
                self.clock_ahead = s.align(at).or(self.clock_ahead);
                self.signals.insert(s.id, *s);
            }
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
