//! The wire format itself: keys, numbers and lengths, none of them believed.
//! <https://protobuf.dev/programming-guides/encoding/>

use super::Malformed;

/// A field's value as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// Goes through the fields of one message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field; None at the end.
    pub fn read(&mut self) -> Result<Option<(u32, Field<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (tag, kind) = key(self.varint()?)?;
        let field = match kind {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Truncated)?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.array()?)),
            // 3 and 4 were groups, which Kubernetes has none of.
            _ => return Err(Malformed::Tag),
        };
        Ok(Some((tag, field)))
    }

    /// The next field if it has this tag; else nothing is taken.
    pub fn next_if(&mut self, tag: u32) -> Result<Option<Field<'a>>, Malformed> {
        let before = *self;
        match self.read()? {
            Some((found, field)) if found == tag => Ok(Some(field)),
            _ => {
                *self = before;
                Ok(None)
            }
        }
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let (value, length) = varint(self.rest)?.ok_or(Malformed::Truncated)?;
        self.rest = &self.rest[length..];
        Ok(value)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed::Truncated)
    }
}

/// A number at the start of `bytes`, and how long it is; None while its end is missing.
pub fn varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, Malformed> {
    let mut value = 0_u64;
    // Ten times seven bits hold 64.
    for (index, byte) in bytes.iter().take(10).enumerate() {
        if index == 9 && *byte > 1 {
            return Err(Malformed::Varint);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() >= 10 { Err(Malformed::Varint) } else { Ok(None) }
}

/// Field number and wire type.
pub fn key(key: u64) -> Result<(u32, u8), Malformed> {
    let tag = u32::try_from(key >> 3).map_err(|_| Malformed::Tag)?;
    if tag == 0 { Err(Malformed::Tag) } else { Ok((tag, (key & 7) as u8)) }
}

/// The bytes of the last field with this tag; empty without one.
pub fn bytes_of(message: &[u8], tag: u32) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(message);
    let mut found = &[][..];
    while let Some((at, field)) = reader.read()? {
        if let (true, Field::Bytes(bytes)) = (at == tag, field) {
            found = bytes;
        }
    }
    Ok(found)
}
