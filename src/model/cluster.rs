//! What surrounds the workloads: nodes, events, autoscalers, usage, certificates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Clean, pod::Resources, workload::WorkloadRef};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    pub name: Clean,
    pub ready: bool,
    pub unschedulable: bool,
    /// Conditions that are true and should not be: 'MemoryPressure', 'DiskPressure'.
    pub pressure: Vec<Clean>,
    pub allocatable: Resources,
    pub created: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterEvent {
    pub namespace: Clean,
    pub name: Clean,
    pub warning: bool,
    pub reason: Clean,
    pub message: Clean,
    /// What it is about: 'Pod', 'Deployment' … and its name.
    pub kind: Clean,
    pub object: Clean,
    pub count: u32,
    pub first: Timestamp,
    pub last: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Autoscaler {
    pub namespace: Clean,
    pub name: Clean,
    pub target: WorkloadRef,
    pub min: u32,
    pub max: u32,
    pub current: u32,
    pub desired: u32,
    /// Why it can't do better: condition ScalingLimited or not AbleToScale, in its own words.
    pub limited: Option<Clean>,
}

/// What a pod uses now, from metrics.k8s.io.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PodUsage {
    pub namespace: Clean,
    pub name: Clean,
    pub used: Resources,
    pub at: Timestamp,
}

/// A cert-manager Certificate, or one seen by a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    pub namespace: Clean,
    pub name: Clean,
    pub dns_names: Vec<Clean>,
    pub not_after: Option<Timestamp>,
    pub ready: bool,
    /// Why it is not ready, or why the renewal fails.
    pub message: Option<Clean>,
}
