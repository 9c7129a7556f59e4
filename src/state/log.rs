//! The log that is being read: a bounded ring of lines and where the reader is in it.

use std::collections::VecDeque;

use crate::model::log::{LogEvent, LogLine, LogRequest};
use crate::model::{Clean, Failure};

/// Lines and bytes kept; what is dropped is counted and told.
const MAX_LINES: usize = 20_000;
const MAX_BYTES: usize = 8 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq)]
pub enum LogState {
    Loading,
    Following,
    /// The container ended, or all that was asked for is here.
    Ended,
    Failed(Failure),
}

#[derive(Clone, Debug)]
pub struct LogPage {
    pub id: u64,
    pub request: LogRequest,
    /// The containers one can switch between.
    pub containers: Vec<Clean>,
    pub state: LogState,
    pub lines: VecDeque<LogLine>,
    bytes: usize,
    /// Lines that the ring has let go of.
    pub dropped: u64,
    /// Lines up from the end; 0 while the end is shown.
    pub scroll: usize,
    pub wrap: bool,
    pub search: String,
    /// Steps of `since`, an index into [`SINCE`].
    pub since: usize,
}

/// What the `since` key goes through: seconds and words.
pub const SINCE: [(Option<u64>, &str); 4] =
    [(None, "all"), (Some(3600), "1 h"), (Some(900), "15 min"), (Some(300), "5 min")];

impl LogPage {
    pub fn new(id: u64, request: LogRequest, containers: Vec<Clean>) -> Self {
        Self {
            id,
            request,
            containers,
            state: LogState::Loading,
            lines: VecDeque::new(),
            bytes: 0,
            dropped: 0,
            scroll: 0,
            wrap: true,
            search: String::new(),
            since: 0,
        }
    }

    pub fn apply(&mut self, event: LogEvent) {
        match event {
            LogEvent::Lines(lines) => {
                self.state = LogState::Following;
                for line in lines {
                    self.push(line);
                }
            }
            LogEvent::End => self.state = LogState::Ended,
            LogEvent::Failed(failure) => self.state = LogState::Failed(failure),
        }
    }

    fn push(&mut self, line: LogLine) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        // What is being read stays where it is while new lines come.
        if self.scroll > 0 {
            self.scroll += 1;
        }
        while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
            if let Some(old) = self.lines.pop_front() {
                self.bytes -= old.text.len();
                self.dropped += 1;
            }
        }
        self.scroll = self.scroll.min(self.lines.len().saturating_sub(1));
    }

    /// Starts over with another request; the reader's settings stay.
    pub fn restart(&mut self, id: u64) {
        self.id = id;
        self.state = LogState::Loading;
        self.lines.clear();
        self.bytes = 0;
        self.dropped = 0;
        self.scroll = 0;
    }

    pub fn matches(&self, line: &LogLine) -> bool {
        !self.search.is_empty() && line.text.to_lowercase().contains(&self.search.to_lowercase())
    }

    /// Moves to the next match up (older) or down (newer); false where there is none.
    pub fn find(&mut self, older: bool) -> bool {
        let len = self.lines.len();
        let at = |scroll: usize| len.checked_sub(scroll + 1).and_then(|i| self.lines.get(i));
        let found = if older {
            (self.scroll + 1..len).find(|s| at(*s).is_some_and(|l| self.matches(l)))
        } else {
            (0..self.scroll).rev().find(|s| at(*s).is_some_and(|l| self.matches(l)))
        };
        if let Some(scroll) = found {
            self.scroll = scroll;
        }
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> LogPage {
        let request = LogRequest {
            namespace: "shop".into(),
            pod: "api-1".into(),
            container: None,
            previous: false,
            follow: true,
            since_s: None,
            tail: Some(1000),
        };
        LogPage::new(1, request, Vec::new())
    }

    fn lines(range: std::ops::Range<usize>) -> LogEvent {
        LogEvent::Lines(range.map(|n| LogLine { at: None, text: format!("line {n}").into() }).collect())
    }

    #[test]
    fn the_ring_is_bounded_and_counts_what_it_drops() {
        let mut log = page();
        log.apply(lines(0..MAX_LINES + 5));
        assert_eq!((log.lines.len(), log.dropped), (MAX_LINES, 5));
        assert_eq!(log.lines[0].text.as_str(), "line 5");
    }

    #[test]
    fn a_reader_who_scrolled_up_stays_there() {
        let mut log = page();
        log.apply(lines(0..100));
        log.scroll = 10;
        log.apply(lines(100..105));
        assert_eq!(log.lines[log.lines.len() - 1 - log.scroll].text.as_str(), "line 89");
    }

    #[test]
    fn matches_are_found_both_ways() {
        let mut log = page();
        log.apply(lines(0..100));
        log.search = "LINE 4".into();
        assert!(log.find(true));
        assert_eq!(log.scroll, 99 - 49);
        assert!(log.find(true));
        assert_eq!(log.scroll, 99 - 48);
        assert!(log.find(false));
        assert_eq!(log.scroll, 99 - 49);
        assert!(!log.find(false));
    }
}
