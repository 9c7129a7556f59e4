//! What each command does to the view.

use super::{ask, choices, dialog, logs, output, pod, review, walk};
use crate::effect::Effect;
use crate::input::Command;
use crate::model::Health;
use crate::panels::{PANELS, PODS, RowKey};
use crate::state::view::{ChoiceKind, TextEntry, TextPurpose, line_field};
use crate::state::walk::{Doing, WalkView};
use crate::state::{Overlay, Page, State};

pub fn run(state: &mut State, command: Command) -> Vec<Effect> {
    use Command as C;
    match command {
        C::Quit => state.view.overlay = Some(Overlay::Quit),
        C::Help => {
            state.view.overlay = match &state.view.overlay {
                Some(Overlay::Help { .. }) => None,
                _ => Some(Overlay::Help { scroll: 0 }),
            };
        }
        C::Palette => return ask(state, ChoiceKind::Palette),
        C::SwitchContext => return ask(state, ChoiceKind::Context),
        C::SwitchNamespace => return ask(state, ChoiceKind::Namespace),
        C::SwitchService => return ask(state, ChoiceKind::Service),
        C::FocusNext => return step_focus(state, 1),
        C::FocusPrevious => return step_focus(state, PANELS.len() - 1),
        C::Focus1 => return focus(state, 0),
        C::Focus2 => return focus(state, 1),
        C::Focus3 => return focus(state, 2),
        C::Focus4 => return focus(state, 3),
        C::Focus5 => return focus(state, 4),
        C::Focus6 => return focus(state, 5),
        C::Open => return open(state),
        C::Back => return back(state),
        C::Refresh if matches!(state.view.pages.last(), Some(Page::Review)) => return review::again(state),
        C::Refresh => {
            state.view.refresh = state.view.refresh.wrapping_add(1);
            state.notice(Health::Progress, "asking for everything now");
            return std::iter::once(wants(state)).chain(pod::ask(state)).collect();
        }
        C::Wider | C::Narrower => {
            let window = state.view.window;
            state.view.window = if command == C::Wider { window.wider() } else { window.narrower() };
            let word = state.view.window.word();
            state.notice(Health::Progress, format!("charts show the last {word}"));
            state.dirty.rest = true;
            return vec![wants(state)];
        }
        C::NextTheme => next_theme(state),
        C::Act(action) => return dialog::ask_for(state, action),
        C::Actions => return ask(state, ChoiceKind::Actions),
        C::Undo => return dialog::undo(state),
        C::GoOn => return dialog::go_on(state),
        C::Runbooks => return choices::runbooks(state),
        C::DoStep => return walk::do_step(state, Doing::Best),
        C::DoAsItIs => return walk::do_step(state, Doing::AsItIs),
        C::Attest => return walk::attest(state),
        C::Skip => return walk::skip(state),
        C::Note => return walk::note(state),
        C::Untick => return walk::untick(state),
        C::NextOpen => walk::step_by(state, WalkView::next_open),
        C::NextSection | C::PreviousSection => walk::section(state, command == C::NextSection),
        C::Beside => walk::beside(state),
        C::ScrollDown | C::ScrollUp => walk::scroll(state, command == C::ScrollDown),
        C::SearchSteps => walk::search(state),
        C::SetParameter => return walk::set_parameter(state),
        C::WalkReport => return walk::report(state),
        C::Operations => state.view.pages.push(Page::Operations { scroll: 0 }),
        C::Output => output::open(state),
        C::Stop => match walk::stop(state) {
            Some(effects) => return effects,
            None => output::ask_to_stop(state),
        },
        C::Review => return review::open(state),
        C::ReviewNote
        | C::ReviewReason
        | C::ReviewSignOff
        | C::ReviewReport
        | C::ReviewWalk
        | C::ReviewNext
        | C::ReviewPrevious
        | C::ReviewKind => return review::run(state, command),
        C::Copy => return ask(state, ChoiceKind::Copy),
        C::Messages => state.view.pages.push(Page::Messages { scroll: 0 }),
        C::Redraw => return vec![Effect::Repaint],
        C::Suspend => return vec![Effect::Suspend],
        C::Up => scroll(state, Step::Up(1)),
        C::Down => scroll(state, Step::Down(1)),
        C::PageUp => scroll(state, Step::Up(page_rows(state))),
        C::PageDown => scroll(state, Step::Down(page_rows(state))),
        C::Top => scroll(state, Step::Top),
        C::Bottom => scroll(state, Step::Bottom),
        C::Filter => type_text(state, TextPurpose::Filter),
        C::Search => type_text(state, TextPurpose::Search),
        C::SortNext | C::SortReverse => sort(state, command == C::SortReverse),
        C::Logs => return logs::open(state),
        C::NextContainer => return logs::next_container(state),
        C::Follow => return logs::toggle_follow(state),
        C::Previous => return logs::toggle_previous(state),
        C::Since => return logs::next_since(state),
        C::NextMatch => logs::find(state, false),
        C::PreviousMatch => logs::find(state, true),
        C::Wrap => {
            if let Some(log) = state.view.log_mut() {
                log.wrap = !log.wrap;
            }
        }
        C::Accept => return accept(state),
        C::Cancel => cancel(state),
    }
    Vec::new()
}

