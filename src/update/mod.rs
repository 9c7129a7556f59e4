//! The only place that changes the state: message in, effects out, no I/O.

mod choices;
mod commands;
mod dialog;
mod logs;
mod output;
pub mod place;
mod pod;
pub mod review;
mod share;
pub mod typed;
pub mod walk;

use crate::effect::Effect;
use crate::input::keymap::Lookup;
use crate::input::{Chord, Code};
use crate::model::action::Question;
use crate::model::{Clean, Health};
use crate::msg::Msg;
use crate::state::actions::Stage;
use crate::state::view::{ChoiceKind, TextPurpose};
use crate::state::{Connection, Overlay, State};

/// Applies one message. What it makes outdated is derived anew by `State::settle`.
pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(chord) => return key(state, chord),
        Msg::Paste(text) => paste(state, &text),
        Msg::Resize { columns, rows } => state.size = (columns, rows),
        Msg::Tick(now) => return tick(state, now),
        Msg::Stepped(by) => state.step(by),
        Msg::Batch(batch) if batch.epoch == state.epoch => {
            let before = state.known.clock_ahead.unwrap_or_default();
            let outdated = state.known.apply(batch);
            clocks(state, before);
            state.observed.add(outdated);
            return place::return_to(state);
        }
        Msg::Connected { epoch, scope } if epoch == state.epoch => {
            state.scope = scope;
            state.connection = Connection::Open;
            state.dirty.rest = true;
        }
        Msg::ConnectFailed { epoch, failure } if epoch == state.epoch => {
            state.notice(Health::Critical, format!("{}: {}", failure.tried, failure.happened));
            state.connection = Connection::Failed(failure);
            state.dirty.rest = true;
        }
        Msg::Detail { epoch, key, detail } if epoch == state.epoch => {
            pod::answered(state, &key, *detail);
        }
        Msg::Log { id, event } => {
            if let Some(log) = state.view.log_mut().filter(|log| log.id == id) {
                log.apply(event);
            }
        }
        Msg::Contexts(contexts) => choices::contexts(state, contexts),
        Msg::Namespaces { epoch, names } if epoch == state.epoch => choices::namespaces(state, names),
        Msg::Subjects { epoch, action, found } if epoch == state.epoch => {
            choices::found(state, action, found)
        }
        Msg::Answered { epoch, ask, answer } if epoch == state.epoch => {
            state.answers.arrived(&ask, *answer, state.now);
            return walk::answered(state);
        }
        Msg::Planned { dialog, planned } => return dialog::planned(state, dialog, *planned),
        Msg::Drawn { dialog } => return vec![Effect::Arm { dialog }],
        Msg::Armed { dialog } => dialog::arm(state, dialog),
        Msg::Confirmed { dialog, answer } => return dialog::confirmed(state, dialog, *answer),
        Msg::Recovered(left) => dialog::recovered(state, *left),
        Msg::Walk(msg) => return walk::arrived(state, *msg),
        Msg::Operation { id, progress } => return dialog::progress(state, &id, progress),
        Msg::Output { id, lines, is_all } => output::arrived(state, &id, lines, is_all),
        Msg::Reviewing { id, done, of } => review::progress(state, id, done, of),
        Msg::Reviewed { id, asked } => review::arrived(state, id, *asked),
        Msg::SignedOff { id, kept } => review::signed(state, id, *kept),
        Msg::Reported(written) => review::reported(state, written),
        Msg::Resumed => return vec![Effect::Repaint],
        Msg::Terminate => return vec![Effect::Quit],
        // Of a scope that was left: nothing of it may stay on the screen.
        Msg::Batch(_)
        | Msg::Connected { .. }
        | Msg::ConnectFailed { .. }
        | Msg::Detail { .. }
        | Msg::Answered { .. }
        | Msg::Subjects { .. }
        | Msg::Namespaces { .. } => {}
    }
    Vec::new()
}

/// Ages of objects are counted with two clocks, the cluster's and ours: where they differ, it is said.
fn clocks(state: &mut State, before: jiff::SignedDuration) {
    let ahead = state.known.clock_ahead.unwrap_or_default();
    // A minute is what a slow answer may look like.
    if (ahead - before).abs() < jiff::SignedDuration::from_mins(2) {
        return;
    }
    let text = match ahead.is_zero() {
        true => "the clocks of this machine and of Prometheus agree again".to_owned(),
        false => format!(
            "this machine's clock is {} {} Prometheus': ages of what the cluster dates are off by as much",
            crate::ui::human::span(ahead.abs()),
            if ahead.is_negative() { "behind" } else { "ahead of" }
        ),
    };
    state.notice(Health::Warning, text);
}

