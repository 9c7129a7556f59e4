//! The same engine without a terminal: runs until every feed has answered, for snapshots.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::mpsc;

use super::{Engine, Kept, window};
use crate::clock::Clock;
use crate::effect::Effect;
use crate::input::Chord;
use crate::model::FeedId;
use crate::msg::Msg;
use crate::sources::SOURCES;
use crate::state::{Connection, State};
use crate::ui;
use crate::update::update;

/// How the waiting ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Every feed has answered or said why it can't.
    Complete,
    /// Time was up; these had not answered.
    Waiting(Vec<FeedId>),
    /// There is no cluster to ask.
    NoCluster,
}

/// Feeds the state until everything has answered, at most for `timeout`.
pub async fn settle(state: &mut State, clock: &Clock, timeout: Duration) -> Settled {
    let nowhere = Kept::nowhere("a snapshot does nothing");
    Headless::connect(state, clock, nowhere).settle(state, timeout).await
}

/// The engine, and what comes from it.
pub struct Headless {
    engine: Engine,
    messages: mpsc::Receiver<Msg>,
    clock: Clock,
}

impl Headless {
    pub fn connect(state: &State, clock: &Clock, kept: Kept) -> Self {
        let (messages_in, messages) = mpsc::channel::<Msg>(256);
        let mut engine = Engine::new(messages_in, &state.settings, clock.clone(), window(state), kept);
        engine.perform(Effect::Connect { epoch: state.epoch, target: state.target.clone() });
        Self { engine, messages, clock: clock.clone() }
    }

    /// Feeds the state until everything has answered, at most for `timeout`.
    pub async fn settle(&mut self, state: &mut State, timeout: Duration) -> Settled {
        let failed = |state: &State| matches!(state.connection, Connection::Failed(_));
        self.take_until(state, timeout, |state| failed(state) || waiting(state).is_empty()).await;
        update(state, Msg::Tick(self.clock.now()));
        state.dirty.pods = true;
        state.settle();
        let waiting = waiting(state);
        match &state.connection {
            Connection::Failed(_) => Settled::NoCluster,
            _ if waiting.is_empty() => Settled::Complete,
            _ => Settled::Waiting(waiting),
        }
    }

    /// Presses a key, and waits until what it asks for is there; false: time was up before.
    pub async fn press(&mut self, state: &mut State, key: Chord, timeout: Duration) -> bool {
        let effects = update(state, Msg::Key(key));
        state.settle();
        let mut drawn = None;
        effects.into_iter().for_each(|effect| self.engine.perform(effect));
        let deadline = tokio::time::Instant::now() + timeout;
        while state.is_waiting() {
            // What is drawn here is read at once; the dialog arms itself after its time.
            let unread = ui::dialog::unread(state);
            if unread.is_some() && unread != drawn {
                drawn = unread;
                let told = unread.map(|dialog| update(state, Msg::Drawn { dialog }));
                told.into_iter().flatten().for_each(|effect| self.engine.perform(effect));
            }
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() || !self.take_until(state, left, |_| true).await {
                return false;
            }
            state.settle();
        }
        true
    }

    /// Performs the effects, and takes messages until it is `done`; false: time was up before.
    pub async fn perform(
        &mut self,
        state: &mut State,
        effects: Vec<Effect>,
        timeout: Duration,
        done: impl Fn(&State) -> bool,
    ) -> bool {
        effects.into_iter().for_each(|effect| self.engine.perform(effect));
        self.take_until(state, timeout, done).await
    }

    async fn take_until(
        &mut self,
        state: &mut State,
        timeout: Duration,
        done: impl Fn(&State) -> bool,
    ) -> bool {
        let deadline = tokio::time::Instant::now() + timeout;
        while let Ok(Some(msg)) = tokio::time::timeout_at(deadline, self.messages.recv()).await {
            for effect in update(state, msg) {
                self.engine.perform(effect);
            }
            // Ages are counted from now, however long the questions take.
            if self.clock.now().duration_since(state.now) >= SignedDuration::from_secs(1) {
                for effect in super::tick_of(&self.clock).flat_map(|msg| update(state, msg)) {
                    self.engine.perform(effect);
                }
            }
            if done(state) {
                return true;
            }
        }
        false
    }
}

/// Feeds that have neither answered nor failed.
pub(crate) fn waiting(state: &State) -> Vec<FeedId> {
    SOURCES
        .iter()
        .flat_map(|source| source.feeds())
        .filter(|feed| {
            let status = state.known.status(**feed);
            status.ready_at.is_none() && status.failure.is_none()
        })
        .copied()
        .collect()
}
