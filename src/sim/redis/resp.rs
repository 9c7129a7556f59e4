//! Replies in RESP2 and RESP3.

/// One reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Simple(&'static str),
    /// With its code: `ERR …`, `NOAUTH …`.
    Error(String),
    Int(i64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Reply>),
    /// Keys and values; an array in RESP2.
    Map(Vec<(Reply, Reply)>),
    /// An array in RESP2.
    Set(Vec<Reply>),
    /// Text that is meant for people; a bulk string in RESP2.
    Text(String),
}

impl Reply {
    pub const OK: Reply = Reply::Simple("OK");

    pub fn bulk(text: impl AsRef<[u8]>) -> Self {
        Self::Bulk(text.as_ref().to_vec())
    }

    pub fn error(text: impl Into<String>) -> Self {
        Self::Error(text.into())
    }

    pub fn syntax() -> Self {
        Self::error("ERR syntax error")
    }

    pub fn not_an_integer() -> Self {
        Self::error("ERR value is not an integer or out of range")
    }

    pub fn bulks<T: AsRef<[u8]>>(all: impl IntoIterator<Item = T>) -> Self {
        Self::Array(all.into_iter().map(Reply::bulk).collect())
    }

    /// Writes it as protocol version 2 or 3 has it.
    pub fn write(&self, protocol: u8, out: &mut Vec<u8>) {
        let three = protocol >= 3;
        match self {
            Self::Simple(text) => line(out, '+', text),
            // A line break would end the error early.
            Self::Error(text) => line(out, '-', &text.replace(['\r', '\n'], " ")),
            Self::Int(n) => line(out, ':', &n.to_string()),
            Self::Bulk(bytes) => bulk(out, bytes),
            Self::Null if three => out.extend_from_slice(b"_\r\n"),
            Self::Null => out.extend_from_slice(b"$-1\r\n"),
            Self::Array(items) => list(out, '*', items, protocol),
            Self::Set(items) => list(out, if three { '~' } else { '*' }, items, protocol),
            Self::Map(pairs) => {
                let (mark, n) = if three { ('%', pairs.len()) } else { ('*', pairs.len() * 2) };
                line(out, mark, &n.to_string());
                for (key, value) in pairs {
                    key.write(protocol, out);
                    value.write(protocol, out);
                }
            }
            Self::Text(text) if three => {
                line(out, '=', &(text.len() + 4).to_string());
                out.extend_from_slice(b"txt:");
                out.extend_from_slice(text.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            Self::Text(text) => bulk(out, text.as_bytes()),
        }
    }
}

fn line(out: &mut Vec<u8>, mark: char, text: &str) {
    out.push(mark as u8);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    line(out, '$', &bytes.len().to_string());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn list(out: &mut Vec<u8>, mark: char, items: &[Reply], protocol: u8) {
    line(out, mark, &items.len().to_string());
    items.iter().for_each(|item| item.write(protocol, out));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_reply_in_both_versions() {
        let reply =
            Reply::Map(vec![(Reply::bulk("a"), Reply::Null), (Reply::bulk("b"), Reply::Text("t".into()))]);
        let written = |protocol| {
            let mut out = Vec::new();
            reply.write(protocol, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(2), "*4\r\n$1\r\na\r\n$-1\r\n$1\r\nb\r\n$1\r\nt\r\n");
        assert_eq!(written(3), "%2\r\n$1\r\na\r\n_\r\n$1\r\nb\r\n=5\r\ntxt:t\r\n");
    }
}
