//! Semantics worked out by hand, what must be refused, and what must never panic. (The
//! comparison with a real Prometheus is in `real_prometheus`.)

use proptest::prelude::*;

use super::*;

type Line<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// A store with one series per line: name, labels, and values 15 s apart from time 0 on;
/// `_` is a missing scrape, `stale` the mark of the series' end.
fn store(lines: &[Line]) -> Tsdb {
    let mut db = Tsdb::default();
    for (name, labels, values) in lines {
        let id = db.series(name, labels);
        for (i, value) in values.split_whitespace().enumerate() {
            let t = i as i64 * 15_000;
            match value {
                "_" => {}
                "stale" => db.end(id, t),
                v => db.append(id, t, v.parse().unwrap()),
            }
        }
    }
    db
}

/// The values of an instant query, in the order of the answer.
fn values(db: &Tsdb, query: &str, at_s: i64) -> Vec<f64> {
    match instant(db, &parse(query).unwrap(), at_s * 1000).unwrap() {
        Answer::Vector(v) => v.into_iter().map(|(_, s)| s.v).collect(),
        Answer::Scalar(v) => vec![v],
        other => panic!("{other:?}"),
    }
}

#[test]
fn rates_extrapolate_and_survive_resets() {
    let db = store(&[("c", &[], "0 15 30 45 0 15 30 45 60")]);
    // Gains 45, then 60 after the reset; the window's edges are samples, so nothing is added.
    assert_eq!(values(&db, "increase(c[2m])", 120), [105.0]);
    assert_eq!(values(&db, "rate(c[2m])", 120), [105.0 / 120.0]);
    // A window of 60 s around 45 s of samples: extrapolated by the 7 s and 8 s at its edges.
    assert_eq!(values(&db, "delta(c[1m])", 127), [60.0 - 15.0 + 45.0 * 15.0 / 45.0]);
    assert_eq!(values(&db, "irate(c[2m])", 60), [0.0]);
    assert_eq!(values(&db, "rate(c[10s])", 120), [] as [f64; 0]);
    assert_eq!(values(&db, "resets(c[2m])", 120), [1.0]);
}

#[test]
fn look_back_ends_after_five_minutes_and_at_a_staleness_marker() {
    let db = store(&[("a", &[], "1 2"), ("b", &[], "1 2 stale"), ("c", &[], "1 stale 3")]);
    assert_eq!(values(&db, "a", 15 + 300), [2.0]);
    assert_eq!(values(&db, "a", 15 + 301), [] as [f64; 0]);
    assert_eq!(values(&db, "b", 29), [2.0]);
    assert_eq!(values(&db, "b", 30), [] as [f64; 0]);
    assert_eq!(values(&db, "c", 30), [3.0]);
    assert_eq!(values(&db, "count_over_time(c[1m])", 30), [2.0]);
    assert_eq!(values(&db, "absent(b)", 30), [1.0]);
}

#[test]
fn quantiles_interpolate_within_buckets() {
    let bucket = |le: &'static str, count: &'static str| (("h"), le, count);
    let mut db = Tsdb::default();
    for (name, le, count) in
        [bucket("0.1", "10"), bucket("0.5", "30"), bucket("1", "25"), bucket("+Inf", "40")]
    {
        let id = db.series(name, &[("le", le)]);
        db.append(id, 0, count.parse().unwrap());
    }
    // Rank 20 of 40 is half way through the bucket from 0.1 to 0.5.
    assert_eq!(values(&db, "histogram_quantile(0.5, h)", 0), [0.1 + 0.4 * 0.5]);
    // The bucket up to 1 is raised to its predecessor's count; above it only +Inf is left.
    assert_eq!(values(&db, "histogram_quantile(0.95, h)", 0), [1.0]);
}

#[test]
fn the_error_ratio_of_the_cockpit_tells_no_errors_from_no_traffic() {
    let ratio = r#"(sum(rate(r{code=~"5.."}[1m])) or 0 * sum(rate(r[1m]))) / (sum(rate(r[1m])) > 0)"#;
    let healthy = store(&[("r", &[("code", "200")], "0 15 30 45 60")]);
    assert_eq!(values(&healthy, ratio, 60), [0.0]);
    let idle = store(&[("r", &[("code", "200")], "5 5 5 5 5")]);
    assert_eq!(values(&idle, ratio, 60), [] as [f64; 0]);
}

#[test]
fn a_range_has_a_value_only_where_there_is_one() {
    let db = store(&[("a", &[], "1 2 stale _ 5")]);
    let grid = Grid::between(0, 75_000, 15_000);
    let matrix = range(&db, &parse("a * 2").unwrap(), grid).unwrap();
    let points: Vec<(i64, f64)> = matrix[0].1.iter().map(|s| (s.t / 1000, s.v)).collect();
    assert_eq!(points, [(0, 2.0), (15, 4.0), (60, 10.0), (75, 10.0)]);
}

