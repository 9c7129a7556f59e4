//! Cron schedules in the dialect that Kubernetes and Velero use: robfig/cron's `ParseStandard`
//! (v3, parser.go and spec.go), which differs from other libraries in `N/step`, `@every`, `TZ=`,
//! in Sunday being 0 and never 7, and in what happens when clocks change.

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// What robfig/cron gives up after: a 30 February never comes.
const YEARS: i16 = 5;

/// A parsed schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    when: When,
    zone: TimeZone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum When {
    Every(SignedDuration),
    Fields(Fields),
}

/// One bit for each value that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fields {
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
    /// A `*` in either makes the two days be joined by 'and' instead of 'or'.
    any_day: bool,
}

/// Why a schedule can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the schedule '{schedule}' can't be read: {why}; Kubernetes would refuse it too")]
pub struct CronError {
    pub schedule: String,
    pub why: String,
}

/// The values that a field can have, and their names.
struct Bounds {
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const MINUTES: Bounds = Bounds { min: 0, max: 59, names: &[] };
const HOURS: Bounds = Bounds { min: 0, max: 23, names: &[] };
const DAYS: Bounds = Bounds { min: 1, max: 31, names: &[] };
const MONTHS: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAYS: Bounds = Bounds { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

impl Schedule {
    /// `zone` is a CronJob's `timeZone`. Without one, and without `TZ=` in the text, it is UTC,
    /// the controller manager's own in all usual installations.
    ///
    /// # Errors
    /// When robfig/cron would refuse it, or the time zone is not known here.
    pub fn parse(text: &str, zone: Option<&str>) -> Result<Self, CronError> {
        let error = |why: String| CronError { schedule: text.chars().take(100).collect(), why };
        let mut rest = text.trim();
        let mut zone = zone.map(str::to_owned);
        if let Some(after) = rest.strip_prefix("TZ=").or_else(|| rest.strip_prefix("CRON_TZ=")) {
            let (name, fields) =
                after.split_once(' ').ok_or_else(|| error("nothing follows its zone".into()))?;
            zone = Some(name.to_owned());
            rest = fields.trim();
        }
        let zone = match zone.as_deref() {
            None | Some("" | "UTC" | "Etc/UTC") => TimeZone::UTC,
            Some(name) => {
                TimeZone::get(name).map_err(|_| error(format!("no time zone '{name}' is known here")))?
            }
        };
        let when = match rest.strip_prefix('@') {
            Some(descriptor) => descriptor_when(descriptor).map_err(error)?,
            None => When::Fields(fields(rest).map_err(error)?),
        };
        Ok(Self { when, zone })
    }

    /// The first time after `after`. None: there is none within five years.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.when {
            When::Every(every) => {
                let whole = Timestamp::from_second(after.as_second()).ok()?;
                whole.checked_add(*every).ok()
            }
            When::Fields(fields) => fields.next(after, &self.zone),
        }
    }

    /// The longest time between two runs, looking ahead from `from`: for 'weekdays at 2' it is the
    /// weekend's.
    pub fn interval(&self, from: Timestamp) -> Option<SignedDuration> {
        /// A week and a day show every weekly pattern; four runs show that months differ.
        const SPAN: SignedDuration = SignedDuration::from_hours(8 * 24);
        const LEAST: usize = 4;
        const MOST: usize = 250;
        let mut last = self.next(from)?;
        let mut longest = SignedDuration::ZERO;
        for n in 1..MOST {
            let Some(next) = self.next(last) else { break };
            longest = longest.max(next.duration_since(last));
            last = next;
            if n >= LEAST && last.duration_since(from) > SPAN {
                break;
            }
        }
        (longest > SignedDuration::ZERO).then_some(longest)
    }

