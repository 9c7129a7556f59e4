//! What is asked of both sides.

use super::Request;
use super::data::{END, START};

/// Expressions that have an answer; each is asked at three instants and over two ranges.
const EXPRESSIONS: &[&str] = &[
    // Selectors, offset and @.
    "http_requests_total",
    r#"{__name__=~"memory_.+", pod!~"web-.*"}"#,
    r#"http_requests_total{code=~"4..|5..", service!="web"}"#,
    r#"http_requests_total{code="200"} offset 10m"#,
    "memory_bytes offset -5m",
    "memory_bytes @ 1700003600",
    "memory_bytes @ start() - memory_bytes @ end()",
    "special",
    // Over ranges.
    "rate(http_requests_total[5m])",
    "rate(http_requests_total[1m])",
    "rate(http_requests_total[1h])",
    "rate(http_requests_total[5m] offset 30m)",
    "rate(http_requests_total[10m] @ 1700003600)",
    "irate(http_requests_total[5m])",
    "increase(http_requests_total[10m])",
    "delta(memory_bytes[10m])",
    "idelta(memory_bytes[10m])",
    "deriv(memory_bytes[15m])",
    "predict_linear(memory_bytes[30m], 3600)",
    "predict_linear(memory_bytes[30m] offset 5m, 3600)",
    "avg_over_time(memory_bytes[5m])",
    "min_over_time(memory_bytes[5m])",
    "max_over_time(memory_bytes[5m])",
    "sum_over_time(memory_bytes[7m])",
    "count_over_time(http_requests_total[3m])",
    "last_over_time(http_requests_total[30m])",
    "quantile_over_time(0.9, memory_bytes[20m])",
    "stddev_over_time(memory_bytes[20m])",
    "stdvar_over_time(state[20m])",
    r#"present_over_time(http_requests_total{service="web"}[1m])"#,
    "min_over_time(special[10m])",
    "max_over_time(special[10m])",
    "avg_over_time(special[2m])",
    "changes(special[20m])",
    "changes(state[1h])",
    "resets(http_requests_total[1h])",
    // Subqueries.
    "max_over_time(rate(http_requests_total[5m])[30m:1m])",
    "avg_over_time(sum(rate(http_requests_total[5m]))[20m:])",
    "rate(memory_bytes[10m:45s])",
    "max_over_time(memory_bytes[10m:1m] offset 7m)",
    "sum_over_time(avg_over_time(state[5m])[20m:90s] @ 1700003600)",
    // Absence.
    r#"absent(nothing{job="a", job=~"b", x="y"})"#,
    "absent(memory_bytes)",
    r#"absent(http_requests_total{service="api", code="404"})"#,
    "absent(sum(nothing))",
    r#"absent_over_time(nothing{job="a"}[5m])"#,
    // Histograms.
    "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[5m]))",
    "histogram_quantile(0.5, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
    "histogram_quantile(0.999, sum by (service, le) (rate(http_request_duration_seconds_bucket[10m])))",
    "histogram_quantile(2, http_request_duration_seconds_bucket)",
    "histogram_quantile(-1, http_request_duration_seconds_bucket)",
    r#"histogram_quantile(0.5, http_request_duration_seconds_bucket{le!="+Inf"})"#,
    // Elementwise functions.
    "clamp(memory_bytes, 190e6, 205e6)",
    "clamp(memory_bytes, 2, 1)",
    "clamp_min(special, 1)",
    "clamp_max(special, 1)",
    "round(memory_bytes / 1e6)",
    "round(memory_bytes / 1e6, 0.5)",
    "floor(memory_bytes / 1e6)",
    "ceil(memory_bytes / 1e6)",
    "abs(special)",
    "ln(special)",
    "log2(memory_bytes)",
    "log10(memory_bytes)",
    "exp(state)",
    "sqrt(special)",
    "sgn(special)",
    "-memory_bytes",
    "-(special)",
    "sort(memory_bytes)",
    "sort_desc(memory_bytes)",
    "sort(special)",
    "scalar(state)",
    "scalar(memory_bytes)",
    "vector(scalar(state) + 1)",
    "time()",
    "timestamp(memory_limit_bytes)",
    "timestamp(memory_limit_bytes * 1)",
    "minute()",
    "hour(vector(1136239445))",
    "day_of_week()",
    "day_of_year()",
    "days_in_month(vector(1709251200))",
    "month() * 100 + year()",
    r#"label_replace(memory_bytes, "app", "$1-x", "pod", "(.+)-[0-9]")"#,
    r#"label_replace(memory_bytes, "app", "x", "pod", "nope")"#,
    r#"label_replace(memory_bytes, "pod", "", "pod", "web-0")"#,
    r#"label_join(memory_bytes, "both", "/", "namespace", "pod")"#,
    // Aggregations.
    "sum(http_requests_total)",
    "sum by (service) (rate(http_requests_total[5m]))",
    "sum without (code) (rate(http_requests_total[5m]))",
    "avg by (code) (http_requests_total)",
    "min(memory_bytes)",
    "max by (namespace) (memory_bytes)",
    "count by (code) (http_requests_total)",
    "group by (service) (http_requests_total)",
    "stddev(memory_bytes)",
    "stdvar by (namespace) (state)",
    "quantile(0.3, memory_bytes)",
    "quantile by (service) (0.9, rate(http_requests_total[5m]))",
    "topk(3, memory_bytes)",
    "topk by (code) (1, http_requests_total)",
    "bottomk(2, memory_bytes)",
    "topk(0, memory_bytes)",
    r#"count_values("v", state)"#,
    r#"count_values without (job) ("v", state)"#,
    "sum(special)",
    "max(special)",
    // Binary operators.
    "memory_bytes / memory_limit_bytes",
    "memory_bytes % 7 ^ 2",
    "2 ^ 3 ^ 2 - 10 / 4 % 3",
    "1 > bool 2",
    "memory_bytes > 200e6",
    "200e6 < memory_bytes",
    "memory_bytes > bool 200e6",
    "1 == bool special",
    "special != 1",
    r#"http_requests_total{code="500"} / on (service) group_left sum by (service) (http_requests_total)"#,
    "http_requests_total / ignoring (code) group_left sum without (code) (http_requests_total)",
    "sum by (service) (http_requests_total) / on (service) group_right http_requests_total",
    r#"memory_bytes * on (namespace) group_left (job) label_replace(state, "namespace", "shop", "", "")"#,
    r#"memory_bytes >= on (namespace, pod) memory_limit_bytes * 0.4"#,
    "memory_bytes > ignoring (nothing) memory_limit_bytes * 0.4",
    "memory_bytes and memory_limit_bytes * 2 > 1e9",
    r#"memory_bytes or http_requests_total{code="500"}"#,
    r#"memory_bytes{pod="api-0"} or memory_bytes"#,
    r#"http_requests_total unless on (service) http_requests_total{code="500"} > 2000"#,
    "memory_bytes and on () state > 0",
    "sum(rate(http_requests_total{code=\"500\"}[5m])) / (sum(rate(http_requests_total[5m])) > 0)",
    "(sum(rate(nothing[5m])) or 0 * sum(rate(http_requests_total[5m]))) / sum(rate(http_requests_total[5m]))",
    "state + special",
    "1 + 2",
    "NaN",
    "-Inf",
    "0x1F + 1e3",
];

