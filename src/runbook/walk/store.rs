//! Walks on disk: a folder each, with the events as JSON lines and the evidence beside them.
//!
//! Every event is on disk before it is shown. Several processes may walk the same one: each line is
//! written under a lock, what the others have written is read on, and a lock that each process holds
//! for its whole life tells who is still there. Files are for their owner alone.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::event::{Event, OfStep, Place, StepRef, What};
use super::{Status, Walk};
use crate::journal::{Who, sha256};
use crate::model::Clean;
use crate::model::command::OutputLine;

/// What one walk may come to: more was not written by people. Bytes.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Why a walk could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("could not {tried} {path}: {source}; check the directory's rights and the space left", path = path.display())]
    Io { tried: &'static str, path: PathBuf, source: std::io::Error },
    #[error("there is no walk '{0}'; `midwatch runbooks` lists the latest")]
    NoSuch(String),
    #[error("{path} does not begin as a walk does; another file of that name is in its place", path = path.display())]
    Foreign { path: PathBuf },
    /// Somebody else was quicker.
    #[error("nothing was started: {0}")]
    Taken(String),
}

fn io<'a>(tried: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> StoreError + 'a {
    move |source| StoreError::Io { tried, path: path.to_owned(), source }
}

/// All walks.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

/// One walk in short.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub id: String,
    pub place: Place,
    pub started: Timestamp,
    pub by: String,
    pub last: Timestamp,
    pub finished: bool,
    pub settled: usize,
    pub steps: usize,
}

/// A walk that this process takes part in.
#[derive(Debug)]
pub struct Open {
    pub id: String,
    directory: PathBuf,
    /// This process's part in it.
    pub session: String,
    /// How much of the file was told to whoever looks at it. Bytes.
    told: AtomicU64,
    _alive: File,
}

/// `$XDG_STATE_HOME/midwatch/walks`, where there is a home at all.
pub fn default_directory() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "midwatch")?;
    Some(dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).join("walks"))
}

/// When each document was last walked, by its name.
pub fn last_walked(directory: &Path) -> BTreeMap<String, Timestamp> {
    let mut last = BTreeMap::new();
    for summary in (Store { directory: directory.to_owned() }).list() {
        let at = last.entry(summary.place.document).or_insert(summary.last);
        *at = summary.last.max(*at);
    }
    last
}

impl Store {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Every walk that can be read, the newest first.
    pub fn list(&self) -> Vec<Summary> {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten().filter_map(Result::ok);
        let ids = entries.filter_map(|e| e.file_name().into_string().ok());
        let mut all: Vec<Summary> = ids.filter_map(|id| self.summary(&id)).collect();
        all.sort_by_key(|s| std::cmp::Reverse(s.started));
        all
    }

    fn summary(&self, id: &str) -> Option<Summary> {
        let events = self.read(id).ok()?;
        let walk = Walk::of(id, &events);
        let (started, by) = walk.started.clone()?;
        let (settled, steps) = walk.settled();
        let (last, finished) = (events.last()?.at, walk.finished.is_some());
        Some(Summary { id: id.to_owned(), place: walk.place, started, by, last, finished, settled, steps })
    }

    /// The events of a walk.
    ///
    /// # Errors
    /// When there is none of that name, or it can't be read.
    pub fn read(&self, id: &str) -> Result<Vec<Event>, StoreError> {
        let directory = self.directory_of(id)?;
        read_on(&directory, 0).map(|(events, _)| events)
    }

    /// Only a name can be an id: it comes from the command line.
    pub fn directory_of(&self, id: &str) -> Result<PathBuf, StoreError> {
        let is_name = id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let directory = self.directory.join(id);
        if !is_name || id.starts_with('.') || !events_file(&directory).is_file() {
            return Err(StoreError::NoSuch(Clean::new(id).to_string()));
        }
        Ok(directory)
    }

