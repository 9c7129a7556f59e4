//! The one loop: messages in, effects out, frames to the writer. Input is served first, feeds are
//! coalesced, and nothing in it waits for a network or a disk.

mod asking;
mod engine;
mod feeding;
mod headless;
pub mod place;
mod review;
pub(crate) mod signals;
mod walks;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::clock::Clock;
use crate::effect::Effect;
use crate::msg::Msg;
use crate::state::State;
use crate::terminal::{reader, writer::Screen};
use crate::ui;
use crate::update::update;
pub use engine::{Engine, Kept};
pub(crate) use headless::waiting;
pub use headless::{Headless, Settled, settle};

/// At most four frames a second for data: over a slow link more would only queue.
const DATA_FRAME: Duration = Duration::from_millis(250);
/// A window that is being dragged sends a hundred sizes a second; the last one counts. Thirteen frames
/// for sizes, four for data and the clock's are fewer than 20 in a second.
const RESIZE_DEBOUNCE: Duration = Duration::from_millis(75);
/// Messages taken in one go before keys are looked at again: at most 4,000 objects, a few milliseconds.
const BATCH: usize = 8;

/// Runs the cockpit until the user leaves.
///
/// # Errors
/// The terminal can't be taken over.
pub async fn run(mut state: State, clock: Clock, kept: Kept, first: Vec<Effect>) -> std::io::Result<()> {
    let (keys_in, mut keys) = mpsc::channel::<Msg>(1024);
    let (messages_in, mut messages) = mpsc::channel::<Msg>(256);
    let gone = messages_in.clone();
    let drawn = messages_in.clone();
    let screen = Screen::open(
        state.settings.ascii,
        move |dialog| drop(drawn.blocking_send(Msg::Drawn { dialog })),
        move || drop(gone.blocking_send(Msg::Terminate)),
    )?;
    screen.show(ui::draw(&state));
    reader::spawn(move |msg| keys_in.blocking_send(msg).is_ok())?;
    let mut engine = Engine::new(messages_in.clone(), &state.settings, clock.clone(), window(&state), kept);
    engine.perform(Effect::Connect { epoch: state.epoch, target: state.target.clone() });
    for effect in first {
        engine.perform(effect);
    }
    let mut signals = signals::Signals::new()?;
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut pace = Pace::default();
    loop {
        let urgency = tokio::select! {
            biased;
            Some(msg) = keys.recv() => {
                if apply(&mut state, msg, &mut engine, &screen) { break }
                Urgency::Key
            }
            event = signals.next() => {
                if on_signal(event, &mut state, &mut engine, &screen, &clock) { break }
                if event == signals::Event::Resize { Urgency::Resize } else { Urgency::Now }
            }
            () = pace.due() => Urgency::Now,
            _ = tick.tick() => {
                for msg in tick_of(&clock) {
                    apply(&mut state, msg, &mut engine, &screen);
                }
                Urgency::Now
            }
            Some(msg) = messages.recv() => {
                let mut quit = apply(&mut state, msg, &mut engine, &screen);
                for _ in 0..BATCH {
                    let Ok(msg) = messages.try_recv() else { break };
                    quit |= apply(&mut state, msg, &mut engine, &screen);
                }
                if quit { break }
                Urgency::Data
            }
        };
        if urgency == Urgency::Key {
            // What was observed in the meantime keeps its own pace.
            screen.show(ui::draw(&state));
        } else if pace.draw_now(urgency) {
            state.settle();
            screen.show(ui::draw(&state));
        }
    }
    screen.leave();
    Ok(())
}

/// A second has passed; before it is told, where the machine's clock was set, by how much.
pub fn tick_of(clock: &Clock) -> impl Iterator<Item = Msg> + use<> {
    let stepped = clock.follow().map(Msg::Stepped);
    stepped.into_iter().chain([Msg::Tick(clock.now())])
}

pub(crate) fn window(state: &State) -> Duration {
    state.view.window.duration().try_into().unwrap_or(Duration::from_secs(3600))
}

/// Applies a message and performs its effects; true: the user leaves.
fn apply(state: &mut State, msg: Msg, engine: &mut Engine, screen: &Screen) -> bool {
    let is_key = matches!(msg, Msg::Key(_) | Msg::Paste(_));
    // A key acts on what is on the screen: rows derived before it, not after.
    let effects = update(state, msg);
    if is_key {
        state.settle_keys();
    }
    for effect in effects {
        match effect {
            Effect::Quit => return true,
            Effect::Repaint => screen.repaint(),
            Effect::Suspend => suspend(state, screen),
            Effect::Copy(text) => screen.copy(&text),
            other => engine.perform(other),
        }
    }
    false
}

fn suspend(state: &mut State, screen: &Screen) {
    if let Err(why) = signals::suspend(screen) {
        state.notice(crate::model::Health::Warning, why);
    }
}

fn on_signal(
    event: signals::Event,
    state: &mut State,
    engine: &mut Engine,
    screen: &Screen,
    clock: &Clock,
) -> bool {
    match event {
        signals::Event::Terminate => return true,
        signals::Event::Resize => {
            let (columns, rows) = signals::size();
            update(state, Msg::Resize { columns, rows });
        }
        signals::Event::Stop => suspend(state, screen),
        signals::Event::Continue => {
            screen.enter();
            let (columns, rows) = signals::size();
            update(state, Msg::Resize { columns, rows });
            for msg in tick_of(clock) {
                apply(state, msg, engine, screen);
            }
            return apply(state, Msg::Resumed, engine, screen);
        }
    }
    false
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Urgency {
    Key,
    Now,
    Data,
    Resize,
}

/// When the next frame is due.
#[derive(Default)]
struct Pace {
    last: Option<Instant>,
    next: Option<Instant>,
}

impl Pace {
    /// True where a frame is to be drawn now; else it is remembered for later.
    fn draw_now(&mut self, urgency: Urgency) -> bool {
        let now = Instant::now();
        let at = match urgency {
            Urgency::Key | Urgency::Now => now,
            Urgency::Data => self.last.map_or(now, |last| last + DATA_FRAME),
            Urgency::Resize => now + RESIZE_DEBOUNCE,
        };
        if at > now {
            self.next = Some(self.next.map_or(at, |next| next.min(at)));
            return false;
        }
        self.last = Some(now);
        self.next = None;
        true
    }

    async fn due(&self) {
        match self.next {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}
