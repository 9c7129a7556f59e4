//! Detection and rounds against a server that plays Prometheus.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::convention::{Detected, Focus, detect};
use super::fake::{Fake, Script};
use super::*;
use crate::model::signal::{BreakdownId, Outcome, SignalId};
use crate::model::{Batch, FailureKind, Observation};
use crate::sources::testing::context;

fn nothing() -> Script {
    Arc::new(|_| (200, json!({"resultType": "vector", "result": []})))
}

fn focus(namespace: &str, service: &str) -> Focus {
    Focus { namespace: Some(namespace.into()), service: Some(service.into()), matchers: Vec::new() }
}

async fn detected(series: &[&str], focus: &Focus) -> Detected {
    detect(&Fake::new(series, nothing()).client().await, focus).await.unwrap()
}

#[tokio::test]
async fn every_convention_is_found_by_its_series() {
    for (series, errors, latency) in [
        (
            &[
                "http_requests_total{namespace=shop,service=api,code=200,method=GET,route=/}",
                "http_request_duration_seconds_bucket{namespace=shop,service=api,le=1}",
            ][..],
            "http_requests_total{namespace=\"shop\",service=\"api\",code=~\"5..\"}",
            "rate(http_request_duration_seconds_bucket{namespace=\"shop\",service=\"api\"}[60s])",
        ),
        (
            &[
                "http_requests_total{kubernetes_namespace=shop,app=api,status=200}",
                "http_request_duration_seconds_bucket{kubernetes_namespace=shop,app=api,le=1}",
            ],
            "http_requests_total{kubernetes_namespace=\"shop\",app=\"api\",status=~\"5..\"}",
            "rate(http_request_duration_seconds_bucket{kubernetes_namespace=\"shop\",app=\"api\"}[60s])",
        ),
        (
            &[
                "http_server_request_duration_seconds_count{k8s_namespace_name=shop,service_name=api,error_type=500}",
                "http_server_request_duration_seconds_bucket{k8s_namespace_name=shop,service_name=api,le=1}",
            ],
            "http_server_request_duration_seconds_count{k8s_namespace_name=\"shop\",service_name=\"api\",error_type!=\"\"}",
            "http_server_request_duration_seconds_bucket{k8s_namespace_name=\"shop\",service_name=\"api\"}",
        ),
        (
            &[
                "istio_requests_total{reporter=destination,destination_workload_namespace=shop,destination_service_name=api,response_code=200}",
                "istio_request_duration_milliseconds_bucket{reporter=destination,destination_workload_namespace=shop,destination_service_name=api}",
            ],
            "destination_service_name=\"api\",response_code=~\"5..\"}",
            "0.001 * histogram_quantile(0.95, sum by (le) (rate(istio_request_duration_milliseconds_bucket{reporter=\"destination\",",
        ),
        (
            &[
                "response_total{direction=inbound,namespace=shop,deployment=api,classification=success,status_code=200}",
                "response_latency_ms_bucket{direction=inbound,namespace=shop,deployment=api,le=1}",
            ],
            "response_total{direction=\"inbound\",namespace=\"shop\",deployment=\"api\",classification=\"failure\"}",
            "0.001 * histogram_quantile(",
        ),
        (
            &[
                "nginx_ingress_controller_requests{namespace=ingress,exported_namespace=shop,exported_service=api,status=200}",
                "nginx_ingress_controller_request_duration_seconds_bucket{namespace=ingress,exported_namespace=shop,exported_service=api,le=1}",
            ],
            "nginx_ingress_controller_requests{exported_namespace=\"shop\",exported_service=\"api\",status=~\"5..\"}",
            "exported_namespace=\"shop\"",
        ),
        (
            &[
                "traefik_service_requests_total{service=shop-api-80@kubernetes,code=200}",
                "traefik_service_request_duration_seconds_bucket{service=shop-api-80@kubernetes,le=1}",
            ],
            "traefik_service_requests_total{service=~\"shop-.+\",service=~\"shop-api-.+\",code=~\"5..\"}",
            "service=~\"shop-api-.+\"",
        ),
    ] {
        let found = detected(series, &focus("shop", "api")).await;
        let ratio =
            found.chart(SignalId::ErrorRatio, "60s").unwrap_or_else(|| panic!("{series:?}: {found:#?}"));
        assert!(ratio.contains(errors), "{ratio}");
        assert!(ratio.contains(" or 0 * ") && ratio.ends_with(" > 0)"), "{ratio}");
        let p95 = found.chart(SignalId::LatencyP95, "60s").unwrap();
        assert!(p95.contains(latency), "{p95}");
    }
}

