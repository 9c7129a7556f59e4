//! The series store: append-only samples by label set.

use std::collections::HashMap;
use std::sync::Arc;

/// Label name and value pairs, sorted by name, `__name__` among them.
pub type Labels = Arc<[(Arc<str>, Arc<str>)]>;

/// A handle to one series; stays valid for the life of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesId(pub usize);

/// One measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Milliseconds since the Unix epoch.
    pub t: i64,
    pub v: f64,
}

#[derive(Default)]
pub struct Tsdb {
    by_labels: HashMap<Labels, SeriesId>,
    series: Vec<(Labels, Vec<Sample>)>,
}

impl Tsdb {
    /// Finds or makes the series `name{labels}`.
    pub fn series(&mut self, name: &str, labels: &[(&str, &str)]) -> SeriesId {
        let mut all: Vec<(Arc<str>, Arc<str>)> =
            labels.iter().map(|(k, v)| (Arc::from(*k), Arc::from(*v))).collect();
        all.push((Arc::from("__name__"), Arc::from(name)));
        all.sort();
        let labels: Labels = all.into();
        if let Some(id) = self.by_labels.get(&labels) {
            return *id;
        }
        let id = SeriesId(self.series.len());
        self.by_labels.insert(labels.clone(), id);
        self.series.push((labels, Vec::new()));
        id
    }

    /// Adds a sample; one that is not newer than the last of its series is ignored.
    pub fn append(&mut self, id: SeriesId, t: i64, v: f64) {
        if let Some((_, samples)) = self.series.get_mut(id.0)
            && samples.last().is_none_or(|last| last.t < t)
        {
            samples.push(Sample { t, v });
        }
    }
}
