//! The cockpit as plain text, for screen readers and terminals that can do nothing: lines are only ever
//! appended, commands and answers are typed. The same state, the same updates and the same confirmations as
//! on the screen; only drawing and keys are others. No escape sequence is ever written.

mod answer;
mod input;
mod naming;
mod news;
mod out;
mod pages;
mod reviewing;
mod say;
mod verbs;
mod views;
mod walking;

use std::io::Write;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::clock::Clock;
use crate::effect::Effect;
use crate::input::{Chord, Code};
use crate::model::Health;
use crate::msg::Msg;
use crate::runbook::walk::Status;
use crate::runtime::signals::{Event, Signals, stop};
use crate::runtime::{Engine, Kept, waiting, window};
use crate::state::actions::Stage;
use crate::state::walk::Walking;
use crate::state::{Connection, Notice, Overlay, Page, State};
use crate::update::update;
pub use input::{Input, Typed};
use news::News;
use out::Out;

/// Feeds that have not answered by then are told as such in the first summary.
const SUMMARY_WITHIN: Duration = Duration::from_secs(15);
/// A line from a pipe waits this long for what the one before it has asked for.
const PIPE_PATIENCE: Duration = Duration::from_secs(60);

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Something was to be confirmed, and there was no terminal to do it from.
    pub refused: bool,
}

/// Talks in lines until the input ends or says so.
///
/// # Errors
/// When nothing can be written any more, or signals can't be heard.
pub async fn run(
    mut state: State,
    clock: Clock,
    kept: Kept,
    first: Vec<Effect>,
    mut input: Input,
    to: impl Write + Send + 'static,
) -> std::io::Result<Ended> {
    let (messages_in, mut messages) = mpsc::channel::<Msg>(256);
    let drawn = messages_in.clone();
    let out = Out::start(to, state.settings.ascii, move |dialog| {
        drop(drawn.blocking_send(Msg::Drawn { dialog }));
    })?;
    let mut engine = Engine::new(messages_in, &state.settings, clock.clone(), window(&state), kept);
    engine.perform(Effect::Connect { epoch: state.epoch, target: state.target.clone() });
    first.into_iter().for_each(|effect| engine.perform(effect));
    let mut signals = Signals::new()?;
    let mut plain = Plain::new(&state, input.by_hand);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while !plain.leaves {
        let effects = tokio::select! {
            biased;
            event = signals.next() => match event {
                Event::Terminate => break,
                // Lines need nothing of the terminal: it may stop as it is.
                Event::Stop => {
                    if let Err(why) = stop() {
                        state.notice(Health::Warning, why);
                    }
                    Vec::new()
                }
                Event::Resize | Event::Continue => Vec::new(),
            },
            line = input.lines.recv(), if plain.takes(&state) => match line {
                None => break,
                Some(line) => plain.line(&mut state, &line)?,
            },
            _ = tick.tick() => {
                plain.ticked = true;
                crate::runtime::tick_of(&clock).flat_map(|msg| update(&mut state, msg)).collect()
            }
            Some(msg) = messages.recv() => {
                // News is told with the tick: to derive anew for every batch would cost more than it tells.
                if let Msg::Batch(_) = msg {
                    for effect in update(&mut state, msg) {
                        engine.perform(effect);
                    }
                    continue;
                }
                let armed = matches!(msg, Msg::Armed { .. });
                let effects = update(&mut state, msg);
                if armed {
                    // The plan has been there to be read for long enough.
                    plain.readable = Some(Instant::now());
                }
                effects
            }
        };
        effects.into_iter().for_each(|effect| engine.perform(effect));
        state.settle();
        // What has come leads on where it was named before; each step may open the next.
        for _ in 0..3 {
            let effects = plain.follow_up(&mut state)?;
            if effects.is_empty() {
                break;
            }
            effects.into_iter().for_each(|effect| engine.perform(effect));
            state.settle();
        }
        let dialog = plain.tell(&state, out.is_behind())?;
        for effect in plain.cannot_be_confirmed(&mut state)? {
            engine.perform(effect);
        }
        out.send(&std::mem::take(&mut plain.buffer), dialog)?;
    }
    plain.leave(&mut state)?.into_iter().for_each(|effect| engine.perform(effect));
    out.send(&std::mem::take(&mut plain.buffer), None)?;
    out.leave();
    Ok(Ended { refused: plain.refused })
}

/// What was asked for by a line, and is printed once it has come.
#[derive(Clone, Debug, PartialEq)]
enum Await {
    Page(pages::Waiting, tokio::time::Instant),
    Review,
}

