//! Every command as a user or a script runs it: what it prints, where, and how it ends.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::program;
use crate::terminal::spawning;

/// One run, with a home of its own and nothing of the environment.
struct Run {
    home: tempfile::TempDir,
    output: Output,
}

fn run(args: &[&str]) -> Run {
    run_in(tempfile::tempdir().unwrap(), args)
}

fn run_in(home: tempfile::TempDir, args: &[&str]) -> Run {
    let child = {
        let _alone = spawning();
        command(program(), home.path()).args(args).spawn().unwrap()
    };
    Run { output: child.wait_with_output().unwrap(), home }
}

pub fn command(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("TERM", "xterm-256color")
        .env("LANG", "C.UTF-8")
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Run {
    fn out(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    fn err(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).unwrap()
    }

    #[track_caller]
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.output.status.code(), Some(code), "{}{}", self.out(), self.err());
        self
    }

    #[track_caller]
    fn says(self, words: &str) -> Self {
        assert!(self.out().contains(words), "'{words}' in\n{}", self.out());
        self
    }

    #[track_caller]
    fn warns(self, words: &str) -> Self {
        assert!(self.err().contains(words), "'{words}' in\n{}", self.err());
        self
    }
}

#[test]
fn help_and_version() {
    run(&["--help"]).ends(0).says("Exit codes:").says("1  findings").says("2  could not do it");
    run(&["--version"]).ends(0).says(&format!("midwatch {}", env!("CARGO_PKG_VERSION")));
    run(&["snapshot", "--size", "80"]).ends(2).warns("--size");
    run(&["demo", "--sped", "2"]).ends(2).warns("--speed");
}

#[test]
fn scenarios_are_listed_and_wrong_ones_corrected() {
    let list = run(&["demo", "--list"]).ends(0);
    for scenario in [
        "calm",
        "bad-deploy",
        "traffic-spike",
        "poisoned-cache",
        "memory-leak",
        "backup-missed",
        "expiring-certificate",
        "flaky-api",
    ] {
        assert!(list.out().lines().any(|l| l.split_whitespace().next() == Some(scenario)), "{scenario}");
    }
    run(&["demo", "bad-depoly"]).ends(2).warns("did you mean 'bad-deploy'?");
    run(&["sim", "clam"]).ends(2).warns("did you mean 'calm'?");
    run(&["snapshot", "--demo", "nothing-like-it"]).ends(2).warns("there are: calm,");
}

#[test]
fn keys_and_completions() {
    let keys = run(&["keys"]).ends(0).says("quit (asks once)");
    let vim = run(&["keys", "--keymap", "vim"]).ends(0);
    assert_ne!(keys.out(), vim.out());
    run(&["keys", "--keymap", "emcas"]).ends(2).warns("did you mean 'emacs'?");
    for shell in ["bash", "zsh", "fish"] {
        run(&["completions", shell]).ends(0).says("midwatch").says("snapshot");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let home = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = {
        let _alone = spawning();
        command(program(), home.path()).arg("keys").stdout(writer).spawn().unwrap()
    };
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}

#[test]
fn a_snapshot_in_every_format() {
    let demo = ["snapshot", "--demo", "calm", "--size", "80x24", "--format"];
    let of = |format| run(&[&demo[..], &[format]].concat()).ends(0);
    let text = of("text").says("50 of 50 ready").out();
    assert_eq!(text.lines().count(), 24);
    assert!(text.lines().all(|l| l.chars().count() <= 80) && !text.contains('\x1b'));
    let ansi = of("ansi").out();
    let mut terminal = vt100::Parser::default();
    terminal.process(ansi.trim_end_matches('\n').replace('\n', "\r\n").as_bytes());
    let screen = terminal.screen().contents();
    assert!(screen.contains("50 of 50 ready") && screen.contains("midwatch"), "{screen}");
    let svg = of("svg").out();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && svg.contains("midwatch"));
    let json: serde_json::Value = serde_json::from_str(&of("json").out()).unwrap();
    assert_eq!(json["schema"], "midwatch.snapshot/1");
    assert_eq!(json["headline"]["health"], "ok", "a calm night is calm: {}", json["headline"]);
    // Whatever time it is now, a backup may be running.
    let lasting = |p: &&serde_json::Value| !p["name"].as_str().unwrap().starts_with("backup-");
    assert_eq!(json["pods"].as_array().unwrap().iter().filter(lasting).count(), 50);
}

