//! The runbooks that ship with midwatch: understood without a complaint, with checks that can be judged
//! and commands that run in the simulated cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command as Process, Stdio};

use midwatch::config::Config;
use midwatch::model::Outcome::{CouldNotCheck, Pass};
use midwatch::model::command::{OutputLine, Risk, Stream};
use midwatch::runbook::check::Check;
use midwatch::runbook::command::{self, Invocation};
use midwatch::runbook::document::{Document, Fence, Step};
use midwatch::runbook::library::{self, Origin};
use midwatch::runbook::walk::judge;
use midwatch::sim::{self, Scenario};

use crate::kubectl;
use crate::remedies;
use crate::support::{Cockpit, origin};
use crate::terminal::spawning;

/// Every document that issue and index promise.
const SHIPPED: usize = 25;

/// What the demo's screens would offer for the parameters, or somebody would type.
const VALUES: [(&str, &str); 31] = [
    ("VERSION", "4.1.8"),
    ("autoscaler", "web"),
    ("cache", "cache"),
    ("cache-pod", "cache-0"),
    ("canary-deployment", "api"),
    ("canary-replicas", "2"),
    ("certificate", "shop-tls"),
    ("container", "api"),
    ("cronjob", "backup-full"),
    ("days", "10"),
    ("database-host", "db.internal"),
    ("deployment", "api"),
    ("half-replicas", "10"),
    ("host", "shop.example.com"),
    ("image", "registry.example.com/shop/api"),
    ("issuer", "letsencrypt-prod"),
    ("memory-limit", "1Gi"),
    ("most-replicas", "40"),
    ("namespace", "shop"),
    ("new-color", "green"),
    ("new-deployment", "api"),
    ("node", "node-02"),
    ("old-color", "blue"),
    ("old-deployment", "web"),
    ("pid", "4711"),
    ("previous-replicas", "20"),
    ("replicas", "24"),
    ("rolebinding", "pipeline"),
    ("service", "api"),
    ("user", "viewer"),
    ("worker", "worker"),
];

