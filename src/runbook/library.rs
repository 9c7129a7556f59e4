//! Where runbooks are, and which is meant by a name or an alert.
//!
//! In this order, so that a team's own goes before what ships: the files and folders of the
//! configuration's `runbooks`, `$XDG_CONFIG_HOME/midwatch/runbooks`, and those that ship with midwatch. A
//! document's name is its file's stem; of two with one name, the earlier is used.

mod shipped;
mod table;

use std::collections::HashSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::document::{Document, Problem};
use super::parse::{self, MAX_BYTES};
use crate::config::Config;
use crate::model::Clean;
use crate::model::nearest::nearest;
pub use table::{json, table};

/// More files than any team has runbooks; a folder of more was named by mistake.
const MAX_FILES: usize = 1_000;

/// Where a runbook comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Named in the configuration.
    Config,
    /// In the user's own folder.
    User,
    /// Part of midwatch.
    Shipped,
}

impl Origin {
    pub fn word(self) -> &'static str {
        match self {
            Self::Config => "configuration",
            Self::User => "yours",
            Self::Shipped => "shipped",
        }
    }
}

/// A runbook that can be walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file's stem.
    pub name: String,
    pub title: Clean,
    pub origin: Origin,
    /// None for what ships: it is in the program.
    pub path: Option<PathBuf>,
    /// The alerts that it says it is for.
    pub alerts: Vec<Clean>,
    pub steps: usize,
}

/// A runbook with its text.
#[derive(Clone, Debug)]
pub struct Found {
    pub entry: Entry,
    pub bytes: Vec<u8>,
    pub document: Document,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error("read the runbook {path}: {source}; check the path and who may read it", path = path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("read the runbook {place}:{line}:{column}: {what}; {next}", line = problem.line, column = problem.column, what = problem.what, next = problem.next)]
    Invalid { place: String, problem: Problem },
    #[error("there is no runbook '{name}'{nearest}; midwatch runbooks lists them, and a path is taken, too")]
    Unknown { name: String, nearest: String },
}

