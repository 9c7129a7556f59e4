//! The review that is held: what was asked, what is shown, what was written of it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use tui_textarea::TextArea;

use crate::review::{Asked, Draft, Kind, Line, Review};

#[derive(Clone, Debug)]
pub struct ReviewState {
    /// Answers for another are dropped.
    pub id: u64,
    pub kind: Kind,
    /// As it was asked for; None: since the last sign-off.
    pub since: Option<SignedDuration>,
    pub begun: Timestamp,
    /// Questions that are answered, and how many there are.
    pub progress: (usize, usize),
    /// The answers, while a feed has not had its say yet.
    pub asked: Option<Box<Asked>>,
    /// None while its questions are under way.
    pub review: Option<Review>,
    pub draft: Draft,
    /// What was written of the reviews of the other kinds, before they are signed.
    pub shelved: BTreeMap<Kind, Draft>,
    /// The line under the cursor, in the order in which they are shown.
    pub selected: usize,
    /// One line after the other, each on a page of its own.
    pub walking: bool,
    pub signing: Signing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    Not,
    /// It is being written.
    Writing,
    /// Who signed, and in which file it is kept.
    Done {
        by: String,
        path: String,
    },
}

impl ReviewState {
    pub fn line(&self) -> Option<&Line> {
        self.review.as_ref()?.lines.get(self.selected)
    }

    pub fn signed_by(&self) -> Option<&str> {
        match &self.signing {
            Signing::Done { by, .. } => Some(by),
            _ => None,
        }
    }
}

/// A note that is being written.
#[derive(Clone, Debug)]
pub struct ReviewNote {
    /// The line's id; None: the reason why it is signed.
    pub line: Option<&'static str>,
    pub field: TextArea<'static>,
}

impl ReviewNote {
    pub fn chars(&self) -> usize {
        self.field.lines().iter().map(|l| l.chars().count() + 1).sum()
    }
}
