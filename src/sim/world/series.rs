//! What the simulated Prometheus scrapes: the counters and gauges under the names that
//! exporters in the field give them.

use std::collections::HashMap;

use super::World;
use super::cast::{BACKUP_VOLUME_BYTES, DAY_MS, FULL_BACKUP_BYTES, SHOP};
use super::make;
use super::physics::{Flow, POOL_SIZE};
use super::pod::PodRun;
use crate::sim::cluster::json::{int, list, parse_time, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::metrics::tsdb::{SeriesId, Tsdb};

/// Upper bounds of the latency histogram, in seconds (Prometheus' default buckets without
/// the four that nobody looks at).
const BOUNDS: [(f64, &str); 11] = [
    (0.005, "0.005"),
    (0.01, "0.01"),
    (0.025, "0.025"),
    (0.05, "0.05"),
    (0.1, "0.1"),
    (0.25, "0.25"),
    (0.5, "0.5"),
    (1.0, "1"),
    (2.5, "2.5"),
    (5.0, "5"),
    (10.0, "10"),
];
/// Method, route, share of the requests, how long it takes and how often it fails
/// against the average.
const ROUTES: [(&str, &str, f64, f64, f64); 5] = [
    ("GET", "/", 0.30, 0.6, 0.57),
    ("GET", "/products", 0.35, 1.0, 0.85),
    ("GET", "/cart", 0.15, 0.8, 1.0),
    ("POST", "/cart", 0.12, 1.2, 1.5),
    ("POST", "/pay", 0.08, 2.2, 2.7),
];
const CODES: [&str; 5] = ["200", "404", "500", "502", "504"];
const SERVICES: [(&str, f64); 2] = [("api", 1.0), ("web", 1.06)];
/// Spread of the latency's logarithm: p95 is 3.4 times the median.
const SIGMA: f64 = 0.75;

/// The counters of the HTTP traffic, by service and route.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    counts: [[[f64; 5]; 5]; 2],
    buckets: [[[f64; 12]; 5]; 2],
    sums: [[f64; 5]; 2],
    /// Reads of the cache that were answered from it, and that were not.
    hits: f64,
    misses: f64,
}

impl Traffic {
    /// Counts what flows in `dt_s` seconds.
    pub fn add(&mut self, flow: &Flow, dt_s: f64) {
        let mean: f64 = ROUTES.iter().map(|r| r.2 * r.4).sum();
        for (s, (_, slower)) in SERVICES.iter().enumerate() {
            for (r, (_, _, share, slow, fails)) in ROUTES.iter().enumerate() {
                let n = flow.rps * share * dt_s;
                let failed = n * (flow.errors * fails / mean).min(1.0);
                let late = n * flow.timeouts;
                let missing = if r == 1 { n * 0.004 } else { 0.0 };
                let counts = &mut self.counts[s][r];
                counts[0] += (n - failed - late - missing).max(0.0);
                counts[1] += missing;
                counts[2] += failed * 0.71;
                counts[3] += failed * 0.29;
                counts[4] += late;
                let median = flow.median_s * slow * slower;
                self.sums[s][r] += n * median * (SIGMA * SIGMA / 2.0).exp();
                for (b, (bound, _)) in BOUNDS.iter().enumerate() {
                    self.buckets[s][r][b] += n * normal((bound / median).ln() / SIGMA);
                }
                self.buckets[s][r][11] += n;
            }
        }
        // An average request reads the cache twice.
        self.hits += 2.0 * flow.rps * flow.hits * dt_s;
        self.misses += 2.0 * flow.rps * (1.0 - flow.hits) * dt_s;
    }

    /// Requests of a service so far: all, and those answered with 5xx.
    #[cfg(test)]
    pub fn requests(&self, service: &str) -> (f64, f64) {
        let s = usize::from(service == "web");
        let all = self.counts[s].iter().flatten().sum();
        let errors = self.counts[s].iter().map(|c| c[2] + c[3] + c[4]).sum();
        (all, errors)
    }
}

