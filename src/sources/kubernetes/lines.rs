//! A body as lines of bounded length: what watches and logs are made of.

use std::time::Duration;

use kube::client::Body;

use super::{api, trouble::Trouble};

/// Splits a body at line feeds. Dropping the future of [`Lines::next`] loses nothing.
pub struct Lines {
    body: Body,
    max: usize,
    buffer: Vec<u8>,
    /// Where the unread part of the buffer begins, and up to where no line feed was found.
    start: usize,
    scanned: usize,
    /// The rest of an overlong line is thrown away.
    skipping: bool,
    ended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Without the line feed; at most `max` bytes.
    pub bytes: Vec<u8>,
    /// It was longer than that.
    pub cut: bool,
}

impl Lines {
    pub fn new(body: Body, max: usize) -> Self {
        Self { body, max, buffer: Vec::new(), start: 0, scanned: 0, skipping: false, ended: false }
    }

    /// The next line; None at the end of the body. A last line without line feed counts.
    pub async fn next(&mut self, idle: Duration) -> Result<Option<Line>, Trouble> {
        loop {
            if let Some(line) = self.take() {
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(self.rest());
            }
            match api::piece(&mut self.body, idle).await? {
                Some(piece) => {
                    self.compact();
                    self.buffer.extend_from_slice(&piece);
                }
                None => self.ended = true,
            }
        }
    }

    /// A line that is already here, without waiting.
    pub fn take(&mut self) -> Option<Line> {
        loop {
            let found = self.buffer[self.scanned..].iter().position(|byte| *byte == b'\n');
            match found {
                Some(offset) => {
                    let end = self.scanned + offset;
                    let from = self.start;
                    (self.start, self.scanned) = (end + 1, end + 1);
                    if std::mem::take(&mut self.skipping) {
                        continue;
                    }
                    return Some(self.cut(from, end));
                }
                None => {
                    self.scanned = self.buffer.len();
                    return self.overlong();
                }
            }
        }
    }

    fn overlong(&mut self) -> Option<Line> {
        if self.skipping {
            self.start = self.scanned;
            return None;
        }
        if self.buffer.len() - self.start <= self.max {
            return None;
        }
        let line = self.cut(self.start, self.buffer.len());
        self.start = self.scanned;
        self.skipping = true;
        Some(line)
    }

    fn cut(&self, from: usize, end: usize) -> Line {
        let kept = end.min(from + self.max);
        Line { bytes: self.buffer[from..kept].to_vec(), cut: kept < end }
    }

    fn rest(&mut self) -> Option<Line> {
        if self.skipping || self.start == self.buffer.len() {
            return None;
        }
        let line = self.cut(self.start, self.buffer.len());
        (self.start, self.scanned) = (self.buffer.len(), self.buffer.len());
        Some(line)
    }

    fn compact(&mut self) {
        self.buffer.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
        // One large object must not hold its memory for the life of the watch.
        if self.buffer.capacity() > 1 << 20 && self.buffer.len() < 1 << 16 {
            self.buffer.shrink_to(1 << 16);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    async fn all(text: &[u8], max: usize) -> Vec<(String, bool)> {
        let mut lines = Lines::new(Body::from(text.to_vec()), max);
        let mut out = Vec::new();
        while let Some(line) = lines.next(Duration::from_secs(5)).await.unwrap() {
            out.push((String::from_utf8_lossy(&line.bytes).into_owned(), line.cut));
        }
        out
    }

    #[tokio::test]
    async fn overlong_lines_are_cut_and_the_next_is_whole() {
        let got = all(b"ab\nabcdefgh\nxy\nlast", 4).await;
        let want = [("ab", false), ("abcd", true), ("xy", false), ("last", false)];
        assert_eq!(got, want.map(|(text, cut)| (text.to_owned(), cut)));
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_text(lines in proptest::collection::vec("[a-z]{0,12}", 1..20), max in 1usize..16) {
            let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let got = runtime.block_on(all(text.as_bytes(), max));
            let want = lines.iter().map(|line| {
                let cut = line.len() > max;
                (line[..line.len().min(max)].to_owned(), cut)
            }).collect::<Vec<_>>();
            prop_assert_eq!(got, want);
        }
    }
}
