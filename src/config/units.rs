//! Values as people write them ("500 ms", "99.9 %", "14 d"), and back.

use jiff::{SignedDuration, Span, SpanRelativeTo};

use crate::model::signal::Unit;

/// A duration of at least one millisecond, in any of jiff's friendly forms; a day has 24 hours.
pub fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let wanted = || format!("'{text}' is not a duration; write it as \"90 s\", \"1h 30m\" or \"14 d\"");
    let span: Span = text.trim().parse().map_err(|_| wanted())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wanted())?;
    if duration < SignedDuration::from_millis(1) {
        return Err(format!("'{text}' is not longer than nothing"));
    }
    Ok(duration)
}

/// A value of `unit` in its base: seconds, a ratio 0…1, a rate per second, days.
pub fn parse_value(text: &str, unit: Unit) -> Result<f64, String> {
    let text = text.trim();
    match unit {
        Unit::Seconds => parse_duration(text).map(|d| d.as_secs_f64()),
        Unit::Days => parse_duration(text).map(|d| d.as_secs_f64() / 86_400.0),
        Unit::Ratio => parse_ratio(text),
        Unit::PerSecond => parse_rate(text),
    }
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    let (number, scale) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    match number.trim().parse::<f64>() {
        // Rounded, so that 99.9 % is the number that 0.999 is.
        Ok(v) if (0.0..=1.0).contains(&(v / scale)) => Ok((v / scale * 1e12).round() / 1e12),
        Ok(_) => Err(format!("'{text}' is outside of 0 % … 100 %")),
        Err(_) => Err(format!("'{text}' is not a ratio; write it as \"99.9 %\" or 0.999")),
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let number =
        ["req/s", "/s", "per second"].iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(text);
    match number.trim().parse::<f64>() {
        Ok(v) if v.is_finite() && v >= 0.0 => Ok(v),
        _ => Err(format!("'{text}' is not a rate; write it as \"100 req/s\"")),
    }
}

/// As a person would write it: '500 ms', '1h 30m', '14 d'.
pub fn show_duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_nanos() == 0 && seconds != 0 && seconds % 86_400 == 0 {
        format!("{} d", seconds / 86_400)
    } else {
        format!("{duration:#}")
    }
}

/// The inverse of [`parse_value`].
pub fn show_value(value: f64, unit: Unit) -> String {
    let seconds = |v: f64| SignedDuration::try_from_secs_f64(v).unwrap_or_default();
    match unit {
        Unit::Seconds if value < 1.0 => format!("{} ms", trimmed(value * 1000.0)),
        Unit::Seconds => format!("{} s", trimmed(value)),
        Unit::Days => show_duration(seconds(value * 86_400.0)),
        Unit::Ratio => format!("{} %", trimmed(value * 100.0)),
        Unit::PerSecond => format!("{} req/s", trimmed(value)),
    }
}

/// Six decimals are enough for 99.9999 %, and hide what binary fractions add.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn people_s_units() {
        for (text, unit, want) in [
            ("500 ms", Unit::Seconds, 0.5),
            ("1.2s", Unit::Seconds, 1.2),
            ("2 min", Unit::Seconds, 120.0),
            ("99.9 %", Unit::Ratio, 0.999),
            ("0.85", Unit::Ratio, 0.85),
            ("100%", Unit::Ratio, 1.0),
            ("14 d", Unit::Days, 14.0),
            ("2 weeks", Unit::Days, 14.0),
            ("100 req/s", Unit::PerSecond, 100.0),
            ("5/s", Unit::PerSecond, 5.0),
        ] {
            let got = parse_value(text, unit).unwrap();
            assert!((got - want).abs() < 1e-9, "{text}: {got}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (text, unit) in [
            ("500", Unit::Seconds),
            ("-5 s", Unit::Seconds),
            ("0 s", Unit::Seconds),
            ("5 m ago", Unit::Seconds),
            ("101 %", Unit::Ratio),
            ("NaN", Unit::Ratio),
            ("fast", Unit::PerSecond),
            ("inf", Unit::PerSecond),
            ("99999999999999 d", Unit::Days),
        ] {
            assert!(parse_value(text, unit).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read(value in 0.001f64..1.0) {
            for unit in [Unit::Seconds, Unit::Ratio, Unit::PerSecond] {
                let shown = show_value(value, unit);
                let back = parse_value(&shown, unit).unwrap_or(f64::NAN);
                prop_assert!((back - value).abs() < 1e-2, "{value} → {shown} → {back}");
            }
        }

        #[test]
        fn any_text_is_refused_or_read(text in "\\PC{0,30}") {
            for unit in [Unit::Seconds, Unit::Ratio, Unit::PerSecond, Unit::Days] {
                let _ = parse_value(&text, unit);
            }
        }
    }
}
