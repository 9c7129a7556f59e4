//! Dialogs: from the key that asks for an action to its confirmation, and what is told of it.
//!
//! Nothing confirms by accident: Cancel has the focus, keys count only once the dialog has stood
//! on the screen, pastes don't count at all, and a confirmation takes two different keys at least.

use super::{choices, walk};
use crate::effect::Effect;
use crate::model::action::{
    ActionId, Confirmed, Planned, Preview, Progress, Question, Recovered, Request, Subject,
};
use crate::model::{Clean, Failure, Health};
use crate::state::actions::{Dialog, EFFECT_WITHIN, Operation, Shown, Stage};
use crate::state::view::{ChoiceKind, line_field};
use crate::state::{Overlay, Page, State};
use crate::ui::human;

mod keys;

pub use keys::key;

/// Opens the dialog of an action over what is under the cursor, or asks over what.
pub fn ask_for(state: &mut State, action: ActionId) -> Vec<Effect> {
    let mut subjects = state.subjects(action);
    // What no feed tells of is looked for, unless something is pointed at.
    if action.is_looked_for() && (subjects.is_empty() || !state.is_pointed_at(action)) {
        choices::open(state, ChoiceKind::Subject(action));
        if let Some(Overlay::Choice(choice)) = &mut state.view.overlay
            && choice.entries.is_empty()
        {
            choice.loaded = None;
        }
        return vec![Effect::ListSubjects { epoch: state.epoch, action }];
    }
    match subjects.len() {
        0 => {
            let why = state.unavailable(action).unwrap_or_default();
            state.notice(Health::Warning, format!("{}: {why}", action.title().to_lowercase()));
            Vec::new()
        }
        1 => open(state, action, subjects.remove(0)),
        _ => {
            choices::open(state, ChoiceKind::Subject(action));
            Vec::new()
        }
    }
}

pub fn open(state: &mut State, action: ActionId, subject: Subject) -> Vec<Effect> {
    request(state, Request { action, subject, answers: Default::default() })
}

/// Undoes the only operation that can be undone, or asks which.
pub fn undo(state: &mut State) -> Vec<Effect> {
    let mut undoable = state.undoable().filter_map(|o| o.back.clone());
    let (first, more) = (undoable.next(), undoable.next().is_some());
    drop(undoable);
    match (first, more) {
        (None, _) => {
            let text = "undo: nothing that was done in this session, here, can be undone";
            state.notice(Health::Warning, text);
            Vec::new()
        }
        (Some(back), false) => request(state, back),
        (Some(_), true) => {
            choices::open(state, ChoiceKind::Undo);
            Vec::new()
        }
    }
}

/// What the newest operation that is stuck needs.
pub fn go_on(state: &mut State) -> Vec<Effect> {
    match state.operations.iter().rev().find_map(|o| o.next.clone()) {
        Some(next) => request(state, next),
        None => {
            state.notice(Health::Warning, "go on: no operation is stuck");
            Vec::new()
        }
    }
}

/// Opens the dialog with answers that are known already.
pub fn request(state: &mut State, request: Request) -> Vec<Effect> {
    state.dialogs += 1;
    let (id, since) = (state.dialogs, state.now);
    let wanted = state.open_walk_mut().and_then(|view| view.wanted.take());
    let of_step = wanted.filter(|(action, _)| *action == request.action).map(|(_, step)| step);
    let dialog = Dialog {
        id,
        request: request.clone(),
        stage: Stage::Planning,
        since,
        moved: None,
        hint: None,
        of_step,
    };
    state.view.overlay = Some(Overlay::Dialog(Box::new(dialog)));
    vec![Effect::Plan { dialog: id, request }]
}

/// The dialog with this number, if it is still open.
fn current(state: &mut State, id: u64) -> Option<&mut Dialog> {
    match &mut state.view.overlay {
        Some(Overlay::Dialog(dialog)) if dialog.id == id => Some(dialog),
        _ => None,
    }
}

/// What the guideline says of a workload's size stands with the question.
fn advise(state: &State, id: u64, planned: &mut Result<Planned, Failure>) -> Option<u32> {
    let Some(Overlay::Dialog(dialog)) = &state.view.overlay else { return None };
    let Ok(Planned::Ask(Question::Number { now, hint, .. })) = planned else { return None };
    if dialog.id != id || dialog.request.action != ActionId::Scale {
        return None;
    }
    let suggestion = state.suggestion(&dialog.request.subject, *now)?;
    let before = if hint.is_empty() { String::new() } else { format!("{hint}; ") };
    *hint = Clean::new(&format!("{before}{} (tab takes it)", suggestion.words));
    Some(suggestion.replicas)
}

