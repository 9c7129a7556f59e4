//! What the terminal can do, from its environment alone: a query would block, and a late reply
//! would turn into keys.

use crate::ui::theme::Depth;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    pub depth: Depth,
    /// Box drawing and braille can't be relied on.
    pub ascii: bool,
    pub term: String,
    /// Why it is ASCII, in words, for `doctor`.
    pub reason: String,
}

/// Reads TERM, COLORTERM, NO_COLOR and the locale.
pub fn detect() -> Capabilities {
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let term = var("TERM");
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().map(var).find(|v| !v.is_empty()).unwrap_or_default();
    let depth = match supports_color::on(supports_color::Stream::Stdout) {
        Some(level) if level.has_16m => Depth::True,
        Some(level) if level.has_256 => Depth::Ansi256,
        Some(_) => Depth::Ansi16,
        None => Depth::None,
    };
    let (ascii, reason) = needs_ascii(&term, &locale);
    Capabilities { depth, ascii, term, reason }
}

/// The Linux console's font has no braille; a dumb terminal promises nothing; in a locale that is
/// not UTF-8 every box character is three wrong ones. An unset locale is what bare containers
/// and `ssh host command` have: their terminals are UTF-8 nowadays.
fn needs_ascii(term: &str, locale: &str) -> (bool, String) {
    if matches!(term, "linux" | "dumb" | "vt100" | "vt220" | "ansi" | "") {
        return (true, format!("TERM={term} has no braille"));
    }
    let lower = locale.to_lowercase();
    let utf8 = lower.contains("utf-8") || lower.contains("utf8");
    if !locale.is_empty() && !utf8 {
        return (true, format!("the locale {locale} is not UTF-8"));
    }
    (false, "UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_where_nothing_else_is_sure() {
        for (term, locale, ascii) in [
            ("xterm-256color", "en_US.UTF-8", false),
            ("xterm-256color", "", false),
            ("tmux-256color", "C.utf8", false),
            ("xterm-256color", "C", true),
            ("xterm-256color", "de_DE.ISO-8859-1", true),
            ("linux", "en_US.UTF-8", true),
            ("dumb", "en_US.UTF-8", true),
        ] {
            assert_eq!(needs_ascii(term, locale).0, ascii, "{term} {locale}");
        }
    }
}
