//! A container's log: what is asked for, and what comes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Clean, Failure};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRequest {
    pub namespace: Clean,
    pub pod: Clean,
    /// None: the API server picks the only, or the default, container.
    pub container: Option<Clean>,
    /// Of the container's instance before its last restart.
    pub previous: bool,
    pub follow: bool,
    /// Seconds back from now.
    pub since_s: Option<u64>,
    /// Lines from the end.
    pub tail: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogEvent {
    Lines(Vec<LogLine>),
    /// The container has ended, or everything that was asked for is here.
    End,
    /// Trying goes on where that makes sense; what was read stays.
    Failed(Failure),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub at: Option<Timestamp>,
    pub text: Clean,
}
