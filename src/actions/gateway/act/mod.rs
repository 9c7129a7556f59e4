//! The act: each write is sent once, in order, by clients that retry nothing, with a deadline. A
//! lost answer is looked up, never repeated; what follows on a write that failed is not sent.

mod alertmanager;
mod cache;
pub mod command;
pub mod kube;

use super::record::{Recorded, later};
use super::run::Running;
use super::watch::{Acted, Ended};
use super::{Hand, Task};
use crate::actions::Write;
use crate::journal::{Entry, Phase};
use crate::model::Clean;
use crate::model::action::{Check, Progress};
use crate::sources::Session;

/// What came of sending one write.
pub enum Sent {
    /// Taken, with the answer.
    Taken(serde_json::Value),
    /// Seen to its end while it was sent: what it came to, and in words.
    Seen(fn(Clean) -> Progress, String),
    /// It runs.
    Started(Box<Running>),
    /// For certain nothing was done, and why.
    Refused(String),
    /// It may have happened or not.
    Lost(String),
}

/// Whether what was sent can be seen.
pub enum Found {
    Yes(serde_json::Value),
    /// It is as it was before: for certain nothing was done.
    NotDone,
    /// It is neither as it was nor as it should be.
    No,
    /// It can't be looked at.
    Unseen,
}

/// What the requests led to.
pub enum Act {
    /// All were taken.
    Taken(Acted),
    /// There is nothing to watch.
    Over(Ended),
    /// No answer came: it may have happened or not.
    Lost(Lost),
}

/// A request whose answer was lost.
pub struct Lost {
    task: Task,
    entry: Entry,
    /// Which of the writes it was.
    at: usize,
}

/// Asks whether the write would be taken; none where that can't be asked.
pub async fn dry_run(session: &Session, write: &Write) -> Option<Check> {
    match write {
        Write::Kube(write) => Some(kube::dry_run(session, write).await),
        // What the cache says of it is among the action's own checks.
        Write::Silence(_) | Write::Flush(_) | Write::Run(_) => None,
    }
}

async fn send(hand: &Hand<'_>, write: &Write) -> Sent {
    match write {
        Write::Kube(write) => kube::send(hand, write).await,
        Write::Silence(write) => alertmanager::send(hand, write).await,
        Write::Flush(write) => cache::send(hand, write).await,
        Write::Run(run) => command::send(run),
    }
}

async fn find(hand: &Hand<'_>, write: &Write) -> Found {
    match write {
        Write::Kube(write) => kube::find(hand.session, write).await,
        Write::Silence(write) => alertmanager::find(hand, write).await,
        Write::Flush(write) => cache::find(hand, write).await,
        // What a command does is not known to us.
        Write::Run(_) => Found::Unseen,
    }
}

impl Recorded {
    /// Sends the writes. This is used up by it.
    pub async fn act(self, hand: &Hand<'_>) -> Act {
        let (plan, entry) = self.into_parts();
        let task = Task { writes: plan.writes, expect: plan.expect, deadline_s: plan.deadline_s };
        let mut answers = Vec::new();
        for (at, write) in task.writes.iter().enumerate() {
            match send(hand, write).await {
                Sent::Taken(answer) => answers.push(answer),
                Sent::Seen(progress, words) => {
                    let entry = later(&entry, Phase::Acted, write.taken_by());
                    return Act::Taken(Acted::seen(task, entry, progress, words));
                }
                Sent::Started(running) => {
                    let entry = later(&entry, Phase::Acted, write.taken_by());
                    return Act::Taken(Acted::running(task, entry, running));
                }
                Sent::Refused(why) if at == 0 => {
                    let words = format!("refused, nothing was done: {why}");
                    let entry = later(&entry, Phase::Refused, &words);
                    return Act::Over(Ended::new(entry, Progress::Failed, &words));
                }
                Sent::Refused(why) => {
                    let words = format!("{}: refused: {why}", task.half_done(at));
                    let entry = later(&entry, Phase::Outcome, &words);
                    return Act::Over(Ended::new(entry, Progress::Failed, &words));
                }
                Sent::Lost(why) => {
                    let done = if at == 0 { String::new() } else { format!("{}: ", task.half_done(at)) };
                    let words = format!("{done}the answer was lost: {why}");
                    return Act::Lost(Lost { entry: later(&entry, Phase::Unknown, &words), task, at });
                }
            }
        }
        let words = task.writes.iter().map(Write::taken_by).next().unwrap_or_default();
        Act::Taken(Acted::new(task, later(&entry, Phase::Acted, words), &answers))
    }
}

impl Lost {
    /// What a process that ended in the middle may have sent.
    pub fn left_behind(task: Task, entry: Entry) -> Self {
        let at = task.writes.len().saturating_sub(1);
        Self { task, entry, at }
    }

    pub fn entry(&self) -> Entry {
        self.entry.clone()
    }

    /// Looks whether what was sent has arrived after all.
    pub async fn look(self, hand: &Hand<'_>) -> Act {
        let deadline = tokio::time::Instant::now() + hand.pace.look_for;
        loop {
            let found = match self.task.writes.get(self.at) {
                Some(write) => find(hand, write).await,
                None => Found::No,
            };
            if let Found::Yes(object) = found {
                return self.came_about(&object);
            }
            if tokio::time::Instant::now() >= deadline {
                return Act::Lost(self);
            }
            tokio::time::sleep(hand.pace.look_every).await;
        }
    }

    /// Looks once at all that may have been sent.
    pub async fn look_once(mut self, hand: &Hand<'_>) -> Act {
        let mut last = None;
        for (at, write) in self.task.writes.iter().enumerate() {
            match find(hand, write).await {
                Found::Yes(object) => last = Some(object),
                Found::NotDone => {
                    let words = match at {
                        0 => "it was not done: all is as it was before".to_owned(),
                        _ => format!("{}: the next was not done", self.task.half_done(at)),
                    };
                    let entry = later(&self.entry, Phase::Outcome, &words);
                    return Act::Over(Ended::new(entry, Progress::Failed, &words));
                }
                Found::No | Found::Unseen => {
                    self.at = at;
                    return Act::Lost(self);
                }
            }
        }
        self.at = self.task.writes.len().saturating_sub(1);
        match last {
            Some(object) => self.came_about(&object),
            None => Act::Lost(self),
        }
    }

    fn came_about(self, object: &serde_json::Value) -> Act {
        if self.at + 1 < self.task.writes.len() {
            let words = format!("{}: the next was not sent", self.task.half_done(self.at + 1));
            return Act::Over(Ended::new(
                later(&self.entry, Phase::Outcome, &words),
                Progress::Failed,
                &words,
            ));
        }
        let entry =
            later(&self.entry, Phase::Acted, "the answer was lost, and it has come about all the same");
        Act::Taken(Acted::new(self.task, entry, std::slice::from_ref(object)))
    }

    /// Nothing of it was seen.
    pub fn given_up(self) -> Ended {
        let what = &self.entry.words;
        let words = format!("{what}; nothing of it can be seen");
        let told = format!("{words}: look at the object before you do anything again");
        Ended::new(later(&self.entry, Phase::Outcome, &words), Progress::Unknown, &told)
    }
}

impl Task {
    /// 'of 2 changes the first was made (patch deployments in shop)'.
    fn half_done(&self, at: usize) -> String {
        let done: Vec<String> = self.writes[..at].iter().map(Write::words).collect();
        format!("{at} of {} changes made ({})", self.writes.len(), done.join(", "))
    }
}
