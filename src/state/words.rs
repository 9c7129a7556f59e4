//! Freshness in words: what a panel says when its data can't be taken for the present state.

use jiff::SignedDuration;

use super::{Connection, State};
use crate::model::{FailureKind, FeedId, Health};
use crate::panels::PANELS;
use crate::ui::human;

impl State {
    /// Why a feed's data can't be taken for the present state, and what to do; None where it can.
    pub fn feed_words(&self, feed: FeedId) -> Option<String> {
        if let Connection::Failed(failure) = &self.connection
            && self.known.status(feed).ready_at.is_none()
        {
            return Some(format!("no cluster: {}", failure.next));
        }
        let status = self.known.status(feed);
        let health = self.feed_health(feed);
        let age = status.age(self.now);
        let failure = status.failure.as_ref();
        match health {
            Health::Ok => None,
            Health::Progress => {
                let waited = self.now.duration_since(self.entered);
                let long = waited > SignedDuration::from_secs(10);
                Some(if long { format!("no answer for {}", human::span(waited)) } else { "loading".into() })
            }
            Health::NotConfigured if failure.is_some_and(|f| f.kind == FailureKind::Absent) => {
                Some("not in this cluster".into())
            }
            Health::NotConfigured => Some("not configured".into()),
            Health::Denied => Some(format!("denied: {}", failure.map_or("", |f| &f.next))),
            _ => {
                let stale =
                    age.map_or_else(|| "no data".into(), |age| format!("stale {}", human::data_age(age)));
                Some(failure.map_or(stale.clone(), |f| format!("{stale}: {}", f.happened)))
            }
        }
    }

    /// The worst state among feeds that a panel can't do without, with its words.
    pub fn feeds_trouble(&self, feeds: &[FeedId]) -> Option<(Health, String)> {
        feeds
            .iter()
            .map(|feed| (self.feed_health(*feed), *feed))
            .filter(|(health, _)| *health != Health::Ok)
            .max_by_key(|(health, _)| *health)
            .and_then(|(health, feed)| Some((health, self.feed_words(feed)?)))
    }

    /// What makes it doubtful that these feeds tell the present state, where something does.
    pub fn doubt(&self, feeds: &[FeedId]) -> Option<Health> {
        let doubtful = |health: &Health| matches!(health, Health::Stale | Health::Unknown | Health::Denied);
        feeds.iter().map(|feed| self.feed_health(*feed)).filter(doubtful).max()
    }

    /// The age of a panel's data: of the oldest of its feeds that has any.
    pub fn panel_age(&self, panel: usize) -> Option<SignedDuration> {
        let feeds = PANELS.get(panel)?.feeds();
        let measuring = self.measuring();
        let ages = feeds.iter().map(|feed| if *feed == FeedId::Signals { measuring } else { *feed });
        ages.filter_map(|feed| self.known.status(feed).age(self.now)).max()
    }
}
