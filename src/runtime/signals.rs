//! What the kernel tells us: terminate, the window's size, stop and continue.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::terminal::writer::Screen;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Terminate,
    Resize,
    /// Asked to stop from outside; Ctrl-Z is a key like others.
    Stop,
    Continue,
}

pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    resize: Signal,
    stop: Signal,
    resume: Signal,
    quit: Signal,
}

impl Signals {
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            resize: signal(SignalKind::window_change())?,
            stop: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            resume: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
            quit: signal(SignalKind::quit())?,
        })
    }

    pub async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.terminate.recv() => Event::Terminate,
            _ = self.interrupt.recv() => Event::Terminate,
            _ = self.hangup.recv() => Event::Terminate,
            _ = self.quit.recv() => Event::Terminate,
            _ = self.resize.recv() => Event::Resize,
            _ = self.stop.recv() => Event::Stop,
            _ = self.resume.recv() => Event::Continue,
        }
    }
}

/// Gives the terminal back and stops, as Ctrl-Z does; SIGCONT takes it over again.
///
/// # Errors
/// Nobody would continue it, or it can't be stopped; it goes on.
pub fn suspend(screen: &Screen) -> Result<(), &'static str> {
    if !has_shell() {
        return Err(NO_SHELL);
    }
    screen.leave();
    stop().inspect_err(|_| screen.enter())
}

const NO_SHELL: &str = "not stopped: no shell is there to continue it";

/// Stops. SIGTSTP is handled here, so the stop itself is SIGSTOP; of the whole group, as a shell waits
/// for all of a script that runs midwatch.
///
/// # Errors
/// As for [`suspend`].
pub fn stop() -> Result<(), &'static str> {
    if !has_shell() {
        return Err(NO_SHELL);
    }
    rustix::process::kill_current_process_group(rustix::process::Signal::STOP)
        .map_err(|_| "could not be stopped")
}

/// Whether there is a shell with job control: the leader of our session stands outside our process
/// group. In `ssh host midwatch` and in a tmux window of its own there is none, and the kernel, too,
/// discards a stop there.
fn has_shell() -> bool {
    use rustix::process::{getpgrp, getsid};
    getsid(None).is_ok_and(|leader| leader != getpgrp())
}

/// Columns and rows; 80×24 where the terminal does not say.
pub fn size() -> (u16, u16) {
    match crossterm::terminal::size() {
        Ok((columns, rows)) if columns > 0 && rows > 0 => (columns, rows),
        _ => (80, 24),
    }
}
