//! What is wrong with a query, in Prometheus' words and at the place that Prometheus names.
//!
//! The parser gives a reason without a place, and for what its grammar does not know no more
//! than 'invalid'. The place of the latter is found by trying: the first token after which
//! nothing can make a query of it.

use promql_parser::parser;

use super::tokens::{Kind, Token, tokens};
use super::unexpected::{in_context, unexpected};

/// What the parser says of all that is not of its grammar.
pub const INVALID: &str = "invalid promql query";

/// The complaint about `query` that goes with the parser's `reason`.
pub fn complaint(query: &str, reason: &str) -> String {
    let all = tokens(query);
    let lexical = lexical(query, &all, reason);
    let limit = lexical.as_ref().map_or(query.len() + 1, |(at, _)| *at);
    // Prometheus reads and parses at once: what comes first is told.
    let invalid = reason == INVALID || lexical.is_some();
    let (at, why) = if let Some(found) = invalid.then(|| unexpected(query, &all, limit)).flatten() {
        found
    } else if let Some(found) = lexical {
        found
    } else {
        (semantic(query, &all, reason), reworded(reason))
    };
    place(query, at, &why)
}

/// `line:column: parse error: why`.
pub fn place(query: &str, at: usize, why: &str) -> String {
    let before = &query.as_bytes()[..at.min(query.len())];
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    format!("{line}:{}: parse error: {why}", at - start + 1)
}

/// What the lexer complains of, and where.
fn lexical(query: &str, all: &[Token], reason: &str) -> Option<(usize, String)> {
    let end = query.len();
    let of_sign = |text: &str| all.iter().rev().find(|t| t.text == text).map_or(end, |t| t.at);
    let open = all.iter().find(|t| t.kind == Kind::OpenText).map_or(end, |t| t.at);
    if reason.starts_with("unterminated quoted string") {
        return Some((open, "unterminated quoted string".into()));
    }
    if let Some(c) = reason.strip_prefix("unknown escape sequence '").and_then(|c| c.chars().next()) {
        let at = all.iter().find(|t| t.text.contains(&format!("\\{c}"))).map_or(0, |t| t.at);
        return Some((at, format!("unknown escape sequence U+{:04X} '{c}'", u32::from(c))));
    }
    match reason {
        "unclosed left parenthesis"
        | "unexpected end of input inside braces"
        | "unexpected end of input inside brackets"
        | "unexpected end of input in @, expected timestamp"
        | "unexpected end of input in offset, expected duration" => Some((end, reason.into())),
        // One further than others: the lexer has already taken it.
        "unexpected right parenthesis ')'" => Some((of_sign(")") + 1, reason.into())),
        "unexpected right brace '}'" => Some((of_sign("}"), "unexpected character: '}'".into())),
        "unexpected right bracket ']'" => Some((of_sign("]"), reason.into())),
        _ if reason.starts_with("unexpected character after") => {
            Some((all.iter().find(|t| t.text == "!").map_or(end, |t| t.at), reason.into()))
        }
        _ if reason.starts_with("unexpected character") => {
            let c = reason.rsplit_once('\'').and_then(|(before, _)| before.chars().last());
            let stands = |t: &&Token| t.kind == Kind::Sign && t.text.chars().next() == c;
            Some((all.iter().find(stands).map_or(end, |t| t.at), reason.into()))
        }
        _ => None,
    }
}

/// What is wrong with an expression where only a selector may stand.
pub fn no_selector(query: &str) -> String {
    let all = tokens(query);
    match all.get(after_selector(&all)) {
        Some(t) => place(query, t.at, &format!("unexpected {}", t.description())),
        None => place(query, query.len(), "unexpected end of input"),
    }
}

/// Whether there is a selector and nothing after it, whatever is in its braces.
pub fn is_selector(query: &str) -> bool {
    let all = tokens(query);
    after_selector(&all) >= all.len()
}

fn after_selector(all: &[Token]) -> usize {
    let named = all.first().is_some_and(|t| matches!(t.kind, Kind::Identifier | Kind::Aggregation));
    let open = usize::from(named);
    match all.get(open) {
        Some(t) if t.text == "{" => all.iter().position(|t| t.text == "}").map_or(all.len(), |i| i + 1),
        _ => open,
    }
}

/// What this parser lets through and Prometheus 2 does not: durations as numbers, and numbers
/// as durations.
pub fn of_durations(query: &str) -> Option<String> {
    let all = tokens(query);
    let before = |i: usize, n: usize| i.checked_sub(n).map_or("", |i| all[i].text);
    let wants_duration = |i: usize| match before(i, 1) {
        "-" | "+" => before(i, 2).eq_ignore_ascii_case("offset"),
        sign => matches!(sign, "[" | ":") || sign.eq_ignore_ascii_case("offset"),
    };
    let wrong = |(i, t): &(usize, &Token)| match t.kind {
        Kind::Duration => !wants_duration(*i),
        Kind::Number => wants_duration(*i),
        _ => false,
    };
    let (i, token) = all.iter().enumerate().find(wrong)?;
    let why = match before(i, 1) {
        "[" => format!("bad duration syntax: {:?}", token.text),
        ":" => format!("bad number or duration syntax: {:?}", token.text),
        _ => in_context(&token.description(), &all[..i]),
    };
    Some(place(query, token.at, &why))
}

