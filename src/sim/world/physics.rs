//! What load does to the shop: requests spread over the pods that serve, latency rises
//! with utilization as in a queue, cold or poisoned caches cost database connections, and
//! bad pods fail their share of requests.

use std::collections::VecDeque;
use std::f64::consts::TAU;

use super::cast::{DAY_MS, SHOP};
use super::pod::{Ended, PodRun, fnv};
use super::{TICK_MS, World};
use crate::sim::scenario::Load;

/// Requests a second at the mean of the day: what the shop of the sketches serves.
const MEAN_RPS: f64 = 1_240.0;
/// Requests a second that one pod can serve: 20 of each are a little over half used.
const API_CAPACITY: f64 = 115.0;
const WEB_CAPACITY: f64 = 125.0;
/// Median service time without queueing, in seconds.
const SERVICE_S: f64 = 0.034;
/// Hit ratio of a warm cache, of an empty one, and of one whose entries cannot be read.
const WARM_HITS: f64 = 0.94;
const COLD_HITS: f64 = 0.25;
const POISONED_HITS: f64 = 0.33;
/// An emptied cache is mostly warm again after two of these.
pub const WARM_UP_S: f64 = 75.0;
/// Share of requests that fail while all of the cache is poisoned.
const POISON_ERRORS: f64 = 0.03;
/// Share of requests that fail on the best of days.
const BASE_ERRORS: f64 = 0.000_35;
/// `max_connections` of the database.
pub const POOL_SIZE: f64 = 100.0;

/// What the flow of requests depends on.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    pub load: f64,
    /// Serving pods.
    pub api: f64,
    pub web: f64,
    /// Share of requests that fail for the revision that serves them, and how much longer
    /// they take.
    pub bad_errors: f64,
    pub bad_latency: f64,
    pub hits: f64,
    /// Share of the cache that is poisoned.
    pub poisoned: f64,
}

impl Inputs {
    /// A day without trouble.
    pub fn calm() -> Self {
        Self {
            load: 1.0,
            api: 20.0,
            web: 20.0,
            bad_errors: 0.0,
            bad_latency: 1.0,
            hits: WARM_HITS,
            poisoned: 0.0,
        }
    }
}

/// The flow of requests.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    pub rps: f64,
    /// Share that fails with 500 or 502, and with 504 because the queue is full.
    pub errors: f64,
    pub timeouts: f64,
    /// Median latency of an average route, in seconds.
    pub median_s: f64,
    pub api_use: f64,
    pub web_use: f64,
    pub hits: f64,
    /// Database connections in use.
    pub pool: f64,
}

/// What a container's log lines of five seconds follow from.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub at_ms: i64,
    pub median_s: f64,
    pub errors: f64,
    /// Errors that are not those of a bad revision.
    pub errors_elsewhere: f64,
    pub pool: f64,
    /// Share of the cache's broken entries.
    pub poisoned: f64,
    /// Share of a request's time that it waits for a pod to be free.
    pub waiting: f64,
}

/// Moments are kept for as long as logs are.
const MOMENTS: usize = 1_440;

/// The slow state of the physics.
pub struct Physics {
    seed: u64,
    origin_ms: i64,
    load_from: f64,
    load_to: f64,
    load_start_ms: i64,
    ramp_ms: f64,
    pub flow: Flow,
    moments: VecDeque<Moment>,
}

impl Physics {
    pub fn new(seed: u64, origin_ms: i64) -> Self {
        let mut new = Self {
            seed,
            origin_ms,
            load_from: 1.0,
            load_to: 1.0,
            load_start_ms: origin_ms,
            ramp_ms: 0.0,
            flow: Flow {
                rps: 0.0,
                errors: 0.0,
                timeouts: 0.0,
                median_s: 0.0,
                api_use: 0.0,
                web_use: 0.0,
                hits: WARM_HITS,
                pool: 0.0,
            },
            moments: VecDeque::new(),
        };
        new.flow = new.flow_at(origin_ms, &Inputs::calm());
        new
    }

