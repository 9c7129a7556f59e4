//! Writing: each record takes up the hash of the one before it, under a lock that all
//! processes share, and is on disk before the call returns.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::record::{GENESIS, sha256};
use super::{Entry, JournalError, Phase, Record, Who, file, process};

/// Of the format of a record.
const VERSION: u32 = 1;

/// The log in a directory.
#[derive(Clone, Debug)]
pub struct Journal {
    directory: PathBuf,
}

/// The end of the chain.
pub struct Head {
    pub seq: u64,
    pub hash: String,
}

impl Journal {
    /// Opens the log and makes sure that it can be written.
    ///
    /// # Errors
    /// When the directory can't be made or the lock can't be had.
    pub fn open(directory: PathBuf) -> Result<Self, JournalError> {
        file::make_directory(&directory)?;
        let journal = Self { directory };
        drop(journal.lock()?);
        Ok(journal)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes a record and waits until the disk has it.
    ///
    /// # Errors
    /// When it is not certain that the disk has it.
    pub fn append(&self, at: Timestamp, who: &Who, entry: Entry) -> Result<Record, JournalError> {
        let _lock = self.lock()?;
        self.append_locked(at, who, entry)
    }

    pub(super) fn append_locked(
        &self,
        at: Timestamp,
        who: &Who,
        entry: Entry,
    ) -> Result<Record, JournalError> {
        let head = self.head(at, who)?;
        // The clock may have been set back over the end of a month: the newest file goes on.
        let newest = file::all(&self.directory)?.pop();
        let path = newest.into_iter().chain([self.directory.join(file::name(at))]).max();
        let path = path.unwrap_or_else(|| self.directory.join(file::name(at)));
        self.write(&path, at, who, entry, &head)
    }

    fn write(
        &self,
        path: &Path,
        at: Timestamp,
        who: &Who,
        entry: Entry,
        head: &Head,
    ) -> Result<Record, JournalError> {
        let fresh = !path.exists();
        let mut out = file::append(path)?;
        let (boot, up_ms) = process::uptime();
        let (seq, prev) = (head.seq + 1, head.hash.clone());
        let (version, hash, who) = (VERSION, String::new(), who.clone());
        let record = Record { version, seq, at, up_ms, boot, who, entry, prev, hash };
        let (record, mut line) = record.sealed();
        line.push('\n');
        let io = || JournalError::io("write", path);
        out.write_all(line.as_bytes()).map_err(io())?;
        out.sync_data().map_err(io())?;
        if fresh {
            let directory = File::open(&self.directory).map_err(JournalError::io("open", &self.directory))?;
            directory.sync_all().map_err(JournalError::io("write", &self.directory))?;
        }
        Ok(record)
    }

    /// Where the chain ends. A record that a crash has cut short is closed, and told.
    fn head(&self, at: Timestamp, who: &Who) -> Result<Head, JournalError> {
        let mut head = Head { seq: 0, hash: GENESIS.to_owned() };
        let mut torn = None;
        for path in file::all(&self.directory)?.into_iter().rev() {
            let (last, rest) = file::tail(&mut file::append(&path)?, &path)?;
            if torn.is_none() && !rest.is_empty() {
                torn = Some((path.clone(), rest));
            }
            if let Some(line) = last {
                head = head_of(&line, path)?;
                break;
            }
        }
        let Some((path, rest)) = torn else { return Ok(head) };
        file::append(&path)?.write_all(b"\n").map_err(JournalError::io("write", &path))?;
        let entry = Entry::of_the_log(Phase::Repaired, torn_words(&rest));
        let told = self.write(&path, at, who, entry, &head)?;
        Ok(Head { seq: told.seq, hash: told.hash })
    }

    /// The lock that every writer holds, this process's other threads too.
    pub(super) fn lock(&self) -> Result<File, JournalError> {
        let path = self.directory.join("lock");
        let file = file::append(&path)?;
        file.lock().map_err(JournalError::io("lock", &path))?;
        Ok(file)
    }
}

fn head_of(line: &str, path: PathBuf) -> Result<Head, JournalError> {
    let record: Record = serde_json::from_str(line).map_err(|e| JournalError::Damaged {
        path,
        what: format!("the last record can't be read ({e}), so none can follow it"),
    })?;
    Ok(Head { seq: record.seq, hash: record.hash })
}

/// How a record that was cut short is told: what is left of it can be checked against this.
pub fn torn_words(torn: &[u8]) -> String {
    format!("a crash cut the record before this one short: {} bytes, sha256 {}", torn.len(), sha256(torn))
}
