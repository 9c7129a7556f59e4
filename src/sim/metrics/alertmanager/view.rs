//! The JSON shapes of Alertmanager's API v2.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::matchers::Matcher;
use super::silences::{Silence, State};
use super::{Judged, receiver};
use crate::sim::metrics::labels::Labels;

/// RFC 3339 with milliseconds, as go-openapi writes it.
pub fn time(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertView {
    annotations: BTreeMap<String, String>,
    ends_at: String,
    fingerprint: String,
    receivers: [Receiver; 1],
    starts_at: String,
    status: AlertStatus,
    updated_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    generator_url: String,
    labels: BTreeMap<Arc<str>, Arc<str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertStatus {
    inhibited_by: Vec<String>,
    muted_by: [String; 0],
    silenced_by: Vec<String>,
    state: &'static str,
}

#[derive(Serialize)]
pub struct Receiver {
    pub name: &'static str,
}

impl AlertView {
    pub fn of(judged: &Judged) -> Self {
        let notice = &judged.alert.notice;
        let muted = !judged.silenced_by.is_empty() || !judged.inhibited_by.is_empty();
        Self {
            annotations: notice.annotations.iter().cloned().collect(),
            ends_at: time(notice.ends_ms),
            fingerprint: judged.fingerprint.to_string(),
            receivers: [Receiver { name: receiver(&notice.labels) }],
            starts_at: time(notice.starts_ms),
            status: AlertStatus {
                inhibited_by: judged.inhibited_by.iter().map(ToString::to_string).collect(),
                muted_by: [],
                silenced_by: judged.silenced_by.clone(),
                state: if muted { "suppressed" } else { "active" },
            },
            updated_at: time(judged.alert.updated_ms),
            generator_url: notice.generator_url.clone(),
            labels: label_map(&notice.labels),
        }
    }
}

pub fn label_map(labels: &Labels) -> BTreeMap<Arc<str>, Arc<str>> {
    labels.iter().cloned().collect()
}

#[derive(Serialize)]
pub struct GroupView {
    pub alerts: Vec<AlertView>,
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    pub receiver: Receiver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SilenceView {
    id: String,
    status: SilenceStatus,
    updated_at: String,
    comment: String,
    created_by: String,
    ends_at: String,
    matchers: Vec<Matcher>,
    starts_at: String,
}

#[derive(Serialize)]
struct SilenceStatus {
    state: &'static str,
}

impl SilenceView {
    pub fn of(silence: &Silence, now_ms: i64) -> Self {
        let state = match silence.state(now_ms) {
            State::Active => "active",
            State::Pending => "pending",
            State::Expired => "expired",
        };
        Self {
            id: silence.id.clone(),
            status: SilenceStatus { state },
            updated_at: time(silence.updated_ms),
            comment: silence.comment.clone(),
            created_by: silence.created_by.clone(),
            ends_at: time(silence.ends_ms),
            matchers: silence.matchers.clone(),
            starts_at: time(silence.starts_ms),
        }
    }
}
