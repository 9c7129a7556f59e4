//! A line for what is asked: an answer, a choice, a confirmation. The dialogs are those of the screen, with
//! all their checks; here only stands what a line means in them.
//!
//! Nothing is confirmed by accident: only a terminal confirms, by a line that was typed alone, after the
//! plan was written and could be read. `yes | midwatch --plain` acts on nothing.

use std::io::{Result, Write};
use std::time::{Duration, Instant};

use super::{Plain, say};
use crate::effect::Effect;
use crate::input::{Chord, Code, Command};
use crate::model::action::Question;
use crate::model::alert::Alert;
use crate::msg::Msg;
use crate::state::actions::{Focus, Shown, Stage};
use crate::state::view::{Choice, ChoiceKind, ChoiceTarget, TextPurpose, line_field};
use crate::state::{Overlay, State};
use crate::update::{typed, update};

use super::input::Typed;

/// What was typed within this time after a question was not meant for it.
const READING_TIME: Duration = Duration::from_millis(400);
/// Entries of a list that are read out.
const MOST_ENTRIES: usize = 40;

fn key(state: &mut State, code: Code) -> Vec<Effect> {
    update(state, Msg::Key(Chord::plain(code)))
}

/// Whether a line leaves what is asked.
fn leaves(line: &str) -> bool {
    matches!(line, "-" | "no" | "cancel")
}

impl Plain {
    /// A line where something is asked; None where nothing is.
    pub(super) fn answer(&mut self, state: &mut State, typed: &Typed) -> Result<Option<Vec<Effect>>> {
        let line = typed.text.trim();
        let effects = match &state.view.overlay {
            Some(Overlay::Text(entry)) if entry.purpose == TextPurpose::Walk => self.text(state, line)?,
            Some(Overlay::Dialog(_)) => self.dialog(state, typed)?,
            Some(Overlay::Choice(_)) => self.choice(state, line)?,
            Some(Overlay::SignOff | Overlay::Stop { .. }) => self.asked_once(state, typed)?,
            _ => return Ok(None),
        };
        Ok(Some(effects))
    }

    fn text(&mut self, state: &mut State, line: &str) -> Result<Vec<Effect>> {
        if line == "-" {
            let effects = typed::command(state, Command::Cancel);
            self.say(|out| writeln!(out, "left as it is"))?;
            return Ok(effects);
        }
        // What is offered stands in the field: an empty line takes it.
        if let Some(Overlay::Text(entry)) = &mut state.view.overlay
            && !line.is_empty()
        {
            entry.field = line_field(line);
        }
        Ok(typed::command(state, Command::Accept))
    }

