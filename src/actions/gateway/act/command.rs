//! A command of the team's own, from its start to its end: what it writes is told as it comes.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Sent;
use crate::actions::gateway::Hand;
use crate::actions::gateway::run::{Exit, Ran, Run, Running};
use crate::actions::gateway::watch::Outcome;
use crate::model::Clean;
use crate::model::action::Progress;
use crate::model::command::OutputLine;

/// Lines that wait to be told; more are counted, not kept waiting for.
const QUEUE: usize = 1024;
/// Lines told at once.
const AT_ONCE: usize = 256;
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Starts it, once.
pub fn send(run: &Run) -> Sent {
    match run.start() {
        Ok(running) => Sent::Started(Box::new(running)),
        Err(why) => Sent::Refused(why),
    }
}

/// Runs what only looks, to its end: it needs no confirmation, and leaves no record of its own.
///
/// # Errors
/// Why it could not be started.
pub async fn look(run: &Run, live: mpsc::Sender<OutputLine>, stop: CancellationToken) -> Result<Ran, String> {
    Ok(run.start()?.finish(live, stop).await)
}

/// What it came to.
pub struct Finished {
    pub outcome: Outcome,
    /// For the screen.
    pub told: String,
    /// For the audit log, with the hash of what it has written.
    pub recorded: String,
}

/// Sees it to its end.
pub async fn finish(hand: &Hand<'_>, running: Running) -> Finished {
    let (live, lines) = mpsc::channel(QUEUE);
    let (ran, ()) = tokio::join!(running.finish(live, hand.told.stop.clone()), tell(hand, lines));
    let told = words(&ran);
    let recorded = format!("{told}; {} bytes of output, sha256 {}", ran.bytes, ran.sha256);
    hand.told.output(ran.lines, true).await;
    let outcome: Outcome = match ran.exit {
        Exit::Exited(0) => Progress::Done,
        Exit::Unknown(_) => Progress::Unknown,
        _ => Progress::Failed,
    };
    Finished { outcome, told, recorded }
}

async fn tell(hand: &Hand<'_>, mut lines: mpsc::Receiver<OutputLine>) {
    let (start, mut count) = (Instant::now(), 0usize);
    let mut clock = tokio::time::interval(TELL_EVERY);
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            taken = lines.recv_many(&mut batch, AT_ONCE) => {
                if taken == 0 {
                    return;
                }
                count += taken;
                hand.told.output(std::mem::take(&mut batch), false).await;
            }
            _ = clock.tick() => {
                let lines = if count == 1 { "line" } else { "lines" };
                let words = format!("running for {}, {count} {lines} of output", time(start.elapsed()));
                hand.told.tell(Progress::Watching(Clean::new(&words))).await;
            }
        }
    }
}

/// 'exit code 1 after 0:12'.
fn words(ran: &Ran) -> String {
    let by = if ran.killed { "KILL, as TERM was not enough" } else { "TERM" };
    match &ran.exit {
        Exit::Exited(code) => format!("exit code {code} after {}", time(ran.duration)),
        Exit::Signalled(signal) => format!("ended by signal {signal} after {}", time(ran.duration)),
        Exit::TimedOut => {
            let after = time(ran.duration);
            format!("its time was over, ended after {after} by {by}; what it has done until then stays")
        }
        Exit::Cancelled => {
            format!("stopped after {} by {by}; what it has done until then stays", time(ran.duration))
        }
        Exit::Unknown(why) => format!("how it ended is not known: {why}"),
    }
}

/// '1:40'.
fn time(duration: Duration) -> String {
    format!("{}:{:02}", duration.as_secs() / 60, duration.as_secs() % 60)
}
