//! An object as it came, in either encoding: read into the same types.

use serde::Deserialize;
use thiserror::Error;

use super::api::Encoding;
use super::protobuf::{self, Malformed};

/// An object that was not read yet.
#[derive(Clone, Copy, Debug)]
pub enum Raw<'a> {
    Json(&'a [u8]),
    /// As the items of lists are.
    Bare(&'a [u8]),
    /// As the events of watches hold it.
    Enveloped(&'a [u8]),
}

/// Without the object's text, which may be anything.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Unreadable {
    #[error("it is not JSON of this kind ({0:?})")]
    Json(serde_json::error::Category),
    #[error(transparent)]
    Protobuf(#[from] Malformed),
}

impl<'a> Raw<'a> {
    /// An item of a list.
    pub fn item(encoding: Encoding, bytes: &'a [u8]) -> Self {
        match encoding {
            Encoding::Json => Self::Json(bytes),
            Encoding::Protobuf => Self::Bare(bytes),
        }
    }

    /// `message` is its type's name in the schema.
    ///
    /// # Errors
    /// When it is not of that type.
    pub fn read<T: Deserialize<'a>>(self, message: &str) -> Result<T, Unreadable> {
        Ok(match self {
            Self::Json(bytes) => {
                serde_json::from_slice(bytes).map_err(|error| Unreadable::Json(error.classify()))?
            }
            Self::Bare(bytes) => protobuf::message(message, bytes)?,
            Self::Enveloped(bytes) => protobuf::object(message, bytes)?,
        })
    }
}
