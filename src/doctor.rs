//! What can be reached, what may be done, what the terminal can do, and what to fix: one line a
//! thing, worst first. Every source examines what it needs itself.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::model::scope::Target;
use crate::model::{Clean, Health};
use crate::sources::discover::{self, Found, Role};
use crate::sources::{Context, Finding, SOURCES, Session, Wants, session};
use crate::terminal::capabilities::Capabilities;
use crate::ui::theme::Depth;

/// One check may take this long; what is slower is told as such.
const PATIENCE: Duration = Duration::from_secs(15);

/// Connects and lets every source try what it needs.
pub async fn examine(target: &Target, config: Arc<Config>) -> Vec<Finding> {
    let mut findings = vec![configuration(&config)];
    let session = match session::connect(target).await {
        Ok(session) => Arc::new(session),
        Err(failure) => {
            findings.push(Finding {
                health: Health::Critical,
                subject: "cluster".into(),
                tried: failure.tried.to_string(),
                found: failure.happened.to_string(),
                next: Some(failure.next.to_string()),
            });
            return findings;
        }
    };
    findings.push(scope(&session));
    let context = context(session, config);
    findings.extend(redis(&context).await);
    let checks = SOURCES.iter().map(|source| {
        let check = source.check(context.clone());
        async move {
            tokio::time::timeout(PATIENCE, check).await.unwrap_or_else(|_| {
                vec![Finding {
                    health: Health::Unknown,
                    subject: source.noun().into(),
                    tried: format!("reach {}", source.noun()),
                    found: format!("no answer within {} s", PATIENCE.as_secs()),
                    next: Some("look at the network between here and there".into()),
                }]
            })
        }
    });
    findings.extend(join_all(checks).await.into_iter().flatten());
    findings
}

/// What was found in the cluster, for `config init`.
///
/// # Errors
/// There is no cluster to look into.
pub async fn found(target: &Target) -> Result<Found, crate::model::Failure> {
    let session = session::connect(target).await?;
    Ok(discover::discover(&session).await)
}

fn context(session: Arc<Session>, config: Arc<Config>) -> Context {
    let (out, _) = mpsc::channel(1);
    let window = Duration::from_secs(3600);
    let (_, wants) = watch::channel(Wants { window, refresh: 0 });
    Context {
        epoch: 0,
        session,
        config,
        out,
        stop: CancellationToken::new(),
        wants,
        found: Default::default(),
    }
}

fn configuration(config: &Config) -> Finding {
    let found = match &config.path {
        Some(path) => format!("read {}", path.display()),
        None => "no file; everything is found out".into(),
    };
    Finding {
        health: Health::Ok,
        subject: "configuration".into(),
        tried: "read midwatch.toml".into(),
        found,
        next: None,
    }
}

fn scope(session: &Session) -> Finding {
    let scope = &session.scope;
    let namespace = scope.namespace.as_deref().unwrap_or("all namespaces");
    Finding {
        health: Health::Ok,
        subject: "cluster".into(),
        tried: format!("read the kubeconfig's context {}", scope.context),
        found: format!("cluster {}, {namespace}, as {}", scope.cluster, scope.user),
        next: None,
    }
}

/// That it is there; it is asked only when somebody is about to flush it.
async fn redis(context: &Context) -> Option<Finding> {
    let found = context.found.get(&context.session).await;
    let redis = found.best(Role::Redis)?;
    Some(Finding {
        health: Health::Ok,
        subject: "redis".into(),
        tried: format!("find Redis in {}", found.looked_in),
        found: format!("{}: {}", redis.service, redis.how),
        next: None,
    })
}

/// What the terminal can do, from its environment.
pub fn terminal(capabilities: &Capabilities) -> Vec<Finding> {
    let colours = match capabilities.depth {
        Depth::None => "no colours",
        Depth::Ansi16 => "16 colours",
        Depth::Ansi256 => "256 colours",
        Depth::True => "true colour",
    };
    let (health, next) = match capabilities.ascii {
        true => (
            Health::Warning,
            Some("box drawing and braille are off; a UTF-8 locale and TERM turn them on".into()),
        ),
        false => (Health::Ok, None),
    };
    vec![Finding {
        health,
        subject: "terminal".into(),
        tried: "read TERM, COLORTERM, NO_COLOR and the locale".into(),
        found: format!("{}, {colours}, {}", or_none(&capabilities.term), capabilities.reason),
        next,
    }]
}

fn or_none(term: &str) -> String {
    if term.is_empty() { "TERM is not set".into() } else { format!("TERM={}", Clean::new(term)) }
}

/// Worst first; what is alike keeps its order.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by_key(|f| Reverse(f.health));
}

/// 0: fine; 1: something to look at; 2: something could not be reached.
pub fn exit_code(findings: &[Finding]) -> u8 {
    match findings.iter().map(|f| f.health).max() {
        None | Some(Health::Ok | Health::Progress | Health::NotConfigured) => 0,
        Some(Health::Warning | Health::Denied) => 1,
        Some(Health::Critical | Health::Unknown | Health::Stale) => 2,
    }
}

/// `✖ prometheus   ask monitoring/prometheus: 403 …; ask for …`.
pub fn render(findings: &[Finding], ascii: bool, colour: bool) -> String {
    let width = findings.iter().map(|f| f.subject.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for finding in findings {
        let mark = finding.health.mark(ascii);
        let mark =
            if colour { format!("\x1b[{}m{mark}\x1b[0m", ansi(finding.health)) } else { mark.to_owned() };
        let next = finding.next.as_ref().map(|n| format!("; {n}")).unwrap_or_default();
        let line = format!("{:<width$}  {}: {}{next}", finding.subject, finding.tried, finding.found);
        // Findings carry the words of servers.
        out += &format!("{mark} {}\n", Clean::new(&line));
    }
    let count = |of: &[Health]| findings.iter().filter(|f| of.contains(&f.health)).count();
    let fine = count(&[Health::Ok, Health::Progress]);
    let absent = count(&[Health::NotConfigured]);
    out += &format!("{fine} fine, {absent} not configured, {} to look at\n", findings.len() - fine - absent);
    out
}

fn ansi(health: Health) -> u8 {
    match health {
        Health::Ok => 32,
        Health::Warning => 33,
        Health::Critical => 31,
        Health::Progress => 34,
        Health::NotConfigured => 2,
        _ => 35,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(health: Health, subject: &str) -> Finding {
        Finding {
            health,
            subject: subject.into(),
            tried: format!("list {subject}"),
            found: "403: \x1b[31mno".into(),
            next: (health > Health::Ok).then(|| "ask for list".into()),
        }
    }

    #[test]
    fn worst_first_with_what_to_do_and_nothing_that_acts() {
        let mut findings = vec![finding(Health::Ok, "pods"), finding(Health::Denied, "nodes")];
        sort(&mut findings);
        let text = render(&findings, true, false);
        assert_eq!(
            text,
            "/ nodes  list nodes: 403: no; ask for list\no pods   list pods: 403: no\n\
             1 fine, 0 not configured, 1 to look at\n"
        );
        assert_eq!(exit_code(&findings), 1);
        assert_eq!(exit_code(&[]), 0);
        assert_eq!(exit_code(&[finding(Health::Critical, "cluster")]), 2);
    }
}
