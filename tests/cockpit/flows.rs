//! Flows: a scenario, keys, and what the screen must then say. What a person on call would do.

use std::time::Duration;

use midwatch::model::{FeedId, Health};
use midwatch::sim::Fault;
use midwatch::state::Connection;

use crate::support::{Cockpit, stage};

/// Opens `scenario`, then for each step presses the keys and waits for each of the texts.
async fn flow(scenario: &str, size: (u16, u16), steps: &[(&str, &[&str])]) -> Cockpit {
    let mut cockpit = Cockpit::open(scenario, size).await;
    for (keys, texts) in steps {
        cockpit.press(keys);
        for text in *texts {
            cockpit.until_shown(text).await;
        }
    }
    cockpit
}

const WIDE: (u16, u16) = (120, 40);
const SMALL: (u16, u16) = (80, 24);

#[tokio::test(flavor = "multi_thread")]
async fn calm_is_calm_in_every_panel() {
    let cockpit = flow("calm", WIDE, &[("", &["50 of 50 ready", "none firing", "nodes 12/12"])]).await;
    let worst = cockpit.state.derived.verdicts.iter().map(|(health, _)| *health).max();
    assert_eq!(worst, Some(Health::Ok), "{}", cockpit.screen());
    assert!(cockpit.screen().contains("nothing to report"), "{}", cockpit.screen());
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_deploy_leads_from_the_headline_to_the_cause() {
    flow(
        "bad-deploy",
        SMALL,
        &[
            ("", &["CRITICAL", "errors 8", "rollout api", "14/20", "CrashLoopBackOff"]),
            // The hint says 'l': the log of the worst pod.
            ("l", &["missing PAYMENT_URL"]),
            ("esc 1 enter", &["STATUS", "CrashLoopBackOff"]),
            ("enter", &["CONTAINER", "last end: exit 1", "EVENTS", "BackOff"]),
            ("esc esc 2 enter", &["WHAT CHANGED", "revision 17"]),
            ("3", &["ERROR RATIO BY ROUTE", "POST /pay"]),
            ("5", &["HighErrorRate", "page"]),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_spike_shows_load_latency_and_the_autoscaler_at_its_end() {
    let cockpit = flow("traffic-spike", WIDE, &[("", &["over for", "cpu"]), ("6 enter", &["cpu"])]).await;
    let latency = cockpit.state.derived.latency.as_ref().unwrap();
    assert_eq!(latency.health, Health::Critical, "{}", cockpit.screen());
    let cpu = cockpit.state.derived.strip.iter().find(|m| m.id.noun() == "cpu").unwrap();
    assert!(cpu.health >= Health::Warning, "{}", cockpit.screen());
}

#[tokio::test(flavor = "multi_thread")]
async fn poisoned_cache_shows_misses_and_errors() {
    let cockpit = flow(
        "poisoned-cache",
        WIDE,
        &[("", &["cache hits"]), ("6 enter", &["cache hits", "connection pool"])],
    )
    .await;
    let hits = cockpit.state.derived.strip.iter().find(|m| m.id.noun() == "cache hits").unwrap();
    assert_eq!(hits.health, Health::Critical, "{}", cockpit.screen());
    assert!(cockpit.state.derived.errors.as_ref().unwrap().health >= Health::Warning);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_leak_shows_oom_kills_behind_the_restarts() {
    flow(
        "memory-leak",
        WIDE,
        &[("", &["OOMKilled"]), ("1 enter / r e s t a r t s > 0 enter", &["pass 'restarts>0'"])],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_missed_says_which_why_and_how_old() {
    flow(
        "backup-missed",
        SMALL,
        &[("4", &["backup-full", "RPO"]), ("enter", &["No space left on device", "failed"])],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expiring_certificate_counts_the_days() {
    let cockpit = flow("expiring-certificate", WIDE, &[("", &["certificate 6 d"])]).await;
    let certificate = cockpit.state.derived.strip.iter().find(|m| m.id.noun() == "certificate").unwrap();
    assert_eq!(certificate.health, Health::Critical);
}

#[tokio::test(flavor = "multi_thread")]
async fn flaky_api_is_survived() {
    let mut cockpit = Cockpit::over(stage("flaky-api").await, WIDE, |_| {}).await;
    cockpit.until_shown("50 of 50 ready").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_api_server_is_told_with_its_time_and_recovered_from() {
    let mut cockpit = Cockpit::open("calm", WIDE).await;
    cockpit.sim.set_fault(Fault { down: true, ..Fault::default() });
    cockpit.until("the failure of the pods' feed", |s| s.known.status(FeedId::Pods).failure.is_some()).await;
    cockpit.advance(Duration::from_secs(45)).await;
    cockpit.until_shown("since").await;
    let screen = cockpit.screen();
    assert!(screen.contains("no API server") || screen.contains("API errors"), "{screen}");
    assert!(screen.contains("stale"), "{screen}");
    assert_eq!(cockpit.state.feed_health(FeedId::Pods), Health::Stale);
    assert!(screen.contains("50 of 50 ready"), "what was known stays:\n{screen}");
    cockpit.sim.set_fault(Fault::default());
    cockpit.until("the feed to recover", |s| s.feed_health(FeedId::Pods) == Health::Ok).await;
    cockpit.until_shown("live now").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_the_namespace_leaves_nothing_of_the_old_one() {
    let mut cockpit = Cockpit::open("bad-deploy", WIDE).await;
    cockpit.press("N");
    cockpit.until_shown("monitoring").await;
    cockpit.type_text("monit");
    cockpit.press("enter");
    let screen = cockpit.screen();
    assert!(!screen.contains("api-") && !screen.contains("CrashLoop"), "{screen}");
    cockpit.until_shown("prometheus").await;
    cockpit.settled().await;
    assert!(cockpit.state.known.pods.iter().all(|p| &*p.namespace == "monitoring"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_user_sees_what_is_denied_in_words() {
    let mut cockpit = Cockpit::open("bad-deploy", WIDE).await;
    cockpit.press("C");
    cockpit.until_shown("viewer").await;
    cockpit.type_text("viewer");
    cockpit.press("enter");
    cockpit.until_shown("14/20").await;
    cockpit.until("jobs to be denied", |s| s.feed_health(FeedId::Jobs) == Health::Denied).await;
    cockpit.until("pods to be allowed", |s| s.feed_health(FeedId::Pods) == Health::Ok).await;
    let screen = cockpit.screen();
    assert!(screen.contains("denied"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_select_and_wrong_ones_say_why() {
    let mut cockpit = Cockpit::open("bad-deploy", SMALL).await;
    cockpit.press("/");
    cockpit.type_text("status=crash");
    cockpit.press("enter");
    cockpit.until_shown("6 of 50 pods pass 'status=crash'").await;
    cockpit.press("esc");
    cockpit.until_shown("50 pods, by state").await;
    cockpit.press("/");
    cockpit.type_text("restart>3");
    cockpit.press("enter");
    cockpit.until_shown("no field 'restart', did you mean 'restarts'?").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_stays_on_its_pod_when_rows_move() {
    let mut cockpit = Cockpit::open("bad-deploy", SMALL).await;
    cockpit.press("1 enter j j j");
    let chosen = cockpit.state.view.list(0).selected.clone().unwrap();
    cockpit.press("o");
    assert_eq!(cockpit.state.view.list(0).selected.as_ref(), Some(&chosen));
    cockpit.press("O");
    assert_eq!(cockpit.state.view.list(0).selected.as_ref(), Some(&chosen));
}

#[tokio::test(flavor = "multi_thread")]
async fn quitting_is_asked_once() {
    let mut cockpit = Cockpit::open("calm", SMALL).await;
    cockpit.press("q");
    assert!(cockpit.screen().contains("quit midwatch?"));
    cockpit.press("x");
    assert!(!cockpit.screen().contains("quit midwatch?") && !cockpit.quit);
    cockpit.press("q q");
    assert!(cockpit.quit);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_palette_finds_everything() {
    let mut cockpit = Cockpit::open("bad-deploy", SMALL).await;
    cockpit.press(":");
    cockpit.type_text("zoom errors");
    cockpit.press("enter");
    cockpit.until_shown("ERROR RATIO BY ROUTE").await;
    cockpit.press(":");
    cockpit.type_text("deployment/api");
    cockpit.press("enter");
    cockpit.until_shown("20 of 50 pods pass 'owner=api ns=shop'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cluster_it_says_so_and_stays() {
    let mut cockpit = Cockpit::over(stage("calm").await, SMALL, |flags| {
        flags.kubeconfig = Some("/nowhere/kubeconfig".into());
    })
    .await;
    cockpit.until("the failure", |s| matches!(s.connection, Connection::Failed(_))).await;
    let screen = cockpit.screen();
    assert!(screen.contains("/nowhere/kubeconfig") || screen.contains("no cluster"), "{screen}");
    assert!(!screen.contains("● ok") && !cockpit.quit, "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_of_the_charts_can_be_changed() {
    let mut cockpit = Cockpit::open("calm", WIDE).await;
    cockpit.press("2 + +");
    assert_eq!(cockpit.state.view.window.word(), "6 h");
    cockpit
        .until("points of six hours", |s| {
            let id = midwatch::model::signal::SignalId::LatencyP95;
            matches!(s.known.signals.get(&id).map(|s| &s.outcome),
                Some(midwatch::model::signal::Outcome::Points { points, .. })
                    if points.last().zip(points.first()).is_some_and(|(b, a)| b.t - a.t > 5 * 3600))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn selectors_show_only_the_services_own_workloads() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("midwatch.toml");
    std::fs::write(&file, "selectors = [\"app=web\", \"app=worker\"]\n").unwrap();
    let mut cockpit = Cockpit::over(stage("bad-deploy").await, WIDE, |flags| flags.config = Some(file)).await;
    cockpit.settled().await;
    cockpit.until_shown("26 of 26 ready").await;
    let pods = &cockpit.state.derived.pods;
    assert_eq!((pods.workloads.len(), pods.total), (2, 26));
    assert!(!cockpit.screen().contains("CrashLoopBackOff"), "{}", cockpit.screen());
    cockpit.press("1");
    cockpit.press("enter");
    assert_eq!(cockpit.state.derived.rows.rows.len(), 26);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_searched_and_read_from_before_the_restart() {
    let mut cockpit = Cockpit::open("bad-deploy", WIDE).await;
    cockpit.press("l");
    cockpit.until_shown("at requireSetting").await;
    cockpit.press("/");
    cockpit.type_text("fatal");
    cockpit.press("enter");
    cockpit.until_shown("search 'fatal'").await;
    cockpit.press("p");
    cockpit.until_shown("before its last restart").await;
    cockpit.until_shown("missing PAYMENT_URL").await;
    cockpit.press("s");
    cockpit.until_shown("since 1 h").await;
    cockpit.press("n n n n n n n n n n");
    cockpit.until_shown("no newer line has 'fatal'").await;
}

/// A health endpoint that answers one word.
async fn health_endpoint() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut request = [0_u8; 4096];
            let _ = stream.read(&mut request).await;
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_measure_where_prometheus_can_not_be_asked() {
    let address = health_endpoint().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("midwatch.toml");
    let text = format!("[[probe]]\nname = \"shop\"\nurl = \"http://{address}/health\"\nevery = \"1 s\"\n");
    std::fs::write(&file, text).unwrap();
    // The viewer may not use the API server's proxy, so Prometheus is out of reach.
    let mut cockpit = Cockpit::over(stage("calm").await, WIDE, |flags| {
        flags.config = Some(file);
        flags.context = Some("prod-eu-1-viewer".into());
    })
    .await;
    cockpit
        .until("a latency from the probe", |s| {
            s.derived.latency.as_ref().is_some_and(|m| m.value.is_some() && m.health == Health::Ok)
        })
        .await;
    let availability = cockpit.state.derived.strip.iter().find(|m| m.id.noun() == "availability").unwrap();
    assert_eq!(availability.value, Some(1.0));
    assert_eq!(cockpit.state.feed_health(FeedId::Signals), Health::Denied);
}

/// The errors panel's verdict for an error ratio at a rate of requests.
fn verdict(error_ratio: f64, requests_per_s: f64) -> (Health, String) {
    use midwatch::model::signal::{Outcome, Point, Signal, SignalId};
    use midwatch::model::{Batch, Change, Observation};
    let (now, global) = (crate::support::origin(), midwatch::cli::Global::default());
    let config = std::sync::Arc::new(midwatch::config::Config::default());
    let mut state = midwatch::setup::state(&global, config, &crate::support::capabilities(), now, WIDE);
    let signal = |id, v| {
        let outcome = Outcome::Points { step_s: 15, points: vec![Point { t: now.as_second(), v }] };
        Change::Upsert(Observation::Signal(Box::new(Signal {
            id,
            outcome,
            query: "".into(),
            warning: None,
            present: None,
        })))
    };
    // A past without errors: what is judged is this moment.
    let past = midwatch::model::signal::BurnWindow::ALL.map(|w| signal(SignalId::ErrorRatioOver(w), 0.0));
    let now_measured = [
        signal(SignalId::ErrorRatio, error_ratio),
        signal(SignalId::RequestRate, requests_per_s),
        Change::Ready,
    ];
    let changes = past.into_iter().chain(now_measured).collect();
    let batch = Batch { epoch: state.epoch, feed: FeedId::Signals, at: now, changes };
    midwatch::update::update(&mut state, midwatch::msg::Msg::Batch(batch));
    state.settle();
    state.derived.verdicts[midwatch::panels::ERRORS].clone()
}

#[test]
fn no_traffic_and_low_traffic_are_never_green_and_never_a_page() {
    assert_eq!(verdict(0.0, 1000.0).0, Health::Ok);
    assert_eq!(verdict(0.5, 1000.0).0, Health::Critical);
    assert_eq!(verdict(f64::NAN, 0.0), (Health::Unknown, "no traffic".into()));
    // 180 requests an hour: at 99.9 % not even one may fail.
    assert_eq!(verdict(0.0, 0.05), (Health::Unknown, "low traffic · 0 %, objective 0.1 %".into()));
    assert_eq!(verdict(0.5, 0.05), (Health::Warning, "50 %, objective 0.1 %, low traffic".into()));
}