    /// How many runs should have begun since `last` and did not, as Kubernetes' controller counts
    /// them (`mostRecentScheduleTime`): (now − t1) / (t2 − t1) + 1.
    pub fn missed(&self, last: Timestamp, now: Timestamp) -> u32 {
        let Some(first) = self.next(last).filter(|first| *first <= now) else { return 0 };
        let Some(second) = self.next(first).filter(|second| *second <= now) else { return 1 };
        let between = second.duration_since(first).as_secs().max(1);
        u32::try_from(now.duration_since(first).as_secs() / between + 1).unwrap_or(u32::MAX)
    }
}

impl Fields {
    /// The earliest instant whose local date and time fit: a time that is skipped when clocks go
    /// forward does not run, and one that comes twice runs twice.
    fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = after.to_zoned(zone.clone()).datetime();
        let mut date = local.date();
        let last_year = date.year().saturating_add(YEARS);
        // A date may begin before the local one ends: never in practice, and cheap to allow for.
        while date.year() <= last_year {
            if has(self.month, date.month()) && self.fits_day(date) {
                // Clocks go back by two hours at most; what is earlier than that has gone by.
                let from_hour = if date == local.date() { local.hour().saturating_sub(2) } else { 0 };
                if let Some(found) = self.first_of(date, from_hour, after, zone) {
                    return Some(found);
                }
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    fn first_of(&self, date: Date, from_hour: i8, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut best: Option<Timestamp> = None;
        for hour in (from_hour..24).filter(|h| has(self.hour, *h)) {
            for minute in (0..60).filter(|m| has(self.minute, *m)) {
                let at = date.at(hour, minute, 0, 0);
                let offsets = match zone.to_ambiguous_timestamp(at).offset() {
                    AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
                    AmbiguousOffset::Gap { .. } => [None, None],
                    AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
                };
                let times = offsets.into_iter().flatten().filter_map(|o| o.to_timestamp(at).ok());
                best = times.filter(|t| *t > after).chain(best).min();
                // Past a fold the local order is the order of time.
                if best.is_some() && offsets[1].is_none() {
                    return best;
                }
            }
        }
        best
    }

    fn fits_day(&self, date: Date) -> bool {
        let day = has(self.day, date.day());
        let weekday = has(self.weekday, date.weekday().to_sunday_zero_offset());
        if self.any_day { day && weekday } else { day || weekday }
    }
}

fn has(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|v| v < 64 && set & (1 << v) != 0)
}

fn descriptor_when(descriptor: &str) -> Result<When, String> {
    let expanded = match descriptor {
        "yearly" | "annually" => "0 0 1 1 *",
        "monthly" => "0 0 1 * *",
        "weekly" => "0 0 * * 0",
        "daily" | "midnight" => "0 0 * * *",
        "hourly" => "0 * * * *",
        other => {
            let text = other.strip_prefix("every ").ok_or_else(|| format!("'@{other}' is not known"))?;
            let every =
                go_duration(text).ok_or_else(|| format!("'{text}' is not a duration as Go writes it"))?;
            // robfig/cron rounds down to seconds, and up to one.
            return Ok(When::Every(SignedDuration::from_secs(every.as_secs().max(1))));
        }
    };
    fields(expanded).map(When::Fields)
}

/// Go's `time.ParseDuration`: '1h30m', '90s', '1.5h'.
fn go_duration(text: &str) -> Option<SignedDuration> {
    let mut rest = text.trim_start_matches('+');
    let mut total_s = 0.0;
    if rest.is_empty() || rest.len() > 100 {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, seconds) =
            [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)]
                .into_iter()
                .find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        total_s += number * seconds;
    }
    SignedDuration::try_from_secs_f64(total_s).ok()
}

fn fields(text: &str) -> Result<Fields, String> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = parts[..] else {
        return Err(format!("it has {} fields instead of 5", parts.len()));
    };
    let (minute, _) = field(minute, &MINUTES)?;
    let (hour, _) = field(hour, &HOURS)?;
    let (day, any) = field(day, &DAYS)?;
    let (month, _) = field(month, &MONTHS)?;
    let (weekday, any_weekday) = field(weekday, &WEEKDAYS)?;
    Ok(Fields { minute, hour, day, month, weekday, any_day: any || any_weekday })
}

