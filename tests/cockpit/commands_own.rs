//! Commands of the team's own, from the key to the end of their output, with the audit log.

use std::path::Path;

use midwatch::config::Config;
use midwatch::journal::Phase;
use midwatch::model::action::{ActionId, ObjectKind, Progress};

use crate::bench::{Bench, Came, request};
use crate::gateway::cut_after;
use crate::support::{Cockpit, stage};

const CONFIG: &str = r#"
[[action]]
name = "dump"
title = "Dump the database"
run = ["./dump.sh", "create", "--type={type}", "{label}", "{namespace}"]
environment = ["CARGO_MANIFEST_DIR", "NOT_SET_AT_ALL"]
evidence = true

[[action.parameter]]
name = "type"
choices = ["full", "schema"]
default = "schema"

[[action.parameter]]
name = "label"

[[action]]
name = "wait"
run = ["sh", "-c", "trap 'echo put in order; exit 0' TERM; echo waiting; while :; do sleep 0.05; done"]

[[action]]
name = "drop"
run = ["sh", "-c", "exit 3"]
risk = "destroy"

[[action]]
name = "look"
run = ["echo", "seen"]
risk = "read"

[[action]]
name = "gone"
run = ["./not-there.sh"]
"#;

const SCRIPT: &str = r#"#!/bin/sh
for argument in "$@"; do printf '%s\n' "<$argument>"; done
printf 'passed on: %s\n' "${CARGO_MANIFEST_DIR:+yes}"
printf 'leaked: %s\n' "${CARGO_PKG_NAME:-no}"
printf '\033[2J\033]0;owned\007red \033[31mtext\033[0m\n' >&2
"#;

async fn cockpit(more: &str, read_only: bool) -> Cockpit {
    let text = format!("{more}{CONFIG}");
    let mut cockpit = Cockpit::over(stage("calm").await, (120, 40), |global| {
        let directory = global.kubeconfig.as_deref().and_then(Path::parent).unwrap();
        let script = directory.join("dump.sh");
        std::fs::write(&script, SCRIPT).unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let config = directory.join("midwatch.toml");
        std::fs::write(&config, text).unwrap();
        global.config = Some(config);
        global.read_only = read_only;
    })
    .await;
    cockpit.settled().await;
    cockpit
}

impl Cockpit {
    /// Chooses the command by its name.
    fn choose(&mut self, name: &str) {
        self.press("x");
        self.type_text(name);
        self.press("enter");
    }

    async fn until_it_has_run(&mut self) -> Progress {
        self.until("the end", |s| s.operations.last().is_some_and(|o| o.ended.is_some())).await;
        self.state.operations.last().unwrap().progress.clone()
    }
}

