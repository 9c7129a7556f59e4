//! What the simulated cluster measures: a series store, PromQL over it, alert rules,
//! and the HTTP APIs of Prometheus and Alertmanager in front of them.

mod alertmanager;
mod exposition;
mod families;
#[cfg(test)]
mod hostile;
pub mod labels;
mod params;
mod prometheus;
pub mod promql;
#[cfg(test)]
mod real_prometheus;
mod retention;
mod rules;
pub mod tsdb;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::clock::Clock;
use alertmanager::Alertmanager;
use labels::Labels;
pub use rules::RuleError;
use rules::Rules;
use tsdb::Tsdb;

/// The metrics side of the simulated cluster, shared by the world, which writes samples,
/// and by the HTTP routers, which read them.
///
/// Locks are always taken in the order rules, store, alertmanager, and none is held while
/// waiting for anything else.
pub struct Metrics {
    pub clock: Clock,
    /// When this began, in milliseconds since the epoch.
    started_ms: i64,
    db: RwLock<Tsdb>,
    rules: Mutex<Rules>,
    alertmanager: Mutex<Alertmanager>,
    /// The series of the alerts that are being written.
    alert_series: Mutex<HashSet<Labels>>,
}

impl Metrics {
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            db: RwLock::default(),
            rules: Mutex::default(),
            alertmanager: Mutex::new(Alertmanager::new(clock.now_ms())),
            alert_series: Mutex::default(),
            started_ms: clock.now_ms(),
            clock,
        })
    }

    /// Runs `f` with the store locked for writing: one call per tick, not one per sample.
    /// `f` must not call back into `Metrics`.
    pub fn write<T>(&self, f: impl FnOnce(&mut Tsdb) -> T) -> T {
        f(&mut self.db.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `f` with the store locked for reading.
    pub fn read<T>(&self, f: impl FnOnce(&Tsdb) -> T) -> T {
        f(&self.db.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the alerting rules, and forgets the alerts of the old ones.
    ///
    /// # Errors
    /// [`RuleError`] with the rule and field that is wrong; the old rules stay in force then.
    pub fn load_rules(&self, toml: &str) -> Result<(), RuleError> {
        let (rules, inhibits) = rules::parse(toml)?;
        *self.rules() = Rules::new(rules);
        self.alerts().set_inhibits(inhibits);
        Ok(())
    }

    /// Evaluates every rule over the series as they are at `at_ms` (milliseconds since the
    /// epoch), writes the series of the alerts, and sends what fires to Alertmanager. Must be
    /// called with rising times, and not from within [`Metrics::write`].
    pub fn evaluate_rules(&self, at_ms: i64) {
        let mut rules = self.rules();
        let notices = self.read(|db| rules.evaluate(db, at_ms));
        let now: HashMap<Labels, f64> = rules.series();
        let mut before = self.alert_series.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(|db| {
            for labels in before.iter().filter(|labels| !now.contains_key(*labels)) {
                let id = db.series_of(labels.clone());
                db.end(id, at_ms);
            }
            for (labels, value) in &now {
                let id = db.series_of(labels.clone());
                db.append(id, at_ms, *value);
            }
        });
        *before = now.into_keys().collect();
        self.alerts().receive(notices, at_ms);
    }

    /// Prometheus' HTTP API, with its own paths (`/api/v1/query`, …).
    pub fn prometheus(self: &Arc<Self>) -> axum::Router {
        prometheus::router(self.clone())
    }

    /// Alertmanager's HTTP API, with its own paths (`/api/v2/alerts`, …).
    pub fn alertmanager(self: &Arc<Self>) -> axum::Router {
        alertmanager::http::router(self.clone())
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alerts(&self) -> MutexGuard<'_, Alertmanager> {
        self.alertmanager.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
