//! Health endpoints asked over HTTP: latency and availability where there is no Prometheus, and a
//! second opinion where there is one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, join_all};
use jiff::Timestamp;

use super::http::Endpoint;
use super::{Context, Finding, Source};
use crate::config::ProbeSpec;
use crate::model::signal::{Probe, ProbeCheck};
use crate::model::{Change, Clean, Failure, FailureKind, FeedId, Health, Observation};

/// An hour and a half at the default of one check in 15 s.
const CHECKS: usize = 360;

/// A health endpoint that takes longer is not healthy.
const PATIENCE: Duration = Duration::from_secs(10);

const MESSAGE_CHARS: usize = 200;

pub struct Probes;

impl Source for Probes {
    fn noun(&self) -> &'static str {
        "health probes"
    }

    fn feeds(&self) -> &'static [FeedId] {
        &[FeedId::Probes]
    }

    fn run(&self, context: Context) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let stop = context.stop.clone();
            tokio::select! { () = stop.cancelled() => {}, () = run(context) => {} }
        })
    }

    fn check(&self, context: Context) -> BoxFuture<'static, Vec<Finding>> {
        Box::pin(async move { join_all(context.config.probes.iter().map(check)).await })
    }
}

async fn run(context: Context) {
    if context.config.probes.is_empty() {
        let failure = Failure {
            kind: FailureKind::NotConfigured,
            tried: Clean::new("probe health endpoints"),
            happened: Clean::new("none is configured"),
            next: Clean::new("add [[probe]] url = \"https://…/health\" to midwatch.toml"),
        };
        context.send(FeedId::Probes, vec![Change::Failed(failure)]).await;
        return;
    }
    context.send(FeedId::Probes, vec![Change::Reset]).await;
    join_all(context.config.probes.iter().map(|spec| watch(spec, &context))).await;
}

async fn watch(spec: &ProbeSpec, context: &Context) {
    let every = Duration::try_from(spec.every).unwrap_or(PATIENCE);
    let mut checks: VecDeque<ProbeCheck> = VecDeque::with_capacity(CHECKS);
    let mut endpoint = None;
    loop {
        let seen = context.refresh();
        // A secret or certificate that can't be read may be there the next time.
        let opened = match endpoint.take() {
            Some(endpoint) => Ok(endpoint),
            None => open(spec).await,
        };
        let checked = match &opened {
            Ok(endpoint) => probe(endpoint).await,
            Err(failure) => failed(0.0, failure),
        };
        endpoint = opened.ok();
        if checks.len() == CHECKS {
            checks.pop_front();
        }
        checks.push_back(checked);
        let probe = Probe {
            name: Clean::new(&spec.name),
            url: Clean::new(&shown(&spec.url)),
            checks: checks.iter().cloned().collect(),
        };
        let changes = vec![Change::Upsert(Observation::Probe(Box::new(probe))), Change::Ready];
        if !context.send(FeedId::Probes, changes).await {
            return;
        }
        context.pause(every, seen).await;
    }
}

async fn open(spec: &ProbeSpec) -> Result<Endpoint, Failure> {
    Endpoint::direct("probe", &spec.url, &spec.http).await
}

/// Its query may hold a token.
fn shown(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or("").to_owned()
}

async fn probe(endpoint: &Endpoint) -> ProbeCheck {
    let started = Instant::now();
    let asked = tokio::time::timeout(PATIENCE, endpoint.visit()).await;
    let latency_s = started.elapsed().as_secs_f64();
    match asked {
        Ok(Ok(reply)) => ProbeCheck {
            at: Timestamp::now(),
            status: Some(reply.status.as_u16()),
            latency_s,
            ok: reply.status.is_success(),
            message: first_line(&reply.body),
        },
        Ok(Err(failure)) => failed(latency_s, &failure),
        Err(_) => ProbeCheck {
            at: Timestamp::now(),
            status: None,
            latency_s,
            ok: false,
            message: Some(Clean::new(&format!("no answer within {} s", PATIENCE.as_secs()))),
        },
    }
}