#[test]
fn one_panel_or_the_names_of_those_that_there_are() {
    let zoomed = ["snapshot", "--demo", "bad-deploy", "--panel", "pods", "--size", "100x30"];
    run(&zoomed).ends(1).says("CrashLoopBackOff").says("STATUS");
    let wrong = run(&["snapshot", "--demo", "calm", "--panel", "nope"]).ends(2);
    let wrong = wrong.warns("no panel 'nope'").warns("pods, latency, errors, backups");
    assert_eq!(wrong.out(), "");
}

#[test]
fn ascii_is_only_ascii() {
    for panel in ["", "pods", "latency", "errors", "backups", "alerts", "objectives"] {
        let mut args = vec!["snapshot", "--ascii", "--demo", "bad-deploy", "--size", "120x40"];
        if !panel.is_empty() {
            args.extend(["--panel", panel]);
        }
        let shot = run(&args).ends(1);
        assert!(shot.out().is_ascii(), "{panel}: {}", shot.out());
        assert!(shot.out().lines().count() == 40);
    }
}

#[test]
fn without_a_terminal_a_snapshot() {
    let shot =
        run(&["demo", "calm"]).ends(0).warns("no terminal, so this is a snapshot").says("50 of 50 ready");
    assert_eq!(shot.out().lines().count(), 40);
}

#[test]
fn without_a_cluster_it_could_not_be_done() {
    let nowhere = run(&["snapshot", "--size", "100x24", "--kubeconfig", "missing"]).ends(2);
    nowhere.says("no cluster").says("missing");
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("broken"), "clusters: [\n").unwrap();
    run_in(home, &["snapshot", "--kubeconfig", "broken"]).ends(2).says("broken:");
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("hostile"), "current-context: \"\\e]0;x\\a\\e[31m\"\n").unwrap();
    let hostile = run_in(home, &["snapshot", "--kubeconfig", "hostile"]).ends(2);
    assert!(!hostile.out().contains('\x1b') && !hostile.err().contains('\x1b'));
}

#[test]
fn a_configuration_is_checked_to_the_column() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("bad.toml"), "service = \"api\"\nreadonly = true\n").unwrap();
    let bad = run_in(home, &["--config", "bad.toml", "config", "check"]).ends(1);
    let bad = bad.warns("bad.toml:2:1: ").warns("did you mean 'read_only'?");
    // Nothing starts on it.
    let start = run_in(bad.home, &["--config", "bad.toml", "snapshot", "--demo", "calm"]).ends(2);
    assert_eq!(start.warns("bad.toml:2:1: ").out(), "");
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("good.toml"), "service = \"api\"\n").unwrap();
    let good = run_in(home, &["--config", "good.toml", "config", "check"]).ends(0).says("fine");
    run_in(good.home, &["--config", "good.toml", "config", "show"]).ends(0).says("api");
    run(&["--config", "missing.toml", "config", "check"]).ends(1).warns("missing.toml");
}

#[test]
fn a_configuration_is_written_once_and_never_over_another() {
    let sim = Simulation::start("calm");
    let kubeconfig = sim.kubeconfig();
    let init = ["--kubeconfig", &kubeconfig, "config", "init"];
    let printed = run(&init).ends(0).out();
    assert!(toml::from_str::<toml::Table>(&printed).is_ok(), "{printed}");
    let write = ["--kubeconfig", &kubeconfig, "config", "init", "--write"];
    let written = run(&write).ends(0);
    let path = written.home.path().join(".config/midwatch/midwatch.toml");
    let first = std::fs::read_to_string(&path).unwrap();
    let checked = run_in(written.home, &["config", "check"]).ends(0);
    let again = run_in(checked.home, &write).ends(2).warns("left as it is");
    let path = again.home.path().join(".config/midwatch/midwatch.toml");
    assert_eq!(std::fs::read_to_string(path).unwrap(), first);
}

/// `midwatch sim`, ended with the test.
pub struct Simulation {
    child: Child,
    home: tempfile::TempDir,
}

impl Simulation {
    pub fn start(scenario: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = {
            let _alone = spawning();
            let mut command = command(program(), home.path());
            command.args(["sim", scenario, "--speed", "0", "--kubeconfig-out", "kubeconfig"]);
            command.stderr(Stdio::inherit()).spawn().unwrap()
        };
        let printed = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = printed.map_while(Result::ok).any(|line| line.starts_with("stop "));
        assert!(ready, "the simulation did not start");
        Self { child, home }
    }

