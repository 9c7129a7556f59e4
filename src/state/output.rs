//! What the command of an operation has written, as far as it is kept: a flood lets go of its
//! beginning while it runs, and the runner's own selection takes its place at the end.

use std::collections::VecDeque;

use crate::model::command::OutputLine;

/// As much as the runner keeps. Bytes of text, and lines.
const MAX_BYTES: usize = 1 << 20;
const MAX_LINES: usize = 20_000;

#[derive(Clone, Debug, Default)]
pub struct Output {
    pub lines: VecDeque<OutputLine>,
    bytes: usize,
    /// Lines that were let go of.
    pub dropped: u64,
}

impl Output {
    pub fn push(&mut self, lines: Vec<OutputLine>) {
        for line in lines {
            self.bytes += line.text.len();
            self.lines.push_back(line);
            while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
                let Some(old) = self.lines.pop_front() else { break };
                self.bytes -= old.text.len();
                self.dropped += 1;
            }
        }
    }

    /// All that the runner has kept, with its own word on what it left out.
    pub fn replace(&mut self, lines: Vec<OutputLine>) {
        *self = Self::default();
        self.push(lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Clean;
    use crate::model::command::Stream;

    #[test]
    fn a_flood_lets_go_of_its_beginning_and_is_replaced_at_the_end() {
        let line = |n: usize| OutputLine { from: Stream::Out, text: Clean::new(&n.to_string()) };
        let mut output = Output::default();
        output.push((0..MAX_LINES + 5).map(line).collect());
        assert_eq!((output.lines.len(), output.dropped), (MAX_LINES, 5));
        assert_eq!(&*output.lines[0].text, "5");
        output.push(vec![OutputLine { from: Stream::Err, text: Clean::new(&"x".repeat(MAX_BYTES)) }]);
        assert_eq!(output.lines.len(), 1);
        output.replace(vec![line(7)]);
        assert_eq!((output.lines.len(), output.dropped), (1, 0));
    }
}
