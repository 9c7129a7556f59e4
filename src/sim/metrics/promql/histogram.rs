//! `histogram_quantile` over classic buckets, as in Prometheus' promql/quantile.go.

use std::collections::HashMap;

use super::super::labels::{METRIC_NAME, filter, get};
use super::QueryError;
use super::eval::Evaluator;
use super::value::{Labels, Series, Value};

const BUCKET_LABEL: &str = "le";

#[derive(Clone, Copy)]
struct Bucket {
    upper: f64,
    count: f64,
}

/// The buckets of one histogram: upper bound and column, sorted by bound.
type Histogram<'a> = Vec<(f64, &'a Series)>;

pub fn quantile(ev: &Evaluator, q: &[f64], series: &[Series]) -> Result<Value, QueryError> {
    let mut place: HashMap<Labels, usize> = HashMap::new();
    let mut histograms: Vec<(Labels, Histogram)> = Vec::new();
    for s in series {
        // A series without a bound that is a number is no bucket: it is passed over.
        let Some(upper) = bound(get(&s.labels, BUCKET_LABEL)) else { continue };
        let labels = filter(&s.labels, |k| k != METRIC_NAME && k != BUCKET_LABEL);
        let index = *place.entry(labels.clone()).or_insert_with(|| {
            histograms.push((labels, Vec::new()));
            histograms.len() - 1
        });
        histograms[index].1.push((upper, s));
    }
    ev.spend(histograms.len())?;
    let column = |(labels, mut histogram): (Labels, Histogram)| {
        histogram.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values = (0..ev.grid.steps).map(|step| at(&histogram, step, q[step])).collect();
        Series { labels, values }
    };
    Ok(Value::Vector(histograms.into_iter().map(column).collect()))
}

fn bound(le: &str) -> Option<f64> {
    match le {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        number => number.parse().ok(),
    }
}

fn at(histogram: &Histogram, step: usize, q: f64) -> Option<f64> {
    let mut buckets: Vec<Bucket> = Vec::with_capacity(histogram.len());
    for (upper, s) in histogram {
        let Some(count) = s.values[step] else { continue };
        match buckets.last_mut() {
            // Two spellings of one bound ("1" and "1.0") are one bucket.
            Some(last) if last.upper == *upper => last.count += count,
            _ => buckets.push(Bucket { upper: *upper, count }),
        }
    }
    (!buckets.is_empty()).then(|| bucket_quantile(q, &mut buckets))
}

fn bucket_quantile(q: f64, buckets: &mut [Bucket]) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&q) {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let [.., below_last, last] = buckets else { return f64::NAN };
    if last.upper != f64::INFINITY {
        return f64::NAN;
    }
    let highest = below_last.upper;
    ensure_monotonic(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if observations == 0.0 {
        return f64::NAN;
    }
    let mut rank = q * observations;
    // With a NaN among the counts nothing compares, and the search ends at the last bucket.
    let found = buckets[..last].iter().position(|b| b.count >= rank).unwrap_or(last);
    if found == last {
        return highest;
    }
    let bucket = buckets[found];
    if found == 0 && bucket.upper <= 0.0 {
        return bucket.upper;
    }
    let (mut start, mut count) = (0.0, bucket.count);
    if let Some(below) = found.checked_sub(1).map(|i| buckets[i]) {
        start = below.upper;
        count -= below.count;
        rank -= below.count;
    }
    start + (bucket.upper - start) * (rank / count)
}

/// Counts may come from different scrapes, and then shrink with the bound; they are raised to
/// the largest count before them.
fn ensure_monotonic(buckets: &mut [Bucket]) {
    let mut max = f64::NEG_INFINITY;
    for b in buckets {
        if b.count > max {
            max = b.count;
        } else if b.count < max {
            b.count = max;
        }
    }
}
