//! One line of a log, and where in the log it stands.

use jiff::Timestamp;

use crate::model::Clean;
use crate::model::log::LogLine;
use crate::sources::kubernetes::lines::Line;

/// Follows the text of a line that was too long.
const CUT: &str = " … (cut)";

/// Bytes are decoded before they are cleaned, so that no sequence hides in broken ones.
pub fn parse(line: &Line) -> LogLine {
    let text = String::from_utf8_lossy(&line.bytes);
    let text = text.strip_suffix('\r').unwrap_or(&text);
    let stamped =
        text.split_once(' ').or(Some((text, ""))).and_then(|(stamp, rest)| Some((stamp.parse().ok()?, rest)));
    let (at, text) = match stamped {
        Some((at, rest)) => (Some(at), rest),
        None => (None, text),
    };
    let text = if line.cut { Clean::new(&format!("{text}{CUT}")) } else { Clean::new(text) };
    LogLine { at, text }
}

/// Up to where the log was read. The API takes whole seconds only, so the last second comes again
/// and has to be passed over.
#[derive(Debug, Default)]
pub struct Place {
    last: Option<Timestamp>,
    /// Lines that were read with exactly that time.
    same: u32,
    /// Of those, how many have come again on the present connection.
    again: u32,
    resumed: bool,
}

impl Place {
    /// A new connection was opened, from [`Place::since`] on.
    pub fn reopened(&mut self) {
        self.resumed = self.last.is_some();
        self.again = 0;
    }

    /// For `sinceTime`, RFC 3339 in whole seconds.
    pub fn since(&self) -> Option<String> {
        let last = self.last?;
        Timestamp::from_second(last.as_second()).ok().map(|whole| whole.to_string())
    }

    /// Whether the line was not read before; takes note of it.
    pub fn is_new(&mut self, line: &LogLine) -> bool {
        let (Some(at), last) = (line.at, self.last) else { return true };
        match last {
            // Two streams of one container are not strictly in order: only a resumed connection
            // repeats anything.
            Some(last) if self.resumed && at < last => false,
            Some(last) if self.resumed && at == last && self.again < self.same => {
                self.again += 1;
                false
            }
            Some(last) if at == last => {
                self.same += 1;
                self.again = self.same;
                true
            }
            Some(last) if at < last => true,
            _ => {
                (self.last, self.same, self.again, self.resumed) = (Some(at), 1, 1, false);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LogLine {
        parse(&Line { bytes: text.as_bytes().to_vec(), cut: false })
    }

    #[test]
    fn the_time_is_taken_off() {
        let got = line("2026-11-21T02:53:05.123456789Z GET / 200\r");
        assert_eq!(got.at, Some("2026-11-21T02:53:05.123456789Z".parse().unwrap()));
        assert_eq!(&*got.text, "GET / 200");
        assert_eq!(&*line("2026-11-21T02:53:05Z").text, "");
        assert_eq!(line("no time here"), LogLine { at: None, text: "no time here".into() });
    }

    #[test]
    fn broken_bytes_hide_nothing() {
        let bytes = b"2026-11-21T02:53:05Z a\x1b]52;c;\xff\xfeZXZpbA==\x07b".to_vec();
        assert_eq!(&*parse(&Line { bytes, cut: true }).text, "ab … (cut)");
    }

    #[test]
    fn the_last_second_is_not_shown_twice() {
        let mut place = Place::default();
        let read = |place: &mut Place, lines: &[&str]| {
            place.reopened();
            lines
                .iter()
                .map(|text| line(text))
                .filter(|line| place.is_new(line))
                .map(|line| line.text.to_string())
                .collect::<Vec<_>>()
        };
        let first = ["2026-11-21T02:00:01.1Z a", "2026-11-21T02:00:01.5Z b", "2026-11-21T02:00:01.5Z c"];
        assert_eq!(read(&mut place, &first), ["a", "b", "c"]);
        assert_eq!(place.since().as_deref(), Some("2026-11-21T02:00:01Z"));
        let again = [
            first[0],
            first[1],
            first[2],
            "2026-11-21T02:00:01.5Z d",
            "2026-11-21T02:00:02Z e",
            "2026-11-21T02:00:01.9Z late",
        ];
        assert_eq!(read(&mut place, &again), ["d", "e", "late"]);
    }
}
