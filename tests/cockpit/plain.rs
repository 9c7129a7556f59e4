//! The cockpit in lines: what is said, what can be typed, and what it takes to confirm.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use midwatch::cli::Global;
use midwatch::clock::Clock;
use midwatch::config::Config;
use midwatch::journal::{Journal, Phase, Record};
use midwatch::model::action::ActionId;
use midwatch::plain::{self, Ended, Input, Typed};
use midwatch::runtime::Kept;
use midwatch::setup;
use midwatch::sim::Sim;
use midwatch::ui::human;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::sync::mpsc;

use crate::commands::Simulation;
use crate::support::{PATIENCE, capabilities, program, stage};

/// A terminal for a process's standard input alone: what is written to the first is typed on the second.
pub fn keyboard() -> (File, Stdio) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    // Nobody reads what would be echoed.
    let mut modes = rustix::termios::tcgetattr(&slave).unwrap();
    modes.local_modes.remove(rustix::termios::LocalModes::ECHO);
    rustix::termios::tcsetattr(&slave, rustix::termios::OptionalActions::Now, &modes).unwrap();
    (File::from(master), Stdio::from(slave))
}

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes().clone()).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A session over a simulated cluster whose time stands still.
struct Session {
    sim: Sim,
    page: Page,
    lines: mpsc::Sender<Typed>,
    task: tokio::task::JoinHandle<std::io::Result<Ended>>,
    directory: tempfile::TempDir,
    /// Bytes that were looked at.
    seen: usize,
}

impl Session {
    async fn start(scenario: &str, by_hand: bool, config: &str) -> Self {
        let sim = stage(scenario).await;
        let directory = tempfile::tempdir().unwrap();
        let kubeconfig = directory.path().join("kubeconfig");
        std::fs::write(&kubeconfig, sim.kubeconfig_yaml()).unwrap();
        let path = directory.path().join("midwatch.toml");
        std::fs::write(&path, config).unwrap();
        let global = Global { kubeconfig: Some(kubeconfig), ..Global::default() };
        let config = Arc::new(Config::load(Some(&path)).unwrap());
        let ticking = *sim.clock();
        let clock = Clock::new(move || ticking.now());
        let state = setup::state(&global, config, &capabilities(), clock.now(), (80, 24));
        let kept = Kept {
            journal: Journal::open(directory.path().join("audit")).map_err(|e| e.to_string()),
            walks: Some(directory.path().join("walks")),
            reviews: Some(directory.path().join("reviews")),
            reports: directory.path().to_owned(),
            session: None,
            lost: None,
        };
        let (lines, typed) = mpsc::channel(64);
        let page = Page::default();
        let input = Input { lines: typed, by_hand };
        let task = tokio::spawn(plain::run(state, clock, kept, Vec::new(), input, page.clone()));
        Self { sim, page, lines, task, directory, seen: 0 }
    }

    async fn send(&self, text: &str, at: Instant, is_alone: bool) {
        self.lines.send(Typed { text: text.to_owned(), at, is_alone }).await.unwrap();
    }

    async fn type_line(&self, text: &str) {
        self.send(text, Instant::now(), true).await;
    }