struct Plain {
    /// Lines that are on their way out.
    buffer: Vec<u8>,
    told: Told,
    news: News,
    by_hand: bool,
    /// What a list is to be searched for once it is there.
    wanted: Option<String>,
    awaits: Option<Await>,
    /// From then on a line may be a confirmation.
    readable: Option<Instant>,
    quiet: bool,
    ticked: bool,
    /// It was said what goes on without us.
    asked_to_quit: bool,
    leaves: bool,
    refused: bool,
    /// The scope that was summed up, and since when the next is waited for.
    greeted: Option<u32>,
    entered: (u32, Instant),
    busy_since: Option<Instant>,
}

/// What was printed already: nothing is said twice.
#[derive(Default)]
struct Told {
    /// How many there were, and the last of them.
    notices: usize,
    notice: Option<Notice>,
    /// The step and how it stood.
    step: String,
    asking: String,
    /// The dialog and its stage.
    dialog: String,
    choice: String,
    /// Lines of output, by step.
    output: (String, usize),
    failed: bool,
}

impl Plain {
    fn new(state: &State, by_hand: bool) -> Self {
        let review = matches!(state.view.pages.last(), Some(Page::Review));
        Self {
            buffer: Vec::new(),
            told: Told::default(),
            news: News::default(),
            by_hand,
            wanted: None,
            awaits: review.then_some(Await::Review),
            readable: None,
            quiet: false,
            ticked: false,
            asked_to_quit: false,
            leaves: false,
            refused: false,
            greeted: None,
            entered: (state.epoch, Instant::now()),
            busy_since: None,
        }
    }

