//! Protobuf as the API server writes it: a third of JSON's bytes, and a quarter of its time.
//!
//! Objects are read through serde, by the schema of their message, into the very types that JSON is
//! read into. Slim prost messages were weighed against it: they would be a second set of types, and
//! could not tell a ReplicaSet's whole pod template, whose hash has to be the same in both
//! encodings. What a type does not name is passed over without being copied.

mod decode;
pub mod schema;
pub mod wire;

use serde::Deserialize;
use thiserror::Error;

use decode::Value;
use wire::{Field, Reader};

/// What is asked for; kinds without protobuf, and servers without it, answer JSON.
pub const ACCEPT: &str = "application/vnd.kubernetes.protobuf, application/json";

/// What the content type of protobuf begins with; a watch's goes on with `;stream=watch`.
pub const MEDIA: &str = "application/vnd.kubernetes.protobuf";

/// Every enveloped object begins so (k8s.io/apimachinery, runtime/serializer/protobuf).
pub const MAGIC: &[u8; 4] = b"k8s\0";

/// Why bytes can't be read; never with their text, which may be anything.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Malformed {
    #[error("it ends in the middle of a value")]
    Truncated,
    #[error("a number is longer than 64 bits")]
    Varint,
    #[error("a field's number or type can't be")]
    Tag,
    #[error("a value is not of its field's type")]
    Type,
    #[error("a value has not the shape that is expected")]
    Shape,
    #[error("a time is out of range")]
    Time,
    #[error("the JSON inside can't be read")]
    Json,
    #[error("it has no envelope")]
    Envelope,
    #[error("the message is not known")]
    Unknown,
}

/// Reads a message without envelope, as the items of lists are.
///
/// # Errors
/// When it is not such a message, or not what `T` expects.
pub fn message<'a, T: Deserialize<'a>>(name: &str, bytes: &'a [u8]) -> Result<T, Malformed> {
    let message = schema::get().message(name).ok_or(Malformed::Unknown)?;
    T::deserialize(Value::message(message, bytes))
}

/// Reads an enveloped object, as the events of watches hold it, and statuses are sent.
///
/// # Errors
/// As [`message`].
pub fn object<'a, T: Deserialize<'a>>(name: &str, bytes: &'a [u8]) -> Result<T, Malformed> {
    message(name, raw(bytes)?)
}

/// What is inside of an envelope: field 2 of `runtime.Unknown`.
fn raw(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let body = bytes.strip_prefix(MAGIC).ok_or(Malformed::Envelope)?;
    wire::bytes_of(body, 2)
}

/// An event of a watch (`meta.v1.WatchEvent`): its type, and its object still in its envelope.
///
/// # Errors
/// When it is no such message.
pub fn event(bytes: &[u8]) -> Result<(&str, &[u8]), Malformed> {
    let (mut kind, mut object) = ("", &[][..]);
    let mut reader = Reader::new(bytes);
    while let Some((tag, field)) = reader.read()? {
        match (tag, field) {
            (1, Field::Bytes(text)) => kind = std::str::from_utf8(text).map_err(|_| Malformed::Type)?,
            // A RawExtension.
            (2, Field::Bytes(inner)) => object = wire::bytes_of(inner, 1)?,
            _ => {}
        }
    }
    Ok((kind, object))
}
