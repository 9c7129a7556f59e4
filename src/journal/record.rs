//! One record of the audit log, and the text that its hash is taken over.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Who;

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Shown in a dialog.
    Planned,
    /// Not allowed: read-only, a guardrail, a missing permission, a failed dry run.
    Refused,
    /// The dialog was left, or its time was over.
    Cancelled,
    /// The intent, on disk before the act.
    Confirmed,
    /// The server's answer.
    Acted,
    /// The answer was lost: it may have happened or not.
    Unknown,
    /// What was seen of it.
    Outcome,
    /// Of the log itself: a record that a crash had cut short stands before this one.
    Repaired,
    /// Of the log itself: older records were removed in their due time.
    Pruned,
}

impl Phase {
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Confirmed => "confirmed",
            Self::Acted => "acted",
            Self::Unknown => "unknown",
            Self::Outcome => "outcome",
            Self::Repaired => "repaired",
            Self::Pruned => "pruned",
        }
    }
}

/// The object that was meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub cluster: String,
    pub context: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    pub kind: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

/// What the writer says; the log adds time, sequence and hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub phase: Phase,
    /// `scale`, `roll-back`.
    pub action: String,
    pub target: Target,
    /// Ties the records of one operation together.
    pub operation: String,
    /// SHA-256 of the plan that was shown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plan: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub before: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub after: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub approver: String,
    /// What happened, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub words: String,
    /// With the intent: what is sent, as far as it takes to look for it after a crash.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub task: serde_json::Value,
}

impl Entry {
    /// A record of the log about itself.
    pub(super) fn of_the_log(phase: Phase, words: String) -> Self {
        Self {
            phase,
            action: "audit".to_owned(),
            target: Target { kind: "audit-log".to_owned(), ..Target::default() },
            operation: String::new(),
            plan: String::new(),
            before: BTreeMap::new(),
            after: BTreeMap::new(),
            reason: String::new(),
            approver: String::new(),
            words,
            task: serde_json::Value::Null,
        }
    }
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Of the format.
    pub version: u32,
    /// Counts from 1 without a gap, over all files.
    pub seq: u64,
    /// UTC, by the wall clock.
    pub at: Timestamp,
    /// Milliseconds since the machine started, which no step of the clock moves.
    pub up_ms: u64,
    /// Which start of the machine `up_ms` counts from.
    pub boot: String,
    pub who: Who,
    pub entry: Entry,
    /// The hash of the record before; zeros for the first.
    pub prev: String,
    /// SHA-256 of this record's canonical text: compact JSON in this order, without this field.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

/// Of the record before the first.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl Record {
    /// The text that the hash is taken over.
    fn canonical(&self) -> String {
        let bare = Self { hash: String::new(), ..self.clone() };
        // Nothing in a record can fail to be JSON: no map has keys that are not text.
        serde_json::to_string(&bare).unwrap_or_default()
    }

    pub fn digest(&self) -> String {
        hex(digest(&SHA256, self.canonical().as_bytes()).as_ref())
    }

    /// The record with its hash, as a line without its end.
    pub fn sealed(mut self) -> (Self, String) {
        self.hash = self.digest();
        let line = serde_json::to_string(&self).unwrap_or_default();
        (self, line)
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}
