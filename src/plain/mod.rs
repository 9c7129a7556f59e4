//! The walk as plain text, for screen readers and terminals that can do nothing: lines are only ever
//! appended, answers are typed. The same state, the same updates and the same confirmations as on the
//! screen; only drawing and keys are others.

mod say;

use std::io::Write;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::clock::Clock;
use crate::effect::Effect;
use crate::input::{Chord, Code};
use crate::model::action::Question;
use crate::msg::Msg;
use crate::runtime::{Engine, Kept, window};
use crate::state::actions::{Focus, Stage};
use crate::state::view::{TextPurpose, line_field};
use crate::state::walk::{Doing, Walking};
use crate::state::{Overlay, State};
use crate::update::{update, walk};

/// What is printed for `help`.
const HELP: &str = "\
do           check it, run it, or say that it is done (also: an empty line shows the step again)
as-is        run the command as it is written
tick [NOTE]  you say that the step is done
skip REASON  leave it out
note TEXT    write a note
undo         make the step to do again
set          give the step's parameters other values
next, back, go N, find TEXT
list         all steps and how they stand
report       write the report; the walk is finished where every step is settled
quit         leave; what was done is kept";

/// Walks in lines until the input ends or says so.
///
/// # Errors
/// When nothing can be written any more.
pub async fn run(
    mut state: State,
    clock: Clock,
    kept: Kept,
    first: Vec<Effect>,
    mut input: mpsc::Receiver<String>,
    out: impl Write,
) -> std::io::Result<()> {
    let (messages_in, mut messages) = mpsc::channel::<Msg>(256);
    let mut engine = Engine::new(messages_in, &state.settings, clock.clone(), window(&state), kept);
    engine.perform(Effect::Connect { epoch: state.epoch, target: state.target.clone() });
    first.into_iter().for_each(|effect| engine.perform(effect));
    let mut plain = Plain { out, told: Told::default() };
    let mut tick = tokio::time::interval(std::time::Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let effects = tokio::select! {
            // What is typed ahead waits for the runbook.
            line = input.recv(), if !matches!(state.walk, Some(Walking::Opening(_))) => match line.as_deref().map(str::trim) {
                None | Some("quit" | "q") => break,
                Some(line) => plain.line(&mut state, line)?,
            },
            _ = tick.tick() => update(&mut state, Msg::Tick(clock.now())),
            Some(msg) = messages.recv() => update(&mut state, msg),
        };
        effects.into_iter().for_each(|effect| engine.perform(effect));
        state.settle();
        for dialog in plain.tell(&state)? {
            // It stands on the screen, and has to be read before it is answered.
            engine.perform(Effect::Arm { dialog });
        }
    }
    if let Some(view) = state.open_walk() {
        let (settled, of) = view.walk.settled();
        writeln!(
            plain.out,
            "left; {settled} of {of} steps are settled. Go on with: midwatch walk {} --resume {}",
            view.name, view.walk.id
        )?;
    }
    Ok(())
}

struct Plain<W> {
    out: W,
    told: Told,
}

/// What was printed already: nothing is said twice.
#[derive(Default)]
struct Told {
    notices: usize,
    /// The step and how it stood.
    step: String,
    asking: String,
    /// The dialog and its stage.
    dialog: String,
    /// Lines of output, by step.
    output: (String, usize),
    failed: bool,
}

