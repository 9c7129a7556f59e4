//! The questions of a review: courses over a night or weeks, asked once, a few at a time, each with
//! an outcome of its own.

use futures::StreamExt;

use super::client::{Client, Series as Raw};
use super::convention::{self, Detected};
use super::{discover, focus, promql};
use crate::config::Config;
use crate::model::signal::SignalId;
use crate::model::{Clean, Failure, FailureKind};
use crate::review::asked::{Answer, Ask, Question, Series};
use crate::sources::Session;
use crate::sources::discover::Role;

/// These queries are long; a Prometheus in the night's backup window has other things to do.
const AT_ONCE: usize = 2;
/// Alerts of a bad night in a large namespace.
const MOST_SERIES: usize = 500;
const MOST_POINTS: usize = 2_000;
const MOST_LABELS: usize = 30;
const MOST_CHARS: usize = 200;

type Told = (Question, Result<Answer, Failure>);

/// Asks all of them; `progress` is told how many are answered. Where Prometheus can't be reached, each
/// question has that for its answer.
pub async fn ask(session: &Session, config: &Config, asks: &[Ask], progress: impl Fn(usize)) -> Vec<Told> {
    let opened = async {
        let (endpoint, _) = discover::open(Role::Prometheus, session, config, &session.found).await?;
        let client = Client { endpoint };
        let detected = convention::detect(&client, &focus(session, config)).await?;
        Ok::<_, Failure>((client, detected))
    };
    let (client, detected) = match opened.await {
        Ok(opened) => opened,
        Err(failure) => return asks.iter().map(|a| (a.question, Err(failure.clone()))).collect(),
    };
    let scope = Scope { session, config, detected: &detected };
    let (scope, client) = (&scope, &client);
    let answers = futures::stream::iter(asks.to_vec())
        .map(|ask| async move { (ask.question, scope.answer(client, ask).await) })
        .buffer_unordered(AT_ONCE);
    let mut answers = std::pin::pin!(answers);
    let mut all = Vec::new();
    while let Some(answer) = answers.next().await {
        all.push(answer);
        progress(all.len());
    }
    all
}

struct Scope<'a> {
    session: &'a Session,
    config: &'a Config,
    detected: &'a Detected,
}

impl Scope<'_> {
    async fn answer(&self, client: &Client, ask: Ask) -> Result<Answer, Failure> {
        let Some(query) = self.query(ask) else { return Err(unknown(ask.question)) };
        let answer = client.query_range(&query, ask.start, ask.end, ask.step_s).await?;
        let left_out = answer.series.len().saturating_sub(MOST_SERIES);
        let series = answer.series.into_iter().take(MOST_SERIES).map(bounded).collect();
        Ok(Answer { ask, series, left_out, warning: answer.warning })
    }

    fn query(&self, ask: Ask) -> Option<String> {
        let (window, step) = (format!("{}s", ask.window_s), format!("{}s", ask.step_s));
        match ask.question {
            Question::Coverage => {
                Some(format!("count({})", promql::selector("up", &self.config.prometheus.matchers)))
            }
            // An alert that is shorter than a step is seen as well.
            Question::Alerts => {
                let firing = r#"alertstate="firing""#.to_owned();
                let alerts = promql::selector("ALERTS", &self.matchers(&[firing]));
                Some(format!("max_over_time({alerts}[{step}])"))
            }
            Question::Course(id) => self.course(id, ask.step_s),
            Question::Whole(id) | Question::Before(id) => self.whole(id, &window),
            Question::Restarts => {
                Some(format!("sum by (pod) (increase({}[{window}])) > 0.5", self.restarts()))
            }
            Question::OomKills => {
                let reason = r#"reason="OOMKilled""#.to_owned();
                let metric = "kube_pod_container_status_last_terminated_reason";
                let killed = promql::selector(metric, &self.matchers(&[reason]));
                Some(format!(
                    "sum by (pod) (max_over_time({killed}[{window}]) and on (namespace, pod, container) \
                     (increase({}[{window}]) > 0.5))",
                    self.restarts()
                ))
            }
        }
    }

    fn restarts(&self) -> String {
        promql::selector("kube_pod_container_status_restarts_total", &self.matchers(&[]))
    }

    /// Alerts without a namespace are about the cluster: they concern everyone in it.
    fn matchers(&self, more: &[String]) -> Vec<String> {
        let mut all = self.config.prometheus.matchers.clone();
        if let Some(namespace) = &self.session.scope.namespace {
            let pattern = format!("{}|", promql::regex_quoted(namespace));
            all.push(format!("namespace=~{}", promql::quoted(&pattern)));
        }
        all.extend_from_slice(more);
        all
    }

    fn course(&self, id: SignalId, step_s: u32) -> Option<String> {
        let own = self.config.prometheus.queries.get(&id).cloned();
        // Never shorter than five minutes: older data are often kept more coarsely.
        let rate_s = u64::from(step_s + self.detected.interval_s).max(300);
        own.or_else(|| self.detected.chart(id, &format!("{rate_s}s"))).or_else(|| self.detected.reading(id))
    }

    /// Over the window as one: weighted by traffic where the convention is known.
    fn whole(&self, id: SignalId, window: &str) -> Option<String> {
        match self.config.prometheus.queries.get(&id) {
            Some(own) => Some(format!("avg_over_time(({own})[{window}:5m])")),
            None => self.detected.chart(id, window),
        }
    }
}

fn bounded(raw: Raw) -> Series {
    let text = |t: &str| Clean::new(&t.chars().take(MOST_CHARS).collect::<String>());
    let labels = raw.labels.iter().take(MOST_LABELS).map(|(k, v)| (text(k), text(v))).collect();
    Series { labels, points: raw.points.into_iter().take(MOST_POINTS).collect() }
}

fn unknown(question: Question) -> Failure {
    Failure {
        kind: FailureKind::NotConfigured,
        tried: Clean::from(format!("ask Prometheus for {question:?}")),
        happened: Clean::new("no metrics of a known convention"),
        next: Clean::new("set [prometheus.queries], or check that the service is scraped"),
    }
}
