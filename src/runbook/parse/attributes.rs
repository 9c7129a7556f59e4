//! What stands after the language of a fence: attributes as JSON, as Runme writes them.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

use super::place::Lines;
use crate::model::command::Risk;
use crate::model::nearest::nearest;
use crate::runbook::document::{Attributes, Expect, Problem};

const OURS: [&str; 6] = ["name", "risk", "timeout", "expect", "undo", "evidence"];

/// Runme's own, which say nothing about what we do.
const RUNME: [&str; 8] =
    ["id", "cwd", "interactive", "background", "excludeFromRunAll", "promptEnv", "tag", "ignore"];

const EXPECT: [&str; 3] = ["exit", "stdout", "json"];

/// A day: no step of a runbook takes longer, and a timer can hold it. Seconds.
const MAX_TIMEOUT_S: u64 = 24 * 3600;

/// What was read; whether any was given; what could not be.
#[derive(Debug, Default)]
pub struct Read {
    pub attributes: Attributes,
    pub is_given: bool,
    pub problems: Vec<Problem>,
}

/// Reads `info`, which stands at the byte `offset` of the document. What does not begin with a brace is
/// another tool's.
pub fn read(info: &str, offset: usize, lines: &Lines<'_>) -> Read {
    let mut read = Read::default();
    if !info.starts_with('{') {
        return read;
    }
    read.is_given = true;
    let mut reader = Reader { info, offset, lines, problems: Vec::new() };
    if let Some(fields) = reader.object(info) {
        for (key, raw) in &fields {
            reader.attribute(&mut read.attributes, key, raw);
        }
    }
    read.problems = reader.problems;
    read
}

struct Reader<'a> {
    info: &'a str,
    offset: usize,
    lines: &'a Lines<'a>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// `part` is within the info string: its place is known from where it lies in it.
    fn at(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.info.as_ptr() as usize).min(self.info.len())
    }

    fn problem(&mut self, at: usize, what: &str, next: &str) {
        self.problems.push(self.lines.problem(self.offset + at, what, next));
    }

    fn object(&mut self, text: &'a str) -> Option<IndexMap<String, &'a RawValue>> {
        match serde_json::from_str(text) {
            Ok(fields) => Some(fields),
            Err(error) => {
                // Columns of one line, from 1, in bytes; 0 where it ends too early.
                let at = self.at(text) + error.column().saturating_sub(1);
                let why = error.to_string();
                let why = why.split(" at line ").next().unwrap_or_default();
                let next = "write them as JSON: {\"name\": \"restart\", \"risk\": \"change\"}";
                self.problem(at, &format!("the fence's attributes are not JSON: {why}"), next);
                None
            }
        }
    }

    fn unknown(&mut self, key: &str, raw: &RawValue, known: &[&str]) {
        let value = self.at(raw.get());
        let before = self.info.get(..value).unwrap_or_default();
        let at = before.rfind(&format!("\"{key}\"")).unwrap_or(value);
        let near = nearest(key, known.iter().copied());
        self.problem(
            at,
            &format!("unknown attribute '{key}'{near}"),
            &format!("one of: {}", known.join(", ")),
        );
    }

    fn attribute(&mut self, into: &mut Attributes, key: &str, raw: &'a RawValue) {
        match key {
            "name" => into.name = self.text(key, raw),
            "undo" => into.undo = self.text(key, raw),
            "evidence" => match serde_json::from_str(raw.get()) {
                Ok(evidence) => into.evidence = Some(evidence),
                Err(_) => self.wrong(key, raw, "true or false"),
            },
            "risk" => {
                let given = serde_json::from_str::<String>(raw.get()).unwrap_or_default();
                into.risk = Risk::ALL.into_iter().find(|risk| risk.name() == given);
                if into.risk.is_none() {
                    self.wrong(key, raw, "\"read\", \"change\" or \"destroy\"");
                }
            }
            "timeout" => {
                into.timeout = serde_json::from_str::<String>(raw.get()).ok().and_then(|t| duration(&t));
                if into.timeout.is_none() {
                    self.wrong(key, raw, "a duration such as \"30s\" or \"5m\", at most a day");
                }
            }
            "expect" => into.expect = self.expect(raw),
            _ if RUNME.contains(&key) => {}
            _ => self.unknown(key, raw, &OURS),
        }
    }

    fn text(&mut self, key: &str, raw: &RawValue) -> Option<String> {
        let text = serde_json::from_str::<String>(raw.get()).ok().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.wrong(key, raw, "a text");
        }
        text
    }

    fn wrong(&mut self, key: &str, raw: &RawValue, must: &str) {
        let at = self.at(raw.get());
        let given: String = raw.get().chars().take(60).collect();
        self.problem(at, &format!("'{key}' is {given}; it must be {must}"), "correct it");
    }

    fn expect(&mut self, raw: &'a RawValue) -> Option<Expect> {
        if !raw.get().starts_with('{') {
            self.wrong("expect", raw, "an object such as {\"exit\": 0, \"stdout\": \"PONG\"}");
            return None;
        }
        let mut expect = Expect::default();
        for (key, raw) in &self.object(raw.get())? {
            match key.as_str() {
                "exit" => match serde_json::from_str::<u8>(raw.get()) {
                    Ok(exit) => expect.exit = i32::from(exit),
                    Err(_) => self.wrong(key, raw, "an exit code from 0 to 255"),
                },
                "stdout" => expect.stdout = self.text(key, raw),
                "json" => match serde_json::from_str::<Value>(raw.get()) {
                    Ok(json) => expect.json = Some(json),
                    Err(_) => self.wrong(key, raw, "JSON"),
                },
                _ => self.unknown(key, raw, &EXPECT),
            }
        }
        Some(expect)
    }
}

