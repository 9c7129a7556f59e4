//! One scrape: what cAdvisor, kube-state-metrics, the exporters and the probes would tell
//! of pods, workloads, jobs, certificates and nodes. Handles are kept, because looking a
//! label set up for every sample would be most of the work.

use std::collections::HashSet;

use serde_json::Value;

use super::World;
use super::cast::SHOP;
use super::make;
use super::physics::deployment_of;
use super::pod::PodRun;
use super::series::{Disks, PodSeries, Series};
use crate::sim::cluster::json::{int, list, parse_time, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::object::Object;
use crate::sim::cluster::served::Call;
use crate::sim::metrics::tsdb::{SeriesId, Tsdb};

/// A Job that went well is told of for two hours; two weeks of hourly ones are noise.
const JOB_TOLD_MS: i64 = 7_200_000;
const NODE_DISK_BYTES: f64 = 200.0 * 1_073_741_824.0;

impl World {
    /// One scrape of everything.
    pub(super) fn scrape(&mut self, at_ms: i64) {
        let disks = Disks { retention_days: self.retention_days(), since_origin_ms: at_ms - self.origin_ms };
        let store = self.parts.store.clone();
        let flow = self.physics.flow;
        let served = self.parts.served.all();
        let (series, pods) = (&mut self.series, &self.pods);
        self.parts.metrics.write(|db| {
            series.write_shop(db, at_ms, &flow, disks);
            for run in pods.values() {
                series.write_pod(db, at_ms, run);
            }
            let mut there: HashSet<Box<str>> = HashSet::new();
            for kind in [Kind::Deployment, Kind::CronJob, Kind::Job, Kind::Certificate] {
                for object in store.list(kind, None) {
                    if object.namespace.starts_with("team-") {
                        continue;
                    }
                    if !series.settled.contains(&object.uid) {
                        series.write_object(db, at_ms, &object);
                    }
                    there.insert(object.uid.clone());
                }
            }
            series.forget_objects(db, at_ms, &there);
            series.write_served(db, at_ms, &served);
            series.write_nodes(db, at_ms);
            let alive: HashSet<&str> = pods.values().map(|p| p.uid.as_str()).collect();
            series.pods.retain(|uid, gone| {
                let keep = alive.contains(uid.as_str());
                if !keep {
                    gone.end(db, at_ms);
                }
                keep
            });
        });
    }

    /// `RETENTION_DAYS` of the full backup as its CronJob has it now.
    pub fn retention_days(&self) -> f64 {
        let Some(object) = self.parts.store.get(Kind::CronJob, SHOP, "backup-full") else { return 0.0 };
        let tree = object.tree();
        let containers = list(&tree, "/spec/jobTemplate/spec/template/spec/containers");
        let mut env = containers.iter().flat_map(|c| list(c, "/env"));
        env.find(|e| text(e, "/name") == "RETENTION_DAYS")
            .and_then(|e| text(e, "/value").parse().ok())
            .unwrap_or(14.0)
    }
}

impl PodSeries {
    fn of(db: &mut Tsdb, run: &PodRun) -> Self {
        let container = container_of(run);
        let base =
            [("namespace", run.namespace.as_str()), ("pod", run.name.as_str()), ("container", container)];
        let with = |k, v, u| [base[0], base[1], base[2], (k, v), ("unit", u)];
        let requests = "kube_pod_container_resource_requests";
        let limits = "kube_pod_container_resource_limits";
        let ids = vec![
            db.series("container_cpu_usage_seconds_total", &base),
            db.series("container_memory_working_set_bytes", &base),
            db.series("container_cpu_cfs_throttled_periods_total", &base),
            db.series("container_cpu_cfs_periods_total", &base),
            db.series("kube_pod_container_status_restarts_total", &base),
            db.series(requests, &with("resource", "cpu", "core")),
            db.series(requests, &with("resource", "memory", "byte")),
            db.series(limits, &with("resource", "cpu", "core")),
            db.series(limits, &with("resource", "memory", "byte")),
        ];
        let cache = (run.owner.1 == "cache").then(|| db.series("redis_memory_used_bytes", &base[..2]));
        Self { container: ids, up: None, ended: None, cache }
    }

    /// The pod is gone: its series end now and not five minutes later.
    fn end(&self, db: &mut Tsdb, t_ms: i64) {
        let up = self.up.as_ref().map(|(_, id)| *id);
        let ended = self.ended.map(|(_, id)| id);
        for id in self.container.iter().copied().chain(up).chain(ended).chain(self.cache) {
            db.end(id, t_ms);
        }
    }
}

fn container_of(run: &PodRun) -> &str {
    run.containers.first().map(|c| c.0.as_str()).unwrap_or_default()
}

/// The scrape job of a pod, if it is scraped.
fn job_of(run: &PodRun) -> Option<&str> {
    match run.owner.0.as_str() {
        "ReplicaSet" => Some(deployment_of(run)),
        "Job" => None,
        _ => Some(run.owner.1.as_str()),
    }
}

impl Series {
    fn write_pod(&mut self, db: &mut Tsdb, t_ms: i64, run: &PodRun) {
        if !self.pods.contains_key(&run.uid) {
            let new = PodSeries::of(db, run);
            self.pods.insert(run.uid.clone(), new);
        }
        let Some(ids) = self.pods.get_mut(&run.uid) else { return };
        let running = run.running_since().is_some();
        let values = [
            run.cpu_seconds,
            run.memory,
            run.throttled_periods.floor(),
            run.periods,
            f64::from(run.restarts),
            run.cpu_request,
            run.memory_request,
            run.cpu_limit,
            run.memory_limit,
        ];
        for (i, (id, value)) in ids.container.iter().zip(values).enumerate() {
            // cAdvisor has nothing of a container that does not run; kube-state-metrics has.
            if running || i >= 4 {
                db.append(*id, t_ms, value);
            }
        }
        if let (Some(id), true) = (ids.cache, running) {
            db.append(id, t_ms, run.memory * 0.85);
        }
        write_up(ids, db, t_ms, run);
        write_end(ids, db, t_ms, run);
    }

    fn write_nodes(&mut self, db: &mut Tsdb, t_ms: i64) {
        if self.nodes.is_empty() {
            for i in 1..make::NODES {
                let node = make::node_name(i);
                let labels = [("node", node.as_str()), ("mountpoint", "/")];
                self.nodes.push(db.series("node_filesystem_size_bytes", &labels));
                self.nodes.push(db.series("node_filesystem_avail_bytes", &labels));
            }
        }
        for (i, pair) in self.nodes.chunks(2).enumerate() {
            let used = 0.415 + 0.015 * i as f64;
            for (id, value) in pair.iter().zip([NODE_DISK_BYTES, NODE_DISK_BYTES * (1.0 - used)]) {
                db.append(*id, t_ms, value);
            }
        }
    }

    /// The series of objects that are gone end.
    fn forget_objects(&mut self, db: &mut Tsdb, t_ms: i64, there: &HashSet<Box<str>>) {
        self.settled.retain(|uid| there.contains(uid));
        self.objects.retain(|uid, ids| {
            let keep = there.contains(uid);
            if !keep {
                ids.iter().for_each(|id| db.end(*id, t_ms));
            }
            keep
        });
    }

    /// What the API server tells of the requests that it has answered.
    fn write_served(&mut self, db: &mut Tsdb, t_ms: i64, served: &[(Call, u64)]) {
        for (call, count) in served {
            let id = self.served.entry(call.clone()).or_insert_with(|| {
                let code = call.code.to_string();
                let labels = [
                    ("job", "apiserver"),
                    ("component", "apiserver"),
                    ("verb", call.verb),
                    ("group", call.group),
                    ("version", call.version),
                    ("resource", call.resource),
                    ("subresource", call.subresource),
                    ("scope", call.scope),
                    ("code", &code),
                ];
                db.series("apiserver_request_total", &labels)
            });
            db.append(*id, t_ms, *count as f64);
        }
    }

    fn write_object(&mut self, db: &mut Tsdb, t_ms: i64, object: &Object) {
        let tree = object.tree();
        let values = values_of(object.kind, &tree);
        if values.is_empty() {
            return;
        }
        let ids = self.objects.entry(object.uid.clone()).or_insert_with(|| ids_of(db, object, &tree));
        for (id, value) in ids.iter().zip(values) {
            db.append(*id, t_ms, value);
        }
        if object.kind == Kind::Job {
            let started = parse_time(text(&tree, "/status/startTime")).unwrap_or(t_ms);
            let well = !text(&tree, "/status/completionTime").is_empty();
            if well && t_ms - started > JOB_TOLD_MS {
                ids.iter().for_each(|id| db.end(*id, t_ms));
                self.settled.insert(object.uid.clone());
                self.objects.remove(&object.uid);
            }
        }
    }
}

fn write_up(ids: &mut PodSeries, db: &mut Tsdb, t_ms: i64, run: &PodRun) {
    let Some(job) = job_of(run) else { return };
    if run.ip.is_empty() || run.terminating() {
        return;
    }
    if ids.up.as_ref().is_none_or(|(ip, _)| *ip != run.ip) {
        let instance = format!("{}:8080", run.ip);
        let labels =
            [("job", job), ("instance", &instance), ("namespace", &run.namespace), ("pod", &run.name)];
        ids.up = Some((run.ip.clone(), db.series("up", &labels)));
    }
    if let Some((_, id)) = &ids.up {
        db.append(*id, t_ms, f64::from(u8::from(run.running_since().is_some())));
    }
}

fn write_end(ids: &mut PodSeries, db: &mut Tsdb, t_ms: i64, run: &PodRun) {
    let Some(end) = &run.last else { return };
    if ids.ended.is_none_or(|(reason, _)| reason != end.reason) {
        if let Some((_, old)) = ids.ended {
            db.end(old, t_ms);
        }
        let labels = [
            ("namespace", run.namespace.as_str()),
            ("pod", &run.name),
            ("container", container_of(run)),
            ("reason", end.reason),
        ];
        ids.ended =
            Some((end.reason, db.series("kube_pod_container_status_last_terminated_reason", &labels)));
    }
    if let Some((_, id)) = ids.ended {
        db.append(id, t_ms, 1.0);
    }
}

fn seconds(tree: &Value, pointer: &str) -> Option<f64> {
    parse_time(text(tree, pointer)).map(|ms| ms as f64 / 1_000.0)
}

/// What is told of an object, in the order of [`ids_of`].
fn values_of(kind: Kind, tree: &Value) -> Vec<f64> {
    let number = |pointer: &str, default: i64| int(tree, pointer).unwrap_or(default) as f64;
    match kind {
        Kind::Deployment => vec![number("/status/availableReplicas", 0), number("/spec/replicas", 1)],
        Kind::CronJob => seconds(tree, "/status/lastSuccessfulTime").into_iter().collect(),
        Kind::Job => vec![number("/status/failed", 0)],
        Kind::Certificate => seconds(tree, "/status/notAfter").map(|end| vec![end, end]).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn ids_of(db: &mut Tsdb, object: &Object, tree: &Value) -> Vec<SeriesId> {
    let namespace = ("namespace", &*object.namespace);
    let named = |label| [namespace, (label, &*object.name)];
    match object.kind {
        Kind::Deployment => vec![
            db.series("kube_deployment_status_replicas_available", &named("deployment")),
            db.series("kube_deployment_spec_replicas", &named("deployment")),
        ],
        Kind::CronJob => vec![db.series("kube_cronjob_status_last_successful_time", &named("cronjob"))],
        Kind::Job => vec![db.series("kube_job_status_failed", &named("job_name"))],
        Kind::Certificate => {
            let host = list(tree, "/spec/dnsNames").first().and_then(Value::as_str).unwrap_or_default();
            let instance = format!("https://{host}/");
            vec![
                db.series("certmanager_certificate_expiration_timestamp_seconds", &named("name")),
                db.series("probe_ssl_earliest_cert_expiry", &[("instance", &instance)]),
            ]
        }
        _ => Vec::new(),
    }
}
