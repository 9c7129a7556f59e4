//! `/metrics`: all that was last scraped, in the text format that every Prometheus reads.
//!
//! As on a Prometheus' `/federate`, each sample has its time: simulated time need not be the
//! wall clock's, and who reads later must not get the same sample twice under two times.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::families::{self, Family};
use super::labels::{Labels, METRIC_NAME, get};
use super::promql::{LOOKBACK_MS, format};
use super::tsdb::{Sample, Tsdb};
use super::{Metrics, rules};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub async fn metrics(State(metrics): State<Arc<Metrics>>) -> Response {
    let now = metrics.clock.now_ms();
    let page = metrics.read(|db| page(db, now));
    ([(CONTENT_TYPE, TEXT)], page).into_response()
}

/// The newest sample of every series that has not ended, family by family.
fn page(db: &Tsdb, now_ms: i64) -> String {
    let mut families: BTreeMap<&str, (Option<&'static Family>, String)> = BTreeMap::new();
    for id in db.ids() {
        let Some(labels) = db.labels(id) else { continue };
        let name = get(labels, METRIC_NAME);
        let Some(sample) = db.samples(id).iter().rev().find(|s| s.t <= now_ms) else { continue };
        // A Prometheus with the same rules makes its own.
        if sample.is_stale() || sample.t < now_ms - LOOKBACK_MS || rules::is_of_alerts(name) {
            continue;
        }
        let family = families::of(name);
        let lines =
            families.entry(family.map_or(name, |f| f.name)).or_insert_with(|| (family, String::new()));
        write_line(&mut lines.1, name, labels, sample);
    }
    families.into_values().fold(String::new(), |mut page, (family, lines)| {
        if let Some(Family { name, kind, help }) = family {
            let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        }
        page + &lines
    })
}

/// Writing to a string cannot fail.
fn write_line(out: &mut String, name: &str, labels: &Labels, sample: &Sample) {
    out.push_str(name);
    let mut separator = '{';
    for (k, v) in labels.iter().filter(|(k, _)| &**k != METRIC_NAME) {
        let v = v.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(out, "{separator}{k}=\"{v}\"");
        separator = ',';
    }
    // As in federation: an empty label keeps the scraper from adding its own.
    for k in ["instance", "job"].into_iter().filter(|k| get(labels, k).is_empty()) {
        let _ = write!(out, "{separator}{k}=\"\"");
        separator = ',';
    }
    let close = if separator == ',' { "}" } else { "" };
    let _ = writeln!(out, "{close} {} {}", format::value(sample.v), sample.t);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_by_family_without_what_has_ended() {
        let mut db = Tsdb::default();
        for (name, labels, t, v) in [
            ("http_requests_total", &[("path", "a\\\"b\n")] as &[_], 1_000, 2.5),
            ("up", &[("instance", "i"), ("job", "j")], 1_000, 1.0),
            ("http_requests_total", &[("path", "c")], 2_000, f64::NAN),
            ("ALERTS", &[("alertname", "x")], 1_000, 1.0),
            ("http_request_duration_seconds_bucket", &[("le", "+Inf")], 1_000, 1e300),
            ("http_request_duration_seconds_sum", &[], 1_000, 3.0),
        ] {
            let id = db.series(name, labels);
            db.append(id, t, v);
        }
        let ended = db.series("ended", &[]);
        db.append(ended, 1_000, 1.0);
        db.end(ended, 2_000);
        let text = page(&db, 2_000);
        let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with("# HELP")).collect();
        assert_eq!(
            lines,
            [
                "# TYPE http_request_duration_seconds histogram",
                "http_request_duration_seconds_bucket{le=\"+Inf\",instance=\"\",job=\"\"} 1e+300 1000",
                "http_request_duration_seconds_sum{instance=\"\",job=\"\"} 3 1000",
                "# TYPE http_requests_total counter",
                "http_requests_total{path=\"a\\\\\\\"b\\n\",instance=\"\",job=\"\"} 2.5 1000",
                "http_requests_total{path=\"c\",instance=\"\",job=\"\"} NaN 2000",
                "up{instance=\"i\",job=\"j\"} 1 1000",
            ]
        );
        assert_eq!(
            page(&db, 2_000 + LOOKBACK_MS),
            "# HELP http_requests_total Requests answered.\n# TYPE http_requests_total counter\nhttp_requests_total{path=\"c\",instance=\"\",job=\"\"} NaN 2000\n"
        );
    }
}
