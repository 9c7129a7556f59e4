//! Alertmanager's label matchers, as filters and in silences.

use promql_parser::parser::token;
use serde::{Deserialize, Serialize};

use crate::sim::metrics::labels::{Labels, get};

/// A matcher, and its spelling in the API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Matcher {
    wire: Wire,
    matcher: promql_parser::label::Matcher,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    /// Missing in requests of clients from before 0.22: equal.
    #[serde(default = "yes")]
    is_equal: bool,
    is_regex: bool,
    name: String,
    value: String,
}

fn yes() -> bool {
    true
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.wire == other.wire
    }
}

/// How the refusal of a matcher that cannot be begins.
pub const INVALID: &str = "invalid label matcher";

impl TryFrom<Wire> for Matcher {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        if wire.name.is_empty() {
            return Err(format!("{INVALID}: invalid label name \"\""));
        }
        let op = match (wire.is_equal, wire.is_regex) {
            (true, false) => token::T_EQL,
            (false, false) => token::T_NEQ,
            (true, true) => token::T_EQL_REGEX,
            (false, true) => token::T_NEQ_REGEX,
        };
        let matcher = promql_parser::label::Matcher::new_matcher(op, wire.name.clone(), wire.value.clone());
        let matcher =
            matcher.map_err(|_| format!("{INVALID}: invalid regular expression {:?}", wire.value))?;
        Ok(Self { wire, matcher })
    }
}

impl From<Matcher> for Wire {
    fn from(m: Matcher) -> Self {
        m.wire
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let op = match (self.wire.is_equal, self.wire.is_regex) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        };
        write!(f, "{}{op}{:?}", self.wire.name, self.wire.value)
    }
}

impl Matcher {
    /// Whether the labels satisfy it; a missing label is an empty one.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matcher.is_match(get(labels, &self.wire.name))
    }

    /// Whether it accepts the empty string, that is, also labels that are not there.
    pub fn matches_empty(&self) -> bool {
        self.matcher.is_match("")
    }

    /// The name and value that a filter on silences compares with.
    pub fn pair(&self) -> (&str, &str) {
        (&self.wire.name, &self.wire.value)
    }

    /// Whether it lets a value, or the lack of one, through as a filter: an empty value asks
    /// for presence (Alertmanager's api/v2/api.go, matchFilterLabels).
    pub fn admits(&self, value: Option<&str>) -> bool {
        let presence = self.wire.value.is_empty() && value.is_some() != self.wire.is_equal;
        presence || self.matcher.is_match(value.unwrap_or_default())
    }
}

/// Parses a filter such as `severity="page"` or `pod=~web-.+`.
///
/// # Errors
/// Alertmanager's wording.
pub fn parse(text: &str) -> Result<Matcher, String> {
    let bad = || format!("bad matcher format: {text}");
    let trimmed = text.trim();
    let end = trimmed.find(['=', '!']).ok_or_else(bad)?;
    let (name, rest) = trimmed.split_at(end);
    let (op, value) =
        ["=~", "!~", "!=", "="].iter().find_map(|op| Some((*op, rest.strip_prefix(op)?))).ok_or_else(bad)?;
    let name = name.trim();
    let mut chars = name.chars();
    let first_fits = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == ':');
    if !first_fits || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':') {
        return Err(bad());
    }
    let value = unquote(value.trim())
        .ok_or_else(|| format!("matcher value contains unescaped double quote: {value}"))?;
    let (is_equal, is_regex) = (op.starts_with('='), op.ends_with('~'));
    Wire { is_equal, is_regex, name: name.into(), value }.try_into()
}

/// The value without its quotes and escapes; `None` if a quote is where none may be.
fn unquote(text: &str) -> Option<String> {
    let inner = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => text,
    };
    let mut value = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(quoted @ ('"' | '\\')) => value.push(quoted),
                Some(other) => value.extend(['\\', other]),
                None => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::metrics::labels::labels_from;

    #[test]
    fn filters_as_alertmanager_reads_them() {
        let labels = labels_from([("pod", "web-1"), ("quote", "a\"b")]);
        for yes in
            ["pod=web-1", "pod = \"web-1\"", "pod=~web-.", "pod!=x", "pod!~x", r#"quote="a\"b""#, "x=\"\""]
        {
            assert!(parse(yes).unwrap().matches(&labels), "{yes}");
        }
        for no in ["pod=web", "pod=~eb", "pod!~web-.+", "pod!=web-1"] {
            assert!(!parse(no).unwrap().matches(&labels), "{no}");
        }
        for bad in ["", "pod", "=x", "1a=x", "pod=\"x", "pod=a\"b", "pod=~(", "a b=c"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(parse("pod").unwrap_err(), "bad matcher format: pod");
    }
}
