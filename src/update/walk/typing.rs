//! What is typed in a walk: notes, reasons, values of parameters, and what is searched for.

use super::{current, do_step, of_step, record};
use crate::effect::Effect;
use crate::model::Health;
use crate::runbook::document::Step;
use crate::runbook::walk::What;
use crate::runbook::walk::event::OfStep as Event;
use crate::state::view::{TextEntry, TextPurpose, line_field};
use crate::state::walk::Asking;
use crate::state::{Overlay, State};

/// A reason or a note is a sentence or a few, not a file. Characters.
const MOST_TEXT: usize = 4000;

/// Asks for all parameters of the step anew, one after the other.
pub fn set_parameter(state: &mut State) -> Vec<Effect> {
    let Some(step) = current(state) else { return Vec::new() };
    let Some(view) = state.open_walk() else { return Vec::new() };
    let names = match (&step.check, view.next_command(&step)) {
        (Some(Ok(check)), _) => check.parameters(),
        (_, Some((_, command))) => command.parameters.clone(),
        _ => Vec::new(),
    };
    // The one after that which was set last, so that the key goes through all of them.
    let last = match &view.asking {
        Some(Asking::Parameter { name, .. }) => names.iter().position(|n| n == name).map_or(0, |i| i + 1),
        _ => 0,
    };
    let Some(name) = names.get(last % names.len().max(1)).cloned() else {
        state.notice(Health::Warning, "this step has no parameters");
        return Vec::new();
    };
    let now = view.walk.parameters.get(&name).cloned().unwrap_or_default();
    let offers = state.offers(&name);
    ask(state, Asking::Parameter { name, then: None, offers }, &now);
    Vec::new()
}

pub fn search(state: &mut State) {
    let text = state.open_walk().map(|view| view.search.clone()).unwrap_or_default();
    ask(state, Asking::Search, &text);
}

pub fn ask(state: &mut State, asking: Asking, text: &str) {
    if let Some(view) = state.open_walk_mut() {
        view.asking = Some(asking);
        let entry = TextEntry { purpose: TextPurpose::Walk, field: line_field(text), error: None };
        state.view.overlay = Some(Overlay::Text(Box::new(entry)));
    }
}

/// What was typed is taken, or stays with what is wrong about it.
pub fn typed(state: &mut State, mut entry: Box<TextEntry>) -> Vec<Effect> {
    let text = entry.field.lines().join("\n").trim().to_owned();
    let Some(asking) = state.open_walk().and_then(|view| view.asking.clone()) else { return Vec::new() };
    let problem = match &asking {
        _ if text.chars().count() > MOST_TEXT => Some(format!("longer than {MOST_TEXT} characters")),
        Asking::Skip(_) if text.is_empty() => {
            Some("give a reason: whoever reads the report will ask".to_owned())
        }
        Asking::Parameter { name, .. } if text.is_empty() => Some(format!("{name} needs a value")),
        Asking::Parameter { .. } if text.contains(['\n', '\0']) => Some("one line, please".to_owned()),
        Asking::Note(_) if text.is_empty() => Some("there is nothing to keep yet; Esc leaves".to_owned()),
        _ => None,
    };
    if problem.is_some() {
        entry.error = problem;
        state.view.overlay = Some(Overlay::Text(entry));
        return Vec::new();
    }
    match asking {
        Asking::Attest(step) => of_step(state, &step, Event::Attested { note: text }),
        Asking::Skip(step) => of_step(state, &step, Event::Skipped { reason: text }),
        Asking::Note(step) => of_step(state, &step, Event::Noted { text }),
        Asking::Search => {
            find(state, 1);
            Vec::new()
        }
        Asking::Parameter { name, then, .. } => {
            if let Some(view) = state.open_walk_mut() {
                // The next parameter is asked for at once; that this one is on disk is seen before it acts.
                view.walk.parameters.insert(name.clone(), text.clone());
            }
            let mut effects = record(state, What::Parameter { name, value: text }, Vec::new());
            if let (Some(how), Some(view)) = (then, state.open_walk_mut()) {
                view.is_writing = false;
                effects.extend(do_step(state, how));
            }
            super::look(state);
            effects
        }
    }
}

/// Tab in a field: the next value that is offered.
pub fn next_offer(state: &mut State) {
    let Some(Asking::Parameter { offers, .. }) = state.open_walk().and_then(|v| v.asking.clone()) else {
        return;
    };
    let Some(Overlay::Text(entry)) = &mut state.view.overlay else { return };
    let at = offers.iter().position(|o| *o == entry.text()).map_or(0, |i| i + 1);
    if let Some(offer) = offers.get(at % offers.len().max(1)) {
        entry.field = line_field(offer);
    }
}

/// While a search is typed, the cursor goes to the first step that has it.
pub fn live_search(state: &mut State, text: &str) {
    let Some(view) = state.open_walk_mut() else { return };
    if view.asking == Some(Asking::Search) {
        text.clone_into(&mut view.search);
        find(state, 0);
    }
}

/// The next step from `skip` on after the cursor that has what is searched for.
fn find(state: &mut State, skip: usize) {
    let Some(view) = state.open_walk_mut() else { return };
    let wanted = view.search.to_lowercase();
    let n = view.shown.len();
    let has = |step: &Step| {
        let code = step
            .fence
            .iter()
            .flat_map(|f| f.commands.iter())
            .any(|c| c.text.to_lowercase().contains(&wanted));
        code || step.text.to_lowercase().contains(&wanted)
    };
    let steps: Vec<&Step> = view.steps().collect();
    let found =
        (skip..n + skip).map(|i| (view.at + i) % n.max(1)).find(|i| steps.get(*i).is_some_and(|s| has(s)));
    if let Some(at) = found.filter(|_| !wanted.is_empty()) {
        view.go_to(at);
    }
}
