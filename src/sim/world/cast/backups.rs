//! Backups with a past of two weeks: three CronJobs with their Jobs, and Velero.

use serde_json::{Value, json};

use super::{App, DAY_MS, Past, SHOP, Stage};
use crate::sim::cluster::json::{set, time};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::controllers::velero;
use crate::sim::world::cron::Schedule;
use crate::sim::world::make;
use crate::sim::world::pod::{Ended, PodRun, State, fnv};

/// The volume that `backup-full` writes to: room for 36 of its backups.
pub const BACKUP_VOLUME_BYTES: f64 = 1.5e12;
/// What one full backup takes.
pub const FULL_BACKUP_BYTES: f64 = 41.2e9;
/// What a run says when the volume is full.
pub const NO_SPACE: &str = "pg_dump: error: could not write to output file: No space left on device";

/// Name, schedule, image, bytes, seconds, whether restores are rehearsed.
const PLANS: [(&str, &str, &str, f64, i64, bool); 3] = [
    (
        "backup-full",
        "0 2 * * *",
        "registry.example.com/platform/pg-backup:2.4.0",
        FULL_BACKUP_BYTES,
        1_620,
        true,
    ),
    ("backup-hourly", "0 * * * *", "registry.example.com/platform/pg-backup:2.4.0", 1.9e9, 214, true),
    ("backup-config", "30 5 * * 1", "registry.example.com/platform/config-backup:1.1.3", 3.1e6, 12, false),
];

/// A number in 0..1 that follows from a job's name.
fn dice(job: &str) -> f64 {
    (fnv(job) >> 11) as f64 / (1_u64 << 53) as f64
}

fn plan(cronjob: &str) -> (f64, i64, bool) {
    let found = PLANS.iter().find(|p| p.0 == cronjob);
    found.map_or((0.0, 20, false), |p| (p.3, p.4, p.5))
}

/// The size of what a run of `cronjob` wrote; it grows by some 2 % a month.
pub fn backup_bytes(cronjob: &str, job: &str, at_ms: i64) -> f64 {
    let months = (at_ms - 1_760_000_000_000) as f64 / (30.0 * DAY_MS as f64);
    let growth = 1.0 + 0.02 * months.clamp(-5.0, 5.0) * 0.1;
    (plan(cronjob).0 * growth * (0.99 + 0.02 * dice(job))).round()
}

/// How long a run takes, in seconds.
pub fn backup_duration_s(cronjob: &str, job: &str) -> i64 {
    (plan(cronjob).1 as f64 * (0.92 + 0.2 * dice(job))) as i64
}

/// The annotations of a run that has succeeded.
pub fn success_annotations(
    cronjob: &str,
    job: &str,
    finished_ms: i64,
    now_ms: i64,
) -> Vec<(&'static str, String)> {
    if PLANS.iter().all(|p| p.0 != cronjob) {
        return Vec::new();
    }
    let mut out =
        vec![("midwatch.io/backup-size-bytes", format!("{:.0}", backup_bytes(cronjob, job, finished_ms)))];
    // The restore rehearsal of the platform team starts twenty minutes after a backup.
    let verified = finished_ms + 20 * 60_000;
    if plan(cronjob).2 && verified <= now_ms {
        out.push(("midwatch.io/backup-verified-at", time(verified)));
    }
    out
}

/// The name that the CronJob controller gives to the run of a minute.
pub fn job_name(cronjob: &str, scheduled_ms: i64) -> String {
    format!("{cronjob}-{}", scheduled_ms / 60_000)
}

pub fn set_up(stage: &mut Stage, past: &Past) -> Result<(), ApiError> {
    for (name, schedule, image, ..) in PLANS {
        let retention = past.retention_days.to_string();
        let app = App {
            namespace: SHOP,
            name,
            container: "backup",
            image,
            replicas: 0,
            port: 0,
            health: "",
            env: vec![("TARGET", "/backup"), ("RETENTION_DAYS", &retention)],
            requests: ("200m", "256Mi"),
            limits: ("1", "1Gi"),
            since_ms: 200 * DAY_MS,
        };
        let owner = cron_job(stage, &app, schedule)?;
        history(stage, name, schedule, &owner, past)?;
    }
    velero(stage)
}

fn cron_job(stage: &Stage, app: &App, schedule: &str) -> Result<Value, ApiError> {
    let mut template = app.template(app.image);
    set(&mut template, "/spec", "restartPolicy", "Never");
    let tree = json!({
        "metadata": app.metadata(stage.now_ms - app.since_ms),
        "spec": {
            "schedule": schedule, "concurrencyPolicy": "Forbid", "suspend": false, "startingDeadlineSeconds": 600,
            "successfulJobsHistoryLimit": 400, "failedJobsHistoryLimit": 30,
            "jobTemplate": {"metadata": {"labels": app.labels()},
                "spec": {"backoffLimit": 0, "completions": 1, "parallelism": 1, "template": template}},
        },
        "status": {},
    });
    Ok((*stage.add(Kind::CronJob, tree)?.tree()).clone())
}

