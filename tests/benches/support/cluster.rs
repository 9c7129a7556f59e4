//! A cluster as its feeds tell it, of any size, without a server: what the cockpit itself costs.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use midwatch::config::Config;
use midwatch::model::alert::{Alert, AlertState};
use midwatch::model::change::Revision;
use midwatch::model::cluster::{ClusterEvent, PodUsage};
use midwatch::model::log::LogRequest;
use midwatch::model::pod::{Phase, Pod, Resources};
use midwatch::model::workload::{Workload, WorkloadKind, WorkloadRef};
use midwatch::model::{Batch, Change, Clean, FeedId, Observation};
use midwatch::msg::Msg;
use midwatch::state::State;
use midwatch::state::log::LogPage;
use midwatch::terminal::capabilities::Capabilities;
use midwatch::ui::theme::Depth;
use midwatch::{setup, update};

const PODS_A_WORKLOAD: usize = 50;
/// As many as a Deployment keeps by default.
const REVISIONS: u64 = 10;
pub const ALERTS: usize = 1_000;
pub const EVENTS: usize = 10_000;

pub fn now() -> Timestamp {
    "2026-11-21T03:12:09Z".parse().unwrap()
}

pub fn state() -> State {
    let capabilities = Capabilities {
        depth: Depth::True,
        ascii: false,
        term: "xterm-256color".into(),
        reason: String::new(),
    };
    let mut state =
        setup::state(&Default::default(), Arc::new(Config::default()), &capabilities, now(), (200, 60));
    state.connection = midwatch::state::Connection::Open;
    state
}

pub fn feed(state: &mut State, feed: FeedId, changes: Vec<Change>) {
    let (epoch, at) = (state.epoch, state.now);
    update::update(state, Msg::Batch(Batch { epoch, feed, at, changes }));
}

/// As a list comes: in batches of 500.
pub fn list(state: &mut State, id: FeedId, all: impl Iterator<Item = Observation>) {
    let mut all = all.map(Change::Upsert).peekable();
    feed(state, id, vec![Change::Reset]);
    while all.peek().is_some() {
        let batch = all.by_ref().take(500).collect();
        feed(state, id, batch);
    }
    feed(state, id, vec![Change::Ready]);
}

struct Names {
    namespaces: Vec<Clean>,
    workloads: Vec<Clean>,
    nodes: Vec<Clean>,
    running: Clean,
}

impl Names {
    fn of(pods: usize) -> Self {
        let workloads = pods.div_ceil(PODS_A_WORKLOAD);
        let all = |n: usize, name: &dyn Fn(usize) -> String| (0..n).map(|i| Clean::new(&name(i))).collect();
        Self {
            namespaces: all(workloads.div_ceil(4), &|i| format!("team-{i:03}")),
            workloads: all(4, &|i| ["gateway", "orders", "search", "mailer"][i].to_owned()),
            nodes: all(pods.div_ceil(100), &|i| format!("ip-10-0-{}-{}.internal", i / 250, i % 250)),
            running: "Running".into(),
        }
    }

    fn owner(&self, workload: usize) -> (Clean, WorkloadRef) {
        let name = self.workloads[workload % 4].clone();
        (self.namespaces[workload / 4].clone(), WorkloadRef { kind: WorkloadKind::Deployment, name })
    }
}

pub fn pods(pods: usize) -> impl Iterator<Item = Pod> {
    let names = Names::of(pods);
    (0..pods).map(move |i| {
        let (namespace, owner) = names.owner(i / PODS_A_WORKLOAD);
        Pod {
            name: format!("{}-7d9c5b6f4{}-{:05x}", owner.name, i / PODS_A_WORKLOAD % 10, i).into(),
            namespace,
            uid: format!("{:08x}-1111-4222-8333-{:012x}", i, i * 7).as_str().into(),
            owner: Some(owner),
            template: None,
            node: Some(names.nodes[i / 100].clone()),
            ip: Some([10, (i >> 16) as u8, (i >> 8) as u8, i as u8].into()),
            status: names.running.clone(),
            phase: Phase::Running,
            ready: 1,
            containers: 1,
            is_ready: true,
            restarts: 0,
            last_restart: None,
            last_end: None,
            created: now() - SignedDuration::from_hours(24 + i as i64 % 500),
            deleting: None,
            requests: Resources { cpu_millicores: 50, memory_bytes: 64 << 20 },
            limits: Resources { cpu_millicores: 200, memory_bytes: 128 << 20 },
            trouble: None,
        }
    })
}

