//! `midwatch audit`: shows the log of what was done, checks that it is whole, and signs its end.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};

use crate::journal::checkpoint::{self, Checkpoint};
use crate::journal::show::{self, Format, Selection};
use crate::journal::{Journal, JournalError, KEPT_DAYS, Who, prune, verify};

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// What was planned, refused, confirmed and done, oldest first
    Show {
        /// Only what is younger: 90m, 12h, 7d
        #[arg(long, value_parser = age)]
        since: Option<SignedDuration>,
        /// Only this action: scale, roll-back …
        #[arg(long, value_name = "NAME")]
        action: Option<String>,
        /// Only this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Whether the log is as it was written: exit code 1 when it is not
    Verify {
        /// Checkpoints that were kept elsewhere: with them a cut end and a log written anew are found
        #[arg(long = "checkpoint", value_name = "FILE")]
        checkpoints: Vec<PathBuf>,
        /// The key that signed them, hexadecimal; without it any key is taken
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// The log's end, signed (Ed25519), to be kept where the log can't be written
    Checkpoint,
    /// Everything, as JSON
    Export,
    /// Removes the months that are older than must be kept (7 years)
    Prune {
        #[arg(long, default_value_t = KEPT_DAYS)]
        days: i64,
    },
}

/// What a command has to say, and whether it has found something.
pub struct Said {
    pub text: String,
    pub findings: bool,
}

/// Carries the command out on the log in `directory`.
///
/// # Errors
/// When the log can't be read or written, or the command is refused.
pub fn run(audit: &Audit, directory: &Path, now: Timestamp) -> Result<Said, JournalError> {
    let fine = |text: String| Ok(Said { text, findings: false });
    match audit {
        Audit::Show { since, action, user, format } => {
            let since = since.and_then(|age| now.checked_sub(age).ok());
            let selection = Selection { since, action: action.clone(), user: user.clone() };
            fine(show::render(&show::read(directory, &selection)?, *format))
        }
        Audit::Export => fine(show::render(&show::read(directory, &Selection::default())?, Format::Json)),
        Audit::Verify { checkpoints, key } => examine(directory, checkpoints, key.as_deref()),
        Audit::Checkpoint => {
            let made = checkpoint::make(directory, now, &Who::here("").host)?;
            fine(serde_json::to_string_pretty(&made).unwrap_or_default() + "\n")
        }
        Audit::Prune { days } => {
            let journal = Journal::open(directory.to_owned())?;
            let removed = prune(&journal, now, &Who::here(""), *days)?;
            fine(match removed.as_slice() {
                [] => format!("nothing is older than {days} days\n"),
                names => format!("removed {}\n", names.join(", ")),
            })
        }
    }
}

fn examine(directory: &Path, checkpoints: &[PathBuf], key: Option<&str>) -> Result<Said, JournalError> {
    let mut known = Vec::new();
    for path in checkpoints {
        let text = std::fs::read_to_string(path).map_err(|source| JournalError::Io {
            tried: "read the checkpoint",
            path: path.clone(),
            source,
            next: "name a file that `midwatch audit checkpoint` has written",
        })?;
        known.push(Checkpoint::read(&text, key)?);
    }
    let report = verify(directory, &known)?;
    let mut text = String::new();
    for (word, list) in [("✖", &report.findings), ("●", &report.notes)] {
        for finding in list {
            text += &format!("{word} {} {}\n", finding.place, finding.what);
        }
    }
    let against = match known.len() {
        0 => "no checkpoint was given: a cut end would not be seen".to_owned(),
        1 => "held against a checkpoint".to_owned(),
        n => format!("held against {n} checkpoints"),
    };
    let verdict = if report.findings.is_empty() { "whole" } else { "not whole" };
    text += &format!("{}: {} records in {} files; {against}\n", verdict, report.records, report.files);
    Ok(Said { text, findings: !report.findings.is_empty() })
}

pub fn age(text: &str) -> Result<SignedDuration, String> {
    let known = [('m', 60), ('h', 3_600), ('d', 86_400)];
    let parsed = known.iter().find_map(|(unit, seconds)| {
        let n: i64 = text.strip_suffix(*unit)?.parse().ok()?;
        n.checked_mul(*seconds).filter(|s| *s > 0)
    });
    parsed.map(SignedDuration::from_secs).ok_or_else(|| format!("'{text}' is not an age like 90m, 12h or 7d"))
}
