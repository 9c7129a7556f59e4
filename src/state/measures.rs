//! Derived from the signals: what each measured value means against its objective, and since when.

use jiff::{SignedDuration, Timestamp};

use super::State;
use crate::model::objective::Objective;
use crate::model::signal::{Outcome, Point, Signal, SignalId, Unit};
use crate::model::{FeedId, Health};
use crate::ui::human;

/// Prometheus looks back 5 minutes: a sample may be that old and still be told as now.
const SAMPLE_STALE: SignedDuration = SignedDuration::from_mins(5);
/// Fewer requests than this and a ratio says nothing: one a minute.
const NO_TRAFFIC: f64 = 1.0 / 60.0;

/// One measured quantity, judged.
#[derive(Clone, Debug)]
pub struct Measure {
    pub id: SignalId,
    pub value: Option<f64>,
    pub health: Health,
    /// Since when it has been beyond its objective, where it is.
    pub since: Option<Timestamp>,
    /// It was beyond already where the window begins.
    pub since_before_window: bool,
    pub objective: Option<Objective>,
    /// Why there is no value.
    pub why: Option<String>,
}

impl Measure {
    /// 'p95 812 ms, objective 500 ms, over for 6 min', or why it is not known.
    pub fn sentence(&self, name: &str, now: Timestamp) -> String {
        let unit = self.id.unit();
        let Some(value) = self.value else {
            return self.why.clone().unwrap_or_else(|| "no data".into());
        };
        let mut text = if name.is_empty() {
            human::value(value, unit)
        } else {
            format!("{name} {}", human::value(value, unit))
        };
        if let Some(objective) = &self.objective {
            text += &format!(", objective {}", human::value(objective.target, unit));
        }
        if let Some(since) = self.since {
            let word = if self
                .objective
                .as_ref()
                .is_some_and(|o| o.better == crate::model::objective::Better::Higher)
            {
                "under"
            } else {
                "over"
            };
            let at_least = if self.since_before_window { "more than " } else { "" };
            text += &format!(", {word} for {at_least}{}", human::span(now.duration_since(since)));
        }
        text
    }
}

/// Judges `id` by its latest point; the feed's own state comes first.
pub fn measure(state: &State, id: SignalId) -> Measure {
    let objective = state.settings.config.objectives.iter().find(|o| o.signal == id).cloned();
    let mut measure = Measure {
        id,
        value: None,
        health: Health::Unknown,
        since: None,
        since_before_window: false,
        objective,
        why: None,
    };
    let feed = state.feed_health(state.measuring());
    let Some(signal) = state.signal(id) else {
        measure.health = if feed == Health::Ok { Health::Unknown } else { feed };
        measure.why = Some(match feed {
            Health::Progress => "asking Prometheus".into(),
            Health::NotConfigured => "Prometheus: not configured, none found".into(),
            _ => state.feed_words(FeedId::Signals).unwrap_or_else(|| "not measured".into()),
        });
        return measure;
    };
    let (points, step_s) = match &signal.outcome {
        Outcome::Points { points, step_s } => (points.as_slice(), *step_s),
        Outcome::NoData => {
            measure.why = Some("no data".into());
            return measure;
        }
        Outcome::Failed(failure) => {
            measure.why = Some(failure.happened.to_string());
            return measure;
        }
    };
    let Some(last) = points.iter().rev().find(|p| !p.v.is_nan()) else {
        measure.why = Some(if is_ratio_of_requests(id) { "no traffic" } else { "no data" }.into());
        return measure;
    };
    measure.value = Some(last.v);
    judge(&mut measure, points, step_s, *last, state);
    if feed != Health::Ok {
        measure.health = feed;
    }
    measure
}

fn judge(measure: &mut Measure, points: &[Point], step_s: u32, last: Point, state: &State) {
    let sampled = Timestamp::from_second(last.t).unwrap_or(state.now);
    let limit = SAMPLE_STALE.max(SignedDuration::from_secs(i64::from(step_s) * 2));
    if state.now.duration_since(sampled) > limit {
        measure.health = Health::Stale;
        measure.why =
            Some(format!("the last sample is {} old", human::span(state.now.duration_since(sampled))));
        return;
    }
    if is_ratio_of_requests(measure.id) && traffic(state).is_some_and(|rate| rate < NO_TRAFFIC) {
        measure.health = Health::Unknown;
        measure.value = None;
        measure.why = Some("no traffic".into());
        return;
    }
    let Some(objective) = &measure.objective else {
        // Nothing was promised: a value, not a verdict.
        measure.health = Health::NotConfigured;
        return;
    };
    measure.health = objective.judge(last.v);
    if measure.health > Health::Ok {
        let run = points.iter().rev().take_while(|p| p.v.is_nan() || objective.judge(p.v) > Health::Ok);
        let first = run.filter(|p| !p.v.is_nan()).last().copied().unwrap_or(last);
        measure.since_before_window = points.len() > 1 && points.first().is_some_and(|p| p.t == first.t);
        measure.since = (points.len() > 1).then(|| Timestamp::from_second(first.t).unwrap_or(sampled));
    }
    // So few requests that one failure breaks the objective, and none proves nothing: never green,
    // never a page.
    let low = |rate: f64| rate * 3600.0 * objective.target < 1.0;
    if measure.id == SignalId::ErrorRatio && traffic(state).is_some_and(low) {
        measure.health = if measure.health == Health::Ok { Health::Unknown } else { Health::Warning };
        measure.why = Some("low traffic".into());
    }
}

/// Requests per second now, where it is known.
pub fn traffic(state: &State) -> Option<f64> {
    state.signal(SignalId::RequestRate).and_then(Signal::latest).map(|p| p.v).filter(|v| !v.is_nan())
}

fn is_ratio_of_requests(id: SignalId) -> bool {
    matches!(
        id,
        SignalId::ErrorRatio
            | SignalId::Availability
            | SignalId::LatencyP50
            | SignalId::LatencyP95
            | SignalId::LatencyP99
            | SignalId::ErrorRatioOver(_)
    )
}

/// The objectives of the strip: those that are not among the four panels.
pub const STRIP: [SignalId; 8] = [
    SignalId::Availability,
    SignalId::CacheHitRatio,
    SignalId::CpuRatio,
    SignalId::MemoryRatio,
    SignalId::PoolRatio,
    SignalId::RequestRate,
    SignalId::CertificateDays,
    SignalId::DiskRatio,
];

/// Those of [`STRIP`], with certificates read from the cluster where Prometheus does not know them.
pub fn strip(state: &State) -> Vec<Measure> {
    STRIP
        .iter()
        .map(|id| {
            let measure = measure(state, *id);
            if *id == SignalId::CertificateDays && measure.value.is_none() {
                certificate(state, measure)
            } else {
                measure
            }
        })
        .collect()
}

fn certificate(state: &State, mut measure: Measure) -> Measure {
    let ends = state.known.certificates.iter().filter_map(|c| c.not_after).min();
    let health = state.feed_health(FeedId::Certificates);
    let Some(ends) = ends else { return measure };
    let days = ends.duration_since(state.now).as_secs_f64() / 86_400.0;
    measure.value = Some(days);
    measure.why = None;
    measure.health = match &measure.objective {
        _ if health != Health::Ok => health,
        Some(objective) => objective.judge(days),
        None => Health::Ok,
    };
    measure
}

/// The value of a signal as words, for tables.
pub fn said(value: Option<f64>, unit: Unit) -> String {
    value.map_or_else(|| "?".into(), |v| human::value(v, unit))
}
