//! What a step runs: a command that only looks, one that is confirmed, or midwatch's own action.

use super::{of, of_step, record};
use crate::effect::{Begins, Effect, WalkEffect};
use crate::model::Clean;
use crate::model::Health;
use crate::model::action::{ActionId, Answers, ObjectKind, Progress, Request, Subject};
use crate::model::command::{OutputLine, Risk};
use crate::runbook::command::{self, Command, Native};
use crate::runbook::document::Step;
use crate::runbook::walk::event::OfStep as Event;
use crate::runbook::walk::{Evidence, Walk, What, judge};
use crate::state::actions::{OfStep, Operation};
use crate::state::walk::Doing;
use crate::state::{Overlay, Page, State};
use crate::update::dialog;

/// A command of a runbook that says nothing about it may take this long.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(300);

pub fn run(state: &mut State, step: &Step, how: Doing) -> Vec<Effect> {
    let Some(view) = state.open_walk() else { return Vec::new() };
    let Some((number, next)) = view.next_command(step) else { return Vec::new() };
    if let Some(why) = state.is_elsewhere(view) {
        state.notice(Health::Warning, why);
        return Vec::new();
    }
    if how == Doing::Best && next.native == Some(Native::Flush) {
        // Which caches there are has to be looked for first.
        let (walk, step, command) = (view.walk.id.clone(), step.id.clone(), number);
        let of_step = OfStep { walk, step, command, ran: "midwatch: flush".to_owned() };
        if let Some(view) = state.open_walk_mut() {
            view.wanted = Some((ActionId::FlushCache, of_step));
        }
        return dialog::ask_for(state, ActionId::FlushCache);
    }
    if how == Doing::Best
        && let Some(request) = instead(state, next, &view.walk)
    {
        let ran = format!("midwatch: {} {}", request.action.title().to_lowercase(), request.subject.words());
        return open_dialog(state, request, step, number, ran);
    }
    let invocation = match command::fill(next, &view.walk.parameters) {
        Ok(invocation) => invocation,
        Err(why) => {
            state.notice(Health::Warning, format!("it can't be run: {why}"));
            return Vec::new();
        }
    };
    let attributes = step.fence.as_ref().map(|f| f.attributes.clone()).unwrap_or_default();
    let timeout = attributes.timeout.unwrap_or(TIMEOUT);
    if next.risk != Risk::Read {
        let request = of_command(state, step, next, &invocation, timeout);
        return open_dialog(state, request, step, number, next.text.clone());
    }
    let begins =
        Begins { walk: view.walk.id.clone(), step: step.id.clone(), command: number, seen: view.walk.events };
    let expect = judge::of_walk(&attributes.expect.unwrap_or_default(), &view.walk.parameters);
    if let Some(view) = state.open_walk_mut() {
        view.is_writing = true;
        view.output.remove(&step.id);
    }
    let keeps = attributes.evidence != Some(false);
    vec![Effect::Walk(WalkEffect::Look { begins, invocation, timeout, expect, keeps })]
}

/// The command through the gateway: its dialog shows exactly what would run.
fn of_command(
    state: &State,
    step: &Step,
    command: &Command,
    invocation: &command::Invocation,
    timeout: std::time::Duration,
) -> Request {
    let name = step.fence.as_ref().and_then(|f| f.attributes.name.clone());
    let name = name.unwrap_or_else(|| step.text.to_string());
    let risk = if command.risk == Risk::Destroy { "destroy" } else { "change" };
    let answers = Answers::from([
        ("invocation".to_owned(), serde_json::to_string(invocation).unwrap_or_default()),
        ("risk".to_owned(), risk.to_owned()),
        ("timeout".to_owned(), timeout.as_secs().to_string()),
    ]);
    let subject = Subject {
        kind: ObjectKind::Step,
        namespace: state.scope.namespace.clone().unwrap_or_default(),
        name: Clean::new(&name),
        uid: Clean::default(),
    };
    Request { action: ActionId::RunbookCommand, subject, answers }
}

fn open_dialog(state: &mut State, request: Request, step: &Step, command: usize, ran: String) -> Vec<Effect> {
    let Some(walk) = state.open_walk().map(|view| view.walk.id.clone()) else { return Vec::new() };
    let effects = dialog::request(state, request);
    if let Some(Overlay::Dialog(dialog)) = &mut state.view.overlay {
        dialog.of_step = Some(OfStep { walk, step: step.id.clone(), command, ran });
    }
    effects
}

