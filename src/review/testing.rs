//! A state and answers for the tests of the lines: everything is there, and nothing is wrong.

use jiff::{SignedDuration, Timestamp};

use super::asked::{Answer, Ask, Asked, Question, Series};
use super::signoff::Scope;
use super::{Kind, asked};
use crate::model::signal::{Outcome, Point, Signal, SignalId};
use crate::model::{Clean, Failure, FailureKind, FeedId};
use crate::state::State;

pub fn now() -> Timestamp {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

/// Every feed has answered.
pub fn state() -> State {
    let mut state = crate::setup::state(
        &Default::default(),
        std::sync::Arc::default(),
        &crate::terminal::capabilities::detect(),
        now(),
        (80, 24),
    );
    for feed in FeedId::ALL {
        state.known.feeds.entry(feed).or_default().ready_at = Some(now());
    }
    state.settle();
    state
}

pub fn denied(state: &mut State, feed: FeedId) {
    let status = state.known.feeds.entry(feed).or_default();
    *status = Default::default();
    status.failure = Some(Failure { kind: FailureKind::Denied, ..failure("403") });
}

pub fn failure(happened: &str) -> Failure {
    Failure {
        kind: FailureKind::ServerError,
        tried: Clean::new("ask"),
        happened: Clean::new(happened),
        next: Clean::new("ask again"),
    }
}

pub fn measured(state: &mut State, id: SignalId, v: f64) {
    let points = vec![Point { t: state.now.as_second(), v }];
    let outcome = Outcome::Points { step_s: 0, points };
    state
        .known
        .signals
        .insert(id, Signal { id, outcome, query: Clean::default(), warning: None, present: None });
}

type Told = (Question, Result<Answer, Failure>);

fn answered(ask: Ask, points: Vec<Point>) -> Told {
    let series = vec![Series { labels: Vec::new(), points }];
    (ask.question, Ok(Answer { ask, series, left_out: 0, warning: None }))
}

/// A course over the night, in 480 steps.
pub fn course(question: Question, v: impl Fn(i64) -> f64) -> Told {
    let (start, end) = (now().as_second() - 43_200, now().as_second());
    let ask = Ask { question, start, end, step_s: 90, window_s: 43_200 };
    answered(ask, (0..=480).map(|i| Point { t: start + i * 90, v: v(i) }).collect())
}

/// A course over seven days, by the day.
pub fn long_course(question: Question, v: impl Fn(f64) -> f64) -> Told {
    let (start, end) = (now().as_second() - 7 * 86_400, now().as_second());
    let ask = Ask { question, start, end, step_s: 1800, window_s: 7 * 86_400 };
    answered(ask, (0..=336).map(|i| Point { t: start + i * 1800, v: v(i as f64 / 48.0) }).collect())
}

pub fn number(question: Question, v: f64) -> Told {
    let at = now().as_second();
    let ask = Ask { question, start: at, end: at, step_s: 1, window_s: 43_200 };
    answered(ask, vec![Point { t: at, v }])
}

pub fn scope(kind: Kind) -> Scope {
    Scope { context: "eu".into(), namespace: "shop".into(), service: Clean::default(), kind }
}

/// A night of which Prometheus has seen every minute, with these answers.
pub fn asked(answers: &[Told]) -> Asked {
    let mut all = vec![course(asked::Question::Coverage, |_| 1.0)];
    all.extend_from_slice(answers);
    Asked {
        scope: scope(Kind::Daily),
        since: now() - SignedDuration::from_hours(12),
        until: now(),
        answers: all,
        silences: Ok(Vec::new()),
        acts: Ok(Vec::new()),
        drills: Ok(Vec::new()),
        baseline: None,
        complaints: Vec::new(),
        who: "dana".into(),
    }
}