pub fn planned(state: &mut State, id: u64, mut planned: Result<Planned, Failure>) -> Vec<Effect> {
    let now = state.now;
    let advised = advise(state, id, &mut planned);
    let Some(dialog) = current(state, id) else {
        // It was left while the plan was made: the plan is left, too.
        return match planned {
            Ok(Planned::Preview(p)) => vec![Effect::Abandon { plan: p.plan, why: "the dialog was left" }],
            _ => Vec::new(),
        };
    };
    match planned {
        Ok(Planned::Ask(question)) => {
            let (text, chosen) = match &question {
                Question::Number { now, .. } => (now.to_string(), 0),
                Question::Text { now, .. } => (now.clone(), 0),
                Question::Pick { chosen, .. } => (String::new(), *chosen),
            };
            let field = Box::new(line_field(&text));
            dialog.stage = Stage::Asking { question, field, chosen, advised };
        }
        Ok(Planned::Preview(preview)) => show(dialog, *preview, now),
        Err(failure) => dialog.stage = Stage::Failed(failure),
    }
    Vec::new()
}

fn show(dialog: &mut Dialog, preview: Preview, now: jiff::Timestamp) {
    dialog.hint = None;
    dialog.stage = Stage::Shown(Box::new(Shown::new(preview, now)));
}

pub fn arm(state: &mut State, id: u64) {
    if let Some(Dialog { stage: Stage::Shown(shown), .. }) = current(state, id) {
        shown.armed = true;
    }
}

pub fn confirmed(state: &mut State, id: u64, answer: Confirmed) -> Vec<Effect> {
    let (now, errors_before, context) = (state.now, state.error_ratio(), state.scope.context.clone());
    let Some(dialog) = current(state, id) else { return Vec::new() };
    let of_step = dialog.of_step.clone();
    let of_walk = match (&of_step, &answer) {
        (Some(step), Confirmed::Started(operation)) => Some((step.clone(), Ok(operation.clone()))),
        (Some(step), Confirmed::Changed(why, _)) => Some((step.clone(), Err(why.to_string()))),
        (Some(step), Confirmed::Asked(_)) => {
            Some((step.clone(), Err("an approval was asked for".to_owned())))
        }
        (Some(step), Confirmed::Refused(failure)) => Some((step.clone(), Err(failure.happened.to_string()))),
        (None, _) => None,
    };
    match answer {
        Confirmed::Started(operation) => {
            let Request { action, subject, .. } = dialog.request.clone();
            let title = format!("{} {}", action.title().to_lowercase(), subject.words());
            let (undo, back, plan) = match &dialog.stage {
                Stage::Confirming(shown) => {
                    let p = &shown.preview;
                    (p.undo.clone(), p.back.clone(), p.plan.clone())
                }
                _ => Default::default(),
            };
            state.view.overlay = None;
            state.notice(Health::Progress, format!("{title}: recorded, and under way"));
            let writes = matches!(action, ActionId::Command | ActionId::RunbookCommand);
            let output = writes.then(Default::default);
            if action == ActionId::Command {
                state.view.pages.push(Page::Output { operation: operation.clone(), scroll: 0 });
            }
            state.begin_operation(Operation {
                can_be_stopped: action.can_be_stopped(),
                output,
                id: operation,
                title,
                namespace: subject.namespace,
                undo,
                back,
                context,
                progress: Progress::Acting,
                since: now,
                ended: None,
                errors_before,
                effect: None,
                next: None,
                was_sent: false,
                undone: false,
                of_step,
                plan,
            });
        }
        Confirmed::Changed(what, preview) => {
            dialog.moved = Some(what);
            state.dialogs += 1;
            let id = state.dialogs;
            if let Some(Overlay::Dialog(dialog)) = &mut state.view.overlay {
                // Another dialog for the screen: it has to be read anew.
                dialog.id = id;
                show(dialog, *preview, now);
            }
        }
        Confirmed::Asked(next) => {
            state.view.overlay = None;
            state.notice(Health::Warning, format!("not done, an approval was asked for: {next}"));
        }
        Confirmed::Refused(failure) => dialog.stage = Stage::Failed(failure),
    }
    match of_walk {
        Some((step, Ok(operation))) => walk::begun(state, &step, &operation),
        Some((step, Err(why))) => walk::not_begun(state, &step, &why),
        None => Vec::new(),
    }
}

