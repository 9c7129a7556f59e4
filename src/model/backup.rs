//! Backups: what the sources tell of them. What it means (age against RPO) is derived.

mod derive;
mod judge;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Clean;
pub use derive::{Sources, derive};
pub use judge::health;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CronJob {
    pub namespace: Clean,
    pub name: Clean,
    pub uid: Clean,
    pub schedule: Clean,
    pub time_zone: Option<Clean>,
    pub suspended: bool,
    pub active: u32,
    pub last_schedule: Option<Timestamp>,
    /// Also set by runs that were started by hand.
    pub last_success: Option<Timestamp>,
    pub created: Timestamp,
    /// Labelled or named as a backup, or listed in the configuration.
    pub is_backup: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRun {
    pub namespace: Clean,
    pub name: Clean,
    /// The CronJob that made it.
    pub cronjob: Option<Clean>,
    pub run: Run,
    pub is_backup: bool,
}

/// One run of a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub start: Timestamp,
    pub end: Option<Timestamp>,
    pub outcome: RunOutcome,
    /// Why it failed, in the words of whoever knows.
    pub reason: Option<Clean>,
    pub size_bytes: Option<u64>,
    /// When a restore or a check proved it; nothing else counts as verified.
    pub verified_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    Succeeded,
    /// Velero's PartiallyFailed: not a success.
    Partial,
    Failed,
    Running,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VeleroBackup {
    pub namespace: Clean,
    pub name: Clean,
    pub schedule: Option<Clean>,
    /// As Velero has it; what it means is in `run.outcome`.
    pub phase: Clean,
    pub run: Run,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VeleroSchedule {
    pub namespace: Clean,
    pub name: Clean,
    #[serde(default)]
    pub uid: Clean,
    pub schedule: Clean,
    pub paused: bool,
}

/// What a script says of its backups, in the documented JSON format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackupRecord {
    pub name: Clean,
    pub runs: Vec<Run>,
}

/// What the configuration promises of a backup.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BackupExpectation {
    /// The CronJob's, Velero schedule's or record's name; `namespace/name` where it must be told apart.
    pub name: String,
    pub every: Option<SignedDuration>,
    pub rpo: Option<SignedDuration>,
    /// Recovery time objective: how long a restore may take.
    pub rto: Option<SignedDuration>,
    pub retention: Option<SignedDuration>,
    /// How old the last verification may be.
    pub verified_within: Option<SignedDuration>,
}

/// A backup as the panel shows it, whichever source it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backup {
    pub name: Clean,
    pub namespace: Clean,
    pub origin: BackupOrigin,
    pub schedule: Option<Clean>,
    pub suspended: bool,
    /// Newest first, at most 14.
    pub runs: Vec<Run>,
    pub last_success: Option<Run>,
    pub next: Option<Timestamp>,
    /// Recovery point objective: the age that the last success may have.
    pub rpo: Option<SignedDuration>,
    /// Where the RPO comes from: 'configured', or 'schedule + 2 h'.
    pub rpo_source: Clean,
    /// Runs that should have begun and did not.
    pub missed: u32,
    /// The newest proof that one of the runs can be restored.
    pub verified_at: Option<Timestamp>,
    /// What the configuration promises of it.
    pub expected: Option<BackupExpectation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupOrigin {
    CronJob,
    Velero,
    Record,
    /// Only the configuration knows of it: there is no such backup.
    Expected,
}

impl Backup {
    /// Age against the RPO: now − *start* of the last success.
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.last_success.as_ref().map(|run| now.duration_since(run.start))
    }
}
