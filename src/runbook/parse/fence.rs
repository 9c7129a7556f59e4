//! A code block: commands, a check, or text to be read.

use std::ops::Range;

use super::attributes;
use super::place::Lines;
use crate::model::Clean;
use crate::runbook::check::Check;
use crate::runbook::command::{self, Dialect, Line};
use crate::runbook::document::{Fence, Problem, Prose};

/// A code block while it is being read.
pub struct Block {
    /// All of it in the source, with its fences.
    range: Range<usize>,
    is_fenced: bool,
    text: String,
    /// The source lines of the text's lines, as far as they were told.
    lines: Vec<usize>,
}

/// What a code block is.
pub enum Content {
    Commands(Fence),
    Check(Result<Check, Problem>),
    Prose(Prose),
}

pub struct Understood {
    pub content: Content,
    pub line: usize,
    /// What a step of it is called.
    pub title: Clean,
    /// By which it is told from others: the text as it is written, with the info string.
    pub raw: String,
    pub problems: Vec<Problem>,
}

impl Block {
    pub fn new(range: Range<usize>, is_fenced: bool) -> Self {
        Self { range, is_fenced, text: String::new(), lines: Vec::new() }
    }

    /// Takes a part of the text, which begins at a byte offset of the source.
    pub fn push(&mut self, text: &str, offset: usize, lines: &Lines<'_>) {
        for (line, part) in (lines.line(offset)..).zip(text.split_inclusive('\n')) {
            if self.text.is_empty() || self.text.ends_with('\n') {
                self.lines.push(line);
            }
            self.text.push_str(part);
        }
    }

    pub fn finish(self, source: &str, lines: &Lines<'_>) -> Understood {
        let line = lines.line(self.range.start);
        let whole = source.get(self.range.clone()).unwrap_or_default();
        let (info, info_at) = if self.is_fenced { info(whole) } else { ("", 0) };
        let mut problems = Vec::new();
        if self.is_fenced && !is_closed(whole) {
            let last = lines.line(self.range.end.saturating_sub(1).max(self.range.start));
            let what = format!("the code fence is not closed: all up to line {last} is taken as its text");
            problems.push(lines.problem(
                self.range.start,
                &what,
                "close it with the same fence on a line of its own",
            ));
        }
        let at = info.find(|c: char| c.is_whitespace() || c == '{').unwrap_or(info.len());
        let (language, rest) = info.split_at(at);
        let after = rest.trim_start();
        let after_at = self.range.start + info_at + at + (rest.len() - after.len());
        let is_check =
            language.eq_ignore_ascii_case("toml") && after.split_whitespace().next() == Some("check");
        let mut title =
            Clean::new(self.text.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default());
        let raw = format!("{info}\n{}", self.text);
        let content = if is_check {
            let meaning = self.text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'));
            title = Clean::new(meaning.unwrap_or("an empty check"));
            let check = Check::parse(&self.text, self.lines.first().copied().unwrap_or(line + 1));
            problems.extend(check.as_ref().err().cloned());
            Content::Check(check)
        } else if let Some(dialect) = dialect(language, self.is_fenced, &self.text) {
            let (fence, name) = self.commands(language, dialect, after, after_at, lines, &mut problems);
            title = name.unwrap_or(title);
            Content::Commands(fence)
        } else {
            Content::Prose(Prose::Code(Clean::new(language), self.text.lines().map(Clean::new).collect()))
        };
        Understood { content, line, title, raw, problems }
    }

    fn commands(
        &self,
        language: &str,
        dialect: Dialect,
        after: &str,
        after_at: usize,
        lines: &Lines<'_>,
        problems: &mut Vec<Problem>,
    ) -> (Fence, Option<Clean>) {
        let read = attributes::read(after, after_at, lines);
        let source: Vec<Line<'_>> = self
            .text
            .lines()
            .zip(self.lines.iter().copied().chain(std::iter::repeat(self.lines.last().copied().unwrap_or(1))))
            .map(|(text, number)| Line { text, number })
            .collect();
        let split = command::split(&source, dialect, read.is_given);
        problems.extend(read.problems.iter().cloned());
        problems.extend(split.problems);
        let mut commands = split.commands;
        for command in &mut commands {
            let told = read.attributes.risk;
            if let Some(problem) = command::settle_risk(command, told, !read.problems.is_empty()) {
                problems.push(lines.problem(after_at, &problem, "say \"change\" or \"destroy\""));
            }
        }
        let name = read.attributes.name.as_deref().map(Clean::new);
        let first = commands.first().and_then(|c| c.text.lines().next()).map(|l| Clean::new(l.trim()));
        let title = name.or(first).or_else(|| split.closing.first().cloned());
        let fence = Fence {
            language: Clean::new(language),
            attributes: read.attributes,
            commands,
            closing: split.closing,
        };
        (fence, title)
    }
}

/// What commands are written in. All five documents that midwatch was made for name the shell of each
/// fence with commands, and leave none without a name; so what has no name is output or a file, and is
/// not offered to be run, unless it shows a shell's prompt.
fn dialect(language: &str, is_fenced: bool, text: &str) -> Option<Dialect> {
    let prompted =
        || text.lines().find(|l| !l.trim().is_empty()).is_some_and(|l| l.trim_start().starts_with("$ "));
    match language.to_ascii_lowercase().as_str() {
        "sh" | "bash" | "shell" | "zsh" if prompted() => Some(Dialect::Console),
        "sh" | "bash" | "shell" | "zsh" => Some(Dialect::Shell),
        "console" | "shell-session" | "shellsession" | "sh-session" | "terminal" => Some(Dialect::Console),
        "" if is_fenced && prompted() => Some(Dialect::Console),
        _ => None,
    }
}

/// The info string as it is written (the parser takes backslashes out of it, and JSON needs them), and
/// where in the block it begins.
fn info(block: &str) -> (&str, usize) {
    let first = block.lines().next().unwrap_or_default();
    let mark = first.chars().next().unwrap_or('`');
    let rest = first.trim_start_matches(mark);
    let text = rest.trim_start();
    (text.trim_end(), first.len() - text.len())
}

/// Whether the last line is a closing fence.
fn is_closed(block: &str) -> bool {
    let mut lines = block.trim_end().lines();
    let first = lines.next().unwrap_or_default();
    let Some(mark) = first.chars().next() else { return false };
    let length = first.len() - first.trim_start_matches(mark).len();
    // Before it may stand what marks the containers: quotes and indentation.
    let last = lines.next_back().unwrap_or_default().trim().trim_start_matches(['>', ' ', '\t']);
    last.len() >= length && last.chars().all(|c| c == mark)
}
