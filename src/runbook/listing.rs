//! A document's steps as they were understood, for `walk --list`: to see before the incident what midwatch
//! makes of a runbook.
//!
//! The JSON is flat: `title`, `sha256`, `alerts`, `steps` in the order of the file, and `problems`. A step
//! has `id`, `kind` (`task`, `numbered`, `command`, `check`), `section` (the titles from the outermost on),
//! `text`, `line`, `depth` (how many steps it is nested in), and where they apply `number`, `ticked`,
//! `parent` (the id of the step that it is nested in), `name`, and `commands`: each with `text`, `line`,
//! `risk` (`read`, `change`, `destroy`), `parameters`, and `native`, `namespace` and `comment` where there
//! are any. A command's text is as it is written, with whatever it has in it; JSON escapes it.

use std::fmt::Write as _;

use serde::Serialize;

use super::command::{Command, Native};
use super::document::{Document, Problem, Step, StepKind};
use crate::model::Clean;

#[derive(Serialize)]
pub struct Listing<'a> {
    title: &'a Clean,
    sha256: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    alerts: &'a [Clean],
    steps: Vec<ListedStep<'a>>,
    problems: &'a [Problem],
}

#[derive(Serialize)]
struct ListedStep<'a> {
    id: &'a str,
    kind: StepKind,
    section: Vec<&'a Clean>,
    text: &'a Clean,
    line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ticked: bool,
    depth: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    commands: Vec<ListedCommand<'a>>,
}

#[derive(Serialize)]
struct ListedCommand<'a> {
    text: &'a str,
    line: usize,
    risk: &'static str,
    parameters: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    native: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    comment: &'a [Clean],
}

impl<'a> Listing<'a> {
    pub fn new(document: &'a Document) -> Self {
        Self {
            title: &document.title,
            sha256: &document.sha256,
            alerts: &document.alerts,
            steps: document.steps.iter().map(|step| listed(document, step)).collect(),
            problems: &document.problems,
        }
    }
}

/// The listing as JSON, indented.
///
/// # Errors
/// None that a document could cause.
pub fn json(document: &Document) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&Listing::new(document)).map(|text| text + "\n")
}

fn listed<'a>(document: &'a Document, step: &'a Step) -> ListedStep<'a> {
    let fence = step.fence.as_ref();
    ListedStep {
        id: &step.id,
        kind: step.kind,
        section: document.path(step.section),
        text: &step.text,
        line: step.line,
        number: step.number,
        ticked: step.ticked,
        depth: step.depth,
        parent: step.parent.and_then(|p| document.steps.get(p)).map(|p| p.id.as_str()),
        name: fence.and_then(|f| f.attributes.name.as_deref()),
        commands: fence.map(|f| f.commands.iter().map(command).collect()).unwrap_or_default(),
    }
}

fn command(command: &Command) -> ListedCommand<'_> {
    ListedCommand {
        text: &command.text,
        line: command.line,
        risk: command.risk.name(),
        parameters: &command.parameters,
        native: command.native.as_ref().map(words),
        namespace: command.namespace.as_deref(),
        comment: &command.comment,
    }
}

/// midwatch's own action, as it is listed.
pub fn words(native: &Native) -> String {
    match native {
        Native::Scale { workload, replicas } => {
            format!("scale {workload} to {}", replicas.as_deref().unwrap_or("?"))
        }
        Native::Restart { workload } => format!("restart {workload}"),
        Native::RollBack { workload, revision: Some(revision) } => {
            format!("roll back {workload} to revision {revision}")
        }
        Native::RollBack { workload, revision: None } => format!("roll back {workload}"),
        Native::DeletePod { pod } => format!("delete pod {pod}"),
        Native::Flush => "flush the cache".to_owned(),
    }
}

/// The same for people: sections, and a line a step.
pub fn text(document: &Document) -> String {
    let mut out = format!("{}\n", document.title);
    let mut section = None;
    for step in &document.steps {
        if section.replace(step.section) != Some(step.section) {
            let path: Vec<&str> = document.path(step.section).iter().map(|t| t.as_str()).collect();
            _ = write!(out, "\n{}\n", path.join(" / "));
        }
        let indent = "  ".repeat(usize::from(step.depth).min(10) + 1);
        let mark = match (step.kind, step.number) {
            (StepKind::Task, _) => "[ ]".to_owned(),
            (StepKind::Numbered, number) => format!("{}.", number.unwrap_or_default()),
            (StepKind::Command, _) => "run".to_owned(),
            (StepKind::Check, _) => "check".to_owned(),
        };
        _ = writeln!(out, "{:>5}{indent}{mark} {}", step.line, step.text);
        for command in step.fence.iter().flat_map(|fence| &fence.commands) {
            let own = command.native.as_ref().map(|n| format!("   [{}]", words(n))).unwrap_or_default();
            for (index, line) in command.text.lines().enumerate() {
                let risk = if index == 0 { command.risk.name() } else { "" };
                let own = if index == 0 { own.as_str() } else { "" };
                _ = writeln!(out, "     {indent}    {risk:<8}{}{}", Clean::new(line), Clean::new(own));
            }
        }
    }
    for problem in &document.problems {
        _ = write!(out, "\n{}:{}: {}", problem.line, problem.column, problem.what);
        if !problem.next.is_empty() {
            _ = write!(out, "; {}", problem.next);
        }
    }
    if !document.problems.is_empty() {
        out.push('\n');
    }
    out
}
