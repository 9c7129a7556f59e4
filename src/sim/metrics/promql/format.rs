//! Numbers and durations in Prometheus' spelling.

use std::time::Duration;

/// A sample's value as the HTTP API spells it (util/jsonutil: no exponent between 1e-6 and 1e21).
pub fn value(v: f64) -> String {
    if let Some(word) = special(v) {
        return word.into();
    }
    let size = v.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) { exponent(v, 1) } else { format!("{v}") }
}

/// A value as the alerts API spells it: always with an exponent of at least two digits.
pub fn scientific(v: f64) -> String {
    special(v).map_or_else(|| exponent(v, 2), Into::into)
}

/// A value as `{{ $value }}` and `count_values` spell it: the shortest of both.
pub fn shortest(v: f64) -> String {
    if let Some(word) = special(v) {
        return word.into();
    }
    let size = v.abs();
    // Go's %v switches to the exponent outside of these bounds.
    if size != 0.0 && !(1e-4..1e21).contains(&size) { exponent(v, 2) } else { format!("{v}") }
}

fn special(v: f64) -> Option<&'static str> {
    if v.is_nan() {
        Some("NaN")
    } else if v.is_infinite() {
        Some(if v > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        None
    }
}

/// Go's spelling: the exponent has a sign and at least `digits` digits.
fn exponent(v: f64, digits: usize) -> String {
    let text = format!("{v:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, number) = exponent.strip_prefix('-').map_or(('+', exponent), |n| ('-', n));
    format!("{mantissa}e{sign}{number:0>digits$}")
}

/// Parses a duration as PromQL writes it (`5m`, `1h30m`); `0s` and `0` are allowed.
///
/// # Errors
/// The parser's reason.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") {
        return Ok(Duration::ZERO);
    }
    // The parser takes a bare number as seconds, and panics when it does not fit a Duration.
    if text.len() > 32 || !text.ends_with(|c: char| c.is_ascii_alphabetic()) || !text.is_ascii() {
        return Err(format!("not a valid duration string: {text:?}"));
    }
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("not a valid duration string: {text:?}"));
    }
    promql_parser::util::parse_duration(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_prometheus_spells_them() {
        for (v, text) in [
            (1.0, "1"),
            (0.25, "0.25"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (1e-7, "1e-7"),
            (1e21, "1e+21"),
            (123456789.0, "123456789"),
            (-0.0, "-0"),
        ] {
            assert_eq!(value(v), text);
        }
        assert_eq!(scientific(0.0823), "8.23e-02");
        assert_eq!(scientific(0.0), "0e+00");
        assert_eq!(shortest(0.00001), "1e-05");
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("1h30m").unwrap(), Duration::from_secs(5400));
        assert_eq!(parse_duration("0s").unwrap(), Duration::ZERO);
        for bad in ["", "5", "1e300", "-1m", "NaN", "inf", "5x", "é5m", "99999999999999999999y9"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
