//! Asks what a check can't tell from what is known: an endpoint, Prometheus, a command that only
//! looks. Bounded in time, and nothing of a body is kept.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::actions::gateway::Gateway;
use crate::actions::gateway::run::{Exit, Ran, Run};
use crate::config::{Config, HttpAccess};
use crate::model::ask::{Answer, Ask, Sample};
use crate::model::command::Stream;
use crate::model::{Clean, Failure, FailureKind};
use crate::sources::{Session, http::Endpoint, prometheus};

/// As for health probes: an endpoint that takes longer is not healthy.
const HTTP_PATIENCE: Duration = Duration::from_secs(10);
/// A command that looks for longer is no check. Seconds.
const COMMAND_S: u64 = 30;
/// Series that a check is judged by; a query that gives more is not one for a check.
const MOST_SERIES: usize = 1000;
/// Of a label set, for the screen. Characters.
const LABELS_CHARS: usize = 120;

/// # Errors
/// When there is no answer: what was tried, what happened, what to do.
pub async fn answer(
    session: &Session,
    config: &Config,
    gateway: &Gateway,
    ask: &Ask,
) -> Result<Answer, Failure> {
    match ask {
        Ask::Http { url, contains } => visit(url, contains.as_deref()).await,
        Ask::PromQl { query } => evaluate(session, config, query).await,
        Ask::Command { argv, stdout } => look(session, gateway, argv, stdout.as_deref()).await,
    }
}

async fn visit(url: &str, contains: Option<&str>) -> Result<Answer, Failure> {
    let endpoint = Endpoint::direct("check", url, &HttpAccess::default()).await?;
    let started = Instant::now();
    let Ok(reply) = tokio::time::timeout(HTTP_PATIENCE, endpoint.visit()).await else {
        let happened = format!("no answer within {} s", HTTP_PATIENCE.as_secs());
        return Err(endpoint.failure(FailureKind::Unreachable, "", happened, "look at the service"));
    };
    let reply = reply?;
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let found = contains.map(|text| String::from_utf8_lossy(&reply.body).contains(text));
    Ok(Answer::Http { status: reply.status.as_u16(), took_ms, found })
}

async fn evaluate(session: &Session, config: &Config, query: &str) -> Result<Answer, Failure> {
    let answer = prometheus::instant(session, config, query).await?;
    if answer.series.len() > MOST_SERIES {
        return Err(Failure {
            kind: FailureKind::ServerError,
            tried: Clean::new("evaluate the query of a check"),
            happened: Clean::new(&format!("{} series", answer.series.len())),
            next: Clean::new("aggregate it, as with sum() or max()"),
        });
    }
    let sample = |series: prometheus::Series| {
        let value = series.points.last()?.v;
        let labels = series.labels.iter().filter(|(name, _)| *name != "__name__");
        let words: Vec<String> = labels.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let words: String = words.join(", ").chars().take(LABELS_CHARS).collect();
        Some(Sample { labels: Clean::new(&words), value: Clean::new(&value.to_string()) })
    };
    Ok(Answer::Values {
        values: answer.series.into_iter().filter_map(sample).collect(),
        warning: answer.warning,
    })
}

async fn look(
    session: &Session,
    gateway: &Gateway,
    argv: &[String],
    stdout: Option<&str>,
) -> Result<Answer, Failure> {
    let run = run(session, argv);
    // Nobody watches it line by line: what is kept of the output is enough.
    let (live, _) = mpsc::channel(1);
    let ran = gateway.look(&run, live, CancellationToken::new()).await.map_err(|why| Failure {
        kind: FailureKind::Absent,
        tried: Clean::new(&format!("run {}", run.name)),
        happened: Clean::new(&why),
        next: Clean::new("install it, or correct the check"),
    })?;
    Ok(ran_to(&ran, stdout))
}

fn ran_to(ran: &Ran, stdout: Option<&str>) -> Answer {
    let written: Vec<&str> =
        ran.lines.iter().filter(|l| l.from == Stream::Out).map(|l| l.text.as_str()).collect();
    let found = stdout.map(|text| written.join("\n").contains(text));
    let last = ran.lines.iter().rev().find(|l| l.from != Stream::Note && !l.text.trim().is_empty());
    let last = last.map_or_else(|| Clean::new("nothing written"), |l| l.text.clone());
    match &ran.exit {
        Exit::Exited(code) => Answer::Ran { exit: Some(*code), found, said: last },
        Exit::Signalled(signal) => unfinished(&format!("ended by signal {signal}: {last}")),
        Exit::TimedOut => unfinished(&format!("not done within {COMMAND_S} s: {last}")),
        Exit::Cancelled => unfinished("stopped"),
        Exit::Unknown(why) => unfinished(&format!("how it ended is not known: {why}")),
    }
}

fn unfinished(words: &str) -> Answer {
    Answer::Ran { exit: None, found: None, said: Clean::new(words) }
}

/// In the cluster that is looked at, whatever kubectl's own current context is.
fn run(session: &Session, argv: &[String]) -> Run {
    let mut argv = argv.to_vec();
    let name = argv.first().cloned().unwrap_or_default();
    let flag = match name.as_str() {
        "kubectl" => Some("--context"),
        "helm" => Some("--kube-context"),
        _ => None,
    };
    let context = session.scope.context.as_str();
    if let Some(flag) = flag
        && context != "in-cluster"
        && !argv.iter().any(|a| a == flag || a.starts_with(&format!("{flag}=")))
    {
        argv.splice(1..1, [flag.to_owned(), context.to_owned()]);
    }
    let kubeconfig = session.target.kubeconfig.as_ref();
    let variables: BTreeMap<String, String> =
        kubeconfig.map(|path| ("KUBECONFIG".to_owned(), path.display().to_string())).into_iter().collect();
    let environment = if kubeconfig.is_none() { vec!["KUBECONFIG".to_owned()] } else { Vec::new() };
    Run { name, argv, directory: ".".to_owned(), environment, variables, timeout_s: COMMAND_S }
}
