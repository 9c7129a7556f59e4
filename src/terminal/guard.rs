//! Takes the terminal over and gives it back, whatever happens in between.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};

/// Alternate screen, bracketed paste, no cursor. Mouse, focus and kitty keyboard stay off: a
/// dropped link would leave them on in the user's terminal.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?25l";
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[0m\x1b[?25h\x1b[?2004l\x1b[?1049l";

/// Whether the terminal is ours now; the panic hook asks.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Standard output as a file of its own: `Stdout` is line-buffered and takes 62 writes for a frame.
pub fn output() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

pub fn enter(out: &mut impl Write) -> io::Result<()> {
    // Stopped by SIGSTOP we could not give the modes back, and the shell has set its own since.
    if TAKEN.load(Ordering::SeqCst) {
        disable_raw_mode()?;
    }
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    out.write_all(ENTER)
}

/// Gives the terminal back. The modes first: they don't depend on a link that may be stalled.
pub fn leave(out: &mut impl Write) -> io::Result<()> {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let modes = disable_raw_mode();
        out.write_all(LEAVE)?;
        modes?;
    }
    Ok(())
}

/// Only the modes, for when the link takes no more bytes.
pub fn leave_modes() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // The process is about to end: there is nobody left to tell of a failure.
        let _ = disable_raw_mode();
    }
}

/// A panic gives the terminal back before anything is printed.
pub fn install_panic_hook() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if let Ok(mut out) = output() {
            let _ = leave(&mut out);
        }
        before(info);
    }));
}
