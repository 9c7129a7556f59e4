//! Runs a command of the team's own: once, without a shell, without our terminal, in a process group
//! of its own, with a few variables of our environment; and ends it, all of it, when it is cancelled or
//! its time is over.

mod output;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::model::command::OutputLine;
use output::Output;

/// What is passed on of our environment without being named.
const PASSED_ON: [&str; 4] = ["PATH", "HOME", "USER", "LANG"];
/// Between TERM and KILL: what a well-behaved program needs to put its things in order.
const GRACE: Duration = Duration::from_secs(5);
/// How long output is still read when the command has ended and something it started holds the pipe.
const DRAIN: Duration = Duration::from_secs(1);
/// How often it is looked whether all of the group is gone.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What would be run. The values of our environment are not in it: it is shown and recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Of the action in the configuration.
    pub name: String,
    pub argv: Vec<String>,
    pub directory: String,
    /// Names of variables of our own environment that are passed on.
    pub environment: Vec<String>,
    /// Variables with their values, which are no secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    pub timeout_s: u64,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    Exited(i32),
    /// By a signal that is not ours.
    Signalled(i32),
    TimedOut,
    Cancelled,
    /// Somebody else has waited for it: how it ended is lost.
    Unknown(String),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    pub exit: Exit,
    /// TERM was not enough.
    pub killed: bool,
    pub duration: Duration,
    /// SHA-256 of all that was written, in the order in which it was read.
    pub sha256: String,
    /// Of the output before anything was left out.
    pub bytes: u64,
    pub lines: Vec<OutputLine>,
}

/// A command that was started. Where it is dropped before its end its group is sent TERM.
pub struct Running {
    child: Child,
    group: Group,
    since: Instant,
    timeout: Duration,
}

/// The process group: the command and what it started.
struct Group {
    leader: Option<Pid>,
    is_over: bool,
}

impl Run {
    /// Starts it.
    ///
    /// # Errors
    /// Why it can't be started, and what to do.
    pub fn start(&self) -> Result<Running, String> {
        let (program, arguments) = self.argv.split_first().ok_or("there is nothing to run")?;
        let directory = std::path::absolute(&self.directory).map_err(|e| e.to_string())?;
        if !directory.is_dir() {
            return Err(no_directory(&directory));
        }
        // What holds a '/' is meant from the directory, as a shell would have it after a 'cd'.
        let path =
            if program.contains('/') { directory.join(program).into_os_string() } else { program.into() };
        let child = Command::new(&path)
            .args(arguments)
            .current_dir(&directory)
            .env_clear()
            .envs(self.passed_on(std::env::vars_os()))
            .envs(&self.variables)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| not_started(program, &directory, &e))?;
        let leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let group = Group { leader, is_over: false };
        Ok(Running { child, group, since: Instant::now(), timeout: Duration::from_secs(self.timeout_s) })
    }

    /// Why it could not be started now, as far as can be seen.
    pub fn trouble(&self) -> Option<String> {
        let program = self.argv.first()?;
        let directory = Path::new(&self.directory);
        if !directory.is_dir() {
            return Some(no_directory(directory));
        }
        let is_there = match program.contains('/') {
            true => directory.join(program).is_file(),
            false => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
            }
        };
        (!is_there).then(|| not_there(program, directory))
    }

    /// Which variables are to be passed on and are not set.
    pub fn unset(&self) -> Option<String> {
        let unset: Vec<&str> =
            self.environment.iter().map(String::as_str).filter(|n| std::env::var_os(n).is_none()).collect();
        (!unset.is_empty()).then(|| format!("not set here: {}", unset.join(", ")))
    }

    fn passed_on(&self, ours: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
        let is_passed_on = |name: &str| {
            PASSED_ON.contains(&name) || name.starts_with("LC_") || self.environment.iter().any(|n| n == name)
        };
        let passed = ours.filter(|(name, _)| name.to_str().is_some_and(is_passed_on));
        // Colours and cursor movements would only be taken out again.
        passed.chain([("TERM".into(), "dumb".into())]).collect()
    }
}

fn no_directory(directory: &Path) -> String {
    format!(
        "the directory {} is not there; make it, or correct 'directory' in the configuration",
        directory.display()
    )
}