    /// Begins a walk.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn create(
        &self,
        at: Timestamp,
        who: &Who,
        place: Place,
        steps: Vec<StepRef>,
    ) -> Result<Open, StoreError> {
        let name: String = slug(&place.document);
        let stem = format!("{}-{name}", at.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S"));
        make_directory(&self.directory, true)?;
        let mut id = stem.clone();
        for n in 2..1000 {
            match make_directory(&self.directory.join(&id), false) {
                Ok(()) => break,
                Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::AlreadyExists => {
                    id = format!("{stem}-{n}");
                }
                Err(error) => return Err(error),
            }
        }
        let open = Open::enter(&self.directory.join(&id), &id)?;
        open.append(at, who, What::Started { place, steps })?;
        sync_directory(&self.directory)?;
        Ok(open)
    }

    /// Takes part in a walk that was begun. What others began and can't end any more, as they are gone, is
    /// unknown from here on.
    ///
    /// # Errors
    /// When there is none of that name, or it can't be written.
    pub fn join(&self, id: &str, at: Timestamp, who: &Who) -> Result<Open, StoreError> {
        let directory = self.directory_of(id)?;
        let events = self.read(id)?;
        if !matches!(events.first().map(|e| &e.what), Some(What::Started { .. })) {
            return Err(StoreError::Foreign { path: events_file(&directory) });
        }
        let open = Open::enter(&directory, id)?;
        open.append(at, who, What::Joined)?;
        open.interrupt(at, who)?;
        Ok(open)
    }
}

impl Open {
    fn enter(directory: &Path, id: &str) -> Result<Self, StoreError> {
        let (boot, up_ms) = (rustix::system::uname().nodename().to_string_lossy().into_owned(), nanos());
        let session = format!("{}-{}-{up_ms:x}", slug(&boot), std::process::id());
        let path = lock_file(directory, &session);
        let alive = open_private(&path)?;
        alive.lock().map_err(io("lock", &path))?;
        Ok(Self {
            id: id.to_owned(),
            directory: directory.to_owned(),
            session,
            told: AtomicU64::new(0),
            _alive: alive,
        })
    }

    pub fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    pub fn tell(&self, read: u64) {
        self.told.fetch_max(read, Ordering::Relaxed);
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What was begun by a session that is gone: it may have been done or not.
    fn interrupt(&self, at: Timestamp, who: &Who) -> Result<(), StoreError> {
        let walk = Walk::of(&self.id, &read_on(&self.directory, 0)?.0);
        for (step, state) in &walk.steps {
            let Some(under_way) = &state.under_way else { continue };
            if is_alive(&self.directory, &under_way.session) {
                continue;
            }
            let since = state.by.as_ref().map(|(at, who)| format!("{who} began it at {}", clock(*at)));
            let why = format!(
                "{}, and midwatch ended before its outcome was seen: it may have been done or not",
                since.unwrap_or_default()
            );
            let what = OfStep::Interrupted { why };
            self.append(at, who, What::OfStep { step: step.clone(), what })?;
        }
        Ok(())
    }

    /// Writes an event, and waits until the disk has it.
    ///
    /// # Errors
    /// When it is not certain that the disk has it.
    pub fn append(&self, at: Timestamp, who: &Who, what: What) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        self.write(&Event { at, who: who.clone(), what })
    }

