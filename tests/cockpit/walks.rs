//! Walks through runbooks: on the screen, in lines, killed at every event and gone on with.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use midwatch::effect::{Effect, WalkEffect, Wanted};
use midwatch::runbook::walk::{Status, store::Store};
use serde_json::Value;

use crate::commands::Simulation;
use crate::support::{Cockpit, PATIENCE, program, stage};

/// Every kind of step: one that only looks, one that a person does, one that changes something, a check.
const RUNBOOK: &str = r#"# Restart it all

## Look

What is there, before anything is touched.

```sh {"name": "look", "risk": "read", "expect": {"stdout": "seen <pod>"}}
echo seen <pod>
```

- [ ] Tell the others

## Change

```sh {"name": "change", "risk": "change"}
echo ran >> COUNTER
```

```toml check
pods = "deployment/worker"
```
"#;

fn runbook(directory: &Path) -> PathBuf {
    let path = directory.join("restart.md");
    let counter = directory.join("counter");
    std::fs::write(&path, RUNBOOK.replace("COUNTER", counter.to_str().unwrap())).unwrap();
    path
}

fn times_run(directory: &Path) -> usize {
    std::fs::read_to_string(directory.join("counter")).unwrap_or_default().lines().count()
}

impl Cockpit {
    /// Opens a runbook and waits until it stands on the screen.
    pub async fn walk(&mut self, document: &str, wanted: Wanted) {
        for effect in midwatch::update::walk::open(&mut self.state, document.to_owned(), None, wanted) {
            self.engine.perform(effect);
        }
        self.until("the runbook", |s| s.open_walk().is_some()).await;
    }

    pub fn status(&self, at: usize) -> Status {
        let view = self.state.open_walk().unwrap();
        let step = view.steps().nth(at).unwrap();
        view.walk.status(&step.id)
    }

