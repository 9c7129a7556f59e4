//! The keys of a dialog: answers, fields, buttons.

use crate::effect::Effect;
use crate::input::{Chord, Code};
use crate::model::action::Question;
use crate::state::actions::{Focus, Stage};
use crate::state::view::line_field;
use crate::state::{Overlay, State};
use crate::update::field_input;

/// Lines that a page of a plan is moved by, and more than any plan has.
const SCROLL: usize = 6;
const MOST_LINES: usize = 200;

/// A key, while a dialog is open.
pub fn key(state: &mut State, chord: Chord) -> Vec<Effect> {
    state.view.pending.clear();
    if chord.code == Code::Esc || chord == (Chord { ctrl: true, ..Chord::plain(Code::Char('c')) }) {
        return leave(state);
    }
    let Some(Overlay::Dialog(dialog)) = &mut state.view.overlay else { return Vec::new() };
    match &mut dialog.stage {
        Stage::Planning | Stage::Confirming(_) => Vec::new(),
        Stage::Failed(_) => {
            if chord.code == Code::Enter {
                state.view.overlay = None;
            }
            Vec::new()
        }
        Stage::Asking { .. } => asking(state, chord),
        Stage::Shown(shown) => {
            if shown.armed {
                shown_key(state, chord)
            } else {
                Vec::new()
            }
        }
    }
}

fn leave(state: &mut State) -> Vec<Effect> {
    let Some(Overlay::Dialog(dialog)) = state.view.overlay.take() else { return Vec::new() };
    match dialog.stage {
        // It can't be taken back any more: the dialog stays until the answer comes.
        Stage::Confirming(_) => {
            state.view.overlay = Some(Overlay::Dialog(dialog));
            Vec::new()
        }
        Stage::Shown(shown) => vec![Effect::Abandon { plan: shown.preview.plan, why: "cancelled" }],
        Stage::Planning | Stage::Asking { .. } | Stage::Failed(_) => Vec::new(),
    }
}

fn asking(state: &mut State, chord: Chord) -> Vec<Effect> {
    let Some(Overlay::Dialog(dialog)) = &mut state.view.overlay else { return Vec::new() };
    let Stage::Asking { question, field, chosen, advised } = &mut dialog.stage else { return Vec::new() };
    if chord.code == Code::Enter {
        let (key, answer) = match question {
            Question::Number { key, .. } | Question::Text { key, .. } => {
                (key.clone(), field.lines().concat())
            }
            Question::Pick { key, options, .. } => {
                let Some(option) = options.get(*chosen) else { return Vec::new() };
                (key.clone(), option.value.clone())
            }
        };
        dialog.request.answers.insert(key, answer);
        dialog.stage = Stage::Planning;
        return vec![Effect::Plan { dialog: dialog.id, request: dialog.request.clone() }];
    }
    match question {
        Question::Number { .. } => match chord.code {
            Code::Tab => {
                if let Some(n) = advised {
                    **field = line_field(&n.to_string());
                }
            }
            Code::Up | Code::Char('+' | 'k') => nudge(field, 1),
            Code::Down | Code::Char('-' | 'j') => nudge(field, -1),
            Code::Char(c) if !c.is_ascii_digit() && !chord.ctrl => {}
            _ => {
                field.input(field_input(chord));
            }
        },
        Question::Text { .. } => {
            field.input(field_input(chord));
        }
        Question::Pick { options, .. } => {
            let last = options.len().saturating_sub(1);
            match chord.code {
                Code::Up | Code::Char('k') => *chosen = chosen.saturating_sub(1),
                Code::Down | Code::Char('j') => *chosen = (*chosen + 1).min(last),
                Code::Home | Code::Char('g') => *chosen = 0,
                Code::End | Code::Char('G') => *chosen = last,
                _ => {}
            }
        }
    }
    Vec::new()
}

/// One more or one less; what is no number stays as it is.
fn nudge(field: &mut tui_textarea::TextArea<'static>, by: i64) {
    if let Ok(n) = field.lines().concat().trim().parse::<i64>() {
        *field = line_field(&(n + by).max(0).to_string());
    }
}

fn shown_key(state: &mut State, chord: Chord) -> Vec<Effect> {
    let seen = state.open_walk().map_or(0, |view| view.walk.events);
    let Some(Overlay::Dialog(dialog)) = &mut state.view.overlay else { return Vec::new() };
    let id = dialog.id;
    let Stage::Shown(shown) = &mut dialog.stage else { return Vec::new() };
    let named = shown.preview.type_name.is_some();
    let order: &[Focus] = if named {
        &[Focus::Reason, Focus::Name, Focus::Cancel, Focus::Act]
    } else {
        &[Focus::Reason, Focus::Cancel, Focus::Act]
    };
    let at = order.iter().position(|f| *f == shown.focus).unwrap_or(0);
    let field = match shown.focus {
        Focus::Reason => Some(&mut shown.reason),
        Focus::Name => Some(&mut shown.name),
        Focus::Cancel | Focus::Act => None,
    };
    match (chord.code, field) {
        (Code::Tab, _) if chord.shift => shown.focus = order[(at + order.len() - 1) % order.len()],
        (Code::Tab | Code::Down, _) => shown.focus = order[(at + 1) % order.len()],
        (Code::PageDown, _) => shown.scroll = (shown.scroll + SCROLL).min(MOST_LINES),
        (Code::PageUp, _) => shown.scroll = shown.scroll.saturating_sub(SCROLL),
        (Code::Up, _) => shown.focus = order[(at + order.len() - 1) % order.len()],
        // A field leads on to the next, and never presses a button.
        (Code::Enter, Some(_)) => {
            shown.focus = if shown.focus == Focus::Reason && named { Focus::Name } else { Focus::Act };
        }
        (_, Some(field)) => {
            field.input(field_input(chord));
            dialog.hint = None;
        }
        (Code::Left | Code::Right, None) => {
            shown.focus = if shown.focus == Focus::Act { Focus::Cancel } else { Focus::Act };
        }
        (Code::Enter, None) if shown.focus == Focus::Cancel => return leave(state),
        (Code::Enter, None) => {
            if let Some(missing) = shown.missing() {
                dialog.hint = Some(missing);
                return Vec::new();
            }
            let begins = dialog.of_step.as_ref().map(|s| s.begins(seen));
            let effect = Effect::Confirm {
                dialog: id,
                plan: shown.preview.plan.clone(),
                typed_name: shown.typed_name(),
                reason: shown.typed_reason(),
                begins,
            };
            let confirmed = shown.clone();
            dialog.stage = Stage::Confirming(confirmed);
            return vec![effect];
        }
        // Letters that meet no field begin the name that has to be typed.
        (Code::Char(c), None) if named && c.is_ascii_graphic() && !chord.ctrl && !chord.alt => {
            shown.focus = Focus::Name;
            shown.name.input(field_input(chord));
            dialog.hint = None;
        }
        _ => {}
    }
    Vec::new()
}
