//! What a check of a runbook or a line of a review comes to. 'Could not check' is never a pass.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Clean, Health};

/// Ordered from what is well to what must be seen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Pass,
    /// Not known: no answer, no data, no traffic, not configured.
    CouldNotCheck,
    Warning,
    Fail,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::CouldNotCheck => "could not check",
            Self::Warning => "warning",
            Self::Fail => "fail",
        }
    }

    /// Whose mark stands before it.
    pub fn health(self) -> Health {
        match self {
            Self::Pass => Health::Ok,
            Self::CouldNotCheck => Health::Unknown,
            Self::Warning => Health::Warning,
            Self::Fail => Health::Critical,
        }
    }
}

/// An outcome with its grounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub outcome: Outcome,
    /// What was measured, with its unit: '812 ms'; or why it could not be.
    pub measured: Clean,
    /// What it was held against: 'objective 500 ms'; empty where it could not be told.
    pub limit: Clean,
    /// When what was measured was observed.
    pub at: Option<Timestamp>,
}

impl Verdict {
    pub fn could_not(why: &str) -> Self {
        Self { outcome: Outcome::CouldNotCheck, measured: Clean::new(why), limit: Clean::default(), at: None }
    }

    pub fn is_pass(&self) -> bool {
        self.outcome == Outcome::Pass
    }
}
