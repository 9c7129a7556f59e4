//! The samples that both sides hold: counters with resets and gaps, histograms, gauges with
//! special values, series that begin late or end early.

use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::sim::clock::Clock;
use crate::sim::metrics::Metrics;
use crate::sim::metrics::promql::format;

/// When the samples begin, in seconds; no multiple of any step, so that alignment shows.
pub const START: i64 = 1_700_000_003;
/// How many scrapes there are, 15 s apart: two hours.
const SCRAPES: i64 = 480;
/// When they end, in seconds.
pub const END: i64 = START + SCRAPES * 15;

struct Line {
    name: &'static str,
    labels: Vec<(&'static str, String)>,
    samples: Vec<(i64, f64)>,
}

/// Generates the samples: the same ones each time.
fn lines() -> Vec<Line> {
    let mut rng = StdRng::seed_from_u64(7);
    let mut all = Vec::new();
    for (i, service) in ["api", "web", "worker"].iter().enumerate() {
        for (j, code) in ["200", "404", "500"].iter().enumerate() {
            let labels = vec![
                ("namespace", "shop".into()),
                ("service", service.to_string()),
                ("code", code.to_string()),
            ];
            let pace = [9.0, 0.6, 0.3][j] * (i + 1) as f64;
            all.push(Line {
                name: "http_requests_total",
                labels,
                samples: counter(&mut rng, pace, (i * 3 + j) as i64),
            });
        }
        histogram(&mut rng, service, &mut all);
    }
    gauges(&mut rng, &mut all);
    all
}

/// A counter that is scraped with jitter, restarts, and misses scrapes now and then. The
/// second one begins late, the fourth ends early.
fn counter(rng: &mut StdRng, pace: f64, kind: i64) -> Vec<(i64, f64)> {
    let mut value = 0.0;
    let mut samples = Vec::new();
    for i in 0..=SCRAPES {
        value += (pace * 15.0 * rng.random_range(0.5..1.5_f64)).round();
        if rng.random_range(0..150) == 0 {
            value = 0.0;
        }
        let present = match kind {
            1 => i > 200,
            3 => i < 300,
            _ => rng.random_range(0..25) != 0,
        };
        if present {
            samples.push(((START + i * 15) * 1000 + rng.random_range(0..400), value));
        }
    }
    samples
}

fn histogram(rng: &mut StdRng, service: &str, all: &mut Vec<Line>) {
    const BOUNDS: [&str; 6] = ["0.05", "0.1", "0.25", "0.5", "1", "+Inf"];
    let mut counts = [0.0; BOUNDS.len()];
    let mut lines: Vec<Line> = BOUNDS
        .iter()
        .map(|le| Line {
            name: "http_request_duration_seconds_bucket",
            labels: vec![("service", service.into()), ("le", le.to_string())],
            samples: Vec::new(),
        })
        .collect();
    for i in 0..=SCRAPES {
        let mut below = 0.0;
        for (count, line) in counts.iter_mut().zip(&mut lines) {
            below += rng.random_range(0..20) as f64;
            *count += below;
            line.samples.push(((START + i * 15) * 1000, *count));
        }
    }
    all.append(&mut lines);
}

fn gauges(rng: &mut StdRng, all: &mut Vec<Line>) {
    for pod in ["api-0", "api-1", "web-0", "web-1", "web-2"] {
        let labels = vec![("namespace", "shop".into()), ("pod", pod.to_string())];
        let mut value: f64 = 200e6;
        let mut samples = Vec::new();
        for i in 0..=SCRAPES {
            value += rng.random_range(-4e6..5e6);
            samples.push(((START + i * 15) * 1000, value.round()));
        }
        all.push(Line { name: "memory_bytes", labels: labels.clone(), samples });
        let limit = (0..=SCRAPES / 4).map(|i| ((START + i * 60) * 1000, 512e6)).collect();
        all.push(Line { name: "memory_limit_bytes", labels, samples: limit });
    }
    let special = [1.0, f64::NAN, 2.0, f64::INFINITY, -3.0, 0.0, f64::NEG_INFINITY, 1e-9, 1e22];
    let samples = (0..=SCRAPES).map(|i| ((START + i * 15) * 1000, special[i as usize / 7 % special.len()]));
    all.push(Line { name: "special", labels: vec![], samples: samples.collect() });
    let states = (0..=SCRAPES).map(|i| ((START + i * 15) * 1000, (i / 40 % 3) as f64));
    all.push(Line { name: "state", labels: vec![("job", "a".into())], samples: states.collect() });
}

/// The samples in OpenMetrics' text format.
pub fn openmetrics() -> String {
    let mut out = String::new();
    for line in lines() {
        let labels: Vec<String> = line.labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
        for (t, v) in line.samples {
            let (s, ms) = (t / 1000, t % 1000);
            writeln!(out, "{}{{{}}} {} {s}.{ms:03}", line.name, labels.join(","), format::value(v)).unwrap();
        }
    }
    out + "# EOF\n"
}

/// The samples in a store of our own.
pub fn metrics() -> Arc<Metrics> {
    let metrics = Metrics::new(Clock::new(Timestamp::from_second(END).unwrap(), 0.0));
    metrics.write(|db| {
        for line in lines() {
            let labels: Vec<(&str, &str)> = line.labels.iter().map(|(k, v)| (*k, v.as_str())).collect();
            let id = db.series(line.name, &labels);
            line.samples.into_iter().for_each(|(t, v)| db.append(id, t, v));
        }
    });
    metrics
}
