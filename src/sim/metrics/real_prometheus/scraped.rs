//! A real Prometheus that scrapes `/metrics` for half an hour of simulated time, and then is asked
//! what the simulated one is asked: the cockpit's queries, the alert rules' and others.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{Timestamp, Unit};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::server::Server;
use crate::sim::{Options, Scenario, Sim, metrics::rules, start};

/// What the answers may differ by.
const TOLERANCE: f64 = 0.02;
/// Half an hour and a little.
const STEPS: i64 = 125;
const STEP: Duration = Duration::from_secs(15);
/// What the cockpit asks, as it detects its conventions here, and what the facts name.
const EXPRESSIONS: &[&str] = &[
    r#"(sum(rate(http_requests_total{namespace="shop",service="api",code=~"5.."}[60s])) or 0 * sum(rate(http_requests_total{namespace="shop",service="api"}[60s]))) / (sum(rate(http_requests_total{namespace="shop",service="api"}[60s])) > 0)"#,
    r#"(sum(rate(http_requests_total{namespace="shop",code=~"5.."}[30m])) or 0 * sum(rate(http_requests_total{namespace="shop"}[30m]))) / (sum(rate(http_requests_total{namespace="shop"}[30m])) > 0)"#,
    r#"1 - ((sum(rate(http_requests_total{namespace="shop",code=~"5.."}[30m])) or 0 * sum(rate(http_requests_total{namespace="shop"}[30m]))) / (sum(rate(http_requests_total{namespace="shop"}[30m])) > 0))"#,
    r#"histogram_quantile(0.5, sum by (le) (rate(http_request_duration_seconds_bucket{namespace="shop",service="api"}[60s])))"#,
    r#"histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{namespace="shop",service="api"}[60s])))"#,
    r#"histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{namespace="shop"}[5m])))"#,
    r#"sum(rate(http_requests_total{namespace="shop",service="api"}[60s]))"#,
    r#"topk(20, sum by (code) (rate(http_requests_total{namespace="shop",code=~"5.."}[5m])) > 0)"#,
    r#"topk(20, ((sum by (route, method) (rate(http_requests_total{namespace="shop",code=~"5.."}[5m])) or 0 * sum by (route, method) (rate(http_requests_total{namespace="shop"}[5m]))) / (sum by (route, method) (rate(http_requests_total{namespace="shop"}[5m])) > 0)) > 0)"#,
    r#"topk(20, 1 * histogram_quantile(0.95, sum by (le, route, method) (rate(http_request_duration_seconds_bucket{namespace="shop"}[5m]))) >= 0)"#,
    r#"sum(rate(container_cpu_usage_seconds_total{namespace="shop",container!=""}[5m]) and on (namespace, pod, container) kube_pod_container_resource_requests{namespace="shop",resource="cpu"}) / sum(kube_pod_container_resource_requests{namespace="shop",resource="cpu"} and on (namespace, pod, container) rate(container_cpu_usage_seconds_total{namespace="shop",container!=""}[5m]))"#,
    r#"sum(container_memory_working_set_bytes{namespace="shop"} and on (namespace, pod, container) kube_pod_container_resource_limits{resource="memory"}) / sum(kube_pod_container_resource_limits{resource="memory"} and on (namespace, pod, container) container_memory_working_set_bytes{namespace="shop"})"#,
    r#"sum(rate(container_cpu_cfs_throttled_periods_total{namespace="shop"}[5m])) / (sum(rate(container_cpu_cfs_periods_total{namespace="shop"}[5m])) > 0)"#,
    r#"sum(pg_stat_activity_count{namespace="shop"}) / max(pg_settings_max_connections{namespace="shop"}) or sum(hikaricp_connections_active) / sum(hikaricp_connections_max)"#,
    r#"sum(rate(redis_keyspace_hits_total{namespace="shop"}[5m])) / (sum(rate(redis_keyspace_hits_total{namespace="shop"}[5m])) + sum(rate(redis_keyspace_misses_total{namespace="shop"}[5m])) > 0)"#,
    r#"(min(certmanager_certificate_expiration_timestamp_seconds{namespace="shop"} or probe_ssl_earliest_cert_expiry{namespace=""}) - time()) / 86400"#,
    r#"max(1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay"} / node_filesystem_size_bytes{fstype!~"tmpfs|overlay"})"#,
    r#"predict_linear(node_filesystem_avail_bytes{mountpoint="/"}[30m], 4 * 3600)"#,
    "sum by (service) (increase(http_requests_total[10m]))",
    "irate(redis_keyspace_misses_total[5m])",
    "sum without (pod, container) (container_memory_working_set_bytes)",
    "avg by (namespace) (container_memory_working_set_bytes)",
    "max_over_time(pg_stat_activity_count[30m])",
    "avg_over_time(sum(pg_stat_activity_count)[20m:1m])",
    "quantile_over_time(0.9, sum(rate(http_requests_total[5m]))[20m:1m])",
    "sum by (pod) (changes(kube_pod_container_status_restarts_total[30m])) > 0",
    "resets(http_requests_total{code=\"200\"}[30m])",
    "delta(pg_stat_activity_count[10m])",
    "stddev by (namespace) (container_memory_working_set_bytes)",
    "quantile(0.9, container_memory_working_set_bytes)",
    "bottomk(3, container_memory_working_set_bytes{namespace=\"shop\"})",
    "count by (job) (up{job!=\"midwatch\"})",
    "sum by (job) (up{job!=\"midwatch\"})",
    "count by (__name__) ({__name__=~\"kube_.+\"})",
    "count({namespace=\"shop\",__name__!~\"ALERTS.*\"})",
    "kube_deployment_status_replicas_available != kube_deployment_spec_replicas",
    "kube_deployment_status_replicas_available / on (namespace, deployment) kube_deployment_spec_replicas",
    "time() - kube_cronjob_status_last_successful_time",
    "absent(kube_job_status_failed{job_name=\"none\"})",
    "clamp_max(sum by (route) (rate(http_requests_total{code=\"502\"}[5m])), 0.1)",
    "round(sum by (service) (rate(http_requests_total[5m])), 0.1)",
    "sort_desc(sum by (route) (rate(http_requests_total[5m])))",
    "scalar(pg_settings_max_connections) - sum(pg_stat_activity_count)",
    "sum(rate(http_requests_total[5m] offset 20m)) / sum(rate(http_requests_total[5m]))",
    "histogram_quantile(0.9, sum by (le, service) (rate(http_request_duration_seconds_bucket[30m])))",
    "rate(http_request_duration_seconds_sum[5m]) / rate(http_request_duration_seconds_count[5m])",
    "sum by (code) (apiserver_request_total)",
    "group by (kind) (label_replace(up{job!=\"midwatch\"}, \"kind\", \"$1\", \"job\", \"(.)(.*)\"))",
];