fn not_there(program: &str, directory: &Path) -> String {
    if program.contains('/') {
        let path = directory.join(program);
        return format!("{} is not there; correct 'run' or 'directory' in the configuration", path.display());
    }
    format!("'{program}' is not on the PATH; install it, or write its whole path in the configuration")
}

/// The kernel's error in words that say what to do.
fn not_started(program: &str, directory: &Path, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound if program.contains('/') && directory.join(program).exists() => {
            format!("the interpreter of '{program}' is not there; look at its first line, #!")
        }
        ErrorKind::NotFound => not_there(program, directory),
        ErrorKind::PermissionDenied => {
            format!(
                "'{program}' may not be executed; chmod +x makes it a program, or you lack the permission"
            )
        }
        // ENOEXEC
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            format!("'{program}' is no program of this machine; a script begins with #! and its interpreter")
        }
        // E2BIG
        ErrorKind::ArgumentListTooLong => {
            format!("the command line of '{program}' is too long for this machine")
        }
        _ => format!("'{program}' could not be started: {error}"),
    }
}

enum Until {
    Ended(std::io::Result<ExitStatus>),
    Stopped(Exit),
}

impl Running {
    /// The process's number, for the audit log.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sees it to its end.
    pub async fn finish(mut self, live: mpsc::Sender<OutputLine>, stop: CancellationToken) -> Ran {
        let mut output = Output::new(self.child.stdout.take(), self.child.stderr.take(), live);
        let deadline = self.since + self.timeout;
        let child = &mut self.child;
        let until = pump(&mut output, async {
            tokio::select! {
                status = child.wait() => Until::Ended(status),
                () = stop.cancelled() => Until::Stopped(Exit::Cancelled),
                () = tokio::time::sleep_until(deadline) => Until::Stopped(Exit::TimedOut),
            }
        });
        let (exit, killed) = match until.await {
            Until::Ended(status) => (exit_of(status), false),
            Until::Stopped(exit) => (exit, self.end(&mut output).await),
        };
        self.group.is_over = true;
        let duration = self.since.elapsed();
        let drained = timeout(DRAIN, async {
            while output.is_open() {
                output.read().await;
            }
        });
        if drained.await.is_err() {
            output
                .note("… something that the command started still runs; what it writes is not read any more");
        }
        let bytes = output.bytes;
        let (lines, sha256) = output.finish();
        Ran { exit, killed, duration, sha256, bytes, lines }
    }

    /// TERM, and KILL where that was not enough; whether it was needed.
    async fn end(&mut self, output: &mut Output) -> bool {
        let (child, group) = (&mut self.child, &self.group);
        group.signal(Signal::TERM);
        // One that asked on a terminal is stopped, and would not see TERM.
        group.signal(Signal::CONT);
        let gone = pump(
            output,
            timeout(GRACE, async {
                drop(child.wait().await);
                while group.is_there() {
                    sleep(LOOK_EVERY).await;
                }
            }),
        );
        if gone.await.is_ok() {
            return false;
        }
        group.signal(Signal::KILL);
        // One that waits for a dead disk can't be killed, and is not waited for.
        drop(pump(output, timeout(GRACE, child.wait())).await);
        true
    }
}

/// Reads on until something has come about: a pipe that nobody reads stops who writes to it.
async fn pump<T>(output: &mut Output, until: impl Future<Output = T>) -> T {
    let mut until = std::pin::pin!(until);
    loop {
        tokio::select! {
            done = &mut until => return done,
            () = output.read() => {}
        }
    }
}

fn exit_of(status: std::io::Result<ExitStatus>) -> Exit {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Exited(code),
            (None, signal) => Exit::Signalled(signal.unwrap_or_default()),
        },
        Err(error) => Exit::Unknown(error.to_string()),
    }
}

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // A group that is gone needs none.
            _ = kill_process_group(leader, signal);
        }
    }

    fn is_there(&self) -> bool {
        self.leader.is_some_and(|leader| test_kill_process_group(leader).is_ok())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_over {
            self.signal(Signal::TERM);
            self.signal(Signal::CONT);
        }
    }
}

#[cfg(test)]
mod tests;
