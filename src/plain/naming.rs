//! What a typed name stands for: an object for an action, or a pod. For what changes something nothing is
//! guessed; what is only looked at may be named in part.

use std::io::{Result, Write};

use super::Plain;
use crate::effect::Effect;
use crate::input::Command;
use crate::model::action::{ActionId, ObjectKind, Subject};
use crate::model::nearest::nearest;
use crate::model::{Clean, Key};
use crate::state::State;
use crate::update::typed;

/// An action by its name, over what is named, or over what is chosen then.
pub fn act(plain: &mut Plain, state: &mut State, action: ActionId, words: &str) -> Result<Vec<Effect>> {
    plain.wanted = None;
    if words.is_empty() && action.kinds() != [ObjectKind::Pod] {
        return Ok(typed::command(state, Command::Act(action)));
    }
    let found = named(state, action, words);
    match found.as_slice() {
        [one] => return Ok(typed::act(state, action, one.clone())),
        [] if action.is_looked_for() => {
            plain.wanted = Some(words.to_owned());
            return Ok(typed::command(state, Command::Act(action)));
        }
        _ => {}
    }
    if !found.is_empty() {
        typed::among(state, action, found);
        return Ok(Vec::new());
    }
    let (name, clean) = (action.name(), Clean::new(words));
    let kinds: Vec<&str> = action.kinds().iter().map(|k| k.noun()).collect();
    let known: Vec<String> = candidates(state, action).map(|s| s.words()).collect();
    let near = nearest(words, known.iter().map(|k| k.rsplit('/').next().unwrap_or(k)));
    let what = if words.is_empty() { "which".to_owned() } else { format!("no '{clean}' here") };
    let kinds = kinds.join(" or ");
    plain.say(|out| writeln!(out, "{name}: {what}{near}; type: {name} NAME ({kinds})"))
}

/// What an action can be done to; a pod is named, as there is no cursor to stand on one.
fn candidates(state: &State, action: ActionId) -> impl Iterator<Item = Subject> {
    let pods = action.kinds().contains(&ObjectKind::Pod);
    let pods = state.known.pods.iter().filter(move |_| pods).map(|p| Subject {
        kind: ObjectKind::Pod,
        namespace: p.namespace.clone(),
        name: p.name.clone(),
        uid: p.uid.clone().into(),
    });
    let others = state.subjects(action).into_iter().filter(|s| s.kind != ObjectKind::Pod);
    pods.chain(others)
}

/// Those that go by `words`: 'api', 'deployment/api', 'deployment/api in shop'. Nothing is guessed.
fn named(state: &State, action: ActionId, words: &str) -> Vec<Subject> {
    let (wanted, namespace) = match words.rsplit_once(" in ") {
        Some((wanted, namespace)) => (wanted.trim(), Some(namespace.trim())),
        None => (words, None),
    };
    let is_it = |s: &Subject| {
        (*s.name == *wanted || s.words() == wanted) && namespace.is_none_or(|n| *s.namespace == *n)
    };
    candidates(state, action).filter(is_it).collect()
}

/// All actions, and why some can't be done now.
pub fn actions(state: &State, out: &mut impl Write) -> Result<()> {
    for action in ActionId::ALL.iter().filter(|a| a.has_a_key()) {
        let named = action.kinds() == [ObjectKind::Pod] && !state.is_read_only();
        let why = state.unavailable(*action).filter(|_| !named).map(|why| format!(" (not now: {why})"));
        let kinds = action.kinds().iter().map(|k| k.noun()).collect::<Vec<_>>().join(", ");
        writeln!(out, "  {} NAME: {}; {kinds}{}", action.name(), action.doc(), why.unwrap_or_default())?;
    }
    Ok(())
}

/// The pods that go by a name, or whose name has it in it.
pub fn pods_named(state: &State, name: &str) -> Vec<Key> {
    let key = |p: &std::sync::Arc<crate::model::pod::Pod>| Key {
        namespace: p.namespace.clone(),
        name: p.name.clone(),
    };
    let full = |k: &Key| format!("{}/{}", k.namespace, k.name);
    let name = name.strip_prefix("pod/").unwrap_or(name);
    let all = || state.known.pods.iter().map(key);
    let exact: Vec<Key> = all().filter(|k| *k.name == *name || full(k) == name).collect();
    if exact.is_empty() { all().filter(|k| k.name.contains(name)).collect() } else { exact }
}
