//! Derived from health probes, where no Prometheus measures the service: latency as quantiles and
//! errors as the share of failed checks, over the checks of the last five minutes.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::State;
use crate::model::signal::{Outcome, Point, ProbeCheck, Signal, SignalId};
use crate::model::{Clean, FeedId};

/// What a point looks back on: as long as the rates that Prometheus is asked for.
const LOOK_BACK: SignedDuration = SignedDuration::from_mins(5);

impl State {
    /// The feed that measures the service: Prometheus, or probes where there is no Prometheus.
    pub fn measuring(&self) -> FeedId {
        let none = self.known.signals.is_empty() && self.known.status(FeedId::Signals).failure.is_some();
        if none && !self.known.probes.is_empty() { FeedId::Probes } else { FeedId::Signals }
    }

    /// A signal, from the feed that measures the service.
    pub fn signal(&self, id: SignalId) -> Option<&Signal> {
        match self.measuring() {
            FeedId::Probes => self.probed.get(&id),
            _ => self.known.signals.get(&id),
        }
    }
}

/// The signals that probes can stand in for.
pub fn derive(state: &State) -> BTreeMap<SignalId, Signal> {
    if state.measuring() != FeedId::Probes {
        return BTreeMap::new();
    }
    let mut checks: Vec<&ProbeCheck> = state.known.probes.iter().flat_map(|p| &p.checks).collect();
    checks.sort_by_key(|check| check.at);
    let names: Vec<&str> = state.known.probes.iter().map(|p| p.name.as_str()).collect();
    let query = Clean::new(&format!("health probes: {}", names.join(", ")));
    let signal = |id, points: Vec<Point>| {
        let outcome =
            if points.is_empty() { Outcome::NoData } else { Outcome::Points { step_s: 60, points } };
        (id, Signal { id, outcome, query: query.clone(), warning: None, present: None })
    };
    let quantile = |q: f64| points(&checks, |window| latency(window, q));
    let failed =
        |window: &[&ProbeCheck]| Some(window.iter().filter(|c| !c.ok).count() as f64 / window.len() as f64);
    let availability = checks.last().map(|last| {
        let ok = checks.iter().filter(|c| c.ok).count() as f64;
        Point { t: last.at.as_second(), v: ok / checks.len() as f64 }
    });
    BTreeMap::from([
        signal(SignalId::LatencyP50, quantile(0.5)),
        signal(SignalId::LatencyP95, quantile(0.95)),
        signal(SignalId::LatencyP99, quantile(0.99)),
        signal(SignalId::ErrorRatio, points(&checks, failed)),
        signal(SignalId::Availability, availability.into_iter().collect()),
    ])
}

/// A point a check, over the checks of the five minutes before it.
fn points(checks: &[&ProbeCheck], value: impl Fn(&[&ProbeCheck]) -> Option<f64>) -> Vec<Point> {
    let mut first = 0;
    let mut points = Vec::with_capacity(checks.len());
    for (last, check) in checks.iter().enumerate() {
        while checks.get(first).is_some_and(|c| check.at.duration_since(c.at) > LOOK_BACK) {
            first += 1;
        }
        if let Some(v) = checks.get(first..=last).and_then(&value) {
            points.push(Point { t: check.at.as_second(), v });
        }
    }
    points
}

/// The nearest-rank quantile of the answered checks; None where none was answered.
fn latency(window: &[&ProbeCheck], q: f64) -> Option<f64> {
    let mut answered: Vec<f64> = window.iter().filter(|c| c.status.is_some()).map(|c| c.latency_s).collect();
    answered.sort_by(f64::total_cmp);
    let rank = (answered.len() as f64 * q).ceil() as usize;
    answered.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn check(minute: i64, latency_s: f64, ok: bool) -> ProbeCheck {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
        ProbeCheck { at, status: ok.then_some(200), latency_s, ok, message: None }
    }

    #[test]
    fn quantiles_and_failures_of_the_last_five_minutes() {
        let checks: Vec<ProbeCheck> = (0..20).map(|m| check(m, 0.1 * (m + 1) as f64, m != 19)).collect();
        let checks: Vec<&ProbeCheck> = checks.iter().collect();
        let p50 = points(&checks, |w| latency(w, 0.5));
        assert_eq!(p50.len(), 20);
        // Minutes 13 to 18 were answered within five minutes of 18: 1.4 … 1.9 s.
        assert!((p50[18].v - 1.6).abs() < 1e-9, "{:?}", p50[18]);
        assert_eq!(latency(&checks[19..], 0.95), None);
    }
}
