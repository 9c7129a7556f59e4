//! Reading the whole chain anew: what was edited, removed, inserted or put in another order,
//! and what a checkpoint knows that the log no longer says.

use std::path::Path;

use super::chain::torn_words;
use super::checkpoint::Checkpoint;
use super::record::{GENESIS, sha256};
use super::{JournalError, Phase, Record, file};

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// File and line, where it has one.
    pub place: String,
    pub what: String,
}

/// What a look at the whole log found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub records: u64,
    pub files: usize,
    pub findings: Vec<Finding>,
    /// What is unusual and explained: a crash, a pruning.
    pub notes: Vec<Finding>,
    /// The end of the chain.
    pub head: Option<(u64, String)>,
}

/// A line that is no record, until the next record explains it.
struct Torn {
    place: String,
    bytes: Vec<u8>,
}

struct Walk<'a> {
    report: Report,
    checkpoints: &'a [Checkpoint],
    /// Of the record before: sequence and hash.
    last: (u64, String),
    torn: Option<Torn>,
    /// What the first record says comes before it, if that is not nothing.
    opens_with: Option<(String, u64, String)>,
    /// What prunings say was removed: sequence and hash of the last.
    pruned: Vec<(u64, String)>,
}

/// Reads the log in `directory` and compares it with `checkpoints`, whose signatures have been
/// checked.
///
/// # Errors
/// When a file can't be read; what is wrong in them is in the report.
pub fn verify(directory: &Path, checkpoints: &[Checkpoint]) -> Result<Report, JournalError> {
    let mut walk = Walk {
        report: Report::default(),
        checkpoints,
        last: (0, GENESIS.to_owned()),
        torn: None,
        opens_with: None,
        pruned: Vec::new(),
    };
    for path in file::all(directory)? {
        walk.report.files += 1;
        walk.file(&path)?;
    }
    Ok(walk.finish())
}

impl Walk<'_> {
    fn file(&mut self, path: &Path) -> Result<(), JournalError> {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        for line in file::lines(path)? {
            let line = line?;
            let place = format!("{name}:{}", line.number);
            let text = std::str::from_utf8(&line.bytes).unwrap_or_default();
            match serde_json::from_str::<Record>(text) {
                Ok(record) if line.ended => self.record(&place, text, record),
                _ => self.not_a_record(place, line.bytes),
            }
        }
        Ok(())
    }

    fn finding(&mut self, place: &str, what: impl Into<String>) {
        self.report.findings.push(Finding { place: place.to_owned(), what: what.into() });
    }

    fn not_a_record(&mut self, place: String, bytes: Vec<u8>) {
        if let Some(before) = self.torn.replace(Torn { place, bytes }) {
            self.finding(&before.place, "is not a record");
        }
    }

    fn record(&mut self, place: &str, text: &str, record: Record) {
        self.report.records += 1;
        if let Some(torn) = self.torn.take() {
            let explained =
                record.entry.phase == Phase::Repaired && record.entry.words == torn_words(&torn.bytes);
            if explained {
                let what = format!("cut short by a crash; record {} says so", record.seq);
                self.report.notes.push(Finding { place: torn.place, what });
            } else {
                self.finding(&torn.place, "is not a record, and no record after it says why");
            }
        } else if record.entry.phase == Phase::Repaired {
            self.finding(place, "tells of a record that was cut short, and there is none before it");
        }
        let (canonical, line) = record.clone().sealed();
        if canonical.hash != record.hash {
            self.finding(place, "was changed: its hash is not the one of what it says");
        } else if line != text {
            self.finding(place, "was written anew: it says the same in another form");
        }
        if self.report.records == 1 {
            if record.seq != 1 || record.prev != GENESIS {
                self.opens_with = Some((place.to_owned(), record.seq, record.prev.clone()));
            }
        } else if record.prev != self.last.1 {
            let what = format!("does not follow the record before it: {}", gap(self.last.0, record.seq));
            self.finding(place, what);
        } else if record.seq != self.last.0 + 1 {
            self.finding(place, format!("is number {} and should be {}", record.seq, self.last.0 + 1));
        }
        if record.entry.phase == Phase::Pruned
            && let Some(removed) = super::prune::removed(&record.entry)
        {
            self.pruned.push(removed);
        }
        for checkpoint in self.checkpoints.iter().filter(|c| c.seq == record.seq) {
            if checkpoint.hash != record.hash {
                let what =
                    format!("is not what the checkpoint of {} saw: the log was rewritten", checkpoint.at);
                self.report.findings.push(Finding { place: place.to_owned(), what });
            }
        }
        self.last = (record.seq, record.hash);
    }

    fn finish(mut self) -> Report {
        if let Some(torn) = self.torn.take() {
            let what = format!(
                "is not a whole record ({} bytes, sha256 {}): a crash may have cut it short, and nothing was written since",
                torn.bytes.len(),
                sha256(&torn.bytes)
            );
            self.report.notes.push(Finding { place: torn.place, what });
        }
        if let Some((place, seq, prev)) = self.opens_with.take() {
            if self.pruned.contains(&(seq.saturating_sub(1), prev)) {
                let what = format!("is number {seq}: what came before was pruned in its due time");
                self.report.notes.push(Finding { place, what });
            } else {
                self.finding(
                    &place,
                    format!("is number {seq}, and nothing says what became of those before it"),
                );
            }
        }
        for checkpoint in self.checkpoints {
            if checkpoint.seq > self.last.0 {
                let what = format!(
                    "the log ends with record {}, and the checkpoint of {} saw record {}: the end is missing",
                    self.last.0, checkpoint.at, checkpoint.seq
                );
                self.finding("", what);
            }
        }
        if self.report.records > 0 {
            self.report.head = Some(self.last);
        }
        self.report
    }
}

fn gap(before: u64, now: u64) -> String {
    match now.checked_sub(before + 1) {
        Some(0) => "one of the two was changed".to_owned(),
        Some(n) => format!("{n} missing between {before} and {now}"),
        None => format!("{now} after {before}"),
    }
}
