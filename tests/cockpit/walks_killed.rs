//! A walk in lines, killed at every event and gone on with.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use midwatch::runbook::walk::store::Store;
use serde_json::Value;

use crate::commands::Simulation;
use crate::support::{PATIENCE, program};
use crate::walks::{runbook, times_run};

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
