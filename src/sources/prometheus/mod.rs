//! The service's signals from Prometheus, or whatever speaks its API: found or configured, asked
//! by the convention that its series follow, each signal with an outcome of its own.

mod batch;
mod client;
mod convention;
#[cfg(test)]
mod fake;
mod history;
mod promql;
pub mod review;
mod round;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::discover::{self, Role};
use super::pace::Pace;
use super::{Context, Finding, Session, Source, Wants};
use crate::config::Config;
use crate::model::{Change, Failure, FeedId, Health};
use batch::Apart;
use client::Client;
pub use client::{Answer, Series};
use convention::{Detected, Focus};
use history::History;
use round::Due;

/// The usual scrape interval: asking more often gives nothing new.
const EVERY: Duration = Duration::from_secs(15);

/// How often the queries over days are asked, and the conventions looked for again.
const SLOW: Duration = Duration::from_secs(300);

/// As long as no convention was found: the service may just be starting.
const DETECT_AGAIN: Duration = Duration::from_secs(60);

pub struct Prometheus;

impl Source for Prometheus {
    fn noun(&self) -> &'static str {
        "prometheus"
    }

    fn feeds(&self) -> &'static [FeedId] {
        &[FeedId::Signals]
    }

    fn run(&self, context: Context) -> BoxFuture<'static, ()> {
        Box::pin(run(context))
    }

    fn check(&self, context: Context) -> BoxFuture<'static, Vec<Finding>> {
        Box::pin(check(context))
    }
}

/// A Prometheus that answers, and what was found out of it.
struct Watched {
    client: Client,
    detected: Detected,
    detected_at: Instant,
    slow_at: Option<Instant>,
    history: History,
    apart: Apart,
}

async fn run(context: Context) {
    let mut pace = Pace::default();
    let mut first = true;
    while !context.stop.is_cancelled() {
        let seen = context.refresh();
        let failure = tokio::select! {
            () = context.stop.cancelled() => return,
            failure = watch(&context, &mut first, &mut pace) => failure,
        };
        let wait = pace.after(failure.kind);
        if !context.send(FeedId::Signals, vec![Change::Failed(failure)]).await {
            return;
        }
        context.pause(wait, seen).await;
    }
}

/// Asks round after round until something breaks.
async fn watch(context: &Context, first: &mut bool, pace: &mut Pace) -> Failure {
    let mut wants_seen = context.wants.clone();
    let mut watched = match open(context).await {
        Ok(watched) => watched,
        Err(failure) => return failure,
    };
    let mut due = Due::Everything;
    loop {
        let wants = *wants_seen.borrow_and_update();
        if let Err(failure) = watched.redetect(context).await {
            return failure;
        }
        let started = Instant::now();
        let asked = tokio::select! {
            asked = watched.round(context, wants, due, first) => asked,
            // A new window makes what is being asked useless.
            changed = wants_seen.changed() => {
                if changed.is_err() { std::future::pending::<()>().await }
                due = Due::Everything;
                continue;
            }
        };
        if let Err(failure) = asked {
            return failure;
        }
        pace.reset();
        // One that is slow is left alone for as long as it took.
        let rest = (started + EVERY).max(Instant::now() + started.elapsed().saturating_sub(EVERY));
        due = wait(&mut wants_seen, wants, rest).await;
    }
}

/// Until the next round, or until the screen wants something else; then only what that changes.
async fn wait(wants_seen: &mut tokio::sync::watch::Receiver<Wants>, last: Wants, until: Instant) -> Due {
    tokio::select! {
        () = tokio::time::sleep_until(until) => Due::Quick,
        changed = wants_seen.changed() => {
            if changed.is_err() {
                tokio::time::sleep_until(until).await;
                return Due::Quick;
            }
            if wants_seen.borrow().refresh != last.refresh { Due::Everything } else { Due::Charts }
        }
    }
}

/// One value of each series of a query, now.
///
/// # Errors
/// When Prometheus can't be found or reached, refuses, or can't evaluate it.
pub async fn instant(session: &Session, config: &Config, query: &str) -> Result<Answer, Failure> {
    let (endpoint, _) = discover::open(Role::Prometheus, session, config, &session.found).await?;
    Client { endpoint }.query(query).await
}

async fn open(context: &Context) -> Result<Watched, Failure> {
    let (endpoint, _) =
        discover::open(Role::Prometheus, &context.session, &context.config, &context.found).await?;
    let client = Client { endpoint };
    let detected = convention::detect(&client, &focus(&context.session, &context.config)).await?;
    let (slow_at, history, apart) = (None, History::default(), Apart::default());
    Ok(Watched { client, detected, detected_at: Instant::now(), slow_at, history, apart })
}

fn focus(session: &Session, config: &Config) -> Focus {
    let scope = &session.scope;
    let service = scope.service.as_ref().map(ToString::to_string).or_else(|| config.service.clone());
    Focus {
        namespace: scope.namespace.as_ref().map(ToString::to_string),
        service: service.filter(|s| !s.is_empty()),
        matchers: config.prometheus.matchers.clone(),
    }
}

impl Watched {
    async fn redetect(&mut self, context: &Context) -> Result<(), Failure> {
        let complete = self.detected.requests.is_some() && self.detected.latency.is_some();
        let every = if complete { SLOW } else { DETECT_AGAIN };
        if self.detected_at.elapsed() >= every {
            self.detected =
                convention::detect(&self.client, &focus(&context.session, &context.config)).await?;
            self.detected_at = Instant::now();
            // Data may have come late.
            self.ask_anew();
        }
        Ok(())
    }

    /// The next round asks for everything, and tries again to ask together.
    fn ask_anew(&mut self) {
        self.history.clear();
        self.apart.clear();
    }
}

async fn check(context: Context) -> Vec<Finding> {
    let opened = discover::open(Role::Prometheus, &context.session, &context.config, &context.found).await;
    let (client, how) = match opened {
        Ok((endpoint, how)) => (Client { endpoint }, how),
        Err(failure) => return vec![Finding::of_failure("prometheus", &failure)],
    };
    let focus = focus(&context.session, &context.config);
    let detected = match convention::detect(&client, &focus).await {
        Ok(detected) => detected,
        Err(failure) => return vec![Finding::of_failure("prometheus", &failure)],
    };
    let tried = format!("{}, {how}", client.endpoint.place());
    let mut findings = Vec::new();
    for (what, measured) in [("requests and errors", &detected.requests), ("latency", &detected.latency)] {
        findings.push(match measured {
            Some(m) => Finding {
                health: if m.note.is_some() || m.errors.is_none() && what != "latency" {
                    Health::Warning
                } else {
                    Health::Ok
                },
                subject: format!("prometheus: {what}"),
                tried: tried.clone(),
                found: match &m.note {
                    Some(note) => format!("{} ({} convention); {note}", m.metric, m.convention),
                    None => {
                        format!("{} ({} convention)", promql::selector(m.metric, &m.matchers), m.convention)
                    }
                },
                next: m.note.as_ref().map(|_| "set [prometheus] matchers".to_owned()),
            },
            None => Finding {
                health: Health::Unknown,
                subject: format!("prometheus: {what}"),
                tried: tried.clone(),
                found: format!(
                    "no series of a known convention in {}",
                    focus.namespace.as_deref().unwrap_or("any namespace")
                ),
                next: Some("set [prometheus.queries], or check that the service is scraped".into()),
            },
        });
    }
    findings
}
