//! How long to wait before the next try: exponential with jitter, so that many cockpits that lost
//! one server do not come back as one.

use std::time::Duration;

use rand::RngExt;

use crate::model::FailureKind;

const FIRST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(30);

/// What does not change by itself within seconds: permissions, credentials, what is configured.
const SETTLED: Duration = Duration::from_secs(60);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure of this kind.
    pub fn after(&mut self, kind: FailureKind) -> Duration {
        let base = match kind {
            FailureKind::Denied
            | FailureKind::Unauthenticated
            | FailureKind::Absent
            | FailureKind::NotConfigured => SETTLED,
            FailureKind::Unreachable | FailureKind::Throttled | FailureKind::ServerError => {
                FIRST.saturating_mul(1 << self.failures.min(8)).min(MOST)
            }
        };
        self.failures = self.failures.saturating_add(1);
        base.mul_f64(rand::rng().random_range(0.75..1.25))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_start_again() {
        let mut backoff = Backoff::default();
        let waits: Vec<f64> =
            (0..40).map(|_| backoff.after(FailureKind::Unreachable).as_secs_f64()).collect();
        assert!((0.75..1.25).contains(&waits[0]), "{waits:?}");
        assert!(waits[39] <= 37.5 && waits[39] >= 22.5, "{waits:?}");
        backoff.reset();
        assert!(backoff.after(FailureKind::ServerError).as_secs_f64() < 1.25);
        assert!(backoff.after(FailureKind::Denied).as_secs_f64() >= 45.0);
    }
}