/// The walk could not write down that it begins: nothing was confirmed.
pub fn not_begun(state: &mut State, id: u64, failure: Failure) {
    if let Some(dialog) = current(state, id) {
        dialog.stage = Stage::Failed(failure);
    }
}

/// What another process was doing is looked up.
pub fn recovered(state: &mut State, left: Recovered) {
    let context = state.scope.context.clone();
    let of_step = state.open_walk().and_then(|view| view.interrupted(&left.plan, &left.title));
    state.begin_operation(Operation {
        of_step,
        plan: left.plan,
        id: left.operation,
        title: format!("{} (left behind)", left.title),
        namespace: left.namespace,
        undo: Clean::new("not from here: `midwatch audit show` has what it was before"),
        back: None,
        context,
        progress: Progress::Acting,
        since: left.since,
        ended: None,
        errors_before: None,
        effect: None,
        next: None,
        was_sent: false,
        undone: false,
        can_be_stopped: false,
        output: None,
    });
}

pub fn progress(state: &mut State, id: &str, progress: Progress) -> Vec<Effect> {
    let now = state.now;
    let Some(operation) = state.operations.iter_mut().find(|o| o.id == id) else { return Vec::new() };
    let over = progress.is_over() && operation.ended.is_none();
    operation.was_sent |= !matches!(progress, Progress::Acting | Progress::Failed(_));
    operation.next = match &progress {
        Progress::Stuck(_, next) => Some((**next).clone()),
        _ => None,
    };
    operation.progress = progress;
    if !over {
        return Vec::new();
    }
    operation.ended = Some(now);
    let (health, words) = match &operation.progress {
        Progress::Done(words) => (Health::Ok, words),
        Progress::Failed(words) => (Health::Critical, words),
        Progress::Unknown(words) | Progress::Watching(words) | Progress::Stuck(words, _) => {
            (Health::Unknown, words)
        }
        Progress::Acting => return Vec::new(),
    };
    let text = format!("{}: {words}", operation.title);
    let ended = operation.clone();
    state.notice(health, text);
    walk::ended(state, &ended)
}

/// Dialogs run out, and operations show their effect.
pub fn tick(state: &mut State) -> Vec<Effect> {
    effects_on_the_service(state);
    let now = state.now;
    let Some(Overlay::Dialog(dialog)) = &state.view.overlay else { return Vec::new() };
    let Stage::Shown(shown) = &dialog.stage else { return Vec::new() };
    if !shown.left(now).is_zero() {
        return Vec::new();
    }
    let (plan, title) = (shown.preview.plan.clone(), dialog.request.action.title().to_lowercase());
    state.view.overlay = None;
    state.notice(Health::Warning, format!("{title}: nothing was done, the dialog was open for a minute"));
    vec![Effect::Abandon { plan, why: "the dialog's time was over" }]
}

/// 'error ratio 8.1 % → 0.3 % within 2 min', or 'no better after 5 min'.
fn effects_on_the_service(state: &mut State) {
    let (now, ratio, context) = (state.now, state.error_ratio(), state.scope.context.clone());
    let healthy = state.derived.errors.as_ref().is_some_and(|m| m.health == Health::Ok);
    let was_bad = |before: f64| {
        let objective = state
            .settings
            .config
            .objectives
            .iter()
            .find(|o| o.signal == crate::model::signal::SignalId::ErrorRatio);
        objective.is_some_and(|o| before > o.target)
    };
    let mut told = Vec::new();
    for operation in state.operations.iter_mut().filter(|o| o.effect.is_none() && o.context == context) {
        let (Some(ended), Some(before), Some(ratio)) = (operation.ended, operation.errors_before, ratio)
        else {
            continue;
        };
        if !was_bad(before) {
            continue;
        }
        let since = now.duration_since(operation.since);
        let change = format!("error ratio {} → {}", human::percent(before), human::percent(ratio));
        let effect = if healthy {
            format!("{change} within {}", human::span(since))
        } else if now.duration_since(ended) >= EFFECT_WITHIN {
            format!("no better after {}: {change}", human::span(since))
        } else {
            continue;
        };
        told.push((
            if healthy { Health::Ok } else { Health::Warning },
            format!("{}: {effect}", operation.title),
        ));
        operation.effect = Some(effect);
    }
    for (health, text) in told {
        state.notice(health, text);
    }
}
