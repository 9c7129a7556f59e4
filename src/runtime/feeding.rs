//! What the sources say, on its way to the loop: stamped with the time at which it came, and not
//! taken for the present when the machine has slept in between.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::model::Batch;
use crate::msg::Msg;
use crate::sources::{Context, SOURCES, Session, Wants};

/// Batches that wait for the loop; sources that are faster wait in turn.
const FEED_QUEUE: usize = 64;
/// How often it is looked whether time has passed that we know nothing of.
const BREATH: Duration = Duration::from_secs(1);
/// The machine slept, or the program was stopped: no machine is so busy that a task waits for so
/// long. What connections have said before is of the past, and most of them are dead.
const SLEPT: Duration = Duration::from_secs(15);

/// Why nothing more is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nobody listens.
    Left,
    /// Everything has to be asked anew, over new connections.
    Slept,
}

/// The sources of one session.
pub struct Feeding {
    pub epoch: u32,
    pub session: Arc<Session>,
    pub config: Arc<Config>,
    pub clock: Clock,
    pub messages: mpsc::Sender<Msg>,
    pub wants: watch::Receiver<Wants>,
}

impl Feeding {
    /// Runs every source until the future is dropped with its scope, or the machine has slept.
    pub async fn run(self) -> Ended {
        let (out, mut batches) = mpsc::channel::<Batch>(FEED_QUEUE);
        let stop = CancellationToken::new();
        let _ends = stop.clone().drop_guard();
        for source in SOURCES {
            let context = Context {
                epoch: self.epoch,
                session: self.session.clone(),
                config: self.config.clone(),
                out: out.clone(),
                stop: stop.clone(),
                wants: self.wants.clone(),
                found: self.session.found.clone(),
            };
            tokio::spawn(source.run(context));
        }
        drop(out);
        let mut breath = Breath::new(&self.clock);
        loop {
            let batch = tokio::select! {
                biased;
                () = breath.drawn() => None,
                batch = batches.recv() => match batch {
                    Some(batch) => Some(batch),
                    None => return Ended::Left,
                },
            };
            if breath.has_slept() {
                return Ended::Slept;
            }
            let Some(mut batch) = batch else { continue };
            // Observed as it arrives, by the clock that ages are counted with.
            batch.at = self.clock.now();
            let room = loop {
                tokio::select! {
                    biased;
                    () = breath.drawn() => if breath.has_slept() { return Ended::Slept },
                    room = self.messages.reserve() => break room,
                }
            };
            match room {
                Ok(room) => room.send(Msg::Batch(batch)),
                Err(_) => return Ended::Left,
            }
        }
    }
}

/// Notices time that passed without us.
struct Breath<'a> {
    clock: &'a Clock,
    ticks: Interval,
    last: Duration,
}

impl<'a> Breath<'a> {
    fn new(clock: &'a Clock) -> Self {
        let mut ticks = tokio::time::interval(BREATH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { clock, ticks, last: clock.machine() }
    }

    async fn drawn(&mut self) {
        self.ticks.tick().await;
    }

    /// Whether more time has passed since it was asked last than can have.
    fn has_slept(&mut self) -> bool {
        let now = self.clock.machine();
        let passed = now.saturating_sub(std::mem::replace(&mut self.last, now));
        passed > SLEPT
    }
}
