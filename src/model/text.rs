//! Text from outside, made safe to show: the first of the two defences against escape
//! injection (the other is the sweep of the finished frame).
//!
//! Names, logs, events, labels and annotations are hostile input (CVE-2021-25743 for
//! kubectl). A [`Clean`] can only be made by [`Clean::new`], and deserialising goes through it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_width::UnicodeWidthChar;

/// One line of text without anything that a terminal would act on.
///
/// Escape sequences are dropped whole; control characters become their visible symbols;
/// invisible and bidirectional characters are written as `\u{…}`; tabs become spaces; combining marks
/// are capped at [`MAX_MARKS`] a character.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Clean(Arc<str>);

/// Combining marks kept after one character: Vietnamese needs two, Hebrew with cantillation three.
const MAX_MARKS: usize = 3;

impl Clean {
    pub fn new(raw: &str) -> Self {
        if raw.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            Self(raw.into())
        } else {
            Self(clean(raw).into())
        }
    }

    /// Bytes are decoded first, so that a sequence split by invalid bytes can't pass.
    pub fn from_bytes(raw: &[u8]) -> Self {
        Self::new(&String::from_utf8_lossy(raw))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn clean(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    let mut marks = 0;
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => match chars.peek().copied() {
                Some(kind @ ('[' | ']' | 'P' | 'X' | '^' | '_')) => {
                    chars.next();
                    skip_sequence(kind, &mut chars);
                }
                // Other two-character escapes, such as ESC c (reset).
                Some(' '..='~') => {
                    chars.next();
                }
                _ => {}
            },
            '\u{9b}' => skip_sequence('[', &mut chars),
            '\u{9d}' | '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}' => skip_sequence(']', &mut chars),
            '\t' => out.push_str("    "),
            '\0'..='\x1f' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('?')),
            '\x7f' => out.push('\u{2421}'),
            '\u{80}'..='\u{9f}' | '\u{ad}' => escape(c, &mut out),
            _ if is_invisible(c) => escape(c, &mut out),
            _ if c.width() == Some(0) => {
                marks += 1;
                // A mark with nothing before it would sit on whatever the frame has to its left.
                if marks <= MAX_MARKS && !out.is_empty() {
                    out.push(c);
                }
                continue;
            }
            _ => out.push(c),
        }
        marks = 0;
    }
    out
}

fn escape(c: char, out: &mut String) {
    out.extend(c.escape_unicode());
}

/// Reads to the end of a sequence: CSI ends with a byte in `@…~`, the others with BEL or ST.
/// An unfinished one takes the rest of the text, as it would on a terminal.
fn skip_sequence(kind: char, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while let Some(c) = chars.next() {
        match (kind, c) {
            ('[', '@'..='~') => return,
            ('[', _) => {}
            (_, '\x07' | '\u{9c}') => return,
            (_, '\x1b') => {
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

/// Characters that change how others are shown, or can't be seen at all.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

impl std::ops::Deref for Clean {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Clean {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Clean {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}

impl From<String> for Clean {
    fn from(raw: String) -> Self {
        Self::new(&raw)
    }
}

impl fmt::Display for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Serialize for Clean {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Clean {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let raw = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Ok(Self::new(&raw))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequences_are_dropped_whole() {
        for (raw, want) in [
            ("plain", "plain"),
            ("a\x1b[31mred\x1b[0m", "ared"),
            ("a\x1b]52;c;ZXZpbA==\x07b", "ab"),
            ("a\x1b]8;;http://x\x1b\\b", "ab"),
            ("a\u{9b}31mb", "ab"),
            ("a\x1bPq#0\x1b\\b", "ab"),
            ("a\x1bcb", "ab"),
            ("unfinished\x1b[31", "unfinished"),
            ("tab\there", "tab    here"),
            ("line\nfeed\r", "line\u{240a}feed\u{240d}"),
            ("rtl\u{202e}txt", "rtl\\u{202e}txt"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
            ("naïve – ü", "naïve – ü"),
        ] {
            assert_eq!(Clean::new(raw).as_str(), want, "{raw:?}");
        }
    }

    #[test]
    fn combining_marks_are_capped() {
        let flood = format!("e{}x", "\u{301}".repeat(100));
        assert_eq!(Clean::new(&flood).chars().count(), 2 + MAX_MARKS);
        assert_eq!(Clean::new("\u{301}x").as_str(), "x");
    }

    #[test]
    fn deserialising_cleans() {
        let got: Clean = serde_json::from_str(r#""\u001b[31mx""#).unwrap();
        assert_eq!(got.as_str(), "x");
    }

    proptest! {
        #[test]
        fn nothing_a_terminal_acts_on_is_left(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let got = Clean::from_bytes(&bytes);
            prop_assert!(!got.chars().any(|c| c.is_control() || is_invisible(c)), "{got:?}");
        }

        #[test]
        fn cleaning_twice_is_cleaning_once(raw in "\\PC{0,80}|[\\x00-\\x9f]{0,80}") {
            let once = Clean::new(&raw);
            prop_assert_eq!(Clean::new(&once), once);
        }
    }
}
