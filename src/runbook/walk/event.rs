//! What happens in a walk, as it is written down: one line of JSON an event, never changed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::Who;
use crate::model::Verdict;
use crate::runbook::document::{StepId, StepKind};

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub at: Timestamp,
    pub who: Who,
    #[serde(flatten)]
    pub what: What,
}

/// Which document is walked, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// As the library names the document, else its path.
    pub document: String,
    /// Where its file is; empty for one that ships with midwatch.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    pub title: String,
    /// Of the document's bytes, in hexadecimal digits.
    pub sha256: String,
    /// The section that the walk is limited to; empty for all of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub section: String,
    /// Empty without a cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub context: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Empty for all namespaces.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

/// A step as the document had it when it was walked: a report can be written without the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRef {
    pub id: StepId,
    pub kind: StepKind,
    pub section: Vec<String>,
    /// The step that it is nested in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<StepId>,
    pub text: String,
    /// How many commands it has.
    pub commands: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    Started {
        #[serde(flatten)]
        place: Place,
        steps: Vec<StepRef>,
    },
    /// Another process, or another person, goes on with it.
    Joined,
    /// The document is not what it was.
    Changed {
        sha256: String,
        steps: Vec<StepRef>,
    },
    Parameter {
        name: String,
        value: String,
    },
    OfStep {
        step: StepId,
        #[serde(flatten)]
        what: OfStep,
    },
    Finished,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum OfStep {
    /// Written before anything is started. `plan`: of the confirmation; empty for what only looks.
    Began {
        command: usize,
        session: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        plan: String,
    },
    /// The confirmation was taken: the operation of the audit log.
    Operation {
        operation: String,
    },
    /// It was refused before anything was done.
    NotBegun {
        why: String,
    },
    Ended {
        command: usize,
        #[serde(flatten)]
        evidence: Evidence,
    },
    /// Whoever began it is gone.
    Interrupted {
        why: String,
    },
    Checked {
        verdict: Verdict,
    },
    Attested {
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
    },
    Skipped {
        reason: String,
    },
    /// The step is to do again.
    Undone,
    Noted {
        text: String,
    },
}

/// What a command left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// As it was run: the argv as a shell would take it, or 'midwatch: roll back deployment/api'.
    pub ran: String,
    /// 'exit 0 after 1.2 s', or what was seen to come about.
    pub words: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    pub duration_ms: u64,
    pub host: String,
    /// Why it does not count as done: the exit code, or what was expected and not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Whether it was done can't be told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unknown: bool,
    /// Of all that was written, also of what was not kept.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    #[serde(default)]
    pub bytes: u64,
    /// Where what was kept of its output stands, from the walk's directory.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// The operation of the audit log, for what went through a confirmation.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operation: String,
}
