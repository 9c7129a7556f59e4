//! The shell lines of a runbook: taken apart, their risk told, their parameters filled in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::command::Risk;

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
pub fn fill(_c: &Command, _v: &BTreeMap<String, String>) -> Result<Invocation, String> {
    Err(String::new())
}
