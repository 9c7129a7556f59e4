//! Lists to choose from: the palette over everything, contexts, namespaces, services.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::{commands, enter, pod, share};
use crate::effect::{Effect, Wanted};
use crate::input::command::COMMANDS;
use crate::input::{Command, Layer};
use crate::model::action::{ActionId, Subject};
use crate::model::scope::{ContextName, NamespaceChoice};
use crate::model::{Clean, Failure, Key};
use crate::panels::{PANELS, PODS};
use crate::state::view::{Choice, ChoiceEntry, ChoiceKind, ChoiceTarget, Window, line_field};
use crate::state::{Overlay, State};

/// Pods offered in the palette: beyond that, the filter of the pods panel is the better tool.
const MAX_PODS: usize = 2000;
/// Characters of a query that count.
const MAX_QUERY: usize = 200;

pub fn open(state: &mut State, kind: ChoiceKind) {
    let mut choice = Choice {
        kind,
        query: line_field(""),
        entries: Vec::new(),
        matches: Vec::new(),
        selected: 0,
        loaded: None,
    };
    let known = match kind {
        ChoiceKind::Palette => Some(palette(state)),
        ChoiceKind::Service => Some(services(state)),
        ChoiceKind::Subject(action) => Some(subjects(state, action)),
        ChoiceKind::Actions => Some(actions(state)),
        ChoiceKind::Undo => Some(undoable(state)),
        ChoiceKind::Runbook => Some(runbook_entries(state)),
        ChoiceKind::Copy => Some(share::entries(state)),
        ChoiceKind::Context | ChoiceKind::Namespace => None,
    };
    if let Some(entries) = known {
        choice.entries = entries;
        choice.loaded = Some(Ok(()));
        narrow(&mut choice);
    }
    state.view.overlay = Some(Overlay::Choice(Box::new(choice)));
}

/// Everything that can be gone to or done from here.
fn palette(state: &State) -> Vec<ChoiceEntry> {
    let entry = |label: String, hint: String, target| ChoiceEntry { label, hint, target };
    let layers = state.layers();
    let keymap = &state.settings.keymap;
    let mut entries: Vec<ChoiceEntry> = PANELS
        .iter()
        .enumerate()
        .map(|(index, p)| {
            entry(format!("zoom {}", p.noun()), format!("{}", index + 1), ChoiceTarget::Panel(index))
        })
        .collect();
    for (command, layer, _, doc) in COMMANDS.iter() {
        let here =
            layers.contains(layer) || keymap.all().any(|(l, _, c)| c == *command && layers.contains(&l));
        // Panels stand in the list themselves.
        let moves = matches!(layer, Layer::Choice | Layer::Text)
            || matches!(
                command,
                Command::Palette
                    | Command::Focus1
                    | Command::Focus2
                    | Command::Focus3
                    | Command::Focus4
                    | Command::Focus5
                    | Command::Focus6
            );
        if here && !moves {
            let keys = keymap.keys(*command).into_iter().next().unwrap_or_default();
            entries.push(entry((*doc).to_owned(), keys, ChoiceTarget::Command(*command)));
        }
    }
    for runbook in runbook_entries(state) {
        entries.push(entry(format!("walk: {}", runbook.label), runbook.hint, runbook.target));
    }
    for command in &state.settings.config.commands {
        let subject = crate::state::actions::command_subject(command);
        let target = ChoiceTarget::Act(ActionId::Command, subject);
        entries.push(entry(format!("run {}", command.title()), command.name.clone(), target));
    }
    let mut window = Window::nearest(jiff::SignedDuration::from_mins(1));
    loop {
        entries.push(entry(
            format!("charts: last {}", window.word()),
            "window".into(),
            ChoiceTarget::Window(window),
        ));
        if window.wider() == window {
            break;
        }
        window = window.wider();
    }
    for row in &state.derived.pods.workloads {
        let label = format!("{}/{} in {}", row.kind.noun(), row.key.name, row.key.namespace);
        entries.push(entry(label, row.health.word().to_owned(), ChoiceTarget::Workload(row.key.clone())));
    }
    for pod in state.known.pods.iter().take(MAX_PODS) {
        let key = Key { namespace: pod.namespace.clone(), name: pod.name.clone() };
        let label = format!("pod/{} in {}", pod.name, pod.namespace);
        entries.push(entry(label, pod.status.to_string(), ChoiceTarget::Pod(key)));
    }
    entries
}