pub fn wants(state: &State) -> Effect {
    let window_s = u64::try_from(state.view.window.duration().as_secs()).unwrap_or(3600);
    Effect::Wants { window_s, refresh: state.view.refresh }
}

pub fn focus(state: &mut State, panel: usize) -> Vec<Effect> {
    state.view.focus = panel;
    match state.view.pages.last() {
        // From one zoomed panel to the next.
        Some(Page::Panel(_)) => {
            state.view.zoom(panel);
            Vec::new()
        }
        Some(_) => {
            state.view.pages.clear();
            vec![Effect::StopLog]
        }
        None => Vec::new(),
    }
}

fn step_focus(state: &mut State, by: usize) -> Vec<Effect> {
    let next = (state.view.focus + by) % PANELS.len();
    focus(state, next)
}

/// Enter: the focused panel, or the row that is selected in it.
fn open(state: &mut State) -> Vec<Effect> {
    if matches!(state.view.overlay, Some(Overlay::Help { .. })) {
        state.view.overlay = None;
        return Vec::new();
    }
    match state.view.pages.last() {
        None => state.view.zoom(state.view.focus),
        Some(Page::Panel(PODS)) => {
            if let Some(key) = state.view.list(PODS).selected {
                return pod::open(state, &key);
            }
        }
        Some(Page::Review) => review::enter(state),
        Some(_) => {}
    }
    Vec::new()
}

fn back(state: &mut State) -> Vec<Effect> {
    if state.view.overlay.take().is_some() {
        return Vec::new();
    }
    if matches!(state.view.pages.last(), Some(Page::Review)) && review::leave_walk(state) {
        return Vec::new();
    }
    let panel = state.view.active_panel();
    let zoomed = matches!(state.view.pages.last(), Some(Page::Panel(_)));
    if zoomed && !state.view.list(panel).filter.is_empty() {
        // First the filter goes, then the page: rows that are hidden are easily forgotten.
        state.view.lists.entry(panel).or_default().filter = Default::default();
        state.dirty.rows = true;
        return Vec::new();
    }
    let left = state.view.pages.pop();
    match (left, state.view.pages.last()) {
        // The pod's page goes on with its own log.
        (Some(Page::Log(_)), Some(Page::Pod(page))) => {
            vec![Effect::ReadLog { id: page.log.id, request: page.log.request.clone() }]
        }
        (Some(Page::Log(_) | Page::Pod(_)), _) => vec![Effect::StopLog],
        _ => Vec::new(),
    }
}

fn next_theme(state: &mut State) {
    let themes = &state.settings.themes;
    let at = themes.iter().position(|t| t.name == state.settings.theme.name).unwrap_or(0);
    if let Some(theme) = themes.get((at + 1) % themes.len().max(1)).cloned() {
        let name = theme.name.clone();
        state.settings.theme = theme;
        state.notice(Health::Progress, format!("theme {name}"));
    }
}

#[derive(Clone, Copy)]
pub enum Step {
    Up(usize),
    Down(usize),
    Top,
    Bottom,
}

impl Step {
    /// From `at` among `len`.
    pub fn to(self, at: usize, len: usize) -> usize {
        let last = len.saturating_sub(1);
        match self {
            Self::Up(n) => at.saturating_sub(n),
            Self::Down(n) => (at + n).min(last),
            Self::Top => 0,
            Self::Bottom => last,
        }
    }
}

fn page_rows(state: &State) -> usize {
    usize::from(state.size.1.saturating_sub(8)).max(1)
}

