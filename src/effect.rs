//! Everything that we may ask of the world outside, as plain data.

use jiff::SignedDuration;

use crate::model::Key;
use crate::model::action::{ActionId, Request};
use crate::model::log::LogRequest;
use crate::model::scope::Target;
use crate::review::{SignOff, signoff};

#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Quit,
    /// Give the terminal back and stop, as Ctrl-Z does.
    Suspend,
    /// Leave the scope and enter another; batches carry `epoch` from then on.
    Connect {
        epoch: u32,
        target: Target,
    },
    /// The charts' window, or 'everything now', has changed.
    Wants {
        window_s: u64,
        refresh: u32,
    },
    Describe {
        epoch: u32,
        key: Key,
    },
    /// Replaces the log that is being read.
    ReadLog {
        id: u64,
        request: LogRequest,
    },
    StopLog,
    ListContexts {
        target: Target,
    },
    ListNamespaces {
        epoch: u32,
    },
    /// Look in the cluster for what an action could be done to, beside what is known.
    ListSubjects {
        epoch: u32,
        action: ActionId,
    },
    /// Ask an operation that can be stopped to stop.
    Stop {
        operation: String,
    },
    /// Make a plan, or ask what is missing for one.
    Plan {
        dialog: u64,
        request: Request,
    },
    /// The dialog stands on the screen: from some time after that its keys count.
    Arm {
        dialog: u64,
    },
    /// Do what was shown.
    Confirm {
        dialog: u64,
        plan: String,
        typed_name: String,
        reason: String,
    },
    /// The dialog was left without doing it.
    Abandon {
        plan: String,
        why: &'static str,
    },
    /// Ask what a review needs beside what is known.
    Review(ReviewWanted),
    /// Keep what was signed.
    SignOff {
        id: u64,
        signed: Box<SignOff>,
    },
    /// Write reports, by file name.
    Report {
        files: Vec<(String, String)>,
    },
    /// Draw everything anew, whatever the terminal shows.
    Repaint,
}

/// Which review is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewWanted {
    /// Numbers the reviews, so that an answer for an older one is dropped.
    pub id: u64,
    pub scope: signoff::Scope,
    /// How far to look back; None: to the last sign-off.
    pub since: Option<SignedDuration>,
}
