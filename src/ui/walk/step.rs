//! The step's pane: its text, its commands, what is expected, what was seen, and what Enter does.

use ratatui::text::{Line, Span};

use crate::input::Command;
use crate::model::Health;
use crate::model::command::{Risk, Stream};
use crate::runbook::document::{Prose, Step, StepKind};
use crate::runbook::walk::{Evidence, Status, StepState, judge};
use crate::state::walk::WalkView;
use crate::ui::human;
use crate::ui::paint::{Paint, fit, width, wrap};
use crate::ui::theme::Role;

/// Lines of output shown below a step: the end of it.
const OUTPUT: usize = 200;

/// The lines of the step's pane, as they are made.
pub struct Lines<'a, 'b> {
    pub paint: &'a Paint<'b>,
    pub width: usize,
    pub lines: Vec<Line<'static>>,
}

impl Lines<'_, '_> {
    fn blank(&mut self) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
    }

    fn text(&mut self, text: &str, role: Role) {
        self.labelled("", text, role);
    }

    /// Text after a word that says what it is, wrapped beneath itself.
    fn labelled(&mut self, label: &str, text: &str, role: Role) {
        let indent = if label.is_empty() { 0 } else { 11 };
        for (i, row) in wrap(text, self.width.saturating_sub(indent)).into_iter().enumerate() {
            let label = if i == 0 { label } else { "" };
            let mut spans = Vec::new();
            if indent > 0 {
                spans.push(self.paint.span(fit(label, indent), Role::Dim));
            }
            spans.push(self.paint.span(row, role));
            self.lines.push(Line::from(spans));
        }
    }

    fn health(&mut self, label: &str, health: Health, text: &str) {
        let (mark, style) = (self.paint.mark(health), self.paint.health_style(health));
        for (i, row) in wrap(text, self.width.saturating_sub(13)).into_iter().enumerate() {
            let (label, mark) = if i == 0 { (label, mark) } else { ("", " ") };
            self.lines.push(Line::from(vec![
                self.paint.span(fit(label, 11), Role::Dim),
                Span::styled(format!("{mark} "), style),
                Span::styled(row, style),
            ]));
        }
    }

    pub fn step(&mut self, view: &WalkView, step: &Step) {
        self.section(view, step);
        if let Some(parent) = step.parent.and_then(|p| view.document.steps.get(p)) {
            let number = parent.number.map(|n| format!("{n}. ")).unwrap_or_default();
            self.text(&format!("{number}{}", parent.text), Role::Dim);
        }
        let number = step.number.map(|n| format!("{n}. ")).unwrap_or_default();
        self.text(&format!("{number}{}", view.title(step)), Role::Title);
        step.prose.iter().for_each(|p| self.prose(p));
        self.commands(view, step);
        self.expectation(view, step);
        let state = view.walk.steps.get(&step.id).cloned().unwrap_or_default();
        self.standing(&view.walk.status(&step.id), &state);
        self.notes(&state);
        self.evidence(&state.evidence);
        self.output(view, step, &state);
        self.keys(view, step);
    }

    /// What stands below the heading, at the first step of a section.
    fn section(&mut self, view: &WalkView, step: &Step) {
        let path: Vec<String> =
            view.document.path(step.section).iter().skip(1).map(ToString::to_string).collect();
        if !path.is_empty() {
            self.text(&path.join(" › "), Role::Header);
        }
        let prose: Vec<Prose> = view.led_by(step).iter().flat_map(|s| s.prose.clone()).collect();
        if !prose.is_empty() {
            prose.iter().for_each(|p| self.prose(p));
            self.blank();
        }
    }

    fn prose(&mut self, prose: &Prose) {
        match prose {
            Prose::Paragraph(text) => self.text(text, Role::Dim),
            Prose::Item(depth, text) => {
                let indent = "  ".repeat(usize::from(*depth).min(4));
                self.text(&format!("{indent}· {text}"), Role::Dim);
            }
            Prose::Quote(text) => self.text(&format!("│ {text}"), Role::Warning),
            Prose::Code(_, lines) => {
                for line in lines {
                    self.lines.push(Line::from(self.paint.span(format!("    {line}"), Role::Dim)));
                }
            }
            Prose::Table(rows) => self.table(rows),
        }
    }

    fn table(&mut self, rows: &[Vec<crate::model::Clean>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let most = self.width / columns.max(1);
        let widths: Vec<usize> = (0..columns)
            .map(|c| {
                rows.iter().filter_map(|r| r.get(c)).map(|t| width(t)).max().unwrap_or(0).min(most.max(6))
            })
            .collect();
        for (i, row) in rows.iter().enumerate() {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(text, w)| fit(text, *w)).collect();
            let role = if i == 0 { Role::Header } else { Role::Dim };
            self.lines.push(Line::from(self.paint.span(format!("  {}", cells.join("  ")), role)));
        }
    }

    fn commands(&mut self, view: &WalkView, step: &Step) {
        let Some(fence) = &step.fence else { return };
        let state = view.walk.steps.get(&step.id);
        let done = state.map(|s| s.done.as_slice()).unwrap_or_default();
        let next = view.next_command(step).map(|(i, _)| i);
        self.blank();
        for (i, command) in fence.commands.iter().enumerate() {
            let (word, role) = match command.risk {
                Risk::Read => ("reads", Role::Dim),
                Risk::Change => ("changes", Role::Warning),
                Risk::Destroy => ("destroys", Role::Critical),
            };
            let sign = match (done.contains(&i), next == Some(i), self.paint.ascii()) {
                (true, _, false) => "● ",
                (true, _, true) => "o ",
                (false, true, false) => "▸ ",
                (false, true, true) => "> ",
                _ => "  ",
            };
            let shown = judge::filled(&command.text, &view.walk.parameters);
            for (n, line) in shown.lines().enumerate() {
                let line = crate::model::Clean::new(line);
                let label = if n == 0 { word } else { "" };
                let room = self.width.saturating_sub(12);
                for (m, row) in wrap(&line, room).into_iter().enumerate() {
                    let sign = if n + m == 0 { sign } else { "  " };
                    let label = if m == 0 { label } else { "" };
                    self.lines.push(Line::from(vec![
                        self.paint.span(sign, Role::Ok),
                        self.paint.span(fit(&row, room), Role::Text),
                        self.paint.span(format!(" {label}"), role),
                    ]));
                }
            }
        }
        let missing: Vec<String> = next
            .and_then(|i| fence.commands.get(i))
            .map(|c| {
                c.parameters.iter().filter(|p| !view.walk.parameters.contains_key(*p)).cloned().collect()
            })
            .unwrap_or_default();
        if !missing.is_empty() {
            self.labelled("asks for", &missing.join(", "), Role::Text);
        }
    }

    fn expectation(&mut self, view: &WalkView, step: &Step) {
        if let Some(expect) = step.fence.as_ref().and_then(|f| f.attributes.expect.as_ref()) {
            let expect = judge::of_walk(expect, &view.walk.parameters);
            let mut parts = vec![format!("exit {}", expect.exit)];
            parts.extend(
                expect.stdout.as_ref().map(|t| format!("'{}' in its output", crate::model::Clean::new(t))),
            );
            parts.extend(
                expect
                    .json
                    .as_ref()
                    .map(|j| format!("JSON with {}", crate::model::Clean::new(&j.to_string()))),
            );
            self.labelled("expected", &parts.join(", "), Role::Text);
        }
        if let Some(undo) = step.fence.as_ref().and_then(|f| f.attributes.undo.as_ref()) {
            self.labelled("undone by", &crate::model::Clean::new(undo), Role::Text);
        }
        match &step.check {
            Some(Ok(check)) => {
                self.blank();
                let filled = check.filled(&view.walk.parameters).unwrap_or_else(|_| check.clone());
                self.labelled("expected", &filled.words(), Role::Text);
            }
            Some(Err(problem)) => {
                self.blank();
                let words = format!("line {}, column {}: {}", problem.line, problem.column, problem.what);
                self.labelled("check", &words, Role::Critical);
                self.labelled("", &problem.next, Role::Dim);
            }
            None => {}
        }
        if let Some(now) = view.now.get(&step.id) {
            let limit = if now.limit.is_empty() { String::new() } else { format!(", {}", now.limit) };
            self.health("now", now.outcome.health(), &format!("{}{limit}", now.measured));
        }
    }

    fn standing(&mut self, status: &Status, state: &StepState) {
        if *status == Status::ToDo && state.by.is_none() {
            return;
        }
        self.blank();
        let by = state
            .by
            .as_ref()
            .map(|(at, who)| format!(" by {who} at {}", human::clock(*at)))
            .unwrap_or_default();
        let words = status.words();
        let words = if words.is_empty() { String::new() } else { format!(": {words}") };
        let health = match status {
            Status::Verified(_) => Some(Health::Ok),
            Status::Failed(_) => Some(Health::Critical),
            Status::Unknown(_) => Some(Health::Unknown),
            Status::Running(_) => Some(Health::Progress),
            Status::ToDo | Status::Attested(_) | Status::Skipped(_) => None,
        };
        let text = format!("{}{by}{words}", status.word());
        match health {
            Some(health) => self.health("state", health, &text),
            None => self.labelled("state", &text, Role::Text),
        }
    }

    fn notes(&mut self, state: &StepState) {
        for note in &state.notes {
            let head = format!("{} {}: ", human::clock(note.at), note.who);
            for (i, line) in note.text.lines().enumerate() {
                let head = if i == 0 { head.as_str() } else { "" };
                self.labelled(
                    if i == 0 { "note" } else { "" },
                    &format!("{head}{}", crate::model::Clean::new(line)),
                    Role::Text,
                );
            }
        }
    }

    fn evidence(&mut self, evidence: &[(usize, Evidence)]) {
        for (_, e) in evidence.iter().rev().take(3).rev() {
            let words = e.failed.as_ref().unwrap_or(&e.words);
            let kept = if e.file.is_empty() {
                "no output".to_owned()
            } else {
                format!("{} of output", human::bytes(e.bytes))
            };
            self.labelled("evidence", &format!("{words}; {kept} on {}", e.host), Role::Text);
        }
    }

    /// The end of what the command writes: live, or what it has written in this session.
    fn output(&mut self, view: &WalkView, step: &Step, state: &StepState) {
        let operation = state.under_way.as_ref().map(|u| u.operation.as_str()).filter(|o| !o.is_empty());
        let operation = operation.and_then(|id| self.paint.state.operations.iter().find(|o| o.id == id));
        if let Some(operation) = operation {
            self.labelled("under way", crate::ui::operations::words(operation), Role::Text);
        }
        let output = operation.and_then(|o| o.output.as_ref()).or_else(|| view.output.get(&step.id));
        let Some(output) = output.filter(|o| !o.lines.is_empty()) else { return };
        self.blank();
        let skipped = output.lines.len().saturating_sub(OUTPUT);
        for line in output.lines.iter().skip(skipped) {
            let role = match line.from {
                Stream::Out => Role::Text,
                Stream::Err => Role::Warning,
                Stream::Note => Role::Dim,
            };
            for row in wrap(&line.text, self.width.saturating_sub(2)) {
                self.lines.push(Line::from(self.paint.span(format!("│ {row}"), role)));
            }
        }
    }

    /// What Enter does here.
    fn keys(&mut self, view: &WalkView, step: &Step) {
        let keymap = &self.paint.state.settings.keymap;
        let key = |command| keymap.keys(command).into_iter().next().unwrap_or_default();
        let enter = key(Command::DoStep);
        let words = match (view.walk.status(&step.id), step.kind) {
            (Status::Running(_), _) => return,
            (Status::Unknown(_), kind) if kind != StepKind::Check => format!(
                "it is never run again by itself: {} it was done, {} skip, {} to do again",
                key(Command::Attest),
                key(Command::Skip),
                key(Command::Untick)
            ),
            (Status::ToDo | Status::Failed(_) | Status::Unknown(_), kind) => match kind {
                StepKind::Task | StepKind::Numbered
                    if !step.has_commands() && view.first_within(step).is_some() =>
                {
                    format!("{enter} to its own steps")
                }
                StepKind::Task | StepKind::Numbered if !step.has_commands() => {
                    format!("{enter} say that it is done")
                }
                StepKind::Check => format!("{enter} check it now"),
                _ => match view.next_command(step).map(|(_, c)| (c.native.is_some(), c.risk)) {
                    Some((true, _)) => format!(
                        "{enter} do it as midwatch's own action, with its preview   {} run it as it is",
                        key(Command::DoAsItIs)
                    ),
                    Some((false, Risk::Read)) => format!("{enter} run it: it only looks"),
                    Some((false, _)) => format!("{enter} run it, after a confirmation"),
                    None => return,
                },
            },
            (_, StepKind::Check) => return,
            _ => format!("{enter} on to the next open step"),
        };
        self.blank();
        self.text(&words, Role::Key);
    }
}
