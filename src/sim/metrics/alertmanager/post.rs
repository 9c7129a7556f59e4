//! Alerts from others than the rules: `amtool alert add`, a script, another Prometheus.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use http::Uri;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::MAX_ALERTS;
use super::refusal::{Refusal, check_body, unreadable};
use crate::sim::metrics::Metrics;
use crate::sim::metrics::labels::{is_label_name, labels_from};
use crate::sim::metrics::rules::Notice;

/// An alert without an end holds for this long: `resolve_timeout`'s default, 5 minutes.
pub const RESOLVE_TIMEOUT_MS: i64 = 300_000;

/// The first of January of year 1, which is what clients written in Go send for no time.
const GO_ZERO_MS: i64 = -62_135_596_800_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Postable {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    starts_at: Option<Timestamp>,
    #[serde(default)]
    ends_at: Option<Timestamp>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

/// Takes alerts: as in Alertmanager, the good ones of a body with a bad one too.
pub async fn alerts(
    State(metrics): State<Arc<Metrics>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    check_body("alerts", &headers, &body)?;
    let posted: Option<Vec<Value>> = serde_json::from_slice(&body).map_err(|e| unreadable("alerts", e))?;
    let posted = posted.unwrap_or_default();
    let mut read = Vec::new();
    for (i, alert) in posted.into_iter().enumerate() {
        read.push(postable(i, alert)?);
    }
    let now_ms = metrics.clock.now_ms();
    let (good, bad): (Vec<_>, Vec<_>) = read.into_iter().map(|p| p.notice(now_ms)).partition(Result::is_ok);
    let mut alertmanager = metrics.alerts();
    if alertmanager.count() + good.len() > MAX_ALERTS {
        let why = format!("there are more than {MAX_ALERTS} alerts; let some of them end first");
        return Err(Refusal::Text(StatusCode::BAD_REQUEST, why));
    }
    alertmanager.receive(good.into_iter().flatten().collect(), now_ms);
    let why: Vec<String> = bad.into_iter().filter_map(Result::err).collect();
    if why.is_empty() {
        Ok(StatusCode::OK)
    } else {
        Err(Refusal::Text(StatusCode::BAD_REQUEST, why.join("; ")))
    }
}

/// # Errors
/// What go-openapi complains of, with its codes: 602 for what is missing, 601 for a wrong type.
fn postable(i: usize, alert: Value) -> Result<Postable, Refusal> {
    if alert.is_object() && alert.get("labels").is_none_or(Value::is_null) {
        return Err(Refusal::Validation(602, format!("{i}.labels in body is required")));
    }
    let postable: Postable = serde_json::from_value(alert).map_err(|e| unreadable("alerts", e))?;
    let url = &postable.generator_url;
    let is_uri =
        url.is_empty() || url.parse::<Uri>().is_ok_and(|u| u.scheme().is_some() || url.starts_with('/'));
    if !is_uri {
        let why = format!("{i}.generatorURL in body must be of type uri: {url:?}");
        return Err(Refusal::Validation(601, why));
    }
    Ok(postable)
}

impl Postable {
    /// The alert as if a rule had raised it.
    ///
    /// # Errors
    /// Alertmanager's wording.
    fn notice(self, now_ms: i64) -> Result<Notice, String> {
        let ms = |t: Option<Timestamp>| t.map(Timestamp::as_millisecond).filter(|ms| *ms != GO_ZERO_MS);
        let ends = ms(self.ends_at);
        // Without a start it begins now, or where it ends.
        let starts_ms = ms(self.starts_at).or(ends).unwrap_or(now_ms);
        let ends_ms = ends.unwrap_or(now_ms + RESOLVE_TIMEOUT_MS);
        if ends_ms < starts_ms {
            return Err("start time must be before end time".into());
        }
        let wrong_name = |names: &BTreeMap<String, String>| names.keys().find(|n| !is_label_name(n)).cloned();
        if let Some(name) = wrong_name(&self.labels) {
            return Err(format!("invalid label set: invalid name {name:?}"));
        }
        let labels = labels_from(self.labels);
        if labels.is_empty() {
            return Err("at least one label pair required".into());
        }
        if let Some(name) = wrong_name(&self.annotations) {
            return Err(format!("invalid annotations: invalid name {name:?}"));
        }
        let annotations = self.annotations.into_iter().filter(|(_, text)| !text.is_empty()).collect();
        Ok(Notice { labels, annotations, starts_ms, ends_ms, generator_url: self.generator_url })
    }
}
