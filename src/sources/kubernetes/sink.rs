//! Coalesces what a feed hears into batches of one frame's worth.

use std::time::Duration;

use indexmap::IndexMap;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::trouble::Trouble;
use crate::model::{Batch, Change, Failure, FeedId, Key, Observation};

/// Changes in one batch at most: as many as a list page has.
pub const MAX_CHANGES: usize = 500;

/// Signs of life are sent no more often.
const READY_EVERY: Duration = Duration::from_secs(1);

pub struct Sink {
    epoch: u32,
    feed: FeedId,
    out: mpsc::Sender<Batch>,
    coalesce: Duration,
    reset: bool,
    /// The newest change of each object.
    pending: IndexMap<Key, Change>,
    oldest: Option<Instant>,
    listed: bool,
    alive: bool,
    last_ready: Option<Instant>,
}

impl Sink {
    pub fn new(epoch: u32, feed: FeedId, out: mpsc::Sender<Batch>, coalesce: Duration) -> Self {
        Self {
            epoch,
            feed,
            out,
            coalesce,
            reset: false,
            pending: IndexMap::new(),
            oldest: None,
            listed: false,
            alive: false,
            last_ready: None,
        }
    }

    /// The whole is told again from here.
    pub fn reset(&mut self) {
        self.pending.clear();
        self.oldest = None;
        self.reset = true;
        self.listed = false;
    }

    pub fn upsert(&mut self, key: Key, observation: Observation) {
        self.change(key, Change::Upsert(observation));
    }

    pub fn delete(&mut self, key: Key) {
        self.change(key.clone(), Change::Delete(key));
    }

    fn change(&mut self, key: Key, change: Change) {
        self.pending.insert(key, change);
        self.oldest.get_or_insert_with(Instant::now);
    }

    /// Changes that wait to be sent.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Something was heard that shows that the feed is up to date.
    pub fn alive(&mut self) {
        self.alive = true;
    }

    /// When [`Sink::flush`] has to be called; None: there is nothing to send.
    pub fn due(&self) -> Option<Instant> {
        if self.pending.len() >= MAX_CHANGES {
            return Some(Instant::now());
        }
        if let Some(oldest) = self.oldest {
            return Some(oldest + self.coalesce);
        }
        (self.alive && self.listed)
            .then(|| self.last_ready.map_or_else(Instant::now, |last| last + READY_EVERY))
    }

    /// The first list is complete.
    pub async fn complete(&mut self) -> Result<(), Trouble> {
        self.listed = true;
        self.alive = true;
        self.last_ready = None;
        self.flush().await
    }

    pub async fn flush(&mut self) -> Result<(), Trouble> {
        let mut changes = Vec::with_capacity(self.pending.len() + 2);
        if std::mem::take(&mut self.reset) {
            changes.push(Change::Reset);
        }
        changes.extend(self.pending.drain(..).map(|(_, change)| change));
        self.oldest = None;
        let now = Instant::now();
        let rested = self.last_ready.is_none_or(|last| now >= last + READY_EVERY);
        if self.alive && self.listed && rested {
            changes.push(Change::Ready);
            self.alive = false;
            self.last_ready = Some(now);
        }
        self.send(changes).await
    }

    pub async fn failed(&mut self, failure: Failure) -> Result<(), Trouble> {
        // What was heard before the failure is true.
        self.alive = false;
        self.flush().await?;
        self.send(vec![Change::Failed(failure)]).await
    }

    async fn send(&self, changes: Vec<Change>) -> Result<(), Trouble> {
        if changes.is_empty() {
            return Ok(());
        }
        let batch = Batch { epoch: self.epoch, feed: self.feed, at: Timestamp::now(), changes };
        self.out.send(batch).await.map_err(|_| Trouble::Closed)
    }
}
