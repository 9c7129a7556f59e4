//! A command of a runbook that changes something: the walk has filled it in, and its exact command line
//! is what is confirmed.

use std::collections::BTreeMap;

use super::command::command_line;
use super::gateway::run::Run;
use super::{Plan, Reader, Stop, Write};
use crate::model::action::{ActionId, Answers, Check, Difference, Subject};
use crate::model::{Clean, Failure, FailureKind};
use crate::runbook::command::Invocation;
use crate::sources::Session;

/// Where the walk says nothing. Seconds.
const TIMEOUT_S: u64 = 300;

pub fn plan(read: &Reader<'_>, subject: &Subject, answers: &Answers) -> Result<Plan, Stop> {
    let invocation = answers.get("invocation").and_then(|text| serde_json::from_str(text).ok());
    let invocation: Invocation = invocation.ok_or_else(|| Failure {
        kind: FailureKind::NotConfigured,
        tried: Clean::new("run a runbook's command"),
        happened: Clean::new("no step of a runbook was chosen"),
        next: Clean::new("walk through a runbook (c), and press Enter on its step"),
    })?;
    let timeout_s = answers.get("timeout").and_then(|t| t.parse().ok()).unwrap_or(TIMEOUT_S);
    let run = run_of(&subject.name, &invocation, timeout_s, Some(read.session))?;
    let shown = command_line(&run.argv);
    let mut change: Vec<Difference> = shown.iter().map(|line| Difference::Same(Clean::new(line))).collect();
    change.push(Difference::Same(Clean::new(&format!("in {}", run.directory))));
    for (name, value) in run.variables.iter().filter(|(name, _)| *name != "KUBECONFIG") {
        change.push(Difference::Same(Clean::new(&format!("with {name}={value}"))));
    }
    let mut checks: Vec<Check> =
        run.trouble().map(|why| Check::blocks("command", &why)).into_iter().collect();
    if matches!(invocation, Invocation::Shell { .. }) {
        checks.push(Check::warning("shell", "sh -c reads it, as it is written in the runbook"));
    }
    let after = BTreeMap::from([
        ("argv".to_owned(), serde_json::to_string(&run.argv).unwrap_or_default()),
        ("directory".to_owned(), run.directory.clone()),
    ]);
    let destroys = answers.get("risk").is_some_and(|risk| risk == "destroy");
    let risk = if destroys { "destroy" } else { "change" };
    Ok(Plan {
        change,
        after,
        touches: format!("risk '{risk}', as the runbook says or the program tells: midwatch can't know more"),
        undo: "no: what a command has done is not known to midwatch".to_owned(),
        high_risk: destroys,
        checks,
        lasts: format!(
            "{timeout_s} s at most: then, or where it is stopped, TERM, and KILL where that is not enough"
        ),
        deadline_s: timeout_s,
        ..Plan::new(ActionId::RunbookCommand, subject, vec![Write::Run(run)])
    })
}

/// What is started: in the directory that midwatch was started in, with its environment, against the
/// cluster and namespace that the cockpit looks at.
///
/// # Errors
/// When kubectl could not be led to that cluster.
pub fn run_of(
    name: &str,
    invocation: &Invocation,
    timeout_s: u64,
    session: Option<&Session>,
) -> Result<Run, Failure> {
    let (argv, mut variables) = match invocation {
        Invocation::Argv(argv) => (argv.clone(), BTreeMap::new()),
        Invocation::Shell { script, variables } => {
            (vec!["sh".to_owned(), "-c".to_owned(), script.clone()], variables.clone())
        }
    };
    if let Some(kubeconfig) = session.map(Session::kubeconfig_of_commands).transpose()?.flatten() {
        variables.insert("KUBECONFIG".to_owned(), kubeconfig);
    }
    let directory = std::env::current_dir().map_or_else(|_| "/".to_owned(), |d| d.display().to_string());
    let environment = std::env::vars().map(|(name, _)| name).filter(|n| !variables.contains_key(n)).collect();
    Ok(Run { name: name.to_owned(), argv, directory, environment, variables, timeout_s })
}