/// Where the complaint about a well-formed query belongs.
fn semantic(query: &str, all: &[Token], reason: &str) -> usize {
    let quoted = reason.split('\'').nth(1).unwrap_or_default();
    let calls = || {
        let opens = |i: usize| all.get(i + 1).is_some_and(|t| t.text == "(");
        all.iter().enumerate().filter(move |(i, t)| t.text == quoted && opens(*i))
    };
    let found = if reason.starts_with("unknown function") || reason.contains("argument(s) in call to") {
        calls().next().map(|(_, t)| t.at)
    } else if reason.contains("in call to function") {
        let got = reason.rsplit(' ').next().unwrap_or_default();
        // Vectors mostly come first, scalars and strings after them.
        let last = !reason.contains("vector in call");
        calls().find_map(|(i, _)| argument_of_type(query, all, i + 2, got, last))
    } else if reason.contains("in aggregation expression") {
        let opens = |w: &[Token]| w[0].kind == Kind::Aggregation && w[1].text == "(";
        let got = reason.rsplit(' ').next().unwrap_or_default();
        all.windows(2).position(opens).and_then(|i| argument_of_type(query, all, i + 2, got, false))
    } else if reason.starts_with("comparisons between scalars") {
        let compares = |t: &&Token| matches!(t.text, "==" | "!=" | ">" | "<" | ">=" | "<=");
        all.iter().find(compares).map(|t| t.at)
    } else if reason.starts_with("ranges only allowed") {
        let of_selector = |t: &Token| t.kind == Kind::Identifier || t.text == "}";
        let stray = all.windows(2).find(|w| w[1].text == "[" && !of_selector(&w[0]));
        stray.map(|w| w[1].at)
    } else if reason.starts_with("illegal regex") {
        all.windows(3)
            .find(|w| w[1].text.ends_with('~') && w[2].text.len() > 2 && !is_regex(w[2].text))
            .map(|w| w[0].at)
    } else if reason.contains("in label matching") {
        all.iter().rev().find(|t| t.text == quoted).map(|t| t.at)
    } else if reason.contains("number or duration") || reason.contains("unit character") {
        all.iter().position(|t| t.text == "[").and_then(|i| all.get(i + 1)).map(|t| t.at)
    } else {
        all.first().map(|t| t.at)
    };
    found.unwrap_or(0)
}

fn is_regex(quoted: &str) -> bool {
    regex::Regex::new(&quoted[1..quoted.len() - 1]).is_ok()
}

/// The offset of the first or the last argument, of those that begin at token `from`, that
/// has a type.
fn argument_of_type(query: &str, all: &[Token], from: usize, type_name: &str, last: bool) -> Option<usize> {
    let mut found = None;
    let mut depth = 0;
    let mut start = all.get(from)?.at;
    for token in &all[from..] {
        let ends = depth == 0 && matches!(token.text, "," | ")");
        if ends {
            let is_it = parser::parse(&query[start..token.at])
                .is_ok_and(|arg| arg.value_type().to_string() == type_name);
            if is_it {
                found = Some(start);
            }
            if token.text == ")" || is_it && !last {
                return found;
            }
            start = all.iter().find(|t| t.at >= token.end())?.at;
        }
        match token.text {
            "(" | "{" | "[" => depth += 1,
            ")" | "}" | "]" => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The parser's reason in Prometheus' words, which names types as its users do.
fn reworded(why: &str) -> String {
    if let Some(pattern) = why.strip_prefix("illegal regex for ") {
        let why = regex::Regex::new(pattern).err().map(|e| e.to_string()).unwrap_or_default();
        let words = [("unclosed group", "missing closing )"), ("unopened group", "unexpected )")];
        let why = words.iter().find(|(ours, _)| why.contains(ours)).map_or("invalid syntax", |(_, go)| go);
        return format!("error parsing regexp: {why}: `^(?:{pattern})$`");
    }
    if let Some(number) = why.strip_prefix("ParseFloatError. ").and_then(|w| w.split(' ').next()) {
        return format!("error parsing number: strconv.ParseFloat: parsing {number:?}: invalid syntax");
    }
    if why.starts_with("no arguments for aggregate") {
        return "no arguments for aggregate expression provided".into();
    }
    if why.starts_with("unary expression") {
        let got = why.rsplit(' ').next().unwrap_or_default();
        return format!(
            "unary expression only allowed on expressions of type scalar or instant vector, got {got:?}"
        );
    }
    let words = [
        ("type matrix", "type range vector"),
        ("got matrix", "got range vector"),
        ("type vector", "type instant vector"),
        ("got vector", "got instant vector"),
        ("type scalar in aggregation expression", "type scalar in aggregation parameter"),
        ("right_brace", "\"}\""),
        ("'", "\""),
    ];
    words.iter().fold(why.to_string(), |text, (theirs, ours)| text.replace(theirs, ours))
}