    pub fn set_load(&mut self, now_ms: i64, load: &Load) {
        self.load_from = self.load_at(now_ms);
        self.load_to = load.factor.clamp(0.0, 100.0);
        self.load_start_ms = now_ms;
        self.ramp_ms = load.ramp_s.max(0.0) * 1_000.0;
    }

    fn remember(&mut self, at_ms: i64, inputs: &Inputs) {
        if self.moments.len() >= MOMENTS {
            self.moments.pop_front();
        }
        let Flow { median_s, errors, pool, api_use, web_use, .. } = self.flow;
        let errors_elsewhere = errors - inputs.bad_errors;
        let (poisoned, waiting) = (inputs.poisoned, api_use.max(web_use).min(0.93));
        self.moments.push_back(Moment { at_ms, median_s, errors, errors_elsewhere, pool, poisoned, waiting });
    }

    /// How things were at an instant; as on a good day when that is too long ago.
    pub fn moment(&self, at_ms: i64) -> Moment {
        let after = self.moments.partition_point(|m| m.at_ms <= at_ms);
        after.checked_sub(1).and_then(|i| self.moments.get(i)).copied().unwrap_or_default()
    }

    fn load_at(&self, now_ms: i64) -> f64 {
        let passed = (now_ms - self.load_start_ms) as f64;
        if passed >= self.ramp_ms {
            return if passed < 0.0 { self.load_from } else { self.load_to };
        }
        self.load_from + (self.load_to - self.load_from) * (passed / self.ramp_ms).clamp(0.0, 1.0)
    }

