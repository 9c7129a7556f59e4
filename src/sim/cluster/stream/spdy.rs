//! Frames of SPDY/3.1, as far as Kubernetes uses it: many streams over one connection.
//!
//! Flow control is left to TCP, as it is by the library that all its clients use.

use axum::body::Bytes;

/// `FLAG_FIN`: the sender has nothing more to say on this stream.
const FIN: u8 = 1;
const VERSION: u16 = 3;
/// Clients send pieces of 32 KiB, and headers of a few hundred bytes.
const DATA_BYTES: usize = 1024 * 1024;
const CONTROL_BYTES: usize = 64 * 1024;

/// `REFUSED_STREAM`.
pub const REFUSED: u32 = 3;

/// One frame; header blocks are still compressed.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    Open {
        id: u32,
        fin: bool,
        block: Bytes,
    },
    Reply {
        id: u32,
        block: Bytes,
    },
    Data {
        id: u32,
        fin: bool,
        bytes: Bytes,
    },
    Reset {
        id: u32,
        status: u32,
    },
    Headers {
        id: u32,
        fin: bool,
        block: Bytes,
    },
    Ping(u32),
    GoAway {
        last: u32,
    },
    /// Settings, window updates, and what nobody knows.
    Other,
}

/// What came is no frame; nothing after it can be read.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("what came is no SPDY/3.1 frame")]
pub struct Malformed;

/// The first eight bytes of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Head([u8; 8]);

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(four))
}

impl Head {
    pub const BYTES: usize = 8;

    pub fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    fn is_control(self) -> bool {
        self.0[0] & 0x80 != 0
    }

    /// How much follows.
    ///
    /// # Errors
    /// When it is more than any client has reason to send.
    pub fn length(self) -> Result<usize, Malformed> {
        let length = u32::from_be_bytes([0, self.0[5], self.0[6], self.0[7]]) as usize;
        let most = if self.is_control() { CONTROL_BYTES } else { DATA_BYTES };
        if length > most { Err(Malformed) } else { Ok(length) }
    }

    /// The frame with what followed.
    ///
    /// # Errors
    /// When the two do not belong together.
    pub fn frame(self, body: Bytes) -> Result<Frame, Malformed> {
        let word = u32::from_be_bytes([self.0[0], self.0[1], self.0[2], self.0[3]]);
        let fin = self.0[4] & FIN != 0;
        if !self.is_control() {
            return Ok(Frame::Data { id: word, fin, bytes: body });
        }
        if (word >> 16) & 0x7fff != u32::from(VERSION) {
            return Err(Malformed);
        }
        let at = |i| number(&body, i).map(|n| n & 0x7fff_ffff).ok_or(Malformed);
        let rest = |from: usize| if body.len() < from { Err(Malformed) } else { Ok(body.slice(from..)) };
        Ok(match word & 0xffff {
            1 => Frame::Open { id: at(0)?, fin, block: rest(10)? },
            2 => Frame::Reply { id: at(0)?, block: rest(4)? },
            3 => Frame::Reset { id: at(0)?, status: number(&body, 4).ok_or(Malformed)? },
            6 => Frame::Ping(number(&body, 0).ok_or(Malformed)?),
            7 => Frame::GoAway { last: at(0)? },
            8 => Frame::Headers { id: at(0)?, fin, block: rest(4)? },
            _ => Frame::Other,
        })
    }
}

fn control(kind: u16, fin: bool, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|p| p.len()).sum();
    let mut out = Vec::with_capacity(8 + length);
    out.extend_from_slice(&(VERSION | 0x8000).to_be_bytes());
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&(u32::from(fin) << 24 | length as u32).to_be_bytes());
    parts.iter().for_each(|p| out.extend_from_slice(p));
    out
}

impl Frame {
    /// The frame as it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let four = |n: &u32| n.to_be_bytes();
        match self {
            Self::Open { id, fin, block } => control(1, *fin, &[&four(id), &[0; 6], block]),
            Self::Reply { id, block } => control(2, false, &[&four(id), block]),
            Self::Data { id, fin, bytes } => {
                let mut out = Vec::with_capacity(8 + bytes.len());
                out.extend_from_slice(&four(id));
                out.extend_from_slice(&(u32::from(*fin) << 24 | bytes.len() as u32).to_be_bytes());
                out.extend_from_slice(bytes);
                out
            }
            Self::Reset { id, status } => control(3, false, &[&four(id), &four(status)]),
            Self::Headers { id, fin, block } => control(8, *fin, &[&four(id), block]),
            Self::Ping(id) => control(6, false, &[&four(id)]),
            Self::GoAway { last } => control(7, false, &[&four(last), &[0; 4]]),
            Self::Other => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Frame, Malformed> {
        let head = Head::new(bytes.get(..8).ok_or(Malformed)?.try_into().unwrap());
        let length = head.length()?;
        head.frame(Bytes::copy_from_slice(bytes.get(8..8 + length).ok_or(Malformed)?))
    }

    #[test]
    fn frames_there_and_back() {
        let block = Bytes::from_static(b"xyz");
        for frame in [
            Frame::Open { id: 1, fin: false, block: block.clone() },
            Frame::Reply { id: 3, block: block.clone() },
            Frame::Data { id: 5, fin: true, bytes: block.clone() },
            Frame::Reset { id: 5, status: REFUSED },
            Frame::Headers { id: 7, fin: true, block },
            Frame::Ping(9),
            Frame::GoAway { last: 11 },
        ] {
            assert_eq!(read(&frame.bytes()), Ok(frame));
        }
        // A SETTINGS frame without entries, and one of SPDY/2.
        assert_eq!(read(&[0x80, 3, 0, 4, 0, 0, 0, 4, 0, 0, 0, 0]), Ok(Frame::Other));
        assert_eq!(read(&[0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1]), Err(Malformed));
        assert_eq!(read(&[0, 0, 0, 1, 0, 0xff, 0xff, 0xff]), Err(Malformed));
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_a_frame_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Frame::Data { bytes: data, .. }) = read(&bytes) {
                prop_assert!(data.len() <= bytes.len());
            }
        }
    }
}
