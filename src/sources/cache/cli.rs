//! What `redis-cli` reads and prints. `--raw` can't be taken apart again where a key has a line end
//! in it; `--no-raw` can: strings are quoted and escaped, lists numbered.

use super::error::CacheError;
use super::reply::Reply;

/// Lists in lists: CLUSTER SHARDS has four levels, nothing more than that.
const DEEPEST: usize = 8;

/// A command as a line of its standard input, each word quoted.
pub fn line(command: &[Vec<u8>]) -> Vec<u8> {
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    let mut line = words.join(" ").into_bytes();
    line.push(b'\n');
    line
}

/// As `sdssplitargs` takes it apart.
fn quoted(word: &[u8]) -> String {
    let mut out = String::from("\"");
    for byte in word {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b if b.is_ascii_graphic() || *b == b' ' => out.push(char::from(*b)),
            b => out.push_str(&format!("\\x{b:02x}")),
        }
    }
    out.push('"');
    out
}

/// What was printed for one command.
///
/// # Errors
/// The cache's refusal, or that it can't be taken apart.
pub fn parse(printed: &[u8]) -> Result<Reply, CacheError> {
    let text = String::from_utf8_lossy(printed);
    if let Some(refusal) = text.strip_prefix("(error) ") {
        return Err(CacheError::refused(refusal.lines().next().unwrap_or_default()));
    }
    for gone in ["Could not connect to Redis", "Error: Server closed the connection", "Error: "] {
        if text.starts_with(gone) {
            let line: String = text.lines().next().unwrap_or_default().chars().take(200).collect();
            return Err(CacheError::Lost(line));
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.first().copied().unwrap_or_default();
    let typed = first.starts_with(['"', '(']) || number(first).is_some();
    if !typed {
        // A status, or a text for people: INFO is printed as it is.
        return Ok(Reply::Bytes(text.trim_end_matches('\n').as_bytes().to_vec()));
    }
    let mut lines = Lines { lines: &lines, at: 0 };
    lines.value(0, DEEPEST)
}

struct Lines<'t> {
    lines: &'t [&'t str],
    at: usize,
}

fn garbled() -> CacheError {
    CacheError::Garbled("redis-cli printed what can't be taken apart".to_owned())
}

/// ' 7) ' → 7 and how wide that is.
fn number(text: &str) -> Option<(usize, usize)> {
    let digits = text.trim_start_matches(' ');
    let (number, _) = digits.split_once(") ")?;
    let n = number.parse().ok().filter(|_| number.len() < 9 && number.bytes().all(|b| b.is_ascii_digit()))?;
    Some((n, text.len() - digits.len() + number.len() + 2))
}

impl<'t> Lines<'t> {
    /// The value that begins in this line at this column.
    fn value(&mut self, column: usize, depth: usize) -> Result<Reply, CacheError> {
        let text = self.here(column).ok_or_else(garbled)?;
        if number(text).is_some() {
            return self.list(column, depth);
        }
        self.at += 1;
        if let Some(n) = text.strip_prefix("(integer) ") {
            return n.trim().parse().map(Reply::Int).map_err(|_| garbled());
        }
        match text {
            "(nil)" => Ok(Reply::Nil),
            "(empty array)" | "(empty list or set)" | "(empty set)" | "(empty hash)" => {
                Ok(Reply::List(Vec::new()))
            }
            _ if text.starts_with('"') => unquoted(text).map(Reply::Bytes).ok_or_else(garbled),
            _ => Ok(Reply::Bytes(text.as_bytes().to_vec())),
        }
    }

    fn here(&self, column: usize) -> Option<&'t str> {
        self.lines.get(self.at)?.get(column..)
    }

    fn list(&mut self, column: usize, depth: usize) -> Result<Reply, CacheError> {
        let depth = depth.checked_sub(1).ok_or_else(garbled)?;
        let mut items = Vec::new();
        loop {
            let blank = items.is_empty()
                || self.lines.get(self.at).is_some_and(|l| l.bytes().take(column).all(|b| b == b' '));
            match self.here(column).and_then(number).filter(|(n, _)| blank && *n == items.len() + 1) {
                Some((_, width)) => items.push(self.value(column + width, depth)?),
                None if items.is_empty() => return Err(garbled()),
                None => return Ok(Reply::List(items)),
            }
        }
    }
}

/// What `sdscatrepr` made, undone. None where it is cut.
fn unquoted(text: &str) -> Option<Vec<u8>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 7,
            b'b' => 8,
            b'x' => {
                let hex = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(text: &str) -> Reply {
        Reply::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn replies_are_taken_apart_as_redis_cli_prints_them() {
        // Printed by redis-cli 7.0.15.
        let scan = b"1) \"0\"\n2) 1) \"we\\\"ird\"\n   2) \"h\\x01\\n2) x\"\n";
        let keys = Reply::List(vec![bytes("we\"ird"), Reply::Bytes(b"h\x01\n2) x".to_vec())]);
        assert_eq!(parse(scan), Ok(Reply::List(vec![bytes("0"), keys])));
        let role = b"1) \"master\"\n2) (integer) 3129659\n3) 1) 1) \"10.0.0.2\"\n      2) \"6379\"\n      3) \"3129242\"\n";
        let replica = Reply::List(vec![bytes("10.0.0.2"), bytes("6379"), bytes("3129242")]);
        let list = Reply::List(vec![bytes("master"), Reply::Int(3_129_659), Reply::List(vec![replica])]);
        assert_eq!(parse(role), Ok(list));
        assert_eq!(parse(b"OK\n"), Ok(bytes("OK")));
        assert_eq!(parse(b"(integer) 7\n(0.61s)\n"), Ok(Reply::Int(7)));
        assert_eq!(
            parse(b"1) (nil)\n2) (empty array)\n"),
            Ok(Reply::List(vec![Reply::Nil, Reply::List(vec![])]))
        );
        assert_eq!(
            parse(b"# Server\r\nredis_version:7.0.15\r\n"),
            Ok(bytes("# Server\r\nredis_version:7.0.15\r"))
        );
        assert!(parse(b"(error) NOAUTH Authentication required.\n").unwrap_err().reason().is_some());
        assert!(matches!(parse(b"Error: Server closed the connection\n"), Err(CacheError::Lost(_))));
    }

    #[test]
    fn long_lists_are_aligned() {
        let printed: String = (1..=12).map(|n| format!("{n:>2}) \"k{n}\"\n")).collect();
        let Reply::List(items) = parse(printed.as_bytes()).unwrap() else { panic!("{printed}") };
        assert_eq!(items.len(), 12);
    }

    proptest! {
        #[test]
        fn any_key_goes_there_and_back(key in proptest::collection::vec(any::<u8>(), 0..40)) {
            let sent = line(std::slice::from_ref(&key));
            prop_assert_eq!(sent.iter().filter(|b| **b == b'\n').count(), 1);
            let text = String::from_utf8(sent).unwrap();
            prop_assert_eq!(unquoted(text.trim_end()), Some(key));
        }

        #[test]
        fn any_output_is_a_reply_or_an_error(
            text in "([0-9 ]{0,4}\\)? ?[\"(a-z\\\\x]{0,6}\"?\n){0,12}",
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let _ = parse(text.as_bytes());
            let _ = parse(&bytes);
        }
    }
}