fn failed(latency_s: f64, failure: &Failure) -> ProbeCheck {
    let message = Some(failure.happened.clone());
    ProbeCheck { at: Timestamp::now(), status: None, latency_s, ok: false, message }
}

fn first_line(body: &[u8]) -> Option<Clean> {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * MESSAGE_CHARS)]);
    let line: String = text.trim().lines().next()?.chars().take(MESSAGE_CHARS).collect();
    Some(Clean::new(&line))
}

async fn check(spec: &ProbeSpec) -> Finding {
    let subject = format!("probe {}", spec.name);
    let checked = match open(spec).await {
        Ok(endpoint) => probe(&endpoint).await,
        Err(failure) => return Finding::of_failure(&subject, &failure),
    };
    let said = checked.message.map_or(String::new(), |m| format!(": {m}"));
    let found = match checked.status {
        Some(status) => format!("{status} in {:.0} ms{said}", checked.latency_s * 1000.0),
        None => format!("no answer{said}"),
    };
    Finding {
        health: if checked.ok { Health::Ok } else { Health::Critical },
        subject,
        tried: format!("GET {}", shown(&spec.url)),
        found,
        next: (!checked.ok).then(|| "look at the service, or correct [[probe]] url".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;

    use super::*;
    use crate::sources::testing::{context, serve};

    #[tokio::test]
    async fn what_an_endpoint_says_is_kept_and_bounded() {
        let app = Router::new().route("/ok", get(|| async { "\n{\"status\":\"up\"}\nmore" })).route(
            "/down",
            get(|| async { (axum::http::StatusCode::SERVICE_UNAVAILABLE, "db\u{1b}[2J ".repeat(500)) }),
        );
        let url = serve(app).await;
        let config = format!(
            "[[probe]]\nname = 'ok'\nurl = '{url}/ok?token=hunter2'\n[[probe]]\nname = 'down'\nurl = '{url}/down'\n\
             [[probe]]\nname = 'gone'\nurl = 'http://127.0.0.1:1/'"
        );
        let (context, mut batches, wants) = context(&config);
        let task = tokio::spawn(Probes.run(context.clone()));
        let mut probes = std::collections::BTreeMap::new();
        while probes.len() < 3 {
            for change in batches.recv().await.unwrap().changes {
                if let Change::Upsert(Observation::Probe(probe)) = change {
                    probes.insert(probe.name.to_string(), *probe);
                }
            }
        }
        let last = |name: &str| probes[name].checks.last().unwrap();
        assert!(last("ok").ok && last("ok").message.as_deref() == Some("{\"status\":\"up\"}"));
        assert_eq!(last("down").status, Some(503));
        let message = last("down").message.as_deref().unwrap();
        assert!(!last("down").ok && message.starts_with("db db") && message.chars().count() <= MESSAGE_CHARS);
        assert!(last("gone").status.is_none() && !last("gone").ok);
        assert!(!format!("{probes:?}").contains("hunter2"));

        wants.send_modify(|wants| wants.refresh += 1);
        loop {
            let changes = batches.recv().await.unwrap().changes;
            if let Change::Upsert(Observation::Probe(probe)) = &changes[0]
                && probe.checks.len() == 2
            {
                break;
            }
        }
        let findings = Probes.check(context.clone()).await;
        let worst: Vec<Health> = findings.iter().map(|f| f.health).collect();
        assert_eq!(worst, [Health::Ok, Health::Critical, Health::Critical], "{findings:?}");
        context.stop.cancel();
        task.await.unwrap();
    }

    #[tokio::test]
    async fn none_configured_is_no_fault() {
        let (context, mut batches, _wants) = context("");
        Probes.run(context).await;
        let Change::Failed(failure) = &batches.recv().await.unwrap().changes[0] else { panic!() };
        assert_eq!(failure.kind, FailureKind::NotConfigured);
    }
}
