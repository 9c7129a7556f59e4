//! Each scenario comes out as it promises, and its remedy cures it: played in process,
//! without waiting.

use std::collections::BTreeMap;
use std::sync::Arc;

use tower::ServiceExt;

use super::*;
use crate::sim::clock::Clock;
use crate::sim::cluster::json::{set, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::pod_status::summary;

const ORIGIN: &str = "2026-11-20T03:12:00Z";

pub(super) struct Stage {
    pub world: World,
    pub parts: Parts,
}

pub(super) fn play(scenario: &str) -> Stage {
    play_at(scenario, ORIGIN)
}

pub(super) fn play_at(scenario: &str, origin: &str) -> Stage {
    let origin: jiff::Timestamp = origin.parse().unwrap();
    let clock = Clock::new(origin, 0.0);
    let faults = Arc::new(Faults::new(7, clock));
    let parts = Parts {
        store: Arc::new(Store::new(7)),
        metrics: Metrics::new(clock),
        auth: Arc::new(Auth::new("a".to_owned().into(), "b".to_owned().into(), &[], faults.clone())),
        faults,
        served: Arc::default(),
    };
    parts.metrics.load_rules(crate::sim::server::RULES).unwrap();
    let scenario = Scenario::named(scenario).unwrap();
    let world = World::new(parts.clone(), &scenario, 7, origin.as_millisecond(), None).unwrap();
    Stage { world, parts }
}

impl Stage {
    pub fn minutes(&mut self, minutes: i64) {
        let to = self.world.now_ms() + minutes * 60_000;
        self.world.step(to);
    }

    /// Share of failed requests of a service over the next minutes.
    pub fn error_ratio(&mut self, service: &str, minutes: i64) -> f64 {
        let (all, errors) = self.world.series.traffic.requests(service);
        self.minutes(minutes);
        let (all_after, errors_after) = self.world.series.traffic.requests(service);
        (errors_after - errors) / (all_after - all)
    }

    /// How many pods of the shop show each STATUS.
    pub fn statuses(&self, prefix: &str) -> BTreeMap<String, usize> {
        let mut out = BTreeMap::new();
        for pod in
            self.parts.store.list(Kind::Pod, Some("shop")).iter().filter(|p| p.name.starts_with(prefix))
        {
            *out.entry(summary(&pod.tree(), self.world.now_ms()).status).or_default() += 1;
        }
        out
    }

    /// The alerts that are active, as Alertmanager gives them.
    pub async fn alerts(&self) -> BTreeSet<String> {
        let request =
            http::Request::get("/api/v2/alerts?inhibited=false").body(axum::body::Body::empty()).unwrap();
        let response = self.parts.metrics.alertmanager().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let alerts: Vec<serde_json::Value> = serde_json::from_slice(&body).unwrap();
        alerts.iter().map(|a| text(a, "/labels/alertname").to_owned()).collect()
    }

    /// Plays on in ticks for so many seconds; `look` is asked after each.
    pub fn watch(&mut self, seconds: i64, mut look: impl FnMut(&Stage)) {
        for _ in 0..seconds * 1_000 / TICK_MS {
            let to = self.world.now_ms() + TICK_MS;
            self.world.step(to);
            look(self);
        }
    }

    pub fn tree(&self, kind: Kind, name: &str) -> Arc<serde_json::Value> {
        self.parts.store.get(kind, "shop", name).unwrap().tree()
    }

    /// The messages of the events about an object, by reason.
    pub fn told(&self, name: &str, reason: &str) -> Vec<String> {
        let events = self.parts.store.list(Kind::Event, Some("shop"));
        let about = |t: &Arc<serde_json::Value>| {
            text(t, "/involvedObject/name") == name && text(t, "/reason") == reason
        };
        events.iter().map(|e| e.tree()).filter(about).map(|t| text(&t, "/message").to_owned()).collect()
    }

    pub fn edit(&mut self, kind: Kind, name: &str, edit: impl FnOnce(&mut serde_json::Value)) {
        self.parts
            .store
            .edit(kind, "shop", name, |tree| {
                edit(tree);
                Ok(())
            })
            .unwrap();
    }
}

fn of<const N: usize>(pairs: [(&str, usize); N]) -> BTreeMap<String, usize> {
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

#[test]
fn calm_is_calm() {
    let mut stage = play("calm");
    assert_eq!(stage.statuses(""), of([("Running", 50)]));
    assert!(stage.error_ratio("api", 5) < 0.001);
    assert_eq!(stage.statuses("api"), of([("Running", 20)]));
    let api = stage.parts.store.get(Kind::Deployment, "shop", "api").unwrap().tree();
    assert_eq!(api["status"]["readyReplicas"], 20);
    assert_eq!(api["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "16");
    assert!(stage.world.physics.flow.api_use < 0.65, "{:?}", stage.world.physics.flow);
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let names = || -> Vec<String> {
        let stage = play("bad-deploy");
        stage.parts.store.list(Kind::Pod, None).iter().map(|p| p.json().to_string()).collect()
    };
    assert_eq!(names(), names());
}

#[test]
fn bad_deploy_fails_eight_percent_and_rolling_back_cures_it() {
    let mut stage = play("bad-deploy");
    assert_eq!(stage.statuses("api"), of([("CrashLoopBackOff", 6), ("Running", 14)]));
    let pods = stage.parts.store.list(Kind::Pod, Some("shop"));
    let crashed = pods.iter().find(|p| summary(&p.tree(), 0).status == "CrashLoopBackOff").unwrap().tree();
    let last = &crashed["status"]["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!((last["exitCode"].as_i64(), text(last, "/message")), (Some(1), "missing PAYMENT_URL"));
    assert!(crashed["status"]["containerStatuses"][0]["restartCount"].as_i64().unwrap() >= 4);
    let ratio = stage.error_ratio("web", 1);
    assert!((0.078..0.084).contains(&ratio), "{ratio}");

    // As `kubectl rollout undo` does: the template of revision 16.
    let sets = stage.parts.store.list(Kind::ReplicaSet, Some("shop"));
    let old = sets
        .iter()
        .map(|s| s.tree())
        .find(|s| s["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "16")
        .unwrap();
    let mut template = old["spec"]["template"].clone();
    template["metadata"]["labels"].as_object_mut().unwrap().remove("pod-template-hash");
    stage.edit(Kind::Deployment, "api", |tree| tree["spec"]["template"] = template);
    stage.minutes(4);
    assert_eq!(stage.statuses("api"), of([("Running", 20)]));
    assert!(stage.error_ratio("web", 2) < 0.001);
    let api = stage.parts.store.get(Kind::Deployment, "shop", "api").unwrap().tree();
    assert_eq!(api["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "18");
}

#[test]
fn a_missing_variable_can_be_given_back_instead() {
    let mut stage = play("bad-deploy");
    stage.edit(Kind::Deployment, "api", |tree| {
        let env = tree.pointer_mut("/spec/template/spec/containers/0/env").unwrap().as_array_mut().unwrap();
        env.push(serde_json::json!({"name": "PAYMENT_URL", "value": "https://payments.internal/v2"}));
    });
    stage.minutes(5);
    assert_eq!(stage.statuses("api"), of([("Running", 20)]));
    assert!(stage.error_ratio("api", 2) < 0.001);
}

#[test]
fn the_incident_comes_after_half_a_minute() {
    let mut stage = play("incident");
    assert_eq!(stage.statuses("api"), of([("Running", 20)]));
    stage.minutes(5);
    assert_eq!(stage.statuses("api").get("CrashLoopBackOff"), Some(&6));
}

#[test]
fn traffic_spike_saturates_and_scaling_cures_it() {
    let mut stage = play("traffic-spike");
    stage.minutes(1);
    let flow = stage.world.physics.flow;
    let cpu = |stage: &Stage| {
        let api: Vec<&PodRun> =
            stage.world.pods().filter(|p| p.name.starts_with("api-") && p.serving()).collect();
        api.iter().map(|p| p.cpu / p.cpu_request).sum::<f64>() / api.len() as f64
    };
    assert!(cpu(&stage) > 0.9, "{}", cpu(&stage));
    assert!(flow.median_s * 3.4 > 1.0, "p95 {}", flow.median_s * 3.4);
    let hpa = stage.parts.store.get(Kind::HorizontalPodAutoscaler, "shop", "web").unwrap().tree();
    assert_eq!(
        (hpa["status"]["desiredReplicas"].as_i64(), hpa["spec"]["maxReplicas"].as_i64()),
        (Some(30), Some(30))
    );
    stage.edit(Kind::Deployment, "api", |tree| set(tree, "/spec", "replicas", 48));
    stage.minutes(3);
    assert_eq!(stage.statuses("api"), of([("Running", 48)]));
    let flow = stage.world.physics.flow;
    assert!(flow.median_s * 3.4 < 0.5, "p95 {} {flow:?}", flow.median_s * 3.4);
    assert!(cpu(&stage) < 0.8);
}

#[test]
fn poisoned_cache_is_cured_by_a_flush_or_by_new_pods() {
    for by_flush in [true, false] {
        let mut stage = play("poisoned-cache");
        let flow = stage.world.physics.flow;
        assert!((0.30..0.38).contains(&flow.hits), "{flow:?}");
        assert!((85.0..97.0).contains(&flow.pool), "{flow:?}");
        let ratio = stage.error_ratio("api", 1);
        assert!((0.028..0.034).contains(&ratio), "{ratio}");
        if by_flush {
            stage.world.flush_cache();
        } else {
            stage.edit(Kind::StatefulSet, "cache", |tree| {
                set(tree, "/spec/template/metadata/annotations", "kubectl.kubernetes.io/restartedAt", "now");
            });
        }
        stage.minutes(10);
        let flow = stage.world.physics.flow;
        assert!(flow.hits > 0.9, "{by_flush} {flow:?}");
        assert!(stage.error_ratio("api", 1) < 0.001);
    }
}

#[test]
fn memory_leak_kills_again_and_again_and_a_restart_helps_for_a_while() {
    let mut stage = play("memory-leak");
    let killed = |stage: &Stage| -> u32 {
        let worker = stage.world.pods().filter(|p| p.name.starts_with("worker-"));
        worker.filter(|p| p.last.as_ref().is_some_and(|e| e.exit_code == 137)).map(|p| p.restarts).sum()
    };
    assert!(killed(&stage) >= 12, "{}", killed(&stage));
    let pods = stage.parts.store.list(Kind::Pod, Some("shop"));
    let worker = pods.iter().find(|p| p.name.starts_with("worker-")).unwrap().tree();
    assert_eq!(text(&worker, "/status/containerStatuses/0/lastState/terminated/reason"), "OOMKilled");
    stage.edit(Kind::Deployment, "worker", |tree| {
        set(tree, "/spec/template/metadata/annotations", "kubectl.kubernetes.io/restartedAt", "now");
    });
    stage.minutes(2);
    assert_eq!(stage.statuses("worker"), of([("Running", 6)]));
    assert_eq!(killed(&stage), 0, "new pods have a clean past");
    stage.minutes(25);
    assert!(killed(&stage) > 0, "but only for a while");
}

#[test]
fn a_missed_backup_is_made_good_by_room_and_a_run() {
    let mut stage = play("backup-missed");
    let last_ok = |stage: &Stage| {
        let tree = stage.parts.store.get(Kind::CronJob, "shop", "backup-full").unwrap().tree();
        let at = crate::sim::cluster::json::parse_time(text(&tree, "/status/lastSuccessfulTime")).unwrap();
        (stage.world.now_ms() - at) as f64 / 3_600_000.0
    };
    assert!(last_ok(&stage) > 31.0, "{} h", last_ok(&stage));
    let failed: Vec<_> = stage
        .parts
        .store
        .list(Kind::Pod, Some("shop"))
        .into_iter()
        .filter(|p| p.name.starts_with("backup-full"))
        .collect();
    assert!(!failed.is_empty());
    let message =
        failed[0].tree()["status"]["containerStatuses"][0]["state"]["terminated"]["message"].clone();
    assert!(message.as_str().unwrap().contains("No space left on device"));

    stage.edit(Kind::CronJob, "backup-full", |tree| {
        let env = tree.pointer_mut("/spec/jobTemplate/spec/template/spec/containers/0/env").unwrap();
        env.as_array_mut()
            .unwrap()
            .iter_mut()
            .filter(|e| e["name"] == "RETENTION_DAYS")
            .for_each(|e| e["value"] = "14".into());
    });
    let cron = stage.parts.store.get(Kind::CronJob, "shop", "backup-full").unwrap().tree();
    let job = make::job(&cron, "backup-full-manual", stage.world.now_ms());
    stage.parts.store.create(Kind::Job, job, stage.world.now_ms()).unwrap();
    stage.minutes(45);
    assert!(last_ok(&stage) < 1.0, "{} h", last_ok(&stage));
    let job = stage.parts.store.get(Kind::Job, "shop", "backup-full-manual").unwrap().tree();
    assert!(
        text(&job, "/metadata/annotations/midwatch.io~1backup-size-bytes").parse::<f64>().unwrap() > 4e10
    );
}

#[test]
fn an_expiring_certificate_is_renewed_once_its_issuer_exists() {
    let mut stage = play("expiring-certificate");
    let days = |stage: &Stage| {
        let tree = stage.parts.store.get(Kind::Certificate, "shop", "shop-tls").unwrap().tree();
        let end = crate::sim::cluster::json::parse_time(text(&tree, "/status/notAfter")).unwrap();
        (end - stage.world.now_ms()) as f64 / 86_400_000.0
    };
    assert!((5.5..6.5).contains(&days(&stage)));
    let tree = stage.parts.store.get(Kind::Certificate, "shop", "shop-tls").unwrap().tree();
    assert_eq!(tree["status"]["failedIssuanceAttempts"], 1);
    stage
        .edit(Kind::Certificate, "shop-tls", |tree| set(tree, "/spec/issuerRef", "name", "letsencrypt-prod"));
    stage.minutes(2);
    assert!(days(&stage) > 89.0);
}

#[test]
fn flaky_api_ends_after_ten_minutes() {
    let mut stage = play("flaky-api");
    assert!(stage.parts.faults.current().too_many_ratio > 0.0);
    assert_eq!(stage.statuses(""), of([("Running", 50)]));
    stage.minutes(11);
    assert_eq!(stage.parts.faults.current(), crate::sim::fault::Fault::default());
}

#[test]
fn hourly_backups_run_and_leave_their_marks() {
    let mut stage = play("calm");
    let before = stage.parts.store.count(Kind::Job);
    stage.minutes(60);
    assert_eq!(stage.parts.store.count(Kind::Job), before + 1);
    assert_eq!(stage.statuses(""), of([("Running", 50)]));
}

#[tokio::test]
async fn every_scenario_raises_the_alerts_of_its_trouble() {
    let promised: [(&str, &[&str]); 8] = [
        ("calm", &[]),
        ("flaky-api", &[]),
        ("bad-deploy", &["HighErrorRate", "PodCrashLooping"]),
        ("traffic-spike", &["HighCPU", "SlowResponseTime"]),
        ("poisoned-cache", &["LowCacheHitRate"]),
        ("memory-leak", &["PodOOMKilled"]),
        ("backup-missed", &["BackupFailed", "BackupTooOld"]),
        ("expiring-certificate", &["CertificateExpiring"]),
    ];
    for (scenario, alerts) in promised {
        let wanted: BTreeSet<String> = alerts.iter().map(|a| (*a).to_owned()).collect();
        assert_eq!(play(scenario).alerts().await, wanted, "{scenario}");
    }
}

#[test]
fn a_rollout_without_room_runs_out_of_time_and_goes_on_when_there_is_room() {
    let mut stage = play("calm");
    let cordon = |stage: &Stage, on: bool| {
        for node in stage.parts.store.list(Kind::Node, None) {
            let edit = |tree: &mut serde_json::Value| {
                set(tree, "/spec", "unschedulable", on);
                Ok(())
            };
            stage.parts.store.edit(Kind::Node, "", &node.name, edit).unwrap();
        }
    };
    let progressing = |stage: &Stage| {
        let tree = stage.parts.store.get(Kind::Deployment, "shop", "worker").unwrap().tree();
        let conditions = tree["status"]["conditions"].as_array().unwrap().clone();
        let found = conditions.iter().find(|c| c["type"] == "Progressing").unwrap();
        text(found, "/reason").to_owned()
    };
    cordon(&stage, true);
    stage.edit(Kind::Deployment, "worker", |tree| {
        tree["spec"]["template"]["spec"]["containers"][0]["image"] =
            "registry.example.com/shop/worker:1.15.0".into();
    });
    stage.minutes(5);
    assert_eq!(progressing(&stage), "ReplicaSetUpdated");
    assert!(stage.statuses("worker").get("Pending").is_some_and(|n| *n > 0));
    stage.minutes(7);
    assert_eq!(progressing(&stage), "ProgressDeadlineExceeded");
    cordon(&stage, false);
    stage.minutes(3);
    assert_eq!(progressing(&stage), "NewReplicaSetAvailable");
    assert_eq!(stage.statuses("worker"), of([("Running", 6)]));
}

#[test]
fn what_an_object_owned_goes_with_it() {
    let mut stage = play("calm");
    stage.parts.store.remove(Kind::Deployment, "shop", "worker");
    stage.minutes(1);
    assert!(stage.statuses("worker").is_empty());
    let sets = stage.parts.store.list(Kind::ReplicaSet, Some("shop"));
    assert!(!sets.iter().any(|s| s.name.starts_with("worker-")));
}

#[test]
fn a_stateful_set_replaces_its_pods_one_at_a_time_from_the_top() {
    let mut stage = play("calm");
    stage.edit(Kind::StatefulSet, "cache", |tree| {
        tree["spec"]["template"]["spec"]["containers"][0]["image"] = "docker.io/library/redis:8.2.4".into();
    });
    let mut most_missing = 0;
    for _ in 0..40 {
        let to = stage.world.now_ms() + TICK_MS;
        stage.world.step(to);
        let ready = stage.world.pods().filter(|p| p.name.starts_with("cache-") && p.serving()).count();
        most_missing = most_missing.max(4 - ready);
    }
    assert_eq!(most_missing, 1);
    let tree = stage.parts.store.get(Kind::StatefulSet, "shop", "cache").unwrap().tree();
    assert_eq!(
        (tree["status"]["updatedReplicas"].as_i64(), tree["status"]["readyReplicas"].as_i64()),
        (Some(4), Some(4))
    );
    assert_eq!(tree["status"]["currentRevision"], tree["status"]["updateRevision"]);
}

#[test]
fn backups_under_way_where_the_live_past_begins_are_finished() {
    for origin in ["04:01:00", "03:05:00", "03:00:10", "03:28:00", "02:05:00"] {
        let stage = play_at("calm", &format!("2026-11-20T{origin}Z"));
        let hour = stage.world.now_ms().div_euclid(3_600_000) * 3_600_000;
        let succeeded = |name: &str| {
            let tree = stage.parts.store.get(Kind::CronJob, "shop", name).unwrap().tree();
            crate::sim::cluster::json::parse_time(text(&tree, "/status/lastSuccessfulTime")).unwrap()
        };
        assert!(succeeded("backup-hourly") > hour - 3_600_000, "{origin}: the run of the hour before");
        if !origin.starts_with("02") {
            let two: jiff::Timestamp = "2026-11-20T02:00:00Z".parse().unwrap();
            assert!(succeeded("backup-full") > two.as_millisecond(), "{origin}: tonight's run");
        }
        let unfinished = stage.parts.store.list(Kind::Job, Some("shop")).into_iter().filter(|j| {
            let tree = j.tree();
            let start = crate::sim::cluster::json::parse_time(text(&tree, "/status/startTime")).unwrap();
            text(&tree, "/status/completionTime").is_empty() && stage.world.now_ms() - start > 2_400_000
        });
        assert_eq!(unfinished.count(), 0, "{origin}");
    }
}

#[test]
fn velero_goes_on_making_backups() {
    let mut stage = play_at("calm", "2026-11-20T02:50:00Z");
    let completed = |stage: &Stage| {
        let all = stage.parts.store.list(Kind::Backup, None);
        all.iter().filter(|b| text(&b.tree(), "/status/phase") == "Completed").count()
    };
    let before = completed(&stage);
    stage.minutes(15);
    assert_eq!(completed(&stage), before + 1);
}
