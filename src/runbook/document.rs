//! What a runbook says: sections, steps, and the prose around them. Plain data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check::Check;
use super::command::Command;
use crate::model::Clean;
use crate::model::command::Risk;

/// A Markdown file as it was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// The first heading, else the file's name without its extension.
    pub title: Clean,
    /// Of the file's bytes, in hexadecimal digits.
    pub sha256: String,
    /// The alerts that it is for: `alerts: [HighErrorRate]` in the front matter.
    pub alerts: Vec<Clean>,
    /// In the order of the file; the first is what stands before any heading.
    pub sections: Vec<Section>,
    /// In the order of the file.
    pub steps: Vec<Step>,
    /// What could not be understood; the rest can be used.
    pub problems: Vec<Problem>,
}

/// A heading and what stands below it, up to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    pub title: Clean,
    /// 1 to 6; 0 for what stands before any heading.
    pub level: u8,
    /// From 1.
    pub line: usize,
    /// The section that it is part of: an index into `Document::sections`.
    pub parent: Option<usize>,
    /// What stands before its first step, if that is an item, and after its last.
    pub prose: Vec<Prose>,
}

/// What does not ask for anything to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Prose {
    Paragraph(Clean),
    /// An item of a list that is no step, with how deep it is nested, from 0.
    Item(u8, Clean),
    /// Of a language that nothing is run in: output, YAML, SQL.
    Code(Clean, Vec<Clean>),
    /// The first row is the header.
    Table(Vec<Vec<Clean>>),
    Quote(Clean),
}

/// Which step of which document: the same while its section, its text and its place among its equals
/// are the same. Twelve hexadecimal digits.
pub type StepId = String;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// `- [ ]`.
    Task,
    /// `1.`
    Numbered,
    /// A fence with commands.
    Command,
    /// A fence that midwatch verifies.
    Check,
}

/// Something to do, to run, or to see.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub id: StepId,
    pub kind: StepKind,
    /// An index into `Document::sections`.
    pub section: usize,
    /// The step that it is nested in: an index into `Document::steps`.
    pub parent: Option<usize>,
    /// How deep it is nested in other steps, from 0.
    pub depth: u8,
    /// One line: the item's text; the name or the first line of a fence.
    pub text: Clean,
    /// As the document numbers it.
    pub number: Option<u64>,
    /// `- [x]`: the document says that it has been done. A walk begins anew.
    pub ticked: bool,
    /// From 1.
    pub line: usize,
    /// What stands before it, or in it (an item's), as explanation; and the output that is shown after
    /// a fence.
    pub prose: Vec<Prose>,
    /// Of a command step; and of an item whose text has commands as inline code, with no language.
    pub fence: Option<Fence>,
    /// Of a check step.
    pub check: Option<Result<Check, Problem>>,
}

/// A fence whose lines can be run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fence {
    /// `sh`, `bash`.
    pub language: Clean,
    pub attributes: Attributes,
    /// One by one; a fence with attributes is one command, as other tools run it.
    pub commands: Vec<Command>,
    /// What the comments after the last command say; all there is where a fence has no command.
    pub closing: Vec<Clean>,
}

/// What a fence's info string says, as JSON.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes {
    pub name: Option<String>,
    /// Else it is told from the command.
    pub risk: Option<Risk>,
    pub timeout: Option<Duration>,
    pub expect: Option<Expect>,
    /// The name of the fence that undoes it.
    pub undo: Option<String>,
    /// Whether its output is evidence; it is unless it says otherwise.
    pub evidence: Option<bool>,
}

/// What has to be seen for the command to have done what it is for. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// 0 where nothing is said.
    pub exit: i32,
    /// A part of what is written to standard output.
    pub stdout: Option<String>,
    /// What standard output, read as JSON, must at least have.
    pub json: Option<serde_json::Value>,
}

/// What could not be understood, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub what: Clean,
    /// What to do about it; may be empty.
    pub next: Clean,
}

impl Step {
    /// In one line: what it says, or what a check wants to see.
    pub fn title(&self) -> String {
        match &self.check {
            Some(Ok(check)) => check.words(),
            _ => self.text.to_string(),
        }
    }

    pub fn has_commands(&self) -> bool {
        self.fence.as_ref().is_some_and(|f| !f.commands.is_empty())
    }

    /// It is a check that passes while something is wrong.
    pub fn confirms_trouble(&self) -> bool {
        matches!(&self.check, Some(Ok(check)) if check.confirms_trouble())
    }
}

impl Document {
    /// The titles from the outermost section to the one at `section`.
    pub fn path(&self, section: usize) -> Vec<&Clean> {
        let mut path: Vec<&Clean> = std::iter::successors(self.sections.get(section), |s| {
            s.parent.and_then(|p| self.sections.get(p))
        })
        .filter(|s| s.level > 0)
        .map(|s| &s.title)
        .collect();
        path.reverse();
        path
    }
}