#[test]
fn runaway_queries_are_refused() {
    let db = store(&[("a", &[], "1 2 3")]);
    let run = |q: &str| instant(&db, &parse(q)?, 45_000);
    let too_many = "query processing would load too many samples into memory in query execution";
    assert_eq!(run("max_over_time(a[1000y:1ms])"), Err(QueryError::Execution(too_many.into())));
    assert_eq!(
        run("sum_over_time(sum_over_time(a[30d:1s])[30d:1s])").unwrap_err(),
        QueryError::Execution(too_many.into())
    );
    for deep in [
        "(".repeat(4000) + "1" + &")".repeat(4000),
        "1+".repeat(4000) + "1",
        "-".repeat(MAX_QUERY_BYTES - 1) + "a",
    ] {
        assert!(matches!(parse(&deep), Err(QueryError::BadData(_))), "{}", &deep[..9]);
    }
    assert!(matches!(parse(&"a".repeat(MAX_QUERY_BYTES + 1)), Err(QueryError::BadData(_))));
}

#[test]
fn the_deepest_query_accepted_fits_the_stack() {
    let db = store(&[("a", &[], "1 2 3")]);
    let nested = |open: &str, close: &str| open.repeat(MAX_DEPTH - 1) + "a" + &close.repeat(MAX_DEPTH - 1);
    for query in
        [nested("abs(", ")"), nested("-", ""), nested("1 + ", ""), nested("sum(", ")"), nested("a and ", "")]
    {
        assert_eq!(values(&db, &query, 30).len(), 1, "{}", &query[..9]);
    }
}

#[test]
fn types_are_named_as_prometheus_names_them() {
    let why = "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector";
    assert_eq!(parse("rate(a)").unwrap_err(), QueryError::BadData(why.into()));
}

/// Pieces that, put together, often make a query and sometimes nonsense.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "a", "b", "{x=\"1\"}", "{x=~\".*\"}", "[1m]", "[5m:30s]", "[1m:]", " offset 1m", " offset -1y", " @ 1e9", " @ -1e300", " @ end()", "(", ")", ",", " + ", " - ", " / ", " % ", " ^ ", " == bool ", " > ",
    " and ", " or ", " unless ", " on (x) ", " ignoring (x) ", " group_left ", " group_right (y) ",
    "sum", "avg", "topk", "quantile", "count_values", " by (x) ", " without (y) ", "rate", "increase",
    "irate", "deriv", "predict_linear", "avg_over_time", "quantile_over_time", "absent",
    "histogram_quantile", "label_replace", "label_join", "clamp", "round", "sort", "scalar", "vector",
    "time()", "timestamp", "day_of_week", "1", "-1", "1e300", "NaN", "Inf", "\"x\"", "\"le\"",
    "\"(.*)\"", "\"$1\"", "9999999999y", "0s", "é", "\"", "\\",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 1..14).prop_map(|pieces| pieces.concat())
}

fn anything(query: &str) {
    let db = store(&[
        ("a", &[("x", "1")], "1 2 NaN 0 5"),
        ("b", &[("x", "2"), ("le", "+Inf")], "1 stale 7 -Inf 5"),
    ]);
    if let Ok(expr) = parse(query) {
        let _ = instant(&db, &expr, 60_000);
        let _ = range(&db, &expr, Grid::between(-100_000, 200_000, 7_000));
    }
    let _ = parse_selector(query);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(query in "\\PC{0,40}") {
        anything(&query);
    }

    #[test]
    fn no_mixture_of_promql_makes_it_panic(query in pieces()) {
        anything(&query);
    }

    #[test]
    fn no_arguments_make_a_function_panic(
        name in prop::sample::select(vec![
            "rate", "predict_linear", "quantile_over_time", "histogram_quantile", "label_replace", "label_join",
            "clamp", "clamp_min", "round", "scalar", "vector", "absent", "absent_over_time", "timestamp", "minute",
            "topk", "count_values", "quantile", "stddev_over_time", "deriv", "sort_desc", "info", "histogram_sum",
            "double_exponential_smoothing", "limitk", "ln", "days_in_month", "changes", "last_over_time",
        ]),
        args in prop::collection::vec(prop::sample::select(vec![
            "a", "b", "a[1m]", "b[2m:7s]", "{x=~\".+\"}[1m]", "{x=~\".+\"}", "1", "NaN", "-1e300", "\"x\"", "\"(\"",
            "\"$1$2\"", "time()", "vector(1)", "a * NaN", "{x=~\".+\"} > bool 1",
        ]), 0..6),
    ) {
        anything(&format!("{name}({})", args.join(", ")));
    }
}
