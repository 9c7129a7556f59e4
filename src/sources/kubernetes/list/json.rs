//! A list in JSON, taken apart while it comes: the list's metadata, and its items one by one. What
//! an item is made of is left to serde_json; here only its end is found.

use super::{Broken, MAX_ITEM, Part};

/// Longer names of a list's own fields are none that is known.
const MAX_NAME: usize = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Place {
    /// Before the list's brace.
    #[default]
    Start,
    /// Before a name of the list's own fields, or its end.
    Name,
    /// Before the value of a field.
    Value(Which),
    /// Within the items' brackets, before one of them.
    Items,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Which {
    Metadata,
    Items,
    Other,
}

#[derive(Debug, Default)]
pub struct Splitter {
    place: Place,
    /// How far the value at the start of the rest was looked through.
    scan: Scan,
}

impl Splitter {
    /// As for protobuf: what was taken, and the part that ended with it.
    pub fn next<'a>(&mut self, rest: &'a [u8]) -> Result<(usize, Option<Part<'a>>), Broken> {
        let mut at = 0;
        loop {
            // Within a value there is nothing to pass over.
            if self.scan.seen == 0 {
                at += rest[at..].iter().take_while(|byte| is_between(**byte)).count();
            }
            let Some(first) = rest.get(at) else { return Ok((at, None)) };
            match (self.place, first) {
                (Place::Start, b'{') => (self.place, at) = (Place::Name, at + 1),
                (Place::Name, b'}') => (self.place, at) = (Place::End, at + 1),
                (Place::Name, b'"') => {
                    let Some(length) = self.scan.value(&rest[at..], MAX_NAME)? else { return Ok((at, None)) };
                    self.place = Place::Value(match &rest[at..at + length] {
                        b"\"metadata\"" => Which::Metadata,
                        b"\"items\"" => Which::Items,
                        _ => Which::Other,
                    });
                    at += length;
                }
                (Place::Value(Which::Items), b'[') => (self.place, at) = (Place::Items, at + 1),
                (Place::Items, b']') => (self.place, at) = (Place::Name, at + 1),
                (Place::Value(which), _) => {
                    let Some(length) = self.scan.value(&rest[at..], MAX_ITEM)? else { return Ok((at, None)) };
                    self.place = Place::Name;
                    let value = &rest[at..at + length];
                    at += length;
                    if which == Which::Metadata {
                        return Ok((at, Some(Part::Metadata(value))));
                    }
                }
                (Place::Items, _) => {
                    let Some(length) = self.scan.value(&rest[at..], MAX_ITEM)? else { return Ok((at, None)) };
                    return Ok((at + length, Some(Part::Item(&rest[at..at + length]))));
                }
                _ => return Err(Broken::Shape),
            }
        }
    }

    pub fn is_complete(&self) -> bool {
        self.place == Place::End
    }
}

/// Blanks and separators: where they may stand is serde_json's business within the values, and
/// nobody's between them.
fn is_between(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':')
}

/// Finds the end of one value, over as many pieces as it comes in.
#[derive(Debug, Default)]
struct Scan {
    seen: usize,
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl Scan {
    /// The length of the value at the start of `bytes`; None while its end is missing.
    fn value(&mut self, bytes: &[u8], most: usize) -> Result<Option<usize>, Broken> {
        let found = self.end(bytes);
        if found.unwrap_or(bytes.len()) > most {
            return Err(Broken::TooLarge);
        }
        match found {
            Some(0) => Err(Broken::Shape),
            Some(length) => {
                *self = Self::default();
                Ok(Some(length))
            }
            None => {
                self.seen = bytes.len();
                Ok(None)
            }
        }
    }

    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, byte) in bytes.iter().enumerate().skip(self.seen) {
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_text = false;
                        if self.depth == 0 {
                            return Some(index + 1);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                // The brace of what is around ends a bare number or word.
                b'}' | b']' if self.depth == 0 => return Some(index),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(index + 1);
                    }
                }
                _ if self.depth == 0 && is_between(*byte) => return Some(index),
                _ => {}
            }
        }
        None
    }
}