/// The standard normal distribution (Abramowitz and Stegun 26.2.17, error under 1e-7).
fn normal(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly = t
        * (0.319_381_530
            + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = 0.398_942_280_401 * (-x * x / 2.0).exp() * poly;
    if x >= 0.0 { 1.0 - tail } else { tail }
}

/// Handles of the series, so that a label set is looked up once.
#[derive(Default)]
pub struct Series {
    pub traffic: Traffic,
    shop: Vec<SeriesId>,
    pods: HashMap<String, Vec<SeriesId>>,
}

type Row<'a> = (&'a str, Vec<(&'a str, &'a str)>);

/// Names and labels of the shop's series, in the order in which [`values`] fills them.
fn shop_rows() -> Vec<Row<'static>> {
    let mut rows = Vec::new();
    for (service, _) in SERVICES {
        for (method, route, ..) in ROUTES {
            let base = vec![("namespace", SHOP), ("service", service), ("route", route), ("method", method)];
            let with = |more: Option<(&'static str, &'static str)>| {
                let mut all = base.clone();
                all.extend(more);
                all
            };
            for code in CODES {
                rows.push(("http_requests_total", with(Some(("code", code)))));
            }
            for (_, le) in BOUNDS {
                rows.push(("http_request_duration_seconds_bucket", with(Some(("le", le)))));
            }
            rows.push(("http_request_duration_seconds_bucket", with(Some(("le", "+Inf")))));
            rows.push(("http_request_duration_seconds_sum", with(None)));
            rows.push(("http_request_duration_seconds_count", with(None)));
        }
    }
    for pod in ["cache-0", "cache-1", "cache-2", "cache-3"] {
        rows.push(("redis_keyspace_hits_total", vec![("namespace", SHOP), ("pod", pod)]));
        rows.push(("redis_keyspace_misses_total", vec![("namespace", SHOP), ("pod", pod)]));
    }
    for state in ["active", "idle"] {
        rows.push((
            "pg_stat_activity_count",
            vec![("namespace", SHOP), ("datname", "shop"), ("state", state)],
        ));
    }
    rows.push(("pg_settings_max_connections", vec![("namespace", SHOP)]));
    for mount in ["/", "/backup"] {
        rows.push(("node_filesystem_avail_bytes", vec![("node", "node-01"), ("mountpoint", mount)]));
        rows.push(("node_filesystem_size_bytes", vec![("node", "node-01"), ("mountpoint", mount)]));
    }
    rows
}

/// What the volumes hold at an instant.
#[derive(Clone, Copy, Debug)]
pub struct Disks {
    pub retention_days: f64,
    pub since_origin_ms: i64,
}

impl Disks {
    /// The root disk fills by half a percent a day; the backup volume holds its retention.
    fn values(&self) -> [f64; 4] {
        let root = 200.0 * 1_073_741_824.0;
        let used = 0.61 + 0.005 * self.since_origin_ms as f64 / DAY_MS as f64;
        let backups = (self.retention_days * FULL_BACKUP_BYTES).min(BACKUP_VOLUME_BYTES * 0.9999);
        [root * (1.0 - used.clamp(0.0, 1.0)), root, BACKUP_VOLUME_BYTES - backups, BACKUP_VOLUME_BYTES]
    }
}

impl Series {
    /// Writes the shop's series at `t_ms`.
    pub fn write_shop(&mut self, db: &mut Tsdb, t_ms: i64, flow: &Flow, disks: Disks) {
        if self.shop.is_empty() {
            self.shop = shop_rows().iter().map(|(name, labels)| db.series(name, labels)).collect();
        }
        let mut ids = self.shop.iter();
        let mut put = |value: f64| {
            if let Some(id) = ids.next() {
                db.append(*id, t_ms, value);
            }
        };
        for s in 0..SERVICES.len() {
            for r in 0..ROUTES.len() {
                self.traffic.counts[s][r].iter().for_each(|n| put(n.floor()));
                self.traffic.buckets[s][r].iter().for_each(|n| put(n.floor()));
                put(self.traffic.sums[s][r]);
                put(self.traffic.buckets[s][r][11].floor());
            }
        }
        for _ in 0..4 {
            put((self.traffic.hits / 4.0).floor());
            put((self.traffic.misses / 4.0).floor());
        }
        put((flow.pool * 0.62).round());
        put((flow.pool * 0.38).round());
        put(POOL_SIZE);
        disks.values().into_iter().for_each(put);
    }

