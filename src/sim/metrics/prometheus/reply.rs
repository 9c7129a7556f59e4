//! The JSON shapes of Prometheus' HTTP API.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::sim::metrics::labels::Labels;
use crate::sim::metrics::promql::{QueryError, format};
use crate::sim::metrics::tsdb::Sample;

/// A 200 answer around `data`.
pub fn success(data: impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Success<T> {
        status: &'static str,
        data: T,
    }
    Json(Success { status: "success", data }).into_response()
}

/// A refused request, in Prometheus' shape.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    kind: &'static str,
    why: String,
}

impl Failure {
    pub fn bad_data(why: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "bad_data", why }
    }

    /// The same, saying which parameter it is about, unless it does.
    pub fn of_parameter(self, name: &str) -> Self {
        let said = self.why.starts_with("invalid parameter");
        let why = if said { self.why } else { format!("invalid parameter {name:?}: {}", self.why) };
        Self { why, ..self }
    }

    pub fn internal(why: String) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, kind: "internal", why }
    }
}

impl From<QueryError> for Failure {
    fn from(e: QueryError) -> Self {
        let (status, kind) = match &e {
            QueryError::BadData(_) => (StatusCode::BAD_REQUEST, "bad_data"),
            QueryError::Execution(_) => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
            QueryError::Timeout => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
        };
        Self { status, kind, why: e.to_string() }
    }
}

impl From<Failure> for Response {
    fn from(f: Failure) -> Self {
        let body = json!({ "status": "error", "errorType": f.kind, "error": f.why });
        (f.status, Json(body)).into_response()
    }
}

/// The data of a query's answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Query<T> {
    pub result_type: &'static str,
    pub result: T,
}

impl Query<Point> {
    pub fn scalar(t: i64, v: f64) -> Self {
        Self { result_type: "scalar", result: Point(t, format::value(v)) }
    }

    pub fn text(t: i64, text: String) -> Self {
        Self { result_type: "string", result: Point(t, text) }
    }
}

#[derive(Serialize)]
pub struct Instant {
    metric: Metric,
    value: Point,
}

impl Instant {
    pub fn new(labels: Labels, s: Sample) -> Self {
        Self { metric: Metric(labels), value: s.into() }
    }
}

#[derive(Serialize)]
pub struct Range {
    metric: Metric,
    values: Vec<Point>,
}

impl Range {
    pub fn new(labels: Labels, samples: Vec<Sample>) -> Self {
        Self { metric: Metric(labels), values: samples.into_iter().map(Into::into).collect() }
    }
}

/// A label set as a JSON object.
pub struct Metric(pub Labels);

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (k, v) in self.0.iter() {
            map.serialize_entry(k, v)?;
        }
        map.end()
    }
}

/// A time in milliseconds and a value as text.
pub struct Point(i64, String);

impl From<Sample> for Point {
    fn from(s: Sample) -> Self {
        Self(s.t, format::value(s.v))
    }
}

impl Serialize for Point {
    /// Times are seconds, with a fraction only if they have one.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1000 == 0 {
            (self.0 / 1000, &self.1).serialize(serializer)
        } else {
            (self.0 as f64 / 1000.0, &self.1).serialize(serializer)
        }
    }
}