/// Ages and freshness move with time; pods are judged anew every ten seconds, as their words allow.
fn tick(state: &mut State, now: jiff::Timestamp) -> Vec<Effect> {
    let pods_due = now.as_second() / 10 != state.now.as_second() / 10;
    state.now = now;
    state.dirty.rest = true;
    state.dirty.pods |= pods_due && !state.derived.pods.unhealthy.is_empty();
    let mut effects = dialog::tick(state);
    effects.extend(pod::tick(state));
    effects.extend(walk::tick(state));
    review::stand(state);
    effects.extend(place::keep(state));
    effects
}

fn key(state: &mut State, chord: Chord) -> Vec<Effect> {
    // Whoever moves wants to be somewhere else.
    state.returning = None;
    match &state.view.overlay {
        Some(Overlay::ComeBack(_)) => return place::answer(state, chord),
        Some(Overlay::Quit) => return quit_answer(state, chord),
        Some(Overlay::Stop { .. }) => return output::stop_answer(state, chord),
        Some(Overlay::Dialog(_)) => return dialog::key(state, chord),
        Some(Overlay::SignOff) => return review::sign_answer(state, chord),
        Some(Overlay::ReviewNote(_)) => {
            review::note_key(state, chord);
            return Vec::new();
        }
        // In a field of a walk Tab goes through what is offered.
        Some(Overlay::Text(entry))
            if entry.purpose == TextPurpose::Walk && chord == Chord::plain(Code::Tab) =>
        {
            walk::next_offer(state);
            return Vec::new();
        }
        Some(Overlay::Help { .. }) if chord == Chord::plain(Code::Esc) => {
            state.view.overlay = None;
            return Vec::new();
        }
        _ => {}
    }
    state.view.pending.push(chord);
    let layers = state.layers();
    match state.settings.keymap.lookup(&layers, &state.view.pending) {
        Lookup::Run(command) => {
            state.view.pending.clear();
            commands::run(state, command)
        }
        Lookup::Pending => Vec::new(),
        Lookup::None => {
            let sequence = std::mem::take(&mut state.view.pending);
            if sequence.len() > 1 {
                // The sequence led nowhere; its last key may be one of its own.
                return key(state, chord);
            }
            typed(state, chord);
            Vec::new()
        }
    }
}

/// Quitting is asked once: the quit key again or Enter; any other key stays.
fn quit_answer(state: &mut State, chord: Chord) -> Vec<Effect> {
    state.view.overlay = None;
    state.view.pending.clear();
    let again = matches!(
        state.settings.keymap.lookup(&[crate::input::Layer::Global], &[chord]),
        Lookup::Run(crate::input::Command::Quit)
    );
    if again || chord == Chord::plain(Code::Enter) {
        vec![Effect::Keep(None), Effect::Quit]
    } else {
        Vec::new()
    }
}

/// A key that is no command: text, where a field is open.
fn typed(state: &mut State, chord: Chord) {
    let input = field_input(chord);
    // As in a shell: all that stands before the cursor goes.
    let clears = chord == (Chord { ctrl: true, ..Chord::plain(Code::Char('u')) });
    match &mut state.view.overlay {
        Some(Overlay::Text(entry)) => {
            // A note may have several lines: alt-enter begins the next.
            let breaks = entry.purpose == TextPurpose::Walk && input.alt;
            if clears {
                entry.field.delete_line_by_head();
            } else if input.key == tui_textarea::Key::Enter && breaks {
                entry.field.insert_newline();
            } else if input.key != tui_textarea::Key::Enter {
                entry.field.input(input);
            }
        }
        Some(Overlay::Choice(choice)) => {
            if clears {
                choice.query.delete_line_by_head();
                choices::narrow(choice);
            } else if input.key != tui_textarea::Key::Enter {
                choice.query.input(input);
                choices::narrow(choice);
            }
        }
        _ => return,
    }
    live_text(state);
}

