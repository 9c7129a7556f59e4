//! The points of the charts, so that a round asks only for what is new of them.

use std::collections::{BTreeMap, HashMap};

use super::client::{Answer, Series};
use super::round::Grid;
use crate::model::Clean;
use crate::model::signal::{Point, SignalId};

/// Points younger than this are asked for again: scrapes may come late, and a rate at the edge
/// knows only a part of its samples.
const UNSETTLED_S: i64 = 60;

/// What was asked, and what came of it.
#[derive(Default)]
pub struct History(HashMap<SignalId, Kept>);

struct Kept {
    query: String,
    grid: Grid,
    labels: BTreeMap<String, String>,
    points: Vec<Point>,
    /// That there are more series than the one that is shown is told, as are warnings.
    others: usize,
    warning: Option<Clean>,
}

impl History {
    /// All is asked for anew.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// From where on to ask; past the grid's end where there can be nothing new.
    pub fn from(&self, id: SignalId, query: &str, grid: Grid) -> i64 {
        match self.0.get(&id).filter(|kept| kept.query == query && kept.grid.goes_on_in(grid)) {
            Some(kept) if kept.grid.end == grid.end => grid.end + 1,
            Some(kept) => {
                let step = i64::from(grid.step_s);
                // At least the last point, and on the grid.
                let overlap = UNSETTLED_S.div_euclid(step).max(1) * step;
                (kept.grid.end - overlap).max(grid.start)
            }
            None => grid.start,
        }
    }

    /// What is known, where there can be nothing new.
    pub fn same(&self, id: SignalId) -> Option<Answer> {
        let kept = self.0.get(&id)?;
        let first = Series { labels: kept.labels.clone(), points: kept.points.clone() };
        let others = (0..kept.others).map(|_| Series::default());
        Some(Answer { series: [first].into_iter().chain(others).collect(), warning: kept.warning.clone() })
    }

    /// What was answered from `from` on becomes the whole; None: it does not fit what was known,
    /// and the whole has to be asked for.
    pub fn extend(
        &mut self,
        id: SignalId,
        query: &str,
        grid: Grid,
        from: i64,
        answer: Answer,
    ) -> Option<Answer> {
        let Answer { mut series, warning } = answer;
        let mut points = Vec::new();
        if from > grid.start {
            let kept = self.0.remove(&id)?;
            let place = series.iter().position(|series| series.labels == kept.labels);
            match place {
                Some(place) => series.swap(0, place),
                // It ended, and no other has taken its place.
                None if series.is_empty() => {
                    series.push(Series { labels: kept.labels, points: Vec::new() });
                }
                None => return None,
            }
            points.extend(kept.points.into_iter().filter(|point| point.t >= grid.start && point.t < from));
        }
        let Some(first) = series.first_mut() else {
            self.0.remove(&id);
            return Some(Answer { series, warning });
        };
        points.append(&mut first.points);
        first.points = points;
        if first.points.is_empty() {
            series.remove(0);
        } else {
            let (labels, points) = (first.labels.clone(), first.points.clone());
            let (query, others, warning) = (query.to_owned(), series.len() - 1, warning.clone());
            self.0.insert(id, Kept { query, grid, labels, points, others, warning });
        }
        Some(Answer { series, warning })
    }

    /// It was not answered: what comes next time must be whole.
    pub fn forget(&mut self, id: SignalId) {
        self.0.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ID: SignalId = SignalId::ErrorRatio;

    fn grid(now: i64, window_s: u64) -> Grid {
        Grid::new(now, Duration::from_secs(window_s), 15)
    }

    fn answer(label: &str, points: impl IntoIterator<Item = i64>) -> Answer {
        let labels = [("code".to_owned(), label.to_owned())].into();
        let points = points.into_iter().map(|t| Point { t, v: t as f64 }).collect();
        Answer { series: vec![Series { labels, points }], warning: None }
    }

    fn steps(from: i64, to: i64) -> impl Iterator<Item = i64> {
        (from..=to).step_by(15)
    }

    fn known(at: Grid) -> History {
        let mut history = History::default();
        assert_eq!(history.from(ID, "q", at), at.start);
        history.extend(ID, "q", at, at.start, answer("", steps(at.start, at.end))).unwrap();
        history
    }

    #[test]
    fn only_what_is_new_is_asked_for_and_the_old_is_dropped() {
        let (first, later) = (grid(6_000, 3600), grid(6_030, 3600));
        let mut history = known(first);
        assert_eq!(history.from(ID, "q", first), first.end + 1);
        assert_eq!(history.same(ID), Some(answer("", steps(first.start, first.end))));
        let from = history.from(ID, "q", later);
        assert_eq!((from, from % 15), (5_940, 0));
        let whole = history.extend(ID, "q", later, from, answer("", steps(from, later.end))).unwrap();
        let times = whole.series[0].points.iter().map(|point| point.t).collect::<Vec<_>>();
        assert_eq!(times, steps(later.start, later.end).collect::<Vec<_>>());
    }

    #[test]
    fn whatever_changes_leads_to_the_whole() {
        let (first, later) = (grid(6_000, 3600), grid(6_030, 3600));
        let history = known(first);
        assert_eq!(history.from(ID, "other", later), later.start);
        assert_eq!(history.from(SignalId::LatencyP95, "q", later), later.start);
        for changed in [grid(6_030, 7200), grid(6_030, 86_400), grid(60_000, 3600), grid(5_000, 3600)] {
            assert_eq!(history.from(ID, "q", changed), changed.start, "{changed:?}");
        }
        let mut forgetful = known(first);
        forgetful.forget(ID);
        assert_eq!(forgetful.from(ID, "q", later), later.start);
        let mut other = known(first);
        assert_eq!(other.extend(ID, "q", later, 5_940, answer("other", [6_030])), None);
        assert_eq!(other.from(ID, "q", later), later.start);
    }

    #[test]
    fn a_series_that_ends_is_kept_until_it_leaves_the_window() {
        let (first, later) = (grid(6_000, 3600), grid(6_030, 3600));
        let mut history = known(first);
        let ended = history.extend(ID, "q", later, 5_940, Answer::default()).unwrap();
        assert_eq!(ended.series[0].points.last().unwrap().t, 5_925);
        let mut all_old = History::default();
        all_old.extend(ID, "q", first, first.start, answer("", [first.start])).unwrap();
        let gone = all_old.extend(ID, "q", later, 5_940, Answer::default()).unwrap();
        assert_eq!(gone.series, []);
        assert_eq!(all_old.from(ID, "q", later), later.start);
    }
}
