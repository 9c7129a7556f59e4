//! Removing what is older than it must be kept, file by file, and saying so in the log.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Entry, Journal, JournalError, Phase, Record, Who, file};

/// Seven years, leap days included.
pub const KEPT_DAYS: i64 = 2_557;

/// Removes the files whose newest record is older than `days`.
///
/// # Errors
/// When younger records would go, or a file can't be read or removed.
pub fn prune(journal: &Journal, at: Timestamp, who: &Who, days: i64) -> Result<Vec<String>, JournalError> {
    if days < KEPT_DAYS {
        let text =
            format!("records are kept for {KEPT_DAYS} days (7 years); {days} days would remove younger ones");
        return Err(JournalError::Refused(text));
    }
    let _lock = journal.lock()?;
    let before = at - SignedDuration::from_hours(24 * days);
    let mut removed = Vec::new();
    let mut last: Option<Record> = None;
    let all = file::all(journal.directory())?;
    for path in all.iter().take(all.len().saturating_sub(1)) {
        let (line, _) = file::tail(&mut file::append(path)?, path)?;
        let Some(record) = line.and_then(|l| serde_json::from_str::<Record>(&l).ok()) else { break };
        if record.at >= before {
            break;
        }
        removed.push(path.clone());
        last = Some(record);
    }
    let Some(last) = last else { return Ok(Vec::new()) };
    let names: Vec<String> =
        removed.iter().filter_map(|p| Some(p.file_name()?.to_string_lossy().into_owned())).collect();
    let mut entry = Entry::of_the_log(Phase::Pruned, format!("older than {days} days: {}", names.join(", ")));
    entry.before =
        BTreeMap::from([("seq".to_owned(), last.seq.to_string()), ("hash".to_owned(), last.hash.clone())]);
    // Told before it is done: a crash between the two leaves files that the next pruning takes.
    journal.append_locked(at, who, entry)?;
    for path in &removed {
        std::fs::remove_file(path).map_err(JournalError::io("remove", path))?;
    }
    Ok(names)
}

/// Sequence and hash of the last record that a pruning has removed.
pub fn removed(entry: &Entry) -> Option<(u64, String)> {
    Some((entry.before.get("seq")?.parse().ok()?, entry.before.get("hash")?.clone()))
}
