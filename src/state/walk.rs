//! A walk through a runbook, as the cockpit has it: the document, the fold of what was written down,
//! and where the cursor stands.

use std::collections::BTreeMap;

use super::State;
use super::actions::OfStep;
use super::output::Output;
use crate::model::action::{ActionId, Difference};
use crate::model::ask::Ask;
use crate::model::{Failure, Verdict};
use crate::runbook::command::Command;
use crate::runbook::document::{Document, Fence, Section, Step, StepId, StepKind};
use crate::runbook::library;
use crate::runbook::walk::{Status, StepState, Walk};

/// The walk of this cockpit; there is one at a time.
#[derive(Clone, Debug)]
pub enum Walking {
    /// It is being opened: which document.
    Opening(String),
    Failed(Failure),
    Open(Box<WalkView>),
}

/// A walk that is open.
#[derive(Clone, Debug)]
pub struct WalkView {
    pub name: String,
    pub document: Document,
    /// The steps that are walked: indices into the document's, all or those of a section.
    pub shown: Vec<usize>,
    pub walk: Walk,
    /// How much of the file of events this is. Bytes.
    pub read: u64,
    /// Which of `shown` the cursor stands on.
    pub at: usize,
    /// Lines of the step's pane that are above the window.
    pub scroll: usize,
    /// Panels stand beside the step.
    pub beside: bool,
    /// What every check comes to now.
    pub now: BTreeMap<StepId, Verdict>,
    /// What the commands of this session have written.
    pub output: BTreeMap<StepId, Output>,
    /// What is being typed, while something is.
    pub asking: Option<Asking>,
    /// What has changed in the document since it was walked; shown until a key is pressed.
    pub changed: Vec<Difference>,
    /// An action that the step wants, while it is asked what it is to be done to.
    pub wanted: Option<(ActionId, OfStep)>,
    /// The check that waits for an answer from outside.
    pub checking: Option<StepId>,
    /// Something is on its way to the disk: the keys that would write wait for it.
    pub is_writing: bool,
    pub search: String,
}

/// What a line that is typed is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asking {
    Attest(StepId),
    Skip(StepId),
    Note(StepId),
    /// The value of a parameter; then the step is done, where that was asked for.
    Parameter {
        name: String,
        then: Option<Doing>,
        offers: Vec<String>,
    },
    Search,
}

/// How a step is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// By midwatch's own action where there is one.
    Best,
    /// The command as it is written.
    AsItIs,
}

impl WalkView {
    pub fn step(&self) -> Option<&Step> {
        self.document.steps.get(*self.shown.get(self.at)?)
    }

    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.shown.iter().filter_map(|i| self.document.steps.get(*i))
    }

    /// The command of the step that is to be run next, with its number.
    pub fn next_command<'a>(&self, step: &'a Step) -> Option<(usize, &'a Command)> {
        let fence: &Fence = step.fence.as_ref()?;
        let done = self.walk.steps.get(&step.id).map(|s| s.done.as_slice()).unwrap_or_default();
        fence.commands.iter().enumerate().find(|(i, _)| !done.contains(i))
    }

    /// The parameters that the step still needs.
    pub fn missing(&self, step: &Step) -> Option<String> {
        let names = match step.kind {
            StepKind::Check => step.check.as_ref()?.as_ref().ok()?.parameters(),
            _ => self.next_command(step)?.1.parameters.clone(),
        };
        names.into_iter().find(|name| !self.walk.parameters.contains_key(name))
    }

    /// Puts the cursor on the first step that is not settled.
    pub fn to_first_open(&mut self) {
        let open = self.steps().position(|s| !self.walk.status(&s.id).is_settled());
        self.go_to(open.unwrap_or(self.shown.len().saturating_sub(1)));
    }

    pub fn go_to(&mut self, at: usize) {
        let at = at.min(self.shown.len().saturating_sub(1));
        if at != self.at {
            self.at = at;
            self.scroll = 0;
        }
    }

    /// The step in one line; of a check with its parameters filled in.
    pub fn title(&self, step: &Step) -> String {
        match &step.check {
            Some(Ok(check)) => check.filled(&self.walk.parameters).unwrap_or_else(|_| check.clone()).words(),
            _ => step.text.to_string(),
        }
    }

    /// Where the first step that is nested in this one and can still be done stands.
    pub fn first_within(&self, step: &Step) -> Option<usize> {
        let index = self.document.steps.iter().position(|s| s.id == step.id)?;
        self.steps().position(|s| s.parent == Some(index) && !self.walk.status(&s.id).is_settled())
    }

    /// The sections whose first step this is, outermost first: their prose leads to it.
    pub fn led_by(&self, step: &Step) -> Vec<&Section> {
        let above = |of: usize| {
            std::iter::successors(Some(of), |s| self.document.sections.get(*s).and_then(|s| s.parent))
        };
        let before: Vec<usize> =
            self.steps().take_while(|s| s.id != step.id).flat_map(|s| above(s.section)).collect();
        let mut led: Vec<usize> = above(step.section).filter(|s| !before.contains(s)).collect();
        led.reverse();
        led.into_iter().filter_map(|s| self.document.sections.get(s)).collect()
    }

    /// The next step from the cursor on that can still be done, going round once.
    pub fn next_open(&self) -> Option<usize> {
        let n = self.shown.len();
        let steps: Vec<&Step> = self.steps().collect();
        (1..=n)
            .map(|i| (self.at + i) % n)
            .find(|i| steps.get(*i).is_some_and(|s| !self.walk.status(&s.id).is_settled()))
    }

    /// The step whose command was confirmed by this plan, and whose outcome nobody has seen.
    pub fn interrupted(&self, plan: &str, ran: &str) -> Option<OfStep> {
        let is_it = |s: &&StepState| s.plan == plan && matches!(s.status, Status::Unknown(_));
        let (step, _) = self.walk.steps.iter().find(|(_, s)| !plan.is_empty() && is_it(s))?;
        let command = self.document.steps.iter().find(|s| s.id == *step).and_then(|s| self.next_command(s));
        Some(OfStep {
            walk: self.walk.id.clone(),
            step: step.clone(),
            command: command.map_or(0, |(number, _)| number),
            ran: format!("midwatch: {ran}"),
        })
    }

    /// What a check that was verified has come to since, where it does not hold any more, or can't be seen.
    pub fn broken(&self, step: &Step) -> Option<&Verdict> {
        if step.confirms_trouble() || !matches!(self.walk.status(&step.id), Status::Verified(_)) {
            return None;
        }
        self.now.get(&step.id).filter(|v| !v.is_pass())
    }
}