/// What is refused, and must be refused alike.
const REFUSED: &[&str] = &[
    "",
    "sum(",
    "rate(memory_bytes)",
    "nothing_like_it(memory_bytes)",
    "{}",
    r#"{x=~".*"}"#,
    "1 > 2",
    "memory_bytes offset",
    "memory_bytes[5m] + 1",
    r#"{a=~"("}"#,
    "memory_bytes / on (namespace) memory_limit_bytes",
    "memory_bytes / on (namespace) group_left memory_limit_bytes",
    "memory_bytes / on (namespace) state",
    r#"memory_bytes * on (namespace) label_replace(state, "namespace", "shop", "", "")"#,
    r#"sum without (namespace) (memory_bytes) * on () group_left (pod) label_replace(state, "pod", "p", "", "")"#,
    r#"label_replace(memory_bytes, "pod", "same", "pod", ".*")"#,
    r#"label_replace(memory_bytes, "a-b", "x", "pod", ".*")"#,
    r#"label_replace(memory_bytes, "a", "x", "pod", "(")"#,
    r#"label_join(memory_bytes, "a-b", "x", "pod")"#,
    r#"{__name__=~"memory_.+"} * 2"#,
    r#"rate({__name__=~"memory_.+"}[5m])"#,
    r#"count_values("a-b", state)"#,
    "topk(1e30, memory_bytes)",
];

pub fn requests() -> Vec<Request<'static>> {
    let mut all: Vec<Request> = Vec::new();
    let middle = START + 4000;
    for e in EXPRESSIONS.iter().chain(REFUSED) {
        for t in [middle.to_string(), format!("{}.25", middle + 1777), (END + 120).to_string()] {
            all.push(("query", vec![("query", e.to_string()), ("time", t)]));
        }
        all.push(range(e, &(START - 100).to_string(), &(END + 400).to_string(), "97"));
        all.push(range(e, &(middle + 7).to_string(), &(middle + 900).to_string(), "15s"));
    }
    all.push(("query", vec![("query", "memory_bytes[2m]".into()), ("time", middle.to_string())]));
    all.push(("query", vec![("query", "memory_bytes[10m:3m]".into()), ("time", middle.to_string())]));
    all.push(("query", vec![("query", "\"text\"".into()), ("time", middle.to_string())]));
    all.extend(wrong_parameters(middle));
    all.extend(listings());
    all
}

fn range(query: &str, start: &str, end: &str, step: &str) -> Request<'static> {
    let parameters = [("query", query), ("start", start), ("end", end), ("step", step)];
    ("query_range", parameters.map(|(k, v)| (k, v.to_string())).into())
}

fn wrong_parameters(middle: i64) -> Vec<Request<'static>> {
    let (t, later) = (&middle.to_string(), &(middle + 20_000).to_string());
    vec![
        ("query", vec![("query", "1".into()), ("time", "yesterday".into())]),
        range("1", "x", t, "15"),
        range("1", t, "", "15"),
        range("1", later, t, "15"),
        range("1", t, later, "0"),
        range("1", t, later, "-5"),
        range("1", t, later, "many"),
        range("1", t, later, "1"),
        range("memory_bytes[5m]", t, later, "60"),
        range("\"text\"", t, later, "60"),
        range("1", "2023-11-14T23:00:00Z", "2023-11-14T23:10:00.5+00:00", "1m"),
        ("series", vec![]),
        ("series", vec![("match[]", "sum(x)".into())]),
        ("label/a-b/values", vec![]),
    ]
}

fn listings() -> Vec<Request<'static>> {
    let matching = |m: &str| ("match[]", m.to_string());
    vec![
        ("labels", vec![]),
        ("labels", vec![matching("state")]),
        ("label/__name__/values", vec![]),
        ("label/pod/values", vec![]),
        ("label/service/values", vec![matching(r#"http_requests_total{code="500"}"#), matching("nothing")]),
        ("label/nothing/values", vec![]),
        ("series", vec![matching("state"), matching("special"), matching(r#"{job="a"}"#)]),
    ]
}
