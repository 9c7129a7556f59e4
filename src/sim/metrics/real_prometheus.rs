//! The evaluator against a real Prometheus: the same samples in both, the same requests to
//! both HTTP APIs, and the answers compared value by value. (In `scraped`, its samples are those
//! that it has scraped from the simulation.)
//!
//! Needs `prometheus` and `promtool` on the path; skipped with a note where they are missing,
//! unless `MIDWATCH_REQUIRE_SERVERS=1`.

mod data;
mod queries;
mod scraped;
pub mod server;

use serde_json::Value;

/// Floating point may be added up in another order; nothing else may differ.
const TOLERANCE: f64 = 1e-9;

/// One request: path and parameters.
type Request<'a> = (&'a str, Vec<(&'a str, String)>);

async fn ask(client: &reqwest::Client, base: &str, request: &Request<'_>) -> (u16, Value) {
    let url = format!("{base}/api/v1/{}", request.0);
    let response = client.get(url).query(&request.1).send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

/// The differences between two answers.
fn differences(ours: &Value, theirs: &Value, at: &str, out: &mut Vec<String>) {
    let number = |v: &Value| v.as_f64().or_else(|| v.as_str()?.parse::<f64>().ok());
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys.into_iter().filter(|k| *k != "stats") {
                let (a, b) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                differences(a, b, &format!("{at}.{key}"), out);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, &format!("{at}[{i}]"), out);
            }
        }
        (a, b) if a == b => {}
        (a, b) => match (number(a), number(b)) {
            (Some(x), Some(y)) if (x - y).abs() <= TOLERANCE * x.abs().max(y.abs()) => {}
            _ => out.push(format!("{at}: ours {a}, Prometheus {b}")),
        },
    }
}

/// Orders the series of an answer by their labels, where the API leaves the order open.
fn sorted(mut answer: Value) -> Value {
    if let Some(result) = answer.pointer_mut("/data/result").and_then(Value::as_array_mut)
        && result.iter().all(Value::is_object)
    {
        result.sort_by_key(|series| series["metric"].to_string());
    }
    answer
}

/// What differs between two answers to one request.
fn compare(request: &Request, ours: (u16, Value), theirs: (u16, Value)) -> Vec<String> {
    let ((our_status, our_answer), (their_status, their_answer)) = (ours, theirs);
    let mut out = Vec::new();
    if our_status != their_status {
        out.push(format!(
            "status: ours {our_status}, Prometheus {their_status}: {our_answer} {their_answer}"
        ));
    } else {
        let keeps_order = request.1.iter().any(|(_, v)| v.starts_with("sort") || v.starts_with("topk(3"));
        let order = if keeps_order { |v| v } else { sorted };
        differences(&order(our_answer), &order(their_answer), "", &mut out);
    }
    out.truncate(3);
    out.iter().map(|d| format!("{} {:?}: {d}", request.0, request.1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_a_real_prometheus() {
    let Some(theirs) = server::Server::prometheus(&data::openmetrics()).await else { return };
    let ours = server::serve(data::metrics().prometheus()).await;
    let requests = queries::requests();
    assert!(requests.len() > 200, "{}", requests.len());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let (mut wrong, mut filled) = (Vec::new(), 0);
    for request in &requests {
        let ours = ask(&client, &ours, request).await;
        let theirs = ask(&client, &theirs.base, request).await;
        let result = theirs.1.pointer("/data/result").and_then(Value::as_array);
        filled += usize::from(result.is_some_and(|r| !r.is_empty()));
        wrong.extend(compare(request, ours, theirs));
    }
    // Two empty answers agree, and say nothing.
    assert!(filled > 500, "only {filled} of {} answers had a result", requests.len());
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