/// `500ms`, `30s`, `5m`, `1h`.
fn duration(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(at);
    let n: u64 = digits.parse().ok()?;
    let duration = match unit.trim_start() {
        "ms" => Duration::from_millis(n),
        "s" => Duration::from_secs(n),
        "m" => Duration::from_secs(n.checked_mul(60)?),
        "h" => Duration::from_secs(n.checked_mul(3600)?),
        _ => return None,
    };
    (duration > Duration::ZERO && duration <= Duration::from_secs(MAX_TIMEOUT_S)).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(info: &str) -> Vec<String> {
        let problems = read(info, 0, &Lines::new(info)).problems;
        problems.iter().map(|p| format!("{}: {}", p.column, p.what)).collect()
    }

    #[test]
    fn everything_that_a_fence_may_say() {
        let info = r#"{"name": "ping", "risk": "read", "timeout": "30s", "undo": "x", "evidence": true,
            "expect": {"exit": 1, "stdout": "PONG", "json": {"a": [1]}}, "cwd": "/", "interactive": false}"#;
        let read = read(info, 0, &Lines::new(info));
        assert_eq!(read.problems, []);
        assert!(read.is_given);
        let want = Attributes {
            name: Some("ping".into()),
            risk: Some(Risk::Read),
            timeout: Some(Duration::from_secs(30)),
            expect: Some(Expect {
                exit: 1,
                stdout: Some("PONG".into()),
                json: Some(serde_json::json!({"a": [1]})),
            }),
            undo: Some("x".into()),
            evidence: Some(true),
        };
        assert_eq!(read.attributes, want);
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (info, want) in [
            (r#"{"name": "x", "rsk": "read"}"#, "15: unknown attribute 'rsk', did you mean 'risk'?"),
            (r#"{"name": "rsk", "rsk": "read"}"#, "17: unknown attribute 'rsk', did you mean 'risk'?"),
            (r#"{"risk": "safe"}"#, "10: 'risk' is \"safe\"; it must be \"read\", \"change\" or \"destroy\""),
            (r#"{"risk": 5}"#, "10: 'risk' is 5; it must be \"read\", \"change\" or \"destroy\""),
            (r#"{"expect": {"exit": 300}}"#, "21: 'exit' is 300; it must be an exit code from 0 to 255"),
            (r#"{"expect": {"stdut": 1}}"#, "13: unknown attribute 'stdut', did you mean 'stdout'?"),
            (r#"{"name": "x""#, "12: the fence's attributes are not JSON: EOF while parsing an object"),
            (r#"{name=x}"#, "2: the fence's attributes are not JSON: key must be a string"),
        ] {
            assert_eq!(told(info), [want], "{info}");
        }
        for timeout in ["\"30\"", "\"0s\"", "\"99h\"", "30", "\"99999999999999999999s\"", "\"s\""] {
            assert_eq!(told(&format!("{{\"timeout\": {timeout}}}")).len(), 1, "{timeout}");
        }
    }

    #[test]
    fn another_tool_s_attributes_are_let_be() {
        let read = read("title=\"x\" {1,3}", 0, &Lines::new(""));
        assert!(!read.is_given && read.problems.is_empty());
    }
}