/// Ranks the entries by the query; without one they keep their order.
pub fn narrow(choice: &mut Choice) {
    // A large paste can't mean anything here, and the matcher counts in sixteen bits.
    let query: String = choice.query.lines().join(" ").chars().take(MAX_QUERY).collect();
    choice.selected = 0;
    if query.trim().is_empty() {
        choice.matches = (0..choice.entries.len()).collect();
        return;
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(&query, CaseMatching::Ignore, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut scored: Vec<(u32, usize)> = choice
        .entries
        .iter()
        .enumerate()
        .filter_map(|(i, e)| Some((pattern.score(Utf32Str::new(&e.label, &mut buffer), &mut matcher)?, i)))
        .collect();
    scored.sort_by_key(|(score, index)| (std::cmp::Reverse(*score), *index));
    choice.matches = scored.into_iter().map(|(_, i)| i).collect();
}

fn fill(state: &mut State, kind: ChoiceKind, entries: Result<Vec<ChoiceEntry>, Failure>) {
    let Some(Overlay::Choice(choice)) = &mut state.view.overlay else { return };
    if choice.kind != kind {
        return;
    }
    choice.loaded = Some(entries.map(|entries| choice.entries = entries));
    narrow(choice);
}

pub fn contexts(state: &mut State, contexts: Result<Vec<ContextName>, Failure>) {
    let now = state.scope.context.clone();
    let entries = contexts.map(|contexts| {
        let entry = |c: ContextName| {
            let namespace = c.namespace.as_deref().unwrap_or("default").to_owned();
            let here = if c.name == now { ", here" } else { "" };
            ChoiceEntry {
                label: c.name.to_string(),
                hint: format!("{} / {namespace}{here}", c.cluster),
                target: ChoiceTarget::Context(c.name.to_string()),
            }
        };
        contexts.into_iter().map(entry).collect()
    });
    fill(state, ChoiceKind::Context, entries);
}

pub fn namespaces(state: &mut State, names: Result<Vec<Clean>, Failure>) {
    let now = state.scope.namespace.clone();
    let entries = names.map(|names| {
        let all = ChoiceEntry {
            label: "all namespaces".into(),
            hint: if now.is_none() { "here".into() } else { String::new() },
            target: ChoiceTarget::Namespace(None),
        };
        let named = names.into_iter().map(|name| ChoiceEntry {
            label: name.to_string(),
            hint: if now.as_ref() == Some(&name) { "here".into() } else { String::new() },
            target: ChoiceTarget::Namespace(Some(name.to_string())),
        });
        std::iter::once(all).chain(named).collect()
    });
    fill(state, ChoiceKind::Namespace, entries);
}

/// A service goes by the name of its workload.
fn services(state: &State) -> Vec<ChoiceEntry> {
    let now = &state.scope.service;
    let here = |is: bool| if is { "here".to_owned() } else { String::new() };
    let all = ChoiceEntry {
        label: "all services together".into(),
        hint: here(now.is_none()),
        target: ChoiceTarget::Service(None),
    };
    let mut names: Vec<&Clean> = state.known.workloads().map(|w| &w.name).collect();
    names.sort();
    names.dedup();
    let named = names.into_iter().map(|name| ChoiceEntry {
        label: name.to_string(),
        hint: here(now.as_ref() == Some(name)),
        target: ChoiceTarget::Service(Some(name.to_string())),
    });
    std::iter::once(all).chain(named).collect()
}

/// All actions, with the reason where one can't be done now.
fn actions(state: &State) -> Vec<ChoiceEntry> {
    let entry = |action: &ActionId| {
        let command = Command::Act(*action);
        let key = state.settings.keymap.keys(command).into_iter().next().unwrap_or_default();
        let mark = if state.settings.ascii { "-" } else { "⊘" };
        let hint = match state.unavailable(*action) {
            Some(why) => format!("{mark} {why}"),
            None => action.kinds().iter().map(|k| k.noun()).collect::<Vec<_>>().join(", "),
        };
        ChoiceEntry {
            label: format!("{key:<3} {}", action.doc()),
            hint,
            target: ChoiceTarget::Command(command),
        }
    };
    ActionId::ALL.iter().filter(|a| a.has_a_key()).map(entry).collect()
}

/// What was done and can be undone, the newest first.
fn undoable(state: &State) -> Vec<ChoiceEntry> {
    let entry = |o: &crate::state::actions::Operation| {
        let back = o.back.clone()?;
        Some(ChoiceEntry {
            label: o.title.clone(),
            hint: o.undo.to_string(),
            target: ChoiceTarget::Request(Box::new(back)),
        })
    };
    state.undoable().filter_map(entry).collect()
}

/// Which runbook to walk: that of the alert under the cursor at once, where it has one.
pub fn runbooks(state: &mut State) -> Vec<Effect> {
    if let Some(walking) = state.walk.as_ref().and_then(|w| match w {
        crate::state::walk::Walking::Open(view) => Some(view.name.clone()),
        _ => None,
    }) && !matches!(state.view.pages.last(), Some(crate::state::Page::Walk))
        && state.linked_runbook().is_none_or(|name| name == walking)
    {
        super::walk::show(state);
        return Vec::new();
    }
    match state.linked_runbook() {
        Some(name) if !matches!(state.view.pages.last(), Some(crate::state::Page::Walk)) => {
            super::walk::open(state, name, None, Wanted::Latest)
        }
        _ => {
            open(state, ChoiceKind::Runbook);
            Vec::new()
        }
    }
}

/// All of them, those of the alerts that fire first.
fn runbook_entries(state: &State) -> Vec<ChoiceEntry> {
    use crate::runbook::library::for_alert;
    let all = &state.settings.runbooks;
    let of =
        |a: &crate::model::alert::Alert| Some(for_alert(all, &a.name, a.runbook.as_deref())?.name.clone());
    let fired: Vec<(String, Clean)> =
        state.derived.alerts.iter().filter_map(|a| Some((of(a)?, a.name.clone()))).collect();
    let entry = |e: &crate::runbook::library::Entry| {
        let alerts: Vec<&str> = fired.iter().filter(|(n, _)| *n == e.name).map(|(_, a)| a.as_str()).collect();
        let name = Clean::new(&e.name);
        let hint = if alerts.is_empty() { name.to_string() } else { format!("for {}", alerts.join(", ")) };
        ChoiceEntry { label: e.title.to_string(), hint, target: ChoiceTarget::Walk(e.name.clone()) }
    };
    let mut entries: Vec<ChoiceEntry> = all.iter().map(entry).collect();
    entries.sort_by_key(|e| !e.hint.starts_with("for "));
    entries
}

/// What was found in the cluster for an action, after what was known already.
pub fn found(state: &mut State, action: ActionId, found: Result<Vec<Subject>, Failure>) {
    let mut entries = subjects(state, action);
    let Some(Overlay::Choice(choice)) = &mut state.view.overlay else { return };
    if choice.kind != ChoiceKind::Subject(action) {
        return;
    }
    let known = !entries.is_empty();
    // The cursor stays on what it stands on.
    let target = |c: &Choice| Some(c.entries.get(*c.matches.get(c.selected)?)?.target.clone());
    let selected = target(choice);
    match found {
        Ok(found) => {
            entries.extend(found.into_iter().map(|subject| ChoiceEntry {
                label: format!("{} in {}", subject.words(), subject.namespace),
                hint: String::new(),
                target: ChoiceTarget::Act(action, subject),
            }));
            choice.loaded = Some(Ok(()));
        }
        Err(failure) if !known => choice.loaded = Some(Err(failure)),
        Err(_) => choice.loaded = Some(Ok(())),
    }
    choice.entries = entries;
    narrow(choice);
    let at = choice.matches.iter().position(|i| Some(&choice.entries[*i].target) == selected.as_ref());
    choice.selected = at.unwrap_or(0);
}

/// What an action could be done to, those in trouble first.
fn subjects(state: &State, action: ActionId) -> Vec<ChoiceEntry> {
    let rows = &state.derived.pods.workloads;
    let entry = |subject: Subject| {
        let row = rows.iter().find(|r| {
            r.key.name == subject.name
                && r.key.namespace == subject.namespace
                && r.kind.noun() == subject.kind.noun()
        });
        let command = state.settings.config.commands.iter().find(|c| *c.name == *subject.name);
        let command = command.filter(|_| action == ActionId::Command);
        let hint = match (row, command) {
            (Some(r), _) => format!("{}/{} {}", r.ready, r.wanted, r.state),
            (None, Some(c)) => format!("{}  risk: {}", c.title(), c.risk.name()),
            (None, None) => String::new(),
        };
        let place =
            if subject.namespace.is_empty() { String::new() } else { format!(" in {}", subject.namespace) };
        let label = format!("{}{place}", subject.words());
        ChoiceEntry { label, hint, target: ChoiceTarget::Act(action, subject) }
    };
    state.subjects(action).into_iter().map(entry).collect()
}

/// Does what the chosen entry stands for.
pub fn accept(state: &mut State, choice: &Choice) -> Vec<Effect> {
    let Some(entry) = choice.matches.get(choice.selected).and_then(|i| choice.entries.get(*i)) else {
        return Vec::new();
    };
    take(state, entry.target.clone())
}

/// Goes where `chosen` leads.
pub fn take(state: &mut State, chosen: ChoiceTarget) -> Vec<Effect> {
    let mut target = state.target.clone();
    match chosen {
        ChoiceTarget::Command(command) => commands::run(state, command),
        ChoiceTarget::Panel(panel) => {
            let effects = commands::focus(state, panel);
            state.view.zoom(panel);
            effects
        }
        ChoiceTarget::Pod(key) => pod::open(state, &key),
        ChoiceTarget::Act(action, subject) => super::dialog::open(state, action, subject),
        ChoiceTarget::Walk(name) => super::walk::open(state, name, None, Wanted::Latest),
        ChoiceTarget::Request(request) => super::dialog::request(state, *request),
        ChoiceTarget::Copy { what, text } => share::copy(state, &what, text),
        ChoiceTarget::CopyFrame => share::copy_frame(state),
        ChoiceTarget::WriteFrame(format) => share::write_frame(state, format),
        ChoiceTarget::Workload(key) => {
            let filter = format!("owner={} ns={}", key.name, key.namespace);
            let effects = commands::focus(state, PODS);
            state.view.pages.clear();
            state.view.zoom(PODS);
            let list = state.view.lists.entry(PODS).or_default();
            list.filter = crate::model::filter::Filter::parse(&filter).unwrap_or_default();
            state.dirty.rows = true;
            effects
        }
        ChoiceTarget::Window(window) => {
            state.view.window = window;
            state.dirty.rest = true;
            vec![commands::wants(state)]
        }
        ChoiceTarget::Context(name) => {
            // Another cluster: neither its namespace nor its service is this one's.
            target.context = Some(name);
            target.namespace = NamespaceChoice::OfContext;
            target.service = None;
            enter(state, target)
        }
        ChoiceTarget::Namespace(name) => {
            target.namespace = name.map_or(NamespaceChoice::All, NamespaceChoice::Named);
            target.service = None;
            enter(state, target)
        }
        ChoiceTarget::Service(name) => {
            target.service = name;
            enter(state, target)
        }
    }
}
