//! The series store: sorted samples by label set, found through an inverted index, so that a
//! query touches the series that it selects and no others.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use promql_parser::label::{MatchOp, Matcher};

pub use super::labels::Labels;
use super::labels::{METRIC_NAME, get, labels_from};

/// A handle to one series; it never comes to mean another, even when the series is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(pub usize);

/// One measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Milliseconds since the Unix epoch.
    pub t: i64,
    pub v: f64,
}

impl Sample {
    /// Whether this is the mark that the series ended here, and no value.
    pub fn is_stale(&self) -> bool {
        self.v.to_bits() == STALE
    }
}

/// Prometheus' staleness marker: a NaN with a payload of its own (model/value/value.go).
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// Postings of one label name: value to the series that have it, in ascending order.
type Postings = BTreeMap<Arc<str>, Vec<SeriesId>>;

#[derive(Default)]
pub struct Tsdb {
    by_labels: HashMap<Labels, SeriesId>,
    /// Forgotten ones leave a gap.
    series: Vec<Option<(Labels, Vec<Sample>)>>,
    index: HashMap<Arc<str>, Postings>,
}

impl Tsdb {
    /// Finds or makes the series `name{labels}`.
    pub fn series(&mut self, name: &str, labels: &[(&str, &str)]) -> SeriesId {
        self.series_of(labels_from(labels.iter().copied().chain([(METRIC_NAME, name)])))
    }

    /// Finds or makes the series with exactly these labels, the metric's name among them.
    pub fn series_of(&mut self, labels: Labels) -> SeriesId {
        if let Some(id) = self.by_labels.get(&labels) {
            return *id;
        }
        let id = SeriesId(self.series.len());
        for (name, value) in labels.iter() {
            self.index.entry(name.clone()).or_default().entry(value.clone()).or_default().push(id);
        }
        self.by_labels.insert(labels.clone(), id);
        self.series.push(Some((labels, Vec::new())));
        id
    }

    /// Adds a sample; one that is not newer than the last of its series, or whose series is
    /// forgotten, is ignored.
    pub fn append(&mut self, id: SeriesId, t: i64, v: f64) {
        if let Some(Some((_, samples))) = self.series.get_mut(id.0)
            && samples.last().is_none_or(|last| last.t < t)
        {
            samples.push(Sample { t, v });
        }
    }

    /// Marks that the series has no value from `t` (milliseconds) on, so that queries stop
    /// showing its last one at once and not after the look-back; a new sample revives it.
    pub fn end(&mut self, id: SeriesId, t: i64) {
        if self.samples(id).last().is_some_and(|last| !last.is_stale()) {
            self.append(id, t, f64::from_bits(STALE));
        }
    }

    /// Lets `keep` thin the samples of each series, and forgets the series that it refuses.
    pub(super) fn retain_samples(&mut self, mut keep: impl FnMut(&mut Vec<Sample>) -> bool) {
        let mut forgotten = HashSet::new();
        for (i, slot) in self.series.iter_mut().enumerate() {
            if slot.as_mut().is_some_and(|(_, samples)| !keep(samples))
                && let Some((labels, _)) = slot.take()
            {
                self.by_labels.remove(&labels);
                forgotten.insert(SeriesId(i));
            }
        }
        if forgotten.is_empty() {
            return;
        }
        for values in self.index.values_mut() {
            values.retain(|_, ids| {
                ids.retain(|id| !forgotten.contains(id));
                !ids.is_empty()
            });
        }
        self.index.retain(|_, values| !values.is_empty());
    }

    /// The samples of a series, oldest first, staleness markers among them.
    pub fn samples(&self, id: SeriesId) -> &[Sample] {
        self.slot(id).map_or(&[], |(_, samples)| samples)
    }

    /// The labels of a series; `None` when it is forgotten.
    pub fn labels(&self, id: SeriesId) -> Option<&Labels> {
        self.slot(id).map(|(labels, _)| labels)
    }

    fn slot(&self, id: SeriesId) -> Option<&(Labels, Vec<Sample>)> {
        self.series.get(id.0)?.as_ref()
    }

