//! What Prometheus tells of itself, which clients ask before they ask anything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::reply::{Failure, success};
use crate::sim::metrics::Metrics;
use crate::sim::metrics::families::FAMILIES;
use crate::sim::metrics::params::Params;
use crate::sim::metrics::rules::INTERVAL_MS;

/// The families, as their targets describe them.
pub async fn metadata(RawQuery(query): RawQuery) -> Response {
    let params = Params::of_query(query);
    let limit = match params.get("limit") {
        "" => usize::MAX,
        text => match text.parse::<i64>() {
            Ok(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
            Err(_) => return Failure::bad_data("limit must be a number".into()).into(),
        },
    };
    let wanted = |name: &str| params.get("metric").is_empty() || params.get("metric") == name;
    let found = FAMILIES.iter().filter(|f| wanted(f.name)).take(limit);
    let all: BTreeMap<&str, Value> =
        found.map(|f| (f.name, json!([{ "type": f.kind, "help": f.help, "unit": "" }]))).collect();
    success(all)
}

/// The release whose semantics the evaluator follows.
pub async fn buildinfo() -> Response {
    success(json!({
        "version": "2.42.0",
        "revision": concat!("midwatch-", env!("CARGO_PKG_VERSION")),
        "branch": "HEAD",
        "buildUser": "midwatch",
        "buildDate": "",
        "goVersion": "",
    }))
}

pub async fn runtimeinfo(State(metrics): State<Arc<Metrics>>) -> Response {
    let started = Timestamp::from_millisecond(metrics.started_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    success(json!({
        "startTime": started.to_string(),
        "CWD": "/",
        "reloadConfigSuccess": true,
        "lastConfigTime": started.to_string(),
        "corruptionCount": 0,
        "goroutineCount": 0,
        "GOMAXPROCS": 1,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": "31d",
    }))
}

/// What of the flags says how queries are answered.
pub async fn flags() -> Response {
    success(json!({
        "query.lookback-delta": "5m",
        "query.max-samples": super::promql::MAX_VALUES.to_string(),
        "query.timeout": "2m",
        "storage.tsdb.retention.time": "31d",
        "web.enable-admin-api": "false",
        "web.enable-lifecycle": "false",
    }))
}

pub async fn config() -> Response {
    let interval = INTERVAL_MS / 1000;
    let yaml = format!("global:\n  scrape_interval: {interval}s\n  evaluation_interval: {interval}s\n");
    success(json!({ "yaml": yaml }))
}