    /// Smooth noise in -1..1 that follows from seed, channel and time alone, so that the
    /// past that is made up and the past that is played belong together.
    fn noise(&self, channel: u64, t_ms: i64) -> f64 {
        let slot = t_ms.div_euclid(60_000);
        let within = t_ms.rem_euclid(60_000) as f64 / 60_000.0;
        let at = |slot: i64| {
            let mut x = (slot as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
                ^ self.seed.rotate_left(17)
                ^ (channel << 56);
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        };
        at(slot) * (1.0 - within) + at(slot + 1) * within
    }

    /// Errors of two bad quarters of an hour in the past month, so that the error budget has
    /// been used before.
    fn old_trouble(&self, t_ms: i64) -> f64 {
        let bump = |days: f64, height: f64, minutes: f64| {
            let center = self.origin_ms as f64 - days * DAY_MS as f64;
            let x = (t_ms as f64 - center) / (minutes * 60_000.0);
            height * (-x * x).exp()
        };
        bump(12.3, 0.05, 12.0) + bump(5.6, 0.02, 10.0)
    }

    /// The flow at an instant.
    pub fn flow_at(&self, t_ms: i64, inputs: &Inputs) -> Flow {
        let day = t_ms.rem_euclid(DAY_MS) as f64 / DAY_MS as f64;
        let curve = 1.0 + 0.10 * (TAU * (day - 0.40)).sin();
        let rps = MEAN_RPS * curve * inputs.load * (1.0 + 0.02 * self.noise(1, t_ms));
        let used = |pods: f64, capacity: f64| if pods > 0.0 { rps / (pods * capacity) } else { 10.0 };
        let (api_use, web_use) = (used(inputs.api, API_CAPACITY), used(inputs.web, WEB_CAPACITY));
        let queue = |u: f64| 1.0 / (1.0 - u.min(0.93));
        let miss = 1.0 - inputs.hits;
        let database = 1.0 + 1.3 * (miss - (1.0 - WARM_HITS)).max(0.0);
        let wait = queue(api_use).max(0.8 * queue(web_use));
        let median_s = SERVICE_S * wait * database * inputs.bad_latency * (1.0 + 0.04 * self.noise(2, t_ms));
        // What is over capacity waits until it times out; clients then give up, so that only
        // a small part of the excess is seen as errors.
        let excess = |u: f64| if u > 1.0 { ((u - 1.0) * 0.06).min(0.9) } else { 0.0 };
        let nobody = if inputs.api < 0.5 || inputs.web < 0.5 { 1.0 } else { 0.0_f64 };
        let base = BASE_ERRORS * (1.0 + 0.5 * self.noise(3, t_ms)) + self.old_trouble(t_ms);
        let share = inputs.bad_errors + POISON_ERRORS * inputs.poisoned + base;
        let pool = POOL_SIZE * (0.283 + 0.95 * miss) * (0.8 + 0.2 * (rps / MEAN_RPS).min(2.5));
        Flow {
            rps,
            errors: share.max(nobody).min(1.0),
            timeouts: excess(api_use).max(excess(web_use)).min(1.0 - share.min(1.0)),
            median_s,
            api_use,
            web_use,
            hits: inputs.hits,
            pool: pool.min(POOL_SIZE - 2.0),
        }
    }
}

impl World {
    fn serving<'a>(&'a self, kind: &'a str, name: &'a str) -> impl Iterator<Item = &'a PodRun> {
        let of = move |p: &&PodRun| {
            p.namespace == SHOP && (p.owner.1 == name || (kind == "ReplicaSet" && deployment_of(p) == name))
        };
        self.pods.values().filter(move |p| p.owner.0 == kind).filter(of).filter(|p| p.serving())
    }

    fn inputs(&self) -> Inputs {
        let api: Vec<&PodRun> = self.serving("ReplicaSet", "api").collect();
        let web = self.serving("ReplicaSet", "web").count() as f64;
        let (mut errors, mut latency) = (0.0, 0.0);
        for pod in &api {
            let image = pod.containers.first().map(|c| c.1.as_str()).unwrap_or_default();
            let bad = self.bad_images.get(image);
            let key = (pod.namespace.clone(), pod.name.clone());
            match bad.filter(|b| !self.is_cured(&key, &b.needs_env)) {
                Some(bad) => {
                    errors += bad.error_ratio;
                    latency += bad.latency_factor;
                }
                None => latency += 1.0,
            }
        }
        let count = api.len().max(1) as f64;
        let cache: Vec<&PodRun> = self.serving("StatefulSet", "cache").collect();
        // A shard that is away is asked in vain: all of its reads are misses.
        let shards = (cache.len().max(4)) as f64;
        let hits: f64 = cache.iter().map(|p| hit_ratio(p)).sum::<f64>() / shards;
        Inputs {
            load: self.physics.load_at(self.now_ms),
            api: api.len() as f64,
            web,
            bad_errors: errors / count,
            bad_latency: (latency / count).max(1.0),
            hits,
            poisoned: cache.iter().map(|p| p.poison).sum::<f64>() / shards,
        }
    }

    pub(super) fn run_physics(&mut self, at_ms: i64) {
        let inputs = self.inputs();
        let flow = self.physics.flow_at(at_ms, &inputs);
        self.physics.flow = flow;
        self.physics.remember(at_ms, &inputs);
        let dt_s = TICK_MS as f64 / 1_000.0;
        self.series.traffic.add(&flow, dt_s);
        let memory_noise = self.physics.noise(4, at_ms);
        let mut killed = Vec::new();
        for (key, run) in &mut self.pods {
            measure(run, &flow, dt_s, memory_noise, &self.leaks);
            if run.memory_limit > 0.0 && run.memory > run.memory_limit {
                killed.push(key.clone());
            }
        }
        for key in killed {
            self.kill_for_memory(&key);
        }
    }

    fn kill_for_memory(&mut self, key: &(String, String)) {
        let Some(run) = self.pods.get(key) else { return };
        let started_ms = run.running_since().unwrap_or(self.now_ms);
        let finished_ms = self.now_ms;
        let node = run.node.clone();
        let end =
            Ended { exit_code: 137, reason: "OOMKilled", message: String::new(), started_ms, finished_ms };
        self.end(key, end);
        self.write_status(key);
        let about = super::events::About {
            kind: crate::sim::cluster::kinds::Kind::Node,
            namespace: "",
            name: &node,
            uid: &node,
        };
        let message = format!("Memory cgroup out of memory: Killed process of pod {}/{}", key.0, key.1);
        self.tell(&about, true, "OOMKilling", "kernel-monitor", &message);
    }
}

