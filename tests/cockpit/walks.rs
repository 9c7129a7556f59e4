//! Walks through runbooks, on the screen.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use midwatch::effect::{Effect, WalkEffect, Wanted};
use midwatch::runbook::walk::{Status, store::Store};

use crate::support::{Cockpit, PATIENCE, stage};

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

/// Writes it; how often its change ran is [`times_run`].
pub fn runbook(directory: &Path) -> PathBuf {
    let path = directory.join("restart.md");
    let counter = directory.join("counter");
    std::fs::write(&path, RUNBOOK.replace("COUNTER", counter.to_str().unwrap())).unwrap();
    path
}

pub fn times_run(directory: &Path) -> usize {
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
