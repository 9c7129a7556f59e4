//! The reader thread: bytes from the terminal become chords and pastes.
//!
//! It reads by itself and leaves only the parsing to termina: crossterm's reader spins when the
//! terminal is gone (crossterm#793) and takes a split escape sequence for keys (crossterm#993).
//! A lone ESC waits [`REJOIN`] for the rest of a sequence.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use termina::event::{KeyCode, KeyEvent, KeyEventKind, Modifiers};
use termina::{Event, Parser};

use crate::input::{Chord, Code};
use crate::msg::Msg;

/// Sequences are split by slow links and by tmux; people don't type ESC and a letter this fast.
const REJOIN: Duration = Duration::from_millis(50);
const ESC: u8 = 0x1b;
/// A paste that is larger is dropped whole.
const MAX_PASTE: usize = 1 << 20;

/// Reads until the terminal is gone, which it reports as `Terminate`.
pub fn spawn(send: impl Fn(Msg) -> bool + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name("reader".into()).spawn(move || {
        read(&send);
        send(Msg::Terminate);
    })?;
    Ok(())
}

fn read(send: &impl Fn(Msg) -> bool) {
    let stdin = rustix::stdio::stdin();
    let mut rejoin = Rejoin::default();
    let mut buffer = [0_u8; 4096];
    loop {
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        let wait = rejoin.pending().then(|| Timespec { tv_sec: 0, tv_nsec: REJOIN.subsec_nanos().into() });
        match poll(&mut fds, wait.as_ref()) {
            Ok(0) => {
                for msg in rejoin.expire() {
                    if !send(msg) {
                        return;
                    }
                }
                continue;
            }
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
        }
        let read = match rustix::io::read(stdin, &mut buffer) {
            Ok(0) => return,
            Ok(n) => n,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
            Err(_) => return,
        };
        for msg in rejoin.feed(buffer.get(..read).unwrap_or_default()) {
            if !send(msg) {
                return;
            }
        }
    }
}

/// The parser, and whether it holds the beginning of a sequence.
#[derive(Default)]
pub struct Rejoin {
    parser: Parser,
    /// Bytes since the last whole event.
    held: usize,
    /// They are one ESC.
    lone_escape: bool,
}

impl Rejoin {
    pub fn pending(&self) -> bool {
        self.held > 0
    }

    /// Takes bytes as they come, split anywhere.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Msg> {
        let mut out = Vec::new();
        for byte in bytes {
            // ESC twice is the key twice, as it repeats, or the key and then a sequence; the parser
            // would take both for one and leave the rest to be read as letters.
            if self.lone_escape && *byte == ESC {
                out.extend(self.expire());
            }
            self.parser.parse(&[*byte], true);
            self.held += 1;
            self.lone_escape = self.held == 1 && *byte == ESC;
            while let Some(event) = self.parser.pop() {
                self.held = 0;
                out.extend(message(event));
            }
            if self.held > MAX_PASTE {
                *self = Self::default();
            }
        }
        out
    }

    /// Nothing more has come: a lone ESC was the key; the beginning of anything else is dropped.
    pub fn expire(&mut self) -> Vec<Msg> {
        let mut out = Vec::new();
        self.parser.parse(&[], false);
        while let Some(event) = self.parser.pop() {
            out.extend(message(event));
        }
        *self = Self::default();
        out
    }
}

fn message(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => chord(key).map(Msg::Key),
        Event::Paste(text) if text.len() <= MAX_PASTE => Some(Msg::Paste(text)),
        _ => None,
    }
}

fn chord(key: KeyEvent) -> Option<Chord> {
    let code = match key.code {
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::Enter => Code::Enter,
        KeyCode::Escape => Code::Esc,
        KeyCode::Tab | KeyCode::BackTab => Code::Tab,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Insert => Code::Insert,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::Function(n) => Code::F(n),
        _ => return None,
    };
    let shift = match code {
        // A character is already the one that shift makes.
        Code::Char(_) => false,
        _ => key.code == KeyCode::BackTab || key.modifiers.contains(Modifiers::SHIFT),
    };
    let ctrl = key.modifiers.contains(Modifiers::CONTROL);
    let code = match code {
        Code::Char(c) if ctrl => Code::Char(c.to_ascii_lowercase()),
        code => code,
    };
    Some(Chord { code, ctrl, alt: key.modifiers.contains(Modifiers::ALT), shift })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(msgs: &[Msg]) -> String {
        let text = |m: &Msg| match m {
            Msg::Key(chord) => chord.to_string(),
            other => format!("{other:?}"),
        };
        msgs.iter().map(text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn keys_are_read() {
        for (bytes, want) in [
            (&b"a"[..], "a"),
            (b"G", "G"),
            (b"\r", "enter"),
            (b"\t", "tab"),
            (b"\x1b[Z", "shift-tab"),
            (b"\x1b[A", "up"),
            (b"\x1bOA", "up"),
            (b"\x1b[5~", "pageup"),
            (b"\x03", "ctrl-c"),
            (b"\x1a", "ctrl-z"),
            (b"\x1bx", "alt-x"),
            (b"\x7f", "backspace"),
            ("ü".as_bytes(), "ü"),
        ] {
            assert_eq!(keys(&Rejoin::default().feed(bytes)), want, "{bytes:?}");
        }
    }

    #[test]
    fn a_sequence_split_at_any_byte_is_one_key() {
        for bytes in [&b"\x1b[A"[..], b"\x1b[5~", b"\x1b[1;5C", b"\x1bOP"] {
            let whole = keys(&Rejoin::default().feed(bytes));
            for at in 1..bytes.len() {
                let mut rejoin = Rejoin::default();
                let mut got = rejoin.feed(&bytes[..at]);
                assert!(rejoin.pending());
                got.extend(rejoin.feed(&bytes[at..]));
                assert_eq!(keys(&got), whole, "{bytes:?} at {at}");
            }
        }
    }

    #[test]
    fn a_lone_escape_is_the_key_once_nothing_follows() {
        let mut rejoin = Rejoin::default();
        assert!(rejoin.feed(b"\x1b").is_empty());
        assert_eq!(keys(&rejoin.expire()), "esc");
        assert!(rejoin.feed(b"\x1b[").is_empty());
        assert!(rejoin.expire().is_empty());
        assert_eq!(keys(&rejoin.feed(b"q")), "q");
    }

    #[test]
    fn escapes_in_a_row_are_keys_of_their_own() {
        let mut rejoin = Rejoin::default();
        assert_eq!(keys(&rejoin.feed(b"\x1b\x1b\x1b[A")), "esc esc up");
        assert_eq!(keys(&rejoin.feed(b"\x1b\x1b")), "esc");
        assert_eq!(keys(&rejoin.expire()), "esc");
    }

    #[test]
    fn a_paste_is_one_message() {
        let got = Rejoin::default().feed(b"\x1b[200~yes\n\x1b[201~");
        assert_eq!(got, [Msg::Paste("yes\n".into())]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let mut rejoin = Rejoin::default();
            rejoin.feed(&bytes);
            rejoin.expire();
            proptest::prop_assert!(!rejoin.pending());
        }
    }
}
