//! Cron schedules as Kubernetes reads them (robfig/cron): five fields of numbers, names, `*`,
//! ranges, lists and steps, `@hourly` and its like, `@every`, in a time zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A parsed schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    Fields(Fields),
    /// `@every`: that many milliseconds after the last run.
    Every(i64),
}

/// Five fields; each is a bit set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fields {
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
    any_day: bool,
    any_weekday: bool,
}

const MINUTE_MS: i64 = 60_000;
/// Nobody waits for runs that were due more than a month ago, and a year has many minutes.
const LONGEST_LOOK_MIN: i64 = 31 * 1_440;

impl Schedule {
    /// `None` for what it cannot read.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(every) = text.strip_prefix("@every ") {
            // Rounded down to whole seconds, and not less than one.
            let every: jiff::SignedDuration = every.trim().parse().ok()?;
            return (every.as_secs() > 0).then(|| Self::Every(every.as_secs().saturating_mul(1_000)));
        }
        Fields::parse(text).map(Self::Fields)
    }

    /// The runs after `from_ms` up to and including `to_ms` in UTC, oldest first.
    pub fn runs(&self, from_ms: i64, to_ms: i64) -> Vec<i64> {
        match self {
            Self::Every(ms) => {
                (1..=LONGEST_LOOK_MIN).map(|n| from_ms + n * ms).take_while(|t| *t <= to_ms).collect()
            }
            Self::Fields(fields) => fields.runs(from_ms, to_ms, &TimeZone::UTC),
        }
    }

    /// The last run after `from_ms` up to and including `to_ms`, and how many there are.
    pub fn last_run(&self, from_ms: i64, to_ms: i64, zone: &TimeZone) -> Option<(i64, usize)> {
        match self {
            Self::Every(ms) => {
                let count = (to_ms - from_ms).div_euclid(*ms);
                (count > 0).then(|| (from_ms + count * ms, usize::try_from(count).unwrap_or(usize::MAX)))
            }
            Self::Fields(fields) => {
                let runs = fields.runs(from_ms, to_ms, zone);
                Some((*runs.last()?, runs.len()))
            }
        }
    }
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Fields {
    fn parse(text: &str) -> Option<Self> {
        let text = match text {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else { return None };
        let weekdays = field(&numbered(weekday, &WEEKDAYS, 0), 0, 6)?;
        Some(Self {
            minute: field(minute, 0, 59)?,
            hour: field(hour, 0, 23)?,
            day: field(day, 1, 31)?,
            month: field(&numbered(month, &MONTHS, 1), 1, 12)?,
            weekday: weekdays,
            any_day: day.starts_with(['*', '?']),
            any_weekday: weekday.starts_with(['*', '?']),
        })
    }

    /// Whether it runs in the minute of this instant, by the clock of `zone`.
    fn matches(&self, at_ms: i64, zone: &TimeZone) -> bool {
        let Ok(at) = Timestamp::from_millisecond(at_ms) else { return false };
        let time = zone.to_datetime(at);
        let has = |set: u64, n: i8| set & (1 << n) != 0;
        if !has(self.minute, time.minute()) || !has(self.hour, time.hour()) {
            return false;
        }
        let day = has(self.day, time.day());
        let weekday = has(self.weekday, time.weekday().to_sunday_zero_offset());
        // Cron's rule: when both are restricted, either will do.
        let on_day = if self.any_day || self.any_weekday { day && weekday } else { day || weekday };
        on_day && has(self.month, time.month())
    }

    /// The runs after `from_ms` up to and including `to_ms`, oldest first; of a long time the
    /// last ones.
    fn runs(&self, from_ms: i64, to_ms: i64, zone: &TimeZone) -> Vec<i64> {
        let last = to_ms.div_euclid(MINUTE_MS);
        let first = (from_ms.div_euclid(MINUTE_MS) + 1).max(last - LONGEST_LOOK_MIN);
        (first..=last).map(|m| m * MINUTE_MS).filter(|t| self.matches(*t, zone)).collect()
    }
}

/// Names as numbers from `first` on; what is no name is left as it is.
fn numbered(text: &str, names: &[&str], first: usize) -> String {
    let lower = text.to_ascii_lowercase();
    names.iter().enumerate().fold(lower, |text, (i, name)| text.replace(name, &(first + i).to_string()))
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

    fn fields(text: &str) -> Fields {
        Fields::parse(text).unwrap()
    }

    #[test]
    fn fields_and_what_is_none() {
        let s = fields("*/15 2,4 * * MON-Fri");
        let utc = TimeZone::UTC;
        assert!(s.matches(at("2026-11-20T02:45:30Z"), &utc), "a Friday");
        assert!(!s.matches(at("2026-11-21T02:45:00Z"), &utc), "a Saturday");
        assert!(!s.matches(at("2026-11-20T03:45:00Z"), &utc));
        assert_eq!(fields("0 0 ? jan,dec 0"), fields("0 0 * 1,12 sun"));
        for bad in [
            "",
            "* * * *",
            "61 * * * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "0 0 * * 7",
            "@every 0s",
            "@never",
        ] {
            assert_eq!(Schedule::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn runs_are_after_the_start_and_up_to_the_end() {
        let s = fields("0 2 * * *");
        let runs = s.runs(at("2026-11-18T02:00:00Z"), at("2026-11-20T02:00:00Z"), &TimeZone::UTC);
        assert_eq!(runs, [at("2026-11-19T02:00:00Z"), at("2026-11-20T02:00:00Z")]);
        let every = Schedule::parse("@every 90m").unwrap();
        let (from, to) = (at("2026-11-20T00:00:00Z"), at("2026-11-20T04:00:00Z"));
        assert_eq!(every.last_run(from, to, &TimeZone::UTC), Some((at("2026-11-20T03:00:00Z"), 2)));
        assert_eq!(every.last_run(from, from + 1, &TimeZone::UTC), None);
    }

    #[test]
    fn the_time_zone_says_what_two_o_clock_is() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let s = Schedule::parse("30 2 * * *").unwrap();
        let last = |to: &str| s.last_run(at(to) - 86_400_000, at(to), &zone).map(|(t, _)| t);
        assert_eq!(last("2026-11-20T02:00:00Z"), Some(at("2026-11-20T01:30:00Z")));
        // On the day on which the clock goes forward there is no half past two.
        assert_eq!(last("2027-03-28T12:00:00Z"), None);
    }
}
