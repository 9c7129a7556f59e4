//! What must never panic, and never get a 200 that it does not deserve: requests to Prometheus
//! and Alertmanager that somebody made up.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::Metrics;
use crate::sim::clock::Clock;

const RULES: &str = "[[rule]]\nalert = \"Down\"\nexpr = \"up == 0\"";

fn metrics() -> Arc<Metrics> {
    let metrics = Metrics::new(Clock::new(Timestamp::from_second(1_700_000_000).unwrap(), 0.0));
    metrics.load_rules(RULES).unwrap();
    let now = metrics.clock.now_ms();
    metrics.write(|db| {
        let id = db.series("up", &[("job", "web"), ("quote", "a\"b\\c\nd")]);
        db.append(id, now - 15_000, 0.0);
        db.append(id, now, 0.0);
    });
    metrics.evaluate_rules(now);
    metrics
}

/// Status and body of an answer.
fn ask(router: Router, method: &str, uri: &str, content_type: &str, body: String) -> (u16, Value) {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap());
    let request = http::Request::builder().method(method).uri(uri).header("content-type", content_type);
    let request = request.body(Body::from(body)).unwrap();
    runtime.block_on(async {
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    })
}

/// Values that are good for something, somewhere, and others.
fn value() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "up",
        "up{job=\"web\"}",
        "sum(rate(up[5m]))",
        "{",
        "1e400",
        "0",
        "-1",
        "1",
        "15s",
        "1y1y",
        "NaN",
        "Inf",
        "1700000000",
        "1700000000.5",
        "2023-11-14T22:13:20Z",
        "9999999999999999999",
        "-62135596800",
        "active",
        "true",
        "alertname=\"Down\"",
        "a=~\"(\"",
        "a!=\"\\\"",
        "=x",
        "\u{0}",
        "é=ü",
        "(?P<x>",
        "00000000-0000-0000-0000-000000000000",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "\\PC{0,24}"]
}

fn query(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec((prop::sample::select(names), value()), 0..6).prop_map(|pairs| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(pairs).finish()
    })
}

/// JSON of the shape of alerts and silences, with something wrong here and there.
fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        value().prop_map(Value::from),
        prop::sample::select(vec!["2023-11-14T22:00:00Z", "2023-11-15T22:00:00Z", "0001-01-01T00:00:00Z"])
            .prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "labels",
        "annotations",
        "startsAt",
        "endsAt",
        "generatorURL",
        "matchers",
        "name",
        "value",
        "isRegex",
        "isEqual",
        "createdBy",
        "comment",
        "id",
        "a",
        "a-b",
        "",
    ]);
    let tree = leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..8)
                .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    });
    let silence = (
        tree.clone(),
        prop::sample::select(vec!["/comment", "/startsAt", "/matchers", "/matchers/0/value", "/id"]),
    );
    let nearly = silence.prop_map(|(wrong, at)| {
        let mut good = json!({"id": "", "matchers": [{"name": "a", "value": "b", "isRegex": false}], "comment": "c",
            "createdBy": "d", "startsAt": "2023-11-14T22:00:00Z", "endsAt": "2023-11-15T22:00:00Z"});
        *good.pointer_mut(at).unwrap() = wrong;
        good
    });
    prop_oneof![tree, nearly]
}

proptest! {
    #[test]
    fn prometheus_answers_every_request_in_its_shape(
        path in prop::sample::select(vec![
            "query", "query_range", "series", "labels", "label/job/values", "label/a-b/values", "rules", "alerts", "targets",
            "metadata", "status/flags", "nothing", "label//values", "label/%00/values", "query/query",
        ]),
        query in query(&["query", "time", "start", "end", "step", "timeout", "match[]", "limit", "metric", "type"]),
        posted in any::<bool>(),
    ) {
        let router = metrics().prometheus();
        let (uri, form) = (format!("/api/v1/{path}"), "application/x-www-form-urlencoded");
        let (status, answer) = if posted {
            ask(router, "POST", &uri, form, query)
        } else {
            ask(router, "GET", &format!("{uri}?{query}"), form, String::new())
        };
        match status {
            200 => prop_assert_eq!(&answer["status"], "success"),
            400 | 422 | 503 => {
                prop_assert_eq!(&answer["status"], "error");
                prop_assert!(!answer["error"].as_str().unwrap_or_default().is_empty(), "{}", answer);
            }
            404 | 405 => prop_assert!(answer.is_null()),
            other => prop_assert!(false, "{} {}", other, answer),
        }
    }

    #[test]
    fn alertmanager_reads_every_filter(
        path in prop::sample::select(vec!["alerts", "alerts/groups", "silences", "status", "receivers", "silence/x", "nothing"]),
        query in query(&["filter", "active", "silenced", "inhibited", "unprocessed", "receiver"]),
    ) {
        let uri = format!("/api/v2/{path}?{query}");
        let (status, answer) = ask(metrics().alertmanager(), "GET", &uri, "", String::new());
        prop_assert!(matches!(status, 200 | 400 | 404 | 422), "{}", status);
        prop_assert!(!answer.is_null(), "{}", status);
    }

    #[test]
    fn alertmanager_takes_no_body_that_it_cannot_hold(
        path in prop::sample::select(vec!["alerts", "silences"]),
        body in body(),
    ) {
        let metrics = metrics();
        let uri = format!("/api/v2/{path}");
        let (status, answer) = ask(metrics.alertmanager(), "POST", &uri, "application/json", body.to_string());
        prop_assert!(matches!(status, 200 | 400 | 404 | 422), "{} {}", status, answer);
        // Whatever was taken can be read again.
        for path in ["alerts", "alerts/groups", "silences"] {
            let (status, listed) = ask(metrics.alertmanager(), "GET", &format!("/api/v2/{path}"), "", String::new());
            prop_assert_eq!(status, 200);
            prop_assert!(listed.is_array());
        }
        let needs_more = !body.is_array() && path == "alerts" && !body.is_null();
        prop_assert!(!needs_more || status != 200, "{}", body);
    }

    #[test]
    fn text_that_is_no_json_is_refused(text in "\\PC{1,64}", path in prop::sample::select(vec!["alerts", "silences"])) {
        prop_assume!(serde_json::from_str::<Value>(&text).is_err());
        let uri = format!("/api/v2/{path}");
        let (status, _) = ask(metrics().alertmanager(), "POST", &uri, "application/json", text);
        prop_assert_eq!(status, 400);
    }
}
