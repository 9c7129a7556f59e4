//! A body as frames with their length before them (four bytes, the highest first): what watches in
//! protobuf are made of.

use std::time::Duration;

use kube::client::Body;

use super::list::MAX_ITEM;
use super::{api, trouble::Trouble};

/// What stands around an object in an event: its type, and a few lengths.
const AROUND: usize = 256;

const HEAD: usize = 4;

/// Splits a body at its frames. Dropping the future of [`Frames::next`] loses nothing.
pub struct Frames {
    body: Body,
    buffer: Vec<u8>,
    /// Where the unread part of the buffer begins.
    start: usize,
    ended: bool,
}

impl Frames {
    pub fn new(body: Body) -> Self {
        Self { body, buffer: Vec::new(), start: 0, ended: false }
    }

    /// The next frame; None at the end of the body. One that was cut off is an end like any other:
    /// the watch is taken up before it.
    ///
    /// # Errors
    /// When the connection breaks, nothing comes for `idle`, or a length can't be.
    pub async fn next(&mut self, idle: Duration) -> Result<Option<Vec<u8>>, Trouble> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            if self.ended {
                return Ok(None);
            }
            match api::piece(&mut self.body, idle).await? {
                Some(piece) => self.push(&piece),
                None => self.ended = true,
            }
        }
    }

    fn push(&mut self, piece: &[u8]) {
        self.compact();
        self.buffer.extend_from_slice(piece);
    }

    fn take(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        let rest = &self.buffer[self.start..];
        let Some((head, rest)) = rest.split_first_chunk::<HEAD>() else { return Ok(None) };
        let length = u32::from_be_bytes(*head) as usize;
        if length > MAX_ITEM + AROUND {
            return Err(Trouble::Garbled(format!(
                "an event of {length} bytes is announced, and none is longer than {MAX_ITEM}"
            )));
        }
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        let frame = frame.to_vec();
        self.start += HEAD + length;
        Ok(Some(frame))
    }

    fn compact(&mut self) {
        self.buffer.drain(..self.start);
        self.start = 0;
        // One large object must not hold its memory for the life of the watch.
        if self.buffer.capacity() > 1 << 20 && self.buffer.len() < 1 << 16 {
            self.buffer.shrink_to(1 << 16);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The frames of a body that comes in such pieces.
    fn all<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Vec<u8>>, Trouble> {
        let (mut frames, mut found) = (Frames::new(Body::empty()), Vec::new());
        for piece in pieces {
            frames.push(piece);
            while let Some(frame) = frames.take()? {
                found.push(frame);
            }
        }
        Ok(found)
    }

    fn framed(frame: &[u8]) -> Vec<u8> {
        [&(frame.len() as u32).to_be_bytes()[..], frame].concat()
    }

    #[test]
    fn a_cut_frame_is_an_end_and_an_endless_one_is_refused() {
        let cut = [framed(b"whole"), framed(b"cut off")[..8].to_vec()].concat();
        assert_eq!(all([&cut[..]]).unwrap(), [b"whole".to_vec()]);
        let endless = all([&[0xff; 64][..]]).unwrap_err();
        assert!(matches!(&endless, Trouble::Garbled(why) if why.contains("4294967295")), "{endless:?}");
    }

    #[test]
    fn frames_may_be_split_at_every_byte() {
        let (first, second) = (vec![7; 300], b"second".to_vec());
        let body = [framed(&first), framed(b""), framed(&second)].concat();
        for at in 0..=body.len() {
            let got = all([&body[..at], &body[at..]]).unwrap();
            assert_eq!(got, [first.clone(), Vec::new(), second.clone()], "{at}");
        }
    }

    proptest! {
        #[test]
        fn frames_are_those_that_were_sent(
            sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
            size in 1..9_usize,
        ) {
            let body = sent.iter().flat_map(|frame| framed(frame)).collect::<Vec<_>>();
            prop_assert_eq!(all(body.chunks(size)).unwrap(), sent);
        }
    }
}