fn words(progress: &Progress) -> &str {
    match progress {
        Progress::Done(words) | Progress::Failed(words) => words,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_asks_shows_its_command_line_and_tells_its_output() {
    let mut cockpit = cockpit("", false).await;
    cockpit.choose("dump");
    cockpit.until_shown("enter takes it").await;
    cockpit.press("k enter");
    cockpit.until_shown("label ").await;
    cockpit.press("enter");
    cockpit.until_shown("it can't be empty").await;
    cockpit.type_text("-rf");
    cockpit.press("enter");
    cockpit.until_shown("would be read as an option").await;
    cockpit.press("home delete");
    cockpit.type_text("$(id) it's ");
    cockpit.press("enter");
    cockpit.until_armed().await;
    let screen = cockpit.screen();
    assert!(screen.contains(r"$ ./dump.sh create --type=full '$(id) it'\''s rf' shop"), "{screen}");
    assert!(screen.contains("with CARGO_MANIFEST_DIR, NOT_SET_AT_ALL"), "{screen}");
    assert!(screen.contains("not set here: NOT_SET_AT_ALL"), "{screen}");
    assert!(screen.contains("10m at most"), "{screen}");
    cockpit.press("right enter");
    let came = cockpit.until_it_has_run().await;
    assert!(matches!(came, Progress::Done(_)), "{came:?}");
    cockpit.until_shown("<create>").await;
    let screen = cockpit.screen();
    for line in ["<--type=full>", "<$(id) it's rf>", "<shop>", "passed on: yes", "leaked: no", "red text"] {
        assert!(screen.contains(line), "{line}: {screen}");
    }
    let audit = cockpit.audit();
    let phases: Vec<Phase> = audit.iter().map(|r| r.entry.phase).collect();
    use Phase::{Acted, Confirmed, Outcome, Planned};
    assert_eq!(phases, [Planned, Confirmed, Acted, Outcome]);
    let after = &audit[1].entry.after;
    assert_eq!(after["argv"], r#"["./dump.sh","create","--type=full","$(id) it's rf","shop"]"#);
    assert_eq!((after["evidence"].as_str(), audit[1].entry.action.as_str()), ("true", "run-command"));
    let outcome = &audit[3].entry.words;
    assert!(outcome.starts_with("exit code 0 after 0:0") && outcome.contains("sha256 "), "{outcome}");
    let records = serde_json::to_string(&audit).unwrap();
    assert!(!records.contains(env!("CARGO_MANIFEST_DIR")), "values of the environment are in no record");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_runs_is_stopped_by_a_key_after_a_question() {
    let mut cockpit = cockpit("[guardrails]\nmax_at_once = 1\n", false).await;
    cockpit.choose("wait");
    cockpit.until_armed().await;
    cockpit.press("right enter");
    cockpit.until_shown("waiting").await;
    cockpit.choose("look");
    cockpit.until_armed().await;
    assert!(cockpit.screen().contains("max_at_once = 1 (midwatch.toml:2)"), "{}", cockpit.screen());
    cockpit.press("esc K");
    assert!(cockpit.screen().contains("stop run command/wait?"), "{}", cockpit.screen());
    cockpit.press("j");
    assert!(cockpit.state.operations[0].ended.is_none(), "any other key lets it run");
    cockpit.press("K K");
    let came = cockpit.until_it_has_run().await;
    assert!(words(&came).starts_with("stopped after") && words(&came).contains("by TERM"), "{came:?}");
    assert!(cockpit.screen().contains("put in order"), "{}", cockpit.screen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_destroys_takes_its_name_and_what_fails_is_told() {
    let mut cockpit = cockpit("", false).await;
    cockpit.choose("drop");
    cockpit.until_armed().await;
    cockpit.press("right enter");
    assert!(cockpit.screen().contains("type 'drop' to confirm"), "{}", cockpit.screen());
    cockpit.type_text("drop");
    cockpit.press("enter enter");
    let came = cockpit.until_it_has_run().await;
    assert!(matches!(came, Progress::Failed(_)) && words(&came).starts_with("exit code 3"), "{came:?}");
    cockpit.choose("gone");
    cockpit.until_armed().await;
    let screen = cockpit.screen();
    assert!(screen.contains("not-there.sh is not there; correct 'run'"), "{screen}");
    assert!(screen.contains("it can't be done"), "{screen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_and_denied_commands_are_not_run() {
    let mut cockpit = cockpit("[guardrails]\ndeny = ['drop']\n", true).await;
    cockpit.choose("look");
    cockpit.until_armed().await;
    cockpit.press("right enter");
    let came = cockpit.until_it_has_run().await;
    assert!(matches!(came, Progress::Done(_)), "what only looks may: {came:?}");
    for (name, why) in [("wait", "read-only (--read-only)"), ("drop", "'drop' is denied (midwatch.toml:2)")] {
        cockpit.choose(name);
        cockpit.until_armed().await;
        assert!(cockpit.screen().contains(why), "{}", cockpit.screen());
        cockpit.press("esc");
    }
    assert_eq!(cockpit.state.operations.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quiet_hours_ask_for_the_name_and_a_reason() {
    let rules = "[guardrails.context.prod-eu-1]\nquiet_hours = ['22:00-06:00 Europe/Berlin']\n";
    let mut cockpit = cockpit(rules, false).await;
    cockpit.choose("look");
    cockpit.until_armed().await;
    // 03:12 UTC is 04:12 in Berlin.
    let screen = cockpit.screen();
    assert!(screen.contains("quiet hours, 22:00-06:00 Europe/Berlin (midwatch.toml:2)"), "{screen}");
    assert!(screen.contains("(must be given)"), "{screen}");
    cockpit.type_text("look");
    cockpit.press("enter enter");
    assert!(cockpit.screen().contains("give a reason"), "{}", cockpit.screen());
    cockpit.press("up up up");
    cockpit.type_text("is it up");
    cockpit.press("enter enter enter");
    let came = cockpit.until_it_has_run().await;
    assert!(matches!(came, Progress::Done(_)), "{came:?}");
    assert_eq!(cockpit.audit()[1].entry.reason, "is it up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_palette_has_each_by_its_title() {
    let mut cockpit = cockpit("", false).await;
    cockpit.press(":");
    cockpit.type_text("dump the data");
    assert!(cockpit.screen().contains("run Dump the database"), "{}", cockpit.screen());
    cockpit.press("enter");
    cockpit.until_shown("enter takes it").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_was_running_is_told_and_not_run_again() {
    for phase in [Phase::Confirmed, Phase::Acted] {
        let directory = tempfile::tempdir().unwrap();
        let text = "[[action]]\nname = 'count'\nrun = ['sh', '-c', 'echo once >> counted']";
        let config = Config::parse(text, &directory.path().join("midwatch.toml")).unwrap();
        let mut bench = Bench::over(stage("calm").await, config, false).await;
        let subject = bench.subject(ObjectKind::Command, "count").await;
        let preview = bench.preview(&request(ActionId::Command, subject, &[])).await;
        let came = bench.confirm(&preview).await;
        assert!(matches!(came, Came::Over(Progress::Done(_))), "{came:?}");
        cut_after(&bench, phase);
        let next = bench.another();
        tokio::spawn(next.recover(bench.session.clone()));
        let came = bench.until_over().await;
        assert!(matches!(came, Came::Over(Progress::Unknown(_))), "{phase:?}: {came:?}");
        assert_eq!(bench.phases().last(), Some(&Phase::Outcome), "{phase:?}");
        let counted = std::fs::read_to_string(directory.path().join("counted")).unwrap();
        assert_eq!(counted, "once\n", "{phase:?}");
    }
}
