//! Alerting rules: read from TOML, evaluated like Prometheus' own (pending, firing, resolved),
//! and handed to Alertmanager.

mod file;
pub mod state;
pub mod template;

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

pub use file::{Inhibit, Rule, RuleError, parse};
use state::{Active, State};

use super::labels::{Labels, METRIC_NAME, labels_from, none, with};
use super::promql::{self, Answer};
use super::tsdb::Tsdb;

/// Interval of the rule group, in milliseconds; the scrape interval of the simulated cluster.
pub const INTERVAL_MS: i64 = 15_000;

/// How long a sent alert holds unless it is sent again: four times Prometheus' resend delay of
/// one minute (cmd/prometheus/main.go and rules/manager.go).
const HOLD_MS: i64 = 4 * 60_000;

/// All rules, and the alerts that they have raised.
#[derive(Default)]
pub struct Rules {
    pub rules: Vec<RuleState>,
}

/// One rule and what came of its last evaluation.
pub struct RuleState {
    pub rule: Rule,
    /// Pending and firing alerts by their labels.
    pub active: BTreeMap<Labels, Active>,
    /// When it was evaluated last, in milliseconds, and how long that took, in seconds.
    pub evaluated_ms: Option<i64>,
    pub took_s: f64,
    pub error: Option<String>,
}

/// An alert as Prometheus sends it: times in milliseconds; resolved once `ends_ms` has passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub labels: Labels,
    pub annotations: Vec<(String, String)>,
    pub starts_ms: i64,
    pub ends_ms: i64,
    /// Leads to the expression in Prometheus.
    pub generator_url: String,
}

impl Rules {
    pub fn new(rules: Vec<Rule>) -> Self {
        let fresh =
            |rule| RuleState { rule, active: BTreeMap::new(), evaluated_ms: None, took_s: 0.0, error: None };
        Self { rules: rules.into_iter().map(fresh).collect() }
    }

    /// Evaluates every rule at `at_ms` and returns what is to be sent to Alertmanager.
    pub fn evaluate(&mut self, db: &Tsdb, at_ms: i64) -> Vec<Notice> {
        self.rules.iter_mut().flat_map(|rule| rule.evaluate(db, at_ms)).collect()
    }

    /// The series of the pending and firing alerts and their values now: `ALERTS` is 1,
    /// `ALERTS_FOR_STATE` the time in seconds since which the expression holds.
    pub fn series(&self) -> HashMap<Labels, f64> {
        let alerts = self.rules.iter().flat_map(|r| r.active.values());
        let both = |a: &Active| {
            let state = with(&with(&a.labels, METRIC_NAME, ALERTS), "alertstate", a.state.word());
            let since = (a.active_ms as f64 / 1000.0).floor();
            [(state, 1.0), (with(&a.labels, METRIC_NAME, ALERTS_FOR_STATE), since)]
        };
        alerts.flat_map(both).collect()
    }
}

const ALERTS: &str = "ALERTS";
const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// Whether it is the rules that make this series, and no target.
pub fn is_of_alerts(name: &str) -> bool {
    matches!(name, ALERTS | ALERTS_FOR_STATE)
}

impl RuleState {
    fn evaluate(&mut self, db: &Tsdb, at_ms: i64) -> Vec<Notice> {
        let started = Instant::now();
        let found = self.found(db, at_ms);
        self.took_s = started.elapsed().as_secs_f64();
        self.evaluated_ms = Some(at_ms);
        match found {
            Ok(found) => {
                self.error = None;
                self.update(found, at_ms)
            }
            // As in Prometheus, a rule that fails leaves its alerts as they are.
            Err(why) => {
                self.error = Some(why);
                Vec::new()
            }
        }
    }

    /// The alerts that the expression raises at this moment.
    fn found(&self, db: &Tsdb, at_ms: i64) -> Result<BTreeMap<Labels, Active>, String> {
        let rule = &self.rule;
        let vector = match promql::instant(db, &rule.expr, at_ms).map_err(|e| e.to_string())? {
            Answer::Vector(vector) => vector,
            Answer::Scalar(v) => vec![(none(), super::tsdb::Sample { t: at_ms, v })],
            Answer::Text(_) | Answer::Matrix(_) => {
                return Err("rule result is not a vector or scalar".into());
            }
        };
        let mut found = BTreeMap::new();
        for (series, sample) in vector {
            let alert = Active {
                labels: rule.labels_of(&series, sample.v),
                annotations: rule.annotations_of(&series, sample.v),
                state: State::Pending,
                active_ms: at_ms,
                fired_ms: at_ms,
                value: sample.v,
            };
            if found.insert(alert.labels.clone(), alert).is_some() {
                let why = "vector contains metrics with the same labelset after applying alert labels";
                return Err(why.into());
            }
        }
        Ok(found)
    }

    /// Takes the newly found alerts over; returns those that fire, and those that are over.
    fn update(&mut self, found: BTreeMap<Labels, Active>, at_ms: i64) -> Vec<Notice> {
        let query = &self.rule.query;
        let over = |a: &Active| a.state == State::Firing && !found.contains_key(&a.labels);
        let mut notices: Vec<Notice> =
            self.active.values().filter(|a| over(a)).map(|a| a.notice(query, at_ms)).collect();
        self.active.retain(|labels, _| found.contains_key(labels));
        for (labels, new) in found {
            let alert = self.active.entry(labels).or_insert_with(|| new.clone());
            alert.value = new.value;
            alert.annotations = new.annotations;
            if alert.state == State::Pending && at_ms - alert.active_ms >= self.rule.hold_ms {
                alert.state = State::Firing;
                alert.fired_ms = at_ms;
            }
            if alert.state == State::Firing {
                notices.push(alert.notice(query, at_ms + HOLD_MS));
            }
        }
        notices
    }
}

impl Rule {
    fn labels_of(&self, series: &Labels, value: f64) -> Labels {
        let kept = series.iter().filter(|(k, _)| &**k != METRIC_NAME);
        let mut pairs: Vec<(String, String)> = kept.map(|(k, v)| (k.to_string(), v.to_string())).collect();
        pairs.extend(self.labels.iter().map(|(k, t)| (k.clone(), t.expand(series, value))));
        pairs.push(("alertname".into(), self.alert.clone()));
        labels_from(pairs)
    }

    fn annotations_of(&self, series: &Labels, value: f64) -> Vec<(String, String)> {
        self.annotations.iter().map(|(k, t)| (k.clone(), t.expand(series, value))).collect()
    }
}

#[cfg(test)]
mod tests;
