//! The audit log: who did what to which object, why, and what came of it.
//!
//! Append-only JSON lines, a file a month, each record chained to the one before it by
//! SHA-256, so that an edit, a deletion or a reordering is found by [`verify`]; a cut tail is
//! found against a [`checkpoint`], which is signed and kept elsewhere. Several processes may
//! write at once: an advisory lock is held for each record. A record that was cut short by a
//! crash is left where it is, and the next writer says so in a record of its own.
//!
//! The log knows nothing of the cluster; the gateway is the only writer.

pub mod chain;
pub mod checkpoint;
mod file;
mod process;
mod prune;
mod record;
pub mod show;
#[cfg(test)]
mod tests;
mod verify;

pub use chain::Journal;
pub use process::Who;
pub use prune::{KEPT_DAYS, prune};
pub use record::{Entry, Phase, Record, Target, sha256};
pub use verify::{Finding, Report, verify};

use std::path::{Path, PathBuf};

/// Why the log could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("could not {tried} {path}: {source}; {next}", path = path.display())]
    Io { tried: &'static str, path: PathBuf, source: std::io::Error, next: &'static str },
    #[error("{path}: {what}; `midwatch audit verify` says more", path = path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("{0}")]
    Refused(String),
}

impl JournalError {
    fn io<'a>(tried: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Self + 'a {
        let next = "check the directory's rights and the space left, or set [audit] path in midwatch.toml";
        move |source| Self::Io { tried, path: path.to_owned(), source, next }
    }
}

/// `$XDG_STATE_HOME/midwatch/audit`, where there is a home at all.
pub fn default_directory() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "midwatch")?;
    Some(dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).join("audit"))
}
