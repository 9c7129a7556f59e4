//! Sign-offs on disk: one JSON file each, for the owner alone, written whole or not at all, and never
//! over another. A file that is torn or not ours is told and skipped.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::signoff::{SCHEMA, Scope, SignOff};
use crate::journal::sha256;
use crate::model::Clean;

/// A sign-off has some dozens of lines; what is larger was not written by us.
const MOST_BYTES: u64 = 1 << 20;
/// Looked through for the last of a scope: years of mornings.
const MOST_FILES: usize = 5_000;
/// Second sign-offs within one second get a number.
const MOST_NUMBERED: usize = 100;

/// Why a sign-off could not be kept, or the kept ones not be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("could not {tried} {path}: {source}; check the directory's rights and the space left", path = path.display())]
    Io { tried: &'static str, path: PathBuf, source: std::io::Error },
    #[error("could not write a sign-off into {path}: there are {MOST_NUMBERED} of this second already", path = path.display())]
    Crowded { path: PathBuf },
}

fn io<'a>(tried: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> StoreError + 'a {
    move |source| StoreError::Io { tried, path: path.to_owned(), source }
}

/// `$XDG_STATE_HOME/midwatch/reviews`, where there is a home at all.
pub fn default_directory() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "midwatch")?;
    Some(dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).join("reviews"))
}

/// Writes the sign-off into a file of its own, and returns which.
///
/// # Errors
/// When the directory can't be made or written.
pub fn keep(directory: &Path, signed: &SignOff) -> Result<PathBuf, StoreError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(io("make", directory))?;
    let text = serde_json::to_string_pretty(signed).unwrap_or_default() + "\n";
    let stem = stem(signed);
    let draft = directory.join(format!(".{stem}.{}", std::process::id()));
    let written = write_draft(&draft, &text).and_then(|()| publish(directory, &stem, &draft));
    // The name that stays is a link of its own.
    drop(std::fs::remove_file(&draft));
    let path = written?;
    File::open(directory).and_then(|d| d.sync_all()).map_err(io("write", directory))?;
    Ok(path)
}

fn write_draft(draft: &Path, text: &str) -> Result<(), StoreError> {
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(draft)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(io("write", draft))
}

/// Gives the finished draft its name; a name that is taken is left alone.
fn publish(directory: &Path, stem: &str, draft: &Path) -> Result<PathBuf, StoreError> {
    for n in 1..=MOST_NUMBERED {
        let number = if n == 1 { String::new() } else { format!("-{n}") };
        let path = directory.join(format!("{stem}{number}.json"));
        match std::fs::hard_link(draft, &path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            // A file system without links: FAT, some network shares.
            Err(_) if !path.exists() => {
                return std::fs::rename(draft, &path).map(|()| path.clone()).map_err(io("write", &path));
            }
            Err(e) => return Err(io("write", &path)(e)),
        }
    }
    Err(StoreError::Crowded { path: directory.to_owned() })
}

/// '20261121T075812Z-daily-shop-3f9a0c12': sorted by time, and told apart by scope.
fn stem(signed: &SignOff) -> String {
    let scope = &signed.scope;
    let plain: String =
        scope.namespace.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    let place = if plain.is_empty() { "all" } else { &plain };
    format!("{}-{}-{place}-{}", signed.at.strftime("%Y%m%dT%H%M%SZ"), scope.kind, hash(scope))
}

fn hash(scope: &Scope) -> String {
    let key = serde_json::to_string(scope).unwrap_or_default();
    sha256(key.as_bytes()).chars().take(8).collect()
}

