//! The world of the simulated cluster: what kubelets, controllers, users and chance do.
//!
//! The store is the only truth, as in a real cluster: the world reads what objects ask
//! for and writes what became of it, so whatever a client changes takes effect. Time is
//! given from outside ([`World::step`]), so that a test can play an hour at once.

pub mod cache;
pub mod cast;
pub mod controllers;
pub mod cron;
mod events;
mod history;
mod images;
mod kubelet;
pub mod logs;
pub mod make;
pub mod physics;
pub mod pod;
mod scheduler;
mod scrape;
mod script;
mod series;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::cluster::auth::Auth;
use super::cluster::served::Served;
use super::cluster::status::ApiError;
use super::cluster::store::Store;
use super::fault::Faults;
use super::metrics::Metrics;
use super::scenario::{Bad, Event, Scenario};
use cast::Past;
use controllers::Key;
use pod::PodRun;

/// Physics run at this step of simulated time.
pub const TICK_MS: i64 = 5_000;
/// How often the simulated Prometheus scrapes and the autoscaler looks.
pub const SCRAPE_MS: i64 = 15_000;
const HOUR_MS: i64 = 3_600_000;
/// How much of the past is really played, not made up.
pub const LIVE_PAST_MS: i64 = 3_600_000;

/// The parts of the cluster that the world acts on.
#[derive(Clone)]
pub struct Parts {
    pub store: Arc<Store>,
    pub metrics: Arc<Metrics>,
    pub auth: Arc<Auth>,
    pub faults: Arc<Faults>,
    pub served: Arc<Served>,
}

/// The world.
pub struct World {
    parts: Parts,
    rng: StdRng,
    now_ms: i64,
    origin_ms: i64,
    /// `RETENTION_DAYS` before the live past.
    past_retention_days: f64,
    next_tick_ms: i64,
    pods: BTreeMap<(String, String), PodRun>,
    /// What is still to come, by absolute time.
    script: VecDeque<(i64, Event)>,
    bad_images: HashMap<String, Bad>,
    /// Bytes per second by image.
    leaks: HashMap<String, f64>,
    /// How many pods of each bad image have been started.
    bad_starts: HashMap<String, usize>,
    physics: physics::Physics,
    cache: cache::Cache,
    series: series::Series,
    events: events::Book,
    autoscaler: controllers::Autoscaler,
    /// Deployments whose rollout is under way: their deadline has to be watched.
    rolling: BTreeSet<Key>,
    /// What has to be looked at again by then, whether anything changes or not.
    later: BTreeMap<Key, i64>,
    cursor: u64,
    serial: usize,
    last_minute: i64,
}

impl World {
    /// Sets the stage for `scenario`, writes the past, and plays its last hour, so that
    /// the world stands at `origin_ms`.
    ///
    /// # Errors
    /// Only when the stage itself is wrong.
    pub fn new(
        parts: Parts,
        scenario: &Scenario,
        seed: u64,
        origin_ms: i64,
        pods: Option<usize>,
    ) -> Result<Self, ApiError> {
        let begin = (origin_ms - LIVE_PAST_MS).div_euclid(SCRAPE_MS) * SCRAPE_MS;
        let past = script::past(scenario, origin_ms, begin, pods);
        let stage = cast::set_stage(&parts.store, begin, &past)?;
        let serial = stage.serial();
        let runs = stage.pods.into_iter().map(|p| ((p.namespace.clone(), p.name.clone()), p)).collect();
        let script = scenario.events.iter().map(|e| (origin_ms + e.at_ms, e.clone()));
        let mut world = Self {
            cursor: 0,
            rng: StdRng::seed_from_u64(seed),
            now_ms: begin,
            origin_ms,
            past_retention_days: past.retention_days as f64,
            next_tick_ms: begin,
            pods: runs,
            script: script.collect(),
            bad_images: HashMap::new(),
            leaks: HashMap::new(),
            bad_starts: HashMap::new(),
            physics: physics::Physics::new(seed, origin_ms),
            cache: cache::Cache::new(seed),
            series: series::Series::default(),
            events: events::Book::default(),
            autoscaler: controllers::Autoscaler::default(),
            rolling: BTreeSet::new(),
            later: BTreeMap::new(),
            serial,
            last_minute: begin.div_euclid(60_000),
            parts,
        };
        world.write_history(origin_ms, begin);
        world.warm_up(&past);
        world.step(origin_ms);
        // Nobody has seen the versions of the past.
        world.parts.store.compact();
        Ok(world)
    }

    /// The first look at everything: statuses are filled in, nothing moves.
    fn warm_up(&mut self, past: &Past) {
        self.cursor = self.parts.store.version();
        for key in controllers::everything(&self.parts.store, past) {
            self.reconcile(&key);
        }
    }

    /// The simulated instant that the world stands at, in milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Plays until `to_ms`: every tick on the way, then what is due between ticks.
    pub fn step(&mut self, to_ms: i64) {
        while self.next_tick_ms <= to_ms {
            let at = self.next_tick_ms;
            self.next_tick_ms += TICK_MS;
            self.react(at);
            self.tick(at);
        }
        self.react(to_ms);
    }

    /// What happens at once: the script, controllers and kubelets.
    pub fn react(&mut self, at_ms: i64) {
        self.now_ms = self.now_ms.max(at_ms);
        self.play_script();
        // Controllers and kubelets answer each other; a bound keeps a loop from being endless.
        for _ in 0..64 {
            let mut keys = self.changed_keys();
            keys.extend(self.due_keys());
            let moved = self.run_kubelets();
            if keys.is_empty() && !moved {
                break;
            }
            for key in &keys {
                self.reconcile(key);
            }
        }
    }

    fn tick(&mut self, at_ms: i64) {
        self.run_physics(at_ms);
        let minute = at_ms.div_euclid(60_000);
        if minute > self.last_minute {
            self.every_minute(self.last_minute * 60_000, at_ms);
            self.last_minute = minute;
        }
        if at_ms.rem_euclid(SCRAPE_MS) == 0 {
            self.autoscale();
            self.scrape(at_ms);
            // Of the past only what fires at its end is asked for, and since when: the last
            // ten minutes once a minute, those before now and then.
            let step_ms = match self.origin_ms - at_ms {
                ..=0 => SCRAPE_MS,
                1..=600_000 => 60_000,
                _ => 180_000,
            };
            if at_ms.rem_euclid(step_ms) == 0 {
                self.parts.metrics.evaluate_rules(at_ms);
            }
        }
    }

    fn every_minute(&mut self, from_ms: i64, to_ms: i64) {
        self.run_cron_jobs();
        self.run_velero(from_ms, to_ms);
        self.check_certificates();
        self.forget_old_events();
        if to_ms.div_euclid(HOUR_MS) > from_ms.div_euclid(HOUR_MS) {
            self.parts.metrics.write(|db| db.retain(to_ms));
        }
        for key in self.rolling.clone() {
            self.reconcile(&key);
        }
    }

    /// A whole number in `low..=high`.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        self.rng.random_range(low..=high)
    }

    /// The pod as its kubelet sees it, if it is one that is played.
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&PodRun> {
        self.pods.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// How requests flow now.
    pub fn flow(&self) -> physics::Flow {
        self.physics.flow
    }

    /// All pods that are played.
    pub fn pods(&self) -> impl Iterator<Item = &PodRun> {
        self.pods.values()
    }

    /// What is wrong with an image, if anything.
    pub fn bad_image(&self, image: &str) -> Option<&Bad> {
        self.bad_images.get(image)
    }
}
