//! From JSON to protobuf, for clients that ask for it.

use std::borrow::Borrow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::kinds::KindInfo;
use super::super::object::Object;
use super::decode::MAGIC;
use super::wire::{put_bytes, put_number, put_varint};
use super::{Field, Message, Shape, Type, of_type};

/// The content type of enveloped objects.
pub const MEDIA: &str = "application/vnd.kubernetes.protobuf";

/// An object, or a list of them, in its envelope; none when its type has no protobuf.
pub fn object(tree: &Value) -> Option<Vec<u8>> {
    let (api_version, kind) = (tree["apiVersion"].as_str()?, tree["kind"].as_str()?);
    let Some(ty) = of_type(api_version, kind) else {
        let ty = of_type(api_version, kind.strip_suffix("List")?)?;
        let items = tree["items"].as_array()?.iter();
        return many(ty, api_version, kind, &tree["metadata"], items);
    };
    let mut body = Vec::new();
    message(ty, tree.as_object()?, &mut body);
    Some(enveloped(api_version, kind, &body))
}

/// A list of stored objects, as [`object`] has it, without a tree of the whole.
pub fn list(info: &KindInfo, metadata: &Value, objects: &[Arc<Object>]) -> Option<Vec<u8>> {
    let (ty, kind) = (super::of(info)?, format!("{}List", info.kind));
    many(ty, &info.api_version(), &kind, metadata, objects.iter().map(|object| object.tree()))
}

fn many(
    ty: &Message,
    api_version: &str,
    kind: &str,
    metadata: &Value,
    items: impl Iterator<Item = impl Borrow<Value>>,
) -> Option<Vec<u8>> {
    let (mut body, mut inner) = (Vec::new(), Vec::new());
    message(of_type("v1", "ListMeta")?, metadata.as_object()?, &mut inner);
    put_bytes(&mut body, 1, &inner);
    for item in items {
        inner.clear();
        message(ty, item.borrow().as_object()?, &mut inner);
        put_bytes(&mut body, 2, &inner);
    }
    Some(enveloped(api_version, kind, &body))
}

fn enveloped(api_version: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut meta = Vec::new();
    put_bytes(&mut meta, 1, api_version.as_bytes());
    put_bytes(&mut meta, 2, kind.as_bytes());
    let mut out = MAGIC.to_vec();
    put_bytes(&mut out, 1, &meta);
    put_bytes(&mut out, 2, body);
    put_bytes(&mut out, 3, &[]);
    put_bytes(&mut out, 4, &[]);
    out
}

/// One event of a watch, with the length before it (`application/vnd.kubernetes.protobuf;stream=watch`).
pub fn event(kind: &str, tree: &Value) -> Option<Vec<u8>> {
    let mut extension = Vec::new();
    put_bytes(&mut extension, 1, &object(tree)?);
    let mut inner = Vec::new();
    put_bytes(&mut inner, 1, kind.as_bytes());
    put_bytes(&mut inner, 2, &extension);
    let mut out = u32::try_from(inner.len()).ok()?.to_be_bytes().to_vec();
    out.extend(inner);
    Some(out)
}

/// Writes what the type knows of a map; what is of another type than it should be is left out.
pub fn message(ty: &Message, map: &Map<String, Value>, out: &mut Vec<u8>) {
    for field in &ty.fields {
        if field.inline {
            let mut inner = Vec::new();
            if let Some(ty) = field.message() {
                message(ty, map, &mut inner);
            }
            if !inner.is_empty() {
                put_bytes(out, field.tag, &inner);
            }
            continue;
        }
        let Some(value) = map.get(field.name).filter(|v| !v.is_null()) else { continue };
        match (field.shape, value) {
            (Shape::One, value) => put(field.ty, field.tag, value, out),
            (Shape::List, Value::Array(items)) => items.iter().for_each(|i| put(field.ty, field.tag, i, out)),
            (Shape::Map, Value::Object(entries)) => put_map(field, entries, out),
            _ => {}
        }
    }
}

fn put_map(field: &Field, entries: &Map<String, Value>, out: &mut Vec<u8>) {
    for (key, value) in entries {
        let mut entry = Vec::new();
        put_bytes(&mut entry, 1, key.as_bytes());
        put(field.ty, 2, value, &mut entry);
        put_bytes(out, field.tag, &entry);
    }
}

fn put(ty: Type, tag: u32, value: &Value, out: &mut Vec<u8>) {
    let mut inner = Vec::new();
    match (ty, value) {
        (Type::String, Value::String(text)) => return put_bytes(out, tag, text.as_bytes()),
        (Type::Int32 | Type::Int64, Value::Number(n)) => {
            if let Some(n) = n.as_i64() {
                put_number(out, tag, n.cast_unsigned());
            }
            return;
        }
        (Type::Bool, Value::Bool(flag)) => return put_number(out, tag, u64::from(*flag)),
        (Type::Double, Value::Number(n)) => {
            put_varint(out, u64::from(tag) << 3 | 1);
            return out.extend(n.as_f64().unwrap_or(0.0).to_le_bytes());
        }
        (Type::Bytes, Value::String(text)) => {
            return put_bytes(out, tag, &STANDARD.decode(text).unwrap_or_default());
        }
        (Type::Time | Type::MicroTime, Value::String(text)) => {
            let Ok(at) = text.parse::<Timestamp>() else { return };
            put_number(&mut inner, 1, at.as_second().cast_unsigned());
            let nanos = if ty == Type::Time { 0 } else { at.subsec_nanosecond() };
            put_number(&mut inner, 2, u64::from(nanos.unsigned_abs()));
        }
        (Type::Quantity, Value::String(text)) => put_bytes(&mut inner, 1, text.as_bytes()),
        (Type::Quantity, Value::Number(n)) => put_bytes(&mut inner, 1, n.to_string().as_bytes()),
        (Type::IntOrString, Value::String(text)) => {
            put_number(&mut inner, 1, 1);
            put_number(&mut inner, 2, 0);
            put_bytes(&mut inner, 3, text.as_bytes());
        }
        (Type::IntOrString, Value::Number(n)) => {
            put_number(&mut inner, 1, 0);
            put_number(&mut inner, 2, n.as_i64().unwrap_or(0).cast_unsigned());
            put_bytes(&mut inner, 3, &[]);
        }
        (Type::Raw | Type::Fields, value) => put_bytes(&mut inner, 1, value.to_string().as_bytes()),
        (Type::Strings, Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).for_each(|i| put_bytes(&mut inner, 1, i.as_bytes()));
        }
        (Type::Message(name), Value::Object(map)) => {
            if let Some(ty) = super::message(name) {
                message(ty, map, &mut inner);
            }
        }
        _ => return,
    }
    put_bytes(out, tag, &inner);
}
