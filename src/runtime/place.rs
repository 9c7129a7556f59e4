//! Sessions on disk: where each running midwatch is, and those that ended without being left.
//!
//! A session is a file of JSON and a lock that its process holds for its whole life. A file whose lock
//! is free belongs to a process that was killed, or lost its terminal.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::state::place::{MOST_HOURS, Place};

/// More than a place can come to. Bytes.
const MOST_BYTES: u64 = 1 << 20;
/// Sessions that are looked at; beyond that a directory is not ours.
const MOST_FILES: usize = 1000;

/// `$XDG_STATE_HOME/midwatch/sessions`, where there is a home.
pub fn default_directory() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "midwatch")?;
    Some(dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).join("sessions"))
}

/// A session on disk, and its lock: nobody else takes it as long as this lives.
#[derive(Debug)]
pub struct Session {
    file: PathBuf,
    lock_file: PathBuf,
    _lock: File,
}

impl Session {
    /// A new one. Nothing is written before there is a place to keep.
    ///
    /// # Errors
    /// The directory or the lock can't be made.
    pub fn begin(directory: &Path) -> std::io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let now = Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ").to_string();
        let lock_file = directory.join(format!("{now}-{}.lock", std::process::id()));
        // It gets its name once it is locked: before, another start would take it for a lost one.
        let unlocked = lock_file.with_extension("new");
        let lock = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&unlocked)?;
        lock.lock()?;
        std::fs::rename(&unlocked, &lock_file)?;
        Ok(Self { file: lock_file.with_extension("json"), lock_file, _lock: lock })
    }

    /// The newest that ended without being left, and where it was. It is ours until it is dropped.
    pub fn lost(directory: &Path, now: Timestamp, fits: impl Fn(&Place) -> bool) -> Option<(Self, Place)> {
        let mut found: Vec<PathBuf> = std::fs::read_dir(directory)
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "lock"))
            .take(MOST_FILES)
            .collect();
        found.sort();
        // Names begin with the time: the newest last.
        found.into_iter().rev().find_map(|lock_file| {
            let session = Self::take(lock_file)?;
            let place =
                session.read().filter(|p| now.duration_since(p.at) < SignedDuration::from_hours(MOST_HOURS));
            match place {
                Some(place) if fits(&place) => Some((session, place)),
                Some(_) => None,
                // It had no place worth coming back to, or it was another day's.
                None => {
                    session.forget();
                    None
                }
            }
        })
    }

    /// None: its process is there still.
    fn take(lock_file: PathBuf) -> Option<Self> {
        let lock = OpenOptions::new().write(true).open(&lock_file).ok()?;
        lock.try_lock().ok()?;
        Some(Self { file: lock_file.with_extension("json"), lock_file, _lock: lock })
    }

    fn read(&self) -> Option<Place> {
        if std::fs::metadata(&self.file).ok()?.len() > MOST_BYTES {
            return None;
        }
        serde_json::from_slice(&std::fs::read(&self.file).ok()?).ok()
    }

    /// Where it is from now on; None: nowhere in particular.
    ///
    /// # Errors
    /// It can't be written; what was kept before stays.
    pub fn keep(&self, place: Option<&Place>) -> std::io::Result<()> {
        let Some(place) = place else {
            return match std::fs::remove_file(&self.file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        };
        let draft = self.file.with_extension("draft");
        let text = serde_json::to_vec(place)?;
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&text)?;
        std::fs::rename(&draft, &self.file)
    }

    /// Left in order, or answered: nobody is asked about it again.
    pub fn forget(&self) {
        for file in [&self.file, &self.lock_file] {
            if let Err(error) = std::fs::remove_file(file)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(file = %file.display(), %error, "a session's file stays");
            }
        }
    }
}

impl Drop for Session {
    /// The lock goes with a session that has nothing to come back to.
    fn drop(&mut self) {
        if !self.file.exists() {
            self.forget();
        }
    }
}

/// How long leaving waits for what is being written; a home on a network may stall.
const PATIENCE: Duration = Duration::from_millis(300);

/// Writes this session down on a thread of its own: the loop waits for no disk.
pub struct Keeper {
    places: Option<mpsc::Sender<Option<Place>>>,
    done: mpsc::Receiver<()>,
}

impl Keeper {
    pub fn start(session: Session) -> Self {
        let (places, to_keep) = mpsc::channel::<Option<Place>>();
        let (ended, done) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            while let Ok(place) = to_keep.recv() {
                // The last one counts.
                let place = to_keep.try_iter().last().unwrap_or(place);
                if let Err(error) = session.keep(place.as_ref()) {
                    tracing::warn!(%error, "where the user is can't be written down");
                }
            }
            drop(session);
            drop(ended);
        });
        Self { places: Some(places), done }
    }

    pub fn keep(&self, place: Option<Place>) {
        if let Some(places) = &self.places {
            drop(places.send(place));
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.places.take());
        // Either it has ended, or it is not waited for any longer.
        let _ = self.done.recv_timeout(PATIENCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(context: &str, at: Timestamp) -> Place {
        Place { at, context: context.to_owned(), ..Place::default() }
    }

    #[test]
    fn the_newest_that_was_lost_is_found_once() {
        let directory = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let lost = |fits: &dyn Fn(&Place) -> bool| Session::lost(directory.path(), now, fits);
        let session = Session::begin(directory.path()).unwrap();
        session.keep(Some(&place("a", now))).unwrap();
        assert!(lost(&|_| true).is_none(), "it is still there");
        drop(session);
        assert!(lost(&|p| p.context == "b").is_none(), "it was somewhere else");
        let (session, found) = lost(&|p| p.context == "a").expect("it was lost");
        assert_eq!(found.context, "a");
        assert!(lost(&|p| p.context == "a").is_none(), "somebody has taken it");
        session.forget();
        drop(session);
        assert!(lost(&|p| p.context == "a").is_none());
    }

    #[test]
    fn what_is_old_or_can_not_be_read_is_not_offered() {
        let directory = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let old = Session::begin(directory.path()).unwrap();
        old.keep(Some(&place("old", now - SignedDuration::from_hours(13)))).unwrap();
        drop(old);
        assert!(Session::lost(directory.path(), now, |_| true).is_none());
        std::fs::write(directory.path().join("20990101T000000000Z-1.lock"), "").unwrap();
        std::fs::write(directory.path().join("20990101T000000000Z-1.json"), "{\"at\":").unwrap();
        assert!(Session::lost(directory.path(), now, |_| true).is_none());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "they are cleared away");
    }

    #[test]
    fn places_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let session = Session::begin(directory.path()).unwrap();
        session.keep(Some(&place("a", Timestamp::now()))).unwrap();
        let mode = std::fs::metadata(&session.file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        session.keep(None).unwrap();
        assert!(!session.file.exists());
        session.keep(None).unwrap();
    }
}