/// The last sign-off of a scope, and what is odd about the files.
///
/// # Errors
/// When the directory is there and can't be read.
pub fn last(directory: &Path, scope: &Scope) -> Result<(Option<SignOff>, Vec<Clean>), StoreError> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok((None, Vec::new())),
        Err(e) => return Err(io("read", directory)(e)),
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).collect();
    // Newest first: the time stands first in the name.
    paths.sort_by(|a, b| b.cmp(a));
    let (ours, theirs): (Vec<_>, Vec<_>) = paths.into_iter().partition(|p| is_named_so(p));
    let mut complaints: Vec<Clean> = Vec::new();
    let complain = |path: &Path, what: &str| {
        Clean::from(format!("{} is skipped: {what}", path.file_name().unwrap_or_default().display()))
    };
    let foreign =
        theirs.iter().filter(|p| !p.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b".")));
    complaints.extend(foreign.map(|p| complain(p, "it is no sign-off")));
    let mut found: Option<SignOff> = None;
    for path in ours.iter().take(MOST_FILES) {
        // Only names of this scope are opened: the hash stands at their end.
        if !path.file_stem().is_some_and(|s| s.to_string_lossy().contains(&hash(scope))) {
            continue;
        }
        match read(path) {
            Err(what) => complaints.push(complain(path, &what)),
            Ok(signed) if signed.scope != *scope => {}
            Ok(signed) => {
                if found.as_ref().is_none_or(|f| f.at <= signed.at) {
                    found = Some(signed);
                }
                // The rest is older, but for others of the same second.
                if found.as_ref().is_some_and(|f| !same_second(f, path)) {
                    break;
                }
            }
        }
    }
    complaints.truncate(5);
    Ok((found, complaints))
}

fn same_second(signed: &SignOff, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.starts_with(&signed.at.strftime("%Y%m%dT%H%M%SZ").to_string())
}

fn is_named_so(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    name.ends_with(".json") && name.as_bytes().get(8) == Some(&b'T') && name.as_bytes().get(15) == Some(&b'Z')
}

fn read(path: &Path) -> Result<SignOff, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|e| e.to_string())?;
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(|e| e.to_string())?;
    let signed: SignOff = serde_json::from_str(&text).map_err(|e| format!("it can't be read: {e}"))?;
    if signed.schema == SCHEMA { Ok(signed) } else { Err(format!("its schema is '{}'", signed.schema)) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::review::Kind;

    fn scope(namespace: &str) -> Scope {
        Scope { context: "eu".into(), namespace: namespace.into(), service: "".into(), kind: Kind::Daily }
    }

    fn signed(namespace: &str, at: &str, reason: &str) -> SignOff {
        SignOff {
            schema: SCHEMA.into(),
            scope: scope(namespace),
            at: at.parse().unwrap(),
            reviewed: at.parse().unwrap(),
            who: Default::default(),
            since: at.parse().unwrap(),
            lines: Vec::new(),
            notes: Default::default(),
            reason: reason.into(),
        }
    }

    const MORNING: &str = "2026-11-20T07:58:12.5Z";

    #[test]
    fn the_last_of_each_scope_is_found_and_nothing_is_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("reviews");
        assert_eq!(last(&directory, &scope("shop")).unwrap(), (None, Vec::new()));
        let first = keep(&directory, &signed("shop", "2026-11-19T07:00:00Z", "old")).unwrap();
        let second = keep(&directory, &signed("shop", MORNING, "one")).unwrap();
        let third = keep(&directory, &signed("shop", "2026-11-20T07:58:12.9Z", "two")).unwrap();
        keep(&directory, &signed("other", "2026-11-21T07:58:12Z", "not ours")).unwrap();
        assert!(first != second && second != third);
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&second), mode(&directory)), (0o600, 0o700));
        let (found, complaints) = last(&directory, &scope("shop")).unwrap();
        assert_eq!((&*found.unwrap().reason, complaints.len()), ("two", 0));
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 4, "no draft is left");
        let weekly = Scope { kind: Kind::Weekly, ..scope("shop") };
        assert_eq!(last(&directory, &weekly).unwrap().0, None);
    }

    #[test]
    fn torn_and_foreign_files_are_told_and_skipped() {
        let home = tempfile::tempdir().unwrap();
        keep(home.path(), &signed("shop", MORNING, "good")).unwrap();
        let torn = keep(home.path(), &signed("shop", "2026-11-21T07:58:12Z", "torn")).unwrap();
        let text = std::fs::read_to_string(&torn).unwrap();
        std::fs::write(&torn, &text[..text.len() / 2]).unwrap();
        std::fs::write(home.path().join("\u{1b}[31mnotes.txt"), "x").unwrap();
        let (found, complaints) = last(home.path(), &scope("shop")).unwrap();
        assert_eq!(&*found.unwrap().reason, "good");
        let said: Vec<&str> = complaints.iter().map(Clean::as_str).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("notes.txt is skipped"), "{said:?}");
        assert!(said[1].contains("it can't be read: EOF"), "{said:?}");
        assert!(torn.exists(), "nothing is lost");
    }
}
