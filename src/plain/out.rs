//! Lines on their way out: a thread writes them, so that a link that takes nothing holds up nobody, and
//! each is cleaned once more, so that none carries what a terminal would act on.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crate::model::Clean;

/// What is still to be written when we leave has this long: a terminal that is gone takes nothing.
const AT_THE_END: Duration = Duration::from_millis(500);

struct Parcel {
    text: String,
    /// The dialog whose plan is in it.
    dialog: Option<u64>,
}

/// The writer of a plain session.
pub struct Out {
    parcels: mpsc::Sender<Parcel>,
    waiting: Arc<AtomicUsize>,
    failed: Arc<Mutex<Option<std::io::Error>>>,
    ended: mpsc::Receiver<()>,
    ascii: bool,
}

impl Out {
    /// Starts the thread; `drawn` hears of each plan that was written.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(
        mut to: impl Write + Send + 'static,
        ascii: bool,
        drawn: impl Fn(u64) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (parcels, queue) = mpsc::channel::<Parcel>();
        let (ends, ended) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let failed = Arc::new(Mutex::new(None));
        let (left, failure) = (waiting.clone(), failed.clone());
        std::thread::Builder::new().name("lines".into()).spawn(move || {
            for parcel in queue {
                let written = to.write_all(parcel.text.as_bytes()).and_then(|()| to.flush());
                left.fetch_sub(1, Ordering::SeqCst);
                if let Err(error) = written {
                    if let Ok(mut failure) = failure.lock() {
                        *failure = Some(error);
                    }
                    break;
                }
                parcel.dialog.into_iter().for_each(&drawn);
            }
            _ = ends.send(());
        })?;
        Ok(Self { parcels, waiting, failed, ended, ascii })
    }

    /// Sends lines on their way.
    ///
    /// # Errors
    /// What was written before could not be.
    pub fn send(&self, text: &[u8], dialog: Option<u64>) -> std::io::Result<()> {
        if let Some(error) = self.failed.lock().ok().and_then(|mut failed| failed.take()) {
            return Err(error);
        }
        if text.is_empty() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(text);
        let mut clean = String::with_capacity(text.len());
        for line in text.lines() {
            let line = Clean::new(line);
            if self.ascii {
                ascii(&line, &mut clean)
            } else {
                clean.push_str(&line)
            }
            clean.push('\n');
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let gone = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        self.parcels.send(Parcel { text: clean, dialog }).map_err(|_| gone())
    }

    /// Whether lines wait that the link has not taken: more would only queue.
    pub fn is_behind(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Waits, for a moment, until everything is written.
    pub fn leave(self) {
        drop(self.parcels);
        _ = self.ended.recv_timeout(AT_THE_END);
    }
}

/// For terminals that know nothing else: words and signs in place of what they have not.
fn ascii(line: &str, out: &mut String) {
    for c in line.chars() {
        match c {
            ' '..='~' => out.push(c),
            '→' => out.push_str("->"),
            '…' => out.push_str("..."),
            '·' => out.push(';'),
            '–' | '−' | '─' => out.push('-'),
            '×' => out.push('x'),
            '≥' => out.push_str(">="),
            '≤' => out.push_str("<="),
            '±' => out.push_str("+-"),
            '›' => out.push('>'),
            _ => out.push('?'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_terminal_acts_on_is_not_written() {
        let to = Shared::default();
        let out = Out::start(to.clone(), true, |_| {}).unwrap();
        out.send("a \x1b[31mred\x1b[0m → b\n\x07\u{9b}2J\n".as_bytes(), None).unwrap();
        out.leave();
        assert_eq!(String::from_utf8(to.0.lock().unwrap().clone()).unwrap(), "a red -> b\n?\n");
    }

    #[test]
    fn a_plan_is_told_once_it_is_written() {
        let (told, hears) = mpsc::channel();
        let out = Out::start(std::io::sink(), false, move |id| told.send(id).unwrap()).unwrap();
        out.send(b"PLAN\n", Some(7)).unwrap();
        assert_eq!(hears.recv_timeout(Duration::from_secs(60)), Ok(7));
        out.leave();
    }

    #[test]
    fn a_reader_who_has_gone_ends_it() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let out = Out::start(Gone, false, |_| {}).unwrap();
        drop(out.send(b"one\n", None));
        out.ended.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(out.send(b"two\n", None).unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    }
}