    /// Writes at once; for verbs that only say something.
    fn say(&mut self, f: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> std::io::Result<Vec<Effect>> {
        f(&mut self.buffer)?;
        Ok(Vec::new())
    }

    /// Whether the next line can be taken. From a pipe each waits for the end of the one before.
    fn takes(&mut self, state: &State) -> bool {
        if matches!(state.walk, Some(Walking::Opening(_))) {
            return false;
        }
        if self.by_hand || !self.is_busy(state) {
            self.busy_since = None;
            return true;
        }
        self.busy_since.get_or_insert_with(Instant::now).elapsed() > PIPE_PATIENCE
    }

    fn is_busy(&self, state: &State) -> bool {
        let asks = match &state.view.overlay {
            Some(Overlay::Dialog(d)) => matches!(d.stage, Stage::Planning | Stage::Confirming(_)),
            Some(Overlay::Choice(choice)) => choice.loaded.is_none(),
            _ => false,
        };
        let walks = state.open_walk().is_some_and(|view| {
            let running = |s: &_| matches!(view.walk.status(s), Status::Running(_));
            view.is_writing || view.checking.is_some() || view.step().is_some_and(|s| running(&s.id))
        });
        asks || walks || self.greeted != Some(state.epoch) || self.awaits.is_some()
    }

    /// A line that was typed: an answer where something is asked, else a command.
    fn line(&mut self, state: &mut State, typed: &Typed) -> std::io::Result<Vec<Effect>> {
        let line = typed.text.trim();
        if !matches!(line, "quit" | "q") {
            self.asked_to_quit = false;
        }
        if let Some(effects) = self.answer(state, typed)? {
            return Ok(effects);
        }
        let left = match &self.awaits {
            Some(Await::Page(..)) => self.end_page(state),
            _ => Vec::new(),
        };
        let mut effects = verbs::run(self, state, line)?;
        effects.splice(0..0, left);
        Ok(effects)
    }

    /// What comes of what has come.
    fn follow_up(&mut self, state: &mut State) -> std::io::Result<Vec<Effect>> {
        let effects = self.chosen(state)?;
        if !effects.is_empty() {
            return Ok(effects);
        }
        match self.awaits.clone() {
            Some(Await::Page(waiting, until)) => self.page(state, waiting, until),
            Some(Await::Review) if state.review.as_ref().is_some_and(|r| r.review.is_some()) => {
                self.awaits = None;
                self.say(|out| reviewing::print(state, out))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Prints what is new; the plan that is among it.
    fn tell(&mut self, state: &State, behind: bool) -> std::io::Result<Option<u64>> {
        self.notices(state)?;
        self.summary(state)?;
        if std::mem::take(&mut self.ticked)
            && self.greeted == Some(state.epoch)
            && state.view.overlay.is_none()
            && !self.quiet
            && !behind
        {
            self.news.tell(state, &mut self.buffer)?;
        }
        self.walk(state)?;
        let asking = answer::asked_once(state);
        if asking != self.told.asking {
            if !asking.is_empty() {
                writeln!(self.buffer, "{asking}")?;
                self.readable_soon();
            }
            self.told.asking = asking;
        }
        let (signature, dialog) = say::dialog_signature(state);
        if signature == self.told.dialog {
            return Ok(None);
        }
        self.told.dialog = signature;
        if let Some(Overlay::Dialog(open)) = &state.view.overlay {
            say::dialog(state, open, &mut self.buffer)?;
        }
        Ok(dialog)
    }

    fn notices(&mut self, state: &State) -> std::io::Result<()> {
        let (count, last) = (&mut self.told.notices, self.told.notice.as_ref());
        // A list that is full lets go of its oldest: then what was told last shows where the new ones begin.
        let seen = match state.notices.len() {
            more if more > *count => *count,
            _ => state.notices.iter().rposition(|n| Some(n) == last).map_or(0, |at| at + 1),
        };
        *count = state.notices.len();
        for notice in state.notices.iter().skip(seen) {
            say::notice(state, notice, &mut self.buffer)?;
        }
        self.told.notice = state.notices.back().cloned();
        Ok(())
    }

    /// How everything stands, once it is known; a walk and a review begin with what they are about.
    fn summary(&mut self, state: &State) -> std::io::Result<()> {
        if self.entered.0 != state.epoch {
            self.entered = (state.epoch, Instant::now());
            writeln!(self.buffer, "going to {}", views::destination(state))?;
        }
        let failed = matches!(state.connection, Connection::Failed(_));
        let ready = failed || waiting(state).is_empty() || self.entered.1.elapsed() > SUMMARY_WITHIN;
        if self.greeted == Some(state.epoch) || !ready {
            return Ok(());
        }
        let begins = self.greeted.replace(state.epoch).is_none();
        self.news.begin(state);
        if begins && (state.walk.is_some() || self.awaits.is_some()) {
            return Ok(());
        }
        views::status(state, &mut self.buffer)?;
        if begins {
            writeln!(self.buffer, "changes are said as they come; 'help' lists what can be typed")?;
        }
        Ok(())
    }

    /// The step of the walk, and what its command writes.
    fn walk(&mut self, state: &State) -> std::io::Result<()> {
        if let Some(Walking::Failed(failure)) = &state.walk {
            if !std::mem::replace(&mut self.told.failed, true) {
                writeln!(self.buffer, "{}: {}\n{}", failure.tried, failure.happened, failure.next)?;
            }
        } else {
            self.told.failed = false;
        }
        self.output(state)?;
        if let Some(view) = state.open_walk().filter(|_| matches!(state.view.pages.last(), Some(Page::Walk)))
        {
            let now = say::signature(view);
            if now != self.told.step {
                say::step(state, view, &mut self.buffer)?;
                self.told.step = now;
            }
        }
        Ok(())
    }

    /// What the step's command writes, as it comes.
    fn output(&mut self, state: &State) -> std::io::Result<()> {
        let Some(view) = state.open_walk() else { return Ok(()) };
        let running = view.output.iter().find(|(step, _)| {
            **step == self.told.output.0 || matches!(view.walk.status(step), Status::Running(_))
        });
        let Some((step, output)) = running else { return Ok(()) };
        if *step != self.told.output.0 || output.lines.len() < self.told.output.1 {
            self.told.output = (step.clone(), 0);
        }
        for line in output.lines.iter().skip(self.told.output.1) {
            writeln!(self.buffer, "| {}", line.text)?;
        }
        self.told.output.1 = output.lines.len();
        Ok(())
    }

    /// The last lines: what goes on, and how to come back.
    fn leave(&mut self, state: &mut State) -> std::io::Result<Vec<Effect>> {
        let effects = match &state.view.overlay {
            Some(Overlay::Dialog(_)) => update(state, Msg::Key(Chord::plain(Code::Esc))),
            _ => Vec::new(),
        };
        if state.running_operations() > 0 {
            writeln!(self.buffer, "{}", verbs::under_way(state))?;
        }
        if let Some(view) = state.open_walk() {
            let (settled, of) = view.walk.settled();
            writeln!(
                self.buffer,
                "left; {settled} of {of} steps are settled. Go on with: midwatch walk {} --resume {}",
                view.name, view.walk.id
            )?;
        }
        Ok(effects)
    }
}
