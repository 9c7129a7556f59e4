//! Alerts from Alertmanager's API v2: those that concern what is looked at, with every field that
//! an older server may not have left out without complaint.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::Deserialize;

use super::discover::{self, Role};
use super::http::Endpoint;
use super::pace::Pace;
use super::{Context, Finding, Source};
use crate::model::alert::{Alert, AlertState};
use crate::model::{Change, Clean, Failure, FeedId, Health, Observation};

/// Alertmanager groups for 30 s before it notifies: this is soon enough.
const EVERY: Duration = Duration::from_secs(10);

const ALERTS: &str = "/api/v2/alerts";

/// More are a storm, of which the first say enough.
const MOST: usize = 2_000;

/// Labels and annotations of one alert, and the characters of each.
const MOST_LABELS: usize = 64;
const MOST_CHARS: usize = 2_000;

pub struct Alertmanager;

impl Source for Alertmanager {
    fn noun(&self) -> &'static str {
        "alertmanager"
    }

    fn feeds(&self) -> &'static [FeedId] {
        &[FeedId::Alerts]
    }

    fn run(&self, context: Context) -> BoxFuture<'static, ()> {
        Box::pin(run(context))
    }

    fn check(&self, context: Context) -> BoxFuture<'static, Vec<Finding>> {
        Box::pin(async move {
            vec![check(&context).await.unwrap_or_else(|f| Finding::of_failure("alertmanager", &f))]
        })
    }
}

/// An alert as the API has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    fingerprint: String,
    starts_at: Timestamp,
    #[serde(default)]
    updated_at: Option<Timestamp>,
    #[serde(default)]
    ends_at: Option<Timestamp>,
    #[serde(default)]
    receivers: Vec<Receiver>,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct Receiver {
    #[serde(default)]
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    state: String,
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
    /// Muted by a time interval, since 0.28.
    muted_by: Vec<String>,
}

async fn run(context: Context) {
    let mut pace = Pace::default();
    loop {
        let seen = context.refresh();
        let failure = tokio::select! {
            () = context.stop.cancelled() => return,
            failure = watch(&context, &mut pace) => failure,
        };
        let wait = pace.after(failure.kind);
        if !context.send(FeedId::Alerts, vec![Change::Failed(failure)]).await
            || !context.pause(wait, seen).await
        {
            return;
        }
    }
}

/// Polls until something breaks; the endpoint, with its secrets, is opened anew after that.
async fn watch(context: &Context, pace: &mut Pace) -> Failure {
    let endpoint = match open(context).await {
        Ok((endpoint, _)) => endpoint,
        Err(failure) => return failure,
    };
    loop {
        let seen = context.refresh();
        match fetch(&endpoint, context).await {
            Ok((alerts, skipped)) => {
                if skipped > 0 {
                    tracing::warn!(skipped, "alerts that can't be read");
                }
                let told = alerts.into_iter().map(|a| Change::Upsert(Observation::Alert(Box::new(a))));
                // An alert that is over is not in the answer any more.
                let changes = [Change::Reset].into_iter().chain(told).chain([Change::Ready]).collect();
                pace.reset();
                if !context.send(FeedId::Alerts, changes).await {
                    return std::future::pending().await;
                }
            }
            Err(failure) => return failure,
        }
        context.pause(EVERY, seen).await;
    }
}

async fn open(context: &Context) -> Result<(Endpoint, String), Failure> {
    discover::open(Role::Alertmanager, &context.session, &context.config, &context.found).await
}

/// The alerts that concern us, and how many could not be read.
async fn fetch(endpoint: &Endpoint, context: &Context) -> Result<(Vec<Alert>, usize), Failure> {
    let filter = &context.config.alertmanager.filter;
    let query: Vec<(&str, &str)> = filter.iter().map(|matcher| ("filter", matcher.as_str())).collect();
    let items: Vec<serde_json::Value> = endpoint.get_json(ALERTS, &query).await?;
    let total = items.len();
    let read: Vec<Wire> = items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect();
    let skipped = total - read.len();
    let namespace = context.session.scope.namespace.as_deref();
    let alerts = read.into_iter().filter(|wire| concerns(wire, namespace)).take(MOST).map(alert).collect();
    Ok((alerts, skipped))
}

/// Alerts without a namespace are about the cluster: they concern everyone in it.
fn concerns(wire: &Wire, namespace: Option<&str>) -> bool {
    match (namespace, wire.labels.get("namespace")) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => true,
    }
}

