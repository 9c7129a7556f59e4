//! How long to wait before the next try.

use std::time::Duration;

/// Exponential, with jitter so that the feeds of one cockpit, and the cockpits of one incident,
/// don't come back all at once.
pub struct Backoff {
    first: Duration,
    last: Duration,
    tries: u32,
}

impl Backoff {
    pub fn new(first: Duration, last: Duration) -> Self {
        Self { first, last, tries: 0 }
    }

    /// Half of the step is certain, half is chance.
    pub fn pause(&mut self) -> Duration {
        let step = self.first.saturating_mul(1 << self.tries.min(16)).min(self.last);
        self.tries = self.tries.saturating_add(1);
        step.mul_f64(rand::random_range(0.5..=1.0))
    }

    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_start_anew() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, second * 15);
        for step in [1, 2, 4, 8, 15, 15] {
            let pause = backoff.pause();
            assert!(pause >= second * step / 2 && pause <= second * step, "{step}: {pause:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= second);
    }
}
