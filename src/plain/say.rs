//! What is printed: the step, the outline, the plan. Words stand where the screen has marks.

use std::io::{Result, Write};

use super::views;
use crate::model::action::{Check, Difference, Preview, Question, Verdict};
use crate::model::command::Risk;
use crate::model::{Clean, Outcome};
use crate::runbook::document::{Prose, StepKind};
use crate::runbook::walk::{Status, judge};
use crate::state::actions::{Dialog, Stage};
use crate::state::walk::{Asking, WalkView};
use crate::state::{Notice, Overlay, State};
use crate::ui::human;

pub fn notice(state: &State, notice: &Notice, out: &mut impl Write) -> Result<()> {
    let at = human::moment(notice.at, state.now);
    writeln!(out, "{at} {}: {}", notice.health.word(), Clean::new(&notice.text))
}

/// What has to change for the step to be printed anew.
pub fn signature(view: &WalkView) -> String {
    let step = view.step();
    let state = step.and_then(|s| view.walk.steps.get(&s.id));
    format!("{:?} {:?} {}", step.map(|s| &s.id), state.map(|s| (&s.status, s.done.len())), view.is_writing)
        .replace(" true", " false")
}

pub fn outline(state: &State, out: &mut impl Write) -> Result<()> {
    let Some(view) = state.open_walk() else { return writeln!(out, "no runbook is open") };
    let mut section = None;
    for (i, step) in view.steps().enumerate() {
        if section != Some(step.section) {
            section = Some(step.section);
            let path: Vec<&str> = view.document.path(step.section).iter().map(|t| t.as_str()).collect();
            writeln!(out, "{}", path.join(" > "))?;
        }
        let word = match view.broken(step) {
            Some(v) if v.outcome == Outcome::CouldNotCheck => "verified, and not seen now",
            Some(_) => "verified, and holds no more",
            None => view.walk.status(&step.id).word(),
        };
        let here = if i == view.at { ", here" } else { "" };
        writeln!(out, "  {}. {} [{word}{here}]", i + 1, view.title(step))?;
    }
    Ok(())
}

pub fn step(state: &State, view: &WalkView, out: &mut impl Write) -> Result<()> {
    let Some(step) = view.step() else { return Ok(()) };
    let status = &view.walk.status(&step.id);
    let words =
        if status.words().is_empty() { String::new() } else { format!(": {}", Clean::new(status.words())) };
    writeln!(out)?;
    writeln!(out, "Step {} of {}, {}{words}", view.at + 1, view.shown.len(), status.word())?;
    let number = step.number.map(|n| format!("{n}. ")).unwrap_or_default();
    writeln!(out, "{number}{}", view.title(step))?;
    for part in &step.prose {
        prose(part, out)?;
    }
    if let Some(fence) = &step.fence {
        let next = view.next_command(step).map(|(i, _)| i);
        for (i, command) in fence.commands.iter().enumerate() {
            let risk = match command.risk {
                Risk::Read => "only looks",
                Risk::Change => "changes something",
                Risk::Destroy => "destroys something",
            };
            let here = if next == Some(i) { "next: " } else { "" };
            let text = judge::filled(&command.text, &view.walk.parameters);
            let lines: Vec<String> = text.lines().map(|l| Clean::new(l).to_string()).collect();
            writeln!(out, "  {here}{} ({risk})", lines.join("\n  "))?;
        }
    }
    if let Some(check) = &step.check {
        match check {
            Ok(check) => {
                let filled = check.filled(&view.walk.parameters).unwrap_or_else(|_| check.clone());
                writeln!(out, "expected: {}", filled.words())?;
            }
            Err(p) => {
                writeln!(out, "this check can't be read: line {}, column {}: {}", p.line, p.column, p.what)?
            }
        }
    }
    if let Some(now) = view.now.get(&step.id) {
        let limit = if now.limit.is_empty() { String::new() } else { format!(", {}", now.limit) };
        writeln!(out, "now: {}: {}{limit}", now.outcome.word(), now.measured)?;
    }
    if state.open_walk().is_some_and(|v| v.walk.settled().0 == v.shown.len()) {
        return writeln!(out, "every step is settled: 'report' finishes the walk");
    }
    match (status, step.kind) {
        (Status::ToDo | Status::Failed(_), StepKind::Check) => writeln!(out, "'do' checks it now"),
        (Status::ToDo | Status::Failed(_), _) if step.has_commands() => writeln!(out, "'do' runs it"),
        (Status::ToDo, _) if view.first_within(step).is_some() => {
            writeln!(out, "'do' goes to its own steps")
        }
        (Status::ToDo, _) => writeln!(out, "'tick' when it is done"),
        (Status::Unknown(_), _) => {
            writeln!(out, "'tick' it was done, 'skip REASON', or 'undo' makes it to do again")
        }
        (Status::Running(_), _) => Ok(()),
        _ => writeln!(out, "'do' goes on to the next step that is open"),
    }
}

