//! Commands of the team's own, and manifests, as the configuration names them. Plain data, and the
//! rules for what may be put into a command line: the configuration checks its defaults by the same
//! rules as the dialog checks what was typed.

use std::path::PathBuf;

use jiff::SignedDuration;
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::Clean;

/// More than this was not typed by a person. Bytes.
const MAX_VALUE: usize = 4096;

/// Placeholders that the session fills: the command acts on what is on the screen.
pub const OF_THE_SESSION: [&str; 3] = ["context", "cluster", "namespace"];

/// What a command does, as the configuration says: midwatch can't know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Risk {
    /// It only looks; it is offered in read-only mode too.
    Read,
    #[default]
    Change,
    /// Its name must be typed.
    Destroy,
}

impl Risk {
    pub const ALL: [Self; 3] = [Self::Read, Self::Change, Self::Destroy];

    /// As the configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Destroy => "destroy",
        }
    }
}

/// An `[[action]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSpec {
    pub name: String,
    pub title: Option<String>,
    /// The program and its arguments, with placeholders in the arguments. No shell reads it.
    pub run: Vec<String>,
    pub directory: PathBuf,
    /// Variables of our own environment that are passed on, beside the few that every program needs.
    pub environment: Vec<String>,
    pub timeout: SignedDuration,
    pub risk: Risk,
    /// Whether its output is evidence: noted in the audit log, with its hash.
    pub evidence: bool,
    pub parameters: Vec<Parameter>,
}

impl CommandSpec {
    /// What the palette and the dialog call it.
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }
}

/// What is asked for before a command runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub label: Option<String>,
    /// A regular expression for the whole of the value.
    pub pattern: Option<String>,
    /// Where it has any, one of these.
    pub choices: Vec<String>,
    pub default: Option<String>,
}

impl Parameter {
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }

    /// Whether the value can be used.
    ///
    /// # Errors
    /// Why it can't, in words for who typed it.
    pub fn accept(&self, value: &str) -> Result<(), String> {
        if value.len() > MAX_VALUE {
            return Err(format!("it is longer than {MAX_VALUE} bytes"));
        }
        if value.contains('\0') {
            return Err("a NUL character can't be in an argument".to_owned());
        }
        if !self.choices.is_empty() {
            let known = self.choices.iter().any(|c| c == value);
            return if known { Ok(()) } else { Err(format!("one of: {}", self.choices.join(", "))) };
        }
        match &self.pattern {
            Some(pattern) if !anchored(pattern)?.is_match(value) => {
                Err(format!("'{value}' is not of the form {pattern}"))
            }
            Some(_) => Ok(()),
            // A path that lost its last part is another path.
            None if value.is_empty() => Err("it can't be empty".to_owned()),
            None => Ok(()),
        }
    }

    /// Whether the configuration says which values are right: then one that looks like an option may be.
    pub fn is_bound(&self) -> bool {
        self.pattern.is_some() || !self.choices.is_empty()
    }
}

/// The expression for a whole value.
///
/// # Errors
/// Why it is none.
pub fn anchored(pattern: &str) -> Result<Regex, String> {
    // By itself first: 'a)|(b' would be one within the brackets.
    Regex::new(pattern).and_then(|_| Regex::new(&format!("^(?:{pattern})$"))).map_err(|e| e.to_string())
}

/// A part of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// `{name}`.
    Placeholder(String),
}

/// The parts of an argument: `{name}` is a placeholder, `{{name}}` the text '{name}', and every
/// other brace is text, as in JSON and jsonpath.
pub fn pieces(argument: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut text, mut rest) = (String::new(), argument);
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let double = rest.starts_with("{{");
        let (open, close) = if double { ("{{", "}}") } else { ("{", "}") };
        let inside = &rest[open.len()..];
        let name = inside.split_once(close).map(|(name, _)| name).filter(|name| is_name(name));
        match name {
            Some(name) => {
                if double {
                    text.push_str(&format!("{{{name}}}"));
                } else {
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    pieces.push(Piece::Placeholder(name.to_owned()));
                }
                rest = &inside[name.len() + close.len()..];
            }
            None => {
                text.push('{');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    if !text.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

/// As a shell would have it, for reading.
pub fn quoted(argument: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&b);
    if !argument.is_empty() && argument.bytes().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

/// Whether it can name a command or a parameter: a letter, then letters, digits, '-' and '_'.
pub fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Where a line of output comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    Out,
    Err,
    /// midwatch's own words between the lines.
    Note,
}

/// A line that a command has written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputLine {
    pub from: Stream,
    pub text: Clean,
}

impl OutputLine {
    pub fn note(words: &str) -> Self {
        Self { from: Stream::Note, text: Clean::new(words) }
    }
}

/// A `[[manifest]]`: a file that can be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestSpec {
    pub name: String,
    pub title: Option<String>,
    pub file: PathBuf,
}

impl ManifestSpec {
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parameter(pattern: Option<&str>, choices: &[&str]) -> Parameter {
        Parameter {
            name: "p".into(),
            label: None,
            pattern: pattern.map(str::to_owned),
            choices: choices.iter().map(|c| (*c).to_owned()).collect(),
            default: None,
        }
    }

    #[test]
    fn placeholders_are_names_in_single_braces_and_all_else_is_text() {
        let text = |t: &str| Piece::Text(t.into());
        let name = |n: &str| Piece::Placeholder(n.into());
        for (argument, want) in [
            ("", vec![text("")]),
            ("plain", vec![text("plain")]),
            ("{a}", vec![name("a")]),
            ("--name={a}-{b}", vec![text("--name="), name("a"), text("-"), name("b")]),
            ("{{a}}", vec![text("{a}")]),
            ("{{a}", vec![text("{"), name("a")]),
            ("{.items[0].name}", vec![text("{.items[0].name}")]),
            (r#"{"a":{"b":1}}"#, vec![text(r#"{"a":{"b":1}}"#)]),
            ("{unclosed", vec![text("{unclosed")]),
            ("{}", vec![text("{}")]),
            ("ü{a}ü", vec![text("ü"), name("a"), text("ü")]),
        ] {
            assert_eq!(pieces(argument), want, "{argument}");
        }
    }

    #[test]
    fn a_pattern_is_for_the_whole_value() {
        let p = parameter(Some("[a-z]+|full"), &[]);
        assert!(p.accept("full").is_ok() && p.accept("abc").is_ok());
        for wrong in ["", "full1", "x y", "full\n", "a\0"] {
            assert!(p.accept(wrong).is_err(), "{wrong:?}");
        }
        assert!(anchored("a)|(b").is_err());
    }

    #[test]
    fn without_a_pattern_everything_but_nothing_is_taken() {
        let p = parameter(None, &[]);
        assert!(p.accept("$(rm -rf /); --x 'y'").is_ok());
        assert!(p.accept("").is_err() && p.accept("a\0b").is_err() && p.accept(&"x".repeat(5000)).is_err());
        let p = parameter(None, &["full", "schema"]);
        assert!(p.accept("full").is_ok() && p.accept("ful").is_err());
    }

    proptest! {
        #[test]
        fn any_argument_has_pieces(argument in "([{}a.é\"]|\\PC){0,24}") {
            let all = pieces(&argument);
            prop_assert!(!all.is_empty());
            if !argument.contains('{') {
                prop_assert_eq!(all, vec![Piece::Text(argument)]);
            }
        }
    }
}
