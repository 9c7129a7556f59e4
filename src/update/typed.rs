//! What a typed line asks for: the same as the keys do, without a cursor on the screen.

use super::{choices, commands, dialog, logs, pod};
use crate::effect::Effect;
use crate::input::Command;
use crate::model::Key;
use crate::model::action::{ActionId, Subject};
use crate::state::view::{ChoiceEntry, ChoiceKind, ChoiceTarget};
use crate::state::{Overlay, Page, State};

/// What the key of `command` does.
pub fn command(state: &mut State, command: Command) -> Vec<Effect> {
    commands::run(state, command)
}

/// Takes an entry of a list.
pub fn take(state: &mut State, target: ChoiceTarget) -> Vec<Effect> {
    state.view.overlay = None;
    choices::take(state, target)
}

/// Opens the dialog of an action over `subject`.
pub fn act(state: &mut State, action: ActionId, subject: Subject) -> Vec<Effect> {
    dialog::open(state, action, subject)
}

/// Asks which of several that go by one name.
pub fn among(state: &mut State, action: ActionId, subjects: Vec<Subject>) {
    choices::open(state, ChoiceKind::Subject(action));
    if let Some(Overlay::Choice(choice)) = &mut state.view.overlay {
        let is_one = |e: &ChoiceEntry| matches!(&e.target, ChoiceTarget::Act(_, s) if subjects.contains(s));
        choice.entries.retain(is_one);
        choices::narrow(choice);
    }
}

/// Opens a pod's page.
pub fn pod(state: &mut State, key: &Key) -> Vec<Effect> {
    pod::open(state, key)
}

/// Reads the last `tail` lines of a pod's log, and those that come where it `follows`.
pub fn log(state: &mut State, key: &Key, tail: u64, follows: bool, previous: bool) -> Vec<Effect> {
    let Some(pod) = state.known.pods.get(key).cloned() else { return Vec::new() };
    let mut log = logs::page(state, &pod, tail);
    log.request.follow = follows;
    log.request.previous = previous;
    let effect = Effect::ReadLog { id: log.id, request: log.request.clone() };
    state.view.pages.push(Page::Log(Box::new(log)));
    vec![effect]
}
