//! A command of the team's own: its parameters are asked for one after the other, and its exact
//! command line is what is confirmed.

use std::collections::BTreeMap;

use super::ask::{Asked, choice};
use super::gateway::run::Run;
use super::{Plan, Reader, Stop, Write};
use crate::config::units::show_duration;
use crate::model::action::{ActionId, Answers, Check, Difference, Subject};
use crate::model::command::{CommandSpec, OF_THE_SESSION, Parameter, Piece, Risk, pieces, quoted};
use crate::model::scope::Scope;
use crate::model::{Clean, Failure, FailureKind};

/// Of a line of the dialog on 80 columns. Characters.
const WIDTH: usize = 60;
/// More lines than that leave no room for the rest of the dialog on 24 rows.
const MOST_LINES: usize = 8;

pub async fn plan(read: &Reader<'_>, subject: &Subject, answers: &Answers) -> Result<Plan, Stop> {
    let spec = read.config.commands.iter().find(|c| *c.name == *subject.name).ok_or_else(|| {
        failed(&subject.name, "the configuration has no such [[action]]", "see midwatch config show")
    })?;
    let mut values = of_the_session(&read.session.scope);
    for parameter in &spec.parameters {
        values.insert(parameter.name.clone(), ask(spec, parameter, answers)?);
    }
    let run = Run {
        name: spec.name.clone(),
        argv: fill(spec, &values)?,
        directory: spec.directory.display().to_string(),
        environment: spec.environment.clone(),
        variables: BTreeMap::new(),
        timeout_s: spec.timeout.as_secs().unsigned_abs(),
    };
    let shown = command_line(&run.argv);
    let mut checks = Vec::new();
    checks.extend(run.trouble().map(|why| Check::blocks("command", &why)));
    checks.extend(run.unset().map(|words| Check::warning("environment", &words)));
    if shown.len() > MOST_LINES {
        let words = format!("the command line has {} lines: see that the window shows them all", shown.len());
        checks.push(Check::warning("command", &words));
    }
    let limit = show_duration(spec.timeout);
    let mut change: Vec<Difference> = shown.iter().map(|line| Difference::Same(Clean::new(line))).collect();
    change.push(Difference::Same(Clean::new(&format!("in {}", run.directory))));
    if !run.environment.is_empty() {
        change.push(Difference::Same(Clean::new(&format!("with {}", run.environment.join(", ")))));
    }
    let after = BTreeMap::from([
        ("argv".to_owned(), serde_json::to_string(&run.argv).unwrap_or_default()),
        ("directory".to_owned(), run.directory.clone()),
        ("environment".to_owned(), run.environment.join(", ")),
        ("evidence".to_owned(), spec.evidence.to_string()),
    ]);
    Ok(Plan {
        change,
        after,
        touches: format!("risk '{}', as the configuration says: midwatch can't know more", spec.risk.name()),
        undo: "no: what a command has done is not known to midwatch".to_owned(),
        high_risk: spec.risk == Risk::Destroy,
        checks,
        lasts: format!(
            "{limit} at most: then, or where it is stopped, TERM, and KILL where that is not enough"
        ),
        deadline_s: run.timeout_s,
        ..Plan::new(ActionId::Command, subject, vec![Write::Run(run)])
    })
}

fn ask(spec: &CommandSpec, parameter: &Parameter, answers: &Answers) -> Result<String, Stop> {
    let default = parameter.default.as_deref().unwrap_or_default();
    let hint = parameter.pattern.as_ref().map(|p| format!("of the form {p}")).unwrap_or_default();
    let asked = Asked { key: &parameter.name, label: parameter.label(), hint: &hint };
    if parameter.choices.is_empty() {
        return asked.text(answers, default, |text| accept(spec, parameter, text).map(|()| text.to_owned()));
    }
    let options = parameter.choices.iter().map(|c| choice(c, c)).collect();
    asked.pick(answers, options, parameter.choices.iter().position(|c| c == default).unwrap_or(0))
}