fn history(
    stage: &mut Stage,
    name: &str,
    schedule: &str,
    owner: &Value,
    past: &Past,
) -> Result<(), ApiError> {
    let runs = Schedule::parse(schedule)
        .map(|s| s.runs(stage.now_ms - 14 * DAY_MS, stage.now_ms))
        .unwrap_or_default();
    let mut last_success = None;
    for at in &runs {
        let job = job_name(name, *at);
        let finished = at + 1_000 * backup_duration_s(name, &job);
        // One that is under way when the live past begins is finished by its controllers.
        if finished > stage.now_ms {
            running_job(stage, owner, &job, *at)?;
            continue;
        }
        let failed = name == "backup-full" && past.disk_full_since_ms.is_some_and(|since| *at >= since);
        let made = finished_job(stage, owner, &job, *at, finished, failed)?;
        if failed {
            failed_pod(stage, &made, &job, *at, finished)?;
        } else {
            last_success = Some((*at, finished));
        }
    }
    stage.store.edit(Kind::CronJob, SHOP, name, |tree| {
        if let Some(last) = runs.last() {
            set(tree, "/status", "lastScheduleTime", time(*last));
        }
        if let Some((_, finished)) = last_success {
            set(tree, "/status", "lastSuccessfulTime", time(finished));
        }
        Ok(())
    })?;
    Ok(())
}

fn finished_job(
    stage: &Stage,
    owner: &Value,
    job: &str,
    at: i64,
    end: i64,
    failed: bool,
) -> Result<Value, ApiError> {
    let mut tree = make::job(owner, job, at);
    set(&mut tree, "/metadata", "creationTimestamp", time(at));
    let cronjob = owner["metadata"]["name"].as_str().unwrap_or_default();
    tree["status"] = if failed {
        let message = "Job has reached the specified backoff limit";
        make::job_failed(at, end, 1, "BackoffLimitExceeded", message)
    } else {
        make::job_complete(at, end, 1)
    };
    if !failed {
        for (key, value) in success_annotations(cronjob, job, end, stage.now_ms) {
            set(&mut tree, "/metadata/annotations", key, value);
        }
    }
    Ok((*stage.add(Kind::Job, tree)?.tree()).clone())
}

fn running_job(stage: &Stage, owner: &Value, job: &str, at: i64) -> Result<(), ApiError> {
    let mut tree = make::job(owner, job, at);
    set(&mut tree, "/metadata", "creationTimestamp", time(at));
    tree["status"] = json!({"startTime": time(at), "active": 1});
    stage.add(Kind::Job, tree).map(|_| ())
}

fn failed_pod(stage: &mut Stage, job: &Value, name: &str, at: i64, end: i64) -> Result<(), ApiError> {
    let mut pod = make::job_pod(job, &format!("{name}-{}", stage.store.suffix(5)));
    set(&mut pod, "/metadata", "creationTimestamp", time(at));
    set(&mut pod, "/spec", "nodeName", make::node_name(stage.serial));
    set(&mut pod, "/metadata", "uid", super::uuid(name));
    let mut run = PodRun::of(&pod, at);
    run.host_ip = make::node_ip(stage.serial);
    run.state = State::Done;
    run.ready_since_ms = end;
    let message = NO_SPACE.to_owned();
    run.last =
        Some(Ended { exit_code: 1, reason: "Error", message, started_ms: at + 3_000, finished_ms: end });
    pod["status"] = run.status();
    stage.add(Kind::Pod, pod)?;
    stage.pods.push(run);
    Ok(())
}

/// Velero: a nightly Schedule of cluster objects and its Backups.
fn velero(stage: &mut Stage) -> Result<(), ApiError> {
    let cron = "0 3 * * *";
    let runs =
        Schedule::parse(cron).map(|s| s.runs(stage.now_ms - 14 * DAY_MS, stage.now_ms)).unwrap_or_default();
    let template = json!({"includedNamespaces": ["*"], "storageLocation": "default", "ttl": "720h0m0s"});
    let schedule = json!({
        "metadata": {"name": "cluster-daily", "namespace": "velero", "creationTimestamp": time(stage.now_ms - 200 * DAY_MS)},
        "spec": {"schedule": cron, "template": template},
        "status": {"phase": "Enabled", "lastBackup": runs.last().map(|t| time(*t))},
    });
    stage.add(Kind::Schedule, schedule)?;
    for at in runs {
        let mut tree = velero::backup(&template, "cluster-daily", at);
        velero::finish(&mut tree, stage.now_ms);
        stage.add(Kind::Backup, tree)?;
    }
    Ok(())
}
