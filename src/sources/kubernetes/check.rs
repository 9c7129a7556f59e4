//! What `doctor` says of each kind: whether it may be listed and watched, and how many there are.

use std::time::Instant;

use http::{Request, header};
use jiff::Timestamp;
use kube::client::{Body, Client};
use serde::Deserialize;
use serde_json::json;

use super::api;
use super::kind::{Kind, Reach};
use super::list::{page, page_uri};
use super::trouble::{Ask, Trouble};
use crate::model::{Failure, FailureKind, Health};
use crate::sources::{Context, Finding};

/// Tried once, without retries. One finding.
pub async fn kind<K: Kind>(context: &Context) -> Finding {
    let client = &context.session.client;
    let mut namespace = K::RESOURCE.namespace(context.session.scope.namespace.as_ref());
    let mut seen = count(client, &K::path(namespace.as_deref())).await;
    if let (Err(trouble), Reach::All { or }) = (&seen, K::RESOURCE.reach)
        && trouble.code() == Some(403)
    {
        namespace = Some(or.to_owned());
        seen = count(client, &K::path(Some(or))).await;
    }
    let ask = K::RESOURCE.ask("list", namespace.as_deref());
    let subject = K::FEED.noun();
    let seen = match seen {
        Ok(seen) => seen,
        Err(trouble) => return refused(subject, &trouble.failure(&ask)),
    };
    let watch = K::RESOURCE.ask("watch", namespace.as_deref());
    if K::POLLED.is_none() && may(client, &watch, K::RESOURCE.group).await == Some(false) {
        return Finding {
            health: Health::Denied,
            subject: subject.to_owned(),
            tried: watch.tried(),
            found: format!("list is allowed ({seen} seen), watch is not"),
            next: Some(watch.wish()),
        };
    }
    let found = format!("allowed, {seen} seen");
    Finding { health: Health::Ok, subject: subject.to_owned(), tried: ask.tried(), found, next: None }
}

/// How many there are, in words, from a page of one.
async fn count(client: &Client, path: &str) -> Result<String, Trouble> {
    let mut first = 0_u64;
    let page = page(client, &page_uri(path, Some(1), ""), |_| first += 1).await?;
    Ok(match page.remaining_item_count {
        Some(rest) => first.saturating_add(rest).to_string(),
        // Servers may leave the rest uncounted.
        None if !page.go_on.is_empty() => format!("{first} and more"),
        None => first.to_string(),
    })
}

fn refused(subject: &str, failure: &Failure) -> Finding {
    let health = match failure.kind {
        FailureKind::Denied => Health::Denied,
        FailureKind::Absent | FailureKind::NotConfigured => Health::NotConfigured,
        FailureKind::Throttled => Health::Warning,
        FailureKind::Unauthenticated | FailureKind::Unreachable | FailureKind::ServerError => {
            Health::Critical
        }
    };
    let absent = health == Health::NotConfigured;
    Finding {
        health,
        subject: subject.to_owned(),
        tried: failure.tried.to_string(),
        found: if absent {
            "the cluster does not have this kind".to_owned()
        } else {
            failure.happened.to_string()
        },
        next: (!absent).then(|| failure.next.to_string()),
    }
}

/// Whether the API server would allow it; None where it does not say.
async fn may(client: &Client, ask: &Ask, group: &str) -> Option<bool> {
    #[derive(Deserialize)]
    struct Review {
        status: ReviewStatus,
    }
    #[derive(Deserialize)]
    struct ReviewStatus {
        allowed: bool,
    }
    let (resource, subresource) = ask.resource.split_once('/').unwrap_or((&ask.resource, ""));
    let plural = resource.split('.').next().unwrap_or(resource);
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": ask.verb, "group": group, "resource": plural,
            "subresource": subresource, "namespace": ask.namespace.as_deref().unwrap_or_default()}},
    });
    // A review stores nothing: it is a question in the form of a POST.
    let request = Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(review.to_string().into_bytes()))
        .ok()?;
    let response = api::answer(client, request, api::PATIENCE).await.ok()?;
    let body = api::bytes(response.into_body(), 64 << 10, api::PATIENCE).await.ok()?;
    Some(api::parse::<Review>(&body).ok()?.status.allowed)
}

