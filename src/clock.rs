//! What time it is, and how long something has lasted: two questions. The machine's clock may be
//! set while one looks (NTP, a virtual machine that was moved), and the machine may sleep; ages must
//! survive both. Practice runs on simulated time, which may go faster than the wall clock; whoever
//! starts the program says so, and nothing else needs to know.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// A machine's clock is set by more than this, or it was not set: NTP slews what is less.
const STEP: SignedDuration = SignedDuration::from_secs(2);

/// A source of time. Cheap to clone; all clones agree.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    wall: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// Passes while the machine sleeps and while the program is stopped, and is never set.
    machine: Box<dyn Fn() -> Duration + Send + Sync>,
    /// What [`Clock::now`] is counted with: the machine's time, or the simulation's.
    running: Box<dyn Fn() -> Duration + Send + Sync>,
    /// A moment of the wall clock, and the running time at it.
    anchor: Mutex<(Timestamp, Duration)>,
}

impl Clock {
    /// The machine's clock.
    pub fn wall() -> Self {
        Self::of(Timestamp::now, since_boot, since_boot)
    }

    /// A clock that is never set, such as a simulation's: what it shows is what has passed.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let (origin, now) = (now(), Arc::new(now));
        let passing = now.clone();
        let running = move || passing().duration_since(origin).try_into().unwrap_or(Duration::ZERO);
        Self::of(move || now(), running, since_boot)
    }

    /// A wall clock that may be set, the time that passes beside it, and the machine's.
    pub fn of(
        wall: impl Fn() -> Timestamp + Send + Sync + 'static,
        running: impl Fn() -> Duration + Send + Sync + 'static,
        machine: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        let anchor = Mutex::new((wall(), running()));
        let (wall, running, machine) = (Box::new(wall), Box::new(running), Box::new(machine));
        Self(Arc::new(Inner { wall, running, machine, anchor }))
    }

    /// The time of day. It does not jump by itself: where the wall clock was set, it goes on until
    /// [`Clock::follow`].
    pub fn now(&self) -> Timestamp {
        let (wall, at) = *self.0.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = self.running().saturating_sub(at);
        wall.saturating_add(SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX))
            .unwrap_or(Timestamp::MAX)
    }

    /// Takes over a wall clock that was set; by how much, where it was.
    pub fn follow(&self) -> Option<SignedDuration> {
        let wall = (self.0.wall)();
        let by = wall.duration_since(self.now());
        if by.abs() < STEP {
            return None;
        }
        *self.0.anchor.lock().unwrap_or_else(PoisonError::into_inner) = (wall, self.running());
        Some(by)
    }

    /// How long the clock has been running: for what must last so long and no longer, however the
    /// wall clock is set.
    pub fn running(&self) -> Duration {
        (self.0.running)()
    }

    /// The machine's own time, also where [`Clock::now`] is simulated: it shows that the machine
    /// slept or that the program was stopped.
    pub fn machine(&self) -> Duration {
        (self.0.machine)()
    }
}

/// Linux' monotonic clock stands still while the machine sleeps.
fn since_boot() -> Duration {
    #[cfg(target_os = "linux")]
    let id = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = ClockId::Monotonic;
    clock_gettime(id).try_into().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

    use super::*;

    #[test]
    fn a_clock_that_was_set_is_followed_when_it_is_asked_for() {
        let (wall, passing) = (Arc::new(AtomicI64::new(1_000_000)), Arc::new(AtomicU64::new(5)));
        let (w, p) = (wall.clone(), passing.clone());
        let clock = Clock::of(
            move || Timestamp::from_second(w.load(Ordering::Relaxed)).unwrap(),
            move || Duration::from_secs(p.load(Ordering::Relaxed)),
            since_boot,
        );
        let second = |clock: &Clock| clock.now().as_second();
        wall.fetch_add(60, Ordering::Relaxed);
        passing.fetch_add(60, Ordering::Relaxed);
        assert_eq!((second(&clock), clock.follow()), (1_000_060, None));
        wall.fetch_sub(3600, Ordering::Relaxed);
        assert_eq!(second(&clock), 1_000_060, "it does not jump by itself");
        assert_eq!(clock.follow(), Some(SignedDuration::from_secs(-3600)));
        assert_eq!((second(&clock), clock.follow()), (996_460, None));
        assert_eq!(clock.running(), Duration::from_secs(65));
    }

    #[test]
    fn the_machines_time_passes() {
        let clock = Clock::wall();
        let (before, now) = (clock.machine(), clock.now());
        assert!(clock.machine() >= before && clock.now() >= now);
        assert!(clock.follow().is_none());
    }
}
