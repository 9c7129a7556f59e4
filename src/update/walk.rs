//! The walk through a runbook: what its keys do, and what comes back from the disk and from commands.
//!
//! Nothing is shown as done that is not on disk: a key asks for an event to be written, and what was
//! written comes back and is folded.

use crate::effect::{Effect, WalkEffect, Wanted};
use crate::model::command::OutputLine;
use crate::model::{Clean, Failure, Health};
use crate::msg::{WalkMsg, WalkOpened};
use crate::runbook::document::{Step, StepKind};
use crate::runbook::walk::event::OfStep as Event;
use crate::runbook::walk::{Status, Walk, What};
use crate::state::actions::OfStep;
use crate::state::walk::{Asking, Doing, WalkView, Walking};
use crate::state::{Page, State};

mod checks;
mod running;
mod typing;

pub use checks::{answered, tick};
use checks::{check, look};
use running::run;
pub use running::{begun, ended, not_begun, stop};
use typing::ask;
pub use typing::{live_search, next_offer, search, set_parameter, typed};

/// How many lines one key moves the step's pane by.
const SCROLL: usize = 5;
/// Opens a walk, in place of the one that is open; what was written of that stays.
pub fn open(state: &mut State, document: String, section: Option<String>, wanted: Wanted) -> Vec<Effect> {
    state.view.overlay = None;
    state.walk = Some(Walking::Opening(document.clone()));
    show(state);
    vec![Effect::Walk(WalkEffect::Open { document, section, wanted })]
}

/// The page of the walk that is open.
pub fn show(state: &mut State) {
    state.view.pages.retain(|page| !matches!(page, Page::Walk));
    state.view.pages.push(Page::Walk);
}

pub fn arrived(state: &mut State, msg: WalkMsg) -> Vec<Effect> {
    match msg {
        WalkMsg::Opened(Ok(opened)) => return opened_well(state, opened),
        WalkMsg::Opened(Err(failure)) => {
            state.notice(Health::Warning, format!("{}: {}", failure.tried, failure.happened));
            state.walk = Some(Walking::Failed(failure));
        }
        WalkMsg::Events { walk, events, read } => return events_came(state, &walk, &events, read),
        WalkMsg::NotBegun { dialog, failure } => super::dialog::not_begun(state, dialog, failure),
        WalkMsg::NotWritten { walk, failure } => {
            if let Some(view) = of(state, &walk) {
                view.is_writing = false;
                let text = format!("{}: {}; {}", failure.tried, failure.happened, failure.next);
                state.notice(Health::Critical, text);
            }
        }
        WalkMsg::Output { walk, step, lines, is_all } => {
            if let Some(view) = of(state, &walk) {
                let output = view.output.entry(step).or_default();
                if is_all { output.replace(lines) } else { output.push(lines) }
            }
        }
        WalkMsg::Reported { walk, files } if of(state, &walk).is_some() => match files {
            Ok(files) => state.notice(Health::Ok, format!("report: {}", files.join(", "))),
            Err(failure) => {
                state.notice(Health::Critical, format!("{}: {}", failure.tried, failure.happened));
            }
        },
        WalkMsg::Reported { .. } => {}
    }
    Vec::new()
}

fn of<'a>(state: &'a mut State, walk: &str) -> Option<&'a mut WalkView> {
    state.open_walk_mut().filter(|view| view.walk.id == walk)
}

fn opened_well(state: &mut State, opened: WalkOpened) -> Vec<Effect> {
    let document = match crate::runbook::parse::parse(opened.source.as_bytes(), &opened.name) {
        Ok(document) => document,
        Err(problem) => {
            let failure = failure(&opened.name, &format!("line {}: {}", problem.line, problem.what));
            state.walk = Some(Walking::Failed(failure));
            return Vec::new();
        }
    };
    let walk = Walk::of(&opened.id, &opened.events);
    let is_walked = |id: &String| walk.order.iter().any(|s| s.id == *id);
    let shown = (0..document.steps.len()).filter(|i| is_walked(&document.steps[*i].id)).collect();
    let (settled, of) = walk.settled();
    let text = match (&walk.started, opened.is_new) {
        (Some((at, who)), false) => format!(
            "going on with the walk that {who} began at {}: {settled} of {of} steps are settled",
            crate::ui::human::clock(*at)
        ),
        _ => format!("{}: {of} steps; nothing runs by itself", document.title),
    };
    let mut view = WalkView {
        name: opened.name,
        document,
        shown,
        walk,
        read: opened.read,
        at: 0,
        scroll: 0,
        beside: false,
        now: Default::default(),
        output: Default::default(),
        asking: None,
        changed: opened.changed,
        wanted: None,
        checking: None,
        is_writing: false,
        search: String::new(),
    };
    view.to_first_open();
    let problems = view.document.problems.len();
    state.walk = Some(Walking::Open(Box::new(view)));
    state.notice(Health::Progress, text);
    if problems > 0 {
        let text = format!(
            "{problems} things in the runbook could not be understood; `midwatch walk --list` has them"
        );
        state.notice(Health::Warning, text);
    }
    look(state);
    found_again(state)
}

