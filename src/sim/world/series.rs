//! What the simulated Prometheus scrapes: the counters and gauges under the names that
//! exporters in the field give them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::cast::{BACKUP_VOLUME_BYTES, DAY_MS, FULL_BACKUP_BYTES, SHOP};
use super::physics::{Flow, POOL_SIZE};
use crate::sim::cluster::served::Call;
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

    /// Reads of the cache so far: answered from it, and not.
    pub fn reads(&self) -> (f64, f64) {
        (self.hits, self.misses)
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
    /// By pod; see [`super::scrape`].
    pub pods: HashMap<String, PodSeries>,
    /// By object.
    pub objects: HashMap<Box<str>, Vec<SeriesId>>,
    /// Jobs of which nothing more is told.
    pub settled: HashSet<Box<str>>,
    pub nodes: Vec<SeriesId>,
    /// By what the API server counts together.
    pub served: BTreeMap<Call, SeriesId>,
}

/// Handles of a pod's series.
pub struct PodSeries {
    pub container: Vec<SeriesId>,
    pub up: Option<(String, SeriesId)>,
    pub ended: Option<(&'static str, SeriesId)>,
    pub cache: Option<SeriesId>,
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
    // Prometheus scrapes itself: it was there all the time.
    rows.push(("up", vec![("job", "prometheus"), ("instance", "localhost:9090")]));
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
        disks.values().into_iter().for_each(&mut put);
        put(1.0);
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
