//! What there is: labels, series, rules, alerts, targets.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::reply::{Failure, Metric, success};
use crate::sim::metrics::Metrics;
use crate::sim::metrics::labels::{Labels, get, is_label_name};
use crate::sim::metrics::params::Params;
use crate::sim::metrics::promql::{self, LOOKBACK_MS, format};
use crate::sim::metrics::rules::state::Active;
use crate::sim::metrics::rules::{INTERVAL_MS, RuleState, template::Template};
use crate::sim::metrics::tsdb::{SeriesId, Tsdb};

/// The series that `match[]`, `start` and `end` select; all of them if there is no `match[]`.
fn selected(db: &Tsdb, params: &Params) -> Result<Vec<SeriesId>, Failure> {
    let from = params.time("start").map_err(Failure::bad_data)?.unwrap_or(i64::MIN);
    let to = params.time("end").map_err(Failure::bad_data)?.unwrap_or(i64::MAX);
    if to < from {
        return Err(Failure::bad_data(
            "invalid parameter \"end\": end timestamp must not be before start time".into(),
        ));
    }
    let mut ids: Vec<SeriesId> = Vec::new();
    let mut any = false;
    for selector in params.all("match[]") {
        any = true;
        let alternatives = promql::parse_selector(selector).map_err(|e| Failure::bad_data(e.to_string()))?;
        ids.extend(alternatives.iter().flat_map(|m| db.select(m)));
    }
    if any {
        ids.sort_unstable();
        ids.dedup();
    } else {
        ids = db.ids().collect();
    }
    ids.retain(|id| db.has_samples(*id, from, to));
    Ok(ids)
}

pub async fn labels(State(metrics): State<Arc<Metrics>>, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let params = Params::of(query.as_deref(), &body);
    let names: Result<_, Failure> = metrics.read(|db| Ok(db.label_names(&selected(db, &params)?)));
    names.map_or_else(Into::into, success)
}

pub async fn label_values(
    State(metrics): State<Arc<Metrics>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    if !is_label_name(&name) {
        return Failure::bad_data(format!("invalid label name: {name:?}")).into();
    }
    let params = Params::of_query(query);
    let values: Result<BTreeSet<String>, Failure> = metrics.read(|db| {
        let value = |id: SeriesId| Some(get(db.labels(id)?, &name).to_string()).filter(|v| !v.is_empty());
        Ok(selected(db, &params)?.into_iter().filter_map(value).collect())
    });
    values.map_or_else(Into::into, success)
}

pub async fn series(State(metrics): State<Arc<Metrics>>, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let params = Params::of(query.as_deref(), &body);
    if params.all("match[]").next().is_none() {
        return Failure::bad_data("no match[] parameter provided".into()).into();
    }
    let found: Result<Vec<Metric>, Failure> = metrics.read(|db| {
        let ids = selected(db, &params).map_err(|e| e.of_parameter("match[]"))?;
        Ok(ids.into_iter().filter_map(|id| db.labels(id).cloned().map(Metric)).collect())
    });
    found.map_or_else(Into::into, success)
}

pub async fn alerts(State(metrics): State<Arc<Metrics>>) -> Response {
    let rules = metrics.rules();
    let all: Vec<Value> = rules.rules.iter().flat_map(|r| r.active.values()).map(alert).collect();
    success(json!({ "alerts": all }))
}

fn alert(active: &Active) -> Value {
    json!({
        "labels": Metric(active.labels.clone()),
        "annotations": active.annotations.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "state": active.state.word(),
        "activeAt": time(active.active_ms),
        "value": format::scientific(active.value),
    })
}

fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

pub async fn rules(State(metrics): State<Arc<Metrics>>, RawQuery(query): RawQuery) -> Response {
    let params = Params::of_query(query);
    match params.get("type") {
        "" | "alert" | "record" => {}
        other => {
            let why = format!("invalid parameter \"type\": not supported value {other:?}");
            return Failure::bad_data(why).into();
        }
    }
    // There are no recording rules.
    let wanted = params.get("type") != "record";
    let rules = metrics.rules();
    let last = rules.rules.iter().filter_map(|r| r.evaluated_ms).max().unwrap_or_default();
    success(json!({ "groups": [{
        "name": "midwatch",
        "file": "rules.toml",
        "rules": rules.rules.iter().filter(|_| wanted).map(rule).collect::<Vec<_>>(),
        "interval": INTERVAL_MS / 1000,
        "limit": 0,
        "evaluationTime": rules.rules.iter().map(|r| r.took_s).sum::<f64>(),
        "lastEvaluation": time(last),
    }] }))
}

fn rule(state: &RuleState) -> Value {
    let rule = &state.rule;
    let firing = state.active.values().any(|a| a.state.word() == "firing");
    let texts = |all: &[(String, Template)]| -> serde_json::Map<String, Value> {
        all.iter().map(|(k, t)| (k.clone(), t.source().into())).collect()
    };
    let mut view = json!({
        "state": if firing { "firing" } else if state.active.is_empty() { "inactive" } else { "pending" },
        "name": rule.alert,
        "query": rule.query,
        "duration": rule.hold_ms / 1000,
        "keepFiringFor": 0,
        "labels": texts(&rule.labels),
        "annotations": texts(&rule.annotations),
        "alerts": state.active.values().map(alert).collect::<Vec<_>>(),
        "health": if state.error.is_some() { "err" } else if state.evaluated_ms.is_some() { "ok" } else { "unknown" },
        "evaluationTime": state.took_s,
        "lastEvaluation": time(state.evaluated_ms.unwrap_or_default()),
        "type": "alerting",
    });
    if let Some(error) = &state.error {
        view["lastError"] = error.as_str().into();
    }
    view
}

/// The targets, read off `up`, which is what a scrape leaves behind.
pub async fn targets(State(metrics): State<Arc<Metrics>>) -> Response {
    let now = metrics.clock.now_ms();
    let active: Vec<Value> = metrics.read(|db| {
        let up = promql::parse_selector("up").unwrap_or_default();
        let ids = up.iter().flat_map(|m| db.select(m));
        ids.filter_map(|id| target(db, id, now)).collect()
    });
    success(json!({ "activeTargets": active, "droppedTargets": [] }))
}

fn target(db: &Tsdb, id: SeriesId, now: i64) -> Option<Value> {
    let labels = db.labels(id)?;
    let last = db.samples(id).iter().rev().find(|s| s.t <= now)?;
    if last.is_stale() || last.t < now - LOOKBACK_MS {
        return None;
    }
    let own: Labels = labels.iter().filter(|(k, _)| &**k != "__name__").cloned().collect();
    let url = format!("http://{}/metrics", get(labels, "instance"));
    let up = last.v == 1.0;
    Some(json!({
        "discoveredLabels": {},
        "labels": Metric(own),
        "scrapePool": get(labels, "job"),
        "scrapeUrl": url,
        "globalUrl": url,
        "lastError": if up { "" } else { "connection refused" },
        "lastScrape": time(last.t),
        "lastScrapeDuration": 0.0,
        "health": if up { "up" } else { "down" },
        "scrapeInterval": "15s",
        "scrapeTimeout": "10s",
    }))
}