/// What a killed midwatch had begun and the gateway has looked up since: its outcome is the step's.
fn found_again(state: &mut State) -> Vec<Effect> {
    let Some(view) = state.open_walk() else { return Vec::new() };
    let mut over = Vec::new();
    let links: Vec<(usize, OfStep)> = (state.operations.iter().enumerate())
        .filter(|(_, o)| o.of_step.is_none())
        .filter_map(|(i, o)| Some((i, view.interrupted(&o.plan, &o.title)?)))
        .collect();
    for (at, step) in links {
        let operation = &mut state.operations[at];
        operation.of_step = Some(step);
        if operation.ended.is_some() {
            over.push(operation.clone());
        }
    }
    over.iter().flat_map(|operation| ended(state, operation)).collect()
}

/// Where the step under the cursor was settled by what came, the cursor goes on to the next; but what a
/// command has written is there to be read.
fn events_came(
    state: &mut State,
    walk: &str,
    events: &[crate::runbook::walk::Event],
    read: u64,
) -> Vec<Effect> {
    let Some(view) = of(state, walk) else { return Vec::new() };
    if read <= view.read {
        return Vec::new();
    }
    let before = view.step().map(|s| (s.id.clone(), view.walk.status(&s.id)));
    events.iter().for_each(|event| view.walk.apply(event));
    (view.read, view.is_writing) = (read, false);
    let mut changed = false;
    for event in events {
        changed |= matches!(event.what, What::Changed { .. });
    }
    if changed {
        state.notice(Health::Warning, "somebody walks a newer version of this runbook: open it again (c)");
    }
    let Some(view) = of(state, walk) else { return Vec::new() };
    if let Some((id, before)) = before
        && !before.is_settled()
        && let now = view.walk.status(&id)
        && now.is_settled()
        && !(matches!(now, Status::Verified(_)) && view.step().is_some_and(Step::has_commands))
        && let Some(next) = view.next_open()
    {
        view.go_to(next);
    }
    look(state);
    Vec::new()
}

/// Asks for an event to be written.
fn record(state: &mut State, what: What, output: Vec<OutputLine>) -> Vec<Effect> {
    let Some(view) = state.open_walk_mut() else { return Vec::new() };
    view.is_writing = true;
    vec![Effect::Walk(WalkEffect::Record { walk: view.walk.id.clone(), what, output })]
}

fn of_step(state: &mut State, step: &str, what: Event) -> Vec<Effect> {
    record(state, What::OfStep { step: step.to_owned(), what }, Vec::new())
}

/// The step under the cursor, where nothing is on its way to the disk.
fn current(state: &mut State) -> Option<Step> {
    let view = state.open_walk()?;
    if view.is_writing {
        state.notice(Health::Progress, "still writing down what came before");
        return None;
    }
    view.step().cloned()
}

/// Enter: checks, runs, or says that it is done, by what the step is.
pub fn do_step(state: &mut State, how: Doing) -> Vec<Effect> {
    let Some(step) = current(state) else { return Vec::new() };
    let Some(view) = state.open_walk() else { return Vec::new() };
    if step.kind != StepKind::Check && view.walk.status(&step.id).is_settled() {
        // It is done, and was read: on to the next.
        step_by(state, WalkView::next_open);
        return Vec::new();
    }
    if let Some(why) = cannot_begin(view, &step) {
        state.notice(Health::Warning, why);
        return Vec::new();
    }
    if let Some(name) = view.missing(&step) {
        let offers = state.offers(&name);
        let first = offers.first().cloned().unwrap_or_default();
        ask(state, Asking::Parameter { name, then: Some(how), offers }, &first);
        return Vec::new();
    }
    match (step.kind, &step.check) {
        (StepKind::Check, Some(Ok(_))) => check(state, &step),
        (StepKind::Check, _) => {
            state.notice(Health::Warning, "this check can't be read: look for yourself, and tick it (x)");
            Vec::new()
        }
        (StepKind::Command, _) => run(state, &step, how),
        (StepKind::Task | StepKind::Numbered, _) if step.has_commands() => run(state, &step, how),
        // Its own steps come first.
        (StepKind::Task | StepKind::Numbered, _) if view.first_within(&step).is_some() => {
            step_by(state, |view| view.first_within(&step));
            Vec::new()
        }
        (StepKind::Task | StepKind::Numbered, _) => {
            ask(state, Asking::Attest(step.id), "");
            Vec::new()
        }
    }
}

