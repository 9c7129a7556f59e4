//! A pod as far as the cockpit shows it: about 0.5 KiB instead of the 70 KiB of a full object.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Clean, Uid, workload::WorkloadRef};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pod {
    pub namespace: Clean,
    pub name: Clean,
    pub uid: Uid,
    /// The controller that made it: for a Deployment's pod the Deployment, not the ReplicaSet.
    pub owner: Option<WorkloadRef>,
    /// The `pod-template-hash` or `controller-revision-hash` label: which revision it runs.
    pub template: Option<Clean>,
    pub node: Option<Clean>,
    pub ip: Option<IpAddr>,
    /// kubectl's STATUS column (printPod in pkg/printers/internalversion).
    pub status: Clean,
    pub phase: Phase,
    /// Containers that are ready, and how many there are: kubectl's READY column.
    pub ready: u16,
    pub containers: u16,
    /// The Ready condition: what a Service goes by.
    pub is_ready: bool,
    pub restarts: u32,
    pub last_restart: Option<Timestamp>,
    /// The most recent termination of any container, also one that hides behind CrashLoopBackOff.
    /// Most pods have none.
    pub last_end: Option<Box<Termination>>,
    pub created: Timestamp,
    pub deleting: Option<Timestamp>,
    /// The sum over the containers; 0 where none is set.
    pub requests: Resources,
    pub limits: Resources,
    /// What keeps it from being ready, in words, where the API tells (message of the waiting
    /// container or of the first condition that is false).
    pub trouble: Option<Clean>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    pub cpu_millicores: u32,
    pub memory_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Termination {
    pub container: Clean,
    /// 'OOMKilled', 'Error', 'Completed'.
    pub reason: Clean,
    pub exit_code: i32,
    /// 0: none.
    pub signal: i32,
    pub finished: Option<Timestamp>,
    /// `terminationMessagePath`'s content or the log's tail, first line.
    pub message: Option<Clean>,
}

/// Everything about one pod that its page shows, fetched when the page is opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PodDetail {
    pub namespace: Clean,
    pub name: Clean,
    pub uid: Clean,
    pub containers: Vec<Container>,
    pub conditions: Vec<Condition>,
    pub labels: Vec<(Clean, Clean)>,
    pub service_account: Option<Clean>,
    pub qos: Option<Clean>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Container {
    pub name: Clean,
    pub init: bool,
    pub image: Clean,
    pub ready: bool,
    /// 'Running', 'Waiting: CrashLoopBackOff', 'Terminated: Completed (exit 0)'.
    pub state: Clean,
    pub since: Option<Timestamp>,
    pub restarts: u32,
    pub last_end: Option<Termination>,
    pub requests: Resources,
    pub limits: Resources,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    pub kind: Clean,
    pub status: Clean,
    pub reason: Option<Clean>,
    pub message: Option<Clean>,
    pub since: Option<Timestamp>,
}
