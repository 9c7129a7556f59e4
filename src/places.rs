//! Where everything is kept: the audit log, walks, sign-offs; and what another midwatch left in them.
//! Part of the program, not of the library.

use std::path::PathBuf;

use midwatch::config::Config;
use midwatch::journal::{self, Journal};
use midwatch::review::store as review_store;
use midwatch::runbook::walk;
use midwatch::runtime::Kept;

use crate::stage::Stage;

/// The audit log, or why nothing can be recorded and so nothing be done. What is practised on a
/// simulated cluster is not in it.
pub fn journal(stage: Option<&Stage>, config: &Config) -> Result<Journal, String> {
    let directory = match stage {
        Some(stage) => stage.directory.path().join("audit"),
        None => audit_directory(config).ok_or("there is no home directory for the audit log")?,
    };
    Journal::open(directory).map_err(|e| e.to_string())
}

/// Where everything is kept. What is practised on a simulated cluster is no baseline of a real one.
pub fn kept(stage: Option<&Stage>, config: &Config) -> Kept {
    let reviews = match stage {
        Some(stage) => Some(stage.directory.path().join("reviews")),
        None => review_store::default_directory(),
    };
    let (journal, walks) = (journal(stage, config), walks_directory(stage));
    Kept { journal, walks, reviews, reports: PathBuf::from("."), session: None, lost: None }
}

/// Where walks are kept: what is practised on a simulated cluster goes with it.
pub fn walks_directory(stage: Option<&Stage>) -> Option<PathBuf> {
    match stage {
        Some(stage) => Some(stage.directory.path().join("walks")),
        None => walk::store::default_directory(),
    }
}

/// Where the configuration has the audit log, else in the user's state directory, where there is a home.
pub fn audit_directory(config: &Config) -> Option<PathBuf> {
    config.audit.clone().or_else(journal::default_directory)
}

/// What was under way when a midwatch ended before it had seen the outcome.
pub fn left_behind(journal: &Result<Journal, String>) -> Vec<String> {
    let Ok(journal) = journal else { return Vec::new() };
    let left = journal::show::left_behind(journal.directory()).unwrap_or_default();
    left.iter()
        .map(|r| {
            let t = &r.entry.target;
            let known = match r.entry.phase {
                journal::Phase::Acted if t.kind == "command" => "it had been started",
                journal::Phase::Acted => "the API server had taken it",
                _ => "whether it was done is not known",
            };
            format!(
                "{} {}/{} in {} was under way at {} when midwatch ended, and {known}: it is looked up in {}",
                r.entry.action,
                t.kind,
                t.name,
                t.namespace,
                r.at.strftime("%Y-%m-%d %H:%M:%SZ"),
                t.context
            )
        })
        .collect()
}
