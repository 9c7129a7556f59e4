//! Annotation templates: the part of Go's templates that alert rules use in practice, which is
//! `{{ $labels.x }}` and `{{ $value }}`, the latter also through Prometheus' `humanize`
//! functions.

use crate::sim::metrics::labels::{Labels, get};
use crate::sim::metrics::promql::format;

/// A parsed template.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Label(String),
    Value(Style),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Plain,
    Humanize,
    Percentage,
    Duration,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// Which action is not known, or not closed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (action, after) = after.split_once("}}").ok_or("a {{ is not closed by }}")?;
            parts.push(Part::Text(before.into()));
            parts.push(Part::parse(action.trim())?);
            rest = after;
        }
        parts.push(Part::Text(rest.into()));
        Ok(Self { source: text.into(), parts })
    }

    /// The text for a series and its value.
    pub fn expand(&self, labels: &Labels, value: f64) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Label(name) => get(labels, name).to_string(),
            Part::Value(style) => style.write(value),
        };
        self.parts.iter().map(text).collect()
    }

    /// The template as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl Part {
    fn parse(action: &str) -> Result<Self, String> {
        if let Some(label) = action.strip_prefix("$labels.") {
            return Ok(Part::Label(label.into()));
        }
        let (value, function) = action.split_once('|').unwrap_or((action, ""));
        let style = match function.trim() {
            "" => Style::Plain,
            "humanize" => Style::Humanize,
            "humanizePercentage" => Style::Percentage,
            "humanizeDuration" => Style::Duration,
            other => return Err(format!("function {other:?} is not known in templates")),
        };
        if value.trim() == "$value" {
            Ok(Part::Value(style))
        } else {
            Err(format!("{action:?} is not known"))
        }
    }
}

impl Style {
    /// The value as Prometheus' template/template.go writes it.
    fn write(self, v: f64) -> String {
        if !v.is_finite() {
            return format::value(v);
        }
        match self {
            Style::Plain => format::shortest(v),
            Style::Percentage => format!("{}%", significant(v * 100.0)),
            Style::Humanize => humanize(v),
            Style::Duration => duration(v),
        }
    }
}

/// Four significant digits, as Go's `%.4g`, without its exponents.
fn significant(v: f64) -> String {
    if v == 0.0 {
        return "0".into();
    }
    let digits = 3 - v.abs().log10().floor() as i32;
    let rounded = format!("{v:.*}", usize::try_from(digits.clamp(0, 20)).unwrap_or(0));
    if rounded.contains('.') { rounded.trim_end_matches('0').trim_end_matches('.').into() } else { rounded }
}

fn humanize(v: f64) -> String {
    let mut v = v;
    if v.abs() >= 1.0 {
        let mut prefix = "";
        for p in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
            if v.abs() < 1000.0 {
                break;
            }
            (prefix, v) = (p, v / 1000.0);
        }
        return format!("{}{prefix}", significant(v));
    }
    let mut prefix = "";
    for p in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if v == 0.0 || v.abs() >= 1.0 {
            break;
        }
        (prefix, v) = (p, v * 1000.0);
    }
    format!("{}{prefix}", significant(v))
}

fn duration(v: f64) -> String {
    if v.abs() < 60.0 {
        return format!("{}s", significant(v));
    }
    let sign = if v < 0.0 { "-" } else { "" };
    let total = v.abs() as u64;
    let (d, h, m, s) = (total / 86_400, total / 3600 % 24, total / 60 % 60, total % 60);
    let text = match (d, h) {
        (0, 0) => format!("{m}m {s}s"),
        (0, _) => format!("{h}h {m}m {s}s"),
        _ => format!("{d}d {h}h {m}m {s}s"),
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::metrics::labels::labels_from;

    fn expand(text: &str, value: f64) -> String {
        Template::parse(text).unwrap().expand(&labels_from([("service", "shop")]), value)
    }

    #[test]
    fn labels_and_values() {
        assert_eq!(expand("{{ $labels.service }}: {{$value}}{{ $labels.none }}!", 0.25), "shop: 0.25!");
        assert_eq!(expand("{{ $value | humanizePercentage }}", 0.082_345), "8.235%");
        assert_eq!(expand("{{ $value | humanizePercentage }}", 1.0), "100%");
        assert_eq!(expand("{{ $value | humanizeDuration }}", 100_000.0), "1d 3h 46m 40s");
        assert_eq!(expand("{{ $value | humanizeDuration }}", 0.8123), "0.8123s");
        assert_eq!(expand("{{ $value | humanize }}", 12_345.0), "12.35k");
        assert_eq!(expand("{{ $value | humanize }}", 0.012), "12m");
        assert_eq!(expand("{{ $value | humanize }}", f64::NAN), "NaN");
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for bad in ["{{ $value", "{{ range }}", "{{ $value | title }}", "{{}}"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }
}
