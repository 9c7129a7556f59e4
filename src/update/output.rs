//! Commands of the team's own on the screen: what they write, and how they are stopped.

use crate::effect::Effect;
use crate::input::{Chord, Code, Command, Layer, keymap::Lookup};
use crate::model::Health;
use crate::model::command::OutputLine;
use crate::state::{Overlay, Page, State};

/// More has come, or all that was kept.
pub fn arrived(state: &mut State, id: &str, lines: Vec<OutputLine>, is_all: bool) {
    let Some(operation) = state.operations.iter_mut().find(|o| o.id == id) else { return };
    let Some(output) = &mut operation.output else { return };
    let before = output.lines.len();
    let more = lines.len();
    if is_all {
        output.replace(lines);
    } else {
        output.push(lines);
    }
    let kept = output.lines.len();
    if let Some(Page::Output { operation, scroll }) = state.view.pages.last_mut()
        && operation == id
        && *scroll > 0
    {
        // What is being read stays where it is while new lines come.
        let more = if is_all { kept.saturating_sub(before) } else { more };
        *scroll = (*scroll + more).min(kept.saturating_sub(1));
    }
}

/// The output of the newest command; from there to that of the one before it.
pub fn open(state: &mut State) {
    let with_output: Vec<&str> =
        state.operations.iter().rev().filter(|o| o.output.is_some()).map(|o| o.id.as_str()).collect();
    let shown = match state.view.pages.last() {
        Some(Page::Output { operation, .. }) => with_output.iter().position(|id| id == operation),
        _ => None,
    };
    let next = shown.map_or(0, |at| (at + 1) % with_output.len().max(1));
    let Some(operation) = with_output.get(next).map(|id| (*id).to_owned()) else {
        state.notice(Health::Warning, "output: no command was run in this session");
        return;
    };
    if shown.is_some() {
        state.view.pages.pop();
    }
    state.view.pages.push(Page::Output { operation, scroll: 0 });
}

/// Asks before the operation that is shown, or the newest that can be stopped, is stopped.
pub fn ask_to_stop(state: &mut State) {
    let shown = match state.view.pages.last() {
        Some(Page::Output { operation, .. }) => Some(operation.clone()),
        _ => None,
    };
    let can_be = |o: &&crate::state::actions::Operation| {
        o.can_be_stopped && o.ended.is_none() && shown.as_ref().is_none_or(|id| *id == o.id)
    };
    match state.operations.iter().rev().find(can_be).map(|o| o.id.clone()) {
        Some(operation) => state.view.overlay = Some(Overlay::Stop { operation }),
        None => state.notice(Health::Warning, "stop: nothing is running here that could be stopped"),
    }
}

/// The stop key again or Enter stops it; any other key lets it run.
pub fn stop_answer(state: &mut State, chord: Chord) -> Vec<Effect> {
    state.view.pending.clear();
    let Some(Overlay::Stop { operation }) = state.view.overlay.take() else { return Vec::new() };
    let again =
        matches!(state.settings.keymap.lookup(&[Layer::Global], &[chord]), Lookup::Run(Command::Stop));
    if !again && chord != Chord::plain(Code::Enter) {
        return Vec::new();
    }
    if let Some(stopped) = state.operations.iter().find(|o| o.id == operation) {
        state.notice(Health::Progress, format!("{}: it was asked to stop", stopped.title));
    }
    vec![Effect::Stop { operation }]
}
