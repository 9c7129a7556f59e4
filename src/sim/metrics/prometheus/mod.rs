//! The routes of Prometheus' HTTP API v1, over the simulated series.

mod listing;
mod reply;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::params::{Params, parse_step, parse_time};
use super::promql::{self, Answer, Grid, QueryError};
use super::{Metrics, exposition};
use reply::{Failure, Instant, Query, Range, success};

/// Largest form body, in bytes; a long query is a few thousand.
const MAX_BODY: usize = 256 * 1024;

/// Most points per series of a range query (web/api/v1/api.go).
const MAX_POINTS: i64 = 11_000;

pub fn router(metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/api/v1/query", get(query).post(query))
        .route("/api/v1/query_range", get(query_range).post(query_range))
        .route("/api/v1/labels", get(listing::labels).post(listing::labels))
        .route("/api/v1/label/{name}/values", get(listing::label_values))
        .route("/api/v1/series", get(listing::series).post(listing::series))
        .route("/api/v1/rules", get(listing::rules))
        .route("/api/v1/alerts", get(listing::alerts))
        .route("/api/v1/targets", get(listing::targets))
        .route("/api/v1/metadata", get(status::metadata))
        .route("/api/v1/status/buildinfo", get(status::buildinfo))
        .route("/api/v1/status/runtimeinfo", get(status::runtimeinfo))
        .route("/api/v1/status/flags", get(status::flags))
        .route("/api/v1/status/config", get(status::config))
        .route("/metrics", get(exposition::metrics))
        .route("/-/healthy", get(|| async { "Prometheus Server is Healthy.\n" }))
        .route("/-/ready", get(|| async { "Prometheus Server is Ready.\n" }))
        .fallback(|| async { (StatusCode::NOT_FOUND, "404 page not found\n") })
        .method_not_allowed_fallback(|| async { (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n") })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(metrics)
}

async fn query(State(metrics): State<Arc<Metrics>>, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let params = Params::of(query.as_deref(), &body);
    let at_ms = match params.time("time") {
        Ok(time) => time.unwrap_or_else(|| metrics.clock.now_ms()),
        Err(why) => return Failure::bad_data(why).into(),
    };
    if let Err(failure) = check_timeout(&params) {
        return failure.into();
    }
    evaluate(move || {
        let expr = promql::parse(params.get("query")).map_err(invalid_query)?;
        let answer = metrics.read(|db| promql::instant(db, &expr, at_ms)).map_err(Failure::from)?;
        Ok(match answer {
            Answer::Scalar(v) => success(Query::scalar(at_ms, v)),
            Answer::Text(text) => success(Query::text(at_ms, text)),
            Answer::Vector(v) => {
                let result = v.into_iter().map(|(labels, s)| Instant::new(labels, s)).collect::<Vec<_>>();
                success(Query { result_type: "vector", result })
            }
            Answer::Matrix(m) => success(matrix(m)),
        })
    })
    .await
}

async fn query_range(
    State(metrics): State<Arc<Metrics>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let params = Params::of(query.as_deref(), &body);
    let grid = match grid_of(&params) {
        Ok(grid) => grid,
        Err(why) => return Failure::bad_data(why).into(),
    };
    if let Err(failure) = check_timeout(&params) {
        return failure.into();
    }
    evaluate(move || {
        // Here, other than for an instant, Prometheus 2 does not say that it is the parameter.
        let expr = promql::parse(params.get("query"))?;
        let found = metrics.read(|db| promql::range(db, &expr, grid))?;
        Ok(success(matrix(found)))
    })
    .await
}

/// Work is bounded, and not time: a timeout only counts if it leaves no time at all.
fn check_timeout(params: &Params) -> Result<(), Failure> {
    if params.get("timeout").is_empty() {
        return Ok(());
    }
    let timeout = parse_step(params.get("timeout"))
        .map_err(|why| Failure::bad_data(format!("invalid parameter \"timeout\": {why}")))?;
    if timeout.is_zero() { Err(QueryError::Timeout.into()) } else { Ok(()) }
}

/// The instants that a range query asks for.
fn grid_of(params: &Params) -> Result<Grid, String> {
    let named = |name: &str, why: String| format!("invalid parameter {name:?}: {why}");
    let start = parse_time(params.get("start")).map_err(|e| named("start", e))?;
    let end = parse_time(params.get("end")).map_err(|e| named("end", e))?;
    if end < start {
        return Err(named("end", "end timestamp must not be before start time".into()));
    }
    let step = parse_step(params.get("step")).map_err(|e| named("step", e))?;
    let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
    if step <= 0 {
        let why = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(named("step", why.into()));
    }
    if (end - start) / step > MAX_POINTS {
        return Err("exceeded maximum resolution of 11,000 points per timeseries. \
                    Try decreasing the query resolution (?step=XX)"
            .into());
    }
    Ok(Grid::between(start, end, step))
}

fn invalid_query(e: QueryError) -> Failure {
    Failure::bad_data(format!("invalid parameter \"query\": {e}"))
}

fn matrix(found: Vec<(super::labels::Labels, Vec<super::tsdb::Sample>)>) -> Query<Vec<Range>> {
    let result = found.into_iter().map(|(labels, samples)| Range::new(labels, samples)).collect();
    Query { result_type: "matrix", result }
}

/// Runs a query away from the threads that serve sockets.
async fn evaluate(work: impl FnOnce() -> Result<Response, Failure> + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(response)) => response,
        Ok(Err(failure)) => failure.into(),
        Err(e) => Failure::internal(format!("query stopped: {e}")).into(),
    }
}

#[cfg(test)]
mod tests;
