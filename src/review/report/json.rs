//! A review as JSON. The schema is versioned: fields are added, never changed. Units stand in the
//! names; times are RFC 3339 in UTC.

use jiff::Timestamp;
use serde::Serialize;

use super::{Document, lines, note};
use crate::model::{Clean, Health, Outcome};
use crate::review::line::{Difference, Line};
use crate::review::signoff::Scope;

/// The schema's name and version.
pub const SCHEMA: &str = "midwatch.review/1";

#[derive(Serialize)]
struct Out<'a> {
    schema: &'static str,
    at: Timestamp,
    since: Timestamp,
    scope: &'a Scope,
    /// What `midwatch review` exits with.
    exit_code: u8,
    pass: usize,
    warning: usize,
    fail: usize,
    could_not_check: usize,
    baseline: Option<Baseline>,
    lines: Vec<LineOut<'a>>,
    left_out: Vec<LeftOut<'a>>,
    complaints: &'a [Clean],
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    signed_by: Option<Clean>,
}

#[derive(Serialize)]
struct Baseline {
    at: Timestamp,
    who: Clean,
}

#[derive(Serialize)]
struct LineOut<'a> {
    id: &'a str,
    title: &'a str,
    outcome: Outcome,
    measured: &'a str,
    limit: &'a str,
    /// In the unit of the line: ratios 0…1, latencies in seconds, days.
    value: Option<f64>,
    /// None: there is nothing to compare with.
    differs: Option<bool>,
    was: Option<&'a str>,
    details: Vec<DetailOut<'a>>,
    note: Option<String>,
}

#[derive(Serialize)]
struct DetailOut<'a> {
    health: Health,
    text: &'a str,
}

#[derive(Serialize)]
struct LeftOut<'a> {
    title: &'a str,
    why: &'a str,
}

pub fn render(document: &Document<'_>) -> String {
    let review = document.review;
    let out = Out {
        schema: SCHEMA,
        at: review.at,
        since: review.since,
        scope: &review.scope,
        exit_code: review.exit_code(),
        pass: review.count(Outcome::Pass),
        warning: review.count(Outcome::Warning),
        fail: review.count(Outcome::Fail),
        could_not_check: review.count(Outcome::CouldNotCheck),
        baseline: review.baseline.as_ref().map(|b| Baseline { at: b.at, who: b.signer() }),
        lines: review.lines.iter().map(|line| line_out(document, line)).collect(),
        left_out: review.left_out.iter().map(|(title, why)| LeftOut { title, why }).collect(),
        complaints: &review.complaints,
        reason: lines(&document.draft.reason),
        signed_by: document.signed_by.map(Clean::new),
    };
    // Nothing in it can fail to be JSON: no map has keys that are not text.
    serde_json::to_string_pretty(&out).unwrap_or_default() + "\n"
}

fn line_out<'a>(document: &Document<'a>, line: &'a Line) -> LineOut<'a> {
    LineOut {
        id: line.id,
        title: line.title,
        outcome: line.outcome(),
        measured: &line.seen.verdict.measured,
        limit: &line.seen.verdict.limit,
        value: line.seen.value.as_ref().map(|v| v.v),
        differs: (line.difference != Difference::First).then(|| line.difference.differs()),
        was: match &line.difference {
            Difference::Changed(words) => Some(words),
            _ => None,
        },
        details: line.seen.details.iter().map(|d| DetailOut { health: d.health, text: &d.text }).collect(),
        note: note(document, line.id),
    }
}
