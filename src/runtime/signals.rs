//! What the kernel tells us: terminate, the window's size, stop and continue.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::terminal::writer::Screen;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Terminate,
    Resize,
    Continue,
}

pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    resize: Signal,
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
            _ = self.resume.recv() => Event::Continue,
        }
    }
}

/// Gives the terminal back and stops, as Ctrl-Z does; SIGCONT takes it over again.
pub fn suspend(screen: &Screen) {
    screen.leave();
    // SIGTSTP keeps its default action: nothing here handles it.
    if let Err(error) =
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)
    {
        tracing::warn!(%error, "could not stop");
        screen.enter();
    }
}

/// Columns and rows; 80×24 where the terminal does not say.
pub fn size() -> (u16, u16) {
    match crossterm::terminal::size() {
        Ok((columns, rows)) if columns > 0 && rows > 0 => (columns, rows),
        _ => (80, 24),
    }
}