/// The Deployment that a ReplicaSet's pod belongs to: the set's name without its hash.
pub fn deployment_of(run: &PodRun) -> &str {
    run.owner.1.rsplit_once('-').map(|(name, _)| name).unwrap_or_default()
}

pub fn hit_ratio(run: &PodRun) -> f64 {
    let sound = COLD_HITS + (WARM_HITS - COLD_HITS) * run.warm;
    sound + (POISONED_HITS.min(sound) - sound) * run.poison
}

/// A number in -1..1 of its own for each pod.
fn character(run: &PodRun) -> f64 {
    (fnv(&run.uid) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn measure(
    run: &mut PodRun,
    flow: &Flow,
    dt_s: f64,
    noise: f64,
    leaks: &std::collections::HashMap<String, f64>,
) {
    if run.running_since().is_none() {
        run.cpu = 0.0;
        run.memory = 0.0;
        return;
    }
    let app = if run.owner.0 == "ReplicaSet" { deployment_of(run) } else { run.owner.1.as_str() };
    let busy = |u: f64| 0.05 + 0.90 * u.min(1.02);
    let share = match app {
        "api" if run.serving() => busy(flow.api_use),
        "web" if run.serving() => busy(flow.web_use),
        "cache" => 0.10 + 0.18 * (flow.rps / MEAN_RPS),
        "worker" => 0.30 + 0.08 * (flow.rps / MEAN_RPS),
        "api" | "web" => 0.08,
        _ => 0.25,
    };
    run.cpu = run.cpu_request * share * (1.0 + 0.05 * character(run));
    run.cpu_seconds += run.cpu * dt_s;
    run.periods += 10.0 * dt_s;
    // A pod that needs most of its request runs into its limit in bursts.
    run.throttled_periods += 10.0 * dt_s * (share - 0.75).max(0.0) * 0.6;
    if let Some((_, image)) = run.containers.first()
        && let Some(rate) = leaks.get(image)
    {
        // A little unlike each other, or all would be killed at once.
        run.leaked += rate * dt_s * (1.0 + 0.35 * character(run));
    }
    run.warm += (1.0 - run.warm) * (1.0 - (-dt_s / WARM_UP_S).exp());
    let base = run.memory_limit * (0.60 + 0.03 * character(run) + 0.01 * noise);
    run.memory = base * (0.7 + 0.3 * run.warm) + run.leaked;
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_790_000_000_000;

    #[test]
    fn fewer_pods_mean_more_latency() {
        let physics = Physics::new(1, NOON);
        let calm = physics.flow_at(NOON, &Inputs::calm());
        let fewer = physics.flow_at(NOON, &Inputs { api: 14.0, ..Inputs::calm() });
        assert!(fewer.median_s > calm.median_s * 1.3, "{} {}", calm.median_s, fewer.median_s);
        assert!(calm.errors < 0.001 && calm.timeouts == 0.0);
    }

    #[test]
    fn too_much_load_times_out_and_no_pods_fail_everything() {
        let physics = Physics::new(1, NOON);
        let flow = physics.flow_at(NOON, &Inputs { load: 2.5, ..Inputs::calm() });
        assert!(flow.api_use > 1.0 && flow.timeouts > 0.0);
        let none = physics.flow_at(NOON, &Inputs { api: 0.0, ..Inputs::calm() });
        assert!((none.errors - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_ramp_takes_its_time() {
        let mut physics = Physics::new(1, NOON);
        physics.set_load(NOON, &Load { factor: 3.0, ramp_s: 100.0 });
        assert!((physics.load_at(NOON + 50_000) - 2.0).abs() < 1e-9);
        assert!((physics.load_at(NOON + 200_000) - 3.0).abs() < 1e-9);
    }
}
