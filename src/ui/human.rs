//! Numbers as people say them: '812 ms', '8.1 %', '6 min', '1,240 req/s'. Every number has its unit.

use jiff::{SignedDuration, Timestamp};

use crate::model::signal::Unit;

/// A value in the unit in which it is said. NaN is '?'.
pub fn value(v: f64, unit: Unit) -> String {
    if v.is_nan() {
        return "?".into();
    }
    match unit {
        Unit::Seconds => seconds(v),
        Unit::Ratio => percent(v),
        Unit::PerSecond => format!("{} req/s", count(v)),
        Unit::Days => format!("{} d", v.floor()),
    }
}

/// A latency: '143 ms', '1.2 s', '2 min'.
pub fn seconds(s: f64) -> String {
    match s {
        _ if !s.is_finite() => "?".into(),
        _ if s < 0.001 => format!("{:.1} ms", s * 1e3),
        _ if s < 0.9995 => format!("{:.0} ms", s * 1e3),
        _ if s < 10.0 => format!("{s:.1} s"),
        _ if s < 120.0 => format!("{s:.0} s"),
        _ => format!("{:.0} min", s / 60.0),
    }
}

/// A ratio, with the digits that its size calls for: '99.93 %', '8.1 %', '0.04 %', '41 %'.
pub fn percent(ratio: f64) -> String {
    let p = ratio * 100.0;
    let text = match p {
        _ if !p.is_finite() => return "?".into(),
        _ if p.abs() < 0.1 => format!("{p:.3}"),
        _ if p.abs() < 1.0 => format!("{p:.2}"),
        _ if p.abs() < 10.0 => format!("{p:.1}"),
        // 99.996 % is not 100 %.
        _ if p > 99.0 && p < 100.0 => format!("{:.2}", (p * 100.0).floor() / 100.0),
        _ => return format!("{p:.0} %"),
    };
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// '0.5', '12', '1,240'.
pub fn count(n: f64) -> String {
    if !n.is_finite() {
        return "?".into();
    }
    if n.abs() < 10.0 && n.fract().abs() > 0.05 {
        return format!("{n:.1}");
    }
    let digits = format!("{:.0}", n.abs());
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    if n < 0.0 { format!("-{out}") } else { out }
}

/// '3 MB', '41.2 GB': decimal, as object stores count.
pub fn bytes(n: u64) -> String {
    let mut v = n as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB", "PB"] {
        if v < 999.5 {
            break;
        }
        v /= 1000.0;
        unit = next;
    }
    if v >= 10.0 && unit != "GB" && unit != "TB" || unit == "B" {
        format!("{v:.0} {unit}")
    } else {
        format!("{v:.1} {unit}")
    }
}

/// Memory as Kubernetes writes it: '512Mi', '1.5Gi'.
pub fn memory(n: u64) -> String {
    let mib = n as f64 / (1024.0 * 1024.0);
    if mib >= 1024.0 { format!("{:.1}Gi", mib / 1024.0) } else { format!("{mib:.0}Mi") }
}

/// CPU as Kubernetes writes it: '250m', '2.5'.
pub fn cpu(millicores: u32) -> String {
    if millicores >= 10_000 {
        format!("{:.0}", f64::from(millicores) / 1000.0)
    } else {
        format!("{millicores}m")
    }
}

