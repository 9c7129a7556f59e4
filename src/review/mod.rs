//! The morning review, and its weekly, monthly and quarterly sisters: a list of lines, each checked
//! and held against the last sign-off, what differs first.
//!
//! [`lines`] is the registry: a file a line or a group of lines. They are pure: from the state and
//! from what was [`asked`] for the review. [`signoff`] is what is kept, [`store`] keeps it, [`report`]
//! writes it down. Whatever is not known is 'could not check', with its reason, and never a pass.

pub mod asked;
pub mod compare;
pub mod kind;
pub mod line;
pub mod lines;
pub mod report;
pub mod signoff;
pub mod store;
#[cfg(test)]
pub(crate) mod testing;
pub mod trend;

use std::cmp::Reverse;

use jiff::Timestamp;

pub use asked::Asked;
pub use kind::Kind;
pub use line::{Difference, Line, Opens};
pub use signoff::{Draft, SignOff};

use crate::model::{Clean, Outcome};
use crate::state::State;

/// A review as it stands when its questions are answered; it does not move while it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Review {
    pub scope: signoff::Scope,
    /// What the title says of the place: 'prod-eu-1 / shop'.
    pub place: Clean,
    pub at: Timestamp,
    pub since: Timestamp,
    /// Those that differ first; among them, and among the others, the worst first.
    pub lines: Vec<Line>,
    /// Lines that don't apply here, and why.
    pub left_out: Vec<(&'static str, Clean)>,
    /// Titles of lines that were signed the last time and are not here any more.
    pub gone: Vec<String>,
    pub complaints: Vec<Clean>,
    pub baseline: Option<SignOff>,
    /// As whom a sign-off would be signed.
    pub who: Clean,
}

/// Exit codes of `midwatch review`.
pub const ALL_PASS: u8 = 0;
pub const FINDINGS: u8 = 1;
pub const NOT_CHECKED: u8 = 2;

impl Review {
    /// Looks at everything. The state must be settled.
    pub fn of(state: &State, asked: &Asked) -> Self {
        let look = lines::Look { state, asked };
        let baseline = asked.baseline.as_ref();
        let (mut found, mut left_out) = (Vec::new(), Vec::new());
        for check in lines::LINES.iter().filter(|c| c.kinds.contains(&asked.kind())) {
            match (check.look)(&look) {
                Ok(seen) => {
                    let difference = compare::difference(&seen, check.id, baseline, asked.until);
                    let (id, title, opens) = (check.id, check.title, check.opens);
                    found.push(Line { id, title, opens, seen, difference });
                }
                Err(why) => left_out.push((check.title, Clean::from(why))),
            }
        }
        found.sort_by_key(|l| (Reverse(l.difference.differs()), Reverse(l.outcome())));
        let gone = baseline.map_or_else(Vec::new, |b| {
            let is_gone = |id: &str| !found.iter().any(|l| l.id == id);
            b.lines.iter().filter(|l| is_gone(&l.id)).map(|l| title_of(&l.id)).collect()
        });
        Self {
            scope: asked.scope.clone(),
            place: place(state),
            at: asked.until,
            since: asked.since,
            lines: found,
            left_out,
            gone,
            complaints: asked.complaints.clone(),
            baseline: asked.baseline.clone(),
            who: asked.who.clone(),
        }
    }

    pub fn count(&self, outcome: Outcome) -> usize {
        self.lines.iter().filter(|l| l.outcome() == outcome).count()
    }

    pub fn line(&self, id: &str) -> Option<&Line> {
        self.lines.iter().find(|l| l.id == id)
    }

    /// '9 of 11 pass, 1 fail, 1 warning'.
    pub fn tally(&self) -> String {
        let mut text = format!("{} of {} pass", self.count(Outcome::Pass), self.lines.len());
        for outcome in [Outcome::Fail, Outcome::Warning, Outcome::CouldNotCheck] {
            match (self.count(outcome), outcome) {
                (0, _) => {}
                (n, Outcome::CouldNotCheck) => text += &format!(", {n} could not be checked"),
                (n, outcome) => text += &format!(", {n} {}", outcome.word()),
            }
        }
        text
    }

    /// 'since 2026-11-20 07:58Z (signed off by dana)'.
    pub fn since_words(&self) -> String {
        let since = self.since.strftime("%Y-%m-%d %H:%MZ");
        match &self.baseline {
            Some(b) if b.reviewed == self.since => format!("since {since} (signed off by {})", b.signer()),
            Some(b) => {
                format!("since {since} (last signed off {} by {})", b.at.strftime("%m-%d %H:%MZ"), b.signer())
            }
            None => format!("since {since} (never signed off)"),
        }
    }

    /// The lines in their two groups, with their headings.
    pub fn groups(&self) -> Vec<(String, Vec<&Line>)> {
        let Some(baseline) = &self.baseline else {
            let heading = "First review: nothing to compare with".to_owned();
            return vec![(heading, self.lines.iter().collect())];
        };
        let when = compare::when(baseline.at, self.at);
        let (differ, same): (Vec<&Line>, Vec<&Line>) =
            self.lines.iter().partition(|l| l.difference.differs());
        let mut groups = Vec::new();
        match differ.is_empty() {
            true => groups.push((format!("Nothing differs from {when}"), Vec::new())),
            false => groups.push((format!("Differs from {when}"), differ)),
        }
        if !same.is_empty() {
            groups.push((format!("The same as {when}"), same));
        }
        groups
    }

    /// What `midwatch review` exits with: what could not be checked weighs more than findings.
    pub fn exit_code(&self) -> u8 {
        if self.count(Outcome::CouldNotCheck) > 0 {
            NOT_CHECKED
        } else if self.count(Outcome::Pass) == self.lines.len() {
            ALL_PASS
        } else {
            FINDINGS
        }
    }
}

/// The title of a line by its id; the id itself where no such line is known any more.
pub fn title_of(id: &str) -> String {
    lines::LINES
        .iter()
        .find(|c| c.id == id)
        .map_or_else(|| Clean::new(id).to_string(), |c| c.title.to_owned())
}

fn place(state: &State) -> Clean {
    let s = &state.scope;
    let cluster = if s.cluster.is_empty() { &s.context } else { &s.cluster };
    let service = s.service.as_ref().map(|s| format!("{s} · ")).unwrap_or_default();
    Clean::from(format!("{service}{cluster} / {}", s.namespace.as_deref().unwrap_or("all namespaces")))
}
