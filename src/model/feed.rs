//! The one shape in which every source speaks: Reset, Upsert, Delete, Ready, Failed, with the
//! time at which it was observed.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Clean, Health,
    acknowledgement::Acknowledgement,
    alert::Alert,
    backup::{BackupRecord, CronJob, JobRun, VeleroBackup, VeleroSchedule},
    change::Revision,
    cluster::{Autoscaler, Certificate, ClusterEvent, Node, PodUsage},
    pod::Pod,
    signal::{Breakdown, Probe, Signal},
    workload::Workload,
};

/// One stream of observations; freshness is known for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedId {
    Pods,
    Deployments,
    StatefulSets,
    DaemonSets,
    ReplicaSets,
    ControllerRevisions,
    Events,
    Nodes,
    Jobs,
    CronJobs,
    Autoscalers,
    Usage,
    Certificates,
    VeleroBackups,
    VeleroSchedules,
    /// Series and readings of Prometheus.
    Signals,
    Alerts,
    Acknowledgements,
    BackupRecords,
    Probes,
}

impl FeedId {
    pub const ALL: [Self; 20] = [
        Self::Pods,
        Self::Deployments,
        Self::StatefulSets,
        Self::DaemonSets,
        Self::ReplicaSets,
        Self::ControllerRevisions,
        Self::Events,
        Self::Nodes,
        Self::Jobs,
        Self::CronJobs,
        Self::Autoscalers,
        Self::Usage,
        Self::Certificates,
        Self::VeleroBackups,
        Self::VeleroSchedules,
        Self::Signals,
        Self::Alerts,
        Self::Acknowledgements,
        Self::BackupRecords,
        Self::Probes,
    ];

    /// The word for it on the screen.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Deployments => "deployments",
            Self::StatefulSets => "statefulsets",
            Self::DaemonSets => "daemonsets",
            Self::ReplicaSets => "replicasets",
            Self::ControllerRevisions => "controllerrevisions",
            Self::Events => "events",
            Self::Nodes => "nodes",
            Self::Jobs => "jobs",
            Self::CronJobs => "cronjobs",
            Self::Autoscalers => "horizontalpodautoscalers",
            Self::Usage => "pod metrics",
            Self::Certificates => "certificates",
            Self::VeleroBackups => "velero backups",
            Self::VeleroSchedules => "velero schedules",
            Self::Signals => "prometheus",
            Self::Alerts => "alertmanager",
            Self::Acknowledgements => "acknowledgements",
            Self::BackupRecords => "backup records",
            Self::Probes => "health probes",
        }
    }
}

/// What was observed at one moment in one feed. Sources coalesce: a batch is at most one frame's worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The scope (context, namespace, service) it was asked for under; older epochs are dropped.
    pub epoch: u32,
    pub feed: FeedId,
    pub at: Timestamp,
    pub changes: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The whole is told again from here; what is not upserted before the next `Ready` is gone.
    /// What was known stays on the screen until then.
    Reset,
    Upsert(Observation),
    Delete(Key),
    /// Everything up to the batch's time is known. Sent after the first list, and again as a sign
    /// of life (a bookmark, a re-established watch, an answered poll).
    Ready,
    /// The feed is broken; what was known ages from its last `Ready` on.
    Failed(Failure),
}

/// Identifies an observation within its feed. Cluster-wide things have an empty namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    pub namespace: Clean,
    pub name: Clean,
}

impl Key {
    pub fn new(namespace: impl Into<Clean>, name: impl Into<Clean>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observation {
    /// Shared from the first: 50,000 of them are kept as they come.
    Pod(Arc<Pod>),
    Workload(Box<Workload>),
    Revision(Box<Revision>),
    Event(Box<ClusterEvent>),
    Node(Box<Node>),
    Job(Box<JobRun>),
    CronJob(Box<CronJob>),
    Autoscaler(Box<Autoscaler>),
    Usage(PodUsage),
    Certificate(Box<Certificate>),
    VeleroBackup(Box<VeleroBackup>),
    VeleroSchedule(Box<VeleroSchedule>),
    Signal(Box<Signal>),
    Breakdown(Box<Breakdown>),
    Alert(Box<Alert>),
    Acknowledgement(Box<Acknowledgement>),
    BackupRecord(Box<BackupRecord>),
    Probe(Box<Probe>),
}

/// Why a feed has nothing newer to say: what was tried, what happened, what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// 'list pods in shop'.
    pub tried: Clean,
    /// '403: User "viewer" cannot list resource "pods"'.
    pub happened: Clean,
    /// 'ask for the verb list on pods in shop'.
    pub next: Clean,
}

impl Failure {
    /// How it is marked where it stands for data that is missing, or, as stale, beside older ones.
    pub fn health(&self, has_older: bool) -> Health {
        match self.kind {
            FailureKind::Denied => Health::Denied,
            _ if has_older => Health::Stale,
            _ => Health::Unknown,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// 403: the verb is missing.
    Denied,
    /// 401: the credentials are missing, wrong or expired.
    Unauthenticated,
    /// No connection, or no answer in time.
    Unreachable,
    /// 429.
    Throttled,
    /// The server answered with an error, or with something that can't be read.
    ServerError,
    /// The cluster does not have the kind, or there is no such service.
    Absent,
    /// Neither configured nor found; not a fault.
    NotConfigured,
}
