//! A server that knows which series exist and answers the questions of the detection by the
//! matchers that stand in them; everything else it answers as the test says.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use promql_parser::label::Matcher;
use promql_parser::parser::{Expr, VectorSelector, parse};
use serde_json::{Value, json};

use super::client::Client;
use crate::config::HttpAccess;
use crate::sources::http::Endpoint;
use crate::sources::testing::serve;

/// How a range query, or one that is not of the detection, is answered.
pub type Script = Arc<dyn Fn(&str) -> (u16, Value) + Send + Sync>;

/// A query, with the window of a range in seconds.
type Asked = (String, Option<i64>);

#[derive(Clone)]
pub struct Fake {
    series: Arc<Vec<BTreeMap<String, String>>>,
    script: Script,
    pub asked: Arc<Mutex<Vec<Asked>>>,
    /// Seconds since the epoch.
    pub now: Arc<AtomicI64>,
}

impl Fake {
    /// `metric{a=b,c=d}` each, without quotes.
    pub fn new(series: &[&str], script: Script) -> Self {
        let parse = |text: &&str| {
            let (name, labels) = text.trim_end_matches('}').split_once('{').unwrap();
            let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
            [("__name__", name)].into_iter().chain(pairs).map(|(k, v)| (k.into(), v.into())).collect()
        };
        let series = Arc::new(series.iter().map(parse).collect());
        Self { series, script, asked: Arc::default(), now: Arc::new(AtomicI64::new(1_700_000_000)) }
    }

    pub async fn url(&self) -> String {
        let form = |fake: State<Self>, query: Query<HashMap<String, String>>, body: String| async move {
            let mut params = query.0;
            let body = reqwest::Url::parse(&format!("http://x/?{body}")).unwrap();
            params.extend(body.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())));
            fake.0.answer(&params)
        };
        let app = Router::new()
            .route("/api/v1/query", any(form))
            .route("/api/v1/query_range", any(form))
            .with_state(self.clone());
        serve(app).await
    }

    pub async fn client(&self) -> Client {
        let access = HttpAccess::default();
        Client { endpoint: Endpoint::direct("prometheus", &self.url().await, &access).await.unwrap() }
    }

    fn answer(&self, params: &HashMap<String, String>) -> Response {
        let query = &params["query"];
        let range = params
            .get("end")
            .map(|end| end.parse::<i64>().unwrap() - params["start"].parse::<i64>().unwrap());
        self.asked.lock().unwrap().push((query.clone(), range));
        let expr = parse(query).unwrap_or_else(|e| panic!("not PromQL: {query}: {e}"));
        let (code, data) = if query == "time()" {
            let now = self.now.load(Ordering::SeqCst);
            (200, json!({"resultType": "scalar", "result": [now, now.to_string()]}))
        } else if query.starts_with("count by (__name__)") {
            let names: Vec<Value> = self
                .selected(&expr)
                .iter()
                .map(|s| json!({"metric": {"__name__": s["__name__"]}, "value": [0, "1"]}))
                .collect();
            (200, json!({"resultType": "vector", "result": names}))
        } else if query.starts_with("label_replace(count(") {
            (200, json!({"resultType": "vector", "result": self.candidates(&expr)}))
        } else if query.starts_with("label_replace((") {
            self.together(&expr)
        } else {
            (self.script)(query)
        };
        let status = axum::http::StatusCode::from_u16(code).unwrap();
        let body = if status.is_success() { json!({"status": "success", "data": data}) } else { data };
        (status, Json(body)).into_response()
    }

    /// The terms of `label_replace(count(…), "candidate", "i", "", "") or …` that select anything.
    fn candidates(&self, expr: &Expr) -> Vec<Value> {
        match expr {
            Expr::Binary(binary) => [self.candidates(&binary.lhs), self.candidates(&binary.rhs)].concat(),
            Expr::Call(call) => {
                let Expr::StringLiteral(index) = call.args.args[2].as_ref() else { panic!("{call:?}") };
                let found = !self.selected(&call.args.args[0]).is_empty();
                let row = json!({"metric": {"candidate": index.val}, "value": [0, "1"]});
                found.then_some(row).into_iter().collect()
            }
            other => panic!("not of the detection: {other:?}"),
        }
    }

    /// Queries that were put together: the script's answer to each, marked as it asks.
    fn together(&self, expr: &Expr) -> (u16, Value) {
        let Expr::Binary(binary) = expr else { return self.marked(expr) };
        let ((code, mut lhs), (other, rhs)) = (self.together(&binary.lhs), self.marked(&binary.rhs));
        match (code, other) {
            (200, 200) => {
                let more = rhs["result"].as_array().unwrap().clone();
                if lhs["result"] == json!([]) {
                    return (200, rhs);
                }
                lhs["result"].as_array_mut().unwrap().extend(more);
                (200, lhs)
            }
            (200, _) => (other, rhs),
            _ => (code, lhs),
        }
    }

    fn marked(&self, expr: &Expr) -> (u16, Value) {
        let Expr::Call(call) = expr else { panic!("not together: {expr}") };
        let [Expr::StringLiteral(label), Expr::StringLiteral(value)] =
            [call.args.args[1].as_ref(), call.args.args[2].as_ref()]
        else {
            panic!("{call:?}")
        };
        let Expr::Paren(query) = call.args.args[0].as_ref() else { panic!("{call:?}") };
        let (code, mut data) = (self.script)(&query.expr.to_string());
        for row in data["result"].as_array_mut().into_iter().flatten() {
            row["metric"][&label.val] = value.val.clone().into();
        }
        (code, data)
    }

    fn selected(&self, expr: &Expr) -> Vec<&BTreeMap<String, String>> {
        match expr {
            Expr::Aggregate(aggregate) => self.selected(&aggregate.expr),
            Expr::Paren(paren) => self.selected(&paren.expr),
            Expr::VectorSelector(selector) => self.series.iter().filter(|s| matches(selector, s)).collect(),
            other => panic!("no selector: {other:?}"),
        }
    }
}

fn matches(selector: &VectorSelector, series: &BTreeMap<String, String>) -> bool {
    let named = selector.name.as_ref().is_none_or(|name| series["__name__"] == *name);
    let value = |m: &Matcher| series.get(&m.name).map_or("", String::as_str);
    named && selector.matchers.matchers.iter().all(|m| m.is_match(value(m)))
}