/// The server itself: reachable, of which version, with which clock, and whether logs may be read.
pub async fn server(context: &Context) -> Vec<Finding> {
    let client = &context.session.client;
    let ask = Ask { verb: "get", resource: "/version".to_owned(), namespace: None };
    let (asked, before) = (Instant::now(), Timestamp::now());
    let response = match api::get(client, "/version", api::Want::JSON, api::PATIENCE).await {
        Ok(response) => response,
        Err(trouble) => return vec![refused(SUBJECT, &trouble.failure(&ask))],
    };
    let took = asked.elapsed();
    let mut findings = vec![match context.session.server_version().await {
        Ok(version) => Finding {
            health: Health::Ok,
            subject: SUBJECT.to_owned(),
            tried: "get /version".to_owned(),
            found: format!("{} answered within {} ms", version.git, took.as_millis().max(1)),
            next: None,
        },
        Err(trouble) => refused(SUBJECT, &trouble.failure(&ask)),
    }];
    if let Some(date) = api::date(&response) {
        findings.push(clock((date.as_millisecond() - before.as_millisecond()) as f64 / 1000.0));
    }
    let namespace = context.session.scope.namespace.as_ref().map(ToString::to_string);
    let logs = Ask { verb: "get", resource: "pods/log".to_owned(), namespace };
    if may(client, &logs, "").await == Some(false) {
        findings.push(Finding {
            health: Health::Denied,
            subject: "logs".to_owned(),
            tried: logs.tried(),
            found: "not allowed".to_owned(),
            next: Some(logs.wish()),
        });
    }
    findings
}

const SUBJECT: &str = "kubernetes API";

/// Beyond this ages and chart times mislead, and tokens may be refused. Seconds.
const MAX_SKEW_S: f64 = 5.0;

fn clock(ahead_s: f64) -> Finding {
    let skewed = ahead_s.abs() > MAX_SKEW_S;
    let side = if ahead_s > 0.0 { "ahead of" } else { "behind" };
    let found = match skewed {
        true => format!("the server is {:.0} s {side} this machine", ahead_s.abs()),
        // The header counts whole seconds.
        false => "the same as this machine's, to a few seconds".to_owned(),
    };
    Finding {
        health: if skewed { Health::Warning } else { Health::Ok },
        subject: "clock".to_owned(),
        tried: "compare the server's Date header with this machine's clock".to_owned(),
        found,
        next: skewed.then(|| "synchronise the clocks (timedatectl): ages are wrong by this much".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::sources::Source;
    use crate::sources::kubernetes::pods::Pods;
    use crate::sources::kubernetes::testing::{Reply, Server};
    use crate::sources::kubernetes::usage::Usage;

    use super::*;

    #[test]
    fn a_clock_that_is_off_is_a_warning() {
        assert_eq!(clock(0.9).health, Health::Ok);
        assert_eq!(clock(-37.0).found, "the server is 37 s behind this machine");
        assert_eq!(clock(6.0).health, Health::Warning);
    }

    #[tokio::test]
    async fn a_list_of_one_counts_them_all() {
        let server = Server::start(36, |asked| match asked.path.as_str() {
            "/api/v1/namespaces/shop/pods" => Reply::Json(
                200,
                json!({"metadata": {"remainingItemCount": 49}, "items": [{"metadata": {"name": "a"}}]}),
            ),
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
                Reply::Json(201, json!({"status": {"allowed": true}}))
            }
            _ => Reply::Json(404, json!({})),
        })
        .await;
        let (context, _said) = server.context().await;
        let found = Pods.check(context.clone()).await;
        assert_eq!((found[0].health, found[0].found.as_str()), (Health::Ok, "allowed, 50 seen"));
        assert_eq!(found[0].tried, "list pods in shop");
        assert_eq!(Usage.check(context).await[0].health, Health::NotConfigured);
    }

    #[tokio::test]
    async fn a_denied_watch_is_found_though_the_list_is_allowed() {
        let server = Server::start(36, |asked| match asked.path.contains("accessreviews") {
            true => Reply::Json(201, json!({"status": {"allowed": false}})),
            false => Reply::Json(200, json!({"items": []})),
        })
        .await;
        let (context, _said) = server.context().await;
        let found = kind::<Pods>(&context).await;
        assert_eq!(found.next.as_deref(), Some("ask for the verb watch on pods in shop"));
        let server_says = super::server(&context).await;
        assert_eq!(server_says[0].health, Health::Ok);
        assert!(server_says[0].found.starts_with("v1.36.0 answered"), "{server_says:?}");
        assert_eq!(server_says[1].subject, "clock");
        assert_eq!(server_says[2].next.as_deref(), Some("ask for the verb get on pods/log in shop"));
    }
}
