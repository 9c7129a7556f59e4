//! A walk through a runbook: what happened is a file of events, and where the walk stands is their
//! fold. What the screen shows as done is on disk already.

pub mod event;
pub mod judge;
pub mod report;
pub mod store;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::document::{Document, Step, StepId, StepKind};
use crate::model::{Outcome, Verdict};
pub use event::{Event, Evidence, Place, StepRef, What};

/// Where a step stands. Verified and attested are never the same: one was measured, one was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Status {
    #[default]
    ToDo,
    /// Its command of this number is running, or its change is under way.
    Running(usize),
    /// What midwatch has seen itself.
    Verified(String),
    /// A person says so; the note may be empty.
    Attested(String),
    Skipped(String),
    Failed(String),
    /// It was interrupted: it may have been done or not.
    Unknown(String),
}

impl Status {
    pub fn word(&self) -> &'static str {
        match self {
            Self::ToDo => "to do",
            Self::Running(_) => "running",
            Self::Verified(_) => "verified",
            Self::Attested(_) => "attested",
            Self::Skipped(_) => "skipped",
            Self::Failed(_) => "failed",
            Self::Unknown(_) => "unknown",
        }
    }

    /// What was measured, noted, or said as the reason.
    pub fn words(&self) -> &str {
        match self {
            Self::ToDo | Self::Running(_) => "",
            Self::Verified(w) | Self::Attested(w) | Self::Skipped(w) | Self::Failed(w) | Self::Unknown(w) => {
                w
            }
        }
    }

    /// Nothing more is to be done about it.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Verified(_) | Self::Attested(_) | Self::Skipped(_))
    }
}

/// What a person wrote at a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub at: Timestamp,
    pub who: String,
    pub text: String,
}

/// All that is known of a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    pub status: Status,
    /// Who brought it there, and when.
    pub by: Option<(Timestamp, String)>,
    pub began: Option<Timestamp>,
    pub notes: Vec<Note>,
    /// By the number of the command, all that were run, oldest first.
    pub evidence: Vec<(usize, Evidence)>,
    /// Commands that were seen to end well since the step was last to do.
    pub done: Vec<usize>,
    /// Of a check: what it came to when it was last written down.
    pub verdict: Option<Verdict>,
    /// The plan that was last confirmed for it.
    pub plan: String,
    /// What is under way for it: the session that began it, and the plan that was confirmed.
    pub under_way: Option<UnderWay>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
    pub session: String,
    /// Empty for a command that only looks.
    pub plan: String,
    pub operation: String,
}

/// A walk, as far as it was written down.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Walk {
    pub id: String,
    pub place: Place,
    pub started: Option<(Timestamp, String)>,
    pub finished: Option<Timestamp>,
    pub parameters: BTreeMap<String, String>,
    /// The steps of the document as it last was, in its order.
    pub order: Vec<StepRef>,
    /// The steps that a step has of its own: indices into `order`.
    children: BTreeMap<StepId, Vec<usize>>,
    pub steps: BTreeMap<StepId, StepState>,
    /// How many events this is the fold of.
    pub events: usize,
}

impl Walk {
    /// The fold of the events so far.
    pub fn of(id: &str, events: &[Event]) -> Self {
        let mut walk = Self { id: id.to_owned(), ..Self::default() };
        events.iter().for_each(|event| walk.apply(event));
        walk
    }

    /// Where a step stands. One that has steps of its own, and of which nothing else was said, stands
    /// where they stand when all of them are settled.
    pub fn status(&self, step: &str) -> Status {
        match self.steps.get(step).map(|s| &s.status) {
            None | Some(Status::ToDo) => self.by_its_steps(step).unwrap_or_default(),
            Some(own) => own.clone(),
        }
    }

    fn by_its_steps(&self, step: &str) -> Option<Status> {
        let own = self.children.get(step)?.iter().filter_map(|i| self.order.get(*i));
        let own: Vec<Status> = own.map(|s| self.status(&s.id)).collect();
        if !own.iter().all(Status::is_settled) {
            return None;
        }
        let words = "by its own steps".to_owned();
        // What is weakest counts: a step that was left out verifies nothing.
        Some(if own.iter().any(|s| matches!(s, Status::Skipped(_))) {
            Status::Skipped(words)
        } else if own.iter().any(|s| matches!(s, Status::Attested(_))) {
            Status::Attested(words)
        } else {
            Status::Verified(words)
        })
    }

    /// How many steps are settled, of how many.
    pub fn settled(&self) -> (usize, usize) {
        (self.order.iter().filter(|s| self.status(&s.id).is_settled()).count(), self.order.len())
    }

