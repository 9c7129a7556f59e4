//! Replies as redis-cli prints them: plain when nobody watches, with types and numbers on a
//! terminal.

use crate::sim::redis::resp::Reply;

/// As printed when the output is not a terminal.
pub fn raw(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    write_raw(reply, &mut out);
    // An error is followed by an empty line.
    out.extend_from_slice(if matches!(reply, Reply::Error(_)) { b"\n\n" } else { b"\n" });
    out
}

fn write_raw(reply: &Reply, out: &mut Vec<u8>) {
    match reply {
        Reply::Simple(text) => out.extend_from_slice(text.as_bytes()),
        Reply::Error(text) | Reply::Text(text) => out.extend_from_slice(text.as_bytes()),
        Reply::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Reply::Bulk(bytes) => out.extend_from_slice(bytes),
        Reply::Null => {}
        Reply::Array(_) | Reply::Set(_) | Reply::Map(_) => {
            for (i, item) in items(reply).into_iter().enumerate() {
                if i > 0 {
                    out.push(b'\n');
                }
                write_raw(item, out);
            }
        }
    }
}

/// What is in a list; a map's keys and values in turn, as protocol 2 has them.
fn items(reply: &Reply) -> Vec<&Reply> {
    match reply {
        Reply::Array(all) | Reply::Set(all) => all.iter().collect(),
        Reply::Map(pairs) => pairs.iter().flat_map(|(k, v)| [k, v]).collect(),
        _ => Vec::new(),
    }
}

/// As printed on a terminal.
pub fn formatted(reply: &Reply) -> Vec<u8> {
    let mut out = String::new();
    write_formatted(reply, "", &mut out);
    out.into_bytes()
}

fn write_formatted(reply: &Reply, prefix: &str, out: &mut String) {
    match reply {
        Reply::Simple(text) => *out += &format!("{text}\n"),
        Reply::Error(text) => *out += &format!("(error) {text}\n"),
        Reply::Int(n) => *out += &format!("(integer) {n}\n"),
        Reply::Bulk(bytes) => *out += &format!("{}\n", quoted(bytes)),
        Reply::Text(text) => *out += &format!("{text}\n"),
        Reply::Null => *out += "(nil)\n",
        Reply::Array(_) | Reply::Set(_) | Reply::Map(_) => {
            let items = items(reply);
            if items.is_empty() {
                *out += "(empty array)\n";
                return;
            }
            let width = items.len().to_string().len();
            let inner = format!("{prefix}{}", " ".repeat(width + 2));
            for (i, item) in items.into_iter().enumerate() {
                // What a nested list begins with stands beside its own number.
                let before = if i == 0 { "" } else { prefix };
                *out += &format!("{before}{:>width$}) ", i + 1);
                write_formatted(item, &inner, out);
            }
        }
    }
}

/// A string in quotes, with escapes for what cannot be printed.
fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for byte in bytes {
        match byte {
            b'\\' | b'"' => {
                out.push('\\');
                out.push(*byte as char);
            }
            b'\n' => out += "\\n",
            b'\r' => out += "\\r",
            b'\t' => out += "\\t",
            7 => out += "\\a",
            8 => out += "\\b",
            b if b.is_ascii_graphic() || *b == b' ' => out.push(*b as char),
            b => out += &format!("\\x{b:02x}"),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_on_a_terminal_and_beside_it() {
        let scan = Reply::Array(vec![Reply::bulk("0"), Reply::bulks(["we\"ird", "h\x01"])]);
        assert_eq!(formatted(&scan), b"1) \"0\"\n2) 1) \"we\\\"ird\"\n   2) \"h\\x01\"\n");
        assert_eq!(raw(&scan), b"0\nwe\"ird\nh\x01\n");
        let master = Reply::Array(vec![Reply::bulk("master"), Reply::Int(0), Reply::Array(Vec::new())]);
        assert_eq!(formatted(&master), b"1) \"master\"\n2) (integer) 0\n3) (empty array)\n");
        assert_eq!(raw(&master), b"master\n0\n\n");
        assert_eq!((raw(&Reply::Null), formatted(&Reply::Null)), (b"\n".to_vec(), b"(nil)\n".to_vec()));
        assert_eq!(raw(&Reply::error("ERR x")), b"ERR x\n\n");
    }
}
