//! Many queries in few requests: a round of two dozen would be as many round trips, and every
//! cockpit of an incident asks them each 15 s.
//!
//! Each query's series are told from the others' by a label of our own. What goes wrong with one
//! query goes wrong with all, so that then each is asked by itself, and keeps its own outcome.

use std::collections::HashSet;

use futures::StreamExt;

use super::client::{Answer, Client};
use crate::model::{Failure, FailureKind};

/// Enough to hide the latency of a bastion's link, and no burden for a Prometheus in trouble.
const AT_ONCE: usize = 4;

/// Up to so many bytes, escaped: with what is around it, a request line must stay under 8 KiB,
/// since through the service proxy a POST would need another verb.
const MOST_BYTES: usize = 6_000;

const LABEL: &str = "midwatch_query";

/// When the queries are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Now,
    /// Seconds since the epoch, and between points.
    Range {
        start: i64,
        end: i64,
        step_s: u32,
    },
}

/// What did not work together, and is asked one by one.
pub type Apart = HashSet<String>;

/// Asks all; the answers stand as the queries did.
pub async fn all(
    client: &Client,
    apart: &mut Apart,
    queries: &[String],
    over: Over,
) -> Vec<Result<Answer, Failure>> {
    let mut answers = Vec::with_capacity(queries.len());
    for group in groups(queries) {
        let together = joined(group);
        if group.len() > 1 && !apart.contains(&together) {
            match ask(client, &together, over).await.map(|answer| split(answer, group.len())) {
                Ok(Some(found)) => {
                    answers.extend(found.into_iter().map(Ok));
                    continue;
                }
                // Nobody is there, or it takes too long: one by one would take longer now.
                Err(failure) if failure.kind == FailureKind::Unreachable => {
                    apart.insert(together);
                    answers.extend(group.iter().map(|_| Err(failure.clone())));
                    continue;
                }
                Ok(None) | Err(_) => apart.insert(together),
            };
        }
        answers.extend(one_by_one(client, group, over).await);
    }
    answers
}

/// Each by itself, a few at a time.
pub async fn one_by_one(client: &Client, queries: &[String], over: Over) -> Vec<Result<Answer, Failure>> {
    let asked = queries.iter().map(|query| ask(client, query, over)).collect::<Vec<_>>();
    futures::stream::iter(asked).buffered(AT_ONCE).collect().await
}

async fn ask(client: &Client, query: &str, over: Over) -> Result<Answer, Failure> {
    match over {
        Over::Now => client.query(query).await,
        Over::Range { start, end, step_s } => client.query_range(query, start, end, step_s).await,
    }
}

fn joined(queries: &[String]) -> String {
    let marked = queries.iter().enumerate().map(|(index, query)| {
        // The line feed ends a comment that a configured query may end with.
        format!("label_replace((\n{query}\n), \"{LABEL}\", \"{index}\", \"\", \"\")")
    });
    marked.collect::<Vec<_>>().join(" or ")
}

/// None: the answer can't be told apart. A warning does not say which query it is about.
fn split(answer: Answer, queries: usize) -> Option<Vec<Answer>> {
    if answer.warning.is_some() {
        return None;
    }
    let mut answers: Vec<Answer> = (0..queries).map(|_| Answer::default()).collect();
    for mut series in answer.series {
        let index: usize = series.labels.remove(LABEL)?.parse().ok()?;
        answers.get_mut(index)?.series.push(series);
    }
    Some(answers)
}

/// Neighbours, as many as fit into a request.
fn groups(queries: &[String]) -> Vec<&[String]> {
    let (mut groups, mut start, mut size) = (Vec::new(), 0, 0);
    for (index, query) in queries.iter().enumerate() {
        // Most of PromQL is escaped to three bytes a sign; what is put around a query is 90.
        let own = 90 + form_urlencoded::byte_serialize(query.as_bytes()).map(str::len).sum::<usize>();
        if index > start && size + own > MOST_BYTES {
            groups.push(&queries[start..index]);
            (start, size) = (index, 0);
        }
        size += own;
    }
    if start < queries.len() {
        groups.push(&queries[start..]);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::super::client::Series;
    use super::*;

    fn series(pairs: &[(&str, &str)]) -> Series {
        let labels = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Series { labels, points: Vec::new() }
    }

    #[test]
    fn what_is_joined_is_promql_and_can_be_told_apart() {
        let queries = ["sum(a) / sum(b) > 0 # the ratio".to_owned(), "c or d".to_owned()];
        let parsed = promql_parser::parser::parse(&joined(&queries));
        assert!(parsed.is_ok(), "{parsed:?}");
        let both = vec![series(&[(LABEL, "1"), ("code", "500")]), series(&[(LABEL, "0")])];
        let answers = split(Answer { series: both, warning: None }, 3).unwrap();
        assert_eq!(answers[1].series, [series(&[("code", "500")])]);
        assert_eq!((answers[0].series.len(), answers[2].series.len()), (1, 0));
        for odd in [series(&[]), series(&[(LABEL, "3")]), series(&[(LABEL, "x")])] {
            assert_eq!(split(Answer { series: vec![odd], warning: None }, 3), None);
        }
    }

    #[test]
    fn groups_fit_into_a_request() {
        let queries: Vec<String> = (0..20).map(|n| "x".repeat(n * 100)).collect();
        let groups = groups(&queries);
        assert_eq!(groups.concat(), queries);
        assert!(groups.len() > 1);
        for group in groups {
            let joined = joined(group);
            let escaped: usize = form_urlencoded::byte_serialize(joined.as_bytes()).map(str::len).sum();
            assert!(escaped <= 7_000 || group.len() == 1);
        }
        assert!(super::groups(&[]).is_empty());
    }
}