    /// The series that satisfy every matcher, in the order in which they were made.
    pub fn select(&self, matchers: &[Matcher]) -> Vec<SeriesId> {
        let all = || self.ids().collect();
        let candidates =
            matchers.iter().filter_map(|m| self.postings(m)).min_by_key(Vec::len).unwrap_or_else(all);
        let fits = |id: &SeriesId| {
            self.labels(*id).is_some_and(|labels| matchers.iter().all(|m| m.is_match(get(labels, &m.name))))
        };
        candidates.into_iter().filter(fits).collect()
    }

    /// The series that the index gives for one matcher, or `None` if the matcher also accepts
    /// series without the label, which the index does not know.
    fn postings(&self, m: &Matcher) -> Option<Vec<SeriesId>> {
        if m.is_match("") {
            return None;
        }
        let Some(values) = self.index.get(m.name.as_str()) else { return Some(Vec::new()) };
        if matches!(m.op, MatchOp::Equal) {
            return Some(values.get(m.value.as_str()).cloned().unwrap_or_default());
        }
        let mut found: Vec<SeriesId> =
            values.iter().filter(|(value, _)| m.is_match(value)).flat_map(|(_, ids)| ids).copied().collect();
        found.sort_unstable();
        Some(found)
    }

    /// Whether the series has a value between the two instants (milliseconds, inclusive).
    pub fn has_samples(&self, id: SeriesId, from: i64, to: i64) -> bool {
        let samples = self.samples(id);
        let first = samples.partition_point(|s| s.t < from);
        samples.get(first).is_some_and(|s| s.t <= to)
    }

    /// Every series, in the order in which they were made.
    pub fn ids(&self) -> impl Iterator<Item = SeriesId> {
        self.series.iter().enumerate().filter(|(_, slot)| slot.is_some()).map(|(i, _)| SeriesId(i))
    }

    /// The names of the labels that the given series have, sorted.
    pub fn label_names(&self, ids: &[SeriesId]) -> BTreeSet<Arc<str>> {
        let names =
            |id: &SeriesId| self.labels(*id).into_iter().flat_map(|l| l.iter()).map(|(k, _)| k.clone());
        ids.iter().flat_map(names).collect()
    }
}

#[cfg(test)]
mod tests {
    use promql_parser::parser::{Expr, parse};

    use super::*;

    fn select(db: &Tsdb, selector: &str) -> Vec<usize> {
        let Expr::VectorSelector(vs) = parse(selector).unwrap() else { panic!("{selector}") };
        let mut matchers = vs.matchers.matchers;
        if let Some(name) = vs.name {
            matchers.push(Matcher::new(MatchOp::Equal, METRIC_NAME, &name));
        }
        db.select(&matchers).into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn selects_by_every_kind_of_matcher() {
        let mut db = Tsdb::default();
        db.series("up", &[("job", "a"), ("instance", "1")]);
        db.series("up", &[("job", "b")]);
        db.series("down", &[("job", "a")]);
        assert_eq!(select(&db, "up"), [0, 1]);
        assert_eq!(select(&db, r#"{job="a"}"#), [0, 2]);
        assert_eq!(select(&db, r#"up{instance=""}"#), [1]);
        assert_eq!(select(&db, r#"up{instance!=""}"#), [0]);
        assert_eq!(select(&db, r#"{__name__=~"up|down", job!~"a|c"}"#), [1]);
        assert_eq!(select(&db, r#"{job=~".+"}"#), [0, 1, 2]);
        assert_eq!(select(&db, r#"{nothing="x"}"#), [] as [usize; 0]);
    }

    #[test]
    fn the_same_labels_in_any_order_are_one_series() {
        let mut db = Tsdb::default();
        let a = db.series("m", &[("x", "1"), ("y", "2")]);
        assert_eq!(a, db.series("m", &[("y", "2"), ("x", "1"), ("empty", "")]));
    }

    #[test]
    fn samples_stay_sorted_and_end_once() {
        let mut db = Tsdb::default();
        let id = db.series("m", &[]);
        for t in [10, 20, 15, 20, 30] {
            db.append(id, t, t as f64);
        }
        db.end(id, 40);
        db.end(id, 50);
        assert_eq!(db.samples(id).iter().map(|s| s.t).collect::<Vec<_>>(), [10, 20, 30, 40]);
        assert!(db.samples(id)[3].is_stale() && !db.samples(id)[2].is_stale());
        assert!(db.has_samples(id, 0, 10) && !db.has_samples(id, 0, 9));
    }
}
