//! The wire format of protobuf: varints and length-delimited pieces, bounded.

/// Why bytes are not protobuf.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum WireError {
    #[error("unexpected EOF")]
    Short,
    #[error("proto: integer overflow")]
    Overflow,
    #[error("proto: wrong wireType = {0}")]
    WireType(u64),
    #[error("proto: nested too deeply")]
    Deep,
    #[error("proto: invalid UTF-8")]
    Text,
}

/// One field as it stands on the wire.
#[derive(Debug, Clone, Copy)]
pub enum Raw<'a> {
    Number(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

/// Takes fields off the front of a message.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next field and its tag; none at the end.
    pub fn next(&mut self) -> Result<Option<(u32, Raw<'a>)>, WireError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let tag = u32::try_from(key >> 3).map_err(|_| WireError::Overflow)?;
        let raw = match key & 7 {
            0 => Raw::Number(self.varint()?),
            1 => Raw::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().map_err(|_| WireError::Short)?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| WireError::Overflow)?;
                Raw::Bytes(self.take(length)?)
            }
            5 => {
                let bytes: [u8; 4] = self.take(4)?.try_into().map_err(|_| WireError::Short)?;
                Raw::Number(u64::from(u32::from_le_bytes(bytes)))
            }
            other => return Err(WireError::WireType(other)),
        };
        Ok(Some((tag, raw)))
    }

    pub fn varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(WireError::Short)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError::Overflow)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(taken)
    }
}

pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

pub fn put_number(out: &mut Vec<u8>, tag: u32, value: u64) {
    put_varint(out, u64::from(tag) << 3);
    put_varint(out, value);
}

pub fn put_bytes(out: &mut Vec<u8>, tag: u32, bytes: &[u8]) {
    put_varint(out, u64::from(tag) << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
