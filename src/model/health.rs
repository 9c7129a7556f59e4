//! How something is doing, in the one vocabulary of marks and words that every screen uses.

use serde::{Deserialize, Serialize};

/// Ordered from what can wait to what must be seen first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// The user has not asked for it, and nothing of the kind was found.
    NotConfigured,
    Ok,
    /// Work is under way, as it should be: a rollout, a job, the first load.
    Progress,
    /// Not known: never observed, or no traffic to judge by. Never shown as healthy.
    #[default]
    Unknown,
    /// The last observation is older than it should be.
    Stale,
    /// The API refuses to tell.
    Denied,
    Warning,
    Critical,
}

impl Health {
    /// The mark that stands before every word or value.
    pub fn mark(self, ascii: bool) -> &'static str {
        match (self, ascii) {
            (Self::Ok, false) => "●",
            (Self::Ok, true) => "o",
            (Self::Warning, false) => "▲",
            (Self::Warning, true) => "^",
            (Self::Critical, false) => "✖",
            (Self::Critical, true) => "X",
            (Self::Stale, false) => "◌",
            (Self::Stale, true) => "~",
            (Self::Unknown, _) => "?",
            (Self::Denied, false) => "⊘",
            (Self::Denied, true) => "/",
            (Self::NotConfigured, false) => "–",
            (Self::NotConfigured, true) => "-",
            (Self::Progress, false) => "⟳",
            (Self::Progress, true) => "*",
        }
    }

    /// As it is shown where what it rests on is in doubt (stale, unknown, denied): what was healthy is
    /// not known to be so any more, what was broken stays broken.
    pub fn in_doubt(self, doubt: Option<Self>) -> Self {
        match (self, doubt) {
            (Self::Ok | Self::Progress, Some(doubt)) => doubt,
            _ => self,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
            Self::Denied => "denied",
            Self::NotConfigured => "not configured",
            Self::Progress => "under way",
        }
    }
}
