//! A list in protobuf, taken apart while it comes: `k8s\0`, then `runtime.Unknown` around the list's
//! metadata (field 1) and its items (field 2).

use super::{Broken, MAX_ITEM, Part};
use crate::sources::kubernetes::protobuf::{MAGIC, wire};

/// `runtime.Unknown.raw`.
const RAW: u32 = 2;
/// A list's own fields.
const METADATA: u32 = 1;
const ITEMS: u32 = 2;

/// Metadata is a version, a token and a number.
const MAX_METADATA: u64 = 1 << 16;

#[derive(Debug, Default)]
pub struct Splitter {
    enveloped: bool,
    /// What is left of the list inside of the envelope; None outside of it.
    inside: Option<u64>,
    /// The list has ended; what may still come is the envelope's.
    listed: bool,
    /// What is left of a field that nobody wants.
    skip: u64,
}

/// A field's number, its wire type, and what its payload is.
struct Head {
    tag: u32,
    kind: u8,
    /// Of the key, and of the number or the length after it.
    length: usize,
    /// The length of what follows, or the number itself.
    value: u64,
}

impl Splitter {
    /// The next part of `rest`, and how many bytes it and what stood before it took; None: more is
    /// needed, though so many bytes are done with.
    pub fn next<'a>(&mut self, rest: &'a [u8]) -> Result<(usize, Option<Part<'a>>), Broken> {
        let mut at = 0;
        loop {
            let here = &rest[at..];
            if self.skip > 0 {
                let step = here.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
                (at, self.skip) = (at + step, self.skip - step as u64);
                if self.skip > 0 {
                    return Ok((at, None));
                }
                continue;
            }
            if !self.enveloped {
                let Some(magic) = here.get(..MAGIC.len()) else { return Ok((at, None)) };
                if magic != MAGIC {
                    return Err(Broken::Shape);
                }
                (at, self.enveloped) = (at + MAGIC.len(), true);
                continue;
            }
            if self.inside == Some(0) {
                (self.inside, self.listed) = (None, true);
                continue;
            }
            let Some(head) = head(here)? else { return Ok((at, None)) };
            if self.inside.is_none() {
                at += head.length;
                match (head.tag, head.kind) {
                    (RAW, 2) => self.inside = Some(head.value),
                    (_, 2) => self.skip = head.value,
                    _ => {}
                }
                continue;
            }
            let wanted = head.kind == 2 && matches!(head.tag, METADATA | ITEMS);
            if wanted && !here_is_whole(here, &head)? {
                return Ok((at, None));
            }
            self.consume(&head)?;
            at += head.length;
            if !wanted {
                self.skip = if head.kind == 2 { head.value } else { 0 };
                continue;
            }
            let end = at + head.value as usize;
            let payload = &rest[at..end];
            let part = if head.tag == METADATA { Part::Metadata(payload) } else { Part::Item(payload) };
            return Ok((end, Some(part)));
        }
    }

    pub fn is_complete(&self) -> bool {
        self.skip == 0 && self.inside.map_or(self.listed, |left| left == 0)
    }

    /// Takes a field from what the envelope has announced.
    fn consume(&mut self, head: &Head) -> Result<(), Broken> {
        let payload = if head.kind == 2 { head.value } else { 0 };
        let size = payload.checked_add(head.length as u64).ok_or(Broken::Length)?;
        self.inside = Some(self.inside.unwrap_or(0).checked_sub(size).ok_or(Broken::Length)?);
        Ok(())
    }
}

/// Whether the payload is here; one that is too large never will be.
fn here_is_whole(here: &[u8], head: &Head) -> Result<bool, Broken> {
    let most = if head.tag == METADATA { MAX_METADATA } else { MAX_ITEM as u64 };
    if head.value > most {
        return Err(Broken::TooLarge);
    }
    Ok((here.len() - head.length) as u64 >= head.value)
}

/// A key with the number or length after it; None while its end is missing.
fn head(here: &[u8]) -> Result<Option<Head>, Broken> {
    let malformed = |_| Broken::Shape;
    let Some((key, key_length)) = wire::varint(here).map_err(malformed)? else { return Ok(None) };
    let (tag, kind) = wire::key(key).map_err(malformed)?;
    // Kubernetes' lists and envelopes hold nothing but numbers and lengths.
    if !matches!(kind, 0 | 2) {
        return Err(Broken::Shape);
    }
    let Some((value, length)) = wire::varint(&here[key_length..]).map_err(malformed)? else {
        return Ok(None);
    };
    Ok(Some(Head { tag, kind, length: key_length + length, value }))
}
