//! What changed, and when: the first question of every incident.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Clean, workload::WorkloadRef};

/// One revision of a workload: a ReplicaSet of a Deployment, or a ControllerRevision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    pub namespace: Clean,
    /// The ReplicaSet's or ControllerRevision's own name.
    pub name: Clean,
    pub owner: WorkloadRef,
    pub revision: u64,
    pub created: Timestamp,
    pub images: Vec<Clean>,
    /// A hash of the pod template without what a restart changes, so that two revisions that
    /// differ only by a restart compare equal.
    pub template: u64,
    /// `kubectl.kubernetes.io/restartedAt` of the template.
    pub restarted_at: Option<Clean>,
    /// `kubernetes.io/change-cause`.
    pub cause: Option<Clean>,
    /// Pods of it that exist now (ReplicaSets only).
    pub replicas: u32,
    /// Why it can't make its pods (condition ReplicaFailure): quota and admission show only here.
    pub failure: Option<Clean>,
}

/// A moment at which something changed, as marked on the charts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    pub at: Timestamp,
    pub kind: MarkKind,
    pub namespace: Clean,
    pub workload: WorkloadRef,
    /// 'revision 17: image 4.1.7 → 4.2.0'.
    pub what: Clean,
    /// Made by a controller in answer to what it saw: an effect, not a suspect.
    pub automatic: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkKind {
    Rollout,
    Scale,
    Configuration,
}

impl MarkKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Rollout => "rollout",
            Self::Scale => "scale",
            Self::Configuration => "configuration",
        }
    }

    /// The letter on a chart.
    pub fn letter(self) -> char {
        match self {
            Self::Rollout => 'R',
            Self::Scale => 'S',
            Self::Configuration => 'C',
        }
    }
}
