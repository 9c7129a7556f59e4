//! Messages as plain data, to be told again with other texts and values.

use midwatch::msg::Msg;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;

/// Every place in a JSON value, as pointers.
fn leaves(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                leaves(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), out);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, &format!("{at}/{index}"), out);
            }
        }
        _ => out.push(at.to_owned()),
    }
}

/// A message as plain data, with the places where any text may stand.
pub struct Template {
    json: Value,
    leaves: Vec<String>,
    pub texts: Vec<String>,
}

impl Template {
    pub fn new(msg: &Msg) -> Self {
        let json = serde_json::to_value(msg).unwrap();
        let mut all = Vec::new();
        leaves(&json, "", &mut all);
        let takes_text = |path: &&String| {
            let mut changed = json.clone();
            let place = changed.pointer_mut(path).unwrap();
            let Some(text) = place.as_str() else { return false };
            *place = Value::String(format!("any text {text}"));
            serde_json::from_value::<Msg>(changed).is_ok()
        };
        let texts = all.iter().filter(takes_text).cloned().collect();
        Self { json, leaves: all, texts }
    }

    /// With `attack` before every text.
    pub fn attacked(&self, attack: &str) -> Msg {
        let mut json = self.json.clone();
        for path in &self.texts {
            let place = json.pointer_mut(path).unwrap();
            *place = Value::String(format!("{attack}{}", place.as_str().unwrap()));
        }
        serde_json::from_value(json).unwrap()
    }

    /// With some values replaced by the oddest that can be read.
    pub fn odd(&self, rng: &mut StdRng) -> Msg {
        let mut json = self.json.clone();
        for path in &self.leaves {
            // When it was heard is our own clock's word.
            if path == "/batch/at" || rng.random_range(0..4) != 0 {
                continue;
            }
            let before = json.clone();
            let place = json.pointer_mut(path).unwrap();
            *place = odd_value(place, rng);
            if serde_json::from_value::<Msg>(json.clone()).is_err() {
                json = before;
            }
        }
        serde_json::from_value(json).unwrap()
    }
}

fn odd_value(value: &Value, rng: &mut StdRng) -> Value {
    let choices: Vec<Value> = match value {
        Value::String(_) => [
            "",
            "x",
            "OOMKilled",
            "\x1b[2J",
            "漢字漢字漢字漢字",
            "-009999-01-02T01:59:59Z",
            "9999-12-30T22:00:00.999999999Z",
            "1970-01-01T00:00:00Z",
            "2026-11-21T03:12:10Z",
            "deployment",
            "* * * * *",
            "0 0 30 2 *",
        ]
        .map(Value::from)
        .to_vec(),
        Value::Number(_) => [0_i64, 1, -1, 99, 65_535, i64::from(i32::MAX), i64::MAX, i64::MIN]
            .map(Value::from)
            .into_iter()
            .chain([u64::from(u32::MAX), u64::MAX].map(Value::from))
            .chain([1e-300, 1e308, -1e308, 0.5].map(Value::from))
            .collect(),
        _ => vec![Value::Null, Value::Bool(true), Value::Bool(false)],
    };
    choices[rng.random_range(0..choices.len())].clone()
}