fn field_input(chord: Chord) -> tui_textarea::Input {
    tui_textarea::Input { key: field_key(chord.code), ctrl: chord.ctrl, alt: chord.alt, shift: chord.shift }
}

fn field_key(code: Code) -> tui_textarea::Key {
    use tui_textarea::Key as K;
    match code {
        Code::Char(c) => K::Char(c),
        Code::Enter => K::Enter,
        Code::Backspace => K::Backspace,
        Code::Delete => K::Delete,
        Code::Left => K::Left,
        Code::Right => K::Right,
        Code::Home => K::Home,
        Code::End => K::End,
        _ => K::Null,
    }
}

/// The same for a text of several lines, where the cursor goes up and down.
fn multi_line_input(chord: Chord) -> tui_textarea::Input {
    let mut input = field_input(chord);
    match chord.code {
        Code::Up => input.key = tui_textarea::Key::Up,
        Code::Down => input.key = tui_textarea::Key::Down,
        _ => {}
    }
    input
}

/// A paste goes into a field that is open, as one clean line, and nowhere else.
fn paste(state: &mut State, text: &str) {
    let line = Clean::new(text.lines().next().unwrap_or_default());
    match &mut state.view.overlay {
        Some(Overlay::Text(entry)) => {
            entry.field.insert_str(line.as_str());
        }
        Some(Overlay::Choice(choice)) => {
            choice.query.insert_str(line.as_str());
            choices::narrow(choice);
        }
        Some(Overlay::ReviewNote(open)) => {
            review::note_paste(open, text);
            return;
        }
        // An answer may be pasted; a confirmation may not.
        Some(Overlay::Dialog(dialog)) => {
            if let Stage::Asking { question: Question::Text { .. }, field, .. } = &mut dialog.stage {
                field.insert_str(line.as_str());
            }
            return;
        }
        _ => return,
    }
    live_text(state);
}

/// Filters and searches act while they are typed; what can't be read yet leaves the rows as they are.
fn live_text(state: &mut State) {
    let Some(Overlay::Text(entry)) = &mut state.view.overlay else { return };
    let text = entry.text();
    match entry.purpose {
        TextPurpose::Filter => match crate::model::filter::Filter::parse(&text) {
            Ok(filter) => {
                entry.error = None;
                let panel = state.view.active_panel();
                state.view.lists.entry(panel).or_default().filter = filter;
                state.dirty.rows = true;
            }
            Err(error) => entry.error = Some(error),
        },
        TextPurpose::Walk => {
            entry.error = None;
            walk::live_search(state, &text);
        }
        TextPurpose::Search => {
            if let Some(log) = state.view.log_mut() {
                log.search = text;
            }
        }
    }
}

/// Enters another scope: everything of the old one leaves the screen at once.
fn enter(state: &mut State, target: crate::model::scope::Target) -> Vec<Effect> {
    state.epoch = state.epoch.wrapping_add(1);
    state.target = target.clone();
    state.scope = crate::model::scope::Scope {
        context: target.context.clone().unwrap_or_default().into(),
        service: target.service.clone().map(Clean::from),
        namespace: match &target.namespace {
            crate::model::scope::NamespaceChoice::Named(name) => Some(name.clone().into()),
            _ => None,
        },
        ..Default::default()
    };
    state.known = Default::default();
    state.loads = Default::default();
    state.answers = Default::default();
    state.connection = Connection::Opening;
    state.entered = state.now;
    state.review = None;
    state.view.pages.clear();
    state.view.overlay = None;
    state.view.lists.clear();
    state.dirty = crate::state::Dirty::ALL;
    vec![Effect::StopLog, Effect::Connect { epoch: state.epoch, target }]
}

/// Opens an overlay that lists contexts, namespaces or services, and asks for them.
fn ask(state: &mut State, kind: ChoiceKind) -> Vec<Effect> {
    choices::open(state, kind);
    match kind {
        ChoiceKind::Context => vec![Effect::ListContexts { target: state.target.clone() }],
        ChoiceKind::Namespace => vec![Effect::ListNamespaces { epoch: state.epoch }],
        ChoiceKind::Service
        | ChoiceKind::Palette
        | ChoiceKind::Subject(_)
        | ChoiceKind::Actions
        | ChoiceKind::Runbook
        | ChoiceKind::Copy
        | ChoiceKind::Undo => Vec::new(),
    }
}
