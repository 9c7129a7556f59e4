//! Request parameters as Go's form parser sees them: of the query and of a form body, with
//! repeated names, and with times and durations in Prometheus' spellings.

use std::time::Duration;

use jiff::Timestamp;

use super::promql::format;

/// All parameters of a request, in order.
pub struct Params(Vec<(String, String)>);

impl Params {
    /// The parameters of the query and, before them, of the form in the body.
    pub fn of(query: Option<&str>, body: &[u8]) -> Self {
        let parse = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect::<Vec<_>>();
        let mut all = parse(body);
        all.extend(parse(query.unwrap_or_default().as_bytes()));
        Self(all)
    }

    pub fn of_query(query: Option<String>) -> Self {
        Self::of(query.as_deref(), &[])
    }

    /// The first value of `name`, or the empty string.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(k, _)| k == name).map_or("", |(_, v)| v)
    }

    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(k, _)| k == name).map(|(_, v)| v.as_str())
    }

    /// The time `name` in milliseconds, or `None` if it is not given.
    ///
    /// # Errors
    /// Prometheus' wording.
    pub fn time(&self, name: &str) -> Result<Option<i64>, String> {
        match self.get(name) {
            "" => Ok(None),
            text => parse_time(text)
                .map(Some)
                .map_err(|why| format!("invalid parameter {name:?}: Invalid time value for '{name}': {why}")),
        }
    }
}

/// Parses seconds with a fraction, or RFC 3339; returns milliseconds since the epoch.
///
/// # Errors
/// Prometheus' wording.
pub fn parse_time(text: &str) -> Result<i64, String> {
    let seconds = text.parse::<f64>().ok().filter(|s| s.is_finite());
    let from_seconds = seconds.and_then(|s| Timestamp::from_millisecond((s * 1000.0).round() as i64).ok());
    let time = from_seconds.or_else(|| text.parse().ok());
    time.map(Timestamp::as_millisecond).ok_or_else(|| format!("cannot parse {text:?} to a valid timestamp"))
}

/// Parses seconds with a fraction, or a duration as in PromQL. Negative seconds are refused
/// like zero is: there is no step of that length.
///
/// # Errors
/// Prometheus' wording.
pub fn parse_step(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        let overflows = || format!("cannot parse {text:?} to a valid duration. It overflows int64");
        // 2^63 nanoseconds: what Go's durations can hold.
        let valid = Duration::try_from_secs_f64(seconds.max(0.0)).ok();
        return valid.filter(|d| d.as_nanos() < 1 << 63).ok_or_else(overflows);
    }
    format::parse_duration(text).map_err(|_| format!("cannot parse {text:?} to a valid duration"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_and_form_with_repeated_names() {
        let p = Params::of(Some("match[]=a&x=1"), b"match%5B%5D=b+c&x=2");
        assert_eq!(p.all("match[]").collect::<Vec<_>>(), ["b c", "a"]);
        assert_eq!(p.get("x"), "2");
        assert_eq!(p.get("none"), "");
    }

    #[test]
    fn times_and_steps() {
        assert_eq!(parse_time("1435781451.781"), Ok(1_435_781_451_781));
        assert_eq!(parse_time("2015-07-01T20:10:51.781Z"), Ok(1_435_781_451_781));
        for bad in ["", "NaN", "Inf", "1e300", "yesterday", "2015-07-01"] {
            assert_eq!(parse_time(bad), Err(format!("cannot parse {bad:?} to a valid timestamp")));
        }
        assert_eq!(parse_step("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_step("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse_step("-3"), Ok(Duration::ZERO));
        for bad in ["", "x", "1e300", "5parsecs"] {
            assert!(parse_step(bad).is_err(), "{bad}");
        }
    }
}