#[tokio::test]
async fn series_of_other_namespaces_are_not_ours() {
    let series = [
        "http_requests_total{namespace=other,service=api,code=200}",
        "nginx_ingress_controller_requests{exported_namespace=shop,status=200,path=/x}",
    ];
    let found = detected(&series, &focus("shop", "api")).await;
    let requests = found.requests.as_ref().unwrap();
    assert_eq!((requests.convention, &requests.note), ("ingress-nginx", &None));
    assert_eq!(found.latency, None);
    assert!(found.breakdown(BreakdownId::RequestsByRoute).unwrap().contains("sum by (path) "), "{found:?}");
    assert_eq!(found.breakdown(BreakdownId::SlowestRoutes), None);
    assert_eq!(detected(&series[..1], &focus("shop", "api")).await.requests, None);
}

#[tokio::test]
async fn a_service_without_series_of_its_name_is_the_namespace() {
    let found =
        detected(&["http_requests_total{namespace=shop,service=api,code=200}"], &focus("shop", "checkout"))
            .await;
    assert_eq!(found.requests.unwrap().matchers, ["namespace=\"shop\""]);
}

#[tokio::test]
async fn series_without_a_namespace_are_used_and_it_is_said() {
    let found = detected(&["http_requests_total{service=api,code=200}"], &focus("shop", "api")).await;
    let requests = found.requests.unwrap();
    assert_eq!(requests.matchers, ["service=\"api\""]);
    assert!(requests.note.unwrap().contains("not only shop"));
}

#[tokio::test]
async fn hostile_names_stay_within_their_quotes() {
    let hostile = Focus { matchers: vec!["cluster=\"eu\"".into()], ..focus("a\"} or up{x=\"", "(.*\\") };
    let found = detected(&["http_requests_total{service=api,code=200,cluster=eu}"], &hostile).await;
    for signal in SignalId::NAMED {
        let query = found.chart(signal, "60s").or_else(|| found.reading(signal));
        let parsed = query.as_ref().map(|q| promql_parser::parser::parse(q));
        assert!(parsed.is_none_or(|p| p.is_ok()), "{query:?}");
    }
}

/// The context of a run against `url`, its batches, and what the screen wants.
fn running(url: &str) -> (mpsc::Receiver<Batch>, watch::Sender<Wants>, Context) {
    let (context, batches, wants) = context(&format!("[prometheus]\nurl = '{url}'"));
    tokio::spawn(run(context.clone()));
    (batches, wants, context)
}

/// Everything up to the next Ready or Failed.
async fn until_told(batches: &mut mpsc::Receiver<Batch>) -> Vec<Change> {
    let mut all = Vec::new();
    loop {
        all.extend(batches.recv().await.unwrap().changes);
        if matches!(all.last(), Some(Change::Ready | Change::Failed(_))) {
            return all;
        }
    }
}

fn signal(changes: &[Change], wanted: SignalId) -> &crate::model::signal::Signal {
    let of = |change: &'_ Change| matches!(change, Change::Upsert(Observation::Signal(s)) if s.id == wanted);
    match changes.iter().find(|c| of(c)) {
        Some(Change::Upsert(Observation::Signal(signal))) => signal,
        _ => panic!("{wanted:?} is missing"),
    }
}

fn scripted(query: &str) -> (u16, Value) {
    match query {
        q if q.contains("histogram_quantile(0.99") => {
            (422, json!({"status": "error", "errorType": "execution", "error": "too many samples"}))
        }
        q if q.contains("histogram_quantile") => (
            200,
            json!({"resultType": "matrix", "result": [{"metric": {}, "values": [[1_699_999_995, "0.25"]]}]}),
        ),
        q if q.starts_with("sum(rate(http_requests_total") => (
            200,
            json!({"resultType": "matrix", "result": [{"metric": {}, "values": [[1_699_990_000, "7"]]}]}),
        ),
        q if q.contains("container_cpu_usage") => (
            200,
            json!({"resultType": "vector", "result": [{"metric": {}, "value": [1_700_000_000, "0.41"]}]}),
        ),
        _ => (200, json!({"resultType": "vector", "result": []})),
    }
}

