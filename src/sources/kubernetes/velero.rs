//! Velero's Backups and Schedules, where the cluster has them. They live in one namespace for the
//! whole cluster, so the scope's namespace does not narrow them.

use jiff::Timestamp;
use serde::Deserialize;

use super::kind::{Convert, Kind, NAME_CHARS, Reach, Resource, bounded, message, wire};
use super::meta::{Meta, key, or_default};
use crate::model::backup::{Run, RunOutcome, VeleroBackup, VeleroSchedule};
use crate::model::{Clean, FeedId, Observation};

const REACH: Reach = Reach::All { or: "velero" };

pub struct VeleroBackups;

impl Kind for VeleroBackups {
    type Wire = BackupWire;
    const FEED: FeedId = FeedId::VeleroBackups;
    const RESOURCE: Resource =
        Resource { group: "velero.io", version: "v1", plural: "backups", reach: REACH };

    fn convert(wire: BackupWire, with: &mut Convert) -> Option<Observation> {
        let meta = &wire.metadata;
        Some(Observation::VeleroBackup(Box::new(VeleroBackup {
            namespace: with.intern.get(&meta.namespace),
            name: bounded(&meta.name, NAME_CHARS),
            schedule: meta.labels.get(key::VELERO_SCHEDULE).map(|name| with.intern.get(name)),
            phase: with.intern.get(&wire.status.phase),
            run: run(&wire),
        })))
    }
}

pub struct VeleroSchedules;

impl Kind for VeleroSchedules {
    type Wire = ScheduleWire;
    const FEED: FeedId = FeedId::VeleroSchedules;
    const RESOURCE: Resource =
        Resource { group: "velero.io", version: "v1", plural: "schedules", reach: REACH };

    fn convert(wire: ScheduleWire, with: &mut Convert) -> Option<Observation> {
        Some(Observation::VeleroSchedule(Box::new(VeleroSchedule {
            namespace: with.intern.get(&wire.metadata.namespace),
            name: with.intern.get(&wire.metadata.name),
            uid: bounded(&wire.metadata.uid, NAME_CHARS),
            schedule: bounded(&wire.spec.schedule, NAME_CHARS),
            paused: wire.spec.paused,
        })))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct BackupWire {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    #[serde(deserialize_with = "or_default")]
    phase: String,
    start_timestamp: Option<Timestamp>,
    completion_timestamp: Option<Timestamp>,
    #[serde(deserialize_with = "or_default")]
    failure_reason: String,
    #[serde(deserialize_with = "or_default")]
    validation_errors: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    errors: u32,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct ScheduleWire {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: ScheduleSpec,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct ScheduleSpec {
    schedule: String,
    #[serde(deserialize_with = "or_default")]
    paused: bool,
}

wire!(BackupWire, ScheduleWire);

fn run(wire: &BackupWire) -> Run {
    let status = &wire.status;
    let outcome = outcome(&status.phase);
    let ended = !matches!(outcome, RunOutcome::Running | RunOutcome::Unknown);
    Run {
        start: status.start_timestamp.unwrap_or_else(|| wire.metadata.created()),
        end: status.completion_timestamp.filter(|_| ended),
        outcome,
        reason: reason(status),
        size_bytes: None,
        verified_at: None,
    }
}

/// The phases of velero/pkg/apis/velero/v1/backup_types.go. What is not known is not a success.
fn outcome(phase: &str) -> RunOutcome {
    match phase {
        "Completed" => RunOutcome::Succeeded,
        "PartiallyFailed" => RunOutcome::Partial,
        "Failed" | "FailedValidation" => RunOutcome::Failed,
        ""
        | "New"
        | "Queued"
        | "ReadyToStart"
        | "InProgress"
        | "WaitingForPluginOperations"
        | "WaitingForPluginOperationsPartiallyFailed"
        | "Finalizing"
        | "FinalizingPartiallyFailed" => RunOutcome::Running,
        _ => RunOutcome::Unknown,
    }
}

fn reason(status: &Status) -> Option<Clean> {
    if !status.failure_reason.is_empty() {
        return message(&status.failure_reason);
    }
    match (status.validation_errors.first(), status.errors) {
        (Some(first), _) => message(first),
        (None, 0) => None,
        (None, 1) => message("1 error: see velero backup logs"),
        (None, errors) => message(&format!("{errors} errors: see velero backup logs")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_partial_failure_is_no_success() {
        let wire = serde_json::from_value(json!({
            "metadata": {"name": "daily-20261121", "namespace": "velero", "labels": {"velero.io/schedule-name": "daily"}},
            "status": {"phase": "PartiallyFailed", "errors": 2, "startTimestamp": "2026-11-21T01:00:00Z",
                "completionTimestamp": "2026-11-21T01:20:00Z"}
        }));
        let with = &mut Convert::new(&Config::default());
        let Some(Observation::VeleroBackup(got)) = VeleroBackups::convert(wire.unwrap(), with) else {
            panic!("none")
        };
        assert_eq!((got.schedule.as_deref(), got.run.outcome), (Some("daily"), RunOutcome::Partial));
        assert_eq!(got.run.reason.as_deref(), Some("2 errors: see velero backup logs"));
    }

    #[test]
    fn phases_mean_what_velero_means() {
        for (phase, want) in [
            ("Completed", RunOutcome::Succeeded),
            ("FailedValidation", RunOutcome::Failed),
            ("FinalizingPartiallyFailed", RunOutcome::Running),
            ("Deleting", RunOutcome::Unknown),
        ] {
            assert_eq!(outcome(phase), want, "{phase}");
        }
    }
}