/// Whether the value can be used, also for where it stands in the command line.
fn accept(spec: &CommandSpec, parameter: &Parameter, value: &str) -> Result<(), String> {
    parameter.accept(value)?;
    if value.starts_with('-') && !parameter.is_bound() && leads(spec, &parameter.name) {
        return Err(format!(
            "'{value}' would be read as an option; a 'pattern' in the configuration can allow it"
        ));
    }
    Ok(())
}

/// Whether an argument can begin with the placeholder's value.
fn leads(spec: &CommandSpec, name: &str) -> bool {
    spec.run.iter().any(|argument| {
        let pieces = pieces(argument);
        let first = pieces.iter().take_while(|p| matches!(p, Piece::Placeholder(_)));
        first.into_iter().any(|p| *p == Piece::Placeholder(name.to_owned()))
    })
}

fn of_the_session(scope: &Scope) -> Answers {
    let [context, cluster, namespace] = OF_THE_SESSION.map(str::to_owned);
    let known = [(context, scope.context.to_string()), (cluster, scope.cluster.to_string())];
    known.into_iter().chain(scope.namespace.as_ref().map(|n| (namespace, n.to_string()))).collect()
}

/// The command line: each argument of the configuration stays one argument, whatever was typed.
///
/// # Errors
/// Where a value is missing or can't be used.
pub fn fill(spec: &CommandSpec, values: &Answers) -> Result<Vec<String>, Failure> {
    let bad = |what: String| failed(&spec.name, &what, "begin anew, with another value");
    let mut argv = Vec::with_capacity(spec.run.len());
    for argument in &spec.run {
        let mut filled = String::new();
        for piece in pieces(argument) {
            let name = match piece {
                Piece::Text(text) => {
                    filled.push_str(&text);
                    continue;
                }
                Piece::Placeholder(name) => name,
            };
            let Some(value) = values.get(&name) else {
                let next =
                    if name == "namespace" { "choose a namespace, and begin anew" } else { "begin anew" };
                return Err(failed(&spec.name, &format!("{{{name}}} has no value here"), next));
            };
            match spec.parameters.iter().find(|p| p.name == name) {
                Some(parameter) => {
                    accept(spec, parameter, value)
                        .map_err(|why| bad(format!("{}: {why}", parameter.label())))?;
                }
                None if value.starts_with('-') && filled.is_empty() => {
                    return Err(bad(format!("the {name} '{value}' would be read as an option")));
                }
                None => {}
            }
            filled.push_str(value);
        }
        argv.push(filled);
    }
    Ok(argv)
}

/// As a shell would take it, over as many lines as it takes: a line that begins in the first column
/// goes on with the argument before it.
pub fn command_line(argv: &[String]) -> Vec<String> {
    let mut lines = vec!["$".to_owned()];
    let length = |lines: &[String]| lines.last().map_or(0, |line| line.chars().count());
    for argument in argv {
        let text = format!(" {}", quoted(argument));
        if lines.len() + length(&lines) > 2 && length(&lines) + text.chars().count() > WIDTH {
            lines.push(String::new());
        }
        for c in text.chars() {
            if length(&lines) >= WIDTH {
                lines.push(String::new());
            }
            lines.last_mut().into_iter().for_each(|line| line.push(c));
        }
    }
    let last = lines.len() - 1;
    for line in &mut lines[..last] {
        line.push_str(" \\");
    }
    lines
}

