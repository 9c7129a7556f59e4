//! What is typed in a walk, where it takes more than the key would.

use std::io::{Result, Write};

use super::Plain;
use crate::effect::Effect;
use crate::input::Command;
use crate::state::view::line_field;
use crate::state::{Overlay, State};
use crate::update::{typed, walk};

/// Asks, and answers at once where the answer stands in the same line.
pub fn with_text(
    state: &mut State,
    ask: impl FnOnce(&mut State) -> Vec<Effect>,
    text: Option<&str>,
) -> Vec<Effect> {
    let mut effects = ask(state);
    if let (Some(Overlay::Text(entry)), Some(text)) = (&mut state.view.overlay, text) {
        entry.field = line_field(text);
        effects.extend(typed::command(state, Command::Accept));
    }
    effects
}

pub fn step_by(state: &mut State, to: impl FnOnce(usize) -> Option<usize>) -> Result<Vec<Effect>> {
    walk::step_by(state, |view| to(view.at));
    Ok(Vec::new())
}

pub fn go(plain: &mut Plain, state: &mut State, number: &str) -> Result<Vec<Effect>> {
    match number.parse::<usize>().ok().and_then(|n| n.checked_sub(1)) {
        Some(at) => step_by(state, |_| Some(at)),
        None => plain.say(|out| writeln!(out, "go where? the number of a step, as 'list' has it")),
    }
}