/// A simulation whose hours lie in the past of the wall clock, since a Prometheus takes no
/// samples of the future, and whose end is far from the full hour, when Jobs come and go: a
/// page with times cannot say that a series has ended.
async fn simulation() -> Sim {
    let origin = Timestamp::now() - jiff::Span::new().hours(3);
    let hour = origin.round((Unit::Hour, 1)).unwrap();
    let origin = hour + jiff::Span::new().minutes(12);
    let scenario = Scenario::named("bad-deploy").unwrap();
    start(Options { scenario, seed: 3, speed: 0.0, pods: None, origin }).await.unwrap()
}

fn configuration(sim: &Sim) -> String {
    let address = sim.prometheus_url().replace("http://", "");
    let token = sim.token();
    format!(
        "storage: {{tsdb: {{out_of_order_time_window: 6h}}}}\nscrape_configs:\n- job_name: midwatch\n  scrape_interval: 120ms\n  scrape_timeout: 120ms\n  honor_labels: true\n  \
         authorization: {{credentials: {}}}\n  static_configs: [{{targets: ['{address}']}}]\n",
        token.expose_secret()
    )
}

struct Sides {
    client: reqwest::Client,
    sim: Sim,
    theirs: Server,
}

impl Sides {
    async fn ask(&self, base: &str, path: &str, parameters: &[(&str, String)]) -> Value {
        let request = self.client.get(format!("{base}/api/v1/{path}")).query(parameters);
        let request = request.bearer_auth(self.sim.token().expose_secret());
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Waits until the page as it is now has been scraped.
    async fn scraped(&self) {
        let now_s = self.sim.clock().now_ms().div_euclid(15_000) * 15;
        let query = [("query", "timestamp(pg_settings_max_connections)".into()), ("time", now_s.to_string())];
        let give_up = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.ask(&self.theirs.base, "query", &query).await;
            if answer.pointer("/data/result/0/value/1") == Some(&now_s.to_string().into()) {
                return;
            }
            assert!(Instant::now() < give_up, "nothing was scraped for a minute: {answer}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What differs, and how many values were compared.
    async fn compare(&self, path: &str, parameters: &[(&str, String)]) -> (Vec<String>, usize) {
        let ours = series(self.ask(&self.sim.prometheus_url(), path, parameters).await);
        let theirs = series(self.ask(&self.theirs.base, path, parameters).await);
        let mut wrong = Vec::new();
        let mut compared = 0;
        for labels in ours.keys().chain(theirs.keys().filter(|l| !ours.contains_key(*l))) {
            let (a, b) = (ours.get(labels), theirs.get(labels));
            compared += a.map_or(0, Vec::len);
            let near = |a: &(f64, f64), b: &(f64, f64)| {
                a.0 == b.0
                    && (a.1 == b.1
                        || a.1.is_nan() && b.1.is_nan()
                        || (a.1 - b.1).abs() <= TOLERANCE * b.1.abs())
            };
            let agree =
                a.zip(b).is_some_and(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b)));
            if !agree {
                wrong.push(format!("{path} {parameters:?}: {labels}: ours {a:?}, Prometheus {b:?}"));
            }
        }
        (wrong, compared)
    }
}

/// Times and values by labels.
fn series(answer: Value) -> BTreeMap<String, Vec<(f64, f64)>> {
    let point = |p: &Value| (p[0].as_f64().unwrap(), p[1].as_str().unwrap().parse().unwrap());
    let data = &answer["data"];
    assert_eq!(answer["status"], "success", "{answer}");
    if data["resultType"] == "scalar" {
        return BTreeMap::from([(String::new(), vec![point(&data["result"])])]);
    }
    let of = |s: &Value| {
        let points = match s["values"].as_array() {
            Some(points) => points.iter().map(point).collect(),
            None => vec![point(&s["value"])],
        };
        (s["metric"].to_string(), points)
    };
    data["result"].as_array().unwrap().iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_that_scrapes_it_answers_alike() {
    let sim = simulation().await;
    let Some(theirs) = Server::scraping(&configuration(&sim)).await else { return };
    let sides = Sides { client: reqwest::Client::builder().no_proxy().build().unwrap(), sim, theirs };
    for _ in 0..STEPS {
        sides.scraped().await;
        sides.sim.advance(STEP).await;
    }
    sides.scraped().await;
    let end = sides.sim.clock().now_ms() / 1000;
    let (rules, _) = rules::parse(crate::sim::server::RULES).unwrap();
    let mut all: Vec<String> = EXPRESSIONS.iter().map(|e| (*e).to_owned()).collect();
    // Of the hour that one rule looks back over, only half has been scraped.
    let own = |query: &str| query.replace("[1h]", "[30m]").replace("up == 0", "up{job!=\"midwatch\"} == 0");
    all.extend(rules.iter().map(|r| own(&r.query)));
    assert!(all.len() >= 40, "{}", all.len());
    let (mut wrong, mut answered) = (Vec::new(), 0);
    for query in all {
        let at = |t: i64| [("query", query.clone()), ("time", t.to_string())];
        let mut compared = 0;
        for parameters in [at(end), at(end - 50)] {
            let (differ, values) = sides.compare("query", &parameters).await;
            wrong.extend(differ);
            compared += values;
        }
        if !["[30m", "offset", "[20m"].iter().any(|long| query.contains(long)) {
            let [q, _] = at(end);
            let grid =
                [q, ("start", (end - 600).to_string()), ("end", end.to_string()), ("step", "60".into())];
            wrong.extend(sides.compare("query_range", &grid).await.0);
        }
        answered += usize::from(compared > 0);
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(answered >= 40, "two empty answers agree and say nothing: {answered} had values");
}
