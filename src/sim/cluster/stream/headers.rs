//! Header blocks of SPDY: name and value pairs, compressed as one stream over the whole
//! connection, with a dictionary that both sides know.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::spdy::Malformed;

pub type Headers = Vec<(String, String)>;

/// A few headers of a few bytes each are all that any client sends.
const BLOCK_BYTES: usize = 64 * 1024;
const PAIRS: u32 = 256;

/// The words of the dictionary (SPDY/3, 2.6.10.1), each with its length before it.
const WORDS: &str = "options head post put delete trace accept accept-charset accept-encoding accept-language \
    accept-ranges age allow authorization cache-control connection content-base content-encoding content-language \
    content-length content-location content-md5 content-range content-type date etag expect expires from host \
    if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma \
    proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade \
    user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie \
    keep-alive origin";
/// What follows them, without lengths.
const TAIL: &str = "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505\
    203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized\
    403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable\
    Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT\
    chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,\
    publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

fn dictionary() -> Vec<u8> {
    let mut out = Vec::new();
    for word in WORDS.split_whitespace() {
        out.extend_from_slice(&(word.len() as u32).to_be_bytes());
        out.extend_from_slice(word.replace('_', " ").as_bytes());
    }
    out.extend_from_slice(TAIL.as_bytes());
    out
}

/// What the client compresses.
pub struct Reader(Decompress);

impl Reader {
    pub fn new() -> Self {
        Self(Decompress::new(true))
    }

    /// Reads a block.
    ///
    /// # Errors
    /// When it is none, or unpacks to more than any client has reason to send.
    pub fn read(&mut self, block: &[u8]) -> Result<Headers, Malformed> {
        let mut out = Vec::with_capacity(4 * 1024);
        let mut at = 0;
        loop {
            let before = (self.0.total_in(), out.len());
            let step =
                self.0.decompress_vec(block.get(at..).unwrap_or_default(), &mut out, FlushDecompress::Sync);
            at += (self.0.total_in() - before.0) as usize;
            match step {
                Err(error) if error.needs_dictionary().is_some() => {
                    self.0.set_dictionary(&dictionary()).map_err(|_| Malformed)?;
                    continue;
                }
                Err(_) => return Err(Malformed),
                Ok(_) => {}
            }
            if out.len() > BLOCK_BYTES {
                return Err(Malformed);
            }
            if out.len() == out.capacity() {
                out.reserve(4 * 1024);
            } else if at >= block.len() {
                return parse(&out).ok_or(Malformed);
            } else if self.0.total_in() == before.0 && out.len() == before.1 {
                return Err(Malformed);
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Headers> {
    let mut rest = bytes;
    let number = |rest: &mut &[u8]| -> Option<u32> {
        let (four, after) = rest.split_at_checked(4)?;
        *rest = after;
        Some(u32::from_be_bytes(four.try_into().ok()?))
    };
    let count = number(&mut rest).filter(|n| *n <= PAIRS)?;
    let mut out = Vec::new();
    for _ in 0..count {
        let mut text = || -> Option<String> {
            let length = number(&mut rest)? as usize;
            let (text, after) = rest.split_at_checked(length)?;
            rest = after;
            Some(String::from_utf8_lossy(text).into_owned())
        };
        out.push((text()?.to_ascii_lowercase(), text()?));
    }
    Some(out)
}

/// What the client has to unpack.
pub struct Writer(Compress);

impl Writer {
    pub fn new() -> Result<Self, Malformed> {
        let mut compress = Compress::new(Compression::fast(), true);
        compress.set_dictionary(&dictionary()).map_err(|_| Malformed)?;
        Ok(Self(compress))
    }

    /// Writes a block.
    ///
    /// # Errors
    /// When the compressor fails, after which the connection is of no use.
    pub fn write(&mut self, headers: &[(String, String)]) -> Result<Vec<u8>, Malformed> {
        let mut plain = (headers.len() as u32).to_be_bytes().to_vec();
        for text in headers.iter().flat_map(|(k, v)| [k, v]) {
            plain.extend_from_slice(&(text.len() as u32).to_be_bytes());
            plain.extend_from_slice(text.as_bytes());
        }
        let mut out = Vec::with_capacity(plain.len() + 128);
        let start = self.0.total_in();
        loop {
            let at = (self.0.total_in() - start) as usize;
            let rest = plain.get(at..).unwrap_or_default();
            self.0.compress_vec(rest, &mut out, FlushCompress::Sync).map_err(|_| Malformed)?;
            if out.len() < out.capacity() {
                return Ok(out);
            }
            out.reserve(1_024);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_dictionary_is_the_one_that_everyone_has() {
        assert_eq!(dictionary().len(), 1423);
        // The checksum that zlib streams of SPDY/3 name.
        let mut decompress = Decompress::new(true);
        let packed = Writer::new().unwrap().write(&[]).unwrap();
        let error = decompress.decompress(&packed, &mut [0; 64], FlushDecompress::Sync).unwrap_err();
        assert_eq!(error.needs_dictionary(), Some(0xe3c6_a7c2));
    }

    #[test]
    fn blocks_there_and_back_over_one_connection() {
        let (mut writer, mut reader) = (Writer::new().unwrap(), Reader::new());
        for n in 0..50 {
            let headers =
                vec![("streamtype".to_owned(), "data".to_owned()), ("port".to_owned(), n.to_string())];
            let block = writer.write(&headers).unwrap();
            assert_eq!(reader.read(&block), Ok(headers));
        }
        let long = vec![("x".to_owned(), "y".repeat(20_000))];
        assert_eq!(reader.read(&writer.write(&long).unwrap()), Ok(long));
        let bomb = writer.write(&[("x".to_owned(), "y".repeat(1_000_000))]).unwrap();
        assert_eq!(reader.read(&bomb), Err(Malformed));
    }

    proptest! {
        #[test]
        fn hostile_blocks_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), plain: bool) {
            if plain {
                let _ = parse(&bytes);
            } else {
                let _ = Reader::new().read(&bytes);
            }
        }
    }
}