fn prose(prose: &Prose, out: &mut impl Write) -> Result<()> {
    match prose {
        Prose::Paragraph(text) | Prose::Quote(text) => writeln!(out, "  {text}"),
        Prose::Item(depth, text) => writeln!(out, "  {}- {text}", "  ".repeat(usize::from(*depth).min(4))),
        Prose::Code(_, lines) => lines.iter().try_for_each(|line| writeln!(out, "    {line}")),
        Prose::Table(rows) => rows.iter().try_for_each(|row| {
            let cells: Vec<&str> = row.iter().map(|c| c.as_str()).collect();
            writeln!(out, "  {}", cells.join("; "))
        }),
    }
}

/// What is asked in one line; empty where nothing is.
pub fn question(state: &State) -> String {
    let Some(Overlay::Text(entry)) = &state.view.overlay else { return String::new() };
    let field = entry.text();
    let now = if field.is_empty() { String::new() } else { format!(" (empty line: {})", Clean::new(&field)) };
    let error = entry.error.as_ref().map(|e| format!("{e}. ")).unwrap_or_default();
    let asked = match state.open_walk().and_then(|view| view.asking.as_ref()) {
        Some(Asking::Attest(_)) => "done, as you say; a note, or an empty line".to_owned(),
        Some(Asking::Skip(_)) => "skip it, because".to_owned(),
        Some(Asking::Note(_)) => "note".to_owned(),
        Some(Asking::Parameter { name, offers, .. }) => {
            let others = if offers.len() > 1 {
                format!("; others: {}", offers[1..].join(", "))
            } else {
                String::new()
            };
            format!("{}{others}", Clean::new(name))
        }
        Some(Asking::Search) | None => "find".to_owned(),
    };
    format!("{error}{asked}{now}; - leaves it:")
}

/// What has to change for the dialog to be printed anew, and its number where it waits to be read.
pub fn dialog_signature(state: &State) -> (String, Option<u64>) {
    let Some(Overlay::Dialog(dialog)) = &state.view.overlay else { return (String::new(), None) };
    let (stage, waits) = match &dialog.stage {
        Stage::Planning => ("planning".to_owned(), false),
        Stage::Asking { question, .. } => (format!("{question:?}"), false),
        Stage::Shown(shown) => (shown.preview.plan.clone(), true),
        Stage::Confirming(_) => ("confirming".to_owned(), false),
        Stage::Failed(failure) => (failure.happened.to_string(), false),
    };
    (format!("{} {stage}", dialog.id), waits.then_some(dialog.id))
}

pub fn dialog(state: &State, dialog: &Dialog, out: &mut impl Write) -> Result<()> {
    let title = format!("{} {}", dialog.request.action.title(), dialog.request.subject.words());
    match &dialog.stage {
        Stage::Planning => writeln!(out, "{title}: looking at what is there"),
        Stage::Confirming(_) => writeln!(out, "{title}: confirmed"),
        Stage::Failed(f) => writeln!(out, "{title}: not possible. {}: {}. {}", f.tried, f.happened, f.next),
        Stage::Asking { question, .. } => asked(question, out),
        Stage::Shown(shown) => plan(state, dialog, &shown.preview, &title, out),
    }
}

