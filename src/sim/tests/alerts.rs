//! Alerts from outside: an incident as its alert goes through its states, and the everyday
//! commands of amtool and promtool, where the machine has them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{API, Client, MERGE, sim};
use crate::sim::{Options, Scenario, Sim, start};

/// The state of the api's HighErrorRate in Prometheus, and in Alertmanager.
async fn states(sim: &Sim) -> (String, String) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |url: String| -> Value {
        let request = http.get(url).bearer_auth(sim.token().expose_secret());
        request.send().await.unwrap().json().await.unwrap()
    };
    let is_it = |a: &&Value| a["labels"]["alertname"] == "HighErrorRate" && a["labels"]["service"] == "api";
    let state = |alerts: &Value, pointer: &str| -> String {
        let found = alerts.as_array().unwrap().iter().find(is_it);
        found.map_or("none", |a| a.pointer(pointer).unwrap().as_str().unwrap()).to_owned()
    };
    let rules = ask(format!("{}/api/v1/alerts", sim.prometheus_url())).await;
    let sent = ask(format!("{}/api/v2/alerts", sim.alertmanager_url())).await;
    (state(&rules["data"]["alerts"], "/state"), state(&sent, "/status/state"))
}

#[tokio::test]
async fn an_alert_is_pending_then_fires_and_is_resolved_by_the_cure() {
    let sim = sim("incident").await;
    let mut seen = vec![states(&sim).await];
    let mut note = |now: (String, String)| {
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    };
    for _ in 0..24 {
        sim.advance(Duration::from_secs(15)).await;
        note(states(&sim).await);
    }
    let client = Client::of(&sim);
    let image = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "api", "image": "registry.example.com/shop/api:4.1.9"}]}}}});
    let strategic = "application/strategic-merge-patch+json";
    assert_eq!(client.send("PATCH", API, strategic, image).await.0, 200);
    for _ in 0..48 {
        sim.advance(Duration::from_secs(15)).await;
        note(states(&sim).await);
    }
    let seen: Vec<(&str, &str)> = seen.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(seen, [("none", "none"), ("pending", "none"), ("firing", "active"), ("none", "none")]);
}