/// Reads a file that may be anything.
///
/// # Errors
/// It can't be read, is no file, or is no text; or is longer than a runbook, told without reading it.
pub fn read(path: &Path) -> Result<(Document, Vec<u8>), LibraryError> {
    let bytes = read_bytes(path)?;
    let document = understood(&bytes, path)?;
    Ok((document, bytes))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, LibraryError> {
    let unreadable = |source| LibraryError::Unreadable { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        // A pipe would be waited for.
        return Err(unreadable(std::io::Error::other("it is not a file")));
    }
    let too_large =
        |size| LibraryError::Invalid { place: path.display().to_string(), problem: parse::too_large(size) };
    if metadata.len() > MAX_BYTES as u64 {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // It may have grown since.
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MAX_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

fn understood(bytes: &[u8], path: &Path) -> Result<Document, LibraryError> {
    let invalid = |problem| LibraryError::Invalid { place: path.display().to_string(), problem };
    parse::parse(bytes, &stem(path)).map_err(invalid)
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// All runbooks, and what of the places where they are could not be read.
pub fn list(config: &Config) -> (Vec<Entry>, Vec<String>) {
    let mut troubles = Vec::new();
    let mut entries = Vec::new();
    let mut names = HashSet::new();
    let own = user_directory().filter(|directory| directory.is_dir());
    let places = config.runbooks.iter().map(|place| (place.clone(), Origin::Config));
    for (place, origin) in places.chain(own.map(|place| (place, Origin::User))) {
        match files(&place) {
            Ok(files) => {
                for path in files {
                    match read(&path) {
                        Ok((document, _)) if names.insert(stem(&path)) => {
                            entries.push(entry(&document, stem(&path), origin, Some(path)));
                        }
                        Ok(_) => {}
                        Err(error) => troubles.push(error.to_string()),
                    }
                }
            }
            Err(error) => troubles.push(error.to_string()),
        }
    }
    for (name, text) in shipped::ALL {
        match parse::parse(text.as_bytes(), name) {
            Ok(document) if names.insert((*name).to_owned()) => {
                entries.push(entry(&document, (*name).to_owned(), Origin::Shipped, None));
            }
            Ok(_) => {}
            Err(problem) => troubles.push(format!("{name}: {}", problem.what)),
        }
    }
    (entries, troubles)
}

fn entry(document: &Document, name: String, origin: Origin, path: Option<PathBuf>) -> Entry {
    let (title, alerts) = (document.title.clone(), document.alerts.clone());
    Entry { name, title, origin, path, alerts, steps: document.steps.len() }
}

fn user_directory() -> Option<PathBuf> {
    Config::default_path()?.parent().map(|directory| directory.join("runbooks"))
}

/// The file, or the folder's Markdown files by name. Folders in it are not looked into.
fn files(place: &Path) -> Result<Vec<PathBuf>, LibraryError> {
    let unreadable = |source| LibraryError::Unreadable { path: place.to_owned(), source };
    if !std::fs::metadata(place).map_err(unreadable)?.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(place).map_err(unreadable)?.take(MAX_FILES) {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("md")) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The runbook of a name, or at a path: what has a '/' or ends with '.md' is one.
///
/// # Errors
/// There is none, or it can't be read.
pub fn find(config: &Config, name: &str) -> Result<Found, LibraryError> {
    let is_path = name.contains('/') || name.to_ascii_lowercase().ends_with(".md");
    if is_path || Path::new(name).is_file() {
        let path = Path::new(name);
        return found_at(path, stem(path), origin_of(config, path));
    }
    let (entries, _) = list(config);
    let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
        let nearest = nearest(name, entries.iter().map(|entry| entry.name.as_str()));
        return Err(LibraryError::Unknown { name: Clean::new(name).to_string(), nearest });
    };
    open(entry)
}

/// The text of a runbook that was listed.
///
/// # Errors
/// It can't be read any more.
pub fn open(entry: &Entry) -> Result<Found, LibraryError> {
    match &entry.path {
        Some(path) => found_at(path, entry.name.clone(), entry.origin),
        None => {
            let text = shipped::ALL.iter().find(|(name, _)| *name == entry.name).map_or("", |(_, text)| text);
            let document = understood(text.as_bytes(), Path::new(&entry.name))?;
            Ok(Found { entry: entry.clone(), bytes: text.as_bytes().to_vec(), document })
        }
    }
}

fn found_at(path: &Path, name: String, origin: Origin) -> Result<Found, LibraryError> {
    let (document, bytes) = read(path)?;
    let entry = entry(&document, name, origin, Some(path.to_owned()));
    Ok(Found { entry, bytes, document })
}

/// A path that was typed belongs to who typed it, unless the configuration names it.
fn origin_of(config: &Config, path: &Path) -> Origin {
    let is_named = config.runbooks.iter().any(|place| path.starts_with(place));
    if is_named { Origin::Config } else { Origin::User }
}

/// The runbook of an alert: the one that its annotation names, by the last part of the URL's path or by its
/// anchor; else the first that lists the alert in its front matter; else the one that is called as the
/// alert is, in kebab-case.
pub fn for_alert<'a>(entries: &'a [Entry], alert: &str, annotation: Option<&str>) -> Option<&'a Entry> {
    let named = |name: &str| {
        let name = kebab(name);
        entries.iter().find(|entry| !name.is_empty() && kebab(&entry.name) == name)
    };
    let by_annotation = annotation.and_then(|url| {
        let (rest, anchor) = url.split_once('#').unwrap_or((url, ""));
        let path = rest.split('?').next().unwrap_or_default();
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        // A page with many runbooks has one of them at its anchor.
        named(anchor).or_else(|| named(last.strip_suffix(".md").unwrap_or(last)))
    });
    by_annotation
        .or_else(|| entries.iter().find(|entry| entry.alerts.iter().any(|a| a.as_str() == alert)))
        .or_else(|| named(alert))
}

/// `HighErrorRate`, `high_error_rate` and 'High error rate' → `high-error-rate`; `HTTPErrors` →
/// `http-errors`.
fn kebab(name: &str) -> String {
    let chars: Vec<char> = name.chars().take(200).collect();
    let mut out = String::new();
    for (index, c) in chars.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|i| chars.get(i));
        let starts_word = c.is_uppercase()
            && (before.is_some_and(|b| b.is_lowercase() || b.is_ascii_digit())
                || (before.is_some_and(|b| b.is_uppercase())
                    && chars.get(index + 1).is_some_and(|n| n.is_lowercase())));
        if (!c.is_alphanumeric() || starts_word) && !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        }
    }
    out.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests;
