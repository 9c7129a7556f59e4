//! The queries themselves: PromQL for every signal, written from what was detected.

use super::convention::{Detected, Measured};
use crate::model::signal::{BreakdownId, BurnWindow, SignalId};

/// Long enough for any scrape interval up to a minute, short enough to see a new fault.
const RECENT: &str = "5m";

/// The rows that a breakdown may have.
pub const ROWS: usize = 20;

/// `metric{a="b",c="d"}`.
pub fn selector(metric: &str, matchers: &[String]) -> String {
    let matchers: Vec<&str> = matchers.iter().map(String::as_str).filter(|m| !m.is_empty()).collect();
    if matchers.is_empty() { metric.to_owned() } else { format!("{metric}{{{}}}", matchers.join(",")) }
}

/// A PromQL string.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// A literal within an RE2 pattern.
pub fn regex_quoted(text: &str) -> String {
    text.chars()
        .flat_map(|c| (r".+*?()|[]{}^$\".contains(c)).then_some('\\').into_iter().chain([c]))
        .collect()
}

impl Measured {
    fn rate(&self, window: &str) -> String {
        format!("rate({}[{window}])", selector(self.metric, &self.matchers))
    }

    fn failed(&self, window: &str) -> Option<String> {
        let (_, failure) = self.errors?;
        let matchers = [self.matchers.as_slice(), &[failure.to_owned()]].concat();
        Some(format!("rate({}[{window}])", selector(self.metric, &matchers)))
    }

    /// No errors is 0, no traffic is nothing.
    fn error_ratio(&self, window: &str, by: &str) -> Option<String> {
        let (all, failed) = (self.rate(window), self.failed(window)?);
        Some(format!("(sum{by}({failed}) or 0 * sum{by}({all})) / (sum{by}({all}) > 0)"))
    }

    fn quantile(&self, q: f64, window: &str) -> String {
        let quantile = format!("histogram_quantile({q}, sum by (le) ({}))", self.rate(window));
        if self.scale == 1.0 { quantile } else { format!("{} * {quantile}", self.scale) }
    }

    fn by_route(&self) -> Option<String> {
        (!self.route.is_empty()).then(|| format!(" by ({}) ", self.route.join(", ")))
    }
}

impl Detected {
    /// The query of a charted signal. `rate_window` is as PromQL writes it.
    pub fn chart(&self, signal: SignalId, rate_window: &str) -> Option<String> {
        let (requests, latency) = (self.requests.as_ref(), self.latency.as_ref());
        match signal {
            SignalId::LatencyP50 => latency.map(|m| m.quantile(0.5, rate_window)),
            SignalId::LatencyP95 => latency.map(|m| m.quantile(0.95, rate_window)),
            SignalId::LatencyP99 => latency.map(|m| m.quantile(0.99, rate_window)),
            SignalId::ErrorRatio => requests.and_then(|m| m.error_ratio(rate_window, "")),
            SignalId::RequestRate => requests.map(|m| format!("sum({})", m.rate(rate_window))),
            _ => None,
        }
    }

    /// The query of a signal that is read once a round.
    pub fn reading(&self, signal: SignalId) -> Option<String> {
        let requests = self.requests.as_ref();
        match signal {
            SignalId::ErrorRatioOver(window) => requests.and_then(|m| m.error_ratio(window.promql(), "")),
            SignalId::Availability => requests
                .and_then(|m| m.error_ratio(BurnWindow::D30.promql(), ""))
                .map(|ratio| format!("1 - ({ratio})")),
            SignalId::CpuRatio => Some(self.used_of(
                &format!("rate({}[{RECENT}])", self.of_pods("container_cpu_usage_seconds_total", CONTAINER)),
                &self.of_pods("kube_pod_container_resource_requests", r#"resource="cpu""#),
            )),
            SignalId::MemoryRatio => Some(self.used_of(
                &self.of_pods("container_memory_working_set_bytes", CONTAINER),
                &self.of_pods("kube_pod_container_resource_limits", r#"resource="memory""#),
            )),
            SignalId::ThrottledRatio => {
                let sum = |metric| format!("sum(rate({}[{RECENT}]))", self.of_pods(metric, CONTAINER));
                let (throttled, all) = (
                    sum("container_cpu_cfs_throttled_periods_total"),
                    sum("container_cpu_cfs_periods_total"),
                );
                Some(format!("{throttled} / ({all} > 0)"))
            }
            SignalId::PoolRatio => Some(self.pool()),
            SignalId::CacheHitRatio => Some(self.cache_hits()),
            SignalId::CertificateDays => Some(self.certificate_days()),
            SignalId::DiskRatio => Some(self.disk()),
            _ => None,
        }
    }

    /// How many of the last 30 days have data.
    pub fn days_of_data(&self) -> Option<String> {
        let requests = self.requests.as_ref()?;
        Some(format!("count_over_time(sum({})[30d:1d])", selector(requests.metric, &requests.matchers)))
    }

    pub fn breakdown(&self, id: BreakdownId) -> Option<String> {
        let requests = self.requests.as_ref();
        let inner = match id {
            BreakdownId::ErrorsByCode => requests.and_then(|m| {
                let (label, _) = m.errors?;
                Some(format!("sum by ({label}) ({}) > 0", m.failed(RECENT)?))
            }),
            BreakdownId::ErrorsByRoute => {
                requests.and_then(|m| Some(format!("({}) > 0", m.error_ratio(RECENT, &m.by_route()?)?)))
            }
            BreakdownId::RequestsByRoute => {
                requests.and_then(|m| Some(format!("sum{}({}) > 0", m.by_route()?, m.rate(RECENT))))
            }
            BreakdownId::SlowestRoutes => self.latency.as_ref().and_then(|m| {
                let labels = (!m.route.is_empty()).then(|| m.route.join(", "))?;
                let quantile =
                    format!("histogram_quantile(0.95, sum by (le, {labels}) ({}))", m.rate(RECENT));
                // The comparison also drops the NaN of routes without traffic.
                Some(format!("{} * {quantile} >= 0", m.scale))
            }),
        };
        inner.map(|inner| format!("topk({ROWS}, {inner})"))
    }

    fn of_pods(&self, metric: &str, extra: &str) -> String {
        selector(metric, &[self.pods.as_slice(), &[extra.to_owned()]].concat())
    }

    fn namespaced(&self, metric: &str) -> String {
        let of_pod = |m: &&String| !m.starts_with("pod=~");
        selector(metric, &self.pods.iter().filter(of_pod).cloned().collect::<Vec<_>>())
    }

    /// Only containers that have both count: one without a limit would push the ratio beyond 1,
    /// and a finished pod's request would hide what the living ones use.
    fn used_of(&self, used: &str, of: &str) -> String {
        let on = "on (namespace, pod, container)";
        format!("sum({used} and {on} {of}) / sum({of} and {on} {used})")
    }

    /// PostgreSQL's own exporter, else what HikariCP says of its pools.
    fn pool(&self) -> String {
        format!(
            "sum({}) / max({}) or sum({}) / sum({})",
            self.namespaced("pg_stat_activity_count"),
            self.namespaced("pg_settings_max_connections"),
            self.namespaced("hikaricp_connections_active"),
            self.namespaced("hikaricp_connections_max"),
        )
    }

    /// Redis' exporter, else memcached's.
    fn cache_hits(&self) -> String {
        let rate = |metric: &str, extra: &str| {
            let all = self.namespaced(metric);
            let selected = match (extra, all.strip_suffix('}')) {
                ("", _) => all,
                (extra, Some(open)) => format!("{open},{extra}}}"),
                (extra, None) => format!("{all}{{{extra}}}"),
            };
            format!("sum(rate({selected}[{RECENT}]))")
        };
        let hits = rate("redis_keyspace_hits_total", "");
        let misses = rate("redis_keyspace_misses_total", "");
        let got = rate("memcached_commands_total", r#"command="get",status="hit""#);
        let asked = rate("memcached_commands_total", r#"command="get""#);
        format!("{hits} / ({hits} + {misses} > 0) or {got} / ({asked} > 0)")
    }

    /// A blackbox probe's series has the namespace of its Probe object, or none at all; then it
    /// is of a public name, which is everyone's.
    fn certificate_days(&self) -> String {
        let own = self.namespaced("certmanager_certificate_expiration_timestamp_seconds");
        let probed = self.namespaced("probe_ssl_earliest_cert_expiry");
        let common = if probed.contains("namespace=") {
            let unnamed = [self.common.as_slice(), &[r#"namespace="""#.to_owned()]].concat();
            format!(" or {}", selector("probe_ssl_earliest_cert_expiry", &unnamed))
        } else {
            String::new()
        };
        format!("(min({own} or {probed}{common}) - time()) / 86400")
    }

    /// The fullest of the nodes' file systems and of the namespace's volumes.
    fn disk(&self) -> String {
        let real = r#"fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660""#.to_owned();
        let matchers = [self.common.as_slice(), &[real]].concat();
        let of = |metric| selector(metric, &matchers);
        let nodes =
            format!("1 - {} / {}", of("node_filesystem_avail_bytes"), of("node_filesystem_size_bytes"));
        let volumes = format!(
            "{} / {}",
            self.namespaced("kubelet_volume_stats_used_bytes"),
            self.namespaced("kubelet_volume_stats_capacity_bytes")
        );
        format!("max(({nodes}) or ({volumes}))")
    }
}

/// A pod's cgroup and its pause container are counted beside the containers.
const CONTAINER: &str = r#"container!="",container!="POD""#;
