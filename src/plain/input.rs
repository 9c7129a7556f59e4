//! Lines that are typed, with the moment at which they came: a confirmation has to be typed by a hand,
//! after what it confirms was read.

use std::io::{BufRead, IsTerminal, Read};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;

/// Bytes of a line that count; whatever is longer was not typed.
const MOST_BYTES: usize = 4096;
/// Lines that wait to be taken.
const QUEUE: usize = 64;
/// Whoever types doesn't end two lines within this time; a paste does.
const BURST: Duration = Duration::from_millis(40);

/// A line, as it came.
#[derive(Clone, Debug)]
pub struct Typed {
    pub text: String,
    pub at: Instant,
    /// No other line came with it: it is no part of a paste.
    pub is_alone: bool,
}

/// Where lines come from.
pub struct Input {
    pub lines: mpsc::Receiver<Typed>,
    /// A terminal with a person at it; from anything else nothing is confirmed.
    pub by_hand: bool,
}

impl Input {
    /// Standard input. A blocked read can't be taken back: its thread ends with the process.
    pub fn standard() -> Self {
        let by_hand = std::io::stdin().is_terminal();
        let (out, lines) = mpsc::channel(QUEUE);
        std::thread::spawn(move || {
            let mut stdin = std::io::stdin().lock();
            let mut is_followed = false;
            while let Ok(Some(text)) = read_line(&mut stdin) {
                let at = Instant::now();
                let follows = std::mem::replace(&mut is_followed, by_hand && more_comes(&stdin));
                let typed = Typed { text, at, is_alone: !follows && !is_followed };
                if out.blocking_send(typed).is_err() {
                    return;
                }
            }
        });
        Self { lines, by_hand }
    }
}

/// Whether another line comes at once. A terminal gives one line a read, so nothing waits in a buffer.
fn more_comes(stdin: &std::io::StdinLock<'_>) -> bool {
    let wait = Timespec { tv_sec: 0, tv_nsec: BURST.as_nanos().try_into().unwrap_or(0) };
    poll(&mut [PollFd::new(stdin, PollFlags::IN)], Some(&wait)).is_ok_and(|n| n > 0)
}

/// A line without its end, cut at [`MOST_BYTES`]; None at the end of the input.
fn read_line(input: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut line = Vec::new();
    if input.by_ref().take(MOST_BYTES as u64).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    // The rest of a line that is too long goes, piece by piece.
    let mut whole = line.ends_with(b"\n") || line.len() < MOST_BYTES;
    let mut rest = Vec::new();
    while !whole {
        rest.clear();
        let read = input.by_ref().take(MOST_BYTES as u64).read_until(b'\n', &mut rest)?;
        whole = read == 0 || rest.ends_with(b"\n");
    }
    let text = String::from_utf8_lossy(&line);
    Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_whole_and_long_ones_cut() {
        let long = "x".repeat(3 * MOST_BYTES);
        let text = format!("one\r\n\n{long}\nlast");
        let mut input = std::io::Cursor::new(text.into_bytes());
        let mut next = || read_line(&mut input).unwrap();
        assert_eq!(next().as_deref(), Some("one"));
        assert_eq!(next().as_deref(), Some(""));
        assert_eq!(next().map(|l| l.len()), Some(MOST_BYTES));
        assert_eq!(next().as_deref(), Some("last"));
        assert_eq!(next(), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_no_end() {
        let mut input = std::io::Cursor::new(b"\xff\xfe\nafter\n".to_vec());
        assert_eq!(read_line(&mut input).unwrap().as_deref(), Some("\u{fffd}\u{fffd}"));
        assert_eq!(read_line(&mut input).unwrap().as_deref(), Some("after"));
    }
}
