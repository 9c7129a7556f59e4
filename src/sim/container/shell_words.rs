//! How a shell reads a line: words with their quotes and variables, and what stands between
//! commands. Loops, functions and substitutions are beyond what a runbook types into a
//! container, and are refused.

/// A part of a word.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    Text(String),
    /// The name, and whether it stood in quotes (its value is then one word).
    Variable(String, bool),
}

/// A word, and whether any of it was quoted (it may then be empty).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Word {
    pub pieces: Vec<Piece>,
    pub quoted: bool,
}

/// What a line consists of.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Word(Word),
    /// `;`, `&&`, `||`, `|`, and a line's end.
    Between(&'static str),
    /// `2>/dev/null`, `>/dev/null`, `2>&1`.
    Redirect(&'static str),
}

/// Why a line cannot be read, as a shell says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable(pub String);

const BETWEEN: [(&str, &str); 5] = [("&&", "&&"), ("||", "||"), ("|", "|"), (";", ";"), ("\n", ";")];
const REDIRECTS: [(&str, &str); 9] = [
    ("2>/dev/null", "no-errors"),
    ("2> /dev/null", "no-errors"),
    (">/dev/null 2>&1", "nothing"),
    ("> /dev/null 2>&1", "nothing"),
    ("&>/dev/null", "nothing"),
    ("1>/dev/null", "no-output"),
    (">/dev/null", "no-output"),
    ("> /dev/null", "no-output"),
    ("2>&1", "errors-too"),
];

fn unexpected(what: char) -> Unreadable {
    Unreadable(format!("sh: 1: Syntax error: \"{what}\" unexpected\n"))
}

/// Reads a line.
///
/// # Errors
/// For what a simple shell does not understand.
pub fn tokens(line: &str) -> Result<Vec<Token>, Unreadable> {
    let mut out = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r']);
        if rest.is_empty() {
            return Ok(out);
        }
        if rest.starts_with('#') {
            rest = rest.find('\n').map(|end| &rest[end..]).unwrap_or_default();
            continue;
        }
        if let Some((text, what)) = REDIRECTS.iter().find(|(text, _)| rest.starts_with(text)) {
            out.push(Token::Redirect(what));
            rest = &rest[text.len()..];
            continue;
        }
        if let Some((text, what)) = BETWEEN.iter().find(|(text, _)| rest.starts_with(text)) {
            out.push(Token::Between(what));
            rest = &rest[text.len()..];
            continue;
        }
        if let Some(strange) = rest.chars().next().filter(|c| "&()<>`".contains(*c)) {
            return Err(unexpected(strange));
        }
        let (word, after) = word(rest)?;
        out.push(Token::Word(word));
        rest = after;
    }
}

fn push(word: &mut Word, c: char) {
    match word.pieces.last_mut() {
        Some(Piece::Text(text)) => text.push(c),
        _ => word.pieces.push(Piece::Text(c.to_string())),
    }
}

fn word(text: &str) -> Result<(Word, &str), Unreadable> {
    let mut word = Word::default();
    let mut quote: Option<char> = None;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        at += c.len_utf8();
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (Some('\''), c) => push(&mut word, c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.quoted = true;
            }
            (_, '\\') => {
                let next = text[at..].chars().next().unwrap_or('\\');
                at += if text[at..].is_empty() { 0 } else { next.len_utf8() };
                if quote.is_some() && !"\"\\$`".contains(next) {
                    push(&mut word, '\\');
                }
                push(&mut word, next);
            }
            (_, '$') => {
                let (piece, length) = variable(&text[at..], quote.is_some())?;
                at += length;
                word.pieces.push(piece);
            }
            (_, '`') => return Err(unexpected('`')),
            (None, ' ' | '\t' | '\r' | '\n' | ';' | '|' | '&' | '(' | ')' | '<' | '>') => {
                return Ok((word, &text[at - c.len_utf8()..]));
            }
            (_, c) => push(&mut word, c),
        }
    }
    match quote {
        Some(_) => Err(Unreadable("sh: 1: Syntax error: Unterminated quoted string\n".to_owned())),
        None => Ok((word, "")),
    }
}

/// What follows a dollar sign, and how long it is.
fn variable(text: &str, quoted: bool) -> Result<(Piece, usize), Unreadable> {
    let name_in =
        |t: &str| -> String { t.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect() };
    if text.starts_with('(') {
        return Err(unexpected('('));
    }
    if let Some(inner) = text.strip_prefix('{') {
        let name = name_in(inner);
        if name.is_empty() || !inner[name.len()..].starts_with('}') {
            return Err(Unreadable("sh: 1: Bad substitution\n".to_owned()));
        }
        let length = name.len() + 2;
        return Ok((Piece::Variable(name, quoted), length));
    }
    if text.starts_with('?') {
        return Ok((Piece::Variable("?".to_owned(), quoted), 1));
    }
    let name = name_in(text);
    if name.is_empty() {
        return Ok((Piece::Text("$".to_owned()), 0));
    }
    let length = name.len();
    Ok((Piece::Variable(name, quoted), length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(line: &str) -> Vec<String> {
        let text = |p: &Piece| match p {
            Piece::Text(text) => text.clone(),
            Piece::Variable(name, quoted) => format!("<{name}{}>", if *quoted { "!" } else { "" }),
        };
        tokens(line)
            .unwrap()
            .iter()
            .map(|t| match t {
                Token::Word(word) => word.pieces.iter().map(text).collect(),
                Token::Between(what) | Token::Redirect(what) => (*what).to_owned(),
            })
            .collect()
    }

    #[test]
    fn lines() {
        assert_eq!(plain("echo 'a b' \"$X c\" ${Y}z"), ["echo", "a b", "<X!> c", "<Y>z"]);
        assert_eq!(
            plain("a;b&&c || d|e 2>/dev/null"),
            ["a", ";", "b", "&&", "c", "||", "d", "|", "e", "no-errors"]
        );
        assert_eq!(plain("a >/dev/null 2>&1\nb # no"), ["a", "nothing", ";", "b"]);
        assert_eq!(plain("a\\ b $ ''"), ["a b", "$", ""]);
        for bad in ["'a", "$(x)", "`x`", "a & b", "(a)", "a < b", "${x"] {
            assert!(tokens(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in "[ -~é\n\t]{0,80}") {
            if let Ok(tokens) = tokens(&line) {
                prop_assert!(tokens.len() <= line.len());
            }
        }
    }
}