fn values(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    VALUES.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn shipped() -> Vec<(String, Document)> {
    let (entries, troubles) = library::list(&Config::default());
    assert_eq!(troubles, Vec::<String>::new());
    let ours = entries.iter().filter(|entry| entry.origin == Origin::Shipped);
    ours.map(|entry| (entry.name.clone(), library::open(entry).unwrap().document)).collect()
}

/// Each fence with commands, with its document's name.
fn fences(documents: &[(String, Document)]) -> impl Iterator<Item = (&str, &Step, &Fence)> {
    documents.iter().flat_map(|(name, document)| {
        let steps = document.steps.iter();
        steps.filter_map(move |step| Some((name.as_str(), step, step.fence.as_ref()?)))
    })
}

/// Each check, with its document's name.
fn checks(documents: &[(String, Document)]) -> Vec<(String, Check)> {
    let of = |(name, document): &(String, Document)| {
        let checks = document.steps.iter().filter_map(|step| step.check.clone()?.ok());
        checks.map(|check| (name.clone(), check)).collect::<Vec<_>>()
    };
    documents.iter().flat_map(of).collect()
}

#[test]
fn they_are_understood_without_a_complaint() {
    let documents = shipped();
    assert_eq!(documents.len(), SHIPPED);
    for (name, document) in &documents {
        assert_eq!(document.problems, [], "{name}");
        assert!(document.steps.len() >= 10, "{name} has only {} steps", document.steps.len());
        assert!(document.steps.iter().any(|step| step.check.is_some()), "{name} checks nothing");
        let untitled = document.steps.iter().find(|step| step.text.trim().is_empty());
        assert!(untitled.is_none(), "{name}: {untitled:?}");
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/runbooks");
        let text = std::fs::read_to_string(format!("{folder}/{name}.md")).unwrap();
        assert!(text.lines().count() < 200, "{name} is too long for three in the morning");
        let told = text.lines().take(8).any(|line| line.starts_with("> "));
        assert!(told, "{name} does not say at once what to look at");
    }
}

#[test]
fn every_command_says_what_it_risks() {
    let documents = shipped();
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (document, step, fence) in fences(&documents) {
        let place = format!("{document}:{}", step.line);
        let name = fence.attributes.name.as_deref().unwrap_or_else(|| panic!("{place}: no name"));
        assert!(names.entry(document).or_default().insert(name), "{place}: '{name}' twice");
        let risk = fence.attributes.risk.unwrap_or_else(|| panic!("{place}: no risk"));
        assert_eq!(fence.commands.len(), 1, "{place}: a fence with attributes is one command");
        assert_eq!(fence.commands[0].risk, risk, "{place}: it is not believed");
    }
    let everywhere = fences(&documents).flat_map(|(.., fence)| &fence.commands);
    assert!(everywhere.filter(|c| c.native.is_some()).count() > 15, "midwatch's own actions are used");
    for (document, step, fence) in fences(&documents) {
        if let Some(undo) = fence.attributes.undo.as_deref() {
            assert!(names[document].contains(undo), "{document}:{}: undo by '{undo}'", step.line);
        }
    }
}

#[test]
fn what_destroys_is_warned_of() {
    let documents = shipped();
    let mut destroying = 0;
    for (document, step, fence) in fences(&documents) {
        if fence.attributes.risk != Some(Risk::Destroy) {
            continue;
        }
        destroying += 1;
        let path = format!("{}/assets/runbooks/{document}.md", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let before: Vec<&str> = text.lines().take(step.line).collect();
        let near = before.iter().rev().take(16).any(|line| line.contains("**Warning:**"));
        assert!(near, "{document}:{}: no warning before it", step.line);
    }
    assert!(destroying >= 4);
}

#[test]
fn every_alert_of_the_demo_has_its_runbook() {
    let (entries, _) = library::list(&Config::default());
    let rules = include_str!("../../assets/scenarios/rules.toml");
    let rules: toml::Table = rules.parse().unwrap();
    for rule in rules["rule"].as_array().unwrap() {
        let alert = rule["alert"].as_str().unwrap();
        let url = rule["annotations"]["runbook_url"].as_str().unwrap();
        let by_url = library::for_alert(&entries, alert, Some(url)).unwrap_or_else(|| panic!("{alert}"));
        assert!(url.ends_with(&format!("/{}", by_url.name)), "{alert}: {url} leads to {}", by_url.name);
        let by_name = library::for_alert(&entries, alert, None).map(|entry| &entry.name);
        assert_eq!(by_name, Some(&by_url.name), "{alert}, without its annotation");
    }
}

#[tokio::test]
async fn every_check_can_be_judged_in_the_demo() {
    let values = values(&[]);
    let filled = |(name, check): (String, Check)| (name, check.filled(&values).unwrap());
    let mut open: Vec<(String, Check)> = checks(&shipped()).into_iter().map(filled).collect();
    assert!(open.len() > 100, "{}", open.len());
    let mut why = Vec::new();
    for scenario in ["calm", "bad-deploy", "backup-missed", "traffic-spike"] {
        let mut cockpit = Cockpit::open(scenario, (120, 36)).await;
        let asking: Vec<Check> = open.iter().map(|(_, check)| check.clone()).collect();
        cockpit.asked(&asking).await;
        why.clear();
        open.retain(|(name, check)| {
            let verdict = check.evaluate(&cockpit.state);
            why.push(format!("{name}: {}: {}", check.words(), verdict.measured));
            verdict.outcome == CouldNotCheck
        });
        if open.is_empty() {
            return;
        }
        why.retain(|line| {
            open.iter().any(|(name, check)| line.starts_with(&format!("{name}: {}", check.words())))
        });
    }
    panic!("never judged:\n{}", why.join("\n"));
}

/// The checks below a heading.
fn section<'d>(document: &'d Document, title: &str) -> Vec<&'d Check> {
    let of_it = document
        .steps
        .iter()
        .filter(|step| document.sections.get(step.section).is_some_and(|section| &*section.title == title));
    let checks: Vec<&Check> = of_it.filter_map(|step| step.check.as_ref()?.as_ref().ok()).collect();
    assert!(!checks.is_empty(), "no checks below '{title}'");
    checks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_deployment_is_confirmed_rolled_back_and_verified() {
    let documents = shipped();
    let (_, document) = documents.iter().find(|(name, _)| name == "failed-deployment").unwrap();
    let values = values(&[]);
    let mut cockpit = Cockpit::open("bad-deploy", (120, 40)).await;
    let passed = |cockpit: &Cockpit, title: &str| -> Vec<bool> {
        let checks = section(document, title).into_iter();
        checks.map(|check| check.filled(&values).unwrap().evaluate(&cockpit.state).outcome == Pass).collect()
    };
    assert_eq!(passed(&cockpit, "Confirm"), [true]);
    assert_eq!(passed(&cockpit, "Roll back"), [false]);
    assert_eq!(passed(&cockpit, "Verify")[..2], [false, false]);
    cockpit.press("b enter");
    cockpit.until_shown("back from revision 17").await;
    cockpit.press("enter");
    remedies::confirm(&mut cockpit).await;
    remedies::recovered(&mut cockpit).await;
    assert_eq!(passed(&cockpit, "Roll back"), [true]);
    assert_eq!(passed(&cockpit, "Verify"), [true, true, true]);
    assert_eq!(passed(&cockpit, "Confirm"), [false], "there is nothing to confirm any more");
}

/// A kubectl that is pointed at a simulated cluster.
struct Shell {
    home: tempfile::TempDir,
}

impl Shell {
    fn run(&self, invocation: &Invocation) -> (Option<i32>, Vec<OutputLine>) {
        let mut process = match invocation {
            Invocation::Argv(argv) => {
                let mut process = Process::new(&argv[0]);
                process.args(&argv[1..]);
                process
            }
            Invocation::Shell { script, variables } => {
                let mut process = Process::new("sh");
                process.args(["-c", script]).envs(variables);
                process
            }
        };
        process
            .env("KUBECONFIG", self.home.path().join("config"))
            .env("HOME", self.home.path())
            .env_remove("HTTPS_PROXY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = {
            let _alone = spawning();
            process.spawn().unwrap()
        };
        let output = child.wait_with_output().unwrap();
        let lines = |from, bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.lines().map(|line| OutputLine { from, text: line.into() }).collect::<Vec<_>>()
        };
        let all = [lines(Stream::Out, &output.stdout), lines(Stream::Err, &output.stderr)].concat();
        (output.status.code(), all)
    }

    /// The first name that kubectl lists.
    fn first(&self, args: &str) -> String {
        let argv = std::iter::once("kubectl").chain(args.split(' ')).map(str::to_owned).collect();
        let (_, lines) = self.run(&Invocation::Argv(argv));
        lines.first().unwrap_or_else(|| panic!("{args}")).text.to_string()
    }
}