fn scroll(state: &mut State, step: Step) {
    match &mut state.view.overlay {
        Some(Overlay::Help { scroll }) => {
            *scroll = step.to(*scroll, 200);
            return;
        }
        Some(Overlay::Choice(choice)) => {
            choice.selected = step.to(choice.selected, choice.matches.len());
            return;
        }
        _ => {}
    }
    let (notices, operations) = (state.notices.len(), state.operations.len());
    let written = match state.view.pages.last() {
        Some(Page::Output { operation, .. }) => {
            let shown = state.operations.iter().find(|o| o.id == *operation);
            shown.and_then(|o| o.output.as_ref()).map_or(0, |o| o.lines.len())
        }
        _ => 0,
    };
    match state.view.pages.last_mut() {
        Some(Page::Log(log)) => {
            // The log counts from its end.
            let last = log.lines.len().saturating_sub(1);
            log.scroll = last - step.to(last.saturating_sub(log.scroll), log.lines.len());
        }
        Some(Page::Pod(page)) => page.scroll = step.to(page.scroll, 60),
        Some(Page::Review) => super::review::scroll(state, step),
        Some(Page::Messages { scroll }) => *scroll = step.to(*scroll, notices),
        Some(Page::Operations { scroll }) => *scroll = step.to(*scroll, operations),
        Some(Page::Output { scroll, .. }) => {
            // It counts from its end, as a log does.
            let last = written.saturating_sub(1);
            *scroll = last - step.to(last.saturating_sub(*scroll), written);
        }
        Some(Page::Walk) => walk::step_by(state, |view| Some(step.to(view.at, view.shown.len()))),
        Some(Page::Panel(panel)) => {
            let panel = *panel;
            let keys = PANELS[panel].rows(state);
            let index = step.to(state.view.list(panel).index, keys.len());
            let selected = keys.get(index).map(RowKey::key);
            let list = state.view.lists.entry(panel).or_default();
            (list.index, list.selected) = (index, selected);
        }
        None => {}
    }
}

fn type_text(state: &mut State, purpose: TextPurpose) {
    if purpose == TextPurpose::Filter && state.view.pages.is_empty() {
        state.view.zoom(state.view.focus);
    }
    let text = match purpose {
        TextPurpose::Filter => state.view.list(state.view.active_panel()).filter.text,
        TextPurpose::Search => state.view.log_mut().map(|log| log.search.clone()).unwrap_or_default(),
        // It opens its own.
        TextPurpose::Walk => String::new(),
    };
    let entry = TextEntry { purpose, field: line_field(&text), error: None };
    state.view.overlay = Some(Overlay::Text(Box::new(entry)));
}

fn sort(state: &mut State, reverse: bool) {
    let panel = state.view.active_panel();
    let list = state.view.lists.entry(panel).or_default();
    if reverse {
        list.reverse = !list.reverse;
    } else {
        list.sort = (list.sort + 1) % crate::state::pods::SORTS.len();
    }
    state.dirty.rows = true;
}

fn accept(state: &mut State) -> Vec<Effect> {
    match state.view.overlay.take() {
        // Nothing is there to be taken yet: it stays.
        Some(Overlay::Choice(choice)) if choice.loaded.is_none() => {
            state.view.overlay = Some(Overlay::Choice(choice));
            Vec::new()
        }
        Some(Overlay::Choice(choice)) => choices::accept(state, &choice),
        Some(Overlay::Text(entry)) => {
            if entry.purpose == TextPurpose::Walk {
                return walk::typed(state, entry);
            }
            if entry.error.is_some() {
                // What can't be used stays to be mended.
                state.view.overlay = Some(Overlay::Text(entry));
            } else if entry.purpose == TextPurpose::Search {
                logs::find(state, true);
            }
            Vec::new()
        }
        other => {
            state.view.overlay = other;
            Vec::new()
        }
    }
}

/// Esc in a field: the filter or search that was being typed is dropped.
fn cancel(state: &mut State) {
    if let Some(view) = state.open_walk_mut() {
        view.wanted = None;
    }
    match state.view.overlay.take() {
        Some(Overlay::Text(entry)) if entry.purpose == TextPurpose::Filter => {
            let panel = state.view.active_panel();
            state.view.lists.entry(panel).or_default().filter = Default::default();
            state.dirty.rows = true;
        }
        Some(Overlay::Text(_)) => {
            if let Some(log) = state.view.log_mut() {
                log.search.clear();
            }
        }
        _ => {}
    }
}