    /// Waits for `text` among what was not looked at yet, and looks at all up to it.
    async fn until(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let page = self.page.text();
            if let Some(at) = page[self.seen..].find(text) {
                let end = page[self.seen + at..].find('\n').map_or(page.len(), |n| self.seen + at + n + 1);
                let said = page[self.seen..end].to_owned();
                self.seen = end;
                return said;
            }
            assert!(Instant::now() < deadline, "waited in vain for '{text}' in:\n{}", &page[self.seen..]);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Types, and waits for what is said to it.
    async fn ask(&mut self, line: &str, text: &str) -> String {
        self.seen = self.page.text().len();
        self.type_line(line).await;
        self.until(text).await
    }

    /// Types what confirms until the plan has been there for long enough.
    async fn confirm(&mut self, line: &str) {
        loop {
            self.type_line(line).await;
            let deadline = Instant::now() + PATIENCE;
            loop {
                let page = self.page.text()[self.seen..].to_owned();
                if page.contains("under way") {
                    return;
                }
                if let Some(at) = page.find("type it again") {
                    self.seen += at + "type it again".len();
                    break;
                }
                assert!(Instant::now() < deadline, "neither done nor refused:\n{page}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// Waits for a plan to be there for so long that a line could confirm it.
    async fn until_readable(&mut self) {
        self.until("an empty line leaves:").await;
        loop {
            self.type_line("is it?").await;
            if self.until("type").await.contains("nothing is done by that") {
                return;
            }
        }
    }

    fn audit(&self) -> Vec<Record> {
        midwatch::journal::show::read(&self.directory.path().join("audit"), &Default::default()).unwrap()
    }

    fn acted(&self) -> bool {
        self.audit().iter().any(|r| matches!(r.entry.phase, Phase::Confirmed | Phase::Acted))
    }

    async fn end(self) -> (Ended, String) {
        drop(self.lines);
        let ended = tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap().unwrap();
        let text = self.page.text();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "only lines: {text:?}");
        (ended, text)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_begins_with_what_is_wrong_and_tells_more_when_asked() {
    let mut s = Session::start("bad-deploy", true, "").await;
    let said = s.until("'help' lists").await;
    for words in [
        "CRITICAL: errors 8.",
        "pods: critical: 44 of 50 ready",
        "deployment/api: critical: 14 of 20 ready",
        "alerts: critical",
    ] {
        assert!(said.contains(words), "{words} in {said}");
    }
    s.ask("pods status=Crash", "missing PAYMENT_URL").await;
    s.ask("log", "end of the log").await;
    s.ask("errors", "POST /pay").await;
    s.ask("latency", "slowest routes").await;
    s.ask("changes", "rollout of api: revision 17").await;
    s.ask("alerts HighErr", "labels: ").await;
    s.ask("backups", "runs, newest first: ").await;
    s.ask("objectives", "availability: ").await;
    let pod = s.ask("pods status=Crash", "CrashLoopBackOff").await;
    let pod = pod.lines().last().unwrap().trim().split(':').next().unwrap().to_owned();
    s.ask(&format!("pod {pod}"), "container api: warning").await;
    s.ask("statsu", "did you mean 'status'?").await;
    s.ask("back", "so begin: backups, back-up").await;
    s.ask("pod nosuch", "no pod 'nosuch'").await;
    s.ask("namespace all namespaces", "prod-eu-1 / all namespaces").await;
    s.ask("namespace shop", "prod-eu-1 / shop").await;
    s.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_can_be_typed() {
    let config = "[[action]]\nname = 'hello'\ntitle = 'Hello'\nrun = ['true']\nrisk = 'read'\n";
    let mut s = Session::start("bad-deploy", true, config).await;
    s.until("'help' lists").await;
    let help = s.ask("help", "what changes something").await;
    for action in ActionId::ALL.iter().filter(|a| a.has_a_key()) {
        assert!(help.contains(&format!("\n  {} NAME", action.name())), "{} in the help", action.name());
        s.seen = s.page.text().len();
        s.type_line(action.name()).await;
        // A question, a list, a plan, or why not: each by the dialog, and then left.
        let deadline = Instant::now() + PATIENCE;
        let said = loop {
            let said = s.page.text()[s.seen..].to_owned();
            if ["leaves:", "leaves)", "NAME (", "no [[", "nothing to choose", "is known here", "not possible"]
                .iter()
                .any(|w| said.contains(w))
            {
                break said;
            }
            assert!(Instant::now() < deadline, "{}: {said}", action.name());
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert!(!said.contains("is no command"), "{said}");
        s.type_line("-").await;
        s.ask("status", "objectives: ").await;
    }
    assert!(!s.acted());
    s.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_read_confirmed_and_told_to_its_end() {
    let mut s = Session::start("calm", true, "").await;
    s.until("'help' lists").await;
    s.ask("scale worker", "replicas, a number; now 6").await;
    let plan = s.ask("7", "an empty line leaves:").await;
    for words in [
        "PLAN: Scale deployment/worker",
        "changes replicas from 6 to 7",
        "touches:",
        "undo:",
        "ok: permission",
    ] {
        assert!(plan.contains(words), "{words} in {plan}");
    }
    s.confirm("yes more work tonight").await;
    let reasons: Vec<String> = s.audit().iter().map(|r| r.entry.reason.to_string()).collect();
    assert!(reasons.iter().any(|r| r == "more work tonight"), "{reasons:?}");
    for _ in 0..20 {
        s.sim.advance(Duration::from_secs(10)).await;
        if s.page.text()[s.seen..].contains("ok: scale deployment/worker") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    s.until("ok: scale deployment/worker").await;
    s.ask("operations", "undo: ").await;
    s.ask("undo", "PLAN: Scale deployment/worker").await;
    s.ask("-", "nothing was done").await;
    s.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_before_the_plan_or_pasted_confirms_nothing() {
    let mut s = Session::start("calm", true, "").await;
    s.until("'help' lists").await;
    let before = Instant::now();
    s.ask("scale worker", "a number; now 6").await;
    s.type_line("7").await;
    s.until_readable().await;
    s.send("yes", before, true).await;
    s.until("typed before the plan could be read").await;
    s.send("yes", Instant::now(), false).await;
    s.until("several lines came at once").await;
    s.ask("y", "nothing is done by that").await;
    s.ask("yess", "nothing is done by that").await;
    assert!(!s.acted(), "{:?}", s.audit());
    // It does not stay open for ever, and then 'yes' is nothing.
    s.sim.advance(Duration::from_secs(61)).await;
    s.until("nothing was done, the dialog was open for a minute").await;
    s.ask("yes", "'yes' is no command").await;
    assert!(!s.acted());
    s.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_name_is_wanted_yes_is_not_enough() {
    let config = "[guardrails]\nprotected = ['prod-eu-1']\n";
    let mut s = Session::start("calm", true, config).await;
    s.until("'help' lists").await;
    s.ask("restart worker", "PLAN: Restart deployment/worker").await;
    s.until_readable().await;
    s.ask("yes because", "type 'worker'").await;
    s.ask("work because", "type 'worker'").await;
    assert!(!s.acted());
    s.confirm("worker because it hangs").await;
    assert!(s.acted());
    s.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_a_plan_is_shown_and_left() {
    let mut s = Session::start("calm", false, "").await;
    for line in ["scale worker", "7", "yes", "yes"] {
        s.type_line(line).await;
    }
    s.until("only a terminal confirms").await;
    s.until("'yes' is no command").await;
    s.until("'yes' is no command").await;
    assert!(!s.acted());
    let (ended, text) = s.end().await;
    assert!(ended.refused && text.contains("changes replicas from 6 to 7"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gets_worse_is_told_once_and_never_floods() {
    let mut s = Session::start("incident", true, "").await;
    s.until("'help' lists").await;
    let from = s.seen;
    let worse = |text: &str| {
        [
            "change: rollout of api",
            "worse: deployment/api: critical",
            "worse: errors: critical",
            "alert: HighErrorRate",
        ]
        .iter()
        .all(|w| text.contains(w))
    };
    for _ in 0..40 {
        if worse(&s.page.text()[from..]) {
            break;
        }
        s.sim.advance(Duration::from_secs(15)).await;
        s.ask("refresh", "asking for everything now").await;
        // News are told once a second of ours: the stage's time waits for it, and for what is measured.
        let now = human::clock(s.sim.clock().now());
        let is_fresh = |l: &str| l.starts_with("errors: ") && !l.ends_with(" old)");
        let is_told = |status: &str| status.contains(&now) && status.lines().any(is_fresh);
        let deadline = Instant::now() + PATIENCE;
        while !is_told(&s.ask("status", "objectives: ").await) {
            assert!(Instant::now() < deadline, "not told: {now}\n{}", &s.page.text()[from..]);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let said = s.page.text()[from..].to_owned();
    assert!(worse(&said), "{said}");
    // '03:12:54Z worse: …'; what was asked for is said without its time.
    let changes: Vec<&str> = said.lines().filter(|l| l.get(8..9) == Some("Z")).collect();
    let mut sorted = changes.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), changes.len(), "nothing is said twice: {changes:#?}");
    for minute in changes.iter().map(|l| &l[..5]) {
        let lines = changes.iter().filter(|l| l.starts_with(minute)).count();
        assert!(lines <= 2 * 20, "{lines} lines at {minute}: {changes:#?}");
    }
    s.ask("quiet", "'tell' says them again").await;
    s.end().await;
}

/// `midwatch --plain` as a process of its own.
struct Process {
    child: Child,
    said: std::sync::mpsc::Receiver<String>,
    home: tempfile::TempDir,
}

impl Process {
    fn start(sim: &Simulation, stdin: Stdio) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(program());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home.path())
            .env("USER", "dana")
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .current_dir(home.path())
            .args(["--plain", "--kubeconfig", &sim.kubeconfig()])
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = {
            let _alone = crate::terminal::spawning();
            command.spawn().unwrap()
        };
        let stdout = child.stdout.take().unwrap();
        let (out, said) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if out.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, said, home }
    }

    fn until(&self, text: &str) -> String {
        let mut all = String::new();
        loop {
            let line = self.said.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("'{text}' in:\n{all}"));
            assert!(!line.chars().any(char::is_control), "{line:?}");
            all += &line;
            all.push('\n');
            if line.contains(text) {
                return all;
            }
        }
    }

    fn acted(&self) -> bool {
        let audit = self.home.path().join(".local/state/midwatch/audit");
        let records = midwatch::journal::show::read(&audit, &Default::default()).unwrap_or_default();
        records.iter().any(|r| matches!(r.entry.phase, Phase::Confirmed | Phase::Acted))
    }
}

#[test]
fn a_pipe_full_of_yes_acts_on_nothing() {
    let sim = Simulation::start("calm");
    let mut process = Process::start(&sim, Stdio::piped());
    let mut stdin = process.child.stdin.take().unwrap();
    stdin.write_all(format!("restart worker\n{}", "yes\n".repeat(200)).as_bytes()).unwrap();
    drop(stdin);
    process.until("PLAN: Restart deployment/worker");
    process.until("only a terminal confirms");
    assert_eq!(process.child.wait().unwrap().code(), Some(2));
    assert!(!process.acted());
}

#[test]
fn at_a_keyboard_a_paste_acts_on_nothing_and_a_hand_does() {
    let sim = Simulation::start("calm");
    let (mut keys, stdin) = keyboard();
    let mut process = Process::start(&sim, stdin);
    process.until("'help' lists");
    // All in one go, before anything could be read.
    keys.write_all(b"restart worker\nyes\nyes\nyes\n").unwrap();
    process.until("an empty line leaves:");
    assert!(!process.acted());
    let mut refused = 0;
    loop {
        keys.write_all(b"yes it hangs\n").unwrap();
        let said = process.until("");
        if said.contains("under way") {
            break;
        }
        refused += usize::from(said.contains("type it"));
        assert!(refused < 200, "{said}");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(process.acted());
    keys.write_all(b"status\n").unwrap();
    process.until("objectives: ");
    // The end of what is typed (ctrl-D) leaves, and tells what goes on.
    keys.write_all(b"\x04").unwrap();
    assert_eq!(process.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_signal_ends_it_in_order() {
    let sim = Simulation::start("calm");
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut process = Process::start(&sim, Stdio::piped());
        let _open = process.child.stdin.take().unwrap();
        process.until("'help' lists");
        kill_process(Pid::from_child(&process.child), signal).unwrap();
        assert_eq!(process.child.wait().unwrap().code(), Some(0), "{signal:?}");
    }
}