    fn write_pod(&mut self, db: &mut Tsdb, t_ms: i64, run: &PodRun) {
        let container = run.containers.first().map(|c| c.0.as_str()).unwrap_or_default();
        let ids = self.pods.entry(run.uid.clone()).or_insert_with(|| {
            let base =
                [("namespace", run.namespace.as_str()), ("pod", run.name.as_str()), ("container", container)];
            let with = |k, v, u| [base[0], base[1], base[2], (k, v), ("unit", u)];
            let requests = "kube_pod_container_resource_requests";
            let limits = "kube_pod_container_resource_limits";
            vec![
                db.series("container_cpu_usage_seconds_total", &base),
                db.series("container_memory_working_set_bytes", &base),
                db.series("container_cpu_cfs_throttled_periods_total", &base),
                db.series("container_cpu_cfs_periods_total", &base),
                db.series("kube_pod_container_status_restarts_total", &base),
                db.series(requests, &with("resource", "cpu", "core")),
                db.series(requests, &with("resource", "memory", "byte")),
                db.series(limits, &with("resource", "cpu", "core")),
                db.series(limits, &with("resource", "memory", "byte")),
            ]
        });
        let values = [
            Some(run.cpu_seconds),
            Some(run.memory),
            Some(run.throttled_periods.floor()),
            Some(run.periods),
            Some(f64::from(run.restarts)),
            Some(run.cpu_request),
            Some(run.memory_request),
            Some(run.cpu_limit),
            Some(run.memory_limit),
        ];
        let running = run.running_since().is_some();
        for (i, (id, value)) in ids.iter().zip(values).enumerate() {
            // cAdvisor has nothing of a container that does not run; kube-state-metrics has.
            if let (Some(value), true) = (value, running || i >= 4) {
                db.append(*id, t_ms, value);
            }
        }
    }
}

impl World {
    /// One scrape of everything.
    pub(super) fn scrape(&mut self, at_ms: i64) {
        let disks = Disks { retention_days: self.retention_days(), since_origin_ms: at_ms - self.origin_ms };
        let store = self.parts.store.clone();
        let flow = self.physics.flow;
        let (series, pods) = (&mut self.series, &self.pods);
        self.parts.metrics.write(|db| {
            series.write_shop(db, at_ms, &flow, disks);
            for run in pods.values() {
                series.write_pod(db, at_ms, run);
                write_target(db, at_ms, run);
            }
            write_cache(db, at_ms, pods.values());
            for kind in [Kind::Deployment, Kind::CronJob, Kind::Job, Kind::Certificate] {
                for object in store.list(kind, None) {
                    if object.namespace.starts_with("team-") {
                        continue;
                    }
                    write_object(db, at_ms, kind, &object.tree());
                }
            }
            for i in 1..make::NODES {
                let (node, used) = (make::node_name(i), 0.40 + 0.015 * i as f64);
                let labels = [("node", node.as_str()), ("mountpoint", "/")];
                let size = 200.0 * 1_073_741_824.0;
                put(db, "node_filesystem_size_bytes", &labels, at_ms, size);
                put(db, "node_filesystem_avail_bytes", &labels, at_ms, size * (1.0 - used));
            }
        });
        self.series.pods.retain(|uid, _| pods_have(&self.pods, uid));
    }

    /// `RETENTION_DAYS` of the full backup as its CronJob has it now.
    fn retention_days(&self) -> f64 {
        let Some(object) = self.parts.store.get(Kind::CronJob, SHOP, "backup-full") else { return 0.0 };
        let tree = object.tree();
        let containers = list(&tree, "/spec/jobTemplate/spec/template/spec/containers");
        let mut env = containers.iter().flat_map(|c| list(c, "/env"));
        env.find(|e| text(e, "/name") == "RETENTION_DAYS")
            .and_then(|e| text(e, "/value").parse().ok())
            .unwrap_or(14.0)
    }
}

fn pods_have(pods: &std::collections::BTreeMap<(String, String), PodRun>, uid: &str) -> bool {
    pods.values().any(|p| p.uid == uid)
}

fn put(db: &mut Tsdb, name: &str, labels: &[(&str, &str)], t_ms: i64, value: f64) {
    let id = db.series(name, labels);
    db.append(id, t_ms, value);
}