/// What the simulation has no part for: its database takes no writes, there is no cmctl, no files.
fn is_simulated(command: &str) -> bool {
    let not = ["psql", "--cert="];
    command.starts_with("kubectl ") && !not.iter().any(|word| command.contains(word))
}

/// A cluster of its own whose time flows so fast, and a kubectl that is pointed at it.
async fn shell(speed: f64) -> (sim::Sim, Shell) {
    let scenario = Scenario::named("calm").unwrap();
    let options = sim::Options { scenario, seed: 7, speed, pods: None, origin: origin() };
    let sim = sim::start(options).await.unwrap();
    let shell = Shell { home: tempfile::tempdir().unwrap() };
    std::fs::write(shell.home.path().join("config"), sim.kubeconfig_yaml()).unwrap();
    (sim, shell)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_something_really_runs() {
    if !kubectl::is_there() {
        return;
    }
    let (mut wrong, mut count) = (Vec::new(), 0);
    for document in shipped() {
        // A cluster that nobody else has changed.
        let (_sim, shell) = shell(60.0).await;
        let pod = shell.first("get pods -l app=api -o jsonpath={.items[0].metadata.name}");
        shell.first("create deployment api-canary --image=registry.example.com/shop/api:4.1.7");
        let values = values(&[("pod", &pod), ("job", "by-hand"), ("canary-deployment", "api-canary")]);
        for (name, step, fence) in fences(std::slice::from_ref(&document)) {
            let command = &fence.commands[0];
            if command.risk == Risk::Read || !is_simulated(&command.text) {
                continue;
            }
            count += 1;
            let invocation = command::fill(command, &values).unwrap_or_else(|why| panic!("{name}: {why}"));
            let (exit, output) = shell.run(&invocation);
            let expect = fence.attributes.expect.clone().unwrap_or_default();
            if let Some(why) = judge::unmet(&expect, exit, &output) {
                let said: Vec<&str> = output.iter().take(5).map(|line| &*line.text).collect();
                wrong.push(format!(
                    "{name}:{}: {why}\n    {}\n    {}",
                    step.line,
                    command.text,
                    said.join("\n    ")
                ));
            }
        }
    }
    assert!(count > 40, "{count}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_looks_really_runs() {
    if !kubectl::is_there() {
        return;
    }
    // The job and the pod that are looked at must not be tidied up meanwhile.
    let (_sim, shell) = shell(1.0).await;
    let pod = shell.first("get pods -l app=api -o jsonpath={.items[0].metadata.name}");
    let job = shell.first("get jobs -o jsonpath={.items[0].metadata.name}");
    let values = values(&[("pod", &pod), ("job", &job)]);
    let mut wrong = Vec::new();
    let mut ran = BTreeSet::new();
    for (document, step, fence) in fences(&shipped()) {
        let command = &fence.commands[0];
        if command.risk != Risk::Read || !command.text.starts_with("kubectl ") {
            continue;
        }
        let invocation = command::fill(command, &values).unwrap_or_else(|why| panic!("{document}: {why}"));
        // Many runbooks begin with the same looks.
        if !ran.insert((format!("{invocation:?}"), format!("{:?}", fence.attributes.expect))) {
            continue;
        }
        let (exit, output) = shell.run(&invocation);
        let expect = fence.attributes.expect.clone().unwrap_or_default();
        if let Some(why) = judge::unmet(&expect, exit, &output) {
            let said: Vec<&str> = output.iter().take(5).map(|line| &*line.text).collect();
            wrong.push(format!(
                "{document}:{}: {why}\n    {}\n    {}",
                step.line,
                command.text,
                said.join("\n    ")
            ));
        }
    }
    assert!(ran.len() > 30, "{}", ran.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
