//! Quiet hours: when more care is asked for than at other times, by the clock on the wall of where
//! the team lives.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

const DAY: u16 = 24 * 60;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// `22:00-06:00 Europe/Berlin`, or on some days: `Sat-Sun 00:00-24:00 UTC`.
#[derive(Clone, Debug, PartialEq)]
pub struct QuietHours {
    written: String,
    /// Days on which they begin, Monday first.
    days: [bool; 7],
    /// Minutes since midnight on the wall; `to` is not within. Over midnight where `to` is not later.
    from: u16,
    to: u16,
    zone: TimeZone,
}

impl QuietHours {
    /// Whether they hold. It is the clock on the wall that counts: an hour that a change of the clocks
    /// repeats is quiet twice, one that it leaves out is not missed.
    pub fn hold(&self, at: Timestamp) -> bool {
        let here = at.to_zoned(self.zone.clone());
        let minute = u16::try_from(i32::from(here.hour()) * 60 + i32::from(here.minute())).unwrap_or(0);
        let today = here.weekday();
        let on = |day: Weekday| self.days[usize::from(day.to_monday_zero_offset().unsigned_abs())];
        if self.from < self.to {
            on(today) && (self.from..self.to).contains(&minute)
        } else {
            (on(today) && minute >= self.from) || (on(today.previous()) && minute < self.to)
        }
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl FromStr for QuietHours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || {
            format!(
                "'{text}' are no quiet hours; write them as \"22:00-06:00 Europe/Berlin\" or \"Sat-Sun 00:00-24:00 UTC\""
            )
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, hours, zone) = match words[..] {
            [hours, zone] => ([true; 7], hours, zone),
            [days, hours, zone] => (parse_days(days).ok_or_else(wanted)?, hours, zone),
            _ => return Err(wanted()),
        };
        let (from, to) = hours.split_once('-').ok_or_else(wanted)?;
        let (from, to) = (parse_time(from).ok_or_else(wanted)?, parse_time(to).ok_or_else(wanted)?);
        if from == to || from == DAY {
            return Err(format!("'{hours}' is no time at all; a whole day is 00:00-24:00"));
        }
        let zone = match zone {
            "UTC" => TimeZone::UTC,
            name => TimeZone::get(name).map_err(|_| format!("no time zone '{name}' is known here"))?,
        };
        Ok(Self { written: words.join(" "), days, from, to, zone })
    }
}

/// 'Fri', 'Fri-Mon', 'Mon,Wed'.
fn parse_days(text: &str) -> Option<[bool; 7]> {
    let number = |name: &str| DAYS.iter().position(|known| known.eq_ignore_ascii_case(name));
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (number(first)?, number(last)?);
        days[day] = true;
        while day != last {
            day = (day + 1) % 7;
            days[day] = true;
        }
    }
    Some(days)
}

/// Minutes since midnight; 24:00 is the day's end.
fn parse_time(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |t: &str| (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse().ok())?;
    let (hours, minutes): (u16, u16) = (number(hours)?, number(minutes)?);
    let time = hours * 60 + minutes;
    (minutes < 60 && time <= DAY).then_some(time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hold(hours: &str, at: &str) -> bool {
        hours.parse::<QuietHours>().unwrap().hold(at.parse().unwrap())
    }

    #[test]
    fn nights_reach_over_midnight() {
        let night = "22:00-06:00 Europe/Berlin";
        // Winter: UTC+1.
        for (at, want) in [
            ("2026-01-15T20:59:59Z", false),
            ("2026-01-15T21:00:00Z", true),
            ("2026-01-16T04:59:59Z", true),
            ("2026-01-16T05:00:00Z", false),
            // Summer: UTC+2.
            ("2026-07-15T20:00:00Z", true),
            ("2026-07-16T04:00:00Z", false),
        ] {
            assert_eq!(hold(night, at), want, "{at}");
        }
    }

    #[test]
    fn days_are_those_on_which_they_begin() {
        // 2026-01-16 is a Friday.
        let weekend = "Fri-Sat 22:00-06:00 UTC";
        for (at, want) in [
            ("2026-01-16T03:00:00Z", false),
            ("2026-01-16T22:00:00Z", true),
            ("2026-01-17T05:59:00Z", true),
            ("2026-01-18T05:59:00Z", true),
            ("2026-01-18T22:00:00Z", false),
        ] {
            assert_eq!(hold(weekend, at), want, "{at}");
        }
        assert!(hold("sat,sun 00:00-24:00 UTC", "2026-01-18T23:59:59Z"));
        assert!(!hold("sat,sun 00:00-24:00 UTC", "2026-01-19T00:00:00Z"));
        assert!(hold("Sun-Mon 10:00-11:00 UTC", "2026-01-19T10:30:00Z"), "over the week's end");
    }

    #[test]
    fn clocks_that_change_do_not_confuse_them() {
        let hours = "02:00-03:00 Europe/Berlin";
        // 2026-10-25 in Berlin has 02:30 twice, 2026-03-29 has none.
        assert!(hold(hours, "2026-10-25T00:30:00Z") && hold(hours, "2026-10-25T01:30:00Z"));
        assert!(!hold(hours, "2026-10-25T02:00:00Z"));
        assert!(!hold(hours, "2026-03-29T00:59:59Z") && !hold(hours, "2026-03-29T01:00:00Z"));
        let night = "22:00-03:00 Europe/Berlin";
        assert!(hold(night, "2026-03-29T00:59:59Z") && !hold(night, "2026-03-29T01:00:00Z"));
    }

    #[test]
    fn what_is_none_says_what_would_be() {
        for wrong in [
            "",
            "22:00 UTC",
            "22-06 UTC",
            "25:00-26:00 UTC",
            "22:00-06:00",
            "22:60-23:00 UTC",
            "Foo 22:00-06:00 UTC",
            "+2:00-06:00 UTC",
            "22:00-06:00 UTC x y",
        ] {
            let why = wrong.parse::<QuietHours>().unwrap_err();
            assert!(why.contains("22:00-06:00 Europe/Berlin"), "{why}");
        }
        let why = "22:00-06:00 Europe/Berln".parse::<QuietHours>().unwrap_err();
        assert_eq!(why, "no time zone 'Europe/Berln' is known here");
        assert!("06:00-06:00 UTC".parse::<QuietHours>().unwrap_err().contains("00:00-24:00"));
    }

    proptest! {
        #[test]
        fn a_time_and_its_complement_make_a_day(from in 0u16..1440, to in 0u16..1440, at in 0i64..4_000_000_000) {
            prop_assume!(from != to);
            let clock = |m: u16| format!("{:02}:{:02}", m / 60, m % 60);
            let at = Timestamp::from_second(at).unwrap();
            let one: QuietHours = format!("{}-{} Europe/Berlin", clock(from), clock(to)).parse().unwrap();
            let other: QuietHours = format!("{}-{} Europe/Berlin", clock(to), clock(from)).parse().unwrap();
            prop_assert_ne!(one.hold(at), other.hold(at));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[A-Za-z0-9:,/ -]{0,30}|\\PC{0,20}") {
            drop(text.parse::<QuietHours>());
        }
    }
}
