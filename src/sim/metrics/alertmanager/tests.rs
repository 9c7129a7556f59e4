//! Alerts, silences and inhibition through the HTTP API, and a real Alertmanager's answers to
//! the same requests, where one is installed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde_json::{Value, json};

use super::*;
use crate::sim::clock::Clock;
use crate::sim::metrics::Metrics;
use crate::sim::metrics::labels::labels_from;
use crate::sim::metrics::real_prometheus::server::{Server, serve};

/// One page, one ticket, and one ticket that the other inhibits.
const RULES: &str = r#"
[[rule]]
alert = "Down"
expr = "up == 0"
labels = { severity = "page" }
annotations = { summary = "{{ $labels.job }} is down" }
[[rule]]
alert = "Killed"
expr = "killed == 1"
labels = { severity = "ticket" }
[[rule]]
alert = "Looping"
expr = "killed == 1"
labels = { severity = "ticket" }
[[inhibit]]
source = ['alertname="Killed"']
target = ['alertname="Looping"']
equal = ["pod"]
"#;

fn metrics() -> Arc<Metrics> {
    let metrics = Metrics::new(Clock::new(Timestamp::now(), 1.0));
    metrics.load_rules(RULES).unwrap();
    let now = metrics.clock.now_ms();
    metrics.write(|db| {
        for (name, labels, v) in [("up", [("job", "web")], 0.0), ("killed", [("pod", "api-0")], 1.0)] {
            let id = db.series(name, &labels);
            db.append(id, now, v);
        }
    });
    metrics.evaluate_rules(now);
    metrics
}

