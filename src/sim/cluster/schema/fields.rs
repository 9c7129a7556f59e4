//! Field validation: what a client sends that the type does not know, and what is of another
//! type than it should be, in the words of the API server's strict decoder.

use serde_json::Value;

use super::{Field, Message, Shape, Type};

/// What is wrong with an object.
#[derive(Debug, Default, PartialEq)]
pub struct Found {
    /// `spec.replica`, `spec.template.spec.containers[0].imge`.
    pub unknown: Vec<String>,
    /// As Go's decoder says it; the first one.
    pub wrong: Option<String>,
}

/// No object has as many fields that nobody knows; what is sent more of is not listed.
const MOST: usize = 50;

/// Looks an object through, and takes away what its type does not know.
pub fn check(ty: &'static Message, tree: &mut Value) -> Found {
    let mut found = Found::default();
    walk(ty, tree, "", true, &mut found);
    found
}

fn walk(ty: &'static Message, tree: &mut Value, path: &str, top: bool, found: &mut Found) {
    let Some(map) = tree.as_object_mut() else { return };
    map.retain(|name, _| {
        let known = ty.field(name).is_some() || top && matches!(name.as_str(), "apiVersion" | "kind");
        if !known && found.unknown.len() < MOST {
            found.unknown.push(join(path, name));
        }
        known
    });
    for (name, value) in map.iter_mut().filter(|(_, v)| !v.is_null()) {
        let Some(field) = ty.field(name) else { continue };
        let path = join(path, name);
        match (field.shape, value) {
            (Shape::One, value) => one(ty, field, value, &path, found),
            (Shape::List, Value::Array(items)) => {
                for (i, item) in items.iter_mut().enumerate() {
                    one(ty, field, item, &format!("{path}[{i}]"), found);
                }
            }
            (Shape::Map, Value::Object(entries)) => {
                for (key, item) in entries.iter_mut() {
                    one(ty, field, item, &join(&path, key), found);
                }
            }
            (Shape::List, other) => wrong(ty, other, &path, &format!("[]{}", go(field.ty)), found),
            (Shape::Map, other) => wrong(ty, other, &path, &format!("map[string]{}", go(field.ty)), found),
        }
    }
}

fn one(ty: &'static Message, field: &'static Field, value: &mut Value, path: &str, found: &mut Found) {
    let fits = match field.ty {
        Type::String | Type::Bytes | Type::Time | Type::MicroTime => value.is_string() || value.is_null(),
        Type::Int32 => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        Type::Int64 => value.is_i64() || value.is_u64(),
        Type::Bool => value.is_boolean(),
        Type::Double => value.is_number(),
        Type::Quantity | Type::IntOrString => value.is_string() || value.is_number(),
        Type::Raw | Type::Fields | Type::Strings => true,
        Type::Message(_) => value.is_object(),
    };
    if !fits && !value.is_null() {
        return wrong(ty, value, path, go(field.ty), found);
    }
    if let Some(inner) = field.message() {
        walk(inner, value, path, false, found);
    }
}

fn wrong(ty: &Message, value: &Value, path: &str, wanted: &str, found: &mut Found) {
    let is = match value {
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
        Value::Array(_) => "array",
        _ => "object",
    };
    let owner = ty.name.rsplit('.').next().unwrap_or_default();
    // Go names no place in a list.
    let plain: String = path.split('[').map(|p| p.split_once(']').map_or(p, |(_, rest)| rest)).collect();
    found.wrong.get_or_insert_with(|| {
        format!("json: cannot unmarshal {is} into Go struct field {owner}.{plain} of type {wanted}")
    });
}

/// The name of a type in Go.
fn go(ty: Type) -> &'static str {
    match ty {
        Type::String => "string",
        Type::Int32 => "int32",
        Type::Int64 => "int64",
        Type::Bool => "bool",
        Type::Double => "float64",
        Type::Bytes => "[]uint8",
        Type::Quantity => "resource.Quantity",
        Type::Time => "v1.Time",
        Type::MicroTime => "v1.MicroTime",
        Type::IntOrString => "intstr.IntOrString",
        Type::Raw => "runtime.RawExtension",
        Type::Fields => "v1.FieldsV1",
        Type::Strings => "[]string",
        Type::Message(name) => name.rsplit_once('.').map_or(name, |(_, short)| short),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
