//! The writer thread: it holds only the latest frame, so that a stalled link never stalls the loop,
//! and what it could not write is not queued.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use super::encode::Encoder;
use super::{guard, sweep};
use crate::ui::Frame;

/// How long giving the terminal back may take on a link that is stalled.
const PATIENCE: Duration = Duration::from_millis(400);

#[derive(Default)]
struct Slot {
    frame: Option<Frame>,
    repaint: bool,
    /// An OSC 52 sequence that waits for its turn.
    clipboard: Option<String>,
    leave: bool,
    enter: bool,
    /// The terminal has been given back.
    left: bool,
    /// Bytes and frames written, for measurements.
    bytes: u64,
    frames: u64,
}

/// The screen, as the loop sees it.
#[derive(Clone)]
pub struct Screen {
    shared: Arc<(Mutex<Slot>, Condvar)>,
    ascii: bool,
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(|e| e.into_inner())
}

impl Screen {
    /// Takes the terminal over and starts the thread. When writing fails the terminal is gone:
    /// `gone` is called.
    ///
    /// `drawn` is called when a frame with a dialog has been written, once for each.
    pub fn open(
        ascii: bool,
        drawn: impl Fn(u64) + Send + 'static,
        gone: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        let mut out = guard::output()?;
        guard::enter(&mut out)?;
        let shared = Arc::new((Mutex::new(Slot::default()), Condvar::new()));
        let theirs = shared.clone();
        std::thread::Builder::new().name("writer".into()).spawn(move || {
            if write_frames(&theirs, &mut out, &drawn).is_err() {
                guard::leave_modes();
                let (slot, changed) = &*theirs;
                lock(slot).left = true;
                changed.notify_all();
                gone();
            }
        })?;
        Ok(Self { shared, ascii })
    }

    /// Shows `frame`, in place of any that has not been written yet.
    pub fn show(&self, mut frame: Frame) {
        sweep::sweep(&mut frame.buffer);
        if self.ascii {
            sweep::asciify(&mut frame.buffer);
        }
        self.change(|slot| slot.frame = Some(frame));
    }

    /// The next frame is drawn whole.
    pub fn repaint(&self) {
        self.change(|slot| slot.repaint = true);
    }

    /// Sends `text` to the clipboard of the terminal (OSC 52), after the frame that is being written.
    /// There is no answer to it.
    pub fn copy(&self, text: &str) {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        self.change(|slot| slot.clipboard = Some(format!("\x1b]52;c;{encoded}\x07")));
    }

    /// Gives the terminal back. On a stalled link only its modes can be restored.
    pub fn leave(&self) {
        self.change(|slot| slot.leave = true);
        let (slot, changed) = &*self.shared;
        let waited = changed.wait_timeout_while(lock(slot), PATIENCE, |slot| !slot.left);
        if waited.is_ok_and(|(_, timeout)| timeout.timed_out()) {
            guard::leave_modes();
        }
    }

    /// Takes the terminal over again, after a suspension.
    pub fn enter(&self) {
        self.change(|slot| {
            slot.enter = true;
            slot.left = false;
            slot.repaint = true;
        });
    }

    fn change(&self, f: impl FnOnce(&mut Slot)) {
        let (slot, changed) = &*self.shared;
        f(&mut lock(slot));
        changed.notify_all();
    }
}

fn write_frames(
    shared: &(Mutex<Slot>, Condvar),
    out: &mut impl Write,
    drawn: &impl Fn(u64),
) -> std::io::Result<()> {
    let (slot, changed) = shared;
    let mut encoder = Encoder::default();
    let mut told = None;
    loop {
        let mut now = lock(slot);
        while now.frame.is_none() && now.clipboard.is_none() && !now.leave && !now.enter {
            now = changed.wait(now).unwrap_or_else(|e| e.into_inner());
        }
        if std::mem::take(&mut now.leave) {
            now.frame = None;
            drop(now);
            guard::leave(out)?;
            lock(slot).left = true;
            changed.notify_all();
            continue;
        }
        let enter = std::mem::take(&mut now.enter);
        let repaint = std::mem::take(&mut now.repaint);
        let frame = now.frame.take();
        let clipboard = now.clipboard.take();
        let left = now.left;
        drop(now);
        if enter {
            guard::enter(out)?;
        }
        if enter || repaint {
            encoder.forget();
        }
        if let Some(sequence) = clipboard.filter(|_| !left) {
            out.write_all(sequence.as_bytes())?;
        }
        if let Some(frame) = frame.filter(|_| !left) {
            let dialog = frame.dialog;
            let bytes = encoder.encode(frame);
            if !bytes.is_empty() {
                out.write_all(&bytes)?;
                let mut now = lock(slot);
                now.bytes += bytes.len() as u64;
                now.frames += 1;
            }
            if dialog.is_some() && dialog != told {
                dialog.into_iter().for_each(drawn);
            }
            told = dialog;
        }
    }
}
