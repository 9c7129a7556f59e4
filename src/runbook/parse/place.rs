//! Byte offsets → lines and columns, for what is told about a document.

use crate::model::Clean;
use crate::runbook::document::Problem;

/// Where each line of a text begins, so that a place is found without reading all that is before it.
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub fn new(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// The line of a byte offset, from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1)
    }

    /// Its line and its column in characters, both from 1.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..offset.min(self.text.len())).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    pub fn problem(&self, offset: usize, what: &str, next: &str) -> Problem {
        let (line, column) = self.place(offset);
        Problem { line, column, what: Clean::new(what), next: Clean::new(next) }
    }
}
