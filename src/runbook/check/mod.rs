//! What midwatch verifies by itself: a `toml check` fence.
//!
//! A check is read once, filled with the walk's parameters, and judged by what the cockpit knows as
//! often as somebody looks. What is not known, stale, denied or without traffic is 'could not check',
//! never passed. What the cockpit does not know (an HTTP endpoint, a query, a command) is asked for
//! through [`Check::ask`]; the answer is judged like everything else.

mod alerts;
mod asked;
mod backups;
mod cluster;
mod objective;
mod parameter;
mod read;
mod workloads;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::document::Problem;
use crate::model::ask::Ask;
use crate::model::{Clean, FeedId, Health, Outcome, Verdict};
use crate::state::State;
use parameter::Slot;

/// What has to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Check(Kind);

/// One for each key that a check can begin with.
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Objective(objective::Objective),
    Pods(workloads::Pods),
    Rollout(workloads::Rollout),
    Autoscaler(workloads::Autoscaler),
    Backup(backups::Backup),
    Alert(alerts::Alert),
    Certificate(cluster::Certificate),
    Nodes(cluster::Nodes),
    Http(asked::Http),
    PromQl(asked::PromQl),
    Command(asked::Command),
}

/// What each kind knows of itself.
trait Judge {
    /// As a person would say what is expected.
    fn words(&self) -> String;

    fn evaluate(&self, state: &State) -> Verdict;

    /// Where parameters may stand.
    fn slots(&mut self) -> Vec<Slot<'_>>;

    fn ask(&self) -> Option<Ask> {
        None
    }

    fn confirms_trouble(&self) -> bool {
        false
    }
}

impl Kind {
    fn judge(&self) -> &dyn Judge {
        match self {
            Self::Objective(kind) => kind,
            Self::Pods(kind) => kind,
            Self::Rollout(kind) => kind,
            Self::Autoscaler(kind) => kind,
            Self::Backup(kind) => kind,
            Self::Alert(kind) => kind,
            Self::Certificate(kind) => kind,
            Self::Nodes(kind) => kind,
            Self::Http(kind) => kind,
            Self::PromQl(kind) => kind,
            Self::Command(kind) => kind,
        }
    }

    fn judge_mut(&mut self) -> &mut dyn Judge {
        match self {
            Self::Objective(kind) => kind,
            Self::Pods(kind) => kind,
            Self::Rollout(kind) => kind,
            Self::Autoscaler(kind) => kind,
            Self::Backup(kind) => kind,
            Self::Alert(kind) => kind,
            Self::Certificate(kind) => kind,
            Self::Nodes(kind) => kind,
            Self::Http(kind) => kind,
            Self::PromQl(kind) => kind,
            Self::Command(kind) => kind,
        }
    }
}

impl Check {
    /// Reads the fence's text, whose first line is the file's `line`th.
    ///
    /// # Errors
    /// What is wrong, and where in the file; the first where it is more than one thing.
    pub fn parse(text: &str, line: usize) -> Result<Self, Problem> {
        read::read(text).map(Self).map_err(|problem| Problem {
            line: line.saturating_add(problem.line).saturating_sub(1),
            column: problem.column,
            what: Clean::new(&problem.what),
            next: Clean::new(&problem.next.unwrap_or_default()),
        })
    }

    /// The names that stand in it as `<name>` or `$NAME`, in their order, each once.
    pub fn parameters(&self) -> Vec<String> {
        let mut copy = self.0.clone();
        let mut seen = BTreeSet::new();
        let slots = copy.judge_mut().slots();
        let names = slots.iter().flat_map(|slot| parameter::names(slot.text));
        names.filter(|name| seen.insert(name.clone())).collect()
    }

    /// The check with its parameters in their places. Those without a value stay as they are.
    ///
    /// # Errors
    /// Which value can't stand where it is wanted, and why.
    pub fn filled(&self, values: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut copy = self.0.clone();
        for slot in copy.judge_mut().slots() {
            slot.fill(values)?;
        }
        Ok(Self(copy))
    }

    /// What is expected, in one line.
    pub fn words(&self) -> String {
        self.0.judge().words()
    }

    /// Judges it by what is known now.
    pub fn evaluate(&self, state: &State) -> Verdict {
        match self.parameters().first() {
            Some(name) => Verdict::could_not(&format!("it is not said yet what <{name}> is")),
            None => self.0.judge().evaluate(state),
        }
    }

    /// What must be asked outside before it can be judged; nothing while parameters are missing.
    pub fn ask(&self) -> Option<Ask> {
        if self.parameters().is_empty() { self.0.judge().ask() } else { None }
    }

    /// It passes while something is wrong: it confirms a diagnosis. That it no longer holds later is
    /// what everybody hopes for.
    pub fn confirms_trouble(&self) -> bool {
        self.0.judge().confirms_trouble()
    }
}

fn verdict(holds: bool, measured: &str, limit: &str, at: Option<Timestamp>) -> Verdict {
    let outcome = if holds { Outcome::Pass } else { Outcome::Fail };
    Verdict { outcome, measured: Clean::new(measured), limit: Clean::new(limit), at }
}

/// When the oldest of the feeds was last complete.
///
/// # Errors
/// 'Could not check', where one of them can't be taken for the present state.
fn told(state: &State, feeds: &[FeedId]) -> Result<Timestamp, Verdict> {
    let mut oldest = state.now;
    for feed in feeds {
        let (health, status) = (state.feed_health(*feed), state.known.status(*feed));
        match status.ready_at {
            Some(at) if health == Health::Ok => oldest = oldest.min(at),
            at => {
                let words = state.feed_words(*feed).unwrap_or_else(|| "not known".to_owned());
                let why = Verdict::could_not(&format!("{}: {words}", feed.noun()));
                return Err(Verdict { at, ..why });
            }
        }
    }
    Ok(oldest)
}

/// Whether an object of this namespace is meant; without a name every namespace that is looked at is.
fn is_in(namespace: Option<&String>, of_object: &str) -> bool {
    namespace.is_none_or(|wanted| wanted == of_object)
}

#[cfg(test)]
mod tests;