    /// Why this line confirms nothing; None where it may.
    fn no_confirmation(&self, typed: &Typed, since: Option<Instant>) -> Option<&'static str> {
        if !self.by_hand {
            return Some("nothing is done: only a terminal confirms, and standard input is none");
        }
        if since.is_none_or(|since| typed.at < since) {
            return Some("that was typed before the plan could be read: type it again");
        }
        (!typed.is_alone).then_some("several lines came at once, as from a paste: type it, by itself")
    }

    /// Signing and stopping are asked once.
    fn asked_once(&mut self, state: &mut State, typed: &Typed) -> Result<Vec<Effect>> {
        let line = typed.text.trim();
        if line != "yes" {
            self.say(|out| writeln!(out, "nothing was done"))?;
            return Ok(key(state, Code::Esc));
        }
        if let Some(why) = self.no_confirmation(typed, self.readable) {
            self.refused |= !self.by_hand;
            self.say(|out| writeln!(out, "{why}"))?;
            return Ok(if self.by_hand { Vec::new() } else { key(state, Code::Esc) });
        }
        Ok(key(state, Code::Enter))
    }

    fn dialog(&mut self, state: &mut State, typed: &Typed) -> Result<Vec<Effect>> {
        let line = typed.text.trim();
        let Some(Overlay::Dialog(dialog)) = &mut state.view.overlay else { return Ok(Vec::new()) };
        match &mut dialog.stage {
            Stage::Planning if leaves(line) => {
                self.say(|out| writeln!(out, "nothing was done"))?;
                Ok(key(state, Code::Esc))
            }
            Stage::Planning | Stage::Confirming(_) => {
                self.say(|out| writeln!(out, "wait: that is not what was asked"))
            }
            Stage::Failed(_) => Ok(key(state, Code::Esc)),
            Stage::Asking { question, field, chosen, advised } => {
                if leaves(line) {
                    self.say(|out| writeln!(out, "nothing was done"))?;
                    return Ok(key(state, Code::Esc));
                }
                match question {
                    _ if line.is_empty() => {}
                    Question::Pick { options, .. } => {
                        let number = line.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
                        let named = options.iter().position(|o| o.value == line || *o.label == *line);
                        let Some(n) = number.filter(|n| *n < options.len()).or(named) else {
                            let last = options.len();
                            return self.say(|out| writeln!(out, "a number from 1 to {last}"));
                        };
                        *chosen = n;
                    }
                    Question::Number { .. } => {
                        let advised = advised.filter(|_| line == "advised").map(|n| n.to_string());
                        **field = line_field(advised.as_deref().unwrap_or(line));
                    }
                    Question::Text { .. } => **field = line_field(line),
                }
                Ok(key(state, Code::Enter))
            }
            Stage::Shown(_) => self.confirmation(state, typed),
        }
    }

    fn confirmation(&mut self, state: &mut State, typed: &Typed) -> Result<Vec<Effect>> {
        let line = typed.text.trim();
        if line.is_empty() || leaves(line) {
            self.say(|out| writeln!(out, "nothing was done"))?;
            return Ok(key(state, Code::Esc));
        }
        let Some(Overlay::Dialog(dialog)) = &mut state.view.overlay else { return Ok(Vec::new()) };
        let Stage::Shown(shown) = &mut dialog.stage else { return Ok(Vec::new()) };
        let since = self.readable.filter(|_| shown.armed);
        let said = match self.no_confirmation(typed, since) {
            Some(why) => why.to_owned(),
            None => match confirm(shown, line) {
                None => return Ok(key(state, Code::Enter)),
                Some(missing) => missing,
            },
        };
        self.say(|out| writeln!(out, "{said}"))
    }

    /// From anything but a terminal a plan is shown, and left.
    pub(super) fn cannot_be_confirmed(&mut self, state: &mut State) -> Result<Vec<Effect>> {
        let shown = match &state.view.overlay {
            Some(Overlay::Dialog(dialog)) => matches!(dialog.stage, Stage::Shown(_)),
            Some(Overlay::SignOff | Overlay::Stop { .. }) => true,
            _ => false,
        };
        if self.by_hand || !shown {
            return Ok(Vec::new());
        }
        self.refused = true;
        self.say(|out| {
            writeln!(out, "nothing is done: only a terminal confirms, and standard input is none")
        })?;
        Ok(key(state, Code::Esc))
    }

    fn choice(&mut self, state: &mut State, line: &str) -> Result<Vec<Effect>> {
        if line.is_empty() || leaves(line) {
            self.wanted = None;
            self.say(|out| writeln!(out, "left as it is"))?;
            return Ok(typed::command(state, Command::Cancel));
        }
        let Some(Overlay::Choice(choice)) = &state.view.overlay else { return Ok(Vec::new()) };
        if choice.loaded.is_none() {
            return self.say(|out| writeln!(out, "wait: it is being asked; - leaves"));
        }
        let number = line.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        match number.and_then(|n| choice.entries.get(n)).or_else(|| by_name(choice, line)) {
            Some(entry) => {
                let target = entry.target.clone();
                Ok(typed::take(state, target))
            }
            None => {
                let last = choice.entries.len();
                self.say(|out| writeln!(out, "a number from 1 to {last}, or a name; - leaves"))
            }
        }
    }

    /// A list that has come: what was named is taken, else it is read out.
    pub(super) fn chosen(&mut self, state: &mut State) -> Result<Vec<Effect>> {
        let Some(Overlay::Choice(choice)) = &state.view.overlay else {
            self.told.choice.clear();
            return Ok(Vec::new());
        };
        let signature = format!("{:?} {:?} {}", choice.kind, choice.loaded.is_some(), choice.entries.len());
        if choice.loaded.is_none() || self.told.choice == signature {
            return Ok(Vec::new());
        }
        self.told.choice = signature;
        let wanted = self.wanted.take();
        if let (Some(Err(f)), ChoiceKind::Namespace, Some(name)) = (&choice.loaded, choice.kind, &wanted) {
            // Who may not list namespaces may still know the name of one.
            let text = format!("{}: {}; going there by its name", f.tried, f.happened);
            let target = ChoiceTarget::Namespace(Some(name.clone()));
            self.say(|out| writeln!(out, "{text}"))?;
            return Ok(typed::take(state, target));
        }
        if let Some(Err(f)) = &choice.loaded {
            let text = format!("{}: {}; {}", f.tried, f.happened, f.next);
            self.say(|out| writeln!(out, "{text}"))?;
            return Ok(typed::command(state, Command::Cancel));
        }
        if let Some(name) = &wanted {
            if let Some(entry) = by_name(choice, name) {
                let target = entry.target.clone();
                return Ok(typed::take(state, target));
            }
            let clean = crate::model::Clean::new(name);
            writeln!(self.buffer, "no '{clean}' among these:")?;
        }
        list(state, choice, &mut self.buffer)?;
        if choice.entries.is_empty() || !self.by_hand && wanted.is_some() {
            return Ok(typed::command(state, Command::Cancel));
        }
        Ok(Vec::new())
    }

    /// From when on a line may be the answer to what is asked once.
    pub(super) fn readable_soon(&mut self) {
        self.readable = Some(Instant::now() + READING_TIME);
    }
}