/// All that the dialog shows, what blocks first.
fn plan(state: &State, dialog: &Dialog, p: &Preview, title: &str, out: &mut impl Write) -> Result<()> {
    writeln!(out)?;
    writeln!(out, "PLAN: {title}")?;
    if let Some(moved) = &dialog.moved {
        writeln!(out, "nothing was done: {moved}. This is the plan as it would be now:")?;
    }
    let blocked = p.blocked();
    blocked.into_iter().try_for_each(|c| check(c, out))?;
    let protected = if p.protected { ", protected" } else { "" };
    let (cluster, context, namespace, uid) = (&p.cluster, &p.context, &p.subject.namespace, &p.subject.uid);
    writeln!(out, "on {cluster} (context {context}{protected}), namespace {namespace}")?;
    if !uid.is_empty() {
        writeln!(out, "uid {uid}")?;
    }
    for (name, before) in &p.before {
        let after = p.after.get(name).map_or("", String::as_str);
        writeln!(out, "changes {} from {} to {}", Clean::new(name), Clean::new(before), Clean::new(after))?;
    }
    for line in &p.change {
        match line {
            Difference::Same(text) => writeln!(out, "    {text}")?,
            Difference::Removed(text) => writeln!(out, "  removes {text}")?,
            Difference::Added(text) => writeln!(out, "  adds {text}")?,
        }
    }
    writeln!(out, "touches: {}", p.touches)?;
    if !p.lasts.is_empty() {
        writeln!(out, "lasts: {}", p.lasts)?;
    }
    if let Some(serves) = state.serving(&p.subject) {
        writeln!(out, "serves: {serves}")?;
    }
    writeln!(out, "undo: {}", p.undo)?;
    p.checks.iter().filter(|c| Some(*c) != blocked).try_for_each(|c| check(c, out))?;
    if blocked.is_some() {
        return writeln!(out, "it can't be done; an empty line leaves:");
    }
    let name = p.type_name.as_ref().map_or("yes", |name| name.as_str());
    let reason = if p.reason_required { " REASON" } else { " [REASON]" };
    let act = if p.approval_missing { "to ask for approval" } else { "to do it" };
    writeln!(out, "type '{name}{reason}' within a minute {act}; an empty line leaves:")
}

fn check(check: &Check, out: &mut impl Write) -> Result<()> {
    let word = match check.verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "WARNING",
        Verdict::Blocks => "BLOCKS",
    };
    writeln!(out, "{word}: {}: {}", check.about, check.words)
}

fn asked(question: &Question, out: &mut impl Write) -> Result<()> {
    match question {
        Question::Number { label, now, hint, problem, .. } => {
            let problem = problem.as_ref().map(|p| format!("{p}. ")).unwrap_or_default();
            let hint = views::spoken(hint).replace("(tab takes it)", "('advised' takes it)");
            writeln!(out, "{problem}{label}, a number; now {now}. {hint} - leaves:")
        }
        Question::Text { label, now, hint, problem, .. } => {
            let problem = problem.as_ref().map(|p| format!("{p}. ")).unwrap_or_default();
            let now =
                if now.is_empty() { String::new() } else { format!("; empty line: {}", Clean::new(now)) };
            writeln!(out, "{problem}{label}{now}. {hint} - leaves:")
        }
        Question::Pick { label, options, chosen, .. } => {
            writeln!(out, "{label}? (empty line: {}; - leaves)", chosen + 1)?;
            for (i, option) in options.iter().enumerate() {
                writeln!(out, "  {}. {}", i + 1, option.label)?;
                for line in &option.difference {
                    match line {
                        Difference::Same(_) => {}
                        Difference::Removed(text) => writeln!(out, "       removes {text}")?,
                        Difference::Added(text) => writeln!(out, "       adds {text}")?,
                    }
                }
            }
            Ok(())
        }
    }
}
