//! The HTTP API as a client meets it. (Answers to queries are compared with a real
//! Prometheus' in `real_prometheus`.)

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::sim::clock::Clock;
use crate::sim::metrics::real_prometheus::server::serve;

const NOW: i64 = 1_700_000_000;

const RULES: &str = r#"
[[rule]]
alert = "Down"
expr = "up == 0"
for = "15s"
labels = { severity = "page" }
annotations = { summary = "{{ $labels.job }} is down" }
[[rule]]
alert = "Broken"
expr = "up + on (nothing) up"
"#;

/// Two targets, of which one has been down for half a minute.
async fn start() -> (reqwest::Client, String) {
    let metrics = Metrics::new(Clock::new(Timestamp::from_second(NOW).unwrap(), 0.0));
    metrics.load_rules(RULES).unwrap();
    for t in [NOW - 30, NOW - 15, NOW] {
        metrics.write(|db| {
            for (job, instance, v) in [("api", "10.0.0.1:80", 1.0), ("web", "10.0.0.2:80", 0.0)] {
                let id = db.series("up", &[("job", job), ("instance", instance)]);
                db.append(id, t * 1000, v);
            }
        });
        metrics.evaluate_rules(t * 1000);
    }
    (reqwest::Client::builder().no_proxy().build().unwrap(), serve(metrics.prometheus()).await)
}

async fn get_json((client, base): &(reqwest::Client, String), path: &str) -> (u16, Value) {
    let response = client.get(format!("{base}{path}")).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn queries_by_get_and_by_form() {
    let server = start().await;
    let expected = json!({ "status": "success", "data": { "resultType": "vector", "result": [
        { "metric": { "__name__": "up", "instance": "10.0.0.2:80", "job": "web" }, "value": [NOW, "0"] },
    ] } });
    assert_eq!(get_json(&server, "/api/v1/query?query=up==0").await, (200, expected.clone()));
    let form = server.0.post(format!("{}/api/v1/query", server.1)).body("query=up%3D%3D0");
    let form = form.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    assert_eq!(form.json::<Value>().await.unwrap(), expected);
    let huge = server
        .0
        .post(format!("{}/api/v1/query", server.1))
        .body("query=".to_string() + &"a".repeat(MAX_BODY));
    assert_eq!(huge.send().await.unwrap().status(), 413);
}

#[tokio::test]
async fn errors_have_prometheus_shape_and_code() {
    let server = start().await;
    let error = |kind: &str, why: &str| json!({ "status": "error", "errorType": kind, "error": why });
    for (path, status, kind, why) in [
        (
            "query?query=",
            400,
            "bad_data",
            "invalid parameter \"query\": 1:1: parse error: no expression found in input",
        ),
        (
            "query?query=1&time=x",
            400,
            "bad_data",
            "invalid parameter \"time\": Invalid time value for 'time': cannot parse \"x\" to a valid timestamp",
        ),
        (
            "query?query=sum_over_time(up[100y:1ms])",
            422,
            "execution",
            "query processing would load too many samples into memory in query execution",
        ),
        (
            "query_range?query=1&start=0&end=11001&step=1",
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ),
        ("series", 400, "bad_data", "no match[] parameter provided"),
        ("rules?type=x", 400, "bad_data", "invalid parameter \"type\": not supported value \"x\""),
    ] {
        assert_eq!(get_json(&server, &format!("/api/v1/{path}")).await, (status, error(kind, why)), "{path}");
    }
}

#[tokio::test]
async fn rules_and_alerts() {
    let server = start().await;
    let alert = json!({
        "labels": { "alertname": "Down", "instance": "10.0.0.2:80", "job": "web", "severity": "page" },
        "annotations": { "summary": "web is down" },
        "state": "firing",
        "activeAt": "2023-11-14T22:12:50Z",
        "value": "0e+00",
    });
    let (_, alerts) = get_json(&server, "/api/v1/alerts").await;
    assert_eq!(alerts, json!({ "status": "success", "data": { "alerts": [alert] } }));
    let (_, rules) = get_json(&server, "/api/v1/rules").await;
    let [down, broken] = [&rules["data"]["groups"][0]["rules"][0], &rules["data"]["groups"][0]["rules"][1]];
    assert_eq!(
        (&down["state"], &down["health"], &down["alerts"]),
        (&json!("firing"), &json!("ok"), &json!([alert]))
    );
    assert_eq!(
        (&down["duration"], &down["annotations"]["summary"]),
        (&json!(15), &json!("{{ $labels.job }} is down"))
    );
    assert_eq!((&broken["state"], &broken["health"]), (&json!("inactive"), &json!("err")));
    assert!(broken["lastError"].as_str().unwrap().starts_with("found duplicate series"));
    let (_, none) = get_json(&server, "/api/v1/rules?type=record").await;
    assert_eq!(none["data"]["groups"][0]["rules"], json!([]));
    let (_, series) = get_json(&server, "/api/v1/query?query=ALERTS").await;
    assert_eq!(series["data"]["result"].as_array().unwrap().len(), 1, "the pending one has ended: {series}");
    assert_eq!(series["data"]["result"][0]["metric"]["alertstate"], "firing");
}

#[tokio::test]
async fn targets_health_and_the_rest() {
    let server = start().await;
    let (_, targets) = get_json(&server, "/api/v1/targets").await;
    let health: Vec<&Value> =
        targets["data"]["activeTargets"].as_array().unwrap().iter().map(|t| &t["health"]).collect();
    assert_eq!(health, ["up", "down"]);
    let (_, build) = get_json(&server, "/api/v1/status/buildinfo").await;
    assert!(build["data"]["version"].as_str().unwrap().starts_with("2."));
    let (_, metadata) = get_json(&server, "/api/v1/metadata?metric=http_requests_total&limit=3").await;
    let expected =
        json!({ "http_requests_total": [{ "type": "counter", "help": "Requests answered.", "unit": "" }] });
    assert_eq!(metadata["data"], expected);
    assert_eq!(get_json(&server, "/api/v1/metadata?limit=x").await.0, 400);
    let (_, runtime) = get_json(&server, "/api/v1/status/runtimeinfo").await;
    assert_eq!(runtime["data"]["startTime"], "2023-11-14T22:13:20Z");
    assert_eq!(get_json(&server, "/api/v1/status/flags").await.1["data"]["query.lookback-delta"], "5m");
    assert!(get_json(&server, "/api/v1/status/config").await.1["data"]["yaml"].is_string());
    assert_eq!(get_json(&server, "/api/v1/query?query=1&timeout=0").await.0, 503);
    assert_eq!(get_json(&server, "/api/v1/query?query=1&timeout=soon").await.0, 400);
    assert_eq!(get_json(&server, "/api/v1/query?query=1&timeout=10s").await.0, 200);
    let posted = server.0.post(format!("{}/api/v1/rules", server.1)).send().await.unwrap();
    assert_eq!(
        (posted.status().as_u16(), posted.text().await.unwrap().as_str()),
        (405, "Method Not Allowed\n")
    );
    for (path, status) in [("/-/healthy", 200), ("/-/ready", 200), ("/api/v1/nothing", 404)] {
        assert_eq!(
            server.0.get(format!("{}{path}", server.1)).send().await.unwrap().status(),
            status,
            "{path}"
        );
    }
}
