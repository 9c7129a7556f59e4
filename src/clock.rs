//! What time it is. Practice runs on simulated time, which may go faster than the wall clock;
//! whoever starts the program says so, and nothing else needs to know.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// A source of time. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    Wall,
    /// Showed `origin` at `started`, and runs `speed` times as fast as the wall clock.
    Scaled {
        origin: Timestamp,
        started: Instant,
        speed: f64,
    },
}

impl Clock {
    pub fn scaled(origin: Timestamp, speed: f64) -> Self {
        Self::Scaled { origin, started: Instant::now(), speed }
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Self::Wall => Timestamp::now(),
            Self::Scaled { origin, started, speed } => {
                let elapsed = SignedDuration::from_secs_f64(started.elapsed().as_secs_f64() * speed);
                origin.checked_add(elapsed).unwrap_or(*origin)
            }
        }
    }
}
