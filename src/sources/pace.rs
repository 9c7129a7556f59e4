//! What the polling sources share: how long to wait before the next try, and how to speak.

use std::time::Duration;

use jiff::Timestamp;

use super::kubernetes::backoff::Backoff;
use super::{Context, Finding};
use crate::model::{Batch, Change, Failure, FailureKind, FeedId, Health};

const FIRST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(30);

/// What does not change by itself within seconds: permissions, what is configured.
const SETTLED: Duration = Duration::from_secs(60);

/// Waits that grow with failures in a row.
pub struct Pace(Backoff);

impl Default for Pace {
    fn default() -> Self {
        Self(Backoff::new(FIRST, MOST))
    }
}

impl Pace {
    pub fn reset(&mut self) {
        self.0.reset();
    }

    /// The wait after one more failure of this kind.
    pub fn after(&mut self, kind: FailureKind) -> Duration {
        match kind {
            FailureKind::Denied | FailureKind::Absent | FailureKind::NotConfigured => SETTLED,
            // Credentials are replaced by others than us: the next may be there already.
            FailureKind::Unauthenticated
            | FailureKind::Unreachable
            | FailureKind::Throttled
            | FailureKind::ServerError => self.0.pause(),
        }
    }
}

impl Context {
    /// Sends what was observed now; false: nobody listens any more.
    pub async fn send(&self, feed: FeedId, changes: Vec<Change>) -> bool {
        if changes.is_empty() {
            return true;
        }
        let batch = Batch { epoch: self.epoch, feed, at: Timestamp::now(), changes };
        tokio::select! {
            () = self.stop.cancelled() => false,
            sent = self.out.send(batch) => sent.is_ok(),
        }
    }

    /// How often the user has asked for everything now.
    pub fn refresh(&self) -> u32 {
        self.wants.borrow().refresh
    }

    /// Waits, unless the scope is left, or the user has asked for everything now since `seen`,
    /// which is [`Self::refresh`] from before the work that is waited after. False: it is left.
    pub async fn pause(&self, wait: Duration, seen: u32) -> bool {
        let mut wants = self.wants.clone();
        let refreshed = async {
            if wants.wait_for(|wants| wants.refresh != seen).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
            () = refreshed => true,
        }
    }
}

impl Finding {
    /// A failure as a line of `doctor`.
    pub fn of_failure(subject: &str, failure: &Failure) -> Self {
        let health = match failure.kind {
            FailureKind::NotConfigured => Health::NotConfigured,
            FailureKind::Denied | FailureKind::Unauthenticated => Health::Denied,
            FailureKind::Absent | FailureKind::Throttled => Health::Warning,
            FailureKind::Unreachable | FailureKind::ServerError => Health::Critical,
        };
        Self {
            health,
            subject: subject.to_owned(),
            tried: failure.tried.to_string(),
            found: failure.happened.to_string(),
            next: (!failure.next.is_empty()).then(|| failure.next.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_is_not_asked_again_at_once() {
        let mut pace = Pace::default();
        assert!(pace.after(FailureKind::Unreachable) <= FIRST);
        assert_eq!(pace.after(FailureKind::Denied), SETTLED);
        assert!((0..20).map(|_| pace.after(FailureKind::ServerError)).all(|wait| wait <= MOST));
        pace.reset();
        assert!(pace.after(FailureKind::Throttled) <= FIRST);
    }
}
