//! What a command came to, against what the runbook expects of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::Clean;
use crate::model::command::{OutputLine, Stream};
use crate::runbook::document::Expect;

/// What is expected, with its parameters filled in.
pub fn of_walk(expect: &Expect, values: &BTreeMap<String, String>) -> Expect {
    let stdout = expect.stdout.as_ref().map(|text| filled(text, values));
    Expect { stdout, ..expect.clone() }
}

/// What is expected and was not seen; none where all of it was. `exit`: where it is known.
pub fn unmet(expect: &Expect, exit: Option<i32>, output: &[OutputLine]) -> Option<String> {
    if let Some(code) = exit.filter(|code| *code != expect.exit) {
        return Some(format!("exit code {code}, expected {}", expect.exit));
    }
    let out: Vec<&str> = output.iter().filter(|l| l.from == Stream::Out).map(|l| l.text.as_str()).collect();
    let out = out.join("\n");
    if let Some(wanted) = &expect.stdout
        // What was written was cleaned, and so is what is looked for.
        && !wanted.lines().all(|line| out.contains(Clean::new(line).as_str()))
    {
        return Some(format!("'{}' is not in what it wrote", Clean::new(wanted)));
    }
    let wanted = expect.json.as_ref()?;
    match serde_json::from_str::<Value>(&out) {
        Err(error) => Some(format!("what it wrote is no JSON: {error}")),
        Ok(seen) => differs(wanted, &seen, "$").map(|why| Clean::new(&why).to_string()),
    }
}

/// Where `seen` has not at least what `wanted` has.
fn differs(wanted: &Value, seen: &Value, path: &str) -> Option<String> {
    match (wanted, seen) {
        (Value::Object(wanted), Value::Object(seen)) => wanted.iter().find_map(|(key, value)| {
            let path = format!("{path}.{key}");
            match seen.get(key) {
                Some(seen) => differs(value, seen, &path),
                None => Some(format!("{path} is missing")),
            }
        }),
        (Value::Array(wanted), Value::Array(seen)) => {
            let missing = wanted.iter().find(|w| !seen.iter().any(|s| differs(w, s, path).is_none()));
            missing.map(|w| format!("{path} has no {w}"))
        }
        _ if wanted == seen => None,
        _ => Some(format!("{path} is {seen}, expected {wanted}")),
    }
}

/// A text with its `<parameters>` replaced by their values, for names of objects.
pub fn filled(text: &str, values: &BTreeMap<String, String>) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("<{name}>"), value)
            .replace(&format!("${{{name}}}"), value)
            .replace(&format!("${name}"), value)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrote(text: &str) -> Vec<OutputLine> {
        text.lines().map(|l| OutputLine { from: Stream::Out, text: Clean::new(l) }).collect()
    }

    #[test]
    fn everything_that_is_expected_must_be_there() {
        let expect = Expect { exit: 0, stdout: Some("PONG".into()), json: None };
        assert_eq!(unmet(&expect, Some(0), &wrote("a\nPONG b")), None);
        assert_eq!(unmet(&expect, Some(1), &wrote("PONG")).unwrap(), "exit code 1, expected 0");
        assert_eq!(unmet(&expect, Some(0), &wrote("NOAUTH")).unwrap(), "'PONG' is not in what it wrote");
        let err = vec![OutputLine { from: Stream::Err, text: Clean::new("PONG") }];
        assert!(unmet(&expect, Some(0), &err).is_some(), "only standard output counts");
        let expect = Expect { exit: 3, ..Expect::default() };
        assert_eq!(unmet(&expect, Some(3), &[]), None);
    }

    #[test]
    fn json_must_at_least_have_what_is_named() {
        let expect = |json| Expect { json: Some(json), ..Expect::default() };
        let seen = wrote(r#"{"status": {"ready": 3, "x": 1}, "names": ["a", "b"]}"#);
        assert_eq!(unmet(&expect(json!({"status": {"ready": 3}, "names": ["b"]})), None, &seen), None);
        let why = unmet(&expect(json!({"status": {"ready": 4}})), None, &seen).unwrap();
        assert_eq!(why, "$.status.ready is 3, expected 4");
        assert_eq!(unmet(&expect(json!({"gone": 1})), None, &seen).unwrap(), "$.gone is missing");
        assert_eq!(unmet(&expect(json!({"names": ["c"]})), None, &seen).unwrap(), "$.names has no \"c\"");
        assert!(unmet(&expect(json!({})), None, &wrote("no")).unwrap().contains("no JSON"));
    }

    #[test]
    fn names_are_filled_in() {
        let values =
            BTreeMap::from([("deployment".to_owned(), "api".to_owned()), ("N".to_owned(), "3".to_owned())]);
        assert_eq!(filled("deployment/<deployment>", &values), "deployment/api");
        assert_eq!(filled("$N", &values), "3");
        assert_eq!(filled("${N} <other>", &values), "3 <other>");
    }
}
