//! What the simulated cluster measures: a series store, PromQL over it, alert rules,
//! and the HTTP APIs of Prometheus and Alertmanager in front of them.

pub mod tsdb;

use std::sync::{Arc, RwLock};

use super::clock::Clock;
use tsdb::Tsdb;

/// The metrics side of the simulated cluster, shared by the world, which writes samples,
/// and by the HTTP routers, which read them.
pub struct Metrics {
    pub clock: Clock,
    db: RwLock<Tsdb>,
}

impl Metrics {
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, db: RwLock::new(Tsdb::default()) })
    }

    /// Runs `f` with the store locked for writing: one call per tick, not one per sample.
    pub fn write<T>(&self, f: impl FnOnce(&mut Tsdb) -> T) -> T {
        f(&mut self.db.write().unwrap_or_else(|e| e.into_inner()))
    }
}