    pub fn kubeconfig(&self) -> String {
        self.home.path().join("kubeconfig").to_string_lossy().into_owned()
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, Signal::TERM));
        }
        let _ = self.child.wait();
    }
}

/// Where a server or client is missing: a failure in CI, else a word about it.
pub fn skip(what: &str) {
    assert!(
        std::env::var("MIDWATCH_REQUIRE_SERVERS").as_deref() != Ok("1"),
        "{what} is not installed, and MIDWATCH_REQUIRE_SERVERS=1"
    );
    eprintln!("skipped: {what} is not installed");
}

#[test]
fn every_pod_has_the_status_that_kubectl_prints() {
    let sim = Simulation::start("bad-deploy");
    let kubeconfig = sim.kubeconfig();
    let kubectl = {
        let _alone = spawning();
        let mut kubectl = command("kubectl", sim.home.path());
        kubectl.args(["--kubeconfig", &kubeconfig, "get", "pods", "-A", "--no-headers"]).spawn()
    };
    let Ok(kubectl) = kubectl else { return skip("kubectl") };
    let kubectl = kubectl.wait_with_output().unwrap();
    assert!(kubectl.status.success(), "{}", String::from_utf8_lossy(&kubectl.stderr));
    let mut wanted: Vec<[String; 5]> = String::from_utf8(kubectl.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            // NAMESPACE NAME READY STATUS RESTARTS
            std::array::from_fn(|_| words.next().unwrap_or_default())
        })
        .collect();
    let shot = run(&["--kubeconfig", &kubeconfig, "-A", "snapshot", "--format", "json"]).ends(1);
    let json: serde_json::Value = serde_json::from_str(&shot.out()).unwrap();
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut got: Vec<[String; 5]> = json["pods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pod| ["namespace", "name", "ready", "status", "restarts"].map(|field| text(&pod[field])))
        .collect();
    wanted.sort();
    got.sort();
    assert!(wanted.len() > 50, "{} pods", wanted.len());
    assert!(wanted.iter().any(|pod| pod[3] == "CrashLoopBackOff"));
    assert_eq!(got, wanted);
}

#[test]
fn the_audit_log_is_shown_checked_and_signed() {
    use midwatch::journal::{Entry, Journal, Phase, Target, Who};
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join(".local/state/midwatch/audit");
    let journal = Journal::open(directory.clone()).unwrap();
    for phase in [Phase::Planned, Phase::Confirmed] {
        let entry = Entry {
            phase,
            action: "scale".into(),
            target: Target { kind: "deployment".into(), name: "api".into(), ..Target::default() },
            operation: "op".into(),
            plan: String::new(),
            before: [("replicas".to_owned(), "4".to_owned())].into(),
            after: [("replicas".to_owned(), "6".to_owned())].into(),
            reason: "load".into(),
            approver: String::new(),
            words: String::new(),
            task: Default::default(),
        };
        journal.append(jiff::Timestamp::now(), &Who::here("dana"), entry).unwrap();
    }
    let shown = run_in(home, &["audit", "show", "--user", "dana", "--since", "1h"]).ends(0);
    let shown = shown.says("deployment/api").says("replicas 4 → 6").says("because: load");
    let checkpoint = run_in(shown.home, &["audit", "checkpoint"]).ends(0).says("midwatch.audit-checkpoint/1");
    let kept = checkpoint.home.path().join("kept.json");
    std::fs::write(&kept, checkpoint.out()).unwrap();
    let kept = kept.display().to_string();
    let whole =
        run_in(checkpoint.home, &["audit", "verify", "--checkpoint", &kept]).ends(0).says("whole: 2 records");
    let mut files = std::fs::read_dir(&directory).unwrap().map(|e| e.unwrap().path());
    let file = files.find(|p| p.extension().is_some_and(|e| e == "jsonl")).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"load\"", "\"none\"")).unwrap();
    let found = run_in(whole.home, &["audit", "verify"]).ends(1).says("was changed");
    run_in(found.home, &["audit", "prune", "--days", "30"]).ends(2).warns("7 years");
    run(&["audit", "show", "--since", "yesterday"]).ends(2).warns("not an age");
}
