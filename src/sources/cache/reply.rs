//! An answer of a cache, in the few shapes that are asked for.

use redis::Value;

use super::error::CacheError;

/// What a cache answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Nil,
    Int(i64),
    /// A string or a status: any bytes, names of keys among them.
    Bytes(Vec<u8>),
    List(Vec<Reply>),
}

impl Reply {
    /// Lossy, for what is shown or parsed as text.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }

    /// A number; in a string, too.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.trim().parse().ok(),
            _ => None,
        }
    }

    /// The items of a list; of anything else none.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }
}

impl TryFrom<Value> for Reply {
    type Error = CacheError;

    fn try_from(value: Value) -> Result<Self, CacheError> {
        Ok(match value {
            Value::Nil => Self::Nil,
            Value::Int(n) => Self::Int(n),
            Value::Boolean(b) => Self::Int(i64::from(b)),
            Value::BulkString(bytes) => Self::Bytes(bytes),
            Value::SimpleString(text) => Self::Bytes(text.into_bytes()),
            Value::VerbatimString { text, .. } => Self::Bytes(text.into_bytes()),
            Value::Okay => Self::Bytes(b"OK".to_vec()),
            Value::Double(n) => Self::Bytes(n.to_string().into_bytes()),
            Value::Array(items) | Value::Set(items) => {
                Self::List(items.into_iter().map(Self::try_from).collect::<Result<_, _>>()?)
            }
            Value::Map(pairs) => Self::List(
                pairs.into_iter().flat_map(|(k, v)| [k, v]).map(Self::try_from).collect::<Result<_, _>>()?,
            ),
            Value::ServerError(error) => {
                let text = format!("{} {}", error.code(), error.details().unwrap_or_default());
                return Err(CacheError::refused(text.trim_end()));
            }
            other => {
                return Err(CacheError::Garbled(format!(
                    "an answer of a kind that was not asked for ({})",
                    kind(&other)
                )));
            }
        })
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Push { .. } => "a push",
        Value::Attribute { .. } => "an attribute",
        _ => "another",
    }
}