async fn send(client: &reqwest::Client, base: &str, request: &(&str, String, Value)) -> (u16, Value) {
    let (method, path, body) = request;
    let request = client.request(method.parse().unwrap(), format!("{base}/api/v2/{path}"));
    let request = if body.is_null() { request } else { request.json(body) };
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn get(path: &str) -> (&'static str, String, Value) {
    ("GET", path.into(), Value::Null)
}

fn after(minutes: i64) -> String {
    (Timestamp::now() + SignedDuration::from_mins(minutes)).to_string()
}

/// A silence from and to so many minutes from now. One from now on may still be pending when
/// it is looked at: the server's clock counts whole milliseconds.
fn silence(name: &str, value: &str, from: i64, to: i64) -> Value {
    json!({
        "matchers": [{ "name": name, "value": value, "isRegex": false, "isEqual": true }],
        "startsAt": after(from), "endsAt": after(to), "createdBy": "me", "comment": "known",
    })
}

fn post(body: Value) -> (&'static str, String, Value) {
    ("POST", "silences".into(), body)
}

#[test]
fn fingerprints_are_alertmanagers() {
    // Read off Alertmanager 0.25 for the same labels.
    let labels = labels_from([("a", "b"), ("alertname", "X"), ("severity", "page")]);
    assert_eq!(Fingerprint::of(&labels).to_string(), "75f069de14868c4d");
}

/// The name and state of each alert of an answer.
fn states(answer: &Value) -> Vec<(&str, &str)> {
    let alerts = answer.as_array().unwrap();
    let mut all: Vec<(&str, &str)> = alerts
        .iter()
        .map(|a| (a["labels"]["alertname"].as_str().unwrap(), a["status"]["state"].as_str().unwrap()))
        .collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn silenced_and_inhibited_alerts_are_suppressed() {
    let (base, client) = (serve(metrics().alertmanager()).await, client());
    let (status, answer) = send(&client, &base, &get("alerts")).await;
    assert_eq!(status, 200);
    assert_eq!(states(&answer), [("Down", "active"), ("Killed", "active"), ("Looping", "suppressed")]);

    let (_, made) = send(&client, &base, &post(silence("job", "web", -1, 60))).await;
    let id = made["silenceID"].as_str().unwrap();
    let (_, answer) = send(&client, &base, &get("alerts?filter=alertname%3DDown")).await;
    assert_eq!(answer[0]["status"]["silencedBy"], json!([id]));
    assert_eq!(answer[0]["receivers"], json!([{ "name": "pager" }]));
    assert_eq!(answer[0]["annotations"], json!({ "summary": "web is down" }));
    for (query, names) in [
        ("silenced=false", vec!["Killed", "Looping"]),
        ("inhibited=false", vec!["Down", "Killed"]),
        ("active=false", vec!["Down", "Looping"]),
        ("receiver=team", vec!["Killed", "Looping"]),
        ("filter=severity%3D~t.%2B&filter=alertname!%3DKilled", vec!["Looping"]),
    ] {
        let (_, answer) = send(&client, &base, &get(&format!("alerts?{query}"))).await;
        assert_eq!(states(&answer).into_iter().map(|(n, _)| n).collect::<Vec<_>>(), names, "{query}");
    }
    let (_, groups) = send(&client, &base, &get("alerts/groups")).await;
    assert_eq!(groups.as_array().unwrap().len(), 3);
    assert_eq!(groups[0]["labels"], json!({ "alertname": "Down" }));

    let delete = ("DELETE", format!("silence/{id}"), Value::Null);
    assert_eq!(send(&client, &base, &delete).await.0, 200);
    let (_, answer) = send(&client, &base, &get("alerts?filter=alertname%3DDown")).await;
    assert_eq!(states(&answer), [("Down", "active")]);
}

#[test]
fn editing_makes_a_new_id_when_matchers_change_or_it_is_over() {
    let draft = |id: &str, name: &str, to: i64| silences::Draft {
        id: Some(id.into()),
        matchers: vec![matchers::parse(&format!("{name}=x")).unwrap()],
        starts_at: Timestamp::from_millisecond(1000).unwrap(),
        ends_at: Timestamp::from_millisecond(to).unwrap(),
        created_by: String::new(),
        comment: String::new(),
    };
    let mut silences = Silences::new(1);
    let first = silences.set(draft("", "a", 50_000), 1000).unwrap();
    assert_eq!(silences.set(draft(&first, "a", 60_000), 2000).unwrap(), first);
    assert_eq!(silences.get(&first).unwrap().ends_ms, 60_000);
    let second = silences.set(draft(&first, "b", 60_000), 3000).unwrap();
    assert_ne!(second, first);
    assert_eq!(silences.get(&first).unwrap().state(3000), silences::State::Expired);
    let third = silences.set(draft(&first, "a", 60_000), 4000).unwrap();
    assert!(third != first && third != second);
    assert_eq!(silences.set(draft("nope", "a", 60_000), 4000), Err(silences::SilenceError::NotFound));
}

#[test]
fn alerts_end_when_prometheus_falls_silent() {
    let mut am = Alertmanager::new(0);
    let notice = |starts_ms, ends_ms| Notice {
        labels: labels_from([("alertname", "A")]),
        annotations: vec![],
        starts_ms,
        ends_ms,
        generator_url: String::new(),
    };
    am.receive(vec![notice(1000, 5000)], 1000);
    am.receive(vec![notice(2000, 6000)], 2000);
    assert_eq!(am.judged(2000)[0].alert.notice.starts_ms, 1000);
    assert_eq!(am.judged(5999).len(), 1);
    assert_eq!(am.judged(6000).len(), 0);
    am.receive(vec![notice(9000, 12_000)], 9000);
    assert_eq!(am.judged(9000)[0].alert.notice.starts_ms, 9000);
}

fn alert(body: Value) -> (&'static str, String, Value) {
    ("POST", "alerts".into(), body)
}

/// Requests whose answers must not depend on whose Alertmanager it is.
fn requests() -> Vec<(&'static str, String, Value)> {
    let without = |field: &str| {
        let mut body = silence("a", "b", -5, 60);
        body.as_object_mut().unwrap().remove(field);
        post(body)
    };
    let with = |path: &str, value: Value| {
        let mut body = silence("a", "b", -5, 60);
        *body.pointer_mut(path).unwrap() = value;
        post(body)
    };
    let mut unknown = silence("a", "b", -5, 60);
    unknown["id"] = "11111111-1111-4111-8111-111111111111".into();
    let mut half = silence("a", "b", -5, 60);
    half["matchers"][0].as_object_mut().unwrap().remove("isRegex");
    vec![
        get("alerts"),
        get("alerts?filter=alertname%3D%22Down%22"),
        get("alerts?filter=foo"),
        get("alerts?filter=%3Dfoo"),
        get("alerts?active=maybe"),
        get("alerts?receiver=pager"),
        get("receivers"),
        get("silences"),
        get("silences?filter=foo"),
        get("silence/x"),
        get("silence/11111111-1111-4111-8111-111111111111"),
        ("DELETE", "silence/x".into(), Value::Null),
        without("comment"),
        without("createdBy"),
        without("endsAt"),
        without("matchers"),
        without("startsAt"),
        with("/matchers", json!([])),
        with("/matchers/0/value", json!("")),
        with("/endsAt", after(-1).into()),
        with("/startsAt", after(61).into()),
        post(silence("a", "b", -60, -30)),
        post(unknown),
        post(half),
        post(silence("job", "web", -5, 60)),
        post(silence("later", "x", 30, 60)),
        get("silences"),
        get("silences?filter=job%3Dweb"),
        get("silences?filter=job%3D~nothing"),
        get("alerts"),
        get("alerts?silenced=false"),
        get("alerts/groups"),
        get("alerts/groups?receiver=team"),
        get("nothing"),
        ("PUT", "receivers".into(), Value::Null),
        ("POST", "alerts".into(), Value::Null),
        ("POST", "silences".into(), Value::Null),
        alert(json!([{}])),
        alert(json!([{ "labels": { "a-b": "b" } }])),
        alert(json!([{ "labels": { "a": "b" }, "generatorURL": "::" }])),
        alert(json!([{ "labels": { "a": "b" }, "startsAt": after(2), "endsAt": after(1) }])),
        alert(json!([{ "labels": { "a": "" } }])),
        alert(json!([])),
        alert(json!([{ "labels": { "c": "d" }, "annotations": { "b-c": "x" } }])),
    ]
}

/// The answer without what differs by nature: ids, times, the link back, and what is newer
/// than the installed release.
fn comparable(answer: &Value) -> String {
    let text = answer.to_string();
    let hidden = [
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z",
        r#""generatorURL":"[^"]*","#,
        r#""mutedBy":\[\],"#,
    ];
    hidden.iter().fold(text, |text, pattern| Regex::new(pattern).unwrap().replace_all(&text, "").into_owned())
}

const CONFIGURATION: &str = r#"
route:
  receiver: team
  group_by: [namespace, alertname]
  routes: [{ receiver: pager, matchers: ['severity="page"'] }]
receivers: [{ name: pager }, { name: team }]
inhibit_rules: [{ source_matchers: ['alertname="Killed"'], target_matchers: ['alertname="Looping"'], equal: [pod] }]
"#;

#[tokio::test]
async fn answers_are_those_of_a_real_alertmanager() {
    let Some(theirs) = Server::alertmanager(CONFIGURATION).await else { return };
    let (ours, client) = (serve(metrics().alertmanager()).await, client());
    let (_, alerts) = send(&client, &ours, &get("alerts")).await;
    let copies: Vec<Value> = alerts
        .as_array()
        .unwrap()
        .iter()
        .map(|a| json!({ "labels": a["labels"], "annotations": a["annotations"], "generatorURL": a["generatorURL"] }))
        .collect();
    assert_eq!(send(&client, &theirs.base, &("POST", "alerts".into(), json!(copies))).await.0, 200);
    // It takes alerts over in its own time.
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while send(&client, &theirs.base, &get("alerts/groups")).await.1.as_array().unwrap().len() < 3 {
        assert!(std::time::Instant::now() < give_up, "Alertmanager did not take the alerts over in a minute");
        tokio::task::yield_now().await;
    }
    let mut wrong = Vec::new();
    for request in requests() {
        let (our_status, our_answer) = send(&client, &ours, &request).await;
        let (their_status, their_answer) = send(&client, &theirs.base, &request).await;
        let (a, b) = (comparable(&our_answer), comparable(&their_answer));
        if (our_status, &a) != (their_status, &b) {
            wrong.push(format!(
                "{} {}:\n  ours   {our_status} {a}\n  theirs {their_status} {b}",
                request.0, request.1
            ));
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
