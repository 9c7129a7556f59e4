//! Checks: looked at all the time, written down when they are done and when they turn.

use super::{of_step, record};
use crate::effect::{Effect, WalkEffect};
use crate::model::ask::Ask;
use crate::model::{Outcome, Verdict};
use crate::runbook::document::Step;
use crate::runbook::walk::event::OfStep as Event;
use crate::runbook::walk::{Status, What};
use crate::state::State;
use crate::state::answers::EVERY;

/// What the checks come to now.
pub fn look(state: &mut State) {
    let now = state.checks_now();
    if let Some(view) = state.open_walk_mut() {
        view.now = now;
    }
}

/// Others' events are read on, checks go on being watched, and what they ask for is asked.
pub fn tick(state: &mut State) -> Vec<Effect> {
    let Some(walk) = state.open_walk().map(|view| view.walk.id.clone()) else { return Vec::new() };
    let mut effects = vec![Effect::Walk(WalkEffect::ReadOn { walk })];
    let (epoch, now) = (state.epoch, state.now);
    // A command is started by Enter and by nothing else.
    let watched = state.asks_of_walk().into_iter().filter(|ask| !matches!(ask, Ask::Command { .. }));
    let watched: Vec<Ask> = watched.collect();
    effects.extend(state.answers.due(epoch, watched, now, EVERY));
    effects.extend(turned(state));
    effects
}

/// An answer has come: it may be that which a check waits for.
pub fn answered(state: &mut State) -> Vec<Effect> {
    look(state);
    let Some(view) = state.open_walk_mut() else { return Vec::new() };
    let Some(waiting) = view.checking.clone() else { return turned(state) };
    let step = view.steps().find(|s| s.id == waiting).cloned();
    let ask = step.as_ref().and_then(|step| ask_of(state, step));
    if ask.is_some_and(|ask| state.answers.is_under_way(&ask)) {
        return Vec::new();
    }
    if let Some(view) = state.open_walk_mut() {
        view.checking = None;
    }
    step.map(|step| write_down(state, &step)).unwrap_or_default()
}

/// Looks at the step's check now, asking anew where it has to be asked.
pub fn check(state: &mut State, step: &Step) -> Vec<Effect> {
    let Some(ask) = ask_of(state, step) else { return write_down(state, step) };
    state.answers.forget(&ask);
    let (epoch, now) = (state.epoch, state.now);
    let effects = state.answers.due(epoch, [ask], now, EVERY);
    if let Some(view) = state.open_walk_mut() {
        view.checking = Some(step.id.clone());
    }
    look(state);
    effects
}

fn ask_of(state: &State, step: &Step) -> Option<Ask> {
    let check = step.check.as_ref()?.as_ref().ok()?;
    check.filled(&state.open_walk()?.walk.parameters).ok()?.ask()
}

fn write_down(state: &mut State, step: &Step) -> Vec<Effect> {
    look(state);
    let verdict = state.open_walk().and_then(|view| view.now.get(&step.id)).cloned();
    let Some(verdict) = verdict else { return Vec::new() };
    of_step(state, &step.id, Event::Checked { verdict })
}

/// A check that holds no more, or holds again, is written down.
fn turned(state: &mut State) -> Vec<Effect> {
    look(state);
    let Some(view) = state.open_walk().filter(|view| !view.is_writing) else { return Vec::new() };
    let turned = view.steps().find_map(|step| {
        let known = view.walk.steps.get(&step.id)?;
        let (then, now): (&Verdict, &Verdict) = (known.verdict.as_ref()?, view.now.get(&step.id)?);
        // What a person has said stands, and what can't be seen for a moment is no news.
        let is_watched = matches!(known.status, Status::Verified(_) | Status::Failed(_));
        let is_news = now.outcome != Outcome::CouldNotCheck && now.is_pass() != then.is_pass();
        // That the trouble which was confirmed is over is what everybody hopes for.
        let is_cure = then.is_pass() && step.confirms_trouble();
        (is_watched && is_news && !is_cure).then(|| (step.id.clone(), step.text.clone(), now.clone()))
    });
    let Some((step, text, verdict)) = turned else { return Vec::new() };
    let words = if verdict.is_pass() { "holds now" } else { "does not hold any more" };
    state.notice(verdict.outcome.health(), format!("{text} {words}: {}", verdict.measured));
    record(state, What::OfStep { step, what: Event::Checked { verdict } }, Vec::new())
}