impl<W: Write> Plain<W> {
    /// A line that was typed: an answer where something is asked, else a command.
    fn line(&mut self, state: &mut State, line: &str) -> std::io::Result<Vec<Effect>> {
        match &mut state.view.overlay {
            Some(Overlay::Text(entry)) if entry.purpose == TextPurpose::Walk => {
                // What is offered stands in the field: an empty line takes it.
                if !line.is_empty() {
                    entry.field = line_field(line);
                }
                if line == "-" {
                    state.view.overlay = None;
                    writeln!(self.out, "left as it is")?;
                    return Ok(Vec::new());
                }
                return Ok(enter(state));
            }
            Some(Overlay::Dialog(_)) => return self.answer(state, line),
            _ => {}
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        let effects = match word {
            "" => {
                self.told.step.clear();
                Vec::new()
            }
            "do" | "d" => walk::do_step(state, Doing::Best),
            "as-is" | "e" => walk::do_step(state, Doing::AsItIs),
            "tick" | "x" => with_text(state, walk::attest, Some(rest)),
            "skip" => with_text(state, walk::skip, Some(rest).filter(|r| !r.is_empty())),
            "note" => with_text(state, walk::note, Some(rest).filter(|r| !r.is_empty())),
            "undo" | "u" => walk::untick(state),
            "set" => walk::set_parameter(state),
            "next" | "n" => {
                walk::step_by(state, |view| Some(view.at + 1));
                Vec::new()
            }
            "back" | "b" => {
                walk::step_by(state, |view| view.at.checked_sub(1));
                Vec::new()
            }
            "go" => {
                let wanted = rest.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
                match wanted {
                    Some(at) => walk::step_by(state, |_| Some(at)),
                    None => writeln!(self.out, "go where? the number of a step, as 'list' has it")?,
                }
                Vec::new()
            }
            "find" => {
                walk::search(state);
                with_text(state, |_| Vec::new(), Some(rest))
            }
            "list" | "l" => {
                say::outline(state, &mut self.out)?;
                Vec::new()
            }
            "report" => walk::report(state),
            "help" | "?" => {
                writeln!(self.out, "{HELP}")?;
                Vec::new()
            }
            other => {
                let other = crate::model::Clean::new(other);
                writeln!(self.out, "'{other}' is no command; 'help' lists them")?;
                Vec::new()
            }
        };
        Ok(effects)
    }

    /// A line for the dialog that is open.
    fn answer(&mut self, state: &mut State, line: &str) -> std::io::Result<Vec<Effect>> {
        let Some(Overlay::Dialog(dialog)) = &mut state.view.overlay else { return Ok(Vec::new()) };
        match &mut dialog.stage {
            Stage::Planning | Stage::Confirming(_) => {
                writeln!(self.out, "wait: that is not what was asked")?;
                return Ok(Vec::new());
            }
            Stage::Failed(_) => {
                state.view.overlay = None;
                return Ok(Vec::new());
            }
            Stage::Asking { question, field, chosen, .. } => {
                if line == "-" {
                    return Ok(update(state, Msg::Key(Chord::plain(Code::Esc))));
                }
                match question {
                    Question::Pick { options, .. } => {
                        let number = line.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
                        match number.filter(|n| *n < options.len()) {
                            Some(n) => *chosen = n,
                            None if line.is_empty() => {}
                            None => {
                                writeln!(self.out, "a number from 1 to {}", options.len())?;
                                return Ok(Vec::new());
                            }
                        }
                    }
                    _ if line.is_empty() => {}
                    _ => **field = line_field(line),
                }
            }
            Stage::Shown(shown) => {
                let name = shown.preview.type_name.as_ref().map_or("yes", |name| name.as_str());
                let (typed, reason) = line.split_once(' ').unwrap_or((line, ""));
                if line.is_empty() || line == "-" || line == "no" {
                    writeln!(self.out, "nothing was done")?;
                    return Ok(update(state, Msg::Key(Chord::plain(Code::Esc))));
                }
                if !shown.armed {
                    writeln!(self.out, "that was typed before the plan could be read: type it again")?;
                    return Ok(Vec::new());
                }
                if typed != name {
                    writeln!(self.out, "nothing is done by that: type '{name}', or an empty line to leave")?;
                    return Ok(Vec::new());
                }
                shown.reason = line_field(reason.trim());
                if shown.preview.type_name.is_some() {
                    shown.name = line_field(typed);
                }
                if let Some(missing) = shown.missing() {
                    writeln!(self.out, "not yet: {missing}")?;
                    return Ok(Vec::new());
                }
                shown.focus = Focus::Act;
            }
        }
        Ok(update(state, Msg::Key(Chord::plain(Code::Enter))))
    }

    /// Prints what is new; the plans that were printed.
    fn tell(&mut self, state: &State) -> std::io::Result<Vec<u64>> {
        let fresh = state.notices.len().saturating_sub(self.told.notices);
        // At its limit the list lets go of its oldest: then the newest is all that can be told apart.
        for notice in state.notices.iter().rev().take(fresh).rev() {
            say::notice(state, notice, &mut self.out)?;
        }
        self.told.notices = state.notices.len();
        if let Some(Walking::Failed(failure)) = &state.walk
            && !std::mem::replace(&mut self.told.failed, true)
        {
            writeln!(self.out, "{}: {}\n{}", failure.tried, failure.happened, failure.next)?;
        }
        self.output(state)?;
        if let Some(view) = state.open_walk() {
            let now = say::signature(view);
            if now != self.told.step {
                say::step(state, view, &mut self.out)?;
                self.told.step = now;
            }
        }
        let asking = say::question(state);
        if asking != self.told.asking {
            if !asking.is_empty() {
                writeln!(self.out, "{asking}")?;
            }
            self.told.asking = asking;
        }
        let (signature, dialog) = say::dialog_signature(state);
        let is_new = signature != self.told.dialog;
        self.told.dialog = signature;
        if is_new && let Some(Overlay::Dialog(open)) = &state.view.overlay {
            say::dialog(open, &mut self.out)?;
            self.out.flush()?;
            return Ok(dialog.into_iter().collect());
        }
        self.out.flush()?;
        Ok(Vec::new())
    }

    /// What the step's command writes, as it comes.
    fn output(&mut self, state: &State) -> std::io::Result<()> {
        let Some(view) = state.open_walk() else { return Ok(()) };
        let running = view.output.iter().find(|(step, _)| {
            **step == self.told.output.0
                || matches!(view.walk.status(step), crate::runbook::walk::Status::Running(_))
        });
        let Some((step, output)) = running else { return Ok(()) };
        if *step != self.told.output.0 || output.lines.len() < self.told.output.1 {
            self.told.output = (step.clone(), 0);
        }
        for line in output.lines.iter().skip(self.told.output.1) {
            writeln!(self.out, "| {}", line.text)?;
        }
        self.told.output.1 = output.lines.len();
        Ok(())
    }
}

fn enter(state: &mut State) -> Vec<Effect> {
    update(state, Msg::Key(Chord::plain(Code::Enter)))
}

/// Asks, and answers at once where the answer stands in the same line.
fn with_text(
    state: &mut State,
    ask: impl FnOnce(&mut State) -> Vec<Effect>,
    text: Option<&str>,
) -> Vec<Effect> {
    let mut effects = ask(state);
    if let (Some(Overlay::Text(entry)), Some(text)) = (&mut state.view.overlay, text) {
        entry.field = line_field(text);
        effects.extend(enter(state));
    }
    effects
}
