//! Simulated time: it starts at a given instant, may run faster than the wall clock, and
//! can be moved forward.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Time as the simulated cluster sees it. Cheap to copy; all copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Timestamp,
    started: Instant,
    speed: f64,
    /// Shared by all copies; never freed, which keeps the clock `Copy` for eight bytes.
    advanced_ms: &'static AtomicI64,
}

impl Clock {
    /// A clock that shows `origin` now and runs `speed` times as fast as the wall clock.
    pub fn new(origin: Timestamp, speed: f64) -> Self {
        Self {
            origin,
            started: Instant::now(),
            speed: speed.max(0.0),
            advanced_ms: Box::leak(Box::default()),
        }
    }

    /// Simulated milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        let elapsed_ms = self.started.elapsed().as_secs_f64() * 1000.0 * self.speed;
        let moved_ms = self.advanced_ms.load(Ordering::Relaxed).saturating_add(elapsed_ms as i64);
        self.origin.as_millisecond().saturating_add(moved_ms)
    }

    /// Moves simulated time forward, for all copies.
    pub fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 4);
        self.advanced_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// The simulated instant.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms()).unwrap_or(self.origin)
    }

    /// How long to wait, in real time, until `simulated` has passed.
    pub fn real(&self, simulated: Duration) -> Duration {
        if self.speed <= f64::EPSILON { Duration::from_secs(3600) } else { simulated.div_f64(self.speed) }
    }
}