/// `up`, and what kube-state-metrics tells of a pod's last end.
fn write_target(db: &mut Tsdb, t_ms: i64, run: &PodRun) {
    let job = match run.owner.0.as_str() {
        "ReplicaSet" => super::physics::deployment_of(run),
        "Job" => return,
        _ => run.owner.1.as_str(),
    };
    if !run.ip.is_empty() && !run.terminating() {
        let instance = format!("{}:8080", run.ip);
        let labels =
            [("job", job), ("instance", &instance), ("namespace", &run.namespace), ("pod", &run.name)];
        put(db, "up", &labels, t_ms, f64::from(u8::from(run.running_since().is_some())));
    }
    if let Some(end) = &run.last {
        let container = run.containers.first().map(|c| c.0.as_str()).unwrap_or_default();
        let labels = [
            ("namespace", run.namespace.as_str()),
            ("pod", &run.name),
            ("container", container),
            ("reason", end.reason),
        ];
        put(db, "kube_pod_container_status_last_terminated_reason", &labels, t_ms, 1.0);
    }
}

fn write_cache<'a>(db: &mut Tsdb, t_ms: i64, pods: impl Iterator<Item = &'a PodRun>) {
    for run in pods.filter(|p| p.owner.1 == "cache" && p.running_since().is_some()) {
        let labels = [("namespace", run.namespace.as_str()), ("pod", run.name.as_str())];
        put(db, "redis_memory_used_bytes", &labels, t_ms, run.memory * 0.85);
    }
}

fn write_object(db: &mut Tsdb, t_ms: i64, kind: Kind, tree: &serde_json::Value) {
    let (namespace, name) = (text(tree, "/metadata/namespace"), text(tree, "/metadata/name"));
    let seconds = |pointer: &str| parse_time(text(tree, pointer)).map(|ms| ms as f64 / 1_000.0);
    match kind {
        Kind::Deployment => {
            let labels = [("namespace", namespace), ("deployment", name)];
            let available = int(tree, "/status/availableReplicas").unwrap_or(0) as f64;
            put(db, "kube_deployment_status_replicas_available", &labels, t_ms, available);
            put(
                db,
                "kube_deployment_spec_replicas",
                &labels,
                t_ms,
                int(tree, "/spec/replicas").unwrap_or(1) as f64,
            );
        }
        Kind::CronJob => {
            if let Some(at) = seconds("/status/lastSuccessfulTime") {
                let labels = [("namespace", namespace), ("cronjob", name)];
                put(db, "kube_cronjob_status_last_successful_time", &labels, t_ms, at);
            }
        }
        Kind::Job => {
            // Only those that failed, and the youngest: two weeks of hourly jobs are noise.
            let failed = int(tree, "/status/failed").unwrap_or(0);
            let young = seconds("/status/startTime").is_some_and(|s| t_ms as f64 / 1_000.0 - s < 7_200.0);
            if failed > 0 || young {
                put(
                    db,
                    "kube_job_status_failed",
                    &[("namespace", namespace), ("job_name", name)],
                    t_ms,
                    failed as f64,
                );
            }
        }
        Kind::Certificate => {
            if let Some(end) = seconds("/status/notAfter") {
                let labels = [("namespace", namespace), ("name", name)];
                put(db, "certmanager_certificate_expiration_timestamp_seconds", &labels, t_ms, end);
                let host = list(tree, "/spec/dnsNames").first().and_then(|h| h.as_str()).unwrap_or_default();
                let instance = format!("https://{host}/");
                put(db, "probe_ssl_earliest_cert_expiry", &[("instance", &instance)], t_ms, end);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution() {
        assert!((normal(0.0) - 0.5).abs() < 1e-6);
        assert!((normal(1.644_854) - 0.95).abs() < 1e-5);
        assert!((normal(-1.644_854) - 0.05).abs() < 1e-5);
    }

    #[test]
    fn counters_add_up() {
        let flow = crate::sim::world::physics::Physics::new(1, 0)
            .flow_at(0, &crate::sim::world::physics::Inputs::calm());
        let mut traffic = Traffic::default();
        traffic.add(&flow, 10.0);
        let (all, errors) = traffic.requests("api");
        assert!((all - flow.rps * 10.0).abs() < 1e-6);
        assert!((errors / all - flow.errors).abs() < flow.errors * 0.01);
        for route in &traffic.buckets[0] {
            assert!(route.windows(2).all(|w| w[0] <= w[1]), "buckets are cumulative");
        }
    }
}