/// The bits of a comma-separated field, and whether it has a star without a step in it.
fn field(text: &str, bounds: &Bounds) -> Result<(u64, bool), String> {
    let mut bits = 0;
    let mut any = false;
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (more, star) = range(part, bounds)?;
        bits |= more;
        any |= star;
    }
    if bits == 0 { Err(format!("'{text}' is empty")) } else { Ok((bits, any)) }
}

fn range(text: &str, bounds: &Bounds) -> Result<(u64, bool), String> {
    let (range, step) = match text.split_once('/') {
        Some((range, step)) => {
            (range, Some(step.parse::<u32>().map_err(|_| format!("'{step}' is not a step"))?))
        }
        None => (text, None),
    };
    let star = range == "*" || range == "?";
    let (low, high) = match range.split_once('-') {
        _ if star => (bounds.min, bounds.max),
        Some((low, high)) => (value(low, bounds)?, value(high, bounds)?),
        None => {
            let low = value(range, bounds)?;
            // 'N/step' is 'N-max/step'.
            (low, if step.is_some() { bounds.max } else { low })
        }
    };
    let step = step.unwrap_or(1);
    if low < bounds.min || high > bounds.max {
        return Err(format!("'{text}' is outside of {} to {}", bounds.min, bounds.max));
    }
    if low > high || step == 0 {
        return Err(format!("'{text}' holds nothing"));
    }
    let bits = (low..=high).step_by(step as usize).fold(0, |bits, v| bits | 1 << v);
    Ok((bits, star && step == 1))
}

