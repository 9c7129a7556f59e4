//! What the terminal of a container does with what is typed: shows it, and gives it on line
//! by line.

/// Longer lines are cut.
const LINE_BYTES: usize = 4_096;

/// What became of what was typed.
#[derive(Debug, PartialEq)]
pub enum Typed {
    /// To be shown.
    Echo(Vec<u8>),
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D on an empty line.
    End,
}

/// The line that is being typed.
#[derive(Default)]
pub struct Terminal {
    line: Vec<u8>,
    after_return: bool,
}

impl Terminal {
    /// Takes bytes; gives what is to be shown and what has become complete, in order.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Typed> {
        let (mut shown, mut out) = (Vec::new(), Vec::new());
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\r' | b'\n' => {
                    shown.extend_from_slice(b"\r\n");
                    out.push(Typed::Echo(std::mem::take(&mut shown)));
                    let line = std::mem::take(&mut self.line);
                    out.push(Typed::Line(String::from_utf8_lossy(&line).into_owned()));
                }
                3 => {
                    shown.extend_from_slice(b"^C\r\n");
                    self.line.clear();
                    out.push(Typed::Echo(std::mem::take(&mut shown)));
                    out.push(Typed::Interrupt);
                }
                4 if self.line.is_empty() => out.push(Typed::End),
                8 | 127 if !self.line.is_empty() => {
                    // A character of several bytes goes as a whole.
                    while self.line.pop().is_some_and(|b| b & 0xc0 == 0x80) {}
                    shown.extend_from_slice(b"\x08 \x08");
                }
                b if *b >= 32 && self.line.len() < LINE_BYTES => {
                    self.line.push(*b);
                    shown.push(*b);
                }
                _ => {}
            }
        }
        if !shown.is_empty() {
            out.push(Typed::Echo(shown));
        }
        out
    }
}

/// A terminal goes to the line's start only when it is told to.
pub fn returned(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if *byte == b'\n' {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing() {
        let mut terminal = Terminal::default();
        let echo = |bytes: &[u8]| Typed::Echo(bytes.to_vec());
        let typed = terminal.feed(b"lx\x7f\xc3\xa9\x7fs\r\nab\x03\x04c");
        let line = Typed::Line("ls".to_owned());
        let first = echo(b"lx\x08 \x08\xc3\xa9\x08 \x08s\r\n");
        assert_eq!(typed, [first, line, echo(b"ab^C\r\n"), Typed::Interrupt, Typed::End, echo(b"c")]);
        assert_eq!(returned(b"a\nb"), b"a\r\nb");
    }
}
