//! The text of a fence → commands that can be run one by one.

use std::ops::Range;

use super::lex::lex;
use super::token::{Script, Token, Word};
use super::{Command, native, parameters, risk};
use crate::model::Clean;
use crate::model::command::Risk;
use crate::runbook::document::Problem;

/// A line of a fence.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub text: &'a str,
    /// In the document, from 1.
    pub number: usize,
}

/// How a fence is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// As a script.
    Shell,
    /// As a terminal shows it: commands behind a prompt, and what they print.
    Console,
}

#[derive(Debug, Default)]
pub struct Split {
    pub commands: Vec<Command>,
    /// The comments behind the last command.
    pub closing: Vec<Clean>,
    pub problems: Vec<Problem>,
}

/// Takes a fence's lines apart. `whole`: it is one command, whatever stands in it.
pub fn split(lines: &[Line<'_>], dialect: Dialect, whole: bool) -> Split {
    let mut split = Split::default();
    match dialect {
        Dialect::Console if lines.iter().any(|l| prompted(l.text).is_some()) => {
            console(lines, whole, &mut split)
        }
        _ => shell(lines, whole, &mut split),
    }
    split
}

fn prompted(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("$ ")
}

/// Behind a prompt a command begins; it goes on while it is not complete, behind '> ' as a terminal
/// shows it. All other lines are what was printed.
fn console(lines: &[Line<'_>], whole: bool, split: &mut Split) {
    let mut entered: Vec<Line<'_>> = Vec::new();
    let mut rest = lines.iter().peekable();
    while let Some(line) = rest.next() {
        let Some(text) = prompted(line.text) else { continue };
        let from = entered.len();
        entered.push(Line { text, number: line.number });
        while goes_on(&entered[from..])
            && let Some(next) = rest.next_if(|next| prompted(next.text).is_none())
        {
            let text = next.text.trim_start();
            entered.push(Line { text: text.strip_prefix("> ").unwrap_or(text), number: next.number });
        }
        if !whole {
            shell(&entered, false, split);
            entered.clear();
        }
    }
    if whole {
        shell(&entered, true, split);
    }
}

fn goes_on(lines: &[Line<'_>]) -> bool {
    let text = joined(lines);
    // A hundred lines are no command that was typed: a quote stands in what was printed.
    let is_short = lines.len() < 100;
    is_short && (text.ends_with('\\') || lex(&text).open.is_some())
}

fn joined(lines: &[Line<'_>]) -> String {
    lines.iter().map(|l| l.text).collect::<Vec<_>>().join("\n")
}

fn shell(lines: &[Line<'_>], whole: bool, split: &mut Split) {
    let text = joined(lines);
    let script = lex(&text);
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let number = |at: usize| lines.get(ends.partition_point(|end| *end < at)).map_or(1, |l| l.number);
    if let Some((at, what)) = script.open {
        let before = text.get(..at).unwrap_or_default();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let what = format!("{what} that begins here is not closed; all that follows is one command with it");
        let next = Clean::new("close it");
        split.problems.push(Problem { line: number(at), column, what: Clean::new(&what), next });
    }
    let mut comment = Vec::new();
    for part in parts(&script, &text, whole) {
        match part {
            Part::Comment(range) => comment.extend(said(text.get(range).unwrap_or_default())),
            Part::Command(range) => {
                let line = number(range.start);
                let command = text.get(range).unwrap_or_default();
                split.commands.push(understood(command, line, std::mem::take(&mut comment)));
            }
        }
    }
    split.closing.append(&mut comment);
}

/// What a comment says; which interpreter a script is for says nothing.
fn said(comment: &str) -> Option<Clean> {
    let text = comment.trim_start_matches('#').trim();
    (!text.is_empty() && !text.starts_with('!')).then(|| Clean::new(text))
}

/// A command with all that is told about it.
fn understood(text: &str, line: usize, comment: Vec<Clean>) -> Command {
    let script = lex(text);
    let parameters = parameters::of(&script);
    let told = risk::told(&script, text, &parameters);
    let (native, namespace) = native::of(&script, text).unzip();
    let risk = told.risk();
    let risk = if native.is_some() && risk == Risk::Read { Risk::Change } else { risk };
    Command { text: text.to_owned(), line, risk, parameters, native, namespace: namespace.flatten(), comment }
}

enum Part {
    Comment(Range<usize>),
    Command(Range<usize>),
}

/// Commands and the comments between them. From one that changes the shell itself (a variable, the
/// directory, a function), all to the end is one command: run by itself, it would do nothing for the
/// others.
fn parts(script: &Script, text: &str, whole: bool) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut state = State::default();
    let mut start: Option<usize> = None;
    let mut end = 0;
    let mut sticky = whole;
    // Comments on lines of their own, of which it is not known yet whether more of the command follows.
    let mut trailing = Vec::new();
    for token in &script.tokens {
        match token {
            Token::Newline(at) => {
                if start.is_some() {
                    end = end.max(end_before(text, *at));
                }
                state.newline();
                if state.is_complete()
                    && !sticky
                    && let Some(begin) = start.take()
                {
                    parts.push(Part::Command(begin..end));
                    parts.extend(trailing.drain(..).map(Part::Comment));
                }
                continue;
            }
            Token::Comment(range) if start.is_none() => {
                parts.push(Part::Comment(range.clone()));
                continue;
            }
            Token::Comment(range) => {
                if text.get(..range.start).is_some_and(|t| t.trim_end_matches([' ', '\t']).ends_with('\n')) {
                    trailing.push(range.clone());
                }
                continue;
            }
            Token::Heredoc(_) => {}
            Token::Operator(operator, at) => {
                start.get_or_insert(*at);
                end = at + operator.len();
                sticky |= state.operator(operator);
            }
            Token::Redirect(operator, at) => {
                start.get_or_insert(*at);
                end = at + operator.len();
                state.complete();
            }
            Token::Word(word) => {
                start.get_or_insert(word.start);
                end = word.end;
                sticky |= state.word(word);
            }
        }
        trailing.clear();
    }
    if let Some(begin) = start {
        parts.push(Part::Command(begin..end.max(begin)));
    }
    parts.extend(trailing.drain(..).map(Part::Comment));
    parts
}

/// Where the text before a newline ends: a heredoc belongs to its command, spaces don't.
fn end_before(text: &str, newline: usize) -> usize {
    let before = text.get(..newline).unwrap_or_default();
    let line = before.strip_suffix('\n').unwrap_or(before);
    let last = line.rsplit('\n').next().unwrap_or_default().trim_start();
    if last.starts_with('#') { 0 } else { line.trim_end().len() }
}

/// Builtins after which the shell is another one.
pub(super) const STATEFUL: [&str; 24] = [
    "cd",
    "pushd",
    "popd",
    "export",
    "source",
    ".",
    "set",
    "shopt",
    "alias",
    "unalias",
    "declare",
    "typeset",
    "local",
    "readonly",
    "unset",
    "trap",
    "umask",
    "ulimit",
    "read",
    "mapfile",
    "readarray",
    "exec",
    "eval",
    "function",
];

/// Whether a command is complete.
#[derive(Default)]
struct State {
    /// What has to come for what is open.
    open: Vec<&'static str>,
    /// Behind '|' and '&&', and between the head of a function and its body.
    goes_on: bool,
    /// A word here is the name of a program, or a keyword: unlike an argument.
    is_argument: bool,
    is_function: bool,
    last_opened: bool,
}

impl State {
    fn is_complete(&self) -> bool {
        self.open.is_empty() && !self.goes_on
    }

    fn newline(&mut self) {
        self.is_argument = false;
    }

    /// A word or a redirection came: what waited for one has it.
    fn complete(&mut self) {
        self.goes_on = false;
        self.last_opened = false;
    }

    /// Whether it is the head of a function, which what follows needs.
    fn operator(&mut self, operator: &str) -> bool {
        let is_head = operator == ")" && self.last_opened;
        match operator {
            "(" => self.open.push(")"),
            ")" if self.open.last() == Some(&")") => _ = self.open.pop(),
            _ => {}
        }
        self.last_opened = operator == "(";
        self.goes_on = is_head || matches!(operator, "|" | "||" | "&&" | "|&");
        self.is_argument = operator == ")" && !is_head && self.open.last() != Some(&"esac");
        is_head
    }

    /// Whether the word changes the shell itself.
    fn word(&mut self, word: &Word) -> bool {
        self.complete();
        if self.is_argument {
            return false;
        }
        let bare = word.bare().unwrap_or_default();
        if std::mem::take(&mut self.is_function) {
            self.goes_on = true;
            return false;
        }
        let closes = match bare {
            "if" => Some("fi"),
            "while" | "until" | "for" | "select" => Some("done"),
            "case" => Some("esac"),
            "{" => Some("}"),
            _ => None,
        };
        if let Some(end) = closes {
            self.open.push(end);
            self.is_argument = matches!(bare, "for" | "select" | "case");
            return false;
        }
        match bare {
            "fi" | "done" | "esac" | "}" => {
                if self.open.last() == Some(&bare) {
                    self.open.pop();
                }
                self.is_argument = true;
                false
            }
            "then" | "do" | "else" | "elif" | "!" | "time" => false,
            "function" => {
                self.is_function = true;
                true
            }
            _ if parameters::assigned(word).is_some() => true,
            _ => {
                self.is_argument = true;
                STATEFUL.contains(&bare)
            }
        }
    }
}