/// Fills the dialog's fields from a line: the name, or 'yes' where none is wanted, then the reason. What
/// stands in the way, in words.
fn confirm(shown: &mut Shown, line: &str) -> Option<String> {
    let name = shown.preview.type_name.as_ref().map_or("yes", |name| name.as_str()).to_owned();
    let rest =
        line.strip_prefix(name.as_str()).filter(|r| r.is_empty() || r.starts_with(char::is_whitespace));
    let Some(reason) = rest else {
        return Some(format!("nothing is done by that: type '{name}', or an empty line to leave"));
    };
    shown.reason = line_field(reason.trim());
    if shown.preview.type_name.is_some() {
        shown.name = line_field(&name);
    }
    if let Some(missing) = shown.missing() {
        return Some(format!("not yet: {missing}"));
    }
    shown.focus = Focus::Act;
    None
}

/// The entry of that name; nothing is guessed.
fn by_name<'a>(choice: &'a Choice, name: &str) -> Option<&'a crate::state::view::ChoiceEntry> {
    let mut found = choice.entries.iter().filter(|e| {
        e.label == name
            || match &e.target {
                ChoiceTarget::Act(_, subject) => *subject.name == *name || subject.words() == name,
                ChoiceTarget::Walk(of) => of == name,
                _ => false,
            }
    });
    let first = found.next();
    if found.next().is_some() { None } else { first }
}

fn list(state: &State, choice: &Choice, out: &mut impl Write) -> Result<()> {
    if choice.entries.is_empty() {
        return writeln!(out, "there is nothing to choose from");
    }
    for (i, entry) in choice.entries.iter().enumerate().take(MOST_ENTRIES) {
        // Alerts of one name differ in their labels.
        let alert = match &entry.target {
            ChoiceTarget::Act(_, s) => state.derived.alerts.iter().find(|a| a.fingerprint == s.uid),
            _ => None,
        };
        let labels = |a: &std::sync::Arc<Alert>| {
            a.labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ")
        };
        let hint = alert.filter(|a| !a.fingerprint.is_empty()).map_or(entry.hint.clone(), labels);
        let hint = if hint.is_empty() { hint } else { format!(": {hint}") };
        writeln!(out, "  {}. {}{hint}", i + 1, entry.label)?;
    }
    let more = choice.entries.len().saturating_sub(MOST_ENTRIES);
    if more > 0 {
        writeln!(out, "  and {more} more, by their name")?;
    }
    writeln!(out, "{} a number or a name; - leaves:", question(choice.kind))
}

fn question(kind: ChoiceKind) -> String {
    match kind {
        ChoiceKind::Context => "which context?".to_owned(),
        ChoiceKind::Namespace => "which namespace?".to_owned(),
        ChoiceKind::Service => "which service?".to_owned(),
        ChoiceKind::Undo => "undo which?".to_owned(),
        ChoiceKind::Runbook => "walk through which runbook?".to_owned(),
        ChoiceKind::Subject(action) => format!("{} which?", action.title().to_lowercase()),
        ChoiceKind::Palette | ChoiceKind::Actions | ChoiceKind::Copy => "which?".to_owned(),
    }
}

/// What is asked once, in words; empty where nothing is.
pub fn asked_once(state: &State) -> String {
    match &state.view.overlay {
        Some(Overlay::SignOff) => "sign the review off? 'yes' signs it, anything else leaves:".to_owned(),
        Some(Overlay::Stop { operation }) => {
            let title =
                state.operations.iter().find(|o| o.id == *operation).map_or("it", |o| o.title.as_str());
            format!("stop {title}? 'yes' stops it, anything else leaves:")
        }
        _ => say::question(state),
    }
}
