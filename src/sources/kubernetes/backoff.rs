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

    /// The pause where the server asked for one: never shorter than that, and on top of it, since a
    /// server that is overwhelmed asks the same of everyone at the same moment.
    pub fn pause_after(&mut self, asked: Option<Duration>) -> Duration {
        self.pause() + asked.unwrap_or_default()
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

    #[test]
    fn sessions_that_failed_together_come_back_one_by_one() {
        let second = Duration::from_secs(1);
        for asked in [None, Some(second * 5)] {
            // How many of 1,000 come back in each tenth of the half second that chance decides about.
            let mut tenths = [0_u32; 10];
            for _ in 0..1000 {
                let pause = Backoff::new(second, second * 15).pause_after(asked);
                let chance = pause - asked.unwrap_or_default() - second / 2;
                tenths[(chance.as_millis() / 50).min(9) as usize] += 1;
            }
            assert!(tenths.iter().all(|n| (40..=180).contains(n)), "{tenths:?}");
        }
    }
}
