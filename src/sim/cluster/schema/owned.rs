//! Which fields an object has, and whose they are: sets of paths as `structured-merge-diff`
//! keeps them, and the `FieldsV1` that shows them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Field, Merge, Message, Shape};

/// A step into an object, as `FieldsV1` writes it: `f:spec`, `k:{"name":"api"}`, `v:"x"`.
pub type Step = String;
pub type Path = Vec<Step>;
pub type Paths = BTreeSet<Path>;

/// Fields of metadata that nobody owns (`stripMeta` of the field manager).
const NOBODYS: [&str; 11] = [
    "name",
    "namespace",
    "uid",
    "selfLink",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "generateName",
];

/// The paths of everything that `tree` says, without type, identity and status.
pub fn paths(ty: &'static Message, tree: &Value) -> Paths {
    let mut out = Paths::new();
    let Some(map) = tree.as_object() else { return out };
    let counts = |name: &str| !matches!(name, "apiVersion" | "kind" | "status");
    for (name, value) in map.iter().filter(|(name, _)| counts(name)) {
        let mut bare = value.clone();
        if name == "metadata"
            && let Some(metadata) = bare.as_object_mut()
        {
            metadata.retain(|k, _| !NOBODYS.contains(&k.as_str()));
            if metadata.is_empty() {
                continue;
            }
        }
        if let Some(field) = ty.field(name) {
            walk(field, &bare, &mut vec![format!("f:{name}")], &mut out);
        }
    }
    out
}

fn walk(field: &'static Field, value: &Value, at: &mut Path, out: &mut Paths) {
    if field.merge == Some(Merge::Atomic) || is_empty(value) {
        out.insert(at.clone());
        return;
    }
    match (field.shape, value) {
        (Shape::One, Value::Object(map)) => match field.message() {
            Some(ty) => fields(ty, map, at, out),
            None => drop(out.insert(at.clone())),
        },
        (Shape::Map, Value::Object(map)) => {
            for key in map.keys() {
                at.push(format!("f:{key}"));
                out.insert(at.clone());
                at.pop();
            }
        }
        (Shape::List, Value::Array(items)) => match (&field.merge, field.message()) {
            (Some(Merge::Map(keys)), Some(ty)) => {
                for item in items {
                    at.push(key_of(keys, item));
                    // The element itself, beside what it holds.
                    out.insert(at.clone());
                    if let Some(map) = item.as_object() {
                        fields(ty, map, at, out);
                    }
                    at.pop();
                }
            }
            (Some(Merge::Set), _) => {
                for item in items {
                    at.push(format!("v:{item}"));
                    out.insert(at.clone());
                    at.pop();
                }
            }
            _ => drop(out.insert(at.clone())),
        },
        _ => drop(out.insert(at.clone())),
    }
}

fn fields(ty: &'static Message, map: &Map<String, Value>, at: &mut Path, out: &mut Paths) {
    for (name, value) in map {
        if let Some(field) = ty.field(name) {
            at.push(format!("f:{name}"));
            walk(field, value, at, out);
            at.pop();
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// `k:{"containerPort":8080,"protocol":"TCP"}`; what is left out is as the API's default has it.
pub fn key_of(keys: &[&'static str], item: &Value) -> Step {
    let map: Map<String, Value> = keys
        .iter()
        .filter_map(|k| {
            let value = match item.get(*k) {
                Some(value) => value.clone(),
                None if *k == "protocol" => "TCP".into(),
                None => return None,
            };
            Some(((*k).to_owned(), value))
        })
        .collect();
    format!("k:{}", Value::Object(map))
}

/// What stands at a path.
pub fn get<'a>(ty: &'static Message, tree: &'a Value, path: &[Step]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let name = first.strip_prefix("f:")?;
    let (field, value) = (ty.field(name)?, tree.get(name)?);
    within(field, value, rest)
}

fn within<'a>(field: &'static Field, value: &'a Value, path: &[Step]) -> Option<&'a Value> {
    let Some((step, rest)) = path.split_first() else { return Some(value) };
    match (step.split_once(':')?, field.shape) {
        (("f", key), Shape::Map) => value.get(key),
        (("f", _), Shape::One) => get(field.message()?, value, path),
        (("k", _), Shape::List) => {
            let Some(Merge::Map(keys)) = &field.merge else { return None };
            let item = value.as_array()?.iter().find(|i| key_of(keys, i) == *step)?;
            if rest.is_empty() { Some(item) } else { get(field.message()?, item, rest) }
        }
        (("v", text), Shape::List) => {
            let wanted: Value = serde_json::from_str(text).ok()?;
            value.as_array()?.iter().find(|i| **i == wanted)
        }
        _ => None,
    }
}

/// Takes what stands at a path away.
pub fn remove(ty: &'static Message, tree: &mut Value, path: &[Step]) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some(name) = first.strip_prefix("f:") else { return };
    let (Some(field), Some(map)) = (ty.field(name), tree.as_object_mut()) else { return };
    if rest.is_empty() {
        map.remove(name);
        return;
    }
    let Some(value) = map.get_mut(name) else { return };
    match (rest[0].split_once(':'), field.shape) {
        (Some(("f", key)), Shape::Map) => drop(value.as_object_mut().and_then(|m| m.remove(key))),
        (Some(("f", _)), Shape::One) => {
            if let Some(ty) = field.message() {
                remove(ty, value, rest);
            }
        }
        (Some(("k", _)), Shape::List) => {
            let (Some(Merge::Map(keys)), Some(items)) = (&field.merge, value.as_array_mut()) else { return };
            let Some(at) = items.iter().position(|i| key_of(keys, i) == rest[0]) else { return };
            match (rest.len(), field.message()) {
                (1, _) => drop(items.remove(at)),
                (_, Some(ty)) => remove(ty, &mut items[at], &rest[1..]),
                _ => {}
            }
        }
        (Some(("v", text)), Shape::List) => {
            let gone: Value = serde_json::from_str(text).unwrap_or_default();
            if let Some(items) = value.as_array_mut() {
                items.retain(|i| *i != gone);
            }
        }
        _ => {}
    }
    if is_empty(value) {
        map.remove(name);
    }
}

/// As `managedFields` shows the paths.
pub fn to_fields(paths: &Paths) -> Value {
    let mut root = Value::Object(Map::new());
    for path in paths {
        let mut at = &mut root;
        for step in path {
            at = &mut at[step.as_str()];
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
        }
        if path.last().is_some_and(|step| step.starts_with("k:")) {
            at["."] = Value::Object(Map::new());
        }
    }
    root
}

/// The paths that `managedFields` shows.
pub fn from_fields(fields: &Value) -> Paths {
    fn walk(value: &Value, at: &mut Path, out: &mut Paths) {
        let Some(map) = value.as_object() else { return };
        if map.is_empty() || map.contains_key(".") {
            out.insert(at.clone());
        }
        for (step, inner) in map.iter().filter(|(step, _)| *step != ".") {
            at.push(step.clone());
            walk(inner, at, out);
            at.pop();
        }
    }
    let mut out = Paths::new();
    walk(fields, &mut Path::new(), &mut out);
    out.remove(&Path::new());
    out
}

/// `.spec.template.spec.containers[name="api"].image`, as conflicts name it.
pub fn words(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match step.split_once(':') {
            Some(("f", name)) => out += &format!(".{name}"),
            Some(("k", keys)) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let keys: Vec<String> = keys.iter().map(|(k, v)| format!("{k}={v}")).collect();
                out += &format!("[{}]", keys.join(","));
            }
            Some((_, value)) => out += &format!("[={value}]"),
            None => {}
        }
    }
    out
}
