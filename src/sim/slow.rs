//! A Prometheus or an Alertmanager that takes its time, and how many questions wait for it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};

use super::fault::{Fault, Faults};

/// Questions that wait for an answer.
#[derive(Debug, Default)]
pub struct Waiting {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Waiting {
    pub fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// The most that have waited at once.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
}

/// One of them; it may also be that whoever asked has gone.
struct One(Arc<Waiting>);

impl One {
    fn of(waiting: &Arc<Waiting>) -> Self {
        let now = waiting.now.fetch_add(1, Ordering::Relaxed) + 1;
        waiting.most.fetch_max(now, Ordering::Relaxed);
        Self(waiting.clone())
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The same router, as slow as the fault in force says. It is itself again at once when that ends.
pub fn slowed(
    router: Router,
    faults: Arc<Faults>,
    delay_ms: fn(&Fault) -> u64,
    waiting: Arc<Waiting>,
) -> Router {
    let slow = move |request: Request, next: Next| {
        let (mut changed, one) = (faults.subscribe(), One::of(&waiting));
        async move {
            let _one = one;
            let delay = Duration::from_millis(delay_ms(&changed.borrow_and_update()));
            if !delay.is_zero() {
                let itself = changed.wait_for(|fault| delay_ms(fault) == 0);
                tokio::select! { () = tokio::time::sleep(delay) => {}, _ = itself => {} }
            }
            next.run(request).await
        }
    };
    router.layer(middleware::from_fn(slow))
}
