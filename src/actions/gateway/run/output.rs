//! What a command writes: cut into lines, made safe, hashed, shown live as far as somebody keeps up,
//! and kept up to a size, the beginning and the end of it.

use std::collections::VecDeque;

use aws_lc_rs::digest::{Context, SHA256};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::mpsc;

use crate::model::Clean;
use crate::model::command::{OutputLine, Stream};

/// A line that is longer is cut there. Bytes.
pub const MAX_LINE: usize = 4 << 10;
/// What is kept of the output, half of it from the beginning, half from the end. Bytes.
pub const MAX_KEPT: usize = 1 << 20;
/// What a line costs beside its text, so that a flood of empty lines is bounded too. Bytes.
const LINE_COST: usize = 64;
/// Of one read: as much as a pipe holds by default on Linux.
const CHUNK: usize = 64 << 10;

/// Both pipes of a command, read as they come.
pub struct Output {
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    buffers: [Box<[u8]>; 2],
    lines: [Lines; 2],
    digest: Context,
    pub bytes: u64,
    kept: Kept,
    live: mpsc::Sender<OutputLine>,
    /// Lines that the receiver of `live` was too slow for.
    missed: u64,
}

impl Output {
    pub fn new(out: Option<ChildStdout>, err: Option<ChildStderr>, live: mpsc::Sender<OutputLine>) -> Self {
        let buffers = [vec![0; CHUNK].into(), vec![0; CHUNK].into()];
        let lines = [Lines::default(), Lines::default()];
        let (digest, kept) = (Context::new(&SHA256), Kept::default());
        Self { out, err, buffers, lines, digest, bytes: 0, kept, live, missed: 0 }
    }

    /// Whether something can still come.
    pub fn is_open(&self) -> bool {
        self.out.is_some() || self.err.is_some()
    }

    /// Takes what comes next; waits for ever where nothing can come. Nothing is lost where the wait
    /// is given up.
    pub async fn read(&mut self) {
        let [first, second] = &mut self.buffers;
        let (from, count) = tokio::select! {
            count = read(&mut self.out, first) => (Stream::Out, count),
            count = read(&mut self.err, second) => (Stream::Err, count),
        };
        match (from, count) {
            (Stream::Err, 0) => self.err = None,
            (_, 0) => self.out = None,
            (from, count) => self.take(from, count),
        }
    }

    fn take(&mut self, from: Stream, count: usize) {
        let at = usize::from(from == Stream::Err);
        let raw = &self.buffers[at][..count];
        self.digest.update(raw);
        self.bytes += count as u64;
        let mut ready = Vec::new();
        self.lines[at].feed(raw, |text| ready.push(OutputLine { from, text }));
        for line in ready {
            self.emit(line);
        }
    }

    fn emit(&mut self, line: OutputLine) {
        if self.missed > 0 {
            let note =
                OutputLine::note(&format!("… {} lines came faster than they could be shown", self.missed));
            if self.live.try_send(note).is_err() {
                self.missed += 1;
                self.kept.push(line);
                return;
            }
            self.missed = 0;
        }
        if self.live.try_send(line.clone()).is_err() {
            self.missed += 1;
        }
        self.kept.push(line);
    }

    /// Words of our own at this place.
    pub fn note(&mut self, words: &str) {
        self.emit(OutputLine::note(words));
    }

    /// What was kept, and the SHA-256 of all bytes in the order in which they were read.
    pub fn finish(mut self) -> (Vec<OutputLine>, String) {
        for (at, from) in [(0, Stream::Out), (1, Stream::Err)] {
            let mut last = None;
            self.lines[at].end(|text| last = Some(OutputLine { from, text }));
            if let Some(line) = last {
                self.emit(line);
            }
        }
        let hash = self.digest.finish().as_ref().iter().map(|b| format!("{b:02x}")).collect();
        (self.kept.into_lines(), hash)
    }
}

