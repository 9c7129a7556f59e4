//! Cron schedules of five fields in UTC, as far as the simulated CronJobs use them:
//! numbers, `*`, ranges, lists and steps, `@hourly` and its like.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A parsed schedule; each field is a bit set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
    any_day: bool,
    any_weekday: bool,
}

const MINUTE_MS: i64 = 60_000;

impl Schedule {
    /// `None` for what it cannot read.
    pub fn parse(text: &str) -> Option<Self> {
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else { return None };
        let mut weekdays = field(weekday, 0, 7)?;
        if weekdays & (1 << 7) != 0 {
            weekdays |= 1;
        }
        Some(Self {
            minute: field(minute, 0, 59)?,
            hour: field(hour, 0, 23)?,
            day: field(day, 1, 31)?,
            month: field(month, 1, 12)?,
            weekday: weekdays,
            any_day: day.starts_with('*'),
            any_weekday: weekday.starts_with('*'),
        })
    }

    /// Whether it runs in the minute of this instant.
    pub fn matches(&self, at_ms: i64) -> bool {
        let minutes = at_ms.div_euclid(MINUTE_MS);
        let has = |set: u64, n: i64| set & (1 << n) != 0;
        if !has(self.minute, minutes.rem_euclid(60)) || !has(self.hour, minutes.div_euclid(60).rem_euclid(24))
        {
            return false;
        }
        let Ok(at) = Timestamp::from_millisecond(at_ms) else { return false };
        let date = at.to_zoned(TimeZone::UTC).date();
        let day = has(self.day, i64::from(date.day()));
        let weekday = has(self.weekday, i64::from(date.weekday().to_sunday_zero_offset()));
        // Cron's rule: when both are restricted, either will do.
        let on_day = if self.any_day || self.any_weekday { day && weekday } else { day || weekday };
        on_day && has(self.month, i64::from(date.month()))
    }

    /// The runs after `from_ms` up to and including `to_ms`, oldest first.
    pub fn runs(&self, from_ms: i64, to_ms: i64) -> Vec<i64> {
        let first = from_ms.div_euclid(MINUTE_MS) + 1;
        (first..=to_ms.div_euclid(MINUTE_MS)).map(|m| m * MINUTE_MS).filter(|t| self.matches(*t)).collect()
    }
}

fn field(text: &str, low: u64, high: u64) -> Option<u64> {
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u64>().ok().filter(|s| *s > 0)?)),
            None => (part, None),
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*" | "?", _) => (low, high),
            (_, Some((a, b))) => (a.parse().ok()?, b.parse().ok()?),
            (_, None) => {
                let n = range.parse().ok()?;
                (n, if step.is_some() { high } else { n })
            }
        };
        if from < low || to > high || from > to {
            return None;
        }
        for n in (from..=to).step_by(step.unwrap_or(1) as usize) {
            set |= 1 << n;
        }
    }
    Some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn fields() {
        let s = Schedule::parse("*/15 2,4 * * 1-5").unwrap();
        assert!(s.matches(at("2026-11-20T02:45:30Z")), "a Friday");
        assert!(!s.matches(at("2026-11-21T02:45:00Z")), "a Saturday");
        assert!(!s.matches(at("2026-11-20T03:45:00Z")));
        for bad in ["", "* * * *", "61 * * * *", "5-1 * * * *", "*/0 * * * *", "a * * * *"] {
            assert_eq!(Schedule::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn runs_are_after_the_start_and_up_to_the_end() {
        let s = Schedule::parse("0 2 * * *").unwrap();
        let runs = s.runs(at("2026-11-18T02:00:00Z"), at("2026-11-20T02:00:00Z"));
        assert_eq!(runs, [at("2026-11-19T02:00:00Z"), at("2026-11-20T02:00:00Z")]);
    }
}
