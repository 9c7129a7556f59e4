//! In a real tmux: what stands in its window is what the snapshot says, and with two clients of
//! different sizes attached it has the right one.
//!
//! Needs `tmux` on the path; skipped with a word where it is missing, unless
//! `MIDWATCH_REQUIRE_SERVERS=1`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use super::simulation;
use crate::commands::skip;
use crate::support::{PATIENCE, program};
use crate::terminal::{Start, Terminal, spawning};

/// A tmux server of the test's own.
struct Tmux {
    directory: tempfile::TempDir,
}

fn output(mut command: Command) -> Output {
    let child = {
        let _alone = spawning();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    child.wait_with_output().unwrap()
}

impl Tmux {
    fn tell(&self, args: &[&str]) -> Output {
        let home = self.directory.path();
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-S").arg(self.socket()).args(["-f", "/dev/null"]).args(args);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", home).env("LANG", "C.UTF-8").env("TERM", "xterm-256color").current_dir(home);
        output(command)
    }

    fn run(&self, args: &[&str]) -> String {
        let output = self.tell(args);
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// midwatch over the cluster in a window of its own, with `term` as its TERM.
    fn with_midwatch(kubeconfig: &str, term: &str) -> Self {
        let tmux = Self { directory: tempfile::tempdir().unwrap() };
        std::fs::write(tmux.kubeconfig(), kubeconfig).unwrap();
        let run = format!("env TERM={term} {} --kubeconfig {}", program(), tmux.kubeconfig().display());
        tmux.run(&[
            "new-session",
            "-d",
            "-s",
            "watch",
            "-x",
            "120",
            "-y",
            "40",
            &run,
            ";", //
            "set",
            "-g",
            "status",
            "off",
            ";",
            "set",
            "-g",
            "window-size",
            "smallest",
        ]);
        tmux
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join("kubeconfig")
    }

    fn window(&self) -> Vec<String> {
        lines(&self.run(&["capture-pane", "-p", "-t", "watch"]))
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // It may have ended with its last window.
        let _ = self.tell(&["kill-server"]);
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|l| l.trim_end().to_owned()).collect()
}

fn is_installed() -> bool {
    let there = Command::new("tmux").arg("-V").output().is_ok();
    if !there {
        skip("tmux");
    }
    there
}

fn snapshot(kubeconfig: &Path, size: &str) -> Vec<String> {
    let mut command = Command::new(program());
    command.args(["snapshot", "--size", size, "--kubeconfig"]).arg(kubeconfig);
    command.env_clear().env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
    lines(&String::from_utf8(output(command).stdout).unwrap())
}

/// Without the line that has the clock, and the ages of the data: they differ by when each has asked.
fn lasting(lines: &[String]) -> Vec<String> {
    let ages = [" now ", "10 s ", "20 s ", "40 s "];
    let plain = |line: &String| ages.iter().fold(line.clone(), |line, age| line.replace(age, "     "));
    lines.iter().skip(1).map(plain).collect()
}

#[test]
fn what_tmux_shows_is_what_the_snapshot_says() {
    if !is_installed() {
        return;
    }
    let sim = simulation("calm", 0.0, None);
    for term in ["xterm-256color", "tmux-256color", "screen-256color"] {
        let tmux = Tmux::with_midwatch(&sim.kubeconfig_yaml(), term);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = lasting(&tmux.window());
            let said = lasting(&snapshot(&tmux.kubeconfig(), "120x40"));
            if shown == said {
                assert!(said.join("\n").contains("50 of 50 ready"), "{said:#?}");
                break;
            }
            assert!(Instant::now() < deadline, "tmux shows {shown:#?}, the snapshot says {said:#?}");
        }
    }
}

#[test]
fn two_clients_of_different_sizes_see_the_smaller() {
    if !is_installed() {
        return;
    }
    let sim = simulation("calm", 1.0, None);
    let tmux = Tmux::with_midwatch(&sim.kubeconfig_yaml(), "tmux-256color");
    let socket = tmux.socket();
    let args = ["-u", "-S", socket.to_str().unwrap(), "attach", "-t", "watch"];
    let attached = |size| {
        Terminal::start(Start { program: Some("tmux"), args: &args, size: Some(size), ..Start::default() })
    };
    // A whole frame of that size.
    let shows = |s: &vt100::Screen, columns: u16, rows: u16| {
        let line = |y| s.contents_between(y, 0, y, columns);
        line(0).starts_with(" midwatch")
            && line(0).trim_end().ends_with('Z')
            && line(0).trim_end().len() >= usize::from(columns) - 2
            && line(rows - 1).contains("q quit")
    };
    let mut large = attached((120, 40));
    large.until("the large window", |s| shows(s, 120, 40));
    let mut small = attached((80, 24));
    small.until("the small window", |s| shows(s, 80, 24));
    large.until("the small window in the large one", |s| shows(s, 80, 24));
    // The small one leaves.
    small.send("\x02d");
    small.until_shown("detached");
    large.until("the large window again", |s| shows(s, 120, 40));
}
