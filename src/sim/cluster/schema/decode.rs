//! From protobuf to the JSON that the rest of the API server speaks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Number, Value};

use super::wire::{Raw, Reader, WireError};
use super::{Field, Message, Shape, Type, of_type};

/// Before `runtime.Unknown`, so that nobody takes it for anything else.
pub const MAGIC: &[u8; 4] = b"k8s\0";
/// No type of Kubernetes is nested as deeply.
const DEEPEST: usize = 32;

/// Reads an enveloped object.
///
/// # Errors
/// In the API server's words, to come after 'couldn't get version/kind' or the like.
pub fn object(body: &[u8]) -> Result<Value, String> {
    let unknown = body
        .strip_prefix(MAGIC)
        .ok_or("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")?;
    let mut reader = Reader(unknown);
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    while let Some((tag, field)) = reader.next().map_err(|e| e.to_string())? {
        match (tag, field) {
            (1, Raw::Bytes(meta)) => {
                let mut reader = Reader(meta);
                while let Some((tag, field)) = reader.next().map_err(|e| e.to_string())? {
                    match (tag, field) {
                        (1, Raw::Bytes(b)) => api_version = String::from_utf8_lossy(b).into_owned(),
                        (2, Raw::Bytes(b)) => kind = String::from_utf8_lossy(b).into_owned(),
                        _ => {}
                    }
                }
            }
            (2, Raw::Bytes(b)) => raw = b,
            _ => {}
        }
    }
    let ty = of_type(&api_version, &kind)
        .ok_or_else(|| format!("no kind \"{kind}\" is registered for version \"{api_version}\""))?;
    let mut map = Map::new();
    map.insert("apiVersion".to_owned(), api_version.into());
    map.insert("kind".to_owned(), kind.into());
    message(ty, raw, &mut map, 0).map_err(|e| e.to_string())?;
    Ok(Value::Object(map))
}

/// Reads a message into a map.
pub fn message(
    ty: &Message,
    bytes: &[u8],
    out: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), WireError> {
    if depth > DEEPEST {
        return Err(WireError::Deep);
    }
    let mut reader = Reader(bytes);
    while let Some((tag, raw)) = reader.next()? {
        let Some(field) = ty.fields.iter().find(|f| f.tag == tag) else { continue };
        if field.inline {
            if let (Some(inner), Raw::Bytes(bytes)) = (field.message(), raw) {
                message(inner, bytes, out, depth + 1)?;
            }
            continue;
        }
        match field.shape {
            Shape::One => {
                if let Some(value) = value(field.ty, raw, depth)?.filter(|v| !is_default(field, v)) {
                    out.insert(field.name.to_owned(), value);
                }
            }
            Shape::List => list(field, raw, out, depth)?,
            Shape::Map => {
                let Raw::Bytes(bytes) = raw else { return Err(WireError::WireType(0)) };
                let (key, value) = entry(field.ty, bytes, depth)?;
                let slot = out.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
                if let Some(map) = slot.as_object_mut() {
                    map.insert(key, value);
                }
            }
        }
    }
    Ok(())
}

/// What Go leaves out of JSON although it stands on the wire: zeros of plain fields.
fn is_default(field: &Field, value: &Value) -> bool {
    if field.required || field.pointer {
        return false;
    }
    match value {
        Value::String(text) => text.is_empty(),
        Value::Number(n) => n.as_i64() == Some(0),
        Value::Bool(flag) => !flag,
        _ => false,
    }
}

fn list(field: &Field, raw: Raw<'_>, out: &mut Map<String, Value>, depth: usize) -> Result<(), WireError> {
    let mut items = Vec::new();
    match (field.ty, raw) {
        // Packed.
        (Type::Int32 | Type::Int64 | Type::Bool, Raw::Bytes(bytes)) => {
            let mut reader = Reader(bytes);
            while !reader.0.is_empty() {
                items.extend(value(field.ty, Raw::Number(reader.varint()?), depth)?);
            }
        }
        _ => items.extend(value(field.ty, raw, depth)?),
    }
    let slot = out.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
    if let Some(list) = slot.as_array_mut() {
        list.extend(items);
    }
    Ok(())
}

