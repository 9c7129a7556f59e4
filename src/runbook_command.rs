//! `midwatch runbooks`, `midwatch walk --list` and `--report`: what is known of runbooks, as text or JSON.

use std::path::PathBuf;

use color_eyre::eyre::{Result, eyre};
use jiff::Timestamp;

use crate::cli::{Walk, WalkFormat};
use crate::config::Config;
use crate::model::Clean;
use crate::runbook::{library, listing, walk};

/// What is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub text: String,
    /// For standard error.
    pub remarks: Vec<Clean>,
    /// Something could not be understood.
    pub findings: bool,
}

/// A runbook's steps as they are understood.
///
/// # Errors
/// There is no such runbook, or it can't be read.
pub fn steps(config: &Config, wanted: &Walk) -> Result<Said> {
    let document = library::find(config, wanted.doc.as_deref().unwrap_or_default())?.document;
    let text = match wanted.format {
        WalkFormat::Text => listing::text(&document),
        WalkFormat::Json => listing::json(&document)?,
    };
    Ok(Said { text, remarks: Vec::new(), findings: !document.problems.is_empty() })
}

/// All runbooks, with when each was last walked.
///
/// # Errors
/// When it can't be written as JSON.
pub fn list(config: &Config, format: WalkFormat) -> Result<Said> {
    let (entries, troubles) = library::list(config);
    let walked = walk::store::default_directory().map(|d| walk::store::last_walked(&d)).unwrap_or_default();
    let text = match format {
        WalkFormat::Text => library::table(&entries, &walked, Timestamp::now()),
        WalkFormat::Json => library::json(&entries, &walked, &troubles)?,
    };
    let remarks: Vec<Clean> = troubles.iter().map(|t| Clean::new(t)).collect();
    Ok(Said { text, findings: !remarks.is_empty(), remarks })
}

/// The report of a walk.
///
/// # Errors
/// There is no such walk, or it can't be read.
pub fn report(id: &str, format: WalkFormat) -> Result<Said> {
    let directory: PathBuf =
        walk::store::default_directory().ok_or_else(|| eyre!("there is no home directory"))?;
    let text = walk::report::of(&directory, id, format == WalkFormat::Json)?;
    Ok(Said { text, ..Said::default() })
}
