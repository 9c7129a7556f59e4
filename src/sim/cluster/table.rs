//! Tables, as `kubectl get` asks for them: the columns of the kinds that people look at,
//! name and age for the rest.

use std::sync::Arc;

use serde_json::{Value, json};

use super::json::parse_time;
use super::kinds::Kind;
use super::object::Object;

mod columns;

/// The age of an RFC 3339 time as kubectl prints it; empty without a time.
pub fn age(time: &str, now_ms: i64) -> String {
    parse_time(time).map(|then| human(now_ms - then)).unwrap_or_default()
}

/// `duration.HumanDuration` of apimachinery: two units at most, the coarse one alone when large.
pub fn human(ms: i64) -> String {
    let s = ms.div_euclid(1000);
    let two = |big: i64, unit: &str, small: i64, of: &str| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{of}") }
    };
    let (m, h, d) = (s / 60, s / 3600, s / 86_400);
    match s {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{s}s"),
        120..600 => two(m, "m", s % 60, "s"),
        600..10_800 => format!("{m}m"),
        10_800..28_800 => two(h, "h", m % 60, "m"),
        28_800..172_800 => format!("{h}h"),
        172_800..691_200 => two(d, "d", h % 24, "h"),
        691_200..63_072_000 => format!("{d}d"),
        63_072_000..252_288_000 => two(d / 365, "y", d % 365, "d"),
        _ => format!("{}y", d / 365),
    }
}

/// A `meta.k8s.io/v1` Table of the objects.
pub fn table(kind: Kind, objects: &[Arc<Object>], metadata: Value, now_ms: i64, include: &str) -> Value {
    let columns = columns::of(kind);
    let definitions: Vec<Value> = columns
        .iter()
        .map(|(name, ty, priority, _)| {
            let format = if *name == "Name" { "name" } else { "" };
            json!({"name": name, "type": ty, "format": format, "description": "", "priority": priority})
        })
        .collect();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let tree = object.tree();
            let cells: Vec<Value> = columns.iter().map(|(_, _, _, cell)| cell(&tree, now_ms)).collect();
            let shown = match include {
                "None" => Value::Null,
                "Object" => (*tree).clone(),
                _ => json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": tree["metadata"]}),
            };
            json!({"cells": cells, "object": shown})
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": definitions, "rows": rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_as_kubectl_prints_them() {
        let cases = [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (130, "2m10s"),
            (3_600, "60m"),
            (10_800, "3h"),
            (11_000, "3h3m"),
            (30_000, "8h"),
            (180_000, "2d2h"),
            (864_000, "10d"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human(seconds * 1000), text);
        }
    }
}