fn entry(ty: Type, bytes: &[u8], depth: usize) -> Result<(String, Value), WireError> {
    let mut reader = Reader(bytes);
    let (mut key, mut held) = (String::new(), None);
    while let Some((tag, raw)) = reader.next()? {
        match (tag, raw) {
            (1, Raw::Bytes(b)) => key = text(b)?,
            (2, raw) => held = value(ty, raw, depth)?,
            _ => {}
        }
    }
    let empty = if ty == Type::Strings { Value::Array(Vec::new()) } else { Value::String(String::new()) };
    Ok((key, held.unwrap_or(empty)))
}

fn text(bytes: &[u8]) -> Result<String, WireError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| WireError::Text)
}

/// One value; none where nothing is meant (a time that is not set).
fn value(ty: Type, raw: Raw<'_>, depth: usize) -> Result<Option<Value>, WireError> {
    Ok(Some(match (ty, raw) {
        (Type::String, Raw::Bytes(b)) => text(b)?.into(),
        // Negative numbers take ten bytes, sign and all.
        (Type::Int32 | Type::Int64, Raw::Number(n)) => n.cast_signed().into(),
        (Type::Bool, Raw::Number(n)) => (n != 0).into(),
        (Type::Double, Raw::Fixed64(bits)) => {
            Number::from_f64(f64::from_bits(bits)).map_or(Value::Null, Value::Number)
        }
        (Type::Bytes, Raw::Bytes(b)) => STANDARD.encode(b).into(),
        (Type::Time | Type::MicroTime, Raw::Bytes(b)) => return time(ty, b),
        (Type::Quantity, Raw::Bytes(b)) => text(first(b)?)?.into(),
        (Type::IntOrString, Raw::Bytes(b)) => int_or_string(b)?,
        (Type::Raw | Type::Fields, Raw::Bytes(b)) => {
            let inner = first(b)?;
            // An envelope in an envelope is no JSON: nobody sends one but to go deeper and deeper.
            serde_json::from_slice(inner).unwrap_or_default()
        }
        (Type::Strings, Raw::Bytes(b)) => {
            let (mut reader, mut all) = (Reader(b), Vec::new());
            while let Some((tag, raw)) = reader.next()? {
                if let (1, Raw::Bytes(b)) = (tag, raw) {
                    all.push(Value::from(text(b)?));
                }
            }
            all.into()
        }
        (Type::Message(name), Raw::Bytes(b)) => {
            let mut inner = Map::new();
            if let Some(ty) = super::message(name) {
                message(ty, b, &mut inner, depth + 1)?;
            }
            inner.into()
        }
        (_, Raw::Number(_)) => return Err(WireError::WireType(0)),
        (_, Raw::Fixed64(_)) => return Err(WireError::WireType(1)),
        (_, Raw::Bytes(_)) => return Err(WireError::WireType(2)),
    }))
}

/// The first field of a message that has only that one.
fn first(bytes: &[u8]) -> Result<&[u8], WireError> {
    let mut reader = Reader(bytes);
    while let Some((tag, raw)) = reader.next()? {
        if let (1, Raw::Bytes(b)) = (tag, raw) {
            return Ok(b);
        }
    }
    Ok(&[])
}

fn time(ty: Type, bytes: &[u8]) -> Result<Option<Value>, WireError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (mut reader, mut seconds, mut nanos) = (Reader(bytes), 0_i64, 0_i32);
    while let Some((tag, raw)) = reader.next()? {
        match (tag, raw) {
            (1, Raw::Number(n)) => seconds = n.cast_signed(),
            (2, Raw::Number(n)) => nanos = i32::try_from(n).unwrap_or(0),
            _ => {}
        }
    }
    let at =
        Timestamp::new(seconds, if ty == Type::Time { 0 } else { nanos }).map_err(|_| WireError::Overflow)?;
    Ok(Some(if ty == Type::Time { at.to_string() } else { format!("{at:.6}") }.into()))
}

fn int_or_string(bytes: &[u8]) -> Result<Value, WireError> {
    let (mut reader, mut kind, mut number, mut words) = (Reader(bytes), 0, 0_i64, String::new());
    while let Some((tag, raw)) = reader.next()? {
        match (tag, raw) {
            (1, Raw::Number(n)) => kind = n,
            (2, Raw::Number(n)) => number = n.cast_signed(),
            (3, Raw::Bytes(b)) => words = text(b)?,
            _ => {}
        }
    }
    Ok(if kind == 1 { words.into() } else { number.into() })
}