    pub async fn until_settled(&mut self, at: usize) {
        self.until("the step to be settled", move |s| {
            s.open_walk().is_some_and(|view| {
                let step = view.steps().nth(at).unwrap();
                view.walk.status(&step.id).is_settled()
            })
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_runs_ticks_confirms_checks_and_is_kept() {
    let mut cockpit = Cockpit::over(stage("calm").await, (120, 40), |_| {}).await;
    cockpit.settled().await;
    let directory = cockpit.directory.path().to_owned();
    let document = runbook(&directory);
    cockpit.walk(document.to_str().unwrap(), Wanted::New).await;
    cockpit.until_shown("step 1 of 4").await;
    // The parameter is asked for, and a pod of the screen is offered.
    cockpit.press("enter");
    cockpit.until_shown(" pod (tab: next offer): ").await;
    cockpit.press("ctrl-u");
    cockpit.type_text("it's $(id) \"x\"");
    cockpit.press("enter");
    cockpit.until_settled(0).await;
    assert_eq!(times_run(&directory), 0);
    let screen = cockpit.screen();
    assert!(screen.contains("│ seen "), "what it has written is there to be read: {screen}");
    cockpit.press("enter");
    assert!(cockpit.screen().contains("step 2 of 4"), "{}", cockpit.screen());
    cockpit.press("x");
    cockpit.type_text("told #incidents");
    cockpit.press("enter");
    cockpit.until_settled(1).await;
    assert_eq!(cockpit.status(1), Status::Attested("told #incidents".into()));
    // What changes something is confirmed as any action is.
    cockpit.press("enter");
    cockpit.until_armed().await;
    let screen = cockpit.screen();
    assert!(screen.contains("echo ran >>") && screen.contains("sh -c reads it"), "{screen}");
    cockpit.press("enter");
    assert!(cockpit.state.view.overlay.is_none(), "Cancel has the focus");
    assert_eq!((cockpit.status(2), times_run(&directory)), (Status::ToDo, 0));
    cockpit.press("enter");
    cockpit.until_armed().await;
    cockpit.press("right enter");
    cockpit.until_settled(2).await;
    assert_eq!(times_run(&directory), 1);
    cockpit.press("enter enter");
    cockpit.until_settled(3).await;
    assert!(matches!(cockpit.status(3), Status::Verified(_)), "{:?}", cockpit.status(3));
    // All of it is on disk: the same again finds it, and a report is written.
    cockpit.press("R");
    cockpit.until("the report", |s| s.notices.iter().any(|n| n.text.contains("report.md"))).await;
    let store = Store::new(directory.join("walks"));
    let walks = store.list();
    assert_eq!((walks.len(), walks[0].settled, walks[0].finished), (1, 4, true), "{walks:?}");
    let report =
        std::fs::read_to_string(directory.join("walks").join(&walks[0].id).join("report.md")).unwrap();
    assert!(report.contains("**attested** Tell the others"), "{report}");
    assert!(report.contains(r"told \#incidents"), "{report}");
    let audit = cockpit.audit();
    assert_eq!(audit.last().unwrap().entry.action, "run-step");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_holds_no_more_says_so_until_it_holds_again() {
    let mut cockpit = Cockpit::over(stage("calm").await, (120, 40), |_| {}).await;
    cockpit.settled().await;
    let document = runbook(cockpit.directory.path());
    cockpit.walk(document.to_str().unwrap(), Wanted::New).await;
    cockpit.press("G enter");
    cockpit.until_settled(3).await;
    assert!(matches!(cockpit.status(3), Status::Verified(_)));
    // More pods are asked for than are there.
    let path = format!("{}/apis/apps/v1/namespaces/shop/deployments/worker", cockpit.sim.kube_url());
    let patch = crate::actions::reqwest_client(&cockpit)
        .patch(path)
        .header("content-type", "application/merge-patch+json")
        .body(r#"{"spec": {"replicas": 9}}"#);
    assert!(patch.send().await.unwrap().status().is_success());
    let mut broken = false;
    for _ in 0..200 {
        cockpit.advance(Duration::from_secs(2)).await;
        cockpit.drained().await;
        broken |= matches!(cockpit.status(3), Status::Failed(_));
        if broken && matches!(cockpit.status(3), Status::Verified(_)) {
            break;
        }
    }
    let said = |words: &str| cockpit.state.notices.iter().any(|n| n.text.contains(words));
    assert!(said("does not hold any more") && said("holds now"), "{:?}", cockpit.state.notices);
    assert!(matches!(cockpit.status(3), Status::Verified(_)), "{:?}", cockpit.status(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_only_looks_can_be_stopped() {
    let mut cockpit = Cockpit::over(stage("calm").await, (120, 40), |_| {}).await;
    cockpit.settled().await;
    let document = cockpit.directory.path().join("wait.md");
    std::fs::write(&document, "# Wait\n```sh {\"name\": \"wait\", \"risk\": \"read\"}\nsleep 600\n```\n")
        .unwrap();
    cockpit.walk(document.to_str().unwrap(), Wanted::New).await;
    cockpit.press("enter");
    cockpit
        .until("it to run", |s| {
            let view = s.open_walk().unwrap();
            view.steps().any(|step| matches!(view.walk.status(&step.id), Status::Running(_)))
        })
        .await;
    cockpit.press("K");
    cockpit
        .until("its end", |s| {
            let view = s.open_walk().unwrap();
            view.steps().any(|step| matches!(view.walk.status(&step.id), Status::Failed(_)))
        })
        .await;
    assert!(cockpit.status(0).words().contains("stopped"), "{:?}", cockpit.status(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_can_be_taken_back_and_a_skip_needs_its_reason() {
    let mut cockpit = Cockpit::over(stage("calm").await, (120, 40), |_| {}).await;
    cockpit.settled().await;
    let document = runbook(cockpit.directory.path());
    cockpit.walk(document.to_str().unwrap(), Wanted::New).await;
    cockpit.press("g j x enter");
    cockpit.until_settled(1).await;
    cockpit.press("g j u");
    cockpit
        .until("the tick to be gone", |s| {
            let view = s.open_walk().unwrap();
            view.steps().nth(1).is_some_and(|step| view.walk.status(&step.id) == Status::ToDo)
        })
        .await;
    cockpit.press("- enter");
    assert!(cockpit.screen().contains("give a reason"), "{}", cockpit.screen());
    cockpit.type_text("nobody is awake");
    cockpit.press("enter");
    cockpit.until_settled(1).await;
    assert_eq!(cockpit.status(1), Status::Skipped("nobody is awake".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_see_each_others_ticks_and_nothing_runs_twice() {
    let mut cockpit = Cockpit::over(stage("calm").await, (120, 40), |_| {}).await;
    cockpit.settled().await;
    let directory = cockpit.directory.path().to_owned();
    let document = runbook(&directory);
    cockpit.walk(document.to_str().unwrap(), Wanted::New).await;
    let id = cockpit.state.open_walk().unwrap().walk.id.clone();
    let step = cockpit.state.open_walk().unwrap().steps().nth(1).unwrap().id.clone();
    let store = Store::new(directory.join("walks"));
    let erik = midwatch::journal::Who { local: "erik".into(), ..Default::default() };
    let now = cockpit.state.now;
    let other = store.join(&id, now, &erik).unwrap();
    use midwatch::runbook::walk::{What, event::OfStep};
    let what = OfStep::Attested { note: "did that".into() };
    other.append(now, &erik, What::OfStep { step, what }).unwrap();
    cockpit.engine.perform(Effect::Walk(WalkEffect::ReadOn { walk: id }));
    cockpit.until_settled(1).await;
    let view = cockpit.state.open_walk().unwrap();
    let step = view.steps().nth(1).unwrap();
    assert_eq!(view.walk.steps[&step.id].by.as_ref().unwrap().1, "erik");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_changed_shows_the_difference_and_keeps_what_still_matches() {
    let mut cockpit = Cockpit::over(stage("calm").await, (120, 40), |_| {}).await;
    cockpit.settled().await;
    let document = runbook(cockpit.directory.path());
    let path = document.to_str().unwrap();
    cockpit.walk(path, Wanted::New).await;
    cockpit.press("j x enter");
    cockpit.until_settled(1).await;
    let text = std::fs::read_to_string(&document).unwrap();
    std::fs::write(&document, text.replace("- [ ] Tell", "- [ ] Take a breath\n- [ ] Tell")).unwrap();
    cockpit.state.walk = None;
    cockpit.walk(path, Wanted::Latest).await;
    let screen = cockpit.screen();
    assert!(screen.contains("the runbook has changed") && screen.contains("+ Take a breath"), "{screen}");
    assert_eq!(cockpit.status(1), Status::ToDo);
    assert_eq!(cockpit.status(2), Status::Attested(String::new()), "it is the same step, one further down");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_acts_only_where_it_was_begun() {
    let mut cockpit = Cockpit::over(stage("calm").await, (120, 40), |_| {}).await;
    cockpit.settled().await;
    let directory = cockpit.directory.path().to_owned();
    let document = runbook(&directory);
    cockpit.walk(document.to_str().unwrap(), Wanted::New).await;
    cockpit.state.scope.namespace = Some("other".into());
    cockpit.press("j j enter");
    assert!(cockpit.state.view.overlay.is_none());
    let said = cockpit.state.notices.back().unwrap().text.clone();
    assert!(said.contains("/ shop") && said.contains("/ other"), "{said}");
}

/// `midwatch walk --plain` as a process of its own.
struct Lines {
    child: Child,
    keys: File,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Lines {
    fn start(sim: &Simulation, directory: &Path, more: &[&str]) -> Self {
        let (keys, stdin) = crate::plain::keyboard();
        let mut command = Command::new(program());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", directory)
            .env("USER", "dana")
            .env("LANG", "C.UTF-8")
            .current_dir(directory)
            .args(["walk", "restart.md", "--plain", "--kubeconfig", &sim.kubeconfig()])
            .args(more)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = {
            let _alone = crate::terminal::spawning();
            command.spawn().unwrap()
        };
        let stdout = child.stdout.take().unwrap();
        let (out, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if out.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, lines, said: Vec::new() }
    }

    fn next(&mut self) -> Option<String> {
        let line = self.lines.recv_timeout(PATIENCE).ok()?;
        self.said.push(line.clone());
        Some(line)
    }

    fn type_line(&mut self, text: &str) {
        // Whoever was killed reads no more.
        drop(writeln!(self.keys, "{text}"));
    }

    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // What stood on the screen when it died.
        self.said.extend(self.lines.iter());
        self.said
    }
}

/// When the process is killed.
#[derive(Clone, Copy, Debug)]
enum Kill {
    Never,
    /// After so many events.
    Events(usize),
    /// So long after the change was confirmed.
    Confirmed(Duration),
}

/// A step has come to another state, a plan is shown, a command writes.
fn is_event(line: &str) -> bool {
    line.starts_with("Step ") || line.starts_with("PLAN") || line.starts_with("| ")
}

/// Does what each line asks for, until every step is settled, or it is killed.
fn drive(mut walk: Lines, kill: Kill) -> (Vec<String>, bool) {
    let begun = Instant::now();
    let mut due = None;
    loop {
        if let Kill::Events(n) = kill
            && walk.said.iter().filter(|line| is_event(line)).count() >= n
        {
            return (walk.kill(), false);
        }
        if let Some(at) = due {
            std::thread::sleep(at);
            return (walk.kill(), false);
        }
        assert!(begun.elapsed() < PATIENCE, "it did not come to its end: {:#?}", walk.said);
        let Some(line) = walk.next() else { panic!("it has ended: {:#?}", walk.said) };
        match line.as_str() {
            "every step is settled: 'report' finishes the walk" => {
                // Once more where something is still under way.
                walk.type_line("quit");
                walk.type_line("quit");
                walk.child.wait().unwrap();
                walk.said.extend(walk.lines.iter());
                return (walk.said, true);
            }
            l if l.starts_with("'do' ") => walk.type_line("do"),
            l if l.starts_with("'tick' when") => walk.type_line("tick told them"),
            l if l.starts_with("'tick' it was") => walk.type_line("tick I have looked"),
            l if l.contains("- leaves it:") => walk.type_line("worker-0"),
            l if l.starts_with("type 'yes") || l.contains("type it again") => {
                walk.type_line("yes it is time");
                if let Kill::Confirmed(after) = kill {
                    due = Some(after);
                }
            }
            _ => {}
        }
    }
}

/// Steps that were shown as settled, by their numbers.
fn shown_as_settled(said: &[String]) -> Vec<usize> {
    // 'Step 2 of 4' follows on what was settled before it, as the cursor goes on.
    let mut shown = Vec::new();
    for line in said {
        let Some(rest) = line.strip_prefix("Step ") else { continue };
        let number: usize = rest.split(' ').next().unwrap().parse().unwrap();
        if rest.contains(", verified") || rest.contains(", attested") {
            shown.push(number);
        }
        shown.extend(1..number);
    }
    shown.sort_unstable();
    shown.dedup();
    shown
}

fn latest(directory: &Path) -> Option<Value> {
    let walks = directory.join(".local/state/midwatch/walks");
    let newest = Store::new(walks.clone()).list().into_iter().next()?;
    let text = midwatch::runbook::walk::report::of(&walks, &newest.id, true).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

fn killed_at(sim: &Simulation, kill: Kill) -> bool {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path();
    runbook(directory);
    let (said, ended) = drive(Lines::start(sim, directory, &[]), kill);
    let settled = shown_as_settled(&said);
    let state = |report: &Value, step: usize| report["steps"][step - 1]["state"].as_str().unwrap().to_owned();
    if let Some(report) = latest(directory) {
        for step in &settled {
            let now = state(&report, *step);
            assert!(
                ["verified", "attested"].contains(&now.as_str()),
                "{kill:?}: step {step} is {now}; shown: {said:#?}"
            );
        }
    } else {
        assert!(settled.is_empty(), "{kill:?}: {said:#?}");
    }
    if ended {
        assert_eq!(times_run(directory), 1, "{kill:?}");
        return true;
    }
    // The same command again goes on, and comes to the end.
    let (again, ended) = drive(Lines::start(sim, directory, &[]), Kill::Never);
    assert!(ended);
    let report = latest(directory).unwrap();
    for step in 1..=4 {
        let now = state(&report, step);
        assert!(["verified", "attested"].contains(&now.as_str()), "{kill:?}: {report:#}");
    }
    let runs = times_run(directory);
    let change = state(&report, 3);
    assert!(runs <= 1, "{kill:?}: it ran {runs} times; {said:#?} {again:#?}");
    assert!(runs == 1 || change == "attested", "{kill:?}: verified and never run: {report:#}");
    for step in report["steps"].as_array().unwrap() {
        for evidence in step["evidence"].as_array().unwrap() {
            assert_eq!(evidence["is_whole"], true, "{kill:?}: {report:#}");
        }
    }
    false
}

#[test]
fn a_walk_that_is_killed_anywhere_loses_nothing_and_runs_nothing_twice() {
    let sim = Simulation::start("calm");
    let confirmed = [0, 5, 20, 60].map(|ms| Kill::Confirmed(Duration::from_millis(ms)));
    std::thread::scope(|scope| {
        let of_events = scope.spawn(|| {
            for n in 0.. {
                if killed_at(&sim, Kill::Events(n)) {
                    return n;
                }
            }
            0
        });
        for kill in confirmed {
            killed_at(&sim, kill);
        }
        let events = of_events.join().unwrap();
        assert!(events > 8, "a walk has more than {events} events");
    });
}

/// What a person would do at the step under the cursor; `skipped`: steps that are not needed tonight.
async fn do_what_it_asks(cockpit: &mut Cockpit, skipped: &[&str]) {
    use midwatch::state::Overlay;
    use midwatch::state::actions::Stage;
    match &cockpit.state.view.overlay {
        // What is offered is right.
        Some(Overlay::Text(field)) => {
            if field.error.is_some() {
                cockpit.type_text("none");
            }
            return cockpit.press("enter");
        }
        Some(Overlay::Dialog(dialog)) => {
            match &dialog.stage {
                Stage::Asking { .. } => cockpit.press("enter"),
                Stage::Shown(shown) if shown.armed => {
                    let name = shown.preview.type_name.clone();
                    match name {
                        Some(name) => {
                            cockpit.type_text(&name);
                            cockpit.press("enter enter");
                        }
                        None => cockpit.press("right enter"),
                    }
                }
                Stage::Failed(failure) => panic!("{failure:?}"),
                _ => cockpit.until_news().await,
            }
            return;
        }
        _ => {}
    }
    let view = cockpit.state.open_walk().unwrap();
    if view.is_writing || view.checking.is_some() {
        return cockpit.until_news().await;
    }
    let step = view.step().unwrap().clone();
    match view.walk.status(&step.id) {
        // It takes its time until what was done is seen.
        Status::Running(_) | Status::Failed(_) => {
            if !cockpit.drained().await {
                cockpit.advance(Duration::from_secs(10)).await;
            }
        }
        Status::ToDo if skipped.iter().any(|s| step.text.contains(s)) => {
            cockpit.press("-");
            cockpit.type_text("not needed");
            cockpit.press("enter");
        }
        // What is settled was read: on to the next.
        _ => cockpit.press("enter"),
    }
}

impl Cockpit {
    /// Waits for the next message.
    async fn until_news(&mut self) {
        let seen = self.history.len();
        self.until_some(seen).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_deployment_is_walked_from_its_alert_to_its_recovery() {
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        return crate::commands::skip("kubectl");
    }
    let mut cockpit = Cockpit::open("bad-deploy", (120, 40)).await;
    cockpit.press("5 enter c");
    cockpit.until("the alert's runbook", |s| s.open_walk().is_some()).await;
    assert_eq!(cockpit.state.open_walk().unwrap().name, "failed-deployment", "{}", cockpit.screen());
    let begun = Instant::now();
    loop {
        let view = cockpit.state.open_walk().unwrap();
        let (settled, of) = view.walk.settled();
        if settled == of {
            break;
        }
        assert!(begun.elapsed() < 3 * PATIENCE, "it does not end:\n{}", cockpit.screen());
        do_what_it_asks(&mut cockpit, &["No rollout", "roll-forward"]).await;
    }
    let view = cockpit.state.open_walk().unwrap();
    assert_eq!(view.walk.parameters["deployment"], "api");
    let of = |name: &str| {
        let step = view.steps().find(|s| s.text.contains(name)).unwrap();
        view.walk.steps[&step.id].clone()
    };
    let rolled_back = of("roll-back");
    assert!(matches!(rolled_back.status, Status::Verified(_)), "{rolled_back:?}");
    assert!(
        rolled_back.evidence[0].1.ran.starts_with("midwatch: roll back deployment/api"),
        "{rolled_back:?}"
    );
    let checks = view.steps().filter(|s| s.check.is_some());
    let verified = checks.map(|s| view.walk.status(&s.id)).all(|s| matches!(s, Status::Verified(_)));
    assert!(verified, "{}", cockpit.screen());
    let acts =
        cockpit.audit().into_iter().filter(|r| r.entry.phase == midwatch::journal::Phase::Acted).count();
    assert_eq!(acts, 1, "rolled back once, and nothing else was done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_walk_on_the_screen() {
    for (size, name) in [((80, 24), "walk_80"), ((120, 40), "walk_120"), ((200, 60), "walk_beside_200")] {
        let mut cockpit = Cockpit::open("bad-deploy", size).await;
        cockpit.walk("failed-deployment", Wanted::New).await;
        cockpit.press("enter enter");
        cockpit.until_settled(1).await;
        cockpit.press("tab tab tab tab");
        if size.0 == 200 {
            cockpit.press("p");
        }
        cockpit.state.notices.clear();
        insta::assert_snapshot!(name, cockpit.screen());
    }
}

/// Goes on in a walk: looks run, checks check, and what changes something or did not come about is said to
/// have been looked at.
async fn settle_somehow(cockpit: &mut Cockpit) {
    use midwatch::model::command::Risk;
    let view = cockpit.state.open_walk().unwrap();
    if cockpit.state.view.overlay.is_some() || view.is_writing || view.checking.is_some() {
        return do_what_it_asks(cockpit, &[]).await;
    }
    let step = view.step().unwrap().clone();
    let next = view.next_command(&step).map(|(_, command)| command.risk);
    match view.walk.status(&step.id) {
        Status::ToDo if next.is_none_or(|risk| risk == Risk::Read) => cockpit.press("enter"),
        Status::Running(_) => return do_what_it_asks(cockpit, &[]).await,
        Status::ToDo => {
            cockpit.press("-");
            cockpit.type_text("it has a test of its own");
            cockpit.press("enter");
        }
        settled if settled.is_settled() => cockpit.press("enter"),
        _ => {
            cockpit.press("x");
            cockpit.type_text("looked at");
            cockpit.press("enter");
        }
    }
}

/// Walks a shipped runbook to its end; the checks of it that could not be judged.
async fn walk_to_the_end(cockpit: &mut Cockpit, name: &str) {
    cockpit.state.walk = None;
    cockpit.walk(name, Wanted::New).await;
    let begun = Instant::now();
    loop {
        let view = cockpit.state.open_walk().unwrap();
        let (settled, of) = view.walk.settled();
        if settled == of {
            break;
        }
        assert!(begun.elapsed() < 3 * PATIENCE, "{name} does not end:\n{}", cockpit.screen());
        settle_somehow(cockpit).await;
    }
    let view = cockpit.state.open_walk().unwrap();
    for step in view.steps().filter(|s| s.check.is_some()) {
        assert!(
            view.walk.steps[&step.id].verdict.is_some(),
            "{name}: '{}' was not checked",
            view.title(step)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shipped_runbook_is_walked_to_its_end() {
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        return crate::commands::skip("kubectl");
    }
    let mut cockpit = Cockpit::open("calm", (120, 40)).await;
    let entries = cockpit.state.settings.runbooks.clone();
    let shipped = entries.iter().filter(|e| e.origin == midwatch::runbook::library::Origin::Shipped);
    let names: Vec<String> = shipped.map(|e| e.name.clone()).collect();
    assert!(names.len() >= 25, "{names:?}");
    for name in &names {
        walk_to_the_end(&mut cockpit, name).await;
    }
    let walks = Store::new(cockpit.directory.path().join("walks")).list();
    assert_eq!(walks.len(), names.len());
    assert!(walks.iter().all(|w| w.settled == w.steps), "{walks:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_in_a_runbook_sees_what_the_cockpit_looks_at() {
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        return crate::commands::skip("kubectl");
    }
    // Neither the kubeconfig's current context nor its namespace.
    let mut cockpit = Cockpit::over(stage("calm").await, (120, 40), |global| {
        global.context = Some("prod-eu-1-viewer".to_owned());
        global.namespace = Some("platform".to_owned());
    })
    .await;
    cockpit.until("the scope", |s| !s.scope.context.is_empty() && !s.scope.user.is_empty()).await;
    let text = "# Where\n```sh\nkubectl config current-context\nkubectl config view --minify\n```\n";
    let document = cockpit.directory.path().join("where.md");
    std::fs::write(&document, text).unwrap();
    cockpit.walk(document.to_str().unwrap(), Wanted::New).await;
    for _ in 0..2 {
        cockpit.press("enter");
        cockpit
            .until("the command to end", |s| {
                let view = s.open_walk().unwrap();
                let step = view.step().unwrap();
                !view.is_writing && !matches!(view.walk.status(&step.id), Status::Running(_))
            })
            .await;
    }
    let folder = std::fs::read_dir(cockpit.directory.path().join("walks")).unwrap().next().unwrap().unwrap();
    let evidence = std::fs::read_dir(folder.path().join("evidence")).unwrap();
    let all: String = evidence.map(|e| std::fs::read_to_string(e.unwrap().path()).unwrap()).collect();
    assert!(all.lines().any(|l| l == "prod-eu-1-viewer"), "{all}");
    assert!(all.contains("namespace: platform"), "{all}");
}
