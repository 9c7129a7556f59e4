//! Faults of the API server on demand: slow, stalled, refusing, failing, or not there at
//! all. Set by a scenario, by `POST /_sim/fault`, or by a test in process.

use std::sync::Mutex;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::clock::Clock;
use super::cluster::auth::Rule;

/// How the API server misbehaves. The default is not at all. All times are wall-clock
/// time, because it is the client that waits.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Added to every request, in milliseconds.
    pub latency_ms: u64,
    /// Share of requests that stall for a time between the two bounds, in milliseconds.
    pub stall_ratio: f64,
    pub stall_ms: [u64; 2],
    /// Share of requests that are answered with 429 and `Retry-After`.
    pub too_many_ratio: f64,
    pub retry_after_s: u32,
    /// Share of requests that are answered with 500.
    pub error_ratio: f64,
    /// Watches are cut after a random time of up to this many seconds; 0 leaves them alone.
    pub drop_watches_s: u64,
    /// Not there: connections are closed, watches are cut.
    pub down: bool,
    /// Connections are taken and nothing is ever answered.
    pub hang: bool,
    /// Share of answers that stall after half of their body, for a time between the bounds of
    /// `stall_ms`.
    pub stall_body_ratio: f64,
    /// The history of changes is forgotten before every request: whatever names an older version
    /// (a watch, the next page of a list) is 410 Gone.
    pub compact: bool,
    /// The tokens of the kubeconfig are not taken: 401.
    pub expired_token: bool,
    /// Rights that are taken away.
    pub deny: Vec<Rule>,
    /// Pods whose status is written anew each second, one after the other: a busy cluster.
    pub churn_per_s: u32,
    /// Each of these pods has restarted by then: what is shown of it changes too.
    pub churn_restarts: bool,
    /// What becomes of requests that change something; dry runs and reviews change nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes: Option<WriteFault>,
    /// Added to every answer of Prometheus and of Alertmanager, in milliseconds.
    pub prometheus_ms: u64,
    pub alertmanager_ms: u64,
    /// How far the API server's clock is ahead (or behind), in seconds.
    pub skew_s: i64,
}

/// What becomes of a request that changes something.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteFault {
    /// Not done, and answered with this status.
    Refuse(u16),
    /// Not done, and the connection closed.
    LoseRequest,
    /// Done, and the connection closed without an answer.
    LoseAnswer,
    /// Done, and never answered.
    Stall,
}

/// What is to happen to one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    Pass,
    TooMany {
        retry_after_s: u32,
    },
    Fail,
    /// The connection is closed without an answer.
    Cut,
}

/// The fault in force, and the dice.
pub struct Faults {
    current: watch::Sender<Fault>,
    rng: Mutex<StdRng>,
    clock: Clock,
}

impl Faults {
    pub fn new(seed: u64, clock: Clock) -> Self {
        let rng = Mutex::new(StdRng::seed_from_u64(seed ^ 0xfa17));
        Self { current: watch::Sender::new(Fault::default()), rng, clock }
    }

    /// Replaces the fault in force; `Fault::default()` ends it.
    pub fn set(&self, fault: Fault) {
        self.current.send_replace(fault);
    }

    pub fn current(&self) -> Fault {
        self.current.borrow().clone()
    }

    /// Told whenever the fault changes.
    pub fn subscribe(&self) -> watch::Receiver<Fault> {
        self.current.subscribe()
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    fn roll<T>(&self, f: impl FnOnce(&mut StdRng) -> T) -> T {
        f(&mut self.rng.lock().unwrap_or_else(|e| e.into_inner()))
    }

    /// How long the answer that is sent now stalls in its middle, if it does.
    pub fn stalls_body(&self) -> Option<Duration> {
        let fault = self.current();
        let [low, high] = fault.stall_ms;
        let stalls = self.roll(|r| r.random::<f64>()) < fault.stall_body_ratio;
        stalls.then(|| Duration::from_millis(self.roll(|r| r.random_range(low..=high.max(low)))))
    }

    /// Delays a request as the fault says and decides what becomes of it.
    pub async fn judge(&self) -> Verdict {
        let fault = self.current();
        if fault.down {
            return Verdict::Cut;
        }
        if fault.hang {
            let mut changed = self.subscribe();
            while changed.borrow_and_update().hang {
                if changed.changed().await.is_err() {
                    return Verdict::Cut;
                }
            }
        }
        let (stall, too_many, fail): (f64, f64, f64) = self.roll(|r| (r.random(), r.random(), r.random()));
        let mut wait = Duration::from_millis(fault.latency_ms);
        if stall < fault.stall_ratio {
            let [low, high] = fault.stall_ms;
            wait += Duration::from_millis(self.roll(|r| r.random_range(low..=high.max(low))));
        }
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        if too_many < fault.too_many_ratio {
            return Verdict::TooMany { retry_after_s: fault.retry_after_s.max(1) };
        }
        if fail < fault.error_ratio { Verdict::Fail } else { Verdict::Pass }
    }

    /// How long a watch that asks for `wanted` will live.
    pub fn watch_lifetime(&self, wanted: Duration) -> Duration {
        match self.current.borrow().drop_watches_s {
            0 => wanted,
            most => wanted
                .min(Duration::from_millis(self.roll(|r| r.random_range(500..=most.saturating_mul(1000))))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults() -> Faults {
        Faults::new(1, Clock::new(jiff::Timestamp::UNIX_EPOCH, 1.0))
    }

    #[tokio::test]
    async fn no_fault_lets_everything_pass() {
        let faults = faults();
        for _ in 0..50 {
            assert_eq!(faults.judge().await, Verdict::Pass);
        }
        assert_eq!(faults.watch_lifetime(Duration::from_secs(90)), Duration::from_secs(90));
    }

    #[tokio::test]
    async fn shares_are_kept_and_down_cuts() {
        let faults = faults();
        faults.set(Fault { too_many_ratio: 0.5, retry_after_s: 3, ..Fault::default() });
        let mut refused = 0;
        for _ in 0..200 {
            refused += u32::from(faults.judge().await == Verdict::TooMany { retry_after_s: 3 });
        }
        assert!((70..130).contains(&refused), "{refused} of 200");
        faults.set(Fault { down: true, ..Fault::default() });
        assert_eq!(faults.judge().await, Verdict::Cut);
    }

    #[tokio::test]
    async fn a_hanging_server_answers_when_it_is_itself_again() {
        let faults = std::sync::Arc::new(faults());
        faults.set(Fault { hang: true, ..Fault::default() });
        let asked = {
            let faults = faults.clone();
            tokio::spawn(async move { faults.judge().await })
        };
        tokio::task::yield_now().await;
        assert!(!asked.is_finished());
        faults.set(Fault::default());
        assert_eq!(asked.await.unwrap(), Verdict::Pass);
    }

    #[test]
    fn watches_are_dropped_early() {
        let faults = faults();
        faults.set(Fault { drop_watches_s: 5, ..Fault::default() });
        for _ in 0..50 {
            assert!(faults.watch_lifetime(Duration::from_secs(600)) <= Duration::from_secs(5));
        }
    }
}