#[tokio::test]
async fn each_signal_has_its_own_outcome() {
    let series = [
        "http_requests_total{namespace=shop,code=200}",
        "http_request_duration_seconds_bucket{namespace=shop}",
    ];
    let fake = Fake::new(&series, Arc::new(scripted));
    let (mut batches, wants, _context) = running(&fake.url().await);
    let changes = until_told(&mut batches).await;
    assert_eq!(changes[0], Change::Reset);
    assert_eq!(changes.last(), Some(&Change::Ready));
    assert_eq!(signal(&changes, SignalId::LatencyP95).latest().unwrap().v, 0.25);
    assert_eq!(signal(&changes, SignalId::CpuRatio).latest().unwrap().v, 0.41);
    assert_eq!(signal(&changes, SignalId::PoolRatio).outcome, Outcome::NoData);
    let Outcome::Failed(failure) = &signal(&changes, SignalId::LatencyP99).outcome else { panic!() };
    assert!(failure.happened.contains("422 execution: too many samples"), "{failure:?}");
    let ended = signal(&changes, SignalId::RequestRate).latest().unwrap();
    assert!(ended.v.is_nan(), "a series that ended hours ago has no value now: {ended:?}");

    wants.send_replace(Wants { window: Duration::from_secs(900), refresh: 0 });
    until_told(&mut batches).await;
    let asked = fake.asked.lock().unwrap();
    let last_range = asked.iter().rev().find_map(|(_, range)| *range);
    assert_eq!(last_range, Some(900), "the new window is asked for at once");
}

/// A service whose ratio is what the clock says, every quarter of a minute.
fn steady(query: &str) -> (u16, Value) {
    let values: Vec<Value> = (0..600).map(|n| json!([1_699_996_000 + n * 15, n.to_string()])).collect();
    match query {
        q if q.contains("rate(http_requests_total") => {
            (200, json!({"resultType": "matrix", "result": [{"metric": {}, "values": values}]}))
        }
        _ => (200, json!({"resultType": "vector", "result": []})),
    }
}

#[tokio::test]
async fn a_round_asks_together_and_only_for_what_is_new() {
    use std::sync::atomic::Ordering;
    let fake = Fake::new(&["http_requests_total{namespace=shop,code=200}"], Arc::new(steady));
    let url = fake.url().await;
    let (context, mut batches, wants) = context(&format!("[prometheus]\nurl = '{url}'"));
    let mut watched = open(&context).await.unwrap();
    let mut first = true;
    let mut round = async |due, now| {
        fake.now.store(now, Ordering::SeqCst);
        fake.asked.lock().unwrap().clear();
        watched.round(&context, *wants.borrow(), due, &mut first).await.unwrap();
        let asked = fake.asked.lock().unwrap();
        (asked.iter().filter_map(|(_, range)| *range).collect::<Vec<_>>(), asked.len())
    };
    let window = i64::try_from(wants.borrow().window.as_secs()).unwrap();
    assert_eq!(round(Due::Everything, 1_700_000_007).await.0, [window]);
    let (ranges, requests) = round(Due::Quick, 1_700_000_022).await;
    assert_eq!(ranges, [75], "the last minute again, and the new point");
    // The time, the charts, and two dozen others.
    assert!(requests <= 4, "{requests} requests");
    assert_eq!(round(Due::Quick, 1_700_000_023).await.0, Vec::<i64>::new(), "there is no new point yet");
    assert_eq!(round(Due::Quick, 1_700_090_000).await.0, [window], "the laptop slept for a day");
    assert_eq!(round(Due::Everything, 1_700_090_015).await.0, [window], "the user asked for all");
    until_told(&mut batches).await;
}

#[tokio::test]
async fn no_prometheus_is_told_once_and_not_as_signals() {
    let (mut batches, _wants, context) = running("http://127.0.0.1:1");
    let changes = until_told(&mut batches).await;
    let [Change::Failed(failure)] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!(failure.kind, FailureKind::Unreachable);
    let findings = check(context).await;
    assert!(findings[0].health == Health::Critical && findings[0].next.is_some(), "{findings:?}");
}
