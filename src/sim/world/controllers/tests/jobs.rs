//! Jobs and CronJobs.

use serde_json::{Value, json};

use super::{NONE, reason, status};
use crate::sim::cluster::json::{parse_time, set, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::world::tests::{Stage, play};

fn spec(image: &str) -> Value {
    json!({"backoffLimit": 6, "template": {"spec": {"restartPolicy": "Never",
        "containers": [{"name": "main", "image": image}]}}})
}

fn create(stage: &Stage, kind: Kind, name: &str, spec: Value) {
    let tree = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": spec});
    stage.parts.store.create(kind, tree, stage.world.now_ms()).unwrap();
}

fn names(stage: &Stage, kind: Kind, prefix: &str) -> Vec<String> {
    let all = stage.parts.store.list(kind, Some("shop"));
    all.iter().filter(|o| o.name.starts_with(prefix)).map(|o| o.name.to_string()).collect()
}

const GOOD: &str = "registry.example.com/shop/task:1.0.0";

#[test]
fn a_job_runs_as_many_pods_as_asked_for_and_goes_after_its_time() {
    let mut stage = play("calm");
    let mut wanted = spec(GOOD);
    wanted["completions"] = 5.into();
    wanted["parallelism"] = 2.into();
    wanted["ttlSecondsAfterFinished"] = 300.into();
    create(&stage, Kind::Job, "task", wanted);
    let mut most = 0;
    stage.watch(180, |stage| most = most.max(status(stage, Kind::Job, "task", "active")));
    assert_eq!(most, 2);
    let tree = stage.tree(Kind::Job, "task");
    assert_eq!(
        (status(&stage, Kind::Job, "task", "succeeded"), reason(&tree, "Complete").as_str()),
        (5, "CompletionsReached")
    );
    assert_eq!(stage.statuses("task-").get("Completed"), Some(&5), "their logs can still be read");
    stage.minutes(6);
    assert!(names(&stage, Kind::Job, "task").is_empty());
    assert!(names(&stage, Kind::Pod, "task").is_empty());
}

#[test]
fn a_job_that_fails_is_tried_again_after_a_while_and_then_no_more() {
    let mut stage = play("backup-missed");
    let cronjob = stage.tree(Kind::CronJob, "backup-full");
    let mut job = crate::sim::world::make::job(&cronjob, "manual", stage.world.now_ms());
    job["spec"]["backoffLimit"] = 2.into();
    // As `kubectl create job --from` marks it.
    set(&mut job, "/metadata", "annotations", json!({"cronjob.kubernetes.io/instantiate": "manual"}));
    stage.parts.store.create(Kind::Job, job, stage.world.now_ms()).unwrap();
    let mut ends = Vec::new();
    stage.watch(7_200, |stage| {
        let failed = status(stage, Kind::Job, "manual", "failed");
        if failed as usize > ends.len() {
            ends.push(stage.world.now_ms());
        }
    });
    let tree = stage.tree(Kind::Job, "manual");
    assert_eq!((ends.len(), reason(&tree, "Failed").as_str()), (3, "BackoffLimitExceeded"));
    assert_eq!(tree["metadata"]["ownerReferences"][0]["name"], "backup-full");
    assert_eq!(names(&stage, Kind::Pod, "manual-").len(), 3);
    let started = |name: &String| {
        parse_time(text(&stage.tree(Kind::Pod, name), "/metadata/creationTimestamp")).unwrap()
    };
    let mut starts: Vec<i64> = names(&stage, Kind::Pod, "manual-").iter().map(started).collect();
    starts.sort_unstable();
    assert!((starts[1] - ends[0]) >= 5_000 && (starts[2] - ends[1]) >= 15_000, "{starts:?} {ends:?}");
}

#[test]
fn a_job_has_its_deadline_and_can_be_suspended() {
    let mut stage = play("calm");
    let mut wanted = spec(NONE);
    wanted["activeDeadlineSeconds"] = 90.into();
    create(&stage, Kind::Job, "late", wanted);
    create(&stage, Kind::Job, "held", spec(NONE));
    stage.minutes(1);
    assert_eq!(stage.statuses("late-").get("ImagePullBackOff"), Some(&1));
    stage.edit(Kind::Job, "held", |tree| tree["spec"]["suspend"] = true.into());
    stage.minutes(1);
    assert_eq!(reason(&stage.tree(Kind::Job, "late"), "Failed"), "DeadlineExceeded");
    assert_eq!(stage.told("late", "DeadlineExceeded"), ["Job was active longer than specified deadline"]);
    assert_eq!(reason(&stage.tree(Kind::Job, "held"), "Suspended"), "JobSuspended");
    assert!(names(&stage, Kind::Pod, "late-").is_empty() && names(&stage, Kind::Pod, "held-").is_empty());
    stage.edit(Kind::Job, "held", |tree| tree["spec"]["suspend"] = false.into());
    stage.minutes(1);
    assert_eq!(names(&stage, Kind::Pod, "held-").len(), 1);
}

fn cron(image: &str, schedule: &str, policy: &str) -> Value {
    json!({"schedule": schedule, "concurrencyPolicy": policy, "suspend": false, "jobTemplate": {"spec": spec(image)}})
}

#[test]
fn a_cron_job_keeps_to_its_concurrency_policy() {
    let mut stage = play("calm");
    for policy in ["Allow", "Forbid", "Replace"] {
        let name = policy.to_lowercase();
        create(&stage, Kind::CronJob, &name, cron(NONE, "* * * * *", policy));
    }
    stage.minutes(4);
    let jobs = |name: &str| names(&stage, Kind::Job, name);
    assert_eq!((jobs("allow-").len(), jobs("forbid-").len(), jobs("replace-").len()), (4, 1, 1));
    assert!(!stage.told("forbid", "JobAlreadyActive").is_empty());
    assert_eq!(stage.told("replace", "SuccessfulDelete").len(), 3);
    let active = stage.tree(Kind::CronJob, "allow")["status"]["active"].as_array().unwrap().len();
    assert_eq!(active, 4);
}

#[test]
fn a_cron_job_keeps_the_last_runs_and_tells_of_them() {
    let mut stage = play("calm");
    let mut wanted = cron(GOOD, "* * * * *", "Allow");
    wanted["successfulJobsHistoryLimit"] = 2.into();
    create(&stage, Kind::CronJob, "often", wanted);
    stage.minutes(6);
    assert_eq!(names(&stage, Kind::Job, "often-").len(), 2 + status_active(&stage, "often"));
    assert!(stage.told("often", "SawCompletedJob")[0].ends_with("condition: Complete"));
    let tree = stage.tree(Kind::CronJob, "often");
    let last = parse_time(text(&tree, "/status/lastSuccessfulTime")).unwrap();
    assert!(stage.world.now_ms() - last < 90_000);
}

fn status_active(stage: &Stage, name: &str) -> usize {
    stage.tree(Kind::CronJob, name)["status"]["active"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_suspended_cron_job_makes_its_last_run_good_if_it_is_not_too_late() {
    // Midnight in UTC is one o'clock in Berlin; the stage stands at 03:12.
    let mut stage = play("calm");
    for (name, deadline) in [("patient", Value::Null), ("strict", json!(60))] {
        let mut wanted = cron(GOOD, "15 4 * * *", "Allow");
        wanted["timeZone"] = "Europe/Berlin".into();
        wanted["suspend"] = true.into();
        if !deadline.is_null() {
            wanted["startingDeadlineSeconds"] = deadline;
        }
        create(&stage, Kind::CronJob, name, wanted);
    }
    stage.minutes(10);
    assert!(names(&stage, Kind::Job, "patient").is_empty() && names(&stage, Kind::Job, "strict").is_empty());
    for name in ["patient", "strict"] {
        stage.edit(Kind::CronJob, name, |tree| tree["spec"]["suspend"] = false.into());
    }
    stage.minutes(2);
    assert_eq!(names(&stage, Kind::Job, "patient").len(), 1);
    assert!(names(&stage, Kind::Job, "strict").is_empty());
    let told = stage.told("strict", "MissSchedule");
    assert_eq!(told, ["Missed scheduled time to start a job: 2026-11-20 03:15:00 +0000 UTC"]);
}

#[test]
fn a_time_zone_or_schedule_that_is_none_is_told_of() {
    let mut stage = play("calm");
    let mut nowhere = cron(GOOD, "* * * * *", "Allow");
    nowhere["timeZone"] = "Nowhere/City".into();
    create(&stage, Kind::CronJob, "nowhere", nowhere);
    create(&stage, Kind::CronJob, "nonsense", cron(GOOD, "now and then", "Allow"));
    stage.minutes(2);
    assert!(stage.told("nowhere", "UnknownTimeZone")[0].contains("Nowhere/City"));
    assert!(stage.told("nonsense", "UnparseableSchedule")[0].contains("now and then"));
    assert!(names(&stage, Kind::Job, "no").is_empty());
}