fn value(text: &str, bounds: &Bounds) -> Result<u32, String> {
    let lower = text.to_ascii_lowercase();
    if let Some(index) = bounds.names.iter().position(|name| *name == lower) {
        return Ok(bounds.min + index as u32);
    }
    text.parse().map_err(|_| format!("'{text}' is neither a number nor a name"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn next(schedule: &str, zone: Option<&str>, after: &str) -> String {
        Schedule::parse(schedule, zone).unwrap().next(at(after)).map_or("never".into(), |t| t.to_string())
    }

    /// Cases of robfig/cron's spec_test.go among them.
    #[test]
    fn the_next_run() {
        for (schedule, after, want) in [
            ("0/15 * * * *", "2012-07-09T14:45:00Z", "2012-07-09T15:00:00Z"),
            ("0/15 * * * *", "2012-07-09T14:59:59Z", "2012-07-09T15:00:00Z"),
            ("20-35/15 * * * *", "2012-07-09T15:45:00Z", "2012-07-09T16:20:00Z"),
            ("*/20 * * * *", "2012-07-09T23:46:00Z", "2012-07-10T00:00:00Z"),
            ("0 2 * * *", "2026-11-20T02:00:00Z", "2026-11-21T02:00:00Z"),
            ("30 4 1,15 * 5", "2012-07-02T00:00:00Z", "2012-07-06T04:30:00Z"),
            ("0 0 1 * mon", "2012-07-02T00:00:00Z", "2012-07-09T00:00:00Z"),
            ("0 0 */2 * sun", "2012-07-16T00:00:00Z", "2012-07-17T00:00:00Z"),
            ("0 0 29 feb *", "2013-01-01T00:00:00Z", "2016-02-29T00:00:00Z"),
            ("0 0 30 feb *", "2013-01-01T00:00:00Z", "never"),
            ("0 9 * * MON-FRI", "2026-11-20T10:00:00Z", "2026-11-23T09:00:00Z"),
            ("@daily", "2026-11-20T10:00:00Z", "2026-11-21T00:00:00Z"),
            ("@every 1h30m", "2026-11-20T10:00:00.5Z", "2026-11-20T11:30:00Z"),
            ("CRON_TZ=Asia/Tokyo 0 6 * * *", "2026-11-20T10:00:00Z", "2026-11-20T21:00:00Z"),
        ] {
            assert_eq!(next(schedule, None, after), want, "{schedule}");
        }
    }

    #[test]
    fn when_clocks_change_a_skipped_time_does_not_run_and_a_double_one_runs_twice() {
        let zone = Some("America/New_York");
        // 2012-03-11: 02:00 to 03:00 does not exist.
        assert_eq!(next("30 2 * * *", zone, "2012-03-11T05:00:00Z"), "2012-03-12T06:30:00Z");
        assert_eq!(next("0 * * * *", zone, "2012-03-11T06:00:00Z"), "2012-03-11T07:00:00Z");
        // 2012-11-04: 01:00 to 02:00 comes twice.
        assert_eq!(next("30 1 * * *", zone, "2012-11-04T04:00:00Z"), "2012-11-04T05:30:00Z");
        assert_eq!(next("30 1 * * *", zone, "2012-11-04T05:30:00Z"), "2012-11-04T06:30:00Z");
        assert_eq!(next("30 1 * * *", zone, "2012-11-04T06:30:00Z"), "2012-11-05T06:30:00Z");
        assert_eq!(next("*/30 * * * *", zone, "2012-11-04T05:30:00Z"), "2012-11-04T06:00:00Z");
    }

    #[test]
    fn what_kubernetes_refuses_is_refused() {
        for schedule in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "0 0 * * 7",
            "5-3 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "1-2-3 * * * *",
            "1/2/3 * * * *",
            "@often",
            "@every x",
            "TZ=Nowhere/Land 0 0 * * *",
            "-1 * * * *",
            ", * * * *",
        ] {
            assert!(Schedule::parse(schedule, None).is_err(), "{schedule}");
        }
        assert!(Schedule::parse("0 0 * * *", Some("Nowhere/Land")).is_err());
    }

    #[test]
    fn intervals_and_missed_runs() {
        let now = at("2026-11-20T10:00:00Z");
        let parse = |text: &str| Schedule::parse(text, None).unwrap();
        for (schedule, hours) in [
            ("0 2 * * *", 24),
            ("15 * * * *", 1),
            ("0 */6 * * *", 6),
            ("0 2 * * 1-5", 72),
            ("0 3 * * 0", 168),
            ("0 8-18 * * 1-5", 62),
        ] {
            assert_eq!(parse(schedule).interval(now), Some(SignedDuration::from_hours(hours)), "{schedule}");
        }
        assert_eq!(parse("0 0 30 2 *").interval(now), None);
        let daily = parse("0 2 * * *");
        assert_eq!(daily.missed(at("2026-11-20T02:00:00Z"), now), 0);
        assert_eq!(daily.missed(at("2026-11-19T02:00:00Z"), now), 1);
        assert_eq!(daily.missed(at("2026-11-17T02:00:00Z"), now), 3);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}|[0-9*/,\\-? a-z@=]{0,30}") {
            if let Ok(schedule) = Schedule::parse(&text, None) {
                let from = Timestamp::from_second(1_700_000_000).unwrap_or_default();
                if let Some(next) = schedule.next(from) {
                    prop_assert!(next > from);
                }
            }
        }

        #[test]
        fn the_next_run_fits_and_none_before_it_does(
            minute in 0u32..60, hour in 0u32..24, step in 1u32..30, start in 1_600_000_000i64..1_900_000_000,
        ) {
            let schedule = Schedule::parse(&format!("{minute}/{step} {hour} * * *"), Some("Europe/Berlin")).unwrap();
            let When::Fields(fields) = schedule.when else { panic!() };
            let from = Timestamp::from_second(start).unwrap();
            let next = schedule.next(from).unwrap();
            let fits = |t: Timestamp| {
                let local = t.to_zoned(schedule.zone.clone());
                has(fields.minute, local.minute()) && has(fields.hour, local.hour()) && local.second() == 0
            };
            prop_assert!(fits(next), "{next}");
            let first_minute = start - start.rem_euclid(60) + 60;
            let mut t = first_minute;
            while t < next.as_second() {
                prop_assert!(!fits(Timestamp::from_second(t).unwrap()), "{t}");
                t += 60;
            }
        }
    }
}
