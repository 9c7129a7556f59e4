//! Silences: who has muted what, until when, and why; with Alertmanager's rules for changing
//! them (silence/silence.go).

use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;

use super::matchers::Matcher;
use crate::sim::metrics::labels::Labels;

/// How long an expired silence is remembered: Alertmanager's default retention, 120 h.
const RETENTION_MS: i64 = 120 * 3_600_000;

/// Most silences kept; far above what a team has, and bounded against runaway clients.
const MAX_SILENCES: usize = 1000;

/// A silence as a client posts it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    #[serde(default)]
    pub id: Option<String>,
    pub matchers: Vec<Matcher>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub created_by: String,
    pub comment: String,
}

/// A silence in force, to come, or over; times in milliseconds.
#[derive(Debug, Clone)]
pub struct Silence {
    pub id: String,
    pub matchers: Vec<Matcher>,
    pub starts_ms: i64,
    pub ends_ms: i64,
    pub updated_ms: i64,
    pub created_by: String,
    pub comment: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Active,
    Pending,
    Expired,
}

/// Why a silence was not taken or changed, worded as Alertmanager words it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    #[error("{0}")]
    Invalid(String),
    #[error("silence not found")]
    NotFound,
}

pub struct Silences {
    by_id: BTreeMap<String, Silence>,
    /// Ids need only be unique, so a seeded generator serves, and runs stay reproducible.
    ids: StdRng,
}

impl Silence {
    pub fn state(&self, now_ms: i64) -> State {
        if now_ms < self.starts_ms {
            State::Pending
        } else if now_ms < self.ends_ms {
            State::Active
        } else {
            State::Expired
        }
    }

    /// Whether the draft may change this silence in place; if not, it becomes a new one.
    fn may_become(&self, draft: &Draft, now_ms: i64) -> bool {
        let (starts, ends) = (draft.starts_at.as_millisecond(), draft.ends_at.as_millisecond());
        self.matchers == draft.matchers
            && match self.state(now_ms) {
                State::Active => starts / 1000 == self.starts_ms / 1000 && ends >= now_ms,
                State::Pending => starts >= now_ms,
                State::Expired => false,
            }
    }
}

impl Silences {
    pub fn new(seed_ms: i64) -> Self {
        Self { by_id: BTreeMap::new(), ids: StdRng::seed_from_u64(seed_ms.unsigned_abs()) }
    }

    /// Makes or changes a silence and returns its id.
    ///
    /// # Errors
    /// [`SilenceError::Invalid`], or [`SilenceError::NotFound`] for an unknown id.
    pub fn set(&mut self, draft: Draft, now_ms: i64) -> Result<String, SilenceError> {
        self.by_id.retain(|_, s| s.ends_ms + RETENTION_MS > now_ms);
        check(&draft, now_ms)?;
        let id = draft.id.as_deref().unwrap_or_default();
        let mut starts_ms = draft.starts_at.as_millisecond();
        let previous = self.by_id.get(id);
        if !id.is_empty() && previous.is_none() {
            return Err(SilenceError::NotFound);
        }
        let id = match previous {
            Some(previous) if previous.may_become(&draft, now_ms) => id.to_string(),
            other => {
                let replaced = other.filter(|p| p.state(now_ms) != State::Expired).map(|p| p.id.clone());
                if let Some(id) = replaced {
                    self.expire(&id, now_ms)?;
                }
                if self.by_id.len() >= MAX_SILENCES {
                    let why = format!(
                        "exceeded maximum number of silences: {MAX_SILENCES} (limit: {MAX_SILENCES})"
                    );
                    return Err(SilenceError::Invalid(why));
                }
                starts_ms = starts_ms.max(now_ms);
                self.new_id()
            }
        };
        let silence = Silence {
            id: id.clone(),
            matchers: draft.matchers,
            starts_ms,
            ends_ms: draft.ends_at.as_millisecond(),
            updated_ms: now_ms,
            created_by: draft.created_by,
            comment: draft.comment,
        };
        self.by_id.insert(id.clone(), silence);
        Ok(id)
    }

    /// Ends a silence now, if it is not over; one that has not begun never will.
    ///
    /// # Errors
    /// [`SilenceError::NotFound`].
    pub fn expire(&mut self, id: &str, now_ms: i64) -> Result<(), SilenceError> {
        let silence = self.by_id.get_mut(id).ok_or(SilenceError::NotFound)?;
        match silence.state(now_ms) {
            State::Expired => return Ok(()),
            State::Pending => (silence.starts_ms, silence.ends_ms) = (now_ms, now_ms),
            State::Active => silence.ends_ms = now_ms,
        }
        silence.updated_ms = now_ms;
        Ok(())
    }

    pub fn get(&self, id: &str) -> Option<&Silence> {
        self.by_id.get(id)
    }

    /// All silences: active before pending before expired, those that end soonest first.
    pub fn all(&self, now_ms: i64) -> Vec<&Silence> {
        let mut all: Vec<&Silence> =
            self.by_id.values().filter(|s| s.ends_ms + RETENTION_MS > now_ms).collect();
        let key = |s: &Silence| match s.state(now_ms) {
            State::Active => (State::Active, s.ends_ms),
            State::Pending => (State::Pending, s.starts_ms),
            State::Expired => (State::Expired, -s.ends_ms),
        };
        all.sort_by_key(|s| key(s));
        all
    }

    /// The ids of the silences that mute these labels now.
    pub fn muting(&self, labels: &Labels, now_ms: i64) -> Vec<String> {
        let mutes =
            |s: &&Silence| s.state(now_ms) == State::Active && s.matchers.iter().all(|m| m.matches(labels));
        self.by_id.values().filter(mutes).map(|s| s.id.clone()).collect()
    }

    /// A version 4 UUID.
    fn new_id(&mut self) -> String {
        let bits = self.ids.next_u64();
        let (a, b, c) = (bits >> 32, bits >> 16 & 0xffff, bits & 0xfff);
        let bits = self.ids.next_u64();
        let (d, e) = (bits >> 48 & 0x3fff | 0x8000, bits & 0xffff_ffff_ffff);
        format!("{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}")
    }
}

fn check(draft: &Draft, now_ms: i64) -> Result<(), SilenceError> {
    let invalid = |why: &str| Err(SilenceError::Invalid(why.into()));
    if draft.starts_at >= draft.ends_at {
        return invalid("Failed to create silence: start time must be before end time");
    }
    if draft.ends_at.as_millisecond() < now_ms {
        return invalid("Failed to create silence: end time can't be in the past");
    }
    if draft.matchers.iter().all(Matcher::matches_empty) {
        return invalid("silence invalid: at least one matcher must not match the empty string");
    }
    Ok(())
}
