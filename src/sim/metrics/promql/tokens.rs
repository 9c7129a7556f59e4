//! The words of a query and where they stand. The parser says what is wrong and not where;
//! Prometheus says both.

/// What a token is, in Prometheus' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Identifier,
    Keyword,
    Aggregation,
    Operator,
    Number,
    Duration,
    Text,
    /// A string without its end.
    OpenText,
    /// Brackets, commas, and whatever else there is.
    Sign,
}

/// A token and its offset in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Token<'a> {
    pub at: usize,
    pub text: &'a str,
    pub kind: Kind,
}

const KEYWORDS: [&str; 9] =
    ["by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset", "@"];
const WORDY_OPERATORS: [&str; 4] = ["and", "or", "unless", "atan2"];
const AGGREGATIONS: [&str; 12] = [
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
];
/// The long ones first.
const OPERATORS: [&str; 16] =
    ["==", "!=", ">=", "<=", "=~", "!~", "=", ">", "<", "+", "-", "*", "/", "%", "^", "!"];

impl Token<'_> {
    /// As Prometheus names it where it did not expect it (promql/parser/lex.go, `Item.desc`).
    pub fn description(&self) -> String {
        let text = self.text;
        match self.kind {
            Kind::Identifier if text.contains(':') => format!("metric identifier {text:?}"),
            Kind::Identifier => format!("identifier {text:?}"),
            Kind::Keyword => format!("<{text}>"),
            Kind::Aggregation => format!("<aggr:{text}>"),
            Kind::Operator => format!("<op:{text}>"),
            Kind::Number => format!("number {text:?}"),
            Kind::Duration => format!("duration {text:?}"),
            Kind::Text | Kind::OpenText => format!("string {text:?}"),
            Kind::Sign => format!("{text:?}"),
        }
    }

    pub fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

/// The tokens of a query, whatever it is.
pub fn tokens(query: &str) -> Vec<Token<'_>> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(first) = query[at..].chars().next() {
        let rest = &query[at..];
        let (length, kind) = match first {
            c if c.is_whitespace() => (c.len_utf8(), None),
            '#' => (rest.find('\n').unwrap_or(rest.len()), None),
            '"' | '\'' | '`' => string(rest, first),
            c if c.is_ascii_digit() || c == '.' => number(rest),
            c if c.is_ascii_alphabetic() || c == '_' || c == ':' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
                let length = end.unwrap_or(rest.len());
                (length, Some(word(&rest[..length].to_ascii_lowercase())))
            }
            c => match OPERATORS.iter().find(|op| rest.starts_with(**op)) {
                Some(op) => (op.len(), Some(Kind::Operator)),
                None => (c.len_utf8(), Some(if c == '@' { Kind::Keyword } else { Kind::Sign })),
            },
        };
        all.extend(kind.map(|kind| Token { at, text: &rest[..length], kind }));
        at += length;
    }
    all
}

fn word(word: &str) -> Kind {
    match word {
        w if KEYWORDS.contains(&w) => Kind::Keyword,
        w if WORDY_OPERATORS.contains(&w) => Kind::Operator,
        w if AGGREGATIONS.contains(&w) => Kind::Aggregation,
        "inf" | "nan" => Kind::Number,
        _ => Kind::Identifier,
    }
}

fn string(rest: &str, quote: char) -> (usize, Option<Kind>) {
    let mut chars = rest.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' if quote != '`' => {
                chars.next();
            }
            '\n' if quote != '`' => break,
            c if c == quote => return (i + 1, Some(Kind::Text)),
            _ => {}
        }
    }
    (rest.len(), Some(Kind::OpenText))
}

/// A number or a duration; `1e-3` is one word.
fn number(rest: &str) -> (usize, Option<Kind>) {
    let mut before = ' ';
    let hex = rest.starts_with("0x") || rest.starts_with("0X");
    let end = rest.find(|c: char| {
        let signed = matches!(c, '+' | '-') && matches!(before, 'e' | 'E') && !hex;
        before = c;
        !(c.is_ascii_alphanumeric() || c == '.' || signed)
    });
    let length = end.unwrap_or(rest.len());
    let unit = rest[..length].ends_with(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E' | 'x'));
    (length, Some(if unit && !hex { Kind::Duration } else { Kind::Number }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_signs_and_strings() {
        let query = "sum by(x) (a:b{c=~\"\\\"}\"}[5m]) >= bool 1e-3 # note\n@ 'open";
        let texts: Vec<&str> = tokens(query).iter().map(|t| t.text).collect();
        assert_eq!(
            texts,
            [
                "sum",
                "by",
                "(",
                "x",
                ")",
                "(",
                "a:b",
                "{",
                "c",
                "=~",
                "\"\\\"}\"",
                "}",
                "[",
                "5m",
                "]",
                ")",
                ">=",
                "bool",
                "1e-3",
                "@",
                "'open"
            ]
        );
        assert_eq!(tokens(query)[6].description(), "metric identifier \"a:b\"");
        assert_eq!(tokens(query)[13].kind, Kind::Duration);
        assert!(tokens(query).iter().all(|t| query[t.at..t.end()] == *t.text));
    }
}
