//! `midwatch approve`: shows what waits for somebody's consent, and gives it.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;

use color_eyre::eyre::{Result, bail, eyre};
use tokio::sync::mpsc;

use crate::actions::gateway::{Gateway, OpenPlan};
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::Journal;
use crate::model::Failure;
use crate::sources::Session;

/// Lists the open plans, or approves the one that is named; the text is for standard output.
///
/// # Errors
/// When nothing can be read or written, the plan is unknown or one's own, or the name is not typed.
pub async fn run(
    session: &Session,
    config: Arc<Config>,
    read_only: bool,
    journal: Result<Journal, String>,
    plan: Option<&str>,
    name: Option<&str>,
) -> Result<String> {
    let (out, _messages) = mpsc::channel(8);
    let gateway = Gateway::new(config, read_only, Clock::wall(), journal, out);
    let namespace = session.scope.namespace.as_deref().unwrap_or("default");
    let open = gateway.open_plans(session, namespace).await.map_err(|f| told(&f))?;
    let Some(wanted) = plan else { return Ok(list(&open, namespace)) };
    let mut matching = open.iter().filter(|p| p.hash.starts_with(wanted));
    let found = match (matching.next(), matching.next()) {
        (Some(only), None) => only,
        (None, _) => {
            bail!("no plan '{wanted}' waits in {namespace}; without a number the open ones are listed")
        }
        (Some(_), Some(_)) => bail!("more than one plan begins with '{wanted}': give more of it"),
    };
    let typed = match name {
        Some(name) => name.to_owned(),
        None => ask(found)?,
    };
    if typed.trim() != found.name.as_str() {
        bail!("'{}' is not '{}': nothing was approved", typed.trim(), found.name);
    }
    gateway.approve(session, found).await.map_err(|f| told(&f))?;
    Ok(format!("approved: {}; it counts once, for 30 min\n", found.title))
}

fn told(failure: &Failure) -> color_eyre::Report {
    eyre!("{}: {}; {}", failure.tried, failure.happened, failure.next)
}

fn list(open: &[OpenPlan], namespace: &str) -> String {
    if open.is_empty() {
        return format!("nothing waits for an approval in {namespace}\n");
    }
    open.iter().map(|p| format!("{}  {}", &p.hash[..p.hash.len().min(16)], shown(p))).collect()
}

fn shown(plan: &OpenPlan) -> String {
    let until = plan.until.strftime("%H:%M:%SZ");
    let mut text = format!("{}, asked for by {}, until {until}\n", plan.title, plan.asked_by);
    for line in &plan.lines {
        text += &format!("  {line}\n");
    }
    text + &format!("  because  {}\n", plan.why)
}

fn ask(plan: &OpenPlan) -> Result<String> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to type the name on; give it with --name, nothing was approved");
    }
    let mut out = std::io::stdout();
    write!(out, "{}type '{}' to approve: ", shown(plan), plan.name)?;
    out.flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}
