//! Parts of the date, in UTC, of values that are seconds since the epoch.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The function of that name; NaN for a time that no calendar has.
pub fn by_name(name: &str) -> Option<impl Fn(f64) -> f64 + use<>> {
    let part: fn(DateTime) -> i16 = match name {
        "minute" => |d| i16::from(d.minute()),
        "hour" => |d| i16::from(d.hour()),
        "day_of_week" => |d| i16::from(d.weekday().to_sunday_zero_offset()),
        "day_of_month" => |d| i16::from(d.day()),
        "day_of_year" => |d| d.day_of_year(),
        "days_in_month" => |d| i16::from(d.days_in_month()),
        "month" => |d| i16::from(d.month()),
        "year" => |d| d.year(),
        _ => return None,
    };
    Some(move |seconds: f64| {
        let time = Timestamp::from_second(seconds as i64).ok().filter(|_| !seconds.is_nan());
        time.map_or(f64::NAN, |t| f64::from(part(TimeZone::UTC.to_datetime(t))))
    })
}
