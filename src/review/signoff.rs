//! A sign-off: who has seen which review, when, and what is said of what was not well. It is the
//! baseline of the next one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Kind, Review};
use crate::journal::Who;
use crate::model::{Clean, Outcome};

/// Of the files that are written.
pub const SCHEMA: &str = "midwatch.review-sign-off/1";
/// Longer notes belong elsewhere.
pub const MOST_NOTE_CHARS: usize = 4_000;

/// What was reviewed: reviews of another scope or kind are no baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    pub context: Clean,
    /// Empty: all namespaces.
    pub namespace: Clean,
    /// Empty: the whole namespace.
    pub service: Clean,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignOff {
    pub schema: String,
    pub scope: Scope,
    pub at: Timestamp,
    /// As of when the lines are: the next review looks back to here, so that what happened while this
    /// one was read is not lost.
    pub reviewed: Timestamp,
    pub who: Who,
    /// What the review looked back to.
    pub since: Timestamp,
    pub lines: Vec<Signed>,
    /// By the line's id.
    pub notes: BTreeMap<String, Note>,
    /// Why it was signed although something could not be checked.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub reason: Clean,
}

/// A line as it was signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signed {
    pub id: String,
    pub outcome: Outcome,
    pub measured: Clean,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The value in words.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub said: Clean,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Clean>,
}

/// What is said of a line that was not a pass. It is open until the line is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub text: Clean,
    /// When the line was first noted: a note that is carried from day to day keeps it.
    pub since: Timestamp,
    pub by: Clean,
}

impl SignOff {
    pub fn line(&self, id: &str) -> Option<&Signed> {
        self.lines.iter().find(|l| l.id == id)
    }

    /// Who signed, for people.
    pub fn signer(&self) -> Clean {
        signer(&self.who)
    }
}

pub fn signer(who: &Who) -> Clean {
    Clean::new(if who.user.is_empty() { &who.local } else { &who.user })
}

/// What a sign-off still needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Failed lines without a note, by id.
    pub notes: Vec<&'static str>,
    /// Lines that could not be checked, where no reason is given.
    pub reason_for: Vec<&'static str>,
}

impl Missing {
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty() && self.reason_for.is_empty()
    }

    /// '1 finding needs a note, 2 lines could not be checked: a reason is needed'.
    pub fn words(&self) -> String {
        let mut parts = Vec::new();
        match self.notes.len() {
            0 => {}
            1 => parts.push("1 finding needs a note".to_owned()),
            n => parts.push(format!("{n} findings need a note")),
        }
        match self.reason_for.len() {
            0 => {}
            1 => parts.push("1 line could not be checked: it needs a reason".to_owned()),
            n => parts.push(format!("{n} lines could not be checked: they need a reason")),
        }
        parts.join(", ")
    }
}

/// What is written of a review before it is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub notes: BTreeMap<String, String>,
    pub reason: String,
}

impl Draft {
    pub fn missing(&self, review: &Review) -> Missing {
        let blank = |text: Option<&String>| text.is_none_or(|t| t.trim().is_empty());
        let of = |outcome| review.lines.iter().filter(move |l| l.outcome() == outcome).map(|l| l.id);
        let notes = of(Outcome::Fail).filter(|id| blank(self.notes.get(*id))).collect();
        let reason_for = match blank(Some(&self.reason)) {
            true => of(Outcome::CouldNotCheck).collect(),
            false => Vec::new(),
        };
        Missing { notes, reason_for }
    }

    /// The review, signed. Names and hosts are filled in by whoever writes it.
    ///
    /// # Errors
    /// What is missing.
    pub fn sign(&self, review: &Review, at: Timestamp) -> Result<SignOff, Missing> {
        let missing = self.missing(review);
        if !missing.is_empty() {
            return Err(missing);
        }
        let signed = |l: &super::Line| Signed {
            id: l.id.to_owned(),
            outcome: l.outcome(),
            measured: l.seen.verdict.measured.clone(),
            value: l.seen.value.as_ref().map(|v| v.v),
            said: l.seen.value.as_ref().map(|v| Clean::new(&v.said)).unwrap_or_default(),
            names: l.seen.names.clone(),
        };
        let notes = self.notes.iter().filter(|(_, text)| !text.trim().is_empty());
        let before = review.baseline.as_ref();
        let note = |(id, text): (&String, &String)| {
            let old = before.and_then(|b| b.notes.get(id));
            let was_open = before.and_then(|b| b.line(id)).is_some_and(|l| l.outcome != Outcome::Pass);
            let since = old.filter(|_| was_open).map_or(at, |n| n.since);
            (id.clone(), Note { text: bounded(text), since, by: review.who.clone() })
        };
        Ok(SignOff {
            schema: SCHEMA.to_owned(),
            scope: review.scope.clone(),
            at,
            reviewed: review.at,
            who: Who::default(),
            since: review.since,
            lines: review.lines.iter().map(signed).collect(),
            notes: notes.map(note).collect(),
            reason: bounded(&self.reason),
        })
    }
}

/// As one line: what came between lines is kept as ' / '.
fn bounded(text: &str) -> Clean {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    Clean::new(&lines.join(" / ").chars().take(MOST_NOTE_CHARS).collect::<String>())
}

fn is_empty(text: &Clean) -> bool {
    text.as_str().is_empty()
}
