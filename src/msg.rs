//! Everything that can happen, as plain data: the state is a fold of these.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::input::Chord;
use crate::model::action::{ActionId, Confirmed, Planned, Progress, Recovered, Subject};
use crate::model::command::OutputLine;
use crate::model::log::LogEvent;
use crate::model::pod::PodDetail;
use crate::model::scope::{ContextName, Scope};
use crate::model::{Batch, Clean, Failure, Key};
use crate::review::{Asked, SignOff};

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
    /// Continued after a suspension.
    Resumed,
    /// SIGTERM, SIGHUP, or the terminal is gone.
    Terminate,
}