fn usage(pods: usize) -> impl Iterator<Item = Observation> {
    self::pods(pods).map(|pod| {
        let used = Resources { cpu_millicores: 20, memory_bytes: 50 << 20 };
        Observation::Usage(PodUsage { namespace: pod.namespace, name: pod.name, used, at: now() })
    })
}

fn workloads(pods: usize) -> impl Iterator<Item = Observation> {
    let names = Names::of(pods);
    (0..pods.div_ceil(PODS_A_WORKLOAD)).map(move |i| {
        let (namespace, owner) = names.owner(i);
        let replicas = PODS_A_WORKLOAD as u32;
        Observation::Workload(Box::new(Workload {
            uid: format!("w-{i}").into(),
            name: owner.name,
            namespace,
            kind: WorkloadKind::Deployment,
            created: now() - SignedDuration::from_hours(500),
            wanted: replicas,
            current: replicas,
            ready: replicas,
            updated: replicas,
            available: replicas,
            generation: 2,
            observed_generation: 2,
            revision: Some(REVISIONS),
            update_revision: None,
            partition: 0,
            on_delete: false,
            paused: false,
            conditions: vec![],
            images: vec![],
            managed_by: None,
            selector: vec![],
        }))
    })
}

fn revisions(pods: usize) -> impl Iterator<Item = Observation> {
    let names = Names::of(pods);
    (0..pods.div_ceil(PODS_A_WORKLOAD) * REVISIONS as usize).map(move |i| {
        let (namespace, owner) = names.owner(i / REVISIONS as usize);
        let revision = i as u64 % REVISIONS + 1;
        Observation::Revision(Box::new(Revision {
            name: format!("{}-7d9c5b6f4{revision}", owner.name).into(),
            namespace,
            owner,
            revision,
            created: now() - SignedDuration::from_hours(60 * (REVISIONS - revision) as i64 + 1),
            images: vec![format!("registry.example.com/app:1.{revision}").into()],
            template: revision,
            restarted_at: None,
            cause: None,
            replicas: 0,
            failure: None,
        }))
    })
}

fn alerts() -> impl Iterator<Item = Observation> {
    (0..ALERTS).map(|i| {
        Observation::Alert(Box::new(Alert {
            fingerprint: format!("{i:016x}").into(),
            name: format!("Alert{}", i % 40).into(),
            severity: if i % 5 == 0 { "critical" } else { "warning" }.into(),
            state: AlertState::Active,
            starts_at: now() - SignedDuration::from_mins(i as i64 % 600),
            updated_at: None,
            ends_at: None,
            silenced_by: vec![],
            inhibited_by: vec![],
            summary: Some("requests fail".into()),
            description: None,
            runbook: None,
            labels: vec![("job".into(), format!("job-{i}").into())],
            receivers: vec![],
        }))
    })
}

fn events() -> impl Iterator<Item = Observation> {
    (0..EVENTS).map(|i| {
        Observation::Event(Box::new(ClusterEvent {
            namespace: format!("team-{:03}", i % 50).into(),
            name: format!("gateway-{i:x}.17e9").into(),
            warning: true,
            reason: "BackOff".into(),
            message: "Back-off restarting failed container".into(),
            kind: "Pod".into(),
            object: format!("gateway-{i:x}").into(),
            count: 3,
            first: now() - SignedDuration::from_mins(50),
            last: now() - SignedDuration::from_mins(i as i64 % 50),
        }))
    })
}

/// All but the pods.
pub fn surroundings(state: &mut State, pods: usize) {
    list(state, FeedId::Deployments, workloads(pods));
    list(state, FeedId::ReplicaSets, revisions(pods));
    list(state, FeedId::Alerts, alerts());
    list(state, FeedId::Events, events());
}

pub fn list_pods(state: &mut State, count: usize) {
    list(state, FeedId::Pods, pods(count).map(|pod| Observation::Pod(Arc::new(pod))));
}

pub fn list_usage(state: &mut State, pods: usize) {
    list(state, FeedId::Usage, usage(pods));
}

/// So many pods restart, from the first on.
pub fn restart(state: &mut State, count: usize) {
    let restarted = |pod: &Arc<Pod>| {
        let mut pod = pod.as_ref().clone();
        pod.restarts += 1;
        pod.last_restart = Some(state.now);
        Change::Upsert(Observation::Pod(Arc::new(pod)))
    };
    let changes = state.known.pods.iter().take(count).map(restarted).collect();
    feed(state, FeedId::Pods, changes);
}

/// The page of a log that is followed.
pub fn log() -> LogPage {
    let request = LogRequest {
        namespace: "shop".into(),
        pod: "api-1".into(),
        container: None,
        previous: false,
        follow: true,
        since_s: None,
        tail: None,
    };
    LogPage::new(1, request, Vec::new())
}
