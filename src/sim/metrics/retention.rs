//! How long samples are kept: all of them for as long as charts and rules look closely, fewer
//! for the windows of error budgets, none for longer. A day of scrapes every 15 s of a thousand
//! series would otherwise be 90 MB, and a practice can last.

use super::tsdb::{Sample, Tsdb};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Older than the first, one sample in each of the second: like the past that is made up
/// (`world::history`). Beyond an hour's window the cockpit asks for means over five minutes.
const TIERS: [(i64, i64); 2] = [(DAY_MS, 5 * MINUTE_MS), (3 * HOUR_MS, MINUTE_MS)];
/// The longest budget is of 30 days.
const RETENTION_MS: i64 = 31 * DAY_MS;
/// A series that has ended is of use for the review of the morning after.
const ENDED_MS: i64 = DAY_MS;

impl Tsdb {
    /// Forgets what is too old at `now_ms`, and series that ended a day before.
    pub fn retain(&mut self, now_ms: i64) {
        self.retain_samples(|samples| {
            let over = samples.last().is_some_and(|s| s.is_stale() && s.t < now_ms - ENDED_MS);
            if over {
                samples.clear();
            }
            thin(samples, now_ms);
            samples.shrink_to_fit();
            !over
        });
    }
}

fn thin(samples: &mut Vec<Sample>, now_ms: i64) {
    let bucket = |t: i64| {
        let tier = TIERS.iter().find(|(age, _)| t < now_ms - age);
        tier.map_or((0, t), |(_, width)| (*width, t.div_euclid(*width)))
    };
    let old = samples.partition_point(|s| s.t < now_ms - RETENTION_MS);
    samples.drain(..old);
    // The last of each: it ends where the next begins, and may be the mark of an end.
    samples.reverse();
    samples.dedup_by_key(|s| bucket(s.t));
    samples.reverse();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_is_kept_coarsely_and_then_not_at_all() {
        let mut db = Tsdb::default();
        let id = db.series("c", &[]);
        let now = 40 * DAY_MS;
        for t in (0..=now).step_by(15_000) {
            db.append(id, t, t as f64);
        }
        db.retain(now);
        let count = |from: i64, to: i64| {
            db.samples(id).iter().filter(|s| s.t >= now - from && s.t < now - to).count() as i64
        };
        assert_eq!(count(2 * HOUR_MS, HOUR_MS), 240);
        assert_eq!(count(20 * HOUR_MS, 19 * HOUR_MS), 60);
        assert_eq!(count(20 * DAY_MS, 19 * DAY_MS), 288);
        assert_eq!(count(40 * DAY_MS, RETENTION_MS), 0);
        let before = db.samples(id).to_vec();
        db.retain(now);
        assert_eq!(db.samples(id), before, "once is enough");
        assert!(before.len() < 11_000, "{}", before.len());
    }

    #[test]
    fn a_series_that_ended_yesterday_is_gone_and_may_begin_anew() {
        let mut db = Tsdb::default();
        let (old, kept) = (db.series("up", &[("pod", "a")]), db.series("up", &[("pod", "b")]));
        for id in [old, kept] {
            db.append(id, 0, 1.0);
        }
        db.end(old, 15_000);
        db.retain(ENDED_MS + 15_000);
        assert_eq!(db.ids().count(), 2, "not yet");
        db.retain(ENDED_MS + 15_001);
        assert_eq!(db.ids().collect::<Vec<_>>(), [kept]);
        assert_eq!(db.label_names(&[old, kept]).len(), 2);
        db.append(old, ENDED_MS * 2, 1.0);
        assert!(db.samples(old).is_empty() && db.labels(old).is_none());
        let new = db.series("up", &[("pod", "a")]);
        assert_ne!(new, old);
        db.append(new, ENDED_MS * 2, 1.0);
        assert_eq!(db.select(&[]), [kept, new]);
    }
}
