//! Jobs: the runs of CronJobs, and what became of them.

use jiff::Timestamp;
use serde::Deserialize;

use super::backup::is_backup;
use super::kind::{Convert, Kind, NAME_CHARS, Reach, Resource, bounded, message, wire};
use super::meta::{ConditionWire, Meta, condition, key, or_default};
use crate::model::backup::{JobRun, Run, RunOutcome};
use crate::model::{Clean, FeedId, Observation};

pub struct Jobs;

impl Kind for Jobs {
    type Wire = JobWire;
    const FEED: FeedId = FeedId::Jobs;
    const RESOURCE: Resource =
        Resource { group: "batch", version: "v1", plural: "jobs", reach: Reach::Scope };
    const MESSAGE: &'static str = "api.batch.v1.Job";

    fn convert(wire: JobWire, with: &mut Convert) -> Option<Observation> {
        let meta = &wire.metadata;
        let cronjob =
            meta.controller().filter(|owner| owner.kind == "CronJob").map(|owner| owner.name.as_str());
        let names = cronjob.into_iter().chain([meta.name.as_str()]).collect::<Vec<_>>();
        Some(Observation::Job(Box::new(JobRun {
            namespace: with.intern.get(&meta.namespace),
            name: bounded(&meta.name, NAME_CHARS),
            cronjob: cronjob.map(|name| with.intern.get(name)),
            run: run(&wire),
            is_backup: is_backup(meta, &names, &with.backups),
        })))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct JobWire {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

wire!(JobWire);

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct Spec {
    #[serde(deserialize_with = "or_default")]
    suspend: bool,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    start_time: Option<Timestamp>,
    completion_time: Option<Timestamp>,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionWire>,
}

fn run(wire: &JobWire) -> Run {
    let JobWire { metadata, spec, status } = wire;
    let is = |kind: &str| condition(&status.conditions, kind).filter(|condition| condition.is_true());
    let (outcome, end, reason) = match (is("Complete"), is("Failed")) {
        (Some(done), _) => {
            (RunOutcome::Succeeded, status.completion_time.or(done.last_transition_time), None)
        }
        (None, Some(failed)) => (RunOutcome::Failed, failed.last_transition_time, why(failed)),
        // It waits for someone to go on: neither running nor ended.
        (None, None) if spec.suspend => (RunOutcome::Unknown, None, Some(Clean::new("suspended"))),
        (None, None) => (RunOutcome::Running, None, None),
    };
    let annotations = &metadata.annotations;
    Run {
        start: status.start_time.unwrap_or_else(|| metadata.created()),
        end,
        outcome,
        reason,
        size_bytes: annotations.get(key::BACKUP_SIZE).and_then(|text| text.trim().parse().ok()),
        verified_at: annotations.get(key::BACKUP_VERIFIED).and_then(|text| text.trim().parse().ok()),
    }
}

fn why(failed: &ConditionWire) -> Option<Clean> {
    failed.words().and_then(message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    fn convert(value: serde_json::Value) -> JobRun {
        let with = &mut Convert::new(&Config::default());
        match Jobs::convert(serde_json::from_value(value).unwrap(), with) {
            Some(Observation::Job(job)) => *job,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_finished_backup_has_size_and_verification() {
        let job = convert(json!({
            "metadata": {"name": "backup-full-29001", "namespace": "shop",
                "annotations": {"midwatch.io/backup-size-bytes": "1234567", "midwatch.io/backup-verified-at": "2026-11-20T04:00:00Z"},
                "ownerReferences": [{"kind": "CronJob", "name": "backup-full", "controller": true}]},
            "status": {"startTime": "2026-11-20T02:00:00Z", "completionTime": "2026-11-20T02:12:00Z", "succeeded": 1,
                "conditions": [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]}
        }));
        assert_eq!(job.cronjob.as_deref(), Some("backup-full"));
        assert!(job.is_backup);
        assert_eq!(job.run.outcome, RunOutcome::Succeeded);
        assert_eq!(job.run.end, Some("2026-11-20T02:12:00Z".parse().unwrap()));
        assert_eq!(job.run.size_bytes, Some(1_234_567));
        assert_eq!(job.run.verified_at, Some("2026-11-20T04:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_failure_has_its_reason_and_its_end() {
        let job = convert(json!({
            "metadata": {"name": "report", "creationTimestamp": "2026-11-20T02:00:00Z",
                "annotations": {"midwatch.io/backup-size-bytes": "-3", "midwatch.io/backup-verified-at": "yesterday"}},
            "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
                "message": "Job has reached the specified backoff limit", "lastTransitionTime": "2026-11-20T02:05:00Z"}]}
        }));
        assert_eq!((job.run.outcome, job.is_backup), (RunOutcome::Failed, false));
        assert_eq!(job.run.reason.as_deref(), Some("Job has reached the specified backoff limit"));
        assert_eq!(job.run.end, Some("2026-11-20T02:05:00Z".parse().unwrap()));
        assert_eq!((job.run.size_bytes, job.run.verified_at), (None, None));
    }

    #[test]
    fn running_and_suspended_are_told_apart() {
        assert_eq!(
            convert(json!({"metadata": {"name": "a"}, "status": {"active": 1}})).run.outcome,
            RunOutcome::Running
        );
        let suspended = convert(json!({"metadata": {"name": "a"}, "spec": {"suspend": true}}));
        assert_eq!(suspended.run.outcome, RunOutcome::Unknown);
    }
}
