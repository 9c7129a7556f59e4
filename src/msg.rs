//! Everything that can happen, as plain data: the state is a fold of these.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::input::Chord;
use crate::model::action::Difference;
use crate::model::action::{ActionId, Confirmed, Planned, Progress, Recovered, Subject};
use crate::model::ask::{Answer, Ask};
use crate::model::command::OutputLine;
use crate::model::log::LogEvent;
use crate::model::pod::PodDetail;
use crate::model::scope::{ContextName, Scope};
use crate::model::{Batch, Clean, Failure, Key};
use crate::review::{Asked, SignOff};
use crate::runbook::document::StepId;
use crate::runbook::walk::Event;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Msg {
    Key(Chord),
    Paste(String),
    Resize {
        columns: u16,
        rows: u16,
    },
    /// Time has passed.
    Tick(Timestamp),
    /// The machine's clock was set by so much.
    Stepped(SignedDuration),
    Batch(Batch),
    Connected {
        epoch: u32,
        scope: Scope,
    },
    ConnectFailed {
        epoch: u32,
        failure: Failure,
    },
    Detail {
        epoch: u32,
        key: Key,
        detail: Box<Result<PodDetail, Failure>>,
    },
    Log {
        id: u64,
        event: LogEvent,
    },
    Contexts(Result<Vec<ContextName>, Failure>),
    Namespaces {
        epoch: u32,
        names: Result<Vec<Clean>, Failure>,
    },
    /// What came back for a check.
    Answered {
        epoch: u32,
        ask: Ask,
        answer: Box<Result<Answer, Failure>>,
    },
    /// What was found in the cluster for an action.
    Subjects {
        epoch: u32,
        action: ActionId,
        found: Result<Vec<Subject>, Failure>,
    },
    /// What came of asking for a plan.
    Planned {
        dialog: u64,
        planned: Box<Result<Planned, Failure>>,
    },
    /// A frame with this dialog has been written.
    Drawn {
        dialog: u64,
    },
    /// The dialog has been on the screen for long enough to be read.
    Armed {
        dialog: u64,
    },
    /// What came of a confirmation.
    Confirmed {
        dialog: u64,
        answer: Box<Confirmed>,
    },
    /// What another process has left behind is looked up.
    Recovered(Box<Recovered>),
    Operation {
        id: String,
        progress: Progress,
    },
    /// What the command of an operation has written.
    Output {
        id: String,
        lines: Vec<OutputLine>,
        /// All that is kept of it, in place of what came before.
        is_all: bool,
    },
    /// So many of a review's questions are answered.
    Reviewing {
        id: u64,
        done: usize,
        of: usize,
    },
    Reviewed {
        id: u64,
        asked: Box<Asked>,
    },
    /// What was kept, and in which file; or why it could not be.
    SignedOff {
        id: u64,
        kept: Box<Result<(SignOff, String), Clean>>,
    },
    /// The files that were written.
    Reported(Result<Vec<String>, Clean>),
    /// Of the runbook that is being walked.
    Walk(Box<WalkMsg>),
    /// Continued after a suspension.
    Resumed,
    /// SIGTERM, SIGHUP, or the terminal is gone.
    Terminate,
}

/// What comes of a walk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WalkMsg {
    Opened(Result<WalkOpened, Failure>),
    /// On disk since the last ones; `read`: how long the file is now, in bytes.
    Events {
        walk: String,
        events: Vec<Event>,
        read: u64,
    },
    /// Nothing was confirmed: that it begins could not be written, or somebody else was quicker.
    NotBegun {
        dialog: u64,
        failure: Failure,
    },
    /// Something that was to be written down is not on disk.
    NotWritten {
        walk: String,
        failure: Failure,
    },
    /// What the command of a step writes.
    Output {
        walk: String,
        step: StepId,
        lines: Vec<OutputLine>,
        is_all: bool,
    },
    /// Where its report stands.
    Reported {
        walk: String,
        files: Result<Vec<String>, Failure>,
    },
}

/// A walk, begun or gone on with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WalkOpened {
    pub id: String,
    /// As the library names the document.
    pub name: String,
    /// The document's text.
    pub source: String,
    pub events: Vec<Event>,
    pub read: u64,
    /// What has changed in the document since it was walked.
    pub changed: Vec<Difference>,
    pub is_new: bool,
}
