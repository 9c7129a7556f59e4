//! One line of a review: what was checked, what came out, and what is compared with the last time.

use crate::model::signal::Point;
use crate::model::signal::Unit;
use crate::model::{Clean, Health, Outcome, Verdict};

/// A line as it is shown, reported and signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub id: &'static str,
    pub title: &'static str,
    pub opens: Opens,
    pub seen: Seen,
    pub difference: Difference,
}

/// What a check has seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub verdict: Verdict,
    /// The one number that is compared with the last time, where there is one.
    pub value: Option<Value>,
    /// What is compared by name: the backups that are late, the alerts that fire.
    pub names: Vec<Clean>,
    /// The rows behind it, worst first.
    pub details: Vec<Detail>,
    pub course: Option<Course>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub v: f64,
    /// As it is said: '0.19 %'.
    pub said: String,
    /// A change smaller than this is noise.
    pub matters: f64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    pub health: Health,
    pub text: Clean,
}

/// For a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    pub points: Vec<Point>,
    pub step_s: u32,
    pub unit: Unit,
    pub limit: Option<f64>,
    /// Seconds since the epoch.
    pub from: i64,
    pub to: i64,
}

/// The page behind a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    /// An index into `PANELS`.
    Panel(usize),
    Operations,
    Nothing,
}

/// Against the last sign-off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Nothing was signed off before.
    First,
    /// The line was not there.
    New,
    /// It differs; what it was: 'yesterday 0.19 %'.
    Changed(String),
    Same,
}

impl Difference {
    /// Whether it stands first.
    pub fn differs(&self) -> bool {
        matches!(self, Self::New | Self::Changed(_))
    }

    pub fn words(&self) -> Option<&str> {
        match self {
            Self::New => Some("new"),
            Self::Changed(words) => Some(words),
            Self::First | Self::Same => None,
        }
    }
}

impl Line {
    pub fn outcome(&self) -> Outcome {
        self.seen.verdict.outcome
    }

    /// 'p95 351 ms (yesterday 420 ms), objective 500 ms'.
    pub fn sentence(&self) -> String {
        let v = &self.seen.verdict;
        let mut text = v.measured.to_string();
        if let Some(words) = self.difference.words() {
            text += &format!(" ({words})");
        }
        // A limit in words ('none') goes without saying; reports and the walk say it.
        if v.limit.contains(|c: char| c.is_ascii_digit()) {
            text += &format!(", {}", v.limit);
        }
        text
    }
}

impl Seen {
    pub fn new(outcome: Outcome, measured: impl Into<String>, limit: impl Into<String>) -> Self {
        let (measured, limit) = (Clean::from(measured.into()), Clean::from(limit.into()));
        let verdict = Verdict { outcome, measured, limit, at: None };
        Self { verdict, value: None, names: Vec::new(), details: Vec::new(), course: None }
    }

    pub fn could_not(why: &str) -> Self {
        Self {
            verdict: Verdict::could_not(why),
            value: None,
            names: Vec::new(),
            details: Vec::new(),
            course: None,
        }
    }

    pub fn valued(mut self, v: f64, said: String, matters: f64) -> Self {
        self.value = v.is_finite().then_some(Value { v, said, matters });
        self
    }

    pub fn named(mut self, names: impl IntoIterator<Item = Clean>) -> Self {
        self.names = names.into_iter().collect();
        self.names.sort();
        self.names.dedup();
        self
    }

    pub fn detailed(mut self, details: Vec<Detail>) -> Self {
        self.details = details;
        self
    }

    pub fn drawn(mut self, course: Option<Course>) -> Self {
        self.course = course;
        self
    }

    /// What could not be looked at takes a pass away, and stands beside anything worse.
    pub fn but(mut self, blind: Option<String>) -> Self {
        let Some(why) = blind else { return self };
        if self.verdict.outcome == Outcome::Pass {
            self.verdict.outcome = Outcome::CouldNotCheck;
            self.verdict.measured = Clean::from(format!("{why}; {}", self.verdict.measured));
        } else {
            self.details.push(Detail { health: Health::Unknown, text: Clean::from(why) });
        }
        self
    }
}

pub fn detail(health: Health, text: impl Into<String>) -> Detail {
    Detail { health, text: Clean::from(text.into()) }
}