#[tokio::test]
async fn what_the_api_server_refuses_is_counted_and_raises_its_alert() {
    let sim = sim("calm").await;
    let client = Client::of(&sim);
    let ask = async |query: &str| -> f64 {
        let url = format!("{}/api/v1/query", sim.prometheus_url());
        let request = client.http.get(url).query(&[("query", query)]).bearer_auth(&client.token);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["data"]["result"][0]["value"][1].as_str().map_or(0.0, |v| v.parse().unwrap())
    };
    let fault = crate::sim::Fault { error_ratio: 1.0, ..Default::default() };
    for round in 0..12 {
        if round == 4 {
            sim.set_fault(fault.clone());
        }
        for _ in 0..5 {
            client.send("PATCH", API, MERGE, json!({})).await;
        }
        sim.advance(Duration::from_secs(15)).await;
    }
    let patches =
        r#"sum by (code) (apiserver_request_total{verb="PATCH",resource="deployments",code="500"})"#;
    assert_eq!(ask(patches).await, 40.0);
    assert_eq!(ask(r#"sum(apiserver_request_total{code="200",group="apps"})"#).await, 20.0);
    assert!(ask(r#"ALERTS{alertname="KubeAPIErrors"}"#).await > 0.0);
    let since = ask(r#"ALERTS_FOR_STATE{alertname="KubeAPIErrors"}"#).await;
    assert!((0.0..180.0).contains(&(sim.clock().now_ms() as f64 / 1000.0 - since)), "{since}");
}

/// Runs a program of Prometheus' family; `None`, with a note, where it is not installed.
fn run(program: &str, args: &[&str]) -> Option<String> {
    let Ok(out) = tokio::task::block_in_place(|| Command::new(program).args(args).output()) else {
        let required = std::env::var("MIDWATCH_REQUIRE_SERVERS").is_ok_and(|v| v == "1");
        assert!(!required, "{program} is required and not on the path");
        eprintln!("skipped: {program} is not on the path");
        return None;
    };
    Some(String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr))
}

/// A simulation in the present: these programs ask for what is now by their own clock.
async fn today(scenario: &str) -> Sim {
    let (scenario, origin) = (Scenario::named(scenario).unwrap(), jiff::Timestamp::now());
    start(Options { scenario, seed: 3, speed: 1.0, pods: None, origin }).await.unwrap()
}

struct Amtool<'a> {
    url: String,
    credentials: &'a Path,
}

impl Amtool<'_> {
    fn run(&self, args: &str) -> Option<String> {
        let common = [
            format!("--alertmanager.url={}", self.url),
            format!("--http.config.file={}", self.credentials.display()),
            "--no-version-check".to_owned(),
        ];
        let args: Vec<&str> = common.iter().map(String::as_str).chain(args.split(' ')).collect();
        run("amtool", &args)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn amtool_does_its_everyday_work() {
    let sim = today("bad-deploy").await;
    let directory = tempfile::tempdir().unwrap();
    let credentials = directory.path().join("http.yml");
    let token = sim.token();
    std::fs::write(&credentials, format!("authorization:\n  credentials: {}\n", token.expose_secret()))
        .unwrap();
    let amtool = Amtool { url: sim.alertmanager_url(), credentials: &credentials };
    let Some(alerts) = amtool.run("alert query severity=page") else { return };
    assert!(alerts.contains("HighErrorRate") && !alerts.contains("PodCrashLooping"), "{alerts}");
    let amtool = |args: &str| amtool.run(args).unwrap();
    let listed: Value = serde_json::from_str(&amtool("alert query -o json alertname=~High.+")).unwrap();
    assert_eq!(listed[0]["status"]["state"], "active");
    assert!(amtool("alert query -o extended").contains("prometheus.monitoring:9090/graph"));

    assert_eq!(amtool("alert add Manual severity=page --annotation=summary=by_hand"), "");
    assert!(amtool("alert query Manual").contains("by_hand"));
    assert!(amtool("alert add").contains("at least one label pair required"));

    let id = amtool("silence add alertname=Manual -c known -a me -d 1h");
    assert!(amtool("silence query").contains(id.trim()));
    assert!(!amtool("alert query Manual").contains("by_hand"), "silenced");
    assert!(amtool("alert query --silenced Manual").contains("suppressed"));
    assert!(amtool(&format!("silence update -d 3h {}", id.trim())).contains(id.trim()), "the same id");
    amtool(&format!("silence expire {}", id.trim()));
    assert!(amtool("alert query Manual").contains("active"));
    assert!(amtool("silence query --expired -o json").contains("\"expired\""));

    let exported = directory.path().join("silences.json");
    std::fs::write(&exported, amtool("silence query --expired -o json")).unwrap();
    amtool(&format!("silence import {}", exported.display()));
    assert!(!amtool("silence query --expired -q").trim().is_empty());

    assert!(amtool("config show").contains("receiver: team"));
    assert!(amtool("config routes test severity=page").contains("pager"));
    assert!(amtool("config routes show").contains("receiver: team"));
    assert!(amtool("cluster show").contains("disabled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_asks_what_it_asks() {
    let sim = today("bad-deploy").await;
    let token = sim.token();
    let url = sim.prometheus_url().replace("http://", &format!("http://promtool:{}@", token.expose_secret()));
    let Some(answer) = run("promtool", &["query", "instant", &url, "count(up == 0)"]) else { return };
    assert!(answer.starts_with("{} => ") && answer.contains(" @["), "{answer}");
    let promtool = |args: &[&str]| run("promtool", args).unwrap();
    assert!(
        promtool(&["query", "instant", &url, "sum("]).contains("1:5: parse error: unclosed left parenthesis")
    );
    let range =
        promtool(&["query", "range", "--step=60s", &url, "sum(rate(http_requests_total[5m])) > bool 1"]);
    assert!(range.starts_with("{} =>\n1 @["), "{range}");
    let labels = promtool(&["query", "labels", &url, "service"]);
    assert_eq!(labels.trim().lines().collect::<Vec<_>>(), ["api", "web"]);
    let series = promtool(&["query", "series", "--match=up{job=\"cache\"}", &url]);
    assert_eq!(series.lines().count(), 4, "{series}");
    let page = reqwest::Client::builder().no_proxy().build().unwrap().get(format!("{url}/metrics"));
    let page = page.send().await.unwrap().text().await.unwrap();
    let lint = check_metrics(&page);
    assert!(lint.is_none_or(|complaints| !complaints.contains("error")), "the page is well formed");
}

/// What `promtool check metrics` says of a page.
fn check_metrics(page: &str) -> Option<String> {
    use std::io::Write;
    use std::process::Stdio;
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(page.as_bytes()).ok()?;
    Some(String::from_utf8_lossy(&child.wait_with_output().ok()?.stderr).into_owned())
}