fn alert(mut wire: Wire) -> Alert {
    let bounded = |text: &str| Clean::new(&text.chars().take(MOST_CHARS).collect::<String>());
    let all = |texts: &[String]| texts.iter().take(MOST_LABELS).map(|t| bounded(t)).collect();
    let take = |from: &mut BTreeMap<String, String>, keys: &[&str]| {
        keys.iter().find_map(|key| from.remove(*key)).filter(|text| !text.trim().is_empty())
    };
    let annotations = &mut wire.annotations;
    let summary = take(annotations, &["summary", "message", "title"]);
    let description = take(annotations, &["description"]);
    let runbook = take(annotations, &["runbook_url", "runbook", "runbook_uri"]);
    let label = |name: &str| wire.labels.get(name).map(|v| bounded(v)).unwrap_or_default();
    let Status { state, silenced_by, inhibited_by, muted_by } = &wire.status;
    Alert {
        fingerprint: bounded(&wire.fingerprint),
        name: label("alertname"),
        severity: label("severity"),
        state: match state.as_str() {
            "suppressed" => AlertState::Suppressed,
            "unprocessed" => AlertState::Unprocessed,
            // Servers before 0.15 say nothing; what is listed is active.
            _ => AlertState::Active,
        },
        starts_at: wire.starts_at,
        updated_at: wire.updated_at,
        ends_at: wire.ends_at,
        silenced_by: all(silenced_by),
        inhibited_by: all(&[inhibited_by.as_slice(), muted_by].concat()),
        summary: summary.map(|t| bounded(&t)),
        description: description.map(|t| bounded(&t)),
        runbook: runbook.map(|t| bounded(&t)),
        labels: wire.labels.iter().take(MOST_LABELS).map(|(k, v)| (bounded(k), bounded(v))).collect(),
        receivers: wire.receivers.iter().take(MOST_LABELS).map(|r| bounded(&r.name)).collect(),
    }
}

async fn check(context: &Context) -> Result<Finding, Failure> {
    let (endpoint, how) = open(context).await?;
    let (alerts, skipped) = fetch(&endpoint, context).await?;
    let unread = if skipped > 0 { format!(", {skipped} that can't be read") } else { String::new() };
    Ok(Finding {
        health: if skipped > 0 { Health::Warning } else { Health::Ok },
        subject: "alertmanager".into(),
        tried: format!("{}, {how}", endpoint.place()),
        found: format!("{} alerts that concern us{unread}", alerts.len()),
        next: None,
    })
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use axum::{Json, Router};
    use serde_json::{Value, json};

    use super::*;
    use crate::model::FailureKind;
    use crate::sources::testing::{context, serve};

    fn answer() -> Value {
        json!([
            {
                "labels": {"alertname": "HighErrorRate", "severity": "page", "namespace": "shop"},
                "annotations": {"summary": "too many \u{1b}[31merrors", "runbook_url": "https://r/1"},
                "fingerprint": "00000000000000a1", "startsAt": "2026-11-20T03:05:00.000Z",
                "updatedAt": "2026-11-20T03:06:00.000Z", "endsAt": "2026-11-20T03:10:00.000Z",
                "receivers": [{"name": "oncall"}], "generatorURL": "http://p",
                "status": {"state": "suppressed", "silencedBy": ["s1"], "inhibitedBy": [], "mutedBy": ["nights"]}
            },
            {"labels": {"alertname": "Other", "namespace": "other"}, "fingerprint": "b", "startsAt": "2026-11-20T03:05:00Z"},
            {"labels": {"alertname": "NodeDown"}, "fingerprint": "c", "startsAt": "2026-11-20T03:05:00Z"},
            {"labels": "odd"}
        ])
    }

    #[tokio::test]
    async fn ours_are_told_and_old_or_odd_servers_are_borne() {
        let app = Router::new().route(
            ALERTS,
            get(|uri: axum::http::Uri| async move {
                assert_eq!(uri.query(), Some("filter=team%3D%22checkout%22&filter=env%3D%22prod%22"));
                Json(answer())
            }),
        );
        let url = serve(app).await;
        let config = format!("[alertmanager]\nurl = '{url}'\nfilter = ['team=\"checkout\"', 'env=\"prod\"']");
        let (context, mut batches, _wants) = context(&config);
        tokio::spawn(run(context.clone()));
        let batch = batches.recv().await.unwrap();
        assert_eq!((batch.epoch, batch.feed), (7, FeedId::Alerts));
        let [
            Change::Reset,
            Change::Upsert(Observation::Alert(ours)),
            Change::Upsert(Observation::Alert(node)),
            Change::Ready,
        ] = batch.changes.as_slice()
        else {
            panic!("{batch:?}")
        };
        assert_eq!(
            (&*ours.name, ours.state, ours.health()),
            ("HighErrorRate", AlertState::Suppressed, Health::Critical)
        );
        assert_eq!(ours.summary.as_deref(), Some("too many errors"));
        assert_eq!(ours.inhibited_by, ["nights".into()]);
        assert_eq!((&*node.name, node.state), ("NodeDown", AlertState::Active));
        let finding = check(&context).await.unwrap();
        assert!(
            finding.found.contains("2 alerts") && finding.found.contains("1 that can't be read"),
            "{finding:?}"
        );
    }

    #[tokio::test]
    async fn a_failure_is_told_and_the_feed_comes_back() {
        let (out, fail) = tokio::sync::watch::channel(true);
        let app = Router::new().route(
            ALERTS,
            get(move || async move {
                let failing = *fail.borrow();
                let status = if failing { 500 } else { 200 };
                (axum::http::StatusCode::from_u16(status).unwrap(), Json(json!([])))
            }),
        );
        let (context, mut batches, _wants) =
            context(&format!("[alertmanager]\nurl = '{}'", serve(app).await));
        tokio::spawn(run(context));
        let Change::Failed(failure) = &batches.recv().await.unwrap().changes[0] else { panic!() };
        assert_eq!(failure.kind, FailureKind::ServerError);
        out.send_replace(false);
        let back = loop {
            let changes = batches.recv().await.unwrap().changes;
            if !matches!(changes[0], Change::Failed(_)) {
                break changes;
            }
        };
        assert_eq!(back, [Change::Reset, Change::Ready]);
    }
}