fn cannot_begin(view: &WalkView, step: &Step) -> Option<String> {
    match view.walk.status(&step.id) {
        Status::Running(_) => Some("it is under way".to_owned()),
        Status::Unknown(_) if step.has_commands() => Some(
            "it may have been done: look for yourself, then tick it (x), skip it (-), or make it to do again (u)"
                .to_owned(),
        ),
        _ => None,
    }
}

pub fn attest(state: &mut State) -> Vec<Effect> {
    let Some(step) = current(state) else { return Vec::new() };
    match state.open_walk().map(|view| view.walk.status(&step.id)) {
        Some(Status::Running(_)) => state.notice(Health::Warning, "it is under way: wait for its end"),
        Some(Status::Verified(_)) => state.notice(Health::Warning, "it is verified already, which is more"),
        _ => ask(state, Asking::Attest(step.id), ""),
    }
    Vec::new()
}

pub fn skip(state: &mut State) -> Vec<Effect> {
    let Some(step) = current(state) else { return Vec::new() };
    match state.open_walk().map(|view| view.walk.status(&step.id)) {
        Some(Status::Running(_)) => state.notice(Health::Warning, "it is under way: wait for its end"),
        Some(Status::Verified(_) | Status::Attested(_)) => {
            state.notice(Health::Warning, "it is done already; u makes it to do again");
        }
        _ => ask(state, Asking::Skip(step.id), ""),
    }
    Vec::new()
}

pub fn note(state: &mut State) -> Vec<Effect> {
    if let Some(step) = current(state) {
        ask(state, Asking::Note(step.id), "");
    }
    Vec::new()
}

pub fn untick(state: &mut State) -> Vec<Effect> {
    let Some(step) = current(state) else { return Vec::new() };
    match state.open_walk().map(|view| view.walk.status(&step.id)) {
        None | Some(Status::ToDo) => {
            state.notice(Health::Warning, "it is to do already");
            Vec::new()
        }
        Some(Status::Running(_)) => {
            state.notice(Health::Warning, "it is under way: wait for its end");
            Vec::new()
        }
        Some(_) => of_step(state, &step.id, Event::Undone),
    }
}

/// To another step, section or line.
pub fn step_by(state: &mut State, to: impl FnOnce(&WalkView) -> Option<usize>) {
    if let Some(view) = state.open_walk_mut()
        && let Some(at) = to(view)
    {
        view.go_to(at);
    }
}

pub fn section(state: &mut State, forward: bool) {
    step_by(state, |view| {
        let sections: Vec<usize> = view.steps().map(|s| s.section).collect();
        let here = *sections.get(view.at)?;
        if forward {
            return sections.iter().skip(view.at).position(|s| *s != here).map(|i| view.at + i);
        }
        let first = sections.iter().position(|s| *s == here)?;
        let before = first.checked_sub(1).map(|i| sections[i]);
        // To this section's beginning first, then to the one before it.
        if first < view.at { Some(first) } else { sections.iter().position(|s| Some(*s) == before) }
    });
}

pub fn scroll(state: &mut State, down: bool) {
    if let Some(view) = state.open_walk_mut() {
        view.scroll =
            if down { (view.scroll + SCROLL).min(2000) } else { view.scroll.saturating_sub(SCROLL) };
    }
}

pub fn beside(state: &mut State) {
    if let Some(view) = state.open_walk_mut() {
        view.beside = !view.beside;
    }
}

/// The report; where every step is settled the walk is finished with it.
pub fn report(state: &mut State) -> Vec<Effect> {
    let Some(view) = state.open_walk() else { return Vec::new() };
    let walk = view.walk.id.clone();
    let (settled, of) = view.walk.settled();
    let mut effects = Vec::new();
    if settled == of && view.walk.finished.is_none() {
        effects.extend(record(state, What::Finished, Vec::new()));
    } else if settled < of {
        let text = format!("the report is of a walk that goes on: {} of {of} steps are open", of - settled);
        state.notice(Health::Progress, text);
    }
    effects.push(Effect::Walk(WalkEffect::Report { walk }));
    effects
}

fn failure(name: &str, happened: &str) -> Failure {
    Failure {
        kind: crate::model::FailureKind::NotConfigured,
        tried: Clean::new(&format!("walk through {name}")),
        happened: Clean::new(happened),
        next: Clean::new("mend the document, or walk another (c)"),
    }
}
