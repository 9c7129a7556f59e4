//! The routes of Alertmanager's API v2.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use regex::Regex;
use serde_json::json;

use super::matchers::{self, Matcher};
use super::refusal::{self, Refusal, check_body, unreadable};
use super::silences::{Draft, SilenceError};
use super::view::{AlertView, GroupView, Receiver, SilenceView, label_map, time};
use super::{Alertmanager, GROUP_BY, Judged, RECEIVERS, config, post, receiver};
use crate::sim::metrics::Metrics;
use crate::sim::metrics::labels::{filter, get as label};
use crate::sim::metrics::params::Params;

/// Largest request body, in bytes; a silence is a few hundred.
const MAX_BODY: usize = 64 * 1024;

pub fn router(metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/api/v2/alerts", get(alerts).post(post::alerts))
        .route("/api/v2/alerts/groups", get(groups))
        .route("/api/v2/silences", get(silences).post(post_silence))
        .route("/api/v2/silence/{id}", get(silence).delete(delete_silence))
        .route("/api/v2/receivers", get(receivers))
        .route("/api/v2/status", get(status))
        .route("/-/healthy", get(|| async { "OK" }))
        .route("/-/ready", get(|| async { "OK" }))
        .fallback(refusal::wrong_path)
        .method_not_allowed_fallback(refusal::wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(metrics)
}

/// Which alerts a request asks for.
struct Selection {
    filters: Vec<Matcher>,
    receiver: Option<Regex>,
    active: bool,
    silenced: bool,
    inhibited: bool,
}

impl Selection {
    fn from(params: &Params) -> Result<Self, Refusal> {
        let receiver = match params.get("receiver") {
            "" => None,
            pattern => Some(Regex::new(&format!("^(?:{pattern})$")).map_err(|e| {
                Refusal::Text(StatusCode::BAD_REQUEST, format!("failed to parse receiver param: {e}"))
            })?),
        };
        Ok(Self {
            filters: filters(params)?,
            receiver,
            active: flag(params, "active"),
            silenced: flag(params, "silenced"),
            inhibited: flag(params, "inhibited"),
        })
    }

    fn takes(&self, judged: &Judged) -> bool {
        let labels = &judged.alert.notice.labels;
        let value = |name: &str| Some(label(labels, name)).filter(|v| !v.is_empty());
        let active = judged.silenced_by.is_empty() && judged.inhibited_by.is_empty();
        (self.active || !active)
            && (self.silenced || judged.silenced_by.is_empty())
            && (self.inhibited || judged.inhibited_by.is_empty())
            && self.receiver.as_ref().is_none_or(|r| r.is_match(receiver(labels)))
            && self.filters.iter().all(|m| m.admits(value(m.pair().0)))
    }
}

fn filters(params: &Params) -> Result<Vec<Matcher>, Refusal> {
    let refuse = |why| Refusal::Text(StatusCode::BAD_REQUEST, why);
    params.all("filter").map(|text| matchers::parse(text).map_err(refuse)).collect()
}

/// A flag that is true unless it is given. go-openapi (swag.ConvertBool) takes everything that
/// it does not know for false.
fn flag(params: &Params, name: &str) -> bool {
    const YES: [&str; 10] = ["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"];
    params.all(name).last().is_none_or(|v| v.is_empty() || YES.iter().any(|yes| v.eq_ignore_ascii_case(yes)))
}

async fn alerts(
    State(metrics): State<Arc<Metrics>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<AlertView>>, Refusal> {
    let selection = Selection::from(&Params::of_query(query))?;
    let now = metrics.clock.now_ms();
    let alertmanager = metrics.alerts();
    let taken = alertmanager.judged(now).into_iter().filter(|j| selection.takes(j));
    Ok(Json(taken.map(|j| AlertView::of(&j)).collect()))
}

async fn groups(
    State(metrics): State<Arc<Metrics>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<GroupView>>, Refusal> {
    let selection = Selection::from(&Params::of_query(query))?;
    let now = metrics.clock.now_ms();
    let alertmanager = metrics.alerts();
    let mut groups = BTreeMap::new();
    for judged in alertmanager.judged(now).into_iter().filter(|j| selection.takes(j)) {
        let labels = &judged.alert.notice.labels;
        let key = (filter(labels, |k| GROUP_BY.contains(&k)), receiver(labels));
        groups.entry(key).or_insert_with(Vec::new).push(AlertView::of(&judged));
    }
    let view = |((labels, name), alerts): ((_, _), Vec<AlertView>)| GroupView {
        alerts,
        labels: label_map(&labels),
        receiver: Receiver { name },
    };
    Ok(Json(groups.into_iter().map(view).collect()))
}

async fn silences(
    State(metrics): State<Arc<Metrics>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<SilenceView>>, Refusal> {
    let filters = filters(&Params::of_query(query))?;
    let now = metrics.clock.now_ms();
    let alertmanager = metrics.alerts();
    let admitted = |s: &&super::silences::Silence| {
        filters.iter().all(|f| {
            let same_name = s.matchers.iter().map(Matcher::pair).find(|(name, _)| *name == f.pair().0);
            f.admits(same_name.map(|(_, value)| value))
        })
    };
    let all = alertmanager.silences.all(now);
    Ok(Json(all.into_iter().filter(admitted).map(|s| SilenceView::of(s, now)).collect()))
}

async fn post_silence(
    State(metrics): State<Arc<Metrics>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    check_body("silence", &headers, &body)?;
    let body: serde_json::Value = serde_json::from_slice(&body).map_err(|e| unreadable("silence", e))?;
    require(&body)?;
    let draft: Draft = serde_json::from_value(body).map_err(|e| {
        let why = e.to_string();
        if why.starts_with(matchers::INVALID) {
            Refusal::Text(StatusCode::BAD_REQUEST, format!("silence invalid: {why}"))
        } else {
            unreadable("silence", e)
        }
    })?;
    let now = metrics.clock.now_ms();
    match metrics.alerts().silences.set(draft, now) {
        Ok(id) => Ok(Json(json!({ "silenceID": id })).into_response()),
        Err(e @ SilenceError::NotFound) => Err(Refusal::Text(StatusCode::NOT_FOUND, e.to_string())),
        Err(e) => Err(Refusal::Text(StatusCode::BAD_REQUEST, e.to_string())),
    }
}

/// What must be in a silence, in the order in which go-openapi complains.
fn require(body: &serde_json::Value) -> Result<(), Refusal> {
    // 602 and 612: go-openapi's codes for a missing field and for too few items.
    let has = |of: &serde_json::Value, field: &str, path: &str| match of.get(field) {
        Some(v) if !v.is_null() => Ok(()),
        _ => Err(Refusal::Validation(602, format!("{path}{field} in body is required"))),
    };
    for field in ["comment", "createdBy", "endsAt", "matchers", "startsAt"] {
        has(body, field, "")?;
    }
    let matchers = body["matchers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if matchers.is_empty() {
        return Err(Refusal::Validation(612, "matchers in body should have at least 1 items".into()));
    }
    for (i, matcher) in matchers.iter().enumerate() {
        for field in ["isRegex", "name", "value"] {
            has(matcher, field, &format!("matchers.{i}."))?;
        }
    }
    Ok(())
}

/// Alertmanager only looks an id up if it is a UUID.
fn check_id(id: &str) -> Result<(), Refusal> {
    let parts: Vec<&str> = id.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|p| p.len()).collect();
    let hex = parts.iter().all(|p| p.bytes().all(|b| b.is_ascii_hexdigit()));
    if hex && lengths == [8, 4, 4, 4, 12] {
        return Ok(());
    }
    Err(Refusal::Validation(601, format!("silenceID in path must be of type uuid: {id:?}")))
}

async fn silence(
    State(metrics): State<Arc<Metrics>>,
    Path(id): Path<String>,
) -> Result<Json<SilenceView>, Refusal> {
    check_id(&id)?;
    let now = metrics.clock.now_ms();
    let alertmanager = metrics.alerts();
    let silence = alertmanager.silences.get(&id).ok_or(Refusal::Empty(StatusCode::NOT_FOUND))?;
    Ok(Json(SilenceView::of(silence, now)))
}

async fn delete_silence(
    State(metrics): State<Arc<Metrics>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    check_id(&id)?;
    let now = metrics.clock.now_ms();
    // Releases from 0.26 on; earlier ones answer 500.
    metrics.alerts().silences.expire(&id, now).map_err(|_| Refusal::Empty(StatusCode::NOT_FOUND))?;
    Ok(StatusCode::OK)
}

async fn receivers() -> Json<Vec<Receiver>> {
    Json(RECEIVERS.map(|name| Receiver { name }).into())
}

async fn status(State(metrics): State<Arc<Metrics>>) -> Json<serde_json::Value> {
    let alertmanager: &Alertmanager = &metrics.alerts();
    Json(json!({
        "cluster": { "peers": [], "status": "disabled" },
        "config": { "original": config::yaml(&alertmanager.inhibits) },
        "uptime": time(alertmanager.started_ms),
        "versionInfo": {
            "branch": "HEAD",
            "buildDate": "",
            "buildUser": "midwatch",
            "goVersion": "",
            "revision": env!("CARGO_PKG_VERSION"),
            // The release whose behaviour is followed.
            "version": "0.28.0",
        },
    }))
}
