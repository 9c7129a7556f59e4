//! The same engine without a terminal: runs until every feed has answered, for snapshots.

use std::time::Duration;

use tokio::sync::mpsc;

use super::{Engine, window};
use crate::clock::Clock;
use crate::effect::Effect;
use crate::model::FeedId;
use crate::msg::Msg;
use crate::sources::SOURCES;
use crate::state::{Connection, State};
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
    let (messages_in, mut messages) = mpsc::channel::<Msg>(256);
    let mut engine = Engine::new(
        messages_in,
        &state.settings,
        clock.clone(),
        window(state),
        super::Kept::nowhere("a snapshot does nothing"),
    );
    engine.perform(Effect::Connect { epoch: state.epoch, target: state.target.clone() });
    let deadline = tokio::time::Instant::now() + timeout;
    loop {
        match tokio::time::timeout_at(deadline, messages.recv()).await {
            Ok(Some(msg)) => {
                for effect in update(state, msg) {
                    engine.perform(effect);
                }
            }
            Ok(None) | Err(_) => break,
        }
        if matches!(state.connection, Connection::Failed(_)) || waiting(state).is_empty() {
            break;
        }
    }
    update(state, Msg::Tick(clock.now()));
    state.dirty.pods = true;
    state.settle();
    let waiting = waiting(state);
    match &state.connection {
        Connection::Failed(_) => Settled::NoCluster,
        _ if waiting.is_empty() => Settled::Complete,
        _ => Settled::Waiting(waiting),
    }
}

/// Feeds that have neither answered nor failed.
fn waiting(state: &State) -> Vec<FeedId> {
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