fn failed(name: &str, happened: &str, next: &str) -> Failure {
    Failure {
        kind: FailureKind::NotConfigured,
        tried: Clean::new(&format!("plan the command {name}")),
        happened: Clean::new(happened),
        next: Clean::new(next),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spec(run: &[&str], parameters: &[(&str, Option<&str>)]) -> CommandSpec {
        let parameter = |(name, pattern): &(&str, Option<&str>)| Parameter {
            name: (*name).into(),
            label: None,
            pattern: pattern.map(str::to_owned),
            choices: Vec::new(),
            default: None,
        };
        CommandSpec {
            name: "test".into(),
            title: None,
            run: run.iter().map(|a| (*a).to_owned()).collect(),
            directory: "/".into(),
            environment: Vec::new(),
            timeout: jiff::SignedDuration::from_mins(1),
            risk: Risk::Change,
            evidence: false,
            parameters: parameters.iter().map(parameter).collect(),
        }
    }

    fn filled(spec: &CommandSpec, values: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let values = values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        fill(spec, &values).map_err(|f| f.happened.to_string())
    }

    #[test]
    fn what_is_typed_stays_in_its_argument() {
        let spec = spec(&["x", "{p}", "--p={p}", "{{p}}", "-n", "{namespace}"], &[("p", None)]);
        let argv = filled(&spec, &[("p", "a b; $(c) 'd'\n{p}"), ("namespace", "shop")]).unwrap();
        assert_eq!(argv, ["x", "a b; $(c) 'd'\n{p}", "--p=a b; $(c) 'd'\n{p}", "{p}", "-n", "shop"]);
    }

    #[test]
    fn what_looks_like_an_option_is_refused_unless_a_pattern_allows_it() {
        let whole = spec(&["x", "{p}"], &[("p", None)]);
        assert!(filled(&whole, &[("p", "-rf")]).unwrap_err().contains("as an option"));
        assert!(filled(&spec(&["x", "{p}.sql"], &[("p", None)]), &[("p", "-rf")]).is_err());
        let two = spec(&["x", "{o}{p}"], &[("o", Some("a?")), ("p", None)]);
        assert!(
            filled(&two, &[("o", ""), ("p", "-rf")]).is_err(),
            "an empty value leaves the place to the next"
        );
        assert_eq!(filled(&spec(&["x", "--p={p}"], &[("p", None)]), &[("p", "-rf")]).unwrap()[1], "--p=-rf");
        assert_eq!(
            filled(&spec(&["x", "{p}"], &[("p", Some("-[a-z]+"))]), &[("p", "-rf")]).unwrap()[1],
            "-rf"
        );
        assert!(filled(&spec(&["x", "{context}"], &[]), &[("context", "-x")]).is_err());
    }

    #[test]
    fn what_is_missing_or_wrong_is_refused() {
        let spec = spec(&["x", "{p}", "{namespace}"], &[("p", Some("[a-z]+"))]);
        assert!(filled(&spec, &[("p", "a")]).unwrap_err().contains("{namespace} has no value"));
        for wrong in ["", "A", "a\0", "a b"] {
            assert!(filled(&spec, &[("p", wrong), ("namespace", "n")]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_long_command_line_is_shown_whole() {
        let argv: Vec<String> = ["./x", "create", "it's"].map(String::from).into();
        assert_eq!(command_line(&argv), [r"$ ./x create 'it'\''s'"]);
        let argv: Vec<String> = ["./x".to_owned(), "a".repeat(50), "b".repeat(130)].into();
        let lines = command_line(&argv);
        assert!(lines.iter().all(|l| l.chars().count() <= WIDTH + 2), "{lines:?}");
        let joined: String = lines.iter().map(|l| l.strip_suffix(" \\").unwrap_or(l)).collect();
        assert_eq!(joined, format!("$ ./x {} {}", "a".repeat(50), "b".repeat(130)));
    }

    proptest! {
        #[test]
        fn any_value_is_one_argument_or_refused(value in "\\PC{0,40}|[\\x00-\\x7f]{0,20}") {
            let spec = spec(&["x", "{p}", "end"], &[("p", None)]);
            if let Ok(argv) = filled(&spec, &[("p", &value)]) {
                prop_assert_eq!(argv, ["x", value.as_str(), "end"]);
            }
        }
    }
}
