//! Short ways into untyped objects: a missing field reads as empty, because what clients
//! send may lack anything.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// The text at a JSON pointer, empty when there is none.
pub fn text<'a>(v: &'a Value, pointer: &str) -> &'a str {
    v.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at a JSON pointer.
pub fn int(v: &Value, pointer: &str) -> Option<i64> {
    v.pointer(pointer).and_then(Value::as_i64)
}

/// The list at a JSON pointer, empty when there is none.
pub fn list<'a>(v: &'a Value, pointer: &str) -> &'a [Value] {
    v.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The fields at a JSON pointer with text for a value.
pub fn strings<'a>(v: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let map: Option<&Map<String, Value>> = v.pointer(pointer).and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(k, v)| v.as_str().map(|v| (k.as_str(), v)))
}

/// Sets `key` in the map at `parent` (`/metadata/annotations`), made when it is missing.
pub fn set(v: &mut Value, parent: &str, key: &str, value: impl Into<Value>) {
    let mut at = v;
    for step in parent.split('/').filter(|s| !s.is_empty()) {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[step];
    }
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    at[key] = value.into();
}

/// RFC 3339 with whole seconds, as Kubernetes writes `metav1.Time`.
pub fn time(ms: i64) -> String {
    let whole = Timestamp::from_second(ms.div_euclid(1000)).unwrap_or(Timestamp::UNIX_EPOCH);
    whole.to_string()
}

/// RFC 3339 with microseconds, as Kubernetes writes `metav1.MicroTime`.
pub fn micro_time(ms: i64) -> String {
    let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{at:.6}")
}

/// Milliseconds since the epoch of an RFC 3339 text.
pub fn parse_time(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(|t| t.as_millisecond())
}

/// The UID of the controller that owns the object.
pub fn owner_uid(v: &Value) -> &str {
    list(v, "/metadata/ownerReferences")
        .iter()
        .find(|r| r["controller"] == Value::Bool(true))
        .map(|r| text(r, "/uid"))
        .unwrap_or_default()
}

/// A Kubernetes quantity as a number: cores for CPU (`250m` is 0.25), bytes for memory.
pub fn quantity(text: &str) -> f64 {
    const SUFFIXES: [(&str, f64); 11] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
    ];
    for (suffix, factor) in SUFFIXES {
        if let Some(number) = text.strip_suffix(suffix) {
            return number.parse::<f64>().map(|n| n * factor).unwrap_or(0.0);
        }
    }
    text.parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        assert!((quantity("250m") - 0.25).abs() < 1e-9);
        assert!((quantity("2") - 2.0).abs() < 1e-9);
        assert!((quantity("512Mi") - 536_870_912.0).abs() < 1e-3);
        assert!(quantity("nonsense").abs() < 1e-9);
    }

    #[test]
    fn times_go_there_and_back() {
        assert_eq!(time(1_700_000_000_123), "2023-11-14T22:13:20Z");
        assert_eq!(parse_time("2023-11-14T22:13:20Z"), Some(1_700_000_000_000));
        assert_eq!(micro_time(1_700_000_000_123), "2023-11-14T22:13:20.123000Z");
    }
}