/// Midwatch's own action in place of a command, where its object is known here.
fn instead(state: &State, command: &Command, walk: &Walk) -> Option<Request> {
    let filled = |text: &str| judge::filled(text, &walk.parameters);
    let (action, wanted, answers) = match command.native.as_ref()? {
        Native::Scale { workload, replicas } => {
            let number = replicas.as_deref().map(filled).map(|n| ("replicas".to_owned(), n));
            (ActionId::Scale, filled(workload), number)
        }
        Native::Restart { workload } => (ActionId::Restart, filled(workload), None),
        Native::RollBack { workload, revision } => {
            let revision = revision.as_deref().map(filled).map(|n| ("revision".to_owned(), n));
            (ActionId::RollBack, filled(workload), revision)
        }
        Native::DeletePod { pod } => (ActionId::DeletePod, format!("pod/{}", filled(pod)), None),
        Native::Flush => return None,
    };
    let here = state.scope.namespace.as_deref()?;
    // In another namespace it would be done to another object.
    if command.namespace.as_deref().is_some_and(|named| filled(named) != here) {
        return None;
    }
    let subject = state.subject_named(&wanted)?;
    Some(Request { action, subject, answers: answers.into_iter().collect() })
}

/// Ends the command of the step, which only looks; None where there is none.
pub fn stop(state: &mut State) -> Option<Vec<Effect>> {
    let view = state.open_walk().filter(|_| matches!(state.view.pages.last(), Some(Page::Walk)))?;
    let step = view.step()?.id.clone();
    let under_way = view.walk.steps.get(&step)?.under_way.as_ref()?;
    let walk = view.walk.id.clone();
    under_way.plan.is_empty().then(|| vec![Effect::Walk(WalkEffect::Stop { walk, step })])
}

/// A confirmation was taken: the step knows its operation.
pub fn begun(state: &mut State, step: &OfStep, operation: &str) -> Vec<Effect> {
    if of(state, &step.walk).is_none() {
        return Vec::new();
    }
    of_step(state, &step.step, Event::Operation { operation: operation.to_owned() })
}

/// A confirmation was not taken: nothing was done.
pub fn not_begun(state: &mut State, step: &OfStep, why: &str) -> Vec<Effect> {
    if of(state, &step.walk).is_none() {
        return Vec::new();
    }
    of_step(state, &step.step, Event::NotBegun { why: why.to_owned() })
}

/// An operation is over: what came of it is the step's evidence.
pub fn ended(state: &mut State, operation: &Operation) -> Vec<Effect> {
    let Some(step) = operation.of_step.clone() else { return Vec::new() };
    let now = state.now;
    let Some(view) = of(state, &step.walk) else { return Vec::new() };
    let (words, failed, is_unknown) = match &operation.progress {
        Progress::Done(words) => (words.to_string(), None, false),
        Progress::Failed(words) => (words.to_string(), Some(words.to_string()), false),
        Progress::Unknown(words) => (words.to_string(), None, true),
        _ => return Vec::new(),
    };
    // midwatch's own action writes nothing: it is watched until it has come about.
    let is_own = operation.output.is_none();
    let output: Vec<OutputLine> = operation.output.iter().flat_map(|o| o.lines.iter().cloned()).collect();
    let fence = view.document.steps.iter().find(|s| s.id == step.step).and_then(|s| s.fence.as_ref());
    let expect = fence.and_then(|f| f.attributes.expect.as_ref());
    let expect = expect.map(|e| judge::of_walk(e, &view.walk.parameters));
    let unmet = expect
        .filter(|_| failed.is_none() && !is_unknown && !is_own)
        .and_then(|e| judge::unmet(&e, None, &output));
    let evidence = Evidence {
        ran: step.ran.clone(),
        words,
        duration_ms: u64::try_from(now.duration_since(operation.since).as_millis()).unwrap_or(0),
        failed: failed.or(unmet),
        is_unknown,
        operation: operation.id.clone(),
        ..Evidence::default()
    };
    let what = Event::Ended { command: step.command, evidence };
    record(state, What::OfStep { step: step.step, what }, output)
}