    fn take(&mut self, steps: &[StepRef]) {
        self.order = steps.to_vec();
        let places: BTreeMap<&str, usize> =
            steps.iter().enumerate().map(|(i, s)| (s.id.as_str(), i)).collect();
        self.children.clear();
        for (i, step) in steps.iter().enumerate() {
            // A step stands after what it is nested in: a file that says otherwise leads round in no circle.
            if let Some(parent) = step.parent.as_deref().filter(|p| places.get(p).is_some_and(|at| *at < i)) {
                self.children.entry(parent.to_owned()).or_default().push(i);
            }
        }
    }

    pub fn apply(&mut self, event: &Event) {
        self.events += 1;
        let (at, who) = (event.at, event.who.name());
        let by = Some((at, who.clone()));
        match &event.what {
            What::Started { place, steps } => {
                self.place = place.clone();
                self.started = by;
                self.take(steps);
            }
            What::Joined => {}
            What::Changed { sha256, steps } => {
                self.place.sha256.clone_from(sha256);
                self.take(steps);
            }
            What::Parameter { name, value } => {
                self.parameters.insert(name.clone(), value.clone());
            }
            What::Finished => self.finished = Some(at),
            What::OfStep { step, what } => {
                // A walk that is finished and gone on with is not.
                if !matches!(what, event::OfStep::Noted { .. }) {
                    self.finished = None;
                }
                let commands = self.order.iter().find(|s| s.id == *step).map_or(1, |s| s.commands);
                self.steps.entry(step.clone()).or_default().apply(what, by, event, commands);
            }
        }
    }
}

impl StepState {
    fn apply(
        &mut self,
        what: &event::OfStep,
        by: Option<(Timestamp, String)>,
        event: &Event,
        commands: usize,
    ) {
        use event::OfStep as S;
        match what {
            S::Noted { text } => {
                self.notes.push(Note { at: event.at, who: event.who.name(), text: text.clone() });
                return;
            }
            S::Operation { operation } => {
                if let Some(under_way) = &mut self.under_way {
                    under_way.operation.clone_from(operation);
                }
                return;
            }
            S::Began { command, session, plan } => {
                self.began.get_or_insert(event.at);
                self.plan.clone_from(plan);
                self.under_way =
                    Some(UnderWay { session: session.clone(), plan: plan.clone(), operation: String::new() });
                self.status = Status::Running(*command);
            }
            S::NotBegun { why: _ } => {
                self.under_way = None;
                self.status = Status::ToDo;
            }
            S::Ended { command, evidence } => self.ended(*command, evidence, commands),
            S::Interrupted { why } => {
                self.under_way = None;
                self.status = Status::Unknown(why.clone());
            }
            S::Checked { verdict } => {
                self.began.get_or_insert(event.at);
                self.status = checked(verdict);
                self.verdict = Some(verdict.clone());
            }
            S::Attested { note } => self.status = Status::Attested(note.clone()),
            S::Skipped { reason } => self.status = Status::Skipped(reason.clone()),
            S::Undone => {
                self.done.clear();
                self.verdict = None;
                self.status = Status::ToDo;
            }
        }
        self.by = by;
    }

    fn ended(&mut self, command: usize, evidence: &Evidence, commands: usize) {
        self.under_way = None;
        self.evidence.push((command, evidence.clone()));
        self.status = match &evidence.failed {
            Some(why) => Status::Failed(why.clone()),
            None if evidence.is_unknown => Status::Unknown(evidence.words.clone()),
            None => {
                if !self.done.contains(&command) {
                    self.done.push(command);
                }
                match self.done.len() < commands {
                    true => Status::ToDo,
                    false => Status::Verified(evidence.words.clone()),
                }
            }
        };
    }
}

fn checked(verdict: &Verdict) -> Status {
    let words = match verdict.limit.is_empty() {
        true => verdict.measured.to_string(),
        false => format!("{}, {}", verdict.measured, verdict.limit),
    };
    match verdict.outcome {
        Outcome::Pass => Status::Verified(words),
        Outcome::CouldNotCheck => Status::Unknown(format!("could not check: {words}")),
        Outcome::Warning | Outcome::Fail => Status::Failed(words),
    }
}

/// The steps of a document, as a walk writes them down.
pub fn steps_of(document: &Document, section: Option<usize>) -> Vec<StepRef> {
    let within = |mut of: usize| {
        let Some(wanted) = section else { return true };
        loop {
            if of == wanted {
                return true;
            }
            match document.sections.get(of).and_then(|s| s.parent) {
                Some(parent) => of = parent,
                None => return false,
            }
        }
    };
    let steps = document.steps.iter().filter(|s| within(s.section));
    let parent = |s: &Step| s.parent.and_then(|p| document.steps.get(p)).map(|p| p.id.clone());
    steps
        .map(|s| StepRef {
            parent: parent(s),
            id: s.id.clone(),
            kind: s.kind,
            section: document.path(s.section).iter().map(ToString::to_string).collect(),
            text: s.title(),
            commands: s.fence.as_ref().map_or(usize::from(s.kind == StepKind::Check), |f| f.commands.len()),
        })
        .collect()
}

#[cfg(test)]
mod tests;