/// An error ends a pipe as its end does: there is nothing more to be had from it.
async fn read(pipe: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    match pipe {
        Some(pipe) => pipe.read(buffer).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

/// Cuts a stream into lines. A carriage return ends one too: progress is shown as it comes.
#[derive(Default)]
struct Lines {
    partial: Vec<u8>,
    cut: bool,
    after_return: bool,
}

impl Lines {
    fn feed(&mut self, raw: &[u8], mut ready: impl FnMut(Clean)) {
        for part in raw.split_inclusive(|b| *b == b'\n' || *b == b'\r') {
            let (text, end) = match part.split_last() {
                Some((end @ (b'\n' | b'\r'), text)) => (text, Some(*end)),
                _ => (part, None),
            };
            let is_second_half = self.after_return && text.is_empty() && end == Some(b'\n');
            self.after_return = end == Some(b'\r');
            if is_second_half {
                continue;
            }
            let room = MAX_LINE.saturating_sub(self.partial.len());
            self.partial.extend_from_slice(&text[..text.len().min(room)]);
            self.cut |= text.len() > room;
            if end.is_some() {
                ready(self.line());
            }
        }
    }

    fn end(&mut self, ready: impl FnOnce(Clean)) {
        if !self.partial.is_empty() {
            ready(self.line());
        }
    }

    fn line(&mut self) -> Clean {
        if std::mem::take(&mut self.cut) {
            self.partial.extend_from_slice("…".as_bytes());
        }
        let text = Clean::from_bytes(&self.partial);
        self.partial.clear();
        text
    }
}

/// The first and the last lines.
#[derive(Default)]
struct Kept {
    head: Vec<OutputLine>,
    head_size: usize,
    tail: VecDeque<OutputLine>,
    tail_size: usize,
    left_out: u64,
}

impl Kept {
    fn push(&mut self, line: OutputLine) {
        let size = line.text.len() + LINE_COST;
        if self.tail.is_empty() && self.left_out == 0 && self.head_size + size <= MAX_KEPT / 2 {
            self.head_size += size;
            self.head.push(line);
            return;
        }
        self.tail_size += size;
        self.tail.push_back(line);
        while self.tail_size > MAX_KEPT / 2 {
            let Some(line) = self.tail.pop_front() else { break };
            self.tail_size -= line.text.len() + LINE_COST;
            self.left_out += 1;
        }
    }

    fn into_lines(self) -> Vec<OutputLine> {
        let mut lines = self.head;
        if self.left_out > 0 {
            lines.push(OutputLine::note(&format!("… {} lines left out", self.left_out)));
        }
        lines.extend(self.tail);
        lines
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(chunks: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        for chunk in chunks {
            lines.feed(chunk, |l| all.push(l.to_string()));
        }
        lines.end(|l| all.push(l.to_string()));
        all
    }

    #[test]
    fn lines_end_with_a_newline_a_return_or_both() {
        assert_eq!(cut(&[b"a\nb\r\nc\rd"]), ["a", "b", "c", "d"]);
        assert_eq!(cut(&[b"a\r", b"\nb", b"c\n\n"]), ["a", "bc", ""]);
        assert_eq!(cut(&[b"\n"]), [""]);
        assert_eq!(cut(&[b""]), Vec::<String>::new());
    }

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let long = vec![b'x'; MAX_LINE + 1];
        let [first, second] = &cut(&[&long, b"y\nz"])[..] else { panic!() };
        assert_eq!((first.len(), first.ends_with("x…"), second.as_str()), (MAX_LINE + 3, true, "z"));
    }

    #[test]
    fn the_middle_is_left_out_and_counted() {
        let mut kept = Kept::default();
        for n in 0..100_000 {
            kept.push(OutputLine { from: Stream::Out, text: Clean::new(&n.to_string()) });
        }
        let left_out = kept.left_out;
        let lines = kept.into_lines();
        assert_eq!(lines.len() as u64 - 1 + left_out, 100_000);
        assert_eq!((&*lines[0].text, &*lines[lines.len() - 1].text), ("0", "99999"));
        assert!(lines.iter().map(|l| l.text.len() + LINE_COST).sum::<usize>() <= MAX_KEPT + 256);
        assert!(lines.iter().any(|l| l.from == Stream::Note && l.text.contains(&left_out.to_string())));
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(raw in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..60), at in 0usize..60) {
            let at = at.min(raw.len());
            prop_assert_eq!(cut(&[&raw[..at], &raw[at..]]), cut(&[&raw]));
        }
    }
}
