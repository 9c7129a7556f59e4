//! Everything that we may ask of the world outside, as plain data.

use std::time::Duration;

use jiff::SignedDuration;

use crate::model::Key;
use crate::model::action::{ActionId, Request};
use crate::model::ask::Ask;
use crate::model::command::OutputLine;
use crate::model::log::LogRequest;
use crate::model::scope::Target;
use crate::review::{Kind, SignOff};
use crate::runbook::command::Invocation;
use crate::runbook::document::{Expect, StepId};
use crate::runbook::walk::What;
use crate::state::place::Place;

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
    /// Ask what a check can't tell from what is known.
    Ask {
        epoch: u32,
        ask: Ask,
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
        /// The step of a walk that begins with it: that is on disk first.
        begins: Option<Begins>,
    },
    /// The dialog was left without doing it.
    Abandon {
        plan: String,
        why: &'static str,
    },
    /// Of the runbook that is being walked.
    Walk(WalkEffect),
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
    /// Write down where the user is; None: there is nothing to come back to.
    Keep(Option<Box<Place>>),
    /// Whether to go on where a session was lost has been answered.
    Settled,
    /// Send a text to the terminal's clipboard.
    Copy(String),
}

/// A command of a step that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begins {
    pub walk: String,
    pub step: StepId,
    pub command: usize,
    /// How many events were seen: nothing begins where somebody else has been at the step since.
    pub seen: usize,
}

/// Which walk is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The latest that is not finished, here; else a new one.
    Latest,
    New,
    Resume(String),
}

/// What we may ask for in a walk.
#[derive(Clone, Debug, PartialEq)]
pub enum WalkEffect {
    Open {
        document: String,
        section: Option<String>,
        wanted: Wanted,
    },
    /// Write it down; what a command has written is kept as its evidence.
    Record {
        walk: String,
        what: What,
        output: Vec<OutputLine>,
    },
    /// Run a command that only looks, and judge what came of it.
    Look {
        begins: Begins,
        invocation: Invocation,
        timeout: Duration,
        expect: Expect,
        /// Whether what it writes is kept as evidence.
        keeps: bool,
    },
    /// End the command of a step that only looks.
    Stop {
        walk: String,
        step: StepId,
    },
    /// What others have written since.
    ReadOn {
        walk: String,
    },
    Report {
        walk: String,
    },
}

/// Which review is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewWanted {
    /// Numbers the reviews, so that an answer for an older one is dropped.
    pub id: u64,
    pub kind: Kind,
    /// How far to look back; None: to the last sign-off.
    pub since: Option<SignedDuration>,
}
