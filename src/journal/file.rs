//! The files of the log: their names, their rights, and reading them line by line.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::JournalError;

/// No record is near as long; what is longer was not written by us.
pub const LINE_LIMIT_BYTES: u64 = 256 * 1024;

/// `audit-2026-11.jsonl`.
pub fn name(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("audit-%Y-%m.jsonl").to_string()
}

/// Makes the directory, for the owner alone.
pub fn make_directory(directory: &Path) -> Result<(), JournalError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(JournalError::io("make", directory))
}

/// The files of the log, oldest first.
pub fn all(directory: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(JournalError::io("read", directory)(e)),
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| {
            let name = p.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            name.starts_with("audit-") && name.ends_with(".jsonl")
        })
        .collect();
    files.sort();
    Ok(files)
}

/// Opens a file of the log for appending, made for the owner alone.
pub fn append(path: &Path) -> Result<File, JournalError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .mode(0o600)
        .open(path)
        .map_err(JournalError::io("open", path))
}

/// The last line that ends, and what stands after it.
pub fn tail(file: &mut File, path: &Path) -> Result<(Option<String>, Vec<u8>), JournalError> {
    let io = || JournalError::io("read", path);
    let length = file.seek(SeekFrom::End(0)).map_err(io())?;
    // A whole record and what a crash may have left of another.
    let start = length.saturating_sub(2 * LINE_LIMIT_BYTES);
    file.seek(SeekFrom::Start(start)).map_err(io())?;
    let mut bytes = Vec::new();
    file.take(length - start).read_to_end(&mut bytes).map_err(io())?;
    let Some(end) = bytes.iter().rposition(|b| *b == b'\n') else { return Ok((None, bytes)) };
    let torn = bytes.split_off(end + 1);
    bytes.pop();
    let begin = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    Ok((Some(String::from_utf8_lossy(&bytes[begin..]).into_owned()), torn))
}

/// The lines of a file, as bytes, with their numbers; one that has no end is marked.
pub struct Lines {
    reader: BufReader<File>,
    path: PathBuf,
    number: usize,
}

pub struct Line {
    pub number: usize,
    pub bytes: Vec<u8>,
    pub ended: bool,
}

pub fn lines(path: &Path) -> Result<Lines, JournalError> {
    let file = File::open(path).map_err(JournalError::io("open", path))?;
    Ok(Lines { reader: BufReader::new(file), path: path.to_owned(), number: 0 })
}

impl Iterator for Lines {
    type Item = Result<Line, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::new();
        let read = (&mut self.reader).take(LINE_LIMIT_BYTES).read_until(b'\n', &mut bytes);
        self.number += 1;
        match read {
            Err(e) => Some(Err(JournalError::io("read", &self.path)(e))),
            Ok(0) => None,
            Ok(_) => {
                let ended = bytes.last() == Some(&b'\n');
                if ended {
                    bytes.pop();
                }
                Some(Ok(Line { number: self.number, bytes, ended }))
            }
        }
    }
}
