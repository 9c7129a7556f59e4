//! A thin client of Prometheus' HTTP API: two calls, and everything odd that an answer can hold
//! (values as strings, NaN, native histograms, warnings of partial data) handled in one place.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::signal::Point;
use crate::model::{Clean, Failure, FailureKind};
use crate::sources::http::{Endpoint, Reply};

const QUERY: &str = "/api/v1/query";
const QUERY_RANGE: &str = "/api/v1/query_range";

/// A Prometheus, or whatever speaks like one.
#[derive(Clone)]
pub struct Client {
    pub endpoint: Endpoint,
}

/// What a query returned.
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    pub series: Vec<Series>,
    /// Its `warnings`, else its `infos`: the data may be partial.
    pub warning: Option<Clean>,
}

/// Points in order of time; one for an instant query.
#[derive(Debug, Default, PartialEq)]
pub struct Series {
    pub labels: BTreeMap<String, String>,
    pub points: Vec<Point>,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<Raw>),
    Matrix(Vec<Raw>),
    Scalar(Sample),
    String(serde::de::IgnoredAny),
}

/// Native histograms stand under `histogram` and `histograms`, which nothing here reads.
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    value: Option<Sample>,
    #[serde(default)]
    values: Vec<Sample>,
}

/// Seconds since the epoch, and the value as Go prints it.
#[derive(Deserialize)]
struct Sample(f64, String);

#[derive(Deserialize)]
struct ApiError {
    #[serde(rename = "errorType")]
    kind: String,
    #[serde(default)]
    error: String,
}

impl Client {
    /// The instant query, at the server's own present: its clock decides, not ours.
    ///
    /// # Errors
    /// When Prometheus can't be reached, refuses, or can't evaluate it.
    pub async fn query(&self, promql: &str) -> Result<Answer, Failure> {
        self.ask(QUERY, &[("query", promql)]).await
    }

    /// One value for each `step_s` from `start` to `end`, both in seconds since the epoch.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub async fn query_range(
        &self,
        promql: &str,
        start: i64,
        end: i64,
        step_s: u32,
    ) -> Result<Answer, Failure> {
        let (start, end, step) = (start.to_string(), end.to_string(), step_s.to_string());
        self.ask(QUERY_RANGE, &[("query", promql), ("start", &start), ("end", &end), ("step", &step)]).await
    }

    /// The server's time, in seconds since the epoch: cheap, and proof that it evaluates.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub async fn time(&self) -> Result<i64, Failure> {
        let answer = self.query("time()").await?;
        answer.series.first().and_then(|s| s.points.last()).map(|p| p.t).ok_or_else(|| {
            let happened = "it answered time() with nothing".to_owned();
            self.endpoint.failure(FailureKind::ServerError, QUERY, happened, "check that it is a Prometheus")
        })
    }

    async fn ask(&self, path: &str, form: &[(&str, &str)]) -> Result<Answer, Failure> {
        let reply = self.endpoint.post_form(path, form).await?;
        if !reply.status.is_success() {
            return Err(self.refused(path, &reply));
        }
        let envelope: Envelope = self.endpoint.json(path, &reply)?;
        let warnings = if envelope.warnings.is_empty() { envelope.infos } else { envelope.warnings };
        Ok(Answer {
            series: envelope.data.map(series).unwrap_or_default(),
            warning: (!warnings.is_empty()).then(|| Clean::new(&warnings.join("; "))),
        })
    }

    /// Prometheus' own errors name their type; anything else is an HTTP refusal.
    fn refused(&self, path: &str, reply: &Reply) -> Failure {
        let Ok(ApiError { kind, error }) = serde_json::from_slice(&reply.body) else {
            return self.endpoint.refused(path, reply);
        };
        let next = match kind.as_str() {
            "bad_data" | "execution" => "correct the query in [prometheus.queries]",
            "timeout" => "a smaller window takes less; look at Prometheus' own load",
            _ => "look at Prometheus' own logs",
        };
        let error: String = error.chars().take(300).collect();
        let happened = format!("{} {kind}: {error}", reply.status.as_u16());
        self.endpoint.failure(FailureKind::ServerError, path, happened, next)
    }
}

fn series(data: Data) -> Vec<Series> {
    let raw = match data {
        Data::Vector(raw) | Data::Matrix(raw) => raw,
        Data::Scalar(sample) => {
            vec![Raw { metric: BTreeMap::new(), value: Some(sample), values: Vec::new() }]
        }
        Data::String(_) => Vec::new(),
    };
    raw.into_iter()
        .map(|raw| Series {
            labels: raw.metric,
            points: raw.values.into_iter().chain(raw.value).filter_map(point).collect(),
        })
        .filter(|series| !series.points.is_empty())
        .collect()
}

/// `f64::from_str` knows NaN, +Inf and -Inf as Go writes them.
fn point(Sample(t, v): Sample) -> Option<Point> {
    Some(Point { t: t.round() as i64, v: v.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Vec<Series> {
        series(serde_json::from_str::<Envelope>(json).unwrap().data.unwrap())
    }

    #[test]
    fn every_kind_of_result_is_read() {
        let vector = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"code":"500"},"value":[1700000000.4,"0.5"]},
            {"metric":{"h":"native"},"histogram":[1700000000,{"count":"1","sum":"2"}]},
            {"metric":{},"value":[1700000000,"NaN"]},
            {"metric":{},"value":[1700000000,"+Inf"]}]}}"#;
        let got = parse(vector);
        assert_eq!(got.len(), 3, "the native histogram is skipped");
        assert_eq!(got[0].points, [Point { t: 1_700_000_000, v: 0.5 }]);
        assert_eq!(got[0].labels["code"], "500");
        assert!(got[1].points[0].v.is_nan() && got[2].points[0].v.is_infinite());

        let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{},"values":[[10,"1"],[25,"2"]],"histograms":[]}]}}"#;
        assert_eq!(parse(matrix)[0].points, [Point { t: 10, v: 1.0 }, Point { t: 25, v: 2.0 }]);
        assert_eq!(parse(r#"{"data":{"resultType":"scalar","result":[5,"-Inf"]}}"#).len(), 1);
        assert!(parse(r#"{"data":{"resultType":"string","result":[5,"x"]}}"#).is_empty());
    }
}
