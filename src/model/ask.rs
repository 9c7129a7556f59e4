//! What a check can't tell from what is known, and what came back: plain data, so that the state
//! holds the answers and the runtime does the asking.

use serde::{Deserialize, Serialize};

use super::Clean;

/// A question to the world outside. It only looks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// GET, without credentials.
    Http {
        url: String,
        /// What the body is searched for.
        contains: Option<String>,
    },
    /// An instant query to the scope's Prometheus.
    PromQl { query: String },
    /// A command that only looks, without a shell.
    Command {
        argv: Vec<String>,
        /// What its standard output is searched for.
        stdout: Option<String>,
    },
}

/// What came back. Bodies and outputs are searched where they arrive, and not kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Http {
        status: u16,
        took_ms: u64,
        /// Whether the body has what was asked for.
        found: Option<bool>,
    },
    Values {
        values: Vec<Sample>,
        /// Prometheus' words on partial data.
        warning: Option<Clean>,
    },
    Ran {
        /// None: it did not end by itself.
        exit: Option<i32>,
        found: Option<bool>,
        /// The last line that it has written, or how it ended.
        said: Clean,
    },
}

/// One value of an instant query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// 'pod="api-1", route="/pay"'.
    pub labels: Clean,
    /// As text: JSON has no NaN, and no infinity.
    pub value: Clean,
}

impl Sample {
    /// NaN where it can't be read.
    pub fn number(&self) -> f64 {
        self.value.parse().unwrap_or(f64::NAN)
    }
}
