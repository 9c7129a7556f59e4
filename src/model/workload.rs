//! Deployments, StatefulSets and DaemonSets, and how far their rollouts are.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Clean;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WorkloadKind {
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
    /// A pod of a controller that midwatch does not watch, or of none.
    Other,
}

impl WorkloadKind {
    /// As kubectl names it: 'deployment/api'.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::Job => "job",
            Self::Other => "pod",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkloadRef {
    pub kind: WorkloadKind,
    pub name: Clean,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    pub namespace: Clean,
    pub name: Clean,
    pub uid: Clean,
    pub kind: WorkloadKind,
    pub created: Timestamp,
    /// `spec.replicas`, or a DaemonSet's `desiredNumberScheduled`.
    pub wanted: u32,
    /// `status.replicas` or `currentNumberScheduled`: pods that exist.
    pub current: u32,
    pub ready: u32,
    pub updated: u32,
    pub available: u32,
    pub generation: i64,
    pub observed_generation: i64,
    /// The Deployment's revision annotation; for the others the name of `updateRevision` is
    /// matched against their ControllerRevisions.
    pub revision: Option<u64>,
    pub update_revision: Option<Clean>,
    /// StatefulSet `rollingUpdate.partition`; 0 for the others.
    pub partition: u32,
    /// `OnDelete` strategies have no rollout.
    pub on_delete: bool,
    pub paused: bool,
    pub conditions: Vec<WorkloadCondition>,
    pub images: Vec<Clean>,
    /// Who will revert a change: 'Helm', 'Argo CD application shop', 'Flux'.
    pub managed_by: Option<Clean>,
    /// `matchLabels` of the selector.
    pub selector: Vec<(Clean, Clean)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadCondition {
    pub kind: Clean,
    pub status: bool,
    pub reason: Clean,
    pub message: Clean,
    pub updated: Option<Timestamp>,
}

/// Where a rollout stands, by kubectl's rules (polymorphichelpers/rollout_status.go).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollout {
    Complete,
    Progressing(String),
    Failed(String),
    Paused,
    /// `OnDelete`: nothing rolls by itself.
    None,
}

impl Workload {
    pub fn rollout(&self) -> Rollout {
        if self.on_delete {
            return Rollout::None;
        }
        if self.generation > self.observed_generation {
            return Rollout::Progressing("waiting for the spec to be observed".into());
        }
        match self.kind {
            WorkloadKind::Deployment => self.deployment_rollout(),
            WorkloadKind::DaemonSet => self.daemonset_rollout(),
            WorkloadKind::StatefulSet => self.statefulset_rollout(),
            WorkloadKind::Job | WorkloadKind::Other => Rollout::None,
        }
    }

    fn deployment_rollout(&self) -> Rollout {
        if let Some(failed) = self
            .conditions
            .iter()
            .find(|c| &*c.kind == "Progressing" && &*c.reason == "ProgressDeadlineExceeded")
        {
            return Rollout::Failed(format!("exceeded its progress deadline: {}", failed.message));
        }
        if self.updated < self.wanted {
            let stuck = if self.paused { return Rollout::Paused } else { "updated" };
            return Rollout::Progressing(format!("{} of {} {stuck}", self.updated, self.wanted));
        }
        if self.current > self.updated {
            return Rollout::Progressing(format!("{} old pending termination", self.current - self.updated));
        }
        if self.available < self.updated {
            return Rollout::Progressing(format!("{} of {} updated available", self.available, self.updated));
        }
        Rollout::Complete
    }

    fn daemonset_rollout(&self) -> Rollout {
        if self.updated < self.wanted {
            return Rollout::Progressing(format!("{} of {} updated", self.updated, self.wanted));
        }
        if self.available < self.wanted {
            return Rollout::Progressing(format!("{} of {} updated available", self.available, self.wanted));
        }
        Rollout::Complete
    }

    fn statefulset_rollout(&self) -> Rollout {
        if self.ready < self.wanted {
            return Rollout::Progressing(format!("{} of {} ready", self.ready, self.wanted));
        }
        let target = self.wanted.saturating_sub(self.partition);
        if self.updated < target {
            return Rollout::Progressing(format!("{} of {target} updated", self.updated));
        }
        Rollout::Complete
    }
}
