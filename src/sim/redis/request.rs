//! Requests as clients send them: arrays of bulk strings, and lines typed by hand. What is
//! too large or malformed gets Redis' own error and the end of the connection.

use super::inline::split;

/// A client that is not known yet may send no more than this (`networking.c`).
const UNKNOWN_ITEMS: i64 = 10;
const UNKNOWN_BULK_BYTES: i64 = 16_384;
/// Redis takes 1,048,576 items of 512 MiB; the simulation has nothing to do with so much.
const ITEMS: i64 = 1_048_576;
const BULK_BYTES: i64 = 4 * 1024 * 1024;
/// All of one request, and what each item costs beside its bytes.
const REQUEST_BYTES: usize = 16 * 1024 * 1024;
const ITEM_BYTES: usize = 32;
/// `PROTO_INLINE_MAX_SIZE`.
const LINE_BYTES: usize = 64 * 1024;

pub type Args = Vec<Vec<u8>>;

/// Why the connection has to end, as Redis words it.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken(pub String);

fn broken(text: impl Into<String>) -> Broken {
    Broken(format!("ERR Protocol error: {}", text.into()))
}

/// Bytes on their way to be requests.
#[derive(Default)]
pub struct Parser {
    buffer: Vec<u8>,
    at: usize,
    /// An array that is not complete: how many items it still wants.
    wanted: i64,
    args: Args,
    /// The length of the item that comes next, once it is known.
    bulk: Option<usize>,
    size: usize,
}

impl Parser {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    /// The next line without its end; `None` when it is not there yet.
    fn line(&mut self, what: &str) -> Result<Option<Vec<u8>>, Broken> {
        let rest = self.rest();
        let Some(end) = rest.iter().position(|b| *b == b'\n') else {
            return if rest.len() > LINE_BYTES { Err(broken(what)) } else { Ok(None) };
        };
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]).to_vec();
        self.at += end + 1;
        Ok(Some(line))
    }

    /// The next request that is complete.
    ///
    /// # Errors
    /// When what came is no request; nothing after it can be read.
    pub fn next(&mut self, known: bool) -> Result<Option<Args>, Broken> {
        loop {
            if self.wanted > 0 {
                if !self.items(known)? {
                    return Ok(None);
                }
                self.size = 0;
                return Ok(Some(std::mem::take(&mut self.args)));
            }
            match self.rest().first() {
                None => return Ok(None),
                Some(b'*') => {
                    let Some(line) = self.line("too big mbulk count string")? else { return Ok(None) };
                    let most = if known { ITEMS } else { UNKNOWN_ITEMS };
                    let n = number(&line).filter(|n| *n <= i64::from(i32::MAX));
                    let n = n.ok_or_else(|| broken("invalid multibulk length"))?;
                    if n > most {
                        let why = if known {
                            "invalid multibulk length"
                        } else {
                            "unauthenticated multibulk length"
                        };
                        return Err(broken(why));
                    }
                    self.wanted = n;
                }
                Some(_) => {
                    let Some(line) = self.line("too big inline request")? else { return Ok(None) };
                    let args = split(&line).ok_or_else(|| broken("unbalanced quotes in request"))?;
                    if !args.is_empty() {
                        return Ok(Some(args));
                    }
                }
            }
        }
    }

    /// Takes items as far as they have come; whether the array is complete.
    fn items(&mut self, known: bool) -> Result<bool, Broken> {
        while self.wanted > 0 {
            let length = match self.bulk {
                Some(length) => length,
                None => {
                    let Some(length) = self.length(known)? else { return Ok(false) };
                    self.bulk = Some(length);
                    length
                }
            };
            let rest = self.rest();
            if rest.len() < length + 2 {
                return Ok(false);
            }
            let item = rest[..length].to_vec();
            self.at += length + 2;
            self.args.push(item);
            self.bulk = None;
            self.wanted -= 1;
        }
        Ok(true)
    }

    fn length(&mut self, known: bool) -> Result<Option<usize>, Broken> {
        let Some(line) = self.line("too big bulk count string")? else { return Ok(None) };
        if line.first() != Some(&b'$') {
            let got = line.first().copied().unwrap_or(b'\r') as char;
            return Err(broken(format!("expected '$', got '{got}'")));
        }
        let n = number(&line).filter(|n| (0..=BULK_BYTES).contains(n));
        let n = n.ok_or_else(|| broken("invalid bulk length"))?;
        if !known && n > UNKNOWN_BULK_BYTES {
            return Err(broken("unauthenticated bulk length"));
        }
        self.size += n as usize + ITEM_BYTES;
        if self.size > REQUEST_BYTES {
            return Err(broken("invalid multibulk length"));
        }
        Ok(Some(n as usize))
    }
}

/// The number after the first byte.
fn number(line: &[u8]) -> Option<i64> {
    std::str::from_utf8(line.get(1..)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8], step: usize, known: bool) -> (Vec<Args>, Option<Broken>) {
        let (mut parser, mut out) = (Parser::default(), Vec::new());
        for chunk in bytes.chunks(step) {
            parser.feed(chunk);
            loop {
                match parser.next(known) {
                    Ok(Some(args)) => out.push(args),
                    Ok(None) => break,
                    Err(error) => return (out, Some(error)),
                }
            }
        }
        (out, None)
    }

    #[test]
    fn arrays_and_lines_in_pieces_of_any_size() {
        let bytes = b"*2\r\n$3\r\nGET\r\n$2\r\na\n\r\nPING\r\n\r\n*0\r\nECHO 'a b'\n";
        let want: Vec<Args> = vec![
            vec![b"GET".into(), b"a\n".into()],
            vec![b"PING".into()],
            vec![b"ECHO".into(), b"a b".into()],
        ];
        for step in 1..bytes.len() {
            assert_eq!(all(bytes, step, true), (want.clone(), None), "{step}");
        }
    }

    #[test]
    fn errors_in_redis_words() {
        let error = |bytes: &[u8], known| all(bytes, 7, known).1.map(|e| e.0).unwrap_or_default();
        for (bytes, text) in [
            (&b"*1\r\n$-1\r\n"[..], "invalid bulk length"),
            (b"*1\r\n$abc\r\n", "invalid bulk length"),
            (b"*1\r\n$99999999999\r\n", "invalid bulk length"),
            (b"*abc\r\n", "invalid multibulk length"),
            (b"*1\r\n+PING\r\n", "expected '$', got '+'"),
            (b"'abc\r\n", "unbalanced quotes in request"),
            (b"*11\r\n", "unauthenticated multibulk length"),
            (b"*1\r\n$20000\r\n", "unauthenticated bulk length"),
        ] {
            assert_eq!(error(bytes, false), format!("ERR Protocol error: {text}"));
        }
        assert_eq!(error(&[b'a'; 70_000], true), "ERR Protocol error: too big inline request");
    }

    proptest! {
        #[test]
        fn hostile_bytes_end_in_requests_or_an_error(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(b"*$\r\n0123456789-'\"\\x ".to_vec())], 0..400),
            step in 1_usize..50,
            known: bool,
        ) {
            let (requests, _) = all(&bytes, step, known);
            let held: usize = requests.iter().flatten().map(Vec::len).sum();
            prop_assert!(held <= bytes.len());
        }
    }
}
