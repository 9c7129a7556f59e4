//! Pods: the row that is shown of each, out of the seventieth part of its object.

mod status;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::Deserialize;

use super::kind::{
    Convert, Intern, Kind, MESSAGE_CHARS, NAME_CHARS, Reach, Resource, bounded, message, wire,
};
use super::meta::{ConditionWire, Meta, OwnerReference, condition, key, or_default};
use super::quantity::Amounts;
use crate::model::pod::{Phase, Pod, Resources, Termination};
use crate::model::workload::{WorkloadKind, WorkloadRef};
use crate::model::{Clean, FeedId, Observation};

pub struct Pods;

impl Kind for Pods {
    type Wire = PodWire;
    const FEED: FeedId = FeedId::Pods;
    const RESOURCE: Resource = Resource { group: "", version: "v1", plural: "pods", reach: Reach::Scope };
    const MESSAGE: &'static str = "api.core.v1.Pod";

    fn convert(wire: PodWire, with: &mut Convert) -> Option<Observation> {
        Some(Observation::Pod(Box::new(row(&wire, &mut with.intern))))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct PodWire {
    pub metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    pub spec: Spec,
    #[serde(deserialize_with = "or_default")]
    pub status: Status,
}

wire!(PodWire);

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct Spec {
    #[serde(deserialize_with = "or_default")]
    pub node_name: String,
    #[serde(deserialize_with = "or_default")]
    pub containers: Vec<ContainerSpec>,
    #[serde(deserialize_with = "or_default")]
    pub init_containers: Vec<ContainerSpec>,
    /// Pod-level resources, which stand in place of the containers' (1.34).
    pub resources: Option<ContainerResources>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerSpec {
    pub name: String,
    pub restart_policy: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub resources: ContainerResources,
}

impl ContainerSpec {
    /// An init container that goes on running.
    fn is_sidecar(&self) -> bool {
        self.restart_policy.as_deref() == Some("Always")
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct ContainerResources {
    #[serde(deserialize_with = "or_default")]
    pub requests: Amounts,
    #[serde(deserialize_with = "or_default")]
    pub limits: Amounts,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct Status {
    #[serde(deserialize_with = "or_default")]
    pub phase: String,
    #[serde(deserialize_with = "or_default")]
    pub reason: String,
    #[serde(deserialize_with = "or_default")]
    pub message: String,
    #[serde(rename = "podIP", deserialize_with = "or_default")]
    pub pod_ip: String,
    #[serde(deserialize_with = "or_default")]
    pub conditions: Vec<ConditionWire>,
    #[serde(deserialize_with = "or_default")]
    pub init_container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "or_default")]
    pub container_statuses: Vec<ContainerStatus>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerStatus {
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub ready: bool,
    #[serde(deserialize_with = "or_default")]
    pub started: bool,
    #[serde(deserialize_with = "or_default")]
    pub restart_count: u32,
    #[serde(deserialize_with = "or_default")]
    pub state: State,
    #[serde(deserialize_with = "or_default")]
    pub last_state: State,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct State {
    pub waiting: Option<Waiting>,
    pub running: Option<Running>,
    pub terminated: Option<Terminated>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct Waiting {
    #[serde(deserialize_with = "or_default")]
    pub reason: String,
    #[serde(deserialize_with = "or_default")]
    pub message: String,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct Running {
    pub started_at: Option<Timestamp>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct Terminated {
    pub exit_code: i32,
    #[serde(deserialize_with = "or_default")]
    pub signal: i32,
    #[serde(deserialize_with = "or_default")]
    pub reason: String,
    #[serde(deserialize_with = "or_default")]
    pub message: String,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

impl Terminated {
    pub fn kept(&self, container: &str, intern: &mut Intern) -> Termination {
        Termination {
            container: intern.get(container),
            reason: intern.get(if self.reason.is_empty() { "Terminated" } else { &self.reason }),
            exit_code: self.exit_code,
            signal: self.signal,
            finished: self.finished_at,
            message: self.message.lines().find(|line| !line.trim().is_empty()).and_then(message),
        }
    }
}

fn row(wire: &PodWire, intern: &mut Intern) -> Pod {
    let printed = status::printed(wire);
    let (requests, limits) = resources(&wire.spec);
    let labels = &wire.metadata.labels;
    let template = labels.get(key::POD_TEMPLATE_HASH).or_else(|| labels.get(key::CONTROLLER_REVISION_HASH));
    Pod {
        namespace: intern.get(&wire.metadata.namespace),
        name: bounded(&wire.metadata.name, NAME_CHARS),
        uid: bounded(&wire.metadata.uid, NAME_CHARS),
        owner: wire
            .metadata
            .controller()
            .map(|owner| owner_of(owner, labels.get(key::POD_TEMPLATE_HASH), intern)),
        template: template.map(|hash| intern.get(hash)),
        node: intern.some(&wire.spec.node_name),
        ip: (!wire.status.pod_ip.is_empty()).then(|| bounded(&wire.status.pod_ip, NAME_CHARS)),
        status: intern.get(&printed.status),
        phase: phase(&wire.status.phase),
        ready: printed.ready,
        containers: printed.containers,
        is_ready: condition(&wire.status.conditions, "Ready").is_some_and(ConditionWire::is_true),
        restarts: printed.restarts,
        last_restart: printed.last_restart,
        last_end: last_end(&wire.status, intern),
        created: wire.metadata.created(),
        deleting: wire.metadata.deletion_timestamp,
        requests,
        limits,
        trouble: trouble(&wire.status),
    }
}

pub fn phase(text: &str) -> Phase {
    match text {
        "Pending" => Phase::Pending,
        "Running" => Phase::Running,
        "Succeeded" => Phase::Succeeded,
        "Failed" => Phase::Failed,
        _ => Phase::Unknown,
    }
}

/// A ReplicaSet named `<deployment>-<pod-template-hash>` is a Deployment's.
fn owner_of(owner: &OwnerReference, hash: Option<&str>, intern: &mut Intern) -> WorkloadRef {
    let deployment = || owner.name.strip_suffix(hash?)?.strip_suffix('-');
    let (kind, name) = match owner.kind.as_str() {
        "ReplicaSet" => match deployment() {
            Some(name) => (WorkloadKind::Deployment, name),
            None => (WorkloadKind::Other, owner.name.as_str()),
        },
        "StatefulSet" => (WorkloadKind::StatefulSet, owner.name.as_str()),
        "DaemonSet" => (WorkloadKind::DaemonSet, owner.name.as_str()),
        "Job" => (WorkloadKind::Job, owner.name.as_str()),
        _ => (WorkloadKind::Other, owner.name.as_str()),
    };
    WorkloadRef { kind, name: intern.get(name) }
}

/// What runs all the time: containers and sidecars, not the init containers that come and go.
fn resources(spec: &Spec) -> (Resources, Resources) {
    let add = |sum: &mut Resources, amounts: &Amounts| {
        let more = amounts.resources();
        sum.cpu_millicores = sum.cpu_millicores.saturating_add(more.cpu_millicores);
        sum.memory_bytes = sum.memory_bytes.saturating_add(more.memory_bytes);
    };
    let (mut requests, mut limits) = (Resources::default(), Resources::default());
    let sidecars = spec.init_containers.iter().filter(|container| container.is_sidecar());
    for container in spec.containers.iter().chain(sidecars) {
        add(&mut requests, &container.resources.requests);
        add(&mut limits, &container.resources.limits);
    }
    if let Some(pod) = &spec.resources {
        let over = |sum: Resources, amounts: &Amounts| {
            let set = amounts.resources();
            Resources {
                cpu_millicores: if set.cpu_millicores > 0 { set.cpu_millicores } else { sum.cpu_millicores },
                memory_bytes: if set.memory_bytes > 0 { set.memory_bytes } else { sum.memory_bytes },
            }
        };
        (requests, limits) = (over(requests, &pod.requests), over(limits, &pod.limits));
    }
    (requests, limits)
}

/// The latest end of any container. Init containers end well in every healthy pod: only their
/// failures count.
fn last_end(status: &Status, intern: &mut Intern) -> Option<Termination> {
    let main = status.container_statuses.iter().flat_map(both_ends);
    let init =
        status.init_container_statuses.iter().flat_map(both_ends).filter(|(_, end)| end.exit_code != 0);
    let (name, end) = main.chain(init).max_by_key(|(_, end)| end.finished_at)?;
    Some(end.kept(name, intern))
}

fn both_ends(container: &ContainerStatus) -> impl Iterator<Item = (&str, &Terminated)> {
    let ends = [&container.state.terminated, &container.last_state.terminated];
    ends.into_iter().flatten().map(|end| (container.name.as_str(), end))
}

/// Why it is not ready, in the API's own words.
fn trouble(status: &Status) -> Option<Clean> {
    if matches!(status.phase.as_str(), "Succeeded") {
        return None;
    }
    let all = status.init_container_statuses.iter().chain(&status.container_statuses);
    let waiting = all
        .filter_map(|container| container.state.waiting.as_ref())
        .find(|waiting| !waiting.message.is_empty());
    if let Some(waiting) = waiting {
        return message(&waiting.message);
    }
    if !status.message.is_empty() {
        return Some(bounded(&status.message, MESSAGE_CHARS));
    }
    let blocking =
        status.conditions.iter().find(|condition| condition.is_false() && !condition.message.is_empty());
    blocking.and_then(|condition| message(&condition.message))
}
