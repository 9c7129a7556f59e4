//! The life of an alert from samples to Alertmanager, and the shipped rules.

use super::super::labels::{display, get};
use super::super::tsdb::Tsdb;
use super::*;

const SHIPPED: &str = include_str!("../../../../assets/scenarios/rules.toml");

fn rules(text: &str) -> Rules {
    Rules::new(parse(text).unwrap().0)
}

const DOWN: &str = r#"
[[rule]]
alert = "Down"
expr = "up == 0"
for = "30s"
labels = { severity = "page", who = "{{ $labels.job }}" }
annotations = { summary = "{{ $labels.job }} is {{ $value }}" }
"#;

#[test]
fn pending_then_firing_then_resolved() {
    let mut db = Tsdb::default();
    let up = db.series("up", &[("job", "web")]);
    let mut rules = rules(DOWN);
    let mut step = |t: i64, v: f64| {
        db.append(up, t, v);
        let sent = rules.evaluate(&db, t);
        let state = rules.rules[0].active.values().next().map(|a| (a.state, a.active_ms));
        (sent, state)
    };
    assert_eq!(step(0, 1.0), (vec![], None));
    assert_eq!(step(15_000, 0.0), (vec![], Some((State::Pending, 15_000))));
    assert_eq!(step(30_000, 0.0), (vec![], Some((State::Pending, 15_000))));
    let (sent, state) = step(45_000, 0.0);
    assert_eq!(state, Some((State::Firing, 15_000)));
    assert_eq!((sent[0].starts_ms, sent[0].ends_ms), (45_000, 45_000 + HOLD_MS));
    assert_eq!(display(&sent[0].labels), r#"{alertname="Down", job="web", severity="page", who="web"}"#);
    assert_eq!(sent[0].annotations, [("summary".into(), "web is 0".into())]);
    let (sent, state) = step(60_000, 1.0);
    assert_eq!((sent[0].starts_ms, sent[0].ends_ms, state), (45_000, 60_000, None));
    assert_eq!(step(75_000, 1.0), (vec![], None));
}

#[test]
fn alerts_become_series() {
    let mut db = Tsdb::default();
    let up = db.series("up", &[("job", "web")]);
    db.append(up, 0, 0.0);
    let mut rules = rules(DOWN);
    rules.evaluate(&db, 0);
    rules.evaluate(&db, 15_000);
    let mut series: Vec<(String, f64)> = rules.series().iter().map(|(l, v)| (display(l), *v)).collect();
    series.sort_by(|a, b| a.0.cmp(&b.0));
    let labels = r#"job="web", severity="page", who="web"}"#;
    let expected = [
        (format!(r#"{{__name__="ALERTS", alertname="Down", alertstate="pending", {labels}"#), 1.0),
        (format!(r#"{{__name__="ALERTS_FOR_STATE", alertname="Down", {labels}"#), 0.0),
    ];
    assert_eq!(series, expected);
}

#[test]
fn a_rule_that_fails_says_so_and_keeps_its_alerts() {
    let mut db = Tsdb::default();
    for instance in ["1", "2"] {
        let id = db.series("up", &[("instance", instance)]);
        db.append(id, 0, 1.0);
    }
    let mut rules = rules("[[rule]]\nalert = \"X\"\nexpr = \"up\"\nlabels = { instance = \"\" }");
    assert_eq!(rules.evaluate(&db, 0), []);
    let error = rules.rules[0].error.clone().unwrap();
    assert_eq!(error, "vector contains metrics with the same labelset after applying alert labels");
}

#[test]
fn wrong_files_name_the_rule_and_the_field() {
    for (text, says) in [
        ("[[rule]]\nalert = \"A\"\nexpr = \"sum(\"", "rule \"A\": expr: 1:5: parse error"),
        ("[[rule]]\nalert = \"A\"\nexpr = \"up\"\nfor = \"soon\"", "rule \"A\": for: not a valid duration"),
        ("[[rule]]\nalert = \"A\"\nexpr = \"up\"\nlabels = { a = \"{{ x }}\" }", "rule \"A\": labels.a: "),
        ("[[rule]]\nalert = \"A\"\nexpr = \"up\"\nlabels = { \"a-b\" = \"\" }", "is not a valid name"),
        ("[[rule]]\nalert = \"A\"\nexpr = \"up\"\nwhen = \"now\"", "unknown field `when`"),
        ("[[inhibit]]\nsource = [\"a\"]\ntarget = []", "inhibit rule 1: bad matcher format: a"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(says), "{error:?} lacks {says:?}");
    }
}

/// Writes a counter that grows by `per_second`, every 15 s for 10 minutes, ending now.
fn counter(db: &mut Tsdb, now: i64, name: &str, labels: &[(&str, &str)], per_second: f64) {
    let id = db.series(name, labels);
    for i in 0..=40 {
        db.append(id, now - 600_000 + i * 15_000, i as f64 * 15.0 * per_second);
    }
}

fn gauge(db: &mut Tsdb, now: i64, name: &str, labels: &[(&str, &str)], v: f64) {
    let id = db.series(name, labels);
    db.append(id, now - 15_000, v);
    db.append(id, now, v);
}

/// A world in which everything that the shipped rules watch is wrong.
fn all_wrong(db: &mut Tsdb, now: i64) {
    let shop = [("namespace", "shop"), ("service", "api"), ("route", "/"), ("method", "GET")];
    for (code, rate) in [("200", 10.0), ("503", 1.0)] {
        counter(db, now, "http_requests_total", &[shop.as_slice(), &[("code", code)]].concat(), rate);
    }
    for (le, rate) in [("0.5", 5.0), ("1", 10.0), ("+Inf", 11.0)] {
        let labels = [shop.as_slice(), &[("le", le)]].concat();
        counter(db, now, "http_request_duration_seconds_bucket", &labels, rate);
    }
    let pod = [("namespace", "shop"), ("pod", "api-7d9f8b6c5-x2x4q"), ("container", "api")];
    counter(db, now, "kube_pod_container_status_restarts_total", &pod, 0.01);
    let oom = [pod.as_slice(), &[("reason", "OOMKilled")]].concat();
    gauge(db, now, "kube_pod_container_status_last_terminated_reason", &oom, 1.0);
    counter(db, now, "container_cpu_usage_seconds_total", &pod, 0.45);
    let cpu = [pod.as_slice(), &[("resource", "cpu"), ("unit", "core")]].concat();
    gauge(db, now, "kube_pod_container_resource_requests", &cpu, 0.5);
    let redis = [("namespace", "shop"), ("pod", "redis-0")];
    counter(db, now, "redis_keyspace_hits_total", &redis, 3.0);
    counter(db, now, "redis_keyspace_misses_total", &redis, 3.0);
    let seconds = now as f64 / 1000.0;
    let cronjob = [("namespace", "shop"), ("cronjob", "db-backup")];
    gauge(db, now, "kube_cronjob_status_last_successful_time", &cronjob, seconds - 30.0 * 3600.0);
    gauge(db, now, "kube_job_status_failed", &[("namespace", "shop"), ("job_name", "db-backup-2871")], 1.0);
    let certificate = [("namespace", "shop"), ("name", "shop-tls")];
    gauge(db, now, "certmanager_certificate_expiration_timestamp_seconds", &certificate, seconds + 1e5);
    counter(db, now, "apiserver_request_total", &[("code", "200")], 9.0);
    counter(db, now, "apiserver_request_total", &[("code", "429")], 1.0);
    gauge(db, now, "up", &[("job", "api"), ("instance", "10.0.0.1:80"), ("namespace", "shop")], 0.0);
}

#[test]
fn every_shipped_rule_fires_when_what_it_watches_goes_wrong() {
    let mut db = Tsdb::default();
    let now = 1_700_000_000_000;
    all_wrong(&mut db, now);
    let mut rules = rules(SHIPPED);
    rules.evaluate(&db, now);
    for state in &rules.rules {
        let name = &state.rule.alert;
        assert_eq!(state.error, None, "{name}");
        let alert = state.active.values().next().unwrap_or_else(|| panic!("{name} is silent"));
        assert_eq!(state.active.len(), 1, "{name}");
        assert!(["page", "warning", "ticket"].contains(&get(&alert.labels, "severity")), "{name}");
        assert!(!get(&alert.labels, "namespace").is_empty(), "{name}");
        let owner = [get(&alert.labels, "service"), get(&alert.labels, "workload")].concat();
        assert!(
            ["api", "redis", "db-backup", "shop-tls", "kubernetes"].contains(&owner.as_str()),
            "{name}: {owner}"
        );
        let names: Vec<&str> = alert.annotations.iter().map(|(k, _)| k.as_str()).collect();
        assert_eq!(names, ["description", "runbook_url", "summary"], "{name}");
        assert!(alert.annotations.iter().all(|(_, text)| !text.contains("{{")), "{name}");
    }
}

#[test]
fn no_shipped_rule_fires_without_series() {
    let mut rules = rules(SHIPPED);
    rules.evaluate(&Tsdb::default(), 1_700_000_000_000);
    assert!(rules.rules.iter().all(|r| r.error.is_none() && r.active.is_empty()));
}
