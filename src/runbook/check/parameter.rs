//! `<name>` and `$NAME` in a check's texts: found, and filled in so that a value stays a value.

use std::collections::BTreeMap;

use crate::model::command::is_name;

/// More was not typed by a person. Bytes.
const MAX_VALUE: usize = 4096;

/// What a text is for: it decides which values may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A name that is compared, or a text that is searched for.
    Name,
    Url,
    /// PromQL.
    Query,
    /// Of a command line.
    Argument,
}

/// A text in which parameters may stand.
pub struct Slot<'a> {
    pub place: Place,
    pub text: &'a mut String,
}

impl<'a> Slot<'a> {
    pub fn name(text: &'a mut String) -> Self {
        Self { place: Place::Name, text }
    }

    /// Puts those of `values` in whose names stand in the text.
    ///
    /// # Errors
    /// Which value can't stand here, and why.
    pub fn fill(self, values: &BTreeMap<String, String>) -> Result<(), String> {
        let mut filled = String::with_capacity(self.text.len());
        let pieces = pieces(self.text);
        let is_whole = pieces.len() == 1;
        for (text, name) in pieces {
            match name.and_then(|name| Some((name, values.get(name)?))) {
                Some((name, value)) => {
                    self.place.accept(value, is_whole).map_err(|why| format!("<{name}>: {why}"))?;
                    filled.push_str(value);
                }
                None => filled.push_str(text),
            }
        }
        *self.text = filled;
        Ok(())
    }
}

impl Place {
    fn accept(self, value: &str, is_whole: bool) -> Result<(), String> {
        if value.is_empty() || value.len() > MAX_VALUE {
            return Err(format!("a value of 1 to {MAX_VALUE} bytes is wanted"));
        }
        if value.chars().any(char::is_control) {
            return Err("a control character can't stand in it".to_owned());
        }
        if !names(value).is_empty() {
            return Err(format!("'{value}' is itself written as a parameter"));
        }
        let wrong = match self {
            Self::Name => None,
            Self::Url if is_whole => None,
            // What would begin another part of the URL.
            Self::Url => value.chars().find(|c| !(c.is_alphanumeric() || "-._~:".contains(*c))),
            // What would end the string that it stands in.
            Self::Query => value.chars().find(|c| "\"'`\\{}".contains(*c)),
            Self::Argument => value.chars().next().filter(|c| *c == '-' && is_whole),
        };
        match wrong {
            Some(c) => Err(format!("'{value}' can't stand here because of its '{c}'")),
            None => Ok(()),
        }
    }
}

/// The names of the parameters in `text`, in their order.
pub fn names(text: &str) -> Vec<String> {
    pieces(text).into_iter().filter_map(|(_, name)| name.map(str::to_owned)).collect()
}

/// The text in parts, each with the name of the parameter that it is.
fn pieces(text: &str) -> Vec<(&str, Option<&str>)> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(offset) = text[at..].find(['<', '$']) {
        at += offset;
        match parameter(&text[at..]) {
            Some((length, name)) => {
                if start < at {
                    pieces.push((&text[start..at], None));
                }
                pieces.push((&text[at..at + length], Some(name)));
                at += length;
                start = at;
            }
            None => at += 1,
        }
    }
    if start < text.len() {
        pieces.push((&text[start..], None));
    }
    pieces
}

/// The parameter that `text` begins with, and how long it is written. Bytes.
fn parameter(text: &str) -> Option<(usize, &str)> {
    if let Some(rest) = text.strip_prefix('<') {
        let (name, _) = rest.split_once('>')?;
        return is_name(name).then_some((name.len() + 2, name));
    }
    let rest = text.strip_prefix('$')?;
    if let Some(braced) = rest.strip_prefix('{') {
        let (name, _) = braced.split_once('}')?;
        return is_variable(name).then_some((name.len() + 3, name));
    }
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let name = &rest[..end];
    is_variable(name).then_some((name.len() + 1, name))
}

/// As variables of the environment are written: `$VERSION`, not the `$` of a regular expression.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fill(place: Place, text: &str, name: &str, value: &str) -> Result<String, String> {
        let mut text = text.to_owned();
        let values = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Slot { place, text: &mut text }.fill(&values)?;
        Ok(text)
    }

    #[test]
    fn parameters_are_found_and_operators_are_not() {
        for (text, want) in [
            ("deployment/<deployment>", vec!["deployment"]),
            ("https://<host>:<port>/v/$VERSION", vec!["host", "port", "VERSION"]),
            ("${VERSION}", vec!["VERSION"]),
            ("a < 5 and b > 3", vec![]),
            ("up{pod=~\"api-.*$\"} <1", vec![]),
            ("$x $1 ${ } <> <a b> <", vec![]),
        ] {
            assert_eq!(names(text), want, "{text}");
        }
    }

    #[test]
    fn a_value_stays_a_value() {
        let host = |value| fill(Place::Url, "https://<host>/health", "host", value);
        assert_eq!(host("shop.example.com").unwrap(), "https://shop.example.com/health");
        assert!(host("evil.example/?x=").is_err());
        assert_eq!(fill(Place::Url, "<url>", "url", "http://a/b?c").unwrap(), "http://a/b?c");
        assert!(fill(Place::Query, "up{pod=\"<pod>\"}", "pod", "x\"} or up{").unwrap_err().contains("'\"'"));
        assert!(fill(Place::Argument, "<pod>", "pod", "--all").is_err());
        assert_eq!(fill(Place::Argument, "pod/<pod>", "pod", "-x").unwrap(), "pod/-x");
        assert!(fill(Place::Name, "<pod>", "pod", "<pod>").is_err());
        assert_eq!(fill(Place::Name, "<pod>", "node", "n1").unwrap(), "<pod>", "not known yet");
    }

    proptest! {
        #[test]
        fn pieces_make_the_text_again(text in "([<>${}A-Za-zé]|\\PC){0,40}") {
            let joined: String = pieces(&text).into_iter().map(|(piece, _)| piece).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
