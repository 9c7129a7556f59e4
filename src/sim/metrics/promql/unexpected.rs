//! The token at which a query stops being one. The parser does not tell; it is found by trying
//! which beginnings of the query can be gone on with.

use promql_parser::parser;

use super::complaint::INVALID;
use super::tokens::{Kind, Token};

/// The first token before `limit` that cannot follow what is before it.
pub fn unexpected(query: &str, all: &[Token], limit: usize) -> Option<(usize, String)> {
    let all = &all[..all.partition_point(|t| t.end() < limit)];
    // What can be gone on with after n tokens can be after fewer.
    let viable = |n: &usize| can_go_on(query, &all[..*n]);
    let counts: Vec<usize> = (1..=all.len()).collect();
    let good = counts.partition_point(viable);
    match all.get(good) {
        Some(token) => Some((token.at, in_context(&token.description(), &all[..good]))),
        None if limit > query.len() => {
            let matching = all.last().is_some_and(|t| matches!(t.text, "group_left" | "group_right"));
            let opts = if matching { " in grouping opts, expected \"(\"" } else { "" };
            Some((query.len(), in_context("end of input", all) + opts))
        }
        None => None,
    }
}

/// What may follow any beginning of a query, so that a good one becomes a whole one.
const ENDS: [&str; 12] =
    ["", "x", "(x)", "1", "5m", "=\"x\"", "\"x\"", "x=\"x\"", "(x) x", "x) (x)", ") (x)", ") x"];

fn can_go_on(query: &str, tokens: &[Token]) -> bool {
    let Some(last) = tokens.last() else { return true };
    let mut open = Vec::new();
    for token in tokens.iter().filter(|t| t.kind == Kind::Sign) {
        match token.text {
            "(" => open.push(')'),
            "{" => open.push('}'),
            "[" => open.push(']'),
            ")" | "}" | "]" => drop(open.pop()),
            _ => {}
        }
    }
    ENDS.iter().any(|end| {
        let mut open = open.clone();
        // Those ends that close a bracket themselves.
        if end.contains(')') && !end.starts_with('(') && open.pop() != Some(')') {
            return false;
        }
        let close: String = open.iter().rev().collect();
        // A call or an aggregation may need what stands before the brackets close.
        ["", "(x)", " x"].iter().any(|after| {
            let whole = format!("{} {end}{close}{after}", &query[..last.end()]);
            parser::parse(&whole).map_or_else(|why| is_about_meaning(&why), |_| true)
        })
    })
}

/// Whether the parser understood the query's form, and refuses what it means.
fn is_about_meaning(why: &str) -> bool {
    let of_form = ["unexpected", "unclosed", "unterminated", "bad number", "missing unit", "too many"];
    why != INVALID && !of_form.iter().any(|start| why.starts_with(start))
}

/// The rule of Prometheus' grammar that did not expect it, as far as the token before tells.
pub fn in_context(what: &str, before: &[Token]) -> String {
    let last = before.last().map_or(String::new(), |t| t.text.to_ascii_lowercase());
    let grouping =
        |t: &Token| matches!(t.text, "by" | "without" | "on" | "ignoring" | "group_left" | "group_right");
    let opened =
        before.iter().rposition(|t| t.text == "(").filter(|i| !before[*i..].iter().any(|t| t.text == ")"));
    let in_group = opened.is_some_and(|i| i > 0 && grouping(&before[i - 1]));
    let in_braces = before.iter().rev().find(|t| matches!(t.text, "{" | "}")).is_some_and(|t| t.text == "{");
    let context = match last.as_str() {
        "offset" => " in offset, expected duration",
        "@" => " in @, expected timestamp",
        "by" | "without" => " in grouping opts, expected \"(\"",
        "(" | "," if in_group => " in grouping opts, expected label",
        _ if in_group => " in grouping opts, expected \",\" or \")\"",
        "{" | "," if in_braces => " in label matching, expected identifier or \"}\"",
        "=" | "!=" | "=~" | "!~" if in_braces => " in label matching, expected string",
        _ if in_braces && before.last().is_some_and(|t| t.kind == Kind::Text) => {
            " in label matching, expected \",\" or \"}\""
        }
        _ if in_aggregation(before) => " in aggregation",
        _ => "",
    };
    format!("unexpected {what}{context}")
}

/// Whether the innermost bracket that is open is that of an aggregation.
fn in_aggregation(before: &[Token]) -> bool {
    let mut closed = 0;
    for (i, token) in before.iter().enumerate().rev() {
        match token.text {
            ")" => closed += 1,
            "(" if closed == 0 => return i > 0 && before[i - 1].kind == Kind::Aggregation,
            "(" => closed -= 1,
            _ => {}
        }
    }
    false
}