/// An age in a table, as kubectl prints it (k8s.io/apimachinery duration.HumanDuration): '40s', '7m12s', '3d4h'.
pub fn age(d: SignedDuration) -> String {
    let s = d.as_secs().max(0);
    let (m, h, days) = (s / 60, s / 3600, s / 86_400);
    match s {
        _ if s < 120 => format!("{s}s"),
        _ if m < 10 => with_rest(m, "m", s % 60, "s"),
        _ if m < 180 => format!("{m}m"),
        _ if h < 8 => with_rest(h, "h", m % 60, "m"),
        _ if h < 48 => format!("{h}h"),
        _ if h < 192 => with_rest(days, "d", h % 24, "h"),
        _ if days < 730 => format!("{days}d"),
        _ if days < 2920 => with_rest(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

/// A duration in one unit, to be compared down a column: '55m', '49h', '7d'.
pub fn short(d: SignedDuration) -> String {
    let s = d.as_secs().max(0);
    match s {
        _ if s < 120 => format!("{s}s"),
        _ if s < 2 * 3600 => format!("{}m", s / 60),
        _ if s < 72 * 3600 => format!("{}h", s / 3600),
        _ => format!("{}d", s / 86_400),
    }
}

fn with_rest(n: i64, unit: &str, rest: i64, rest_unit: &str) -> String {
    if rest == 0 { format!("{n}{unit}") } else { format!("{n}{unit}{rest}{rest_unit}") }
}

/// A duration in a sentence: '40 s', '6 min', '3 h', '2.2 days'.
pub fn span(d: SignedDuration) -> String {
    let s = d.as_secs_f64().max(0.0);
    match s {
        _ if s < 90.0 => format!("{s:.0} s"),
        _ if s < 5400.0 => format!("{:.0} min", s / 60.0),
        _ if s < 36_000.0 => trimmed(s / 3600.0, "h"),
        _ if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        _ if s < 864_000.0 => trimmed(s / 86_400.0, "days"),
        _ => format!("{:.0} days", s / 86_400.0),
    }
}

fn trimmed(v: f64, unit: &str) -> String {
    let text = format!("{v:.1}");
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// The age of data, in steps that don't flicker: six panels tell theirs, over a slow link. Under 10 s: 'now'.
pub fn data_age(d: SignedDuration) -> String {
    let s = d.as_secs().max(0);
    match s {
        0..10 => "now".into(),
        10..20 => "10 s".into(),
        20..40 => "20 s".into(),
        40..60 => "40 s".into(),
        _ => span(d),
    }
}

/// A time of day in UTC: '03:05'.
pub fn hm(t: Timestamp) -> String {
    t.strftime("%H:%M").to_string()
}

/// A time of day with seconds, marked as UTC: '03:12:09Z'.
pub fn clock(t: Timestamp) -> String {
    t.strftime("%H:%M:%SZ").to_string()
}

/// 'now' or a moment as 'HH:MM' today, else with its date.
pub fn moment(t: Timestamp, now: Timestamp) -> String {
    if now.duration_since(t).abs() < SignedDuration::from_hours(20) {
        hm(t)
    } else {
        t.strftime("%m-%d %H:%M").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_people_say_them() {
        assert_eq!(
            [0.0004, 0.143, 0.812, 1.24, 2.06, 45.0].map(seconds),
            ["0.4 ms", "143 ms", "812 ms", "1.2 s", "2.1 s", "45 s"]
        );
        assert_eq!(
            [0.0, 0.0004, 0.0019, 0.081, 0.41, 0.9993, 0.99999, 1.0].map(percent),
            ["0 %", "0.04 %", "0.19 %", "8.1 %", "41 %", "99.93 %", "99.99 %", "100 %"]
        );
        assert_eq!([0.5, 12.0, 1240.4, 1_000_000.0].map(count), ["0.5", "12", "1,240", "1,000,000"]);
        assert_eq!([12, 3_000_000, 41_200_000_000].map(bytes), ["12 B", "3.0 MB", "41.2 GB"]);
        assert_eq!(value(f64::NAN, Unit::Ratio), "?");
        assert_eq!(percent(f64::INFINITY), "?");
    }

    #[test]
    fn ages_as_kubectl_prints_them() {
        let ages = [5, 119, 120, 432, 3600, 10_800, 29_000, 100_000, 172_800, 300_000, 1_000_000];
        let want = ["5s", "119s", "2m", "7m12s", "60m", "3h", "8h", "27h", "2d", "3d11h", "11d"];
        assert_eq!(ages.map(|s| age(SignedDuration::from_secs(s))), want);
    }

    #[test]
    fn spans_in_sentences() {
        let got =
            [40, 360, 3 * 3600, 31 * 3600, 190_080, 74 * 86_400].map(|s| span(SignedDuration::from_secs(s)));
        assert_eq!(got, ["40 s", "6 min", "3 h", "31 h", "2.2 days", "74 days"]);
        assert_eq!(
            [3, 14, 39, 59, 60].map(|s| data_age(SignedDuration::from_secs(s))),
            ["now", "10 s", "20 s", "40 s", "60 s"]
        );
    }
}
