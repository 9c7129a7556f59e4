//! The shell lines of a runbook: taken apart, their risk told, their parameters filled in.

mod fill;
mod kubectl;
mod lex;
mod native;
mod parameters;
mod programs;
mod risk;
mod split;
mod sql;
mod token;
mod tools;
mod transfer;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Clean;
use crate::model::command::Risk;

pub use fill::fill;
pub use risk::{is_command, settle_risk};
pub use split::{Dialect, Line, split};

/// What can be run by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// As it is written, over as many lines as it takes. Raw: clean it before it is shown.
    pub text: String,
    /// From 1.
    pub line: usize,
    /// As the fence says, else as told from the program; what is not known to look only changes something.
    pub risk: Risk,
    /// `<pod-name>` and `$VERSION`: the names, in the order in which they come.
    pub parameters: Vec<String>,
    /// What midwatch has an action of its own for.
    pub native: Option<Native>,
    /// The namespace that a native command names; placeholders as they are written.
    pub namespace: Option<String>,
    /// What the document's comments say right before it.
    pub comment: Vec<Clean>,
}

/// A command that midwatch's own action does better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Native {
    Scale { workload: String, replicas: Option<String> },
    Restart { workload: String },
    RollBack { workload: String, revision: Option<String> },
    DeletePod { pod: String },
    Flush,
}

/// A command with its parameters filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Invocation {
    /// Without a shell.
    Argv(Vec<String>),
    /// It needs one: `sh -c`, with these variables set.
    Shell { script: String, variables: BTreeMap<String, String> },
}

#[cfg(test)]
mod tests;