impl State {
    pub fn open_walk(&self) -> Option<&WalkView> {
        match &self.walk {
            Some(Walking::Open(view)) => Some(view),
            _ => None,
        }
    }

    pub fn open_walk_mut(&mut self) -> Option<&mut WalkView> {
        match &mut self.walk {
            Some(Walking::Open(view)) => Some(view),
            _ => None,
        }
    }

    /// The runbook of what the cursor stands on: the alert's, by its annotation or its name.
    pub fn linked_runbook(&self) -> Option<String> {
        let super::Page::Panel(panel) = self.view.pages.last()? else { return None };
        if *panel != crate::panels::ALERTS {
            return None;
        }
        let key = self.view.list(*panel).selected?;
        let alert = self.derived.alerts.iter().find(|a| a.fingerprint == key.name)?;
        let found = library::for_alert(&self.settings.runbooks, &alert.name, alert.runbook.as_deref());
        found.map(|entry| entry.name.clone())
    }

    /// What the checks under the cursor, and those that were done, ask of the world outside.
    pub fn asks_of_walk(&self) -> Vec<Ask> {
        let Some(view) = self.open_walk() else { return Vec::new() };
        let here = view.step().map(|s| &s.id);
        let is_watched = |s: &&Step| {
            Some(&s.id) == here || view.walk.steps.get(&s.id).is_some_and(|known| known.verdict.is_some())
        };
        let checks = view.steps().filter(is_watched).filter_map(|s| s.check.as_ref()?.as_ref().ok());
        checks.filter_map(|check| check.filled(&view.walk.parameters).ok()?.ask()).collect()
    }

    /// What every check of the open walk comes to now.
    pub fn checks_now(&self) -> BTreeMap<StepId, Verdict> {
        let Some(view) = self.open_walk() else { return BTreeMap::new() };
        let checks = view.steps().filter_map(|s| Some((s, s.check.as_ref()?)));
        checks
            .map(|(step, check)| {
                let verdict = match check {
                    Err(problem) => Verdict::could_not(&format!(
                        "line {}, column {}: {}",
                        problem.line, problem.column, problem.what
                    )),
                    Ok(check) => match check.filled(&view.walk.parameters) {
                        Ok(check) => check.evaluate(self),
                        Err(missing) => Verdict::could_not(&missing),
                    },
                };
                (step.id.clone(), verdict)
            })
            .collect()
    }

    /// Whether the cockpit looks at what the walk was begun for: a command would act on something else.
    pub fn is_elsewhere(&self, view: &WalkView) -> Option<String> {
        let place = &view.walk.place;
        let namespace = self.scope.namespace.as_deref().unwrap_or_default();
        if *place.context == *self.scope.context && place.namespace == namespace {
            return None;
        }
        let words = |context: &str, namespace: &str| match (context, namespace) {
            ("", _) => "no cluster".to_owned(),
            (context, "") => format!("{context}, all namespaces"),
            (context, namespace) => format!("{context} / {namespace}"),
        };
        Some(format!(
            "this walk is of {}, and the cockpit looks at {}; switch there first (C, N)",
            words(&place.context, &place.namespace),
            words(&self.scope.context, namespace)
        ))
    }
}
