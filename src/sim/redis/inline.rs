//! A line of words with quotes, as Redis (`sdssplitargs`) reads what is typed by hand.

/// The words of a line; `None` when its quotes do not match.
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        while line.get(at).is_some_and(|b| b.is_ascii_whitespace() || *b == 0) {
            at += 1;
        }
        if at >= line.len() {
            return Some(words);
        }
        let mut word = Vec::new();
        loop {
            match line.get(at) {
                None => break,
                Some(b) if b.is_ascii_whitespace() || *b == 0 => break,
                Some(quote @ (b'"' | b'\'')) => {
                    at = quoted(line, at + 1, *quote, &mut word)?;
                    // A closing quote ends the word.
                    if line.get(at).is_some_and(|b| !b.is_ascii_whitespace()) {
                        return None;
                    }
                }
                Some(b) => {
                    word.push(*b);
                    at += 1;
                }
            }
        }
        words.push(word);
    }
}

/// Reads up to the closing quote; where the rest begins.
fn quoted(line: &[u8], mut at: usize, quote: u8, word: &mut Vec<u8>) -> Option<usize> {
    loop {
        match (*line.get(at)?, line.get(at + 1)) {
            (b, _) if b == quote => return Some(at + 1),
            (b'\\', Some(b'\'')) if quote == b'\'' => {
                word.push(b'\'');
                at += 2;
            }
            (b'\\', Some(b'x')) if quote == b'"' => {
                let digits = line.get(at + 2..at + 4).and_then(|d| std::str::from_utf8(d).ok());
                match digits
                    .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
                    .and_then(|d| u8::from_str_radix(d, 16).ok())
                {
                    Some(byte) => {
                        word.push(byte);
                        at += 4;
                    }
                    None => {
                        word.push(b'x');
                        at += 2;
                    }
                }
            }
            (b'\\', Some(escaped)) if quote == b'"' => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                at += 2;
            }
            (b, _) => {
                word.push(b);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_quotes() {
        let words = |line: &str| {
            split(line.as_bytes())
                .map(|w| w.into_iter().map(|w| String::from_utf8_lossy(&w).into_owned()).collect::<Vec<_>>())
        };
        assert_eq!(words("  set a  'b c' \"d\\x41\\n\" ").unwrap(), ["set", "a", "b c", "dA\n"]);
        assert_eq!(words("'it\\'s'").unwrap(), ["it's"]);
        assert_eq!(words("").unwrap(), Vec::<String>::new());
        assert_eq!(words("\"\"").unwrap(), [""]);
        for bad in ["'a", "\"a", "\"a\"b", "\"\\"] {
            assert_eq!(words(bad), None, "{bad}");
        }
    }
}