    /// Writes that a command is begun, unless somebody else has been at the step since the walk had
    /// `seen` events.
    ///
    /// # Errors
    /// When another was quicker, or it is not certain that the disk has it.
    pub fn begin(
        &self,
        at: Timestamp,
        who: &Who,
        step: &str,
        began: OfStep,
        seen: usize,
    ) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        let (events, _) = read_on(&self.directory, 0)?;
        let is_of_it = |e: &&Event| matches!(&e.what, What::OfStep { step: s, what } if s == step && !matches!(what, OfStep::Noted { .. }));
        if let Some(other) = events.iter().skip(seen).find(is_of_it) {
            let (who, at) = (other.who.name(), clock(other.at));
            return Err(StoreError::Taken(format!("{who} has been at this step at {at}; look at it again")));
        }
        if matches!(Walk::of(&self.id, &events).status(step), Status::Running(_)) {
            return Err(StoreError::Taken("it is running already".to_owned()));
        }
        self.write(&Event { at, who: who.clone(), what: What::OfStep { step: step.to_owned(), what: began } })
    }

    fn write(&self, event: &Event) -> Result<(), StoreError> {
        let path = events_file(&self.directory);
        let fresh = !path.exists();
        let mut file = open_private(&path)?;
        let mut line = serde_json::to_string(event).map_err(|e| io("write", &path)(e.into()))?;
        line.push('\n');
        // What a crash has cut short ends here; it was never shown.
        if !ends_with_newline(&mut file).map_err(io("read", &path))? {
            line.insert(0, '\n');
        }
        file.write_all(line.as_bytes()).map_err(io("write", &path))?;
        file.sync_data().map_err(io("write", &path))?;
        if fresh {
            sync_directory(&self.directory)?;
        }
        Ok(())
    }

    /// The events after the first `from` bytes, and how many bytes there are then.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read_on(&self, from: u64) -> Result<(Vec<Event>, u64), StoreError> {
        read_on(&self.directory, from)
    }

    /// Keeps what a command has written, by its hash: the file's name says whether it is whole.
    ///
    /// # Errors
    /// When it is not certain that the disk has it.
    pub fn keep(&self, lines: &[OutputLine]) -> Result<String, StoreError> {
        let mut text = String::new();
        for line in lines {
            text.push_str(&line.text);
            text.push('\n');
        }
        let name = format!("evidence/{}.txt", sha256(text.as_bytes()));
        make_directory(&self.directory.join("evidence"), true)?;
        self.put(&name, &text)?;
        Ok(name)
    }

    /// Writes a whole file into the walk's folder, or none of it.
    ///
    /// # Errors
    /// When it is not certain that the disk has it.
    pub fn put(&self, name: &str, text: &str) -> Result<PathBuf, StoreError> {
        let path = self.directory.join(name);
        let draft = self.directory.join(format!("{name}.{}", self.session));
        let mut file = open_private(&draft)?;
        file.set_len(0).map_err(io("write", &draft))?;
        file.write_all(text.as_bytes()).map_err(io("write", &draft))?;
        file.sync_all().map_err(io("write", &draft))?;
        std::fs::rename(&draft, &path).map_err(io("write", &path))?;
        sync_directory(path.parent().unwrap_or(&self.directory))?;
        Ok(path)
    }

    fn lock(&self) -> Result<File, StoreError> {
        let path = self.directory.join("lock");
        let file = open_private(&path)?;
        file.lock().map_err(io("lock", &path))?;
        Ok(file)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // The lock is what counts; the file is only litter once it is let go.
        drop(std::fs::remove_file(lock_file(&self.directory, &self.session)));
    }
}

/// Whether the process of this session is still there: it holds its lock for as long as it lives.
fn is_alive(directory: &Path, session: &str) -> bool {
    let Ok(file) = File::open(lock_file(directory, session)) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn read_on(directory: &Path, from: u64) -> Result<(Vec<Event>, u64), StoreError> {
    let path = events_file(directory);
    let mut file = File::open(&path).map_err(io("open", &path))?;
    file.seek(SeekFrom::Start(from)).map_err(io("read", &path))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(io("read", &path))?;
    // A line without its end is still being written, or was cut short.
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let lines = bytes[..whole].split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let events = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    Ok((events, from + u64::try_from(whole).unwrap_or(u64::MAX)))
}

fn ends_with_newline(file: &mut File) -> std::io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn events_file(directory: &Path) -> PathBuf {
    directory.join("events.jsonl")
}

fn lock_file(directory: &Path, session: &str) -> PathBuf {
    directory.join(format!("session-{}.lock", slug(session)))
}

fn make_directory(path: &Path, with_parents: bool) -> Result<(), StoreError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o700).recursive(with_parents).create(path).map_err(io("make", path))
}

fn open_private(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path).map_err(io("open", path))
}

fn sync_directory(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|d| d.sync_all()).map_err(io("write", path))
}

/// Letters, digits and dashes: a name that no file system minds.
fn slug(text: &str) -> String {
    let dashed: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(48)
        .collect();
    dashed.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// Tells two sessions of one process apart.
fn nanos() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let s = u64::try_from(now.tv_sec).unwrap_or(0);
    s.wrapping_mul(1_000_000_000).wrapping_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}

fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%H:%M:%SZ").to_string()
}
